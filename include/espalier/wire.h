/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The announcement: the one message between members, UDP on the sync network.
 *
 *     header | entries x esl_wire_entry | mac
 *
 * All integers are big-endian.  mac is the first 16 bytes of HMAC-SHA256 over
 * everything before it, under the key "espalier announce" derived from the
 * cluster secret.  It is checked, and the whole message parsed, before
 * anything in it counts.  Announcements merge by maximum: loss, order and
 * repetition do not matter, so an old one that is sent again changes no round.
 *
 * Upgrade rule: a receiver refuses another major version; a higher minor may
 * use reserved fields, which are 0 and ignored by this one.
 */
#ifndef ESPALIER_WIRE_H
#define ESPALIER_WIRE_H

#include "abi.h"
#include "types.h"

#define ESL_WIRE_MAGIC 0x4573506cU	/* "EsPl" */
#define ESL_WIRE_MAJOR 1
#define ESL_WIRE_MINOR 0
#define ESL_WIRE_MAC_LEN 16
#define ESL_WIRE_ENTRIES_MAX 32

/* header.flags */
#define ESL_WIRE_FORWARDING 0x01	/* the sender renews its deadline */
#define ESL_WIRE_JOINING 0x02		/* the sender asks for all rounds */

struct esl_wire_header {
	__u32 magic;
	__u8 major;
	__u8 minor;
	__u16 length;		/* of the whole message, mac included */
	__u8 sender;		/* member id */
	__u8 flags;
	__u16 entries;
	__u16 lanes;		/* L of new SAs */
	__u8 block_shift;	/* log2 K */
	__u8 burst_shift;	/* log2 B */
	__u64 members;		/* bit i: member id i is configured */
	__u64 boot;		/* random per start of the agent */
	__u32 inside_addr;	/* cluster addresses */
	__u32 outside_addr;
};

/* The round that the sender is in on one outbound SA. */
struct esl_wire_entry {
	__u8 daddr[16];
	__u32 spi;
	__u16 lanes;		/* the SA's own plan, for ever the same */
	__u8 block_shift;
	__u8 protocol;
	__u64 round;
};

#define ESL_WIRE_MAX \
	(sizeof(struct esl_wire_header) + ESL_WIRE_ENTRIES_MAX * sizeof(struct esl_wire_entry) + \
	 ESL_WIRE_MAC_LEN)

ESL_STATIC_ASSERT(sizeof(struct esl_wire_header) == 40, "wire header");
ESL_STATIC_ASSERT(offsetof(struct esl_wire_header, members) == 16, "wire header");
ESL_STATIC_ASSERT(sizeof(struct esl_wire_entry) == 32, "wire entry");
ESL_STATIC_ASSERT(ESL_WIRE_MAX <= 1400, "one unfragmented datagram");

#endif
