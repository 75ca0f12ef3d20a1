// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * ARP and neighbour solicitations for a cluster address: the leader's program
 * turns those that fit into the reply, byte by byte what is put together here
 * from the RFCs, leaves the rest to its agent, and all others drop them.
 */
#include <stdio.h>
#include <string.h>

#include "drive.h"

#define ND_LEN 32
#define SOLICITED "\x33\x33\xff\0\2\1"	/* the group of OUTSIDE_ADDR */

/* Who meets the request. */
struct asked {
	enum door door;
	bool leader;
	bool silent;
	bool mute;		/* the program may not send by this NIC */
};

#define LEADER_OUT { DOOR_OUTSIDE, true, false, false }
#define LEADER_IN { DOOR_INSIDE, true, false, false }
#define MEMBER_OUT { DOOR_OUTSIDE, false, false, false }
#define MUTE { DOOR_OUTSIDE, true, false, true }
#define SILENT { DOOR_OUTSIDE, true, true, false }

static void ask(struct drive *d, const char *name, const struct asked *a, const struct frame *in,
		const struct frame *reply, int reason)
{
	struct esl_config c = world_config_of(a->door);
	struct expected e = { XDP_DROP, reason, NULL, NULL };

	c.port[ESL_OUTSIDE].answer = c.port[ESL_INSIDE].answer = !a->mute;
	world_identity(d->obj, &c);
	world_slots(d->obj, OTHERS, a->silent ? 1 : ~0ULL, a->leader);
	if (reason_verdict(reason) == ESL_STACK)
		e.action = XDP_PASS;
	if (reason_verdict(reason) == ESL_ANSWER) {
		e.action = XDP_TX;
		e.reply = reply;
	}
	expect_xdp(d, name, in, &e);
}

static const char *own_mac(const struct asked *a)
{
	return a->door == DOOR_OUTSIDE ? MAC_OWN_OUT : MAC_OWN_IN;
}

static const char *cluster_mac(const struct asked *a)
{
	return a->door == DOOR_OUTSIDE ? MAC_CLUSTER_OUT : MAC_CLUSTER_IN;
}

/* One byte of a request, set to another value. */
struct spoiled {
	__u8 at;		/* offset in the ARP packet */
	__u8 byte;
};

struct arp_row {
	const char *name;
	struct asked asked;
	struct frame_spec in;
	int reason;
	struct spoiled spoiled;
	bool probe;		/* RFC 5227: the sender has no address yet */
};

#define ARP_FOR(a) .type = ESL_ETHERTYPE_ARP, .daddr = a, .pad = 18
#define BROADCAST .dst = MAC_BROADCAST

static const struct arp_row arps[] = {
	{ "ARP request", LEADER_OUT, { ARP_FOR(OUTSIDE_ADDR), BROADCAST }, ESL_ARP_ANSWERED },
	{ "ARP request, unpadded", LEADER_OUT, { ARP_FOR(OUTSIDE_ADDR), BROADCAST, .pad = 0 }, ESL_ARP_ANSWERED },
	{ "ARP request, one tag", LEADER_OUT, { ARP_FOR(OUTSIDE_ADDR), BROADCAST, .tags = 1 }, ESL_ARP_ANSWERED },
	{ "ARP request, two tags", LEADER_OUT, { ARP_FOR(OUTSIDE_ADDR), BROADCAST, .tags = 2 }, ESL_ARP_ANSWERED },
	{ "ARP request, three tags", LEADER_OUT, { ARP_FOR(OUTSIDE_ADDR), BROADCAST, .tags = 3 }, ESL_GROUP },
	{ "ARP request to the cluster MAC", LEADER_OUT, { ARP_FOR(OUTSIDE_ADDR) }, ESL_ARP_ANSWERED },
	{ "ARP request to the own MAC", LEADER_OUT, { ARP_FOR(OUTSIDE_ADDR), .dst = MAC_OWN_OUT }, ESL_ARP_ANSWERED },
	{ "ARP request to another MAC", LEADER_OUT, { ARP_FOR(OUTSIDE_ADDR), .dst = MAC_OTHER }, ESL_OTHER_MAC },
	{ "ARP request inside", LEADER_IN, { ARP_FOR(INSIDE_ADDR), BROADCAST, .saddr = CLIENT }, ESL_ARP_ANSWERED },
	{ "ARP probe without a sender", LEADER_OUT, { ARP_FOR(OUTSIDE_ADDR), BROADCAST }, ESL_ARP_ANSWERED, .probe = true },
	{ "ARP request by the wrong side", LEADER_OUT, { ARP_FOR(INSIDE_ADDR), BROADCAST }, ESL_ARP_LEADER },
	{ "ARP reply", LEADER_OUT, { ARP_FOR(OUTSIDE_ADDR), BROADCAST, .operation = 2 }, ESL_ARP_LEADER },
	{ "ARP request, hardware of another kind", LEADER_OUT, { ARP_FOR(OUTSIDE_ADDR), BROADCAST }, ESL_ARP_LEADER, { 1, 6 } },
	{ "ARP request for another protocol", LEADER_OUT, { ARP_FOR(OUTSIDE_ADDR), BROADCAST }, ESL_ARP_LEADER, { 3, 6 } },
	{ "ARP request, long hardware addresses", LEADER_OUT, { ARP_FOR(OUTSIDE_ADDR), BROADCAST }, ESL_ARP_LEADER, { 4, 8 } },
	{ "ARP request, long protocol addresses", LEADER_OUT, { ARP_FOR(OUTSIDE_ADDR), BROADCAST }, ESL_ARP_LEADER, { 5, 16 } },
	{ "ARP request of operation 257", LEADER_OUT, { ARP_FOR(OUTSIDE_ADDR), BROADCAST }, ESL_ARP_LEADER, { 6, 1 } },
	{ "ARP request from a group's MAC", LEADER_OUT, { ARP_FOR(OUTSIDE_ADDR), BROADCAST }, ESL_ARP_LEADER, { 8, 3 } },
	{ "ARP request, program may not answer", MUTE, { ARP_FOR(OUTSIDE_ADDR), BROADCAST }, ESL_ARP_LEADER },
	{ "ARP request, silent leader", SILENT, { ARP_FOR(OUTSIDE_ADDR), BROADCAST }, ESL_ARP_OTHER },
	{ "ARP request, other member", MEMBER_OUT, { ARP_FOR(OUTSIDE_ADDR), BROADCAST }, ESL_ARP_OTHER },
	{ "ARP request, other member, one tag", MEMBER_OUT, { ARP_FOR(OUTSIDE_ADDR), BROADCAST, .tags = 1 }, ESL_ARP_OTHER },
	{ "ARP request, other member, cluster MAC", MEMBER_OUT, { ARP_FOR(OUTSIDE_ADDR) }, ESL_ARP_OTHER },
	{ "ARP request, other member, own MAC", MEMBER_OUT, { ARP_FOR(OUTSIDE_ADDR), .dst = MAC_OWN_OUT }, ESL_ARP_OTHER },
	{ "ARP request by the wrong side, other member", MEMBER_OUT, { ARP_FOR(INSIDE_ADDR), BROADCAST }, ESL_ARP_OTHER },
	{ "ARP for a stranger", LEADER_OUT, { ARP_FOR(STRANGER), BROADCAST }, ESL_ARP },
	{ "ARP for a stranger, cluster MAC", MEMBER_OUT, { ARP_FOR(STRANGER) }, ESL_ARP },
	{ "ARP reply to the own address", MEMBER_OUT, { ARP_FOR(OWN_OUT), .dst = MAC_OWN_OUT, .operation = 2 }, ESL_ARP },
	{ "ARP for address 0", LEADER_OUT, { ARP_FOR(0), BROADCAST }, ESL_ARP },
	{ "ARP at a NIC that is neither", { DOOR_NONE, true, false, false }, { ARP_FOR(OUTSIDE_ADDR), BROADCAST }, ESL_INERT },
};

/* RFC 826: the sender's pair becomes the target's. */
static void arp_reply(struct frame *out, const struct frame *in, const struct asked *a)
{
	__u8 *l3 = out->byte + frame_l3(in);

	*out = *in;
	memcpy(out->byte, in->byte + frame_l3(in) + 8, 6);
	memcpy(out->byte + 6, own_mac(a), 6);
	memcpy(l3 + 6, "\0\2", 2);
	memcpy(l3 + 8, cluster_mac(a), 6);
	memcpy(l3 + 14, in->byte + frame_l3(in) + 24, 4);
	memcpy(l3 + 18, in->byte + frame_l3(in) + 8, 10);
}

static void test_arp(struct drive *d)
{
	for (size_t i = 0; i < sizeof(arps) / sizeof(arps[0]); i++) {
		const struct arp_row *r = &arps[i];
		struct frame in, reply;

		frame_build(&in, &r->in);
		if (r->spoiled.at)
			in.byte[frame_l3(&in) + r->spoiled.at] = r->spoiled.byte;
		if (r->probe)
			memset(in.byte + frame_l3(&in) + 14, 0, 4);
		arp_reply(&reply, &in, &r->asked);
		ask(d, r->name, &r->asked, &in, &reply, r->reason);
	}
}

/* RFC 4443 section 2.3, over the pseudo-header and the message behind the fixed
 * header, whose checksum field is 0. */
static __u16 checksum(const __u8 *ip, __u32 len)
{
	__u32 sum = len + ESL_IPPROTO_ICMPV6;

	for (__u32 i = 8; i < 40; i += 2)
		sum += ip[i] << 8 | ip[i + 1];
	for (__u32 i = 0; i < len; i += 2)
		sum += ip[40 + i] << 8 | ip[40 + i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (__u16)~sum;
}

static void seal(__u8 *ip, __u32 len)
{
	__u16 sum;

	memset(ip + 42, 0, 2);
	sum = checksum(ip, len);
	ip[42] = (__u8)(sum >> 8);
	ip[43] = (__u8)sum;
}

struct ns_row {
	const char *name;
	struct asked asked;
	struct frame_spec in;
	__u32 target;
	int reason;
	struct spoiled spoiled;	/* offset from the IP header, sealed afterwards */
	bool unsealed;		/* the checksum is wrong */
	bool no_source;		/* duplicate address detection: RFC 4862 section 5.4.2 */
	bool group;		/* to the solicited-node group, else to the target */
	__u8 option_bytes;	/* 0: 8 */
};

#define NS .type = ESL_ETHERTYPE_IPV6, .protocol = ESL_IPPROTO_ICMPV6, .icmp_type = ESL_ICMPV6_NS, .ttl = 255
#define TO_GROUP .dst = SOLICITED

static const struct ns_row solicitations[] = {
	{ "NS", LEADER_OUT, { NS, TO_GROUP }, OUTSIDE_ADDR, ESL_ND_ANSWERED, .group = true },
	{ "NS, one tag", LEADER_OUT, { NS, TO_GROUP, .tags = 1 }, OUTSIDE_ADDR, ESL_ND_ANSWERED, .group = true },
	{ "NS, two tags", LEADER_OUT, { NS, TO_GROUP, .tags = 2 }, OUTSIDE_ADDR, ESL_ND_ANSWERED, .group = true },
	{ "NS, three tags", LEADER_OUT, { NS, TO_GROUP, .tags = 3 }, OUTSIDE_ADDR, ESL_GROUP, .group = true },
	{ "NS to the cluster address, cluster MAC", LEADER_OUT, { NS }, OUTSIDE_ADDR, ESL_ND_ANSWERED },
	{ "NS to the cluster address, cluster MAC, two tags", LEADER_OUT, { NS, .tags = 2 }, OUTSIDE_ADDR, ESL_ND_ANSWERED },
	{ "NS, padded frame", LEADER_OUT, { NS, TO_GROUP, .pad = 5 }, OUTSIDE_ADDR, ESL_ND_ANSWERED, .group = true },
	{ "NS inside", LEADER_IN, { NS, TO_GROUP, .saddr = CLIENT }, INSIDE_ADDR, ESL_ND_ANSWERED, .group = true },
	{ "NS inside, cluster MAC", LEADER_IN, { NS, .dst = MAC_CLUSTER_IN, .saddr = CLIENT, .daddr = INSIDE_ADDR }, INSIDE_ADDR, ESL_ND_ANSWERED },
	{ "NS from another neighbour", LEADER_OUT, { NS, TO_GROUP, .saddr = STRANGER, .src = MAC_OTHER }, OUTSIDE_ADDR, ESL_ND_ANSWERED, .group = true },
	{ "NS by the wrong side", LEADER_OUT, { NS, TO_GROUP }, INSIDE_ADDR, ESL_ND_LEADER, .group = true },
	{ "NS without the option", LEADER_OUT, { NS, TO_GROUP }, OUTSIDE_ADDR, ESL_ND_LEADER, .group = true, .option_bytes = 1 },
	{ "NS without the option, cluster MAC", LEADER_OUT, { NS }, OUTSIDE_ADDR, ESL_ND_LEADER, .option_bytes = 1 },
	{ "NS with two options", LEADER_OUT, { NS, TO_GROUP }, OUTSIDE_ADDR, ESL_ND_LEADER, .group = true, .option_bytes = 16 },
	{ "NS with another option", LEADER_OUT, { NS, TO_GROUP }, OUTSIDE_ADDR, ESL_ND_LEADER, { 64, 14 }, .group = true },
	{ "NS with a long option", LEADER_OUT, { NS, TO_GROUP }, OUTSIDE_ADDR, ESL_ND_LEADER, { 65, 2 }, .group = true },
	{ "NS with an option of length 0", LEADER_OUT, { NS, TO_GROUP }, OUTSIDE_ADDR, ESL_ND_LEADER, { 65, 0 }, .group = true },
	{ "NS that names a group's MAC", LEADER_OUT, { NS, TO_GROUP }, OUTSIDE_ADDR, ESL_ND_LEADER, { 66, 3 }, .group = true },
	{ "NS for duplicate detection", LEADER_OUT, { NS, TO_GROUP }, OUTSIDE_ADDR, ESL_ND_LEADER, .no_source = true, .group = true, .option_bytes = 1 },
	{ "NS without a source, with the option", LEADER_OUT, { NS, TO_GROUP }, OUTSIDE_ADDR, ESL_ND_LEADER, .no_source = true, .group = true },
	{ "NS from a group", LEADER_OUT, { NS, TO_GROUP }, OUTSIDE_ADDR, ESL_ND_LEADER, { 8, 0xff }, .group = true },
	{ "NS, hop limit 254", LEADER_OUT, { NS, TO_GROUP, .ttl = 254 }, OUTSIDE_ADDR, ESL_ND_LEADER, .group = true },
	{ "NS, hop limit 254, cluster MAC", LEADER_OUT, { NS, .ttl = 254 }, OUTSIDE_ADDR, ESL_ND_LEADER },
	{ "NS of code 1", LEADER_OUT, { NS, TO_GROUP }, OUTSIDE_ADDR, ESL_ND_LEADER, { 41, 1 }, .group = true },
	{ "NS with a wrong checksum", LEADER_OUT, { NS, TO_GROUP }, OUTSIDE_ADDR, ESL_ND_LEADER, .unsealed = true, .group = true },
	{ "NS with a wrong checksum, cluster MAC", LEADER_OUT, { NS }, OUTSIDE_ADDR, ESL_ND_LEADER, .unsealed = true },
	{ "NS behind an extension header", LEADER_OUT, { NS, TO_GROUP, .chain = "D" }, OUTSIDE_ADDR, ESL_ND_LEADER, .group = true },
	{ "NS behind a fragment header", LEADER_OUT, { NS, TO_GROUP, .chain = "F" }, OUTSIDE_ADDR, ESL_ND_LEADER, .group = true },
	{ "NS, program may not answer", MUTE, { NS, TO_GROUP }, OUTSIDE_ADDR, ESL_ND_LEADER, .group = true },
	{ "NS, silent leader", SILENT, { NS, TO_GROUP }, OUTSIDE_ADDR, ESL_ND_OTHER, .group = true },
	{ "NS, silent leader, cluster MAC", SILENT, { NS }, OUTSIDE_ADDR, ESL_ND_OTHER },
	{ "NS, other member", MEMBER_OUT, { NS, TO_GROUP }, OUTSIDE_ADDR, ESL_ND_OTHER, .group = true },
	{ "NS, other member, two tags", MEMBER_OUT, { NS, TO_GROUP, .tags = 2 }, OUTSIDE_ADDR, ESL_ND_OTHER, .group = true },
	{ "NS, other member, cluster MAC", MEMBER_OUT, { NS }, OUTSIDE_ADDR, ESL_ND_OTHER },
	{ "NS for duplicate detection, other member", MEMBER_OUT, { NS, TO_GROUP }, OUTSIDE_ADDR, ESL_ND_OTHER, .no_source = true, .group = true, .option_bytes = 1 },
	{ "NS for a stranger", LEADER_OUT, { NS, TO_GROUP }, STRANGER, ESL_GROUP, .group = true },
	{ "NS for a stranger, other member", MEMBER_OUT, { NS, TO_GROUP }, STRANGER, ESL_GROUP, .group = true },
	{ "NS to the cluster address, own MAC", LEADER_OUT, { NS, .dst = MAC_OWN_OUT }, OUTSIDE_ADDR, ESL_CLUSTER_BY_UNICAST },
	{ "NS to the cluster address, a group's MAC", LEADER_OUT, { NS, TO_GROUP }, OUTSIDE_ADDR, ESL_CLUSTER_BY_UNICAST },
	{ "NS to another MAC", LEADER_OUT, { NS, .dst = MAC_OTHER }, OUTSIDE_ADDR, ESL_OTHER_MAC },
	{ "NA about the cluster address, a group's MAC", LEADER_OUT, { NS, TO_GROUP, .icmp_type = ESL_ICMPV6_NA }, OUTSIDE_ADDR, ESL_GROUP, .group = true },
};

/* The message behind the extension headers, which are 8 bytes long. */
static void build_ns(struct frame *f, const struct ns_row *r)
{
	__u8 option = r->option_bytes ? r->option_bytes & ~7 : 8;
	struct frame_spec s = r->in;
	struct esl_addr target = world_addr6(r->target);
	__u8 *ip, *nd;

	s.payload = (__u16)(16 + option);
	s.group = r->group;
	frame_build(f, &s);
	ip = f->byte + frame_l3(f);
	nd = ip + 40 + (s.chain ? 8 : 0);
	if (r->group)
		memcpy(ip + 24, "\xff\x02\0\0\0\0\0\0\0\0\0\1\xff\0\2\1", 16);
	if (r->no_source)
		memset(ip + 8, 0, 16);
	memset(nd + 4, 0, 4);
	memcpy(nd + 8, &target, 16);
	for (__u8 *o = nd + 24; o < nd + 24 + option; o += 8) {
		memcpy(o, "\1\1", 2);
		memcpy(o + 2, s.src ? s.src : MAC_PEER, 6);
	}
	if (r->spoiled.at)
		ip[r->spoiled.at] = r->spoiled.byte;
	if (!s.chain)
		seal(ip, 24 + option);
	if (r->unsealed)
		ip[43] ^= 1;
}

/* RFC 4861 section 4.4, sent by a router, solicited, with override. */
static void na_reply(struct frame *out, const struct frame *in, const struct ns_row *r)
{
	struct esl_addr target = world_addr6(r->target);
	const __u8 *asked = in->byte + frame_l3(in);
	__u8 *ip = out->byte + frame_l3(in);

	*out = *in;
	memcpy(out->byte, asked + 66, 6);
	memcpy(out->byte + 6, own_mac(&r->asked), 6);
	memcpy(ip + 8, &target, 16);
	memcpy(ip + 24, asked + 8, 16);
	memcpy(ip + 40, "\x88\0\0\0\xe0\0\0\0", 8);
	memcpy(ip + 48, &target, 16);
	memcpy(ip + 64, "\2\1", 2);
	memcpy(ip + 66, cluster_mac(&r->asked), 6);
	seal(ip, ND_LEN);
}

static void test_solicitations(struct drive *d)
{
	for (size_t i = 0; i < sizeof(solicitations) / sizeof(solicitations[0]); i++) {
		const struct ns_row *r = &solicitations[i];
		struct frame in, reply;

		build_ns(&in, r);
		na_reply(&reply, &in, r);
		ask(d, r->name, &r->asked, &in, &reply, r->reason);
	}
}

/* Does the sum of the reply, as a machine of this byte order adds it up, have to
 * be folded twice? */
static bool folds_twice(const struct frame *reply)
{
	const __u8 *ip = reply->byte + frame_l3(reply);
	__u32 sum = htons(ND_LEN) + htons(ESL_IPPROTO_ICMPV6);
	__u16 word;

	for (int i = 8; i < 40 + ND_LEN; i += 2) {
		memcpy(&word, ip + i, sizeof(word));
		sum += i == 42 ? 0 : word;
	}
	return (sum & 0xffff) + (sum >> 16) > 0xffff;
}

/* Of all neighbours of a network those whose reply adds up so, and some others. */
static void test_checksums(struct drive *d)
{
	struct ns_row r = { "", LEADER_OUT, { NS, TO_GROUP }, OUTSIDE_ADDR, ESL_ND_ANSWERED, .group = true };
	static struct frame in, reply;
	int folded = 0;
	char name[64];

	for (__u32 i = 1; i < 0x10000; i++) {
		r.in.saddr = IP(10, 77, 0, 0) | i;
		build_ns(&in, &r);
		na_reply(&reply, &in, &r);
		if (!folds_twice(&reply) && i % 0x1000 != 1)
			continue;
		folded += folds_twice(&reply);
		snprintf(name, sizeof(name), "NS from neighbour %u%s", i, folds_twice(&reply) ? ", folds twice" : "");
		ask(d, name, &r.asked, &in, &reply, r.reason);
	}
	row(d, "NS: some replies fold twice", folded, "none does");
}

/* Cut at every byte: no reply to what is not there, and nothing passes. */
static void test_cut(struct drive *d)
{
	static const struct ns_row ns = { "", LEADER_OUT, { NS, TO_GROUP }, OUTSIDE_ADDR, ESL_ND_ANSWERED, .group = true };
	struct frame whole, in;
	char name[48];

	build_ns(&whole, &ns);
	for (__u32 len = ESL_ETH_LEN; len < whole.len; len++) {
		__u32 in_packet = len - ESL_ETH_LEN;
		int reason = in_packet < 40 ? ESL_SHORT_FRAME : in_packet < 64 ? ESL_GROUP : ESL_ND_LEADER;

		in = whole;
		in.len = len;
		snprintf(name, sizeof(name), "NS, cut at %u", len);
		ask(d, name, &ns.asked, &in, NULL, reason);
	}
}

void test_xdp_neighbours(struct drive *d)
{
	test_arp(d);
	test_solicitations(d);
	test_checksums(d);
	test_cut(d);
}
