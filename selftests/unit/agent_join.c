// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Who is set up as the others are, and who publishes the first options. */
#include <criterion/criterion.h>

#include <agent/join.h>

#define NOW (1000 * JOIN_FRESH_NS)
#define FRESH (NOW - JOIN_FRESH_NS + 1)
#define STALE (NOW - JOIN_FRESH_NS)

#define WAIT (5 * JOIN_FRESH_NS)

/* Member 5 of three looks at two others, this long after it started. */
static const struct {
	const char *name;
	bool joined, alone;
	__u64 past;
	struct join_member others[2];
	enum why why;
} decisions[] = {
	{ "alone, waits", false, true, WAIT - 1, {}, WHY_JOINING },
	{ "alone is enough", false, true, WAIT, {}, WHY_READY },
	{ "alone is no majority", false, false, WAIT, {}, WHY_JOINING },
	{ "two of three, waits", false, false, WAIT - 1, { { 3, FRESH, true, false } }, WHY_JOINING },
	{ "two of three", false, false, WAIT, { { 3, FRESH, true, false } }, WHY_READY },
	{ "all, at once", false, false, 0, { { 3, FRESH, true, false }, { 7, FRESH, true, false } }, WHY_READY },
	{ "one differs", false, true, WAIT, { { 3, FRESH, false, false } }, WHY_CONFIG_DIFFERS },
	{ "one differed", false, true, WAIT, { { 3, STALE, false, true } }, WHY_READY },
	{ "a newcomer differs", true, true, WAIT, { { 3, FRESH, false, false } }, WHY_READY },
	{ "one that is ready differs", true, true, WAIT, { { 3, FRESH, false, true } }, WHY_CONFIG_DIFFERS },
	{ "joined, all gone", true, false, WAIT, {}, WHY_READY },
};

Test(agent_join, decide)
{
	for (size_t i = 0; i < sizeof(decisions) / sizeof(decisions[0]); i++) {
		struct join j = { .joined = decisions[i].joined,
				  .start_ns = NOW - decisions[i].past,
				  .wait_ns = WAIT,
				  .alone = decisions[i].alone };

		cr_expect_eq(join_decide(&j, decisions[i].others, 2, NOW), decisions[i].why, "%s",
			     decisions[i].name);
	}
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
