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
#define ESL_ETHERTYPE_IPV6 0x86dd

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
} __attribute__((packed));

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
} __attribute__((packed));

struct esl_esp_header {
	__be32 spi;
	__be32 seq;
};

ESL_STATIC_ASSERT(sizeof(struct esl_eth) == ESL_ETH_LEN, "Ethernet header");
ESL_STATIC_ASSERT(sizeof(struct esl_ipv4) == 20, "IPv4 header");
ESL_STATIC_ASSERT(sizeof(struct esl_arp) == 28, "ARP for IPv4");

/* Words of the transport part that enter the hash of a plain packet: enough
 * for a TCP header's ports, numbers and window, or 16 bytes of UDP payload. */
#define ESL_L4_WORDS 6

/* One parsed IPv4 packet.  Addresses and l4 as on the wire, the rest in host
 * byte order. */
struct esl_packet {
	__be32 saddr;
	__be32 daddr;
	__u32 spi;		/* ESP, first fragment or whole: else 0 */
	__u32 seq;
	__u16 id;
	__u16 tot_len;
	__u16 sport;		/* UDP and TCP, first fragment or whole: else 0 */
	__u16 dport;
	__u8 protocol;
	__u8 icmp_type;
	__u8 fragment;		/* part of a larger packet */
	__u8 later_fragment;	/* ... and not the first part */
	__u8 l4_words;		/* how many of l4 are filled */
	__u8 natt_marker;	/* UDP 4500 starts with the non-ESP marker */
	__u16 reserved;
	__u32 l4[ESL_L4_WORDS];
};

esl_inline bool esl_mac_equal(const void *a, const void *b)
{
	const __u16 *x = a, *y = b;

	return !((x[0] ^ y[0]) | (x[1] ^ y[1]) | (x[2] ^ y[2]));
}

esl_inline void esl_parse_ports(struct esl_packet *p)
{
	__u32 ports = esl_ntohl(p->l4[0]);

	p->sport = (__u16)(ports >> 16);
	p->dport = (__u16)ports;
	/* RFC 3948 section 2.2: four zero bytes where an SPI would be. */
	p->natt_marker = p->protocol == ESL_IPPROTO_UDP && p->l4_words >= 3 && !p->l4[2];
}

/*
 * Copy the transport part's first words, returns how many.  Bytes behind
 * tot_len are padding: they must not choose an owner, so l4_len bounds too.
 */
esl_inline __u32 esl_load_l4(struct esl_packet *p, const __u8 *l4, const void *end, __u32 l4_len)
{
	const __u32 *word = (const __u32 *)l4;
	__u32 words = 0;

	if ((const void *)(word + ESL_L4_WORDS) <= end && l4_len >= 4 * ESL_L4_WORDS) {
		ESL_UNROLL
		for (int i = 0; i < ESL_L4_WORDS; i++)
			p->l4[i] = word[i];
		words = ESL_L4_WORDS;
	} else {
		ESL_UNROLL
		for (int i = 0; i < ESL_L4_WORDS - 1; i++) {
			if ((const void *)(word + i + 1) > end || l4_len < 4 * (__u32)(i + 1))
				break;
			p->l4[i] = word[i];
			words = i + 1;
		}
	}
	p->l4_words = (__u8)words;
	return words;
}

/*
 * Parse the IPv4 packet at l3.  Returns 0, or a reason of the verdict DROP:
 * SHORT_FRAME, BAD_IP, BAD_ESP.  *p is filled as far as the packet goes.
 */
esl_inline int esl_parse_ipv4(const void *l3, const void *end, struct esl_packet *p)
{
	const struct esl_ipv4 *ip = l3;
	const __u8 *l4;
	__u32 ihl, l4_len, words;
	__u16 frag;

	if ((const void *)(ip + 1) > end)
		return ESL_SHORT_FRAME;
	ihl = (ip->version_ihl & 0xf) * 4;
	p->tot_len = esl_ntohs(ip->tot_len);
	if (ip->version_ihl >> 4 != 4 || ihl < sizeof(*ip) || p->tot_len < ihl)
		return ESL_BAD_IP;
	p->saddr = ip->saddr;
	p->daddr = ip->daddr;
	p->id = esl_ntohs(ip->id);
	p->protocol = ip->protocol;
	frag = esl_ntohs(ip->frag);
	p->fragment = !!(frag & (ESL_IP_MF | ESL_IP_OFFSET));
	p->later_fragment = !!(frag & ESL_IP_OFFSET);

	l4 = (const __u8 *)l3 + ihl;
	l4_len = p->tot_len - ihl;
	if (p->later_fragment)
		return 0;

	words = esl_load_l4(p, l4, end, l4_len);

	switch (p->protocol) {
	case ESL_IPPROTO_ESP:
		if (words < 2)
			return ESL_BAD_ESP;
		p->spi = esl_ntohl(p->l4[0]);
		p->seq = esl_ntohl(p->l4[1]);
		return 0;
	case ESL_IPPROTO_UDP:
	case ESL_IPPROTO_TCP:
		if (words >= 1)
			esl_parse_ports(p);
		return 0;
	case ESL_IPPROTO_ICMP:
		if (words >= 1)
			p->icmp_type = *(const __u8 *)p->l4;
		return 0;
	}
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
	return p->protocol == ESL_IPPROTO_ICMP && !p->later_fragment && p->l4_words &&
	       (p->icmp_type == 3 || p->icmp_type == 11 || p->icmp_type == 12);
}

#endif
