// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Planned changes, leaving, promises, taken ids, and every reason there is. */
#include <criterion/criterion.h>
#include <string.h>

#include <agent/slots.h>

#include "cluster_lab.h"
#include "rand.h"

#define SECOND (1000 * MS)

static void leave(struct lab *l, int i)
{
	l->m[i].local.leaving = true;
	lab_poke(l, i);
}

Test(agent_cluster_changes, member_leaves)
{
	for (int majority = 0; majority < 2; majority++) {
		struct lab *l = lab_settled(3, majority, 1);

		leave(l, 2);
		cr_expect_lt(lab_until(l, lab_left, 2, SECOND), 10 * MS);
		cr_expect_eq(l->m[2].deadline, 0);
		cr_expect_eq(cluster_why_not_forwarding(&l->m[2].c, lab_clock(l, 2)), SERVE_LEFT);
		lab_kill(l, 2);
		lab_run(l, 300 * MS);
		cr_expect_eq(l->uncovered_ns, 0, "%llu us", l->uncovered_ns / 1000);
		cr_expect_eq(l->m[0].ended, 0);
		lab_finished(l);
	}
}

Test(agent_cluster_changes, leader_leaves)
{
	for (int majority = 0; majority < 2; majority++)
		for (__u64 seed = 1; seed < 30; seed++) {
			struct lab *l = lab_settled(3, majority, seed);

			lab_run(l, seed * MS);
			leave(l, 0);
			cr_expect_lt(lab_until(l, lab_left, 0, SECOND), 10 * MS);
			lab_kill(l, 0);
			cr_expect_lt(lab_until(l, lab_has_leader, 0, SECOND), 10 * MS);
			lab_run(l, 300 * MS);
			cr_expect(lab_has_leader(l, 0));
			cr_expect_eq(l->uncovered_ns, 0, "%llu us", l->uncovered_ns / 1000);
			lab_finished(l);
		}
}

/* Whoever is elected then takes no slots from the other one, which still forwards. */
Test(agent_cluster_changes, leader_and_another_leave)
{
	for (int majority = 0; majority < 2; majority++)
		for (int count = 3; count < 6; count++)
			for (__u64 after = 0; after < 40; after++) {
				struct lab *l = lab_settled(count, majority, after + 1);

				l->delay = MS / 20;
				l->jitter = 0;
				lab_run(l, after * MS);
				leave(l, 0);
				lab_run(l, after * MS / 8 + 1);
				leave(l, count - 1);
				lab_run(l, 400 * MS);
				cr_expect(lab_left(l, 0) && lab_left(l, count - 1), "%d members, %llu", count, after);
				lab_finished(l);
			}
}

Test(agent_cluster_changes, last_leaves)
{
	struct lab *l = lab_settled(3, false, 4);

	for (int i = 0; i < 3; i++)
		leave(l, i);
	lab_until(l, lab_left, 1, SECOND);
	lab_until(l, lab_left, 2, SECOND);
	lab_kill(l, 1);
	lab_kill(l, 2);
	cr_expect_lt(lab_until(l, lab_left, 0, SECOND), 200 * MS);
	lab_finished(l);
}

static bool in_phase(struct lab *l, int phase)
{
	return l->m[0].plan.phase == (enum plan_phase)phase;
}

/* Member 3 joins, but the edges of member 2 are slow, so that the plan stops in a phase. */
static struct lab *stopped_in(enum plan_phase phase, __u64 seed)
{
	struct lab *l = lab_new(4, true, seed);

	for (int i = 0; i < 3; i++)
		lab_boot(l, i);
	lab_until(l, lab_all_in, 0, 2 * SECOND);
	lab_run(l, 700 * MS);
	cr_assert(lab_covered(l, 0));
	l->uncovered_ns = l->uncovered_since = 0;
	l->m[2].slow = phase == PLAN_PREPARE;
	lab_boot(l, 3);
	lab_until(l, in_phase, phase, SECOND);
	l->m[2].slow = true;
	lab_run(l, 300 * MS);
	cr_assert(in_phase(l, phase));
	return l;
}

Test(agent_cluster_changes, phases)
{
	struct lab *l = stopped_in(PLAN_PREPARE, 1);

	/* While they prepare nothing has moved. */
	cr_expect(!lab_in(l, 3));
	cr_expect_eq(cluster_why_not_forwarding(&l->m[3].c, lab_clock(l, 3)), SERVE_JOINING);
	lab_finished(l);
	l = stopped_in(PLAN_SWITCH, 1);
	cr_expect_eq(l->m[3].plan.phase, PLAN_SWITCH);
	cr_expect(lab_forwards(l, 3), "it serves what comes from the switch on");
	cr_expect(!lab_in(l, 3));
	l->m[2].slow = false;
	l->m[2].local.phase = PLAN_SWITCH;
	l->m[2].local.phase_epoch = l->m[2].plan.next.stamp.epoch;
	lab_poke(l, 2);
	cr_expect_lt(lab_until(l, lab_all_in, 0, SECOND), 5 * MS);
	lab_run(l, 100 * MS);
	cr_expect_eq(l->uncovered_ns, 0);
	lab_finished(l);
}

/* Its clock leaps: it forgets what it prepared, and is heard again before it counts as dead. */
Test(agent_cluster_changes, resigned_on_the_way)
{
	for (int phase = PLAN_PREPARE; phase <= PLAN_SWITCH; phase++) {
		struct lab *l = stopped_in(phase, 5);

		l->m[1].offset += 61 * MS;
		lab_run(l, 10 * MS);
		cr_expect(!(l->m[0].table.members & 2), "phase %d: it holds the table without the plan", phase);
		cr_expect(!(l->m[0].plan.phase != PLAN_NONE && l->m[0].plan.next.members & 2));
		l->m[2].slow = false;
		l->m[2].local.phase = l->m[2].plan.phase;
		l->m[2].local.phase_epoch = l->m[2].plan.next.stamp.epoch;
		lab_poke(l, 2);
		lab_run(l, 300 * MS);
		cr_expect(lab_all_in(l, 0), "phase %d: by a plan of its own", phase);
		lab_finished(l);
	}
}

/* The one that is to join does, and says so to nobody at first: the others switch without it. */
Test(agent_cluster_changes, joiner_resigned_on_the_way)
{
	for (int unheard = 0; unheard < 2; unheard++) {
		struct lab *l = stopped_in(PLAN_SWITCH, 5);

		for (int i = 0; i < 3; i++)
			lab_cut(l, 3, i, unheard);
		l->m[3].offset += 61 * MS;
		lab_run(l, 5 * MS);
		for (int i = 0; i < 3; i++)
			lab_cut(l, 3, i, false);
		lab_run(l, 30 * MS);
		cr_expect_neq(l->m[0].plan.phase, PLAN_SWITCH, "%d: it cannot switch to what it has forgotten", unheard);
		l->m[2].slow = false;
		l->m[2].local.phase = l->m[2].plan.phase;
		l->m[2].local.phase_epoch = l->m[2].plan.next.stamp.epoch;
		lab_poke(l, 2);
		lab_run(l, 300 * MS);
		cr_expect(lab_all_in(l, 0), "%d: by a plan of its own", unheard);
		lab_finished(l);
	}
}

Test(agent_cluster_changes, death_on_the_way)
{
	for (int phase = PLAN_PREPARE; phase <= PLAN_SWITCH; phase++)
		for (int victim = 0; victim < 4; victim++) {
			struct lab *l = stopped_in(phase, victim + 1);

			lab_kill(l, victim);
			lab_run(l, 5 * MS);
			l->m[2].slow = false;
			lab_run(l, 400 * MS);
			for (int i = 0; i < 4; i++) {
				struct cluster_local *local = &l->m[i].local;

				local->phase = l->m[i].plan.phase;
				local->phase_epoch = local->phase ? l->m[i].plan.next.stamp.epoch : 0;
				if (i != victim)
					lab_poke(l, i);
			}
			lab_run(l, 400 * MS);
			cr_expect(lab_all_in(l, 0) && lab_covered(l, 0), "phase %d victim %d", phase, victim);
			cr_expect_lt(l->uncovered_ns, 75 * MS, "phase %d victim %d: %llu us", phase, victim,
				     l->uncovered_ns / 1000);
			lab_finished(l);
		}
}

Test(agent_cluster_changes, link_lost)
{
	for (int victim = 0; victim < 2; victim++) {
		struct lab *l = lab_settled(3, true, 9);

		l->m[victim].local.ready = false;
		lab_poke(l, victim);
		cr_expect_eq(l->m[victim].deadline, 0);
		cr_expect_eq(cluster_why_not_forwarding(&l->m[victim].c, lab_clock(l, victim)), SERVE_NOT_READY);
		cr_expect_eq(cluster_why_not_leading(&l->m[victim].c, lab_clock(l, victim)), LEAD_NOT_READY);
		lab_run(l, 10 * MS);
		cr_expect(lab_covered(l, 0), "victim %d", victim);
		l->m[victim].local.ready = true;
		lab_poke(l, victim);
		cr_expect_lt(lab_until(l, lab_all_in, 0, SECOND), 10 * MS);
		lab_finished(l);
	}
}

Test(agent_cluster_changes, promise)
{
	struct lab *l = lab_settled(3, true, 2);
	struct cluster_actions a;
	struct heartbeat h;
	struct cluster *c = &l->m[1].c;

	/* Member 2 asks, but member 1 still hears its leader. */
	cluster_fill(&l->m[2].c, lab_clock(l, 2), &h);
	h.leader = ESL_NO_MEMBER;
	h.leading = h.has_table = false;
	h.term = 0;
	h.vote = (struct vote){ .term = c->term + 10, .candidate = 2, .asked = true };
	for (int ms = 0; ms < 59; ms++) {
		h.sent_ns += MS;
		cluster_heard(c, &h, c->promise_ns - 60 * MS + (__u64)ms * MS < c->now_ns ? c->now_ns : c->promise_ns - 60 * MS + (__u64)ms * MS, &a);
		cr_assert_neq(c->vote.candidate, 2);
		cr_assert_eq(c->leader, 0);
	}
	h.sent_ns += 2 * MS;
	cluster_heard(c, &h, c->promise_ns, &a);
	cr_expect_eq(c->vote.candidate, 2);
	cr_expect(a.send);
	cr_expect_eq(c->promised, 2);
	/* One vote a term, and none for another while the promise holds. */
	cluster_fill(&l->m[0].c, lab_clock(l, 0), &h);
	h.leader = ESL_NO_MEMBER;
	h.leading = h.has_table = false;
	h.term = 0;
	h.sent_ns += SECOND;
	h.vote = (struct vote){ .term = c->vote.term + 1, .candidate = 0, .asked = true };
	cluster_heard(c, &h, c->now_ns + MS, &a);
	cr_expect_eq(c->vote.candidate, 2);
	lab_free(l);
}

static bool has_given_vote(struct lab *l, int i)
{
	const struct cluster *c = &l->m[i].c;

	return c->vote.term && c->vote.candidate != c->config.id && c->promised == c->vote.candidate &&
	       c->role == ROLE_FOLLOWER;
}

Test(agent_cluster_changes, mute_at_start)
{
	struct lab *l = lab_new(3, true, 2);

	lab_boot(l, 0);
	lab_run(l, 100 * MS);
	lab_boot(l, 1);
	cr_expect_geq(lab_until(l, has_given_vote, 1, SECOND), 59 * MS, "it may have promised otherwise");
	cr_expect(has_given_vote(l, 1) || l->m[1].c.leader == 0);
	lab_finished(l);
}

Test(agent_cluster_changes, frozen_sends_nothing_stale)
{
	struct lab *l = lab_settled(3, true, 8);
	struct cluster_actions a;
	struct heartbeat h;
	struct cluster *c = &l->m[0].c;

	/* Between the timer and the sending a second went by. */
	cluster_fill(c, lab_clock(l, 0) + SECOND, &h);
	cr_expect(!h.leading && !h.forwarding && !h.held.term);
	for (int i = 0; i < ESL_MEMBERS_MAX; i++)
		cr_expect_eq(h.echo[i].sent_ns, 0);
	cr_expect_eq(cluster_deadline_ns(c), 0);
	cluster_tick(c, &l->m[0].local, c->now_ns + 1, &a);
	cr_expect(a.lead_ended && a.publish);
	lab_free(l);
}

Test(agent_cluster_changes, id_taken)
{
	struct lab *l = lab_settled(3, true, 3);
	const struct cluster *second;

	/* The place behind the last is a second machine with member 1's id. */
	l->m[3].config = l->m[1].config;
	lab_boot(l, 3);
	lab_run(l, 500 * MS);
	second = &l->m[3].c;
	cr_expect_eq(cluster_why_not_forwarding(second, lab_clock(l, 3)), SERVE_ID_TAKEN);
	cr_expect_eq(cluster_why_not_leading(second, lab_clock(l, 3)), LEAD_ID_TAKEN);
	cr_expect(!lab_forwards(l, 3));
	cr_expect(l->m[0].c.intruders > 0 && l->m[1].c.intruders > 0);
	for (int i = 0; i < 3; i++)
		cr_expect(lab_in(l, i));
	cr_expect_eq(l->m[0].ended, 0);
	/* When the first holder goes, the second one may have the id. */
	lab_kill(l, 1);
	lab_run(l, 500 * MS);
	cr_expect(lab_in(l, 3));
	lab_finished(l);
}

Test(agent_cluster_changes, both_new_with_one_id)
{
	struct lab *l = lab_new(3, true, 3);

	l->m[3].config = l->m[1].config;
	for (int i = 0; i < 4; i++)
		lab_boot(l, i);
	lab_run(l, SECOND);
	cr_expect(lab_in(l, 0) && lab_in(l, 2));
	cr_expect_eq(lab_in(l, 1) + lab_in(l, 3), 1);
	lab_finished(l);
}

/* Which reasons were seen, over lives with every kind of trouble. */
static void look(struct lab *l, bool leads[LEAD_COUNT], bool serves[SERVE_COUNT])
{
	for (int i = 0; i <= l->count; i++)
		if (l->m[i].running) {
			leads[cluster_why_not_leading(&l->m[i].c, lab_clock(l, i))] = true;
			serves[cluster_why_not_forwarding(&l->m[i].c, lab_clock(l, i))] = true;
		}
}

Test(agent_cluster_changes, reasons)
{
	bool leads[LEAD_COUNT] = {}, serves[SERVE_COUNT] = {};
	__u64 random = 99;

	for (int life = 0; life < 30; life++) {
		struct lab *l = lab_new(3, life % 2, (__u64)life + 1);

		l->m[2].config.weight[0] = l->m[1].config.weight[0] = l->m[0].config.weight[0] = 1;
		for (int i = 0; i < 3; i++)
			for (int k = 0; k < (life % 3 ? 3 : 2); k++)
				l->m[i].config.weight[k] = 1;
		l->m[3].config = l->m[1].config;
		for (int n = 0; n < 60; n++) {
			int i = (int)rand_below(&random, 4), k = (int)rand_below(&random, 4);

			switch (rand_below(&random, 8)) {
			case 0: l->m[i].running ? lab_kill(l, i) : lab_boot(l, i); break;
			case 1: lab_cut(l, i, k, !l->cut[i][k]); break;
			case 2: l->m[i].local.ready = !l->m[i].local.ready; break;
			case 3: l->m[i].local.leaving = !l->m[i].local.leaving; break;
			case 4: lab_freeze(l, i, rand_below(&random, 200) * MS); break;
			case 5: l->m[i].local.blind = !l->m[i].local.blind; break;
			default: i != 3 && !l->m[i].running ? lab_boot(l, i) : (void)0; break;
			}
			for (int ms = 0; ms < 60; ms++) {
				lab_run(l, MS / 4 + rand_below(&random, MS));
				look(l, leads, serves);
			}
		}
		/* Only without a quorum may a cut leave a slot with two owners. */
		cr_expect(life % 2 == 0 || !l->doubled, "life %d: %s", life, l->first);
		lab_free(l);
	}
	for (int i = 0; i < LEAD_COUNT; i++)
		cr_expect(leads[i], "never %s", lead_name(i));
	for (int i = 0; i < SERVE_COUNT; i++)
		cr_expect(serves[i], "never %s", serve_name(i));
}
