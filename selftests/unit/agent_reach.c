// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Which ways are open, who is to get copies beside the group, and who has to ask for them. */
#include <criterion/criterion.h>

#include <agent/reach.h>

#define SPAN 80000000ULL
#define NOW (10 * SPAN)
#define OLD (NOW - SPAN)
#define NEW (OLD + 1)

static const struct {
	const char *name;
	__u64 group, heard, echoed;
	bool deaf;
	bool missed, copies;
} rows[] = {
	{ "nothing came yet", 0, 0, 0, false, false, true },
	{ "heard both ways", NEW, NEW, NEW, false, false, false },
	{ "heard, never by the group", 0, NEW, NEW, false, true, false },
	{ "heard, by the group no longer", OLD, NEW, NEW, false, true, false },
	{ "heard both ways, and asks", NEW, NEW, NEW, true, false, true },
	{ "heard over others, and asks", OLD, NEW, NEW, true, true, true },
	{ "heard, and never echoed", NEW, NEW, 0, false, false, true },
	{ "heard, and echoes no longer", NEW, NEW, OLD, false, false, true },
	{ "silent: the group is no news", OLD, OLD, OLD, false, false, true },
};

Test(agent_reach, rows)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct reach r = { .at_ns[REACH_GROUP] = rows[i].group, .heard_ns = rows[i].heard, .deaf = rows[i].deaf };

		cr_expect_eq(reach_is_missed(&r, NOW, SPAN), rows[i].missed, "%s: missed", rows[i].name);
		cr_expect_eq(reach_needs_copies(&r, rows[i].echoed, NOW, SPAN), rows[i].copies, "%s: copies",
			     rows[i].name);
	}
}

/* What comes one after another from a member in boot 7, and what is known then. */
static const struct {
	const char *name;
	enum reach_way way;
	struct sealed_header h;
	bool is_new;
	__u64 group_ns, network_ns, beat_ns, heard_ns;
	bool deaf, cut;
} notes[] = {
	{ "a heartbeat by the group", REACH_GROUP, { 1, ESL_SEAL_HEARTBEAT, 7, 10, 1, 0, 1 }, true, 1, 1, 1, 1, false },
	{ "its copy by a segment", REACH_SEGMENT, { 1, ESL_SEAL_HEARTBEAT, 7, 10, 1, 0, 1 }, false, 1, 1, 1, 1, false },
	{ "an announcement", REACH_GROUP, { 1, ESL_SEAL_ANNOUNCEMENT, 7, 11, 1, 0, 1 }, true, 3, 3, 1, 3, false },
	{ "a heartbeat by a segment first", REACH_SEGMENT, { 1, ESL_SEAL_HEARTBEAT, 7, 12, 1, 0, 1 }, true, 3, 3, 1, 4, false },
	{ "and by the group", REACH_GROUP, { 1, ESL_SEAL_HEARTBEAT, 7, 12, 1, 0, 1 }, false, 5, 5, 5, 4, false },
	{ "an old one again, by the group", REACH_GROUP, { 1, ESL_SEAL_HEARTBEAT, 7, 10, 1, 0, 1 }, false, 5, 5, 5, 4, false },
	{ "an old one again, by address", REACH_ADDRESS, { 1, ESL_SEAL_HEARTBEAT, 7, 10, 1, 0, 1 }, false, 5, 7, 5, 4, false },
	{ "and once more", REACH_ADDRESS, { 1, ESL_SEAL_HEARTBEAT, 7, 10, 1, 0, 1 }, false, 5, 7, 5, 4, false },
	{ "who does not hear the group", REACH_ADDRESS, { 1, ESL_SEAL_HEARTBEAT, 7, 13, 1, ESL_SEAL_DEAF, 1 }, true, 5, 9, 9, 9, true },
	{ "a copy cannot take that back", REACH_GROUP, { 1, ESL_SEAL_HEARTBEAT, 7, 13, 1, 0, 1 }, false, 10, 10, 10, 9, true },
	{ "whom the network brings nothing", REACH_SEGMENT, { 1, ESL_SEAL_HEARTBEAT, 7, 14, 1, ESL_SEAL_CUT, 1 }, true, 10, 10, 10, 11, false, true },
	{ "a copy cannot take that back either", REACH_GROUP, { 1, ESL_SEAL_HEARTBEAT, 7, 14, 1, 0, 1 }, false, 12, 12, 12, 11, false, true },
	{ "who hears it again", REACH_GROUP, { 1, ESL_SEAL_HEARTBEAT, 7, 15, 1, 0, 1 }, true, 13, 13, 13, 13, false },
	{ "a build that knows no group", REACH_ADDRESS, { 1, ESL_SEAL_HEARTBEAT, 7, 16, 1, 0, 0 }, true, 13, 14, 14, 14, true },
	{ "another boot", REACH_ADDRESS, { 1, ESL_SEAL_HEARTBEAT, 8, 1, 1, 0, 1 }, true, 0, 15, 15, 15, false },
};

Test(agent_reach, notes)
{
	struct reach r = {};

	for (size_t i = 0; i < sizeof(notes) / sizeof(notes[0]); i++) {
		reach_note(&r, notes[i].way, &notes[i].h, notes[i].is_new, i + 1);
		cr_expect_eq(r.at_ns[REACH_GROUP], notes[i].group_ns, "%s: group %llu", notes[i].name, r.at_ns[REACH_GROUP]);
		cr_expect_eq(reach_network_ns(&r), notes[i].network_ns, "%s: network", notes[i].name);
		cr_expect_eq(r.beat_ns, notes[i].beat_ns, "%s: beat %llu", notes[i].name, r.beat_ns);
		cr_expect_eq(r.heard_ns, notes[i].heard_ns, "%s: heard", notes[i].name);
		cr_expect_eq(r.deaf, notes[i].deaf, "%s: deaf", notes[i].name);
		cr_expect_eq(r.cut, notes[i].cut, "%s: cut", notes[i].name);
	}
}
