// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Who lost its state begins beyond every round that it ever used, or not at all. */
#include <criterion/criterion.h>
#include <string.h>

#include <agent/rejoin.h>

#include "rand.h"

static const struct esl_lanes spread = { .lanes = 3, .block_shift = 6 }, sticky = { .lanes = 3, .block_shift = 16 };
static const struct rejoin_rule majority = { .members = 7, .id = 0, .majority = true },
				none = { .members = 7, .id = 0 };

static __u64 alone_rounds(const struct esl_lanes *plan)
{
	return REJOIN_ALONE_NUMBERS / ((__u64)plan->lanes << plan->block_shift);
}

Test(agent_rejoin, allowance)
{
	static const struct {
		const char *name;
		bool majority, esn;
		struct esl_lanes plan;
		__u64 rounds;
	} rows[] = {
		{ "small blocks", true, true, { 3, 6, 0 }, 256 },
		{ "large blocks: 2^24 numbers", true, true, { 3, 16, 0 }, 85 },
		{ "64 lanes of the largest blocks", true, false, { 64, 16, 0 }, 4 },
		{ "alone, 64-bit numbers: 2^28", false, true, { 3, 6, 0 }, 1398101 },
		{ "alone, 64 lanes of the largest blocks", false, true, { 64, 16, 0 }, 64 },
		{ "alone, 32-bit numbers: no leap", false, false, { 3, 6, 0 }, 256 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rejoin_rule rule = { .members = 7, .majority = rows[i].majority };

		cr_expect_eq(rejoin_allowance(&rule, &rows[i].plan, rows[i].esn), rows[i].rounds, "%s: %llu",
			     rows[i].name, rejoin_allowance(&rule, &rows[i].plan, rows[i].esn));
	}
}

/* Each of the two others: N nothing known, n the same but heard of from member 2, Y young, K knows and is
 * complete, k knows and is not, . does not live or answer. */
static void answer(struct rejoin_sa *s, __u64 *living, __u32 from, char what, __u64 heard)
{
	struct rejoin_answer a = { .know = strchr("YKk", what) != NULL,
				   .complete = strchr("YK", what) != NULL,
				   .young = what == 'Y',
				   .sources = what == 'n' ? 4 : 0,
				   .heard = what == 'K' ? heard : 0 };

	if (what == '.')
		return;
	*living |= 1ULL << from;
	if (what != '?')
		rejoin_answered(s, from, &a);
}

Test(agent_rejoin, begin)
{
	static const struct {
		const char *name, *others;
		bool majority, esn;
		enum rejoin what;
		__u64 first;
		bool found;
	} rows[] = {
		{ "nobody lives, and it has just come: a lone survivor waits for nobody", "..", false, true, REJOIN_OPEN, 0 },
		{ "nobody lives, and it was there at the start", "..", false, true, REJOIN_UNPROVEN, 0, true },
		{ "the same, with a majority", "N.", true, true, REJOIN_UNPROVEN, 0, true },
		{ "it was there, and nobody knows it", "NN", true, true, REJOIN_OPEN, 0, true },
		{ "it was there, and came to one in this life", "Y.", false, true, REJOIN_OPEN, 0, true },
		{ "nobody knows it", "NN", true, true, REJOIN_OPEN, 0 },
		{ "one has not answered", "N?", true, true, REJOIN_ASKING, 0 },
		{ "it came to all in this life", "YY", true, true, REJOIN_OPEN, 0 },
		{ "to one, and the other is dead", "Y.", true, false, REJOIN_OPEN, 0 },
		{ "to one, and the other does not have it yet", "YN", false, false, REJOIN_OPEN, 0 },
		{ "heard of from one who does not answer", "n.", true, true, REJOIN_ASKING, 0 },
		{ "heard of from one who does", "nY", true, true, REJOIN_OPEN, 0 },
		{ "both remember", "KK", true, true, REJOIN_OPEN, 1000 + 256 },
		{ "both remember, 32-bit numbers", "KK", true, false, REJOIN_OPEN, 1000 + 256 },
		{ "one is away: a majority with it may have been all that knew", "K.", true, true, REJOIN_UNPROVEN, 0 },
		{ "one remembers, one got it in this life", "KY", true, true, REJOIN_OPEN, 1000 + 256 },
		{ "one forgot", "Kk", true, true, REJOIN_UNPROVEN, 0 },
		{ "one does not have it", "KN", true, true, REJOIN_UNPROVEN, 0 },
		{ "it may have been alone: 2^28 further on", "KK", false, true, REJOIN_OPEN, 1000 + 1398101 },
		{ "it may have been alone, 32-bit numbers", "KK", false, false, REJOIN_UNPROVEN, 0 },
		{ "it may have been alone, one is away", "K.", false, true, REJOIN_UNPROVEN, 0 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rejoin_sa s = { .found = rows[i].found };
		__u64 living = 0, first;
		enum rejoin what;
		bool held;

		answer(&s, &living, 1, rows[i].others[0], 1000);
		answer(&s, &living, 2, rows[i].others[1], 900);
		what = rejoin_begin(&s, rows[i].majority ? &majority : &none, living, &spread, rows[i].esn, &first, &held);
		cr_expect_eq(what, rows[i].what, "%s: %s", rows[i].name, rejoin_name(what));
		if (what == REJOIN_OPEN && rows[i].what == REJOIN_OPEN) {
			cr_expect_eq(first, rows[i].first, "%s: from %llu", rows[i].name, first);
			cr_expect_eq(held, first > 0, "%s: held", rows[i].name);
			cr_expect_eq(s.whole, !first, "%s: whole", rows[i].name);
		}
	}
}

Test(agent_rejoin, normal_running_waits_for_nobody)
{
	struct rejoin_sa s = {};

	cr_expect_eq(rejoin_limit(&s, &none, &spread, false), UINT64_MAX, "alone, 32-bit numbers");
	cr_expect_eq(rejoin_limit(&s, &none, &spread, true), alone_rounds(&spread), "alone");
	cr_expect_eq(rejoin_limit(&s, &majority, &spread, true), 256);
	rejoin_acknowledged(&s, 2, 5000);
	cr_expect_eq(rejoin_limit(&s, &majority, &spread, true), 5256, "one other makes a majority");
	cr_expect_eq(rejoin_limit(&s, &none, &spread, true), 5000 + alone_rounds(&spread));
	/* The record remembers. */
	s = (struct rejoin_sa){ .kept = 7000 };
	cr_expect_eq(rejoin_limit(&s, &majority, &spread, true), 7256);
	cr_expect_eq(rejoin_limit(&s, &(struct rejoin_rule){ .members = 1, .majority = true }, &spread, true), UINT64_MAX,
		     "the only member");
}

/* Thousands of idle SAs are announced again and again: who was told asks for no more. */
Test(agent_rejoin, acknowledges_news_and_what_is_wanted)
{
	static const struct {
		const char *name;
		__u64 round;
		bool recorded, wanted;
		__u64 due;
	} rows[] = {
		{ "the first round", 0, true, false, 2 },
		{ "known, and told", 0, true, false, 0 },
		{ "known, but the word was lost", 0, true, true, 2 },
		{ "a later one", 7, true, false, 2 },
		{ "an earlier one, late", 3, true, false, 0 },
		{ "a later one, without a record", 8, false, true, 0 },
	};
	struct rejoin_sa s = { .whole = true };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		s.due = 0;
		rejoin_announced(&s, 1, rows[i].round, rows[i].recorded, rows[i].wanted, 256);
		cr_expect_eq(s.due, rows[i].due, "%s", rows[i].name);
	}
	/* Of which it tells when it has one. */
	rejoin_recorded(&s, 100);
	cr_expect_eq(s.due, 2);
	cr_expect_eq(s.heard[1], 9);
}

/* Who has no record does not acknowledge: it would forget. */
Test(agent_rejoin, acknowledges_what_it_keeps)
{
	struct rejoin_sa s = { .whole = true };

	rejoin_announced(&s, 1, 41, false, true, 256);
	cr_expect_eq(s.due, 0);
	cr_expect(!rejoin_answer(&s, 1, false, 0, 7).complete);
	cr_expect_eq(rejoin_answer(&s, 2, false, 0, 7).sources, 2, "heard of from member 1");
	cr_expect_eq(rejoin_answer(&s, 2, false, 0, 5).sources, 0, "who is dead");
	rejoin_recorded(&s, 100);
	cr_expect_eq(s.due, 2);
	cr_expect_eq(rejoin_answer(&s, 1, true, 50, 7).heard, 42);
	cr_expect(rejoin_answer(&s, 1, true, 50, 7).young);
	cr_expect(!rejoin_answer(&s, 1, true, 150, 7).young, "it has lived shorter than the SA");
	s.whole = false;
	rejoin_recorded(&s, 200);
	cr_expect(!rejoin_answer(&s, 1, true, 150, 7).young, "a record made after a loss tells no age");
	cr_expect(!rejoin_answer(&s, 2, true, 150, 7).complete, "nothing was heard of it since");
}

/*
 * Member 0 sends; all lose, forget, are cut off and come back as it happens.  No
 * round is entered in two lives.
 */
#define MOST 5

struct other {
	struct rejoin_sa s;
	bool recorded, living, cut;
	__u64 life_ns;
};

struct run {
	struct rejoin_rule rule;
	struct esl_lanes plan;
	bool esn;
	struct rejoin_sa s;
	bool recorded, held;
	__u64 round, used, kept, now, rand;
	struct other other[MOST];
	__u32 count, begun, silent;
};

static bool reaches(struct run *r, __u32 i)
{
	return r->other[i].living && !r->other[i].cut && rand64(&r->rand) % 4;
}

static void announce(struct run *r)
{
	for (__u32 i = 1; i < r->count; i++)
		if ((r->recorded || r->held) && reaches(r, i))
			rejoin_announced(&r->other[i].s, 0, r->round, r->other[i].recorded,
					 !rejoin_is_acknowledged(&r->s, &r->rule, r->round),
					 rejoin_allowance(&r->rule, &r->plan, r->esn));
}

static void acknowledge(struct run *r)
{
	for (__u32 i = 1; i < r->count; i++)
		if (r->other[i].s.due & 1 && reaches(r, i)) {
			rejoin_acknowledged(&r->s, i, r->other[i].s.heard[0]);
			r->other[i].s.due = 0;
		}
	if (r->recorded)
		r->kept = rejoin_acked(&r->s, &r->rule);
}

static void use(struct run *r, __u64 round)
{
	r->round = round;
	if (round >= r->used)
		r->used = round + 1;
}

static void begin(struct run *r)
{
	__u64 living = 0, first;
	bool held, known = false;

	for (__u32 i = 1; i < r->count; i++) {
		struct rejoin_answer a = rejoin_answer(&r->other[i].s, 0, r->other[i].recorded, r->other[i].life_ns, 0);

		if (!r->other[i].living || r->other[i].cut)
			continue;
		living |= 1ULL << i;
		known |= r->other[i].recorded;
		rejoin_answered(&r->s, i, &a);
	}
	if (rejoin_begin(&r->s, &r->rule, living, &r->plan, r->esn, &first, &held) != REJOIN_OPEN) {
		r->silent++;
		return;
	}
	/* All who knew are away: what then looks like a new SA is the operator's. */
	if (!known && r->used && (!r->s.found || living == ((r->rule.members - 1) & r->rule.members)))
		return;
	cr_assert_geq(first, r->used, "begins in round %llu, %llu were used", first, r->used);
	r->begun++;
	r->round = first;
	r->held = held;
	r->recorded = !held;
	if (!held)
		use(r, first);
}

static void go_on(struct run *r)
{
	__u64 leap = 1 + (rand64(&r->rand) % 8 ? 0 : rand64(&r->rand) % (2 * rejoin_allowance(&r->rule, &r->plan, r->esn)));

	if (r->held && rejoin_is_acknowledged(&r->s, &r->rule, r->round)) {
		r->held = false;
		r->recorded = true;
		use(r, r->round);
	}
	if (r->recorded && r->round + leap < rejoin_limit(&r->s, &r->rule, &r->plan, r->esn))
		use(r, r->round + leap);
}

/* What the others go through. */
static void trouble(struct run *r, struct other *o, __u64 what)
{
	if (what < 4) {
		o->cut = what & 1;
	} else if (what < 6) {
		o->living = what & 1;
	} else if (what == 6) {	/* its agent starts again */
		o->s = (struct rejoin_sa){};
		o->life_ns = r->now;
	} else if (what == 7) {	/* its state is lost, and it has begun again as it may */
		o->s = (struct rejoin_sa){};
		o->recorded = false;
	} else if (!o->recorded) {
		rejoin_recorded(&o->s, r->now);
		o->recorded = true;
	}
}

static void step(struct run *r)
{
	__u64 what = rand64(&r->rand) % 64;

	r->now++;
	if (what < 20)
		go_on(r);
	else if (what < 36)
		announce(r);
	else if (what < 48)
		acknowledge(r);
	else if (what < 52)
		trouble(r, &r->other[1 + rand64(&r->rand) % (r->count - 1)], rand64(&r->rand) % 12);
	else if (what == 52) {	/* state lost */
		r->s = (struct rejoin_sa){};
		r->recorded = r->held = false;
		r->kept = 0;
		for (__u32 i = 1; i < r->count; i++)
			r->other[i].life_ns = r->now;
	} else if (what == 53 && r->recorded) {	/* the agent starts again, and the state is kept */
		r->s = (struct rejoin_sa){ .kept = r->kept };
	} else if (!r->recorded && !r->held) {
		begin(r);
	}
}

Test(agent_rejoin, no_round_in_two_lives)
{
	__u32 begun = 0, silent = 0;

	for (__u64 seed = 1; seed <= 4000; seed++) {
		struct run r = { .count = 2 + seed % (MOST - 1), .plan = seed & 8 ? sticky : spread, .esn = seed & 16, .rand = seed };

		r.rule = (struct rejoin_rule){ .members = (1ULL << r.count) - 1, .majority = seed & 32 };
		r.s.whole = r.recorded = true;
		for (__u32 i = 1; i < r.count; i++)
			r.other[i] = (struct other){ .s = { .whole = true }, .recorded = true, .living = true };
		for (int n = 0; n < 1000; n++)
			step(&r);
		begun += r.begun;
		silent += r.silent;
	}
	cr_expect_gt(begun, 1000, "begun again: %u", begun);
	cr_expect_gt(silent, 1000, "silent: %u", silent);
}

/* One SA, two records: what was told for either may have been relied on. */
Test(agent_rejoin, merge_keeps_what_either_promised)
{
	struct rejoin_sa s = { .heard = { [1] = 10, [2] = 3 }, .acked = { [1] = 9 }, .promised = 2, .asked = 6,
			       .due = 4, .least = 5, .whole = true, .since_ns = 7 };
	struct rejoin_sa known = { .heard = { [1] = 4, [2] = 8 }, .acked = { [1] = 12 }, .promised = 4, .asked = 2,
				   .due = 2, .outlived = 4, .refused = 4, .least = 6, .lapsed = true };

	rejoin_merge(&s, &known);
	cr_expect_eq(s.heard[1], 10);
	cr_expect_eq(s.heard[2], 8);
	cr_expect_eq(s.acked[1], 9, "what was acknowledged since counts");
	cr_expect_eq(s.promised, 6);
	cr_expect_eq(s.asked, 2);
	cr_expect_eq(s.outlived, 4);
	cr_expect_eq(s.refused, 4);
	cr_expect_eq(s.due, 2, "nothing is acknowledged to a life that was outlived");
	cr_expect_eq(s.least, 6);
	cr_expect(s.lapsed);
	cr_expect_not(s.whole);
	cr_expect_eq(s.since_ns, 0);
}
