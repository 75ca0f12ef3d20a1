/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The XDP side: is this frame mine?
 *
 *     on the cluster MAC   decide.h finds the owner; not me -> drop, at once;
 *                          me -> deadline, SA, floor, own MAC -> stack
 *     on any other MAC     the member's own business passes; a cluster address
 *                          or a packet to be forwarded does not: no other door
 *
 * Functions return an enum esl_reason; espalier_xdp() counts it once and turns
 * it into the action.
 */
#ifndef ESPALIER_XDP_BPF_H
#define ESPALIER_XDP_BPF_H

#include <espalier/decide.h>

#include "maps.bpf.h"

struct frame {
	void *data;
	void *end;
	const struct esl_config *config;
	const struct esl_live *live;
	__u32 role;
};

static __always_inline bool is_cluster_mac(const struct frame *f, const struct esl_eth *eth)
{
	/* The verifier wants a constant offset into the map value. */
	return f->role == ESL_INSIDE ?
		       esl_mac_equal(eth->dst, f->config->port[ESL_INSIDE].cluster_mac) :
		       esl_mac_equal(eth->dst, f->config->port[ESL_OUTSIDE].cluster_mac);
}

static __always_inline const __u8 *own_mac(const struct frame *f)
{
	return f->role == ESL_INSIDE ? f->config->port[ESL_INSIDE].mac :
				       f->config->port[ESL_OUTSIDE].mac;
}

/* I4: the lease of the agent, in the only clock that counts suspension. */
static __always_inline bool deadline_holds(const struct esl_live *live)
{
	return bpf_ktime_get_boot_ns() < esl_load(&live->deadline_ns);
}

/* An owned ESP packet: its SA must be known, its number above the floor. */
static __always_inline int admit_esp(const struct esl_packet *p)
{
	struct esl_sa_key key = esl_sa_key(p);
	const struct esl_sa_in *sa = bpf_map_lookup_elem(&espalier_sa_in, &key);
	struct esl_frag_key frag;
	struct esl_sa_seq *seen;
	__u32 index, mine = 1;

	if (!sa)
		return ESL_SA_UNKNOWN;
	if (sa->floor_set) {
		__u64 seq = esl_seq_extend(p->seq, sa->floor);

		if (seq <= sa->floor)
			return ESL_BELOW_FLOOR;
	}
	index = sa->index;
	seen = bpf_map_lookup_elem(&espalier_sa_seq, &index);
	if (seen) {
		seen->packets++;
		seen->bytes += p->tot_len;
		if ((__s32)(p->seq - seen->top) > 0)
			seen->top = p->seq;
	}
	if (p->fragment) {
		frag = esl_frag_key(p);
		bpf_map_update_elem(&espalier_frag, &frag, &mine, BPF_ANY);
	}
	return ESL_OWNED_ESP;
}

/* Linux peers fragment after encryption: only the first part carries the
 * number, and its owner takes the rest. */
static __always_inline bool first_fragment_was_mine(const struct esl_packet *p)
{
	struct esl_frag_key key = esl_frag_key(p);

	return bpf_map_lookup_elem(&espalier_frag, &key) != NULL;
}

static __always_inline int cluster_ipv4(const struct frame *f, struct esl_eth *eth)
{
	struct esl_packet p = {};
	int reason = esl_parse_ipv4(eth + 1, f->end, &p);

	if (reason)
		return reason;
	if (!esl_frame_complete(eth + 1, f->end, &p))
		return ESL_SHORT_FRAME;
	reason = esl_decide_cluster(f->config, f->live, f->role, &p);
	switch (reason) {
	case ESL_OWNED_FRAGMENT:
		if (!first_fragment_was_mine(&p))
			return ESL_FRAGMENT_UNKNOWN;
		break;
	case ESL_OWNED_ESP:
	case ESL_OWNED_PLAIN:
	case ESL_LOCAL_LEADER:
	case ESL_ICMP_ERROR:
		break;
	default:
		return reason;
	}

	if (!deadline_holds(f->live))
		return ESL_DEADLINE;
	if (reason == ESL_OWNED_ESP) {
		reason = admit_esp(&p);
		if (reason != ESL_OWNED_ESP)
			return reason;
	}
	/* The stack takes only what is addressed to the NIC: PACKET_HOST. */
	__builtin_memcpy(eth->dst, own_mac(f), ESL_MAC_LEN);
	return reason;
}

static __always_inline int arp(const struct frame *f, const struct esl_eth *eth)
{
	const struct esl_arp *a = (const void *)(eth + 1);

	if ((const void *)(a + 1) > f->end)
		return ESL_SHORT_FRAME;
	if (!esl_is_cluster_addr(f->config, a->tpa))
		return ESL_ARP;
	return f->live->leader && deadline_holds(f->live) ? ESL_ARP_LEADER : ESL_ARP_OTHER;
}

/* The destination of a frame to this member's own MAC must be its own. */
static __always_inline int own_unicast(const struct esl_addr *daddr)
{
	return bpf_map_lookup_elem(&espalier_own, daddr) ? ESL_OWN_ADDRESS : ESL_TRANSIT_BY_UNICAST;
}

/* IPv4 by any door but the cluster MAC. */
static __always_inline int other_ipv4(const struct frame *f, const struct esl_eth *eth, int pass)
{
	const struct esl_ipv4 *ip = (const void *)(eth + 1);
	struct esl_addr daddr;

	if ((const void *)(ip + 1) > f->end)
		return ESL_SHORT_FRAME;
	if (esl_is_cluster_addr(f->config, ip->daddr))
		return ESL_CLUSTER_BY_UNICAST;
	if (pass)
		return pass;
	daddr = esl_addr_from_ipv4(ip->daddr);
	return own_unicast(&daddr);
}

/* IPv6 is not carried by the cluster: only the member's own may come in. */
static __always_inline int own_ipv6(const struct frame *f, const struct esl_eth *eth)
{
	const struct esl_addr *daddr = (const void *)((const __u8 *)(eth + 1) + 24);
	struct esl_addr copy;

	if ((const void *)(daddr + 1) > f->end)
		return ESL_SHORT_FRAME;
	copy = *daddr;
	return own_unicast(&copy);
}

/* A frame that did not come on the cluster MAC. */
static __always_inline int other_door(const struct frame *f, const struct esl_eth *eth)
{
	bool group = eth->dst[0] & 1;
	bool mine = !group && esl_mac_equal(eth->dst, own_mac(f));

	if (!mine && !group)
		return ESL_OTHER_MAC;
	switch (eth->type) {
	case esl_htons(ESL_ETHERTYPE_IPV4):
		return other_ipv4(f, eth, group ? ESL_GROUP : 0);
	case esl_htons(ESL_ETHERTYPE_ARP):
		return arp(f, eth);
	case esl_htons(ESL_ETHERTYPE_IPV6):
		return mine ? own_ipv6(f, eth) : ESL_GROUP;
	}
	return group ? ESL_GROUP : ESL_OWN_ADDRESS;
}

static __always_inline int inspect(struct frame *f)
{
	struct esl_eth *eth = f->data;

	if ((void *)(eth + 1) > f->end)
		return ESL_SHORT_FRAME;
	if (!is_cluster_mac(f, eth))
		return other_door(f, eth);
	if (eth->type == esl_htons(ESL_ETHERTYPE_IPV4))
		return cluster_ipv4(f, eth);
	if (eth->type == esl_htons(ESL_ETHERTYPE_ARP))
		return arp(f, eth);
	return ESL_NOT_IPV4;
}

#endif
