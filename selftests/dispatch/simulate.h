/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a frame that one member missed costs under a scheme.  All members get
 * the same frames in the same order, but each frame is missed with the given
 * probability by one of them, drawn anew; each decides with the real headers.
 */
#ifndef ESPALIER_SELFTESTS_SIMULATE_H
#define ESPALIER_SELFTESTS_SIMULATE_H

#include <espalier/abi.h>

struct simulation {
	enum esl_scheme scheme;
	enum esl_role role;	/* inside: plain packets, outside: IPsec */
	__u32 members;
	__u64 packets;
	double loss;		/* probability that a frame is missed */
	__u32 marker;		/* mean distance, a power of two */
	__u32 delay;		/* packets until the leader's assignment of a session is known */
	__u64 seed;		/* not 0 */
};

struct outcome {
	__u64 packets;
	__u64 missed;		/* frames */
	__u64 own;		/* of them, packets lost because none but the misser owned them */
	__u64 lost;		/* other packets that nobody took */
	__u64 doubled;		/* takers too many */
	/* From the frame that was missed to the last packet lost or doubled
	 * because of it, in packets. */
	__u64 longest;
	double packet_share;	/* the largest of a member, over the fair share */
	double byte_share;
};

/* Returns 0, or -1 without memory. */
int simulate(const struct simulation *s, struct outcome *o);

#endif
