/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Dispatch: from a packet to its slot, from the slot to its owner.  Pure
 * arithmetic on the packet, so that every member that holds the same key and
 * slot table finds the same owner (invariant I3).
 *
 * The hash is NH (RFC 4418 section 5.2: one 32 x 32 bit multiplication for two words)
 * under a secret key, finished by a multiply-xor fold.  The key comes from
 * the cluster secret: from outside the owner of a packet cannot be chosen.
 */
#ifndef ESPALIER_DISPATCH_H
#define ESPALIER_DISPATCH_H

#include "packet.h"
#include "types.h"

#define ESL_SLOTS 256
#define ESL_NO_MEMBER 0xff
#define ESL_HASH_WORDS 12

/* Uniformly random words, the same on all members. */
struct esl_hash_key {
	__u32 word[ESL_HASH_WORDS];
};

/* Which member owns each slot: member ids, or ESL_NO_MEMBER. */
struct esl_slot_table {
	__u8 member[ESL_SLOTS];
};

esl_inline __u64 esl_nh(__u32 a, __u32 ka, __u32 b, __u32 kb)
{
	return (__u64)(a + ka) * (__u32)(b + kb);
}

/* The finalizer of MurmurHash3: every bit of h reaches the upper byte. */
esl_inline __u32 esl_fold(__u64 h)
{
	h ^= h >> 33;
	h *= 0xff51afd7ed558ccdULL;
	h ^= h >> 33;
	h *= 0xc4ceb9fe1a85ec53ULL;
	return (__u32)(h >> 56);
}

/*
 * Slot of an ESP packet: h(SPI, destination) + number / B, B = 1 << burst_shift.
 * The turn of the paper's round robin (section 3.2) carried by the packet.
 * Addresses as on the wire, spi and seq in host byte order.
 */
esl_inline __u32 esl_slot_esp(const struct esl_hash_key *k, __u32 spi, __be32 daddr, __u32 seq,
			      __u32 burst_shift)
{
	__u32 base = esl_fold(esl_nh(spi, k->word[0], daddr, k->word[1]));

	return (base + (seq >> (burst_shift & 31))) % ESL_SLOTS;
}

/*
 * Slot of a plain packet, scheme packet-hash: the fields that routers leave
 * alone and what differs from packet to packet of one flow.  Fragments share
 * only addresses, protocol and id, and so only these are hashed.
 */
esl_inline __u32 esl_slot_plain(const struct esl_hash_key *k, const struct esl_packet *p)
{
	__u32 fixed = (__u32)p->id << 16 | p->protocol;
	__u64 h = esl_nh(p->saddr, k->word[2], p->daddr, k->word[3]);

	if (p->fragment)
		return esl_fold(h + esl_nh(fixed, k->word[4], 0, k->word[5]));
	h += esl_nh(fixed, k->word[4], p->tot_len, k->word[5]);
	if (p->l4_words == ESL_L4_WORDS) {
		ESL_UNROLL
		for (int i = 0; i < ESL_L4_WORDS; i += 2)
			h += esl_nh(p->l4[i], k->word[6 + i], p->l4[i + 1], k->word[7 + i]);
	} else {
		ESL_UNROLL
		for (int i = 0; i < ESL_L4_WORDS - 1; i++)
			if (i < p->l4_words)
				h += esl_nh(p->l4[i], k->word[6 + i], i, k->word[5]);
	}
	return esl_fold(h);
}

/* The table of a static list of members: slot i to member i mod count, so that
 * consecutive ESP numbers go round. */
esl_inline void esl_slots_fill(struct esl_slot_table *t, const __u8 *ids, __u32 count)
{
	for (__u32 i = 0; i < ESL_SLOTS; i++)
		t->member[i] = count ? ids[i % count] : ESL_NO_MEMBER;
}

#endif
