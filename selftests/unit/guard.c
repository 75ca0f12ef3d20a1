// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The guard's words and ranges, edge by edge. */
#include <criterion/criterion.h>
#include <string.h>

#include <espalier/guard.h>

#define TWO32 (1ULL << 32)
#define WORD(tag, bits) ((__u64)(__u32)(tag) << 32 | (bits))

Test(guard, word)
{
	static const struct {
		const char *name;
		__u64 cur;
		__u32 tag;
		__u32 mask;
		int reason;
		__u64 next;
	} rows[] = {
		{ "same tag, free bit", WORD(7, 0x1), 7, 0x2, ESL_G_PASS, WORD(7, 0x3) },
		{ "same tag, taken bit", WORD(7, 0x2), 7, 0x2, ESL_G_DUPLICATE, 0 },
		{ "same tag, one of two taken", WORD(7, 0x2), 7, 0x6, ESL_G_DUPLICATE, 0 },
		{ "same tag, highest bit", WORD(7, 0x7fffffff), 7, 0x80000000, ESL_G_PASS, WORD(7, 0xffffffff) },
		{ "same tag, all bits", WORD(7, 0), 7, 0xffffffff, ESL_G_PASS, WORD(7, 0xffffffff) },
		{ "same tag, full word", WORD(7, 0xffffffff), 7, 0x1, ESL_G_DUPLICATE, 0 },
		{ "newer by one replaces", WORD(7, 0xffffffff), 8, 0x1, ESL_G_PASS, WORD(8, 0x1) },
		{ "older by one", WORD(7, 0), 6, 0x1, ESL_G_OLD, 0 },
		{ "newer by 2^31 - 1", WORD(7, 0x1), 0x80000006, 0x1, ESL_G_PASS, WORD(0x80000006, 0x1) },
		{ "2^31 away is old", WORD(7, 0x1), 0x80000007, 0x1, ESL_G_OLD, 0 },
		{ "older by 2^31 - 1", WORD(0x80000006, 0), 7, 0x1, ESL_G_OLD, 0 },
		{ "newer over the wrap of the tag", WORD(0xffffffff, 0x1), 0, 0x1, ESL_G_PASS, WORD(0, 0x1) },
		{ "older over the wrap of the tag", WORD(0, 0), 0xffffffff, 0x1, ESL_G_OLD, 0 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		__u64 next = 0;

		cr_expect_eq(esl_guard_word(rows[i].cur, rows[i].tag, rows[i].mask, &next), rows[i].reason, "%s",
			     rows[i].name);
		cr_expect_eq(next, rows[i].next, "%s: %#llx", rows[i].name, next);
	}
}

/* One check on a fresh record. */
struct check_row {
	const char *name;
	__u16 lanes;
	__u8 shift;
	__u32 lane;
	bool esn;
	__u64 first;
	__u64 bound;
	__u32 low;
	__u32 count;
	int reason;
	__u64 seq;		/* rebuilt, 0: not compared */
};

static int check_fresh(const struct check_row *r, __u64 *seq)
{
	struct esl_lanes l = { .lanes = r->lanes, .block_shift = r->shift };
	struct esl_guard g;

	memset(&g, 0, sizeof(g));
	/* A record without a plan was never prepared. */
	if (r->lanes)
		esl_guard_init(&g, &l, r->lane, r->first);
	g.bound = r->bound;
	return esl_guard_check(&g, &l, r->lane, r->esn, r->low, r->count, seq);
}

Test(guard, check)
{
	/* L = 3, K = 64: lane 1 has 65..128, 257..320 and so on. */
	static const struct check_row rows[] = {
		{ "first of the block", 3, 6, 1, false, 1, 320, 65, 1, ESL_G_PASS, 65 },
		{ "last of the block", 3, 6, 1, false, 1, 320, 128, 1, ESL_G_PASS, 128 },
		{ "one before the block", 3, 6, 1, false, 1, 320, 64, 1, ESL_G_LANE, 64 },
		{ "one behind the block", 3, 6, 1, false, 1, 320, 129, 1, ESL_G_LANE, 129 },
		{ "block of the next round", 3, 6, 1, false, 1, 320, 257, 1, ESL_G_PASS, 257 },
		{ "the bound", 3, 6, 1, false, 1, 100, 100, 1, ESL_G_PASS, 100 },
		{ "one beyond the bound", 3, 6, 1, false, 1, 100, 101, 1, ESL_G_BOUND, 101 },
		{ "bound 0", 3, 6, 1, false, 1, 0, 65, 1, ESL_G_BOUND, 65 },
		{ "number 0", 3, 6, 0, false, 1, 100, 0, 1, ESL_G_BOUND, 0 },
		{ "number 0 with ESN", 3, 6, 0, true, 1, 100, 0, 1, ESL_G_BOUND, 0 },
		{ "first", 3, 6, 1, false, 70, 320, 70, 1, ESL_G_PASS, 70 },
		{ "one below first", 3, 6, 1, false, 70, 320, 69, 1, ESL_G_OLD, 69 },
		{ "no plan", 0, 6, 0, false, 1, 100, 1, 1, ESL_G_BOUND, 1 },
		{ "no segment", 3, 6, 1, false, 1, 320, 65, 0, ESL_G_SEGMENTS, 65 },
		{ "whole block", 3, 6, 1, false, 1, 320, 65, 64, ESL_G_PASS, 65 },
		{ "whole block and one", 3, 6, 1, false, 1, 320, 65, 65, ESL_G_LANE, 65 },
		{ "two over the end of the block", 3, 6, 1, false, 1, 320, 128, 2, ESL_G_LANE, 128 },
		{ "one lane: over the end of the block", 1, 6, 0, false, 1, 320, 64, 2, ESL_G_LANE, 64 },
		{ "segments up to the bound", 3, 6, 1, false, 1, 100, 97, 4, ESL_G_PASS, 97 },
		{ "segments beyond the bound", 3, 6, 1, false, 1, 100, 98, 4, ESL_G_BOUND, 98 },
		{ "most segments", 1, 16, 0, false, 1, 65536, 1, ESL_GUARD_SEGMENTS, ESL_G_PASS, 1 },
		{ "most segments across words", 1, 16, 0, false, 1, 65536, 32, ESL_GUARD_SEGMENTS, ESL_G_PASS, 32 },
		{ "one segment too many", 1, 16, 0, false, 1, 65536, 1, ESL_GUARD_SEGMENTS + 1, ESL_G_SEGMENTS, 1 },
		{ "many segments too many", 1, 16, 0, false, 1, 65536, 1, 0xffffffff, ESL_G_SEGMENTS, 1 },
		{ "last number without ESN", 1, 3, 0, false, 0xfffffff1, 0xffffffff, 0xffffffff, 1, ESL_G_PASS, 0xffffffff },
		{ "segments over 2^32 without ESN", 1, 16, 0, false, 0xfffffff1, 0xffffffff, 0xffffffff, 2, ESL_G_BOUND, 0xffffffff },
		{ "without ESN the high word is 0", 1, 16, 0, false, 1, TWO32 + 5, 3, 1, ESL_G_PASS, 3 },
		{ "ESN: last number of the first 2^32", 1, 16, 0, true, TWO32 - 99, TWO32 + 100, 0, 1, ESL_G_PASS, TWO32 },
		{ "ESN: before the wrap", 1, 16, 0, true, TWO32 - 99, TWO32 + 100, 0xffffffff, 1, ESL_G_PASS, TWO32 - 1 },
		{ "ESN: behind the wrap", 1, 16, 0, true, TWO32 - 99, TWO32 + 100, 7, 1, ESL_G_PASS, TWO32 + 7 },
		{ "ESN: the bound", 1, 16, 0, true, TWO32 - 99, TWO32 + 100, 100, 1, ESL_G_PASS, TWO32 + 100 },
		{ "ESN: one beyond the bound", 1, 16, 0, true, TWO32 - 99, TWO32 + 100, 101, 1, ESL_G_BOUND, TWO32 + 101 },
		{ "ESN: bound below the wrap, number above", 1, 16, 0, true, 1, TWO32 - 1, 5, 1, ESL_G_BOUND, TWO32 + 5 },
		{ "ESN: one below first", 1, 16, 0, true, TWO32 - 99, TWO32 + 100, 0xffffff9c, 1, ESL_G_OLD, TWO32 - 100 },
		{ "ESN: high word 41", 1, 16, 0, true, 41 * TWO32 + 1, 41 * TWO32 + 65536, 9, 1, ESL_G_PASS, 41 * TWO32 + 9 },
		{ "ESN: the nearest is below 1", 1, 16, 0, true, 1, 100, 0xfffffff0, 1, ESL_G_BOUND, 0 },
		{ "ESN: lane of the whole number", 3, 16, 2, true, 5 * TWO32 + 1, 5 * TWO32 + 65536, 1, 1, ESL_G_PASS, 5 * TWO32 + 1 },
		{ "ESN: lane of its low half alone", 3, 16, 0, true, 5 * TWO32 + 1, 5 * TWO32 + 65536, 1, 1, ESL_G_LANE, 5 * TWO32 + 1 },
		{ "64 lanes of 65536, the last lane", 64, 16, 63, true, 1, 64 * 65536, 64 * 65536, 1, ESL_G_PASS, 64 * 65536 },
		{ "64 lanes of 65536, number behind", 64, 16, 63, true, 1, 1ULL << 30, 64 * 65536 + 1, 1, ESL_G_LANE, 64 * 65536 + 1 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		__u64 seq = 0;

		cr_expect_eq(check_fresh(&rows[i], &seq), rows[i].reason, "%s", rows[i].name);
		cr_expect_eq(seq, rows[i].seq, "%s: rebuilt %#llx", rows[i].name, seq);
	}
}

/* Position p of the window takes bit p % 32 of word p / 32 % 64, for all. */
Test(guard, every_bit_of_the_window)
{
	struct esl_lanes l = { .lanes = 1, .block_shift = 16 };
	struct esl_guard g;
	__u64 seq;

	memset(&g, 0, sizeof(g));
	esl_guard_init(&g, &l, 0, 1);
	g.bound = 65536;
	for (__u32 s = 1; s <= ESL_GUARD_WINDOW; s++)
		cr_assert_eq(esl_guard_check(&g, &l, 0, false, s, 1, &seq), ESL_G_PASS, "number %u", s);
	for (__u32 s = 1; s <= ESL_GUARD_WINDOW; s++)
		cr_assert_eq(esl_guard_check(&g, &l, 0, false, s, 1, &seq), ESL_G_DUPLICATE, "number %u", s);
	cr_assert_eq(esl_guard_check(&g, &l, 0, false, ESL_GUARD_WINDOW + 1, 1, &seq), ESL_G_PASS);
	for (__u32 s = 1; s <= 32; s++)
		cr_assert_eq(esl_guard_check(&g, &l, 0, false, s, 1, &seq), ESL_G_OLD, "number %u", s);
	cr_assert_eq(esl_guard_check(&g, &l, 0, false, 33, 1, &seq), ESL_G_DUPLICATE);
}

/* Wherever the record starts, nothing before first passes and the window
 * from first on is free. */
Test(guard, fresh_record_anywhere)
{
	static const __u64 starts[] = { 1, 33, 64, 65, 2048, 2049, TWO32 - 1, TWO32, TWO32 + 1, 1ULL << 37,
					(1ULL << 37) + 1, (1ULL << 36) + 1, 1ULL << 50 };
	struct esl_lanes l = { .lanes = 1, .block_shift = 16 };

	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
		struct esl_guard g;
		__u64 seq;

		memset(&g, 0, sizeof(g));
		esl_guard_init(&g, &l, 0, starts[i]);
		g.bound = starts[i] + ESL_GUARD_WINDOW;
		for (__u64 s = starts[i]; s < starts[i] + ESL_GUARD_WINDOW - 32; s++)
			cr_assert_eq(esl_guard_check(&g, &l, 0, true, (__u32)s, 1, &seq), ESL_G_PASS,
				     "start %llu, number %llu", starts[i], s);
		for (__u64 s = starts[i] > 99 ? starts[i] - 99 : 1; s < starts[i]; s++)
			cr_assert_eq(esl_guard_check(&g, &l, 0, true, (__u32)s, 1, &seq), ESL_G_OLD,
				     "start %llu, number %llu", starts[i], s);
	}
}

/* first in whosever block: each number of the lane from there on passes once. */
Test(guard, fresh_record_for_any_lane)
{
	struct esl_lanes l = { .lanes = 3, .block_shift = 6 };

	for (__u64 first = 1; first <= 500; first++) {
		for (__u32 lane = 0; lane < 3; lane++) {
			struct esl_guard g;
			__u64 seq;

			memset(&g, 0, sizeof(g));
			esl_guard_init(&g, &l, lane, first);
			g.bound = 3000;
			for (__u64 s = 1; s <= 1500; s++) {
				int want = s < first ? ESL_G_OLD : (s - 1) / 64 % 3 == lane ? ESL_G_PASS : ESL_G_LANE;

				cr_assert_eq(esl_guard_check(&g, &l, lane, false, (__u32)s, 1, &seq), want,
					     "first %llu, lane %u, number %llu", first, lane, s);
			}
		}
	}
}

/* All or nothing for the packet: what an earlier word took is lost. */
Test(guard, refused_segments_do_not_pass_later)
{
	struct esl_lanes l = { .lanes = 1, .block_shift = 16 };
	struct esl_guard g;
	__u64 seq;

	memset(&g, 0, sizeof(g));
	esl_guard_init(&g, &l, 0, 1);
	g.bound = 65536;
	cr_assert_eq(esl_guard_check(&g, &l, 0, false, 40, 1, &seq), ESL_G_PASS);
	cr_assert_eq(esl_guard_check(&g, &l, 0, false, 30, 20, &seq), ESL_G_DUPLICATE);
	cr_assert_eq(esl_guard_check(&g, &l, 0, false, 30, 1, &seq), ESL_G_DUPLICATE);
	cr_assert_eq(esl_guard_check(&g, &l, 0, false, 33, 1, &seq), ESL_G_PASS);
}
