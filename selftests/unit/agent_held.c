// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A round that is held: when a later one is, and when only a rekey helps. */
#include <criterion/criterion.h>

#include <agent/held.h>

Test(agent_held, jumps_only_raise)
{
	static const struct {
		const char *name;
		__u64 to, round;
	} rows[] = {
		{ "an earlier one", 39, 40 },
		{ "the same", 40, 40 },
		{ "a later one", 45, 45 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct held h;

		held_begin(&h, 40, 100);
		held_raise(&h, rows[i].to);
		cr_expect_eq(h.round, rows[i].round, "%s: %llu", rows[i].name, h.round);
		cr_expect_eq(h.since_ns, 100, "%s", rows[i].name);
	}
}

Test(agent_held, passed)
{
	static const struct {
		const char *name;
		__u64 ahead;
		bool passed;
	} rows[] = {
		{ "nobody has answered yet", 0, false },
		{ "others follow what is announced", 40, false },
		{ "others are beyond", 41, true },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct held h;

		held_begin(&h, 40, 100);
		cr_expect_eq(held_is_passed(&h, rows[i].ahead), rows[i].passed, "%s", rows[i].name);
	}
}

Test(agent_held, rekey)
{
	struct held h;

	held_begin(&h, 40, 5);
	cr_expect(!held_is_stuck(&h, 5 + HELD_NS), "an acknowledgement may be late");
	held_raise(&h, 50);
	cr_expect(held_is_stuck(&h, 6 + HELD_NS), "a later one begins no new wait");
	held_begin(&h, 60, 7 + HELD_NS);
	cr_expect(!held_is_stuck(&h, 7 + 2 * HELD_NS), "another one, after the first was acknowledged");
}
