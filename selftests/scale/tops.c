// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * An inbound SA of which others are far ahead: where this member owns none of it and its
 * kernel never used the window, the kernel's top is brought there; else nothing is accepted.
 */
#include <bpf/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edges.h"

#define AHEAD 5000000000ULL	/* what others have come to */
#define NEAR (AHEAD - 1000)
#define REACH (1ULL << 31)
#define WINDOW 1024		/* of edges.c */

enum owner { NOBODY, OTHER, MINE, MINE_NEXT };	/* by the table, or by the next one alone */

struct tops_row {
	const char *name;
	enum owner slots;
	enum esl_phase phase;
	__u32 esp_shift;
	bool silent;		/* the deadline is 0 */
	bool changing;
	bool narrow;		/* no ESN */
	__u64 seq;		/* the kernel's top before, */
	__u64 heard;		/* what another member told, */
	__u64 number;		/* and where a planned change switches; 0: it is a take-over */
	__u64 top;		/* the kernel's after */
	bool shut;
};

static const struct tops_row rows[] = {
	{ .name = "tops, a change", .slots = MINE_NEXT, .number = AHEAD + 1, .top = AHEAD },
	{ .name = "tops, a change elsewhere", .slots = OTHER, .number = AHEAD + 1 },
	{ .name = "tops, by SPI", .slots = MINE_NEXT, .esp_shift = ESL_BY_SPI, .number = AHEAD + 1, .top = AHEAD },
	{ .name = "tops, one was told", .slots = MINE_NEXT, .heard = NEAR, .number = AHEAD + 1, .top = NEAR },
	{ .name = "tops, an old one was told", .slots = MINE_NEXT, .heard = 7, .number = AHEAD + 1, .top = AHEAD },
	{ .name = "tops, a later one was told", .slots = MINE_NEXT, .heard = AHEAD + 9, .number = AHEAD + 1, .top = AHEAD },
	{ .name = "tops, taken over", .slots = OTHER, .heard = AHEAD, .top = AHEAD },
	{ .name = "tops, no table yet", .slots = NOBODY, .heard = AHEAD, .top = AHEAD },
	{ .name = "tops, prepared", .slots = MINE_NEXT, .phase = ESL_PHASE_PREPARE, .number = AHEAD + 1, .top = AHEAD },
	{ .name = "tops, own, silent", .slots = MINE, .silent = true, .number = AHEAD + 1, .top = AHEAD },
	{ .name = "tops, own, held", .slots = MINE, .changing = true, .heard = AHEAD, .top = AHEAD },
	{ .name = "tops, own", .slots = MINE, .number = AHEAD + 1, .shut = true },
	{ .name = "tops, own, taken over", .slots = MINE, .heard = AHEAD, .shut = true },
	{ .name = "tops, own, by SPI", .slots = MINE, .esp_shift = ESL_BY_SPI, .number = AHEAD + 1, .shut = true },
	{ .name = "tops, own by the next", .slots = MINE_NEXT, .phase = ESL_PHASE_SWITCH, .number = AHEAD + 1, .shut = true },
	{ .name = "tops, window in use", .slots = MINE_NEXT, .seq = 7, .number = AHEAD + 1, .top = 7, .shut = true },
	{ .name = "tops, in use, elsewhere", .slots = OTHER, .seq = 7, .number = AHEAD + 1, .top = 7 },
	{ .name = "tops, window in use, near", .slots = MINE_NEXT, .seq = NEAR, .number = AHEAD + 1, .top = NEAR },
	{ .name = "tops, near", .slots = MINE_NEXT, .number = REACH - WINDOW },
	{ .name = "tops, just out of reach", .slots = MINE, .number = REACH - WINDOW + 1, .shut = true },
	{ .name = "tops, whole numbers", .slots = MINE, .narrow = true, .number = 3000000000 },
};

static void fill_config(const struct agent *a, const struct tops_row *r)
{
	struct esl_config *c = a->pins.config;
	__u8 other = 1, now = r->slots == MINE ? 0 : r->slots == NOBODY ? ESL_NO_MEMBER : other;

	memset(c->table[0].slot, now, ESL_SLOTS);
	memset(c->table[1].slot, r->slots == MINE || r->slots == MINE_NEXT ? 0 : other, ESL_SLOTS);
	c->table[0].esp_shift = c->table[1].esp_shift = (__u8)r->esp_shift;
	c->deadline_ns = r->silent ? 0 : UINT64_MAX;
	c->changing = r->changing;
	esl_phase_store(c, 0, r->phase);
}

static struct esl_sa_in record(const struct agent *a)
{
	struct esl_sa_key key = edges_key(0, false);
	struct esl_sa_in in = {};

	if (bpf_map_lookup_elem(a->pins.sa_in, &key, &in)) {
		fprintf(stderr, "scale: an inbound SA has no record\n");
		exit(1);
	}
	return in;
}

static void start(struct agent *a, const struct tops_row *r)
{
	memset(a, 0, sizeof(*a));
	edges_fill(1);
	edges_kernel(0, false)->esn = !r->narrow;
	edges_agent(a);
	for (int i = 0; i < 10; i++) {
		sadb_hello(a);
		edges_run(a, 100 * MS);
	}
	memset(a->pins.config->taken, 0, sizeof(a->pins.config->taken));
	fill_config(a, r);
	*edges_seq(0) = r->seq;
	asked = (struct asked){};
}

static void end(struct agent *a)
{
	sadb_stop(a);
	probe_stop(a);
	sd_event_unref(a->event);
	esl_guards_close(a->pins.guards);
}

/* It refuses all, in every slot, also when floors without work are taken off. */
static bool is_shut(struct agent *a)
{
	struct esl_sa_in in = record(a);
	bool taken = true;

	sadb_clear_floors(a);
	for (int i = 0; i < ESL_SLOTS / 32; i++)
		taken &= a->pins.config->taken[i] == ~0U;
	return in.floor_set && in.floor == UINT64_MAX && taken;
}

static void row(const struct tops_row *r)
{
	struct takeover_slots taken = { { ~0ULL, ~0ULL, ~0ULL, ~0ULL } };
	struct announced_top heard = { edges_key(0, false), r->heard }, number = { edges_key(0, false), r->number };
	static struct agent a;

	start(&a, r);
	if (r->heard)
		sadb_heard_active(&a, &heard);
	if (r->number)
		sadb_take_number(&a, &number);
	else
		sadb_take_over(&a, &taken);
	judge(r->name, r->shut ? "open" : "shut", is_shut(&a) != r->shut, 0, "SAs");
	judge(r->name, "the kernel's top is another", *edges_seq(0) != r->top, 0, "SAs");
	judge(r->name, "rekeys not as they should", asked.rekeys != r->shut, 0, "SAs");
	judge(r->name, "whole where it is not", record(&a).whole != r->narrow, 0, "SAs");
	if (r->number && r->shut) {
		sadb_forget_numbers(&a);
		judge(r->name, "shut when the change is over", record(&a).floor_set, 0, "SAs");
	}
	end(&a);
}

/* An agent that was killed in a change, and what it left. */
static void killed_in_a_change(void)
{
	struct announced_top number = { edges_key(0, false), 5000 };
	static struct agent a;
	struct esl_sa_in in;

	start(&a, &(struct tops_row){ .slots = OTHER });
	sadb_take_number(&a, &number);
	judge("tops, killed in a change", "no number before", record(&a).switch_at != 5000, 0, "SAs");
	sadb_stop(&a);
	a.sadb = calloc(1, sizeof(*a.sadb));
	if (!a.sadb || sadb_restore(&a)) {
		fprintf(stderr, "scale: an agent that starts again\n");
		exit(1);
	}
	in = record(&a);
	judge("tops, killed in a change", "number left", (double)in.switch_at, 0, "");
	judge("tops, killed in a change", "no ESN any more", in.whole, 0, "SAs");
	end(&a);
}

/* A record that does not say that the SA has no ESN, when the kernel's SA is met. */
static void met_again(void)
{
	struct esl_sa_key key = edges_key(0, false);
	static struct agent a;
	struct esl_sa_in in;

	start(&a, &(struct tops_row){ .slots = OTHER, .narrow = true });
	in = record(&a);
	in.whole = 0;
	in.floor = 77;
	bpf_map_update_elem(a.pins.sa_in, &key, &in, BPF_EXIST);
	sadb_open_inbound(&a, sadb_find(a.sadb, &key));
	judge("tops, met again", "not whole", !record(&a).whole, 0, "SAs");
	judge("tops, met again", "floor lost", record(&a).floor != 77, 0, "SAs");
	end(&a);
}

void tops_rows(void)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		row(&rows[i]);
	killed_in_a_change();
	met_again();
}
