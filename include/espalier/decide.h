/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Whose packet is it?  The decision of the XDP program for a frame on the
 * cluster MAC, from the packet and the pinned configuration alone: no
 * per-SA look-up, no atomic, no clock.  DESIGN: "A packet's way", 1 to 7.
 */
#ifndef ESPALIER_DECIDE_H
#define ESPALIER_DECIDE_H

#include "abi.h"

esl_inline bool esl_is_cluster_addr(const struct esl_config *c, __be32 addr)
{
	return addr == c->port[ESL_OUTSIDE].cluster_addr || addr == c->port[ESL_INSIDE].cluster_addr;
}

esl_inline __u32 esl_slot_member(const struct esl_config *c, __u32 slot)
{
	return c->slots[c->table & 1].member[slot % ESL_SLOTS];
}

esl_inline bool esl_slot_foreign(const struct esl_config *c, __u32 slot)
{
	__u32 member = esl_slot_member(c, slot);

	return member != c->member && member != ESL_NO_MEMBER;
}

/* foreign where the slot is another member's, else owned. */
esl_inline int esl_slot_owner(const struct esl_config *c, __u32 slot, int owned, int foreign)
{
	if (esl_slot_foreign(c, slot))
		return foreign;
	return esl_slot_member(c, slot) == ESL_NO_MEMBER ? ESL_NO_SLOT : owned;
}

/* w: SPI and number, the packet's first two words. */
esl_inline __u32 esl_slot_of_esp(const struct esl_config *c, const struct esl_packet *p, const __u32 *w)
{
	return esl_slot_esp(&c->key, w[0], p->daddr, esl_ntohl(w[1]), c->burst_shift);
}

/* An ESP packet to a cluster address, from the outside. */
esl_inline int esl_decide_esp(const struct esl_config *c, const struct esl_packet *p)
{
	const __u32 *w = esl_l4(p, 2);

	return w ? esl_slot_owner(c, esl_slot_of_esp(c, p, w), ESL_OWNED_ESP, ESL_FOREIGN_ESP) : ESL_BAD_ESP;
}

/* A packet to a cluster address itself. ESP fragments after the first have no
 * number: OWNED_FRAGMENT means "if the first one was mine", the caller knows. */
esl_inline int esl_decide_local(const struct esl_config *c, __u32 role, const struct esl_packet *p)
{
	bool esp = p->protocol == ESL_IPPROTO_ESP;

	if (esp || p->protocol == ESL_IPPROTO_AH || esl_is_natt_to(p)) {
		if (role != ESL_OUTSIDE)
			return ESL_WRONG_SIDE;
		if (!esp)
			return ESL_UNSUPPORTED;
		return p->later_fragment ? ESL_OWNED_FRAGMENT : esl_decide_esp(c, p);
	}
	if (esl_is_icmp_error(p))
		return ESL_ICMP_ERROR;
	return c->leader ? ESL_LOCAL_LEADER : ESL_LOCAL_OTHER;
}

/* An IPv4 packet that came on the cluster MAC of the NIC with this role. */
esl_inline int esl_decide_cluster(const struct esl_config *c, __u32 role, const struct esl_packet *p)
{
	if (esl_is_cluster_addr(c, p->daddr))
		return esl_decide_local(c, role, p);
	return esl_slot_owner(c, esl_slot_plain(&c->key, p), ESL_OWNED_PLAIN, ESL_FOREIGN_PLAIN);
}

/*
 * The short way to FOREIGN_ESP and FOREIGN_PLAIN, which is most of what a
 * member sees: whole packets without IP options that have all the words of
 * the hash.  Returns one of the two, and then esl_decide_cluster() would too,
 * or 0 where it has to be asked.  Whether the frame holds all that the packet
 * claims does not matter here: it is dropped anyway.
 */
esl_inline int esl_decide_foreign(const struct esl_config *c, const struct esl_port *port, const void *data,
				  const void *end)
{
	const struct esl_eth *eth = data;
	const struct esl_ipv4 *ip = (const void *)(eth + 1);
	struct esl_packet p;

	if ((const void *)((const __u8 *)(ip + 1) + ESL_L4_BYTES) > end ||
	    eth->type != esl_htons(ESL_ETHERTYPE_IPV4) ||
	    !esl_mac_equal(eth->dst, port->cluster_mac) || ip->version_ihl != 0x45)
		return 0;
	esl_read_ipv4(ip, sizeof(*ip), end, &p);
	if (p.fragment || p.tot_len < sizeof(*ip) + ESL_L4_BYTES)
		return 0;
	p.l4_sure = ESL_L4_BYTES;
	if (!esl_is_cluster_addr(c, p.daddr))
		return esl_slot_foreign(c, esl_slot_plain(&c->key, &p)) ? ESL_FOREIGN_PLAIN : 0;
	if (p.protocol == ESL_IPPROTO_ESP && port == &c->port[ESL_OUTSIDE])
		return esl_slot_foreign(c, esl_slot_of_esp(c, &p, esl_l4(&p, 2))) ? ESL_FOREIGN_ESP : 0;
	return 0;
}

#endif
