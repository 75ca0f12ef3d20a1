// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What the harness itself costs: everything else is measured over this. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("xdp")
int bench_drop(struct xdp_md *ctx)
{
	(void)ctx;
	return XDP_DROP;
}
