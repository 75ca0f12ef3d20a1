/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Lanes: which sequence numbers a member may use.
 *
 * The sequence space of an outbound SA, 64 bits from 1, is cut into blocks of
 * K numbers.  Block b belongs to lane b mod L, for ever; lane i is member id
 * i.  One block of each lane in order is a round:
 *
 *     round = (s - 1) / (L * K)        lane = ((s - 1) / K) mod L
 *
 * K is a power of two, so that the packet path shifts instead of dividing.
 * All numbers here are in host byte order.  RFC 4303 sections 2.2 and 3.3.3.
 */
#ifndef ESPALIER_LANE_H
#define ESPALIER_LANE_H

#include "types.h"

#define ESL_LANES_MAX 64	/* L: member ids are 0..63 */
#define ESL_BLOCK_SHIFT_MIN 3	/* K = 8 */
#define ESL_BLOCK_SHIFT_MAX 16	/* K = 65,536 */

/* The lane plan of an SA: chosen once, immutable until the SA is rekeyed. */
struct esl_lanes {
	__u16 lanes;		/* L, 1..ESL_LANES_MAX */
	__u8 block_shift;	/* log2 K */
	__u8 reserved;		/* 0 */
};

/* Where a number lies. */
struct esl_place {
	__u64 round;	/* from 0 */
	__u64 position;	/* the how-manieth number of its lane it is, from 0 */
	__u32 lane;
};

esl_inline __u64 esl_block_size(const struct esl_lanes *l)
{
	return 1ULL << l->block_shift;
}

/* seq: 1..2^64-1; 0 is never a valid number and must be refused before. */
esl_inline struct esl_place esl_lane_place(const struct esl_lanes *l, __u64 seq)
{
	__u64 q = seq - 1;
	__u64 block = q >> l->block_shift;
	struct esl_place p;

	p.round = block / l->lanes;
	p.lane = (__u32)(block - p.round * l->lanes);
	p.position = (p.round << l->block_shift) | (q & (esl_block_size(l) - 1));
	return p;
}

/* Position of the lane's first number that is not below seq, in whosever block
 * seq lies: seq's own, the start of the block in this round, or in the next. */
esl_inline __u64 esl_lane_position(const struct esl_lanes *l, __u32 lane, __u64 seq)
{
	struct esl_place p = esl_lane_place(l, seq);

	if (p.lane == lane)
		return p.position;
	return (p.round + (p.lane > lane)) << l->block_shift;
}

/* First and last number of a lane's block in a round. */
esl_inline __u64 esl_lane_first(const struct esl_lanes *l, __u64 round, __u32 lane)
{
	return ((round * l->lanes + lane) << l->block_shift) + 1;
}

esl_inline __u64 esl_lane_last(const struct esl_lanes *l, __u64 round, __u32 lane)
{
	return esl_lane_first(l, round, lane) + esl_block_size(l) - 1;
}

/*
 * The 64-bit number nearest to ref whose low half is low: what RFC 4303
 * appendix A does with a window, done by signed distance.  Right while the
 * true number is within 2^31 of ref.  Returns 0, never a valid number, where
 * the nearest one would lie below 1.
 */
esl_inline __u64 esl_seq_extend(__u32 low, __u64 ref)
{
	__s64 distance = (__s32)(low - (__u32)ref);

	if (distance < 0 && (__u64)-distance >= ref)
		return 0;
	return ref + (__u64)distance;
}

/*
 * The window rule.  Members that are in rounds next to each other send numbers up
 * to this far apart: what a peer's replay window (RFC 4303 section 3.4.3) must
 * hold if all of them are to send on one SA.
 */
#define ESL_SPREAD_ROUNDS 3
#define ESL_WINDOW_DEFAULT 32	/* packets: what a receiver has at least */

esl_inline __u64 esl_lane_spread(const struct esl_lanes *l)
{
	return ((__u64)ESL_SPREAD_ROUNDS * l->lanes) << l->block_shift;
}

/*
 * The spread rule.  While a member learns of a later round, for delay_us, the
 * others go on; and four delays' numbers must fit.  It says what the peer's window
 * holds: where half of a member's block is used up before its agent has jumped, the
 * guard drops what follows, at rates far below the largest that this gives for short delays.
 * rate in packets/s of all members together, at most 2^32; delay_us at most 10^7, not 0.
 */
#define ESL_US_PER_S 1000000ULL
#define ESL_SPREAD_JUMPS 4

esl_inline __u64 esl_lane_window_needed(const struct esl_lanes *l, __u64 rate, __u64 delay_us)
{
	__u64 apart = esl_lane_spread(l) + (rate * delay_us + ESL_US_PER_S - 1) / ESL_US_PER_S;
	__u64 jumps = (ESL_SPREAD_JUMPS * rate * delay_us + ESL_US_PER_S - 1) / ESL_US_PER_S;

	return apart > jumps ? apart : jumps;
}

/* The highest rate at which that window is enough; 0: none, one member has to send. */
esl_inline __u64 esl_lane_rate_max(const struct esl_lanes *l, __u64 window, __u64 delay_us)
{
	__u64 apart, jumps;

	if (esl_lane_spread(l) > window)
		return 0;
	apart = (window - esl_lane_spread(l)) * ESL_US_PER_S / delay_us;
	jumps = window * ESL_US_PER_S / (ESL_SPREAD_JUMPS * delay_us);
	return apart < jumps ? apart : jumps;
}

#endif
