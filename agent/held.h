/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A round that is announced and not used before it is acknowledged.  Pure.
 *
 * Others follow what is announced: that they come as far says nothing new, and answered
 * by a later round it would use up the 32-bit numbers of an SA that nobody acknowledges.
 * So it rests until it is acknowledged or others are beyond it.
 */
#ifndef AGENT_HELD_H
#define AGENT_HELD_H

#include <stdbool.h>

#include <espalier/types.h>

/* A round that is heard is acknowledged within this time, lost messages included. */
#define HELD_NS 800000000ULL

struct held {
	__u64 round;
	__u64 since_ns;		/* when the first one was held */
};

static inline void held_begin(struct held *h, __u64 round, __u64 now)
{
	*h = (struct held){ .round = round, .since_ns = now };
}

/* A jump leads into round: one that is not later is held already. */
static inline void held_raise(struct held *h, __u64 round)
{
	if (round > h->round)
		h->round = round;
}

/* Are others beyond it?  ahead: as in struct lane_state. */
static inline bool held_is_passed(const struct held *h, __u64 ahead)
{
	return ahead > h->round;
}

/* Does nobody acknowledge it who could?  Then only a rekey is certain to help. */
static inline bool held_is_stuck(const struct held *h, __u64 now)
{
	return now - h->since_ns > HELD_NS;
}

#endif
