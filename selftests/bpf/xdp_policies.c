// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Policies: all packets to one prefix go to one slot, whatever the scheme. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdio.h>

#include "drive.h"
#include "espalier.skel.h"
#include "selftests/dispatch/member.h"
#include "selftests/unit/rand.h"

#define SLOT_MINE 6		/* even slots are this member's */
#define SLOT_OTHERS 7
#define AT_MOST 64		/* packets to one address */

enum whose { ALL_MINE, ALL_OTHERS, SOME_OF_EACH };

#define PREFIX4(n, a, b, c, d) { 96 + (n), { { [10] = 0xff, [11] = 0xff, a, b, c, d } } }
#define PREFIX6(n, a, b, c, d) { n, { { [0] = 0xfd, [12] = a, b, c, d } } }

static const struct esl_policy_entry entries[] = {
	{ PREFIX4(16, 10, 9, 0, 0), { SLOT_MINE } },
	{ PREFIX4(24, 10, 9, 1, 0), { SLOT_OTHERS } },
	{ PREFIX4(25, 10, 9, 1, 128), { ESL_SLOTS } },
	{ PREFIX4(32, 10, 9, 1, 77), { SLOT_MINE } },
	{ PREFIX6(104, 10, 0, 0, 0), { SLOT_OTHERS } },
	{ PREFIX6(120, 10, 9, 2, 0), { SLOT_MINE } },
	{ PREFIX6(128, 10, 9, 2, 5), { ESL_SLOTS } },
};
#define ENTRIES (sizeof(entries) / sizeof(entries[0]))

static const struct {
	const char *name;
	__u16 type;
	__u32 daddr;
	enum whose whose;
} rows[] = {
	{ "the wide prefix", 0, IP(10, 9, 7, 7), ALL_MINE },
	{ "a longer prefix in it", 0, IP(10, 9, 1, 5), ALL_OTHERS },
	{ "a longer one that spreads", 0, IP(10, 9, 1, 200), SOME_OF_EACH },
	{ "one address", 0, IP(10, 9, 1, 77), ALL_MINE },
	{ "no policy", 0, IP(10, 8, 0, 1), SOME_OF_EACH },
	{ "just before the prefix", 0, IP(10, 8, 255, 255), SOME_OF_EACH },
	{ "just behind the prefix", 0, IP(10, 10, 0, 0), SOME_OF_EACH },
	{ "IPv6, the wide prefix", ESL_ETHERTYPE_IPV6, IP(10, 1, 1, 1), ALL_OTHERS },
	{ "IPv6, a longer prefix in it", ESL_ETHERTYPE_IPV6, IP(10, 9, 2, 200), ALL_MINE },
	{ "IPv6, one address that spreads", ESL_ETHERTYPE_IPV6, IP(10, 9, 2, 5), SOME_OF_EACH },
	{ "IPv6, no policy", ESL_ETHERTYPE_IPV6, IP(11, 0, 0, 1), SOME_OF_EACH },
};

/* Packet i of many: sessions differ, and so do ids and numbers. */
static struct frame_spec packet_to(__u16 type, __u32 daddr, int i)
{
	return (struct frame_spec){ .dst = MAC_CLUSTER_IN, .type = type, .protocol = ESL_IPPROTO_TCP, .saddr = CLIENT,
				    .daddr = daddr, .sport = (__u16)(1024 + 3 * i), .dport = 80, .seq = 1448 * i,
				    .id = (__u16)(7 * i), .payload = 40, .tags = i % 3, .ihl = i % 8 == 7 ? 6 : 0 };
}

static bool sent_to(struct drive *d, __u16 type, __u32 daddr, enum whose whose, char *why)
{
	static struct outcome o;
	int mine = 0, others = 0;

	for (int i = 0; i < AT_MOST; i++) {
		struct frame_spec s = packet_to(type, daddr, i);
		struct frame f;

		frame_build(&f, &s);
		if (!run_xdp(d, &f, &o, why))
			return false;
		mine += o.reason == ESL_OWNED_PLAIN && o.action == XDP_PASS;
		others += o.reason == ESL_FOREIGN_PLAIN && o.action == XDP_DROP;
	}
	snprintf(why, WHY_MAX, "%d mine, %d another's", mine, others);
	if (whose == SOME_OF_EACH)
		return mine > AT_MOST / 5 && others > AT_MOST / 5 && mine + others == AT_MOST;
	return (whose == ALL_MINE ? mine : others) == AT_MOST;
}

static void set(struct drive *d, enum esl_scheme scheme, __u32 policies)
{
	struct esl_config c;

	world_config(d->obj, DOOR_INSIDE);
	world_live(d->obj, ~0ULL, 0);
	c = world_read_config(d->obj);
	c.table[0].scheme = scheme;
	c.table[0].marker_mask = 15;
	c.table[0].epoch = 1 + scheme;
	c.policies = policies;
	world_write_config(d->obj, &c);
}

static void test_rows(struct drive *d, enum esl_scheme scheme)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char name[128], why[WHY_MAX] = "";

		set(d, scheme, ENTRIES);
		snprintf(name, sizeof(name), "policies, %s: %s", scheme_names[scheme], rows[i].name);
		row(d, name, sent_to(d, rows[i].type, rows[i].daddr, rows[i].whose, why), "%s", why);
		if (rows[i].whose == SOME_OF_EACH)
			continue;
		set(d, scheme, 0);
		snprintf(name, sizeof(name), "policies, %s: %s, not looked up", scheme_names[scheme], rows[i].name);
		row(d, name, sent_to(d, rows[i].type, rows[i].daddr, SOME_OF_EACH, why), "%s", why);
	}
}

/* The trie of the kernel finds what tables.h finds. */
static void test_against_host(struct drive *d)
{
	static struct outcome o;
	struct esl_tables tables = { .policies = entries, .policy_count = ENTRIES };
	char why[WHY_MAX] = "";
	__u64 state = 9;
	bool ok = true;

	set(d, ESL_SCHEME_PACKET_HASH, ENTRIES);
	for (int i = 0; ok && i < 2000; i++) {
		__u64 dice = rand64(&state);
		__u32 daddr = IP(10, 8 + (dice & 1), dice >> 8 & 3, dice >> 16 & 255);
		struct frame_spec s = packet_to(dice >> 32 & 1 ? ESL_ETHERTYPE_IPV6 : 0, daddr, i);
		struct esl_config c = world_read_config(d->obj);
		struct esl_packet p;
		struct frame f;
		int want;

		frame_build(&f, &s);
		want = world_read(&f, &p) ? -1 : esl_decide(&c, ESL_INSIDE, &p, &tables);
		ok = run_xdp(d, &f, &o, why) && o.reason == want;
		if (!ok && !*why)
			snprintf(why, sizeof(why), "packet %d to %08x: %s instead of %s", i, daddr, reason_name(o.reason),
				 reason_name(want));
	}
	row(d, "policies: 2000 addresses as the host finds them", ok, "%s", why);
}

/* They are for what is forwarded; no prefix moves a packet for the cluster. */
static void test_cluster(struct drive *d)
{
	static const struct esl_policy_entry all = { { 0, {} }, { SLOT_OTHERS } };
	static const struct expected taken = { XDP_PASS, ESL_LOCAL_LEADER, MAC_OWN_IN };
	struct frame_spec s = { .dst = MAC_CLUSTER_IN, .protocol = ESL_IPPROTO_ICMP, .icmp_type = 8, .saddr = CLIENT,
				.daddr = INSIDE_ADDR, .payload = 40 };
	struct esl_config c;
	struct frame f;

	bpf_map_update_elem(bpf_map__fd(d->obj->maps.espalier_policies), &all.key, &all.policy, BPF_ANY);
	set(d, ESL_SCHEME_SA, ENTRIES + 1);
	c = world_read_config(d->obj);
	c.leader = 1;
	world_write_config(d->obj, &c);
	frame_build(&f, &s);
	expect_xdp(d, "policies: a prefix of length 0, echo for the cluster", &f, &taken);
}

void test_xdp_policies(struct drive *d)
{
	static const enum esl_scheme schemes[] = { ESL_SCHEME_PACKET_HASH, ESL_SCHEME_PACKET_RR, ESL_SCHEME_PACKET_SQF,
						   ESL_SCHEME_SESSION_RR, ESL_SCHEME_SESSION_SQF,
						   ESL_SCHEME_SESSION_HASH, ESL_SCHEME_SA };

	for (size_t i = 0; i < ENTRIES; i++)
		bpf_map_update_elem(bpf_map__fd(d->obj->maps.espalier_policies), &entries[i].key, &entries[i].policy,
				    BPF_ANY);
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
		test_rows(d, schemes[i]);
	test_against_host(d);
	test_cluster(d);
}
