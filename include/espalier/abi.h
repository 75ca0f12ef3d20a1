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
 *                     0; deadline, leader and tables by the agent, field by field
 *   espalier_counts   per CPU, by enum esl_reason. Written by the programs
 *   espalier_own      the member's own addresses. Written by the loader and the agent
 *   espalier_sa_in    inbound SAs by esl_sa_key. Written by the agent
 *   espalier_sa_seq   per CPU, by esl_sa_in.index: what was seen. Written by XDP
 *   espalier_sa_out   outbound SAs by esl_sa_key. Written once per SA by the agent
 *   espalier_guard    mmapable, by esl_sa_out.index: guard.h says who writes what
 *   espalier_frag     LRU: esl_frag of fragmented packets for a cluster address.
 *                     Written by XDP
 *   espalier_frag_out LRU: fragmented packets whose first part passed the guard
 *   espalier_turns    per CPU, by role: the counted schemes. Written by XDP
 *   espalier_switch   mmapable, by esl_switch_index(): markers of a planned change.
 *                     Written by XDP
 *   espalier_begin    mmapable, by the same: where its next table begins. Written by
 *                     the agent
 *   espalier_sessions mmapable, by bucket: the session table. Written by XDP and,
 *                     with the leader's assignments, by the agent
 *   espalier_policies longest prefix, by destination: which slot all packets of a
 *                     policy go to. Written by the agent
 *   espalier_cpus     CPU map: where owned packets go on. Written by the loader
 *   espalier_events   ring buffer of esl_event from the programs to the agent
 */
#ifndef ESPALIER_ABI_H
#define ESPALIER_ABI_H

#include "dispatch.h"
#include "guard.h"
#include "lane.h"
#include "packet.h"
#include "reason.h"
#include "switch.h"
#include "types.h"

#define ESL_ABI_VERSION 4
#define ESL_MAP_PREFIX "espalier_"
#define ESL_PROG_XDP "espalier_xdp"
#define ESL_PROG_GUARD "espalier_egress"
#define ESL_PROG_RETYPE "espalier_retype"

#define ESL_SA_MAX 16384
#define ESL_OWN_MAX 256
#define ESL_FRAG_MAX 8192
#define ESL_POLICIES_MAX 16384
#define ESL_CPUS_MAX 64
#define ESL_EVENTS_BYTES (256 * 1024)

/* skb->tc_index of a packet whose number the guard on the gate device passed. */
#define ESL_STAMP 0xe591
/* skb->priority of a probe, which XFRM leaves as the socket set it: no policy, route
 * or mark depends on it.  What carries it from a cluster address never leaves. */
#define ESL_PROBE_PRIORITY 0xe5914956U

enum esl_role { ESL_INSIDE, ESL_OUTSIDE, ESL_ROLES };

#define ESL_SWITCH_RECORDS (ESL_ROLES * ESL_SWITCH_QUEUES)

/* One NIC of the member. ifindex 0: not configured. */
struct esl_port {
	__u32 ifindex;
	__be32 cluster_addr;		/* 0: none */
	struct esl_addr cluster_addr6;	/* all 0: none */
	__u8 cluster_mac[ESL_MAC_LEN];
	__u8 mac[ESL_MAC_LEN];
	__u32 answer;			/* 1: the program may send a frame back by this NIC */
};

/* How owned packets are spread over the CPUs of their member. */
enum esl_cpu_mode { ESL_CPU_OFF, ESL_CPU_FLOW, ESL_CPU_PACKET };

/*
 * The identity up to ESL_IDENTITY_SIZE, then what changes while packets flow.
 * One record, because every look-up in front of a foreign packet's drop is
 * paid for the traffic of the whole cluster.
 */
struct esl_config {
	__u32 abi;		/* ESL_ABI_VERSION; 0: the programs are inert */
	__u32 member;		/* own member id */
	__u32 gate_ifindex;	/* device whose guard sends on to the outside NIC; 0: none */
	__u16 cpu_mode;		/* enum esl_cpu_mode */
	__u16 cpu_count;	/* entries of espalier_cpus in use */
	struct esl_port port[ESL_ROLES];
	struct esl_hash_key key;

	__u64 deadline_ns;	/* forward before it only; 0: silent */
	/* These two are one word for reader and writer: esl_phase(). */
	__u32 current;		/* 0 or 1: which of the tables holds */
	__u32 switching;	/* enum esl_phase; not NONE: the other table is the next one. ESL_PHASE_LEADS */
	__u32 leader;		/* 1: this member is the leader */
	__u32 policies;		/* entries of espalier_policies; 0: it is not looked up */
	__u32 changing;		/* 1: owned IPsec packets are dropped: the outside scheme changes */
	__u32 life;		/* random, drawn by the agent that finds 0: these maps were made then */
	/* Bit s % 32 of word s / 32: this member took slot s over, and has not seen
	 * what came in it before.  Floors hold there and in no other slot. */
	__u32 taken[ESL_SLOTS / 32];
	struct esl_table table[2];
	/* 0.  Up to a power of two, by which the kernel multiplies in front of every packet. */
	__u8 unused[128];
};

#define ESL_IDENTITY_SIZE offsetof(struct esl_config, deadline_ns)

struct esl_count {
	__u64 packets;
	__u64 bytes;
};

/* RFC 4301: an SA is found by SPI, destination and protocol (ESP, also in UDP, or AH). */
struct esl_sa_key {
	struct esl_addr daddr;
	__u32 spi;
	__u32 protocol;
};

struct esl_sa_in {
	__u32 index;		/* of espalier_sa_seq */
	__u16 floor_set;	/* 1: floor holds */
	__u16 whole;		/* 1: no ESN: the wire carries whole numbers; 0: their low halves */
	__u64 floor;		/* no number at or below is accepted in a slot of esl_config.taken */
	__u64 switch_at;	/* in a planned change the first number that follows the next
				 * table; 0: none yet, all follow the current one */
	__u64 leader_below;	/* a new SA: the leader alone takes numbers below it, in any slot;
				 * 0: none, UINT64_MAX: all */
};

struct esl_sa_seq {
	__u64 packets;
	__u64 bytes;
	__u32 top;		/* highest low half seen on the wire by this CPU, unauthenticated */
	__u32 parts;		/* later fragments, which are not among the packets */
};

/* The record of an outbound SA: immutable while its key lives. */
struct esl_sa_out {
	__u32 index;		/* of espalier_guard */
	__u32 lane;
	struct esl_lanes lanes;
	__u32 esn;		/* 1: 64-bit numbers */
	__u64 print;		/* keyed fingerprint of the SA's key, so that another key is another SA;
				 * 0: the kernel does not tell keys. For the agent */
};

/* The stack of the receiver joins fragments of equal keys (RFC 791; RFC 8200
 * section 4.5: the protocol is no part of it). */
struct esl_frag_key {
	struct esl_addr saddr;
	struct esl_addr daddr;
	__be32 id;
	__u32 protocol;		/* 0 for IPv6 */
};

enum esl_frag_owner {
	ESL_FRAG_MINE = 1,	/* the first part was taken here */
	ESL_FRAG_OTHER,		/* the first part is IPsec of another member */
};

/*
 * What is remembered of a first part.  That it was taken here once is not
 * enough: its slot may have moved since, planned or not, and its new owner may
 * have accepted the number in another packet.  So the number is kept, and a
 * later part is judged as the first one would be now: esl_frag_owner().
 */
struct esl_frag {
	__u32 owner;		/* enum esl_frag_owner */
	__u32 protocol;		/* MINE: ESP, also in UDP, or AH */
	__be32 spi;
	__be32 seq;
};

/* Key of espalier_policies: IPv4 prefixes are those of mapped addresses, 96 longer. */
struct esl_policy_key {
	__u32 prefixlen;
	struct esl_addr daddr;
};

struct esl_policy {
	__u32 slot;		/* of all packets; ESL_SLOTS: as the scheme says */
};

enum esl_event_kind {
	ESL_EVENT_USED,		/* a quarter, or half, of the block is used, up to seq */
	ESL_EVENT_DROP,		/* the guard dropped a number: the jump is late */
	ESL_EVENT_SESSION,	/* at the leader: a new session; seq is its hash, index its member */
	ESL_EVENT_SALT,		/* seq is the salt of a packet that does not leave; reason: G_PROBE, or
				 * G_IV where it was no probe */
};

struct esl_event {
	__u64 seq;		/* the number that caused it, the hash of a session, or a salt */
	__u32 index;		/* of espalier_guard, or a member id */
	__u16 kind;		/* enum esl_event_kind */
	__u16 reason;		/* enum esl_reason */
};

/*
 * Which table holds, and how far a planned change is: one load, because an
 * owner found by the one and the other of different moments may be a second
 * owner.  Above 1 while a change is planned.
 */
esl_inline __u64 esl_phase(const struct esl_config *c)
{
	return *(const volatile esl_wide *)&c->current;
}

/* current: 0 or 1, the table that holds from now on. One writer, the agent. */
esl_inline void esl_phase_store(struct esl_config *c, __u32 current, enum esl_phase switching)
{
	__u64 leads = esl_phase(c) >> 32 & ESL_PHASE_LEADS;

	*(volatile esl_wide *)&c->current = (leads | switching) << 32 | current;
}

esl_inline void esl_phase_lead(struct esl_config *c, bool leads)
{
	__u64 bit = (__u64)ESL_PHASE_LEADS << 32, phase = esl_phase(c);

	*(volatile esl_wide *)&c->current = leads ? phase | bit : phase & ~bit;
}

esl_inline enum esl_phase esl_phase_switching(__u64 phase)
{
	return (enum esl_phase)(phase >> 32 & ~ESL_PHASE_LEADS);
}

esl_inline bool esl_phase_leads(__u64 phase)
{
	return phase >> 32 & ESL_PHASE_LEADS;
}

/* At once: a verifier that saw the index put aside would not know its bounds. */
esl_inline const struct esl_table *esl_phase_table(const struct esl_config *c, __u64 phase)
{
	const struct esl_table *t = &c->table[phase & 1];

	esl_settle(t);
	return t;
}

esl_inline const struct esl_table *esl_phase_next(const struct esl_config *c, __u64 phase)
{
	return esl_phase_table(c, ~phase);
}

esl_inline const struct esl_table *esl_table(const struct esl_config *c)
{
	return esl_phase_table(c, esl_phase(c));
}

esl_inline struct esl_frag_key esl_frag_key(const struct esl_packet *p)
{
	struct esl_frag_key key = {
		.saddr = esl_packet_saddr(p),
		.daddr = esl_packet_daddr(p),
		.id = p->id,
		.protocol = p->family == 6 ? 0 : p->protocol,
	};

	return key;
}

/* spi in host byte order; protocol: ESP, also in UDP, or AH. */
esl_inline struct esl_sa_key esl_sa_key(const struct esl_packet *p, __u32 spi, __u32 protocol)
{
	struct esl_sa_key key = { .daddr = esl_packet_daddr(p), .spi = spi, .protocol = protocol };

	return key;
}

ESL_STATIC_ASSERT(sizeof(struct esl_port) == 40, "port");
ESL_STATIC_ASSERT(sizeof(struct esl_table) == ESL_SLOTS + ESL_MEMBERS_MAX + 24, "table");
ESL_STATIC_ASSERT(ESL_IDENTITY_SIZE == 16 + 2 * 40 + 8 * ESL_HASH_WORDS, "identity");
ESL_STATIC_ASSERT(!(sizeof(struct esl_config) & (sizeof(struct esl_config) - 1)) &&
			  sizeof(struct esl_config) == ESL_IDENTITY_SIZE + 64 + 2 * sizeof(struct esl_table) + 128,
		  "config");
ESL_STATIC_ASSERT(offsetof(struct esl_config, current) % 8 == 0 &&
			  offsetof(struct esl_config, switching) == offsetof(struct esl_config, current) + 4,
		  "table and phase in one word");
ESL_STATIC_ASSERT(sizeof(struct esl_sa_key) == 24, "SA key");
ESL_STATIC_ASSERT(sizeof(struct esl_sa_in) == 32, "inbound SA");
ESL_STATIC_ASSERT(sizeof(struct esl_sa_seq) == 24, "sequence record");
ESL_STATIC_ASSERT(sizeof(struct esl_sa_out) == 24, "outbound SA");
ESL_STATIC_ASSERT(sizeof(struct esl_frag_key) == 40, "fragment key");
ESL_STATIC_ASSERT(sizeof(struct esl_frag) == 16, "fragment");
ESL_STATIC_ASSERT(sizeof(struct esl_policy_key) == 20, "policy key");
ESL_STATIC_ASSERT(sizeof(struct esl_event) == 16, "event");

#endif
