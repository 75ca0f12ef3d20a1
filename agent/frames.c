// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "frames.h"

#include <string.h>

#define NA_ROUTER 0x80000000
#define NA_OVERRIDE 0x20000000
#define NS_FIXED offsetof(struct esl_nd, option)

static const __u8 everyone[ESL_MAC_LEN] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
static const __u8 all_nodes_mac[ESL_MAC_LEN] = { 0x33, 0x33, 0, 0, 0, 1 };
static const struct esl_addr all_nodes = { .byte = { 0xff, 0x02, [15] = 1 } };

/* A switch must never learn where the cluster MAC is: the source of a frame is
 * the NIC's own. */
void frame_arp(const struct esl_port *port, __u16 operation, struct arp_frame *ret)
{
	*ret = (struct arp_frame){
		.eth = { .type = esl_htons(ESL_ETHERTYPE_ARP) },
		.arp = { .hardware = esl_htons(1),
			 .protocol = esl_htons(ESL_ETHERTYPE_IPV4),
			 .hardware_len = ESL_MAC_LEN,
			 .protocol_len = 4,
			 .operation = esl_htons(operation),
			 .spa = port->cluster_addr,
			 .tpa = port->cluster_addr },
	};
	memcpy(ret->eth.dst, everyone, ESL_MAC_LEN);
	memcpy(ret->eth.src, port->mac, ESL_MAC_LEN);
	memcpy(ret->arp.sha, port->cluster_mac, ESL_MAC_LEN);
	memcpy(ret->arp.tha, everyone, ESL_MAC_LEN);
}

static void advertise(const struct esl_port *port, const __u8 *mac, const struct esl_addr *to, __u32 flags,
		      struct nd_frame *ret)
{
	struct esl_ipv6 ip = {
		.version_class_label = esl_htonl(0x60000000),
		.payload_len = esl_htons(sizeof(struct esl_nd)),
		.next_header = ESL_IPPROTO_ICMPV6,
		.hop_limit = ESL_ND_HOPS,
		.saddr = port->cluster_addr6,
		.daddr = *to,
	};
	struct esl_nd nd = {
		.type = ESL_ICMPV6_NA,
		.flags = esl_htonl(flags),
		.target = port->cluster_addr6,
		.option = ESL_ND_TARGET,
		.option_len = 1,
	};

	memcpy(nd.mac, port->cluster_mac, ESL_MAC_LEN);
	nd.check = esl_nd_check(&ip, &nd);
	memcpy(ret->eth.dst, mac, ESL_MAC_LEN);
	memcpy(ret->eth.src, port->mac, ESL_MAC_LEN);
	ret->eth.type = esl_htons(ESL_ETHERTYPE_IPV6);
	memcpy(&ret->ip, &ip, sizeof(ip));
	memcpy(&ret->nd, &nd, sizeof(nd));
}

void frame_advertisement(const struct esl_port *port, struct nd_frame *ret)
{
	advertise(port, all_nodes_mac, &all_nodes, NA_ROUTER | NA_OVERRIDE, ret);
}

/* RFC 4443 section 2.3, for any length. */
static bool checksum_right(const struct esl_ipv6 *ip, const __u8 *icmp, size_t len)
{
	__u32 sum = (__u32)len + ESL_IPPROTO_ICMPV6;

	for (size_t i = 0; i < sizeof(ip->saddr); i++)
		sum += (__u32)(ip->saddr.byte[i] + ip->daddr.byte[i]) << (i % 2 ? 0 : 8);
	for (size_t i = 0; i < len; i++)
		sum += (__u32)icmp[i] << (i % 2 ? 0 : 8);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return sum == 0xffff;
}

/* The source's link-layer address among the options at o; *ret NULL: none.
 * False where the options are not valid. */
static bool find_source(const __u8 *o, size_t left, const __u8 **ret)
{
	*ret = NULL;
	while (left) {
		size_t len;

		if (left < 8 || !o[1])
			return false;
		len = 8 * o[1];
		if (len > left)
			return false;
		if (o[0] == ESL_ND_SOURCE && len == 8)
			*ret = o + 2;
		o += len;
		left -= len;
	}
	return true;
}

bool frame_answer(const struct esl_port *port, const void *frame, size_t size, struct nd_frame *ret)
{
	const __u8 *icmp = (const __u8 *)frame + sizeof(struct esl_eth) + sizeof(struct esl_ipv6);
	const __u8 *mac;
	struct esl_addr target;
	struct esl_eth eth;
	struct esl_ipv6 ip;
	size_t len;

	if (size < sizeof(eth) + sizeof(ip) + NS_FIXED)
		return false;
	memcpy(&eth, frame, sizeof(eth));
	memcpy(&ip, (const __u8 *)frame + sizeof(eth), sizeof(ip));
	len = esl_ntohs(ip.payload_len);
	memcpy(&target, icmp + offsetof(struct esl_nd, target), sizeof(target));
	if (eth.type != esl_htons(ESL_ETHERTYPE_IPV6) || ip.next_header != ESL_IPPROTO_ICMPV6 ||
	    ip.hop_limit != ESL_ND_HOPS || len < NS_FIXED || len > size - sizeof(eth) - sizeof(ip) ||
	    icmp[0] != ESL_ICMPV6_NS || icmp[1] || esl_addr_none(&target) ||
	    !esl_addr_equal(&target, &port->cluster_addr6) || !checksum_right(&ip, icmp, len) ||
	    !find_source(icmp + NS_FIXED, len - NS_FIXED, &mac))
		return false;
	if (esl_addr_none(&ip.saddr)) {
		/* Somebody wants the address for itself: all shall hear that it is taken. */
		if (!mac)
			frame_advertisement(port, ret);
		return !mac;
	}
	if (!mac)
		mac = eth.src;
	/* A host that claims the cluster's own MAC, or a group, gets no answer. */
	if (ip.saddr.byte[0] == 0xff || mac[0] & 1 || esl_mac_equal(mac, port->cluster_mac))
		return false;
	advertise(port, mac, &ip.saddr, ESL_NA_FLAGS, ret);
	return true;
}
