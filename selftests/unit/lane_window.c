// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The window rule and the spread rule: the figures of the design, and that the two questions agree. */
#include <criterion/criterion.h>

#include <espalier/lane.h>

struct row {
	const char *name;
	__u32 lanes, shift;
	__u64 window, delay_us, rate_max;
};

static const struct row rows[] = {
	{ "the design's example", 3, 6, 1024, 1000, 256000 },
	{ "exactly the least window", 3, 6, 576, 1000, 0 },
	{ "one less is sticky", 3, 6, 575, 1000, 0 },
	{ "one more carries one for each delay", 3, 6, 577, 1000, 1000 },
	{ "RFC 4303's least", 3, 3, 32, 1000, 0 },
	{ "a slow jump", 3, 6, 1024, 5000, 51200 },
	{ "the announcement limits", 3, 8, 4096, 1000, 1024000 },
	{ "the announcement limits: large blocks", 3, 8, 2400, 1000, 96000 },
};

Test(lane_window, rate_max)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct esl_lanes l = { .lanes = (__u16)rows[i].lanes, .block_shift = (__u8)rows[i].shift };

		cr_expect_eq(esl_lane_rate_max(&l, rows[i].window, rows[i].delay_us), rows[i].rate_max, "%s: %llu",
			     rows[i].name, esl_lane_rate_max(&l, rows[i].window, rows[i].delay_us));
	}
}

/* A rate fits into the window that it needs, and the highest rate of a window needs no larger one. */
Test(lane_window, both_questions_agree)
{
	for (__u32 lanes = 1; lanes <= ESL_LANES_MAX; lanes += 7) {
		for (__u32 shift = ESL_BLOCK_SHIFT_MIN; shift <= ESL_BLOCK_SHIFT_MAX; shift++) {
			struct esl_lanes l = { .lanes = (__u16)lanes, .block_shift = (__u8)shift };

			for (__u64 window = esl_lane_spread(&l); window < 1ULL << 32; window = window * 3 + 1) {
				for (__u64 delay = 1; delay <= 10000000; delay *= 10) {
					__u64 rate = esl_lane_rate_max(&l, window, delay);

					cr_assert(esl_lane_window_needed(&l, rate, delay) <= window);
					cr_assert(esl_lane_window_needed(&l, rate + 1, delay) > window ||
						  rate >= 1ULL << 32);
					cr_assert(esl_lane_window_needed(&l, 0, delay) == esl_lane_spread(&l));
				}
			}
		}
	}
}
