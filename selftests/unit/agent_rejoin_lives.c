// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Two machines with one member's id, which freeze, are cut off, lose their state, start again and come back as
 * it happens, each heard by any of the others: no round is entered by two lives.  What is acknowledged
 * or answered reaches both machines, late or never.
 */
#include <criterion/criterion.h>
#include <string.h>

#include <agent/rejoin.h>

#include "rand.h"

#define ID 0
#define MOST 5
#define ROUNDS 4096
#define FLIGHT 16

struct machine {
	struct rejoin_sa s;
	__u32 life, boot;
	__u64 round, held_round, kept, first;	/* the last two are of the record */
	bool recorded, started, held, frozen;
};

struct other {
	struct rejoin_sa s;
	__u32 life, boot, hears;	/* the last one: which machine */
	__u64 life_ns;
	bool living;
};

/* To whoever has the id. */
struct word {
	__u32 from, life, question;
	bool answers, refuses;
	struct rejoin_answer answer;
	__u64 rounds;
};

struct world {
	struct rejoin_rule rule;
	struct esl_lanes plan;
	struct machine m[2];
	struct other o[MOST];
	struct word flight[FLIGHT];
	struct { __u64 round; __u32 life; } entered[ROUNDS];
	__u32 count, flying, lives;
	__u64 rand, now, seed, anew, shared;
};

static __u64 below(struct world *w, __u64 n)
{
	return rand64(&w->rand) % n;
}

static __u64 allowance(const struct world *w)
{
	return rejoin_allowance(&w->rule, &w->plan, true);
}

static void enter(struct world *w, struct machine *m, __u64 round)
{
	__u32 i = (__u32)(round * 0x9e3779b97f4a7c15ULL >> 52);

	while (w->entered[i].life && w->entered[i].round != round)
		i = (i + 1) % ROUNDS;
	cr_assert(!w->entered[i].life || w->entered[i].life == m->life,
		  "seed %llu: round %llu is life %u's, and life %u entered it", w->seed, round, w->entered[i].life, m->life);
	w->entered[i].round = round;
	w->entered[i].life = m->life;
	m->round = round;
	m->started = true;
	m->held = false;
}

/* Something of machine m reaches the other: who is this? */
static struct other *reach(struct world *w, __u32 m, __u32 i)
{
	struct other *o = &w->o[i];

	if (!o->living || o->hears != m || w->m[m].frozen || !below(w, 4))
		return NULL;
	if (o->boot != w->m[m].boot)
		rejoin_restarted(&o->s, ID);
	o->boot = w->m[m].boot;
	if (o->life != w->m[m].life) {
		rejoin_outlived(&o->s, ID, true);
		o->life_ns = w->now;
		w->shared++;
	}
	o->life = w->m[m].life;
	return o;
}

static void say(struct world *w, struct word word)
{
	w->flight[w->flying < FLIGHT ? w->flying++ : below(w, FLIGHT)] = word;
}

static void announce(struct world *w, __u32 m)
{
	struct machine *me = &w->m[m];
	__u64 round = me->held ? me->held_round : me->round;

	if (!me->held && (!me->started || me->s.lapsed))
		return;
	for (__u32 i = 1; i < w->count; i++) {
		struct other *o = reach(w, m, i);

		if (o)
			rejoin_announced(&o->s, ID, round, true, !rejoin_is_acknowledged(&me->s, &w->rule, round), allowance(w));
	}
}

static void tell(struct world *w)
{
	for (__u32 i = 1; i < w->count; i++) {
		struct other *o = &w->o[i];

		if (o->s.due & 1)
			say(w, (struct word){ .from = i, .life = o->life, .rounds = o->s.heard[ID] });
		if (o->s.refused & 1)
			say(w, (struct word){ .from = i, .life = o->life, .refuses = true });
		o->s.due = o->s.refused = 0;
	}
}

static void ask(struct world *w, __u32 m)
{
	struct machine *me = &w->m[m];

	if ((me->recorded && !me->s.lapsed) || me->held)
		return;
	rejoin_ask(&me->s);
	for (__u32 i = 1; i < w->count; i++) {
		struct other *o = reach(w, m, i);

		if (o)
			say(w, (struct word){ .from = i, .life = me->life, .question = me->s.question, .answers = true,
					      .answer = rejoin_answer(&o->s, ID, true, o->life_ns, 0) });
	}
}

static void take(struct world *w, struct machine *m, const struct word *word)
{
	if (m->frozen || word->life != m->life)
		return;
	if (word->refuses) {
		if (rejoin_disowned(&m->s, m->held))
			m->held = false;
	} else if (!word->answers) {
		rejoin_acknowledged(&m->s, word->from, word->rounds);
		if (m->recorded && !m->s.lapsed)
			m->kept = rejoin_acked(&m->s, &w->rule);
	} else if ((!m->recorded || m->s.lapsed) && word->question == m->s.question) {
		rejoin_answered(&m->s, word->from, &word->answer);
	}
}

static void land(struct world *w)
{
	struct word word;
	__u32 i;

	if (!w->flying)
		return;
	i = (__u32)below(w, w->flying);
	word = w->flight[i];
	/* Some come again. */
	if (below(w, 8))
		w->flight[i] = w->flight[--w->flying];
	take(w, &w->m[0], &word);
	take(w, &w->m[1], &word);
}

static void begin(struct world *w, __u32 m)
{
	struct machine *me = &w->m[m];
	__u64 living = 0, first;
	bool held;

	for (__u32 i = 1; i < w->count; i++)
		living |= (__u64)(w->o[i].living && w->o[i].hears == m) << i;
	if (me->held || rejoin_begin(&me->s, &w->rule, living, &w->plan, true, &first, &held) != REJOIN_OPEN)
		return;
	/* That nobody knows of it is not so: nobody answers, and it was not found. */
	cr_assert(held, "seed %llu: life %u begins an old SA as a new one", w->seed, me->life);
	w->anew++;
	me->held = true;
	me->held_round = first > me->round + 1 ? first : me->round + 1;
	if (me->recorded)
		me->first = me->held_round;
}

static void go_on(struct world *w, __u32 m)
{
	struct machine *me = &w->m[m];
	__u64 leap = 1 + (below(w, 8) ? 0 : below(w, allowance(w))), limit = rejoin_limit(&me->s, &w->rule, &w->plan, true);

	if (me->held) {
		if (!rejoin_is_acknowledged(&me->s, &w->rule, me->held_round))
			return;
		rejoin_resumed(&me->s, me->held_round);
		if (!me->recorded)
			rejoin_recorded(&me->s, w->now);
		me->recorded = true;
		enter(w, me, me->held_round);
		return;
	}
	if (!me->recorded || me->s.lapsed)
		return;
	if (me->round + leap < me->s.least)
		leap = me->s.least - me->round;
	if (me->round + leap < limit)
		enter(w, me, me->round + leap);
	else if (me->s.least > me->round) {
		me->held = true;
		me->held_round = me->s.least;
	}
}

static void trouble(struct world *w, __u32 m)
{
	struct machine *me = &w->m[m];
	__u32 i = 1 + (__u32)below(w, w->count - 1);

	switch (below(w, 8)) {
	case 0:
	case 1:
		me->frozen = !me->frozen;
		break;
	case 2:
	case 3:
		w->o[i].hears = m;
		break;
	case 4:		/* all turn to it */
		for (i = 1; i < w->count; i++)
			w->o[i].hears = m;
		me->frozen = false;
		break;
	case 5:
		w->o[i].living = !w->o[i].living;
		break;
	case 6:		/* its agent starts again */
		me->boot = ++w->lives;
		me->s = (struct rejoin_sa){ .kept = me->kept, .least = me->first, .found = true };
		me->held = false;
		break;
	default:	/* its maps are lost */
		*me = (struct machine){ .life = ++w->lives, .boot = w->lives, .s.found = true };
	}
}

static void step(struct world *w)
{
	__u32 m = (__u32)below(w, 2);
	__u64 what = below(w, 64);

	w->now++;
	if (what < 2)
		trouble(w, m);
	else if (what < 22)
		land(w);
	else if (what < 30)
		tell(w);
	else if (w->m[m].frozen)
		return;
	else if (what < 42)
		announce(w, m);
	else if (what < 46)
		ask(w, m);
	else if (!w->m[m].recorded || w->m[m].s.lapsed)
		begin(w, m), go_on(w, m);
	else
		go_on(w, m);
}

Test(agent_rejoin_lives, no_round_is_entered_by_two)
{
	static struct world w;
	__u64 anew = 0, shared = 0;

	for (__u64 seed = 1; seed <= 12000; seed++) {
		memset(&w, 0, sizeof(w));
		w.rand = w.seed = seed;
		w.count = 3 + (__u32)(seed % (MOST - 2));
		w.plan = (struct esl_lanes){ .lanes = 3, .block_shift = seed & 8 ? 16 : 6 };
		w.rule = (struct rejoin_rule){ .members = (1ULL << w.count) - 1, .id = ID, .majority = seed & 16 };
		w.m[0] = (struct machine){ .life = 1, .boot = 1, .recorded = true, .started = true, .s.whole = true };
		w.m[1] = (struct machine){ .life = 2, .boot = 2, .s.found = true };
		w.lives = 2;
		for (__u32 i = 1; i < w.count; i++)
			w.o[i] = (struct other){ .s.whole = true, .life = 1, .boot = 1, .living = true };
		enter(&w, &w.m[0], 0);
		for (int n = 0; n < 1500; n++)
			step(&w);
		anew += w.anew;
		shared += w.shared;
	}
	cr_expect_gt(anew, 10000, "begun anew: %llu", anew);
	cr_expect_gt(shared, 10000, "lives that others heard of: %llu", shared);
}
