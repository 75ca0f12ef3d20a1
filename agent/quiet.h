/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Has the kernel's top of an inbound SA to be read again?  To ask it for each of
 * thousands of SAs costs milliseconds; the program's count of packets, and parts of packets, that it let
 * pass costs a fraction, and tells which ones can have moved.
 *
 * Pure.  All times are nanoseconds of one clock that never goes back.
 */
#ifndef AGENT_QUIET_H
#define AGENT_QUIET_H

#include <stdbool.h>

#include <espalier/types.h>

/* What the program counted is through XFRM by then: it may wait for a core.  Fragments are counted one by one,
 * because the kernel keeps the others for up to a minute until the last one comes. */
#define QUIET_SETTLE_NS 1000000000ULL

struct quiet {
	__u64 packets;		/* as last counted */
	__u64 since_ns;		/* when that count was first seen; 0: never */
	__u64 read_ns;		/* when the reading of the top last began; 0: never */
};

/* Counted at now.  Returns whether there are others than at the last look. */
static inline bool quiet_count(struct quiet *q, __u64 packets, __u64 now)
{
	if (q->since_ns && q->packets == packets)
		return false;
	q->packets = packets;
	q->since_ns = now;
	return true;
}

/* Could the kernel's top be another one than was last read? */
static inline bool quiet_is_stale(const struct quiet *q)
{
	return !q->since_ns || q->read_ns < q->since_ns + QUIET_SETTLE_NS;
}

static inline void quiet_read(struct quiet *q, __u64 now)
{
	q->read_ns = now;
}

#endif
