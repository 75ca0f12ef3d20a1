/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A heartbeat in host order, to bytes and back: include/espalier/heartbeat.h.
 * Pure.  All times are nanoseconds of the sender's own clock, except those in
 * echoes, which are of the clock of the member that is echoed.
 */
#ifndef AGENT_HEARTBEAT_H
#define AGENT_HEARTBEAT_H

#include <espalier/heartbeat.h>

/* Names a table.  Ordered by term, then leader, then epoch; term 0: none. */
struct stamp {
	__u64 term;
	__u32 epoch;		/* grows by one with every table of a cluster, over terms too */
	__u8 leader;		/* ESL_NO_MEMBER where term is 0 */
};

/* Who owns what.  No members: no slot has an owner. */
struct slot_table {
	struct stamp stamp;
	__u64 members;		/* the view: bit i is member id i */
	__u8 slot[ESL_SLOTS];	/* ids out of members, or ESL_NO_MEMBER where there are none */
};

/*
 * How far a planned change has come.  A phase begins when every member that
 * counts has done the one before; it is done when the table itself is the
 * plan's, and has been applied.
 */
enum plan_phase {
	PLAN_NONE,
	PLAN_PREPARE,		/* know the next table and be able to switch */
	PLAN_SWITCH,		/* switch, packet by packet, at what the edges agree on; who
				 * has done it forwards no more what it loses by the next table */
	PLAN_PHASES
};

/* The next table, and what is to be done for it now.  PLAN_NONE: there is none. */
struct plan {
	enum plan_phase phase;
	struct slot_table next;
};

struct vote {
	__u64 term;		/* 0: none */
	__u8 candidate;		/* ESL_NO_MEMBER where term is 0 */
	bool asked;		/* the candidate asks for it; false: the sender gave it */
};

struct echo {
	__u64 sent_ns;		/* 0: none */
	__u32 boot;		/* lower half, or that with all bits the other way: see struct esl_hb_echo */
};

struct heartbeat {
	__u8 sender;
	__u8 leader;		/* whom the sender follows, itself, or ESL_NO_MEMBER */
	__u8 priority;
	bool ready;
	bool leaving;
	bool forwarding;
	bool leading;
	bool has_table;
	__u16 load;		/* in 1/1000 of what it can do */
	__u64 boot;		/* random per start, not 0 */
	__u64 sent_ns;		/* of one boot each later than the one before; not 0 */
	__u64 term;		/* of leader; 0 where there is none */
	struct vote vote;
	struct stamp held;	/* the table in force at the sender */
	/* The phase that the sender has done of the plan with this epoch. */
	__u32 phase_epoch;
	enum plan_phase phase;
	/*
	 * A leader's table, and the plan under way.  Another member sends the newest
	 * that it knows until it has one of the leader that it follows, so that who
	 * is elected knows it too.  Only where has_table; plan.phase may be NONE.
	 */
	struct slot_table table;
	struct plan plan;
	struct echo echo[ESL_MEMBERS_MAX];	/* by member id; none of the sender itself */
};

/* X(SYMBOL, name): why a heartbeat was refused; the names are counters in the status. */
#define HEARTBEAT_REFUSALS(X)     \
	X(OK, "ok")               \
	X(SHORT, "short")         \
	X(MAGIC, "magic")         \
	X(VERSION, "version")     \
	X(LENGTH, "length")       \
	X(RESERVED, "reserved")   \
	X(FIELD, "field")         \
	X(TABLE, "table")         \
	X(ECHO, "echo")

enum heartbeat_refusal {
#define X(symbol, name) HEARTBEAT_##symbol,
	HEARTBEAT_REFUSALS(X)
#undef X
	HEARTBEAT_REFUSAL_COUNT
};

/* < 0, 0, > 0 as a is older than, the same as, or newer than b. */
int stamp_compare(const struct stamp *a, const struct stamp *b);

/* Write h, which must be one that heartbeat_decode() would accept; returns the bytes. */
size_t heartbeat_encode(const struct heartbeat *h, __u8 buf[ESL_HB_MAX]);

/* Parse what was opened.  *ret counts only where HEARTBEAT_OK is returned. */
enum heartbeat_refusal heartbeat_decode(const __u8 *buf, size_t size, struct heartbeat *ret);

const char *heartbeat_refusal_name(enum heartbeat_refusal r);

#endif
