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
#define MEMBERS 3		/* this one is member 0, and leads */

/* What the agent asked for, since the counts were last cleared. */
struct asked {
	__u64 calls;		/* system calls to maps, and those that XFRM would have taken */
	__u64 counters;		/* SAs whose counter was read or written */
	__u64 listed;		/* SAs of whole lists */
	__u64 messages;		/* to each other member */
	__u64 rekeys;		/* of the IKE daemon */
	__u64 windowless;	/* warnings of SAs without a replay window */
};

extern struct asked asked;
extern __u64 clock_ns;

/* pairs SAs each way in the kernel, none used; none of them known to the agent. */
void edges_fill(__u32 pairs);
/* So many more pairs: XFRM tells the agent. */
void edges_add(__u32 more);
/* XFRM tells the agent of all once more. */
void edges_again(void);
/* The replay window of SAs that are made; 1024 at first. */
extern __u32 edges_window;
/* The kernel's own counters; outbound: the last number assigned, inbound: the top. */
__u64 *edges_oseq(__u32 i);
__u64 *edges_seq(__u32 i);
struct esl_sa_key edges_key(__u32 i, bool outbound);
struct kernel_sa *edges_kernel(__u32 i, bool outbound);
/* It is gone, and the agent is not told. */
void edges_lose(__u32 i, bool outbound);
/* XFRM tells the agent; of a listing nothing comes while it is broken. */
void edges_tell(enum xfrm_change change, const struct kernel_sa *sa);
extern bool edges_broken;
/* Another number, and each transform has another salt from now on. */
extern __u64 edges_draw;

/* An agent of member 0, with maps of its own and the SAs of the kernel. */
void edges_agent(struct agent *a);
/* As sync.c does it: messages of rounds until none waits; with page, at least one. */
void edges_flush(struct agent *a, bool page);
/* The clock moves on, and what waits for it, for the others or for a turn of the loop is done. */
void edges_run(struct agent *a, __u64 for_ns);
/* The program let packets more pass on inbound SA i. */
void edges_pass(struct agent *a, __u32 i, __u64 packets);
/* It is stopped and started again; its maps, and what the others know, stay. */
void edges_restart(struct agent *a);
/* And later fragments. */
void edges_pass_parts(struct agent *a, __u32 i, __u32 parts);
/* Its end. */
void edges_stop(struct agent *a);

/* The others answer what this member sends, each like the two in step with it that they are:
 * none knows more of its SAs than it told them. */
extern bool others_acknowledge;	/* this member's rounds; true at first */
void others_take(const struct announcement *m);
/* It comes in. */
void others_answer(struct agent *a);

/* main.c: one figure, and its limit. */
void judge(const char *world, const char *what, double is, double most, const char *unit);

/* held.c */
void held_rows(void);

/* kernel.c */
void kernel_rows(void);

/* moves.c */
void moves_rows(void);

/* floors.c */
void floors_rows(void);

/* windowless.c */
void windowless_rows(void);

/* tops.c */
void tops_rows(void);

#endif
