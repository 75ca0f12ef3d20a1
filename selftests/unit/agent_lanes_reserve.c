// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* How early a member leaves a block: so that what is left of it outlasts a loop that does something else. */
#include <criterion/criterion.h>

#include <agent/lanes.h>

#define MS 1000000ULL

Test(agent_lanes_reserve, early)
{
	static const struct {
		const char *name;
		__u8 shift;
		__u64 rate;
		__u32 first;	/* event that is followed, as the offset in the block */
	} rows[] = {
		{ "rate not known", 6, 0, 32 },
		{ "half outlasts 25 ms", 6, 1280, 32 },
		{ "half does not", 6, 1281, 16 },
		{ "three members, 5,200 packets/s", 6, 1733, 16 },
		{ "two members, 5,200 packets/s", 6, 2600, 16 },
		{ "a round in a millisecond", 6, 16000, 32 },
		{ "nearly so", 6, 15999, 16 },
		{ "as fast as can be", 6, 1ULL << 32, 32 },
		{ "large blocks: sticky", 16, 100000, 32768 },
		{ "the smallest blocks, slow", 3, 160, 4 },
		{ "the smallest blocks", 3, 161, 2 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct lane_state s = { .plan = { 3, rows[i].shift, 0 }, .lane = 1, .started = true, .round = 7 };
		__u64 first = esl_lane_first(&s.plan, 7, 1), size = esl_block_size(&s.plan), round = 0, at = size / 4;

		if (!lane_on_used(&s, first + at, rows[i].rate, &round)) {
			at = size / 2;
			cr_expect(lane_on_used(&s, first + at, rows[i].rate, &round), "%s: half", rows[i].name);
		}
		cr_expect_eq(round, 8, "%s", rows[i].name);
		cr_expect_eq(at, rows[i].first, "%s: %llu", rows[i].name, at);
	}
}

/* Segments may use a quarter and half of a block in one packet: the event tells of the last one. */
Test(agent_lanes_reserve, segments)
{
	struct lane_state s = { .plan = { 3, 6, 0 }, .lane = 0, .started = true };
	__u64 round = 0;

	cr_expect(lane_on_used(&s, 45, 0, &round));
	cr_expect(!lane_on_used(&s, 17, 0, &round));
}

Test(agent_lanes_reserve, an_event_of_a_block_that_was_left)
{
	struct lane_state s = { .plan = { 3, 6, 0 }, .lane = 0, .started = true, .round = 1 };
	__u64 round;

	cr_expect(!lane_on_used(&s, 33, 5000, &round));
	cr_expect(!lane_on_used(&s, 17, 5000, &round));
	s.ended = true;
	cr_expect(!lane_on_used(&s, 3 * 64 + 33, 5000, &round), "nothing is left");
}

Test(agent_lanes_reserve, pace)
{
	struct lane_pace p = {};

	lane_pace(&p, 1000, 5 * MS);
	cr_expect_eq(p.rate, 0, "one look says nothing");
	lane_pace(&p, 1005, 14 * MS);
	cr_expect_eq(p.rate, 0, "too short");
	lane_pace(&p, 1026, 15 * MS);
	cr_expect_eq(p.rate, 2600, "%llu", p.rate);
	lane_pace(&p, 1090, 16 * MS);
	cr_expect_eq(p.rate, 2600, "a burst of a millisecond");
	lane_pace(&p, 1090 + 16, 1016 * MS);
	cr_expect_eq(p.rate, 79, "after a pause: %llu", p.rate);
}

/*
 * A member that sends evenly, and a loop that does something else for blocked_ms at the moment
 * that is worst for it, when an event has just come.  How many numbers lie behind the block's end?
 */
static __u64 dropped(__u64 rate, __u64 blocked_ms)
{
	struct lane_state s = { .plan = { 3, 6, 0 }, .lane = 0, .started = true };
	__u64 oseq = 0, round, gap = 1000 * MS / rate, lost = 0, until = 0, pending = 0;
	struct lane_pace p = {};

	for (__u64 n = 1; n <= 2000; n++) {
		__u64 now = n * gap, offset;

		/* The loop has the processor again: what it was told meanwhile. */
		if (pending && now >= until) {
			lane_pace(&p, n, now);
			if (lane_on_used(&s, pending, p.rate, &round)) {
				struct lane_jump j = lane_jump_to(&s, round, oseq);

				oseq = j.oseq;
				lane_jumped(&s, &j);
			}
			pending = 0;
		}
		oseq++;
		if (esl_lane_place(&s.plan, oseq).lane) {
			lost++;
			continue;
		}
		offset = (oseq - 1) & 63;
		if (offset != 16 && offset != 32)
			continue;
		pending = oseq;
		/* In time but for once, when an event asks for the jump. */
		if (n > 1000 && !until && lane_on_used(&s, oseq, p.rate, &round))
			until = now + blocked_ms * MS;
	}
	return lost;
}

Test(agent_lanes_reserve, a_blocked_loop)
{
	static const struct {
		const char *name;
		__u64 rate, blocked_ms, dropped;
	} rows[] = {
		{ "three members, 5,200 packets/s", 1733, 25, 0 },
		{ "two members, 5,200 packets/s", 2600, 17, 0 },
		{ "slow", 1000, 30, 0 },
		{ "fast", 15000, 3, 0 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		cr_expect_eq(dropped(rows[i].rate, rows[i].blocked_ms), rows[i].dropped, "%s: %llu", rows[i].name,
			     dropped(rows[i].rate, rows[i].blocked_ms));
}
