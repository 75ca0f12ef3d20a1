/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Whose packet is it?  The decision of the XDP program for a frame on the
 * cluster MAC, from the packet and the pinned configuration alone: no
 * per-SA look-up, no atomic, no clock.  DESIGN: "A packet's way", 1 to 7.
 */
#ifndef ESPALIER_DECIDE_H
#define ESPALIER_DECIDE_H

#include "abi.h"

esl_inline bool esl_is_ipsec(const struct esl_packet *p)
{
	return p->protocol == ESL_IPPROTO_ESP || p->protocol == ESL_IPPROTO_AH ||
	       (p->protocol == ESL_IPPROTO_UDP && p->dport == ESL_PORT_NATT && !p->natt_marker);
}

esl_inline bool esl_is_cluster_addr(const struct esl_config *c, __be32 addr)
{
	return addr == c->port[ESL_INSIDE].cluster_addr || addr == c->port[ESL_OUTSIDE].cluster_addr;
}

/* foreign where the slot is another member's, else owned. */
esl_inline int esl_slot_owner(const struct esl_config *c, const struct esl_slot_table *t, __u32 slot,
			      int owned, int foreign)
{
	__u8 member = t->member[slot % ESL_SLOTS];

	if (member == c->member)
		return owned;
	return member == ESL_NO_MEMBER ? ESL_NO_SLOT : foreign;
}

/* A packet to a cluster address itself. ESP fragments after the first have no
 * number: OWNED_FRAGMENT means "if the first one was mine", the caller knows. */
esl_inline int esl_decide_local(const struct esl_config *c, const struct esl_live *live, __u32 role,
				const struct esl_packet *p)
{
	if (esl_is_ipsec(p)) {
		if (role != ESL_OUTSIDE)
			return ESL_WRONG_SIDE;
		if (p->protocol != ESL_IPPROTO_ESP)
			return ESL_UNSUPPORTED;
		if (p->later_fragment)
			return ESL_OWNED_FRAGMENT;
		return esl_slot_owner(c, &live->slots[live->table & 1],
				      esl_slot_esp(&c->key, p->spi, p->daddr, p->seq, c->burst_shift),
				      ESL_OWNED_ESP, ESL_FOREIGN_ESP);
	}
	if (esl_is_icmp_error(p))
		return ESL_ICMP_ERROR;
	return live->leader ? ESL_LOCAL_LEADER : ESL_LOCAL_OTHER;
}

/* An IPv4 packet that came on the cluster MAC of the NIC with this role. */
esl_inline int esl_decide_cluster(const struct esl_config *c, const struct esl_live *live, __u32 role,
				  const struct esl_packet *p)
{
	if (esl_is_cluster_addr(c, p->daddr))
		return esl_decide_local(c, live, role, p);
	return esl_slot_owner(c, &live->slots[live->table & 1], esl_slot_plain(&c->key, p),
			      ESL_OWNED_PLAIN, ESL_FOREIGN_PLAIN);
}

#endif
