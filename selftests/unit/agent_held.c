// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A round that is held: when a later one is, and when only a rekey helps. */
#include <criterion/criterion.h>

#include <agent/held.h>

#define MS 1000000ULL
#define DAY_NS (86400ULL * 1000 * MS)

Test(agent_held, moves)
{
	static const struct {
		const char *name;
		__u64 ahead, after_ns, round;
	} rows[] = {
		{ "nobody has answered yet", 0, HELD_NS, 40 },
		{ "an acknowledgement is late", 0, HELD_NS + 1, 42 },
		{ "others follow what is announced", 40, HELD_NS + 1, 42 },
		{ "others are beyond", 41, HELD_NS + 1, 43 },
		{ "others are far beyond", 1000, HELD_NS + 1, 1002 },
		{ "others are beyond, and it was only announced", 1000, HELD_NS, 40 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct held h;
		bool moved;

		held_begin(&h, 40, 100);
		moved = held_move(&h, rows[i].ahead, 100 + rows[i].after_ns);
		cr_expect_eq(moved, rows[i].round != 40, "%s", rows[i].name);
		cr_expect_eq(h.round, rows[i].round, "%s: %llu", rows[i].name, h.round);
	}
}

/* The others follow what is announced, and acknowledge nothing: looked at ten times a second for a day. */
Test(agent_held, nobody_acknowledges)
{
	struct held h;
	__u64 now;

	held_begin(&h, 40, 0);
	for (now = 0; now < DAY_NS; now += 100 * MS)
		held_move(&h, h.round, now);
	cr_expect_gt(h.round, 40 + HELD_MORE, "it tries more than once");
	cr_expect_leq(h.round, 80, "%llu", h.round);
}

/* Who was waited for long is followed at once all the same. */
Test(agent_held, others_go_beyond_after_a_day)
{
	struct held h;
	__u64 now;

	held_begin(&h, 40, 0);
	for (now = 0; now < DAY_NS; now += 100 * MS)
		held_move(&h, 0, now);
	cr_expect(!held_is_passed(&h, h.round));
	cr_expect(held_is_passed(&h, h.round + 1));
	cr_expect(held_move(&h, h.round + 1, now + HELD_NS));
	cr_expect(!held_move(&h, 0, now + 2 * HELD_NS));
	cr_expect(held_move(&h, 0, now + 2 * HELD_NS + 1), "and what is waited begins anew");
}

Test(agent_held, jumps_only_raise)
{
	struct held h;

	held_begin(&h, 40, 100);
	held_raise(&h, 39, 200);
	held_raise(&h, 40, 200);
	cr_expect_eq(h.round, 40);
	cr_expect_eq(h.since_ns, 100, "asked for again, it is not held anew");
	held_raise(&h, 45, 200);
	cr_expect_eq(h.round, 45);
	cr_expect_eq(h.since_ns, 200);
}

Test(agent_held, rekey)
{
	struct held h;

	held_begin(&h, 40, 0);
	cr_expect(!held_is_stuck(&h, 10 * HELD_NS), "the first round may be late");
	cr_assert(held_move(&h, 0, HELD_NS + 1));
	cr_expect(!held_is_stuck(&h, 2 * HELD_NS + 1), "the later one was only announced");
	cr_expect(held_is_stuck(&h, 2 * HELD_NS + 2));
	held_begin(&h, 50, 3 * HELD_NS);
	cr_expect(!held_is_stuck(&h, 9 * HELD_NS), "another one, after the first was acknowledged");
}
