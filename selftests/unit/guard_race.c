// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Four threads offer the same numbers at once: each passes exactly once. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <string.h>

#include <espalier/guard.h>

#include "rand.h"

#define THREADS 4
#define ROUNDS 600
#define NUMBERS (ESL_GUARD_WINDOW - 256)	/* all in window, in any order */

static struct esl_guard guard;
static struct esl_lanes plan = { .lanes = 1, .block_shift = ESL_BLOCK_SHIFT_MAX };
static __u32 taken[NUMBERS + 1];
static __u64 base;
static pthread_barrier_t barrier;

/* Offers until the answer is final; returns whether it passed. */
static bool offer(__u64 seq, __u32 count)
{
	__u64 rebuilt;
	int reason;

	do
		reason = esl_guard_check(&guard, &plan, 0, true, (__u32)seq, count, &rebuilt);
	while (reason == ESL_G_CONTENDED && count == 1);
	return reason == ESL_G_PASS;
}

/* All walk the same numbers, a little out of step and in jumbled order. */
static void walk(__u64 *state, __u32 thread)
{
	for (__u32 i = 0; i < NUMBERS; i++) {
		__u32 n = i ^ (rand_below(state, 8) | thread);

		if (n >= NUMBERS)
			n = i;
		if (offer(base + 1 + n, 1))
			__sync_fetch_and_add(&taken[n], 1);
	}
	for (__u32 n = 0; n < NUMBERS; n++)
		if (offer(base + 1 + n, 1))
			__sync_fetch_and_add(&taken[n], 1);
}

static void walk_segments(__u64 *state)
{
	for (__u32 i = 0; i < NUMBERS; i += 40) {
		__u32 count = 1 + rand_below(state, 80);

		if (i + count > NUMBERS || !offer(base + 1 + i, count))
			continue;
		for (__u32 n = i; n < i + count; n++)
			__sync_fetch_and_add(&taken[n], 1);
	}
}

static void *racer(void *arg)
{
	__u64 state = 11 + (__u64)(uintptr_t)arg;

	for (int round = 0; round < ROUNDS; round++) {
		pthread_barrier_wait(&barrier);
		if (round % 2)
			walk_segments(&state);
		else
			walk(&state, (__u32)(uintptr_t)arg);
		pthread_barrier_wait(&barrier);
		/* The first thread judges while the others wait. */
		pthread_barrier_wait(&barrier);
	}
	return NULL;
}

static void judge(int round, __u32 *total)
{
	for (__u32 n = 0; n < NUMBERS; n++) {
		if (round % 2)
			cr_assert(taken[n] <= 1, "number %llu passed %u times", base + 1 + n, taken[n]);
		else
			cr_assert_eq(taken[n], 1, "number %llu passed %u times", base + 1 + n, taken[n]);
		*total += taken[n];
	}
}

Test(guard_race, every_number_once, .timeout = 120)
{
	pthread_t thread[THREADS];
	__u32 total = 0;

	base = (1ULL << 32) - 300ULL * 2048;	/* the low half wraps on the way */
	memset(&guard, 0, sizeof(guard));
	esl_guard_init(&guard, &plan, 0, base + 1);
	pthread_barrier_init(&barrier, NULL, THREADS + 1);
	for (__u32 i = 0; i < THREADS; i++)
		cr_assert_eq(pthread_create(&thread[i], NULL, racer, (void *)(uintptr_t)i), 0);
	for (int round = 0; round < ROUNDS; round++) {
		memset(taken, 0, sizeof(taken));
		guard.bound = base + NUMBERS;
		pthread_barrier_wait(&barrier);
		pthread_barrier_wait(&barrier);
		judge(round, &total);
		/* The next numbers need all words anew. */
		base += ESL_GUARD_WINDOW;
		pthread_barrier_wait(&barrier);
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	cr_assert(total > ROUNDS / 2 * NUMBERS, "%u numbers passed", total);
}
