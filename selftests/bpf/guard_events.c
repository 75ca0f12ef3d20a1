// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What the guard tells the agent through the ring buffer. */
#include <bpf/libbpf.h>
#include <linux/pkt_cls.h>
#include <stdio.h>
#include <time.h>

#include "drive.h"
#include "espalier.skel.h"
#include "guarded.h"

#define GO ((__u32)TC_ACT_UNSPEC)
#define SHOT TC_ACT_SHOT

struct heard {
	int count;
	struct esl_event last;
};

static int hear(void *arg, void *data, size_t size)
{
	struct heard *h = arg;

	if (size != sizeof(h->last))
		return -1;
	h->last = *(struct esl_event *)data;
	h->count++;
	return 0;
}

static void expect_heard(struct drive *d, const char *name, struct ring_buffer *rb, struct heard *h,
			 int count, const struct esl_event *want)
{
	bool ok;

	*h = (struct heard){};
	ring_buffer__consume(rb);
	ok = h->count == count &&
	     (!count || (h->last.kind == want->kind && h->last.index == want->index &&
			 h->last.seq == want->seq && h->last.reason == want->reason));
	row(d, name, ok, "%d events, the last: kind %u, index %u, number %llu, %s", h->count, h->last.kind,
	    h->last.index, (unsigned long long)h->last.seq, reason_name(h->last.reason));
}

static void test_used(struct drive *d, struct ring_buffer *rb, struct heard *h)
{
	struct esl_event half = { .kind = ESL_EVENT_USED, .index = G_INDEX, .seq = 33, .reason = ESL_G_PASS };
	struct esl_event quarter = { .kind = ESL_EVENT_USED, .index = G_INDEX, .seq = 17, .reason = ESL_G_PASS };

	guarded_reset(d);
	guarded_send(d, "quarter: number 16 of 64", G_SPI, 16, 0, GO, ESL_G_PASS);
	expect_heard(d, "quarter: not yet", rb, h, 0, NULL);
	guarded_send(d, "quarter: number 17", G_SPI, 17, 0, GO, ESL_G_PASS);
	expect_heard(d, "quarter: told", rb, h, 1, &quarter);
	guarded_send(d, "quarter: number 18", G_SPI, 18, 0, GO, ESL_G_PASS);
	expect_heard(d, "quarter: told once", rb, h, 0, NULL);
	guarded_send(d, "half: number 32 of 64", G_SPI, 32, 0, GO, ESL_G_PASS);
	expect_heard(d, "half: not yet", rb, h, 0, NULL);
	guarded_send(d, "half: number 33", G_SPI, 33, 0, GO, ESL_G_PASS);
	expect_heard(d, "half: told", rb, h, 1, &half);
	guarded_send(d, "half: number 34", G_SPI, 34, 0, GO, ESL_G_PASS);
	expect_heard(d, "half: told once", rb, h, 0, NULL);
	guarded_send(d, "half: segments over the half of the next round", G_SPI, 220, 10, GO, ESL_G_PASS);
	half.seq = 229;
	expect_heard(d, "half: told for segments", rb, h, 1, &half);
	guarded_reset(d);
	guarded_send(d, "used: segments over a quarter and half", G_SPI, 195, 40, GO, ESL_G_PASS);
	half.seq = 234;
	expect_heard(d, "used: told once, up to the last", rb, h, 1, &half);
}

static void test_drop(struct drive *d, struct ring_buffer *rb, struct heard *h)
{
	struct esl_event drop = { .kind = ESL_EVENT_DROP, .index = G_INDEX, .seq = 385, .reason = ESL_G_BOUND };
	struct esl_guard g;
	__u64 start = world_now();

	guarded_reset(d);
	for (int i = 0; i < 20; i++)
		guarded_send(d, "drop: beyond the bound", G_SPI, 385, 0, SHOT, ESL_G_BOUND);
	*h = (struct heard){};
	ring_buffer__consume(rb);
	/* A slow machine may need more than the gap for the twenty. */
	row(d, "drop: told, but not every time",
	    h->count >= 1 && (__u64)h->count <= 1 + (world_now() - start) / 1000000 && h->last.seq == drop.seq &&
		    h->last.reason == drop.reason && h->last.kind == drop.kind,
	    "%d events", h->count);
	g = guarded_read(d, G_INDEX);
	while (world_now() < g.event_ns + 1000000)
		;
	guarded_send(d, "drop: after the gap", G_SPI, 385, 0, SHOT, ESL_G_BOUND);
	expect_heard(d, "drop: told again", rb, h, 1, &drop);
	g = guarded_read(d, G_INDEX);
	drop.seq = 65;
	drop.reason = ESL_G_LANE;
	while (world_now() < g.event_ns + 1000000)
		;
	guarded_send(d, "drop: a wrong lane", G_SPI, 65, 0, SHOT, ESL_G_LANE);
	expect_heard(d, "drop: told with its reason", rb, h, 1, &drop);
}

/* Twenty drops inside one gap: the clock is held by setting event_ns ahead. */
static void test_gap(struct drive *d, struct ring_buffer *rb, struct heard *h)
{
	struct esl_guard g;

	guarded_reset(d);
	g = guarded_read(d, G_INDEX);
	g.event_ns = world_now();
	guarded_write(d, G_INDEX, &g);
	guarded_send(d, "gap: a drop right after an event", G_SPI, 385, 0, SHOT, ESL_G_BOUND);
	if (world_now() - g.event_ns < 1000000)
		expect_heard(d, "gap: not told", rb, h, 0, NULL);
	else
		ring_buffer__consume(rb);
}

void test_guard_events(struct drive *d)
{
	struct heard h = {};
	struct ring_buffer *rb = ring_buffer__new(bpf_map__fd(d->obj->maps.espalier_events), hear, &h, NULL);

	if (!row(d, "events: ring buffer", rb != NULL, "cannot be opened"))
		return;
	ring_buffer__consume(rb);
	world_config(d->obj, DOOR_OUTSIDE);
	world_slots(d->obj, MINE, ~0ULL, 0);
	test_used(d, rb, &h);
	test_drop(d, rb, &h);
	test_gap(d, rb, &h);
	ring_buffer__free(rb);
}
