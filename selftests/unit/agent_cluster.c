// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Members find each other, elect a leader, and survive each other. */
#include <criterion/criterion.h>

#include <string.h>

#include "cluster_lab.h"
#include "rand.h"

#define SECOND (1000 * MS)

Test(agent_cluster, election)
{
	static const int counts[] = { 1, 2, 3, 5, 8, 64 };

	for (size_t n = 0; n < sizeof(counts) / sizeof(counts[0]); n++)
		for (int majority = 0; majority < 2; majority++) {
			struct lab *l = lab_new(counts[n], majority, n + 1);
			__u64 took;

			lab_boot_all(l);
			took = lab_until(l, lab_all_in, 0, 2 * SECOND);
			cr_expect_lt(took, 300 * MS, "%d members: %llu us", counts[n], took / 1000);
			cr_expect(lab_has_leader(l, 0));
			/* The first to start has no majority of 64 before its patience ends. */
			if (counts[n] <= 8)
				cr_expect_eq(lab_leader(l), 0, "%d members: leader %d", counts[n], lab_leader(l));
			lab_run(l, SECOND / 2);
			for (int i = 0; i < counts[n]; i++)
				cr_expect_leq(l->m[i].began, i == lab_leader(l));
			lab_finished(l);
		}
}

Test(agent_cluster, steady)
{
	struct lab *l = lab_settled(3, true, 5);
	__u32 publishes = l->m[1].publishes, sent = l->m[1].sent;

	lab_run(l, 10 * SECOND);
	cr_expect_eq(l->m[1].publishes, publishes);
	cr_expect_eq(l->uncovered_ns, 0, "%llu us", l->uncovered_ns / 1000);
	cr_expect_leq(l->m[1].sent - sent, 700);
	lab_finished(l);
}

/* The leader's heartbeat is there before a member's own is due: to answer it, it wakes up once. */
Test(agent_cluster, answers)
{
	struct lab *l = lab_settled(3, true, 6);
	int member = !lab_leader(l);
	__u32 woken = l->m[member].woken, sent = l->m[member].sent;

	l->jitter = MS / 4;
	lab_run(l, 10 * SECOND);
	cr_expect_geq(l->m[member].sent - sent, 500);
	cr_expect_leq(l->m[member].woken - woken, 10, "%u", l->m[member].woken - woken);
	lab_finished(l);
}

/* A leader that ran late is answered at once, not when the others' own are due. */
Test(agent_cluster, late_leader)
{
	for (__u64 phase = 0; phase < 40; phase++) {
		struct lab *l = lab_settled(3, false, 3);

		lab_run(l, phase * MS / 2);
		l->uncovered_ns = 0;
		lab_freeze(l, lab_leader(l), 26 * MS);
		lab_run(l, 200 * MS);
		cr_expect_lt(l->uncovered_ns, 6 * MS, "phase %llu: %llu us", phase, l->uncovered_ns / 1000);
		lab_finished(l);
	}
}

/* Kill who, at many phases of the heartbeat; all slots must be served again in time. */
static void kill_one(bool majority, bool leader, int count)
{
	for (__u64 seed = 1; seed < 40; seed++) {
		struct lab *l = lab_settled(count, majority, seed);
		int victim = leader ? lab_leader(l) : 1;
		__u64 took;

		lab_run(l, seed * MS);
		lab_kill(l, victim);
		lab_until(l, lab_out, victim, SECOND);
		lab_until(l, lab_covered, 0, SECOND);
		cr_expect(lab_covered(l, 0));
		lab_run(l, 2 * MS);
		cr_expect_lt(l->uncovered_ns, 70 * MS, "seed %llu: %llu us", seed, l->uncovered_ns / 1000);
		cr_expect(lab_has_leader(l, 0), "seed %llu", seed);
		/* It comes back. */
		lab_run(l, 200 * MS);
		l->uncovered_ns = 0;
		lab_boot(l, victim);
		took = lab_until(l, lab_all_in, 0, SECOND);
		cr_expect_lt(took, 200 * MS, "seed %llu: %llu us", seed, took / 1000);
		lab_run(l, 100 * MS);
		cr_expect_eq(l->uncovered_ns, 0, "joining cost %llu us", l->uncovered_ns / 1000);
		lab_finished(l);
	}
}

Test(agent_cluster, kill_leader_majority)
{
	kill_one(true, true, 3);
	kill_one(true, true, 5);
}

Test(agent_cluster, kill_leader_none)
{
	kill_one(false, true, 2);
	kill_one(false, true, 3);
}

Test(agent_cluster, kill_member_majority)
{
	kill_one(true, false, 3);
}

Test(agent_cluster, kill_member_none)
{
	kill_one(false, false, 2);
	kill_one(false, false, 5);
}

Test(agent_cluster, double_death)
{
	for (__u64 seed = 1; seed < 10; seed++) {
		struct lab *l = lab_settled(5, true, seed);

		lab_kill(l, 0);
		lab_run(l, seed * MS);
		lab_kill(l, 3);
		lab_run(l, 300 * MS);
		cr_expect(lab_covered(l, 0) && lab_has_leader(l, 0));
		/* The new leader cannot know how long the lease of the other one runs. */
		cr_expect_lt(l->uncovered_ns, 130 * MS, "%llu us", l->uncovered_ns / 1000);
		lab_finished(l);
	}
}

/* from does not reach to, one of which is the leader, id 0. */
static void one_way(bool majority, int from, int to, int count)
{
	struct lab *l = lab_settled(count, majority, 7);
	int out = from || count == 2 ? from : to;

	lab_cut(l, from, to, true);
	cr_expect_lt(lab_until(l, lab_out, out, SECOND), 95 * MS, "%d -> %d of %d", from, to, count);
	lab_run(l, 500 * MS);
	cr_expect(lab_covered(l, 0), "%d -> %d of %d", from, to, count);
	if (from)
		cr_expect_eq(cluster_why_not_forwarding(&l->m[from].c, lab_clock(l, from)), SERVE_UNHEARD);
	cr_expect_eq(l->m[0].ended, count == 2 && from == 0, "the leader was deposed");
	cr_expect_lt(l->uncovered_ns, 95 * MS, "%llu us", l->uncovered_ns / 1000);
	lab_cut(l, from, to, false);
	lab_run(l, 300 * MS);
	cr_expect(lab_all_in(l, 0) && lab_has_leader(l, 0), "%d -> %d of %d", from, to, count);
	lab_finished(l);
}

Test(agent_cluster, one_way)
{
	for (int majority = 0; majority < 2; majority++) {
		one_way(majority, 0, 2, 3);
		one_way(majority, 2, 0, 3);
	}
	/* Of two, the one that hears nobody goes on, and the other one hears that. */
	one_way(false, 0, 1, 2);
	one_way(false, 1, 0, 2);
}

/* Its NICs send, and receive neither heartbeats nor packets: the others go on without it. */
Test(agent_cluster, receives_nothing)
{
	for (int count = 2; count < 5; count++)
		for (int deaf = 0; deaf < count; deaf++) {
			struct lab *l = lab_settled(count, false, 3);
			int other = !deaf;

			for (int i = 0; i < count; i++)
				lab_cut(l, i, deaf, true);
			l->m[deaf].local.blind = true;
			lab_poke(l, deaf);
			lab_run(l, 200 * MS);
			for (int ms = 0; ms < 500; ms++) {
				lab_run(l, MS);
				cr_expect(lab_in(l, other), "%d of %d, %d ms", deaf, count, ms);
				cr_expect(!lab_forwards(l, deaf), "%d of %d, %d ms", deaf, count, ms);
			}
			cr_expect_eq(cluster_why_not_leading(&l->m[deaf].c, lab_clock(l, deaf)), LEAD_BLIND);
			/* One that is left alone goes on when a frame comes. */
			for (int i = 0; i < count; i++)
				if (i != deaf)
					lab_kill(l, i);
			lab_run(l, 100 * MS);
			l->m[deaf].local.blind = false;
			lab_poke(l, deaf);
			lab_run(l, 200 * MS);
			cr_expect(lab_in(l, deaf), "%d of %d", deaf, count);
			lab_finished(l);
		}
}

static void split(struct lab *l, __u64 side, bool cut)
{
	for (int a = 0; a < l->count; a++)
		for (int b = 0; b < l->count; b++)
			if ((side >> a & 1) != (side >> b & 1))
				lab_cut(l, a, b, cut);
}

Test(agent_cluster, split_majority)
{
	for (__u64 side = 1; side < 31; side++) {
		struct lab *l = lab_settled(5, true, side);

		split(l, side, true);
		lab_run(l, 400 * MS);
		for (int i = 0; i < 5; i++) {
			__u64 mine = side >> i & 1 ? side : ~side & 31;

			cr_expect_eq(lab_in(l, i), __builtin_popcountll(mine) > 2);
			if (!lab_in(l, i))
				cr_expect_eq(cluster_why_not_leading(&l->m[i].c, lab_clock(l, i)), LEAD_NO_QUORUM);
		}
		cr_expect_lt(l->uncovered_ns, 130 * MS, "%llu us", l->uncovered_ns / 1000);
		split(l, side, false);
		lab_run(l, 400 * MS);
		cr_expect(lab_all_in(l, 0) && lab_has_leader(l, 0));
		lab_finished(l);
	}
}

/* Do both forward a slot, each by the table of another leader? */
static bool share_a_slot(const struct lab *l, int i, int k)
{
	const struct slot_table *a = &l->m[i].table, *b = &l->m[k].table;
	bool both = false;

	for (int s = 0; s < ESL_SLOTS; s++)
		both |= a->slot[s] == i && b->slot[s] == k;
	return both && a->stamp.leader != b->stamp.leader && lab_forwards(l, i) && lab_forwards(l, k);
}

/*
 * Two parts meet, and while one leader gives way a member of its part is frozen:
 * none of those that it heard may take what it still forwards.
 */
Test(agent_cluster, leases_of_the_other_part)
{
	for (__u64 seed = 1; seed < 14; seed++) {
		struct lab *l = lab_settled(4, false, seed);
		bool met = false;

		lab_run(l, seed * MS);
		split(l, 1 << 3, true);
		lab_run(l, 300 * MS);
		lab_freeze(l, 2, 55 * MS);
		split(l, 1 << 3, false);
		for (int ms = 0; ms < 60; ms++) {
			lab_run(l, MS);
			met |= l->m[0].table.stamp.leader == 3 && l->m[2].table.stamp.leader == 0 && lab_forwards(l, 2);
			cr_expect(!share_a_slot(l, 0, 2) && !share_a_slot(l, 1, 2), "seed %llu, %d ms", seed, ms);
		}
		cr_expect(met, "seed %llu: the frozen one was to forward still", seed);
		lab_run(l, 200 * MS);
		cr_expect(lab_all_in(l, 0), "seed %llu", seed);
		lab_free(l);
	}
}

struct chain_row {
	const char *name;
	int count;
	__u64 part;	/* the other ones are the second part */
	int from, to;	/* hear each other again, of different parts */
};

/*
 * Two parts meet in two members only, and their leaders do not hear each other: those two, and
 * whoever else hears one of the other view, are in one view, or forward nothing.
 */
Test(agent_cluster, parts_meet_but_not_their_leaders)
{
	static const struct chain_row rows[] = {
		{ "a member between two leaders", 3, 1 << 0 | 1 << 1, 1, 2 },
		{ "a leader and a member", 4, 1 << 0 | 1 << 1, 1, 2 },
		{ "two members", 4, 1 << 0 | 1 << 1, 1, 3 },
	};

	for (size_t n = 0; n < sizeof(rows) / sizeof(rows[0]); n++)
		for (__u64 seed = 1; seed < 20; seed++) {
			const struct chain_row *r = &rows[n];
			struct lab *l = lab_settled(r->count, false, seed);

			lab_run(l, seed * MS);
			split(l, r->part, true);
			lab_run(l, 400 * MS);
			lab_cut(l, r->from, r->to, false);
			lab_cut(l, r->to, r->from, false);
			lab_run(l, 250 * MS);
			for (int ms = 0; ms < 300; ms++) {
				lab_run(l, MS);
				for (int i = 0; i < r->count; i++)
					for (int k = 0; k < r->count; k++)
						cr_expect(l->cut[i][k] || !share_a_slot(l, i, k),
							  "%s, seed %llu: %d and %d", r->name, seed, i, k);
			}
			cr_expect(lab_covered(l, 0), "%s, seed %llu", r->name, seed);
			split(l, r->part, false);
			lab_run(l, 500 * MS);
			cr_expect(lab_all_in(l, 0) && lab_has_leader(l, 0), "%s, seed %llu", r->name, seed);
			l->doubled = 0;
			lab_run(l, SECOND);
			lab_finished(l);
		}
}

Test(agent_cluster, split_none)
{
	for (__u64 side = 1; side < 15; side++) {
		struct lab *l = lab_settled(4, false, side);

		split(l, side, true);
		lab_run(l, 50 * MS);
		cr_expect_eq(l->doubled, 0, "%s", l->first);
		lab_run(l, 400 * MS);
		cr_expect(lab_all_in(l, 0));
		cr_expect_eq(lab_leader(l), LAB_NONE);
		split(l, side, false);
		lab_run(l, 400 * MS);
		cr_expect(lab_all_in(l, 0) && lab_has_leader(l, 0), "side %llx", side);
		cr_expect_lt(l->uncovered_ns, 130 * MS, "%llu us", l->uncovered_ns / 1000);
		l->doubled = 0;
		lab_run(l, SECOND);
		lab_finished(l);
	}
}

Test(agent_cluster, loss)
{
	struct lab *l = lab_new(5, true, 3);

	l->loss = 20;
	l->copies = 3;
	l->jitter = 2 * MS;
	lab_boot_all(l);
	lab_run(l, SECOND);
	cr_expect(lab_all_in(l, 0));
	l->uncovered_ns = 0;
	lab_run(l, 20 * SECOND);
	cr_expect_eq(l->uncovered_ns, 0, "%llu us", l->uncovered_ns / 1000);
	/* Bad enough that members are taken for dead. */
	l->loss = 900;
	lab_run(l, 20 * SECOND);
	l->loss = 0;
	lab_run(l, SECOND);
	cr_expect(lab_all_in(l, 0) && lab_has_leader(l, 0));
	lab_finished(l);
}

Test(agent_cluster, freeze)
{
	for (int victim = 0; victim < 2; victim++)
		for (__u64 ms = 10; ms < 1000; ms = ms * 5 / 4 + 1) {
			struct lab *l = lab_settled(3, true, ms);

			lab_freeze(l, victim, ms * MS);
			lab_run(l, (ms + 400) * MS);
			cr_expect(lab_all_in(l, 0) && lab_has_leader(l, 0), "%llu ms", ms);
			cr_expect_lt(l->uncovered_ns, 90 * MS, "%llu ms: %llu us", ms, l->uncovered_ns / 1000);
			lab_finished(l);
		}
}

/* Lives with every kind of trouble; when it ends, all is well again in time. */
Test(agent_cluster, trouble)
{
	for (__u64 seed = 1; seed <= 150; seed++) {
		int count = 3 + seed % 3;
		struct lab *l = lab_new(count, true, seed);
		__u64 random = seed;

		l->jitter = seed % 4 * MS;
		lab_boot_all(l);
		for (int n = 0; n < 60; n++) {
			int i = (int)rand_below(&random, (__u32)count), k = (int)rand_below(&random, (__u32)count);

			switch (rand_below(&random, 7)) {
			case 0:
				if (l->m[i].running) {
					lab_kill(l, i);
					break;
				}
				/* fallthrough */
			case 1:
				if (!l->m[i].running && !lab_forwards(l, i))
					lab_boot(l, i);
				break;
			case 2:
				lab_cut(l, i, k, !l->cut[i][k]);
				break;
			case 3:
				lab_freeze(l, i, rand_below(&random, 150) * MS);
				break;
			case 4:
				l->m[i].local.ready = rand_below(&random, 4);
				break;
			case 5:
				l->loss = rand_below(&random, 4) * 150;
				break;
			default:
				l->m[i].local.leaving = !rand_below(&random, 4);
			}
			lab_run(l, rand_below(&random, 100) * MS);
		}
		l->loss = 0;
		memset(l->cut, 0, sizeof(l->cut));
		for (int i = 0; i < count; i++) {
			l->m[i].local.ready = true;
			l->m[i].local.leaving = false;
			if (!l->m[i].running)
				lab_boot(l, i);
			else if (l->m[i].frozen_until <= l->now)
				lab_poke(l, i);
		}
		lab_run(l, SECOND);
		cr_expect(lab_all_in(l, 0) && lab_has_leader(l, 0) && lab_covered(l, 0), "seed %llu", seed);
		cr_expect_eq(l->doubled, 0, "seed %llu: %s", seed, l->first);
		lab_free(l);
	}
}
