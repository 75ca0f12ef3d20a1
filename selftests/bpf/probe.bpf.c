// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What stands before and behind the programs on a device: see devices.c. */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "probe.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct probe);
} probe_map SEC(".maps");

/* Behind espalier_retype: notes what the stack would be given. */
SEC("tc")
int probe_note(struct __sk_buff *skb)
{
	__u32 zero = 0;
	struct probe *p = bpf_map_lookup_elem(&probe_map, &zero);

	/* Ignore what the kernel itself sends on a new device. */
	if (!p || skb->len != PROBE_LEN)
		return TC_ACT_SHOT;
	p->pkt_type = skb->pkt_type;
	bpf_skb_load_bytes(skb, 0, p->dst, sizeof(p->dst));
	p->count++;
	return TC_ACT_SHOT;
}

/* Before the guard: puts a tag where the kernel keeps the first one, beside the frame. */
SEC("tc")
int probe_tag(struct __sk_buff *skb)
{
	return bpf_skb_vlan_push(skb, bpf_htons(0x8100), 7) ? TC_ACT_SHOT : TC_ACT_UNSPEC;
}
