// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Where plain packets switch in a planned change: the receive queues' records. */
#include <string.h>

#include "agent.h"

/* The program goes on counting: places first, the count that they are below after. */
static bool snapshot(const struct agent *a, __u32 index, struct esl_switch *ret)
{
	const struct esl_switch *s = &a->pins.switched[index];

	if (esl_load(&s->epoch) != a->plan.epoch)
		return false;
	for (int i = 0; i < ESL_SWITCH_LEVELS; i++)
		ret->ring[i] = esl_load(&s->ring[i]);
	__sync_synchronize();
	ret->seen = esl_load(&s->seen);
	ret->done = esl_load(&s->done);
	ret->epoch = a->plan.epoch;
	return true;
}

static void begin_at(struct agent *a, __u32 index, __u32 at)
{
	struct esl_begin begin = { .at = at, .epoch = a->plan.epoch };
	esl_wide word;

	memcpy(&word, &begin, sizeof(word));
	*(volatile esl_wide *)&a->pins.begin[index] = word;
}

bool plan_marks_choose(struct agent *a, __u64 ahead_ns, bool last)
{
	struct plan_state *s = &a->plan;
	__u64 age = agent_now() - s->entered_ns;
	struct esl_switch own;

	s->marks = 0;
	for (__u32 i = 0; i < ESL_SWITCH_RECORDS; i++) {
		if (!snapshot(a, i, &own))
			continue;
		if (!own.seen) {
			/* Packets, and no marker yet. */
			if (!last)
				return false;
			continue;
		}
		s->record[s->marks] = (__u8)i;
		s->at[s->marks++] = switching_place(own.seen, age, ahead_ns);
	}
	return true;
}

static void mark_of(const struct agent *a, size_t n, struct switching_mark *ret)
{
	__u32 index = a->plan.record[n];
	struct esl_switch own = {};

	snapshot(a, index, &own);
	*ret = (struct switching_mark){ .role = (__u8)(index / ESL_SWITCH_QUEUES), .at = a->plan.at[n] };
	memcpy(ret->ring, own.ring, sizeof(ret->ring));
}

void plan_marks_send(struct agent *a)
{
	static struct announcement m;
	size_t next = 0;

	m = (struct announcement){ .kind = ESL_WIRE_MARKS };
	m.pages = (__u16)((a->plan.marks + ESL_WIRE_MARKS_MAX - 1) / ESL_WIRE_MARKS_MAX);
	m.pages = m.pages ? m.pages : 1;
	for (; m.page < m.pages; m.page++) {
		for (m.count = 0; m.count < ESL_WIRE_MARKS_MAX && next < a->plan.marks; m.count++)
			mark_of(a, next++, &m.marks[m.count]);
		sync_send(a, &m);
	}
}

/* The queue that counted the same packets; each time from the newest marker, so
 * that a frame that was lost before it does not matter. */
static bool take(struct agent *a, const struct switching_mark *m)
{
	__u32 first = esl_switch_index(m->role, 0), at;
	struct esl_switch own;

	for (__u32 i = first; i < first + ESL_SWITCH_QUEUES; i++) {
		if (!snapshot(a, i, &own) || !switching_follow(&own, m, &at))
			continue;
		if (!own.done)
			begin_at(a, i, at);
		if (!a->plan.waited[i] && (__s32)(own.seen - at) >= 0)
			a->plan.late++;
		a->plan.waited[i] = true;
		return true;
	}
	return false;
}

bool plan_marks_take(struct agent *a, const struct switching_mark *marks, size_t count)
{
	bool all = true;

	for (size_t n = 0; n < count; n++)
		all &= take(a, &marks[n]);
	return all;
}

bool plan_marks_take_own(struct agent *a)
{
	for (size_t n = 0; n < a->plan.marks; n++) {
		begin_at(a, a->plan.record[n], a->plan.at[n]);
		a->plan.waited[a->plan.record[n]] = true;
	}
	return true;
}

bool plan_marks_done(const struct agent *a)
{
	struct esl_switch own;

	for (__u32 i = 0; i < ESL_SWITCH_RECORDS; i++)
		if (a->plan.waited[i] && !(snapshot(a, i, &own) && own.done))
			return false;
	return true;
}
