/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Repeatable random numbers: a failure shows the same again. */
#ifndef ESPALIER_SELFTESTS_RAND_H
#define ESPALIER_SELFTESTS_RAND_H

#include <espalier/types.h>

/* xorshift64*; the state must not be 0. */
static inline __u64 rand64(__u64 *state)
{
	__u64 x = *state;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	*state = x;
	return x * 0x2545f4914f6cdd1dULL;
}

static inline __u32 rand_below(__u64 *state, __u32 limit)
{
	return (__u32)((rand64(state) >> 32) * limit >> 32);
}

#endif
