/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The guard of outbound sequence numbers: an anti-replay window turned
 * outwards (invariant I1).  Each number of this member's lane passes once.
 *
 * A member's numbers of one SA are counted by position (lane.h): its n-th
 * number has position n.  The window is a ring of 64-bit words, each
 * {tag: upper 32 bits, bits: lower 32}; position p is bit p % 32 of word
 * (p / 32) % ESL_GUARD_WORDS and carries the tag (u32)(p / 32).  Words change
 * by compare-and-exchange only:
 *
 *     newer tag   the word is replaced by {tag, bits of this packet}
 *     same tag    the bits are tested and set, or the packet is a duplicate
 *     older tag   the packet is too old
 *
 * Nobody opens, closes or clears a word from outside.  The agent writes first
 * and the initial tags before the record is published, and later only raises
 * bound and first, and writes acked, audit and salt.  Tags are compared by
 * signed distance: right while a word is used once in 2^31 tags, 2^36 packets.
 */
#ifndef ESPALIER_GUARD_H
#define ESPALIER_GUARD_H

#include "lane.h"
#include "reason.h"
#include "salt.h"
#include "types.h"

#define ESL_GUARD_WORDS 64
#define ESL_GUARD_WINDOW (ESL_GUARD_WORDS * 32)
/* A GSO packet of 64 KiB has at most this many segments of 256 bytes or more. */
#define ESL_GUARD_SEGMENTS 256
#define ESL_GUARD_TRIES 16

/*
 * State of one outbound SA at one member.  Written by the guard (word, top),
 * by the agent (bound, first, acked, audit, salt); lives in the map "espalier_guard".
 */
struct esl_guard {
	__u64 bound;	/* last number that may pass; 0: none.  Only raised. */
	__u64 first;	/* numbers below are refused: what this member may have sent before */
	__u64 top;	/* highest number passed, for the status; not a decision */
	__u64 passed;	/* numbers passed, for the status */
	__u64 event_ns;	/* when the last event about a drop was sent, CLOCK_BOOTTIME */
	__u64 acked;	/* for the agent: rounds of this member that the others acknowledged */
	__u64 audit;	/* enum esl_audit */
	__u64 salt;	/* with ESL_AUDIT_SALT: of every IV, number in host byte order */
	__u64 word[ESL_GUARD_WORDS];
};

ESL_STATIC_ASSERT(sizeof(struct esl_guard) == 64 + 8 * ESL_GUARD_WORDS, "guard record");

/* The number that the low half on the wire stands for. */
esl_inline __u64 esl_guard_number(const struct esl_guard *g, bool esn, __u32 low)
{
	return esn ? esl_seq_extend(low, esl_load(&g->bound)) : low;
}

/*
 * May a number with this salt leave?  salt: NULL, where the packet has no IV.
 * The agent closes the record before it changes the salt, so who sees the audit of
 * before compares with a salt that is or was good.
 */
esl_inline int esl_guard_iv(const struct esl_guard *g, const __u64 *salt)
{
	__u64 audit = esl_load(&g->audit);

	if (audit == ESL_AUDIT_NONE)
		return ESL_G_PASS;
	return audit == ESL_AUDIT_SALT && salt && *salt == esl_load(&g->salt) ? ESL_G_PASS : ESL_G_IV;
}

/* What to write for mask over cur: ESL_G_PASS and *next, ESL_G_OLD or ESL_G_DUPLICATE. */
esl_inline int esl_guard_word(__u64 cur, __u32 tag, __u32 mask, __u64 *next)
{
	__s32 newer = (__s32)(tag - (__u32)(cur >> 32));

	if (newer < 0)
		return ESL_G_OLD;
	if (newer > 0) {
		*next = (__u64)tag << 32 | mask;
		return ESL_G_PASS;
	}
	if ((__u32)cur & mask)
		return ESL_G_DUPLICATE;
	*next = cur | mask;
	return ESL_G_PASS;
}

/* Set the bits of mask in the word of tag, or say why not. */
esl_inline int esl_guard_set(struct esl_guard *g, __u32 tag, __u32 mask)
{
	__u64 *word = &g->word[tag % ESL_GUARD_WORDS];
	__u64 cur = esl_load(word), next, seen;

	for (int i = 0; i < ESL_GUARD_TRIES; i++) {
		int reason = esl_guard_word(cur, tag, mask, &next);

		if (reason != ESL_G_PASS)
			return reason;
		seen = esl_cas(word, cur, next);
		if (seen == cur)
			return ESL_G_PASS;
		cur = seen;
	}
	return ESL_G_CONTENDED;
}

/*
 * May the numbers seq .. seq + count - 1 leave?  All of them, or none: when a
 * later word refuses, the earlier ones stay set, and those numbers are lost.
 * low is the wire's number in host byte order, count the segments of the
 * packet (1 without GSO).  *ret_seq is the number rebuilt to 64 bits.
 */
esl_inline int esl_guard_check(struct esl_guard *g, const struct esl_lanes *l, __u32 lane, bool esn,
			       __u32 low, __u32 count, __u64 *ret_seq)
{
	__u64 bound = esl_load(&g->bound);
	__u64 seq = esl_guard_number(g, esn, low);
	struct esl_place p;
	__u64 last, position;

	*ret_seq = seq;
	if (count < 1 || count > ESL_GUARD_SEGMENTS)
		return ESL_G_SEGMENTS;
	if (!bound || !seq || !l->lanes)
		return ESL_G_BOUND;
	if (seq < esl_load(&g->first))
		return ESL_G_OLD;
	p = esl_lane_place(l, seq);
	if (p.lane != lane)
		return ESL_G_LANE;
	last = seq + count - 1;
	if ((seq - 1) >> l->block_shift != (last - 1) >> l->block_shift)
		return ESL_G_LANE;
	if (last > bound)
		return ESL_G_BOUND;

	position = p.position;
	for (int i = 0; i < ESL_GUARD_SEGMENTS / 32 + 1 && count; i++) {
		__u32 bit = position % 32;
		__u32 n = count < 32 - bit ? count : 32 - bit;
		__u32 mask = (__u32)(((1ULL << n) - 1) << bit);
		int reason = esl_guard_set(g, (__u32)(position >> 5), mask);

		if (reason != ESL_G_PASS)
			return reason;
		position += n;
		count -= n;
	}
	return count ? ESL_G_SEGMENTS : ESL_G_PASS;
}

/*
 * Prepare a record that nobody uses yet: the lane's numbers from first on may
 * pass, up to no bound.  The tags of the words are set as if the window just
 * before had been used, so that distances start small.
 */
esl_inline void esl_guard_init(struct esl_guard *g, const struct esl_lanes *l, __u32 lane, __u64 first)
{
	__u32 tag = (__u32)(esl_lane_position(l, lane, first) >> 5);

	g->bound = 0;
	g->first = first;
	g->top = 0;
	g->passed = 0;
	g->event_ns = 0;
	g->acked = 0;
	g->audit = ESL_AUDIT_NONE;
	g->salt = 0;
	for (int i = 0; i < ESL_GUARD_WORDS; i++) {
		__u32 t = tag - 1 - (__u32)i;

		g->word[t % ESL_GUARD_WORDS] = (__u64)t << 32 | 0xffffffffU;
	}
}

#endif
