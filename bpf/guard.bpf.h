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

#include "frame.bpf.h"

/* A drop is told at most once in a millisecond per SA. */
#define EVENT_GAP_NS 1000000ULL

/* All that is read: Ethernet, the tags, the longest IPv4 header or IPv6 with an
 * ordinary chain, six words. What is longer is malformed here. */
#define GUARD_HEADERS (ESL_ETH_LEN + ESL_VLAN_TAGS * ESL_VLAN_LEN + 40 + 64 + 24)

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

static __always_inline bool uses_up_to(__u64 offset, __u32 count, __u64 mark)
{
	return offset <= mark && offset + count > mark;
}

/* Count what passed and tell the agent when a quarter, and when half, of the block is used. */
static __always_inline void passed(struct esl_guard *g, const struct esl_sa_out *sa, __u64 seq,
				   __u32 count)
{
	__u64 size = esl_block_size(&sa->lanes), offset = (seq - 1) & (size - 1);

	__sync_fetch_and_add(&g->passed, count);
	if (seq + count - 1 > esl_load(&g->top))
		esl_store(&g->top, seq + count - 1);
	if (uses_up_to(offset, count, size / 4) || uses_up_to(offset, count, size / 2))
		tell(sa->index, ESL_EVENT_USED, ESL_G_PASS, seq + count - 1);
}

/* IV XOR number. w: SPI, number and IV as on the wire. False: the packet ends before. */
static __always_inline bool read_salt(const struct esl_packet *p, const __u32 *w, __u64 seq, __u64 *salt)
{
	if ((const void *)(w + 4) > p->end)
		return false;
	*salt = ((__u64)esl_ntohl(w[2]) << 32 | esl_ntohl(w[3])) ^ seq;
	return true;
}

/* The IV does not belong to a transform that was compared: nothing of it is marked as left. */
static __always_inline int refused(struct esl_guard *g, __u32 index, const __u64 *salt, __u64 now)
{
	__u64 before = esl_load(&g->event_ns);

	if (salt && now - before >= EVENT_GAP_NS && esl_cas(&g->event_ns, before, now) == before)
		tell(index, ESL_EVENT_SALT, ESL_G_IV, *salt);
	return ESL_G_IV;
}

/*
 * w: SPI and number as on the wire.  probe: it only tells its salt.  Where ESP is
 * offloaded, in software too, the IV is written behind this point: then two probes
 * do not tell the same, and the agent asks nothing of the IV.
 */
static __always_inline int guard_number(const struct esl_packet *p, enum esl_kind kind, const __u32 *w,
					__u32 segments, bool probe, __u64 now)
{
	__u32 protocol = kind == ESL_KIND_AH ? ESL_IPPROTO_AH : ESL_IPPROTO_ESP;
	const struct esl_sa_out *sa;
	struct esl_sa_key key;
	struct esl_guard *g;
	__u64 seq, salt = 0;
	__u32 index, low;
	bool known;
	int reason;

	low = esl_ntohl(w[1]);
	key = esl_sa_key(p, esl_ntohl(w[0]), protocol);
	sa = bpf_map_lookup_elem(&espalier_sa_out, &key);
	if (!sa)
		return ESL_G_SA_UNKNOWN;
	index = sa->index;
	g = bpf_map_lookup_elem(&espalier_guard, &index);
	if (!g)
		return ESL_G_SA_UNKNOWN;
	known = read_salt(p, w, esl_guard_number(g, sa->esn, low), &salt);
	if (probe) {
		if (known)
			tell(index, ESL_EVENT_SALT, ESL_G_PROBE, salt);
		return ESL_G_PROBE;
	}
	if (esl_guard_iv(g, known ? &salt : NULL) != ESL_G_PASS)
		return refused(g, index, known ? &salt : NULL, now);
	reason = esl_guard_check(g, &sa->lanes, sa->lane, sa->esn, low, segments, &seq);
	if (reason == ESL_G_PASS)
		passed(g, sa, seq, segments);
	else
		tell_drop(g, index, reason, seq, now);
	return reason;
}

/* segments: still to be cut, or 0. */
static __always_inline int guard_whole(const struct esl_packet *p, __u32 segments, bool probe, __u64 now)
{
	enum esl_kind kind = esl_kind_of(p, false);
	const __u32 *w;

	if (kind == ESL_KIND_BAD_UDP)
		return ESL_G_MALFORMED;
	if (!esl_is_ipsec(kind))
		return ESL_G_PLAIN;
	w = esl_spi_seq(p, kind);
	return w ? guard_number(p, kind, w, segments ? segments : 1, probe, now) : ESL_G_MALFORMED;
}

/* A later part leaves only after its first: it may carry what that one was
 * refused for. */
static __always_inline int guard_fragment(const struct esl_packet *p, __u32 segments, __u64 now)
{
	struct esl_frag_key key = esl_frag_key(p);
	__u32 one = 1;
	int reason;

	if (p->later_fragment)
		return bpf_map_lookup_elem(&espalier_frag_out, &key) ? ESL_G_FRAGMENT :
								       ESL_G_FRAGMENT_UNKNOWN;
	reason = guard_whole(p, segments, false, now);
	if (reason == ESL_G_PASS || reason == ESL_G_PLAIN)
		bpf_map_update_elem(&espalier_frag_out, &key, &one, BPF_ANY);
	else
		bpf_map_delete_elem(&espalier_frag_out, &key);
	return reason;
}

/* The IP packet in a frame that leaves. Returns 0, a reason, or -1: none, or not
 * even its fixed header. */
__attribute__((noinline)) int espalier_parse_egress(struct __sk_buff *skb, struct parsed *h)
{
	const void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	const void *l3;
	__be16 type;

	if (!h || data + ESL_ETH_LEN > end)
		return -1;
	l3 = esl_find_l3(data, end, &type);
	if (!l3)
		return -1;
	if (type == esl_htons(ESL_ETHERTYPE_IPV4) && l3 + sizeof(struct esl_ipv4) <= end) {
		__u8 version_ihl = *(const __u8 *)l3;
		int reason = parse_frame(data, end, l3, type, h);

		/* With segments still to be cut the total length may be stale or 0. */
		return skb->gso_size && version_ihl >= 0x45 && version_ihl <= 0x4f ? 0 : reason;
	}
	if (type == esl_htons(ESL_ETHERTYPE_IPV6) && l3 + sizeof(struct esl_ipv6) <= end)
		return parse_frame(data, end, l3, type, h);
	return -1;
}

/*
 * bad: what espalier_parse_egress() said of h.  What the frame says counts, not
 * skb->protocol, which a packet socket may set as it likes; a tag that the skb
 * carries beside the frame hides nothing.  IP inside something else (MPLS,
 * PPPoE, a third tag) is out of scope: no route of a member may lead there.
 * Returns a reason, or -1 for a packet that is not the cluster's.
 */
__attribute__((noinline)) int espalier_guarded(struct __sk_buff *skb, const struct parsed *h, __u32 bad)
{
	/* Read here: the compiler would later read them by a moved ctx pointer. */
	__u32 segments = 0, len = skb->len, priority = skb->priority;
	bool second = skb->tc_index == ESL_STAMP;
	const struct esl_config *c = esl_config();
	struct esl_packet p;
	bool probe;
	int reason;
	__u64 now;

	if (skb->gso_size)
		segments = skb->gso_segs ? skb->gso_segs : ESL_GUARD_SEGMENTS + 1;
	esl_settle(segments);
	esl_settle(len);
	esl_settle(priority);
	second = second && c && skb->ifindex == c->port[ESL_OUTSIDE].ifindex;
	if (!c || !h || !unparse(h, (void *)(long)skb->data, (void *)(long)skb->data_end, &p) ||
	    !esl_is_from_cluster(c, &p))
		return -1;
	if (bad)
		return ESL_G_MALFORMED;
	if (segments)
		p.l4_len = len;
	now = bpf_ktime_get_boot_ns();
	/* A probe tells its salt before the deadline holds, too. */
	probe = priority == ESL_PROBE_PRIORITY;
	if (!probe && !deadline_holds(c, now))
		return ESL_G_DEADLINE;
	if (!probe && second)
		return ESL_G_SECOND;
	if (p.fragment && esl_first_decides(&p))
		return probe ? ESL_G_PROBE : guard_fragment(&p, segments, now);
	reason = guard_whole(&p, segments, probe, now);
	return probe ? ESL_G_PROBE : reason;
}

static __always_inline int guard(struct __sk_buff *skb)
{
	struct parsed h = {};
	int bad;

	/* Headers may lie in fragments of the skb. */
	if ((long)skb->data + GUARD_HEADERS > (long)skb->data_end)
		bpf_skb_pull_data(skb, skb->len < GUARD_HEADERS ? skb->len : GUARD_HEADERS);
	bad = espalier_parse_egress(skb, &h);
	return bad < 0 ? -1 : espalier_guarded(skb, &h, bad);
}

#endif
