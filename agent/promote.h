/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A new inbound SA, until its numbers follow the slot table.  Pure.
 *
 * The peer may use an SA the moment the leader has it, and other members have it
 * later: so the leader alone takes all its numbers, in every slot.  When every
 * member of the table has told that it has the SA, the leader chooses a number
 * ahead of what came; from that one on the table holds.
 *
 *     leader   NEW: asks who has it, and takes nothing before all of the table
 *              told that they take none of it.  An SA that came while it led needs
 *              no answers: who takes part of an SA told its top when it joined.
 *              AT, KEEP: takes none from the number on itself.  What was decided
 *              before is through XFRM a moment later; only if that was none
 *              beyond it is the number told.  AT, TELL: until all keep to it, and
 *              what came is past it.  Where the SA falls silent before it, STOP:
 *              takes no more below the number, and tells how far it came.
 *     member   NEW: takes none.  AT: takes what its slots have from the number on,
 *              and from nobody else's word than this leader's: with another leader
 *              it is NEW again, before that one hears that it is followed.
 *     both     DONE: by the table.  For ever, while the key lives.
 *              Found: it was there when this member began, who cannot know whether a
 *              leader takes it alone.  It has no slots yet, and so has taken none: it
 *              is NEW where that leader asks before, or where it leads itself what
 *              others forwarded; by the table where nobody does.  So a leader lets
 *              nobody switch to a table before all its members have answered.
 *
 * What is told and answered counts in the term in which it was, and an answer for
 * the boot that gave it.
 * Loss, order and repetition of messages cost time only.
 */
#ifndef AGENT_PROMOTE_H
#define AGENT_PROMOTE_H

#include <espalier/wire.h>

enum promote_state { PROMOTE_DONE, PROMOTE_NEW, PROMOTE_AT };
enum promote_step { PROMOTE_IDLE, PROMOTE_KEEP, PROMOTE_TELL, PROMOTE_STOP };

struct promote {
	enum promote_state state;
	bool found;		/* DONE, unless told otherwise: nothing was taken of it yet */
	__u64 number;		/* AT: the first by the table. DONE: none at or below it, of another's slots; 0: none known */

	/* Of the leader. */
	enum promote_step step;
	__u64 since_ns;		/* of the step */
	__u64 answered;		/* bit i: member id i told what it has; */
	__u64 have;		/* it has the SA, and takes none of it; */
	__u64 kept;		/* it keeps to number */
	__u64 sampled_ns;	/* when sampled_top was its top; 0: not yet */
	__u64 sampled_top;
	__u64 top;		/* as last seen, */
	__u64 moved_ns;		/* and since when */
	__u64 past_ns;		/* since when what came is past number; 0: not yet */
};

/* What the leader of the tick knows beside. */
struct promote_view {
	__u64 others;		/* members of the tables in use, but for this one */
	bool wait;		/* a change is planned, and waits: begin no other one */
	bool esn;
	__u64 ahead_ns;		/* so far ahead a number is chosen */
	__u64 top;		/* the highest authenticated number known, just read */
};

/* What an entry means is told by who sends it. */
struct promote_entry {
	enum esl_wire_promotion_state state;
	__u64 number;
};

/* An SA came.  led: this member leads; the members of others had a chance to tell
 * if they took it before. */
void promote_arrive(struct promote *p, bool led, __u64 others);

/* An SA was there when this member began to look. */
void promote_found(struct promote *p);

/* This member is about to have slots. */
void promote_begin(struct promote *p);

/* Another leader, or none, or this one.  inherits: this one, of slots that others gave. */
void promote_lead(struct promote *p, bool inherits);

/* Member id started anew. */
void promote_forget(struct promote *p, __u32 id);

/* Leader: may it take numbers in slots of others? */
bool promote_may_take(const struct promote *p, __u64 others);

/* esl_sa_in.leader_below */
__u64 promote_below(const struct promote *p);

/* Leader, each tick while not DONE. Returns whether the record changes. */
bool promote_tick(struct promote *p, const struct promote_view *v, __u64 now_ns);

/* Is the leader on its way to a number? Then no other change may begin. */
esl_inline bool promote_is_busy(const struct promote *p)
{
	return p->step != PROMOTE_IDLE;
}

/* What the leader tells of an SA that it has. */
struct promote_entry promote_word(const struct promote *p);

/* Leader: member id answered. Returns whether it is to be told promote_word() at once. */
bool promote_answered(struct promote *p, __u32 id, const struct promote_entry *e, __u64 now_ns);

/* Member: the leader told. Returns whether the record changes; the answer is promote_answer(). */
bool promote_told(struct promote *p, const struct promote_entry *e);
struct promote_entry promote_answer(const struct promote *p);

#endif
