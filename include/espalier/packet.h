/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The one packet parser: Ethernet with up to two VLAN tags (IEEE 802.1Q), IPv4
 * (RFC 791), IPv6 with its extension headers (RFC 8200), and behind them what
 * tells IPsec apart: ESP (RFC 4303), AH (RFC 4302), both also in UDP 4500 (RFC
 * 3948).  Compiled into the XDP program, the guard and the host's tools, so
 * that they can never read a packet differently.
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
#define ESL_VLAN_LEN 4
#define ESL_VLAN_TAGS 2		/* as many are looked behind */
#define ESL_ETHERTYPE_IPV4 0x0800
#define ESL_ETHERTYPE_ARP 0x0806
#define ESL_ETHERTYPE_VLAN 0x8100	/* IEEE 802.1Q */
#define ESL_ETHERTYPE_IPV6 0x86dd
#define ESL_ETHERTYPE_QINQ 0x88a8	/* IEEE 802.1ad */

#define ESL_IPPROTO_HOPOPTS 0
#define ESL_IPPROTO_ICMP 1
#define ESL_IPPROTO_IGMP 2
#define ESL_IPPROTO_IPIP 4
#define ESL_IPPROTO_TCP 6
#define ESL_IPPROTO_UDP 17
#define ESL_IPPROTO_IPV6 41
#define ESL_IPPROTO_ROUTING 43
#define ESL_IPPROTO_FRAGMENT 44
#define ESL_IPPROTO_ESP 50
#define ESL_IPPROTO_AH 51
#define ESL_IPPROTO_ICMPV6 58
#define ESL_IPPROTO_DSTOPTS 60
#define ESL_IPPROTO_COMP 108	/* RFC 3173 */
#define ESL_PORT_NATT 4500	/* RFC 3948 */
#define ESL_ICMPV6_NS 135	/* RFC 4861: neighbour solicitation and advertisement */
#define ESL_ICMPV6_NA 136

#define ESL_IP_MF 0x2000
#define ESL_IP_OFFSET 0x1fff
#define ESL_IPV6_OFFSET 0xfff8	/* in the fragment header */
#define ESL_IPV6_MF 0x0001
#define ESL_IPV6_CHAIN_MAX 6	/* extension headers that are followed */

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

struct esl_ipv6 {
	__be32 version_class_label;
	__be16 payload_len;
	__u8 next_header;
	__u8 hop_limit;
	struct esl_addr saddr;
	struct esl_addr daddr;
};

/* The start that all followed extension headers share, and the fragment header. */
struct esl_ipv6_ext {
	__u8 next_header;
	__u8 len;		/* in 8 bytes, without the first; reserved in the fragment header */
	__be16 frag;
	__be32 id;
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

ESL_STATIC_ASSERT(sizeof(struct esl_eth) == ESL_ETH_LEN, "Ethernet header");
ESL_STATIC_ASSERT(sizeof(struct esl_ipv4) == 20, "IPv4 header");
ESL_STATIC_ASSERT(sizeof(struct esl_ipv6) == 40, "IPv6 header");
ESL_STATIC_ASSERT(sizeof(struct esl_ipv6_ext) == 8, "IPv6 extension header");
ESL_STATIC_ASSERT(sizeof(struct esl_arp) == 28, "ARP for IPv4");

/* Words of the transport part that enter the hash of a plain packet: a TCP
 * header up to its window, or 8 bytes of UDP payload. */
#define ESL_L4_WORDS 4
#define ESL_L4_BYTES (4 * ESL_L4_WORDS)

/*
 * One IP packet: what its headers say.  The addresses and the transport part
 * are read where they lie, by the path that needs them.  Only id is as on the
 * wire, the rest is in host byte order.
 */
struct esl_packet {
	const __u8 *addr;	/* the source address, behind it the destination: twice 4 or 16 bytes */
	const __u8 *l4;
	const void *end;
	__u32 len;		/* of the whole packet, as its header claims: bytes behind are padding */
	__u32 l4_len;		/* of what is behind the headers */
	__u32 l4_sure;		/* so many bytes are there by claim and by frame: need no check */
	__u32 id;		/* shared by the fragments of a packet */
	__u32 family;		/* 4 or 6 */
	__u32 protocol;
	bool options;		/* IPv4 with options, IPv6 with a fragment header */
	bool fragment;		/* part of a larger packet */
	bool later_fragment;	/* ... and not the first part */
};

esl_inline bool esl_mac_equal(const void *a, const void *b)
{
	const __u16 *x = a, *y = b;

	return *(const __u32 *)a == *(const __u32 *)b && x[2] == y[2];
}

/* The same in one load each: two more bytes must be behind either. */
esl_inline bool esl_mac_equal_wide(const void *a, const void *b)
{
	return !((*(const esl_wide *)a ^ *(const esl_wide *)b) << 16);
}

esl_inline bool esl_is_tag(__be16 type)
{
	return type == esl_htons(ESL_ETHERTYPE_VLAN) || type == esl_htons(ESL_ETHERTYPE_QINQ);
}

/*
 * What follows the Ethernet header and at most two tags; *type is what it is.
 * Tags behind the second are not looked behind: *type is then a tag's.  NULL
 * where the frame ends before.
 */
esl_inline const void *esl_find_l3(const struct esl_eth *eth, const void *end, __be16 *type)
{
	const __u8 *l3 = (const void *)(eth + 1);

	*type = eth->type;
	ESL_UNROLL
	for (int i = 0; i < ESL_VLAN_TAGS; i++) {
		if (!esl_is_tag(*type))
			break;
		l3 += ESL_VLAN_LEN;
		if ((const void *)l3 > end)
			return NULL;
		*type = *(const __be16 *)(l3 - 2);
	}
	return l3;
}

esl_inline const __u8 *esl_daddr(const struct esl_packet *p)
{
	return p->addr + (p->family == 6 ? 16 : 4);
}

/* The last four bytes of the destination: all of it for IPv4. */
esl_inline __be32 esl_daddr_word(const struct esl_packet *p)
{
	return *(const __be32 *)(p->addr + (p->family == 6 ? 28 : 4));
}

esl_inline struct esl_addr esl_packet_saddr(const struct esl_packet *p)
{
	if (p->family == 6)
		return *(const struct esl_addr *)p->addr;
	return esl_addr_from_ipv4(*(const __be32 *)p->addr);
}

esl_inline struct esl_addr esl_packet_daddr(const struct esl_packet *p)
{
	if (p->family == 6)
		return *(const struct esl_addr *)(p->addr + 16);
	return esl_addr_from_ipv4(*(const __be32 *)(p->addr + 4));
}

/* The first words of the transport part, as on the wire; NULL if it has not that many. */
esl_inline const __u32 *esl_l4(const struct esl_packet *p, __u32 words)
{
	const __u32 *w = (const __u32 *)p->l4;

	if (p->l4_sure >= 4 * words)
		return w;
	return p->l4_len < 4 * words || (const void *)(w + words) > p->end ? NULL : w;
}

/* Fill *p from a header that lies before end, has version 4 and ihl bytes.
 * l4_len is right where the packet claims no less than its header. */
esl_inline void esl_read_ipv4(const struct esl_ipv4 *ip, __u32 ihl, const void *end, struct esl_packet *p)
{
	p->family = 4;
	p->addr = (const __u8 *)&ip->saddr;
	p->l4 = (const __u8 *)ip + ihl;
	p->end = end;
	p->len = esl_ntohs(ip->tot_len);
	p->l4_len = p->len - ihl;
	p->l4_sure = 0;
	p->id = ip->id;
	p->protocol = ip->protocol;
	p->options = ihl > sizeof(*ip);
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
	if ((ip->version_ihl & 0xf0) != 0x40 || ihl < sizeof(*ip) || p->len < ihl)
		return ESL_BAD_IP;
	/* Linux joins such a fragment without its odd bytes, so that others would
	 * stand where this parser read ports, SPI or number. */
	if (ip->frag & esl_htons(ESL_IP_MF) && (p->len - ihl) % 8)
		return ESL_BAD_IP;
	return 0;
}

/* Fill *p from a header that lies before end; the transport part follows it. */
esl_inline void esl_read_ipv6(const struct esl_ipv6 *ip, const void *end, struct esl_packet *p)
{
	p->family = 6;
	p->addr = (const __u8 *)&ip->saddr;
	p->l4 = (const __u8 *)(ip + 1);
	p->end = end;
	p->l4_len = esl_ntohs(ip->payload_len);
	p->len = sizeof(*ip) + p->l4_len;
	p->l4_sure = 0;
	p->id = 0;
	p->protocol = ip->next_header;
	p->options = false;
	p->fragment = false;
	p->later_fragment = false;
}

esl_inline bool esl_is_extension(__u32 protocol)
{
	return protocol == ESL_IPPROTO_HOPOPTS || protocol == ESL_IPPROTO_ROUTING ||
	       protocol == ESL_IPPROTO_FRAGMENT || protocol == ESL_IPPROTO_DSTOPTS;
}

/* Step over one extension header. Returns 0, or a reason. */
esl_inline int esl_skip_extension(struct esl_packet *p)
{
	const struct esl_ipv6_ext *x = (const void *)p->l4;
	__u32 len = sizeof(*x);

	if ((const void *)(x + 1) > p->end)
		return ESL_SHORT_FRAME;
	if (p->protocol == ESL_IPPROTO_FRAGMENT) {
		/* Of two the stack would go by the other one's id. */
		if (p->options)
			return ESL_BAD_CHAIN;
		p->options = true;
		p->fragment |= !!(x->frag & esl_htons(ESL_IPV6_OFFSET | ESL_IPV6_MF));
		p->later_fragment |= !!(x->frag & esl_htons(ESL_IPV6_OFFSET));
		p->id = x->id;
	} else {
		len += 8 * x->len;
	}
	if (p->l4_len < len)
		return ESL_BAD_CHAIN;
	p->protocol = x->next_header;
	p->l4 += len;
	p->l4_len -= len;
	return 0;
}

/*
 * Parse the IPv6 header at l3 and the chain behind it, up to the header that
 * is no extension, or in a later fragment up to the fragment header (RFC 8200
 * section 4.5: what follows is not headers).  ESP and AH end the chain.
 * Returns 0, or a reason of the verdict DROP: SHORT_FRAME, BAD_IP, BAD_CHAIN
 * (RFC 7112: the first fragment has all headers).  *p is filled, and its
 * addresses right, where the fixed header was there.
 */
esl_inline int esl_parse_ipv6(const void *l3, const void *end, struct esl_packet *p)
{
	const struct esl_ipv6 *ip = l3;
	int reason;

	if ((const void *)(ip + 1) > end)
		return ESL_SHORT_FRAME;
	esl_read_ipv6(ip, end, p);
	if ((ip->version_class_label & esl_htonl(0xf0000000)) != esl_htonl(0x60000000))
		return ESL_BAD_IP;
	for (int i = 0; i < ESL_IPV6_CHAIN_MAX; i++) {
		if (p->later_fragment || !esl_is_extension(p->protocol))
			return 0;
		reason = esl_skip_extension(p);
		if (reason)
			return reason;
	}
	return p->later_fragment || !esl_is_extension(p->protocol) ? 0 : ESL_BAD_CHAIN;
}

/* What a packet is to a gateway. */
enum esl_kind {
	ESL_KIND_OTHER,		/* nothing of the following */
	ESL_KIND_ESP,
	ESL_KIND_AH,
	ESL_KIND_NATT,		/* ESP in UDP 4500 */
	ESL_KIND_KEEPALIVE,	/* RFC 3948 section 2.3 */
	ESL_KIND_ICMP_ERROR,	/* carries a path MTU or an unreachable peer: RFC 792, RFC 4443 */
	ESL_KIND_NS,		/* neighbour solicitation, RFC 4861 */
	ESL_KIND_BAD_UDP,	/* cut before it says what it is */
};

/*
 * RFC 3948 section 2.2: UDP 4500 is ESP unless four zero bytes stand where the
 * SPI would be.  What is shorter could still become ESP when its fragments are
 * joined, so nobody may have it.  to: the destination port counts, else the
 * source port.
 */
esl_inline enum esl_kind esl_udp_kind(const struct esl_packet *p, bool to)
{
	const __u32 *w = esl_l4(p, 2);
	__u32 port;

	if (!w)
		return ESL_KIND_BAD_UDP;
	port = to ? w[0] & esl_htonl(0xffff) : w[0] & esl_htonl(0xffff0000);
	if (port != esl_htonl(to ? ESL_PORT_NATT : (__u32)ESL_PORT_NATT << 16))
		return ESL_KIND_OTHER;
	if (p->l4_len == 9 && !p->fragment && (const void *)(p->l4 + 9) <= p->end && p->l4[8] == 0xff)
		return ESL_KIND_KEEPALIVE;
	w = esl_l4(p, 3);
	if (!w)
		return ESL_KIND_BAD_UDP;
	return w[2] ? ESL_KIND_NATT : ESL_KIND_OTHER;
}

esl_inline enum esl_kind esl_icmp_kind(const struct esl_packet *p)
{
	const __u32 *w = esl_l4(p, 1);
	__u8 type;

	if (!w)
		return ESL_KIND_OTHER;
	type = *(const __u8 *)w;
	if (p->protocol == ESL_IPPROTO_ICMP)
		return type == 3 || type == 11 || type == 12 ? ESL_KIND_ICMP_ERROR : ESL_KIND_OTHER;
	if (type == ESL_ICMPV6_NS)
		return ESL_KIND_NS;
	return type >= 1 && type <= 4 ? ESL_KIND_ICMP_ERROR : ESL_KIND_OTHER;
}

/*
 * to: the cluster is the destination, else the source.  Of later fragments
 * only ESP and AH are told apart, and for IPv6 even that is the sender's word:
 * its stacks believe the first fragment only.
 */
esl_inline enum esl_kind esl_kind_of(const struct esl_packet *p, bool to)
{
	if (p->protocol == ESL_IPPROTO_ESP)
		return ESL_KIND_ESP;
	if (p->protocol == ESL_IPPROTO_AH)
		return ESL_KIND_AH;
	if (p->later_fragment)
		return ESL_KIND_OTHER;
	if (p->protocol == ESL_IPPROTO_UDP)
		return esl_udp_kind(p, to);
	if (p->protocol == (p->family == 6 ? ESL_IPPROTO_ICMPV6 : ESL_IPPROTO_ICMP))
		return esl_icmp_kind(p);
	return ESL_KIND_OTHER;
}

/* SPI and number of a packet that is no later fragment, as on the wire; NULL:
 * it has not got them. */
esl_inline const __u32 *esl_spi_seq(const struct esl_packet *p, enum esl_kind kind)
{
	const __u32 *w;

	if (kind == ESL_KIND_ESP)
		return esl_l4(p, 2);
	w = esl_l4(p, kind == ESL_KIND_AH ? 3 : 4);
	return w ? w + (kind == ESL_KIND_AH ? 1 : 2) : NULL;
}

#endif
