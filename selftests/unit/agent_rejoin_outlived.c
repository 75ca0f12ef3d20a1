// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A second machine used a member's id and lane for a while; then the first one, which kept its record, is back. */
#include <criterion/criterion.h>

#include <agent/rejoin.h>

#define ID 1

#define ALLOWANCE 256

/* The round that is announced when 41 rounds were heard. */
Test(agent_rejoin_outlived, what_another_life_announced_is_not_acknowledged)
{
	static const struct {
		const char *name;
		bool outlived, asked, restarted, recorded;
		__u64 round, due, refused, heard;
	} rows[] = {
		{ "the same life goes on", false, false, false, true, 40, 1 << ID, 0, 41 },
		{ "it starts again with its maps", false, false, true, true, 12, 1 << ID, 0, 41 },
		{ "another life, far behind", true, false, false, true, 12, 0, 1 << ID, 41 },
		{ "another life, in step", true, false, false, true, 40, 0, 1 << ID, 41 },
		{ "what the other may have used unheard", true, true, false, true, 41 + ALLOWANCE - 1, 0, 1 << ID, 41 },
		{ "beyond", true, true, false, true, 41 + ALLOWANCE, 1 << ID, 0, 42 + ALLOWANCE },
		{ "beyond, and it has not asked", true, false, false, true, 41 + ALLOWANCE, 0, 1 << ID, 41 },
		{ "beyond, and it has forgotten that it asked", true, true, true, true, 41 + ALLOWANCE, 0, 1 << ID, 41 },
		{ "beyond, where there is no record", true, true, false, false, 41 + ALLOWANCE, 0, 0, 42 + ALLOWANCE },
		{ "far behind, where there is no record", true, false, false, false, 12, 0, 0, 41 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rejoin_sa s = { .whole = true };

		rejoin_announced(&s, ID, 40, rows[i].recorded, false, ALLOWANCE);
		s.due = 0;
		if (rows[i].outlived)
			rejoin_outlived(&s, ID, rows[i].recorded);
		if (rows[i].asked)
			rejoin_answer(&s, ID, rows[i].recorded, 0, 0);
		if (rows[i].restarted)
			rejoin_restarted(&s, ID);
		rejoin_announced(&s, ID, rows[i].round, rows[i].recorded, true, ALLOWANCE);
		cr_expect_eq(s.due, rows[i].due, "%s", rows[i].name);
		cr_expect_eq(s.refused, rows[i].refused, "%s", rows[i].name);
		cr_expect_eq(s.heard[ID], rows[i].heard, "%s: %llu", rows[i].name, s.heard[ID]);
	}
}

Test(agent_rejoin_outlived, of_whom_nothing_was_heard)
{
	static const struct {
		const char *name;
		bool whole, recorded, other_asked;
		__u64 due;
	} rows[] = {
		{ "its first round, of a new SA", true, true, false, 1 << ID },
		{ "of one that may have been forgotten", false, true, false, 0 },
		{ "of one without a record, which acknowledged nothing", false, false, false, 0 },
		{ "the other was answered, and begins beyond that", true, true, true, 0 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rejoin_sa s = { .whole = rows[i].whole };

		if (rows[i].other_asked)
			rejoin_answer(&s, ID, rows[i].recorded, 0, 0);
		rejoin_outlived(&s, ID, rows[i].recorded);
		rejoin_announced(&s, ID, 0, rows[i].recorded, false, ALLOWANCE);
		cr_expect_eq(s.due, rows[i].due, "%s", rows[i].name);
		cr_expect_eq(s.outlived, rows[i].due || !rows[i].recorded ? 0 : 1 << ID, "%s", rows[i].name);
	}
}

/* Told once more when it gets a record: not to the life that is there now. */
Test(agent_rejoin_outlived, a_record_tells_the_wrong_one_nothing)
{
	struct rejoin_sa s = { .whole = true };

	rejoin_announced(&s, ID, 40, false, false, ALLOWANCE);
	rejoin_outlived(&s, ID, false);
	rejoin_recorded(&s, 100);
	cr_expect_eq(s.due, 0);
}

/* Who was outlived itself knows nothing of what the other life acknowledged. */
Test(agent_rejoin_outlived, what_it_heard_before_counts_no_more)
{
	struct rejoin_sa s = { .whole = true };

	rejoin_announced(&s, 2, 40, true, false, ALLOWANCE);
	cr_expect(rejoin_answer(&s, 2, true, 0, 0).complete);
	cr_expect(rejoin_disowned(&s, false), "it begins anew");
	cr_expect_not(rejoin_disowned(&s, false), "once");
	cr_expect(rejoin_disowned(&s, true), "and again, where the round it holds is refused");
	cr_expect_not(rejoin_answer(&s, 2, true, 0, 0).complete);
	rejoin_announced(&s, 2, 43, true, false, ALLOWANCE);
	cr_expect(rejoin_answer(&s, 2, true, 0, 0).complete, "it is heard again");
}

/* Whoever forgot what it had heard, or knows nothing, does not acknowledge by answering. */
Test(agent_rejoin_outlived, an_answer_without_a_record_acknowledges_nothing)
{
	for (int know = 0; know < 2; know++) {
		struct rejoin_sa s = {};

		rejoin_answered(&s, 2, &(struct rejoin_answer){ .know = know, .heard = 7 });
		cr_expect_eq(s.acked[2], know ? 7 : 0, "know %d", know);
	}
}

/* The SA is known to nobody any more, although somebody has told of the other life. */
Test(agent_rejoin_outlived, it_is_no_new_one)
{
	const struct rejoin_rule rule = { .members = 7, .id = ID, .majority = true };
	const struct esl_lanes plan = { .lanes = 3, .block_shift = 6 };

	for (int lapsed = 0; lapsed < 2; lapsed++) {
		struct rejoin_sa s = {};
		__u64 first;
		bool held;

		if (lapsed)
			rejoin_disowned(&s, false);
		rejoin_answered(&s, 0, &(struct rejoin_answer){});
		rejoin_answered(&s, 2, &(struct rejoin_answer){});
		cr_expect_eq(rejoin_begin(&s, &rule, 5, &plan, true, &first, &held), lapsed ? REJOIN_UNPROVEN : REJOIN_OPEN);
	}
}
