/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Dispatch: from a packet to its owner.  Pure arithmetic, so that every member
 * that holds the same key and table finds the same owner (invariant I3).
 *
 * The hash is a sum of 64-bit words, each multiplied by a secret odd key
 * (multiply-shift, Dietzfelbinger 1996): every bit of a word reaches the upper
 * bits of the sum.  One more multiplication breaks the line that a mere count
 * would draw through the slots, which could keep to one member for a while.
 * The key comes from the cluster secret: from outside the owner of a packet
 * cannot be chosen.
 *
 * The counted and table-keeping schemes are the paper's (section 3.2).  They
 * count what arrives, so a member that missed a frame is out of step, and
 * packets are owned twice or not at all until the next marker: a packet whose
 * hash falls in a rare class, at which all members begin anew.
 */
#ifndef ESPALIER_DISPATCH_H
#define ESPALIER_DISPATCH_H

#include "packet.h"
#include "types.h"

#define ESL_SLOTS 256
#define ESL_MEMBERS_MAX 64
#define ESL_NO_MEMBER 0xff
#define ESL_HASH_WORDS 6

/* X(SYMBOL, name, outside: ESP and AH by number, sentence) */
#define ESL_SCHEMES(X)                                                                              \
	X(PACKET_HASH, "packet-hash", true, "each packet by a keyed hash of its fields")            \
	X(PACKET_RR, "packet-rr", true, "packets in turn, counted by every member")                 \
	X(PACKET_SQF, "packet-sqf", true, "each packet to the member that was given the fewest bytes") \
	X(SESSION_RR, "session-rr", false, "new sessions in turn, kept in a table")                 \
	X(SESSION_SQF, "session-sqf", false, "new sessions to the member with the fewest bytes, kept in a table") \
	X(SESSION_HASH, "session-hash", false, "each session by a keyed hash of its addresses and ports") \
	X(SA, "sa", false, "all packets of an SA to one member, others as packet-hash")

enum esl_scheme {
#define X(symbol, name, by_number, sentence) ESL_SCHEME_##symbol,
	ESL_SCHEMES(X)
#undef X
	ESL_SCHEME_COUNT
};

/* Uniformly random odd words, the same on all members. */
struct esl_hash_key {
	__u64 word[ESL_HASH_WORDS];
};

/* esp_shift of a table in which the number does not choose the slot. */
#define ESL_BY_SPI 32

/*
 * Who owns what, published as a whole: the program reads the table that the
 * configuration points to and the agent fills the other one.
 */
struct esl_table {
	__u8 slot[ESL_SLOTS];		/* member ids, or ESL_NO_MEMBER */
	__u8 active[ESL_MEMBERS_MAX];	/* ids of the members that take turns, ascending */
	__u64 active_bits;		/* the same: bit i is member id i */
	__u32 active_count;
	__u32 epoch;			/* from 1; another one: turns and queues begin anew */
	__u32 marker_mask;		/* 2^n - 1: one packet in 2^n is a marker, on average */
	__u8 scheme;			/* enum esl_scheme, of plain packets */
	__u8 esp_shift;			/* log2 of the numbers a member takes in a row, or ESL_BY_SPI */
	__u16 reserved;
};

/* From a sum of keyed words to 64 bits; the upper ones are the better mixed. */
esl_inline __u64 esl_hash_fold(__u64 sum)
{
	sum ^= sum >> 32;
	return sum * 0xff51afd7ed558ccdULL;
}

esl_inline __u32 esl_hash_slot(__u64 hash)
{
	return (__u32)(hash >> 56);
}

/* The sum of an IPv6 packet's addresses; those of IPv4 share a word with others. */
esl_inline __u64 esl_hash_addrs6(const struct esl_hash_key *k, const struct esl_packet *p)
{
	const esl_wide *a = (const esl_wide *)p->addr;
	__u64 sum = a[0] * k->word[2];

	sum += a[1] * k->word[3];
	esl_settle(sum);
	sum += a[2] * k->word[4];
	esl_settle(sum);
	return sum + a[3] * k->word[5];
}

/*
 * Slot of an ESP or AH packet: h(SPI, destination) + number / B, B = 1 <<
 * shift.  The turn of the paper's round robin (section 3.2) carried by the
 * packet.  spi and daddr (esl_daddr_word) as on the wire, seq in host byte order.
 */
esl_inline __u32 esl_slot_esp(const struct esl_hash_key *k, __be32 spi, __be32 daddr, __u32 seq,
			      __u32 shift)
{
	__u32 base = (__u32)(((__u64)daddr << 32 | spi) * k->word[0] >> 56);

	return (base + (__u32)((__u64)seq >> (shift & 63))) % ESL_SLOTS;
}

/* Word i of the transport part for the hash: 0 where the packet has none, and
 * in fragments, of which only the first has one. */
esl_inline __u32 esl_hash_word(const struct esl_packet *p, __u32 i)
{
	const __u32 *w = p->fragment ? NULL : esl_l4(p, i + 1);

	return w ? w[i] : 0;
}

/* Words i and i + 1, in one load where both are known to be there. */
esl_inline __u64 esl_hash_words(const struct esl_packet *p, __u32 i)
{
	if (!p->fragment && p->l4_sure >= 4 * (i + 2))
		return *(const esl_wide *)(p->l4 + 4 * i);
	return (__u64)esl_hash_word(p, i + 1) << 32 | esl_hash_word(p, i);
}

/*
 * Of a whole packet: the fields that routers leave alone and what differs from
 * packet to packet of one flow.  Fragments share only addresses, protocol and
 * id, and so only these are hashed (in IPv6 not the protocol either, which is
 * that of the first fragment only).  Two fields share a word where no flow
 * changes both against each other.
 */
esl_inline __u64 esl_hash_packet(const struct esl_hash_key *k, const struct esl_packet *p)
{
	__u32 protocol = p->family == 6 && p->fragment ? 0 : p->protocol;
	__u64 fixed = ((__u64)p->id << 16 | protocol);
	__u64 sum = (esl_hash_words(p, 0) + fixed) * k->word[1];

	esl_settle(sum);
	if (p->family == 6) {
		sum += esl_hash_words(p, 2) * k->word[0];
		esl_settle(sum);
		return esl_hash_fold(sum + esl_hash_addrs6(k, p));
	}
	return esl_hash_fold(sum + (esl_hash_words(p, 2) + *(const esl_wide *)p->addr) * k->word[2]);
}

/*
 * Of a session: addresses, protocol and ports.  Other protocols than TCP and
 * UDP have no ports, and fragments none that all of them know: they make one
 * session between two addresses.
 */
esl_inline __u64 esl_hash_flow(const struct esl_hash_key *k, const struct esl_packet *p)
{
	bool ports = p->protocol == ESL_IPPROTO_TCP || p->protocol == ESL_IPPROTO_UDP;
	__u32 protocol = p->family == 6 && p->fragment ? 0 : p->protocol;
	__u64 sum = ((__u64)(ports ? esl_hash_word(p, 0) : 0) << 8 | protocol) * k->word[1];

	esl_settle(sum);
	if (p->family == 6)
		return esl_hash_fold(sum + esl_hash_addrs6(k, p));
	return esl_hash_fold(sum + *(const esl_wide *)p->addr * k->word[2]);
}

/* A member of the active ones, as an index, drawn from the upper 16 bits. */
esl_inline __u32 esl_hash_turn(const struct esl_table *t, __u64 hash)
{
	return (__u32)((hash >> 48) * t->active_count >> 16);
}

/* Is the packet or session with this hash a marker? Bits 24 to 47 say so. */
esl_inline bool esl_is_marker(const struct esl_table *t, __u64 hash)
{
	return !((__u32)(hash >> 24) & t->marker_mask & 0xffffff);
}

/*
 * What a counted scheme keeps, per CPU and NIC: the same receive queues on
 * every member make the same counts.  A queue's word is its length in bytes
 * << 12 | the steps from the first member on << 6 | member id, so that the
 * smallest word names the shortest queue, and of equal ones that of the member
 * next in turn: always the lowest id would be favoured at every marker.
 */
struct esl_turns {
	__u64 queue[ESL_MEMBERS_MAX];	/* by member id */
	__u32 next;			/* NEXT_TURN: an index into active (rr), a member id (sqf) */
	__u32 epoch;			/* of the table that the counts belong to */
};

/* Begin anew with the member at index first of the active ones. */
esl_inline void esl_turns_reset(struct esl_turns *s, const struct esl_table *t, bool sqf, __u32 first)
{
	s->next = sqf ? t->active[first % ESL_MEMBERS_MAX] : first;
	for (__u32 i = 0; sqf && i < ESL_MEMBERS_MAX; i++)
		s->queue[i] = (i - s->next) % ESL_MEMBERS_MAX << 6 | i;
	s->epoch = t->epoch;
}

/* Called with every packet (or new session) before its turn. */
esl_inline void esl_turns_align(struct esl_turns *s, const struct esl_table *t, bool sqf, __u64 hash)
{
	if (s->epoch != t->epoch)
		esl_turns_reset(s, t, sqf, 0);
	if (esl_is_marker(t, hash))
		esl_turns_reset(s, t, sqf, esl_hash_turn(t, hash));
}

/* Procedure Packet_based_RR_DISPATCH: THIS_TURN, a member id. */
esl_inline __u32 esl_turn_rr(struct esl_turns *s, const struct esl_table *t)
{
	__u32 turn = s->next;

	if (turn >= t->active_count)
		turn = 0;
	s->next = turn + 1;
	return t->active_count ? t->active[turn % ESL_MEMBERS_MAX] : ESL_NO_MEMBER;
}

esl_inline void esl_queue_add(struct esl_turns *s, __u32 member, __u32 bytes)
{
	member %= ESL_MEMBERS_MAX;
	/* The compiler knows that it is below, and the verifier does not. */
	esl_settle(member);
	s->queue[member % ESL_MEMBERS_MAX] += (__u64)bytes << 12;
}

/* The active member with the shortest queue. Without a branch: the verifier
 * would follow both sides of each, 2^64 ways. */
esl_inline __u32 esl_queue_shortest(const struct esl_turns *s, const struct esl_table *t)
{
	__s64 least = (__s64)(~0ULL >> 1), less;

	for (__u32 i = 0; i < ESL_MEMBERS_MAX; i++) {
		if (i >= t->active_count)
			break;
		less = (__s64)s->queue[t->active[i] % ESL_MEMBERS_MAX] - least;
		esl_settle(less);
		least += less & less >> 63;
	}
	return (__u32)least % ESL_MEMBERS_MAX;
}

/* Procedure Packet_based_SQF_DISPATCH: THIS_TURN, a member id. */
esl_inline __u32 esl_turn_sqf(struct esl_turns *s, const struct esl_table *t, __u32 bytes)
{
	__u32 turn = s->next;

	if (!t->active_count)
		return ESL_NO_MEMBER;
	esl_queue_add(s, turn, bytes);
	s->next = esl_queue_shortest(s, t);
	return turn;
}

/*
 * The session table: buckets of eight words, each {hash: upper 56 bits, member
 * id: lower 8}, 0 where empty.  The newest is first and the eighth goes when a
 * ninth comes, so members that saw the same sessions begin hold the same ones.
 * Words are single stores: two CPUs that add at once may lose one of the two,
 * which then counts as new again.
 */
#define ESL_SESSION_WAYS 8
#define ESL_SESSION_BUCKETS 16384	/* a power of two */

struct esl_sessions {
	__u64 way[ESL_SESSION_WAYS];
};

esl_inline __u32 esl_session_bucket(__u64 hash)
{
	return (__u32)(hash >> 40) % ESL_SESSION_BUCKETS;
}

esl_inline __u64 esl_session_word(__u64 hash, __u32 member)
{
	return ((hash | 0x100) & ~0xffULL) | (member & 0xff);
}

esl_inline __u32 esl_session_find(const struct esl_sessions *b, __u64 hash)
{
	__u64 want = esl_session_word(hash, 0);

	ESL_UNROLL
	for (int i = 0; i < ESL_SESSION_WAYS; i++) {
		__u64 word = esl_load(&b->way[i]);

		if ((word ^ want) < 256)
			return word & 0xff;
	}
	return ESL_NO_MEMBER;
}

/* Give the session to member; whether or not it is in the table. */
esl_inline void esl_session_set(struct esl_sessions *b, __u64 hash, __u32 member)
{
	__u64 carry = esl_session_word(hash, member), word;

	ESL_UNROLL
	for (int i = 0; i < ESL_SESSION_WAYS; i++) {
		word = esl_load(&b->way[i]);
		esl_store(&b->way[i], carry);
		if ((word ^ esl_session_word(hash, 0)) < 256)
			return;
		carry = word;
	}
}

esl_inline bool esl_is_active(const struct esl_table *t, __u32 member)
{
	return member < ESL_MEMBERS_MAX && t->active_bits >> member & 1;
}

/*
 * Procedures Session_based_RR_DISPATCH and Session_based_SQF_DISPATCH.  A
 * session whose member has gone is new.  The paper's queue of a session scheme
 * counts the first packets only; here every packet counts, or sessions would
 * weigh alike whatever they carry.  *added: the session was new.
 */
esl_inline __u32 esl_turn_session(struct esl_turns *s, const struct esl_table *t, struct esl_sessions *b,
				  __u64 hash, __u32 bytes, bool sqf, bool *added)
{
	__u32 member = esl_session_find(b, hash);

	*added = !esl_is_active(t, member);
	if (*added) {
		esl_turns_align(s, t, sqf, hash);
		if (sqf && !esl_is_marker(t, hash))
			s->next = esl_queue_shortest(s, t);
		member = sqf ? esl_turn_sqf(s, t, bytes) : esl_turn_rr(s, t);
		esl_session_set(b, hash, member);
	} else if (sqf) {
		esl_queue_add(s, member, bytes);
	}
	return member;
}

/*
 * Fill the owners of a table: slot i to the members in turn, so that
 * consecutive ESP numbers go round, each as often as its weight says.
 * weights: one for each of count ids, ascending ids; all 0 or NULL: equal.
 */
esl_inline void esl_table_fill(struct esl_table *t, const __u8 *ids, const __u32 *weights, __u32 count)
{
	__s64 credit[ESL_MEMBERS_MAX] = {}, total = 0;

	for (__u32 i = 0; i < count; i++)
		total += weights ? weights[i] : 0;
	t->active_bits = 0;
	t->active_count = 0;
	for (__u32 slot = 0; slot < ESL_SLOTS; slot++) {
		__u32 best = 0;

		/* The one whose share is furthest behind takes the slot. */
		for (__u32 i = 0; i < count; i++) {
			credit[i] += total ? weights[i] : 1;
			if (credit[i] > credit[best])
				best = i;
		}
		if (count)
			credit[best] -= total ? total : (__s64)count;
		t->slot[slot] = count ? ids[best] : ESL_NO_MEMBER;
		t->active_bits |= count ? 1ULL << ids[best] : 0;
	}
	/* Whom a small weight left without a slot forwards nothing. */
	for (__u32 i = 0; i < count; i++)
		if (t->active_bits >> ids[i] & 1)
			t->active[t->active_count++] = ids[i];
}

#endif
