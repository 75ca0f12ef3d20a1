// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Who is set up as the others are, and who publishes the first options. */
#include <criterion/criterion.h>

#include <agent/join.h>

#include "rand.h"

#define NOW (1000 * JOIN_FRESH_NS)
#define FRESH (NOW - JOIN_FRESH_NS + 1)
#define STALE (NOW - JOIN_FRESH_NS)

#define WAIT (5 * JOIN_FRESH_NS)
#define BARRED (NOW - JOIN_BARRED_NS + 1)

/* Could forward, and differs: in the one way or the other. */
#define THIS_WAY .able = true, .settings = 8
#define THAT_WAY .able = true, .settings = 9
#define EQUAL .equal = true, .able = true, .settings = 7

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
	{ "one that is ready differs", true, true, WAIT, { { 3, FRESH, .ready = true, THIS_WAY } }, WHY_CONFIG_DIFFERS },
	{ "one that stopped for it differs", true, true, WAIT, { { 3, FRESH, THIS_WAY } }, WHY_CONFIG_DIFFERS },
	{ "a higher one differs", true, true, WAIT, { { 7, FRESH, .ready = true, THIS_WAY } }, WHY_READY },
	{ "one that could not forward", true, true, WAIT, { { 3, FRESH } }, WHY_READY },
	{ "it is gone", true, true, WAIT, { { 3, STALE, .ready = true, THIS_WAY } }, WHY_READY },
	{ "two higher ones alike", true, true, WAIT, { { 7, FRESH, THIS_WAY }, { 9, FRESH, THIS_WAY } }, WHY_CONFIG_DIFFERS },
	{ "two higher ones, each its way", true, true, WAIT, { { 7, FRESH, THIS_WAY }, { 9, FRESH, THAT_WAY } }, WHY_READY },
	{ "one of the two is gone", true, true, WAIT, { { 7, FRESH, THIS_WAY }, { 9, STALE, THIS_WAY } }, WHY_READY },
	{ "two against a lower one", true, true, WAIT, { { 3, FRESH, THIS_WAY }, { 9, FRESH, EQUAL } }, WHY_READY },
	{ "the equal one is gone", true, true, WAIT, { { 3, FRESH, THIS_WAY }, { 9, STALE, EQUAL } }, WHY_CONFIG_DIFFERS },
	{ "the equal one could not forward", true, true, WAIT,
	  { { 3, FRESH, THIS_WAY }, { 9, FRESH, .equal = true, .settings = 7 } }, WHY_CONFIG_DIFFERS },
	{ "joined, all gone", true, false, WAIT, {}, WHY_READY },
	{ "barred", false, true, WAIT, { { 3, .barred_ns = NOW } }, WHY_JOINING },
	{ "barred by one, heard the other", false, true, WAIT, { { 3, FRESH, EQUAL }, { 7, .barred_ns = NOW } }, WHY_JOINING },
	{ "barred, a majority is heard", false, false, WAIT, { { 3, FRESH, EQUAL }, { 7, .barred_ns = NOW } }, WHY_JOINING },
	{ "barred a while ago", false, true, WAIT, { { 3, .barred_ns = BARRED } }, WHY_JOINING },
	{ "what barred it is gone", false, true, WAIT, { { 3, .barred_ns = BARRED - 1 } }, WHY_READY },
	{ "barred after it joined", true, true, WAIT, { { 3, .barred_ns = NOW } }, WHY_READY },
};

Test(agent_join, decide)
{
	for (size_t i = 0; i < sizeof(decisions) / sizeof(decisions[0]); i++) {
		struct join j = { .id = 5,
				  .joined = decisions[i].joined,
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

#define MET 5
#define TICK_NS (JOIN_FRESH_NS / 10000)
#define HELLO_TICKS 1000	/* 100 ms */
#define DELAY_MAX 4	/* ticks from one to another */

/* Members that have joined apart, and now hear each other. */
struct met {
	int delay;
	struct {
		struct join join;
		bool able;
		__u64 settings;
		enum why why;
		struct join_member heard[MET - 1];
		struct join_member coming[MET - 1][DELAY_MAX + 1];	/* by the tick of arrival */
		int changes;
	} m[MET];
};

/* The index of member other among the others of id. */
static size_t index_of(size_t id, size_t other)
{
	return other - (other > id);
}

static __u64 met_ns(int tick)
{
	return NOW + (__u64)tick * TICK_NS;
}

static void met_hello(struct met *w, size_t id, int tick)
{
	int at = tick + w->delay;

	for (size_t to = 0; to < MET; to++) {
		size_t i = index_of(to, id);

		if (to == id)
			continue;
		w->m[to].coming[i][at % (DELAY_MAX + 1)] =
			(struct join_member){ .id = (__u32)id,
					      .heard_ns = met_ns(at),
					      .equal = w->m[id].settings == w->m[to].settings,
					      .ready = w->m[id].able && w->m[id].why == WHY_READY,
					      .able = w->m[id].able,
					      .settings = w->m[id].settings };
	}
}

static void met_step(struct met *w, size_t id, int tick)
{
	enum why why;

	for (size_t i = 0; i < MET - 1; i++)
		if (w->m[id].coming[i][tick % (DELAY_MAX + 1)].heard_ns == met_ns(tick))
			w->m[id].heard[i] = w->m[id].coming[i][tick % (DELAY_MAX + 1)];
	why = join_decide(&w->m[id].join, w->m[id].heard, MET - 1, met_ns(tick));
	/* At first all at once, as when a link is back, so that hellos cross. */
	if (why == w->m[id].why && tick && tick % HELLO_TICKS != (int)id)
		return;
	w->m[id].changes += why != w->m[id].why && tick > HELLO_TICKS + DELAY_MAX + MET;
	w->m[id].why = why;
	met_hello(w, id, tick);
}

/* Those that differ come to rest as soon as all have heard all, and one group stays. */
Test(agent_join, met)
{
	for (__u64 seed = 1; seed <= 300; seed++) {
		__u64 r = seed;
		struct met w = { .delay = 1 + (int)rand_below(&r, DELAY_MAX) };
		bool able = false, stays = false;
		__u64 settings = 0;

		for (size_t id = 0; id < MET; id++) {
			w.m[id].join = (struct join){ .id = (__u32)id, .joined = true, .alone = true };
			w.m[id].able = rand_below(&r, 4);
			w.m[id].settings = 1 + rand_below(&r, 3);
			w.m[id].why = WHY_READY;
			able |= w.m[id].able;
		}
		for (int tick = 0; tick < 5 * HELLO_TICKS; tick++)
			for (size_t id = 0; id < MET; id++)
				met_step(&w, id, tick);
		for (size_t id = 0; id < MET; id++) {
			cr_assert_eq(w.m[id].changes, 0, "seed %llu: member %zu", seed, id);
			if (!w.m[id].able || w.m[id].why != WHY_READY)
				continue;
			cr_assert(!stays || settings == w.m[id].settings, "seed %llu: two groups stay", seed);
			settings = w.m[id].settings;
			stays = true;
		}
		cr_assert_eq(stays, able, "seed %llu: nobody stays", seed);
	}
}
