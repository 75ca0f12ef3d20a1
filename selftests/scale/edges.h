/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the SAs of an agent stand on, for a process without network: a kernel's XFRM
 * in memory, members that are told, and a clock that stands until it is moved.  The
 * maps are real ones.
 */
#ifndef ESPALIER_SELFTESTS_SCALE_EDGES_H
#define ESPALIER_SELFTESTS_SCALE_EDGES_H

#include <agent/sadb.h>

#define MS 1000000ULL
#define PAIRS_MAX 8192

/* What the agent asked for, since the counts were last cleared. */
struct asked {
	__u64 calls;		/* system calls to maps, and those that XFRM would have taken */
	__u64 counters;		/* SAs whose counter was read or written */
	__u64 listed;		/* SAs of whole lists */
	__u64 messages;		/* to each other member */
};

extern struct asked asked;
extern __u64 clock_ns;

/* pairs SAs each way in the kernel, none used; none of them known to the agent. */
void edges_fill(__u32 pairs);
/* The kernel's own counters; outbound: the last number assigned, inbound: the top. */
__u64 *edges_oseq(__u32 i);
__u64 *edges_seq(__u32 i);
struct esl_sa_key edges_key(__u32 i, bool outbound);

/* An agent of member 0 of three, with maps of its own and the SAs of the kernel. */
void edges_agent(struct agent *a);
/* The program let packets more pass on inbound SA i. */
void edges_pass(struct agent *a, __u32 i, __u64 packets);

#endif
