/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Is this member set up as the others are, so that it could forward?  Pure: the
 * caller brings what was heard and seen.
 *
 *     starting -> joining -> ready <-> any other reason
 *
 * With a static list of members the danger is that two of them cut the number
 * space differently.  So a member that starts waits until it has heard the
 * same values from all others, or for a while and from enough for a majority:
 * with quorum majority two groups with different values can then never both have
 * started.  One that is barred, as it has no secret in common with a member that is
 * there or speaks another version, would hear nothing and take itself for alone: it
 * waits until that is right.
 *
 * One that has joined stays when a newcomer differs or is barred.  Where groups that
 * differ have joined apart and meet, the largest stays, then that of the lowest id,
 * and all others stop.  Only members that could forward but for that count, whether
 * they stopped for it or not: so nobody's decision depends on another one's, and
 * they come to rest.
 */
#ifndef AGENT_JOIN_H
#define AGENT_JOIN_H

#include <espalier/abi.h>

/* X(SYMBOL, name, sentence): why this member could not forward; cluster.h has why it
 * does not although it could. */
#define WHYS(X)                                                                             \
	X(READY, "ready", "this member could forward")                                      \
	X(STARTING, "starting", "the agent has just started")                               \
	X(HOLD, "hold", "programs, guard or rules are not in place")                        \
	X(JOINING, "joining", "not enough members with the same configuration heard yet")   \
	X(CONFIG_DIFFERS, "config_differs", "another member has a different configuration") \
	X(PLAN_DIFFERS, "plan_differs", "another member uses other lanes on the same SA")   \
	X(NO_OPTIONS, "no_options", "the members have not agreed on the dispatch options yet") \
	X(LINK_NEW, "link_new", "a link is up again, and no member was heard over it yet") \
	X(SA_SILENT, "sa_silent", "this member may not send on an SA, and another one can: sas[].silent says why")

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
	bool ready;
	bool able;		/* it has joined and could forward, wherever others differ */
	__u64 settings;		/* digest of what must be equal */
	/* When an attempt to connect with it last ended for its secret or version, or what it sent
	 * could not be opened for want of a key; 0: not since it was heard or connected. */
	__u64 barred_ns;
};

/* Attempts follow each other five times in a second; a member that is gone bars nobody. */
#define JOIN_BARRED_NS (3 * JOIN_FRESH_NS)

/*
 * Nor does one that starts while datagrams come of a member with which no channel stands:
 * switches forward at different times after power was lost. Anybody can send such ones, so they bar nobody for longer.
 */
#define JOIN_UNKEYED_NS 30000000000ULL

struct join {
	__u32 id;
	bool joined;
	__u64 start_ns;
	__u64 wait_ns;		/* for members not heard, once enough were */
	bool alone;		/* one is enough; false: a majority */
};

/* others: the members besides this one. */
enum why join_decide(struct join *j, const struct join_member *others, size_t count, __u64 now_ns);

bool join_is_fresh(const struct join_member *m, __u64 now_ns);

/* The first of others that bars this member from joining; NULL: none does. */
const struct join_member *join_barred(const struct join *j, const struct join_member *others, size_t count,
				      __u64 now_ns);

/*
 * Is it this member's turn to publish the first options of a cluster that has
 * none?  The lowest id's of those that are there, forwarding or not.
 */
bool join_is_first(const struct join *j, __u32 own, const struct join_member *others, size_t count,
		   __u64 now_ns);

const char *why_name(enum why w);
const char *why_sentence(enum why w);

#endif
