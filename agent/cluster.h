/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Membership, election, lease and slot table of one member.  Pure: no clock, no
 * socket, no map; the daemon and the simulator link the same object.
 *
 *     cluster.c     what is heard, told and done at which time
 *     election.c    who leads: candidates, votes, promises
 *     lease.c       until when: of a member, of the leader; who is alive
 *     view.c        the leader's tables and plans
 *     slots.c       from one slot table to the next with few moves
 *
 * All times are nanoseconds of this member's own CLOCK_BOOTTIME; those in a
 * heartbeat are its sender's, and come back to the sender only.  Clocks may
 * differ by anything, and drift by 1/1000.
 *
 * Lease.  A member forwards until the send time of its last heartbeat that the
 * leader echoed, plus lease_ns.  The leader echoes a member only where that
 * heartbeat itself echoed one of the leader's last dead_ns / 2, and gives the
 * member's slots away dead_ns after the last that did.  lease_ns < dead_ns by
 * what clocks may drift, so the former holder has stopped by then.  The
 * leader's own lease counts from its newest heartbeat that its quorum echoed: a
 * majority of the configured members, or (quorum none) every other member of
 * its view that is alive.  Without its own lease it echoes nobody, and
 * publishes nothing.
 *
 * Promise.  Who echoes a leader, or gave a candidate its vote, votes for and
 * follows nobody else before dead_ns after it received what it echoed, or until
 * the other says that it neither leads nor asks any more.  Who starts has
 * forgotten its promises, and votes for nobody in its first dead_ns; it stands only
 * when it has heard all members, or join_ns have passed.
 *
 * Takeover.  Members may still hold slots by a table, newer than the new leader's
 * own, and a lease of the former leader.  So its first table waits until all that
 * may (of the newest table told by anybody) voted for it or follow it, and dead_ns
 * at most.  The leader of the term before is excepted: its lease has ended.  It
 * takes slots from nobody who follows it.
 *
 * Merging.  With quorum none two leaders may have views of their own, and where they
 * meet, the members of one come to the other, each with slots of a table that this
 * one never saw, while leases of their former leader still run.  So who comes to a
 * leader after it was elected gets no slots before dead_ns have passed: what others
 * hold by that leader has ended then.  Between members that voted together nothing
 * waits.  Where they do not meet, but members of both views hear each other, the view of
 * the earlier term is left by those, and given up by its leader when it hears that.
 *
 * Blind.  Whose NICs receive nothing, but send, hears nobody and would lead a view of its
 * own, which those that do not know that would follow.  It would forward nothing either:
 * with quorum none it neither stands nor leads until a frame comes.
 *
 * Resigning.  A member that starts, was frozen, lost its link or is stopped holds
 * no table, says so, and is in the view again only by a table that came together
 * with an echo of what it sent since then.
 *
 *     STARTING -> FOLLOWING <-> CANDIDATE -> LEADING -> FOLLOWING
 */
#ifndef AGENT_CLUSTER_H
#define AGENT_CLUSTER_H

#include "heartbeat.h"

/* X(SYMBOL, name, sentence): why this member does not lead. */
#define LEADS(X)                                                                                 \
	X(LEADING, "leading", "this member leads")                                               \
	X(STARTING, "starting", "it started too recently to know its former promises, or who leads") \
	X(ID_TAKEN, "id_taken", "another machine uses this member's id")                         \
	X(NOT_READY, "not_ready", "it could not forward itself")                                 \
	X(LEAVING, "leaving", "it leaves the cluster")                                           \
	X(FOLLOWING, "following", "another member leads")                                        \
	X(UNHEARD, "unheard", "it hears a leader that does not hear it")                         \
	X(BLIND, "blind", "nothing comes to it any more, neither of members nor packets")        \
	X(PROMISED, "promised", "it has promised to wait for another member")                    \
	X(DEFERRING, "deferring", "a member that is preferred is there")                         \
	X(NO_QUORUM, "no_quorum", "too few members are heard")                                   \
	X(VOTING, "voting", "it has asked for votes and too few have come yet")

enum lead {
#define X(symbol, name, sentence) LEAD_##symbol,
	LEADS(X)
#undef X
	LEAD_COUNT
};

/* X(SYMBOL, name, sentence): why this member forwards nothing. */
#define SERVES(X)                                                                                \
	X(FORWARDING, "forwarding", "this member forwards")                                      \
	X(ID_TAKEN, "id_taken", "another machine uses this member's id")                         \
	X(NOT_READY, "not_ready", "programs, guard, rules, links or SAs are not in place")       \
	X(STARTING, "starting", "it started too recently and knows of no leader")                \
	X(NO_LEADER, "no_leader", "no member leads")                                             \
	X(UNHEARD, "unheard", "the leader does not hear it")                                     \
	X(NO_QUORUM, "no_quorum", "it leads, but does not hear its quorum")                      \
	X(NO_TABLE, "no_table", "the leader has published no slot table yet")                    \
	X(LEFT, "left", "it has given its slots away to leave")                                  \
	X(JOINING, "joining", "it is not in the slot table yet")                                 \
	X(NO_SLOTS, "no_slots", "its share of the slots is none")                                \
	X(LEASE_ENDED, "lease_ended", "the leader has not confirmed its lease in time")

enum serve {
#define X(symbol, name, sentence) SERVE_##symbol,
	SERVES(X)
#undef X
	SERVE_COUNT
};

struct cluster_config {
	__u32 id;			/* of this member */
	__u64 members;			/* bit i: member id i is configured */
	bool majority;			/* quorum; false: none */
	__u8 priority;			/* to lead: the highest is preferred, then the lowest id */
	__u64 heartbeat_ns;
	__u64 dead_ns;			/* at least 2 * heartbeat_ns */
	__u64 lease_ns;			/* at most 997/1000 of dead_ns */
	__u64 join_ns;			/* who starts, and a cluster without a table, waits so long for all members */
	__u32 weight[ESL_MEMBERS_MAX];	/* configured share of the slots, by member id; all 0: equal */
};

/* What the edges know of this member. */
struct cluster_local {
	bool ready;		/* programs, guard, rules, link, SAs: it could forward */
	bool leaving;		/* asked to give its slots away */
	bool taken;		/* a member says that another holder of this id is alive, and hears that one */
	bool blind;		/* no frame has come since members were last heard */
	__u16 load;		/* in 1/1000 of what it can do; 0: not measured */
	struct stamp held;	/* the table that the edges have in force */
	/* The phase that the edges have done of the plan with this epoch. */
	__u32 phase_epoch;
	enum plan_phase phase;
};

/*
 * What the edges are to do after a call, in this order: put the table in force,
 * write cluster_deadline_ns() (it may have moved back: also where nothing is set
 * here), begin the phase, send.  What they have done they say in the next
 * cluster_tick(), at once.
 */
struct cluster_actions {
	bool publish;		/* cluster_table() is another one; also one without members */
	bool plan;		/* cluster_plan() or its phase is another one */
	bool lead_began;
	bool lead_ended;	/* both: another term of this member's began */
	bool send;		/* a heartbeat, now, on all networks: cluster_fill() */
};

/* What this member knows of another one. */
struct cluster_peer {
	__u64 boot;		/* 0: not heard yet */
	__u64 sent_ns;		/* of the newest heartbeat, its clock */
	__u64 heard_ns;		/* when that came; 0: never */
	__u64 echoed_ns;	/* own send time of the newest own heartbeat that it echoed */
	__u64 reached_ns;	/* or of which it said at least that it came */
	__u64 proved_ns;	/* when the newest came that echoed one of the last dead_ns / 2 */
	__u64 proved_sent_ns;	/* and its send time, its clock */
	__u64 came_ns;		/* since when it supports this member in its term; 0: it does not */
	__u64 term;
	struct vote vote;
	struct stamp held;
	__u32 phase_epoch;
	enum plan_phase phase;
	__u16 load;
	__u8 leader;
	__u8 priority;
	bool ready, leaving, forwarding, leading;
	bool reborn;		/* another boot than when the plan under way began */
};

enum cluster_role { ROLE_FOLLOWER, ROLE_CANDIDATE, ROLE_LEADER };

/* Owned by the caller, who reads it only; plain memory, it may be copied. */
struct cluster {
	struct cluster_config config;
	struct cluster_local local;
	enum cluster_role role;
	__u64 boot;
	__u64 start_ns;
	__u64 now_ns;			/* of the last call */
	__u64 deaf_ns;			/* it ran late: until then nobody counts as dead */
	__u64 sent_ns;			/* of the last heartbeat */
	struct stamped {
		__u64 sent_ns;		/* what it echoed of the leader, in the leader's clock */
		__u8 id;		/* and which one that was */
	} echoed;
	__u64 taken_ns;			/* when the id was last seen to be another's; 0: never */
	__u64 intruders;		/* heartbeats of a second holder of any id */

	/* Election.  A promise is to a member, in a term. */
	__u64 term;			/* followed or led; 0: none */
	__u8 leader;			/* followed, this member, or ESL_NO_MEMBER */
	struct vote vote;		/* the newest given or asked for */
	__u64 term_max;			/* the highest known; a term: a count << 32, the boot of who stood */
	__u8 promised;			/* to whom, or ESL_NO_MEMBER */
	__u64 promise_ns;		/* until then */
	__u64 stood_ns;			/* candidate and leader: since when in this term */
	__u64 stand_ns;			/* since it could stand: when it will; 0: it could not */
	__u64 backoff_ns;		/* it stood in vain and leaves others the turn until then */
	__u64 rival_ns;			/* another leader is heard since then; 0: none */
	__u64 outranked_ns;		/* members of a view of a later term are, both ways; 0: none */

	/* Lease. */
	__u64 lease_ns;			/* until when the leader confirmed it; 0: not at all */
	__u64 kept_ns;			/* until when the table of a former leader holds */
	__u64 resigned_ns;		/* what was sent before counts for no table */

	/* View. */
	struct slot_table table;	/* in force */
	struct plan plan;
	struct slot_table known;	/* the newest told by anybody, and its plan */
	struct plan known_plan;
	bool took_over;			/* leader: its first table is out */
	__u64 led_ns;			/* leader: since when */
	__u64 balanced_ns;		/* leader: when load was last looked at, or a table began, */
	__u32 balance_longer;		/* and how often it was uneven at looks in a row */
	bool reconfigured;		/* weights were: they are looked at next */
	__u32 weight[ESL_MEMBERS_MAX];	/* leader: in use, by member id */

	__u32 epoch_max;		/* the highest known */

	/* What the caller was told of: actions are what differs. */
	struct stamp told_table;
	__u32 told_plan;		/* epoch; 0: none */
	enum plan_phase told_phase;
	__u64 told_lead;		/* term led; 0: none */
	bool send;			/* something changed that others wait for */
	struct cluster_peer peer[ESL_MEMBERS_MAX];	/* by member id; own entry unused */
};

/* boot: random, not 0.  now: not 0, and so in all calls; it never goes back. */
void cluster_start(struct cluster *c, const struct cluster_config *config, __u64 boot, __u64 now);

/*
 * Change what may change while running: priority, timers, weights, members
 * (those that stay keep their state).
 */
void cluster_reconfigure(struct cluster *c, const struct cluster_config *config);

/*
 * A heartbeat that is authentic, and whose sender's settings are equal.  It may
 * come several times, late and in any order.
 */
void cluster_heard(struct cluster *c, const struct heartbeat *h, __u64 now, struct cluster_actions *ret);

/* To be called at cluster_next_ns() at the latest, and at once when local changes. */
void cluster_tick(struct cluster *c, const struct cluster_local *local, __u64 now,
		  struct cluster_actions *ret);

/* The heartbeat to be sent now: its stamp is now, or just later than the last one's. */
void cluster_fill(struct cluster *c, __u64 now, struct heartbeat *ret);

/* Until when this member may forward by cluster_table(); 0: not at all. */
__u64 cluster_deadline_ns(const struct cluster *c);

/* When cluster_tick() is due. */
__u64 cluster_next_ns(const struct cluster *c);

/* The member that leads, as far as this one follows it or is it; else ESL_NO_MEMBER. */
static inline __u8 cluster_leader(const struct cluster *c)
{
	return c->leader;
}

/* The table to be in force; stamp.term 0: none. */
static inline const struct slot_table *cluster_table(const struct cluster *c)
{
	return &c->table;
}

static inline const struct plan *cluster_plan(const struct cluster *c)
{
	return &c->plan;
}

/* A member that was asked to leave owns nothing and leads nobody: it may stop. */
bool cluster_left(const struct cluster *c);

/* Members that are heard now, this one included. */
__u64 cluster_heard_members(const struct cluster *c, __u64 now);

enum lead cluster_why_not_leading(const struct cluster *c, __u64 now);
enum serve cluster_why_not_forwarding(const struct cluster *c, __u64 now);

const char *lead_name(enum lead l);
const char *lead_sentence(enum lead l);
const char *serve_name(enum serve s);
const char *serve_sentence(enum serve s);

#endif
