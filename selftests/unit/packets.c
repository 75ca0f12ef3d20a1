// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <string.h>

#include "packets.h"

const struct esl_hash_key test_key = {
	.word = { 0x243f6a8885a308d3, 0x13198a2e03707345, 0xa4093822299f31d1 },
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

const struct esl_config *config_for(__u32 member, __u32 count)
{
	static struct esl_config configs[ESL_MEMBERS_MAX + 1];
	static const __u8 ids[ESL_MEMBERS_MAX] = { 0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
						   16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31 };
	struct esl_config *c = &configs[count];

	if (!c->abi) {
		c->abi = ESL_ABI_VERSION;
		c->key = test_key;
		c->port[ESL_OUTSIDE].cluster_addr = htonl(CLUSTER_OUT);
		c->port[ESL_INSIDE].cluster_addr = htonl(CLUSTER_IN);
		esl_slots_fill(&c->slots[0], ids, count);
	}
	c->member = member;
	c->leader = member == 0;
	return c;
}

int decide_for(const struct esl_packet *p, __u32 member, __u32 count, int inside)
{
	return esl_decide_cluster(config_for(member, count), inside ? ESL_INSIDE : ESL_OUTSIDE, p);
}
