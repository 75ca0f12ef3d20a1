// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What is not a matter of the packet's kind (xdp_kinds.c): the member's own
 * addresses, frames that come back, tables, SAs, groups, lengths. */
#include <stdio.h>

#include "drive.h"

#define SPI_KNOWN 0x1001

struct xdp_row {
	const char *name;
	enum door door;
	enum slots slots;
	bool leader;
	bool silent;		/* the deadline has passed */
	bool changing;
	struct frame_spec in;
	struct expected out;
};

#define PASS(r) { XDP_PASS, ESL_##r }
#define DROP(r) { XDP_DROP, ESL_##r }
#define TAKE_OUT(r) { XDP_PASS, ESL_##r, MAC_OWN_OUT }
#define TAKE_IN(r) { XDP_PASS, ESL_##r, MAC_OWN_IN }

#define V6 .type = ESL_ETHERTYPE_IPV6
#define ESP .protocol = ESL_IPPROTO_ESP, .spi = SPI_KNOWN, .seq = 77, .payload = 40
#define AH .protocol = ESL_IPPROTO_AH, .spi = SPI_KNOWN, .seq = 77, .payload = 40
#define NATT .protocol = ESL_IPPROTO_UDP, .sport = 4500, .dport = 4500, .natt = true, .spi = SPI_KNOWN, .seq = 77, .payload = 40
#define IKE .protocol = ESL_IPPROTO_UDP, .sport = 500, .dport = 500, .payload = 40
#define ECHO .protocol = ESL_IPPROTO_ICMP, .icmp_type = 8, .payload = 40
#define UNREACHABLE .protocol = ESL_IPPROTO_ICMP, .icmp_type = 3, .payload = 40
#define TCP .protocol = ESL_IPPROTO_TCP, .sport = 4242, .dport = 5001, .payload = 40
#define UDP_SHORT .protocol = ESL_IPPROTO_UDP, .sport = 4242, .dport = 53
#define IGMP .protocol = ESL_IPPROTO_IGMP, .payload = 8, .ihl = 6, .group = true
#define MLD V6, .protocol = ESL_IPPROTO_ICMPV6, .icmp_type = 130, .chain = "H", .payload = 20, .group = true
#define FROM_CLIENT .saddr = CLIENT, .daddr = REMOTE
#define IN .dst = MAC_CLUSTER_IN
#define OWN .dst = MAC_OWN_OUT
#define GARBAGE .type = 0x1234, .payload = 50

static const struct xdp_row rows[] = {
	/* Table and SA. */
	{ "ESP of mine by the other table", DOOR_OUTSIDE, MINE_IN_TABLE_1, .in = { ESP }, .out = TAKE_OUT(OWNED_ESP) },
	{ "IPv6 ESP of mine by the other table", DOOR_OUTSIDE, MINE_IN_TABLE_1, .in = { V6, ESP }, .out = TAKE_OUT(OWNED_ESP) },
	{ "plain of mine by the other table", DOOR_INSIDE, MINE_IN_TABLE_1, .in = { TCP, FROM_CLIENT, IN }, .out = TAKE_IN(OWNED_PLAIN) },
	{ "ESP of an unknown SA", DOOR_OUTSIDE, MINE, .in = { ESP, .spi = 0xbad }, .out = DROP(SA_UNKNOWN) },
	{ "ESP of an unknown SA, another's", DOOR_OUTSIDE, OTHERS, .in = { ESP, .spi = 0xbad }, .out = DROP(FOREIGN_ESP) },
	{ "IPv6 ESP of an unknown SA", DOOR_OUTSIDE, MINE, .in = { V6, ESP, .spi = 0xbad }, .out = DROP(SA_UNKNOWN) },
	{ "AH of an unknown SA", DOOR_OUTSIDE, MINE, .in = { AH, .spi = 0xbad }, .out = DROP(SA_UNKNOWN) },
	{ "NATT of an unknown SA", DOOR_OUTSIDE, MINE, .in = { NATT, .spi = 0xbad }, .out = DROP(SA_UNKNOWN) },
	{ "AH with the SPI of an ESP SA", DOOR_OUTSIDE, MINE, .in = { AH, .spi = 0xe59 }, .out = DROP(SA_UNKNOWN) },
	{ "NATT with the SPI of an ESP SA", DOOR_OUTSIDE, MINE, .in = { NATT, .spi = 0xe59 }, .out = TAKE_OUT(OWNED_NATT) },
	{ "ESP with the SPI of an AH SA", DOOR_OUTSIDE, MINE, .in = { ESP, .spi = 0xa8 }, .out = DROP(SA_UNKNOWN) },
	{ "IPv6 ESP with the SPI of an IPv4 SA", DOOR_OUTSIDE, MINE, .in = { V6, ESP, .spi = 0xe59 }, .out = DROP(SA_UNKNOWN) },
	{ "ESP to the other address of the SPI", DOOR_OUTSIDE, MINE, .in = { ESP, .spi = 0xe59, .daddr = INSIDE_ADDR }, .out = DROP(SA_UNKNOWN) },

	/* The outside scheme changes: owned IPsec stands still, the rest does not. */
	{ "changing, ESP of mine", DOOR_OUTSIDE, MINE, .changing = true, .in = { ESP }, .out = DROP(CHANGING) },
	{ "changing, AH of mine", DOOR_OUTSIDE, MINE, .changing = true, .in = { AH }, .out = DROP(CHANGING) },
	{ "changing, NATT of mine", DOOR_OUTSIDE, MINE, .changing = true, .in = { NATT }, .out = DROP(CHANGING) },
	{ "changing, IPv6 ESP of mine with a tag", DOOR_OUTSIDE, MINE, .changing = true, .in = { V6, ESP, .tags = 1 }, .out = DROP(CHANGING) },
	{ "changing, ESP behind options", DOOR_OUTSIDE, MINE, .changing = true, .in = { ESP, .ihl = 7 }, .out = DROP(CHANGING) },
	{ "changing, ESP of an unknown SA", DOOR_OUTSIDE, MINE, .changing = true, .in = { ESP, .spi = 0xbad }, .out = DROP(CHANGING) },
	{ "changing, silent, ESP of mine", DOOR_OUTSIDE, MINE, .changing = true, .silent = true, .in = { ESP }, .out = DROP(DEADLINE) },
	{ "changing, ESP of another", DOOR_OUTSIDE, OTHERS, .changing = true, .in = { ESP }, .out = DROP(FOREIGN_ESP) },
	{ "changing, plain of mine", DOOR_INSIDE, MINE, .changing = true, .in = { TCP, FROM_CLIENT, IN }, .out = TAKE_IN(OWNED_PLAIN) },
	{ "changing, IKE at the leader", DOOR_OUTSIDE, OTHERS, true, .changing = true, .in = { IKE }, .out = TAKE_OUT(LOCAL_LEADER) },
	{ "changing, ICMP error", DOOR_OUTSIDE, OTHERS, .changing = true, .in = { UNREACHABLE }, .out = TAKE_OUT(ICMP_ERROR) },

	/* Sent by this member, and flooded back by the switch. */
	{ "own frame, ESP of mine", DOOR_OUTSIDE, MINE, .in = { ESP, .src = MAC_OWN_OUT }, .out = DROP(OWN_FRAME) },
	{ "own frame, IPv6 ESP of mine", DOOR_OUTSIDE, MINE, .in = { V6, ESP, .src = MAC_OWN_OUT }, .out = DROP(OWN_FRAME) },
	{ "own frame, AH of mine", DOOR_OUTSIDE, MINE, .in = { AH, .src = MAC_OWN_OUT }, .out = DROP(OWN_FRAME) },
	{ "own frame, NATT of mine, two tags", DOOR_OUTSIDE, MINE, .in = { NATT, .tags = 2, .src = MAC_OWN_OUT }, .out = DROP(OWN_FRAME) },
	{ "own frame, ESP behind options", DOOR_OUTSIDE, MINE, .in = { ESP, .ihl = 7, .src = MAC_OWN_OUT }, .out = DROP(OWN_FRAME) },
	{ "own frame, ESP of another", DOOR_OUTSIDE, OTHERS, .in = { ESP, .src = MAC_OWN_OUT }, .out = DROP(FOREIGN_ESP) },
	{ "own frame, plain of mine", DOOR_INSIDE, MINE, .in = { TCP, FROM_CLIENT, IN, .src = MAC_OWN_IN }, .out = DROP(OWN_FRAME) },
	{ "own frame, IPv6 plain of mine", DOOR_INSIDE, MINE, .in = { V6, TCP, FROM_CLIENT, IN, .src = MAC_OWN_IN }, .out = DROP(OWN_FRAME) },
	{ "own frame, plain fragment of mine", DOOR_INSIDE, MINE, .in = { TCP, FROM_CLIENT, IN, .frag = 8, .src = MAC_OWN_IN }, .out = DROP(OWN_FRAME) },
	{ "own frame, IKE at the leader", DOOR_OUTSIDE, MINE, true, .in = { IKE, .src = MAC_OWN_OUT }, .out = DROP(OWN_FRAME) },
	{ "own frame, ICMP error", DOOR_OUTSIDE, MINE, .in = { UNREACHABLE, .src = MAC_OWN_OUT }, .out = DROP(OWN_FRAME) },
	{ "own frame, silent", DOOR_OUTSIDE, MINE, .silent = true, .in = { ESP, .src = MAC_OWN_OUT }, .out = DROP(OWN_FRAME) },
	{ "frame from the MAC of the other NIC", DOOR_OUTSIDE, MINE, .in = { ESP, .src = MAC_OWN_IN }, .out = TAKE_OUT(OWNED_ESP) },
	{ "frame from the cluster MAC", DOOR_OUTSIDE, MINE, .in = { ESP, .src = MAC_CLUSTER_OUT }, .out = TAKE_OUT(OWNED_ESP) },

	/* Groups on the cluster MAC: queries are for every member's stack. */
	{ "IGMP query, other", DOOR_OUTSIDE, OTHERS, .in = { IGMP }, .out = PASS(GROUP) },
	{ "IGMP query, silent leader", DOOR_OUTSIDE, OTHERS, true, true, .in = { IGMP }, .out = PASS(GROUP) },
	{ "IGMP query inside", DOOR_INSIDE, OTHERS, .in = { IGMP, IN }, .out = PASS(GROUP) },
	{ "IGMP to a host behind", DOOR_INSIDE, OTHERS, .in = { IGMP, IN, .group = false, .daddr = REMOTE }, .out = DROP(FOREIGN_PLAIN) },
	{ "IGMP to the cluster address, other", DOOR_INSIDE, MINE, .in = { IGMP, IN, .group = false, .daddr = INSIDE_ADDR }, .out = DROP(LOCAL_OTHER) },
	{ "UDP to an IPv4 group is forwarded by its owner alone", DOOR_INSIDE, OTHERS, .in = { UDP_SHORT, IN, .group = true }, .out = DROP(FOREIGN_PLAIN) },
	{ "MLD query, other", DOOR_OUTSIDE, OTHERS, .in = { MLD }, .out = PASS(GROUP) },
	{ "MLD query, one tag", DOOR_INSIDE, OTHERS, .in = { MLD, IN, .tags = 1 }, .out = PASS(GROUP) },
	{ "MLD query on a group's MAC", DOOR_OUTSIDE, OTHERS, .in = { MLD, .dst = "\x33\x33\0\0\0\1" }, .out = PASS(GROUP) },
	{ "IGMP query on a group's MAC", DOOR_OUTSIDE, OTHERS, .in = { IGMP, .dst = "\x01\0\x5e\0\0\1" }, .out = PASS(GROUP) },

	/* The member's own addresses. */
	{ "outside, own MAC, plain for the own address", DOOR_OUTSIDE, OTHERS, .silent = true, .in = { TCP, OWN, .daddr = OWN_OUT }, .out = PASS(OWN_ADDRESS) },
	{ "outside, own MAC, one tag, plain for the own address", DOOR_OUTSIDE, OTHERS, .in = { TCP, OWN, .daddr = OWN_OUT, .tags = 1 }, .out = PASS(OWN_ADDRESS) },
	{ "outside, own MAC, ESP for the own address", DOOR_OUTSIDE, OTHERS, .in = { ESP, OWN, .daddr = OWN_OUT }, .out = PASS(OWN_ADDRESS) },
	{ "outside, own MAC, IPv6 for the own address", DOOR_OUTSIDE, OTHERS, .in = { V6, TCP, OWN, .daddr = OWN_OUT }, .out = PASS(OWN_ADDRESS) },
	{ "outside, own MAC, two tags, IPv6 for the own address", DOOR_OUTSIDE, OTHERS, .in = { V6, TCP, OWN, .daddr = OWN_OUT, .tags = 2 }, .out = PASS(OWN_ADDRESS) },
	{ "outside, own MAC, IPv6 to be forwarded", DOOR_OUTSIDE, MINE, true, .in = { V6, TCP, OWN, .daddr = REMOTE }, .out = DROP(TRANSIT_BY_UNICAST) },
	{ "outside, own MAC, two tags, ESP for the cluster", DOOR_OUTSIDE, MINE, true, .in = { ESP, OWN, .tags = 2 }, .out = DROP(CLUSTER_BY_UNICAST) },
	{ "outside, own MAC, ESP for the inside cluster address", DOOR_OUTSIDE, MINE, true, .in = { ESP, OWN, .daddr = INSIDE_ADDR }, .out = DROP(CLUSTER_BY_UNICAST) },
	{ "outside, own MAC, IPv6 ESP for the inside cluster address", DOOR_OUTSIDE, MINE, true, .in = { V6, ESP, OWN, .daddr = INSIDE_ADDR }, .out = DROP(CLUSTER_BY_UNICAST) },
	{ "outside, own MAC, garbage", DOOR_OUTSIDE, MINE, .in = { GARBAGE, OWN }, .out = PASS(OWN_ADDRESS) },
	{ "outside, broadcast, garbage", DOOR_OUTSIDE, MINE, .in = { GARBAGE, .dst = MAC_BROADCAST }, .out = PASS(GROUP) },
	{ "outside, cluster MAC, garbage", DOOR_OUTSIDE, MINE, true, .in = { GARBAGE }, .out = DROP(NOT_IP) },
	{ "outside, cluster MAC, plain for the own address", DOOR_OUTSIDE, OTHERS, .in = { TCP, .daddr = OWN_OUT }, .out = DROP(FOREIGN_PLAIN) },
	{ "inside, own MAC, plain for the own address", DOOR_INSIDE, OTHERS, .silent = true, .in = { TCP, .saddr = CLIENT, .dst = MAC_OWN_IN, .daddr = OWN_IN }, .out = PASS(OWN_ADDRESS) },
	{ "inside, MAC of the outside NIC", DOOR_INSIDE, MINE, true, .in = { TCP, FROM_CLIENT, OWN }, .out = PASS(OTHER_MAC) },
	{ "other NIC, own MAC, plain", DOOR_NONE, MINE, true, .in = { TCP, OWN }, .out = PASS(INERT) },

	/* What the length fields say of the frame. */
	{ "ESP with padding", DOOR_OUTSIDE, MINE, .in = { ESP, .pad = 9 }, .out = TAKE_OUT(OWNED_ESP) },
	{ "IPv6 ESP with padding", DOOR_OUTSIDE, MINE, .in = { V6, ESP, .pad = 9 }, .out = TAKE_OUT(OWNED_ESP) },
	{ "total length of the frame", DOOR_OUTSIDE, MINE, .in = { ESP, .tot_len = 68 }, .out = TAKE_OUT(OWNED_ESP) },
	{ "total length one more", DOOR_OUTSIDE, MINE, .in = { ESP, .tot_len = 69 }, .out = DROP(SHORT_FRAME) },
	{ "total length one more, one tag", DOOR_OUTSIDE, MINE, .in = { ESP, .tot_len = 69, .tags = 1 }, .out = DROP(SHORT_FRAME) },
	{ "total length one more, within the padding", DOOR_OUTSIDE, MINE, .in = { ESP, .tot_len = 69, .pad = 1 }, .out = TAKE_OUT(OWNED_ESP) },
	{ "total length one more, another's", DOOR_OUTSIDE, OTHERS, .in = { ESP, .tot_len = 69 }, .out = DROP(FOREIGN_ESP) },
	{ "payload length of the frame", DOOR_OUTSIDE, MINE, .in = { V6, ESP, .tot_len = 48 }, .out = TAKE_OUT(OWNED_ESP) },
	{ "payload length one more", DOOR_OUTSIDE, MINE, .in = { V6, ESP, .tot_len = 49 }, .out = DROP(SHORT_FRAME) },
	{ "payload length one more, behind a chain", DOOR_OUTSIDE, MINE, .in = { V6, ESP, .chain = "HD", .tot_len = 65 }, .out = DROP(SHORT_FRAME) },
	{ "payload length one more, plain", DOOR_INSIDE, MINE, .in = { V6, TCP, FROM_CLIENT, IN, .tot_len = 61 }, .out = DROP(SHORT_FRAME) },
	{ "total length one more, IKE at the leader", DOOR_OUTSIDE, MINE, true, .in = { IKE, .tot_len = 69 }, .out = DROP(SHORT_FRAME) },
	{ "total length one more, ICMP error", DOOR_OUTSIDE, MINE, .in = { UNREACHABLE, .tot_len = 69 }, .out = DROP(SHORT_FRAME) },
	{ "total length one more, echo at the leader", DOOR_INSIDE, MINE, true, .in = { ECHO, IN, .daddr = INSIDE_ADDR, .tot_len = 69 }, .out = DROP(SHORT_FRAME) },
};

static void add_sas(struct drive *d)
{
	static const struct esl_sa_in sa = { .index = 1 };
	struct esl_sa_key ah = { esl_addr_from_ipv4(htonl(OUTSIDE_ADDR)), 0xa8, ESL_IPPROTO_AH };

	world_sa_all(d->obj, SPI_KNOWN, &sa);
	world_sa_in(d->obj, 0xe59, &sa);
	world_sa_key(d->obj, &ah, &sa);
}

void test_xdp_rows(struct drive *d)
{
	add_sas(d);
	world_own_add(d->obj, OWN_OUT);
	world_own_add(d->obj, OWN_IN);
	world_own_add6(d->obj, OWN_OUT);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct xdp_row *r = &rows[i];
		struct esl_config c;
		struct frame in;

		world_config(d->obj, r->door);
		world_slots(d->obj, r->slots, r->silent ? 1 : ~0ULL, r->leader);
		c = world_read_config(d->obj);
		c.changing = r->changing;
		world_write_config(d->obj, &c);
		frame_build(&in, &r->in);
		expect_xdp(d, r->name, &in, &r->out);
	}
}
