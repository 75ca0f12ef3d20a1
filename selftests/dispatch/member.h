/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A member of a cluster in memory: it decides as its XDP program does. */
#ifndef ESPALIER_SELFTESTS_MEMBER_H
#define ESPALIER_SELFTESTS_MEMBER_H

#include <espalier/tables.h>

#include "selftests/unit/packets.h"

/* What espalier_frag keeps of a few packets that are in flight at a time. */
#define MEMBER_FRAGMENTS 64

struct member_fragment {
	struct esl_frag_key key;
	struct esl_frag first;	/* owner 0: nothing is remembered */
};

struct member {
	struct esl_config config;
	struct esl_tables tables;
	struct member_fragment fragment[MEMBER_FRAGMENTS];
	__u32 oldest;		/* of them */
};

extern const struct esl_hash_key member_key;
extern const char *const scheme_names[ESL_SCHEME_COUNT];
extern const enum esl_verdict reason_verdicts[ESL_REASON_COUNT];

/*
 * Members with ids 0 to count - 1, of which 0 leads, and equal weights.  ESP
 * goes by number or by SPI as the scheme says.  marker: mean distance of
 * markers, a power of two.  Returns an array to be freed by members_free(),
 * NULL without memory.
 */
struct member *members_make(__u32 count, enum esl_scheme scheme, __u32 marker);
void members_free(struct member *m, __u32 count);

/* The reason for a frame on the cluster MAC, but for what only the owner looks
 * at: deadline, SA, completeness. */
int member_decide(struct member *m, enum esl_role role, const struct packet *frame);

/* Does a member that gives this reason hand the packet to its stack? */
bool member_takes(int reason);

/* The largest of the members' counts over the fair share; 0 where all are 0. */
double largest_share(const __u64 *counts, __u32 members);

#endif
