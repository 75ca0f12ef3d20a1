// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The guard and fragments: a later part leaves only after its first, of IPsec,
 * of UDP, which may hold IPsec, and of IPv6, where only the first part says
 * what it is. */
#include <linux/pkt_cls.h>
#include <stdio.h>

#include "drive.h"
#include "guarded.h"

struct step {
	const char *name;
	struct frame_spec in;
	int reason;
};

#define ESP(n) .protocol = ESL_IPPROTO_ESP, .spi = G_SPI, .seq = n
#define AH(n) .protocol = ESL_IPPROTO_AH, .spi = G_SPI, .seq = n
#define NATT(n) .protocol = ESL_IPPROTO_UDP, .sport = 4500, .dport = 4500, .natt = true, .spi = G_SPI, .seq = n
#define IKE .protocol = ESL_IPPROTO_UDP, .sport = 500, .dport = 500
#define IKE4500 .protocol = ESL_IPPROTO_UDP, .sport = 4500, .dport = 4500, .marker = true
#define TCP .protocol = ESL_IPPROTO_TCP
#define FIRST(n) .id = n, .frag = ESL_IP_MF
#define LAST(n) .id = n, .frag = 100

static const struct step both[] = {
	{ "ESP, later without a first", { ESP(0), LAST(9) }, ESL_G_FRAGMENT_UNKNOWN },
	{ "ESP, first", { ESP(1), FIRST(9) }, ESL_G_PASS },
	{ "ESP, later", { ESP(0), LAST(9) }, ESL_G_FRAGMENT },
	{ "ESP, later, two tags", { ESP(0), LAST(9), .tags = 2 }, ESL_G_FRAGMENT },
	{ "ESP, later, another id", { ESP(0), LAST(8) }, ESL_G_FRAGMENT_UNKNOWN },
	{ "ESP, later, to another peer", { ESP(0), LAST(9), .daddr = STRANGER }, ESL_G_FRAGMENT_UNKNOWN },
	{ "ESP, later, from the other cluster address", { ESP(0), LAST(9), .saddr = INSIDE_ADDR }, ESL_G_FRAGMENT_UNKNOWN },
	{ "ESP, the first repeated", { ESP(1), FIRST(9) }, ESL_G_DUPLICATE },
	{ "ESP, later of a refused first", { ESP(0), LAST(9) }, ESL_G_FRAGMENT_UNKNOWN },
	{ "AH, first", { AH(2), FIRST(10) }, ESL_G_PASS },
	{ "AH, later", { AH(0), LAST(10) }, ESL_G_FRAGMENT },
	{ "AH, first in another lane", { AH(65), FIRST(11) }, ESL_G_LANE },
	{ "AH, later of it", { AH(0), LAST(11) }, ESL_G_FRAGMENT_UNKNOWN },
	{ "NATT, later without a first", { NATT(0), LAST(12) }, ESL_G_FRAGMENT_UNKNOWN },
	{ "NATT, first", { NATT(3), FIRST(12) }, ESL_G_PASS },
	{ "NATT, later", { NATT(0), LAST(12) }, ESL_G_FRAGMENT },
	{ "NATT, first repeated under another id", { NATT(3), FIRST(13) }, ESL_G_DUPLICATE },
	{ "NATT, later of it", { NATT(0), LAST(13) }, ESL_G_FRAGMENT_UNKNOWN },
	{ "NATT, first of an unknown SA", { NATT(4), FIRST(14), .spi = 0xbad }, ESL_G_SA_UNKNOWN },
	{ "NATT, later of an unknown SA", { NATT(0), LAST(14) }, ESL_G_FRAGMENT_UNKNOWN },
	{ "IKE, later without a first", { IKE, LAST(15) }, ESL_G_FRAGMENT_UNKNOWN },
	{ "IKE, first", { IKE, FIRST(15) }, ESL_G_PLAIN },
	{ "IKE, later", { IKE, LAST(15) }, ESL_G_FRAGMENT },
	{ "IKE on 4500, first", { IKE4500, FIRST(16) }, ESL_G_PLAIN },
	{ "IKE on 4500, later", { IKE4500, LAST(16) }, ESL_G_FRAGMENT },
	{ "UDP 4500, first too short to tell", { .protocol = ESL_IPPROTO_UDP, .sport = 4500, FIRST(16), .empty = true }, ESL_G_MALFORMED },
	{ "UDP 4500, later of it", { IKE4500, LAST(16) }, ESL_G_FRAGMENT_UNKNOWN },
};

static const struct step ipv4_only[] = {
	{ "TCP, later needs no first", { TCP, LAST(20) }, ESL_G_PLAIN },
	{ "echo, later needs no first", { .protocol = ESL_IPPROTO_ICMP, LAST(21) }, ESL_G_PLAIN },
	{ "IKE, first", { IKE, FIRST(22) }, ESL_G_PLAIN },
	{ "ESP of the same id is another packet", { ESP(0), LAST(22) }, ESL_G_FRAGMENT_UNKNOWN },
};

/* A raw socket may write any protocol into the fragment header of a later part. */
static const struct step ipv6_only[] = {
	{ "TCP, later without a first", { TCP, LAST(20) }, ESL_G_FRAGMENT_UNKNOWN },
	{ "TCP, first", { TCP, FIRST(20) }, ESL_G_PLAIN },
	{ "TCP, later", { TCP, LAST(20) }, ESL_G_FRAGMENT },
	{ "ESP refused, first", { ESP(65), FIRST(21) }, ESL_G_LANE },
	{ "ESP refused, later that says TCP", { TCP, LAST(21) }, ESL_G_FRAGMENT_UNKNOWN },
	{ "ESP, first", { ESP(5), FIRST(22) }, ESL_G_PASS },
	{ "ESP, later that says TCP", { TCP, LAST(22) }, ESL_G_FRAGMENT },
	{ "a fragment that is the whole", { ESP(6), .id = 23, .chain = "F" }, ESL_G_PASS },
	{ "a fragment that is the whole, again", { ESP(6), .id = 23, .chain = "F" }, ESL_G_DUPLICATE },
	{ "later with the id of the whole", { ESP(0), LAST(23) }, ESL_G_FRAGMENT_UNKNOWN },
};

static void tell(struct drive *d, __u16 type, const struct step *steps, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct frame_spec s = steps[i].in;
		int reason = steps[i].reason;
		struct expected e = { reason_verdict(reason) == ESL_OWN ? (__u32)TC_ACT_UNSPEC : TC_ACT_SHOT, reason,
				      NULL, NULL };
		struct frame f;
		char name[96];

		s.dst = MAC_PEER;
		s.type = type;
		s.saddr = s.saddr ? s.saddr : OUTSIDE_ADDR;
		s.daddr = s.daddr ? s.daddr : PEER;
		s.payload = s.payload || s.empty ? s.payload : 40;
		if (type == ESL_ETHERTYPE_IPV6) {
			s.chain = s.frag && !s.chain ? "F" : s.chain;
			s.frag = (__u16)((s.frag & ESL_IP_OFFSET) << 3 | !!(s.frag & ESL_IP_MF));
		}
		frame_build(&f, &s);
		snprintf(name, sizeof(name), "guard, %s fragments: %s", type == ESL_ETHERTYPE_IPV6 ? "IPv6" : "IPv4",
			 steps[i].name);
		expect_tc(d, name, &f, NULL, &e);
	}
}

#define TELL(d, type, steps) tell(d, type, steps, sizeof(steps) / sizeof(steps[0]))

void test_guard_fragments(struct drive *d)
{
	world_config(d->obj, DOOR_OUTSIDE);
	world_slots(d->obj, MINE, ~0ULL, 0);
	guarded_reset(d);
	TELL(d, ESL_ETHERTYPE_IPV4, both);
	TELL(d, ESL_ETHERTYPE_IPV4, ipv4_only);
	guarded_reset(d);
	TELL(d, ESL_ETHERTYPE_IPV6, both);
	TELL(d, ESL_ETHERTYPE_IPV6, ipv6_only);
}
