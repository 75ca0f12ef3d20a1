/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which ways do datagrams of another member come, and does what goes to the group of
 * the sync network reach it?  A switch that snoops without a querier forgets a group
 * after minutes, and says so to nobody.  So who hears a member, but not by the group,
 * says that in all that it sends, and gets copies of its own; so does who does not
 * echo what was sent, as it may be unable to say so.
 *
 * Pure.  All times are nanoseconds of one clock that never goes back; 0: never.
 */
#ifndef AGENT_REACH_H
#define AGENT_REACH_H

#include <stdbool.h>

#include "sealed.h"

/* A segment, this member's own address on the sync network, or the group there. */
enum reach_way { REACH_SEGMENT, REACH_ADDRESS, REACH_GROUP, REACH_WAYS };

/* Of one other member. */
struct reach {
	__u64 boot;			/* of which what follows is known */
	__u64 counter[REACH_WAYS];	/* the highest that came this way, */
	__u64 at_ns[REACH_WAYS];	/* and when */
	__u64 beat;			/* counter of the newest heartbeat, */
	__u64 beat_ns;			/* and when the sync network brought one that was the newest */
	__u64 heard_ns;			/* when anything new came */
	bool deaf;			/* it said last that the group does not bring it somebody, */
	bool cut;			/* or that the whole sync network does not */
};

/*
 * A datagram with header h came.  is_new: it was opened; else it is a copy of an opened
 * one by its counter, which anybody can write: that says nothing but that its way was
 * open after all that came before.
 */
static inline void reach_note(struct reach *r, enum reach_way way, const struct sealed_header *h, bool is_new,
			      __u64 now)
{
	bool beat = is_new && h->type == ESL_SEAL_HEARTBEAT;

	if (r->boot != h->boot)
		*r = (struct reach){ .boot = h->boot };
	if (h->counter > r->counter[way]) {
		r->counter[way] = h->counter;
		r->at_ns[way] = now;
	}
	if (beat && h->counter > r->beat)
		r->beat = h->counter;
	if (way != REACH_SEGMENT && h->counter == r->beat)
		r->beat_ns = now;
	if (!is_new)
		return;
	r->heard_ns = now;
	/* Before minor 1 nobody listened to a group. */
	r->deaf = !h->minor || h->flags & ESL_SEAL_DEAF;
	r->cut = h->flags & ESL_SEAL_CUT;
}

static inline bool reach_is_fresh(__u64 at_ns, __u64 now, __u64 span_ns)
{
	return at_ns && now - at_ns < span_ns;
}

/* When the sync network last brought anything. */
static inline __u64 reach_network_ns(const struct reach *r)
{
	return r->at_ns[REACH_GROUP] > r->at_ns[REACH_ADDRESS] ? r->at_ns[REACH_GROUP] : r->at_ns[REACH_ADDRESS];
}

/* Is it heard, but not by the group? */
static inline bool reach_is_missed(const struct reach *r, __u64 now, __u64 span_ns)
{
	return reach_is_fresh(r->heard_ns, now, span_ns) && !reach_is_fresh(r->at_ns[REACH_GROUP], now, span_ns);
}

/* Is it to get copies of its own?  echoed_ns: when what it echoed last was sent. */
static inline bool reach_needs_copies(const struct reach *r, __u64 echoed_ns, __u64 now, __u64 span_ns)
{
	return r->deaf || !reach_is_fresh(echoed_ns, now, span_ns);
}

#endif
