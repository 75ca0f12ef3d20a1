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

#include "frame.bpf.h"
#include "neighbour.bpf.h"

#define BIT(reason) (1ULL << ESL_##reason)
static const __u64 ipsec_mask = BIT(OWNED_ESP) | BIT(OWNED_AH) | BIT(OWNED_NATT);
static const __u64 owned_mask = BIT(OWNED_ESP) | BIT(OWNED_AH) | BIT(OWNED_NATT) | BIT(OWNED_PLAIN) |
				BIT(OWNED_FRAGMENT);
static const __u64 taken_mask = BIT(OWNED_ESP) | BIT(OWNED_AH) | BIT(OWNED_NATT) | BIT(OWNED_PLAIN) |
				BIT(OWNED_FRAGMENT) | BIT(LOCAL_LEADER) | BIT(ICMP_ERROR);
static const __u64 foreign_ipsec_mask = BIT(FOREIGN_ESP) | BIT(FOREIGN_AH) | BIT(FOREIGN_NATT);
#undef BIT

static __always_inline bool is_in(__u64 mask, int reason)
{
	return mask >> (reason & 63) & 1;
}

static __always_inline enum esl_kind kind_of(int reason)
{
	if (reason == ESL_OWNED_AH)
		return ESL_KIND_AH;
	return reason == ESL_OWNED_NATT ? ESL_KIND_NATT : ESL_KIND_ESP;
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

/* An owned IPsec packet: its SA must be known, its number above the floor. */
static __always_inline int admit_ipsec(const struct esl_packet *p, int reason)
{
	const __u32 *w = esl_spi_seq(p, kind_of(reason));
	const struct esl_sa_in *sa;
	struct esl_sa_key key;
	__u32 seq;

	if (!w)
		return ESL_BAD_ESP;
	seq = esl_ntohl(w[1]);
	key = esl_sa_key(p, esl_ntohl(w[0]), reason == ESL_OWNED_AH ? ESL_IPPROTO_AH : ESL_IPPROTO_ESP);
	sa = bpf_map_lookup_elem(&espalier_sa_in, &key);
	if (!sa)
		return ESL_SA_UNKNOWN;
	if (sa->floor_set && esl_seq_extend(seq, sa->floor) <= sa->floor)
		return ESL_BELOW_FLOOR;
	count_seen(sa->index, seq, p->len);
	return reason;
}

/* Linux peers fragment after encryption: only the first part carries the
 * number, and its owner takes the rest. */
static __always_inline int later_fragment(const struct frame *f, const struct esl_packet *p)
{
	struct esl_frag_key key = esl_frag_key(p);
	const __u32 *owner = bpf_map_lookup_elem(&espalier_frag, &key);

	return esl_decide_later(f->config, p, owner ? *owner : 0);
}

/* A first part that is not mine ends what an older one of the same id began:
 * its later parts belong to another member. The leader remembers whose are not
 * its own: it takes all others. */
static __always_inline void note_first_fragment(const struct frame *f, const struct esl_packet *p, int reason)
{
	struct esl_frag_key key = esl_frag_key(p);
	__u32 owner = 0;

	if (is_in(ipsec_mask, reason))
		owner = ESL_FRAG_MINE;
	else if (f->config->leader && reason != ESL_LOCAL_LEADER)
		owner = ESL_FRAG_OTHER;
	if (owner)
		bpf_map_update_elem(&espalier_frag, &key, &owner, BPF_ANY);
	else
		bpf_map_delete_elem(&espalier_frag, &key);
}

/* What the owner of a packet checks before its stack sees it. */
static __always_inline int admit(const struct frame *f, const struct esl_packet *p, int reason)
{
	if (f->l3_offset + p->len > f->len)
		return ESL_SHORT_FRAME;
	if (!deadline_holds(f->config, bpf_ktime_get_boot_ns()))
		return ESL_DEADLINE;
	if (!is_in(ipsec_mask, reason))
		return reason;
	return f->config->changing ? ESL_CHANGING : admit_ipsec(p, reason);
}

/*
 * Which CPU an owned packet goes on with.  By flow keeps the order of a session
 * or SA; by packet spreads one SA, but for those that must leave in order
 * because their peer's window is small.
 */
static __always_inline __s32 cpu_of(const struct frame *f, const struct esl_packet *p, int reason)
{
	const struct esl_config *c = f->config;
	__u64 hash = 0;

	if (!c->cpu_mode || !c->cpu_count || !is_in(owned_mask, reason))
		return -1;
	if (is_in(ipsec_mask, reason)) {
		const __u32 *w = esl_spi_seq(p, kind_of(reason));

		if (w)
			hash = esl_hash_fold((w[0] + (c->cpu_mode == ESL_CPU_PACKET ? (__u64)w[1] << 32 : 0)) *
					     c->key.word[0]);
	} else if (c->cpu_mode == ESL_CPU_PACKET && esl_policy_slot(c, p, NULL) == ESL_SLOTS) {
		hash = esl_hash_packet(&c->key, p);
	} else {
		hash = esl_hash_flow(&c->key, p);
	}
	/* Not the bits that chose the member. */
	return (__s32)((hash >> 32 & 0xffff) * c->cpu_count >> 16);
}

/* decided: what the short way said, or 0. */
static __always_inline int cluster_ip(const struct frame *f, struct esl_packet *p, int decided)
{
	int reason = decided ? decided : esl_decide(f->config, f->role, p, NULL);

	if (reason == ESL_OWNED_FRAGMENT)
		reason = later_fragment(f, p);
	if (!is_in(taken_mask, reason))
		return reason;
	if (esl_mac_equal(f->eth->src, port_of(f)->mac))
		return ESL_OWN_FRAME;
	return admit(f, p, reason);
}

static __always_inline bool decides_later_ones(const struct frame *f, const struct esl_packet *p)
{
	return p->fragment && !p->later_fragment && f->role == ESL_OUTSIDE && esl_first_decides(p) &&
	       esl_is_to_cluster(f->config, p);
}

/* An IP packet on the cluster MAC, which h describes. Returns the reason, and in
 * the upper half one more than the entry of espalier_cpus. */
__attribute__((noinline)) int espalier_cluster(struct xdp_md *ctx, const struct parsed *h, __u32 decided)
{
	struct esl_packet p;
	struct frame f;
	int reason;

	if (!h || !frame_of(ctx, &f) || !unparse(h, f.eth, f.end, &p))
		return ESL_SHORT_FRAME;
	f.l3_offset = h->l3;
	reason = cluster_ip(&f, &p, decided);
	if (decides_later_ones(&f, &p))
		note_first_fragment(&f, &p, reason);
	if (!is_in(taken_mask, reason))
		return reason;
	/* The stack takes only what is addressed to the NIC: PACKET_HOST. */
	__builtin_memcpy(f.eth->dst, port_of(&f)->mac, ESL_MAC_LEN);
	return reason | (cpu_of(&f, &p, reason) + 1) << 16;
}

/* The destination of a frame to this member's own MAC must be its own. */
static __always_inline int own_unicast(const struct esl_addr *daddr)
{
	return bpf_map_lookup_elem(&espalier_own, daddr) ? ESL_OWN_ADDRESS : ESL_TRANSIT_BY_UNICAST;
}

/* IP by any door but the cluster MAC. */
static __always_inline int other_ip(struct xdp_md *ctx, const struct frame *f, bool group)
{
	struct esl_addr daddr;

	if (f->type == esl_htons(ESL_ETHERTYPE_IPV4)) {
		const struct esl_ipv4 *ip = f->l3;

		if ((void *)(ip + 1) > f->end)
			return ESL_SHORT_FRAME;
		if (esl_is_cluster_ipv4(f->config, ip->daddr))
			return ESL_CLUSTER_BY_UNICAST;
		daddr = esl_addr_from_ipv4(ip->daddr);
	} else {
		const struct esl_ipv6 *ip = f->l3;

		if ((void *)(ip + 1) > f->end)
			return ESL_SHORT_FRAME;
		if (esl_is_cluster_ipv6(f->config, &ip->daddr))
			return ESL_CLUSTER_BY_UNICAST;
		daddr = ip->daddr;
	}
	if (!group)
		return own_unicast(&daddr);
	return f->type == esl_htons(ESL_ETHERTYPE_IPV6) ? group_ipv6(ctx) : ESL_GROUP;
}

static __always_inline bool is_ip(const struct frame *f)
{
	return f->type == esl_htons(ESL_ETHERTYPE_IPV4) || f->type == esl_htons(ESL_ETHERTYPE_IPV6);
}

/* A frame that did not come on the cluster MAC. */
static __always_inline int other_door(struct xdp_md *ctx, const struct frame *f)
{
	bool group = f->eth->dst[0] & 1;

	if (!group && !esl_mac_equal(f->eth->dst, port_of(f)->mac))
		return ESL_OTHER_MAC;
	if (is_ip(f))
		return other_ip(ctx, f, group);
	if (f->type == esl_htons(ESL_ETHERTYPE_ARP))
		return arp(f);
	return group ? ESL_GROUP : ESL_OWN_ADDRESS;
}

/* Any frame. */
static __always_inline int inspect(struct xdp_md *ctx, struct frame *f, __u32 decided)
{
	struct parsed h = {};
	int reason;

	f->l3 = (void *)esl_find_l3(f->eth, f->end, &f->type);
	if (!f->l3)
		return ESL_SHORT_FRAME;
	if (!esl_mac_equal(f->eth->dst, port_of(f)->cluster_mac))
		return other_door(ctx, f);
	if (f->type == esl_htons(ESL_ETHERTYPE_ARP))
		return arp(f);
	if (!is_ip(f))
		return ESL_NOT_IP;
	reason = espalier_parse(ctx, &h);
	if (reason)
		return reason;
	reason = espalier_cluster(ctx, &h, decided);
	return reason == ESL_ND_LEADER ? espalier_solicitation(ctx) : reason;
}

/* The short way; 0 where the frame needs a closer look. */
static __always_inline int decide_simple(struct xdp_md *ctx, const struct esl_config *config)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u32 ifindex = ctx->ingress_ifindex, role = ESL_OUTSIDE;
	const struct esl_eth *eth = data;
	const struct esl_port *port;
	struct esl_packet p;
	const void *l3;
	__be16 type;

	if (!config->abi)
		return 0;
	port = &config->port[ESL_OUTSIDE];
	if (ifindex != port->ifindex) {
		role = ESL_INSIDE;
		port = &config->port[ESL_INSIDE];
		if (ifindex != port->ifindex)
			return 0;
	}
	if ((const void *)(eth + 1) > end || !esl_mac_equal(eth->dst, port->cluster_mac))
		return 0;
	l3 = esl_find_l3(eth, end, &type);
	if (!l3 || !esl_read_simple(l3, end, type, &p))
		return 0;
	return esl_decide_simple(config, role, &p, NULL);
}

#endif
