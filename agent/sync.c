// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Datagrams between members, sealed: announcements on the sync network, heartbeats
 * on the segments too; the channel hands over the keys.  A jump is announced at once, in one batch with others of the same turn of
 * the loop, and at most once in a millisecond.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <syslog.h>
#include <unistd.h>

#include "agent.h"
#include "sadb.h"

#define FLUSH_GAP_NS NS_PER_MS
#define CUT_NS (300 * NS_PER_MS)

/* Seal it once, and send the same bytes over all networks that are asked for. */
void sync_cast(struct agent *a, enum esl_seal_type type, const void *payload, size_t size, enum sync_reach reach)
{
	struct sync *s = &a->sync;
	__u8 buf[ESL_SEAL_MAX];
	ssize_t n;

	seal_say(s->seal, (cast_is_deaf(a) ? ESL_SEAL_DEAF : 0) | (s->unheard ? ESL_SEAL_CUT : 0));
	n = seal_put(s->seal, type, payload, size, buf);
	if (n < 0)
		return;
	cast_send(a, buf, (size_t)n);
	if (reach == SYNC_EVERYWHERE || s->cut)
		segments_send(a, buf, (size_t)n);
}

void sync_send(struct agent *a, struct announcement *m)
{
	struct announcement whole = a->sync.own;
	__u8 buf[ESL_WIRE_MAX];

	/* A silent holder of an id, let in for a moment, is not to be taken for another life of the one that stays. */
	if (secure_is_taken(a))
		return;
	whole.kind = m->kind;
	whole.flags = m->flags | (a->why == WHY_READY ? ESL_WIRE_READY : 0) | (agent_is_able(a) ? ESL_WIRE_ABLE : 0) |
		      (a->join.joined ? 0 : ESL_WIRE_JOINING) | (options_ask(a) ? ESL_WIRE_CHANGING : 0);
	whole.options = a->change.target;
	whole.acked = change_acked(&a->change);
	plan_tell(a, &whole);
	whole.snapshot = m->snapshot;
	whole.page = m->page;
	whole.pages = m->pages;
	whole.count = m->count;
	memcpy(&whole.rounds, &m->rounds, sizeof(*m) - offsetof(struct announcement, rounds));
	sync_cast(a, ESL_SEAL_ANNOUNCEMENT, buf, wire_encode(&whole, buf), SYNC_NETWORK);
}

static void send_rounds(struct agent *a, bool page)
{
	struct announcement m;

	sadb_collect(a, &m, page);
	sync_send(a, &m);
}

void sync_retell(struct agent *a)
{
	settings_tell(&a->conf, &a->pins.config->key, &a->sync.own);
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
		if (sadb_announced(a, m->sender, &m->rounds[n], m->flags & ESL_WIRE_WANTED) != -EPROTO || a->plan_conflict)
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
	/* What it had, and epochs of another life, are other ones. */
	if (o->boot != m->boot) {
		sadb_restarted(a, o->id);
		sadb_promote_forget(a, o->id);
		probe_restarted(a, o->id);
		o->last = (struct pages){};
		o->stopped = 0;
	}
	o->boot = m->boot;
	if (o->life != m->life) {
		o->life_ns = agent_now();
		if (o->life)
			sadb_outlived(a, o->id);
	}
	o->life = m->life;
	o->flags = m->flags;
	o->epoch = m->options.epoch;
	o->acked = m->acked;
	o->plan = m->plan;
	o->prepared = m->prepared;
	o->switching = m->flags & ESL_WIRE_SWITCHING;
	o->windows = m->windows;
	o->received++;
	o->announced_ns = agent_now();
	a->sync.heard[i] = (struct join_member){ .id = o->id,
						 .heard_ns = agent_now(),
						 .equal = !differs,
						 .ready = m->flags & ESL_WIRE_READY,
						 .able = m->flags & (ESL_WIRE_ABLE | ESL_WIRE_READY),
						 .settings = settings_digest(m) };
	if (!differs) {
		options_heard(a, i, m);
		plan_heard(a, i, m);
		if (m->kind == ESL_WIRE_ROUNDS)
			take_rounds(a, m);
		if (m->kind == ESL_WIRE_HEARD)
			sadb_heard(a, i, m);
		for (size_t n = 0; m->kind == ESL_WIRE_ACTIVE && n < m->count; n++)
			sadb_heard_active(a, &m->tops[n]);
		if (m->kind == ESL_WIRE_ACTIVE && m->flags & ESL_WIRE_STOPPED &&
		    pages_take(&o->last, m->plan, m->page, m->pages))
			o->stopped = m->plan;
		if (m->kind == ESL_WIRE_PROMOTIONS)
			sadb_promote_heard(a, o->id, m);
		if (m->kind == ESL_WIRE_SALTS)
			probe_heard(a, m);
		if (m->kind == ESL_WIRE_SESSIONS)
			session_heard(a, m);
	}
	if (m->flags & ESL_WIRE_JOINING)
		sadb_announce_all(a);
	agent_decide(a);
}

static enum wire_refusal take_announcement(struct agent *a, size_t i, const struct sealed_header *h,
					   const __u8 *payload, size_t size)
{
	struct announcement m;
	enum wire_refusal refusal = wire_decode(payload, size, &m);

	if (refusal != WIRE_OK)
		return refusal;
	if (m.sender != h->sender || m.boot != h->boot)
		return WIRE_SENDER;
	take(a, i, &m);
	return WIRE_OK;
}

/* Other member with this id; count: none. */
static size_t index_of(const struct sync *s, __u32 id)
{
	size_t i = 0;

	while (i < s->count && s->others[i].id != id)
		i++;
	return i;
}

bool sync_datagram(struct agent *a, const __u8 *buf, size_t size, enum reach_way way)
{
	struct sync *s = &a->sync;
	__u8 payload[ESL_SEAL_PAYLOAD_MAX];
	struct sealed_header h;
	size_t len, i;
	enum sealed_result result = seal_open(s->seal, buf, size, &h, payload, &len);

	if (result == SEALED_BOOT)
		secure_doubt(a, &h);
	if (result == SEALED_KEY)
		secure_unkeyed(a, &h);
	if (result == SEALED_OK || result == SEALED_DUPLICATE) {
		i = index_of(s, h.sender);
		if (i < s->count)
			reach_note(&s->others[i].reach, way, &h, result == SEALED_OK, agent_now());
	}
	if (result != SEALED_OK)
		return result == SEALED_DUPLICATE;
	if (h.type == ESL_SEAL_HEARTBEAT)
		membership_heard(a, i, h.boot, payload, len);
	else
		s->counts[take_announcement(a, i, &h, payload, len)]++;
	return true;
}

void sync_look(struct agent *a)
{
	struct sync *s = &a->sync;
	__u64 now = agent_now();
	bool cut = false;

	secure_look(a);
	s->unheard = false;
	for (size_t i = 0; i < s->count; i++) {
		const struct reach *r = &s->others[i].reach;

		if (!join_is_fresh(&s->heard[i], now))
			continue;
		s->unheard |= now - reach_network_ns(r) > CUT_NS;
		cut |= r->cut;
	}
	cut |= s->unheard;
	if (cut != s->cut)
		say(LOG_WARNING, cut ? "the sync network does not reach a member that lives: announcements go over the segments too" :
				       "the sync network reaches all members that live");
	s->cut = cut;
}

int sync_start(struct agent *a, char error[ESL_ERROR_MAX])
{
	struct sync *s = &a->sync;
	int err;

	if (RAND_bytes((unsigned char *)&s->own.boot, sizeof(s->own.boot)) != 1)
		return -EIO;
	s->own.boot |= !s->own.boot;
	if (sadb_draw_life(a->pins.config))
		return -EIO;
	s->own.life = a->pins.config->life;
	sync_retell(a);
	for (size_t i = 0; i < a->conf.member_count; i++) {
		const struct esl_conf_member *m = &a->conf.members[i];

		if (m->id == a->conf.member)
			s->address = m->sync;
		else
			s->others[s->count++] = (struct other){ .id = m->id, .address = m->sync };
	}
	err = cast_start(a, error);
	if (err || (err = secure_start(a, &s->address, error)))
		return err;
	err = loop_timer(a, &s->flush_later, 0, on_flush_later);
	if (err >= 0)
		err = sd_event_add_defer(a->event, &s->flush_now, on_flush_now, a);
	if (err < 0)
		return err;
	sd_event_source_set_enabled(s->flush_later, SD_EVENT_OFF);
	sd_event_source_set_enabled(s->flush_now, SD_EVENT_OFF);
	return 0;
}

void sync_stop(struct agent *a)
{
	sd_event_source_unref(a->sync.flush_now);
	sd_event_source_unref(a->sync.flush_later);
	secure_stop(a);
	cast_stop(a);
}
