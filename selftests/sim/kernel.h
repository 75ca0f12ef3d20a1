/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a member's kernel holds: the pinned maps, and the SAs in XFRM.  Both
 * outlive the agent, and not the machine; the maps may be lost alone.
 */
#ifndef SIM_KERNEL_H
#define SIM_KERNEL_H

#include <agent/cluster.h>
#include <agent/takeover.h>
#include <espalier/guard.h>
#include <espalier/tables.h>

struct sim;
struct member;

#define KERNEL_SAS 4		/* the newest ones; older ones are deleted */
#define REPLAY_WINDOW 1024

/* RFC 4303 section 3.4.3 and appendix A, as XFRM does it with ESN. */
struct window {
	__u64 top;
	__u64 seen[REPLAY_WINDOW / 64];
};

struct kernel_sa {
	__u32 sa;			/* index into the run's SAs, and one; 0: none */
	/* outbound */
	__u64 oseq;
	bool recorded;
	struct esl_guard guard;
	/* inbound */
	struct window window;
	bool floored;			/* a floor is set */
	struct takeover_floors floors;
	__u64 ceiling;			/* nothing above is accepted */
	bool shut;			/* ... and for now nothing at all, */
	bool forgot;			/* or never: the maps are lost, what XFRM has is not */
	__u64 bar;			/* as told: an agent that starts again must not forget it */
	__u64 from;			/* X of the planned change; 0: none */
	/* for the agent */
	bool half, dropped, stopped;
	__u64 half_seq;
};

/*
 * A planned change: whose a number is by the table in force and by the other
 * one.  Where a slot has two owners neither takes what the other may take: the
 * former one lets go of the numbers from X on before the next one takes them.
 *
 *                 numbers below X    X and above         plain packets
 *     PREPARED    in force           in both             in force
 *     TAKEN       in force           other (the next)    in both
 *     AFTER       other (the last)   in force            in force
 */
enum switching { SWITCH_NONE, SWITCH_PREPARED, SWITCH_TAKEN, SWITCH_AFTER };

struct kernel {
	__u64 boot;			/* another one after each start of the machine, */
	__u64 state;			/* and after each loss of the pinned maps */
	struct esl_config config;
	struct esl_tables tables;
	struct kernel_sa sa[KERNEL_SAS];
	enum switching switching;
	__u8 other[ESL_SLOTS];
	struct stamp stamp;		/* of the table in force; term 0: none */
	struct takeover_slots claim;	/* slots of plain packets, for the checker */
};

/* The SA with this index, or NULL. */
struct kernel_sa *kernel_sa(struct kernel *k, __u32 sa);
/* The newest outbound SA, which packets take; NULL: none. */
struct kernel_sa *kernel_out(struct kernel *k);
/* Does the member forward at this moment? */
bool kernel_is_live(const struct sim *s, const struct member *m);

/* One plain packet at a member's inside NIC, one ESP packet at its outside NIC.
 * Returns whether the program passed it on. */
bool kernel_plain(struct sim *s, struct member *m, const struct esl_packet *p);
bool kernel_esp(struct sim *s, struct member *m, const struct esl_packet *p, __u32 sa, __u64 seq);

/* Later stations of a packet that was passed on. */
void kernel_number(struct sim *s, struct member *m);
void kernel_guard(struct sim *s, struct member *m, __u32 sa, __u64 seq);
void kernel_window(struct sim *s, struct member *m, __u32 sa, __u64 seq);

/* A table of the member's was changed: note which slots it claims. */
void kernel_claim(struct kernel *k);

/* May this number be accepted for the first time? Then it is noted. */
bool window_accept(struct window *w, __u64 seq);

#endif
