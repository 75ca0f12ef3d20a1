// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Members find each other, elect a leader, and survive each other. */
#include <criterion/criterion.h>

#include "cluster_lab.h"

#define SECOND (1000 * MS)

static struct lab *settled(int count, bool majority, __u64 seed)
{
	struct lab *l = lab_new(count, majority, seed);

	lab_boot_all(l);
	cr_assert_lt(lab_until(l, lab_all_in, 0, 2 * SECOND), 2 * SECOND, "%d members never all in", count);
	lab_run(l, SECOND / 5);
	cr_assert(lab_has_leader(l, 0));
	cr_assert(lab_covered(l, 0));
	l->uncovered_ns = l->uncovered_since = 0;
	return l;
}

static void finished(struct lab *l)
{
	cr_expect_eq(l->doubled, 0, "two owners: %s", l->first);
	lab_free(l);
}

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
			cr_expect_eq(lab_leader(l), 0, "%d members: leader %d", counts[n], lab_leader(l));
			lab_run(l, SECOND / 2);
			cr_expect_eq(l->m[0].began, 1);
			finished(l);
		}
}

Test(agent_cluster, steady)
{
	struct lab *l = settled(3, true, 5);
	__u32 publishes = l->m[1].publishes, sent = l->m[1].sent;

	lab_run(l, 10 * SECOND);
	cr_expect_eq(l->m[1].publishes, publishes);
	cr_expect_eq(l->uncovered_ns, 0, "%llu us", l->uncovered_ns / 1000);
	cr_expect_leq(l->m[1].sent - sent, 700);
	finished(l);
}

/* Kill who, at many phases of the heartbeat; all slots must be served again in time. */
static void kill_one(bool majority, bool leader, int count)
{
	for (__u64 seed = 1; seed < 40; seed++) {
		struct lab *l = settled(count, majority, seed);
		int victim = leader ? lab_leader(l) : 1;
		__u64 took;

		lab_run(l, seed * MS);
		lab_kill(l, victim);
		lab_until(l, lab_out, victim, SECOND);
		took = lab_until(l, lab_covered, 0, SECOND);
		cr_expect(lab_covered(l, 0));
		lab_run(l, 2 * MS);
		cr_expect_lt(l->uncovered_ns, 70 * MS, "seed %llu: %llu us", seed, l->uncovered_ns / 1000);
		cr_expect(lab_has_leader(l, 0), "seed %llu", seed);
		(void)took;
		/* and it comes back */
		lab_run(l, 200 * MS);
		l->uncovered_ns = 0;
		lab_boot(l, victim);
		took = lab_until(l, lab_all_in, 0, SECOND);
		cr_expect_lt(took, 200 * MS, "seed %llu: %llu us", seed, took / 1000);
		lab_run(l, 100 * MS);
		cr_expect_eq(l->uncovered_ns, 0, "joining cost %llu us", l->uncovered_ns / 1000);
		finished(l);
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
