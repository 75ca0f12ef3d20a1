// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "heartbeat.h"

#include <endian.h>
#include <string.h>

int stamp_compare(const struct stamp *a, const struct stamp *b)
{
	if (a->term != b->term)
		return a->term < b->term ? -1 : 1;
	if (a->leader != b->leader)
		return a->leader < b->leader ? -1 : 1;
	return a->epoch < b->epoch ? -1 : a->epoch > b->epoch;
}

const char *heartbeat_refusal_name(enum heartbeat_refusal r)
{
	static const char *const names[] = {
#define X(symbol, name) name,
		HEARTBEAT_REFUSALS(X)
#undef X
	};

	return names[r];
}

static void encode_slots(const struct slot_table *t, __u8 buf[ESL_HB_SLOT_BYTES])
{
	for (size_t i = 0; i < ESL_SLOTS / 4; i++) {
		__u32 four = 0;

		for (size_t k = 0; k < 4; k++)
			four = four << 6 | (t->members ? t->slot[4 * i + k] & 0x3f : 0);
		buf[3 * i] = (__u8)(four >> 16);
		buf[3 * i + 1] = (__u8)(four >> 8);
		buf[3 * i + 2] = (__u8)four;
	}
}

/* Every slot has an owner out of members, or, without members, none. */
static bool decode_slots(const __u8 buf[ESL_HB_SLOT_BYTES], struct slot_table *t)
{
	for (size_t i = 0; i < ESL_SLOTS; i++) {
		const __u8 *b = buf + i / 4 * 3;
		__u32 four = (__u32)b[0] << 16 | (__u32)b[1] << 8 | b[2];
		__u8 id = four >> (18 - 6 * (i % 4)) & 0x3f;

		if (t->members ? !(t->members >> id & 1) : id != 0)
			return false;
		t->slot[i] = t->members ? id : ESL_NO_MEMBER;
	}
	return true;
}

static size_t put(__u8 *buf, size_t at, const void *what, size_t size)
{
	memcpy(buf + at, what, size);
	return at + size;
}

static size_t encode_tables(const struct heartbeat *h, __u8 *buf, size_t at)
{
	struct esl_hb_table t = { .term = htobe64(h->table.stamp.term),
				  .members = htobe64(h->table.members),
				  .epoch = htobe32(h->table.stamp.epoch),
				  .leader = h->table.stamp.leader };
	struct esl_hb_plan p = { .members = htobe64(h->plan.next.members),
				 .epoch = htobe32(h->plan.next.stamp.epoch),
				 .phase = (__u8)h->plan.phase };

	if (!h->has_table)
		return at;
	encode_slots(&h->table, t.slots);
	at = put(buf, at, &t, sizeof(t));
	if (h->plan.phase == PLAN_NONE)
		return at;
	encode_slots(&h->plan.next, p.slots);
	return put(buf, at, &p, sizeof(p));
}

static __u8 encode_flags(const struct heartbeat *h)
{
	return (h->ready ? ESL_HB_READY : 0) | (h->leaving ? ESL_HB_LEAVING : 0) |
	       (h->forwarding ? ESL_HB_FORWARDING : 0) | (h->leading ? ESL_HB_LEADING : 0) |
	       (h->vote.asked ? ESL_HB_ASKING : 0) | (h->has_table ? ESL_HB_TABLE : 0) |
	       (h->has_table && h->plan.phase != PLAN_NONE ? ESL_HB_PLAN : 0);
}

size_t heartbeat_encode(const struct heartbeat *h, __u8 buf[ESL_HB_MAX])
{
	struct esl_hb_header w = {
		.magic = htobe32(ESL_HB_MAGIC),
		.major = ESL_HB_MAJOR,
		.minor = ESL_HB_MINOR,
		.sender = h->sender,
		.flags = encode_flags(h),
		.leader = h->leader,
		.candidate = h->vote.candidate,
		.priority = h->priority,
		.phase = (__u8)h->phase,
		.held_leader = h->held.leader,
		.boot = htobe64(h->boot),
		.sent_ns = htobe64(h->sent_ns),
		.term = htobe64(h->term),
		.vote_term = htobe64(h->vote.term),
		.held_term = htobe64(h->held.term),
		.held_epoch = htobe32(h->held.epoch),
		.phase_epoch = htobe32(h->phase_epoch),
		.load = htobe16(h->load),
	};
	size_t at = encode_tables(h, buf, sizeof(w));

	for (__u8 id = 0; id < ESL_MEMBERS_MAX; id++) {
		struct esl_hb_echo e = { .sent_ns = htobe64(h->echo[id].sent_ns),
					 .boot = htobe32(h->echo[id].boot),
					 .id = id };

		if (id == h->sender || !h->echo[id].sent_ns)
			continue;
		at = put(buf, at, &e, sizeof(e));
		w.echoes++;
	}
	w.length = htobe16((__u16)at);
	put(buf, 0, &w, sizeof(w));
	return at;
}

static bool is_member(__u8 id)
{
	return id < ESL_MEMBERS_MAX;
}

/* A term and the member that belongs to it are there together, or neither is. */
static bool pair_valid(__u64 term, __u8 id)
{
	return term ? is_member(id) : id == ESL_NO_MEMBER;
}

static bool fields_valid(const struct heartbeat *h)
{
	return is_member(h->sender) && h->boot && h->sent_ns && pair_valid(h->term, h->leader) &&
	       pair_valid(h->vote.term, h->vote.candidate) && pair_valid(h->held.term, h->held.leader) &&
	       !h->held.term == !h->held.epoch && h->leading == (h->leader == h->sender) &&
	       (!h->vote.asked || h->vote.candidate == h->sender) && !(h->vote.asked && h->leading) &&
	       h->phase < PLAN_PHASES && !h->phase == !h->phase_epoch && h->load <= ESL_HB_LOAD_FULL;
}

static bool nothing(const void *buf, size_t size)
{
	const __u8 *b = buf;
	__u8 all = 0;

	for (size_t i = 0; i < size; i++)
		all |= b[i];
	return !all;
}

static enum heartbeat_refusal decode_tables(const __u8 *buf, __u8 flags, bool same, struct heartbeat *h)
{
	struct esl_hb_table t;
	struct esl_hb_plan p;

	if (!(flags & ESL_HB_TABLE))
		return flags & ESL_HB_PLAN ? HEARTBEAT_FIELD : HEARTBEAT_OK;
	memcpy(&t, buf, sizeof(t));
	h->has_table = true;
	h->table.stamp = (struct stamp){ .term = be64toh(t.term), .epoch = be32toh(t.epoch), .leader = t.leader };
	h->table.members = be64toh(t.members);
	if (same && !nothing(t.reserved, sizeof(t.reserved)))
		return HEARTBEAT_RESERVED;
	if (!h->table.stamp.term || !h->table.stamp.epoch || !is_member(t.leader) ||
	    !decode_slots(t.slots, &h->table))
		return HEARTBEAT_TABLE;
	if (!(flags & ESL_HB_PLAN))
		return HEARTBEAT_OK;
	memcpy(&p, buf + sizeof(t), sizeof(p));
	h->plan.phase = p.phase;
	h->plan.next.stamp = h->table.stamp;
	h->plan.next.stamp.epoch = be32toh(p.epoch);
	h->plan.next.members = be64toh(p.members);
	if (same && !nothing(p.reserved, sizeof(p.reserved)))
		return HEARTBEAT_RESERVED;
	if (p.phase == PLAN_NONE || p.phase >= PLAN_PHASES || !h->plan.next.members ||
	    h->plan.next.stamp.epoch <= h->table.stamp.epoch || !decode_slots(p.slots, &h->plan.next))
		return HEARTBEAT_TABLE;
	return HEARTBEAT_OK;
}

static bool decode_echoes(const __u8 *buf, size_t count, struct heartbeat *h)
{
	int before = -1;

	for (size_t i = 0; i < count; i++) {
		struct esl_hb_echo e;

		memcpy(&e, buf + i * sizeof(e), sizeof(e));
		if (e.id <= before || !is_member(e.id) || e.id == h->sender || !e.sent_ns)
			return false;
		h->echo[e.id] = (struct echo){ .sent_ns = be64toh(e.sent_ns), .boot = be32toh(e.boot) };
		before = e.id;
	}
	return true;
}

static void decode_header(const struct esl_hb_header *w, struct heartbeat *h)
{
	*h = (struct heartbeat){
		.sender = w->sender,
		.leader = w->leader,
		.priority = w->priority,
		.ready = w->flags & ESL_HB_READY,
		.leaving = w->flags & ESL_HB_LEAVING,
		.forwarding = w->flags & ESL_HB_FORWARDING,
		.leading = w->flags & ESL_HB_LEADING,
		.load = be16toh(w->load),
		.boot = be64toh(w->boot),
		.sent_ns = be64toh(w->sent_ns),
		.term = be64toh(w->term),
		.vote = { .term = be64toh(w->vote_term),
			  .candidate = w->candidate,
			  .asked = w->flags & ESL_HB_ASKING },
		.held = { .term = be64toh(w->held_term),
			  .epoch = be32toh(w->held_epoch),
			  .leader = w->held_leader },
		.phase_epoch = be32toh(w->phase_epoch),
		.phase = w->phase,
		.table.stamp.leader = ESL_NO_MEMBER,
	};
}

enum heartbeat_refusal heartbeat_decode(const __u8 *buf, size_t size, struct heartbeat *ret)
{
	enum heartbeat_refusal refusal;
	struct esl_hb_header w;
	size_t tables;
	bool same;

	if (size < sizeof(w))
		return HEARTBEAT_SHORT;
	memcpy(&w, buf, sizeof(w));
	if (be32toh(w.magic) != ESL_HB_MAGIC)
		return HEARTBEAT_MAGIC;
	if (w.major != ESL_HB_MAJOR)
		return HEARTBEAT_VERSION;
	tables = (w.flags & ESL_HB_TABLE ? sizeof(struct esl_hb_table) : 0) +
		 (w.flags & ESL_HB_PLAN ? sizeof(struct esl_hb_plan) : 0);
	if (be16toh(w.length) != size || w.echoes > ESL_HB_ECHO_MAX ||
	    size != sizeof(w) + tables + w.echoes * sizeof(struct esl_hb_echo))
		return HEARTBEAT_LENGTH;
	same = w.minor <= ESL_HB_MINOR;
	if (same && (w.flags & ~ESL_HB_FLAGS || !nothing(w.reserved, sizeof(w.reserved))))
		return HEARTBEAT_RESERVED;
	decode_header(&w, ret);
	if (!fields_valid(ret))
		return HEARTBEAT_FIELD;
	refusal = decode_tables(buf + sizeof(w), w.flags, same, ret);
	if (refusal != HEARTBEAT_OK)
		return refusal;
	return decode_echoes(buf + sizeof(w) + tables, w.echoes, ret) ? HEARTBEAT_OK : HEARTBEAT_ECHO;
}
