/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Dispatch: from a packet to its slot, from the slot to its owner.  Pure
 * arithmetic on the packet, so that every member that holds the same key and
 * slot table finds the same owner (invariant I3).
 *
 * The hash is Multilinear-HM (Lemire and Kaser, "Strongly universal string
 * hashing is fast", 2014): one multiplication for two words, 64-bit secret
 * keys, and the upper byte of the sum is the result without any more mixing.
 * The key comes from the cluster secret: from outside the owner of a packet
 * cannot be chosen.
 */
#ifndef ESPALIER_DISPATCH_H
#define ESPALIER_DISPATCH_H

#include "packet.h"
#include "types.h"

#define ESL_SLOTS 256
#define ESL_NO_MEMBER 0xff
#define ESL_HASH_WORDS 10

/* Uniformly random words, the same on all members. */
struct esl_hash_key {
	__u64 word[ESL_HASH_WORDS];
};

/* Which member owns each slot: member ids, or ESL_NO_MEMBER. */
struct esl_slot_table {
	__u8 member[ESL_SLOTS];
};

/* One term of the sum: words a and b under the key's words i and i + 1. */
esl_inline __u64 esl_hash_pair(const struct esl_hash_key *k, int i, __u32 a, __u32 b)
{
	return (k->word[i] + a) * (k->word[i + 1] + b);
}

/* Strongly universal are the upper bits of the sum. */
esl_inline __u32 esl_hash_slot(__u64 sum)
{
	return (__u32)(sum >> 56);
}

/*
 * Slot of an ESP packet: h(SPI, destination) + number / B, B = 1 << burst_shift.
 * The turn of the paper's round robin (section 3.2) carried by the packet.
 * spi and daddr as on the wire, seq in host byte order.
 */
esl_inline __u32 esl_slot_esp(const struct esl_hash_key *k, __be32 spi, __be32 daddr, __u32 seq,
			      __u32 burst_shift)
{
	__u32 base = esl_hash_slot(esl_hash_pair(k, 0, spi, daddr));

	return (base + (seq >> (burst_shift & 31))) % ESL_SLOTS;
}

/* Word i of the transport part for the hash: 0 where the packet has none, and
 * in fragments, of which only the first has one. */
esl_inline __u32 esl_hash_word(const struct esl_packet *p, __u32 i)
{
	const __u32 *w = p->fragment ? NULL : esl_l4(p, i + 1);

	return w ? w[i] : 0;
}

/*
 * Slot of a plain packet, scheme packet-hash: the fields that routers leave
 * alone and what differs from packet to packet of one flow.  Fragments share
 * only addresses, protocol and id, and so only these are hashed.
 */
esl_inline __u32 esl_slot_plain(const struct esl_hash_key *k, const struct esl_packet *p)
{
	__u32 fixed = (__u32)p->id << 16 | p->protocol;
	__u64 sum = esl_hash_pair(k, 2, fixed, esl_hash_word(p, 0));

	esl_settle(sum);
	sum += esl_hash_pair(k, 4, p->saddr, p->daddr);
	esl_settle(sum);
	sum += esl_hash_pair(k, 6, esl_hash_word(p, 1), esl_hash_word(p, 2));
	esl_settle(sum);
	return esl_hash_slot(sum + esl_hash_pair(k, 8, esl_hash_word(p, 3), esl_hash_word(p, 4)));
}

/* The table of a static list of members: slot i to member i mod count, so that
 * consecutive ESP numbers go round. */
esl_inline void esl_slots_fill(struct esl_slot_table *t, const __u8 *ids, __u32 count)
{
	for (__u32 i = 0; i < ESL_SLOTS; i++)
		t->member[i] = count ? ids[i % count] : ESL_NO_MEMBER;
}

#endif
