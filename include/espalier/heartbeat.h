/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The heartbeat on the wire, as it is before it is sealed and after it is opened:
 *
 *     header | table and plan where the flags say so | echo entries, ascending ids
 *
 * All integers are big-endian, reserved bytes are 0.  A slot is a member id of
 * six bits, four of them in three bytes.
 *
 * Upgrade rule: a receiver refuses another major version.  A higher minor may use
 * reserved bytes, which this one then ignores; with its own minor they must be 0.
 */
#ifndef ESPALIER_HEARTBEAT_H
#define ESPALIER_HEARTBEAT_H

#include "dispatch.h"
#include "types.h"

/* On the segments heartbeats are Ethernet frames of a type for local use (IEEE 802
 * section 9.2.3) to a group that switches flood. */
#define ESL_HB_ETHERTYPE 0x88b5
#define ESL_HB_GROUP { 0x03, 'e', 's', 'p', 'l', 0x01 }

#define ESL_HB_MAGIC 0x45734862U	/* "EsHb" */
#define ESL_HB_LOAD_FULL 1000U
#define ESL_HB_MAJOR 1
#define ESL_HB_MINOR 0
#define ESL_HB_SEAL_MAX 64		/* what sealing may add */
#define ESL_HB_ECHO_MAX (ESL_MEMBERS_MAX - 1)
#define ESL_HB_SLOT_BYTES (ESL_SLOTS * 6 / 8)

/* header.flags */
#define ESL_HB_READY 0x01	/* the sender could forward */
#define ESL_HB_LEAVING 0x02	/* it gives its slots away */
#define ESL_HB_FORWARDING 0x04	/* its deadline lies ahead */
#define ESL_HB_LEADING 0x08	/* it leads the header's term */
#define ESL_HB_ASKING 0x10	/* the vote is asked for, by its candidate; else it is given */
#define ESL_HB_TABLE 0x20	/* a table follows */
#define ESL_HB_PLAN 0x40	/* the next table follows it */
#define ESL_HB_FLAGS 0x7f

struct esl_hb_header {
	__u32 magic;
	__u8 major;
	__u8 minor;
	__u16 length;		/* of the whole heartbeat */
	__u8 sender;		/* member id */
	__u8 flags;
	__u8 leader;		/* whom the sender follows, itself, or ESL_NO_MEMBER */
	__u8 candidate;		/* of the vote, or ESL_NO_MEMBER */
	__u8 priority;
	__u8 phase;		/* done by the sender, of phase_epoch */
	__u8 held_leader;	/* of the table in force at the sender, or ESL_NO_MEMBER */
	__u8 echoes;
	__u64 boot;
	__u64 sent_ns;
	__u64 term;		/* of leader */
	__u64 vote_term;	/* 0: no vote */
	__u64 held_term;	/* 0: no table in force */
	__u32 held_epoch;
	__u32 phase_epoch;
	__u16 load;		/* of 0 .. ESL_HB_LOAD_FULL, which is all it can do; 0: not measured */
	__u16 reserved[3];
};

/* Member ids in slots are of those in members. */
struct esl_hb_table {
	__u64 term;
	__u64 members;
	__u32 epoch;
	__u8 leader;
	__u8 reserved[3];
	__u8 slots[ESL_HB_SLOT_BYTES];
};

/* Term and leader are the table's. */
struct esl_hb_plan {
	__u64 members;
	__u32 epoch;
	__u8 phase;
	__u8 reserved[3];
	__u8 slots[ESL_HB_SLOT_BYTES];
};

/* The newest heartbeat of a member that counts for the sender: see agent/cluster.h. */
struct esl_hb_echo {
	__u64 sent_ns;		/* of that member's clock */
	__u32 boot;		/* lower half; of a leader, all bits the other way: heard only, no lease comes of it */
	__u8 id;
} __attribute__((packed));

#define ESL_HB_MAX \
	(sizeof(struct esl_hb_header) + sizeof(struct esl_hb_table) + sizeof(struct esl_hb_plan) + \
	 ESL_HB_ECHO_MAX * sizeof(struct esl_hb_echo))

ESL_STATIC_ASSERT(sizeof(struct esl_hb_header) == 72, "heartbeat header");
ESL_STATIC_ASSERT(offsetof(struct esl_hb_header, boot) == 16, "heartbeat header");
ESL_STATIC_ASSERT(offsetof(struct esl_hb_header, held_epoch) == 56, "heartbeat header");
ESL_STATIC_ASSERT(sizeof(struct esl_hb_table) == 24 + ESL_HB_SLOT_BYTES, "heartbeat table");
ESL_STATIC_ASSERT(sizeof(struct esl_hb_plan) == 16 + ESL_HB_SLOT_BYTES, "heartbeat plan");
ESL_STATIC_ASSERT(sizeof(struct esl_hb_echo) == 13, "heartbeat echo");
ESL_STATIC_ASSERT(ESL_HB_MAX + ESL_HB_SEAL_MAX <= 1400, "one unfragmented datagram");

#endif
