/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The maps: names, keys, values, limits, who writes and who reads.  All are
 * pinned by name under one bpffs directory per member and carry BTF, so that
 * "bpftool map dump pinned DIR/NAME" shows fields.
 *
 * Byte order: fields typed __be32 are as on the wire, all others are in host
 * byte order.  Times are CLOCK_BOOTTIME in nanoseconds, so that a machine that
 * was suspended finds its deadline passed.
 *
 *   espalier_config   one record, mmapable. Identity, NICs, addresses and key are
 *                     written by the loader and the agent while the deadline is
 *                     0; deadline, leader and slot tables by the agent, field
 *                     by field
 *   espalier_counts   per CPU, by enum esl_reason. Written by the programs
 *   espalier_own      the member's own addresses. Written by the loader and the agent
 *   espalier_sa_in    inbound SAs by esl_sa_key. Written by the agent
 *   espalier_sa_seq   per CPU, by esl_sa_in.index: what was seen. Written by XDP
 *   espalier_sa_out   outbound SAs by esl_sa_key. Written once per SA by the agent
 *   espalier_guard    mmapable, by esl_sa_out.index: guard.h says who writes what
 *   espalier_frag     LRU: ESP fragments whose first part passed. Written by XDP
 *   espalier_frag_out LRU: the same for the guard
 *   espalier_events   ring buffer of esl_event from the guard to the agent
 */
#ifndef ESPALIER_ABI_H
#define ESPALIER_ABI_H

#include "dispatch.h"
#include "guard.h"
#include "lane.h"
#include "packet.h"
#include "reason.h"
#include "types.h"

#define ESL_ABI_VERSION 1
#define ESL_MAP_PREFIX "espalier_"
#define ESL_PROG_XDP "espalier_xdp"
#define ESL_PROG_GUARD "espalier_egress"
#define ESL_PROG_RETYPE "espalier_retype"

#define ESL_MEMBERS_MAX 64
#define ESL_SA_MAX 16384
#define ESL_OWN_MAX 256
#define ESL_FRAG_MAX 8192
#define ESL_EVENTS_BYTES (256 * 1024)

/* skb->tc_index of a packet whose number the guard on the gate device passed. */
#define ESL_STAMP 0xe591

enum esl_role { ESL_INSIDE, ESL_OUTSIDE, ESL_ROLES };

/* One NIC of the member. ifindex 0: not configured. */
struct esl_port {
	__u32 ifindex;
	__be32 cluster_addr;
	__u8 cluster_mac[ESL_MAC_LEN];
	__u8 mac[ESL_MAC_LEN];
};

/*
 * The identity up to ESL_IDENTITY_SIZE, then what changes while packets flow.
 * One record, because every look-up in front of a foreign packet's drop is
 * paid for the traffic of the whole cluster.
 */
struct esl_config {
	__u32 abi;		/* ESL_ABI_VERSION; 0: the programs are inert */
	__u32 member;		/* own member id */
	__u32 gate_ifindex;	/* device whose guard sends on to the outside NIC; 0: none */
	__u32 burst_shift;	/* log2 B of the ESP dispatch */
	struct esl_port port[ESL_ROLES];
	struct esl_hash_key key;

	__u64 deadline_ns;	/* forward before it only; 0: silent */
	__u32 leader;		/* 1: this member is the leader */
	__u32 table;		/* which of the slot tables holds */
	struct esl_slot_table slots[2];
};

#define ESL_IDENTITY_SIZE offsetof(struct esl_config, deadline_ns)

struct esl_count {
	__u64 packets;
	__u64 bytes;
};

/* IPv4 addresses are mapped, ::ffff:a.b.c.d. */
struct esl_addr {
	__u8 byte[16];
};

/* RFC 4301: an SA is found by SPI, destination and protocol. */
struct esl_sa_key {
	struct esl_addr daddr;
	__u32 spi;
	__u32 protocol;
};

struct esl_sa_in {
	__u32 index;		/* of espalier_sa_seq */
	__u32 floor_set;	/* 1: floor holds */
	__u64 floor;		/* no number at or below is accepted */
};

struct esl_sa_seq {
	__u64 packets;
	__u64 bytes;
	__u32 top;		/* highest low half seen on the wire by this CPU, unauthenticated */
	__u32 reserved;
};

/* The record of an outbound SA: immutable while its key lives. */
struct esl_sa_out {
	__u32 index;		/* of espalier_guard */
	__u32 lane;
	struct esl_lanes lanes;
	__u32 esn;		/* 1: 64-bit numbers */
};

struct esl_frag_key {
	__be32 saddr;
	__be32 daddr;
	__be16 id;
	__u16 protocol;
};

enum esl_event_kind {
	ESL_EVENT_HALF,		/* half of the block is used */
	ESL_EVENT_DROP,		/* the guard dropped a number: the jump is late */
};

struct esl_event {
	__u64 seq;		/* the number that caused it */
	__u32 index;		/* of espalier_guard */
	__u16 kind;		/* enum esl_event_kind */
	__u16 reason;		/* enum esl_reason */
};

ESL_STATIC_ASSERT(sizeof(struct esl_port) == 20, "port");
ESL_STATIC_ASSERT(ESL_IDENTITY_SIZE == 16 + 2 * 20 + 8 * ESL_HASH_WORDS, "identity");
ESL_STATIC_ASSERT(sizeof(struct esl_config) == ESL_IDENTITY_SIZE + 16 + 2 * ESL_SLOTS, "config");
ESL_STATIC_ASSERT(sizeof(struct esl_sa_key) == 24, "SA key");
ESL_STATIC_ASSERT(sizeof(struct esl_sa_in) == 16, "inbound SA");
ESL_STATIC_ASSERT(sizeof(struct esl_sa_seq) == 24, "sequence record");
ESL_STATIC_ASSERT(sizeof(struct esl_sa_out) == 16, "outbound SA");
ESL_STATIC_ASSERT(sizeof(struct esl_frag_key) == 12, "fragment key");
ESL_STATIC_ASSERT(sizeof(struct esl_event) == 16, "event");

esl_inline struct esl_addr esl_addr_from_ipv4(__be32 a)
{
	struct esl_addr r = { .byte = { [10] = 0xff, [11] = 0xff } };

	__builtin_memcpy(&r.byte[12], &a, sizeof(a));
	return r;
}

#endif
