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

static __always_inline int verdict_of(int reason)
{
	switch (reason) {
#define X(symbol, name, verdict, sentence) case ESL_##symbol: return ESL_##verdict;
	ESL_REASONS(X)
#undef X
	}
	return ESL_DROP;
}

SEC("xdp")
int espalier_xdp(struct xdp_md *ctx)
{
	struct frame f = {
		.data = (void *)(long)ctx->data,
		.end = (void *)(long)ctx->data_end,
		.config = esl_config(),
		.live = esl_live(),
	};
	__u64 bytes = f.end - f.data;
	int reason, verdict;

	if (!f.config || !f.live)
		return XDP_ABORTED;
	if (!f.config->abi) {
		reason = ESL_INERT;
	} else {
		__u32 ifindex = ctx->ingress_ifindex;

		f.role = ESL_ROLES;
		if (ifindex == f.config->port[ESL_OUTSIDE].ifindex)
			f.role = ESL_OUTSIDE;
		else if (ifindex == f.config->port[ESL_INSIDE].ifindex)
			f.role = ESL_INSIDE;
		reason = f.role == ESL_ROLES ? ESL_INERT : inspect(&f);
	}
	esl_count(reason, bytes);
	verdict = verdict_of(reason);
	return verdict == ESL_STACK || verdict == ESL_OWN ? XDP_PASS : XDP_DROP;
}

SEC("tc")
int espalier_egress(struct __sk_buff *skb)
{
	const struct esl_config *config = esl_config();
	const struct esl_live *live = esl_live();
	int reason;

	if (!config || !live)
		return TC_ACT_SHOT;
	if (!config->abi)
		return TC_ACT_UNSPEC;
	reason = guard(skb, config, live);
	if (reason < 0)
		return TC_ACT_UNSPEC;
	esl_count(reason, skb->len);
	if (verdict_of(reason) == ESL_DROP)
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
	const __u8 *mac;

	if (!config || (void *)(eth + 1) > end || skb->pkt_type == PACKET_HOST)
		return TC_ACT_UNSPEC;
	mac = skb->ifindex == config->port[ESL_INSIDE].ifindex ? config->port[ESL_INSIDE].mac :
								 config->port[ESL_OUTSIDE].mac;
	if (esl_mac_equal(eth->dst, mac))
		bpf_skb_change_type(skb, PACKET_HOST);
	return TC_ACT_UNSPEC;
}
