// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The guard: every kind of packet, each on a fresh record. */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <stdio.h>

#include "drive.h"
#include "guard_frames.h"
#include "guarded.h"

struct guard_row {
	const char *name;
	struct frame_spec in;
	struct expected out;
	bool silent;
	__u32 segs;
	bool uncounted;		/* GSO without a count of segments */
};

#define IKE4500 UDP(4500, 4500), .marker = true
#define KEEPALIVE UDP(4500, 4500), .keepalive = true, .payload = 0

/* Which numbers leave: L = 3, K = 64, lane 0: 1..64 and 193..256; bound 256. */
#define NUMBERS(name, KIND)                                                                                            \
	{ "guard: " name ", first number", { KIND(1) }, GO(G_PASS) },                                                  \
	{ "guard: " name ", last number of the block", { KIND(64) }, GO(G_PASS) },                                     \
	{ "guard: " name ", first of the next lane", { KIND(65) }, SHOT(G_LANE) },                                     \
	{ "guard: " name ", last of the lane before", { KIND(192) }, SHOT(G_LANE) },                                   \
	{ "guard: " name ", first of the next round", { KIND(193) }, GO(G_PASS) },                                     \
	{ "guard: " name ", the bound", { KIND(256) }, GO(G_PASS) },                                                   \
	{ "guard: " name ", one round beyond the bound", { KIND(385) }, SHOT(G_BOUND) },                               \
	{ "guard: " name ", number 0", { KIND(0) }, SHOT(G_BOUND) },                                                   \
	{ "guard: " name ", unknown SPI", { KIND(1), .spi = 0xbad }, SHOT(G_SA_UNKNOWN) },                             \
	{ "guard: " name ", known SPI to another peer", { KIND(1), .daddr = STRANGER }, SHOT(G_SA_UNKNOWN) },          \
	{ "guard: " name ", from the inside cluster address", { KIND(1), .saddr = INSIDE_ADDR }, GO(G_PASS) },         \
	{ "guard: " name ", silent", { KIND(1) }, SHOT(G_DEADLINE), .silent = true },                                  \
	{ "guard: " name ", not from the cluster", { KIND(65), .saddr = OWN_OUT }, NOT_OURS },                         \
	{ "guard: " name ", not from the cluster, silent", { KIND(65), .saddr = OWN_OUT }, NOT_OURS, .silent = true }, \
	{ "guard: " name ", one tag", { KIND(1), .tags = 1 }, GO(G_PASS) },                                            \
	{ "guard: " name ", one tag, another lane", { KIND(65), .tags = 1 }, SHOT(G_LANE) },                           \
	{ "guard: " name ", two tags", { KIND(1), .tags = 2 }, GO(G_PASS) },                                           \
	{ "guard: " name ", two tags, another lane", { KIND(65), .tags = 2 }, SHOT(G_LANE) },                          \
	{ "guard: " name ", two tags, not the cluster's", { KIND(65), .tags = 2, .saddr = OWN_OUT }, NOT_OURS },       \
	{ "guard: " name ", 1 segment", { KIND(64) }, GO(G_PASS), .segs = 1 },                                         \
	{ "guard: " name ", 64 segments, the whole block", { KIND(1) }, GO(G_PASS), .segs = 64 },                      \
	{ "guard: " name ", 65 segments, one over the block", { KIND(1) }, SHOT(G_LANE), .segs = 65 },                 \
	{ "guard: " name ", 2 segments over the block's end", { KIND(64) }, SHOT(G_LANE), .segs = 2 },                 \
	{ "guard: " name ", 256 segments, the most", { KIND(1), .spi = G_SPI_WIDE }, GO(G_PASS), .segs = 256 },        \
	{ "guard: " name ", 257 segments", { KIND(1), .spi = G_SPI_WIDE }, SHOT(G_SEGMENTS), .segs = 257 },            \
	{ "guard: " name ", segments up to the bound", { KIND(1023), .spi = G_SPI_WIDE }, GO(G_PASS), .segs = 2 },     \
	{ "guard: " name ", segments beyond the bound", { KIND(1024), .spi = G_SPI_WIDE }, SHOT(G_BOUND), .segs = 2 }, \
	{ "guard: " name ", GSO of an unknown number of segments", { KIND(1) }, SHOT(G_SEGMENTS), .uncounted = true }

#define ESP6(n) V6, ESP(n)
#define AH6(n) V6, AH(n)
#define NATT6(n) V6, NATT(n)
#define ESP6_CHAIN(n) V6, ESP(n), .chain = "HDR"

static const struct guard_row rows[] = {
	NUMBERS("ESP", ESP),
	NUMBERS("AH", AH),
	NUMBERS("NATT", NATT),
	NUMBERS("IPv6 ESP", ESP6),
	NUMBERS("IPv6 AH", AH6),
	NUMBERS("IPv6 NATT", NATT6),
	NUMBERS("IPv6 ESP behind a chain", ESP6_CHAIN),

	{ "guard: IP options", { ESP(1), .ihl = 8 }, GO(G_PASS) },
	{ "guard: IP options, another lane", { ESP(65), .ihl = 15 }, SHOT(G_LANE) },
	{ "guard: SA of ESP, ESP", { ESP(1), .spi = G_SPI_ESP }, GO(G_PASS) },
	{ "guard: SA of ESP, NATT", { NATT(1), .spi = G_SPI_ESP }, GO(G_PASS) },
	{ "guard: SA of ESP, AH", { AH(1), .spi = G_SPI_ESP }, SHOT(G_SA_UNKNOWN) },
	{ "guard: SA of IPv4, IPv6 ESP", { V6, ESP(1), .spi = G_SPI_ESP }, SHOT(G_SA_UNKNOWN) },
	{ "guard: from address 0", { ESP(1), .saddr = IP(0, 0, 0, 1) }, NOT_OURS },
	{ "guard: NATT to a mapped port", { UDP(4500, 31337), .natt = true, .spi = G_SPI, .seq = 1 }, GO(G_PASS) },
	{ "guard: NATT to a mapped port, another lane", { UDP(4500, 31337), .natt = true, .spi = G_SPI, .seq = 65 }, SHOT(G_LANE) },
	{ "guard: to port 4500 from another is not IPsec", { UDP(31337, 4500), .natt = true, .spi = 0xbad, .seq = 1 }, GO(G_PLAIN) },

	/* Not IPsec, from a cluster address. */
	{ "guard: IKE", { UDP(500, 500) }, GO(G_PLAIN) },
	{ "guard: IKE on 4500", { IKE4500 }, GO(G_PLAIN) },
	{ "guard: IPv6 IKE on 4500, two tags", { V6, IKE4500, .tags = 2 }, GO(G_PLAIN) },
	{ "guard: IKE on 4500, silent", { IKE4500 }, SHOT(G_DEADLINE), .silent = true },
	{ "guard: IKE, two tags, silent", { UDP(500, 500), .tags = 2 }, SHOT(G_DEADLINE), .silent = true },
	{ "guard: keep-alive", { KEEPALIVE }, GO(G_PLAIN) },
	{ "guard: keep-alive, padded frame", { KEEPALIVE, .pad = 17 }, GO(G_PLAIN) },
	{ "guard: IPv6 keep-alive", { V6, KEEPALIVE }, GO(G_PLAIN) },
	{ "guard: keep-alive, silent", { KEEPALIVE }, SHOT(G_DEADLINE), .silent = true },
	{ "guard: echo reply", { TO_PEER, .protocol = ESL_IPPROTO_ICMP, .payload = 40 }, GO(G_PLAIN) },
	{ "guard: IPv6 echo reply", { V6, TO_PEER, .protocol = ESL_IPPROTO_ICMPV6, .icmp_type = 129, .payload = 40 }, GO(G_PLAIN) },
	{ "guard: TCP", { TO_PEER, .protocol = ESL_IPPROTO_TCP, .payload = 40 }, GO(G_PLAIN) },
	{ "guard: NA about the cluster address", { V6, TO_PEER, .protocol = ESL_IPPROTO_ICMPV6, .icmp_type = ESL_ICMPV6_NA, .ttl = 255, .payload = 24 }, GO(G_PLAIN) },
	{ "guard: UDP 4500 of an unknown body", { UDP(4500, 4500), .payload = 3 }, SHOT(G_MALFORMED) },
	{ "guard: UDP 4500 without a body", { UDP(4500, 4500), .payload = 0 }, SHOT(G_MALFORMED) },

	/* Not the cluster's. */
	{ "guard: ARP", { .dst = MAC_PEER, .type = ESL_ETHERTYPE_ARP, .saddr = OUTSIDE_ADDR, .daddr = PEER, .pad = 18 }, NOT_OURS },
	{ "guard: another ethertype", { .dst = MAC_PEER, .type = 0x88cc, .payload = 40 }, NOT_OURS },
	{ "guard: three tags", { ESP(65), .tags = 3 }, NOT_OURS },
	{ "guard: ESP of 7 bytes, not the cluster's", { ESP(1), .tot_len = 27, .saddr = OWN_OUT }, NOT_OURS },
	{ "guard: total length 0, not the cluster's", { ESP(1), .tot_len_0 = true, .saddr = OWN_OUT }, NOT_OURS },
	{ "guard: total length 0, not the cluster's, GSO", { UDP(53, 53), .tot_len_0 = true, .saddr = OWN_OUT }, NOT_OURS, .segs = 2 },
	{ "guard: total length 19, not the cluster's", { ESP(1), .tot_len = 19, .saddr = OWN_OUT }, NOT_OURS },
	{ "guard: ihl 4, not the cluster's", { ESP(1), .ihl = 4, .saddr = OWN_OUT }, NOT_OURS },
	{ "guard: version 6, not the cluster's", { ESP(1), .version = 6, .saddr = OWN_OUT }, NOT_OURS },
	{ "guard: IPv6, chain too long, not the cluster's", { V6, ESP(1), .chain = "HDRDRDD", .saddr = OWN_OUT }, NOT_OURS },
	{ "guard: IPv6, version 4, not the cluster's", { V6, ESP(1), .version = 4, .saddr = OWN_OUT }, NOT_OURS },

	/* Headers that lie. */
	{ "guard: ihl 4", { ESP(1), .ihl = 4 }, SHOT(G_MALFORMED) },
	{ "guard: version 6", { ESP(1), .version = 6 }, SHOT(G_MALFORMED) },
	{ "guard: ESP of 7 bytes", { ESP(1), .tot_len = 27 }, SHOT(G_MALFORMED) },
	{ "guard: AH of 11 bytes", { AH(1), .tot_len = 31 }, SHOT(G_MALFORMED) },
	{ "guard: NATT of 15 bytes", { NATT(1), .tot_len = 35 }, SHOT(G_MALFORMED) },
	{ "guard: total length 0", { ESP(1), .tot_len_0 = true }, SHOT(G_MALFORMED) },
	{ "guard: IPv6 ESP of 7 bytes", { V6, ESP(1), .tot_len = 7 }, SHOT(G_MALFORMED) },
	{ "guard: IPv6 version 4", { V6, ESP(1), .version = 4 }, SHOT(G_MALFORMED) },
	{ "guard: IPv6 longest chain", { V6, ESP(1), .chain = "HDRDRD" }, GO(G_PASS) },
	{ "guard: IPv6 chain too long", { V6, ESP(1), .chain = "HDRDRDD" }, SHOT(G_MALFORMED) },
	{ "guard: IPv6 header beyond the packet", { V6, ESP(1), .chain = "X" }, SHOT(G_MALFORMED) },
	{ "guard: IPv6 plain behind a chain too long", { V6, TO_PEER, .protocol = ESL_IPPROTO_TCP, .chain = "HDRDRDD", .payload = 40 }, SHOT(G_MALFORMED) },

	/* GSO: the length may be stale or 0. */
	{ "guard: total length 0, ESP, GSO", { ESP(1), .tot_len_0 = true }, GO(G_PASS), .segs = 2 },
	{ "guard: stale total length, ESP, GSO", { ESP(1), .tot_len = 20 }, GO(G_PASS), .segs = 2 },
	{ "guard: total length 0, ESP of another lane, GSO", { ESP(65), .tot_len_0 = true }, SHOT(G_LANE), .segs = 2 },
	{ "guard: total length 0, plain, GSO", { UDP(53, 53), .tot_len_0 = true }, GO(G_PLAIN), .segs = 2 },
	{ "guard: total length 0, NATT, GSO", { NATT(1), .tot_len_0 = true }, GO(G_PASS), .segs = 2 },
	{ "guard: total length 0, NATT of another lane, GSO", { NATT(65), .tot_len_0 = true }, SHOT(G_LANE), .segs = 2 },
	{ "guard: total length 0, IKE on 4500, GSO", { IKE4500, .tot_len_0 = true }, GO(G_PLAIN), .segs = 2 },
	{ "guard: plain of an unknown number of segments", { UDP(53, 53) }, GO(G_PLAIN), .uncounted = true },
	{ "guard: payload length 0, IPv6 ESP, GSO", { V6, ESP(1), .tot_len_0 = true }, GO(G_PASS), .segs = 2 },
	{ "guard: payload length 0, IPv6 NATT of another lane, GSO", { V6, NATT(65), .tot_len_0 = true }, SHOT(G_LANE), .segs = 2 },
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
