// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The guard over several packets: each number once. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/pkt_cls.h>
#include <stdio.h>
#include <string.h>

#include "drive.h"
#include "espalier.skel.h"
#include "guarded.h"

#define GO ((__u32)TC_ACT_UNSPEC)
#define SHOT TC_ACT_SHOT

struct step {
	const char *name;
	__u32 seq;
	__u32 segs;
	__u32 action;
	int reason;
};

static void play(struct drive *d, __u32 spi, const struct step *steps, size_t count)
{
	for (size_t i = 0; i < count; i++)
		guarded_send(d, steps[i].name, spi, steps[i].seq, steps[i].segs, steps[i].action,
			     steps[i].reason);
}

#define PLAY(d, spi, steps) play(d, spi, steps, sizeof(steps) / sizeof(steps[0]))

static void test_once(struct drive *d)
{
	static const struct step steps[] = {
		{ "once: a number", 5, 0, GO, ESL_G_PASS },
		{ "once: the same again", 5, 0, SHOT, ESL_G_DUPLICATE },
		{ "once: an earlier one", 4, 0, GO, ESL_G_PASS },
		{ "once: and again", 4, 0, SHOT, ESL_G_DUPLICATE },
		{ "once: segments over both", 3, 4, SHOT, ESL_G_DUPLICATE },
		{ "once: segments 6..9", 6, 4, GO, ESL_G_PASS },
		{ "once: the last of them", 9, 0, SHOT, ESL_G_DUPLICATE },
		{ "once: behind them", 10, 0, GO, ESL_G_PASS },
		{ "once: segments over two words", 30, 8, GO, ESL_G_PASS },
		{ "once: in the first word", 32, 0, SHOT, ESL_G_DUPLICATE },
		{ "once: in the second word", 33, 0, SHOT, ESL_G_DUPLICATE },
	};
	struct esl_guard g;

	guarded_reset(d);
	PLAY(d, G_SPI, steps);
	g = guarded_read(d, G_INDEX);
	row(d, "once: top and passed", g.top == 37 && g.passed == 15, "top %llu, passed %llu",
	    (unsigned long long)g.top, (unsigned long long)g.passed);
}

static void test_old(struct drive *d)
{
	static const struct step steps[] = {
		{ "old: the first number", 1, 0, GO, ESL_G_PASS },
		{ "old: a window ahead, less one word", 2017, 0, GO, ESL_G_PASS },
		{ "old: the last number of the first word", 32, 0, GO, ESL_G_PASS },
		{ "old: a window ahead", 2049, 0, GO, ESL_G_PASS },
		{ "old: now too old, not seen before", 31, 0, SHOT, ESL_G_OLD },
		{ "old: the oldest word left", 33, 0, GO, ESL_G_PASS },
	};
	static const struct step first[] = {
		{ "first: one below", 99, 0, SHOT, ESL_G_OLD },
		{ "first: itself", 100, 0, GO, ESL_G_PASS },
	};

	guarded_reset(d);
	guarded_bound(d, G_INDEX_WIDE, 65536, 1);
	PLAY(d, G_SPI_WIDE, steps);
	guarded_reset(d);
	guarded_bound(d, G_INDEX_WIDE, 1024, 100);
	PLAY(d, G_SPI_WIDE, first);
	guarded_reset(d);
	guarded_bound(d, G_INDEX_WIDE, 0, 1);
	guarded_send(d, "bound 0: nothing passes", G_SPI_WIDE, 1, 0, SHOT, ESL_G_BOUND);
}

/* The same packet through the gate's guard twice: the second repeat sees the
 * skb as the first one left it, stamp included. */
static void gate_twice(struct drive *d, const char *name, enum door door, __u32 action, int second)
{
	struct frame_spec s = { .dst = MAC_PEER, .saddr = OUTSIDE_ADDR, .daddr = PEER, .spi = G_SPI, .seq = 1,
				.protocol = ESL_IPPROTO_ESP, .payload = 40 };
	struct esl_config c = world_config_of(door);
	struct counts before, after;
	struct frame f;
	__u64 passed, then;
	LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = f.byte, .repeat = 2);
	int r;

	c.gate_ifindex = IFINDEX_TEST;
	world_identity(d->obj, &c);
	guarded_reset(d);
	frame_build(&f, &s);
	o.data_size_in = f.len;
	counts_read(d, &before);
	r = bpf_prog_test_run_opts(bpf_program__fd(d->obj->progs.espalier_egress), &o);
	counts_read(d, &after);
	passed = after.of[ESL_G_PASS].packets - before.of[ESL_G_PASS].packets;
	then = after.of[second].packets - before.of[second].packets;
	row(d, name, !r && o.retval == action && passed == 1 && then == 1, "run %d, action %d, passed %llu, %s %llu",
	    r, (int)o.retval, (unsigned long long)passed, reason_name(second), (unsigned long long)then);
}

/* The gate tests, stamps and redirects; the stamp counts on the outside NIC
 * and nowhere else. Gate and outside NIC are one device in the first row. */
static void test_gate(struct drive *d)
{
	gate_twice(d, "gate: the stamp counts on the outside NIC", DOOR_OUTSIDE, TC_ACT_REDIRECT, ESL_G_SECOND);
	guarded_send(d, "gate: a duplicate is not redirected", G_SPI, 1, 0, SHOT, ESL_G_DUPLICATE);
	guarded_send(d, "gate: a new number is", G_SPI, 2, 0, TC_ACT_REDIRECT, ESL_G_PASS);
	gate_twice(d, "gate: the stamp counts nowhere else", DOOR_NONE, SHOT, ESL_G_DUPLICATE);
	world_config(d->obj, DOOR_OUTSIDE);
}

static void test_inert(struct drive *d)
{
	struct esl_config zero = {}, filled = world_config_of(DOOR_OUTSIDE);

	filled.abi = 0;
	guarded_reset(d);
	world_identity(d->obj, &zero);
	guarded_send(d, "guard inert: zeroed configuration", G_SPI, 1, 0, GO, NO_REASON);
	world_identity(d->obj, &filled);
	guarded_send(d, "guard inert: abi 0 and the rest filled", G_SPI, 1, 0, GO, NO_REASON);
	world_config(d->obj, DOOR_OUTSIDE);
	guarded_send(d, "guard inert: configured, the number is still free", G_SPI, 1, 0, GO, ESL_G_PASS);
}

/* Frames whose headers are not there: dropped, as the guard cannot know.
 * Kernels from 6.13 on refuse to test-run a frame without a whole IP header. */
static void test_short(struct drive *d)
{
	static const struct {
		const char *name;
		struct frame_spec in;
		__u16 from;
		__u16 enough;
	} kinds[] = {
		{ "ESP", { .protocol = ESL_IPPROTO_ESP }, 34, 42 },
		{ "ESP with two tags", { .protocol = ESL_IPPROTO_ESP, .tags = 2 }, 42, 50 },
		{ "ESP behind options", { .protocol = ESL_IPPROTO_ESP, .ihl = 8 }, 34, 54 },
		{ "AH", { .protocol = ESL_IPPROTO_AH }, 34, 46 },
		{ "NATT", { .protocol = ESL_IPPROTO_UDP, .sport = 4500, .natt = true }, 34, 50 },
		{ "IPv6 ESP", { .type = ESL_ETHERTYPE_IPV6, .protocol = ESL_IPPROTO_ESP }, 54, 62 },
		{ "IPv6 AH behind two headers", { .type = ESL_ETHERTYPE_IPV6, .protocol = ESL_IPPROTO_AH, .chain = "HD" }, 54, 82 },
		{ "IPv6 NATT", { .type = ESL_ETHERTYPE_IPV6, .protocol = ESL_IPPROTO_UDP, .sport = 4500, .natt = true }, 54, 70 },
	};
	struct expected shot = { SHOT, ESL_G_MALFORMED, NULL, NULL };
	struct expected pass = { GO, ESL_G_PASS, NULL, NULL };
	struct frame f;
	char name[64];

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct frame_spec s = kinds[i].in;

		s.dst = MAC_PEER;
		s.saddr = OUTSIDE_ADDR;
		s.daddr = PEER;
		s.spi = G_SPI;
		s.seq = 1;
		guarded_reset(d);
		for (s.cut = kinds[i].from; s.cut <= kinds[i].enough; s.cut++) {
			frame_build(&f, &s);
			snprintf(name, sizeof(name), "guard: %s cut at %u", kinds[i].name, s.cut);
			expect_tc(d, name, &f, NULL, s.cut < kinds[i].enough ? &shot : &pass);
		}
	}
}

void test_guard_state(struct drive *d)
{
	world_config(d->obj, DOOR_OUTSIDE);
	world_slots(d->obj, MINE, ~0ULL, 0);
	test_once(d);
	test_old(d);
	test_gate(d);
	test_inert(d);
	test_short(d);
}
