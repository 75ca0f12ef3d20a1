// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Who is to get copies beside the group, and who has to ask for them. */
#include <criterion/criterion.h>

#include <agent/reach.h>

#define NOW (10 * REACH_NS)
#define OLD (NOW - REACH_NS)
#define NEW (OLD + 1)

static const struct {
	const char *name;
	struct reach r;
	bool missed, copies;
} rows[] = {
	{ "nothing came yet", {}, false, true },
	{ "heard both ways", { NEW, NEW, false }, false, false },
	{ "heard, never by the group", { 0, NEW, false }, true, false },
	{ "heard, by the group no longer", { OLD, NEW, false }, true, false },
	{ "heard both ways, and asks", { NEW, NEW, true }, false, true },
	{ "heard over others, and asks", { OLD, NEW, true }, true, true },
	{ "silent: the group is no news", { OLD, OLD, false }, false, true },
	{ "silent, asked before", { OLD, OLD, true }, false, true },
};

Test(agent_reach, rows)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		cr_expect_eq(reach_is_missed(&rows[i].r, NOW), rows[i].missed, "%s: missed", rows[i].name);
		cr_expect_eq(reach_needs_copies(&rows[i].r, NOW), rows[i].copies, "%s: copies", rows[i].name);
	}
}
