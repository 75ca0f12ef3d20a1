// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The guard against a naive model: a set of the numbers that passed.  Numbers
 * come in random order, with repeats, jumps, segments and raised bounds.
 *
 *     never twice   a number that passed does not pass again
 *     all in window a number not tried before, in lane, within first and bound
 *                   and not more than the window behind the highest, passes
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include <espalier/guard.h>

#include "rand.h"

#define SPAN (1 << 20)		/* numbers in play */
#define STEPS 400000

struct model {
	struct esl_lanes l;
	__u32 lane;
	bool esn;
	__u64 base;		/* numbers base + 1 .. base + SPAN */
	__u64 first;
	__u64 bound;
	__u64 highest_tag;	/* of the numbers that passed */
	bool any;
	__u8 *tried;		/* may have been taken, passed or lost */
	__u8 *passed;
};

static struct model model_make(__u64 *state, __u64 base, bool esn)
{
	struct model m = { .esn = esn, .base = base };

	m.l.block_shift = (__u8)(ESL_BLOCK_SHIFT_MIN + rand_below(state, 10));
	m.l.lanes = (__u16)(1 + rand_below(state, 5));
	m.lane = rand_below(state, m.l.lanes);
	m.first = esl_lane_first(&m.l, esl_lane_place(&m.l, base + 1).round + 1, m.lane) +
		  rand_below(state, (__u32)esl_block_size(&m.l));
	m.bound = m.first + rand_below(state, 5000);
	m.tried = calloc(1, SPAN + 512);
	m.passed = calloc(1, SPAN + 512);
	cr_assert(m.tried && m.passed);
	return m;
}

static __u64 tag_of(const struct model *m, __u64 seq)
{
	return esl_lane_place(&m->l, seq).position / 32;
}

static bool in_range(const struct model *m, __u64 seq, __u32 count)
{
	__u64 last = seq + count - 1;

	return seq >= m->first && last <= m->bound && esl_lane_place(&m->l, seq).lane == m->lane &&
	       (seq - 1) >> m->l.block_shift == (last - 1) >> m->l.block_shift;
}

/* Whether the packet must pass: in range, all new, and the oldest word of it
 * still in the window that ends with the newest. */
static bool must_pass(const struct model *m, __u64 seq, __u32 count)
{
	if (!in_range(m, seq, count))
		return false;
	for (__u32 i = 0; i < count; i++)
		if (m->tried[seq + i - m->base])
			return false;
	return !m->any || tag_of(m, seq) + ESL_GUARD_WORDS > m->highest_tag;
}

static void offer(struct model *m, struct esl_guard *g, __u64 seq, __u32 count)
{
	bool must = must_pass(m, seq, count);
	__u64 rebuilt;
	int reason = esl_guard_check(g, &m->l, m->lane, m->esn, (__u32)seq, count, &rebuilt);

	cr_assert_eq(rebuilt, seq, "number %llu rebuilt as %llu", seq, rebuilt);
	cr_assert(reason == ESL_G_PASS || !must, "number %llu + %u refused for %d, L %u K 2^%u lane %u, tag %llu of %llu, word tag %llx", seq, count, reason, m->l.lanes, m->l.block_shift, m->lane, tag_of(m, seq), m->highest_tag, g->word[tag_of(m,seq)%64]>>32);
	cr_assert(reason != ESL_G_PASS || in_range(m, seq, count), "number %llu + %u out of range", seq, count);
	for (__u32 i = 0; i < count && in_range(m, seq, count); i++) {
		__u64 at = seq + i - m->base;

		cr_assert(reason != ESL_G_PASS || !m->passed[at], "number %llu passed twice", seq + i);
		m->passed[at] |= reason == ESL_G_PASS;
		/* Several words: the refused packet may have taken some of them. */
		m->tried[at] |= reason == ESL_G_PASS || count > 1;
	}
	if (reason == ESL_G_PASS) {
		__u64 tag = tag_of(m, seq + count - 1);

		m->highest_tag = m->any && m->highest_tag > tag ? m->highest_tag : tag;
		m->any = true;
	}
}

static void play(__u64 seed, __u64 base, bool esn)
{
	__u64 state = seed * 0x9e3779b97f4a7c15ULL + 1, top;
	struct model m = model_make(&state, base, esn);
	struct esl_guard g;
	__u64 passed = 0;

	memset(&g, 0, sizeof(g));
	esl_guard_init(&g, &m.l, m.lane, m.first);
	g.bound = m.bound;
	top = m.first;
	for (int i = 0; i < STEPS; i++) {
		__u32 dice = rand_below(&state, 100), count = 1;
		__u64 seq;

		if (dice < 50)
			seq = ++top;
		else if (dice < 85)
			seq = top - rand_below(&state, 400);
		else if (dice < 97)
			seq = top - rand_below(&state, 4 * ESL_GUARD_WINDOW * m.l.lanes);
		else
			seq = top += rand_below(&state, dice == 99 ? 3000 : 60);
		if (rand_below(&state, 8) == 0)
			count = 1 + rand_below(&state, rand_below(&state, 4) ? 60 : ESL_GUARD_SEGMENTS);
		if (top + 5000 > m.base + SPAN)
			break;
		if (seq <= m.base || seq > m.base + SPAN - 300)
			continue;
		if (rand_below(&state, 4) == 0 && top + 2000 > m.bound)
			g.bound = m.bound = top + rand_below(&state, 3000);
		offer(&m, &g, seq, count);
	}
	for (__u64 i = 0; i < SPAN; i++)
		passed += m.passed[i];
	cr_assert(passed > 1000, "only %llu numbers passed: the game is too hard", passed);
	free(m.tried);
	free(m.passed);
}

Test(guard_model, without_esn)
{
	for (__u64 seed = 1; seed <= 40; seed++)
		play(seed, 0, false);
}

Test(guard_model, without_esn_near_the_end)
{
	for (__u64 seed = 1; seed <= 20; seed++)
		play(seed, (1ULL << 32) - SPAN - 1, false);
}

Test(guard_model, esn_from_the_first)
{
	for (__u64 seed = 100; seed <= 120; seed++)
		play(seed, 0, true);
}

/* The low half, and at 2^37 the tag, wraps in the middle of the game. */
Test(guard_model, esn_over_wraps)
{
	for (__u64 seed = 200; seed <= 220; seed++) {
		play(seed, (1ULL << 32) - 20000, true);
		play(seed, 77 * (1ULL << 32) - 20000, true);
		play(seed, (1ULL << 37) - 20000, true);
	}
}
