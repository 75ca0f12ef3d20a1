// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The channel: who connects to whom, and who is let in. */
#include "channel.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "channel_inside.h"

#define SILENT_NS (2000 * NS_PER_MS)
#define RETRY_MIN_NS (10 * NS_PER_MS)
#define RETRY_MAX_NS (200 * NS_PER_MS)
#define LASTED_NS (1000 * NS_PER_MS)	/* a connection up for so long was no failure */
#define SETTLE_NS (1000 * NS_PER_MS)	/* in which all shall have been told the next key */
#define PENDING_MAX 2			/* connections from one address that are not up */

const char *channel_end_name(enum channel_end e)
{
	static const char *const names[] = {
#define X(symbol, name, sentence) name,
		CHANNEL_ENDS(X)
#undef X
	};

	return names[e];
}

const char *channel_end_sentence(enum channel_end e)
{
	static const char *const sentences[] = {
#define X(symbol, name, sentence) sentence,
		CHANNEL_ENDS(X)
#undef X
	};

	return sentences[e];
}

static int timer(struct channel *ch, sd_event_source **ret, sd_event_time_handler_t handler, void *data)
{
	/* An accuracy of 0 would mean 250 ms. */
	int err = sd_event_add_time_relative(ch->config.event, ret, CLOCK_MONOTONIC, 0, 1, handler, data);

	if (err < 0)
		return err;
	sd_event_source_set_priority(*ret, ch->config.priority);
	return sd_event_source_set_enabled(*ret, SD_EVENT_OFF);
}

static void timer_in(sd_event_source *source, __u64 in_ns)
{
	sd_event_source_set_time_relative(source, in_ns / 1000);
	sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

/* The next attempt: later after each that failed, at once after one that lasted, and
 * while there is a secret that was not tried. */
static void try_again(struct channel_member *o, enum channel_end why, bool lasted)
{
	size_t secrets = o->channel->secrets.count;

	o->trying = false;
	if (why == CHANNEL_SECRET) {
		o->choice = (o->choice + 1) % secrets;
		o->refused++;
	} else {
		/* The newest one is preferred, whenever it may have become known. */
		o->choice = 0;
		o->refused = 0;
	}
	if (lasted)
		o->retry_ns = 0;
	if (lasted || o->refused % secrets) {
		timer_in(o->retry, 0);
		return;
	}
	o->retry_ns = o->retry_ns ? o->retry_ns * 2 : RETRY_MIN_NS;
	if (o->retry_ns > RETRY_MAX_NS)
		o->retry_ns = RETRY_MAX_NS;
	timer_in(o->retry, o->retry_ns);
}

struct conn *channel_waiting(struct channel *ch, size_t member)
{
	for (struct conn *c = ch->conns; c; c = c->next)
		if (c->state == CONN_WAITING && c->member == member)
			return c;
	return NULL;
}

/* The member at this address, where it is one only. */
static size_t member_at(const struct channel *ch, struct in_addr from)
{
	size_t found = CHANNEL_STRANGER;

	for (size_t i = 0; i < ch->config.count; i++) {
		if (ch->others[i].who.address.sin_addr.s_addr != from.s_addr)
			continue;
		if (found != CHANNEL_STRANGER)
			return CHANNEL_STRANGER;
		found = i;
	}
	return found;
}

/* What the end of c means for the connection with member i. */
static bool part(struct channel *ch, size_t i, const struct conn *c, enum channel_end why)
{
	struct channel_member *o = &ch->others[i];
	bool was_up = o->up == c;
	struct conn *waiting = was_up ? channel_waiting(ch, i) : NULL;

	if (was_up)
		o->up = NULL;
	if (!o->up)
		o->last = why;
	if (!o->up && c->connector)
		try_again(o, why, was_up && conn_now() - c->up_ns >= LASTED_NS);
	if (waiting)
		conn_in(waiting, 0);
	return was_up;
}

void channel_close(struct conn *c, enum channel_end why)
{
	struct channel *ch = c->channel;
	size_t i = c->member == CHANNEL_STRANGER ? member_at(ch, c->from) : c->member;
	bool was_up = i != CHANNEL_STRANGER && part(ch, i, c, why);
	struct conn **at = &ch->conns;

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	conn_free(c);
	ch->counts[why]++;
	if (ch->config.calls.ended)
		ch->config.calls.ended(ch->config.data, i, why, was_up);
}

static enum channel_end shake(struct conn *c)
{
	enum channel_end why = conn_shake(c);

	return why || c->state != CONN_HELLO ? why : channel_greet(c);
}

/* TCP is there, or not. */
static enum channel_end connected(struct conn *c)
{
	struct channel *ch = c->channel;
	socklen_t len = sizeof(int);
	int err = 0;

	if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &err, &len) || err)
		return CHANNEL_CONNECT;
	if (tls_open(&c->tls, ch->context, c->fd, true, &ch->secrets, ch->others[c->member].choice))
		return CHANNEL_CRYPTO;
	c->state = CONN_SHAKING;
	return CHANNEL_NONE;
}

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *data)
{
	struct conn *c = data;
	enum channel_end why = CHANNEL_NONE;

	(void)source, (void)fd;
	if (c->state == CONN_CONNECTING)
		why = connected(c);
	if (!why && c->state == CONN_SHAKING)
		why = shake(c);
	if (!why && c->state == CONN_WAITING && (revents & (EPOLLHUP | EPOLLERR)))
		why = CHANNEL_CLOSED;
	if (!why && c->state > CONN_SHAKING && c->state != CONN_WAITING)
		why = conn_read(c);
	if (!why && c->state > CONN_SHAKING)
		why = conn_flush(c);
	if (why)
		channel_close(c, why);
	else
		conn_arm(c);
	return 0;
}

/* The former boot did not answer: this one is the member. */
static enum channel_end succeed(struct conn *c)
{
	struct conn *former = c->channel->others[c->member].up;

	enum channel_end why = channel_let_in(c);

	conn_in(c, SETUP_NS);
	if (former)
		channel_close(former, CHANNEL_REPLACED);
	return why ? why : conn_frames(c);
}

static enum channel_end look(struct conn *c)
{
	__u64 silence = conn_now() - c->heard_ns;

	if (c->doubted || silence >= SILENT_NS)
		return CHANNEL_SILENT;
	conn_in(c, IDLE_NS);
	if (silence < IDLE_NS / 2)
		return CHANNEL_NONE;
	return conn_put(c, ESL_FRAME_PING, NULL, 0) ? CHANNEL_SILENT : CHANNEL_NONE;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *data)
{
	struct conn *c = data;
	enum channel_end why = CHANNEL_DEADLINE;

	(void)source, (void)usec;
	if (c->state == CONN_WAITING)
		why = succeed(c);
	else if (c->state == CONN_UP)
		why = look(c);
	if (why)
		channel_close(c, why);
	else
		conn_arm(c);
	return 0;
}

/* Takes fd over, whatever comes of it. */
static struct conn *add(struct channel *ch, int fd, bool connector)
{
	struct conn *c = conn_new(ch, fd, connector);
	int on = 1;

	if (!c) {
		close(fd);
		return NULL;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (sd_event_add_io(ch->config.event, &c->io, fd, 0, on_io, c) < 0 ||
	    timer(ch, &c->timer, on_timer, c) < 0) {
		conn_free(c);
		return NULL;
	}
	sd_event_source_set_priority(c->io, ch->config.priority);
	c->next = ch->conns;
	ch->conns = c;
	conn_in(c, SETUP_NS);
	return c;
}

static void connect_to(struct channel_member *o)
{
	struct channel *ch = o->channel;
	struct sockaddr_in own = { .sin_family = AF_INET, .sin_addr = ch->config.address.sin_addr };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct conn *c = fd < 0 ? NULL : add(ch, fd, true);

	if (!c) {
		ch->counts[CHANNEL_LIMIT]++;
		o->last = CHANNEL_LIMIT;
		try_again(o, CHANNEL_LIMIT, false);
		return;
	}
	o->trying = true;
	c->member = (size_t)(o - ch->others);
	c->from = o->who.address.sin_addr;
	/* The other end lets in who comes from its sync address. */
	if (bind(fd, (struct sockaddr *)&own, sizeof(own)) ||
	    (connect(fd, (struct sockaddr *)&o->who.address, sizeof(o->who.address)) && errno != EINPROGRESS))
		channel_close(c, CHANNEL_CONNECT);
	else
		conn_arm(c);
}

static int on_retry(sd_event_source *source, uint64_t usec, void *data)
{
	struct channel_member *o = data;

	(void)source, (void)usec;
	if (!o->up && !o->trying)
		connect_to(o);
	return 0;
}

/* May one more be let in from there? */
static enum channel_end admit(const struct channel *ch, struct in_addr from)
{
	int pending = 0;
	bool known = false;

	for (size_t i = 0; i < ch->config.count; i++)
		known |= ch->others[i].who.address.sin_addr.s_addr == from.s_addr;
	for (const struct conn *c = ch->conns; c; c = c->next)
		pending += !c->connector && c->state != CONN_UP && c->from.s_addr == from.s_addr;
	if (!known)
		return CHANNEL_ADDRESS;
	return pending < PENDING_MAX ? CHANNEL_NONE : CHANNEL_LIMIT;
}

static int on_accept(sd_event_source *source, int fd, uint32_t revents, void *data)
{
	struct channel *ch = data;
	struct sockaddr_in from = {};
	socklen_t len = sizeof(from);
	int conn = accept4(fd, (struct sockaddr *)&from, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);
	enum channel_end why;
	struct conn *c;

	(void)source, (void)revents;
	if (conn < 0)
		return 0;
	why = admit(ch, from.sin_addr);
	if (why) {
		close(conn);
		ch->counts[why]++;
		return 0;
	}
	c = add(ch, conn, false);
	if (!c) {
		ch->counts[CHANNEL_LIMIT]++;
		return 0;
	}
	c->from = from.sin_addr;
	c->state = CONN_SHAKING;
	if (tls_open(&c->tls, ch->context, conn, false, &ch->secrets, 0))
		channel_close(c, CHANNEL_CRYPTO);
	else
		conn_arm(c);
	return 0;
}

static int on_settled(sd_event_source *source, uint64_t usec, void *data)
{
	struct channel *ch = data;

	(void)source, (void)usec;
	seal_switch(ch->config.seal);
	return 0;
}

static int listen_at(struct channel *ch)
{
	const struct sockaddr_in *own = &ch->config.address;
	int on = 1, err;

	ch->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (ch->fd < 0)
		return -errno;
	setsockopt(ch->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(ch->fd, (const struct sockaddr *)own, sizeof(*own)) || listen(ch->fd, ESL_MEMBERS_MAX))
		return -errno;
	err = sd_event_add_io(ch->config.event, &ch->listener, ch->fd, EPOLLIN, on_accept, ch);
	if (err < 0)
		return err;
	return sd_event_source_set_priority(ch->listener, ch->config.priority);
}

static int add_others(struct channel *ch, const struct channel_other *others)
{
	int err = 0;

	for (size_t i = 0; i < ch->config.count && err >= 0; i++) {
		struct channel_member *o = &ch->others[i];

		*o = (struct channel_member){ .who = others[i], .channel = ch };
		if (o->who.id > ch->config.id)
			continue;
		err = timer(ch, &o->retry, on_retry, o);
		if (err >= 0)
			timer_in(o->retry, 0);
	}
	return err;
}

int channel_start(struct channel **ret, const struct channel_config *config,
		  const struct tls_secrets *secrets)
{
	struct channel *ch = calloc(1, sizeof(*ch));
	int err = 0;

	if (!ch)
		return -ENOMEM;
	ch->config = *config;
	ch->config.others = NULL;
	ch->secrets = *secrets;
	ch->fd = -1;
	signal(SIGPIPE, SIG_IGN);
	ch->context = tls_context();
	if (!ch->context)
		err = -EIO;
	if (!err)
		err = listen_at(ch);
	if (err >= 0)
		err = timer(ch, &ch->settled, on_settled, ch);
	if (err >= 0)
		err = add_others(ch, config->others);
	if (err < 0) {
		channel_stop(ch);
		return err;
	}
	*ret = ch;
	return 0;
}

void channel_stop(struct channel *ch)
{
	if (!ch)
		return;
	while (ch->conns) {
		struct conn *c = ch->conns;

		ch->conns = c->next;
		conn_free(c);
	}
	for (size_t i = 0; i < ch->config.count; i++)
		sd_event_source_disable_unref(ch->others[i].retry);
	sd_event_source_disable_unref(ch->settled);
	sd_event_source_disable_unref(ch->listener);
	if (ch->fd >= 0)
		close(ch->fd);
	SSL_CTX_free(ch->context);
	OPENSSL_cleanse(&ch->secrets, sizeof(ch->secrets));
	free(ch);
}

int channel_send(struct channel *ch, size_t i, __u16 type, const void *bytes, size_t size)
{
	struct conn *c = i < ch->config.count ? ch->others[i].up : NULL;

	return c ? conn_put(c, type, bytes, size) : -ENOTCONN;
}

void channel_secrets(struct channel *ch, const struct tls_secrets *secrets)
{
	struct tls_secrets before = ch->secrets;
	bool retired = false;
	struct conn *c, *next;

	for (size_t i = 0; i < before.count; i++)
		retired |= !tls_secrets_have(secrets, before.name[i]);
	OPENSSL_cleanse(&before, sizeof(before));
	ch->secrets = *secrets;
	for (size_t i = 0; i < ch->config.count; i++)
		ch->others[i].choice = ch->others[i].refused = 0;
	/* What was not told over a connection of a retired secret stays unknown to who holds it:
	 * first these go, then the next key is drawn. */
	for (c = ch->conns; c && retired; c = next) {
		next = c->next;
		if (c->state < CONN_HELLO || !tls_secrets_have(&ch->secrets, c->tls.used))
			channel_close(c, CHANNEL_RETIRED);
	}
	if (!retired || seal_renew(ch->config.seal))
		return;
	for (c = ch->conns; c; c = c->next)
		if (c->state >= CONN_KEY)
			channel_put_keys(c);
	timer_in(ch->settled, SETTLE_NS);
}

void channel_doubt(struct channel *ch, size_t i)
{
	struct conn *c = i < ch->config.count ? ch->others[i].up : NULL;

	if (!c || c->doubted || conn_put(c, ESL_FRAME_PING, NULL, 0))
		return;
	c->doubted = true;
	conn_in(c, PROBE_NS);
}

bool channel_up(const struct channel *ch, size_t i, __u64 *boot)
{
	const struct conn *c = i < ch->config.count ? ch->others[i].up : NULL;

	if (c && boot)
		*boot = c->boot;
	return c;
}

enum channel_end channel_last(const struct channel *ch, size_t i)
{
	return ch->others[i].last;
}

__u64 channel_count(const struct channel *ch, enum channel_end why)
{
	return ch->counts[why];
}

__u64 channel_ignored(const struct channel *ch)
{
	return ch->ignored;
}
