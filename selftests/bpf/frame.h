/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Frames for the tests and the bench: a row of a table says what is in it,
 * frame_build() writes the bytes.  All fields in host byte order except MACs. */
#ifndef ESPALIER_SELFTESTS_FRAME_H
#define ESPALIER_SELFTESTS_FRAME_H

#include <espalier/packet.h>

#define FRAME_MAX 2048
#define FRAME_PREFIX6 0xfd	/* first byte of all IPv6 addresses, 11 zeros follow */

#define IP(a, b, c, d) ((__u32)(a) << 24 | (b) << 16 | (c) << 8 | (d))

struct frame_spec {
	const char *dst;	/* destination MAC, 6 bytes; NULL: the cluster MAC of the outside */
	__u16 type;		/* ethertype, 0: IPv4 */
	__u8 tags;		/* VLAN tags before it */
	__u8 protocol;
	__u32 saddr;		/* 0: PEER; of IPv6 the last four bytes, behind fd00::/96 */
	__u32 daddr;
	__u32 spi;
	__u32 seq;
	__u16 sport;
	__u16 dport;
	__u16 id;
	__u16 frag;		/* flags and offset field */
	__u8 icmp_type;
	__u8 ihl;		/* in words, 0: 5; options are filled with NOP */
	__u8 version;		/* 0: 4 */
	bool marker;		/* UDP payload starts with four zero bytes */
	bool natt;		/* UDP payload starts with spi and seq */
	const char *chain;	/* IPv6: extension headers, one letter each: Hop-by-hop, Destination,
				   Routing, Fragment (of which frag and id are) */
	__u16 tot_len;		/* claimed, 0: the true one */
	bool tot_len_0;		/* claim 0, as a packet of several segments may */
	__u16 payload;		/* bytes behind the transport header */
	__u16 pad;		/* bytes behind tot_len */
	__u16 cut;		/* length of the frame, 0: all */
	__u16 operation;	/* ARP */
	__u8 ttl;
};

struct frame {
	__u32 len;
	__u8 byte[FRAME_MAX];
};

/* Filler bytes count up from 0x10, so that a moved byte shows. */
void frame_build(struct frame *f, const struct frame_spec *s);
/* Set the length of an IPv4 frame to len bytes by its payload. */
void frame_build_len(struct frame *f, const struct frame_spec *s, __u32 len);

#endif
