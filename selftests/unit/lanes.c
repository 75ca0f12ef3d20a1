// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Lanes: every number has one lane, every lane its own numbers without gaps
 * of position, for all plans. */
#include <criterion/criterion.h>

#include <espalier/lane.h>

#include "rand.h"

#define TWO32 (1ULL << 32)

static struct esl_lanes plan(__u32 lanes, __u32 shift)
{
	return (struct esl_lanes){ .lanes = (__u16)lanes, .block_shift = (__u8)shift };
}

#define FOR_EACH_PLAN(l)                                                                      \
	for (__u32 n_ = 1; n_ <= ESL_LANES_MAX; n_++)                                         \
		for (__u32 k_ = ESL_BLOCK_SHIFT_MIN; k_ <= ESL_BLOCK_SHIFT_MAX; k_++)         \
			for (struct esl_lanes l = plan(n_, k_), *once_ = &l; once_; once_ = NULL)

/* The definition, DESIGN: "lanes, not agreement", with plain division. */
static struct esl_place by_definition(const struct esl_lanes *l, __u64 seq)
{
	__u64 k = 1ULL << l->block_shift, lk = k * l->lanes;
	struct esl_place p = { .round = (seq - 1) / lk, .lane = (__u32)((seq - 1) / k % l->lanes) };

	p.position = p.round * k + (seq - 1) % k;
	return p;
}

static bool same(struct esl_place a, struct esl_place b)
{
	return a.round == b.round && a.lane == b.lane && a.position == b.position;
}

Test(lanes, first_number)
{
	FOR_EACH_PLAN(l) {
		struct esl_place p = esl_lane_place(&l, 1);

		cr_assert(!p.round && !p.lane && !p.position, "L %u K 2^%u", l.lanes, l.block_shift);
	}
}

Test(lanes, round_trip_at_block_edges)
{
	static const __u64 rounds[] = { 0, 1, 2, 1023 };

	FOR_EACH_PLAN(l) {
		__u64 k = esl_block_size(&l), far = TWO32 / (l.lanes * k);
		__u64 farther = ~0ULL / (l.lanes * k) - 1;

		for (int i = 0; i < 8; i++) {
			__u64 r = i < 4 ? rounds[i] : i < 7 ? far + i - 5 : farther;

			for (__u32 lane = 0; lane < l.lanes; lane++) {
				__u64 first = esl_lane_first(&l, r, lane), last = esl_lane_last(&l, r, lane);
				struct esl_place a = esl_lane_place(&l, first), b = esl_lane_place(&l, last);

				cr_assert(a.lane == lane && a.round == r && a.position == r * k,
					  "first of L %u K 2^%u round %llu lane %u", l.lanes, l.block_shift, r, lane);
				cr_assert(b.lane == lane && b.round == r && b.position == r * k + k - 1,
					  "last of L %u K 2^%u round %llu lane %u", l.lanes, l.block_shift, r, lane);
				cr_assert(last - first + 1 == k);
			}
		}
	}
}

/* Lane after lane, round after round: no number between two blocks, none in two. */
Test(lanes, blocks_tile_the_numbers)
{
	FOR_EACH_PLAN(l) {
		__u64 next = 1;

		for (__u64 r = 0; r < 3; r++) {
			for (__u32 lane = 0; lane < l.lanes; lane++) {
				cr_assert_eq(esl_lane_first(&l, r, lane), next, "L %u K 2^%u", l.lanes, l.block_shift);
				next = esl_lane_last(&l, r, lane) + 1;
			}
		}
	}
}

/* count numbers from start on: the position of each lane grows by one. */
static void assert_dense(const struct esl_lanes *l, __u64 start, __u64 count)
{
	__u64 next[ESL_LANES_MAX];
	bool known[ESL_LANES_MAX] = {};

	for (__u64 s = start; s < start + count; s++) {
		struct esl_place p = esl_lane_place(l, s);

		cr_assert(p.lane < l->lanes);
		cr_assert(same(p, by_definition(l, s)), "L %u K 2^%u number %llu", l->lanes, l->block_shift, s);
		cr_assert(!known[p.lane] || p.position == next[p.lane], "L %u K 2^%u number %llu", l->lanes,
			  l->block_shift, s);
		known[p.lane] = true;
		next[p.lane] = p.position + 1;
	}
}

Test(lanes, positions_are_dense)
{
	static const __u32 shifts[] = { ESL_BLOCK_SHIFT_MIN, 6, 10 };

	for (__u32 lanes = 1; lanes <= ESL_LANES_MAX; lanes++) {
		for (int i = 0; i < 3; i++) {
			struct esl_lanes l = plan(lanes, shifts[i]);
			__u64 round = lanes * esl_block_size(&l);

			assert_dense(&l, 1, 2 * round + 1);
			assert_dense(&l, TWO32 - round, 2 * round);
			assert_dense(&l, 7 * TWO32 - round, 2 * round);
		}
	}
}

Test(lanes, largest_block)
{
	struct esl_lanes l = plan(ESL_LANES_MAX, ESL_BLOCK_SHIFT_MAX);

	assert_dense(&l, 65536 - 5, 10);
	assert_dense(&l, TWO32 - 70000, 140000);
	assert_dense(&l, ~0ULL - 100, 100);
}

Test(lanes, random_numbers_by_definition)
{
	__u64 state = 1;

	for (int i = 0; i < 2000000; i++) {
		struct esl_lanes l = plan(1 + rand_below(&state, ESL_LANES_MAX),
					  ESL_BLOCK_SHIFT_MIN + rand_below(&state, 14));
		__u64 s = (rand64(&state) >> rand_below(&state, 64)) | 1;

		cr_assert(same(esl_lane_place(&l, s), by_definition(&l, s)), "L %u K 2^%u number %llu", l.lanes,
			  l.block_shift, s);
	}
}

/* The nearest number with this low half, by trying all that can be. */
static __u64 nearest(__u32 low, __u64 ref)
{
	__int128 best = 0, r = ref, distance = (__int128)1 << 100;

	for (int i = -1; i <= 1; i++) {
		__int128 candidate = (((__int128)(ref >> 32) + i) << 32) + low;
		__int128 d = candidate - r;
		__int128 size = d < 0 ? -d : d;

		/* Of two at 2^31 the lower one: an old packet, not a jump ahead. */
		if (size < distance) {
			distance = size;
			best = candidate;
		}
	}
	return best < 1 ? 0 : (__u64)best;
}

Test(extend, around_every_edge)
{
	static const __u64 refs[] = { 0, 1ULL << 31, TWO32, TWO32 + (1ULL << 31), 2 * TWO32, 1000 * TWO32,
				      TWO32 * 0x7fffffff, ~0ULL - 3 * TWO32 };
	static const __u32 lows[] = { 0, 1, 0x7fffffff, 0x80000000, 0x80000001, 0xffffffff };

	for (size_t i = 0; i < sizeof(refs) / sizeof(refs[0]); i++) {
		for (int d = -70; d <= 70; d++) {
			__u64 ref = refs[i] + d;

			if (!refs[i] && d < 0)
				continue;
			for (int j = 0; j < 6; j++) {
				cr_assert_eq(esl_seq_extend(lows[j], ref), nearest(lows[j], ref),
					     "low %#x of reference %#llx", lows[j], ref);
				/* The same distances, counted from the reference. */
				cr_assert_eq(esl_seq_extend((__u32)ref + lows[j], ref),
					     nearest((__u32)ref + lows[j], ref), "distance %#x of %#llx", lows[j], ref);
			}
		}
	}
}

Test(extend, named_rows)
{
	static const struct {
		const char *name;
		__u32 low;
		__u64 ref;
		__u64 seq;
	} rows[] = {
		{ "the reference itself", 5, 5, 5 },
		{ "nothing known yet", 5, 0, 5 },
		{ "0 is no number", 0, 0, 0 },
		{ "one before the first", 0, 1, 0 },
		{ "far below the first", 0xfffffff0, 16, 0 },
		{ "behind the wrap", 2, TWO32 - 1, TWO32 + 2 },
		{ "0 behind the wrap", 0, TWO32 - 1, TWO32 },
		{ "before the wrap", 0xffffffff, TWO32 + 5, TWO32 - 1 },
		{ "2^31 - 1 ahead", 0x80000008, 9, 0x7fffffffULL + 9 },
		{ "2^31 is behind", 0x80000009, TWO32 + 9, TWO32 + 9 - 0x80000000ULL },
		{ "2^31 behind, below the first", 0x80000009, 9, 0 },
		{ "second wrap", 1, 2 * TWO32 - 3, 2 * TWO32 + 1 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		cr_expect_eq(esl_seq_extend(rows[i].low, rows[i].ref), rows[i].seq, "%s", rows[i].name);
}

Test(extend, every_distance_is_undone)
{
	__u64 state = 2;

	for (int i = 0; i < 2000000; i++) {
		__u64 ref = (1ULL << 31) + (rand64(&state) >> (2 + rand_below(&state, 32)));
		__u64 seq = ref + (__s32)rand64(&state);

		if (seq)
			cr_assert_eq(esl_seq_extend((__u32)seq, ref), seq, "%#llx from %#llx", seq, ref);
	}
}
