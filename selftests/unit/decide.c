// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Who takes which kind of packet: each row under every scheme, from both sides,
 * at the leader and elsewhere, owned and not. */
#include <criterion/criterion.h>
#include <string.h>

#include "kinds.h"
#include "selftests/dispatch/member.h"

#define ME 5

struct view {
	struct member *m;
	enum esl_role role;
	bool leader;
	bool mine;		/* all slots and turns are the member's */
};

static void set_view(const struct view *v)
{
	struct esl_config *c = &v->m->config;

	c->member = ME;
	c->leader = v->leader;
	esl_table_fill(&c->table[c->current], (const __u8[]){ v->mine ? ME : 9 }, NULL, 1);
	c->table[c->current].epoch++;
}

static int long_way(const struct view *v, const struct packet *p)
{
	struct esl_packet parsed;
	int reason = packet_read(p->byte, p->len, &parsed);

	return reason ? reason : esl_decide(&v->m->config, v->role, &parsed, &v->m->tables);
}

static int expected(const struct view *v, const struct kind_row *row)
{
	const struct answer *a = v->role == ESL_INSIDE ? &row->inside : &row->outside;

	if (v->leader)
		return v->mine ? a->leader_mine : a->leader_foreign;
	return v->mine ? a->mine : a->foreign;
}

static void check_row(const struct kind_row *row, struct member *m, const char *scheme)
{
	struct packet p;

	packet_build(&p, &row->spec);
	for (int i = 0; i < 8; i++) {
		struct view v = { m, i & 1 ? ESL_OUTSIDE : ESL_INSIDE, i & 2, i & 4 };
		int reason;

		set_view(&v);
		reason = long_way(&v, &p);
		cr_expect_eq(reason, expected(&v, row), "%s, %s, %s, %s, %s: reason %d instead of %d", row->name, scheme,
			     v.role == ESL_INSIDE ? "inside" : "outside", v.leader ? "leader" : "no leader",
			     v.mine ? "mine" : "not mine", reason, expected(&v, row));
	}
}

Test(decide, rows)
{
	for (int scheme = 0; scheme < ESL_SCHEME_COUNT; scheme++) {
		struct member *m = members_make(1, scheme, 16);

		cr_assert(m);
		for (size_t i = 0; i < kind_count; i++)
			check_row(&kind_rows[i], m, scheme_names[scheme]);
		members_free(m, 1);
	}
}

Test(decide, row_names_are_unique)
{
	for (size_t i = 0; i < kind_count; i++)
		for (size_t j = 0; j < i; j++)
			cr_expect(strcmp(kind_rows[i].name, kind_rows[j].name), "%s twice", kind_rows[i].name);
}

/* Where slots belong to nobody, what would have an owner has none. */
Test(decide, nobody)
{
	for (int scheme = 0; scheme < ESL_SCHEME_COUNT; scheme++) {
		struct member *m = members_make(1, scheme, 16);

		cr_assert(m);
		for (size_t i = 0; i < kind_count; i++) {
			const struct answer *a = &kind_rows[i].outside;
			struct view v = { m, ESL_OUTSIDE };
			struct packet p;
			int want;

			set_view(&v);
			esl_table_fill(&m->config.table[0], NULL, NULL, 0);
			packet_build(&p, &kind_rows[i].spec);
			want = a->mine == a->foreign ? a->mine : ESL_NO_SLOT;
			cr_expect_eq(long_way(&v, &p), want, "%s, %s", kind_rows[i].name, scheme_names[scheme]);
		}
		members_free(m, 1);
	}
}

/* The table that current names, and no other. */
Test(decide, current_table)
{
	struct member *m = members_make(1, ESL_SCHEME_PACKET_HASH, 16);
	struct view v = { m, ESL_OUTSIDE, .mine = true };
	struct packet p;

	cr_assert(m);
	packet_build(&p, &(struct packet_spec){ .protocol = ESL_IPPROTO_ESP, .payload = 24 });
	set_view(&v);
	esl_table_fill(&m->config.table[1], (const __u8[]){ 9 }, NULL, 1);
	cr_expect_eq(long_way(&v, &p), ESL_OWNED_ESP);
	m->config.current = 1;
	cr_expect_eq(long_way(&v, &p), ESL_FOREIGN_ESP);
	m->config.current = 2;
	cr_expect_eq(long_way(&v, &p), ESL_OWNED_ESP);
	members_free(m, 1);
}

/* Addresses that are not configured are nobody's. */
Test(decide, no_cluster_address)
{
	struct member *m = members_make(1, ESL_SCHEME_PACKET_HASH, 16);
	struct view v = { m, ESL_OUTSIDE, .mine = true };
	struct packet p;

	cr_assert(m);
	set_view(&v);
	memset(m->config.port, 0, sizeof(m->config.port));
	packet_build(&p, &(struct packet_spec){ .protocol = ESL_IPPROTO_ESP, .payload = 24 });
	memset(p.byte + p.l3 + offsetof(struct esl_ipv4, daddr), 0, 4);
	cr_expect_eq(long_way(&v, &p), ESL_OWNED_PLAIN, "0.0.0.0");
	packet_build(&p, &(struct packet_spec){ .family = 6, .protocol = ESL_IPPROTO_ESP, .payload = 24 });
	memset(p.byte + p.l3 + offsetof(struct esl_ipv6, daddr), 0, 16);
	cr_expect_eq(long_way(&v, &p), ESL_OWNED_PLAIN, "::");
	members_free(m, 1);
}

/* One bit of the IPv6 address is another address. */
Test(decide, every_bit_of_the_address_counts)
{
	struct member *m = members_make(1, ESL_SCHEME_PACKET_HASH, 16);
	struct view v = { m, ESL_OUTSIDE, .mine = true };

	cr_assert(m);
	set_view(&v);
	for (int family = 4; family <= 6; family += 2) {
		struct packet_spec s = { .family = (__u8)family, .protocol = ESL_IPPROTO_ESP, .payload = 24 };
		__u32 at = family == 6 ? offsetof(struct esl_ipv6, daddr) : offsetof(struct esl_ipv4, daddr);
		struct packet p;

		packet_build(&p, &s);
		for (int bit = 0; bit < (family == 6 ? 128 : 32); bit++) {
			__u8 *byte = p.byte + p.l3 + at + bit / 8;

			*byte ^= (__u8)(1 << bit % 8);
			cr_expect_neq(long_way(&v, &p), ESL_OWNED_ESP, "IPv%d, bit %d", family, bit);
			*byte ^= (__u8)(1 << bit % 8);
		}
		cr_expect_eq(long_way(&v, &p), ESL_OWNED_ESP, "IPv%d", family);
	}
	members_free(m, 1);
}

struct later_row {
	const char *name;
	struct packet_spec spec;
	__u32 owner;
	int leader, other;
};

#define LATER(p) .protocol = ESL_IPPROTO_##p, .frag = 6, .payload = 24
#define LATER6(p) .family = 6, .chain = "F", .protocol = ESL_IPPROTO_##p, .frag = 48, .payload = 24

/* What became of the first fragment decides of the later ones. */
Test(decide, later_fragments)
{
	static const struct later_row rows[] = {
		{ "ESP, mine", { LATER(ESP) }, ESL_FRAG_MINE, ESL_OWNED_FRAGMENT, ESL_OWNED_FRAGMENT },
		{ "ESP, another's", { LATER(ESP) }, ESL_FRAG_OTHER, ESL_FRAGMENT_UNKNOWN, ESL_FRAGMENT_UNKNOWN },
		{ "ESP, not known", { LATER(ESP) }, 0, ESL_FRAGMENT_UNKNOWN, ESL_FRAGMENT_UNKNOWN },
		{ "AH, mine", { LATER(AH) }, ESL_FRAG_MINE, ESL_OWNED_FRAGMENT, ESL_OWNED_FRAGMENT },
		{ "AH, not known", { LATER(AH) }, 0, ESL_FRAGMENT_UNKNOWN, ESL_FRAGMENT_UNKNOWN },
		{ "UDP, mine", { LATER(UDP) }, ESL_FRAG_MINE, ESL_OWNED_FRAGMENT, ESL_OWNED_FRAGMENT },
		{ "UDP, another's", { LATER(UDP) }, ESL_FRAG_OTHER, ESL_FRAGMENT_UNKNOWN, ESL_FRAGMENT_UNKNOWN },
		{ "UDP, not known: may be IKE", { LATER(UDP) }, 0, ESL_LOCAL_LEADER, ESL_LOCAL_OTHER },
		{ "IPv6 ESP, mine", { LATER6(ESP) }, ESL_FRAG_MINE, ESL_OWNED_FRAGMENT, ESL_OWNED_FRAGMENT },
		{ "IPv6 ESP, not known", { LATER6(ESP) }, 0, ESL_FRAGMENT_UNKNOWN, ESL_FRAGMENT_UNKNOWN },
		{ "IPv6 UDP, another's", { LATER6(UDP) }, ESL_FRAG_OTHER, ESL_FRAGMENT_UNKNOWN, ESL_FRAGMENT_UNKNOWN },
		{ "IPv6 UDP, not known", { LATER6(UDP) }, 0, ESL_LOCAL_LEADER, ESL_LOCAL_OTHER },
		{ "IPv6 TCP, mine", { LATER6(TCP) }, ESL_FRAG_MINE, ESL_OWNED_FRAGMENT, ESL_OWNED_FRAGMENT },
		{ "IPv6 TCP, not known", { LATER6(TCP) }, 0, ESL_LOCAL_LEADER, ESL_LOCAL_OTHER },
	};
	struct member *m = members_make(1, ESL_SCHEME_PACKET_HASH, 16);

	cr_assert(m);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct esl_packet parsed;
		struct packet p;

		packet_build(&p, &rows[i].spec);
		cr_assert_eq(packet_read(p.byte, p.len, &parsed), 0, "%s", rows[i].name);
		cr_expect(esl_first_decides(&parsed), "%s", rows[i].name);
		m->config.leader = 1;
		cr_expect_eq(esl_decide_later(&m->config, &parsed, rows[i].owner), rows[i].leader, "%s", rows[i].name);
		m->config.leader = 0;
		cr_expect_eq(esl_decide_later(&m->config, &parsed, rows[i].owner), rows[i].other, "%s", rows[i].name);
	}
	members_free(m, 1);
}

/* The key under which fragments are remembered has what the receiving stack
 * joins by, and nothing else. */
Test(decide, fragment_key)
{
	static const struct {
		const char *name;
		struct packet_spec first, later;
		bool same;
	} rows[] = {
		{ "one packet", { LATER(ESP), .frag = ESL_IP_MF, .id = 7 }, { LATER(ESP), .id = 7 }, true },
		{ "another id", { LATER(ESP), .id = 7 }, { LATER(ESP), .id = 8 }, false },
		{ "another protocol", { LATER(ESP), .id = 7 }, { LATER(UDP), .id = 7 }, false },
		{ "another source", { LATER(ESP), .id = 7 }, { LATER(ESP), .id = 7, .saddr = 9 }, false },
		{ "another destination", { LATER(ESP) }, { LATER(ESP), .daddr = CLUSTER_IN }, false },
		{ "IPv6, one packet", { LATER6(ESP), .frag = 1, .id = 7 }, { LATER6(ESP), .id = 7 }, true },
		{ "IPv6, another id", { LATER6(ESP), .id = 7 }, { LATER6(ESP), .id = 0x70007 }, false },
		{ "IPv6, another protocol", { LATER6(ESP), .id = 7 }, { LATER6(UDP), .id = 7 }, true },
		{ "IPv6, another chain", { LATER6(ESP), .id = 7 }, { LATER6(ESP), .chain = "HF", .id = 7 }, true },
		{ "IPv6, another source", { LATER6(ESP), .id = 7 }, { LATER6(ESP), .id = 7, .saddr = 9 }, false },
		{ "another family", { LATER(ESP), .id = 7 }, { LATER6(ESP), .id = 7 }, false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct esl_frag_key a, b;
		struct esl_packet parsed;
		struct packet p;

		packet_build(&p, &rows[i].first);
		cr_assert_eq(packet_read(p.byte, p.len, &parsed), 0, "%s", rows[i].name);
		a = esl_frag_key(&parsed);
		packet_build(&p, &rows[i].later);
		cr_assert_eq(packet_read(p.byte, p.len, &parsed), 0, "%s", rows[i].name);
		b = esl_frag_key(&parsed);
		cr_expect_eq(!memcmp(&a, &b, sizeof(a)), rows[i].same, "%s", rows[i].name);
	}
}

