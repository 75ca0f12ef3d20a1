// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* For the far end of a cable: without a program there a veth takes no frame
 * that XDP_TX sends. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("xdp.frags")
int pass(struct xdp_md *ctx)
{
	(void)ctx;
	return XDP_PASS;
}
