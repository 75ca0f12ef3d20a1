// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Slots that change hands, and the floors under them. */
#include <criterion/criterion.h>
#include <string.h>

#include <agent/takeover.h>

#include "rand.h"

#define MS 1000000ULL

static void fill(__u8 slot[ESL_SLOTS], __u8 of_rest)
{
	memset(slot, of_rest, ESL_SLOTS);
}

Test(agent_takeover, taken)
{
	__u8 a[ESL_SLOTS], b[ESL_SLOTS], after[ESL_SLOTS];
	const __u8 *before[] = { a, b };
	struct takeover_slots s;

	fill(a, 1);
	fill(b, 1);
	fill(after, 1);
	a[0] = a[255] = after[0] = after[63] = after[64] = after[255] = 2;
	b[63] = b[255] = 2;

	cr_expect_eq(takeover_taken(before, 1, after, 2, &s), 2, "had 0 and 255 before");
	cr_expect(takeover_has(&s, 63) && takeover_has(&s, 64));
	cr_expect(!takeover_has(&s, 0) && !takeover_has(&s, 255));
	cr_expect_eq(takeover_taken(before, 2, after, 2, &s), 3, "0 it had in one of two tables only");
	cr_expect(takeover_has(&s, 0) && !takeover_has(&s, 255));
	cr_expect_eq(takeover_taken(before, 0, after, 2, &s), 4, "a member without a table took all it has");
	cr_expect_eq(takeover_taken(before, 2, after, 3, &s), 0);
	cr_expect_eq(takeover_taken(before, 2, after, 1, &s), 0, "gave slots away only");
}

Test(agent_takeover, distance)
{
	__u8 slot[ESL_SLOTS];

	fill(slot, 1);
	cr_expect_eq(takeover_distance(slot, 1), 1, "owns all");
	cr_expect_eq(takeover_distance(slot, 2), ESL_SLOTS, "owns none");
	slot[7] = 2;
	cr_expect_eq(takeover_distance(slot, 2), ESL_SLOTS, "owns one: the next is once round");
	cr_expect_eq(takeover_distance(slot, 1), 2);
	slot[250] = 2;
	cr_expect_eq(takeover_distance(slot, 2), 243, "8 to 249, and one");
	fill(slot, 1);
	slot[100] = slot[200] = 2;
	cr_expect_eq(takeover_distance(slot, 2), 156, "from 200 on over the end to 100");
}

Test(agent_takeover, unheard)
{
	static const struct {
		const char *name;
		__u64 heard_ms, silent_ms, expect_ms;
	} rows[] = {
		{ "told just now", 20, 20, 20 },
		{ "told long ago, by one that has told nothing since", 5000, 5000, 5000 },
		{ "told long ago, and nothing was there to tell", 3600000, 80, 380 },
		{ "the last told may be lost twice, not more often", 400, 70, 370 },
		{ "one of them has told nothing yet", 3600000, UINT64_MAX / MS, 3600000 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		__u64 silent = rows[i].silent_ms == UINT64_MAX / MS ? UINT64_MAX : rows[i].silent_ms * MS;

		cr_expect_eq(takeover_unheard_ns(rows[i].heard_ms * MS, silent), rows[i].expect_ms * MS, "%s",
			     rows[i].name);
	}
}

Test(agent_takeover, unseen)
{
	static const struct {
		const char *name;
		__u64 unseen_ns, moved_ns, silent_ns, blind_ns, expect;
	} rows[] = {
		{ "it moves", 20 * MS, 100 * MS, 0, 0, 20 * MS },
		{ "it fell silent at the last look", 20 * MS, 300 * MS, 0, 0, 20 * MS },
		{ "nothing comes any more", 501 * MS, 501 * MS, 0, 0, 0 },
		{ "nor did for minutes", 300000 * MS, 300000 * MS, 0, 0, 0 },
		{ "it stood still until this member fell silent", 1000 * MS, 1000 * MS, 20 * MS, 20 * MS, 20 * MS },
		{ "this member saw nothing itself", 750 * MS, 800 * MS, 750 * MS, 0, 750 * MS },
		{ "silent for long, and it had stood still before", 750 * MS, 1300 * MS, 750 * MS, 0, 0 },
		{ "it has moved since", 20 * MS, 10 * MS, 750 * MS, 0, 20 * MS },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		cr_expect_eq(takeover_unseen_ns(rows[i].unseen_ns, rows[i].moved_ns, rows[i].silent_ns, rows[i].blind_ns),
			     rows[i].expect, "%s", rows[i].name);
}

Test(agent_takeover, floor)
{
	static const struct {
		const char *name;
		struct takeover_known known;
		__u64 floor;
	} rows[] = {
		{ "own top", { .own = 500, .heard = 400, .distance = 3 }, 503 },
		{ "another's top", { .own = 400, .heard = 500, .distance = 3 }, 503 },
		{ "two numbers a slot", { .own = 500, .distance = 3, .esp_shift = 1 }, 506 },
		{ "by SPI: no distance", { .own = 500, .distance = 3, .esp_shift = ESL_BY_SPI }, 500 },
		{ "the rate", { .own = 500, .rate = 10000, .unheard_ns = 60000000, .distance = 3 }, 1103 },
		{ "rounded up", { .own = 500, .rate = 1, .unheard_ns = 1 }, 501 },
		{ "seconds", { .own = 500, .rate = 3, .unheard_ns = 2000000001 }, 507 },
		{ "another's floor is higher", { .own = 500, .refused = 504, .distance = 3 }, 504 },
		{ "another's floor is lower", { .own = 500, .refused = 502, .distance = 3 }, 503 },
		{ "nothing known", { .distance = 4 }, 4 },
		{ "beyond 32 bits", { .own = 0xffffffff, .distance = 2 }, 0x100000001 },
		{ "the last number", { .own = UINT64_MAX - 1, .distance = 2 }, UINT64_MAX },
		{ "a rate without end", { .rate = UINT64_MAX, .unheard_ns = UINT64_MAX }, UINT64_MAX },
		{ "a large rate, a short while", { .rate = UINT64_MAX / 4, .unheard_ns = 5 }, UINT64_MAX / 4 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		cr_expect_eq(takeover_floor(&rows[i].known), rows[i].floor, "%s: %llu", rows[i].name,
			     (unsigned long long)takeover_floor(&rows[i].known));
}

Test(agent_takeover, bar)
{
	cr_expect_eq(takeover_bar(0, 0, 0, 0), 64);
	cr_expect_eq(takeover_bar(64, 32, 0, 0), 64, "half of it is left");
	cr_expect_eq(takeover_bar(64, 33, 0, 0), 97, "less than half");
	cr_expect_eq(takeover_bar(0, 1000, 10000, 30000000), 1364);
	cr_expect_eq(takeover_bar(5000, 1000, 10000, 30000000), 5000, "never lowered");
	cr_expect_eq(takeover_bar(0, UINT64_MAX - 3, 0, 0), UINT64_MAX);
}

Test(agent_takeover, ceiling)
{
	static const struct {
		const char *name;
		__u64 told[ESL_MEMBERS_MAX], view, members, ceiling;
	} rows[] = {
		{ "nobody", { 9 }, 0, 0, 0 },
		{ "alone, no quorum", { 100 }, 1, 0, 100 },
		{ "the lowest of the view", { 100, 70, 90 }, 7, 0, 70 },
		{ "who is not in the view does not count", { 100, 0, 90 }, 5, 0, 90 },
		{ "new in the view: has told nothing", { 100, 90, 0 }, 7, 7, 0 },
		{ "a majority outside the view", { 100, 80, 60 }, 1, 7, 80 },
		{ "a majority of four is three", { 100, 80, 60, 40 }, 1, 15, 60 },
		{ "the view is lower than the majority", { 100, 80, 60 }, 5, 7, 60 },
		{ "ids with holes", { [3] = 5, [40] = 8, [63] = 7 }, 1ULL << 40,
		  1ULL << 3 | 1ULL << 40 | 1ULL << 63, 7 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		cr_expect_eq(takeover_ceiling(rows[i].told, rows[i].view, rows[i].members),
			     rows[i].ceiling, "%s", rows[i].name);
}

/* Whatever majority bounded a number, one of the witnesses was in it. */
Test(agent_takeover, witnesses_meet_every_majority)
{
	for (__u32 count = 1; count <= 6; count++)
		for (__u64 witnesses = 0; witnesses < 1ULL << count; witnesses++) {
			bool meets = true;

			for (__u64 set = 0; set < 1ULL << count; set++)
				meets &= 2 * (__u32)__builtin_popcountll(set) <= count || set & witnesses;
			cr_assert_eq(takeover_is_witnessed(witnesses, (1ULL << count) - 1), meets,
				     "%llx of %u", (unsigned long long)witnesses, count);
		}
	cr_expect(takeover_is_witnessed(0, 0), "quorum none");
	cr_expect(!takeover_is_witnessed(~7ULL, 7), "strangers are no witnesses");
}

Test(agent_takeover, floors_rise_and_go)
{
	struct takeover_floors f = {};
	struct takeover_slots s = { .word = { 1, 0, 0, 1ULL << 63 } };

	takeover_raise(&f, &s, 1000);
	takeover_raise(&f, &s, 900);
	cr_expect_eq(f.slot[0], 1000, "never lowered");
	cr_expect_eq(f.slot[255], 1000);
	cr_expect_eq(f.slot[1], 0);
	s.word[3] = 0;
	takeover_raise(&f, &s, 2000);
	cr_expect_eq(takeover_highest(&f), 2000);
	cr_expect_eq(takeover_clear(&f, 1000 + 1024 - 1, 1024), 2, "one number too early");
	cr_expect_eq(takeover_clear(&f, 1000 + 1024, 1024), 1);
	cr_expect_eq(f.slot[255], 0);
	cr_expect_eq(takeover_clear(&f, UINT64_MAX, 0), 1, "a kernel without a window refuses nothing");
	cr_expect_eq(takeover_clear(&f, 3024, 1024), 0);
	takeover_raise(&f, &s, UINT64_MAX);
	cr_expect_eq(takeover_clear(&f, UINT64_MAX - 1, 1024), 1, "shut for ever");
}

/* A member that sees every number of its slots takes over: whatever the former
 * owner accepted lies at or below the floor. */
Test(agent_takeover, former_owner_is_covered)
{
	__u64 rand = 20;

	for (int run = 0; run < 2000; run++) {
		__u8 ids[ESL_MEMBERS_MAX], before[ESL_SLOTS];
		__u32 members = 2 + rand_below(&rand, 7), shift = rand_below(&rand, 3);
		__u64 seq = 1 + rand_below(&rand, 1000000), own = 0, other = 0;
		struct esl_table t = {};

		for (__u32 i = 0; i < members; i++)
			ids[i] = (__u8)i;
		esl_table_fill(&t, ids, NULL, members);
		memcpy(before, t.slot, sizeof(before));
		for (__u32 n = 1 + rand_below(&rand, 3000); n; n--, seq++) {
			__u32 owner = before[(seq >> shift) % ESL_SLOTS];

			own = owner == 0 ? seq : own;
			other = owner == 1 ? seq : other;
		}
		if (!own)
			continue;
		cr_assert_geq(takeover_floor(&(struct takeover_known){
				      .own = own,
				      .distance = takeover_distance(before, 0),
				      .esp_shift = shift,
			      }), other);
	}
}
