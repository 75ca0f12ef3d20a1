/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Announcements to bytes and back: include/espalier/wire.h in host order. Pure. */
#ifndef AGENT_WIRE_H
#define AGENT_WIRE_H

#include <espalier/wire.h>

#include "switching.h"

/* How the cluster dispatches: the leader's word, the same on all members. */
struct options {
	__u32 epoch;		/* from 1; 0: not known yet, then all is 0 */
	__u8 scheme;		/* of plain packets */
	__u8 esp_shift;		/* as in struct esl_table */
	__u8 marker_shift;
	__u16 weight[ESL_MEMBERS_MAX];	/* by member id, 0: no member */
};

struct announced_round {
	struct esl_sa_key key;
	struct esl_lanes lanes;
	__u64 round;
};

struct announced_top {
	struct esl_sa_key key;
	__u64 top;
};

struct announced_promotion {
	struct esl_sa_key key;
	enum esl_wire_promotion_state state;
	__u64 number;
};

/* What a member has heard of the rounds of another one: include/espalier/wire.h. */
struct announced_heard {
	struct esl_sa_key key;
	__u8 member;
	__u8 flags;		/* ESL_HEARD_* */
	__u64 rounds;
	__u32 life;
	__u32 question;
};

struct announced_salt {
	struct esl_sa_key key;
	__u64 salt;
	__u8 member;
	enum esl_wire_salt_kind what;
};

struct announced_session {
	__u64 hash;
	__u8 member;
};

struct announcement {
	enum esl_wire_kind kind;
	__u8 sender;
	__u8 flags;
	struct esl_lanes lanes;
	struct options options;
	__u32 acked;
	__u32 snapshot;
	__u16 page;
	__u16 pages;
	__u32 plan;
	__u32 prepared;
	__u64 members;
	__u64 boot;
	__u32 life;
	__u64 digest;
	__u64 windows;
	__be32 addr[ESL_ROLES];
	struct esl_addr addr6[ESL_ROLES];
	__u8 mac[ESL_ROLES][ESL_MAC_LEN];
	size_t count;
	union {			/* by kind */
		struct announced_round rounds[ESL_WIRE_ENTRIES_MAX];
		struct announced_top tops[ESL_WIRE_ENTRIES_MAX];
		struct announced_heard heard[ESL_WIRE_HEARD_MAX];
		struct announced_session sessions[ESL_WIRE_SESSIONS_MAX];
		struct announced_promotion promotions[ESL_WIRE_ENTRIES_MAX];
		struct switching_mark marks[ESL_WIRE_MARKS_MAX];
		struct announced_salt salts[ESL_WIRE_ENTRIES_MAX];
	};
};

/* X(SYMBOL, name): why a datagram was refused; the names are counters in the status. */
#define WIRE_REFUSALS(X)                  \
	X(OK, "ok")                       \
	X(SHORT, "short")                 \
	X(MAGIC, "magic")                 \
	X(VERSION, "version")             \
	X(LENGTH, "length")               \
	X(FIELD, "field")                 \
	X(SENDER, "sender")

enum wire_refusal {
#define X(symbol, name) WIRE_##symbol,
	WIRE_REFUSALS(X)
#undef X
	WIRE_REFUSAL_COUNT
};

bool options_equal(const struct options *a, const struct options *b);

/* Returns the bytes written. */
size_t wire_encode(const struct announcement *a, __u8 buf[ESL_WIRE_MAX]);

/* Parse what was opened. *a counts only where WIRE_OK is returned. */
enum wire_refusal wire_decode(const __u8 *buf, size_t size, struct announcement *a);

#endif
