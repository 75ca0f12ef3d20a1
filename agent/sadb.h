/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The SAs of a cluster address: what the kernel has, what the maps have, the
 * lanes of the outbound ones and the tops of the inbound ones.
 *
 *     sadb.c          the SAs of the kernel, and the event sources
 *     sadb_out.c      outbound: records, jumps, rounds
 *     sadb_end.c      outbound: the end of their numbers
 *     sadb_in.c       inbound: records, tops, floors
 *     sadb_top.c      inbound: 64-bit numbers of which the kernel is far behind
 *     sadb_seen.c     inbound: which are in use, and the kernel's tops of those
 *     sadb_switch.c   inbound: where a planned change switches
 *     sadb_promote.c  inbound: new ones, until all members have them
 *     sadb_rejoin.c   outbound: what members know of the rounds of one another
 *     sadb_restore.c  the records that an earlier run left
 *
 * An outbound record outlives the kernel's SA: one that is deleted and added
 * again with the same SPI and key, perhaps for another address of the peer (NAT-T,
 * MOBIKE), goes on where it was, because its numbers may have been used.  The
 * same SPI with another key is another SA, with a record of its own.
 */
#ifndef AGENT_SADB_H
#define AGENT_SADB_H

#include "agent.h"
#include "held.h"
#include "lanes.h"
#include "probe.h"
#include "promote.h"
#include "quiet.h"
#include "rejoin.h"
#include "takeover.h"

/* Thousands of SAs are there, and a few of them ask for work: those queue for it. */
enum sa_work {
	SA_ANNOUNCE,	/* outbound: a round to be announced */
	SA_STEP,	/* outbound: another member is in a later round */
	SA_SENDERS,	/* outbound: one member sends all */
	SA_ACKNOWLEDGE,	/* outbound: rounds of other members to be acknowledged */
	SA_WAIT,	/* outbound: it may not begin yet, and perhaps others are asked */
	SA_SPENT,	/* outbound: its counter moved since this was last looked at, or it has to be rekeyed */
	SA_LAST,	/* outbound: in its last block, or at the end of it */
	SA_PROBE,	/* outbound: its salt, or what is told of it, changed */
	SA_PROMOTE,	/* inbound: not all members have it yet */
	SA_WORKS
};

#define SA_CHAINS 1024

struct sa_queue {
	struct sa *first, *last;
	size_t count;
};

struct sa {
	struct esl_sa_key key;		/* first: the tree compares it */
	bool outbound;
	bool present;			/* in the kernel */
	bool recorded;			/* in the maps */
	__u32 listed;			/* in this listing of the kernel's, or told since */
	bool stirred;			/* inbound: since its top was last told packets passed, or it moved; */
	bool again;			/* it is told once more: a message may be lost */
	__u32 index;
	struct quiet quiet;		/* inbound; with what is above looked at several times a second */
	__u64 floor;			/* inbound: as in the map; 0: none */
	struct sa *same_spi;		/* the next one of the chain */
	struct sa *next[SA_WORKS];
	bool queued[SA_WORKS];
	struct kernel_sa kernel;

	/* outbound */
	bool dirty;			/* round to be announced */
	enum rejoin silent;		/* why nothing is sent; OPEN: it is */
	bool held;			/* hold.round is announced and not used yet */
	struct held hold;
	bool unmoved;			/* it could not go on for another address of the peer, as the log says */
	struct rejoin_sa rejoin;
	__u64 outlived;			/* how often it had to begin anew, as another life was heard of */
	__u64 print;			/* of the key that the record was made for; 0: not told */
	__u64 rekey_ns;			/* leader: when a rekey was last asked for, */
	__u64 rekeys;			/* and how often */
	__u32 window;			/* of the peer, as known when the plan was looked at */
	struct lane_state lanes;
	struct lane_pace pace;
	__u64 passed_seen;		/* guard's count at the last look, */
	__u64 active_ns;		/* and when it had last changed */
	__u64 jumps;
	__u64 late;			/* jumps made after the block was used up */
	__u64 jump_ns_max;
	__u64 ended_ns;			/* when the kernel was made to refuse; 0: it did before */
	struct sa_audit *audit;		/* of its IVs; NULL: nobody has told of it yet */

	/* inbound */
	__u64 heard_top;		/* highest that another member told for heard_epoch */
	__u32 heard_epoch;
	__u64 heard_ns;			/* when another member last told a top */
	__u64 told_top;			/* its own, when the rate was last looked at, */
	__u64 told_ns;			/* and when */
	__u64 rate;			/* numbers a second then, */
	__u64 rate_before;		/* and at the sample before, which no silence has halved */
	__u64 sampled_top;		/* heard_top at sampled_ns, */
	__u64 sampled_ns;
	__u64 heard_rate;		/* and numbers a second since the sample before, */
	__u64 heard_rate_before;	/* and then */
	__u64 switch_at;		/* as in the map; 0: none */
	bool shut;			/* the kernel is too far behind, and nothing is accepted */
	bool stopped;			/* below it nothing is accepted any more in slots that go */
	struct promote promote;
	__u64 promote_told_ns;
	bool arrived;			/* with this key, and promote knows of it */
	bool elsewhere;			/* others told of it before it came here */
	bool leads_alone;		/* leader: nobody else takes any of promote_below() */
	bool windowless;		/* it has no replay window, which was said */
};

struct sadb {
	void *tree;				/* of struct sa, by key */
	struct sa *out[ESL_SA_MAX];		/* by index of the guard record, */
	struct sa *in[ESL_SA_MAX];		/* of the sequence record: all that are recorded */
	__u32 out_free, in_free;		/* no index below is free, */
	__u32 out_end, in_end;			/* and all from here on are */
	struct sa *all[2 * ESL_SA_MAX];		/* in order of appearance */
	size_t count;
	struct sa *by_spi[SA_CHAINS];		/* chains of those whose SPI ends alike */
	struct sa_queue work[SA_WORKS];
	__u32 page;				/* index of the outbound SA where the next page begins */
	size_t dirty;
	size_t held;				/* rounds that are announced and not used yet, */
	size_t held_page;			/* and where the next page of them begins */
	__u64 strange;				/* acknowledgements and answers to another life of this member */
	__u32 listing;				/* of the kernel's SAs, counted: the last one, */
	bool unlisted;				/* which failed, as the log says */
	bool hidden;				/* the kernel does not tell keys, as the log says */
	bool lists;				/* just now */
	bool starting;				/* the first look at the kernel's SAs */
	bool waiting;				/* SAs wait until all know the same windows */
	bool unread;				/* the tops could not be told, as the log says */
	struct esl_sa_seq *counts;		/* of sadb_seen.c: a batch, */
	size_t cpus;				/* so many for each SA */
	struct announced_top tops[ESL_SA_MAX];	/* as last read */
	size_t top_count;
	struct announced_top numbers[ESL_SA_MAX];	/* leader: as last chosen */
	size_t number_count;
	sd_event_source *promote;
	__u64 promote_term;			/* in which what was told holds */
	__u64 promoted;				/* as leader */
	struct ring_buffer *events;
	sd_event_source *events_source;
	sd_event_source *xfrm_source;
	sd_event_source *step;
	bool asking;				/* with the next acknowledgements */
	sd_event_source *trail;			/* acknowledgements */
};

/* What the guard knows of an SA; of an outbound one that is recorded. */
static inline struct esl_guard *guard_of(const struct agent *a, const struct sa *sa)
{
	return esl_guards_at(a->pins.guards, sa->index);
}

int sadb_start(struct agent *a, char error[ESL_ERROR_MAX]);
void sadb_stop(struct agent *a);

/* What is to be done for the SAs, and told of them, several times a second. */
void sadb_hello(struct agent *a);

/* The cluster agreed on its values: give every outbound SA its record. */
void sadb_open(struct agent *a);

/* Member from is in this round; wanted: it has not been told by enough that it was heard.
 * Returns -EPROTO when it uses another plan. */
int sadb_announced(struct agent *a, __u32 from, const struct announced_round *r, bool wanted);

/* Member id lost its maps, or another machine has its id. */
void sadb_outlived(struct agent *a, __u32 id);
/* The agent of member id started again. */
void sadb_restarted(struct agent *a, __u32 id);
/* Acknowledgements and answers that came for another life of this member. */
__u64 sadb_foreign_heard(const struct agent *a);

/* What member others[i] asks, answers and acknowledges. */
void sadb_heard(struct agent *a, size_t i, const struct announcement *m);

/* Ask for every SA that may not begin. */
void sadb_ask(struct agent *a);

/* Leader: see to it that SAs are rekeyed before their 32-bit numbers end. */
void sadb_find_spent(struct agent *a);

/* See which SAs have come to the end of their last blocks, and say so. */
void sadb_find_ended(struct agent *a);

/* Is there an SA of the kernel that this member may not begin to send on? */
bool sadb_is_silent(const struct agent *a, bool was_ready);

/* Give the maps their life where they have none.  Returns 0 or -1. */
int sadb_draw_life(struct esl_config *c);

/* Mark every round to be announced. */
void sadb_announce_all(struct agent *a);

/* Fill *m with up to ESL_WIRE_ENTRIES_MAX rounds that are to be announced; with page,
 * fill up with others in turn. */
void sadb_collect(struct agent *a, struct announcement *m, bool page);

/* Announce where this member began to send what another one sent before. */
void sadb_find_senders(struct agent *a);

/* Call f for every SA. */
void sadb_each(struct agent *a, void (*f)(const struct sa *sa, void *data), void *data);

/* Inbound: the kernel has the SPI with another key than before: what was known is of another SA. */
void sadb_new_key(struct sa *sa);
/* Inbound: the kernel has it anew, or set its window back; what it had accepted is still sa->kernel's: not again. */
void sadb_window_lost(struct agent *a, struct sa *sa);

/*
 * Outbound: sa->kernel was just read, and its key may not be the record's, or be that of a record for
 * another address of the peer.  False: it is, and it cannot go on there now.
 */
bool sadb_identify(struct agent *a, struct sa *sa);

/* Read the tops of all inbound SAs from the kernel into sadb.tops. */
int sadb_read_tops(struct agent *a);

/* Another member's top, told for this epoch; raise: where it is above the
 * floor, it is the floor from now on. */
void sadb_heard_top(struct agent *a, const struct announced_top *t, __u32 epoch, bool raise);

/* From now on nothing at or below what the others told for this epoch is accepted. */
void sadb_set_floors(struct agent *a, __u32 epoch);

/* Another member's top, of an SA in use. */
void sadb_heard_active(struct agent *a, const struct announced_top *t);

/* Tell the others the tops of SAs that accepted packets lately. */
void sadb_tell_active(struct agent *a);

/* This member owns these slots from now on: no number that their former owners
 * may have accepted is accepted in them. */
void sadb_take_over(struct agent *a, const struct takeover_slots *taken);

/*
 * Leader: choose for every inbound SA the number from which it follows the next
 * table, ahead_ns ahead and none below what was chosen before, into
 * sadb.numbers.  Returns 0 or a negative errno.
 */
int sadb_choose_numbers(struct agent *a, __u64 ahead_ns);

/* Keep to a number that the leader chose; one below what is kept to is an older one. */
void sadb_take_number(struct agent *a, const struct announced_top *n);

/* Has this member's kernel authenticated only numbers below those kept to?  To be
 * asked when what was decided before they were is through XFRM. */
bool sadb_below_numbers(struct agent *a);

/* Tell the leader of tops that are not. */
void sadb_tell_beyond(struct agent *a);

/* The same of all that is known of all members, without asking the kernel. */
bool sadb_numbers_stand(const struct agent *a);

/* Is every SA known to have come up to its number, so that none below it is missing? */
bool sadb_past_numbers(struct agent *a);

/*
 * Some SAs do not come up to their numbers: accept nothing below them any more
 * in the slots that this member loses, so that the last tops can be told.
 */
void sadb_stop_below(struct agent *a, const struct takeover_slots *lost);

/* Tell the last tops of SAs that were stopped, when what was decided before is through XFRM. */
void sadb_tell_stopped(struct agent *a);

/*
 * From now on no number that followed the table before is accepted in slots
 * taken.  stopped: all have stopped and told their last tops, so that the rest
 * of an SA that did not come up to its number can follow the next table.
 */
void sadb_switch_floors(struct agent *a, bool stopped);

/* The change is over. */
void sadb_forget_numbers(struct agent *a);

/* Floors hold in these slots too; NULL: in every one. */
void sadb_mark_taken(struct agent *a, const struct takeover_slots *taken);

/* Look at some of the floors, and take off those that the kernel's own window has left behind. */
void sadb_clear_floors(struct agent *a);

/* New SAs: this one came; another member leads, or this one; who may take part of them
 * changed; this member is about to have slots; member id started anew; it told of them; does
 * a number wait to be reached?  Does the leader know from all who prepare whether they take any? */
void sadb_promote_arrived(struct agent *a, struct sa *sa);
void sadb_promote_lead(struct agent *a);
void sadb_promote_look(struct agent *a);
void sadb_promote_begin(struct agent *a);
void sadb_promote_forget(struct agent *a, __u32 id);
void sadb_promote_heard(struct agent *a, __u32 id, const struct announcement *m);
bool sadb_promote_busy(const struct agent *a);
bool sadb_promote_answered(const struct agent *a);

/* Between the parts. */
int sadb_promote_start(struct agent *a);
/* The kernel and the maps have it: where it is new, it is looked at until all members have it. */
void sadb_promote_queue(struct agent *a, struct sa *sa);
/* A record that an earlier run left. */
void sadb_promote_restored(struct sa *sa, __u64 leader_below);
/* As struct sa's floor; UINT64_MAX: nothing is accepted. */
__u64 sadb_promote_floor(const struct agent *a, const struct sa *sa);
/* Does this member, as leader, take numbers of all slots? */
bool sadb_promote_takes(const struct agent *a, const struct sa *sa);
struct rejoin_rule sadb_rule(const struct agent *a);
/* The other members that live, whose answers are waited for. */
__u64 sadb_living(const struct agent *a);
/* In the next turn of the loop, all at once. */
void sadb_ask_soon(struct agent *a);
/* Rounds of other members are to be acknowledged. */
void sadb_acknowledge(struct agent *a, struct sa *sa);
int sadb_start_trail(struct agent *a);
/* Have SAs rekeyed whose round is held and is not acknowledged. */
void sadb_look_at_held(struct agent *a);
/*
 * What the kernel may have assigned.  A counter below what has passed belongs
 * to an SA that was added again: then everything up to the bound is spent.
 */
__u64 sadb_assigned(const struct agent *a, const struct sa *sa);
/* The lane of lanes.ended has no number left; sa->kernel was just read. */
void sadb_end(struct agent *a, struct sa *sa);
/* More is acknowledged: make the jump that waits. */
void sadb_go_on(struct agent *a, struct sa *sa);
/* Leader: have IKE rekey it. */
void sadb_want_rekey(struct agent *a, struct sa *sa);
struct sa *sadb_find(struct sadb *db, const struct esl_sa_key *key);
struct sa *sadb_find_or_add(struct sadb *db, const struct esl_sa_key *key);
/* The lowest index that is free. */
int sadb_take_index(struct sadb *db, struct sa *sa);
void sadb_give_index(struct sadb *db, struct sa *sa);
/* An index that an earlier run took. */
void sadb_keep_index(struct sadb *db, struct sa *sa);
/* The first of the chain in which all SAs with this SPI are, among others. */
struct sa **sadb_chain(struct sadb *db, __u32 spi);
/* At the end, once however often it is put; NULL: nobody waits. */
void sadb_queue(struct sadb *db, struct sa *sa, enum sa_work work);
struct sa *sadb_unqueue(struct sadb *db, enum sa_work work);
int sadb_restore(struct agent *a);
void sadb_open_outbound(struct agent *a, struct sa *sa);
/* Its probes are over: where they used up half of the block, go on in the next. */
void sadb_leave_probed(struct agent *a, struct sa *sa);
void sadb_open_inbound(struct agent *a, struct sa *sa);
/* Make kernel.seq of all inbound SAs what the kernel has.  Returns 0 or a negative errno. */
int sadb_read_seqs(struct agent *a);
/* Of a slot taken without a number for this SA; its kernel.seq was just read. */
__u64 sadb_unplanned_floor(const struct agent *a, const struct sa *sa);
void sadb_write_inbound(struct agent *a, struct sa *sa);
void sadb_close_inbound(struct agent *a, struct sa *sa);
/* Of an SA whose numbers all have one slot. */
__u32 sadb_slot_by_spi(const struct agent *a, const struct sa *sa);
/* Bring the kernel's top near to what others have where it is too far behind.  Returns whether it
 * is and that may not be done: nothing may be accepted. */
bool sadb_is_shut(struct agent *a, struct sa *sa);
void sadb_on_guard_event(struct agent *a, const struct esl_event *e);
int sadb_on_step(sd_event_source *source, void *data);

#endif
