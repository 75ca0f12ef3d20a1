// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The other end of a channel is not what it should be: refused by name, and nothing changes. */
#include <criterion/criterion.h>
#include <endian.h>
#include <errno.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <agent/message.h>
#include <espalier/wire.h>

#include "channel_world.h"

/* Member 0 is real, and so is 1 where a test starts it; this one plays 2, or whom it likes. */
struct raw {
	int fd;
	SSL_CTX *context;
	struct tls tls;
	struct tls_secrets secrets;
	__u8 in[4096];
	size_t size;
};

static int raw_connect(__u32 from, __u32 to)
{
	struct sockaddr_in own = world_address(from), other = world_address(to);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	own.sin_port = 0;
	cr_assert_eq(bind(fd, (struct sockaddr *)&own, sizeof(own)), 0);
	cr_assert(!connect(fd, (struct sockaddr *)&other, sizeof(other)) || errno == EINPROGRESS);
	return fd;
}

static void raw_start(struct raw *r, struct world *w, __u32 from)
{
	enum tls_result result = TLS_READ;

	*r = (struct raw){ .fd = raw_connect(from, 0), .context = tls_context(), .secrets = world_secrets("A") };
	world_run(w, 5);
	cr_assert_eq(tls_open(&r->tls, r->context, r->fd, true, &r->secrets, 0), 0);
	cr_assert(world_until(w, (result = tls_handshake(&r->tls)) == TLS_OK, 500), "%d", result);
}

static void raw_stop(struct raw *r)
{
	tls_close(&r->tls);
	SSL_CTX_free(r->context);
	close(r->fd);
}

static void raw_send(struct raw *r, const void *bytes, size_t size)
{
	size_t n;

	cr_assert_eq(tls_write(&r->tls, bytes, size, &n), TLS_OK);
	cr_assert_eq(n, size);
}

/* Did a frame of this type come?  They stay where they are. */
static bool raw_got(struct raw *r, __u16 type)
{
	struct message m;
	size_t n, at = 0;

	while (r->size < sizeof(r->in) && tls_read(&r->tls, r->in + r->size, sizeof(r->in) - r->size, &n) == TLS_OK)
		r->size += n;
	while (message_parse(r->in + at, r->size - at, &m) == MESSAGE_OK) {
		if (m.type == type)
			return true;
		at += MESSAGE_HEAD + m.size;
	}
	return false;
}

/* And what it says. */
static bool raw_taken(struct raw *r, struct message_taken *ret)
{
	struct message m;
	size_t at = 0;

	if (!raw_got(r, ESL_FRAME_ID_TAKEN))
		return false;
	for (; message_parse(r->in + at, r->size - at, &m) == MESSAGE_OK; at += MESSAGE_HEAD + m.size)
		if (m.type == ESL_FRAME_ID_TAKEN)
			return message_taken(&m, ret) == MESSAGE_OK;
	return false;
}

static size_t put_hello(__u8 *buf, __u32 sender, __u64 boot)
{
	struct message_hello h = { .sender = sender, .boot = boot };

	message_head(ESL_FRAME_HELLO, sizeof(struct esl_frame_hello), buf);
	message_put_hello(&h, buf + MESSAGE_HEAD);
	return MESSAGE_HEAD + sizeof(struct esl_frame_hello);
}

static size_t put_key(__u8 *buf, __u32 id)
{
	struct seal_key k = { .id = id, .key = { 1 } };

	message_head(ESL_FRAME_KEY, sizeof(struct esl_frame_key), buf);
	message_put_key(&k, buf + MESSAGE_HEAD);
	return MESSAGE_HEAD + sizeof(struct esl_frame_key);
}

static size_t put(__u8 *buf, __u16 type, size_t size)
{
	message_head(type, size, buf);
	memset(buf + MESSAGE_HEAD, 0, size);
	/* The one byte of it that must not be 0, of a boot. */
	if (type == ESL_FRAME_ID_TAKEN && size)
		buf[MESSAGE_HEAD + offsetof(struct esl_frame_taken, boot)] = 1;
	return MESSAGE_HEAD + size;
}

#define HEAD(field) offsetof(struct esl_frame_header, field)
#define HELLO(field) (MESSAGE_HEAD + offsetof(struct esl_frame_hello, field))
#define TAKEN(field) (MESSAGE_HEAD + offsetof(struct esl_frame_taken, field))
#define NO_FRAME 0xffff

/* From member 2, who has the secret: HELLO, KEY and one frame, one byte of which is changed. */
static const struct {
	const char *name;
	int frame;		/* whose byte: 0, 1 or 2; -1: none */
	size_t offset;
	__u8 value;
	__u16 type;		/* of the third frame, and the bytes in it */
	size_t size;
	enum channel_end end;	/* NONE: it stays */
} rows[] = {
	{ "as it should be", -1, 0, 0, NO_FRAME, 0, CHANNEL_NONE },
	{ "a known type", -1, 0, 0, WORLD_MESSAGE_OK, 100, CHANNEL_NONE },
	{ "a ping", -1, 0, 0, ESL_FRAME_PING, 0, CHANNEL_NONE },
	{ "another key", -1, 0, 0, ESL_FRAME_USER - 1, 0, CHANNEL_TYPE },
	{ "a key too short", -1, 0, 0, ESL_FRAME_KEY, sizeof(struct esl_frame_key) - 1, CHANNEL_FIELD },
	{ "key number 0", -1, 0, 0, ESL_FRAME_KEY, sizeof(struct esl_frame_key), CHANNEL_FIELD },
	{ "another version", 0, HEAD(major), ESL_FRAME_MAJOR + 1, NO_FRAME, 0, CHANNEL_VERSION },
	{ "an old version", 0, HEAD(major), ESL_FRAME_MAJOR - 1, NO_FRAME, 0, CHANNEL_VERSION },
	{ "another minor version", 0, HEAD(minor), ESL_FRAME_MINOR + 1, NO_FRAME, 0, CHANNEL_NONE },
	{ "old announcements", 0, HELLO(wire_major), ESL_WIRE_MAJOR - 1, NO_FRAME, 0, CHANNEL_VERSION },
	{ "later datagrams", 0, HELLO(seal_major), ESL_SEAL_MAJOR + 1, NO_FRAME, 0, CHANNEL_VERSION },
	{ "member 64", 0, HELLO(sender), 64, NO_FRAME, 0, CHANNEL_FIELD },
	{ "member 63", 0, HELLO(sender), 63, NO_FRAME, 0, CHANNEL_SENDER },
	{ "the receiver's id", 0, HELLO(sender), 0, NO_FRAME, 0, CHANNEL_OWN_ID },
	{ "another member", 0, HELLO(sender), 1, NO_FRAME, 0, CHANNEL_ADDRESS },
	{ "not HELLO first", 0, HEAD(type) + 1, ESL_FRAME_PING, NO_FRAME, 0, CHANNEL_TYPE },
	{ "not KEY next", 1, HEAD(type) + 1, ESL_FRAME_PING, NO_FRAME, 0, CHANNEL_TYPE },
	{ "a message before KEY", 1, HEAD(type) + 1, WORLD_MESSAGE_OK, NO_FRAME, 0, CHANNEL_TYPE },
	{ "HELLO again", -1, 0, 0, ESL_FRAME_HELLO, sizeof(struct esl_frame_hello), CHANNEL_TYPE },
	{ "HELLO too short", 0, HEAD(length) + 3, sizeof(struct esl_frame_hello) - 1, NO_FRAME, 0, CHANNEL_FIELD },
	{ "an oversized frame", 2, HEAD(length), 1, WORLD_MESSAGE_OK, 100, CHANNEL_LENGTH },
	{ "a frame one too long", 2, HEAD(length) + 3, 1, WORLD_MESSAGE_OK, ESL_FRAME_BODY_MAX, CHANNEL_LENGTH },
	{ "an unknown type", -1, 0, 0, ESL_FRAME_ID_TAKEN + 1, 10, CHANNEL_TYPE },
	{ "an unknown type of a newer one", 2, HEAD(minor), ESL_FRAME_MINOR + 1, ESL_FRAME_ID_TAKEN + 1, 10,
	  CHANNEL_NONE },
	{ "a ping with a body", -1, 0, 0, ESL_FRAME_PING, 1, CHANNEL_FIELD },
	{ "the id is taken", -1, 0, 0, ESL_FRAME_ID_TAKEN, sizeof(struct esl_frame_taken), CHANNEL_ID_TAKEN },
	{ "taken by one that forwards", 2, TAKEN(established), 1, ESL_FRAME_ID_TAKEN, sizeof(struct esl_frame_taken),
	  CHANNEL_ID_TAKEN },
	{ "taken, and neither forwards nor not", 2, TAKEN(established), 2, ESL_FRAME_ID_TAKEN,
	  sizeof(struct esl_frame_taken), CHANNEL_FIELD },
	{ "taken by no boot", 2, TAKEN(boot), 0, ESL_FRAME_ID_TAKEN, sizeof(struct esl_frame_taken), CHANNEL_FIELD },
	{ "taken, and nothing of whom", -1, 0, 0, ESL_FRAME_ID_TAKEN, 0, CHANNEL_FIELD },
};

Test(agent_channel_raw, frames)
{
	static __u8 buf[2 * MESSAGE_MAX];
	struct world w = {};

	world_start(&w, 0, 100, "A");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t key = put_hello(buf, 2, 100 + i), last = key + put_key(buf + key, 1), size = last;
		size_t at[] = { 0, key, last };
		__u64 before = world_count(&w, 0, rows[i].end);
		struct raw r;

		if (rows[i].type != NO_FRAME)
			size += put(buf + last, rows[i].type, rows[i].size);
		if (rows[i].frame >= 0)
			buf[at[rows[i].frame] + rows[i].offset] = rows[i].value;
		raw_start(&r, &w, 2);
		raw_send(&r, buf, size > 16384 ? 16384 : size);
		if (rows[i].end == CHANNEL_NONE) {
			cr_assert(world_until(&w, channel_up(w.member[0].channel, 1, NULL), 500), "%s", rows[i].name);
			world_run(&w, 20);
			cr_assert(channel_up(w.member[0].channel, 1, NULL), "%s", rows[i].name);
		} else {
			cr_assert(world_until(&w, world_count(&w, 0, rows[i].end) == before + 1, 500), "%s: %s",
				  rows[i].name, channel_end_name(w.member[0].ended));
		}
		raw_stop(&r);
		cr_assert(world_until(&w, !channel_up(w.member[0].channel, 1, NULL), 500), "%s", rows[i].name);
		world_run(&w, 5);
	}
	world_end(&w);
}

/* Byte by byte: what is not whole waits. */
Test(agent_channel_raw, bytes)
{
	__u8 buf[512];
	struct world w = {};
	struct raw r;
	size_t size;

	world_start(&w, 0, 100, "A");
	size = put_hello(buf, 2, 102);
	size += put_key(buf + size, 1);
	size += put(buf + size, ESL_FRAME_PING, 0);
	raw_start(&r, &w, 2);
	for (size_t i = 0; i < size; i++) {
		cr_assert(!raw_got(&r, ESL_FRAME_PONG));
		raw_send(&r, buf + i, 1);
		world_run(&w, 1);
	}
	cr_assert(world_until(&w, raw_got(&r, ESL_FRAME_PONG), 500));
	raw_stop(&r);
	world_end(&w);
}

/* What says nothing, or no TLS, or another one, or has no PSK. */
Test(agent_channel_raw, not_tls)
{
	static const char http[] = "GET / HTTP/1.1\r\n\r\n";
	struct world w = {};
	__u64 began, broken = 1;
	int fd[3];

	world_start(&w, 0, 100, "A");
	fd[0] = raw_connect(2, 0);
	world_run(&w, 5);
	cr_assert_eq(write(fd[0], http, sizeof(http)), (ssize_t)sizeof(http));
	cr_assert(world_until(&w, world_count(&w, 0, CHANNEL_TLS) == 1, 500));
	close(fd[0]);
	for (int i = 0; i < 3; i++) {
		SSL_CTX *context = SSL_CTX_new(TLS_client_method());
		SSL *ssl = SSL_new(context);

		if (i == 0)
			SSL_set_max_proto_version(ssl, TLS1_2_VERSION);
		if (i == 2)
			SSL_set_ciphersuites(ssl, "TLS_CHACHA20_POLY1305_SHA256");
		fd[0] = raw_connect(2, 0);
		world_run(&w, 5);
		SSL_set_fd(ssl, fd[0]);
		SSL_set_connect_state(ssl);
		broken++;
		cr_assert(world_until(&w, (SSL_do_handshake(ssl), world_count(&w, 0, CHANNEL_TLS) == broken), 500),
			  "way %d: %s", i, channel_end_name(w.member[0].ended));
		SSL_free(ssl);
		SSL_CTX_free(context);
		close(fd[0]);
	}
	fd[0] = raw_connect(5, 0);
	cr_assert(world_until(&w, world_count(&w, 0, CHANNEL_ADDRESS) == 1, 500), "from no member");
	close(fd[0]);
	began = world_ms();
	for (int i = 0; i < 3; i++)
		fd[i] = raw_connect(2, 0);
	cr_assert(world_until(&w, world_count(&w, 0, CHANNEL_LIMIT) == 1, 500));
	cr_assert(world_until(&w, world_count(&w, 0, CHANNEL_DEADLINE) == 2, 2000));
	cr_assert(world_ms() - began >= 990 && world_ms() - began < 1900);
	for (int i = 0; i < 3; i++)
		close(fd[i]);
	cr_assert_eq(w.member[0].ups, 0);
	world_end(&w);
}

static X509 *certificate(EVP_PKEY *key)
{
	X509 *x = X509_new();

	X509_gmtime_adj(X509_getm_notBefore(x), 0);
	X509_gmtime_adj(X509_getm_notAfter(x), 3600);
	X509_set_pubkey(x, key);
	cr_assert_gt(X509_sign(x, key, EVP_sha256()), 0);
	return x;
}

/* A server with a certificate, and no secret: no member believes it. */
Test(agent_channel_raw, impostor)
{
	struct sockaddr_in own = world_address(0);
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = certificate(key);
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());
	int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), conn = -1;
	struct world w = {};
	SSL *ssl;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	cr_assert(!bind(fd, (struct sockaddr *)&own, sizeof(own)) && !listen(fd, 5));
	cr_assert_eq(SSL_CTX_use_certificate(context, x), 1);
	cr_assert_eq(SSL_CTX_use_PrivateKey(context, key), 1);
	world_start(&w, 1, 101, "A");
	cr_assert(world_until(&w, (conn = accept4(fd, NULL, NULL, SOCK_NONBLOCK)) >= 0, 500));
	ssl = SSL_new(context);
	SSL_set_fd(ssl, conn);
	SSL_set_accept_state(ssl);
	cr_assert(world_until(&w, (SSL_do_handshake(ssl), world_count(&w, 1, CHANNEL_TLS) == 1), 500), "%s",
		  channel_end_name(w.member[1].ended));
	cr_assert_eq(w.member[1].ups, 0);
	SSL_free(ssl);
	close(conn);
	close(fd);
	SSL_CTX_free(context);
	X509_free(x);
	EVP_PKEY_free(key);
	world_end(&w);
}

/* Member 1 is there, and another one comes with its id and address. */
Test(agent_channel_raw, second_holder)
{
	__u8 buf[256];
	struct message_taken taken;
	struct world w = {};
	struct raw r;
	size_t size;
	__u64 boot;

	world_start(&w, 0, 100, "A");
	world_start(&w, 1, 101, "A");
	cr_assert(world_until(&w, world_up(&w, 0, 1), 500));
	size = put_hello(buf, 1, 999);
	size += put_key(buf + size, 1);
	raw_start(&r, &w, 1);
	raw_send(&r, buf, size);
	cr_assert(world_until(&w, raw_got(&r, ESL_FRAME_ID_TAKEN), 500));
	cr_assert(!raw_got(&r, ESL_FRAME_KEY), "it was given no key");
	cr_assert(raw_taken(&r, &taken));
	cr_expect_eq(taken.boot, 101, "whom it keeps to");
	cr_expect_not(taken.established);
	raw_stop(&r);
	w.member[0].established = 101;
	raw_start(&r, &w, 1);
	raw_send(&r, buf, size);
	cr_assert(world_until(&w, raw_taken(&r, &taken), 500));
	cr_expect(taken.established, "it forwards");
	raw_stop(&r);
	cr_assert_eq(world_count(&w, 0, CHANNEL_ID_TAKEN), 2);
	world_run(&w, 200);
	cr_assert(world_up(&w, 0, 1));
	cr_assert_eq(world_datagram(&w, 1, 0), SEALED_OK);

	/* Lost its power, say: then the one that comes is the member. */
	w.member[1].frozen = true;
	raw_start(&r, &w, 1);
	raw_send(&r, buf, size);
	cr_assert(world_until(&w, raw_got(&r, ESL_FRAME_KEY), 500));
	cr_assert(channel_up(w.member[0].channel, 0, &boot));
	cr_assert_eq(boot, 999);
	cr_assert_eq(world_datagram(&w, 1, 0), SEALED_BOOT);
	raw_stop(&r);
	world_end(&w);
}

/* Member 2 yields to a second holder of its id: that one is let in where member 2 was. */
Test(agent_channel_raw, first_holder_yields)
{
	__u8 buf[256];
	struct world w = {};
	struct raw r;
	size_t size;
	__u64 boot;

	world_start(&w, 0, 100, "A");
	world_start(&w, 2, 102, "A");
	cr_assert(world_until(&w, world_up(&w, 0, 2), 500));
	channel_yield(w.member[2].channel);
	cr_expect_eq(world_count(&w, 2, CHANNEL_YIELDED), 1);
	cr_expect_not(channel_up(w.member[2].channel, 0, NULL));
	size = put_hello(buf, 2, 999);
	size += put_key(buf + size, 1);
	w.member[2].frozen = true;
	raw_start(&r, &w, 2);
	raw_send(&r, buf, size);
	cr_assert(world_until(&w, raw_got(&r, ESL_FRAME_KEY), 500));
	/* The first one asks again and again, and is told who is there. */
	w.member[2].frozen = false;
	cr_assert(world_until(&w, channel_up(w.member[0].channel, 1, &boot), 500));
	cr_assert_eq(boot, 999);
	raw_stop(&r);
	world_end(&w);
}

/* Who knows the secret's name, but not the secret. */
Test(agent_channel_raw, wrong_key)
{
	struct raw r = { .context = tls_context(), .secrets = world_secrets("A") };
	enum tls_result result = TLS_OK;
	struct world w = {};

	r.secrets.key[0][31] ^= 1;
	world_start(&w, 0, 100, "A");
	r.fd = raw_connect(2, 0);
	world_run(&w, 5);
	cr_assert_eq(tls_open(&r.tls, r.context, r.fd, true, &r.secrets, 0), 0);
	cr_assert(world_until(&w, (result = tls_handshake(&r.tls)) > TLS_WRITE, 500));
	cr_assert_eq(result, TLS_SECRET, "%d %s", result, channel_end_name(w.member[0].ended));
	cr_assert_eq(world_count(&w, 0, CHANNEL_SECRET), 1);
	raw_stop(&r);
	world_end(&w);
}
