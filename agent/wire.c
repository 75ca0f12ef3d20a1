// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "wire.h"

#include <endian.h>
#include <string.h>

#define BURST_SHIFT_MAX 16

static const struct {
	size_t size;
	size_t max;
} kinds[ESL_WIRE_KINDS] = {
	[ESL_WIRE_ROUNDS] = { sizeof(struct esl_wire_entry), ESL_WIRE_ENTRIES_MAX },
	[ESL_WIRE_TOPS] = { sizeof(struct esl_wire_top), ESL_WIRE_ENTRIES_MAX },
	[ESL_WIRE_ACTIVE] = { sizeof(struct esl_wire_top), ESL_WIRE_ENTRIES_MAX },
	[ESL_WIRE_NUMBERS] = { sizeof(struct esl_wire_top), ESL_WIRE_ENTRIES_MAX },
	[ESL_WIRE_HEARD] = { sizeof(struct esl_wire_heard), ESL_WIRE_HEARD_MAX },
	[ESL_WIRE_SALTS] = { sizeof(struct esl_wire_salt), ESL_WIRE_ENTRIES_MAX },
	[ESL_WIRE_MARKS] = { sizeof(struct esl_wire_mark), ESL_WIRE_MARKS_MAX },
	[ESL_WIRE_PROMOTIONS] = { sizeof(struct esl_wire_promotion), ESL_WIRE_ENTRIES_MAX },
	[ESL_WIRE_SESSIONS] = { sizeof(struct esl_wire_session), ESL_WIRE_SESSIONS_MAX },
};

/* Field by field: padding is not compared. */
bool options_equal(const struct options *a, const struct options *b)
{
	return a->epoch == b->epoch && a->scheme == b->scheme && a->esp_shift == b->esp_shift &&
	       a->marker_shift == b->marker_shift && !memcmp(a->weight, b->weight, sizeof(a->weight));
}

static bool lanes_valid(const struct esl_lanes *l)
{
	return l->lanes >= 1 && l->lanes <= ESL_LANES_MAX && l->block_shift >= ESL_BLOCK_SHIFT_MIN &&
	       l->block_shift <= ESL_BLOCK_SHIFT_MAX;
}

static bool options_valid(const struct options *o, __u64 members)
{
	static const struct options none;

	if (!o->epoch)
		return options_equal(o, &none);
	if (o->scheme >= ESL_SCHEME_COUNT || o->marker_shift > ESL_WIRE_MARKER_MAX ||
	    (o->esp_shift > BURST_SHIFT_MAX && o->esp_shift != ESL_BY_SPI))
		return false;
	for (int i = 0; i < ESL_MEMBERS_MAX; i++)
		if ((o->weight[i] > 0) != (members >> i & 1))
			return false;
	return true;
}

static bool key_valid(const struct esl_sa_key *key)
{
	return key->spi && (key->protocol == ESL_IPPROTO_ESP || key->protocol == ESL_IPPROTO_AH);
}

/* Every entry of an SA begins with these two fields; its protocol's place differs. */
static void put_key(const struct esl_sa_key *key, __u8 *buf)
{
	__be32 spi = htobe32(key->spi);

	memcpy(buf, key->daddr.byte, sizeof(key->daddr));
	memcpy(buf + sizeof(key->daddr), &spi, sizeof(spi));
}

static struct esl_sa_key decode_key(const __u8 *buf, __u8 protocol)
{
	struct esl_sa_key key = { .protocol = protocol };
	__be32 spi;

	memcpy(key.daddr.byte, buf, sizeof(key.daddr));
	memcpy(&spi, buf + sizeof(key.daddr), sizeof(spi));
	key.spi = be32toh(spi);
	return key;
}

static void encode_mark(const struct switching_mark *m, __u8 *buf)
{
	struct esl_wire_mark mark = { .at = htobe32(m->at), .role = m->role };

	for (int i = 0; i < ESL_SWITCH_LEVELS; i++)
		mark.ring[i] = htobe64(m->ring[i]);
	memcpy(buf, &mark, sizeof(mark));
}

static void encode_promotion(const struct announced_promotion *p, __u8 *buf)
{
	struct esl_wire_promotion e = { .protocol = (__u8)p->key.protocol,
					.state = (__u8)p->state,
					.number = htobe64(p->number) };

	memcpy(buf, &e, sizeof(e));
	put_key(&p->key, buf);
}

static void encode_heard(const struct announced_heard *h, __u8 *buf)
{
	struct esl_wire_heard heard = { .protocol = (__u8)h->key.protocol,
					.member = h->member,
					.flags = h->flags,
					.rounds = htobe64(h->rounds),
					.life = htobe32(h->life),
					.question = htobe32(h->question) };

	memcpy(buf, &heard, sizeof(heard));
	put_key(&h->key, buf);
}

static void encode_salt(const struct announced_salt *s, __u8 *buf)
{
	struct esl_wire_salt salt = { .protocol = (__u8)s->key.protocol,
				      .member = s->member,
				      .what = (__u8)s->what,
				      .salt = htobe64(s->salt) };

	memcpy(buf, &salt, sizeof(salt));
	put_key(&s->key, buf);
}

static void encode_entry(const struct announcement *a, size_t i, __u8 *buf)
{
	const struct announced_round *r = &a->rounds[i];
	const struct announced_top *t = &a->tops[i];
	struct esl_wire_entry entry;
	struct esl_wire_top top;
	struct esl_wire_session session;

	switch (a->kind) {
	case ESL_WIRE_ROUNDS:
		entry = (struct esl_wire_entry){ .lanes = htobe16(r->lanes.lanes),
						 .block_shift = r->lanes.block_shift,
						 .protocol = (__u8)r->key.protocol,
						 .round = htobe64(r->round) };
		memcpy(buf, &entry, sizeof(entry));
		put_key(&r->key, buf);
		break;
	case ESL_WIRE_TOPS:
	case ESL_WIRE_ACTIVE:
	case ESL_WIRE_NUMBERS:
		top = (struct esl_wire_top){ .protocol = (__u8)t->key.protocol,
					     .top = htobe64(t->top) };
		memcpy(buf, &top, sizeof(top));
		put_key(&t->key, buf);
		break;
	case ESL_WIRE_MARKS:
		encode_mark(&a->marks[i], buf);
		break;
	case ESL_WIRE_PROMOTIONS:
		encode_promotion(&a->promotions[i], buf);
		break;
	case ESL_WIRE_HEARD:
		encode_heard(&a->heard[i], buf);
		break;
	case ESL_WIRE_SALTS:
		encode_salt(&a->salts[i], buf);
		break;
	default:
		session = (struct esl_wire_session){ .hash = htobe64(a->sessions[i].hash),
						     .member = a->sessions[i].member };
		memcpy(buf, &session, sizeof(session));
	}
}

size_t wire_encode(const struct announcement *a, __u8 buf[ESL_WIRE_MAX])
{
	size_t step = kinds[a->kind].size, size = sizeof(struct esl_wire_header) + a->count * step;
	struct esl_wire_header h = {
		.magic = htobe32(ESL_WIRE_MAGIC),
		.major = ESL_WIRE_MAJOR,
		.minor = ESL_WIRE_MINOR,
		.length = htobe16((__u16)size),
		.sender = a->sender,
		.kind = (__u8)a->kind,
		.flags = a->flags,
		.entries = htobe16((__u16)a->count),
		.lanes = htobe16(a->lanes.lanes),
		.block_shift = a->lanes.block_shift,
		.scheme = a->options.scheme,
		.esp_shift = a->options.esp_shift,
		.marker_shift = a->options.marker_shift,
		.epoch = htobe32(a->options.epoch),
		.acked = htobe32(a->acked),
		.snapshot = htobe32(a->snapshot),
		.page = htobe16(a->page),
		.pages = htobe16(a->pages),
		.plan = htobe32(a->plan),
		.prepared = htobe32(a->prepared),
		.members = htobe64(a->members),
		.boot = htobe64(a->boot),
		.life = htobe32(a->life),
		.digest = htobe64(a->digest),
		.windows = htobe64(a->windows),
	};

	memcpy(h.addr, a->addr, sizeof(h.addr));
	memcpy(h.addr6, a->addr6, sizeof(h.addr6));
	memcpy(h.mac, a->mac, sizeof(h.mac));
	for (int i = 0; i < ESL_MEMBERS_MAX; i++)
		h.weight[i] = htobe16(a->options.weight[i]);
	memcpy(buf, &h, sizeof(h));
	for (size_t i = 0; i < a->count; i++)
		encode_entry(a, i, buf + sizeof(h) + i * step);
	return size;
}

/* Magic, version, kind and lengths. */
static enum wire_refusal check(const __u8 *buf, size_t size)
{
	struct esl_wire_header h;

	if (size < sizeof(h))
		return WIRE_SHORT;
	memcpy(&h, buf, sizeof(h));
	if (be32toh(h.magic) != ESL_WIRE_MAGIC)
		return WIRE_MAGIC;
	if (h.major != ESL_WIRE_MAJOR)
		return WIRE_VERSION;
	if (h.kind >= ESL_WIRE_KINDS)
		return WIRE_FIELD;
	if (be16toh(h.length) != size || be16toh(h.entries) > kinds[h.kind].max ||
	    size != sizeof(h) + be16toh(h.entries) * kinds[h.kind].size)
		return WIRE_LENGTH;
	return WIRE_OK;
}

static bool decode_round(const __u8 *buf, struct announced_round *r)
{
	struct esl_wire_entry e;

	memcpy(&e, buf, sizeof(e));
	r->key = decode_key(buf, e.protocol);
	r->lanes = (struct esl_lanes){ .lanes = be16toh(e.lanes), .block_shift = e.block_shift };
	r->round = be64toh(e.round);
	/* A round whose block would not fit into 64 bits is nobody's. */
	return key_valid(&r->key) && lanes_valid(&r->lanes) &&
	       r->round <= (UINT64_MAX >> 1) / ((__u64)r->lanes.lanes << r->lanes.block_shift);
}

static bool decode_top(const __u8 *buf, struct announced_top *t)
{
	struct esl_wire_top e;

	memcpy(&e, buf, sizeof(e));
	t->key = decode_key(buf, e.protocol);
	t->top = be64toh(e.top);
	return key_valid(&t->key);
}

/* Only numbers from which on, or up to which, something holds are told. */
static bool decode_promotion(const __u8 *buf, struct announced_promotion *p)
{
	struct esl_wire_promotion e;

	memcpy(&e, buf, sizeof(e));
	p->key = decode_key(buf, e.protocol);
	p->number = be64toh(e.number);
	if (!key_valid(&p->key) || e.state >= ESL_PROMOTION_STATES)
		return false;
	p->state = e.state;
	if (e.state == ESL_PROMOTION_NONE || e.state == ESL_PROMOTION_HAVE)
		return !p->number;
	return e.state != ESL_PROMOTION_AT || p->number;
}

/* Half of all rounds is more than any SA has: what is added to a count has room. */
static bool decode_heard(const __u8 *buf, struct announced_heard *h, __u64 members)
{
	struct esl_wire_heard e;

	memcpy(&e, buf, sizeof(e));
	h->key = decode_key(buf, e.protocol);
	h->member = e.member;
	h->flags = e.flags;
	h->rounds = be64toh(e.rounds);
	h->life = be32toh(e.life);
	h->question = be32toh(e.question);
	return key_valid(&h->key) && e.member < ESL_MEMBERS_MAX && members >> e.member & 1 && h->life &&
	       (h->flags & ESL_HEARD_HEARSAY || h->rounds <= UINT64_MAX >> 1);
}

static bool decode_session(const __u8 *buf, struct announced_session *s, __u64 members)
{
	struct esl_wire_session e;

	memcpy(&e, buf, sizeof(e));
	s->hash = be64toh(e.hash);
	s->member = e.member;
	return e.member < ESL_MEMBERS_MAX && members >> e.member & 1;
}

static bool decode_mark(const __u8 *buf, struct switching_mark *m)
{
	struct esl_wire_mark e;

	memcpy(&e, buf, sizeof(e));
	m->at = be32toh(e.at);
	m->role = e.role;
	for (int i = 0; i < ESL_SWITCH_LEVELS; i++)
		m->ring[i] = be64toh(e.ring[i]);
	return e.role < ESL_ROLES;
}

/* members: those configured. */
static bool decode_salt(const __u8 *buf, struct announced_salt *s, __u64 members, __u8 sender)
{
	struct esl_wire_salt e;

	memcpy(&e, buf, sizeof(e));
	s->key = decode_key(buf, e.protocol);
	s->salt = be64toh(e.salt);
	s->member = e.member;
	s->what = e.what;
	if (!key_valid(&s->key) || e.what >= ESL_WIRE_SALT_KINDS || e.member >= ESL_MEMBERS_MAX ||
	    !(members >> e.member & 1))
		return false;
	return e.what != ESL_WIRE_SALT_DIGEST || (e.member == sender && s->salt);
}

static bool decode_entry(const __u8 *buf, struct announcement *a, size_t i)
{
	switch (a->kind) {
	case ESL_WIRE_ROUNDS:
		return decode_round(buf, &a->rounds[i]);
	case ESL_WIRE_TOPS:
	case ESL_WIRE_ACTIVE:
		return decode_top(buf, &a->tops[i]);
	case ESL_WIRE_NUMBERS:
		return decode_top(buf, &a->tops[i]) && a->tops[i].top;
	case ESL_WIRE_MARKS:
		return decode_mark(buf, &a->marks[i]);
	case ESL_WIRE_PROMOTIONS:
		return decode_promotion(buf, &a->promotions[i]);
	case ESL_WIRE_HEARD:
		return decode_heard(buf, &a->heard[i], a->members);
	case ESL_WIRE_SALTS:
		return decode_salt(buf, &a->salts[i], a->members, a->sender);
	default:
		return decode_session(buf, &a->sessions[i], a->members);
	}
}

static void decode_options(const struct esl_wire_header *h, struct options *o)
{
	*o = (struct options){ .epoch = be32toh(h->epoch),
			       .scheme = h->scheme,
			       .esp_shift = h->esp_shift,
			       .marker_shift = h->marker_shift };
	for (int i = 0; i < ESL_MEMBERS_MAX; i++)
		o->weight[i] = be16toh(h->weight[i]);
}

/* Tops are told for an epoch, numbers, marks and last tops for a plan, in pages;
 * promotions in a term. Nothing else has pages. */
static bool pages_valid(const struct announcement *a)
{
	if (a->acked > a->options.epoch)
		return false;
	if (a->prepared && !a->plan)
		return false;
	if (a->kind == ESL_WIRE_TOPS)
		return a->acked && a->page < a->pages && a->pages <= ESL_WIRE_PAGES_MAX;
	if (a->kind == ESL_WIRE_NUMBERS)
		return a->plan && a->snapshot && a->page < a->pages && a->pages <= ESL_WIRE_PAGES_MAX;
	if (a->kind == ESL_WIRE_MARKS)
		return a->plan && !a->snapshot && a->page < a->pages && a->pages <= ESL_SWITCH_RECORDS;
	if (a->kind == ESL_WIRE_PROMOTIONS)
		return a->snapshot && !a->page && !a->pages;
	if (a->kind == ESL_WIRE_ACTIVE && a->flags & ESL_WIRE_STOPPED)
		return a->plan && !a->snapshot && a->page < a->pages && a->pages <= ESL_WIRE_PAGES_MAX;
	return !a->snapshot && !a->page && !a->pages;
}

enum wire_refusal wire_decode(const __u8 *buf, size_t size, struct announcement *a)
{
	enum wire_refusal refusal = check(buf, size);
	struct esl_wire_header h;

	if (refusal != WIRE_OK)
		return refusal;
	memcpy(&h, buf, sizeof(h));
	*a = (struct announcement){
		.kind = h.kind,
		.sender = h.sender,
		.flags = h.flags,
		.lanes = { .lanes = be16toh(h.lanes), .block_shift = h.block_shift },
		.acked = be32toh(h.acked),
		.snapshot = be32toh(h.snapshot),
		.page = be16toh(h.page),
		.pages = be16toh(h.pages),
		.plan = be32toh(h.plan),
		.prepared = be32toh(h.prepared),
		.members = be64toh(h.members),
		.boot = be64toh(h.boot),
		.life = be32toh(h.life),
		.digest = be64toh(h.digest),
		.windows = be64toh(h.windows),
		.count = be16toh(h.entries),
	};
	memcpy(a->addr, h.addr, sizeof(a->addr));
	memcpy(a->addr6, h.addr6, sizeof(a->addr6));
	memcpy(a->mac, h.mac, sizeof(a->mac));
	decode_options(&h, &a->options);
	if (a->sender >= ESL_MEMBERS_MAX || !(a->members >> a->sender & 1) || !a->life || !lanes_valid(&a->lanes) ||
	    !options_valid(&a->options, a->members) || !pages_valid(a))
		return WIRE_FIELD;
	for (size_t i = 0; i < a->count; i++)
		if (!decode_entry(buf + sizeof(h) + i * kinds[a->kind].size, a, i))
			return WIRE_FIELD;
	return WIRE_OK;
}
