// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Lists that come page by page. */
#include <criterion/criterion.h>

#include <agent/pages.h>

#include "rand.h"

Test(agent_pages, how_many)
{
	cr_expect_eq(pages_of(0), 1);
	cr_expect_eq(pages_of(1), 1);
	cr_expect_eq(pages_of(ESL_WIRE_ENTRIES_MAX), 1);
	cr_expect_eq(pages_of(ESL_WIRE_ENTRIES_MAX + 1), 2);
	cr_expect_eq(pages_of(ESL_SA_MAX), ESL_WIRE_PAGES_MAX);
}

Test(agent_pages, rows)
{
	static const struct {
		const char *name;
		__u32 of;
		__u16 page, count;
		bool all;
	} rows[] = {
		{ "the first of two", 1, 0, 2, false },
		{ "it comes again", 1, 0, 2, false },
		{ "the second", 1, 1, 2, true },
		{ "sent again it is complete still", 1, 0, 2, true },
		{ "another list", 2, 1, 2, false },
		{ "the former one, late", 1, 0, 2, false },
		{ "the other one begins anew", 2, 0, 2, false },
		{ "and is complete", 2, 1, 2, true },
		{ "it has grown", 2, 1, 3, false },
		{ "its last page", 2, 2, 3, false },
		{ "its first page", 2, 0, 3, true },
		{ "a single page", 3, 0, 1, true },
		{ "the last that can be", 4, ESL_WIRE_PAGES_MAX - 1, ESL_WIRE_PAGES_MAX, false },
	};
	struct pages p = {};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		cr_expect_eq(pages_take(&p, rows[i].of, rows[i].page, rows[i].count), rows[i].all, "%s", rows[i].name);
}

/* Whatever is lost of each time it is sent, it is complete exactly when each page came. */
Test(agent_pages, losses)
{
	for (__u64 seed = 1; seed <= 100; seed++) {
		__u64 random = seed;
		__u16 count = (__u16)(1 + rand_below(&random, ESL_WIRE_PAGES_MAX)), left = count;
		bool seen[ESL_WIRE_PAGES_MAX] = {};
		struct pages p = {};

		while (left) {
			__u16 page = (__u16)rand_below(&random, count);

			left -= !seen[page];
			seen[page] = true;
			cr_assert_eq(pages_take(&p, 7, page, count), !left, "seed %llu", seed);
		}
	}
}
