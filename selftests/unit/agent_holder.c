// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Two machines with one id, each let in by another member: exactly one goes on. */
#include <criterion/criterion.h>

#include <agent/holder.h>

Test(agent_holder, one_of_them_yields)
{
	static const struct {
		const char *name;
		struct holder first, second;
		bool first_yields;
	} rows[] = {
		{ "the first one is established", { 9, true }, { 3, false }, false },
		{ "the second one is", { 3, false }, { 9, true }, true },
		{ "neither: the lower boot stays", { 3, false }, { 9, false }, false },
		{ "neither, the other way round", { 9, false }, { 3, false }, true },
		{ "both: the lower boot stays", { 3, true }, { 9, true }, false },
		{ "both, the other way round", { 9, true }, { 3, true }, true },
		{ "boots next to each other", { ~0ULL, false }, { ~0ULL - 1, false }, true },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		cr_expect_eq(holder_yields(&rows[i].first, &rows[i].second, true), rows[i].first_yields, "%s", rows[i].name);
		cr_expect_eq(holder_yields(&rows[i].second, &rows[i].first, true), !rows[i].first_yields, "%s: the other", rows[i].name);
		cr_expect(holder_yields(&rows[i].first, &rows[i].second, false), "%s: it is refused everywhere", rows[i].name);
	}
}

/* What each knows of the other is old; who fell silent is established no more.  They settle, and one stays. */
Test(agent_holder, they_never_silence_each_other_for_ever)
{
	for (int start = 0; start < 16; start++) {
		struct holder is[2] = { { 3, start & 1 }, { 9, start & 2 } };
		struct holder seen[2] = { { 3, start & 4 }, { 9, start & 8 } };
		bool yields[2] = {};

		for (int round = 0; round < 4; round++) {
			yields[0] = holder_yields(&is[0], &seen[1], true);
			yields[1] = holder_yields(&is[1], &seen[0], true);
			for (int i = 0; i < 2; i++) {
				is[i].established &= !yields[i];
				seen[i] = is[i];
			}
		}
		cr_expect_neq(yields[0], yields[1], "start %d: yields %d, %d", start, yields[0], yields[1]);
	}
}
