/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * When to jump: the state of one outbound SA at this member.  Pure.
 *
 * A jump moves the kernel's counter to the start of this member's block in a
 * later round.  Three things ask for one:
 *
 *     half of the block is used     the next round
 *     the guard dropped a number    the first block beyond what the kernel
 *                                   has assigned
 *     another member is ahead       one round nearer to it, a step at a time
 *                                   while packets flow, at once when idle
 *
 * Rounds merge by maximum and only grow.  None of this decides which numbers
 * may leave: the lane does, and the guard enforces it.
 */
#ifndef AGENT_LANES_H
#define AGENT_LANES_H

#include <espalier/lane.h>

struct lane_state {
	struct esl_lanes plan;
	__u32 lane;
	bool started;		/* round holds: a jump has been made */
	__u64 round;		/* the round of the block in use */
	__u64 ahead;		/* the highest round that any member announced */
};

/* What the kernel's counter is to become. */
struct lane_jump {
	__u64 round;
	__u64 oseq;	/* last number assigned, so the next is the first of the block */
	__u64 bound;	/* last number of the block */
};

/* The first round whose block lies wholly beyond the number assigned. */
__u64 lane_round_beyond(const struct lane_state *s, __u64 assigned);

/* The jump into round, or a later one where the kernel is past it. */
struct lane_jump lane_jump_to(const struct lane_state *s, __u64 round, __u64 assigned);

/*
 * Which round to start an SA in that has no record here.  assigned: the
 * kernel's counter.  Where the cluster is under way already, this member may
 * have been part of it and lost its state: one round more than it can have
 * announced alone is left free.
 */
__u64 lane_start_round(const struct lane_state *s, __u64 assigned);

/* Half of the block that holds seq is used. Returns whether to jump to *ret_round. */
bool lane_on_half(const struct lane_state *s, __u64 seq, __u64 *ret_round);

/* The guard dropped seq; assigned is the kernel's counter now. */
bool lane_on_drop(const struct lane_state *s, __u64 assigned, __u64 *ret_round);

/* A member announced round. Returns whether this one is now behind. */
bool lane_on_announced(struct lane_state *s, __u64 round);

/* One step after the others; idle: no packet of this SA lately. */
bool lane_step(const struct lane_state *s, bool idle, __u64 *ret_round);

/* A jump was made and read back. */
void lane_jumped(struct lane_state *s, const struct lane_jump *jump);

#endif
