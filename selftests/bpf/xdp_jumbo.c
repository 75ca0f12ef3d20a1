// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Frames in several buffers: all that decides lies in the first. */
#include <stdio.h>
#include <string.h>

#include "drive.h"

#define SPI_KNOWN 0x1001
#define JUMBO 9014

struct jumbo_row {
	const char *name;
	enum door door;
	enum slots slots;
	bool leader;
	struct frame_spec in;
	int reason;
	int claims_more;	/* bytes that the packet claims and has not */
};

#define V6 .type = ESL_ETHERTYPE_IPV6
#define ESP .protocol = ESL_IPPROTO_ESP, .spi = SPI_KNOWN, .seq = 7
#define NATT .protocol = ESL_IPPROTO_UDP, .dport = 4500, .natt = true, .spi = SPI_KNOWN, .seq = 7
#define TCP .dst = MAC_CLUSTER_IN, .protocol = ESL_IPPROTO_TCP, .saddr = CLIENT, .daddr = REMOTE

static const struct jumbo_row rows[] = {
	{ "ESP of mine", DOOR_OUTSIDE, MINE, false, { ESP }, ESL_OWNED_ESP },
	{ "ESP of another", DOOR_OUTSIDE, OTHERS, false, { ESP }, ESL_FOREIGN_ESP },
	{ "ESP behind options", DOOR_OUTSIDE, MINE, false, { ESP, .ihl = 8 }, ESL_OWNED_ESP },
	{ "ESP, two tags", DOOR_OUTSIDE, MINE, false, { ESP, .tags = 2 }, ESL_OWNED_ESP },
	{ "ESP that claims one byte more", DOOR_OUTSIDE, MINE, false, { ESP }, ESL_SHORT_FRAME, 1 },
	{ "ESP behind options that claims one byte more", DOOR_OUTSIDE, MINE, false, { ESP, .ihl = 8 }, ESL_SHORT_FRAME, 1 },
	{ "ESP that claims one byte less", DOOR_OUTSIDE, MINE, false, { ESP }, ESL_OWNED_ESP, -1 },
	{ "first fragment of ESP", DOOR_OUTSIDE, MINE, false, { ESP, .frag = ESL_IP_MF, .id = 3 }, ESL_OWNED_ESP },
	{ "later fragment of ESP", DOOR_OUTSIDE, MINE, false, { ESP, .frag = 1000, .id = 3 }, ESL_OWNED_FRAGMENT },
	{ "NATT of mine", DOOR_OUTSIDE, MINE, false, { NATT }, ESL_OWNED_NATT },
	{ "IPv6 ESP of mine", DOOR_OUTSIDE, MINE, false, { V6, ESP }, ESL_OWNED_ESP },
	{ "IPv6 ESP behind a chain", DOOR_OUTSIDE, MINE, false, { V6, ESP, .chain = "HDR" }, ESL_OWNED_ESP },
	{ "IPv6 ESP that claims one byte more", DOOR_OUTSIDE, MINE, false, { V6, ESP }, ESL_SHORT_FRAME, 1 },
	{ "plain of mine", DOOR_INSIDE, MINE, false, { TCP }, ESL_OWNED_PLAIN },
	{ "plain of another", DOOR_INSIDE, OTHERS, false, { TCP }, ESL_FOREIGN_PLAIN },
	{ "IPv6 plain of mine, one tag", DOOR_INSIDE, MINE, false, { V6, TCP, .tags = 1 }, ESL_OWNED_PLAIN },
	{ "echo for the cluster, leader", DOOR_OUTSIDE, OTHERS, true, { .protocol = ESL_IPPROTO_ICMP, .icmp_type = 8 }, ESL_LOCAL_LEADER },
	{ "ESP for the cluster, own MAC", DOOR_OUTSIDE, MINE, true, { ESP, .dst = MAC_OWN_OUT }, ESL_CLUSTER_BY_UNICAST },
	{ "a stranger's frame", DOOR_OUTSIDE, MINE, true, { ESP, .dst = MAC_OTHER }, ESL_OTHER_MAC },
};

/* Longer than the packets of unit/packets.h: the rest is appended. */
static void build(struct frame *f, const struct jumbo_row *r, __u32 len)
{
	struct frame_spec s = r->in;

	frame_build(f, &s);
	if (s.frag & ESL_IP_MF)
		len -= (len - frame_l3(f) - 20) % 8;
	s.tot_len = (__u16)((int)(len - frame_l3(f) - (s.type ? 40 : 0)) + r->claims_more);
	frame_build(f, &s);
	for (; f->len < len; f->len++)
		f->byte[f->len] = (__u8)(f->len * 7);
}

void test_xdp_jumbo(struct drive *d)
{
	/* Below and above what fits in the first buffer of a test run, and many buffers. */
	static const __u32 lengths[] = { 3000, 4100, JUMBO };
	static const struct esl_sa_in sa = { .index = 1 };

	world_sa_all(d->obj, SPI_KNOWN, &sa);
	for (size_t i = 0; i < 3 * sizeof(rows) / sizeof(rows[0]); i++) {
		const struct jumbo_row *r = &rows[i / 3];
		struct expected e = { XDP_DROP, r->reason, NULL, NULL };
		struct frame f;
		char name[96];

		if (reason_verdict(r->reason) == ESL_STACK || reason_verdict(r->reason) == ESL_OWN)
			e.action = XDP_PASS;
		if (reason_takes(r->reason))
			e.mac = r->door == DOOR_OUTSIDE ? MAC_OWN_OUT : MAC_OWN_IN;
		world_config(d->obj, r->door);
		world_slots(d->obj, r->slots, ~0ULL, r->leader);
		build(&f, r, lengths[i % 3]);
		snprintf(name, sizeof(name), "frame of %u bytes: %s", f.len, r->name);
		expect_xdp(d, name, &f, &e);
	}
}
