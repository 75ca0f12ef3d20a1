// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Slot tables: shares, moves, and how evenly consecutive slots go round. */
#include <criterion/criterion.h>
#include <string.h>

#include <agent/slots.h>

#include "rand.h"

static const __u32 equal[ESL_MEMBERS_MAX];

static void count(const struct slot_table *t, __u32 owned[ESL_MEMBERS_MAX])
{
	memset(owned, 0, ESL_MEMBERS_MAX * sizeof(*owned));
	for (int i = 0; i < ESL_SLOTS; i++) {
		cr_assert(t->members >> t->slot[i] & 1);
		owned[t->slot[i]]++;
	}
}

static __u64 first(int n)
{
	return n < 64 ? (1ULL << n) - 1 : ~0ULL;
}

Test(agent_slots, fresh_as_the_schemes_fill)
{
	for (int n = 1; n <= ESL_MEMBERS_MAX; n++) {
		struct esl_table want = {};
		struct slot_table t;
		__u8 ids[ESL_MEMBERS_MAX];
		__u32 owned[ESL_MEMBERS_MAX];

		for (int i = 0; i < n; i++)
			ids[i] = (__u8)i;
		esl_table_fill(&want, ids, NULL, (__u32)n);
		slots_clear(&t);
		slots_fill(&t, first(n), equal);
		count(&t, owned);
		for (int i = 0; i < n; i++)
			cr_expect(owned[i] == 256U / n || owned[i] == 256U / n + 1);
		if (256 % n == 0)
			cr_expect_arr_eq(t.slot, want.slot, ESL_SLOTS, "%d members", n);
	}
}

Test(agent_slots, few_moves)
{
	for (int n = 2; n <= ESL_MEMBERS_MAX; n++)
		for (int who = 0; who < n; who += 1 + n / 8) {
			struct slot_table all, less, back;
			__u32 owned[ESL_MEMBERS_MAX];

			slots_clear(&all);
			slots_fill(&all, first(n), equal);
			count(&all, owned);
			less = all;
			slots_fill(&less, first(n) & ~(1ULL << who), equal);
			cr_expect_eq(slots_moved(&all, &less), owned[who], "%d members, %d leaves", n, who);
			back = less;
			slots_fill(&back, first(n), equal);
			count(&back, owned);
			cr_expect_eq(slots_moved(&less, &back), owned[who], "%d members, %d joins", n, who);
			cr_expect(owned[who] >= 256U / n && owned[who] <= 256U / n + 1);
			cr_expect_eq(slots_owns(&less, who), false);
		}
}

Test(agent_slots, no_reason_no_move)
{
	struct slot_table a, b;

	slots_clear(&a);
	slots_fill(&a, 0x8421, equal);
	b = a;
	slots_fill(&b, 0x8421, equal);
	cr_expect_eq(slots_moved(&a, &b), 0);
}

Test(agent_slots, weights)
{
	__u32 weight[ESL_MEMBERS_MAX] = { [1] = 2, [5] = 1, [9] = 1 }, owned[ESL_MEMBERS_MAX];
	struct slot_table t, before;

	slots_clear(&t);
	slots_fill(&t, 1 << 1 | 1 << 5 | 1 << 9, weight);
	count(&t, owned);
	cr_expect(owned[1] == 128 && owned[5] == 64 && owned[9] == 64);
	before = t;
	weight[5] = 0;
	weight[9] = 2;
	slots_fill(&t, t.members, weight);
	count(&t, owned);
	cr_expect(owned[1] == 128 && owned[5] == 0 && owned[9] == 128);
	cr_expect_eq(slots_moved(&before, &t), 64);
	cr_expect(!slots_owns(&t, 5) && slots_owns(&t, 9));
	/* All that are left have no weight: equal. */
	slots_fill(&t, 1 << 5, weight);
	count(&t, owned);
	cr_expect_eq(owned[5], 256);
}

/* Whoever leads next may weigh members differently: what they own stays theirs all the same. */
Test(agent_slots, inherited)
{
	static const struct {
		const char *name;
		__u64 left;
		__u32 weight[3], owned[3];
	} rows[] = {
		{ "nobody is gone", 7, { 1, 2, 5 }, { 86, 85, 85 } },
		{ "one is gone", 6, { 1, 1, 1 }, { 0, 128, 128 } },
		{ "one is gone, the heavy one takes what it lacks", 6, { 0, 1, 5 }, { 0, 85, 171 } },
		{ "two are gone", 4, { 1, 1, 1 }, { 0, 0, 256 } },
	};

	for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
		__u32 weight[ESL_MEMBERS_MAX] = {}, owned[ESL_MEMBERS_MAX];
		struct slot_table t, before;

		memcpy(weight, rows[r].weight, sizeof(rows[r].weight));
		slots_clear(&t);
		slots_fill(&t, 7, equal);
		before = t;
		slots_inherit(&t, rows[r].left, weight);
		count(&t, owned);
		for (__u32 id = 0; id < 3; id++)
			cr_expect_eq(owned[id], rows[r].owned[id], "%s: %u has %u", rows[r].name, id, owned[id]);
		for (int i = 0; i < ESL_SLOTS; i++)
			if (rows[r].left >> before.slot[i] & 1)
				cr_expect_eq(t.slot[i], before.slot[i], "%s: slot %d", rows[r].name, i);
	}
}

/* After many joins and leaves: shares are right, and no member is long without a turn. */
Test(agent_slots, stays_even)
{
	__u64 random = 17;
	struct slot_table t;
	__u32 worst = 0;

	slots_clear(&t);
	slots_fill(&t, first(8), equal);
	for (int n = 0; n < 2000; n++) {
		__u64 members = t.members ^ 1ULL << rand_below(&random, 8);
		__u32 owned[ESL_MEMBERS_MAX], size = (__u32)__builtin_popcountll(members);

		if (!members)
			continue;
		slots_fill(&t, members, equal);
		count(&t, owned);
		for (__u32 id = 0; id < 8; id++) {
			__u32 gap = 0, longest = 0;

			if (!(members >> id & 1))
				continue;
			cr_assert(owned[id] == 256 / size || owned[id] == 256 / size + 1);
			for (int i = 0; i < 2 * ESL_SLOTS; i++) {
				gap = t.slot[i % ESL_SLOTS] == id ? 0 : gap + 1;
				longest = gap > longest ? gap : longest;
			}
			if (longest > worst * size / 8)
				worst = longest * 8 / size;
		}
	}
	cr_log_info("longest wait %u of 8", worst);
	cr_expect_lt(worst, 100, "%u", worst);
}
