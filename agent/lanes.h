/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which SAs one member sends, and when to jump: the state of one outbound SA at
 * this member.  Pure.
 *
 * A jump moves the kernel's counter to the start of this member's block in a
 * later round.  Three things ask for one:
 *
 *     half of the block is used     the next round; a quarter, where at this member's
 *                                   rate the rest of a half would not outlast a loop
 *                                   that is kept from it for 25 ms
 *     the guard dropped a number    the first block beyond what the kernel
 *                                   has assigned
 *     another member is ahead       one round nearer to it, a step at a time
 *                                   while packets flow, at once when idle or
 *                                   far behind
 *
 * On an SA that one member sends the others stand aside, one round beyond the
 * sender: who takes over begins with numbers that the peer has not passed.
 * They announce the sender's round, so that nobody runs from anybody.  Who sent
 * until a moment ago follows into the sender's round first, as it may be about to send
 * on, and stands aside when it does not: the peer would refuse what a lower lane
 * sends in that round.
 *
 * Rounds merge by maximum and only grow.  None of this decides which numbers
 * may leave: the lane does, and the guard enforces it.
 *
 * A lane ends with its last block that lies wholly below the highest number of
 * the SA.  It is used up to its end; then the member is silent.
 */
#ifndef AGENT_LANES_H
#define AGENT_LANES_H

#include <espalier/lane.h>

struct lane_state {
	struct esl_lanes plan;
	__u32 lane;
	bool sticky;		/* one member sends all packets */
	bool started;		/* round holds: a jump has been made */
	bool heard;		/* another member announced a round */
	bool aside;		/* sticky: nothing was sent in round when it was chosen */
	bool last;		/* round is the last one of this lane: nobody is followed out of it */
	bool ended;		/* the lane has no number left */
	__u64 round;		/* the round of the block in use */
	__u64 ahead;		/* the highest round that any member announced; sticky: any other */
};

/* What the kernel's counter is to become. */
struct lane_jump {
	__u64 round;
	__u64 oseq;	/* last number assigned, so the next is the first of the block */
	__u64 bound;	/* last number of the block */
	bool last;	/* there is no later block in this lane */
};

/* What is to be done about a jump where the numbers end. */
enum lane_fit {
	LANE_JUMP,	/* make it */
	LANE_REST,	/* none: the block in use is the last one, and not used up */
	LANE_END,	/* none ever: no number of the lane is left to be assigned */
};

/*
 * The replay window of an SA's peer: as listed for the peer, as configured for
 * all others, or as the SA itself has it in the kernel; the first that is not 0.
 */
__u32 lane_window(__u32 listed, __u32 configured, __u32 kernel);

/*
 * The window rule: members that are in rounds next to each other send numbers
 * up to 3 * L * K apart.  Where the peer's window is smaller, one member must
 * send them all.
 */
bool lane_is_sticky(const struct esl_lanes *l, __u32 window);

/* The plan of a new SA. Gaps do not matter where one member sends in order:
 * blocks are then as large as can be, so that jumps are rare. */
struct esl_lanes lane_plan(const struct esl_lanes *configured, __u32 window);

/* Was this plan made for an SA that one member sends? The same on all members,
 * and for as long as the plan holds. */
bool lane_plan_is_sticky(const struct esl_lanes *plan, const struct esl_lanes *configured, __u32 window);

/* The first round whose block lies wholly beyond the number assigned. */
__u64 lane_round_beyond(const struct lane_state *s, __u64 assigned);

/* The jump into round, or a later one where the kernel is past it. */
struct lane_jump lane_jump_to(const struct lane_state *s, __u64 round, __u64 assigned);

/*
 * Fit a jump into the numbers of the SA, max being the highest: one that leads
 * beyond the lane's last block leads into it, as long as the kernel is before it.
 * assigned: as given to lane_jump_to(). max: not 0.
 */
enum lane_fit lane_fit(struct lane_state *s, struct lane_jump *jump, __u64 assigned, __u64 max);

/*
 * Which round to start an SA in that has no record here, at the least: rejoin.h
 * says where it may start.  assigned: the kernel's counter.
 */
__u64 lane_start_round(const struct lane_state *s, __u64 assigned);

/* How fast this member sends, as measured at the guard's events. */
struct lane_pace {
	__u64 passed;	/* the guard's count when it was last measured, */
	__u64 since_ns;	/* and when that was; 0: never */
	__u64 rate;	/* packets/s since the time before; 0: not known */
};

/* passed: the guard's count now. */
void lane_pace(struct lane_pace *p, __u64 passed, __u64 now_ns);

/* A quarter, or half, of the block that holds seq is used, up to seq; rate: of this
 * member, packets/s, at most 2^32.  Returns whether to jump to *ret_round. */
bool lane_on_used(struct lane_state *s, __u64 seq, __u64 rate, __u64 *ret_round);

/* The guard dropped seq; assigned is the kernel's counter now. */
bool lane_on_drop(struct lane_state *s, __u64 assigned, __u64 *ret_round);

/* A member announced round. Returns whether this one is now behind. */
bool lane_on_announced(struct lane_state *s, __u64 round);

/* Is there a step to make after the others? */
bool lane_is_behind(const struct lane_state *s);

/* One step after the others; idle: no packet of this SA lately. */
bool lane_step(struct lane_state *s, bool idle, __u64 *ret_round);

/* The round to announce; top: the highest number that left, 0: none. */
__u64 lane_announced(const struct lane_state *s, __u64 top);

/* Did a member that stood aside begin to send? To be asked now and then, and
 * announced. */
bool lane_took_over(struct lane_state *s, __u64 top);

/*
 * Sticky: did a member that followed another one's round send nothing in it, and sends nothing now?
 * To be asked now and then.  Returns whether to jump to *ret_round; then it stands aside.
 * top: as for lane_announced().
 */
bool lane_stands_by(struct lane_state *s, __u64 top, bool idle, __u64 *ret_round);

/* A jump was made and read back. */
void lane_jumped(struct lane_state *s, const struct lane_jump *jump);

#endif
