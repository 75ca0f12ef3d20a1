/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One member: its machine, and its agent's edge, which drives the pure objects
 * as espalierd does.  What the edge does to the kernel and the networks goes
 * through a list of small steps, and a freeze may come between any two.
 */
#ifndef SIM_MEMBER_H
#define SIM_MEMBER_H

#include <agent/cluster.h>
#include <agent/lanes.h>
#include <agent/rejoin.h>

#include "clock.h"
#include "kernel.h"

#define STEPS_MAX 64
#define INBOX_MAX 512
#define RATES 64

/* What a member says of its SAs with every heartbeat, and when one jumped. */
struct tidings {
	__u64 sent_at;			/* true time: older ones are refused, as by the keys of each boot */
	__u64 kernel_state;
	__u64 boot;			/* of the agent */
	__u32 newest;			/* SA, and one; 0: none */
	__u64 life_of[ESL_MEMBERS_MAX];	/* kernel_state of others, as heard */
	struct {
		__u32 sa;		/* and one */
		bool started, kept;
		__u64 round;
		__u64 own;		/* the highest that it accepted itself */
		__u64 top;		/* the highest number authenticated by anybody it heard of */
		__u64 floor;		/* the highest floor of anybody */
		__u64 bar;		/* nothing above it is accepted by who heard no higher one of all */
		__u64 from;		/* of a leader: X of its plan */
		bool recorded;		/* what others may ask: agent/rejoin.h */
		__u64 complete, young, sources, outlived, refused;
		__u64 heard[ESL_MEMBERS_MAX];
		__u32 question;			/* 0: it asks nothing */
		__u32 answers[ESL_MEMBERS_MAX];	/* the last question of each that was heard */
	} part[KERNEL_SAS];
	struct stamp plan;		/* the plan that from[] is for, and its attempt */
	__u32 attempt;
	bool too_low;			/* X was passed before it was known: another attempt is needed */
};

struct message {
	__u32 refs, next_free;
	__u8 from;
	bool has_heartbeat;
	struct heartbeat heartbeat;
	struct tidings tidings;
};

enum step_kind {
	STEP_TABLE,
	STEP_DEADLINE,
	STEP_PHASE,
	STEP_FILL,
	STEP_SEND,
	STEP_BOUND,
	STEP_COUNTER,
};

struct step {
	enum step_kind kind;
	__u32 word;
	__u64 a, b;
};

/* What the agent knows of one SA pair. */
struct agent_sa {
	__u32 sa;			/* and one; 0: none */
	struct lane_state lanes;
	struct rejoin_sa rejoin;
	__u32 question[ESL_MEMBERS_MAX];	/* of others, as heard */
	bool held;			/* held_round is told and not used yet */
	__u64 held_round;
	bool behind;
	__u64 passed_seen, active_ns;
	__u64 heard_top, heard_floor;	/* of others */
	__u64 bar;			/* as told, */
	__u64 bar_of[ESL_MEMBERS_MAX];	/* and as told by others */
	__u64 kept;			/* members that have the SA, and what they know of it */
	__u64 known_top, known_ns;	/* when the rate was last looked at */
	__u64 rate[RATES];		/* numbers a second, of the last intervals */
	__u32 rates;
};

struct agent {
	struct cluster cluster;
	struct cluster_local local;
	struct agent_sa sa[KERNEL_SAS];
	__u64 heard_ns[ESL_MEMBERS_MAX];
	__u64 heard_sent[ESL_MEMBERS_MAX];
	__u64 heard_term[ESL_MEMBERS_MAX];	/* the highest that it followed or voted in */
	__u64 kernel_state[ESL_MEMBERS_MAX];	/* as told, */
	__u64 life_ns[ESL_MEMBERS_MAX];		/* and when first */
	__u64 boot[ESL_MEMBERS_MAX];
	__u32 newest[ESL_MEMBERS_MAX];
	struct slot_table table;	/* to be put in force */
	bool lapsed;			/* the lease ended, or was never: what is owned may have been another's */
	struct stamp plan;		/* that X was chosen or heard for, */
	__u32 attempt;			/* so many times; 0: not yet */
	bool installed;			/* in the kernel, */
	struct stamp prepared;		/* for this plan, */
	__u64 prepared_ns;		/* since then */
	__u64 agreed;			/* leader: members that have this X */
	__u64 from[KERNEL_SAS];		/* X, by place of the SA */
	__u32 from_sa[KERNEL_SAS];	/* the SA, and one */
	bool too_low, announce;
	bool covered;			/* a table was put in force since the last deadline */
	bool again, busy;		/* tick, and look at the SAs, without waiting */
	struct cluster_local ticked;	/* what the cluster was told last */
	__u64 rekeyed_ns, announced_ns, after_ns, floors_ns;
};

struct member {
	__u32 id;
	struct clock clock;
	bool up;			/* the machine */
	__u64 lost_at, started_at;	/* true time: its state; the agent */
	__u64 anew_at;			/* its first start after that loss */
	bool suspended;			/* ... sleeps, with all that is in it */
	bool running;			/* the agent */
	bool frozen;
	bool leaving;
	__u8 priority;
	__u64 slow_until;		/* its agent runs late */
	__u64 wake_at;			/* 0: not at all */
	__u64 freezes;			/* to tell one freeze from the next */
	__u32 freeze_after;		/* steps; 0: not */
	__u64 freeze_ns;
	struct kernel kernel;
	struct agent agent;
	struct step step[STEPS_MAX];	/* under way */
	__u32 step_next, step_count;
	__u32 held;			/* message filled and not sent yet, and one; 0: none */
	/* Of a first machine with this id, while a second one is there. */
	bool doubled, thaws;		/* thaws: its agent was frozen, else stopped */
	struct kernel first_kernel;
	struct agent first_agent;
	__u64 first_started_at;
	__u64 second_from, second_to;	/* true time: the last second machine */
	__u32 inbox[INBOX_MAX];
	__u32 inbox_next, inbox_count;
	/* for the checker, local */
	__u64 proved_ns;		/* until when the leader's echoes prove a lease */
	__u64 echoed_ns[ESL_MEMBERS_MAX];
};

struct sim;

void member_start(struct sim *s, struct member *m);
/* The machine starts: with another kernel, and no state. */
void member_boot(struct sim *s, struct member *m);
/* The pinned maps are gone, and the agent with them. */
void member_wipe(struct sim *s, struct member *m);
/* Another machine, without any state, has the member's id; and the first one is back. */
void member_double(struct sim *s, struct member *m);
void member_undouble(struct sim *s, struct member *m);
void member_power_off(struct sim *s, struct member *m);
void member_exec(struct sim *s, struct member *m);
void member_kill(struct sim *s, struct member *m);
void member_freeze(struct sim *s, struct member *m, __u64 for_ns);
void member_thaw(struct sim *s, struct member *m, __u64 which);
void member_wake(struct sim *s, struct member *m, __u64 at);
/* How long it takes until a ready agent runs. */
__u64 member_latency(struct sim *s, struct member *m);
void member_run(struct sim *s, struct member *m);
void member_deliver(struct sim *s, struct member *m, __u32 message);
/* Add a step to be done. */
void member_step(struct member *m, enum step_kind kind, __u32 word, __u64 a, __u64 b);

/* sas.c: what the edge does with SAs. now: local. */
void sas_start(struct sim *s, struct member *m, __u64 now);
void sas_heard(struct sim *s, struct member *m, __u32 from, const struct tidings *t, __u64 now);
/* Numbers a second of the peer: the highest seen lately. */
__u64 sas_rate(const struct agent_sa *a);
/* Has the member's kernel the SAs that others have? */
bool sas_ready(const struct sim *s, const struct member *m, __u64 now);
/* Is all known that others accepted of the SA before this term? */
bool sas_is_witnessed(const struct sim *s, const struct member *m, const struct agent_sa *a);
void sas_tick(struct sim *s, struct member *m, __u64 now);
void sas_events(struct sim *s, struct member *m, __u64 now);
void sas_counter(struct sim *s, struct member *m, __u32 sa, __u64 oseq, __u64 round);
void sas_tell(struct sim *s, struct member *m, struct tidings *t);
/* Install a pair of SAs in m's kernel, where its kernel may use it. */
void sas_install(struct sim *s, struct member *m, __u32 sa);
/* Make a pair, as an IKE daemon at the leader does. */
void sas_rekey(struct sim *s, struct member *m, __u64 members);

/* rejoins.c: may the round be entered? If not it is told, and waits. */
bool rejoins_may(struct sim *s, struct member *m, struct agent_sa *a, __u64 round);
/* Without a record: may the SA begin, in *round, not below least? */
bool rejoins_begin(struct sim *s, struct member *m, struct agent_sa *a, __u64 least, __u64 now, __u64 *round);
void rejoins_recorded(struct sim *s, struct member *m, struct agent_sa *a, __u64 now);
/* What no record is left of nobody can tell from a new SA: the operator deletes it. */
void rejoins_orphan(struct sim *s);
void rejoins_tell(struct sim *s, struct member *m, struct tidings *t);
void rejoins_heard(struct sim *s, struct member *m, __u32 from, const struct tidings *t, __u64 now);

/* takes.c: tables and planned changes in the kernel. */
void takes_table(struct sim *s, struct member *m, __u64 now);
/* Take on the phase of the cluster's plan, as far as X is agreed. */
void takes_phase(struct sim *s, struct member *m, __u64 now);
void takes_heard(struct sim *s, struct member *m, __u32 from, const struct tidings *t, __u64 now);
void takes_start(struct member *m, __u64 now);
/* End what need not last. */
void takes_tick(struct sim *s, struct member *m, __u64 now);

#endif
