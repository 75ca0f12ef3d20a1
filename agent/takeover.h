/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Slots that change hands, and the floors under them.  Pure.
 *
 * A member that takes a slot has a replay window that has seen none of the
 * numbers its former owner accepted (invariant I2).  So it refuses, in the
 * slots taken, what that owner may have accepted: everything up to the highest
 * number known of any member, and what came since it was told.
 *
 * Slots that one member kept need no floor: its own window knows.  After a
 * planned change at number X the floor is X - 1.
 */
#ifndef AGENT_TAKEOVER_H
#define AGENT_TAKEOVER_H

#include <espalier/dispatch.h>

struct takeover_slots {
	__u64 word[ESL_SLOTS / 64];	/* bit i % 64 of word i / 64: slot i */
};

/* Of one inbound SA: no number at or below it is accepted in the slot; 0: none. */
struct takeover_floors {
	__u64 slot[ESL_SLOTS];
};

/* What a member knows of one inbound SA when it takes slots. */
struct takeover_known {
	__u64 own;		/* top of its own replay window, 0: nothing accepted */
	__u64 heard;		/* the highest top that any other member authenticated, 0: none */
	__u64 refused;		/* the highest floor of any member, 0: none */
	__u64 rate;		/* numbers a second: the highest seen lately */
	__u64 unheard_ns;	/* for how long numbers may have come unseen: takeover_unheard_ns(), takeover_unseen_ns() */
	__u32 distance;		/* takeover_distance() before the change */
	__u32 esp_shift;	/* log2 of the numbers in a row in one slot, or ESL_BY_SPI */
};

esl_inline bool takeover_has(const struct takeover_slots *s, __u32 slot)
{
	return s->word[slot / 64 % (ESL_SLOTS / 64)] >> slot % 64 & 1;
}

/*
 * The slots that member owns in after and did not own in every one of the count
 * tables of before: while a planned change is under way two of them hold.  With
 * none every slot owned is taken.  Returns how many.
 */
__u32 takeover_taken(const __u8 *const *before, size_t count, const __u8 *after, __u32 member,
		     struct takeover_slots *ret);

/*
 * The most slots in a row, round the table, that are not the member's, and one:
 * so many slots further the next number of its own comes at the latest.  1 ..
 * ESL_SLOTS; ESL_SLOTS also where it owns none.
 */
__u32 takeover_distance(const __u8 *slot, __u32 member);

/*
 * For how long an SA may have brought numbers unseen when its former owner died: for
 * unseen_ns, where it moved.  Its top last moved here moved_ns ago; for the last
 * silent_ns this member took nothing itself, and so could see none move.  One that
 * stood still before that can have moved in blind_ns only, which is silent_ns as far
 * as nobody else could see it: the whole time, at the rate of when it moved, would
 * refuse all that comes when it begins again.
 */
__u64 takeover_unseen_ns(__u64 unseen_ns, __u64 moved_ns, __u64 silent_ns, __u64 blind_ns);

/*
 * For how long others may have accepted numbers of an SA and not told it.  Its top was
 * last told heard_ns ago; of those that owned slots the one that is silent for longest
 * told anything last silent_ns ago (UINT64_MAX: nothing yet), and whoever is alive tells
 * within TAKEOVER_TELL_NS what it accepted, twice.  So where the owners told
 * something a moment ago, an SA that was not told for an hour was not used for that hour.
 */
#define TAKEOVER_TELL_NS 300000000ULL
__u64 takeover_unheard_ns(__u64 heard_ns, __u64 silent_ns);

/*
 * The floor of slots taken without a plan.  A member that shares the stream sees
 * a number of its own every distance slots, so the former owner accepted none
 * further on than that beyond what is known and what the rate brings.  Where
 * the number does not choose the slot, only the rate tells.  UINT64_MAX where
 * the sum has no 64 bits.
 *
 * A floor is a guess, and what it refuses must be refused by who takes over
 * next, but a guess on top of a guess, or a rate seen in guesses, would run away:
 * the simulator tells tops and floors apart, the daemon tells the higher of the
 * two as one number.
 */
__u64 takeover_floor(const struct takeover_known *k);

/*
 * Bars are the simulator's only; the daemon has none yet.
 *
 * A bar: a number per inbound SA that members merge by maximum and tell each
 * other.  Who owns slots accepts nothing above the lowest bar that any member of
 * its view has told, so whatever it accepted lies at or below the bar of each of
 * them: as a floor the bar is no guess, whatever the rate did meanwhile.  It is
 * kept where the SA's window is, before it is told.
 *
 * A gap wider than what lies ahead ends at a number above every bar, that nobody
 * has authenticated because nobody may accept it.  Who raises the bar by such
 * numbers, as the simulator does, lets forged ones run it ahead without end, and
 * a take-over refuse all that lies below.
 *
 * The bar to tell: so far ahead of own that it is there before the numbers are.
 * ahead_ns: at least the time from one heartbeat to the answer to the next.
 */
__u64 takeover_bar(__u64 bar, __u64 own, __u64 rate, __u64 ahead_ns);

/*
 * The number of one inbound SA above which nothing is accepted: the lowest bar
 * that the members of view have told, this one included, and with a quorum of
 * members no more than a majority of them has told: whoever is elected has a
 * vote of one of those.
 * told: the highest bar told, by member id; 0: none.
 * view: of the table in force, and of the one that is planned.
 * members: with quorum majority those configured, with quorum none 0.
 */
__u64 takeover_ceiling(const __u64 told[ESL_MEMBERS_MAX], __u64 view, __u64 members);

/*
 * Is one of the witnesses in every majority of members?  A member whose lease
 * ended has taken no part in bars since.  It knows what was accepted by what such
 * witnesses tell in the present term, when nobody forwards by an earlier one any
 * more.  A witness has kept its bar since the SA came: who lost its state is none.
 * Without them nothing is accepted on the SA until it is rekeyed.
 * members: as above; with 0 nobody is asked, and a lone survivor waits for nobody.
 */
bool takeover_is_witnessed(__u64 witnesses, __u64 members);

/* Raise the floors of the slots in s; a floor is never lowered. */
void takeover_raise(struct takeover_floors *f, const struct takeover_slots *s, __u64 floor);

/*
 * Has a floor no work left?  The kernel itself refuses what lies its window (in
 * numbers) below its own top.
 */
bool takeover_is_over(__u64 floor, __u64 own, __u32 window);

/* Take off the floors that have no work left. Returns how many remain. */
__u32 takeover_clear(struct takeover_floors *f, __u64 own, __u32 window);

/* The highest floor; 0: none. */
__u64 takeover_highest(const struct takeover_floors *f);

#endif
