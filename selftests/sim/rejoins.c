// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Where a member begins on an SA of which it has no record, and how far it may
 * run ahead of what the others know: agent/rejoin.c, as agent/sadb_rejoin.c uses
 * it.  What members ask and answer there is told here with everything else.
 */
#include <string.h>

#include "sim.h"

#define FRESH_NS (100 * NS_PER_MS)

static struct rejoin_rule rule_of(const struct sim *s, const struct member *m)
{
	return (struct rejoin_rule){ .members = m->agent.cluster.config.members, .id = m->id, .majority = s->majority };
}

static __u64 living(const struct sim *s, const struct member *m, __u64 now)
{
	__u64 all = cluster_heard_members(&m->agent.cluster, now);

	for (__u32 i = 0; i < s->count; i++)
		if (m->agent.heard_ns[i] && now - m->agent.heard_ns[i] < FRESH_NS)
			all |= 1ULL << i;
	return all & ~(1ULL << m->id);
}

bool rejoins_may(struct sim *s, struct member *m, struct agent_sa *a, __u64 round)
{
	struct rejoin_rule rule = rule_of(s, m);

	if (a->rejoin.lapsed || round < a->rejoin.least)
		return false;
	if (round < rejoin_limit(&a->rejoin, &rule, &a->lanes.plan, true)) {
		a->held = false;
		return true;
	}
	m->agent.announce |= !a->held || round > a->held_round;
	a->held_round = a->held && a->held_round > round ? a->held_round : round;
	a->held = true;
	return false;
}

/* Of one that has a record: as agent/sadb_out.c's begin_anew(). */
static void anew(struct member *m, struct agent_sa *a, __u64 round)
{
	struct kernel_sa *k = kernel_sa(&m->kernel, a->sa - 1);
	__u64 first = esl_lane_first(&a->lanes.plan, round, m->id);

	if (k && k->recorded && first > k->guard.first)
		k->guard.first = first;
}

bool rejoins_begin(struct sim *s, struct member *m, struct agent_sa *a, __u64 least, __u64 now, __u64 *round)
{
	struct rejoin_rule rule = rule_of(s, m);
	bool held;

	if (a->held) {
		*round = a->held_round;
		return rejoin_is_acknowledged(&a->rejoin, &rule, a->held_round);
	}
	if (s->options->broken == BREAK_REJOIN) {
		*round = least;
		return true;
	}
	if (rejoin_begin(&a->rejoin, &rule, living(s, m, now), &a->lanes.plan, true, round, &held) != REJOIN_OPEN)
		return false;
	*round = *round > least ? *round : least;
	if (!held)
		return true;
	anew(m, a, *round);
	s->figures.rejoins++;
	trace(s, m->id, "SA %llu: begins again in round %llu", (__u64)a->sa - 1, *round);
	a->held = true;
	a->held_round = *round;
	m->agent.announce = true;
	return false;
}

void rejoins_recorded(struct sim *s, struct member *m, struct agent_sa *a, __u64 now)
{
	(void)s;
	rejoin_recorded(&a->rejoin, now);
	a->rejoin.lapsed = false;
	m->agent.announce = true;
}

static bool is_orphan(const struct sim *s, __u32 sa)
{
	for (__u32 i = 0; i < s->count; i++) {
		const struct kernel_sa *k = &s->member[i].kernel.sa[(sa - 1) % KERNEL_SAS];

		if (s->member[i].up && k->sa == sa && k->recorded)
			return false;
	}
	return true;
}

void rejoins_orphan(struct sim *s)
{
	for (__u32 i = 0; i < s->count; i++)
		for (int n = 0; n < KERNEL_SAS; n++) {
			struct kernel_sa *k = &s->member[i].kernel.sa[n];

			/* One that has just been made is recorded in a moment. */
			if (k->sa && !k->recorded && k->forgot && is_orphan(s, k->sa))
				memset(k, 0, sizeof(*k));
		}
}

static bool is_asking(const struct kernel_sa *k, const struct agent_sa *a)
{
	return (!k->recorded || a->rejoin.lapsed) && !a->held;
}

void rejoins_tell(struct sim *s, struct member *m, struct tidings *t)
{
	struct agent *own = &m->agent;
	__u64 now = clock_local(&m->clock, s->now), there = living(s, m, now);

	t->boot = own->cluster.boot;
	memcpy(t->life_of, own->kernel_state, sizeof(t->life_of));
	for (int n = 0; n < KERNEL_SAS; n++) {
		struct kernel_sa *k = &m->kernel.sa[n];
		struct agent_sa *a = &own->sa[n];

		if (!k->sa || a->sa != k->sa)
			continue;
		t->part[n].recorded = k->recorded;
		t->part[n].outlived = a->rejoin.outlived;
		t->part[n].refused = a->rejoin.refused;
		a->rejoin.refused = 0;
		memcpy(t->part[n].answers, a->question, sizeof(a->question));
		/* A round that it is not in any more, or not yet. */
		if (a->rejoin.lapsed || t->part[n].round < a->rejoin.least)
			t->part[n].started = false;
		if (is_asking(k, a)) {
			if (!a->rejoin.question)
				rejoin_ask(&a->rejoin);
			t->part[n].question = a->rejoin.question;
		}
		if (a->held) {
			t->part[n].started = true;
			t->part[n].round = a->held_round;
		}
		for (__u32 i = 0; i < s->count; i++) {
			struct rejoin_sa told = a->rejoin;
			struct rejoin_answer r = rejoin_answer(&told, i, k->recorded, own->life_ns[i], there);

			t->part[n].heard[i] = k->recorded ? r.heard : 0;
			t->part[n].complete |= (__u64)r.complete << i;
			t->part[n].young |= (__u64)r.young << i;
			t->part[n].sources |= r.sources;
		}
	}
}

/* Another life of a member, or an agent that started again. */
static void lives(struct member *m, __u32 from, const struct tidings *t, __u64 now)
{
	struct agent *own = &m->agent;
	bool other = own->kernel_state[from] && own->kernel_state[from] != t->kernel_state;

	for (int n = 0; n < KERNEL_SAS; n++) {
		struct agent_sa *a = &own->sa[n];

		if (own->boot[from] != t->boot) {
			rejoin_restarted(&a->rejoin, from);
			a->question[from] = 0;
		}
		if (other)
			rejoin_outlived(&a->rejoin, from, m->kernel.sa[n].recorded);
	}
	own->boot[from] = t->boot;
	if (other || !own->life_ns[from])
		own->life_ns[from] = now;
}

/* What it says of the rounds of this member. */
static void told(struct sim *s, struct member *m, struct agent_sa *a, struct kernel_sa *k, __u32 from,
		 const struct tidings *t, int n)
{
	struct rejoin_rule rule = rule_of(s, m);
	struct rejoin_answer r = {};
	bool knows = t->part[n].sa == k->sa;

	if (knows)
		r = (struct rejoin_answer){ .know = t->part[n].recorded,
					    .complete = t->part[n].complete >> m->id & 1,
					    .young = t->part[n].young >> m->id & 1,
					    .heard = t->part[n].heard[m->id],
					    .sources = t->part[n].sources };
	if (t->part[n].refused >> m->id & 1 && k->recorded && rejoin_disowned(&a->rejoin, a->held)) {
		trace(s, m->id, "SA %llu: another life was here", (__u64)a->sa - 1);
		a->held = false;
	} else if (is_asking(k, a)) {
		/* Who has not got the SA need not have heard the question. */
		if (!knows || (a->rejoin.question && t->part[n].answers[m->id] == a->rejoin.question))
			rejoin_answered(&a->rejoin, from, &r);
	} else if (r.know && !(t->part[n].outlived >> m->id & 1)) {
		rejoin_acknowledged(&a->rejoin, from, r.heard);
	}
	if (k->recorded && !a->rejoin.lapsed)
		k->guard.acked = rejoin_acked(&a->rejoin, &rule);
}

void rejoins_heard(struct sim *s, struct member *m, __u32 from, const struct tidings *t, __u64 now)
{
	struct agent *own = &m->agent;
	struct rejoin_rule rule = rule_of(s, m);

	lives(m, from, t, now);
	for (int n = 0; n < KERNEL_SAS; n++) {
		struct kernel_sa *k = &m->kernel.sa[n];
		struct agent_sa *a = &own->sa[n];

		if (!k->sa || a->sa != k->sa)
			continue;
		if (t->part[n].sa == k->sa) {
			if (t->part[n].started)
				rejoin_announced(&a->rejoin, from, t->part[n].round, k->recorded, true,
						 rejoin_allowance(&rule, &a->lanes.plan, true));
			if (t->part[n].question) {
				rejoin_answer(&a->rejoin, from, k->recorded, own->life_ns[from], 0);
				a->question[from] = t->part[n].question;
			}
		}
		/* To another life of this member's: s->options->broken: as if it were to this one. */
		if (t->life_of[m->id] == m->kernel.state || s->options->broken == BREAK_LIFE)
			told(s, m, a, k, from, t, n);
	}
}
