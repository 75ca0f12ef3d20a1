// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A second machine used a member's id and lane for a while; then the first one, which kept its record, is back. */
#include <criterion/criterion.h>

#include <agent/rejoin.h>

#define ID 1

Test(agent_rejoin_outlived, what_another_life_announced_is_not_acknowledged)
{
	static const struct {
		const char *name;
		bool outlived;
		__u64 round, due, heard;
	} rows[] = {
		{ "the same life goes on", false, 40, 1 << ID, 41 },
		{ "it starts again with its maps", false, 12, 1 << ID, 41 },
		{ "another life, far behind", true, 12, 0, 41 },
		{ "another life, in step", true, 40, 0, 41 },
		{ "what a member that stood aside used", true, 41, 0, 41 },
		{ "beyond", true, 42, 1 << ID, 43 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rejoin_sa s = { .whole = true };

		rejoin_announced(&s, ID, 40, true, false);
		if (rows[i].outlived)
			rejoin_outlived(&s, ID);
		else
			s.due = 0;
		rejoin_announced(&s, ID, rows[i].round, true, true);
		cr_expect_eq(s.due, rows[i].due, "%s", rows[i].name);
		cr_expect_eq(s.heard[ID], rows[i].heard, "%s: %llu", rows[i].name, s.heard[ID]);
	}
}

Test(agent_rejoin_outlived, of_whom_nothing_was_heard)
{
	struct rejoin_sa s = { .whole = true };

	rejoin_outlived(&s, ID);
	rejoin_announced(&s, ID, 0, true, false);
	cr_expect_eq(s.due, 1 << ID, "its first round, of a new SA");
}

/* Told once more when it gets a record: not to the life that is there now. */
Test(agent_rejoin_outlived, a_record_tells_the_wrong_one_nothing)
{
	struct rejoin_sa s = { .whole = true };

	rejoin_announced(&s, ID, 40, false, false);
	rejoin_outlived(&s, ID);
	rejoin_recorded(&s, 100);
	cr_expect_eq(s.due, 0);
}

/* All of it, with either quorum: no round of the lane is entered by both machines. */
Test(agent_rejoin_outlived, two_machines_one_lane)
{
	const struct esl_lanes plan = { .lanes = 3, .block_shift = 6 };

	for (int majority = 0; majority < 2; majority++) {
		const struct rejoin_rule rule = { .members = 7, .id = ID, .majority = majority };
		struct rejoin_sa other = { .whole = true }, first = {}, second = { .found = true };
		struct rejoin_answer answer;
		__u64 begun, last, entered = 5, want;
		bool held;

		rejoin_announced(&other, ID, entered, true, true);
		rejoin_acknowledged(&first, 0, other.heard[ID]);
		rejoin_acknowledged(&first, 2, other.heard[ID]);
		/* It is not heard any more; the second one asks, and begins. */
		rejoin_outlived(&other, ID);
		answer = rejoin_answer(&other, ID, true, 50, 5);
		rejoin_answered(&second, 0, &answer);
		rejoin_answered(&second, 2, &answer);
		cr_assert_eq(rejoin_begin(&second, &rule, 5, &plan, true, &begun, &held), REJOIN_OPEN);
		rejoin_announced(&other, ID, begun, true, true);
		cr_expect_eq(other.due, 1 << ID, "majority %d: it lost its state, and is acknowledged", majority);
		last = begun + 3;
		rejoin_announced(&other, ID, last, true, false);
		/* It is gone, and the first one follows the others, who are in step. */
		rejoin_outlived(&other, ID);
		other.due = 0;
		for (want = last; !other.due; want += 2) {
			cr_assert_geq(want, rejoin_limit(&first, &rule, &plan, true), "majority %d: it enters nothing unasked", majority);
			cr_assert_lt(want, last + 5, "majority %d: it is let in some time", majority);
			rejoin_announced(&other, ID, want, true, true);
			entered = want;
		}
		cr_expect_gt(entered, last + 1, "majority %d: round %llu is the other machine's", majority, entered);
	}
}
