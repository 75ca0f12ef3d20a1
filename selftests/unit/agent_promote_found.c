// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Inbound SAs that were there when a member began: it may not know that a leader takes them alone. */
#include <criterion/criterion.h>

#include "agent/promote.h"

#define MS 1000000ULL
#define JOINER 1

Test(promote_found, the_leaders_word_before_it_has_slots)
{
	static const struct row {
		const char *name;
		bool slots;		/* it has had some */
		struct promote_entry word;
		bool changed;
		enum promote_state state;
		enum esl_wire_promotion_state answer;
		__u64 number;
	} rows[] = {
		{ "the leader takes it alone", false, { ESL_PROMOTION_ASK, 70 }, true, PROMOTE_NEW, ESL_PROMOTION_HAVE, 0 },
		{ "up to a number", false, { ESL_PROMOTION_AT, 80 }, true, PROMOTE_AT, ESL_PROMOTION_AT, 80 },
		{ "all take it", false, { ESL_PROMOTION_DONE, 60 }, true, PROMOTE_DONE, ESL_PROMOTION_DONE, 60 },
		{ "slots: alone", true, { ESL_PROMOTION_ASK, 70 }, false, PROMOTE_DONE, ESL_PROMOTION_DONE, 0 },
		{ "slots: a number", true, { ESL_PROMOTION_AT, 80 }, false, PROMOTE_DONE, ESL_PROMOTION_DONE, 0 },
		{ "slots: all", true, { ESL_PROMOTION_DONE, 60 }, true, PROMOTE_DONE, ESL_PROMOTION_DONE, 60 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *r = &rows[i];
		struct promote p;

		promote_found(&p);
		cr_expect_eq(promote_below(&p), 0, "%s: by the table unless told otherwise", r->name);
		if (r->slots)
			promote_begin(&p);
		cr_expect_eq(promote_told(&p, &r->word), r->changed, "%s", r->name);
		cr_expect_eq(p.state, r->state, "%s: state %d", r->name, p.state);
		cr_expect_eq(promote_answer(&p).state, r->answer, "%s: answer %d", r->name, promote_answer(&p).state);
		cr_expect_eq(promote_answer(&p).number, r->number, "%s: %llu", r->name, promote_answer(&p).number);
		cr_expect_not(promote_told(&p, &r->word), "%s: told again", r->name);
	}
}

Test(promote_found, who_leads_it)
{
	static const struct row {
		const char *name;
		bool slots, inherits;
		enum promote_state state;
	} rows[] = {
		{ "the first table of all", false, false, PROMOTE_DONE },
		{ "others may have taken it alone", false, true, PROMOTE_NEW },
		{ "it took part itself", true, true, PROMOTE_DONE },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct promote p;

		promote_found(&p);
		if (rows[i].slots)
			promote_begin(&p);
		promote_lead(&p, rows[i].inherits);
		cr_expect_eq(p.state, rows[i].state, "%s: %d", rows[i].name, p.state);
		cr_expect(p.state == PROMOTE_DONE || !promote_may_take(&p, 1 << JOINER), "%s: it asks first", rows[i].name);
	}
}

/* A member comes back while the leader is on its way to a number: the leader goes on. */
Test(promote_found, who_comes_back_ends_no_promotion)
{
	static const enum promote_step steps[] = { PROMOTE_IDLE, PROMOTE_KEEP, PROMOTE_TELL };

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		struct promote leader = { .state = steps[i] == PROMOTE_IDLE ? PROMOTE_NEW : PROMOTE_AT, .step = steps[i],
					  .number = steps[i] == PROMOTE_IDLE ? 0 : 2000, .answered = 0x4, .have = 0x4 };
		struct promote_entry word = promote_word(&leader), answer;
		struct promote joiner;

		promote_found(&joiner);
		promote_told(&joiner, &word);
		answer = promote_answer(&joiner);
		promote_answered(&leader, JOINER, &answer, MS);
		cr_expect_eq(leader.step, steps[i], "step %d became %d", steps[i], leader.step);
		cr_expect(promote_may_take(&leader, 0x4 | 1 << JOINER), "step %d: it takes it alone still", steps[i]);
		cr_expect_neq(promote_below(&joiner), 0, "step %d: and the other one does not", steps[i]);
	}
}
