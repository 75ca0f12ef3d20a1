/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The SAs of a cluster address: what the kernel has, what the maps have, the
 * lanes of the outbound ones and the tops of the inbound ones.
 *
 *     sadb.c          the SAs of the kernel, and the event sources
 *     sadb_out.c      outbound: records, jumps, rounds
 *     sadb_in.c       inbound: records, tops, floors
 *     sadb_restore.c  the records that an earlier run left
 *
 * An outbound record is never removed or rewritten while the maps are pinned:
 * an SA that is deleted and added again with the same SPI goes on where it
 * was, because its numbers may have been used.
 */
#ifndef AGENT_SADB_H
#define AGENT_SADB_H

#include "agent.h"
#include "lanes.h"

struct sa {
	struct esl_sa_key key;		/* first: the tree compares it */
	bool outbound;
	bool present;			/* in the kernel */
	bool recorded;			/* in the maps */
	__u32 index;
	struct kernel_sa kernel;

	/* outbound */
	bool dirty;			/* round to be announced */
	bool behind;			/* another member is in a later round */
	bool broken;			/* the kernel did not take a jump */
	__u32 window;			/* of the peer, as known when the plan was looked at */
	struct lane_state lanes;
	__u64 passed_seen;		/* guard's count at the last look, */
	__u64 active_ns;		/* and when it had last changed */
	__u64 jumps;
	__u64 late;			/* jumps made after the block was used up */
	__u64 jump_ns_max;

	/* inbound */
	__u64 floor;			/* as in the map; 0: none */
	__u64 heard_top;		/* highest that another member told for heard_epoch */
	__u32 heard_epoch;
};

struct sadb {
	void *tree;				/* of struct sa, by key */
	struct sa *out[ESL_SA_MAX];		/* by index of the guard record */
	bool in_used[ESL_SA_MAX];
	struct sa *all[2 * ESL_SA_MAX];		/* in order of appearance, for pages */
	size_t count;
	size_t page;
	size_t dirty;
	size_t behind;
	bool waiting;				/* SAs wait until all know the same windows */
	size_t floor_page;			/* where the next look for floors begins */
	struct announced_top tops[ESL_SA_MAX];	/* as last read */
	size_t top_count;
	struct ring_buffer *events;
	sd_event_source *events_source;
	sd_event_source *xfrm_source;
	sd_event_source *step;
};

int sadb_start(struct agent *a, char error[ESL_ERROR_MAX]);
void sadb_stop(struct agent *a);

/* The cluster agreed on its values: give every outbound SA its record. */
void sadb_open(struct agent *a);

/* A member is in this round. Returns -EPROTO when it uses another plan. */
int sadb_announced(struct agent *a, const struct announced_round *r);

/* Mark every round to be announced. */
void sadb_announce_all(struct agent *a);

/* Take up to ESL_WIRE_ENTRIES_MAX rounds that are to be announced; with page,
 * fill up with others in turn. Returns how many. */
size_t sadb_collect(struct agent *a, struct announced_round *rounds, bool page);

/* Announce where this member began to send what another one sent before. */
void sadb_find_senders(struct agent *a);

/* Call f for every SA. */
void sadb_each(struct agent *a, void (*f)(const struct sa *sa, void *data), void *data);

/* The kernel has the SPI with another key than before: what was known is of another SA. */
void sadb_new_key(struct sa *sa);

/* Read the tops of all inbound SAs from the kernel into sadb.tops. */
int sadb_read_tops(struct agent *a);

/* Another member's top, told for this epoch; raise: where it is above the
 * floor, it is the floor from now on. */
void sadb_heard_top(struct agent *a, const struct announced_top *t, __u32 epoch, bool raise);

/* From now on nothing at or below what the others told for this epoch is accepted. */
void sadb_set_floors(struct agent *a, __u32 epoch);

/* Look at some of the floors, and take off those that the kernel's own window has left behind. */
void sadb_clear_floors(struct agent *a);

/* Between the parts. */
struct sa *sadb_find(struct sadb *db, const struct esl_sa_key *key);
struct sa *sadb_find_or_add(struct sadb *db, const struct esl_sa_key *key);
int sadb_take_index(struct sadb *db, struct sa *sa);
int sadb_restore(struct agent *a);
void sadb_open_outbound(struct agent *a, struct sa *sa);
void sadb_open_inbound(struct agent *a, struct sa *sa);
void sadb_close_inbound(struct agent *a, struct sa *sa);
void sadb_on_guard_event(struct agent *a, const struct esl_event *e);
int sadb_on_step(sd_event_source *source, void *data);

#endif
