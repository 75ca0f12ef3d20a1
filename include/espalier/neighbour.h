/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * ARP (RFC 826) and IPv6 neighbour discovery (RFC 4861) for a cluster
 * address: a request is turned into its own reply, in place and of the same
 * length.  The Ethernet source is the NIC's own, so that no switch learns
 * where the cluster MAC is; the address told is the cluster MAC, so that no
 * neighbour learns a member's.
 */
#ifndef ESPALIER_NEIGHBOUR_H
#define ESPALIER_NEIGHBOUR_H

#include "abi.h"

#define ESL_ARP_REQUEST 1
#define ESL_ARP_REPLY 2
#define ESL_ND_SOURCE 1		/* options: link-layer address of the source, of the target */
#define ESL_ND_TARGET 2
#define ESL_NA_FLAGS 0xe0000000	/* router, solicited, override */
#define ESL_ND_HOPS 255

/* A solicitation or advertisement with one link-layer address. */
struct esl_nd {
	__u8 type;
	__u8 code;
	__u16 check;
	__be32 flags;
	struct esl_addr target;
	__u8 option;
	__u8 option_len;	/* in 8 bytes */
	__u8 mac[ESL_MAC_LEN];
};

ESL_STATIC_ASSERT(sizeof(struct esl_nd) == 32, "neighbour solicitation");

/* Turn the request at a into the reply. False: it is none for this port's
 * address, or the cluster's own announcement; then nothing is changed. */
esl_inline bool esl_arp_answer(const struct esl_port *port, struct esl_eth *eth, struct esl_arp *a)
{
	__be32 target = a->tpa;

	if (a->hardware != esl_htons(1) || a->protocol != esl_htons(ESL_ETHERTYPE_IPV4) ||
	    a->hardware_len != ESL_MAC_LEN || a->protocol_len != 4 ||
	    a->operation != esl_htons(ESL_ARP_REQUEST) || !target || target != port->cluster_addr ||
	    a->sha[0] & 1 || esl_mac_equal(a->sha, port->cluster_mac))
		return false;
	a->operation = esl_htons(ESL_ARP_REPLY);
	__builtin_memcpy(a->tha, a->sha, ESL_MAC_LEN);
	a->tpa = a->spa;
	__builtin_memcpy(a->sha, port->cluster_mac, ESL_MAC_LEN);
	a->spa = target;
	__builtin_memcpy(eth->dst, a->tha, ESL_MAC_LEN);
	__builtin_memcpy(eth->src, port->mac, ESL_MAC_LEN);
	return true;
}

/* The checksum of RFC 4443 section 2.3 over nd and its pseudo-header, as it is
 * to be written; 0 where the right one is in nd. */
esl_inline __u16 esl_nd_check(const struct esl_ipv6 *ip, const struct esl_nd *nd)
{
	const esl_half *addrs = (const esl_half *)&ip->saddr, *words = (const esl_half *)nd;
	__u32 sum = esl_htons(sizeof(*nd)) + esl_htons(ESL_IPPROTO_ICMPV6);

	ESL_UNROLL
	for (int i = 0; i < 16; i++)
		sum += (__u32)addrs[i] + words[i];
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (__u16)~sum;
}

/* Is nd a solicitation for this port's address that can be answered in place?
 * Duplicate address detection (no source) and one without the option are not. */
esl_inline bool esl_nd_answerable(const struct esl_port *port, const struct esl_ipv6 *ip,
				  const struct esl_nd *nd)
{
	return ip->hop_limit == ESL_ND_HOPS && ip->next_header == ESL_IPPROTO_ICMPV6 &&
	       ip->payload_len == esl_htons(sizeof(*nd)) && nd->type == ESL_ICMPV6_NS && !nd->code &&
	       !esl_addr_none(&ip->saddr) && ip->saddr.byte[0] != 0xff &&
	       esl_addr_equal(&nd->target, &port->cluster_addr6) && !esl_addr_none(&nd->target) &&
	       nd->option == ESL_ND_SOURCE && nd->option_len == 1 && !(nd->mac[0] & 1) &&
	       !esl_nd_check(ip, nd);
}

/* Turn the solicitation at ip into the advertisement; esl_nd_answerable() said yes. */
esl_inline void esl_nd_answer(const struct esl_port *port, struct esl_eth *eth, struct esl_ipv6 *ip,
			      struct esl_nd *nd)
{
	__builtin_memcpy(eth->dst, nd->mac, ESL_MAC_LEN);
	__builtin_memcpy(eth->src, port->mac, ESL_MAC_LEN);
	ip->daddr = ip->saddr;
	ip->saddr = nd->target;
	nd->type = ESL_ICMPV6_NA;
	nd->flags = esl_htonl(ESL_NA_FLAGS);
	nd->option = ESL_ND_TARGET;
	__builtin_memcpy(nd->mac, port->cluster_mac, ESL_MAC_LEN);
	nd->check = 0;
	nd->check = esl_nd_check(ip, nd);
}

#endif
