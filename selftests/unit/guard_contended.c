// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A neighbour that changes the word between load and exchange: the exchange is
 * replaced by one that lets it win a given number of times. */
#include <criterion/criterion.h>
#include <string.h>

#include <espalier/types.h>

static int wins;
static __u64 beaten_cas(__u64 *word, __u64 old, __u64 new);

#undef esl_cas
#define esl_cas(p, old, new) beaten_cas(p, old, new)

#include <espalier/guard.h>

/* The neighbour takes the highest bit that is free. */
static __u64 beaten_cas(__u64 *word, __u64 old, __u64 new)
{
	__u64 seen = *word;

	if (wins > 0) {
		wins--;
		for (int bit = 31; bit >= 0; bit--)
			if (!(*word & 1ULL << bit)) {
				*word |= 1ULL << bit;
				break;
			}
		return *word;
	}
	if (seen == old)
		*word = new;
	return seen;
}

static int check_with(struct esl_guard *g, int neighbour)
{
	struct esl_lanes l = { .lanes = 1, .block_shift = 16 };
	__u64 seq;

	memset(g, 0, sizeof(*g));
	esl_guard_init(g, &l, 0, 1);
	g->bound = 65536;
	/* The word is in use already: the neighbour only adds bits. */
	wins = 0;
	cr_assert_eq(esl_guard_check(g, &l, 0, false, 2, 1, &seq), ESL_G_PASS);
	wins = neighbour;
	return esl_guard_check(g, &l, 0, false, 1, 1, &seq);
}

Test(guard_contended, gives_up)
{
	struct esl_guard g;

	cr_expect_eq(check_with(&g, 1), ESL_G_PASS);
	cr_expect_eq(check_with(&g, ESL_GUARD_TRIES - 1), ESL_G_PASS);
	cr_expect_eq(check_with(&g, ESL_GUARD_TRIES), ESL_G_CONTENDED);
	cr_expect(!(g.word[0] & 1), "the number was taken and refused");
	/* The neighbour took all other bits and then this one. */
	cr_expect_eq(check_with(&g, ESL_GUARD_TRIES + 100), ESL_G_CONTENDED);
}
