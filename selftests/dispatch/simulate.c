// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <stdlib.h>
#include <string.h>

#include "member.h"
#include "selftests/unit/rand.h"
#include "simulate.h"
#include "traffic.h"

/* An assignment of the leader's on its way to the others. */
struct assignment {
	__u64 due;		/* packet before which it is known */
	__u64 hash;
	__u32 member;
};

struct run {
	const struct simulation *s;
	struct outcome *o;
	struct member *member;
	struct traffic traffic;
	__u64 state;		/* of the random numbers of the losses */
	__u64 now;		/* packets so far */
	struct assignment *way;	/* a ring of delay + 1: one packet begins one session at most */
	__u64 first, next;	/* in it */
	__u64 packets[ESL_MEMBERS_MAX], bytes[ESL_MEMBERS_MAX];
	/* When the frame was missed on whose account members are out of step, 0: they
	 * are not; the same for the flow's entries in session tables. */
	__u64 since;
	__u64 flow_since[TRAFFIC_FLOWS + 1];
};

static void assign(void *data, __u64 hash, __u32 member)
{
	struct run *r = data;

	r->way[r->next++ % (r->s->delay + 1)] =
		(struct assignment){ .due = r->now + r->s->delay, .hash = hash, .member = member };
}

static void deliver(struct run *r)
{
	for (; r->first < r->next; r->first++) {
		const struct assignment *a = &r->way[r->first % (r->s->delay + 1)];

		if (a->due > r->now)
			return;
		for (__u32 i = 1; i < r->s->members; i++)
			esl_session_set(&r->member[i].tables.sessions[esl_session_bucket(a->hash)], a->hash,
					a->member);
	}
}

static bool in_step(const struct run *r)
{
	const struct esl_turns *first = &r->member[0].tables.turns[r->s->role];

	for (__u32 i = 1; i < r->s->members; i++) {
		const struct esl_turns *s = &r->member[i].tables.turns[r->s->role];

		if (s->next != first->next || memcmp(s->queue, first->queue, r->s->members * sizeof(s->queue[0])))
			return false;
	}
	return true;
}

/* Members that disagree on a session do so until it ends or is assigned, be
 * they in step again or not. */
static void note_wrong(struct run *r)
{
	__u64 *flow = &r->flow_since[r->traffic.drawn];
	__u64 since = r->since;

	if (r->member[0].tables.sessions) {
		if (!*flow)
			*flow = since ? since : r->now;
		since = *flow;
	}
	if (since && r->now - since > r->o->longest)
		r->o->longest = r->now - since;
}

/* takers of the packet that is now; missed: one member did not see it. */
static void judge(struct run *r, __u32 takers, bool missed)
{
	bool wrong = takers > 1 || (!takers && !missed);

	r->o->missed += missed;
	r->o->own += missed && !takers;
	r->o->lost += !missed && !takers;
	r->o->doubled += takers > 1 ? takers - 1 : 0;
	if (r->traffic.begins)
		r->flow_since[r->traffic.drawn] = missed ? r->now : 0;
	if (wrong)
		note_wrong(r);
	if (in_step(r))
		r->since = 0;
	else if (!r->since)
		r->since = r->now;
}

static void one_packet(struct run *r)
{
	bool missed = (double)(rand64(&r->state) >> 11) < r->s->loss * (1ULL << 53);
	__u32 misser = rand_below(&r->state, r->s->members), takers = 0;

	r->now++;
	deliver(r);
	traffic_next(&r->traffic);
	for (__u32 i = 0; i < r->s->members; i++) {
		if (missed && i == misser)
			continue;
		if (!member_takes(member_decide(&r->member[i], r->s->role, &r->traffic.packet)))
			continue;
		takers++;
		r->packets[i]++;
		r->bytes[i] += r->traffic.packet.len - r->traffic.packet.l3;
	}
	judge(r, takers, missed);
}

int simulate(const struct simulation *s, struct outcome *o)
{
	struct run r = { .s = s, .o = o, .state = s->seed, .traffic = { .state = s->seed, .role = s->role } };
	bool ready;

	*o = (struct outcome){ .packets = s->packets };
	r.way = calloc(s->delay + 1, sizeof(*r.way));
	r.member = members_make(s->members, s->scheme, s->marker);
	ready = r.way && r.member;
	if (ready) {
		r.member[0].tables.new_session = assign;
		r.member[0].tables.data = &r;
		while (r.now < s->packets)
			one_packet(&r);
	}
	o->packet_share = largest_share(r.packets, s->members);
	o->byte_share = largest_share(r.bytes, s->members);
	members_free(r.member, s->members);
	free(r.way);
	return ready ? 0 : -1;
}
