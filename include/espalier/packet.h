/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The one packet parser: Ethernet and IPv4 (RFC 791), ESP (RFC 4303) behind
 * it.  Compiled into the XDP program, the guard and the host's tools, so that
 * they can never read a packet differently.
 *
 * Reads between the given pointer and end only.  What a length field claims
 * is believed after it was compared with the frame.
 */
#ifndef ESPALIER_PACKET_H
#define ESPALIER_PACKET_H

#include "reason.h"
#include "types.h"

#define ESL_MAC_LEN 6
#define ESL_ETH_LEN 14
#define ESL_ETHERTYPE_IPV4 0x0800
#define ESL_ETHERTYPE_ARP 0x0806
#define ESL_ETHERTYPE_VLAN 0x8100	/* IEEE 802.1Q */
#define ESL_ETHERTYPE_IPV6 0x86dd
#define ESL_ETHERTYPE_QINQ 0x88a8	/* IEEE 802.1ad */

#define ESL_IPPROTO_ICMP 1
#define ESL_IPPROTO_TCP 6
#define ESL_IPPROTO_UDP 17
#define ESL_IPPROTO_ESP 50
#define ESL_IPPROTO_AH 51
#define ESL_PORT_NATT 4500	/* RFC 3948 */

#define ESL_IP_MF 0x2000
#define ESL_IP_OFFSET 0x1fff

struct esl_eth {
	__u8 dst[ESL_MAC_LEN];
	__u8 src[ESL_MAC_LEN];
	__be16 type;
} __attribute__((packed, aligned(2)));

/* IP headers lie on even addresses only: behind 14 bytes of Ethernet. */
struct esl_ipv4 {
	__u8 version_ihl;
	__u8 tos;
	__be16 tot_len;
	__be16 id;
	__be16 frag;
	__u8 ttl;
	__u8 protocol;
	__be16 check;
	__be32 saddr;
	__be32 daddr;
};

struct esl_arp {
	__be16 hardware;
	__be16 protocol;
	__u8 hardware_len;
	__u8 protocol_len;
	__be16 operation;
	__u8 sha[ESL_MAC_LEN];
	__be32 spa;
	__u8 tha[ESL_MAC_LEN];
	__be32 tpa;
} __attribute__((packed, aligned(2)));

struct esl_esp_header {
	__be32 spi;
	__be32 seq;
};

ESL_STATIC_ASSERT(sizeof(struct esl_eth) == ESL_ETH_LEN, "Ethernet header");
ESL_STATIC_ASSERT(sizeof(struct esl_ipv4) == 20, "IPv4 header");
ESL_STATIC_ASSERT(sizeof(struct esl_arp) == 28, "ARP for IPv4");

/* Words of the transport part that enter the hash of a plain packet: a TCP
 * header up to its window, or 8 bytes of UDP payload. */
#define ESL_L4_WORDS 4
#define ESL_L4_BYTES (4 * ESL_L4_WORDS)

/*
 * One IPv4 packet: what its header says.  The transport part is read where it
 * lies, by the path that needs it.  Addresses and id as on the wire, the rest
 * in host byte order.
 */
struct esl_packet {
	const __u8 *l4;
	const void *end;
	__u64 addrs;		/* saddr and daddr in one word, as the hash takes them */
	__be32 saddr;
	__be32 daddr;
	__u32 l4_len;		/* what the header claims: bytes behind it are padding */
	__u32 l4_sure;		/* so many bytes are there by claim and by frame: need no check */
	__be16 id;
	__u16 tot_len;
	__u8 protocol;
	__u8 fragment;		/* part of a larger packet */
	__u8 later_fragment;	/* ... and not the first part */
};

esl_inline bool esl_mac_equal(const void *a, const void *b)
{
	const __u16 *x = a, *y = b;

	return *(const __u32 *)a == *(const __u32 *)b && x[2] == y[2];
}

/* The first words of the transport part, as on the wire; NULL if it has not that many. */
esl_inline const __u32 *esl_l4(const struct esl_packet *p, __u32 words)
{
	const __u32 *w = (const __u32 *)p->l4;

	if (p->l4_sure >= 4 * words)
		return w;
	return p->l4_len < 4 * words || (const void *)(w + words) > p->end ? NULL : w;
}

/* Fill *p from a header that lies before end, has version 4 and ihl bytes. */
esl_inline void esl_read_ipv4(const struct esl_ipv4 *ip, __u32 ihl, const void *end, struct esl_packet *p)
{
	p->l4 = (const __u8 *)ip + ihl;
	p->end = end;
	p->addrs = *(const esl_wide *)&ip->saddr;
	p->saddr = ip->saddr;
	p->daddr = ip->daddr;
	p->id = ip->id;
	p->tot_len = esl_ntohs(ip->tot_len);
	p->l4_len = p->tot_len < ihl ? 0 : p->tot_len - ihl;
	p->l4_sure = 0;
	p->protocol = ip->protocol;
	p->fragment = !!(ip->frag & esl_htons(ESL_IP_MF | ESL_IP_OFFSET));
	p->later_fragment = !!(ip->frag & esl_htons(ESL_IP_OFFSET));
}

/*
 * Parse the IPv4 header at l3.  Returns 0, or a reason of the verdict DROP:
 * SHORT_FRAME, BAD_IP.  *p is filled where the whole header was there.
 */
esl_inline int esl_parse_ipv4(const void *l3, const void *end, struct esl_packet *p)
{
	const struct esl_ipv4 *ip = l3;
	__u32 ihl;

	if ((const void *)(ip + 1) > end)
		return ESL_SHORT_FRAME;
	ihl = (ip->version_ihl & 0xf) * 4;
	esl_read_ipv4(ip, ihl, end, p);
	if ((ip->version_ihl & 0xf0) != 0x40 || ihl < sizeof(*ip) || p->tot_len < ihl)
		return ESL_BAD_IP;
	return 0;
}

/* Whether the frame that ends at end holds the whole packet. */
esl_inline bool esl_frame_complete(const void *l3, const void *end, const struct esl_packet *p)
{
	return (const void *)((const __u8 *)l3 + p->tot_len) <= end;
}

/* ICMP errors that carry a path MTU or an unreachable peer: RFC 792. */
esl_inline bool esl_is_icmp_error(const struct esl_packet *p)
{
	const __u32 *w = esl_l4(p, 1);
	__u8 type;

	if (p->protocol != ESL_IPPROTO_ICMP || p->later_fragment || !w)
		return false;
	type = *(const __u8 *)w;
	return type == 3 || type == 11 || type == 12;
}

/*
 * RFC 3948 section 2.2: UDP 4500 is ESP unless four zero bytes stand where the
 * SPI would be.  mask and port choose one of the two ports, as on the wire.
 */
esl_inline bool esl_is_natt(const struct esl_packet *p, __be32 mask, __be32 port)
{
	const __u32 *w = esl_l4(p, 1);

	if (p->protocol != ESL_IPPROTO_UDP || p->later_fragment || !w || (*w & mask) != port)
		return false;
	w = esl_l4(p, 3);
	return !w || w[2];
}

esl_inline bool esl_is_natt_to(const struct esl_packet *p)
{
	return esl_is_natt(p, esl_htonl(0xffff), esl_htonl(ESL_PORT_NATT));
}

esl_inline bool esl_is_natt_from(const struct esl_packet *p)
{
	return esl_is_natt(p, esl_htonl(0xffff0000), esl_htonl((__u32)ESL_PORT_NATT << 16));
}

#endif
