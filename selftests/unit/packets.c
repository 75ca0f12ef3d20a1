// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <string.h>

#include "packets.h"

const struct esl_hash_key test_key = {
	.word = { 0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0, 0x082efa98, 0xec4e6c89,
		  0x452821e6, 0x38d01377, 0xbe5466cf, 0x34e90c6c },
};

__u32 ip_build(__u8 *packet, const struct ip_spec *s)
{
	__u8 version = s->version ? s->version & 15 : 4;
	__u8 ihl = s->ihl ? s->ihl & 15 : 5;
	__u32 head = ihl > 5 ? ihl * 4u : 20;
	struct esl_ipv4 ip = {
		.version_ihl = (__u8)(version << 4 | ihl),
		.tos = s->tos,
		.tot_len = htons(s->tot_len ? s->tot_len : (__u16)(head + s->l4_len)),
		.id = htons(s->id),
		.frag = htons(s->frag),
		.ttl = s->ttl,
		.protocol = s->protocol,
		.check = s->check,
		.saddr = htonl(s->saddr),
		.daddr = htonl(s->daddr ? s->daddr : CLUSTER_OUT),
	};

	memset(packet, 1, head);
	memcpy(packet, &ip, sizeof(ip));
	if (s->l4)
		memcpy(packet + head, s->l4, s->l4_len);
	else
		for (__u32 i = 0; i < s->l4_len; i++)
			packet[head + i] = (__u8)(0x20 + i);
	return head + s->l4_len;
}

int decide_for(const struct esl_packet *p, __u32 member, __u32 count, int inside)
{
	static struct esl_config config;
	static struct esl_live live[ESL_MEMBERS_MAX + 1];
	static const __u8 ids[ESL_MEMBERS_MAX] = { 0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
						   16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31 };

	config.abi = ESL_ABI_VERSION;
	config.member = member;
	config.key = test_key;
	config.port[ESL_OUTSIDE].cluster_addr = htonl(CLUSTER_OUT);
	config.port[ESL_INSIDE].cluster_addr = htonl(CLUSTER_IN);
	if (!live[count].deadline_ns) {
		live[count].deadline_ns = 1;
		esl_slots_fill(&live[count].slots[0], ids, count);
	}
	live[count].leader = member == 0;
	return esl_decide_cluster(&config, &live[count], inside ? ESL_INSIDE : ESL_OUTSIDE, p);
}
