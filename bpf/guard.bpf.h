/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The guard, TC egress: may this number leave?  (invariants I1 and I4)
 *
 * It runs in two places.  nftables sends the cluster's ESP from the outside
 * NIC to the gate, a dummy device; the guard there tests the number, stamps
 * the packet and redirects it to the outside NIC, whose own guard lets a
 * stamped packet go.  Either one alone tests every number: whichever of gate,
 * rules or clsact an administrator removes, nothing leaves untested.
 */
#ifndef ESPALIER_GUARD_BPF_H
#define ESPALIER_GUARD_BPF_H

#include <espalier/abi.h>

#include "maps.bpf.h"

/* A drop is told at most once in a millisecond per SA. */
#define EVENT_GAP_NS 1000000ULL

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
	struct esl_sa_key key = esl_sa_key(p);
	const struct esl_sa_out *sa = bpf_map_lookup_elem(&espalier_sa_out, &key);
	struct esl_guard *g;
	__u32 index;
	__u64 seq;
	int reason;

	if (!sa)
		return ESL_G_SA_UNKNOWN;
	index = sa->index;
	g = bpf_map_lookup_elem(&espalier_guard, &index);
	if (!g)
		return ESL_G_SA_UNKNOWN;
	reason = esl_guard_check(g, &sa->lanes, sa->lane, sa->esn, p->seq, segments, &seq);
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
	return saddr && (saddr == c->port[ESL_INSIDE].cluster_addr ||
			 saddr == c->port[ESL_OUTSIDE].cluster_addr);
}

/* Returns a reason, or -1 for a packet that is not the cluster's. */
static __always_inline int guard(struct __sk_buff *skb, const struct esl_config *c,
				 const struct esl_live *live)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct esl_packet p = {};
	__u32 segments = skb->gso_segs ? skb->gso_segs : 1;
	__u64 now;
	int reason;

	if (skb->protocol != esl_htons(ESL_ETHERTYPE_IPV4))
		return -1;
	reason = esl_parse_ipv4(data + ESL_ETH_LEN, end, &p);
	if (reason && !from_cluster(c, p.saddr))
		return p.saddr ? -1 : ESL_G_MALFORMED;
	if (!from_cluster(c, p.saddr))
		return -1;
	if (reason)
		return ESL_G_MALFORMED;
	now = bpf_ktime_get_boot_ns();
	if (now >= esl_load(&live->deadline_ns))
		return ESL_G_DEADLINE;
	if (p.protocol == ESL_IPPROTO_AH ||
	    (p.protocol == ESL_IPPROTO_UDP && p.sport == ESL_PORT_NATT && !p.natt_marker))
		return ESL_G_UNSUPPORTED;
	if (p.protocol != ESL_IPPROTO_ESP)
		return ESL_G_PLAIN;
	if (skb->tc_index == ESL_STAMP && skb->ifindex == c->port[ESL_OUTSIDE].ifindex)
		return ESL_G_SECOND;
	return guard_ipsec(&p, segments, now);
}

#endif
