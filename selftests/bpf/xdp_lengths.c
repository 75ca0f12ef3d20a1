// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Frames cut at every byte, and every value of the total length: the program
 * must read nothing that is not there, and believe no field. */
#include <linux/bpf.h>
#include <stdio.h>

#include "drive.h"
#include "slots.h"

#define SPI_KNOWN 0x1001

struct edge {
	__u32 upto;		/* for lengths below this */
	struct expected out;
};

struct sweep {
	const char *name;
	struct frame_spec in;
	bool of_tot_len;	/* sweep the total length, else the frame's */
	__u32 from;
	struct edge edge[4];	/* the last one has upto 0: up to the whole frame */
};

#define OUT(a, r, mac) { XDP_##a, ESL_##r, mac }

static const struct sweep sweeps[] = {
	{ "ESP on the cluster MAC, cut at", { .protocol = ESL_IPPROTO_ESP, .spi = SPI_KNOWN, .payload = 40 }, false, ESL_ETH_LEN,
	  { { 34, OUT(DROP, SHORT_FRAME, NULL) }, { 42, OUT(DROP, BAD_ESP, NULL) }, { 82, OUT(DROP, SHORT_FRAME, NULL) }, { 0, OUT(PASS, OWNED_ESP, MAC_OWN_OUT) } } },
	{ "ESP with options on the cluster MAC, cut at", { .protocol = ESL_IPPROTO_ESP, .spi = SPI_KNOWN, .ihl = 9 }, false, ESL_ETH_LEN,
	  { { 34, OUT(DROP, SHORT_FRAME, NULL) }, { 58, OUT(DROP, BAD_ESP, NULL) }, { 0, OUT(PASS, OWNED_ESP, MAC_OWN_OUT) } } },
	{ "ESP, total length", { .protocol = ESL_IPPROTO_ESP, .spi = SPI_KNOWN, .payload = 12 }, true, 1,
	  { { 20, OUT(DROP, BAD_IP, NULL) }, { 28, OUT(DROP, BAD_ESP, NULL) }, { 41, OUT(PASS, OWNED_ESP, MAC_OWN_OUT) }, { 0, OUT(DROP, SHORT_FRAME, NULL) } } },
	{ "TCP, total length", { .protocol = ESL_IPPROTO_TCP, .daddr = REMOTE, .payload = 12 }, true, 1,
	  { { 20, OUT(DROP, BAD_IP, NULL) }, { 53, OUT(PASS, OWNED_PLAIN, MAC_OWN_OUT) }, { 0, OUT(DROP, SHORT_FRAME, NULL) } } },
	{ "UDP 500, total length", { .protocol = ESL_IPPROTO_UDP, .dport = 500, .payload = 12 }, true, 1,
	  { { 20, OUT(DROP, BAD_IP, NULL) }, { 41, OUT(PASS, LOCAL_LEADER, MAC_OWN_OUT) }, { 0, OUT(DROP, SHORT_FRAME, NULL) } } },
	{ "ICMP error, total length", { .protocol = ESL_IPPROTO_ICMP, .icmp_type = 3, .payload = 12 }, true, 1,
	  { { 20, OUT(DROP, BAD_IP, NULL) }, { 24, OUT(PASS, LOCAL_LEADER, MAC_OWN_OUT) }, { 41, OUT(PASS, ICMP_ERROR, MAC_OWN_OUT) }, { 0, OUT(DROP, SHORT_FRAME, NULL) } } },
	{ "IPv4 on the own MAC, cut at", { .dst = MAC_OWN_OUT, .protocol = ESL_IPPROTO_TCP, .daddr = OWN_OUT }, false, ESL_ETH_LEN,
	  { { 34, OUT(DROP, SHORT_FRAME, NULL) }, { 0, OUT(PASS, OWN_ADDRESS, NULL) } } },
	{ "ARP for the cluster, cut at", { .dst = MAC_BROADCAST, .type = ESL_ETHERTYPE_ARP, .daddr = OUTSIDE_ADDR, .pad = 18 }, false, ESL_ETH_LEN,
	  { { 42, OUT(DROP, SHORT_FRAME, NULL) }, { 0, OUT(PASS, ARP_LEADER, NULL) } } },
	{ "ARP on the cluster MAC, cut at", { .type = ESL_ETHERTYPE_ARP, .daddr = STRANGER, .pad = 18 }, false, ESL_ETH_LEN,
	  { { 42, OUT(DROP, SHORT_FRAME, NULL) }, { 0, OUT(PASS, ARP, NULL) } } },
	{ "IPv6 on the own MAC, cut at", { .dst = MAC_OWN_OUT, .type = ESL_ETHERTYPE_IPV6, .daddr = 0x10, .payload = 8 }, false, ESL_ETH_LEN,
	  { { 54, OUT(DROP, SHORT_FRAME, NULL) }, { 0, OUT(PASS, OWN_ADDRESS, NULL) } } },
	{ "another station's frame, cut at", { .dst = MAC_OTHER, .protocol = ESL_IPPROTO_ESP }, false, ESL_ETH_LEN,
	  { { 0, OUT(PASS, OTHER_MAC, NULL) } } },
	{ "garbage on the cluster MAC, cut at", { .type = 0x1234, .payload = 20 }, false, ESL_ETH_LEN,
	  { { 0, OUT(DROP, NOT_IPV4, NULL) } } },
};

static const struct expected *at(const struct sweep *s, __u32 value)
{
	const struct edge *e = s->edge;

	while (e->upto && value >= e->upto)
		e++;
	return &e->out;
}

void test_xdp_lengths(struct drive *d)
{
	world_config(d->obj, DOOR_OUTSIDE);
	world_slots(d->obj, MINE, ~0ULL, 1);
	for (size_t i = 0; i < sizeof(sweeps) / sizeof(sweeps[0]); i++) {
		const struct sweep *s = &sweeps[i];
		struct frame_spec in = s->in;
		struct frame f;
		__u32 last;

		frame_build(&f, &in);
		/* Two total lengths beyond the frame, and the largest. */
		last = s->of_tot_len ? f.len - ESL_ETH_LEN + 2 : f.len;
		for (__u32 v = s->from; v <= last; v++) {
			char name[80];

			if (s->of_tot_len && v == last)
				v = 0xffff;
			snprintf(name, sizeof(name), "%s %u", s->name, v);
			if (s->of_tot_len)
				in.tot_len = (__u16)v;
			else
				in.cut = (__u16)v;
			frame_build(&f, &in);
			expect_xdp(d, name, &f, at(s, v));
		}
	}
}
