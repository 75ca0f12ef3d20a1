// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* When the kernel is asked for the top of an inbound SA, and when it need not be. */
#include <criterion/criterion.h>

#include <agent/quiet.h>

#include "rand.h"

#define MS 1000000ULL

Test(agent_quiet, not_looked_at)
{
	struct quiet q = {};

	cr_expect(quiet_is_stale(&q));
	quiet_read(&q, 5000 * MS);
	cr_expect(quiet_is_stale(&q));
}

/* It may have counted before this agent looked first. */
Test(agent_quiet, settles)
{
	struct quiet q = {};

	cr_expect(quiet_count(&q, 0, 10 * MS));
	quiet_read(&q, 10 * MS);
	cr_expect(quiet_is_stale(&q));
	cr_expect_not(quiet_count(&q, 0, 2000 * MS));
	quiet_read(&q, 10 * MS + QUIET_SETTLE_NS - 1);
	cr_expect(quiet_is_stale(&q));
	quiet_read(&q, 10 * MS + QUIET_SETTLE_NS);
	cr_expect_not(quiet_is_stale(&q));
	cr_expect_not(quiet_count(&q, 0, 3000 * MS));
	cr_expect_not(quiet_is_stale(&q));
}

Test(agent_quiet, stirs)
{
	struct quiet q = { .packets = 7, .since_ns = MS, .read_ns = MS + QUIET_SETTLE_NS };

	cr_expect_not(quiet_is_stale(&q));
	cr_expect(quiet_count(&q, 8, 5000 * MS));
	cr_expect(quiet_is_stale(&q));
	quiet_read(&q, 5000 * MS);
	cr_expect(quiet_is_stale(&q));
	/* A count that went back is another SA's, or of a map made anew. */
	cr_expect(quiet_count(&q, 3, 9000 * MS));
	cr_expect(quiet_is_stale(&q));
}

/*
 * Packets are counted, and move the top up to QUIET_SETTLE_NS later; looks come at
 * any time.  Whenever an SA is not stale, what was read is the top.
 */
Test(agent_quiet, never_misses)
{
	for (__u64 seed = 1; seed <= 200; seed++) {
		__u64 random = seed, now = MS, count = 0, top = 0, known = 0, moves_at[64];
		struct quiet q = {};
		int waiting = 0, asked = 0, looks = 0;

		for (int i = 0; i < 2000; i++) {
			now += rand_below(&random, 60) * MS;
			for (int w = 0; w < waiting; w++)
				if (moves_at[w] <= now) {
					moves_at[w--] = moves_at[--waiting];
					top++;
				}
			if (rand_below(&random, 100) < (seed & 1 ? 2 : 40) && waiting < 64) {
				count++;
				moves_at[waiting++] = now + rand_below(&random, QUIET_SETTLE_NS / MS) * MS;
				continue;
			}
			quiet_count(&q, count, now);
			looks++;
			if (quiet_is_stale(&q)) {
				quiet_read(&q, now);
				known = top;
				asked++;
			} else {
				cr_assert_eq(known, top, "seed %llu", seed);
			}
		}
		cr_expect_lt(asked, looks + 1);
	}
}
