// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Announcements: what is written is read back, and nothing else is. */
#include <criterion/criterion.h>
#include <endian.h>
#include <string.h>

#include <agent/wire.h>

static struct announcement example(enum esl_wire_kind kind, size_t count)
{
	struct announcement a = {
		.kind = kind,
		.sender = 2,
		.flags = ESL_WIRE_READY | ESL_WIRE_CHANGING,
		.lanes = { .lanes = 3, .block_shift = 6 },
		.options = { .epoch = 7, .scheme = ESL_SCHEME_SESSION_SQF, .esp_shift = 4, .marker_shift = 10,
			     .weight = { 100, 1, 65535 } },
		.acked = 6,
		.members = 7,
		.boot = 0x0102030405060708ULL,
		.life = 0x31323334,
		.digest = 0x1112131415161718ULL,
		.windows = 0x2122232425262728ULL,
		.addr = { htonl(0x0a010001), htonl(0xc0000201) },
		.addr6 = { { { 0x20, 1, [15] = 1 } }, { { 0x20, 2, [15] = 2 } } },
		.mac = { { 3, 0xbf, 1, 2, 3, 4 }, { 3, 0xbf, 5, 6, 7, 8 } },
		.count = count,
	};

	for (size_t i = 0; i < count; i++) {
		struct esl_sa_key key = { .daddr = { { 0xfe, 0x80, [14] = (__u8)i } },
					  .spi = 0x1000 + (__u32)i,
					  .protocol = i % 2 ? ESL_IPPROTO_AH : ESL_IPPROTO_ESP };

		if (kind == ESL_WIRE_ROUNDS)
			a.rounds[i] = (struct announced_round){ key, { 3, 6, 0 }, 1ULL << (i % 40) };
		else if (kind == ESL_WIRE_MARKS)
			a.marks[i] = (struct switching_mark){ i % ESL_ROLES, 1000 + (__u32)i, { ~0ULL - i, [7] = i } };
		else if (kind == ESL_WIRE_PROMOTIONS)
			a.promotions[i] = (struct announced_promotion){ key, i % ESL_PROMOTION_STATES,
				i % ESL_PROMOTION_STATES == ESL_PROMOTION_NONE ||
				i % ESL_PROMOTION_STATES == ESL_PROMOTION_HAVE ? 0 : ~0ULL - i };
		else if (kind == ESL_WIRE_HEARD)
			a.heard[i] = (struct announced_heard){ key, i % 3, (__u8)(1U << i % 7), (~0ULL >> 1) - i, ~0U - (__u32)i,
							      0x80000000U + (__u32)i };
		else if (kind == ESL_WIRE_SALTS)
			a.salts[i] = (struct announced_salt){ key, ~0ULL - i, i % 3 == 2 ? 2 : i % 3,
							      i % 3 == 2 ? ESL_WIRE_SALT_DIGEST : i % 2 };
		else if (kind != ESL_WIRE_SESSIONS)
			a.tops[i] = (struct announced_top){ key, ~0ULL - i };
		else
			a.sessions[i] = (struct announced_session){ 0x8000000000000001ULL * i, i % 3 };
	}
	if (kind == ESL_WIRE_TOPS) {
		a.snapshot = 9;
		a.page = 3;
		a.pages = ESL_WIRE_PAGES_MAX;
	}
	if (kind == ESL_WIRE_NUMBERS || kind == ESL_WIRE_MARKS) {
		a.plan = 12;
		a.prepared = 2;
		a.snapshot = kind == ESL_WIRE_NUMBERS ? 3 : 0;
		a.page = 1;
		a.pages = 2;
	}
	if (kind == ESL_WIRE_PROMOTIONS)
		a.snapshot = 4;
	return a;
}

static const size_t limit[ESL_WIRE_KINDS] = { ESL_WIRE_ENTRIES_MAX, ESL_WIRE_ENTRIES_MAX,
					      ESL_WIRE_ENTRIES_MAX, ESL_WIRE_SESSIONS_MAX,
					      ESL_WIRE_ENTRIES_MAX, ESL_WIRE_MARKS_MAX,
					      ESL_WIRE_ENTRIES_MAX, ESL_WIRE_HEARD_MAX,
					      ESL_WIRE_ENTRIES_MAX };

static bool same_key(const struct esl_sa_key *x, const struct esl_sa_key *y)
{
	return !memcmp(x, y, sizeof(*x));
}

static bool same_entry(const struct announcement *a, const struct announcement *b, size_t i)
{
	const struct announced_round *r = &a->rounds[i], *s = &b->rounds[i];

	if (a->kind == ESL_WIRE_ROUNDS)
		return same_key(&r->key, &s->key) && r->round == s->round &&
		       !memcmp(&r->lanes, &s->lanes, sizeof(r->lanes));
	if (a->kind == ESL_WIRE_MARKS)
		return a->marks[i].role == b->marks[i].role && a->marks[i].at == b->marks[i].at &&
		       !memcmp(a->marks[i].ring, b->marks[i].ring, sizeof(a->marks[i].ring));
	if (a->kind == ESL_WIRE_PROMOTIONS)
		return same_key(&a->promotions[i].key, &b->promotions[i].key) &&
		       a->promotions[i].state == b->promotions[i].state &&
		       a->promotions[i].number == b->promotions[i].number;
	if (a->kind == ESL_WIRE_HEARD)
		return same_key(&a->heard[i].key, &b->heard[i].key) && a->heard[i].rounds == b->heard[i].rounds &&
		       a->heard[i].member == b->heard[i].member && a->heard[i].flags == b->heard[i].flags &&
		       a->heard[i].life == b->heard[i].life && a->heard[i].question == b->heard[i].question;
	if (a->kind == ESL_WIRE_SALTS)
		return same_key(&a->salts[i].key, &b->salts[i].key) && a->salts[i].salt == b->salts[i].salt &&
		       a->salts[i].member == b->salts[i].member && a->salts[i].what == b->salts[i].what;
	if (a->kind != ESL_WIRE_SESSIONS)
		return same_key(&a->tops[i].key, &b->tops[i].key) && a->tops[i].top == b->tops[i].top;
	return a->sessions[i].hash == b->sessions[i].hash && a->sessions[i].member == b->sessions[i].member;
}

static bool same(const struct announcement *a, const struct announcement *b)
{
	if (a->kind != b->kind || a->sender != b->sender || a->flags != b->flags ||
	    memcmp(&a->lanes, &b->lanes, sizeof(a->lanes)) || !options_equal(&a->options, &b->options) ||
	    a->acked != b->acked || a->snapshot != b->snapshot || a->page != b->page || a->pages != b->pages ||
	    a->plan != b->plan || a->prepared != b->prepared ||
	    a->members != b->members || a->boot != b->boot || a->life != b->life || a->digest != b->digest ||
	    a->windows != b->windows || memcmp(a->addr, b->addr, sizeof(a->addr)) ||
	    memcmp(a->addr6, b->addr6, sizeof(a->addr6)) || memcmp(a->mac, b->mac, sizeof(a->mac)) ||
	    a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (!same_entry(a, b, i))
			return false;
	return true;
}

/* Last tops go out in pages, for a plan; tops in use do neither. */
Test(agent_wire, last_tops)
{
	static const struct {
		const char *name;
		__u8 flags;
		__u32 plan, snapshot;
		__u16 page, pages;
		enum wire_refusal is;
	} rows[] = {
		{ "the only page", ESL_WIRE_STOPPED, 7, 0, 0, 1, WIRE_OK },
		{ "the last of many", ESL_WIRE_STOPPED, 7, 0, ESL_WIRE_PAGES_MAX - 1, ESL_WIRE_PAGES_MAX, WIRE_OK },
		{ "a page behind the last", ESL_WIRE_STOPPED, 7, 0, 2, 2, WIRE_FIELD },
		{ "too many", ESL_WIRE_STOPPED, 7, 0, 0, ESL_WIRE_PAGES_MAX + 1, WIRE_FIELD },
		{ "no pages", ESL_WIRE_STOPPED, 7, 0, 0, 0, WIRE_FIELD },
		{ "no plan", ESL_WIRE_STOPPED, 0, 0, 0, 1, WIRE_FIELD },
		{ "of a snapshot", ESL_WIRE_STOPPED, 7, 3, 0, 1, WIRE_FIELD },
		{ "not the last", 0, 7, 0, 0, 1, WIRE_FIELD },
		{ "not the last, and no pages", 0, 7, 0, 0, 0, WIRE_OK },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct announcement a = example(ESL_WIRE_ACTIVE, 3), b;
		__u8 buf[ESL_WIRE_MAX];

		a.flags = rows[i].flags;
		a.plan = rows[i].plan;
		a.snapshot = rows[i].snapshot;
		a.page = rows[i].page;
		a.pages = rows[i].pages;
		cr_expect_eq(wire_decode(buf, wire_encode(&a, buf), &b), rows[i].is, "%s", rows[i].name);
	}
}

Test(agent_wire, round_trip)
{
	for (int kind = 0; kind < ESL_WIRE_KINDS; kind++) {
		const size_t counts[] = { 0, 1, limit[kind] };

		for (int i = 0; i < 3; i++) {
			struct announcement a = example(kind, counts[i]), b;
			__u8 buf[ESL_WIRE_MAX];
			size_t size = wire_encode(&a, buf);

			cr_assert(size <= sizeof(buf), "kind %d", kind);
			cr_assert_eq(wire_decode(buf, size, &b), WIRE_OK, "kind %d, %zu entries", kind, counts[i]);
			cr_assert(same(&a, &b), "kind %d, %zu entries", kind, counts[i]);
		}
	}
}

Test(agent_wire, no_options_yet)
{
	struct announcement a = example(ESL_WIRE_ROUNDS, 1), b;
	__u8 buf[ESL_WIRE_MAX];

	a.options = (struct options){};
	a.acked = 0;
	cr_assert_eq(wire_decode(buf, wire_encode(&a, buf), &b), WIRE_OK);
	cr_assert(same(&a, &b));
}

/* Whatever is missing at the end, or added there. */
Test(agent_wire, other_lengths)
{
	for (int kind = 0; kind < ESL_WIRE_KINDS; kind++) {
		struct announcement a = example(kind, 5), b;
		__u8 buf[2 * ESL_WIRE_MAX] = {};
		size_t size = wire_encode(&a, buf);

		for (size_t n = 0; n < sizeof(buf); n++)
			cr_assert((wire_decode(buf, n, &b) == WIRE_OK) == (n == size), "kind %d: %zu of %zu bytes",
				  kind, n, size);
	}
}

#define HEADER(field) offsetof(struct esl_wire_header, field)
/* Of the entry with this state, of the example. */
#define PROMOTION(state, field) \
	(ENTRY(esl_wire_promotion, field) + (state) * sizeof(struct esl_wire_promotion))
#define ENTRY(type, field) (sizeof(struct esl_wire_header) + offsetof(struct type, field))

/* One field changed in a message that was right, to a value of this many bytes. */
static const struct {
	const char *name;
	int kind;
	size_t offset, bytes;
	__u64 value;
	enum wire_refusal refusal;
} rows[] = {
	{ "another magic", ESL_WIRE_ROUNDS, HEADER(magic), 4, 1, WIRE_MAGIC },
	{ "the version before", ESL_WIRE_ROUNDS, HEADER(major), 1, ESL_WIRE_MAJOR - 1, WIRE_VERSION },
	{ "the next version", ESL_WIRE_ROUNDS, HEADER(major), 1, ESL_WIRE_MAJOR + 1, WIRE_VERSION },
	{ "the next minor version", ESL_WIRE_ROUNDS, HEADER(minor), 1, ESL_WIRE_MINOR + 1, WIRE_OK },
	{ "a reserved byte", ESL_WIRE_ROUNDS, HEADER(reserved), 1, 1, WIRE_OK },
	{ "another length", ESL_WIRE_ROUNDS, HEADER(length), 2, 100, WIRE_LENGTH },
	{ "more entries", ESL_WIRE_ROUNDS, HEADER(entries), 2, 6, WIRE_LENGTH },
	{ "more entries than any", ESL_WIRE_ROUNDS, HEADER(entries), 2, 65535, WIRE_LENGTH },
	{ "a kind too high", ESL_WIRE_ROUNDS, HEADER(kind), 1, ESL_WIRE_KINDS, WIRE_FIELD },
	{ "a sender too high", ESL_WIRE_ROUNDS, HEADER(sender), 1, 64, WIRE_FIELD },
	{ "a sender that is no member", ESL_WIRE_ROUNDS, HEADER(sender), 1, 3, WIRE_FIELD },
	{ "no life", ESL_WIRE_ROUNDS, HEADER(life), 4, 0, WIRE_FIELD },
	{ "rounds of no member", ESL_WIRE_HEARD, ENTRY(esl_wire_heard, member), 1, 3, WIRE_FIELD },
	{ "rounds of a member too high", ESL_WIRE_HEARD, ENTRY(esl_wire_heard, member), 1, 64, WIRE_FIELD },
	{ "rounds heard that none has", ESL_WIRE_HEARD, ENTRY(esl_wire_heard, rounds), 8, ~0ULL, WIRE_FIELD },
	{ "heard by no life", ESL_WIRE_HEARD, ENTRY(esl_wire_heard, life), 4, 0, WIRE_FIELD },
	{ "heard by the highest life", ESL_WIRE_HEARD, ENTRY(esl_wire_heard, life), 4, ~0U, WIRE_OK },
	{ "no SPI heard of", ESL_WIRE_HEARD, ENTRY(esl_wire_heard, spi), 4, 0, WIRE_FIELD },
	{ "no lanes", ESL_WIRE_ROUNDS, HEADER(lanes), 2, 0, WIRE_FIELD },
	{ "65 lanes", ESL_WIRE_ROUNDS, HEADER(lanes), 2, 65, WIRE_FIELD },
	{ "blocks too small", ESL_WIRE_ROUNDS, HEADER(block_shift), 1, 2, WIRE_FIELD },
	{ "blocks too large", ESL_WIRE_ROUNDS, HEADER(block_shift), 1, 17, WIRE_FIELD },
	{ "an unknown scheme", ESL_WIRE_ROUNDS, HEADER(scheme), 1, ESL_SCHEME_COUNT, WIRE_FIELD },
	{ "the last scheme", ESL_WIRE_ROUNDS, HEADER(scheme), 1, ESL_SCHEME_COUNT - 1, WIRE_OK },
	{ "a burst too long", ESL_WIRE_ROUNDS, HEADER(esp_shift), 1, 17, WIRE_FIELD },
	{ "the longest burst", ESL_WIRE_ROUNDS, HEADER(esp_shift), 1, 16, WIRE_OK },
	{ "by SPI", ESL_WIRE_ROUNDS, HEADER(esp_shift), 1, ESL_BY_SPI, WIRE_OK },
	{ "behind by SPI", ESL_WIRE_ROUNDS, HEADER(esp_shift), 1, ESL_BY_SPI + 1, WIRE_FIELD },
	{ "markers too rare", ESL_WIRE_ROUNDS, HEADER(marker_shift), 1, 25, WIRE_FIELD },
	{ "options without an epoch", ESL_WIRE_ROUNDS, HEADER(epoch), 4, 0, WIRE_FIELD },
	{ "acknowledges what is to come", ESL_WIRE_ROUNDS, HEADER(acked), 4, 8, WIRE_FIELD },
	{ "acknowledges the epoch", ESL_WIRE_ROUNDS, HEADER(acked), 4, 7, WIRE_OK },
	{ "a member without weight", ESL_WIRE_ROUNDS, HEADER(weight[1]), 2, 0, WIRE_FIELD },
	{ "a weight without member", ESL_WIRE_ROUNDS, HEADER(weight[63]), 2, 1, WIRE_FIELD },
	{ "rounds with a snapshot", ESL_WIRE_ROUNDS, HEADER(snapshot), 4, 1, WIRE_FIELD },
	{ "rounds with a page", ESL_WIRE_ROUNDS, HEADER(page), 2, 1, WIRE_FIELD },
	{ "rounds with pages", ESL_WIRE_ROUNDS, HEADER(pages), 2, 1, WIRE_FIELD },
	{ "SPI 0", ESL_WIRE_ROUNDS, ENTRY(esl_wire_entry, spi), 4, 0, WIRE_FIELD },
	{ "a round of UDP", ESL_WIRE_ROUNDS, ENTRY(esl_wire_entry, protocol), 1, 17, WIRE_FIELD },
	{ "a round of AH", ESL_WIRE_ROUNDS, ENTRY(esl_wire_entry, protocol), 1, ESL_IPPROTO_AH, WIRE_OK },
	{ "an SA without lanes", ESL_WIRE_ROUNDS, ENTRY(esl_wire_entry, lanes), 2, 0, WIRE_FIELD },
	{ "an SA of 65 lanes", ESL_WIRE_ROUNDS, ENTRY(esl_wire_entry, lanes), 2, 65, WIRE_FIELD },
	{ "an SA's blocks too small", ESL_WIRE_ROUNDS, ENTRY(esl_wire_entry, block_shift), 1, 2, WIRE_FIELD },
	{ "an SA's blocks too large", ESL_WIRE_ROUNDS, ENTRY(esl_wire_entry, block_shift), 1, 17, WIRE_FIELD },
	{ "a round beyond all numbers", ESL_WIRE_ROUNDS, ENTRY(esl_wire_entry, round), 8, ~0ULL, WIRE_FIELD },
	{ "tops for no epoch", ESL_WIRE_TOPS, HEADER(acked), 4, 0, WIRE_FIELD },
	{ "tops without pages", ESL_WIRE_TOPS, HEADER(pages), 2, 0, WIRE_FIELD },
	{ "a page behind the last", ESL_WIRE_TOPS, HEADER(page), 2, ESL_WIRE_PAGES_MAX, WIRE_FIELD },
	{ "the last page", ESL_WIRE_TOPS, HEADER(page), 2, ESL_WIRE_PAGES_MAX - 1, WIRE_OK },
	{ "too many pages", ESL_WIRE_TOPS, HEADER(pages), 2, ESL_WIRE_PAGES_MAX + 1, WIRE_FIELD },
	{ "a top of SPI 0", ESL_WIRE_TOPS, ENTRY(esl_wire_top, spi), 4, 0, WIRE_FIELD },
	{ "a top of protocol 0", ESL_WIRE_TOPS, ENTRY(esl_wire_top, protocol), 1, 0, WIRE_FIELD },
	{ "any top", ESL_WIRE_TOPS, ENTRY(esl_wire_top, top), 8, 0, WIRE_OK },
	{ "tops in use with pages", ESL_WIRE_ACTIVE, HEADER(pages), 2, 1, WIRE_FIELD },
	{ "last tops of no plan", ESL_WIRE_ACTIVE, HEADER(flags), 1, ESL_WIRE_STOPPED, WIRE_FIELD },
	{ "a top in use of SPI 0", ESL_WIRE_ACTIVE, ENTRY(esl_wire_top, spi), 4, 0, WIRE_FIELD },
	{ "numbers of no plan", ESL_WIRE_NUMBERS, HEADER(plan), 4, 0, WIRE_FIELD },
	{ "numbers of another plan", ESL_WIRE_NUMBERS, HEADER(plan), 4, 13, WIRE_OK },
	{ "numbers without a snapshot", ESL_WIRE_NUMBERS, HEADER(snapshot), 4, 0, WIRE_FIELD },
	{ "numbers without pages", ESL_WIRE_NUMBERS, HEADER(pages), 2, 0, WIRE_FIELD },
	{ "number 0", ESL_WIRE_NUMBERS, ENTRY(esl_wire_top, top), 8, 0, WIRE_FIELD },
	{ "a number of SPI 0", ESL_WIRE_NUMBERS, ENTRY(esl_wire_top, spi), 4, 0, WIRE_FIELD },
	{ "marks of no plan", ESL_WIRE_MARKS, HEADER(plan), 4, 0, WIRE_FIELD },
	{ "marks with a snapshot", ESL_WIRE_MARKS, HEADER(snapshot), 4, 1, WIRE_FIELD },
	{ "a page of marks behind the last", ESL_WIRE_MARKS, HEADER(page), 2, 2, WIRE_FIELD },
	{ "more pages of marks than queues", ESL_WIRE_MARKS, HEADER(pages), 2, ESL_SWITCH_RECORDS + 1, WIRE_FIELD },
	{ "a mark of a third NIC", ESL_WIRE_MARKS, ENTRY(esl_wire_mark, role), 1, ESL_ROLES, WIRE_FIELD },
	{ "any place", ESL_WIRE_MARKS, ENTRY(esl_wire_mark, at), 4, 0, WIRE_OK },
	{ "a salt of SPI 0", ESL_WIRE_SALTS, ENTRY(esl_wire_salt, spi), 4, 0, WIRE_FIELD },
	{ "a salt of no member", ESL_WIRE_SALTS, ENTRY(esl_wire_salt, member), 1, 3, WIRE_FIELD },
	{ "a salt of member 64", ESL_WIRE_SALTS, ENTRY(esl_wire_salt, member), 1, 64, WIRE_FIELD },
	{ "a salt of another member", ESL_WIRE_SALTS, ENTRY(esl_wire_salt, member), 1, 1, WIRE_OK },
	{ "the digest of another member", ESL_WIRE_SALTS, ENTRY(esl_wire_salt, what), 1, ESL_WIRE_SALT_DIGEST, WIRE_FIELD },
	{ "an unknown kind of salt", ESL_WIRE_SALTS, ENTRY(esl_wire_salt, what), 1, ESL_WIRE_SALT_KINDS, WIRE_FIELD },
	{ "salt 0", ESL_WIRE_SALTS, ENTRY(esl_wire_salt, salt), 8, 0, WIRE_OK },
	{ "salts with pages", ESL_WIRE_SALTS, HEADER(pages), 2, 1, WIRE_FIELD },
	{ "prepared for no plan", ESL_WIRE_ROUNDS, HEADER(prepared), 4, 1, WIRE_FIELD },
	{ "a plan", ESL_WIRE_ROUNDS, HEADER(plan), 4, 1, WIRE_OK },
	{ "sessions with pages", ESL_WIRE_SESSIONS, HEADER(pages), 2, 1, WIRE_FIELD },
	{ "a session of member 64", ESL_WIRE_SESSIONS, ENTRY(esl_wire_session, member), 1, 64, WIRE_FIELD },
	{ "a session of no member", ESL_WIRE_SESSIONS, ENTRY(esl_wire_session, member), 1, 3, WIRE_FIELD },
	{ "promotions of no term", ESL_WIRE_PROMOTIONS, HEADER(snapshot), 4, 0, WIRE_FIELD },
	{ "promotions with pages", ESL_WIRE_PROMOTIONS, HEADER(pages), 2, 1, WIRE_FIELD },
	{ "a promotion of SPI 0", ESL_WIRE_PROMOTIONS, ENTRY(esl_wire_promotion, spi), 4, 0, WIRE_FIELD },
	{ "a promotion done up to no number", ESL_WIRE_PROMOTIONS, PROMOTION(ESL_PROMOTION_DONE, number), 8, 0, WIRE_OK },
	{ "a promotion from number 0", ESL_WIRE_PROMOTIONS, PROMOTION(ESL_PROMOTION_AT, number), 8, 0, WIRE_FIELD },
	{ "asked, and any top", ESL_WIRE_PROMOTIONS, PROMOTION(ESL_PROMOTION_ASK, number), 8, 0, WIRE_OK },
	{ "not there, with a number", ESL_WIRE_PROMOTIONS, PROMOTION(ESL_PROMOTION_NONE, number), 8, 1, WIRE_FIELD },
	{ "there, with a number", ESL_WIRE_PROMOTIONS, PROMOTION(ESL_PROMOTION_HAVE, number), 8, 1, WIRE_FIELD },
	{ "a state too high", ESL_WIRE_PROMOTIONS, PROMOTION(ESL_PROMOTION_DONE, state), 1, ESL_PROMOTION_STATES, WIRE_FIELD },
	{ "any hash", ESL_WIRE_SESSIONS, ENTRY(esl_wire_session, hash), 8, ~0ULL, WIRE_OK },
};

Test(agent_wire, fields)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct announcement a = example(rows[i].kind, 5), b;
		__u64 value = htobe64(rows[i].value << (64 - 8 * rows[i].bytes));
		__u8 buf[ESL_WIRE_MAX];
		size_t size = wire_encode(&a, buf);

		memcpy(buf + rows[i].offset, &value, rows[i].bytes);
		cr_expect_eq(wire_decode(buf, size, &b), rows[i].refusal, "%s: %d", rows[i].name,
			     wire_decode(buf, size, &b));
	}
}
