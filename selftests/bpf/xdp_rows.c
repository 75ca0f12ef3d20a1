// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Every kind of packet at every door, one row each. */
#include <bpf/bpf.h>
#include <stdio.h>
#include <string.h>

#include "drive.h"
#include "slots.h"

#define SPI_KNOWN 0x1001

struct xdp_row {
	const char *name;
	enum door door;
	enum slots slots;
	bool leader;
	bool silent;		/* the deadline has passed */
	struct frame_spec in;
	struct expected out;
};

#define PASS(r) { XDP_PASS, ESL_##r, NULL }
#define DROP(r) { XDP_DROP, ESL_##r, NULL }
#define TAKE_OUT(r) { XDP_PASS, ESL_##r, MAC_OWN_OUT }
#define TAKE_IN(r) { XDP_PASS, ESL_##r, MAC_OWN_IN }

#define ESP .protocol = ESL_IPPROTO_ESP, .spi = SPI_KNOWN, .seq = 77, .payload = 40
#define AH .protocol = ESL_IPPROTO_AH, .spi = SPI_KNOWN, .seq = 77, .payload = 40
#define NATT .protocol = ESL_IPPROTO_UDP, .sport = 4500, .dport = 4500, .payload = 40
#define IKE .protocol = ESL_IPPROTO_UDP, .sport = 500, .dport = 500, .payload = 40
#define ICMP(t) .protocol = ESL_IPPROTO_ICMP, .icmp_type = t, .payload = 40
#define TCP .protocol = ESL_IPPROTO_TCP, .sport = 4242, .dport = 5001, .payload = 40
#define ARP_FOR(a) .type = ESL_ETHERTYPE_ARP, .daddr = a, .pad = 18
#define IPV6(a) .type = ESL_ETHERTYPE_IPV6, .daddr = a, .payload = 20
#define FROM_CLIENT .saddr = CLIENT, .daddr = REMOTE

static const struct xdp_row rows[] = {
	/* Outside NIC, cluster MAC. */
	{ "outside, cluster MAC, ESP of mine", DOOR_OUTSIDE, MINE, .in = { ESP }, .out = TAKE_OUT(OWNED_ESP) },
	{ "outside, cluster MAC, ESP of another", DOOR_OUTSIDE, OTHERS, .in = { ESP }, .out = DROP(FOREIGN_ESP) },
	{ "outside, cluster MAC, ESP of nobody", DOOR_OUTSIDE, NOBODYS, .in = { ESP }, .out = DROP(NO_SLOT) },
	{ "outside, cluster MAC, ESP of mine by the other table", DOOR_OUTSIDE, MINE_IN_TABLE_1, .in = { ESP }, .out = TAKE_OUT(OWNED_ESP) },
	{ "outside, cluster MAC, ESP with IP options", DOOR_OUTSIDE, MINE, .in = { ESP, .ihl = 7 }, .out = TAKE_OUT(OWNED_ESP) },
	{ "outside, cluster MAC, ESP with padding", DOOR_OUTSIDE, MINE, .in = { ESP, .pad = 9 }, .out = TAKE_OUT(OWNED_ESP) },
	{ "outside, cluster MAC, ESP for the inside address", DOOR_OUTSIDE, OTHERS, .in = { ESP, .daddr = INSIDE_ADDR }, .out = DROP(FOREIGN_ESP) },
	{ "outside, cluster MAC, ESP of an unknown SA", DOOR_OUTSIDE, MINE, .in = { ESP, .spi = 0xbad }, .out = DROP(SA_UNKNOWN) },
	{ "outside, cluster MAC, ESP of mine, silent", DOOR_OUTSIDE, MINE, .silent = true, .in = { ESP }, .out = DROP(DEADLINE) },
	{ "outside, cluster MAC, ESP of another, silent", DOOR_OUTSIDE, OTHERS, .silent = true, .in = { ESP }, .out = DROP(FOREIGN_ESP) },
	{ "outside, cluster MAC, AH", DOOR_OUTSIDE, MINE, .in = { AH }, .out = DROP(UNSUPPORTED) },
	{ "outside, cluster MAC, UDP 4500, ESP inside", DOOR_OUTSIDE, MINE, true, .in = { NATT }, .out = DROP(UNSUPPORTED) },
	{ "outside, cluster MAC, UDP 4500, no payload", DOOR_OUTSIDE, MINE, true, .in = { NATT, .payload = 0 }, .out = DROP(UNSUPPORTED) },
	{ "outside, cluster MAC, UDP 4500 with marker, leader", DOOR_OUTSIDE, MINE, true, .in = { NATT, .marker = true }, .out = TAKE_OUT(LOCAL_LEADER) },
	{ "outside, cluster MAC, UDP 4500 with marker, other", DOOR_OUTSIDE, MINE, .in = { NATT, .marker = true }, .out = DROP(LOCAL_OTHER) },
	{ "outside, cluster MAC, IKE, leader", DOOR_OUTSIDE, OTHERS, true, .in = { IKE }, .out = TAKE_OUT(LOCAL_LEADER) },
	{ "outside, cluster MAC, IKE, other", DOOR_OUTSIDE, MINE, .in = { IKE }, .out = DROP(LOCAL_OTHER) },
	{ "outside, cluster MAC, IKE, silent leader", DOOR_OUTSIDE, MINE, true, true, .in = { IKE }, .out = DROP(DEADLINE) },
	{ "outside, cluster MAC, later fragment of IKE, leader", DOOR_OUTSIDE, OTHERS, true, .in = { IKE, .frag = 8 }, .out = TAKE_OUT(LOCAL_LEADER) },
	{ "outside, cluster MAC, later fragment of IKE, other", DOOR_OUTSIDE, MINE, .in = { IKE, .frag = 8 }, .out = DROP(LOCAL_OTHER) },
	{ "outside, cluster MAC, ICMP echo, leader", DOOR_OUTSIDE, OTHERS, true, .in = { ICMP(8) }, .out = TAKE_OUT(LOCAL_LEADER) },
	{ "outside, cluster MAC, ICMP echo, other", DOOR_OUTSIDE, MINE, .in = { ICMP(8) }, .out = DROP(LOCAL_OTHER) },
	{ "outside, cluster MAC, ICMP unreachable, every member", DOOR_OUTSIDE, OTHERS, .in = { ICMP(3) }, .out = TAKE_OUT(ICMP_ERROR) },
	{ "outside, cluster MAC, ICMP time exceeded, every member", DOOR_OUTSIDE, OTHERS, .in = { ICMP(11) }, .out = TAKE_OUT(ICMP_ERROR) },
	{ "outside, cluster MAC, ICMP parameter problem, every member", DOOR_OUTSIDE, OTHERS, .in = { ICMP(12) }, .out = TAKE_OUT(ICMP_ERROR) },
	{ "outside, cluster MAC, ICMP type 4 is none of these", DOOR_OUTSIDE, MINE, .in = { ICMP(4) }, .out = DROP(LOCAL_OTHER) },
	{ "outside, cluster MAC, ICMP error, silent", DOOR_OUTSIDE, MINE, .silent = true, .in = { ICMP(3) }, .out = DROP(DEADLINE) },
	{ "outside, cluster MAC, later fragment of ICMP, other", DOOR_OUTSIDE, MINE, .in = { ICMP(3), .frag = 8 }, .out = DROP(LOCAL_OTHER) },
	{ "outside, cluster MAC, plain of mine", DOOR_OUTSIDE, MINE, .in = { TCP, .daddr = REMOTE }, .out = TAKE_OUT(OWNED_PLAIN) },
	{ "outside, cluster MAC, plain of another", DOOR_OUTSIDE, OTHERS, .in = { TCP, .daddr = REMOTE }, .out = DROP(FOREIGN_PLAIN) },
	{ "outside, cluster MAC, ARP for the cluster, leader", DOOR_OUTSIDE, MINE, true, .in = { ARP_FOR(OUTSIDE_ADDR) }, .out = PASS(ARP_LEADER) },
	{ "outside, cluster MAC, ARP for the cluster, other", DOOR_OUTSIDE, MINE, .in = { ARP_FOR(OUTSIDE_ADDR) }, .out = DROP(ARP_OTHER) },
	{ "outside, cluster MAC, ARP for another", DOOR_OUTSIDE, MINE, .in = { ARP_FOR(STRANGER) }, .out = PASS(ARP) },
	{ "outside, cluster MAC, IPv6", DOOR_OUTSIDE, MINE, true, .in = { IPV6(1) }, .out = DROP(NOT_IPV4) },
	{ "outside, cluster MAC, VLAN tag", DOOR_OUTSIDE, MINE, true, .in = { .type = 0x8100, .payload = 50 }, .out = DROP(NOT_IPV4) },
	{ "outside, cluster MAC, garbage", DOOR_OUTSIDE, MINE, true, .in = { .type = 0x1234, .payload = 50 }, .out = DROP(NOT_IPV4) },
	{ "outside, cluster MAC, IP version 6 in an IPv4 frame", DOOR_OUTSIDE, MINE, .in = { ESP, .version = 6 }, .out = DROP(BAD_IP) },
	{ "outside, cluster MAC, ihl 4", DOOR_OUTSIDE, MINE, .in = { ESP, .ihl = 4 }, .out = DROP(BAD_IP) },
	{ "outside, cluster MAC, ihl 15 and all its options", DOOR_OUTSIDE, MINE, .in = { ESP, .ihl = 15 }, .out = TAKE_OUT(OWNED_ESP) },
	{ "outside, cluster MAC, total length 19", DOOR_OUTSIDE, MINE, .in = { ESP, .tot_len = 19 }, .out = DROP(BAD_IP) },
	{ "outside, cluster MAC, total length of the frame", DOOR_OUTSIDE, MINE, .in = { ESP, .tot_len = 68 }, .out = TAKE_OUT(OWNED_ESP) },
	{ "outside, cluster MAC, total length one more", DOOR_OUTSIDE, MINE, .in = { ESP, .tot_len = 69 }, .out = DROP(SHORT_FRAME) },
	{ "outside, cluster MAC, ESP of 8 bytes", DOOR_OUTSIDE, MINE, .in = { ESP, .tot_len = 28 }, .out = TAKE_OUT(OWNED_ESP) },
	{ "outside, cluster MAC, ESP of 7 bytes", DOOR_OUTSIDE, MINE, .in = { ESP, .tot_len = 27 }, .out = DROP(BAD_ESP) },
	{ "outside, cluster MAC of the inside, ESP", DOOR_OUTSIDE, MINE, .in = { ESP, .dst = MAC_CLUSTER_IN }, .out = DROP(CLUSTER_BY_UNICAST) },

	/* Outside NIC, the member's own MAC: no other door. */
	{ "outside, own MAC, ESP for the cluster", DOOR_OUTSIDE, MINE, true, .in = { ESP, .dst = MAC_OWN_OUT }, .out = DROP(CLUSTER_BY_UNICAST) },
	{ "outside, own MAC, AH for the cluster", DOOR_OUTSIDE, MINE, true, .in = { AH, .dst = MAC_OWN_OUT }, .out = DROP(CLUSTER_BY_UNICAST) },
	{ "outside, own MAC, UDP 4500 for the cluster", DOOR_OUTSIDE, MINE, true, .in = { NATT, .dst = MAC_OWN_OUT }, .out = DROP(CLUSTER_BY_UNICAST) },
	{ "outside, own MAC, IKE for the cluster", DOOR_OUTSIDE, MINE, true, .in = { IKE, .dst = MAC_OWN_OUT }, .out = DROP(CLUSTER_BY_UNICAST) },
	{ "outside, own MAC, ICMP error for the cluster", DOOR_OUTSIDE, MINE, true, .in = { ICMP(3), .dst = MAC_OWN_OUT }, .out = DROP(CLUSTER_BY_UNICAST) },
	{ "outside, own MAC, ESP for the inside cluster address", DOOR_OUTSIDE, MINE, true, .in = { ESP, .dst = MAC_OWN_OUT, .daddr = INSIDE_ADDR }, .out = DROP(CLUSTER_BY_UNICAST) },
	{ "outside, own MAC, later ESP fragment for the cluster", DOOR_OUTSIDE, MINE, true, .in = { ESP, .dst = MAC_OWN_OUT, .frag = 8 }, .out = DROP(CLUSTER_BY_UNICAST) },
	{ "outside, own MAC, plain for the own address", DOOR_OUTSIDE, OTHERS, .silent = true, .in = { TCP, .dst = MAC_OWN_OUT, .daddr = OWN_OUT }, .out = PASS(OWN_ADDRESS) },
	{ "outside, own MAC, ESP for the own address", DOOR_OUTSIDE, OTHERS, .in = { ESP, .dst = MAC_OWN_OUT, .daddr = OWN_OUT }, .out = PASS(OWN_ADDRESS) },
	{ "outside, own MAC, plain to be forwarded", DOOR_OUTSIDE, MINE, true, .in = { TCP, .dst = MAC_OWN_OUT, .daddr = REMOTE }, .out = DROP(TRANSIT_BY_UNICAST) },
	{ "outside, own MAC, ARP reply to the own address", DOOR_OUTSIDE, MINE, .in = { ARP_FOR(OWN_OUT), .dst = MAC_OWN_OUT, .operation = 2 }, .out = PASS(ARP) },
	{ "outside, own MAC, ARP for the cluster, other", DOOR_OUTSIDE, MINE, .in = { ARP_FOR(OUTSIDE_ADDR), .dst = MAC_OWN_OUT }, .out = DROP(ARP_OTHER) },
	{ "outside, own MAC, IPv6 for the own address", DOOR_OUTSIDE, MINE, .in = { IPV6(0x10), .dst = MAC_OWN_OUT }, .out = PASS(OWN_ADDRESS) },
	{ "outside, own MAC, IPv6 to be forwarded", DOOR_OUTSIDE, MINE, .in = { IPV6(0x11), .dst = MAC_OWN_OUT }, .out = DROP(TRANSIT_BY_UNICAST) },
	{ "outside, own MAC, garbage", DOOR_OUTSIDE, MINE, .in = { .type = 0x1234, .dst = MAC_OWN_OUT, .payload = 50 }, .out = PASS(OWN_ADDRESS) },

	/* Outside NIC, another station's MAC and broadcast. */
	{ "outside, other MAC, ESP for the cluster", DOOR_OUTSIDE, MINE, true, .in = { ESP, .dst = MAC_OTHER }, .out = PASS(OTHER_MAC) },
	{ "outside, other MAC, plain", DOOR_OUTSIDE, MINE, true, .in = { TCP, .dst = MAC_OTHER, .daddr = REMOTE }, .out = PASS(OTHER_MAC) },
	{ "outside, other MAC, ARP for the cluster", DOOR_OUTSIDE, MINE, .in = { ARP_FOR(OUTSIDE_ADDR), .dst = MAC_OTHER }, .out = PASS(OTHER_MAC) },
	{ "outside, broadcast, ESP for the cluster", DOOR_OUTSIDE, MINE, true, .in = { ESP, .dst = MAC_BROADCAST }, .out = DROP(CLUSTER_BY_UNICAST) },
	{ "outside, broadcast, plain", DOOR_OUTSIDE, MINE, true, .in = { TCP, .dst = MAC_BROADCAST, .daddr = REMOTE }, .out = PASS(GROUP) },
	{ "outside, broadcast, ARP for the cluster, leader", DOOR_OUTSIDE, MINE, true, .in = { ARP_FOR(OUTSIDE_ADDR), .dst = MAC_BROADCAST }, .out = PASS(ARP_LEADER) },
	{ "outside, broadcast, ARP for the cluster, silent leader", DOOR_OUTSIDE, MINE, true, true, .in = { ARP_FOR(OUTSIDE_ADDR), .dst = MAC_BROADCAST }, .out = DROP(ARP_OTHER) },
	{ "outside, broadcast, ARP for the cluster, other", DOOR_OUTSIDE, MINE, .in = { ARP_FOR(OUTSIDE_ADDR), .dst = MAC_BROADCAST }, .out = DROP(ARP_OTHER) },
	{ "outside, broadcast, ARP for the inside address, other", DOOR_OUTSIDE, MINE, .in = { ARP_FOR(INSIDE_ADDR), .dst = MAC_BROADCAST }, .out = DROP(ARP_OTHER) },
	{ "outside, broadcast, ARP for another", DOOR_OUTSIDE, MINE, .in = { ARP_FOR(STRANGER), .dst = MAC_BROADCAST }, .out = PASS(ARP) },
	{ "outside, broadcast, IPv6", DOOR_OUTSIDE, MINE, .in = { IPV6(1), .dst = MAC_BROADCAST }, .out = PASS(GROUP) },
	{ "outside, broadcast, garbage", DOOR_OUTSIDE, MINE, .in = { .type = 0x1234, .dst = MAC_BROADCAST, .payload = 50 }, .out = PASS(GROUP) },

	/* Inside NIC. */
	{ "inside, cluster MAC, plain of mine", DOOR_INSIDE, MINE, .in = { TCP, FROM_CLIENT, .dst = MAC_CLUSTER_IN }, .out = TAKE_IN(OWNED_PLAIN) },
	{ "inside, cluster MAC, plain of another", DOOR_INSIDE, OTHERS, .in = { TCP, FROM_CLIENT, .dst = MAC_CLUSTER_IN }, .out = DROP(FOREIGN_PLAIN) },
	{ "inside, cluster MAC, plain of nobody", DOOR_INSIDE, NOBODYS, .in = { TCP, FROM_CLIENT, .dst = MAC_CLUSTER_IN }, .out = DROP(NO_SLOT) },
	{ "inside, cluster MAC, plain of mine, silent", DOOR_INSIDE, MINE, .silent = true, .in = { TCP, FROM_CLIENT, .dst = MAC_CLUSTER_IN }, .out = DROP(DEADLINE) },
	{ "inside, cluster MAC, plain fragment of mine", DOOR_INSIDE, MINE, .in = { TCP, FROM_CLIENT, .dst = MAC_CLUSTER_IN, .frag = 8 }, .out = TAKE_IN(OWNED_PLAIN) },
	{ "inside, cluster MAC, plain fragment of another", DOOR_INSIDE, OTHERS, .in = { TCP, FROM_CLIENT, .dst = MAC_CLUSTER_IN, .frag = ESL_IP_MF }, .out = DROP(FOREIGN_PLAIN) },
	{ "inside, cluster MAC, a host's own ESP in transit", DOOR_INSIDE, MINE, .in = { ESP, FROM_CLIENT, .dst = MAC_CLUSTER_IN }, .out = TAKE_IN(OWNED_PLAIN) },
	{ "inside, cluster MAC, IP without any transport", DOOR_INSIDE, MINE, .in = { .protocol = 253, FROM_CLIENT, .dst = MAC_CLUSTER_IN }, .out = TAKE_IN(OWNED_PLAIN) },
	{ "inside, cluster MAC, ESP for the cluster", DOOR_INSIDE, MINE, true, .in = { ESP, .dst = MAC_CLUSTER_IN }, .out = DROP(WRONG_SIDE) },
	{ "inside, cluster MAC, ESP for the inside address", DOOR_INSIDE, MINE, true, .in = { ESP, .dst = MAC_CLUSTER_IN, .daddr = INSIDE_ADDR }, .out = DROP(WRONG_SIDE) },
	{ "inside, cluster MAC, later ESP fragment for the cluster", DOOR_INSIDE, MINE, true, .in = { ESP, .dst = MAC_CLUSTER_IN, .frag = 8 }, .out = DROP(WRONG_SIDE) },
	{ "inside, cluster MAC, AH for the cluster", DOOR_INSIDE, MINE, true, .in = { AH, .dst = MAC_CLUSTER_IN }, .out = DROP(WRONG_SIDE) },
	{ "inside, cluster MAC, UDP 4500 for the cluster", DOOR_INSIDE, MINE, true, .in = { NATT, .dst = MAC_CLUSTER_IN }, .out = DROP(WRONG_SIDE) },
	{ "inside, cluster MAC, ICMP echo, leader", DOOR_INSIDE, OTHERS, true, .in = { ICMP(8), .saddr = CLIENT, .dst = MAC_CLUSTER_IN, .daddr = INSIDE_ADDR }, .out = TAKE_IN(LOCAL_LEADER) },
	{ "inside, cluster MAC, ICMP echo, other", DOOR_INSIDE, MINE, .in = { ICMP(8), .saddr = CLIENT, .dst = MAC_CLUSTER_IN, .daddr = INSIDE_ADDR }, .out = DROP(LOCAL_OTHER) },
	{ "inside, cluster MAC, ICMP error, every member", DOOR_INSIDE, OTHERS, .in = { ICMP(3), .saddr = CLIENT, .dst = MAC_CLUSTER_IN, .daddr = INSIDE_ADDR }, .out = TAKE_IN(ICMP_ERROR) },
	{ "inside, cluster MAC, ARP for the cluster, leader", DOOR_INSIDE, MINE, true, .in = { ARP_FOR(INSIDE_ADDR), .dst = MAC_CLUSTER_IN }, .out = PASS(ARP_LEADER) },
	{ "inside, cluster MAC, IPv6", DOOR_INSIDE, MINE, true, .in = { IPV6(1), .dst = MAC_CLUSTER_IN }, .out = DROP(NOT_IPV4) },
	{ "inside, cluster MAC of the outside, plain", DOOR_INSIDE, MINE, .in = { TCP, FROM_CLIENT }, .out = PASS(GROUP) },
	{ "inside, own MAC, transit", DOOR_INSIDE, MINE, true, .in = { TCP, FROM_CLIENT, .dst = MAC_OWN_IN }, .out = DROP(TRANSIT_BY_UNICAST) },
	{ "inside, own MAC, plain for the own address", DOOR_INSIDE, OTHERS, .silent = true, .in = { TCP, .saddr = CLIENT, .dst = MAC_OWN_IN, .daddr = OWN_IN }, .out = PASS(OWN_ADDRESS) },
	{ "inside, own MAC, ESP for the cluster", DOOR_INSIDE, MINE, true, .in = { ESP, .dst = MAC_OWN_IN }, .out = DROP(CLUSTER_BY_UNICAST) },
	{ "inside, own MAC, AH for the cluster", DOOR_INSIDE, MINE, true, .in = { AH, .dst = MAC_OWN_IN }, .out = DROP(CLUSTER_BY_UNICAST) },
	{ "inside, own MAC of the outside NIC", DOOR_INSIDE, MINE, true, .in = { TCP, FROM_CLIENT, .dst = MAC_OWN_OUT }, .out = PASS(OTHER_MAC) },
	{ "inside, own MAC, ARP reply", DOOR_INSIDE, MINE, .in = { ARP_FOR(OWN_IN), .dst = MAC_OWN_IN, .operation = 2 }, .out = PASS(ARP) },
	{ "inside, own MAC, IPv6 to be forwarded", DOOR_INSIDE, MINE, .in = { IPV6(0x11), .dst = MAC_OWN_IN }, .out = DROP(TRANSIT_BY_UNICAST) },
	{ "inside, other MAC, plain", DOOR_INSIDE, MINE, true, .in = { TCP, FROM_CLIENT, .dst = MAC_OTHER }, .out = PASS(OTHER_MAC) },
	{ "inside, broadcast, plain for the cluster", DOOR_INSIDE, MINE, true, .in = { TCP, .saddr = CLIENT, .dst = MAC_BROADCAST, .daddr = INSIDE_ADDR }, .out = DROP(CLUSTER_BY_UNICAST) },
	{ "inside, broadcast, plain", DOOR_INSIDE, MINE, true, .in = { TCP, FROM_CLIENT, .dst = MAC_BROADCAST }, .out = PASS(GROUP) },
	{ "inside, broadcast, ARP for the cluster, other", DOOR_INSIDE, MINE, .in = { ARP_FOR(INSIDE_ADDR), .dst = MAC_BROADCAST }, .out = DROP(ARP_OTHER) },

	/* A NIC that is neither. */
	{ "other NIC, cluster MAC, ESP", DOOR_NONE, MINE, true, .in = { ESP }, .out = PASS(INERT) },
	{ "other NIC, own MAC, plain", DOOR_NONE, MINE, true, .in = { TCP, .dst = MAC_OWN_OUT }, .out = PASS(INERT) },
};

void test_xdp_rows(struct drive *d)
{
	static const struct esl_sa_in sa = { .index = 1 };

	world_sa_in(d->obj, SPI_KNOWN, &sa);
	world_own_add(d->obj, OWN_OUT);
	world_own_add(d->obj, OWN_IN);
	world_own_add6(d->obj, 0x10);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct xdp_row *r = &rows[i];
		struct frame in;

		world_config(d->obj, r->door);
		world_slots(d->obj, r->slots, r->silent ? 1 : ~0ULL, r->leader);
		frame_build(&in, &r->in);
		expect_xdp(d, r->name, &in, &r->out);
	}
}
