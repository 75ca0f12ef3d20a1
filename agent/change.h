/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How a cluster that forwards comes to other dispatch options.  Pure.
 *
 * The leader publishes options with an epoch; whoever hears a higher one takes
 * it over.  Where only plain packets are dispatched differently, the table is
 * published at once.  Where the owner of an IPsec number changes, a number that
 * its old owner accepted must not be accepted by the new one (invariant I2):
 *
 *     1  hold: no owned IPsec packet is taken any more
 *     2  when those under way are through, read the tops of all inbound SAs,
 *        and announce them for this epoch: that is the acknowledgement
 *     3  when the tops of every other member that can be heard are there, no
 *        number at or below them is accepted; publish the table, end the hold
 *
 * What peers send meanwhile is lost: about one round trip between members and
 * the time to read the tops.  Everything merges by maximum; loss, order and
 * repetition of messages cost time only.  A member that is not heard any more
 * is not waited for.  One that starts holds from its first moment, and settles
 * like all others; so does one that missed an epoch, because it cannot know
 * what was accepted under it.  Tops of a member that was not waited for raise
 * the floors when they come.
 */
#ifndef AGENT_CHANGE_H
#define AGENT_CHANGE_H

#include "join.h"
#include "wire.h"

/* What this member knows of another one's tops. */
struct change_peer {
	__u64 boot;
	bool done;		/* all tops for the target were heard */
	__u32 snapshot;
	__u16 pages;		/* 0: none heard yet */
	__u16 seen_count;
	__u64 seen[ESL_WIRE_PAGES_MAX / 64];
};

struct change {
	struct options active;	/* the table is filled from these; epoch 0: from none */
	struct options target;	/* the highest epoch heard */
	bool holding;
	bool read;		/* tops were read since the hold began */
	bool conflict;		/* the target's epoch was heard with other options */
	struct change_peer peer[ESL_MEMBERS_MAX];	/* by index of the other members */
};

enum change_step {
	CHANGE_NOTHING,
	CHANGE_PUBLISH,		/* the target is active: publish its table */
	CHANGE_HOLD,		/* a hold begins: read the tops once packets under way are through */
	CHANGE_ANNOUNCE,	/* the tops as read hold for the new target too */
};

/* A member that starts: it holds, and has no options. The caller reads the tops. */
void change_start(struct change *c);

/*
 * This member did not run for so long that the others may have gone on without
 * it: it holds and settles like one that starts, but on the options it had.
 */
void change_again(struct change *c);

/* Options from the leader, or passed on by another member with equal settings. */
enum change_step change_offer(struct change *c, const struct options *o);

/* The tops have been read. */
void change_read(struct change *c);

/* The epoch for which this member's tops hold; 0: for none. */
__u32 change_acked(const struct change *c);

/*
 * A page of tops came from the other member with index i.  Returns whether its
 * entries count: they belong to the target, and are not known already.
 */
bool change_page(struct change *c, size_t i, const struct announcement *m);

/* Does this member lack tops of one that can be heard? */
bool change_lacks(const struct change *c, const struct join_member *others, size_t count, __u64 now_ns);

/* May the hold end? */
bool change_ready(const struct change *c, const struct join_member *others, size_t count, __u64 now_ns);

/* The floors are set: the target becomes active. */
void change_settle(struct change *c);

/*
 * What a leader that wants these options is to publish: false where they hold
 * already.  The epoch of wanted is ignored.
 */
bool change_propose(const struct change *c, const struct options *wanted, struct options *ret);

#endif
