// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The guard: every kind of packet, each on a fresh record. */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <stdio.h>

#include "drive.h"
#include "guarded.h"
#include "slots.h"

struct guard_row {
	const char *name;
	struct frame_spec in;
	struct expected out;
	bool silent;
	__u32 segs;
	bool uncounted;		/* GSO without a count of segments */
};

#define GO(r) { (__u32)TC_ACT_UNSPEC, ESL_##r, NULL }
#define NOT_OURS { (__u32)TC_ACT_UNSPEC, NO_REASON, NULL }
#define SHOT(r) { TC_ACT_SHOT, ESL_##r, NULL }

#define TO_PEER .dst = MAC_PEER, .saddr = OUTSIDE_ADDR, .daddr = PEER
#define ESP(n) TO_PEER, .protocol = ESL_IPPROTO_ESP, .spi = G_SPI, .seq = n, .payload = 40
#define UDP(s, d) TO_PEER, .protocol = ESL_IPPROTO_UDP, .sport = s, .dport = d, .payload = 40

/* L = 3, K = 64, lane 0: numbers 1..64 and 193..256; bound 256. */
static const struct guard_row rows[] = {
	{ "guard: first number", { ESP(1) }, GO(G_PASS) },
	{ "guard: last number of the block", { ESP(64) }, GO(G_PASS) },
	{ "guard: first of the next lane", { ESP(65) }, SHOT(G_LANE) },
	{ "guard: last of the lane before", { ESP(192) }, SHOT(G_LANE) },
	{ "guard: first of the next round", { ESP(193) }, GO(G_PASS) },
	{ "guard: the bound", { ESP(256) }, GO(G_PASS) },
	{ "guard: one round beyond the bound", { ESP(385) }, SHOT(G_BOUND) },
	{ "guard: number 0", { ESP(0) }, SHOT(G_BOUND) },
	{ "guard: unknown SPI", { ESP(1), .spi = 0xbad }, SHOT(G_SA_UNKNOWN) },
	{ "guard: known SPI to another peer", { ESP(1), .daddr = STRANGER }, SHOT(G_SA_UNKNOWN) },
	{ "guard: from the inside cluster address", { ESP(1), .saddr = INSIDE_ADDR }, GO(G_PASS) },
	{ "guard: silent, ESP", { ESP(1) }, SHOT(G_DEADLINE), .silent = true },
	{ "guard: silent, plain", { UDP(500, 500) }, SHOT(G_DEADLINE), .silent = true },
	{ "guard: silent, not the cluster's", { ESP(1), .saddr = OWN_OUT }, NOT_OURS, .silent = true },
	{ "guard: not from the cluster", { ESP(1), .saddr = OWN_OUT }, NOT_OURS },
	{ "guard: from address 0", { ESP(1), .saddr = IP(0, 0, 0, 1) }, NOT_OURS },
	{ "guard: IP options", { ESP(1), .ihl = 8 }, GO(G_PASS) },
	{ "guard: AH", { TO_PEER, .protocol = ESL_IPPROTO_AH, .spi = G_SPI, .seq = 1, .payload = 40 }, SHOT(G_UNSUPPORTED) },
	{ "guard: UDP 4500, ESP inside", { UDP(4500, 4500) }, SHOT(G_UNSUPPORTED) },
	{ "guard: UDP 4500 to a mapped port", { UDP(4500, 31337) }, SHOT(G_UNSUPPORTED) },
	{ "guard: UDP 4500 with marker", { UDP(4500, 4500), .marker = true }, GO(G_PLAIN) },
	{ "guard: IKE", { UDP(500, 500) }, GO(G_PLAIN) },
	{ "guard: ICMP", { TO_PEER, .protocol = ESL_IPPROTO_ICMP, .icmp_type = 0, .payload = 40 }, GO(G_PLAIN) },
	{ "guard: later fragment without a first", { ESP(1), .frag = 9, .id = 77 }, SHOT(G_FRAGMENT_UNKNOWN) },
	{ "guard: IPv6", { .dst = MAC_PEER, .type = ESL_ETHERTYPE_IPV6, .payload = 40 }, NOT_OURS },
	{ "guard: ARP", { .dst = MAC_PEER, .type = ESL_ETHERTYPE_ARP, .daddr = PEER, .pad = 18 }, NOT_OURS },
	{ "guard: ihl 4", { ESP(1), .ihl = 4 }, SHOT(G_MALFORMED) },
	{ "guard: ESP of 7 bytes", { ESP(1), .tot_len = 27 }, SHOT(G_MALFORMED) },
	{ "guard: ESP of 7 bytes, not the cluster's", { ESP(1), .tot_len = 27, .saddr = OWN_OUT }, NOT_OURS },
	{ "guard: total length 0, not the cluster's", { ESP(1), .tot_len_0 = true, .saddr = OWN_OUT }, NOT_OURS },
	{ "guard: total length 0, not the cluster's, GSO", { UDP(53, 53), .tot_len_0 = true, .saddr = OWN_OUT }, NOT_OURS, .segs = 2 },
	{ "guard: total length 19, not the cluster's", { ESP(1), .tot_len = 19, .saddr = OWN_OUT }, NOT_OURS },
	{ "guard: ihl 4, not the cluster's", { ESP(1), .ihl = 4, .saddr = OWN_OUT }, NOT_OURS },
	{ "guard: version 6, not the cluster's", { ESP(1), .version = 6, .saddr = OWN_OUT }, NOT_OURS },
	{ "guard: version 6", { ESP(1), .version = 6 }, SHOT(G_MALFORMED) },
	{ "guard: total length 0", { ESP(1), .tot_len_0 = true }, SHOT(G_MALFORMED) },
	{ "guard: total length 0, ESP, GSO", { ESP(1), .tot_len_0 = true }, GO(G_PASS), .segs = 2 },
	{ "guard: stale total length, ESP, GSO", { ESP(1), .tot_len = 20 }, GO(G_PASS), .segs = 2 },
	{ "guard: total length 0, ESP of another lane, GSO", { ESP(65), .tot_len_0 = true }, SHOT(G_LANE), .segs = 2 },
	{ "guard: total length 0, plain, GSO", { UDP(53, 53), .tot_len_0 = true }, GO(G_PLAIN), .segs = 2 },
	{ "guard: total length 0, UDP 4500, GSO", { UDP(4500, 4500), .tot_len_0 = true }, SHOT(G_UNSUPPORTED), .segs = 2 },
	{ "guard: GSO of an unknown number of segments", { ESP(1) }, SHOT(G_SEGMENTS), .uncounted = true },
	{ "guard: one tag, ESP", { ESP(1), .tags = 1 }, GO(G_PASS) },
	{ "guard: one tag, ESP of another lane", { ESP(65), .tags = 1 }, SHOT(G_LANE) },
	{ "guard: two tags, ESP", { ESP(1), .tags = 2 }, GO(G_PASS) },
	{ "guard: two tags, ESP of another lane", { ESP(65), .tags = 2 }, SHOT(G_LANE) },
	{ "guard: two tags, silent, plain", { UDP(500, 500), .tags = 2 }, SHOT(G_DEADLINE), .silent = true },
	{ "guard: two tags, not the cluster's", { ESP(65), .tags = 2, .saddr = OWN_OUT }, NOT_OURS },
	{ "guard: a tag, IPv6", { .dst = MAC_PEER, .tags = 1, .type = ESL_ETHERTYPE_IPV6, .payload = 40 }, NOT_OURS },
	{ "guard: 1 segment", { ESP(64) }, GO(G_PASS), .segs = 1 },
	{ "guard: 64 segments, the whole block", { ESP(1) }, GO(G_PASS), .segs = 64 },
	{ "guard: 65 segments, one over the block", { ESP(1) }, SHOT(G_LANE), .segs = 65 },
	{ "guard: 2 segments over the block's end", { ESP(64) }, SHOT(G_LANE), .segs = 2 },
	{ "guard: 256 segments, the most", { ESP(1), .spi = G_SPI_WIDE }, GO(G_PASS), .segs = 256 },
	{ "guard: 257 segments, one too many", { ESP(1), .spi = G_SPI_WIDE }, SHOT(G_SEGMENTS), .segs = 257 },
	{ "guard: segments up to the bound", { ESP(1023), .spi = G_SPI_WIDE }, GO(G_PASS), .segs = 2 },
	{ "guard: segments beyond the bound", { ESP(1024), .spi = G_SPI_WIDE }, SHOT(G_BOUND), .segs = 2 },
};

void test_guard_rows(struct drive *d)
{
	world_config(d->obj, DOOR_OUTSIDE);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct guard_row *r = &rows[i];
		struct __sk_buff ctx = { .gso_segs = r->segs, .gso_size = r->segs || r->uncounted ? 100 : 0 };
		struct frame in;

		world_slots(d->obj, OTHERS, r->silent ? 1 : ~0ULL, 0);
		guarded_reset(d);
		frame_build(&in, &r->in);
		expect_tc(d, r->name, &in, &ctx, &r->out);
	}
}
