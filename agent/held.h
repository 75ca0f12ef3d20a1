/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A round that is announced and not used before it is acknowledged.  Pure.
 *
 * Where those that hear this member do not acknowledge it, it may be another
 * life's, and a later one is held: at once where others are beyond it, else after
 * twice the time that was waited before.  Others follow what is announced: that
 * they come as far says nothing new, and answered by a later round it would use up
 * the 32-bit numbers of an SA that nobody acknowledges.
 */
#ifndef AGENT_HELD_H
#define AGENT_HELD_H

#include <espalier/types.h>

/* A round that is heard is acknowledged within this time, lost messages included. */
#define HELD_NS 400000000ULL
/* Beyond what another life announced, and what it used after. */
#define HELD_MORE 2

struct held {
	__u64 round;
	__u64 since_ns;		/* when it was chosen */
	__u64 wait_ns;		/* so long it waits, while nobody is beyond it */
	__u32 later;		/* rounds held after the first one because none was acknowledged; saturates */
};

/* The first round that is held. */
void held_begin(struct held *h, __u64 round, __u64 now);

/* A jump leads into round: one that is not later is held already. */
void held_raise(struct held *h, __u64 round, __u64 now);

/*
 * Is there anything to do for it?  ahead: as in struct lane_state.  Who holds a round that nobody is
 * beyond announces it, and waits.
 */
bool held_is_passed(const struct held *h, __u64 ahead);

/* Hold a later round where it is time to. Returns whether it is another one now. */
bool held_move(struct held *h, __u64 ahead, __u64 now);

/* Have others heard of a later round, and not acknowledged that one either? Then only a rekey is certain to help. */
bool held_is_stuck(const struct held *h, __u64 now);

#endif
