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
	struct esl_eth *eth;
	void *end;
	const struct esl_config *config;
	__u32 role;
};

/* The verifier wants a constant offset into the map value. */
static __always_inline const struct esl_port *port_of(const struct frame *f)
{
	return f->role == ESL_INSIDE ? &f->config->port[ESL_INSIDE] : &f->config->port[ESL_OUTSIDE];
}

/* ESL_ROLES: none of the cluster's, or nobody has configured the member yet. */
static __always_inline __u32 role_of(const struct esl_config *config, __u32 ifindex)
{
	if (!config->abi)
		return ESL_ROLES;
	if (ifindex == config->port[ESL_OUTSIDE].ifindex)
		return ESL_OUTSIDE;
	return ifindex == config->port[ESL_INSIDE].ifindex ? ESL_INSIDE : ESL_ROLES;
}

static __always_inline void count_seen(__u32 index, __u32 seq, __u32 bytes)
{
	struct esl_sa_seq *seen = bpf_map_lookup_elem(&espalier_sa_seq, &index);

	if (!seen)
		return;
	seen->packets++;
	seen->bytes += bytes;
	if ((__s32)(seq - seen->top) > 0)
		seen->top = seq;
}

/* An owned ESP packet: its SA must be known, its number above the floor. */
static __always_inline int admit_esp(const struct esl_packet *p)
{
	const __u32 *w = esl_l4(p, 2);
	const struct esl_sa_in *sa;
	struct esl_sa_key key;
	__u32 seq;

	if (!w)
		return ESL_BAD_ESP;
	seq = esl_ntohl(w[1]);
	key = esl_sa_key(p, esl_ntohl(w[0]));
	sa = bpf_map_lookup_elem(&espalier_sa_in, &key);
	if (!sa)
		return ESL_SA_UNKNOWN;
	if (sa->floor_set && esl_seq_extend(seq, sa->floor) <= sa->floor)
		return ESL_BELOW_FLOOR;
	count_seen(sa->index, seq, p->tot_len);
	return ESL_OWNED_ESP;
}

/* Linux peers fragment after encryption: only the first part carries the
 * number, and its owner takes the rest. */
static __always_inline bool first_fragment_was_mine(const struct esl_packet *p)
{
	struct esl_frag_key key = esl_frag_key(p);

	return bpf_map_lookup_elem(&espalier_frag, &key) != NULL;
}

/* A first part that is not mine ends what an older one of the same id began:
 * its later parts belong to another member. */
static __always_inline void note_first_fragment(const struct esl_packet *p, bool mine)
{
	struct esl_frag_key key = esl_frag_key(p);
	__u32 one = 1;

	if (mine)
		bpf_map_update_elem(&espalier_frag, &key, &one, BPF_ANY);
	else
		bpf_map_delete_elem(&espalier_frag, &key);
}

/* What the owner of a packet checks before its stack sees it. */
static __always_inline int admit(const struct frame *f, const struct esl_packet *p, int reason)
{
	if (!esl_frame_complete(f->eth + 1, f->end, p))
		return ESL_SHORT_FRAME;
	if (reason == ESL_OWNED_FRAGMENT && !first_fragment_was_mine(p))
		return ESL_FRAGMENT_UNKNOWN;
	if (!deadline_holds(f->config, bpf_ktime_get_boot_ns()))
		return ESL_DEADLINE;
	return reason == ESL_OWNED_ESP ? admit_esp(p) : reason;
}

static __always_inline bool is_taken(int reason)
{
	return reason == ESL_OWNED_ESP || reason == ESL_OWNED_PLAIN || reason == ESL_OWNED_FRAGMENT ||
	       reason == ESL_LOCAL_LEADER || reason == ESL_ICMP_ERROR;
}

static __always_inline int cluster_ipv4(const struct frame *f)
{
	struct esl_packet p;
	int reason = esl_parse_ipv4(f->eth + 1, f->end, &p);

	if (reason)
		return reason;
	reason = esl_decide_cluster(f->config, f->role, &p);
	if (is_taken(reason))
		reason = admit(f, &p, reason);
	if (p.fragment && !p.later_fragment && p.protocol == ESL_IPPROTO_ESP)
		note_first_fragment(&p, reason == ESL_OWNED_ESP);
	/* The stack takes only what is addressed to the NIC: PACKET_HOST. */
	if (is_taken(reason))
		__builtin_memcpy(f->eth->dst, port_of(f)->mac, ESL_MAC_LEN);
	return reason;
}

static __always_inline int arp(const struct frame *f)
{
	const struct esl_arp *a = (const void *)(f->eth + 1);

	if ((const void *)(a + 1) > f->end)
		return ESL_SHORT_FRAME;
	if (!esl_is_cluster_addr(f->config, a->tpa))
		return ESL_ARP;
	return f->config->leader && deadline_holds(f->config, bpf_ktime_get_boot_ns()) ? ESL_ARP_LEADER :
											 ESL_ARP_OTHER;
}

/* The destination of a frame to this member's own MAC must be its own. */
static __always_inline int own_unicast(const struct esl_addr *daddr)
{
	return bpf_map_lookup_elem(&espalier_own, daddr) ? ESL_OWN_ADDRESS : ESL_TRANSIT_BY_UNICAST;
}

/* IPv4 by any door but the cluster MAC. */
static __always_inline int other_ipv4(const struct frame *f, int pass)
{
	const struct esl_ipv4 *ip = (const void *)(f->eth + 1);
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
static __always_inline int own_ipv6(const struct frame *f)
{
	const struct esl_addr *daddr = (const void *)((const __u8 *)(f->eth + 1) + 24);
	struct esl_addr copy;

	if ((const void *)(daddr + 1) > f->end)
		return ESL_SHORT_FRAME;
	copy = *daddr;
	return own_unicast(&copy);
}

/* A frame that did not come on the cluster MAC. */
static __always_inline int other_door(const struct frame *f)
{
	bool group = f->eth->dst[0] & 1;
	bool mine = !group && esl_mac_equal(f->eth->dst, port_of(f)->mac);

	if (!mine && !group)
		return ESL_OTHER_MAC;
	switch (f->eth->type) {
	case esl_htons(ESL_ETHERTYPE_IPV4):
		return other_ipv4(f, group ? ESL_GROUP : 0);
	case esl_htons(ESL_ETHERTYPE_ARP):
		return arp(f);
	case esl_htons(ESL_ETHERTYPE_IPV6):
		return mine ? own_ipv6(f) : ESL_GROUP;
	}
	return group ? ESL_GROUP : ESL_OWN_ADDRESS;
}

/* Any frame. */
static __always_inline int inspect(struct xdp_md *ctx, const struct esl_config *config)
{
	struct frame f = {
		.eth = (void *)(long)ctx->data,
		.end = (void *)(long)ctx->data_end,
		.config = config,
		.role = role_of(config, ctx->ingress_ifindex),
	};

	if (f.role == ESL_ROLES)
		return ESL_INERT;
	if ((void *)(f.eth + 1) > f.end)
		return ESL_SHORT_FRAME;
	if (!esl_mac_equal(f.eth->dst, port_of(&f)->cluster_mac))
		return other_door(&f);
	if (f.eth->type == esl_htons(ESL_ETHERTYPE_IPV4))
		return cluster_ipv4(&f);
	if (f.eth->type == esl_htons(ESL_ETHERTYPE_ARP))
		return arp(&f);
	return ESL_NOT_IPV4;
}

/* The short way; 0 where the frame needs a closer look. */
static __always_inline int foreign(struct xdp_md *ctx, const struct esl_config *config)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;

	__u32 ifindex = ctx->ingress_ifindex;
	const struct esl_port *port;

	if (!config->abi)
		return 0;
	port = &config->port[ESL_OUTSIDE];
	if (ifindex != port->ifindex) {
		port = &config->port[ESL_INSIDE];
		if (ifindex != port->ifindex)
			return 0;
	}
	return esl_decide_foreign(config, port, data, end);
}

#endif
