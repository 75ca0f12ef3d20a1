/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One frame at one of the member's NICs, and what its headers say.
 *
 * The programs are cut into global functions, each of which the verifier looks
 * at once: what one hands to the next are plain numbers, so that the ways
 * through one do not multiply with those through the next.
 */
#ifndef ESPALIER_FRAME_BPF_H
#define ESPALIER_FRAME_BPF_H

#include "maps.bpf.h"

struct frame {
	struct esl_eth *eth;
	void *l3;		/* behind at most two tags */
	void *end;		/* of the linear part */
	const struct esl_config *config;
	__u32 role;
	__u32 len;		/* of the frame in bytes; of one dropped at once, of its first buffer */
	__u32 l3_offset;	/* the same as l3, where there is an IP packet */
	__be16 type;		/* of what l3 is */
};

/* struct esl_packet with offsets from the start of the frame. */
struct parsed {
	__u32 l3;
	__u32 addr;
	__u32 l4;
	__u32 len;
	__u32 l4_len;
	__be32 id;
	__u32 family;
	__u32 protocol;
	__u32 options;
	__u32 fragment;
	__u32 later_fragment;
};

/* type: of what is at l3. Returns 0 or a reason; *h is filled, with what is
 * right of the addresses, where the fixed header was there. */
static __always_inline int parse_frame(const void *data, const void *end, const void *l3, __be16 type,
				       struct parsed *h)
{
	struct esl_packet p;
	int reason;

	if (type == esl_htons(ESL_ETHERTYPE_IPV4)) {
		if (l3 + sizeof(struct esl_ipv4) > end)
			return ESL_SHORT_FRAME;
		reason = esl_parse_ipv4(l3, end, &p);
	} else {
		if (l3 + sizeof(struct esl_ipv6) > end)
			return ESL_SHORT_FRAME;
		reason = esl_parse_ipv6(l3, end, &p);
	}
	h->l3 = l3 - data;
	h->addr = (const void *)p.addr - data;
	h->l4 = (const void *)p.l4 - data;
	h->len = p.len;
	h->l4_len = p.l4_len;
	h->id = p.id;
	h->family = p.family;
	h->protocol = p.protocol;
	h->options = p.options;
	h->fragment = p.fragment;
	h->later_fragment = p.later_fragment;
	return reason;
}

/* Masks that no offset exceeds: Ethernet, two tags, 12; and the longest chain. */
#define ADDR_MASK 0x3f
#define L4_MASK 0x3fff

/* False, which does not happen: the addresses are not within the frame. */
static __always_inline bool unparse(const struct parsed *h, const void *data, const void *end,
				    struct esl_packet *p)
{
	__u32 family = h->family == 6 ? 6 : 4;

	/* One choice, on which all that follows depends: of two tests the
	 * verifier would not know that they agree. */
	esl_settle(family);
	p->addr = data + (h->addr & ADDR_MASK);
	p->l4 = data + (h->l4 & L4_MASK);
	p->end = end;
	p->len = h->len;
	p->l4_len = h->l4_len;
	p->l4_sure = 0;
	p->id = h->id;
	p->family = family;
	p->protocol = h->protocol;
	p->options = h->options;
	p->fragment = h->fragment;
	p->later_fragment = h->later_fragment;
	/* Twice 4 or twice 16 bytes. */
	return (const void *)(p->addr + (12 * family - 40)) <= end;
}

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

/* False: not one of the cluster's, or cut short. l3 and type are not set. */
static __always_inline bool frame_of(struct xdp_md *ctx, struct frame *f)
{
	f->config = esl_config();
	f->eth = (void *)(long)ctx->data;
	f->end = (void *)(long)ctx->data_end;
	f->len = bpf_xdp_get_buff_len(ctx);
	if (!f->config)
		return false;
	f->role = role_of(f->config, ctx->ingress_ifindex);
	return f->role != ESL_ROLES && (void *)(f->eth + 1) <= f->end;
}

/* The IP packet in a frame. Returns 0 or a reason. */
__attribute__((noinline)) int espalier_parse(struct xdp_md *ctx, struct parsed *h)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	const void *l3;
	__be16 type;

	if (!h || data + ESL_ETH_LEN > end)
		return ESL_SHORT_FRAME;
	l3 = esl_find_l3(data, end, &type);
	return l3 ? parse_frame(data, end, l3, type, h) : ESL_SHORT_FRAME;
}

#endif
