// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The short way and the long one, and the policies that both ask. */
#include <criterion/criterion.h>
#include <string.h>

#include "rand.h"
#include "selftests/dispatch/member.h"
#include "selftests/dispatch/traffic.h"

#define PACKETS 200000		/* for each scheme */

/* What of a member's state a packet may touch. */
struct touched {
	struct esl_turns turns;
	struct esl_sessions bucket;
};

static void copy_touched(struct touched *t, const struct member *m, enum esl_role role, __u64 hash)
{
	memset(t, 0, sizeof(*t));
	t->turns = m->tables.turns[role];
	if (m->tables.sessions)
		t->bucket = m->tables.sessions[esl_session_bucket(hash)];
}

/* Is it a simple packet: complete in its first bytes, no options, no fragment? */
static bool is_simple(const struct packet *f, const struct esl_packet *p)
{
	__u32 head = p->family == 6 ? 40 : 20;

	return p->l4 == f->byte + f->l3 + head && !p->fragment && p->l4_len >= ESL_L4_BYTES &&
	       f->len >= f->l3 + head + ESL_L4_BYTES;
}

static bool is_owner_reason(int reason)
{
	static const int reasons[] = { ESL_OWNED_PLAIN, ESL_FOREIGN_PLAIN, ESL_OWNED_ESP, ESL_FOREIGN_ESP, ESL_OWNED_AH,
				       ESL_FOREIGN_AH, ESL_OWNED_NATT, ESL_FOREIGN_NATT, ESL_NO_SLOT };

	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (reason == reasons[i])
			return true;
	return false;
}

/* The short way on one member and the long one on another must give one reason
 * and leave one state. Returns what the short way said. */
static int compare(struct member *near, struct member *far, enum esl_role role, const struct packet *f)
{
	struct touched a, b, before;
	struct esl_packet simple = {}, p;
	const void *l3;
	__be16 type;
	bool taken;
	__u64 hash;
	int x = 0, y;

	l3 = esl_find_l3((const void *)f->byte, f->byte + f->len, &type);
	taken = l3 && esl_read_simple(l3, f->byte + f->len, type, &simple);
	y = packet_read(f->byte, f->len, &p);
	cr_assert(!y || !taken, "reason %d, and the short way takes it", y);
	if (y)
		return 0;
	hash = esl_hash_flow(&member_key, &p);
	copy_touched(&before, near, role, hash);
	if (taken)
		x = esl_decide_simple(&near->config, role, &simple, &near->tables);
	copy_touched(&a, near, role, hash);
	y = esl_decide(&far->config, role, &p, &far->tables);
	copy_touched(&b, far, role, hash);
	cr_assert(!x || x == y, "reason %d, and %d by the short way", y, x);
	cr_assert_eq(memcmp(&a, x ? &b : &before, sizeof(a)), 0, "reason %d: other counts by the short way", y);
	cr_assert_eq(taken, is_simple(f, &p), "reason %d", y);
	cr_assert_eq(!!x, taken && is_owner_reason(y), "reason %d by the %s way", y, x ? "short" : "long");
	/* The near one catches up. */
	if (!x)
		esl_decide(&near->config, role, &p, &near->tables);
	return x;
}

/* Now and then a frame that is cut, padded, or claims to be short. */
static void harm(struct traffic *t, int i)
{
	struct packet *f = &t->packet;
	bool v6 = f->byte[f->l3] >> 4 == 6;

	switch (i % 8) {
	case 0:
		f->len = ESL_ETH_LEN + rand_below(&t->state, f->len - ESL_ETH_LEN + 1);
		break;
	case 1:
		f->byte[f->l3 + (v6 ? 4 : 2)] = 0;
		f->byte[f->l3 + (v6 ? 5 : 3)] = (__u8)rand_below(&t->state, 64);
		/* fallthrough */
	case 2:
		memset(f->byte + f->len, i, 64);
		f->len += rand_below(&t->state, 64);
	}
}

Test(ways, agree)
{
	for (int scheme = 0; scheme < ESL_SCHEME_COUNT; scheme++) {
		__u64 taken[ESL_REASON_COUNT] = {};

		for (int role = 0; role < ESL_ROLES; role++) {
			struct member *near = members_make(4, scheme, 16), *far = members_make(4, scheme, 16);
			static struct traffic t;

			cr_assert(near && far);
			t = (struct traffic){ .state = 9, .role = role, .fragments = true, .others = true };
			for (int i = 0; i < PACKETS / 2; i++) {
				traffic_next(&t);
				harm(&t, i);
				taken[compare(&near[1], &far[1], role, &t.packet)]++;
			}
			members_free(near, 4);
			members_free(far, 4);
		}
		cr_expect(taken[ESL_OWNED_PLAIN] > 1000 && taken[ESL_FOREIGN_PLAIN] > 1000 &&
				  taken[ESL_OWNED_ESP] > 1000 && taken[ESL_FOREIGN_ESP] > 1000 &&
				  taken[ESL_OWNED_NATT] > 1000 && taken[ESL_FOREIGN_AH] > 1000 && taken[0] > 1000,
			  "%s", scheme_names[scheme]);
	}
}

#define V4_PREFIX(bits, a, b, c, d) \
	{ .prefixlen = 96 + (bits), .daddr.byte = { [10] = 0xff, 0xff, a, b, c, d } }
#define V6_PREFIX(bits, ...) { .prefixlen = bits, .daddr.byte = { __VA_ARGS__ } }

static const struct esl_policy_entry policies[] = {
	{ V4_PREFIX(8, 10, 0, 0, 0), { 1 } },
	{ V4_PREFIX(16, 10, 9, 0, 0), { 2 } },
	{ V4_PREFIX(32, 10, 9, 0, 7), { 3 } },
	{ V4_PREFIX(24, 10, 9, 1, 0), { ESL_SLOTS } },
	{ V4_PREFIX(13, 10, 16, 0, 0), { 4 } },
	{ V6_PREFIX(8, 0xfd), { 5 } },
	{ V6_PREFIX(128, 0xfd, [12] = 10, 9, 0, 7), { 6 } },
};

static const struct policy_row {
	const char *name;
	__u8 family;
	__u32 daddr;
	__u32 slot;
} policy_rows[] = {
	{ "shortest prefix", 4, 0x0aff0001, 1 },
	{ "longer prefix", 4, 0x0a090008, 2 },
	{ "longest prefix", 4, 0x0a090007, 3 },
	{ "prefix that leaves it to the scheme", 4, 0x0a090105, ESL_SLOTS },
	{ "prefix of 13 bits, first", 4, 0x0a100000, 4 },
	{ "prefix of 13 bits, last", 4, 0x0a17ffff, 4 },
	{ "behind the prefix of 13 bits", 4, 0x0a180000, 1 },
	{ "none", 4, 0x0b000001, ESL_SLOTS },
	{ "IPv6", 6, 0x0b000001, 5 },
	{ "IPv6, one address", 6, 0x0a090007, 6 },
};

/* m has the policies, plain has none. */
static void check_policy(const struct policy_row *row, struct member *m, struct member *plain)
{
	for (__u32 n = 0; n < 64; n++) {
		struct packet_spec s = { .family = row->family, .protocol = ESL_IPPROTO_UDP, .daddr = row->daddr,
					 .payload = (__u16)(n % 12), .sport = (__u16)n, .dport = 7, .id = n };
		struct touched before, after;
		struct packet p;
		int reason, want;

		packet_build(&p, &s);
		m->config.member = plain->config.member = n % 8;
		copy_touched(&before, m, ESL_INSIDE, 0);
		reason = member_decide(m, ESL_INSIDE, &p);
		copy_touched(&after, m, ESL_INSIDE, 0);
		want = row->slot == n % 8 ? ESL_OWNED_PLAIN : ESL_FOREIGN_PLAIN;
		if (row->slot == ESL_SLOTS)
			want = member_decide(plain, ESL_INSIDE, &p);
		else
			cr_expect(!memcmp(&before, &after, sizeof(after)), "%s: counted", row->name);
		cr_expect_eq(reason, want, "%s: reason %d", row->name, reason);
	}
}

/* All packets of a policy to its slot, whatever the scheme, and uncounted. */
Test(ways, policies)
{
	for (int scheme = 0; scheme < ESL_SCHEME_COUNT; scheme++)
		for (size_t i = 0; i < sizeof(policy_rows) / sizeof(policy_rows[0]); i++) {
			struct member *m = members_make(8, scheme, 16), *plain = members_make(8, scheme, 16);

			cr_assert(m && plain);
			m->tables.policies = policies;
			m->tables.policy_count = sizeof(policies) / sizeof(policies[0]);
			m->config.policies = 1;
			check_policy(&policy_rows[i], m, plain);
			members_free(m, 8);
			members_free(plain, 8);
		}
}

/* Where the configuration says that there are none, none is looked up. */
Test(ways, policies_not_looked_up)
{
	struct packet_spec s = { .protocol = ESL_IPPROTO_UDP, .daddr = 0x0a090007, .payload = 20 };
	struct member *m = members_make(8, ESL_SCHEME_SA, 16);
	__u32 owned = 0;
	struct packet p;

	cr_assert(m);
	m[0].tables.policies = policies;
	m[0].tables.policy_count = sizeof(policies) / sizeof(policies[0]);
	m[0].config.member = 3;
	for (__u32 n = 0; n < 800; n++) {
		s.id = n;
		packet_build(&p, &s);
		owned += member_decide(&m[0], ESL_INSIDE, &p) == ESL_OWNED_PLAIN;
	}
	cr_expect(owned > 50 && owned < 200, "%u of 800", owned);
	members_free(m, 8);
}
