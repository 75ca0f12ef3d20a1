// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The parser on frames that lie: every length, every claim.  The frame stands
 * at the end of a page, and the next page may not be read: one byte too far
 * and the test crashes.
 */
#include <criterion/criterion.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kinds.h"
#include "rand.h"
#include "selftests/dispatch/member.h"

struct cliff {
	__u8 *page;
	__u8 *end;
	struct member *member[ESL_SCHEME_COUNT];
};

static struct cliff cliff_make(void)
{
	long size = sysconf(_SC_PAGESIZE);
	struct cliff c = { .page = mmap(NULL, 2 * size, PROT_READ | PROT_WRITE,
					MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) };

	cr_assert_neq(c.page, MAP_FAILED);
	c.end = c.page + size;
	cr_assert_eq(mprotect(c.end, size, PROT_NONE), 0);
	for (int i = 0; i < ESL_SCHEME_COUNT; i++) {
		c.member[i] = members_make(2, i, 16);
		cr_assert(c.member[i]);
	}
	return c;
}

static void cliff_free(struct cliff *c)
{
	for (int i = 0; i < ESL_SCHEME_COUNT; i++)
		members_free(c->member[i], 2);
	munmap(c->page, 2 * sysconf(_SC_PAGESIZE));
}

static bool is_ipsec_reason(int reason)
{
	return reason == ESL_OWNED_ESP || reason == ESL_FOREIGN_ESP || reason == ESL_OWNED_AH ||
	       reason == ESL_FOREIGN_AH || reason == ESL_OWNED_NATT || reason == ESL_FOREIGN_NATT;
}

static int long_way(struct member *m, enum esl_role role, const __u8 *frame, __u32 len, struct esl_packet *p)
{
	int reason = packet_read(frame, len, p);

	return reason ? reason : esl_decide(&m->config, role, p, &m->tables);
}

static void short_way(struct member *m, enum esl_role role, const __u8 *frame, __u32 len)
{
	const void *l3;
	struct esl_packet p;
	__be16 type;

	l3 = esl_find_l3((const void *)frame, frame + len, &type);
	if (l3 && esl_read_simple(l3, frame + len, type, &p))
		esl_decide_simple(&m->config, role, &p, &m->tables);
}

/* Decide of len bytes that end at the cliff under every scheme and from both
 * sides. Returns the reason that the first scheme gives outside. */
static int decide_at_cliff(const struct cliff *c, const void *bytes, __u32 len, const char *name)
{
	__u8 *frame = c->end - len;
	struct esl_packet p;
	int first = -1;

	memcpy(frame, bytes, len);
	for (int i = 0; i < 2 * ESL_SCHEME_COUNT; i++) {
		enum esl_role role = i & 1 ? ESL_INSIDE : ESL_OUTSIDE;
		int reason = long_way(c->member[i / 2], role, frame, len, &p);

		short_way(c->member[i / 2], role, frame, len);
		if (is_ipsec_reason(reason)) {
			const __u8 *w = (const void *)esl_spi_seq(&p, esl_kind_of(&p, true));

			cr_assert(w >= frame && w + 8 <= c->end, "%s, %u bytes: no number", name, len);
		}
		first = i ? first : reason;
	}
	return first;
}

/* Each kind cut at every byte: it is what it was, or dropped, or less. */
Test(parse, cut_at_every_byte)
{
	struct cliff c = cliff_make();

	for (size_t i = 0; i < kind_count; i++) {
		const char *name = kind_rows[i].name;
		struct packet p;
		int whole;

		packet_build(&p, &kind_rows[i].spec);
		whole = decide_at_cliff(&c, p.byte, p.len, name);
		for (__u32 cut = ESL_ETH_LEN; cut < p.len; cut++) {
			int reason = decide_at_cliff(&c, p.byte, cut, name);

			if (cut < p.l3 + 20 && whole != ESL_NOT_IP)
				cr_expect_eq(reason, ESL_SHORT_FRAME, "%s cut at %u: reason %d", name, cut, reason);
			if (is_ipsec_reason(reason))
				cr_expect_eq(reason, whole, "%s cut at %u", name, cut);
			if (reason_verdicts[whole] == ESL_DROP)
				cr_expect_eq(reason_verdicts[reason], ESL_DROP, "%s cut at %u: reason %d", name, cut,
					     reason);
		}
	}
	cliff_free(&c);
}

/* Random bytes behind headers that are almost right, at every length. */
Test(parse, garbage_never_reads_past_the_end)
{
	static const __u8 protocols[] = { 0, 1, 6, 17, 43, 44, 50, 51, 58, 60, 60, 44, 0, 17, 50, 255 };
	struct cliff c = cliff_make();
	__u64 state = 3;

	for (int i = 0; i < 150000; i++) {
		__u32 len = ESL_ETH_LEN + rand_below(&state, 107), l3 = ESL_ETH_LEN + 4 * rand_below(&state, 4);
		__u8 frame[128];
		bool v6 = i & 1;

		for (__u32 j = 0; j < sizeof(frame); j += 8)
			memcpy(frame + j, &(__u64){ rand64(&state) }, 8);
		for (__u32 j = ESL_ETH_LEN; j < l3; j += 4)
			memcpy(frame + j - 2, "\x81", 2);
		memcpy(frame + l3 - 2, v6 ? "\x86\xdd" : "\x08", 2);
		frame[l3] = v6 ? 0x60 : (__u8)(0x40 | rand_below(&state, 16));
		if (i & 2)
			frame[l3 + (v6 ? 4 : 2)] = 0;
		if (i & 4 && !v6)
			frame[l3 + 6] = frame[l3 + 7] = 0;
		frame[l3 + (v6 ? 6 : 9)] = protocols[rand_below(&state, 16)];
		/* Extension headers of 8 bytes, one in another's place. */
		for (__u32 j = l3 + 40; v6 && j + 8 < sizeof(frame); j += 8) {
			frame[j] = protocols[rand_below(&state, 16)];
			frame[j + 1] = (__u8)(rand_below(&state, 8) ? 0 : rand64(&state));
		}
		decide_at_cliff(&c, frame, len, "garbage");
	}
	cliff_free(&c);
}

/* What is behind the tags, and where. */
Test(parse, tags)
{
	static const struct {
		const char *name;
		const char *bytes;	/* behind the MACs */
		__u32 len, offset;	/* offset 0: cut short */
		__u16 type;
	} rows[] = {
		{ "no tag", "\x08\x00", 2, 14, 0x0800 },
		{ "one tag", "\x81\x00\x00\x07\x86\xdd", 6, 18, 0x86dd },
		{ "one 802.1ad tag", "\x88\xa8\x00\x07\x08\x06", 6, 18, 0x0806 },
		{ "two tags", "\x88\xa8\x00\x07\x81\x00\x00\x07\x08\x00", 10, 22, 0x0800 },
		{ "two tags the other way", "\x81\x00\x00\x07\x88\xa8\x00\x07\x08\x00", 10, 22, 0x0800 },
		{ "three tags", "\x81\0\0\7\x81\0\0\7\x81\0\0\7\x08\0", 14, 22, 0x8100 },
		{ "an older double tag is none", "\x91\x00\x00\x07\x08\x00", 6, 14, 0x9100 },
		{ "one tag, nothing behind", "\x81\x00", 2, 0, 0 },
		{ "one tag cut", "\x81\x00\x00\x07\x08", 5, 0, 0 },
		{ "second tag cut", "\x81\x00\x00\x07\x81\x00\x00\x07\x08", 9, 0, 0 },
	};
	struct cliff c = cliff_make();

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		__u8 *frame = c.end - 12 - rows[i].len;
		const __u8 *l3;
		__be16 type;

		memcpy(frame + 12, rows[i].bytes, rows[i].len);
		l3 = esl_find_l3((const void *)frame, c.end, &type);
		cr_expect_eq(l3, rows[i].offset ? frame + rows[i].offset : NULL, "%s", rows[i].name);
		if (l3)
			cr_expect_eq(ntohs(type), rows[i].type, "%s", rows[i].name);
	}
	cliff_free(&c);
}

struct field_row {
	const char *name;
	struct packet_spec spec;
	__u32 l4;		/* from the IP header on */
	__u32 len, l4_len;
	__u32 protocol;
	__u32 id;
	bool fragment, later;
};

/* What the parser says of the fields of both families. */
Test(parse, fields)
{
	static const struct field_row rows[] = {
		{ "IPv4", { .protocol = 6, .id = 0x1234, .payload = 4 }, 20, 44, 24, 6, 0x1234 },
		{ "IPv4, options", { .protocol = 17, .ihl = 15 }, 60, 68, 8, 17, 0 },
		{ "IPv4, tags", { .protocol = 17, .tags = 2 }, 20, 28, 8, 17, 0 },
		{ "IPv4, padding", { .protocol = 17, .pad = 18 }, 20, 28, 8, 17, 0 },
		{ "IPv4, claims more", { .protocol = 17, .claim = 1000 }, 20, 1000, 980, 17, 0 },
		{ "IPv4, claims less", { .protocol = 17, .claim = 24 }, 20, 24, 4, 17, 0 },
		{ "IPv4, do not fragment", { .protocol = 17, .frag = 0x4000 }, 20, 28, 8, 17, 0 },
		{ "IPv4, first", { .protocol = 17, .frag = ESL_IP_MF }, 20, 28, 8, 17, 0, true },
		{ "IPv4, middle", { .protocol = 17, .frag = ESL_IP_MF | 1, .payload = 8 }, 20, 28, 8, 17, 0, true, true },
		{ "IPv4, last", { .protocol = 17, .frag = ESL_IP_OFFSET, .payload = 8 }, 20, 28, 8, 17, 0, true, true },
#define V6 .family = 6, .id = 0x12345678
		{ "IPv6", { V6, .protocol = 6 }, 40, 60, 20, 6 },
		{ "IPv6, padding", { V6, .protocol = 17, .pad = 9 }, 40, 48, 8, 17 },
		{ "IPv6, claims more", { V6, .protocol = 17, .claim = 1000 }, 40, 1040, 1000, 17 },
		{ "IPv6, hop-by-hop", { V6, .protocol = 17, .chain = "H" }, 48, 56, 8, 17 },
		{ "IPv6, wide options", { V6, .protocol = 17, .chain = "d" }, 56, 64, 8, 17 },
		{ "IPv6, chain", { V6, .protocol = 50, .chain = "HdR", .payload = 3 }, 72, 83, 11, 50 },
		{ "IPv6, atomic", { V6, .protocol = 17, .chain = "F" }, 48, 56, 8, 17, 0x12345678 },
		{ "IPv6, reserved bits", { V6, .protocol = 17, .chain = "F", .frag = 6 }, 48, 56, 8, 17, 0x12345678 },
		{ "IPv6, first", { V6, .protocol = 17, .chain = "F", .frag = 1 }, 48, 56, 8, 17, 0x12345678, true },
		{ "IPv6, first with more behind", { V6, .protocol = 17, .chain = "HFD", .frag = 1 }, 64, 72, 8, 17,
		  0x12345678, true },
		{ "IPv6, middle", { V6, .protocol = 17, .chain = "F", .frag = 9, .payload = 8 }, 48, 56, 8, 17,
		  0x12345678, true, true },
		{ "IPv6, last", { V6, .protocol = 17, .chain = "F", .frag = 0xfff8, .payload = 8 }, 48, 56, 8, 17,
		  0x12345678, true, true },
#undef V6
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct field_row *r = &rows[i];
		struct esl_packet p;
		struct packet b;

		packet_build(&b, &r->spec);
		cr_assert_eq(packet_read(b.byte, b.len, &p), 0, "%s", r->name);
		cr_expect_eq(p.family, r->spec.family == 6 ? 6 : 4, "%s", r->name);
		cr_expect_eq(p.l4, b.byte + b.l3 + r->l4, "%s: transport part", r->name);
		cr_expect_eq(p.len, r->len, "%s: length %u", r->name, p.len);
		cr_expect_eq(p.l4_len, r->l4_len, "%s: transport part of %u", r->name, p.l4_len);
		cr_expect_eq(p.protocol, r->protocol, "%s: protocol %u", r->name, p.protocol);
		cr_expect_eq(p.id, p.family == 6 ? htonl(r->id) : htons((__u16)r->id), "%s: id %x", r->name, p.id);
		cr_expect_eq(p.options, p.family == 6 ? r->spec.chain && strchr(r->spec.chain, 'F') :
							r->spec.ihl > 5, "%s", r->name);
		cr_expect_eq(p.fragment, r->fragment, "%s", r->name);
		cr_expect_eq(p.later_fragment, r->later, "%s", r->name);
	}
}
