/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Frames for the tests and the bench: a row of a table says what is in it,
 * frame_build() writes the bytes.  All fields in host byte order except MACs. */
#ifndef ESPALIER_SELFTESTS_FRAME_H
#define ESPALIER_SELFTESTS_FRAME_H

#include <espalier/packet.h>

#include "selftests/unit/packets.h"

#define FRAME_MAX 9216

#define IP(a, b, c, d) ((__u32)(a) << 24 | (b) << 16 | (c) << 8 | (d))

struct frame_spec {
	const char *dst;	/* destination MAC, 6 bytes; NULL: the cluster MAC of the outside */
	const char *src;	/* NULL: the peer's */
	__u16 type;		/* ethertype, 0: IPv4 */
	__u8 tags;		/* VLAN tags before it */
	__u8 protocol;
	__u32 saddr;		/* 0: PEER; of IPv6 the last four bytes, behind fd00::/96 */
	__u32 daddr;		/* 0: OUTSIDE_ADDR */
	bool group;		/* the destination is 224.0.0.1 or ff02::1 */
	__u32 spi;
	__u32 seq;
	__u16 sport;
	__u16 dport;
	__u16 id;
	__u16 frag;		/* flags and offset field */
	__u8 icmp_type;
	__u8 ihl;		/* in words, 0: 5; options are filled with NOP */
	__u8 version;		/* 0: the family's */
	bool marker;		/* UDP payload starts with four zero bytes */
	bool natt;		/* UDP payload starts with spi and seq */
	bool keepalive;		/* UDP payload is the byte 0xff */
	const char *chain;	/* IPv6: extension headers, as of struct packet_spec */
	__u16 tot_len;		/* claimed, 0: the true one; of IPv6 the payload length */
	bool tot_len_0;		/* claim 0, as a packet of several segments may */
	__u16 payload;		/* bytes behind the transport header */
	bool empty;		/* a test that fills in a payload shall not */
	__u16 pad;		/* bytes behind the packet */
	__u16 cut;		/* length of the frame, 0: all */
	__u16 operation;	/* ARP */
	__u8 ttl;
};

struct frame {
	__u32 len;
	__u8 byte[FRAME_MAX];
};

/* Filler bytes count up, so that a moved byte shows. */
void frame_build(struct frame *f, const struct frame_spec *s);
/* Set the length of an IPv4 frame to len bytes by its payload. */
void frame_build_len(struct frame *f, const struct frame_spec *s, __u32 len);
/* The same packet between other MACs; NULL: as frame_build(). */
void frame_of_packet(struct frame *f, const struct packet *p, const char *dst, const char *src);
/* Where the IP header or ARP packet begins. */
__u32 frame_l3(const struct frame *f);

#endif
