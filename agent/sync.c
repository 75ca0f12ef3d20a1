// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Announcements between members: authenticated datagrams on the sync network.
 * A jump is announced at once, in one batch with others of the same turn of
 * the loop, and at most once in a millisecond.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <syslog.h>
#include <unistd.h>

#include "agent.h"
#include "sadb.h"

#define FLUSH_GAP_NS NS_PER_MS

static bool seal(const struct sync *s, const __u8 *buf, size_t size, __u8 mac[ESL_WIRE_MAC_LEN])
{
	unsigned char full[EVP_MAX_MD_SIZE];
	unsigned int len = 0;

	if (!HMAC(EVP_sha256(), s->key, sizeof(s->key), buf, size, full, &len))
		return false;
	memcpy(mac, full, ESL_WIRE_MAC_LEN);
	return true;
}

void sync_send(struct agent *a, struct announcement *m)
{
	struct sync *s = &a->sync;
	struct announcement whole = s->own;
	__u8 buf[ESL_WIRE_MAX];
	size_t size;

	whole.kind = m->kind;
	whole.flags = (a->why == WHY_FORWARDING ? ESL_WIRE_FORWARDING : 0) |
		      (a->join.joined ? 0 : ESL_WIRE_JOINING) | (options_ask(a) ? ESL_WIRE_CHANGING : 0);
	whole.options = a->change.target;
	whole.acked = change_acked(&a->change);
	whole.snapshot = m->snapshot;
	whole.page = m->page;
	whole.pages = m->pages;
	whole.count = m->count;
	memcpy(&whole.rounds, &m->rounds, sizeof(*m) - offsetof(struct announcement, rounds));
	size = wire_encode(&whole, buf);
	if (!seal(s, buf, size, buf + size))
		return;
	for (size_t i = 0; i < s->count; i++)
		if (sendto(s->fd, buf, size + ESL_WIRE_MAC_LEN, MSG_DONTWAIT,
			   (struct sockaddr *)&s->others[i].address, sizeof(s->others[i].address)) >= 0)
			s->sent++;
}

static void send_rounds(struct agent *a, bool page)
{
	struct announcement m = { .kind = ESL_WIRE_ROUNDS };

	m.count = sadb_collect(a, m.rounds, page);
	sync_send(a, &m);
}

void sync_retell(struct agent *a)
{
	settings_tell(&a->conf, &a->sync.own);
}

bool sync_windows_differ(const struct agent *a)
{
	__u64 now = agent_now();

	for (size_t i = 0; i < a->sync.count; i++)
		if (a->sync.heard[i].equal && join_is_fresh(&a->sync.heard[i], now) &&
		    a->sync.others[i].windows != a->sync.own.windows)
			return true;
	return false;
}

void sync_hello(struct agent *a)
{
	send_rounds(a, true);
}

static int flush(struct agent *a)
{
	a->sync.flushed_ns = agent_now();
	send_rounds(a, false);
	/* More than one message holds. */
	if (a->sadb->dirty)
		loop_again(a->sync.flush_later, FLUSH_GAP_NS);
	return 0;
}

static int on_flush_now(sd_event_source *source, void *data)
{
	(void)source;
	return flush(data);
}

static int on_flush_later(sd_event_source *source, uint64_t usec, void *data)
{
	(void)source, (void)usec;
	return flush(data);
}

static bool is_on(sd_event_source *source)
{
	int enabled;

	return sd_event_source_get_enabled(source, &enabled) > 0 && enabled != SD_EVENT_OFF;
}

void sync_announce(struct agent *a)
{
	__u64 now = agent_now(), next = a->sync.flushed_ns + FLUSH_GAP_NS;

	if (!a->sync.flush_now || is_on(a->sync.flush_now) || is_on(a->sync.flush_later))
		return;
	if (next <= now)
		sd_event_source_set_enabled(a->sync.flush_now, SD_EVENT_ONESHOT);
	else
		loop_again(a->sync.flush_later, next - now);
}

static void take_rounds(struct agent *a, const struct announcement *m)
{
	for (size_t n = 0; n < m->count; n++) {
		if (sadb_announced(a, &m->rounds[n]) != -EPROTO || a->plan_conflict)
			continue;
		a->plan_conflict = true;
		say(LOG_ERR, "member %u uses other lanes on SA 0x%08x", m->sender, m->rounds[n].key.spi);
	}
}

static void take(struct agent *a, size_t i, const struct announcement *m)
{
	struct other *o = &a->sync.others[i];
	const char *differs = settings_difference(&a->sync.own, m);

	if (differs && strcmp(o->difference, differs))
		say(LOG_ERR, "member %u has a different configuration: %s", o->id, differs);
	snprintf(o->difference, sizeof(o->difference), "%s", differs ? differs : "");
	if (!differs && m->windows != a->sync.own.windows && m->windows != o->windows)
		say(LOG_WARNING, "member %u knows other replay windows of peers: new SAs wait", o->id);
	o->boot = m->boot;
	o->flags = m->flags;
	o->epoch = m->options.epoch;
	o->acked = m->acked;
	o->windows = m->windows;
	o->received++;
	a->sync.heard[i] = (struct join_member){ .id = o->id,
						 .heard_ns = agent_now(),
						 .equal = !differs,
						 .forwarding = m->flags & ESL_WIRE_FORWARDING };
	if (!differs) {
		options_heard(a, i, m);
		if (m->kind == ESL_WIRE_ROUNDS)
			take_rounds(a, m);
		if (m->kind == ESL_WIRE_SESSIONS)
			session_heard(a, m);
	}
	if (m->flags & ESL_WIRE_JOINING)
		sadb_announce_all(a);
	agent_decide(a);
}

static enum wire_refusal receive(struct agent *a, const __u8 *buf, size_t size,
				 const struct sockaddr_in *from)
{
	enum wire_refusal refusal = wire_check(buf, size);
	__u8 mac[ESL_WIRE_MAC_LEN];
	struct announcement m;

	if (refusal != WIRE_OK)
		return refusal;
	if (!seal(&a->sync, buf, size - ESL_WIRE_MAC_LEN, mac) ||
	    CRYPTO_memcmp(mac, buf + size - ESL_WIRE_MAC_LEN, ESL_WIRE_MAC_LEN))
		return WIRE_MAC;
	refusal = wire_decode(buf, size, &m);
	if (refusal != WIRE_OK)
		return refusal;
	for (size_t i = 0; i < a->sync.count; i++) {
		struct other *o = &a->sync.others[i];

		if (o->id != m.sender)
			continue;
		if (o->address.sin_addr.s_addr != from->sin_addr.s_addr)
			return WIRE_ADDRESS;
		take(a, i, &m);
		return WIRE_OK;
	}
	return WIRE_SENDER;
}

static int on_datagram(sd_event_source *source, int fd, uint32_t revents, void *data)
{
	struct agent *a = data;
	__u8 buf[ESL_WIRE_MAX + 1];
	struct sockaddr_in from;

	(void)source, (void)revents;
	for (;;) {
		socklen_t len = sizeof(from);
		ssize_t n = recvfrom(fd, buf, sizeof(buf), MSG_DONTWAIT, (struct sockaddr *)&from, &len);

		if (n < 0)
			return 0;
		a->sync.counts[receive(a, buf, (size_t)n, &from)]++;
	}
}

static int open_socket(const struct sockaddr_in *own, char error[ESL_ERROR_MAX])
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	char text[INET_ADDRSTRLEN];

	if (fd >= 0 && !bind(fd, (const struct sockaddr *)own, sizeof(*own)))
		return fd;
	snprintf(error, ESL_ERROR_MAX, "cannot listen on this member's sync address %s port %u: %s",
		 inet_ntop(AF_INET, &own->sin_addr, text, sizeof(text)), ntohs(own->sin_port),
		 strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

int sync_start(struct agent *a, char error[ESL_ERROR_MAX])
{
	struct sync *s = &a->sync;
	int err;

	s->fd = -1;
	err = esl_conf_derive(&a->conf, "espalier announce", s->key, error);
	if (err)
		return err;
	if (RAND_bytes((unsigned char *)&s->own.boot, sizeof(s->own.boot)) != 1)
		return -EIO;
	sync_retell(a);
	for (size_t i = 0; i < a->conf.member_count; i++) {
		const struct esl_conf_member *m = &a->conf.members[i];

		if (m->id == a->conf.member)
			s->fd = open_socket(&m->sync, error);
		else
			s->others[s->count++] = (struct other){ .id = m->id, .address = m->sync };
	}
	if (s->fd < 0)
		return -EADDRNOTAVAIL;
	err = loop_timer(a, &s->flush_later, 0, on_flush_later);
	if (err >= 0)
		err = sd_event_add_defer(a->event, &s->flush_now, on_flush_now, a);
	if (err < 0)
		return err;
	sd_event_source_set_enabled(s->flush_later, SD_EVENT_OFF);
	sd_event_source_set_enabled(s->flush_now, SD_EVENT_OFF);
	return loop_io(a, s->fd, on_datagram, PRIORITY_SYNC, a);
}

void sync_stop(struct agent *a)
{
	sd_event_source_unref(a->sync.flush_now);
	sd_event_source_unref(a->sync.flush_later);
	if (a->sync.fd >= 0)
		close(a->sync.fd);
	OPENSSL_cleanse(a->sync.key, sizeof(a->sync.key));
}
