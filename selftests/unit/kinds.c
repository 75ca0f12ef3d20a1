// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "kinds.h"

#define EVERYONE(r) { ESL_##r, ESL_##r, ESL_##r, ESL_##r }
#define OWNER(x) { ESL_OWNED_##x, ESL_FOREIGN_##x, ESL_OWNED_##x, ESL_FOREIGN_##x }
#define LEADER(x) { ESL_##x##_OTHER, ESL_##x##_OTHER, ESL_##x##_LEADER, ESL_##x##_LEADER }

/* What a row answers on both sides. */
#define BOTH(r) EVERYONE(r), EVERYONE(r)
#define FORWARDED OWNER(PLAIN), OWNER(PLAIN)
#define IPSEC(x) EVERYONE(WRONG_SIDE), OWNER(x)
#define BAD_IPSEC(r) EVERYONE(WRONG_SIDE), EVERYONE(r)
#define FOR_LEADER LEADER(LOCAL), LEADER(LOCAL)
#define LATER_IPSEC EVERYONE(WRONG_SIDE), EVERYONE(OWNED_FRAGMENT)
#define LATER LEADER(LOCAL), EVERYONE(OWNED_FRAGMENT)

#define V6 .family = 6
#define AWAY .daddr = REMOTE
#define TCP .protocol = ESL_IPPROTO_TCP, .payload = 24
#define UDP .protocol = ESL_IPPROTO_UDP, .sport = 4242, .dport = 53, .payload = 24
#define UDP4500 .protocol = ESL_IPPROTO_UDP, .sport = 4242, .dport = ESL_PORT_NATT
#define P_NATT UDP4500, .body = UDP_ESP, .payload = 24
#define IKE4500 UDP4500, .body = UDP_IKE, .payload = 24
#define IKE500 .protocol = ESL_IPPROTO_UDP, .sport = 500, .dport = 500, .payload = 28
#define KEEPALIVE UDP4500, .body = UDP_KEEPALIVE
#define P_ESP .protocol = ESL_IPPROTO_ESP, .seq = 77, .payload = 24
#define P_AH .protocol = ESL_IPPROTO_AH, .seq = 77, .payload = 24
#define IGMP .protocol = ESL_IPPROTO_IGMP, .payload = 8
#define ICMP(t) .protocol = ESL_IPPROTO_ICMP, .icmp_type = t, .payload = 24
#define ICMP6(t) V6, .protocol = ESL_IPPROTO_ICMPV6, .icmp_type = t, .payload = 24

#define FIRST .id = 9, .frag = ESL_IP_MF
#define MIDDLE .id = 9, .frag = ESL_IP_MF | 3
#define LAST .id = 9, .frag = 6
#define FIRST6 V6, .chain = "F", .id = 9, .frag = ESL_IPV6_MF
#define MIDDLE6 V6, .chain = "F", .id = 9, .frag = 24 | ESL_IPV6_MF
#define LAST6 V6, .chain = "F", .id = 9, .frag = 48

const struct kind_row kind_rows[] = {
	/* To be forwarded. */
	{ "TCP", { TCP, AWAY }, FORWARDED },
	{ "TCP with IPv4 options", { TCP, AWAY, .ihl = 6 }, FORWARDED },
	{ "TCP with all options IPv4 has room for", { TCP, AWAY, .ihl = 15 }, FORWARDED },
	{ "TCP with one tag", { TCP, AWAY, .tags = 1 }, FORWARDED },
	{ "TCP with two tags", { TCP, AWAY, .tags = 2 }, FORWARDED },
	{ "TCP with three tags", { TCP, AWAY, .tags = 3 }, BOTH(NOT_IP) },
	{ "TCP without a header", { .protocol = ESL_IPPROTO_TCP, .l4_none = true, AWAY }, FORWARDED },
	{ "TCP, padded frame", { TCP, AWAY, .pad = 30 }, FORWARDED },
	{ "UDP", { UDP, AWAY }, FORWARDED },
	{ "UDP of 3 bytes", { UDP, AWAY, .l4_len = 3 }, FORWARDED },
	{ "echo passing through", { ICMP(8), AWAY }, FORWARDED },
	{ "ICMP error passing through", { ICMP(3), AWAY }, FORWARDED },
	{ "GRE", { .protocol = 47, .payload = 24, AWAY }, FORWARDED },
	{ "ESP passing through", { P_ESP, AWAY }, FORWARDED },
	{ "ESP of 3 bytes passing through", { P_ESP, AWAY, .l4_len = 3 }, FORWARDED },
	{ "AH passing through", { P_AH, AWAY }, FORWARDED },
	{ "ESP in UDP passing through", { P_NATT, AWAY }, FORWARDED },
	{ "first fragment", { UDP, AWAY, FIRST }, FORWARDED },
	{ "middle fragment", { UDP, AWAY, MIDDLE }, FORWARDED },
	{ "last fragment", { UDP, AWAY, LAST }, FORWARDED },
	{ "last fragment of 3 bytes", { UDP, AWAY, LAST, .payload = 3 }, FORWARDED },
	{ "fragment with options and a tag", { UDP, AWAY, MIDDLE, .ihl = 8, .tags = 1 }, FORWARDED },
	{ "last fragment of ESP passing through", { P_ESP, AWAY, LAST }, FORWARDED },
	{ "to a group", { UDP, .group = true }, FORWARDED },
	{ "IGMP query", { IGMP, .ihl = 6, .group = true }, BOTH(GROUP) },
	{ "IGMP query with a tag", { IGMP, .ihl = 6, .group = true, .tags = 1 }, BOTH(GROUP) },
	{ "IGMP without an option", { IGMP, .group = true }, FORWARDED },
	{ "IGMP with an option to no group", { IGMP, .ihl = 6, AWAY }, FORWARDED },
	{ "UDP with an option to a group", { UDP, .ihl = 6, .group = true }, FORWARDED },

	{ "IPv6 TCP", { V6, TCP, AWAY }, FORWARDED },
	{ "IPv6 TCP with one tag", { V6, TCP, AWAY, .tags = 1 }, FORWARDED },
	{ "IPv6 TCP with two tags", { V6, TCP, AWAY, .tags = 2 }, FORWARDED },
	{ "IPv6 TCP with three tags", { V6, TCP, AWAY, .tags = 3 }, BOTH(NOT_IP) },
	{ "IPv6 UDP", { V6, UDP, AWAY }, FORWARDED },
	{ "IPv6 hop-by-hop", { V6, TCP, AWAY, .chain = "H" }, FORWARDED },
	{ "IPv6 destination options", { V6, TCP, AWAY, .chain = "D" }, FORWARDED },
	{ "IPv6 routing header", { V6, TCP, AWAY, .chain = "R" }, FORWARDED },
	{ "IPv6 wide extension headers", { V6, TCP, AWAY, .chain = "hdr" }, FORWARDED },
	{ "IPv6 longest chain", { V6, TCP, AWAY, .chain = "HDRDRD" }, FORWARDED },
	{ "IPv6 one header too many", { V6, TCP, AWAY, .chain = "HDRDRDD" }, BOTH(BAD_CHAIN) },
	{ "IPv6 fragment header alone", { V6, TCP, AWAY, .chain = "F", .id = 9 }, FORWARDED },
	{ "IPv6 first fragment", { UDP, AWAY, FIRST6 }, FORWARDED },
	{ "IPv6 middle fragment", { UDP, AWAY, MIDDLE6 }, FORWARDED },
	{ "IPv6 last fragment", { UDP, AWAY, LAST6 }, FORWARDED },
	{ "IPv6 last fragment of a hop-by-hop packet", { UDP, AWAY, LAST6, .chain = "HF" }, FORWARDED },
	{ "IPv6 longest chain of a later fragment", { UDP, AWAY, LAST6, .chain = "HDRDRF" }, FORWARDED },
	{ "IPv6 one header too many before a fragment", { UDP, AWAY, LAST6, .chain = "HDRDRDF" }, BOTH(BAD_CHAIN) },
	{ "IPv6 later fragment, an extension header in it", { TCP, AWAY, LAST6, .chain = "FD" }, FORWARDED },
	{ "IPv6 no next header", { V6, .protocol = 59, AWAY }, FORWARDED },
	{ "IPv6 to a group", { V6, UDP, .group = true }, BOTH(GROUP) },
	{ "IPv6 ESP passing through", { V6, P_ESP, AWAY }, FORWARDED },
	{ "IPv6 solicitation passing through", { ICMP6(135), AWAY }, FORWARDED },

	/* IPsec for the cluster. */
	{ "ESP", { P_ESP }, IPSEC(ESP) },
	{ "ESP to the inside address", { P_ESP, .daddr = CLUSTER_IN }, IPSEC(ESP) },
	{ "ESP with options", { P_ESP, .ihl = 7 }, IPSEC(ESP) },
	{ "ESP with one tag", { P_ESP, .tags = 1 }, IPSEC(ESP) },
	{ "ESP with two tags", { P_ESP, .tags = 2 }, IPSEC(ESP) },
	{ "ESP with three tags", { P_ESP, .tags = 3 }, BOTH(NOT_IP) },
	{ "ESP of 8 bytes", { P_ESP, .l4_len = 8 }, IPSEC(ESP) },
	{ "ESP of 7 bytes", { P_ESP, .l4_len = 7 }, BAD_IPSEC(BAD_ESP) },
	{ "ESP of 7 bytes, padded frame", { P_ESP, .l4_len = 7, .pad = 30 }, BAD_IPSEC(BAD_ESP) },
	{ "ESP of nothing", { P_ESP, .l4_none = true }, BAD_IPSEC(BAD_ESP) },
	{ "ESP, do not fragment", { P_ESP, .frag = 0x4000 }, IPSEC(ESP) },
	{ "ESP, first fragment", { P_ESP, FIRST }, IPSEC(ESP) },
	{ "ESP, first fragment of 7 bytes", { P_ESP, FIRST, .l4_len = 7 }, BOTH(BAD_IP) },
	{ "AH, first fragment whose number would be replaced", { P_AH, FIRST, .l4_len = 12 }, BOTH(BAD_IP) },
	{ "IKE 4500, first fragment whose marker would be replaced", { UDP4500, FIRST, .l4_len = 12 }, BOTH(BAD_IP) },
	{ "ESP, middle fragment", { P_ESP, MIDDLE }, LATER_IPSEC },
	{ "ESP, last fragment", { P_ESP, LAST }, LATER_IPSEC },
	{ "ESP, last fragment of 1 byte", { P_ESP, LAST, .payload = 1 }, LATER_IPSEC },
	{ "AH", { P_AH }, IPSEC(AH) },
	{ "AH with options and a tag", { P_AH, .ihl = 15, .tags = 1 }, IPSEC(AH) },
	{ "AH of 12 bytes", { P_AH, .l4_len = 12 }, IPSEC(AH) },
	{ "AH of 11 bytes", { P_AH, .l4_len = 11 }, BAD_IPSEC(BAD_AH) },
	{ "AH, first fragment", { P_AH, FIRST }, IPSEC(AH) },
	{ "AH, first fragment of 8 bytes", { P_AH, FIRST, .l4_len = 8 }, BAD_IPSEC(BAD_AH) },
	{ "AH, middle fragment", { P_AH, MIDDLE }, LATER_IPSEC },
	{ "AH, last fragment", { P_AH, LAST }, LATER_IPSEC },
	{ "ESP in UDP", { P_NATT }, IPSEC(NATT) },
	{ "ESP in UDP with options and two tags", { P_NATT, .ihl = 6, .tags = 2 }, IPSEC(NATT) },
	{ "ESP in UDP of 16 bytes", { P_NATT, .l4_len = 16 }, IPSEC(NATT) },
	{ "ESP in UDP of 15 bytes", { P_NATT, .l4_len = 15 }, BAD_IPSEC(BAD_ESP) },
	{ "ESP in UDP, SPI alone", { P_NATT, .l4_len = 12 }, BAD_IPSEC(BAD_ESP) },
	{ "ESP in UDP, cut in the SPI", { P_NATT, .l4_len = 11 }, BOTH(BAD_UDP) },
	{ "ESP in UDP, first fragment", { P_NATT, FIRST }, IPSEC(NATT) },
	{ "ESP in UDP, first fragment of 8 bytes", { P_NATT, FIRST, .l4_len = 8 }, BOTH(BAD_UDP) },
	{ "ESP in UDP, middle fragment", { P_NATT, MIDDLE }, LATER },
	{ "ESP in UDP, last fragment", { P_NATT, LAST }, LATER },

	{ "IPv6 ESP", { V6, P_ESP }, IPSEC(ESP) },
	{ "IPv6 ESP to the inside address", { V6, P_ESP, .daddr = CLUSTER_IN }, IPSEC(ESP) },
	{ "IPv6 ESP with one tag", { V6, P_ESP, .tags = 1 }, IPSEC(ESP) },
	{ "IPv6 ESP with two tags", { V6, P_ESP, .tags = 2 }, IPSEC(ESP) },
	{ "IPv6 ESP behind all extension headers", { V6, P_ESP, .chain = "HDRFD" }, IPSEC(ESP) },
	{ "IPv6 ESP behind the longest chain", { V6, P_ESP, .chain = "HDRDrd" }, IPSEC(ESP) },
	{ "IPv6 ESP behind one header too many", { V6, P_ESP, .chain = "HDRDRDD" }, BOTH(BAD_CHAIN) },
	{ "IPv6 ESP of 7 bytes", { V6, P_ESP, .l4_len = 7 }, BAD_IPSEC(BAD_ESP) },
	{ "IPv6 ESP, first fragment", { P_ESP, FIRST6 }, IPSEC(ESP) },
	{ "IPv6 ESP, first fragment with hop-by-hop", { P_ESP, FIRST6, .chain = "HF" }, IPSEC(ESP) },
	{ "IPv6 ESP, first fragment, options in it", { P_ESP, FIRST6, .chain = "FD" }, IPSEC(ESP) },
	{ "IPv6 ESP, first fragment of 7 bytes", { P_ESP, FIRST6, .l4_len = 7 }, BAD_IPSEC(BAD_ESP) },
	{ "IPv6 ESP, middle fragment", { P_ESP, MIDDLE6 }, LATER_IPSEC },
	{ "IPv6 ESP, last fragment", { P_ESP, LAST6 }, LATER_IPSEC },
	{ "IPv6 ESP, last fragment that names options", { P_ESP, LAST6, .chain = "FD" }, LATER },
	{ "IPv6 AH", { V6, P_AH }, IPSEC(AH) },
	{ "IPv6 AH behind options", { V6, P_AH, .chain = "D" }, IPSEC(AH) },
	{ "IPv6 AH of 11 bytes", { V6, P_AH, .l4_len = 11 }, BAD_IPSEC(BAD_AH) },
	{ "IPv6 AH, first fragment", { P_AH, FIRST6 }, IPSEC(AH) },
	{ "IPv6 AH, middle fragment", { P_AH, MIDDLE6 }, LATER_IPSEC },
	{ "IPv6 AH, last fragment", { P_AH, LAST6 }, LATER_IPSEC },
	{ "IPv6 ESP in UDP", { V6, P_NATT }, IPSEC(NATT) },
	{ "IPv6 ESP in UDP behind hop-by-hop", { V6, P_NATT, .chain = "H" }, IPSEC(NATT) },
	{ "IPv6 ESP in UDP of 15 bytes", { V6, P_NATT, .l4_len = 15 }, BAD_IPSEC(BAD_ESP) },
	{ "IPv6 ESP in UDP, first fragment", { P_NATT, FIRST6 }, IPSEC(NATT) },
	{ "IPv6 ESP in UDP, middle fragment", { P_NATT, MIDDLE6 }, LATER },
	{ "IPv6 ESP in UDP, last fragment", { P_NATT, LAST6 }, LATER },

	/* IKE, and what shares its port. */
	{ "IKE", { IKE500 }, FOR_LEADER },
	{ "IKE with options and a tag", { IKE500, .ihl = 6, .tags = 1 }, FOR_LEADER },
	{ "IKE, first fragment", { IKE500, FIRST }, FOR_LEADER },
	{ "IKE, middle fragment", { IKE500, MIDDLE }, LATER },
	{ "IKE, last fragment", { IKE500, LAST }, LATER },
	{ "IKE with marker", { IKE4500 }, FOR_LEADER },
	{ "IKE with marker and nothing else", { IKE4500, .l4_len = 12 }, FOR_LEADER },
	{ "IKE with marker, first fragment", { IKE4500, FIRST }, FOR_LEADER },
	{ "IKE with marker, last fragment", { IKE4500, LAST }, LATER },
	{ "from UDP 4500 to another port", { P_NATT, .sport = ESL_PORT_NATT, .dport = 53 }, FOR_LEADER },
	{ "keep-alive", { KEEPALIVE }, EVERYONE(WRONG_SIDE), EVERYONE(NAT_KEEPALIVE) },
	{ "keep-alive, padded frame", { KEEPALIVE, .pad = 9 }, EVERYONE(WRONG_SIDE), EVERYONE(NAT_KEEPALIVE) },
	{ "keep-alive that is a fragment", { KEEPALIVE, FIRST, .l4_len = 9 }, BOTH(BAD_IP) },
	{ "IPComp", { .protocol = ESL_IPPROTO_COMP, .payload = 40 }, EVERYONE(LOCAL_TUNNEL), EVERYONE(LOCAL_TUNNEL) },
	{ "IPv4 in IPv4", { .protocol = ESL_IPPROTO_IPIP, .payload = 40 }, EVERYONE(LOCAL_TUNNEL), EVERYONE(LOCAL_TUNNEL) },
	{ "IPv6 in IPv6", { .family = 6, .protocol = ESL_IPPROTO_IPV6, .payload = 40 }, EVERYONE(LOCAL_TUNNEL), EVERYONE(LOCAL_TUNNEL) },
	{ "IPv6 ESP behind two fragment headers", { .family = 6, .chain = "FF", P_ESP }, BOTH(BAD_CHAIN) },
	{ "keep-alive of another byte", { UDP4500, .payload = 1 }, BOTH(BAD_UDP) },
	{ "keep-alive of two bytes", { KEEPALIVE, .payload = 1 }, BOTH(BAD_UDP) },
	{ "UDP 4500 of 8 bytes", { UDP4500 }, BOTH(BAD_UDP) },
	{ "UDP of 7 bytes for the cluster", { UDP, .l4_len = 7 }, BOTH(BAD_UDP) },
	{ "UDP of nothing for the cluster", { UDP, .l4_none = true }, BOTH(BAD_UDP) },
	{ "UDP of 8 bytes for the cluster", { UDP, .l4_len = 8 }, FOR_LEADER },
	{ "IPv6 IKE", { V6, IKE500 }, FOR_LEADER },
	{ "IPv6 IKE behind options", { V6, IKE500, .chain = "D" }, FOR_LEADER },
	{ "IPv6 IKE, first fragment", { IKE500, FIRST6 }, FOR_LEADER },
	{ "IPv6 IKE, middle fragment", { IKE500, MIDDLE6 }, LATER },
	{ "IPv6 IKE, last fragment", { IKE500, LAST6 }, LATER },
	{ "IPv6 IKE with marker", { V6, IKE4500 }, FOR_LEADER },
	{ "IPv6 IKE with marker, first fragment", { IKE4500, FIRST6 }, FOR_LEADER },
	{ "IPv6 IKE with marker, last fragment", { IKE4500, LAST6 }, LATER },
	{ "IPv6 keep-alive", { V6, KEEPALIVE }, EVERYONE(WRONG_SIDE), EVERYONE(NAT_KEEPALIVE) },

	/* ICMP for the cluster. */
	{ "unreachable", { ICMP(3) }, BOTH(ICMP_ERROR) },
	{ "time exceeded", { ICMP(11) }, BOTH(ICMP_ERROR) },
	{ "parameter problem", { ICMP(12), .ihl = 6, .tags = 2 }, BOTH(ICMP_ERROR) },
	{ "redirect", { ICMP(5) }, FOR_LEADER },
	{ "echo", { ICMP(8) }, FOR_LEADER },
	{ "echo reply", { ICMP(0) }, FOR_LEADER },
	{ "echo, first fragment", { ICMP(8), FIRST }, FOR_LEADER },
	{ "echo, last fragment", { ICMP(8), LAST }, FOR_LEADER },
	{ "ICMP of 3 bytes", { ICMP(3), .l4_len = 3 }, FOR_LEADER },
	{ "ICMPv6 in IPv4", { .protocol = ESL_IPPROTO_ICMPV6, .icmp_type = 135, .payload = 24 }, FOR_LEADER },
	{ "IPv6 unreachable", { ICMP6(1) }, BOTH(ICMP_ERROR) },
	{ "IPv6 packet too big", { ICMP6(2), .chain = "H" }, BOTH(ICMP_ERROR) },
	{ "IPv6 time exceeded", { ICMP6(3), .tags = 1 }, BOTH(ICMP_ERROR) },
	{ "IPv6 parameter problem", { ICMP6(4) }, BOTH(ICMP_ERROR) },
	{ "ICMPv6 type 0", { ICMP6(0) }, FOR_LEADER },
	{ "ICMPv6 type 5", { ICMP6(5) }, FOR_LEADER },
	{ "IPv6 echo", { ICMP6(128) }, FOR_LEADER },
	{ "IPv6 echo, first fragment", { ICMP6(128), FIRST6 }, FOR_LEADER },
	{ "IPv6 echo, last fragment", { ICMP6(128), LAST6 }, LATER },
	{ "neighbour solicitation", { ICMP6(135) }, LEADER(ND), LEADER(ND) },
	{ "neighbour advertisement", { ICMP6(136) }, FOR_LEADER },
	{ "ICMP in IPv6", { V6, ICMP(3) }, FOR_LEADER },
	{ "ICMPv6 of 3 bytes", { ICMP6(2), .l4_len = 3 }, FOR_LEADER },

	/* Anything else for the cluster. */
	{ "TCP for the cluster", { TCP }, FOR_LEADER },
	{ "TCP for the cluster, last fragment", { TCP, LAST }, FOR_LEADER },
	{ "unknown protocol for the cluster", { .protocol = 253, .payload = 24 }, FOR_LEADER },
	{ "IPv6 TCP for the cluster", { V6, TCP, .daddr = CLUSTER_IN }, FOR_LEADER },
	{ "IPv6 TCP for the cluster, last fragment", { TCP, LAST6 }, LATER },
	{ "IPv6 no next header for the cluster", { V6, .protocol = 59 }, FOR_LEADER },

	/* Headers that lie. */
	{ "version 0", { P_ESP, .version = 16 }, BOTH(BAD_IP) },
	{ "version 5", { P_ESP, .version = 5 }, BOTH(BAD_IP) },
	{ "version 6 in IPv4", { P_ESP, .version = 6 }, BOTH(BAD_IP) },
	{ "header length 0", { P_ESP, .ihl = 16 }, BOTH(BAD_IP) },
	{ "header length 4", { P_ESP, .ihl = 4 }, BOTH(BAD_IP) },
	{ "total length 19", { P_ESP, .claim = 19 }, BOTH(BAD_IP) },
	{ "total length 0", { P_ESP, .claim_none = true }, BOTH(BAD_IP) },
	{ "total length within the options", { P_ESP, .ihl = 15, .claim = 59 }, BOTH(BAD_IP) },
	{ "total length of the header", { P_ESP, .claim = 20 }, BAD_IPSEC(BAD_ESP) },
	{ "total length within the SPI", { P_ESP, .claim = 23 }, BAD_IPSEC(BAD_ESP) },
	{ "total length within UDP's ESP", { P_NATT, .claim = 35 }, BAD_IPSEC(BAD_ESP) },
	{ "total length of a keep-alive", { P_NATT, .spi = 0xff000001, .claim = 29 }, EVERYONE(WRONG_SIDE),
	  EVERYONE(NAT_KEEPALIVE) },
	{ "total length within UDP's SPI", { P_NATT, .claim = 31 }, BOTH(BAD_UDP) },
	{ "total length beyond the frame", { P_ESP, .claim = 0xffff }, IPSEC(ESP) },
	{ "total length beyond the frame, short ESP", { P_ESP, .l4_len = 7, .claim = 0xffff }, BAD_IPSEC(BAD_ESP) },
	{ "version 4 in IPv6", { V6, P_ESP, .version = 4 }, BOTH(BAD_IP) },
	{ "version 7 in IPv6", { V6, P_ESP, .version = 7 }, BOTH(BAD_IP) },
	{ "payload length 0", { V6, P_ESP, .claim_none = true }, BAD_IPSEC(BAD_ESP) },
	{ "payload length 7", { V6, P_ESP, .claim = 7 }, BAD_IPSEC(BAD_ESP) },
	{ "payload length beyond the frame", { V6, P_ESP, .claim = 0xffff }, IPSEC(ESP) },
	{ "payload length within an extension header", { V6, P_ESP, .chain = "D", .claim = 7 }, BOTH(BAD_CHAIN) },
	{ "payload length of the extension header", { V6, P_ESP, .chain = "D", .claim = 8 }, BAD_IPSEC(BAD_ESP) },
	{ "payload length within a fragment header", { P_ESP, FIRST6, .claim = 7 }, BOTH(BAD_CHAIN) },
	{ "payload length within a wide header", { V6, P_ESP, .chain = "h", .claim = 15 }, BOTH(BAD_CHAIN) },
	{ "jumbo payload", { V6, P_ESP, .chain = "H", .claim_none = true }, BOTH(BAD_CHAIN) },
	{ "extension header beyond the packet", { V6, P_ESP, .chain = "X" }, BOTH(BAD_CHAIN) },
	{ "extension header beyond the frame", { V6, P_ESP, .chain = "X", .claim = 0xffff }, BAD_IPSEC(BAD_ESP) },
	{ "extension headers beyond the frame", { V6, P_ESP, .chain = "XD", .claim = 0xffff }, BOTH(SHORT_FRAME) },
	{ "not IP", { TCP, .type = 0x88cc }, BOTH(NOT_IP) },
};

const size_t kind_count = sizeof(kind_rows) / sizeof(kind_rows[0]);
