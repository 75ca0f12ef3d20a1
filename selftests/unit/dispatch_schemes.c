// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Without loss every packet has one owner under every scheme (I3), and the
 * members their share.  1 to 8 members, each with a configuration and tables of
 * its own, get the same frames in the same order: flows and random packets of
 * all kinds, to both sides.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "selftests/dispatch/member.h"
#include "selftests/dispatch/traffic.h"

#define MEMBERS 8
#define PACKETS 70000		/* for each scheme, number of members and side */
#define MARKER 16

struct cluster {
	struct member *member;
	__u32 count;
	struct traffic traffic;
	__u64 packets[MEMBERS], bytes[MEMBERS];	/* of what has one owner by the scheme */
	__u64 seen[ESL_REASON_COUNT];
	__u32 last;		/* who took the packet before */
};

/* For a random packet: how many must take it, if this member gives this reason. */
static __u32 takers_by(int reason, __u32 count)
{
	switch (reason) {
	case ESL_OWNED_PLAIN:
	case ESL_FOREIGN_PLAIN:
	case ESL_OWNED_ESP:
	case ESL_FOREIGN_ESP:
	case ESL_OWNED_AH:
	case ESL_FOREIGN_AH:
	case ESL_OWNED_NATT:
	case ESL_FOREIGN_NATT:
	case ESL_LOCAL_LEADER:
	case ESL_LOCAL_OTHER:
		return 1;
	case ESL_ICMP_ERROR:
		return count;
	}
	/* Dropped, answered by the leader alone, left to every stack; and later
	 * IPsec fragments of which no member has seen the first. */
	return 0;
}

static __u32 wanted(const struct cluster *c, int reason)
{
	switch (c->traffic.want) {
	case WANT_NOBODY:
		return 0;
	case WANT_ALL:
		return c->count;
	case WANT_ANY:
		return takers_by(reason, c->count);
	default:
		return 1;
	}
}

static void one_packet(struct cluster *c, int n)
{
	__u32 taken = 0, by = c->count, want = 0;

	traffic_next(&c->traffic);
	for (__u32 m = 0; m < c->count; m++) {
		int reason = member_decide(&c->member[m], c->traffic.role, &c->traffic.packet);

		c->seen[reason]++;
		if (!m)
			want = wanted(c, reason);
		else if (wanted(c, reason) != want)
			cr_assert_fail("packet %d: members differ, one gives reason %d", n, reason);
		if (!member_takes(reason))
			continue;
		taken++;
		by = m;
	}
	if (taken != want)
		cr_assert_fail("packet %d of %u members: %u take it instead of %u", n, c->count, taken, want);
	if (c->traffic.want == WANT_LEADER && by)
		cr_assert_fail("packet %d: member %u takes what is the leader's", n, by);
	if (c->traffic.want == WANT_AS_FIRST && by != c->last)
		cr_assert_fail("packet %d: member %u takes a fragment of member %u's", n, by, c->last);
	c->last = by;
	if (c->traffic.want != WANT_ONE)
		return;
	c->packets[by]++;
	c->bytes[by] += c->traffic.packet.len - c->traffic.packet.l3;
}

/* The largest share that the scheme allows, over the fair one; 0: any. */
struct limits {
	double packets;
	double bytes;
};

static const struct limits plain_limits[ESL_SCHEME_COUNT] = {
	[ESL_SCHEME_PACKET_HASH] = { .packets = 1.1 },
	[ESL_SCHEME_PACKET_RR] = { .packets = 1.05 },
	[ESL_SCHEME_PACKET_SQF] = { .bytes = 1.05 },
	[ESL_SCHEME_SA] = { .packets = 1.1 },
};
static const struct limits ipsec_limits[ESL_SCHEME_COUNT] = {
	[ESL_SCHEME_PACKET_HASH] = { .packets = 1.1 },
	[ESL_SCHEME_PACKET_RR] = { .packets = 1.05 },
	[ESL_SCHEME_PACKET_SQF] = { .bytes = 1.05 },
};

static void check_shares(const struct cluster *c, enum esl_scheme scheme)
{
	const struct limits *l = c->traffic.role == ESL_INSIDE ? &plain_limits[scheme] : &ipsec_limits[scheme];
	double packets = largest_share(c->packets, c->count), bytes = largest_share(c->bytes, c->count);

	cr_expect(!l->packets || packets <= l->packets, "%s, %u members: %.3f of the fair share of packets",
		  scheme_names[scheme], c->count, packets);
	cr_expect(!l->bytes || bytes <= l->bytes, "%s, %u members: %.3f of the fair share of bytes",
		  scheme_names[scheme], c->count, bytes);
}

/* The traffic must reach all of the decision. */
static void check_reach(const __u64 *seen)
{
	static const int reached[] = {
		ESL_OWNED_PLAIN, ESL_FOREIGN_PLAIN, ESL_OWNED_ESP, ESL_FOREIGN_ESP, ESL_OWNED_AH, ESL_FOREIGN_AH,
		ESL_OWNED_NATT, ESL_FOREIGN_NATT, ESL_OWNED_FRAGMENT, ESL_FRAGMENT_UNKNOWN, ESL_LOCAL_LEADER,
		ESL_LOCAL_OTHER, ESL_ICMP_ERROR, ESL_NAT_KEEPALIVE, ESL_WRONG_SIDE, ESL_GROUP, ESL_BAD_ESP,
		ESL_BAD_AH, ESL_BAD_UDP,
	};

	for (size_t i = 0; i < sizeof(reached) / sizeof(reached[0]); i++)
		cr_expect(seen[reached[i]] > 100, "reason %d was given %llu times", reached[i], seen[reached[i]]);
}

static void check_scheme(enum esl_scheme scheme)
{
	static struct cluster c;
	__u64 seen[ESL_REASON_COUNT] = {};

	for (__u32 i = 0; i < 2 * MEMBERS; i++) {
		memset(&c, 0, sizeof(c));
		c.count = 1 + i / 2;
		c.traffic.state = 100 + i;
		c.traffic.role = i & 1 ? ESL_OUTSIDE : ESL_INSIDE;
		c.traffic.fragments = c.traffic.others = true;
		c.member = members_make(c.count, scheme, MARKER);
		cr_assert(c.member);
		for (int n = 0; n < PACKETS; n++)
			one_packet(&c, n);
		check_shares(&c, scheme);
		for (int r = 0; r < ESL_REASON_COUNT; r++)
			seen[r] += c.seen[r];
		members_free(c.member, c.count);
	}
	check_reach(seen);
}

Test(schemes, packet_hash)
{
	check_scheme(ESL_SCHEME_PACKET_HASH);
}

Test(schemes, packet_rr)
{
	check_scheme(ESL_SCHEME_PACKET_RR);
}

Test(schemes, packet_sqf)
{
	check_scheme(ESL_SCHEME_PACKET_SQF);
}

Test(schemes, session_rr)
{
	check_scheme(ESL_SCHEME_SESSION_RR);
}

Test(schemes, session_sqf)
{
	check_scheme(ESL_SCHEME_SESSION_SQF);
}

Test(schemes, session_hash)
{
	check_scheme(ESL_SCHEME_SESSION_HASH);
}

Test(schemes, sa)
{
	check_scheme(ESL_SCHEME_SA);
}
