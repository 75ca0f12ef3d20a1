/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where a planned change switches (include/espalier/switch.h): the leader
 * chooses, and every member finds the same place in what it saw itself.  Pure.
 *
 *     IPsec   a number so far ahead that all members know of it before the
 *             first of them could have authenticated it
 *     plain   so many markers beyond one that all have seen.  Members count
 *             from different moments, so what is told is the distance.
 */
#ifndef AGENT_SWITCHING_H
#define AGENT_SWITCHING_H

#include <espalier/switch.h>

/* One receive queue of the leader, as it is told: a place is a count of markers. */
struct switching_mark {
	__u8 role;		/* enum esl_role */
	__u32 at;		/* the place where the next table begins, by the leader's count */
	__u64 ring[ESL_SWITCH_LEVELS];	/* as esl_switch.ring */
};

/*
 * The first number by the next table.  top: the highest that any member
 * authenticated; rate: numbers a second, 0 of an idle SA, which switches with
 * its next number.  Without esn no number is above 2^32 - 1.
 */
__u64 switching_number(__u64 top, __u64 rate, __u64 ahead_ns, bool esn);

/* The place ahead_ns ahead of seen, a count that took age_ns; at least the next. */
__u32 switching_place(__u32 seen, __u64 age_ns, __u64 ahead_ns);

/*
 * The same place by this member's count of the same packets: its distance from
 * the newest marker that both have.  False: they have none in common, and it is
 * another queue, or one of them is too late.
 */
bool switching_follow(const struct esl_switch *own, const struct switching_mark *m, __u32 *ret_at);

#endif
