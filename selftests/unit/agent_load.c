// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* How busy a machine is, from two looks at the kernel's times. */
#include <criterion/criterion.h>

#include <agent/load.h>

Test(agent_load, looks)
{
	static const struct {
		const char *name;
		struct load_times at[4];
		__u16 permille;
	} rows[] = {
		{ "one look says nothing", { { 10, 100 } }, 0 },
		{ "half", { { 10, 100 }, { 60, 200 } }, 500 },
		{ "all", { { 10, 100 }, { 110, 200 } }, 1000 },
		{ "idle is not unknown", { { 10, 100 }, { 10, 200 } }, 1 },
		{ "an eighth counts anew", { { 10, 100 }, { 110, 200 }, { 110, 300 } }, 875 },
		{ "times stand still", { { 10, 100 }, { 60, 200 }, { 60, 200 } }, 500 },
		{ "times go back", { { 10, 1000 }, { 510, 2000 }, { 5, 100 }, { 105, 200 } }, 562 },
		{ "busy alone goes back", { { 100, 1000 }, { 50, 2000 } }, 0 },
		{ "more busy than there is time", { { 100, 1000 }, { 300, 1100 } }, 0 },
		{ "large", { { 1ULL << 50, 1ULL << 51 }, { (1ULL << 50) + 250, (1ULL << 51) + 1000 } }, 250 },
	};

	for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
		struct load l = {};

		for (size_t n = 0; n < 4 && rows[r].at[n].all; n++)
			load_note(&l, &rows[r].at[n]);
		cr_expect_eq(l.permille, rows[r].permille, "%s: %u", rows[r].name, l.permille);
	}
}
