/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * ARP and neighbour solicitations for a cluster address: dropped by all but
 * the leader, which sends them back as replies, or leaves to its agent what
 * cannot be answered in place.
 */
#ifndef ESPALIER_NEIGHBOUR_BPF_H
#define ESPALIER_NEIGHBOUR_BPF_H

#include <espalier/neighbour.h>

#include "frame.bpf.h"

static __always_inline bool may_answer(const struct frame *f)
{
	return f->config->leader && deadline_holds(f->config, bpf_ktime_get_boot_ns());
}

static __always_inline int arp(const struct frame *f)
{
	struct esl_arp *a = f->l3;

	if ((void *)(a + 1) > f->end)
		return ESL_SHORT_FRAME;
	if (!esl_is_cluster_ipv4(f->config, a->tpa))
		return ESL_ARP;
	if (!may_answer(f))
		return ESL_ARP_OTHER;
	return port_of(f)->answer && esl_arp_answer(port_of(f), f->eth, a) ? ESL_ARP_ANSWERED : ESL_ARP_LEADER;
}

/* A frame with a neighbour solicitation for a cluster address. */
__attribute__((noinline)) int espalier_solicitation(struct xdp_md *ctx)
{
	struct frame f;
	struct esl_ipv6 *ip;
	struct esl_nd *nd;

	if (!frame_of(ctx, &f) || !may_answer(&f))
		return ESL_ND_OTHER;
	ip = (void *)esl_find_l3(f.eth, f.end, &f.type);
	nd = (void *)(ip + 1);
	if (!ip || (void *)(nd + 1) > f.end || !port_of(&f)->answer ||
	    !esl_nd_answerable(port_of(&f), ip, nd))
		return ESL_ND_LEADER;
	esl_nd_answer(port_of(&f), f.eth, ip, nd);
	return ESL_ND_ANSWERED;
}

/* Multicast IPv6: a solicitation for a cluster address, or not the cluster's. */
static __always_inline int group_ipv6(struct xdp_md *ctx)
{
	const struct esl_config *config = esl_config();
	const struct esl_addr *target;
	struct parsed h = {};
	struct esl_packet p;

	if (espalier_parse(ctx, &h) || h.family != 6 ||
	    !unparse(&h, (void *)(long)ctx->data, (void *)(long)ctx->data_end, &p) ||
	    esl_kind_of(&p, true) != ESL_KIND_NS)
		return ESL_GROUP;
	target = (const void *)(p.l4 + 8);
	if (!config || (const void *)(target + 1) > p.end || !esl_is_cluster_ipv6(config, target))
		return ESL_GROUP;
	return espalier_solicitation(ctx);
}

#endif
