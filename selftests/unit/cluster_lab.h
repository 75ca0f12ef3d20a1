/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Members of a cluster in memory, on a simulated network, with clocks of their
 * own.  All times are of one reference clock that no member sees, in ns.
 *
 * After every event the lab counts slots that two members forward at that
 * moment, a killed or frozen one until its last deadline.  Two may share a slot
 * only while a planned change gives it from one to the other.
 */
#ifndef ESPALIER_SELFTESTS_CLUSTER_LAB_H
#define ESPALIER_SELFTESTS_CLUSTER_LAB_H

#include <agent/cluster.h>

#define MS 1000000ULL
#define LAB_NONE (-1)

struct lab_member {
	struct cluster c;
	struct cluster_config config;
	struct cluster_local local;
	struct slot_table table;	/* in force */
	struct plan plan;
	__u64 deadline;			/* own clock */
	__u64 offset;
	__s64 drift;			/* parts of a million */
	__u64 frozen_until;
	__u64 done_at;			/* when its edges will have done PLAN_SWITCH; 0: not begun */
	bool running;
	bool slow;			/* its edges never do a phase */
	__u32 moved;			/* slots of its last change of table */
	__u32 publishes, began, ended, sent;
	__u32 woken;			/* by its own timer */
};

struct lab_packet {
	__u64 at, order;
	struct heartbeat *h;
	int to;
};

struct lab {
	int count;
	__u64 now;
	__u64 delay, jitter;
	__u32 loss;			/* of a thousand */
	__u32 copies;
	bool cut[ESL_MEMBERS_MAX + 1][ESL_MEMBERS_MAX + 1];	/* from, to */
	struct lab_member m[ESL_MEMBERS_MAX + 1];	/* one more: a second holder of an id */
	struct lab_packet *heap;
	size_t heaped, room;
	__u64 order, random;
	struct heartbeat *pool;
	size_t pooled;
	__u64 doubled;			/* events at which a slot had two owners */
	char first[128];		/* the first of them */
	__u64 uncovered_ns;		/* longest time with a slot without an owner, since reset */
	__u64 uncovered_since;
};

/* count members with 20/60/50 ms timers, ids 0 .. count - 1, none running. */
struct lab *lab_new(int count, bool majority, __u64 seed);
void lab_free(struct lab *l);
void lab_boot(struct lab *l, int i);
void lab_boot_all(struct lab *l);
/* All are started, in, and led by one. */
struct lab *lab_settled(int count, bool majority, __u64 seed);
/* No slot has had two owners; the lab is freed. */
void lab_finished(struct lab *l);
/* As by SIGKILL: the kernel goes on until the last deadline. */
void lab_kill(struct lab *l, int i);
void lab_freeze(struct lab *l, int i, __u64 for_ns);
void lab_cut(struct lab *l, int from, int to, bool cut);
void lab_run(struct lab *l, __u64 for_ns);
/* Run until done says so; returns the time that took, or limit. */
__u64 lab_until(struct lab *l, bool (*done)(struct lab *l, int i), int i, __u64 limit);
/* Look at local again. */
void lab_poke(struct lab *l, int i);

/* The one running member that leads, or LAB_NONE. */
int lab_leader(const struct lab *l);
__u64 lab_clock(const struct lab *l, int i);
bool lab_forwards(const struct lab *l, int i);
/* Conditions for lab_until. */
bool lab_covered(struct lab *l, int i);		/* every slot has an owner that forwards */
bool lab_has_leader(struct lab *l, int i);	/* and every running member follows it */
bool lab_in(struct lab *l, int i);		/* i owns slots and forwards */
bool lab_out(struct lab *l, int i);		/* no running member's table has i */
bool lab_all_in(struct lab *l, int i);		/* all running members own and forward */
bool lab_left(struct lab *l, int i);

#endif
