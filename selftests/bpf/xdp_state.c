// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What depends on more than one packet or on the maps: floor, deadline, the
 * record of what was seen, an unconfigured object. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdio.h>

#include "drive.h"
#include "espalier.skel.h"

#define SPI 0x2002
#define SPI_SEEN 0x4004
#define FLOOR 0x1fffffff0ULL	/* just below a wrap of the low half */
#define SECOND 1000000000ULL

/* The three ways in which a number comes, in both families. */
static const struct way {
	const char *name;
	struct frame_spec in;
	int owned;
} ways[] = {
	{ "ESP", { .protocol = ESL_IPPROTO_ESP }, ESL_OWNED_ESP },
	{ "AH", { .protocol = ESL_IPPROTO_AH }, ESL_OWNED_AH },
	{ "NATT", { .protocol = ESL_IPPROTO_UDP, .dport = 4500, .natt = true }, ESL_OWNED_NATT },
	{ "IPv6 ESP", { .type = ESL_ETHERTYPE_IPV6, .protocol = ESL_IPPROTO_ESP }, ESL_OWNED_ESP },
	{ "IPv6 AH", { .type = ESL_ETHERTYPE_IPV6, .protocol = ESL_IPPROTO_AH, .chain = "D" }, ESL_OWNED_AH },
	{ "IPv6 NATT, one tag", { .type = ESL_ETHERTYPE_IPV6, .protocol = ESL_IPPROTO_UDP, .dport = 4500, .natt = true, .tags = 1 }, ESL_OWNED_NATT },
};
#define WAYS (sizeof(ways) / sizeof(ways[0]))

static void send_number(struct drive *d, const char *name, const struct way *w, __u32 spi, __u32 seq, int reason)
{
	struct expected e = { XDP_DROP, reason, NULL, NULL };
	struct frame_spec s = w->in;
	char text[128];
	struct frame f;

	if (reason_takes(reason)) {
		e.action = XDP_PASS;
		e.mac = MAC_OWN_OUT;
	}
	s.spi = spi;
	s.seq = seq;
	s.payload = 40;
	frame_build(&f, &s);
	snprintf(text, sizeof(text), "%s, %s", name, w->name);
	expect_xdp(d, text, &f, &e);
}

static void test_floor(struct drive *d, const struct way *w)
{
	static const struct {
		const char *name;
		__u64 seq;
		bool below;
	} rows[] = {
		{ "floor: at it", FLOOR, true },
		{ "floor: one above", FLOOR + 1, false },
		{ "floor: one below", FLOOR - 1, true },
		{ "floor: above, past the wrap of the low half", FLOOR + 0x20, false },
		{ "floor: 2^31 - 1 above", FLOOR + 0x7fffffff, false },
		{ "floor: 2^31 - 1 below", FLOOR - 0x7fffffff, true },
	};
	struct esl_sa_in sa = { .index = 2, .floor_set = 1, .floor = FLOOR };

	world_sa_all(d->obj, SPI, &sa);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		send_number(d, rows[i].name, w, SPI, (__u32)rows[i].seq, rows[i].below ? ESL_BELOW_FLOOR : w->owned);
	sa.floor = 0;
	world_sa_all(d->obj, SPI, &sa);
	send_number(d, "floor 0: number 1", w, SPI, 1, w->owned);
	send_number(d, "floor 0: number 0", w, SPI, 0, ESL_BELOW_FLOOR);
	sa.floor = FLOOR;
	sa.floor_set = 0;
	world_sa_all(d->obj, SPI, &sa);
	send_number(d, "floor not set: a number below it", w, SPI, 5, w->owned);
}

/* Without ESN a number is whole, and the distance says nothing. */
static void test_floor_whole(struct drive *d, const struct way *w)
{
	static const struct {
		const char *name;
		__u64 floor;
		__u32 seq;
		bool below;
	} rows[] = {
		{ "whole, floor: at it", 3000000000, 3000000000, true },
		{ "whole, floor: one above", 3000000000, 3000000001, false },
		{ "whole, floor: more than 2^31 below", 3000000000, 1, true },
		{ "whole, floor: 2^31 below", 3000000000, 852516352, true },
		{ "whole, floor: more than 2^31 above", 100, 3000000000, false },
		{ "whole, floor: the last number", 0xffffffff, 0xffffffff, true },
		{ "whole, floor above all numbers: the last one", 0x100000005, 0xffffffff, true },
		{ "whole, floor above all numbers: a low one", 0x100000005, 6, true },
		{ "whole, shut: the last number", UINT64_MAX, 0xffffffff, true },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct esl_sa_in sa = { .index = 2, .floor_set = 1, .whole = 1, .floor = rows[i].floor };

		world_sa_all(d->obj, SPI, &sa);
		send_number(d, rows[i].name, w, SPI, rows[i].seq, rows[i].below ? ESL_BELOW_FLOOR : w->owned);
	}
}

static void test_deadline(struct drive *d, const struct way *w)
{
	world_slots(d->obj, MINE, 0, 0);
	send_number(d, "deadline: zero", w, SPI, 9, ESL_DEADLINE);
	world_slots(d->obj, MINE, world_now() - 1, 0);
	send_number(d, "deadline: passed", w, SPI, 9, ESL_DEADLINE);
	world_slots(d->obj, MINE, world_now() + 60 * SECOND, 0);
	send_number(d, "deadline: ahead", w, SPI, 9, w->owned);
	world_slots(d->obj, MINE, ~0ULL, 0);
}

static struct esl_sa_seq seen(struct drive *d, __u32 index)
{
	static struct esl_sa_seq cpu[1024];
	struct esl_sa_seq sum = {};

	bpf_map_lookup_elem(bpf_map__fd(d->obj->maps.espalier_sa_seq), &index, cpu);
	for (int i = 0; i < libbpf_num_possible_cpus(); i++) {
		sum.packets += cpu[i].packets;
		sum.bytes += cpu[i].bytes;
		if ((__s32)(cpu[i].top - sum.top) > 0)
			sum.top = cpu[i].top;
	}
	return sum;
}

/* Length of the IP packet that send_number() makes. */
static __u32 packet_len(const struct way *w)
{
	struct frame_spec s = w->in;
	struct frame f;

	s.payload = 40;
	frame_build(&f, &s);
	return f.len - frame_l3(&f);
}

static void test_seen(struct drive *d, const struct way *w)
{
	struct esl_sa_in sa = { .index = ESL_SA_MAX - 1 - (__u32)(w - ways) };
	struct esl_sa_seq s;
	char name[96];

	world_sa_all(d->obj, SPI_SEEN, &sa);
	send_number(d, "seen: number 20", w, SPI_SEEN, 20, w->owned);
	send_number(d, "seen: number 10", w, SPI_SEEN, 10, w->owned);
	s = seen(d, sa.index);
	snprintf(name, sizeof(name), "seen: top, packets and bytes of the SA, %s", w->name);
	row(d, name, s.top == 20 && s.packets == 2 && s.bytes == 2 * packet_len(w),
	    "top %u, %llu packets, %llu bytes", s.top, (unsigned long long)s.packets,
	    (unsigned long long)s.bytes);
}

static void test_inert(struct drive *d)
{
	static const struct expected inert = { XDP_PASS, ESL_INERT };
	static const struct frame_spec kinds[] = {
		{ .protocol = ESL_IPPROTO_ESP, .spi = SPI, .seq = 1 },
		{ .protocol = ESL_IPPROTO_TCP, .dst = MAC_OWN_OUT, .daddr = REMOTE },
		{ .type = ESL_ETHERTYPE_ARP, .dst = MAC_BROADCAST, .daddr = OUTSIDE_ADDR },
		{ .type = ESL_ETHERTYPE_IPV6, .protocol = ESL_IPPROTO_ESP, .spi = SPI, .tags = 2 },
		{ .protocol = ESL_IPPROTO_ESP, .spi = SPI, .cut = 20 },
		{ .protocol = ESL_IPPROTO_ESP, .dst = "\0\0\0\0\0\0" },
	};
	struct esl_config zero = {}, filled = world_config_of(DOOR_OUTSIDE);
	struct frame f;
	char name[64];

	filled.abi = 0;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		frame_build(&f, &kinds[i]);
		world_identity(d->obj, &zero);
		snprintf(name, sizeof(name), "inert: zeroed configuration, kind %zu", i);
		expect_xdp(d, name, &f, &inert);
		world_identity(d->obj, &filled);
		snprintf(name, sizeof(name), "inert: abi 0 and the rest filled, kind %zu", i);
		expect_xdp(d, name, &f, &inert);
	}
	world_config(d->obj, DOOR_OUTSIDE);
}

void test_xdp_state(struct drive *d)
{
	world_config(d->obj, DOOR_OUTSIDE);
	world_slots(d->obj, MINE, ~0ULL, 0);
	for (size_t i = 0; i < WAYS; i++) {
		test_floor_whole(d, &ways[i]);
		test_floor(d, &ways[i]);
		test_deadline(d, &ways[i]);
		test_seen(d, &ways[i]);
	}
	test_inert(d);
}
