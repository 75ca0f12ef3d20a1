/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Frames for the tests of parser and dispatch and for the simulation: a spec
 * says what differs from a packet of its kind. */
#ifndef ESPALIER_SELFTESTS_PACKETS_H
#define ESPALIER_SELFTESTS_PACKETS_H

#include <espalier/packet.h>

#define PACKET_MAX 2048
#define CLUSTER_OUT 0xc0000201
#define CLUSTER_IN 0x0a000001
#define REMOTE 0x0a090007	/* nobody's: to be forwarded */

/* With what the payload of UDP begins. */
enum udp_body {
	UDP_PAYLOAD,
	UDP_ESP,	/* RFC 3948: SPI and number */
	UDP_IKE,	/* the non-ESP marker */
	UDP_KEEPALIVE,	/* 0xff */
};

/*
 * Host byte order. IPv6 addresses are fd00::/96 with the four bytes given.  A
 * later fragment has payload and nothing else.
 */
struct packet_spec {
	__u8 family;		/* 0: 4 */
	__u8 tags;		/* VLAN tags, the outer ones 802.1ad */
	__u8 version;		/* 0: the family's; 16: 0 */
	__u8 ihl;		/* words, 0: 5; 16: 0 */
	__u8 tos;
	__u8 ttl;
	__u8 protocol;
	__u8 icmp_type;
	__u16 type;		/* 0: the family's */
	__u16 check;		/* of UDP, TCP, ICMP */
	__u32 id;
	__u16 frag;		/* the field with flags and offset of the family */
	__u16 claim;		/* the length field, 0: the true one */
	bool claim_none;	/* the length field is 0 */
	bool group;		/* the destination is 224.0.0.1 or ff02::1 */
	/* IPv6 extension headers: Hop-by-hop, Destination, Routing, Fragment of
	 * 8 bytes; h, d, r of 16; X: destination options that claim 2048 bytes
	 * and have 8 */
	const char *chain;
	__u32 saddr;		/* 0: 10.1.2.3 */
	__u32 daddr;		/* 0: CLUSTER_OUT */
	__u16 sport;
	__u16 dport;
	__u32 spi;		/* 0: 0x1001 */
	__u32 seq;		/* of ESP and AH, TCP, ICMP */
	__u32 ack;
	enum udp_body body;
	__u16 payload;		/* bytes behind the transport header */
	__u16 l4_len;		/* the transport part is cut or filled to it; 0: as it comes */
	bool l4_none;		/* there is no transport part */
	__u16 pad;		/* bytes behind the packet */
};

struct packet {
	__u32 len;
	__u32 l3;		/* offset of the IP header */
	__u32 l4;		/* ... of the transport part */
	__u8 byte[PACKET_MAX];
};

/* Filler counts up, so that it is no zero and a moved byte shows. */
void packet_build(struct packet *p, const struct packet_spec *s);

/* From Ethernet on to a parsed packet, in len bytes at frame, at least an
 * Ethernet header. Returns a reason of the verdict DROP, or 0. */
int packet_read(const void *frame, __u32 len, struct esl_packet *p);

#endif
