// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The paper's turns and queues, the markers that bring members into step, and
 * the table they are drawn from. */
#include <criterion/criterion.h>
#include <string.h>

#include <espalier/dispatch.h>

#include "rand.h"

#define NO_MARKER 0x000001ffffffULL	/* a hash that is none, whatever the distance */

static struct esl_table table_make(const __u8 *ids, __u32 count, enum esl_scheme scheme, __u32 marker)
{
	struct esl_table t = { .epoch = 1, .scheme = scheme, .marker_mask = marker - 1 };

	esl_table_fill(&t, ids, NULL, count);
	return t;
}

static const __u8 ids[] = { 3, 7, 20, 63 };

Test(turns, round_robin_goes_round)
{
	struct esl_table t = table_make(ids, 4, ESL_SCHEME_PACKET_RR, 16);
	struct esl_turns s = {};

	for (int i = 0; i < 1000; i++) {
		esl_turns_align(&s, &t, false, NO_MARKER);
		cr_assert_eq(esl_turn_rr(&s, &t), ids[i % 4], "packet %d", i);
	}
}

Test(turns, alone_and_nobody)
{
	struct esl_table one = table_make(ids, 1, ESL_SCHEME_PACKET_RR, 16), none = one;

	esl_table_fill(&none, NULL, NULL, 0);
	for (int sqf = 0; sqf < 2; sqf++) {
		struct esl_turns s = {};

		for (__u64 i = 0; i < 100; i++) {
			esl_turns_align(&s, &one, sqf, i << 48);
			cr_assert_eq(sqf ? esl_turn_sqf(&s, &one, 100) : esl_turn_rr(&s, &one), 3);
			esl_turns_align(&s, &none, sqf, i << 48);
			cr_assert_eq(sqf ? esl_turn_sqf(&s, &none, 100) : esl_turn_rr(&s, &none), ESL_NO_MEMBER);
		}
	}
}

/* The packet goes to the member whose queue was shortest before it came. */
Test(turns, shortest_queue_first)
{
	struct esl_table t = table_make(ids, 4, ESL_SCHEME_PACKET_SQF, 16);
	struct esl_turns s = {};
	__u64 length[ESL_MEMBERS_MAX] = {}, state = 11;

	esl_turns_align(&s, &t, true, NO_MARKER);
	for (int i = 0; i < 100000; i++) {
		__u32 bytes = 20 + rand_below(&state, 1480), member;

		member = esl_turn_sqf(&s, &t, bytes);
		cr_assert(t.active_bits >> member & 1, "packet %d: member %u", i, member);
		for (int j = 0; j < 4; j++)
			cr_assert(length[member] <= length[ids[j]], "packet %d: member %u has %llu, %u has %llu", i,
				  member, length[member], ids[j], length[ids[j]]);
		length[member] += bytes;
	}
}

/* Of queues of equal length, the one next in turn from the first on: whoever
 * that is, all others follow before it comes again. */
Test(turns, equal_queues_go_round)
{
	struct esl_table t = table_make(ids, 4, ESL_SCHEME_PACKET_SQF, 16);

	for (__u32 first = 0; first < 4; first++) {
		struct esl_turns s = {};

		esl_turns_reset(&s, &t, true, first);
		for (__u32 i = 0; i < 40; i++)
			cr_assert_eq(esl_turn_sqf(&s, &t, 100), ids[(first + i) % 4], "first %u, packet %u", first, i);
	}
}

/* The largest packets for years do not overflow into the ids. */
Test(turns, long_queues)
{
	struct esl_table t = table_make(ids, 4, ESL_SCHEME_PACKET_SQF, 1 << 24);
	struct esl_turns s = {};

	esl_turns_align(&s, &t, true, NO_MARKER);
	for (int i = 0; i < 4; i++)
		s.queue[ids[i]] += 1ULL << 61;
	for (int i = 0; i < 1000; i++) {
		__u32 member = esl_turn_sqf(&s, &t, 65575);

		cr_assert(t.active_bits >> member & 1, "packet %d: member %u", i, member);
		cr_assert_eq(s.queue[member] & 63, member);
	}
}

/* One packet in 2^n is a marker, and its turn is drawn evenly. */
Test(turns, markers)
{
	struct esl_table t = table_make(ids, 4, ESL_SCHEME_PACKET_RR, 1);
	__u64 state = 12;

	for (int shift = 0; shift <= 10; shift++) {
		__u32 markers = 0, drawn[4] = {}, packets = 1 << 20;

		t.marker_mask = (1u << shift) - 1;
		for (__u32 i = 0; i < packets; i++) {
			__u64 hash = rand64(&state);

			if (!esl_is_marker(&t, hash))
				continue;
			markers++;
			drawn[esl_hash_turn(&t, hash)]++;
		}
		cr_expect(markers > 0.85 * (packets >> shift) && markers < 1.15 * (packets >> shift) + 1,
			  "1 in %d: %u markers", 1 << shift, markers);
		for (int i = 0; i < 4; i++)
			cr_expect(drawn[i] > 0.8 * markers / 4 && drawn[i] < 1.2 * markers / 4, "1 in %d: %u of %u",
				  1 << shift, drawn[i], markers);
	}
}

/* Two members, however far out of step, agree from the next marker on. */
Test(turns, markers_realign)
{
	__u64 state = 13;

	for (int i = 0; i < 2000; i++) {
		bool sqf = i & 1, met = false;
		struct esl_table t = table_make(ids, 4, sqf ? ESL_SCHEME_PACKET_SQF : ESL_SCHEME_PACKET_RR, 16);
		struct esl_turns a = {}, b = {};

		esl_turns_reset(&a, &t, sqf, 0);
		esl_turns_reset(&b, &t, sqf, rand_below(&state, 4));
		for (int j = 0; j < 64; j++)
			b.queue[j] += sqf ? (__u64)rand_below(&state, 1 << 20) << 12 : 0;
		for (int n = 0; n < 500; n++) {
			__u64 hash = rand64(&state);
			__u32 bytes = 20 + rand_below(&state, 1480), x, y;

			esl_turns_align(&a, &t, sqf, hash);
			esl_turns_align(&b, &t, sqf, hash);
			x = sqf ? esl_turn_sqf(&a, &t, bytes) : esl_turn_rr(&a, &t);
			y = sqf ? esl_turn_sqf(&b, &t, bytes) : esl_turn_rr(&b, &t);
			met |= esl_is_marker(&t, hash);
			cr_assert(!met || x == y, "after a marker %u and %u", x, y);
		}
		cr_assert(met);
	}
}

/* Another epoch: turns and queues begin anew, and the members of the old table
 * get nothing. */
Test(turns, epoch_begins_anew)
{
	static const __u8 fewer[] = { 7, 20 };
	__u64 state = 14;

	for (int i = 0; i < 200; i++) {
		bool sqf = i & 1;
		struct esl_table t = table_make(ids, 4, sqf ? ESL_SCHEME_PACKET_SQF : ESL_SCHEME_PACKET_RR, 16);
		struct esl_turns s = {}, fresh = {};

		for (__u32 n = rand_below(&state, 50); n; n--) {
			esl_turns_align(&s, &t, sqf, NO_MARKER);
			sqf ? esl_turn_sqf(&s, &t, rand_below(&state, 1500)) : esl_turn_rr(&s, &t);
		}
		esl_table_fill(&t, fewer, NULL, 2);
		t.epoch++;
		for (int n = 0; n < 50; n++) {
			__u32 x, y;

			esl_turns_align(&s, &t, sqf, NO_MARKER);
			esl_turns_align(&fresh, &t, sqf, NO_MARKER);
			x = sqf ? esl_turn_sqf(&s, &t, 100) : esl_turn_rr(&s, &t);
			y = sqf ? esl_turn_sqf(&fresh, &t, 100) : esl_turn_rr(&fresh, &t);
			cr_assert(x == y && (x == 7 || x == 20), "%u and %u", x, y);
		}
	}
}

/* How often each id has a slot; everything else is nobody's. */
static void count_slots(const struct esl_table *t, __u32 *count)
{
	memset(count, 0, 256 * sizeof(*count));
	for (int i = 0; i < ESL_SLOTS; i++)
		count[t->slot[i]]++;
}

Test(table, equal_weights_go_round)
{
	struct esl_table t;

	for (__u32 n = 1; n <= 4; n++) {
		static const __u32 zero[4], same[4] = { 9, 9, 9, 9 };
		const __u32 *weights[] = { NULL, zero, same };

		for (int w = 0; w < 3; w++) {
			esl_table_fill(&t, ids, weights[w], n);
			cr_assert_eq(t.active_count, n);
			cr_assert_arr_eq(t.active, ids, n);
			for (int i = 0; i < ESL_SLOTS; i++)
				cr_assert_eq(t.slot[i], ids[i % n], "%u members, slot %d", n, i);
		}
	}
	cr_expect_eq(t.active_bits, 1ULL << 3 | 1ULL << 7 | 1ULL << 20 | 1ULL << 63);
	esl_table_fill(&t, NULL, NULL, 0);
	cr_expect(t.active_count == 0 && t.active_bits == 0);
	for (int i = 0; i < ESL_SLOTS; i++)
		cr_assert_eq(t.slot[i], ESL_NO_MEMBER);
}

Test(table, all_members)
{
	__u8 all[ESL_MEMBERS_MAX];
	struct esl_table t;

	for (int i = 0; i < ESL_MEMBERS_MAX; i++)
		all[i] = (__u8)i;
	esl_table_fill(&t, all, NULL, ESL_MEMBERS_MAX);
	cr_expect_eq(t.active_bits, ~0ULL);
	for (int i = 0; i < ESL_SLOTS; i++)
		cr_assert_eq(t.slot[i], i % ESL_MEMBERS_MAX);
}

/* Nobody has a slot more than the weights say, or two less. */
Test(table, weights)
{
	__u64 state = 15;

	for (int i = 0; i < 20000; i++) {
		__u32 weights[8], n = 1 + (__u32)i % 8, sum = 0, count[256];
		static const __u8 eight[] = { 0, 1, 5, 9, 17, 33, 62, 63 };
		struct esl_table t;

		for (__u32 j = 0; j < n; j++) {
			weights[j] = rand_below(&state, i & 8 ? 4 : 1000);
			sum += weights[j];
		}
		esl_table_fill(&t, eight, weights, n);
		count_slots(&t, count);
		for (__u32 j = 0; sum && j < n; j++) {
			double fair = (double)ESL_SLOTS * weights[j] / sum;

			cr_assert(count[eight[j]] > fair - 2 && count[eight[j]] < fair + 1,
				  "row %d: member %u has %u slots of %.2f", i, eight[j], count[eight[j]], fair);
			cr_assert(weights[j] || !count[eight[j]], "row %d: weight 0 has slots", i);
		}
	}
}
