/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Announcements to bytes and back: include/espalier/wire.h in host order. Pure. */
#ifndef AGENT_WIRE_H
#define AGENT_WIRE_H

#include <espalier/wire.h>

struct announced_round {
	struct esl_sa_key key;
	struct esl_lanes lanes;
	__u64 round;
};

struct announcement {
	__u8 sender;
	__u8 flags;
	struct esl_lanes lanes;
	__u32 burst_shift;
	__u64 members;
	__u64 boot;
	__be32 addr[ESL_ROLES];
	size_t count;
	struct announced_round rounds[ESL_WIRE_ENTRIES_MAX];
};

/* X(SYMBOL, name): why a datagram was refused; the names are counters in the status. */
#define WIRE_REFUSALS(X)                  \
	X(OK, "ok")                       \
	X(SHORT, "short")                 \
	X(MAGIC, "magic")                 \
	X(VERSION, "version")             \
	X(LENGTH, "length")               \
	X(MAC, "mac")                     \
	X(FIELD, "field")                 \
	X(SENDER, "sender")               \
	X(ADDRESS, "address")

enum wire_refusal {
#define X(symbol, name) WIRE_##symbol,
	WIRE_REFUSALS(X)
#undef X
	WIRE_REFUSAL_COUNT
};

/* Write a without its mac; returns the bytes before the mac. */
size_t wire_encode(const struct announcement *a, __u8 buf[ESL_WIRE_MAX]);

/* Magic, version and lengths: what can be said before the mac is checked. */
enum wire_refusal wire_check(const __u8 *buf, size_t size);

/* Parse a datagram whose mac was right. *a counts only where WIRE_OK is returned. */
enum wire_refusal wire_decode(const __u8 *buf, size_t size, struct announcement *a);

#endif
