/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The SAs of a cluster address: what the kernel has, what the maps have, and
 * the lanes of the outbound ones.
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
	bool dirty;			/* round to be announced */
	bool behind;			/* another member is in a later round */
	bool broken;			/* the kernel did not take a jump */
	__u32 index;
	struct kernel_sa kernel;
	struct lane_state lanes;
	__u64 passed_seen;		/* guard's count at the last look, */
	__u64 active_ns;		/* and when it had last changed */
	__u64 jumps;
	__u64 late;			/* jumps made after the block was used up */
	__u64 jump_ns_max;
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

/* Call f for every SA. */
void sadb_each(struct agent *a, void (*f)(const struct sa *sa, void *data), void *data);

#endif
