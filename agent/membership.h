/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The edge of cluster.c: brings it heartbeats and what this member knows of
 * itself, and does what it says: the table in the map, the deadline, the word
 * of the leader, heartbeats on the sync network and on both segments.
 */
#ifndef AGENT_MEMBERSHIP_H
#define AGENT_MEMBERSHIP_H

#include <systemd/sd-event.h>

#include "cluster.h"
#include "takeover.h"

struct agent;

struct membership {
	struct cluster cluster;
	sd_event_source *timer;
	__u64 wake_ns;			/* when it is set to go off; 0: it is off */
	bool gathers;			/* what came is being read: */
	bool owes;			/* a heartbeat was due meanwhile */
	bool watches;			/* no member is heard: frames are counted */
	__u64 frames;			/* since there were so many */
	bool leaving;			/* asked to stop: slots are given away first */
	__u64 leave_ns;			/* since then */
	struct slot_table active;	/* as the program has it */
	__u64 owners;			/* while it is empty: those of the one before */
	__u32 distance;			/* by the table that an earlier run left */
	enum serve serve;		/* as last looked at */
	__u64 serve_since_ns;
	__u64 deadline_ns;		/* as the program has it */
	__u64 forwarded_ns;		/* until when it had one before that was taken back */
	__u64 renewals;
	__u64 lapses;			/* the deadline had passed when it was renewed */
	__u64 heard[HEARTBEAT_REFUSAL_COUNT];
	__u64 unequal;			/* heartbeats of members with other settings, or not known yet */
	__u64 sent;
	__u64 tables;			/* put in force */
	__u64 elections;		/* leaders followed, one after another */
};

int membership_start(struct agent *a);
void membership_stop(struct agent *a);

/* What this member knows of itself may have changed: look, and act. */
void membership_tick(struct agent *a);

/* An opened heartbeat of other member i. */
void membership_heard(struct agent *a, size_t i, __u64 boot, const __u8 *payload, size_t size);

/* Read what has come by read(); a heartbeat that falls due meanwhile is sent after it, and echoes all of it. */
void membership_gather(struct agent *a, void (*read)(struct agent *a));

/* Give the slots away, then end the loop. */
void membership_leave(struct agent *a);

/* The configuration was read again: weights may be others. */
void membership_reload(struct agent *a);

/* Fill the slots and turns of a table; its epoch has the options' in it. */
void membership_fill(const struct slot_table *s, struct esl_table *t);

/* takeover_distance() by the table in force, or, where there was none yet in this run, by the last of
 * the run before: its kernel has seen what came then. */
__u32 membership_distance(const struct agent *a);

/* Who may have taken what slots taken now bring: members of the table in force and of the next one, and
 * where that is empty of those before. */
__u64 membership_owners(const struct agent *a);

/* For how long the program has not been allowed to forward; 0: it is, or never was. */
__u64 membership_silent_ns(const struct agent *a);

#endif
