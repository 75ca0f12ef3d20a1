/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Dispatch: from a packet to its slot, from the slot to its owner.  Pure
 * arithmetic on the packet, so that every member that holds the same key and
 * slot table finds the same owner (invariant I3).
 *
 * The hash is a sum of 64-bit words, each multiplied by a secret odd key
 * (multiply-shift, Dietzfelbinger 1996): every bit of a word reaches the upper
 * bits of the sum.  One more multiplication breaks the line that a mere count
 * would draw through the slots, which could keep to one member for a while.
 * The key comes from the cluster secret: from outside the owner of a packet
 * cannot be chosen.
 */
#ifndef ESPALIER_DISPATCH_H
#define ESPALIER_DISPATCH_H

#include "packet.h"
#include "types.h"

#define ESL_SLOTS 256
#define ESL_NO_MEMBER 0xff
#define ESL_HASH_WORDS 3

/* Uniformly random odd words, the same on all members. */
struct esl_hash_key {
	__u64 word[ESL_HASH_WORDS];
};

/* Which member owns each slot: member ids, or ESL_NO_MEMBER. */
struct esl_slot_table {
	__u8 member[ESL_SLOTS];
};

/* The slot from a sum: the upper byte after a fold of the halves. */
esl_inline __u32 esl_hash_slot(__u64 sum)
{
	sum ^= sum >> 32;
	return (__u32)(sum * 0xff51afd7ed558ccdULL >> 56);
}

/*
 * Slot of an ESP packet: h(SPI, destination) + number / B, B = 1 << burst_shift.
 * The turn of the paper's round robin (section 3.2) carried by the packet.
 * spi and daddr as on the wire, seq in host byte order.
 */
esl_inline __u32 esl_slot_esp(const struct esl_hash_key *k, __be32 spi, __be32 daddr, __u32 seq,
			      __u32 burst_shift)
{
	__u32 base = (__u32)(((__u64)daddr << 32 | spi) * k->word[0] >> 56);

	return (base + (seq >> (burst_shift & 31))) % ESL_SLOTS;
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
 * Slot of a plain packet, scheme packet-hash: the fields that routers leave
 * alone and what differs from packet to packet of one flow.  Fragments share
 * only addresses, protocol and id, and so only these are hashed.  Two fields
 * share a word where no flow changes both against each other.
 */
esl_inline __u32 esl_slot_plain(const struct esl_hash_key *k, const struct esl_packet *p)
{
	__u64 fixed = (__u32)p->id << 16 | p->protocol;
	__u64 sum = (esl_hash_words(p, 0) + fixed) * k->word[1];

	esl_settle(sum);
	return esl_hash_slot(sum + (esl_hash_words(p, 2) + p->addrs) * k->word[2]);
}

/* The table of a static list of members: slot i to member i mod count, so that
 * consecutive ESP numbers go round. */
esl_inline void esl_slots_fill(struct esl_slot_table *t, const __u8 *ids, __u32 count)
{
	for (__u32 i = 0; i < ESL_SLOTS; i++)
		t->member[i] = count ? ids[i % count] : ESL_NO_MEMBER;
}

#endif
