/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Planned changes: from one slot table to the next with no packet lost and none
 * owned twice.  The configuration holds both tables; which rule a packet
 * follows is told by what it carries, never by when it came:
 *
 *     IPsec   by its number: from esl_sa_in.switch_at on by the next table
 *     plain   by its place behind a marker, a packet whose hash is in a rare
 *             class: every member sees the same ones, in one order, in the
 *             receive queue of the NIC that their hash gives them to
 *
 * NONE -> PREPARE -> SWITCH -> NONE with the next table as the one that holds.
 * What the agent has to keep:
 *
 *   - The next table is complete, with an epoch that no table of this member
 *     had before and the esp_shift of the current one, before the phase says
 *     PREPARE.  Another esp_shift is never a planned change: it is "changing".
 *   - No member is in SWITCH before all are in PREPARE with the same switch_at
 *     and no member has authenticated that number or a later one in its old
 *     slots; what a CPU decided before is through XFRM a softirq later.  In
 *     PREPARE switch_at may still be raised, in SWITCH it stands.
 *   - No member is back in NONE before all are in SWITCH, and before it is, it
 *     has marked the slots it gained as taken and raised each SA's floor to
 *     switch_at - 1 at least.
 *   - Table and phase are written in one store, esl_phase_store().
 *
 * An SA without switch_at changes owners with the table, by its floor alone.  A
 * change that is given up returns to NONE with the current table, from PREPARE
 * only: in SWITCH numbers of the next table may have been taken, and what
 * follows is a take-over like any other, with floors in every slot that moved.
 */
#ifndef ESPALIER_SWITCH_H
#define ESPALIER_SWITCH_H

#include "dispatch.h"
#include "types.h"

enum esl_phase {
	ESL_PHASE_NONE,		/* one table holds */
	/* The old owner takes numbers below switch_at, nobody those from it on:
	 * never two, whoever enters first. */
	ESL_PHASE_PREPARE,
	ESL_PHASE_SWITCH,	/* the new owner takes them */
};

/*
 * Beside the phase, in the same word: this member leads, and there are SAs of
 * which it takes numbers in all slots, because not all members have them yet
 * (esl_sa_in.leader_below).  So only then, and only here, such an SA is looked
 * up before the owner of a packet is known; who owns a packet looks anyway.
 */
#define ESL_PHASE_LEADS 0x100

/*
 * Markers are of eight levels.  One packet in 16 is one; of these, three in
 * four are of level 0, three in four of the others of level 1, and so on:
 * at any rate of packets there is a level of which the newest marker is older
 * than messages between members take, and so known to all of them.
 */
#define ESL_SWITCH_LEVELS 8
#define ESL_SWITCH_BITS 4	/* 2^-4 of the packets are markers */
#define ESL_SWITCH_COUNT 0xffffffULL

/*
 * Records are by queue and not by CPU: a queue keeps the order of the wire and
 * is served by one CPU at a time, but not by the same one for ever (measured on
 * veth: 1 packet in 6,000 came on another).  Of a NIC with more queues some
 * share a record, and its count is not exact.
 */
#define ESL_SWITCH_QUEUES 64

/*
 * What the program keeps during a planned change, per queue and NIC, in
 * espalier_switch.  Only the program writes it, and the agent clears it before
 * it says PREPARE.  ring: the newest marker of each level, the upper 40 bits of
 * its hash and, in the lower 24, the value of seen with it; one word, so that a
 * reader gets both or neither.  A hash that comes again keeps the place it had
 * first.  Members count from different moments: places compare by their distance
 * from one marker that all saw, and where two markers have the same distance at
 * every member, none lost a frame between them or met a repeated hash.
 */
struct esl_switch {
	__u64 ring[ESL_SWITCH_LEVELS];
	__u32 seen;	/* markers since the record began */
	__u32 epoch;	/* of the next table; another one: the record is of an earlier change */
	__u32 done;	/* 1: packets follow the next table */
	__u32 reserved;
};

/*
 * Where the next table begins, per queue and NIC, in espalier_begin.  Only the
 * agent writes it; one word, so that the program gets both fields or neither.
 * The marker with which esl_switch.seen reaches at, and all that follows it,
 * goes by the table of this epoch; where it was reached before, what comes next
 * does.  A queue that saw nothing yet (another esl_switch.epoch) counts from 0:
 * at 0 is at once.
 */
struct esl_begin {
	__u32 at;
	__u32 epoch;	/* of the next table; 0: it begins nowhere yet */
};

/* Of espalier_switch and espalier_begin.  role: enum esl_role; queue: any. */
esl_inline __u32 esl_switch_index(__u32 role, __u32 queue)
{
	return role * ESL_SWITCH_QUEUES + queue % ESL_SWITCH_QUEUES;
}

/* Level of the marker with this packet hash, or -1: it is none.  Other bits
 * than any slot, turn or marker of a counted scheme depends on alone. */
esl_inline int esl_switch_level(__u64 hash)
{
	__u64 mark = esl_hash_fold(hash) >> (64 - ESL_SWITCH_BITS - 2 * (ESL_SWITCH_LEVELS - 1));
	int level = 0;

	if (mark >> 2 * (ESL_SWITCH_LEVELS - 1))
		return -1;
	ESL_UNROLL
	for (int i = 0; i < ESL_SWITCH_LEVELS - 1; i++)
		level += !(mark >> 2 * i);
	return level;
}

esl_inline void esl_switch_note(struct esl_switch *s, int level, __u64 hash)
{
	__u64 *word = &s->ring[level % ESL_SWITCH_LEVELS];

	s->seen++;
	if ((*word ^ hash) > ESL_SWITCH_COUNT)
		esl_store(word, (hash & ~ESL_SWITCH_COUNT) | (s->seen & ESL_SWITCH_COUNT));
}

/*
 * Does this plain packet go by the next table, whose epoch is given?  To be
 * called once for each that arrives while a change is planned.  hash: of the
 * packet; whole: it is no fragment.  Fragments share a hash, and are no markers.
 */
esl_inline bool esl_switch_step(struct esl_switch *s, const struct esl_begin *begin, __u32 epoch, __u64 hash,
				bool whole)
{
	__u64 word = *(const volatile esl_wide *)begin;
	int level = whole ? esl_switch_level(hash) : -1;

	if (s->epoch != epoch) {
		__builtin_memset(s, 0, sizeof(*s));
		s->epoch = epoch;
	}
	if (level >= 0)
		esl_switch_note(s, level, hash);
	if (word >> 32 == epoch && (__s32)(s->seen - (__u32)word) >= 0)
		s->done = 1;
	return s->done;
}

ESL_STATIC_ASSERT(sizeof(struct esl_switch) == 8 * ESL_SWITCH_LEVELS + 16, "switch record");
ESL_STATIC_ASSERT(sizeof(struct esl_begin) == 8 && offsetof(struct esl_begin, epoch) == 4, "one word");

#endif
