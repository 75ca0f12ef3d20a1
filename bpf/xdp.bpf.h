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
static const __u64 taken_mask = BIT(OWNED_ESP) | BIT(OWNED_AH) | BIT(OWNED_NATT) | BIT(OWNED_PLAIN) |
				BIT(OWNED_FRAGMENT) | BIT(LOCAL_LEADER) | BIT(ICMP_ERROR);
#undef BIT

static __always_inline bool is_in(__u64 mask, int reason)
{
	return mask >> (reason & 63) & 1;
}

ESL_STATIC_ASSERT(ESL_OWNED_FRAGMENT == ESL_OWNED_PLAIN + 4 && ESL_FOREIGN_NATT == ESL_FOREIGN_PLAIN + 3,
		  "reasons in a row");

static __always_inline bool is_owned(int reason)
{
	return (__u32)(reason - ESL_OWNED_PLAIN) <= ESL_OWNED_FRAGMENT - ESL_OWNED_PLAIN;
}

static __always_inline bool is_foreign(int reason)
{
	return (__u32)(reason - ESL_FOREIGN_PLAIN) <= ESL_FOREIGN_NATT - ESL_FOREIGN_PLAIN;
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

/* esl_is_taken() for the slot of this number.  A global function: few packets
 * ask, and the slot's arithmetic would cost all others registers. */
__attribute__((noinline)) int espalier_taken(__be32 spi, __be32 daddr, __u32 seq)
{
	const struct esl_config *c = esl_config();

	return c && esl_is_taken(c, esl_slot_esp(&c->key, spi, daddr, seq, esl_table(c)->esp_shift));
}

/* Is it the leader's, by esl_sa_in.leader_below, and this member is not it?  A
 * global function as well: it is asked of new SAs only. */
__attribute__((noinline)) int espalier_reserved(__u64 below, __u32 whole, __u32 seq)
{
	const struct esl_config *c = esl_config();

	return !c || (esl_is_leaders(below, whole, seq) && !esl_phase_leads(esl_phase(c)));
}

/* An owned IPsec packet: its SA must be known, its number above the floor. */
static __always_inline int admit_ipsec(const struct esl_packet *p, int reason)
{
	const __u32 *w = esl_spi_seq(p, esl_owned_kind(reason));
	const struct esl_sa_in *sa;
	struct esl_sa_key key;
	struct esl_number n;
	__u32 seq;

	if (!w)
		return ESL_BAD_ESP;
	n = esl_number(w, esl_owned_kind(reason));
	seq = esl_ntohl(n.seq);
	key = esl_sa_key(p, esl_ntohl(n.spi), n.protocol);
	sa = bpf_map_lookup_elem(&espalier_sa_in, &key);
	if (!sa)
		return ESL_SA_UNKNOWN;
	if (sa->leader_below && espalier_reserved(sa->leader_below, sa->whole, seq))
		return ESL_UNPROMOTED;
	if (esl_below_floor(sa, seq) && espalier_taken(n.spi, esl_daddr_word(p), seq))
		return ESL_BELOW_FLOOR;
	count_seen(sa->index, seq, p->len);
	return reason;
}

/* A packet may be complete, and move the top of its SA, long after its first part was counted. */
static __always_inline void count_part(const struct esl_packet *p, const struct esl_frag *f)
{
	struct esl_sa_key key = esl_sa_key(p, esl_ntohl(f->spi), f->protocol);
	const struct esl_sa_in *sa = bpf_map_lookup_elem(&espalier_sa_in, &key);
	struct esl_sa_seq *seen = sa ? bpf_map_lookup_elem(&espalier_sa_seq, &sa->index) : NULL;

	if (seen)
		seen->parts++;
}

/*
 * Linux peers fragment after encryption: only the first part carries the
 * number, and its owner takes the rest.
 *
 * Of a later part: enum esl_frag_owner or 0.  Of a first one, with the reason
 * for what became of it: 0.
 */
__attribute__((noinline)) int espalier_fragment(struct xdp_md *ctx, const struct parsed *h, int reason)
{
	const struct esl_frag *known;
	struct esl_frag_key key;
	struct esl_packet p;
	struct esl_frag new;
	struct frame f;
	int owner;

	if (!h || !frame_of(ctx, &f) || !unparse(h, f.eth, f.end, &p) || f.role != ESL_OUTSIDE ||
	    !esl_first_decides(&p) || !esl_is_to_cluster(f.config, &p))
		return 0;
	key = esl_frag_key(&p);
	if (p.later_fragment) {
		known = bpf_map_lookup_elem(&espalier_frag, &key);
		owner = known ? (int)esl_frag_owner(f.config, &p, known, NULL) : 0;
		if (owner == ESL_FRAG_MINE)
			count_part(&p, known);
		return owner;
	}
	new = esl_frag(f.config, &p, reason);
	if (new.owner)
		bpf_map_update_elem(&espalier_frag, &key, &new, BPF_ANY);
	else
		bpf_map_delete_elem(&espalier_frag, &key);
	return 0;
}

/* What the owner of a packet checks before its stack sees it. */
static __always_inline int admit(const struct frame *f, const struct esl_packet *p, int reason)
{
	if (f->l3_offset + p->len > f->len)
		return ESL_SHORT_FRAME;
	if (!deadline_holds(f->config, bpf_ktime_get_boot_ns()))
		return ESL_DEADLINE;
	if (f->config->changing && (is_in(ipsec_mask, reason) || reason == ESL_OWNED_FRAGMENT))
		return ESL_CHANGING;
	return is_in(ipsec_mask, reason) ? admit_ipsec(p, reason) : reason;
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

	if (!c->cpu_mode || !c->cpu_count || !is_owned(reason))
		return -1;
	if (is_in(ipsec_mask, reason)) {
		const __u32 *w = esl_spi_seq(p, esl_owned_kind(reason));

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

/*
 * A packet that decide.h gave to this member, or whose stack every member's is.
 * Returns a reason, and in the upper half one more than the entry of
 * espalier_cpus where the packet goes on.
 */
static __always_inline int take(const struct frame *f, const struct esl_packet *p, int reason)
{
	if (esl_mac_equal(f->eth->src, port_of(f)->mac))
		return ESL_OWN_FRAME;
	reason = admit(f, p, reason);
	if (!is_in(taken_mask, reason))
		return reason;
	/* The stack takes only what is addressed to the NIC: PACKET_HOST. */
	__builtin_memcpy(f->eth->dst, port_of(f)->mac, ESL_MAC_LEN);
	return reason | (cpu_of(f, p, reason) + 1) << 16;
}

/* Whose is an IP packet on the cluster MAC, which h describes?  owner: what
 * espalier_fragment() knows of a later fragment. */
__attribute__((noinline)) int espalier_decide(struct xdp_md *ctx, const struct parsed *h, __u32 owner)
{
	struct esl_tables tables = { .ctx = ctx };
	struct esl_packet p;
	struct frame f;
	int reason;

	if (!h || !frame_of(ctx, &f) || !unparse(h, f.eth, f.end, &p))
		return ESL_SHORT_FRAME;
	reason = esl_decide(f.config, f.role, &p, &tables);
	return reason == ESL_OWNED_FRAGMENT ? esl_decide_later(f.config, &p, owner) : reason;
}

/* take() for the packet which h describes. */
__attribute__((noinline)) int espalier_take(struct xdp_md *ctx, const struct parsed *h, int reason)
{
	struct esl_packet p;
	struct frame f;

	if (!h || !frame_of(ctx, &f) || !unparse(h, f.eth, f.end, &p))
		return ESL_SHORT_FRAME;
	f.l3_offset = h->l3;
	return take(&f, &p, reason);
}

static __always_inline int cluster_ip(struct xdp_md *ctx)
{
	struct parsed h = {};
	__u32 owner = 0;
	int verdict = espalier_parse(ctx, &h);

	if (verdict)
		return verdict;
	if (h.later_fragment)
		owner = espalier_fragment(ctx, &h, 0);
	verdict = espalier_decide(ctx, &h, owner);
	if (is_in(taken_mask, verdict))
		verdict = espalier_take(ctx, &h, verdict);
	if (h.fragment && !h.later_fragment)
		espalier_fragment(ctx, &h, verdict & 0xffff);
	return verdict == ESL_ND_LEADER ? espalier_solicitation(ctx) : verdict;
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
static __always_inline int inspect(struct xdp_md *ctx, struct frame *f)
{
	f->l3 = (void *)esl_find_l3(f->eth, f->end, &f->type);
	if (!f->l3)
		return ESL_SHORT_FRAME;
	if (!esl_mac_equal(f->eth->dst, port_of(f)->cluster_mac))
		return other_door(ctx, f);
	if (f->type == esl_htons(ESL_ETHERTYPE_ARP))
		return arp(f);
	return is_ip(f) ? cluster_ip(ctx) : ESL_NOT_IP;
}

/* type: of what is at f->l3; a constant where the caller knows. */
static __always_inline int simple_ip(struct xdp_md *ctx, struct frame *f, __be16 type)
{
	struct esl_tables tables = { .ctx = ctx, .here = type == esl_htons(ESL_ETHERTYPE_IPV4) };
	struct esl_packet p;
	int reason;

	if (!esl_read_simple(f->l3, f->end, type, &p))
		return 0;
	reason = esl_decide_simple(f->config, f->role, &p, &tables);
	f->len = f->end - (void *)f->eth;
	if (!is_owned(reason))
		return reason;
	f->l3_offset = f->l3 - (void *)f->eth;
	/* The rest may lie in further buffers; asking costs 5 ns. */
	if (f->l3_offset + p.len > f->len)
		f->len = bpf_xdp_get_buff_len(ctx);
	return take(f, &p, reason);
}

/* role: of the NIC, a constant. */
static __always_inline int simple_side(struct xdp_md *ctx, struct frame *f, __u32 role)
{
	__be16 type;

	if (!esl_mac_equal_wide(f->eth->dst, f->config->port[role].cluster_mac))
		return 0;
	f->role = role;
	f->l3 = f->eth + 1;
	/* Code of its own for what is most of the traffic. */
	if (f->eth->type == esl_htons(ESL_ETHERTYPE_IPV4))
		return simple_ip(ctx, f, esl_htons(ESL_ETHERTYPE_IPV4));
	f->l3 = (void *)esl_find_l3(f->eth, f->end, &type);
	return f->l3 ? simple_ip(ctx, f, type) : 0;
}

/*
 * The short way, for whole packets without options: a verdict as take() returns
 * it, or 0 where the frame needs a closer look.
 */
static __always_inline int simple(struct xdp_md *ctx, struct frame *f)
{
	const struct esl_config *c = f->config;
	__u32 ifindex = ctx->ingress_ifindex;

	if ((void *)(f->eth + 1) > f->end)
		return 0;
	/* Each side by code of its own. Without a configuration no NIC is one. */
	if (ifindex == c->port[ESL_OUTSIDE].ifindex)
		return simple_side(ctx, f, ESL_OUTSIDE);
	return ifindex == c->port[ESL_INSIDE].ifindex ? simple_side(ctx, f, ESL_INSIDE) : 0;
}

#endif
