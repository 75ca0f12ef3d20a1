/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Does the group of the sync network reach everybody?  A switch that snoops without
 * a querier forgets a group after minutes, and says so to nobody.  So who hears a
 * member, but not by the group, says that in all that it sends, and gets copies of
 * its own; and who is not heard at all may be unable to say so.
 *
 * Pure.  All times are nanoseconds of one clock that never goes back; 0: never.
 */
#ifndef AGENT_REACH_H
#define AGENT_REACH_H

#include <stdbool.h>

#include <espalier/types.h>

/* Longer than the longest interval between heartbeats. */
#define REACH_NS 300000000ULL

/* Of one other member. */
struct reach {
	__u64 group_ns;		/* when something of it last came by the group, */
	__u64 heard_ns;		/* and over any network */
	bool deaf;		/* it said last that the group does not bring it somebody */
};

static inline bool reach_is_fresh(__u64 at_ns, __u64 now)
{
	return at_ns && now - at_ns < REACH_NS;
}

/* Is it heard, but not by the group? */
static inline bool reach_is_missed(const struct reach *r, __u64 now)
{
	return reach_is_fresh(r->heard_ns, now) && !reach_is_fresh(r->group_ns, now);
}

/* Is it to get copies of its own? */
static inline bool reach_needs_copies(const struct reach *r, __u64 now)
{
	return r->deaf || !reach_is_fresh(r->heard_ns, now);
}

#endif
