// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Who leads, and who publishes the first options. */
#include <criterion/criterion.h>

#include <agent/join.h>

#define NOW (1000 * JOIN_FRESH_NS)
#define FRESH (NOW - JOIN_FRESH_NS + 1)
#define STALE (NOW - JOIN_FRESH_NS)
#define NONE ESL_NO_MEMBER

/* Member 5 looks at two others. */
static const struct {
	const char *name;
	bool forwarding;
	struct join_member others[2];
	__u32 leader;
} leaders[] = {
	{ "alone", true, {}, 5 },
	{ "alone and silent", false, {}, NONE },
	{ "a lower one forwards", true, { { 3, FRESH, true, true } }, 3 },
	{ "a lower one is silent", true, { { 3, FRESH, true, false } }, 5 },
	{ "a lower one differs", true, { { 3, FRESH, false, true } }, 5 },
	{ "a lower one is not heard any more", true, { { 3, STALE, true, true } }, 5 },
	{ "a lower one was never heard", true, { { 3, 0, true, true } }, 5 },
	{ "a higher one forwards", true, { { 7, FRESH, true, true } }, 5 },
	{ "silent, a higher one forwards", false, { { 7, FRESH, true, true } }, 7 },
	{ "silent, of two the lower", false, { { 7, FRESH, true, true }, { 6, FRESH, true, true } }, 6 },
	{ "id 0", true, { { 7, FRESH, true, true }, { 0, FRESH, true, true } }, 0 },
	{ "silent among silent ones", false, { { 0, FRESH, true, false }, { 7, FRESH, true, false } }, NONE },
};

Test(agent_join, leader)
{
	for (size_t i = 0; i < sizeof(leaders) / sizeof(leaders[0]); i++)
		cr_expect_eq(join_leader(5, leaders[i].forwarding, leaders[i].others, 2, NOW), leaders[i].leader,
			     "%s", leaders[i].name);
}

static const struct {
	const char *name;
	bool joined;
	struct join_member other;
	bool first;
} firsts[] = {
	{ "alone", true, {}, true },
	{ "not joined", false, {}, false },
	{ "a lower one is there, silent", true, { 3, FRESH, true, false }, false },
	{ "a lower one differs", true, { 3, FRESH, false, false }, true },
	{ "a lower one is gone", true, { 3, STALE, true, true }, true },
	{ "a higher one", true, { 7, FRESH, true, true }, true },
};

Test(agent_join, first)
{
	for (size_t i = 0; i < sizeof(firsts) / sizeof(firsts[0]); i++) {
		struct join j = { .joined = firsts[i].joined };

		cr_expect_eq(join_is_first(&j, 5, &firsts[i].other, 1, NOW), firsts[i].first, "%s",
			     firsts[i].name);
	}
}
