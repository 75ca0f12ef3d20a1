/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The guard, TC egress: may this number leave?  (invariants I1 and I4)
 *
 * It runs in two places.  nftables sends the cluster's ESP from the outside
 * NIC to the gate, a dummy device; the guard there tests the number, stamps
 * the packet and redirects it to the outside NIC, whose own guard lets a
 * stamped packet go.  Either one alone tests every number: whichever of gate,
 * rules or clsact an administrator removes, nothing leaves untested.
 *
 * The address decides: a packet from a cluster address leaves only by a
 * reason, and no other packet is ever dropped.
 */
#ifndef ESPALIER_GUARD_BPF_H
#define ESPALIER_GUARD_BPF_H

#include <espalier/decide.h>

#include "maps.bpf.h"

/* A drop is told at most once in a millisecond per SA. */
#define EVENT_GAP_NS 1000000ULL

#define VLAN_TAGS 2
/* All that is ever read: Ethernet, the tags, the longest IPv4 header, three words. */
#define GUARD_HEADERS (ESL_ETH_LEN + 4 * VLAN_TAGS + 60 + 12)

static __always_inline void tell(__u32 index, __u16 kind, __u16 reason, __u64 seq)
{
	struct esl_event e = { .seq = seq, .index = index, .kind = kind, .reason = reason };

	bpf_ringbuf_output(&espalier_events, &e, sizeof(e), 0);
}

static __always_inline void tell_drop(struct esl_guard *g, __u32 index, int reason, __u64 seq,
				      __u64 now)
{
	__u64 before = esl_load(&g->event_ns);

	if (now - before < EVENT_GAP_NS || esl_cas(&g->event_ns, before, now) != before)
		return;
	tell(index, ESL_EVENT_DROP, (__u16)reason, seq);
}

/* Count what passed and tell the agent when half of the block is used. */
static __always_inline void passed(struct esl_guard *g, const struct esl_sa_out *sa, __u64 seq,
				   __u32 count)
{
	__u64 half = esl_block_size(&sa->lanes) / 2;
	__u64 offset = (seq - 1) & (esl_block_size(&sa->lanes) - 1);

	__sync_fetch_and_add(&g->passed, count);
	if (seq + count - 1 > esl_load(&g->top))
		esl_store(&g->top, seq + count - 1);
	if (offset <= half && offset + count > half)
		tell(sa->index, ESL_EVENT_HALF, ESL_G_PASS, seq);
}

static __always_inline int guard_esp(const struct esl_packet *p, __u32 segments, __u64 now)
{
	const __u32 *w = esl_l4(p, 2);
	const struct esl_sa_out *sa;
	struct esl_sa_key key;
	struct esl_guard *g;
	__u32 index, low;
	__u64 seq;
	int reason;

	if (!w)
		return ESL_G_MALFORMED;
	low = esl_ntohl(w[1]);
	key = esl_sa_key(p, esl_ntohl(w[0]));
	sa = bpf_map_lookup_elem(&espalier_sa_out, &key);
	if (!sa)
		return ESL_G_SA_UNKNOWN;
	index = sa->index;
	g = bpf_map_lookup_elem(&espalier_guard, &index);
	if (!g)
		return ESL_G_SA_UNKNOWN;
	reason = esl_guard_check(g, &sa->lanes, sa->lane, sa->esn, low, segments, &seq);
	if (reason == ESL_G_PASS)
		passed(g, sa, seq, segments);
	else
		tell_drop(g, index, reason, seq, now);
	return reason;
}

/* ESP with its number, or a part of it that came after. */
static __always_inline int guard_ipsec(const struct esl_packet *p, __u32 segments, __u64 now)
{
	struct esl_frag_key key = esl_frag_key(p);
	__u32 one = 1;
	int reason;

	if (p->later_fragment)
		return bpf_map_lookup_elem(&espalier_frag_out, &key) ? ESL_G_FRAGMENT :
								       ESL_G_FRAGMENT_UNKNOWN;
	reason = guard_esp(p, segments, now);
	if (!p->fragment)
		return reason;
	if (reason == ESL_G_PASS)
		bpf_map_update_elem(&espalier_frag_out, &key, &one, BPF_ANY);
	else
		bpf_map_delete_elem(&espalier_frag_out, &key);
	return reason;
}

static __always_inline bool from_cluster(const struct esl_config *c, __be32 saddr)
{
	return saddr && esl_is_cluster_addr(c, saddr);
}

/*
 * The IPv4 header behind at most two tags that stand in the frame; a tag that
 * the skb carries beside the frame hides nothing.  What the frame says counts,
 * not skb->protocol, which a packet socket may set as it likes.  NULL: no
 * IPv4.  No other protocol has a cluster address, and IPv4 inside something
 * else (MPLS, PPPoE, a third tag) is out of scope: no route of a member may
 * lead there.
 */
static __always_inline const struct esl_ipv4 *find_ipv4(const void *data, const void *end)
{
	const __be16 *type = data + offsetof(struct esl_eth, type);

	ESL_UNROLL
	for (int i = 0; i <= VLAN_TAGS; i++, type += 2) {
		if ((const void *)(type + 1) > end)
			return NULL;
		if (*type == esl_htons(ESL_ETHERTYPE_IPV4))
			return (const void *)(type + 1);
		if (*type != esl_htons(ESL_ETHERTYPE_VLAN) && *type != esl_htons(ESL_ETHERTYPE_QINQ))
			return NULL;
	}
	return NULL;
}

/* Returns a reason, or -1 for a packet that is not the cluster's. */
static __always_inline int guard(struct __sk_buff *skb, const struct esl_config *c)
{
	__u32 segments = skb->gso_size ? skb->gso_segs : 1, ihl;
	const struct esl_ipv4 *ip;
	struct esl_packet p;
	void *data, *end;
	__u64 now;

	data = (void *)(long)skb->data;
	end = (void *)(long)skb->data_end;
	if (data + GUARD_HEADERS > end) {
		/* Headers may lie in fragments of the skb. */
		bpf_skb_pull_data(skb, skb->len < GUARD_HEADERS ? skb->len : GUARD_HEADERS);
		data = (void *)(long)skb->data;
		end = (void *)(long)skb->data_end;
	}
	ip = find_ipv4(data, end);
	if (!ip || (void *)(ip + 1) > end || !from_cluster(c, ip->saddr))
		return -1;

	ihl = (ip->version_ihl & 0xf) * 4;
	esl_read_ipv4(ip, ihl, end, &p);
	/* With segments still to be cut the total length may be stale or 0. */
	if (skb->gso_size)
		p.l4_len = skb->len;
	else if (p.tot_len < ihl)
		return ESL_G_MALFORMED;
	if ((ip->version_ihl & 0xf0) != 0x40 || ihl < sizeof(*ip))
		return ESL_G_MALFORMED;
	now = bpf_ktime_get_boot_ns();
	if (!deadline_holds(c, now))
		return ESL_G_DEADLINE;
	if (p.protocol == ESL_IPPROTO_AH || esl_is_natt_from(&p))
		return ESL_G_UNSUPPORTED;
	if (p.protocol != ESL_IPPROTO_ESP)
		return ESL_G_PLAIN;
	if (skb->tc_index == ESL_STAMP && skb->ifindex == c->port[ESL_OUTSIDE].ifindex)
		return ESL_G_SECOND;
	return guard_ipsec(&p, segments, now);
}

#endif
