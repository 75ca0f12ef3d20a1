/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A cluster in memory with a planned change ahead of it: one member joins or
 * leaves.  All members see all packets, in the table or not. */
#ifndef ESPALIER_SELFTESTS_SWITCH_H
#define ESPALIER_SELFTESTS_SWITCH_H

#include "selftests/dispatch/member.h"

#define SWITCH_MEMBERS 8

enum journey { JOIN, LEAVE, JOURNEYS };

struct cluster {
	struct member *m;
	__u32 count;		/* the last one comes or goes */
	enum journey journey;
	__u64 phase[SWITCH_MEMBERS];	/* enum esl_phase; 3: past the change */
};

#define PAST (ESL_PHASE_SWITCH + 1)

/* False: no memory. */
static inline bool cluster_make(struct cluster *c, __u32 count, enum esl_scheme scheme, enum journey journey)
{
	__u8 ids[SWITCH_MEMBERS] = { 0, 1, 2, 3, 4, 5, 6, 7 };

	*c = (struct cluster){ .m = members_make(count, scheme, 16), .count = count, .journey = journey };
	for (__u32 i = 0; c->m && i < count; i++) {
		struct esl_table *t = c->m[i].config.table;

		t[1] = t[0];
		esl_table_fill(&t[journey == JOIN ? 0 : 1], ids, NULL, count - 1);
		t[1].epoch = t[0].epoch + 1;
	}
	return c->m;
}

static inline void cluster_free(struct cluster *c)
{
	members_free(c->m, c->count);
}

static inline void cluster_enter(struct cluster *c, __u32 i, __u32 phase)
{
	c->phase[i] = phase;
	esl_phase_store(&c->m[i].config, phase == PAST, phase == PAST ? ESL_PHASE_NONE : (enum esl_phase)phase);
}

#endif
