// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What depends on more than one packet or on the maps: floor, deadline,
 * fragments, the record of what was seen, an unconfigured object. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <espalier/decide.h>

#include "drive.h"
#include "espalier.skel.h"
#include "slots.h"

#define SPI_FLOOR 0x2002
#define SPI_FRAG 0x3003
#define SPI_SEEN 0x4004
#define FLOOR 0x1fffffff0ULL	/* just below a wrap of the low half */
#define SECOND 1000000000ULL

static const struct expected taken = { XDP_PASS, ESL_OWNED_ESP, MAC_OWN_OUT };
static const struct expected below = { XDP_DROP, ESL_BELOW_FLOOR, NULL };

static void send_esp(struct drive *d, const char *name, struct frame_spec s, const struct expected *e)
{
	struct frame f;

	s.protocol = ESL_IPPROTO_ESP;
	s.payload = 40;
	frame_build(&f, &s);
	expect_xdp(d, name, &f, e);
}

static void test_floor(struct drive *d)
{
	static const struct {
		const char *name;
		__u64 seq;
		const struct expected *out;
	} rows[] = {
		{ "floor: at it", FLOOR, &below },
		{ "floor: one above", FLOOR + 1, &taken },
		{ "floor: one below", FLOOR - 1, &below },
		{ "floor: above, past the wrap of the low half", FLOOR + 0x20, &taken },
		{ "floor: 2^31 - 1 above", FLOOR + 0x7fffffff, &taken },
		{ "floor: 2^31 - 1 below", FLOOR - 0x7fffffff, &below },
	};
	struct esl_sa_in sa = { .index = 2, .floor_set = 1, .floor = FLOOR };

	world_sa_in(d->obj, SPI_FLOOR, &sa);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		send_esp(d, rows[i].name, (struct frame_spec){ .spi = SPI_FLOOR, .seq = (__u32)rows[i].seq },
			 rows[i].out);
	sa.floor = 0;
	world_sa_in(d->obj, SPI_FLOOR, &sa);
	send_esp(d, "floor 0: number 1", (struct frame_spec){ .spi = SPI_FLOOR, .seq = 1 }, &taken);
	send_esp(d, "floor 0: number 0", (struct frame_spec){ .spi = SPI_FLOOR, .seq = 0 }, &below);
	sa.floor = FLOOR;
	sa.floor_set = 0;
	world_sa_in(d->obj, SPI_FLOOR, &sa);
	send_esp(d, "floor not set: a number below it", (struct frame_spec){ .spi = SPI_FLOOR, .seq = 5 }, &taken);
}

static void test_deadline(struct drive *d)
{
	static const struct expected silent = { XDP_DROP, ESL_DEADLINE, NULL };
	struct frame_spec s = { .spi = SPI_FRAG, .seq = 9 };

	world_slots(d->obj, MINE, 0, 0);
	send_esp(d, "deadline: zero", s, &silent);
	world_slots(d->obj, MINE, world_now() - 1, 0);
	send_esp(d, "deadline: passed", s, &silent);
	world_slots(d->obj, MINE, world_now() + 60 * SECOND, 0);
	send_esp(d, "deadline: ahead", s, &taken);
	world_slots(d->obj, MINE, ~0ULL, 0);
}

static void test_fragments(struct drive *d)
{
	static const struct expected later_taken = { XDP_PASS, ESL_OWNED_FRAGMENT, MAC_OWN_OUT };
	static const struct expected unknown = { XDP_DROP, ESL_FRAGMENT_UNKNOWN, NULL };
	static const struct expected foreign = { XDP_DROP, ESL_FOREIGN_ESP, NULL };
	static const struct expected silent = { XDP_DROP, ESL_DEADLINE, NULL };
	struct esl_sa_in sa = { .index = 2, .floor_set = 1, .floor = FLOOR };
	struct frame_spec first = { .spi = SPI_FRAG, .seq = 9, .frag = ESL_IP_MF };
	struct frame_spec later = { .frag = 100 };

	first.id = later.id = 1;
	send_esp(d, "fragment: later without a first", later, &unknown);
	send_esp(d, "fragment: first of mine", first, &taken);
	send_esp(d, "fragment: later of mine", later, &later_taken);
	later.frag = ESL_IP_MF | 50;
	send_esp(d, "fragment: middle of mine", later, &later_taken);
	later.saddr = STRANGER;
	send_esp(d, "fragment: later, same id from another host", later, &unknown);
	later.saddr = 0;
	later.daddr = INSIDE_ADDR;
	send_esp(d, "fragment: later, same id to the other address", later, &unknown);
	later.daddr = 0;
	world_slots(d->obj, MINE, 1, 0);
	send_esp(d, "fragment: later of mine, silent", later, &silent);

	world_slots(d->obj, OTHERS, ~0ULL, 0);
	first.id = later.id = 2;
	send_esp(d, "fragment: first of another", first, &foreign);
	send_esp(d, "fragment: later of another", later, &unknown);

	/* A member that reuses the id of a packet of mine ends what I remember. */
	world_slots(d->obj, MINE, ~0ULL, 0);
	first.id = later.id = 5;
	send_esp(d, "fragment: first of mine, id 5", first, &taken);
	world_slots(d->obj, OTHERS, ~0ULL, 0);
	send_esp(d, "fragment: first of another, id 5", first, &foreign);
	send_esp(d, "fragment: later, id 5", later, &unknown);

	world_slots(d->obj, MINE, ~0ULL, 0);
	world_sa_in(d->obj, SPI_FLOOR, &sa);
	first.id = later.id = 3;
	send_esp(d, "fragment: first of mine, id 3", first, &taken);
	first.spi = SPI_FLOOR;
	first.seq = (__u32)FLOOR;
	send_esp(d, "fragment: first below the floor", first, &below);
	send_esp(d, "fragment: later of a refused first", later, &unknown);
	first.id = later.id = 4;
	first.seq++;
	first.frag = 0;
	send_esp(d, "fragment: a whole packet", first, &taken);
	send_esp(d, "fragment: later with the id of a whole packet", later, &unknown);
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

static void test_seen(struct drive *d)
{
	struct esl_sa_in sa = { .index = ESL_SA_MAX - 1 };
	struct esl_sa_seq s;

	world_sa_in(d->obj, SPI_SEEN, &sa);
	send_esp(d, "seen: number 20", (struct frame_spec){ .spi = SPI_SEEN, .seq = 20 }, &taken);
	send_esp(d, "seen: number 10", (struct frame_spec){ .spi = SPI_SEEN, .seq = 10 }, &taken);
	s = seen(d, sa.index);
	row(d, "seen: top, packets and bytes of the SA", s.top == 20 && s.packets == 2 && s.bytes == 2 * 68,
	    "top %u, %llu packets, %llu bytes", s.top, (unsigned long long)s.packets,
	    (unsigned long long)s.bytes);
}

/* The program finds the owner that decide.h finds on the host. */
static void test_agreement(struct drive *d)
{
	static const struct expected out[2][2] = {
		{ { XDP_DROP, ESL_FOREIGN_PLAIN, NULL }, { XDP_PASS, ESL_OWNED_PLAIN, MAC_OWN_OUT } },
		{ { XDP_DROP, ESL_FOREIGN_ESP, NULL }, { XDP_PASS, ESL_OWNED_ESP, MAC_OWN_OUT } },
	};
	struct esl_sa_in sa = { .index = 5 };

	world_live(d->obj, ~0ULL, 0);
	world_sa_in(d->obj, SPI_FRAG, &sa);
	for (__u32 i = 0; i < 64; i++) {
		bool esp = i % 2;
		struct frame_spec s = { .protocol = esp ? ESL_IPPROTO_ESP : ESL_IPPROTO_TCP, .spi = SPI_FRAG,
					.seq = i * 7, .id = (__u16)i, .payload = (__u16)(i % 40) };
		struct frame f;
		char name[64];
		bool mine;

		if (!esp)
			s.daddr = REMOTE;
		mine = world_slot(&s) % 2 == MEMBER;
		frame_build(&f, &s);
		snprintf(name, sizeof(name), "agreement with the host: packet %u", i);
		expect_xdp(d, name, &f, &out[esp][mine]);
	}
	world_slots(d->obj, MINE, ~0ULL, 0);
}

static void test_inert(struct drive *d)
{
	static const struct expected inert = { XDP_PASS, ESL_INERT, NULL };
	static const struct frame_spec kinds[] = {
		{ .protocol = ESL_IPPROTO_ESP, .spi = SPI_FRAG, .seq = 1 },
		{ .protocol = ESL_IPPROTO_TCP, .dst = MAC_OWN_OUT, .daddr = REMOTE },
		{ .type = ESL_ETHERTYPE_ARP, .dst = MAC_BROADCAST, .daddr = OUTSIDE_ADDR },
		{ .type = ESL_ETHERTYPE_IPV6, .dst = MAC_BROADCAST },
		{ .protocol = ESL_IPPROTO_ESP, .spi = SPI_FRAG, .cut = 20 },
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
	struct esl_sa_in sa = { .index = 3 };

	world_config(d->obj, DOOR_OUTSIDE);
	world_slots(d->obj, MINE, ~0ULL, 0);
	world_sa_in(d->obj, SPI_FRAG, &sa);
	test_floor(d);
	test_deadline(d);
	test_fragments(d);
	test_seen(d);
	test_agreement(d);
	test_inert(d);
}
