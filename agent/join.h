/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * May this member forward, and who leads?  Pure: the caller brings what was
 * heard and seen.
 *
 *     starting -> joining -> forwarding <-> any other reason
 *
 * With a static list of members the danger is that two of them cut the number
 * space differently.  So a member that starts waits until it has heard the
 * same values from all others, or for a while and from enough for a majority:
 * two groups with different values can then never both have started.  One
 * that is already forwarding stays when a newcomer differs, and stops when
 * the other is forwarding too.
 */
#ifndef AGENT_JOIN_H
#define AGENT_JOIN_H

#include <espalier/abi.h>

/* X(SYMBOL, name, sentence): why this member forwards nothing. */
#define WHYS(X)                                                                             \
	X(FORWARDING, "forwarding", "this member forwards")                                 \
	X(STARTING, "starting", "the agent has just started")                               \
	X(HOLD, "hold", "programs, guard or rules are not in place")                        \
	X(JOINING, "joining", "not enough members with the same configuration heard yet")   \
	X(CONFIG_DIFFERS, "config_differs", "another member has a different configuration") \
	X(PLAN_DIFFERS, "plan_differs", "another member uses other lanes on the same SA")   \
	X(NO_OPTIONS, "no_options", "the members have not agreed on the dispatch options yet") \
	X(STOPPING, "stopping", "the agent is shutting down")

enum why {
#define X(symbol, name, sentence) WHY_##symbol,
	WHYS(X)
#undef X
};

/* A member is fresh while it was heard within this time. */
#define JOIN_FRESH_NS 1000000000ULL

struct join_member {
	__u32 id;
	__u64 heard_ns;		/* 0: never */
	bool equal;		/* its configuration is this member's */
	bool forwarding;
};

struct join {
	bool joined;
	__u64 start_ns;
	__u64 wait_ns;		/* for members not heard, once a majority was */
};

/* others: the members besides this one. */
enum why join_decide(struct join *j, const struct join_member *others, size_t count, __u64 now_ns);

bool join_is_fresh(const struct join_member *m, __u64 now_ns);

/*
 * The leader: the lowest id of those that forward, this one included where
 * forwarding says so, and the others while they are fresh and agree.
 * ESL_NO_MEMBER: nobody forwards.  Two members may each take themselves for
 * the leader until they have heard each other.
 */
__u32 join_leader(__u32 own, bool forwarding, const struct join_member *others, size_t count, __u64 now_ns);

/*
 * Is it this member's turn to publish the first options of a cluster that has
 * none?  The lowest id's of those that are there, forwarding or not.
 */
bool join_is_first(const struct join *j, __u32 own, const struct join_member *others, size_t count,
		   __u64 now_ns);

const char *why_name(enum why w);
const char *why_sentence(enum why w);

#endif
