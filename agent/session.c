// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * New sessions: the leader's program tells its own agent whom it gave each one,
 * and the agent tells the other members, so that they agree for all but the
 * session's first moments.  One datagram a millisecond; where sessions come
 * faster than these carry them, the newest are told.
 */
#include "agent.h"

#define GAP_NS NS_PER_MS

static int flush(struct agent *a)
{
	struct session_queue *q = &a->sessions;
	struct announcement m = { .kind = ESL_WIRE_SESSIONS };

	if (!a->leader)
		q->count = 0;
	for (; q->count; q->count--)
		m.sessions[m.count++] = q->ring[(q->next + ESL_WIRE_SESSIONS_MAX - q->count) %
						ESL_WIRE_SESSIONS_MAX];
	if (!m.count)
		return 0;
	q->flushed_ns = agent_now();
	q->told += m.count;
	sync_send(a, &m);
	return 0;
}

static int on_flush(sd_event_source *source, uint64_t usec, void *data)
{
	(void)source, (void)usec;
	return flush(data);
}

void session_began(struct agent *a, __u64 hash, __u32 member)
{
	struct session_queue *q = &a->sessions;
	__u64 now = agent_now(), next = q->flushed_ns + GAP_NS;

	if (!a->leader || !a->sync.count || member >= ESL_MEMBERS_MAX)
		return;
	q->ring[q->next++ % ESL_WIRE_SESSIONS_MAX] = (struct announced_session){ hash, (__u8)member };
	q->next %= ESL_WIRE_SESSIONS_MAX;
	if (q->count == ESL_WIRE_SESSIONS_MAX)
		q->lost++;
	else if (!q->count++)
		loop_again(q->timer, next > now ? next - now : 0);
}

/* From a member that takes itself for the leader, and dispatches as this one. */
void session_heard(struct agent *a, const struct announcement *m)
{
	const struct esl_table *t = &a->pins.config->table[esl_load(&a->pins.config->current) & 1];

	if (m->sender != a->leader_id || m->options.epoch != a->change.active.epoch ||
	    (t->scheme != ESL_SCHEME_SESSION_RR && t->scheme != ESL_SCHEME_SESSION_SQF))
		return;
	for (size_t i = 0; i < m->count; i++) {
		const struct announced_session *s = &m->sessions[i];

		if (!esl_is_active(t, s->member))
			continue;
		esl_session_set(&a->pins.sessions[esl_session_bucket(s->hash)], s->hash, s->member);
		a->sessions.heard++;
	}
}

int session_start(struct agent *a)
{
	int err = loop_timer(a, &a->sessions.timer, 0, on_flush);

	return err < 0 ? err : 0;
}

void session_stop(struct agent *a)
{
	sd_event_source_unref(a->sessions.timer);
}
