// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Espalier's programs: one XDP entry for both NICs, the guard at TC egress,
 * and a TC ingress helper for virtual NICs.  See xdp.bpf.h and guard.bpf.h for
 * the packet's way and include/espalier/abi.h for the maps.
 *
 * No constant of a member is compiled in or set at load time: an object loaded
 * by plain xdp-loader has a zeroed configuration and lets everything pass.
 */
#include <linux/bpf.h>
#include <linux/if_packet.h>
#include <linux/pkt_cls.h>

#include "guard.bpf.h"
#include "maps.bpf.h"
#include "xdp.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Bit r is set where reason r lets the packet go on, or sends it back. */
#define X(symbol, name, verdict, sentence) \
	| (ESL_##verdict == ESL_STACK || ESL_##verdict == ESL_OWN ? 1ULL << ESL_##symbol : 0)
static const __u64 pass_mask = 0 ESL_REASONS(X);
#undef X
#define X(symbol, name, verdict, sentence) | (ESL_##verdict == ESL_ANSWER ? 1ULL << ESL_##symbol : 0)
static const __u64 answer_mask = 0 ESL_REASONS(X);
#undef X

static __always_inline bool passes(int reason)
{
	return is_in(pass_mask, reason);
}

static __always_inline int action(int verdict)
{
	__u32 cpu = (__u32)verdict >> 16;
	int reason = verdict & 0xffff;

	if (is_in(answer_mask, reason))
		return XDP_TX;
	if (!passes(reason))
		return XDP_DROP;
	return cpu ? bpf_redirect_map(&espalier_cpus, cpu - 1, XDP_PASS) : XDP_PASS;
}

/* A global function: the verifier looks at it once, and the short way keeps its
 * registers. */
__attribute__((noinline)) int espalier_closer(struct xdp_md *ctx)
{
	struct frame f;
	int verdict;

	if (frame_of(ctx, &f))
		verdict = inspect(ctx, &f);
	else
		verdict = f.role == ESL_ROLES ? ESL_INERT : ESL_SHORT_FRAME;
	esl_count(verdict & 0xffff, f.len);
	return action(verdict);
}

/* "frags": a jumbo frame lies in several buffers, all headers in the first. */
SEC("xdp.frags")
int espalier_xdp(struct xdp_md *ctx)
{
	struct frame f = {
		.eth = (void *)(long)ctx->data,
		.end = (void *)(long)ctx->data_end,
		.config = esl_config(),
	};
	int verdict;

	if (!f.config)
		return XDP_ABORTED;
	verdict = simple(ctx, &f);
	if (!verdict)
		return espalier_closer(ctx);
	if (is_foreign(verdict)) {
		esl_count(verdict, f.len);
		return XDP_DROP;
	}
	esl_count(verdict & 0xffff, f.len);
	return action(verdict);
}

SEC("tc")
int espalier_egress(struct __sk_buff *skb)
{
	const struct esl_config *config = esl_config();
	int reason;

	if (!config)
		return TC_ACT_SHOT;
	if (!config->abi)
		return TC_ACT_UNSPEC;
	reason = guard(skb);
	if (reason < 0)
		return TC_ACT_UNSPEC;
	esl_count(reason, skb->len);
	if (!passes(reason))
		return TC_ACT_SHOT;
	if (config->gate_ifindex && skb->ifindex == config->gate_ifindex) {
		skb->tc_index = ESL_STAMP;
		return bpf_redirect(config->port[ESL_OUTSIDE].ifindex, 0);
	}
	if (reason == ESL_G_SECOND)
		skb->tc_index = 0;
	return TC_ACT_UNSPEC;
}

/*
 * A virtual NIC with native XDP types a frame before the program runs, so a
 * frame moved from the cluster MAC to the NIC's own would stay
 * PACKET_MULTICAST and ip_forward() would drop it.  Drivers of real NICs build
 * the packet afterwards; only for veth the loader attaches this to ingress.
 */
SEC("tc")
int espalier_retype(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	const struct esl_config *config = esl_config();
	const struct esl_eth *eth = data;
	__u32 role;

	if (!config || (void *)(eth + 1) > end || skb->pkt_type == PACKET_HOST)
		return TC_ACT_UNSPEC;
	role = role_of(config, skb->ifindex);
	if ((role == ESL_INSIDE && esl_mac_equal(eth->dst, config->port[ESL_INSIDE].mac)) ||
	    (role == ESL_OUTSIDE && esl_mac_equal(eth->dst, config->port[ESL_OUTSIDE].mac)))
		bpf_skb_change_type(skb, PACKET_HOST);
	return TC_ACT_UNSPEC;
}
