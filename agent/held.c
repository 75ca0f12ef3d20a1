// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "held.h"

void held_begin(struct held *h, __u64 round, __u64 now)
{
	*h = (struct held){ .round = round, .since_ns = now, .wait_ns = HELD_NS };
}

void held_raise(struct held *h, __u64 round, __u64 now)
{
	/* The others' rounds ask for it again and again. */
	if (round <= h->round)
		return;
	h->round = round;
	h->since_ns = now;
}

bool held_is_passed(const struct held *h, __u64 ahead)
{
	return ahead > h->round;
}

bool held_move(struct held *h, __u64 ahead, __u64 now)
{
	bool passed = held_is_passed(h, ahead);

	if (now - h->since_ns <= (passed ? HELD_NS : h->wait_ns))
		return false;
	h->round = (passed ? ahead : h->round) + HELD_MORE;
	h->since_ns = now;
	h->wait_ns = passed ? HELD_NS : 2 * h->wait_ns;
	h->later += h->later < UINT32_MAX;
	return true;
}

bool held_is_stuck(const struct held *h, __u64 now)
{
	return h->later && now - h->since_ns > HELD_NS;
}
