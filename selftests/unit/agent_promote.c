// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * New inbound SAs: rows of what each side does with what it hears, and clusters
 * in memory in which one SA comes to each member at another time, messages are
 * lost, doubled and late, leaders change, and an attacker sends every number
 * again: no number is taken by two members, and where no message is lost and
 * nobody but the leader was ever needed, none is missed.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "agent/promote.h"
#include "rand.h"

#define MS 1000000ULL

static const struct promote_view two = { .others = 0x6, .ahead_ns = 100 * MS, .esn = true, .top = 1000 };

static struct promote at(enum promote_step step, __u64 number)
{
	return (struct promote){ .state = PROMOTE_AT, .step = step, .number = number, .since_ns = MS,
				 .answered = 0x6, .have = 0x6, .moved_ns = MS, .top = 1000 };
}

Test(promote, what_the_program_is_told)
{
	struct promote p = {};

	cr_expect_eq(promote_below(&p), 0, "by the table");
	promote_arrive(&p, false, 0);
	cr_expect_eq(promote_below(&p), UINT64_MAX, "all numbers are the leader's");
	p = at(PROMOTE_KEEP, 77);
	cr_expect_eq(promote_below(&p), 77);
	p.step = PROMOTE_STOP;
	cr_expect_eq(promote_below(&p), 0, "stopped: by the table");
}

Test(promote, leader_takes_alone_when_nobody_else_does)
{
	struct promote_entry have = { ESL_PROMOTION_HAVE, 0 }, none = { ESL_PROMOTION_NONE, 0 };
	struct promote p;

	promote_arrive(&p, true, 0x6);
	cr_expect(promote_may_take(&p, 0x6), "it came while this member led");
	cr_expect_not(promote_may_take(&p, 0xe), "a member of the table has not answered");
	promote_arrive(&p, false, 0x6);
	cr_expect_not(promote_may_take(&p, 0x6));
	promote_answered(&p, 1, &have, MS);
	cr_expect_not(promote_may_take(&p, 0x6));
	promote_answered(&p, 2, &none, MS);
	cr_expect(promote_may_take(&p, 0x6));
	promote_forget(&p, 2);
	cr_expect_not(promote_may_take(&p, 0x6), "it started anew, and may have it now");
	promote_answered(&p, 2, &none, MS);
	promote_lead(&p, false);
	cr_expect_not(promote_may_take(&p, 0x6), "they answered another leader");
}

Test(promote, a_number_is_chosen_when_all_have_it)
{
	static const struct row {
		const char *name;
		__u64 have, age_ns;
		bool wait, chosen;
	} rows[] = {
		{ "all have it", 0x6, 50 * MS, false, true },
		{ "no rate is known yet", 0x6, 50 * MS - 1, false, false },
		{ "one has not", 0x2, 500 * MS, false, false },
		{ "one of no table has it", 0xa, 500 * MS, false, false },
		{ "a change is planned", 0x6, 500 * MS, true, false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct promote_view v = two;
		struct promote p;

		promote_arrive(&p, true, 0x6);
		promote_tick(&p, &v, MS);
		p.have = rows[i].have;
		v.wait = rows[i].wait;
		v.top = 1100;
		cr_expect_eq(promote_tick(&p, &v, MS + rows[i].age_ns), rows[i].chosen, "%s", rows[i].name);
		cr_expect_eq(p.step == PROMOTE_KEEP, rows[i].chosen, "%s", rows[i].name);
		/* 100 numbers in 50 ms: 200 in 100 ms. */
		if (rows[i].chosen)
			cr_expect_eq(p.number, 1301, "%s: %llu", rows[i].name, p.number);
	}
}

Test(promote, the_first_packet_is_no_rate)
{
	struct promote_view v = two;
	struct promote p;

	promote_arrive(&p, true, 0x6);
	p.have = 0x6;
	v.top = 0;
	promote_tick(&p, &v, MS);
	v.top = 5000;
	cr_expect_not(promote_tick(&p, &v, 51 * MS));
	v.top = 5100;
	cr_expect(promote_tick(&p, &v, 101 * MS));
	cr_expect_eq(p.number, 5301, "%llu", p.number);
}

Test(promote, an_idle_sa_is_given_room_and_32_bits_end)
{
	struct promote_view v = two;
	struct promote p;

	promote_arrive(&p, true, 0x6);
	promote_tick(&p, &v, MS);
	p.have = 0x6;
	promote_tick(&p, &v, 51 * MS);
	cr_expect_eq(p.number, 1064);
	v.esn = false;
	v.top = UINT32_MAX - 3;
	promote_arrive(&p, true, 0x6);
	promote_tick(&p, &v, MS);
	p.have = 0x6;
	promote_tick(&p, &v, 51 * MS);
	cr_expect_eq(p.number, UINT32_MAX);
}

Test(promote, a_leader_alone_promotes_at_once)
{
	struct promote_view v = two;
	struct promote p;

	v.others = 0;
	promote_arrive(&p, true, 0);
	cr_expect(promote_tick(&p, &v, MS));
	cr_expect_eq(p.state, PROMOTE_DONE);
	cr_expect_eq(p.number, 0, "it took what its slots have, and they are all");
}

Test(promote, steps_of_the_leader)
{
	static const struct row {
		const char *name;
		enum promote_step step, then;
		__u64 kept, top, ms;	/* ms: since the step began */
		enum promote_state state;
		__u64 number;
	} rows[] = {
		{ "kept to, not through yet", PROMOTE_KEEP, PROMOTE_KEEP, 0, 1000, 9, PROMOTE_AT, 2000 },
		{ "kept to and through", PROMOTE_KEEP, PROMOTE_TELL, 0, 1000, 10, PROMOTE_AT, 2000 },
		{ "one below came", PROMOTE_KEEP, PROMOTE_TELL, 0, 1999, 10, PROMOTE_AT, 2000 },
		{ "it came itself: a later one", PROMOTE_KEEP, PROMOTE_KEEP, 0, 2000, 10, PROMOTE_AT, 2064 },
		{ "told, one lacks it", PROMOTE_TELL, PROMOTE_TELL, 0x2, 5000, 900, PROMOTE_AT, 2000 },
		{ "told, one number is missing", PROMOTE_TELL, PROMOTE_TELL, 0x6, 1998, 400, PROMOTE_AT, 2000 },
		{ "told, silent", PROMOTE_TELL, PROMOTE_STOP, 0x6, 1000, 500, PROMOTE_AT, 2000 },
		{ "told, slow", PROMOTE_TELL, PROMOTE_TELL, 0x6, 1001, 9999, PROMOTE_AT, 2000 },
		{ "told, too slow", PROMOTE_TELL, PROMOTE_STOP, 0x6, 1001, 10000, PROMOTE_AT, 2000 },
		{ "told, silent, one lacks it", PROMOTE_TELL, PROMOTE_TELL, 0x2, 1000, 500, PROMOTE_AT, 2000 },
		{ "stopped, not through yet", PROMOTE_STOP, PROMOTE_STOP, 0x6, 1000, 9, PROMOTE_AT, 2000 },
		{ "stopped", PROMOTE_STOP, PROMOTE_IDLE, 0x6, 1001, 10, PROMOTE_DONE, 1001 },
		{ "stopped, and past it", PROMOTE_STOP, PROMOTE_IDLE, 0x6, 2000, 10, PROMOTE_DONE, 1999 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *r = &rows[i];
		struct promote p = at(r->step, 2000);
		struct promote_view v = two;

		p.kept = r->kept;
		/* That one came in this moment. */
		p.sampled_top = v.top = p.top = r->top;
		p.top -= r->top == 1001;
		promote_tick(&p, &v, MS + r->ms * MS);
		cr_expect_eq(p.step, r->then, "%s: step %d", r->name, p.step);
		cr_expect_eq(p.state, r->state, "%s: state %d", r->name, p.state);
		cr_expect_eq(p.number, r->number, "%s: %llu", r->name, p.number);
	}
}

Test(promote, a_plan_does_not_wait_for_a_slow_one)
{
	struct promote p = at(PROMOTE_TELL, 2000);
	struct promote_view v = two;

	p.kept = 0x6;
	v.wait = true;
	v.top = 1001;
	cr_expect_not(promote_tick(&p, &v, MS + 2 * v.ahead_ns - 1));
	v.top = 1002;
	cr_expect(promote_tick(&p, &v, MS + 2 * v.ahead_ns));
	cr_expect_eq(p.step, PROMOTE_STOP);
}

Test(promote, past_the_number_for_a_moment)
{
	struct promote p = at(PROMOTE_TELL, 2000);
	struct promote_view v = two;

	p.kept = 0x6;
	v.top = 1999;
	cr_expect_not(promote_tick(&p, &v, 2 * MS), "what a network holds up may still come");
	cr_expect_not(promote_tick(&p, &v, 22 * MS - 1));
	cr_expect(promote_tick(&p, &v, 22 * MS));
	cr_expect(p.state == PROMOTE_DONE && p.number == 1999);
}

Test(promote, who_takes_part_ends_it)
{
	struct promote_entry takes = { ESL_PROMOTION_DONE, 0 };
	struct promote_view v = two;
	struct promote p;

	promote_arrive(&p, true, 0x6);
	promote_answered(&p, 2, &takes, 5 * MS);
	cr_expect_eq(promote_below(&p), 0, "nothing more in slots of others");
	promote_tick(&p, &v, 15 * MS);
	cr_expect(p.state == PROMOTE_DONE && p.number == 1000);
}

Test(promote, answers_of_another_number_do_not_count)
{
	struct promote_entry kept = { ESL_PROMOTION_AT, 2000 }, other = { ESL_PROMOTION_AT, 1999 };
	struct promote p = at(PROMOTE_TELL, 2000);

	p.answered = p.have = 0;
	promote_answered(&p, 1, &other, MS);
	cr_expect_eq(p.kept | p.answered, 0);
	promote_answered(&p, 1, &kept, MS);
	cr_expect(p.kept == 0x2 && p.answered == 0x2);
}

Test(promote, what_a_member_does_with_the_leaders_word)
{
	struct promote_entry first = { ESL_PROMOTION_AT, 50 }, later = { ESL_PROMOTION_AT, 60 };
	struct promote_entry done = { ESL_PROMOTION_DONE, 49 }, lower = { ESL_PROMOTION_DONE, 10 };
	struct promote p;

	promote_arrive(&p, false, 0);
	cr_expect_eq(promote_answer(&p).state, ESL_PROMOTION_HAVE);
	cr_expect(promote_told(&p, &first));
	cr_expect_not(promote_told(&p, &later), "one leader tells one number");
	cr_expect_eq(promote_answer(&p).number, 50);
	promote_lead(&p, false);
	cr_expect_eq(promote_answer(&p).state, ESL_PROMOTION_HAVE, "another leader: as if nothing had been told");
	cr_expect(promote_told(&p, &done));
	cr_expect_not(promote_told(&p, &lower), "a floor is never lowered");
	cr_expect_not(promote_told(&p, &first));
	promote_lead(&p, false);
	cr_expect(p.state == PROMOTE_DONE && p.number == 49, "for ever");
}

/* Clusters in memory. */
#define MEMBERS 3
#define NUMBERS 16384
#define QUEUE 512

struct node {
	struct promote p;
	bool has, alone;
	__u32 follows;		/* MEMBERS: nobody */
	__u64 floor, top;
	__u8 taken[NUMBERS];
};

struct message {
	__u64 due;
	__u32 from, to, term;
	struct promote_entry e;
};

struct lab {
	struct node node[MEMBERS];
	struct message queue[QUEUE];
	size_t queued;
	__u64 now, state, seed;
	__u32 loss;		/* per cent */
	__u32 leader, term;
	__u64 rate, lost, owed;	/* of numbers that came when the leader had the SA */
};

static bool leads(const struct lab *l, __u32 i)
{
	return l->leader == i && l->node[i].follows == i;
}

static void send_to(struct lab *l, __u32 from, __u32 to, struct promote_entry e)
{
	int copies = rand_below(&l->state, 100) < l->loss ? 0 : l->loss && !rand_below(&l->state, 10) ? 2 : 1;

	for (; copies && l->queued < QUEUE; copies--)
		l->queue[l->queued++] = (struct message){
			l->now + 1 + rand_below(&l->state, l->loss ? 40 : 3), from, to, l->term, e };
}

static void send_all(struct lab *l, __u32 from, struct promote_entry e)
{
	for (__u32 i = 0; i < MEMBERS; i++)
		if (i != from)
			send_to(l, from, i, e);
}

/* As the edge does, with floors that know all. */
static void look_alone(struct lab *l, struct node *n)
{
	bool may = promote_may_take(&n->p, ((1 << MEMBERS) - 1) & ~(1ULL << (n - l->node))) ||
		   n->p.step == PROMOTE_STOP;

	if (may && !n->alone)
		for (__u32 i = 0; i < MEMBERS; i++)
			n->floor = l->node[i].top > n->floor ? l->node[i].top : n->floor;
	n->alone = may;
}

static void hear(struct lab *l, const struct message *m)
{
	struct promote_entry none = { ESL_PROMOTION_NONE, 0 };
	struct node *n = &l->node[m->to];

	/* What was said under a former leader, this one too, may come late. */
	if (m->term != l->term)
		return;
	if (leads(l, m->to)) {
		if (n->has && promote_answered(&n->p, m->from, &m->e, l->now * MS))
			send_to(l, m->to, m->from, promote_word(&n->p));
		if (n->has && n->p.state != PROMOTE_DONE)
			look_alone(l, n);
		return;
	}
	if (n->follows != m->from)
		return;
	if (!n->has) {
		if (m->e.state != ESL_PROMOTION_DONE)
			send_to(l, m->to, m->from, none);
		return;
	}
	if (promote_told(&n->p, &m->e) && n->p.state == PROMOTE_DONE && n->p.number > n->floor)
		n->floor = n->p.number;
	if (m->e.state != ESL_PROMOTION_DONE)
		send_to(l, m->to, m->from, promote_answer(&n->p));
}

static void deliver_messages(struct lab *l)
{
	for (size_t i = 0; i < l->queued;) {
		struct message m = l->queue[i];

		if (m.due > l->now) {
			i++;
			continue;
		}
		l->queue[i] = l->queue[--l->queued];
		hear(l, &m);
	}
}

/* Does the program of member i let the number through? decide.h and admit(), in short. */
static bool takes(const struct lab *l, __u32 i, __u64 number)
{
	const struct node *n = &l->node[i];
	__u64 below = promote_below(&n->p), floor = n->floor;

	if (!n->has || n->follows == MEMBERS)
		return false;
	if (leads(l, i)) {
		if (n->p.state != PROMOTE_DONE && !n->alone)
			return false;
		return number > floor && (number < below || number % MEMBERS == i);
	}
	if (n->p.state == PROMOTE_AT && n->p.number - 1 > floor)
		floor = n->p.number - 1;
	return number % MEMBERS == i && number >= below && number > floor;
}

static void arrive(struct lab *l, __u64 number, bool new)
{
	int by = 0;

	for (__u32 i = 0; i < MEMBERS; i++) {
		struct node *n = &l->node[i];

		by += n->taken[number];
		if (n->taken[number] || !takes(l, i, number))
			continue;
		n->taken[number] = 1;
		n->top = number > n->top ? number : n->top;
		by++;
	}
	cr_assert(by <= 1, "seed %llu: at %llu ms number %llu was taken by %d members", l->seed, l->now, number, by);
	if (new && l->leader < MEMBERS && l->node[l->leader].has) {
		l->owed++;
		l->lost += !by;
	}
}

static void run_agents(struct lab *l)
{
	struct promote_view v = { .others = 0, .esn = true, .ahead_ns = 100 * MS };

	for (__u32 i = 0; i < MEMBERS; i++) {
		struct node *n = &l->node[i];
		enum promote_step before = n->p.step;
		bool changed = false;

		if (!n->has || n->p.state == PROMOTE_DONE || n->follows == MEMBERS)
			continue;
		if (!leads(l, i)) {
			if (!(l->now % 20))
				send_to(l, i, n->follows, promote_answer(&n->p));
			continue;
		}
		look_alone(l, n);
		v.others = ((1 << MEMBERS) - 1) & ~(1ULL << i);
		v.top = 0;
		for (__u32 k = 0; k < MEMBERS; k++)
			v.top = l->node[k].top > v.top ? l->node[k].top : v.top;
		changed = promote_tick(&n->p, &v, l->now * MS) || n->p.step != before;
		if (changed || !(l->now % 20))
			send_all(l, i, promote_word(&n->p));
	}
}

static void get(struct lab *l, __u32 i)
{
	struct node *n = &l->node[i];
	bool fresh = leads(l, i);

	if (n->has)
		return;
	/* Who took some of it told its top. */
	for (__u32 k = 0; k < MEMBERS; k++)
		fresh &= !l->node[k].top;
	n->has = true;
	promote_arrive(&n->p, fresh, ((1 << MEMBERS) - 1) & ~(1U << i));
	n->alone = fresh;
}

/* The lease of the former one has ended; each follows when it hears, the new one last. */
static void change_leader(struct lab *l, __u32 to)
{
	for (__u32 i = 0; i < MEMBERS; i++) {
		struct node *n = &l->node[i];

		n->follows = to;
		n->alone = false;
		promote_lead(&n->p, false);
	}
	l->leader = to;
	l->term++;
}

static void play(__u64 seed, __u32 loss, bool changes, struct lab *l)
{
	__u64 comes[MEMBERS], next = 1;

	*l = (struct lab){ .state = seed, .seed = seed, .loss = loss };
	change_leader(l, (__u32)rand_below(&l->state, MEMBERS));
	l->rate = rand_below(&l->state, 4);
	for (__u32 i = 0; i < MEMBERS; i++)
		comes[i] = rand_below(&l->state, 400);
	for (l->now = 1; l->now < 2500; l->now++) {
		__u64 some = l->rate ? l->rate : !rand_below(&l->state, 50);

		for (__u32 i = 0; i < MEMBERS; i++)
			if (l->now >= comes[i])
				get(l, i);
		deliver_messages(l);
		if (!(l->now % 5))
			run_agents(l);
		if (changes && !rand_below(&l->state, 300))
			change_leader(l, (__u32)rand_below(&l->state, MEMBERS));
		for (; some && next < NUMBERS; some--)
			arrive(l, next++, true);
		for (int k = 0; k < 3 && next > 1; k++)
			arrive(l, 1 + rand_below(&l->state, next - 1), false);
		/* All at once, by who has recorded everything. */
		for (__u64 old = 1; !(l->now % 250) && old < next; old++)
			arrive(l, old, false);
	}
}

Test(promote, nothing_is_lost_where_messages_come)
{
	static struct lab l;

	for (__u64 seed = 1; seed <= 100; seed++) {
		play(seed, 0, false, &l);
		cr_assert_eq(l.lost, 0, "seed %llu: %llu of %llu lost", seed, l.lost, l.owed);
		/* A slow one may not have come up to its number. */
		for (__u32 i = 0; i < MEMBERS && l.rate; i++)
			cr_assert_eq(l.node[i].p.state, PROMOTE_DONE, "seed %llu: member %u", seed, i);
	}
}

Test(promote, nothing_is_taken_twice_whoever_leads_and_hears)
{
	static struct lab l;
	__u64 done = 0;

	for (__u64 seed = 1; seed <= 300; seed++) {
		play(seed, 30, true, &l);
		for (__u32 i = 0; i < MEMBERS; i++)
			done += l.node[i].p.state == PROMOTE_DONE;
	}
	cr_expect(done > 300, "and it ends: %llu of 900", done);
}
