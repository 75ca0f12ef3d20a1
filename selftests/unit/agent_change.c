// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* From one set of dispatch options to the next: rows for each step, and
 * clusters in a network that loses, repeats and reorders. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include <agent/change.h>

#include "rand.h"

#define NOW (1000 * JOIN_FRESH_NS)

static struct options options(__u32 epoch, __u8 scheme, __u8 esp_shift)
{
	return (struct options){ .epoch = epoch, .scheme = scheme, .esp_shift = esp_shift, .weight = { 1, 1 } };
}

static struct announcement tops(const struct options *o, __u32 acked, __u64 boot, __u32 snapshot, __u16 page,
				__u16 pages)
{
	return (struct announcement){ .kind = ESL_WIRE_TOPS, .options = *o, .acked = acked, .boot = boot,
				      .snapshot = snapshot, .page = page, .pages = pages };
}

/* A member that has settled on these options, with nobody else there. */
static struct change settled(struct options o)
{
	struct change c;

	change_start(&c);
	cr_assert_eq(change_offer(&c, &o), CHANGE_NOTHING, "it holds already");
	change_read(&c);
	cr_assert(change_ready(&c, NULL, 0, NOW));
	change_settle(&c);
	cr_assert(!c.holding && options_equal(&c.active, &o));
	return c;
}

Test(agent_change, start_holds_without_options)
{
	struct change c;

	change_start(&c);
	cr_expect(c.holding);
	cr_expect_eq(change_acked(&c), 0);
	change_read(&c);
	cr_expect_eq(change_acked(&c), 0, "nothing was offered");
	cr_expect(!change_ready(&c, NULL, 0, NOW));
}

Test(agent_change, offers)
{
	static const struct {
		const char *name;
		__u32 epoch;
		__u8 scheme, esp_shift;
		enum change_step step;
		bool holding, conflict;
	} rows[] = {
		{ "the same", 5, ESL_SCHEME_PACKET_HASH, 0, CHANGE_NOTHING, false, false },
		{ "older", 4, ESL_SCHEME_SA, 3, CHANGE_NOTHING, false, false },
		{ "none", 0, 0, 0, CHANGE_NOTHING, false, false },
		{ "the inside only", 6, ESL_SCHEME_SA, 0, CHANGE_PUBLISH, false, false },
		{ "the same again", 6, ESL_SCHEME_PACKET_HASH, 0, CHANGE_PUBLISH, false, false },
		{ "the outside", 6, ESL_SCHEME_PACKET_HASH, ESL_BY_SPI, CHANGE_HOLD, true, false },
		{ "the burst", 6, ESL_SCHEME_PACKET_HASH, 4, CHANGE_HOLD, true, false },
		{ "an epoch was missed", 7, ESL_SCHEME_PACKET_HASH, 0, CHANGE_HOLD, true, false },
		{ "the epoch twice", 5, ESL_SCHEME_SA, 0, CHANGE_HOLD, true, true },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct change c = settled(options(5, ESL_SCHEME_PACKET_HASH, 0));
		struct options o = options(rows[i].epoch, rows[i].scheme, rows[i].esp_shift);

		cr_expect_eq(change_offer(&c, &o), rows[i].step, "%s", rows[i].name);
		cr_expect_eq(c.holding, rows[i].holding, "%s", rows[i].name);
		cr_expect_eq(c.conflict, rows[i].conflict, "%s", rows[i].name);
		cr_expect_eq(change_acked(&c), rows[i].holding ? 0 : c.target.epoch, "%s", rows[i].name);
	}
}

/* The leader moves slots by them, later and number by number. */
Test(agent_change, weights_hold_nothing)
{
	struct change c = settled(options(5, 0, 0));
	struct options o = options(6, 0, 0);

	o.weight[1] = 2;
	cr_expect_eq(change_offer(&c, &o), CHANGE_PUBLISH);
	cr_expect(!c.holding);
}

/* Nothing was accepted since the tops were read: they hold for what comes next. */
Test(agent_change, next_while_holding)
{
	struct change c = settled(options(5, 0, 0));
	struct options o = options(6, 0, 4), back = options(7, 0, 0);

	cr_expect_eq(change_offer(&c, &o), CHANGE_HOLD);
	cr_expect_eq(change_offer(&c, &back), CHANGE_NOTHING, "the tops are still to be read");
	cr_expect_eq(change_acked(&c), 0);
	change_read(&c);
	cr_expect_eq(change_acked(&c), 7);
	o = options(8, 0, 4);
	cr_expect_eq(change_offer(&c, &o), CHANGE_ANNOUNCE);
	cr_expect_eq(change_acked(&c), 8);
}

Test(agent_change, conflict_waits_for_another_epoch)
{
	struct change c = settled(options(5, 0, 0));
	struct options other = options(5, 0, 4), next;

	change_offer(&c, &other);
	change_read(&c);
	cr_expect_eq(change_acked(&c), 0);
	cr_expect(!change_ready(&c, NULL, 0, NOW));
	cr_expect(change_propose(&c, &c.target, &next), "the same options, because two hold");
	cr_expect_eq(next.epoch, 6);
	cr_expect_eq(change_offer(&c, &next), CHANGE_ANNOUNCE);
	cr_expect(change_ready(&c, NULL, 0, NOW));
}

Test(agent_change, propose)
{
	struct change c = settled(options(5, 0, 0));
	struct options wanted = options(0, 0, 0), o;

	cr_expect(!change_propose(&c, &wanted, &o), "it holds already");
	wanted.marker_shift = 9;
	cr_expect(change_propose(&c, &wanted, &o) && o.epoch == 6 && o.marker_shift == 9);
	change_start(&c);
	cr_expect(change_propose(&c, &wanted, &o) && o.epoch == 1);
}

static struct change holding(void)
{
	struct change c = settled(options(5, 0, 0));
	struct options o = options(6, 0, 4);

	change_offer(&c, &o);
	change_read(&c);
	return c;
}

/* Which others are waited for. */
Test(agent_change, who_is_waited_for)
{
	static const struct {
		const char *name;
		struct join_member m;
		bool ready;
	} rows[] = {
		{ "one that forwards", { 1, NOW, true, true }, false },
		{ "one that is silent", { 1, NOW, true, false }, false },
		{ "one that was never heard", { 1, 0, true, true }, true },
		{ "one that is heard no more", { 1, NOW - JOIN_FRESH_NS, true, true }, true },
		{ "one that differs", { 1, NOW, false, true }, true },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct change c = holding();
		struct announcement m = tops(&c.target, 6, 1, 1, 0, 1);

		cr_expect_eq(change_ready(&c, &rows[i].m, 1, NOW), rows[i].ready, "%s", rows[i].name);
		cr_expect(change_page(&c, 0, &m), "%s", rows[i].name);
		cr_expect(change_ready(&c, &rows[i].m, 1, NOW), "%s", rows[i].name);
		c.read = false;
		cr_expect(!change_ready(&c, &rows[i].m, 1, NOW), "%s: own tops", rows[i].name);
	}
}

/* Pages in any order, again, and of different snapshots. */
Test(agent_change, pages)
{
	struct join_member other = { 1, NOW, true, true };
	struct change c = holding();
	struct announcement m;

	for (__u16 page = 200; page-- > 1;) {
		m = tops(&c.target, 6, 1, 1, page, 200);
		cr_assert(change_page(&c, 0, &m));
		cr_assert(!change_page(&c, 0, &m), "page %u again", page);
		cr_assert(!change_ready(&c, &other, 1, NOW));
	}
	m = tops(&c.target, 6, 1, 2, 0, 200);
	cr_expect(change_page(&c, 0, &m));
	cr_expect(!change_ready(&c, &other, 1, NOW), "the last page of another snapshot");
	for (__u16 page = 1; page < 200; page++) {
		m = tops(&c.target, 6, 1, 2, page, 200);
		cr_assert(change_page(&c, 0, &m));
	}
	cr_expect(change_ready(&c, &other, 1, NOW));
	m = tops(&c.target, 6, 1, 3, 0, 200);
	cr_expect(!change_page(&c, 0, &m), "known already");
	m = tops(&c.target, 6, 2, 1, 0, 2);
	cr_expect(change_page(&c, 0, &m), "started again");
	cr_expect(!change_ready(&c, &other, 1, NOW));
}

Test(agent_change, tops_of_something_else)
{
	struct join_member other = { 1, NOW, true, true };
	struct change c = holding();
	struct options older = options(5, 0, 0), twin = options(6, 0, 5);
	struct announcement rows[] = { tops(&older, 5, 1, 1, 0, 1), tops(&c.target, 5, 1, 1, 0, 1),
				       tops(&twin, 6, 1, 1, 0, 1) };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		cr_expect(!change_page(&c, 0, &rows[i]), "row %zu", i);
		cr_expect(!change_ready(&c, &other, 1, NOW), "row %zu", i);
	}
}

/* An inside change asks for nothing: what was known of the others stays. */
Test(agent_change, inside_keeps_tops)
{
	struct join_member other = { 1, NOW, true, true };
	struct change c = holding();
	struct announcement m = tops(&c.target, 6, 1, 1, 0, 1);
	struct options o = options(7, ESL_SCHEME_SA, 4);

	change_page(&c, 0, &m);
	change_settle(&c);
	cr_expect(!change_lacks(&c, &other, 1, NOW));
	cr_expect_eq(change_offer(&c, &o), CHANGE_PUBLISH);
	cr_expect(!change_lacks(&c, &other, 1, NOW));
	cr_expect_eq(change_acked(&c), 7);
}

/*
 * Clusters.  One SA; every number is offered to every member, later and again,
 * as a replay would.  A member accepts a number that it owns, that lies above
 * its floor and that it has not accepted itself.
 */
#define MEMBERS 4
#define NUMBERS 4096
#define QUEUE 512
#define HELLO 10
#define DRAIN 3
#define DEAD 60		/* ticks after which a member is not heard any more */

struct node {
	struct change c;
	bool up;
	__u64 up_at;		/* when it starts again */
	__u64 join_at;
	__u64 boot;
	__u64 drain_at;		/* 0: nothing to read */
	__u64 top;		/* own: what the kernel knows, which outlives the agent */
	__u64 told;		/* as read */
	__u32 snapshot;
	__u64 floor, heard;
	__u32 heard_epoch;
	struct join_member others[MEMBERS];
	bool accepted[NUMBERS];
};

struct world {
	struct node node[MEMBERS];
	struct {
		__u64 at;
		int to;
		struct announcement m;
	} queue[QUEUE];
	__u64 now, random;
	__u32 loss;		/* of 100 messages */
	bool accepted[NUMBERS];	/* by anybody */
	int replays;
	bool broken;		/* skip the hold, to see that the test would tell */
};

static __u64 clock_of(const struct world *w)
{
	return (w->now + 1000) * (JOIN_FRESH_NS / DEAD);
}

static void post(struct world *w, int from, enum esl_wire_kind kind)
{
	struct node *n = &w->node[from];
	struct announcement m = { .kind = kind, .sender = (__u8)from, .options = n->c.target,
				  .acked = change_acked(&n->c), .boot = n->boot };

	if (kind == ESL_WIRE_TOPS) {
		/* Two pages: the top is in one of them. */
		m.snapshot = n->snapshot;
		m.pages = 2;
		m.page = rand_below(&w->random, 2);
		m.count = m.page;
		m.tops[0].top = n->told;
	}
	for (int to = 0; to < MEMBERS; to++) {
		if (to == from)
			continue;
		for (__u32 copies = rand_below(&w->random, 100) < w->loss ? 0 : 1 + !rand_below(&w->random, 8);
		     copies; copies--) {
			int i = (int)rand_below(&w->random, QUEUE);

			/* A place that is taken: that message is lost. */
			w->queue[i].at = w->now + 1 + rand_below(&w->random, 12);
			w->queue[i].to = to;
			w->queue[i].m = m;
		}
	}
}

static void apply(struct world *w, struct node *n, enum change_step step)
{
	if (step == CHANGE_HOLD)
		n->drain_at = w->now + DRAIN;
	if (w->broken && n->c.holding && n->c.active.epoch)
		change_settle(&n->c);
}

static void deliver(struct world *w, int to, const struct announcement *m)
{
	struct node *n = &w->node[to];

	if (!n->up)
		return;
	n->others[m->sender] = (struct join_member){ m->sender, clock_of(w), true, true };
	apply(w, n, change_offer(&n->c, &m->options));
	if (m->kind != ESL_WIRE_TOPS || !change_page(&n->c, m->sender, m) || !m->count)
		return;
	if (n->heard_epoch != m->acked)
		n->heard = 0;
	n->heard_epoch = m->acked;
	if (m->tops[0].top > n->heard)
		n->heard = m->tops[0].top;
	if (!n->c.holding && n->heard > n->floor)
		n->floor = n->heard;
}

static void start(struct world *w, int i)
{
	struct node *n = &w->node[i];

	n->up = true;
	n->boot = rand64(&w->random);
	n->heard_epoch = 0;
	memset(n->others, 0, sizeof(n->others));
	change_start(&n->c);
	n->drain_at = w->now + DRAIN;
	n->join_at = w->now + 4 * HELLO;
}

static int owner(const struct options *o, __u32 number)
{
	__u32 slot = 3 + (o->esp_shift == ESL_BY_SPI ? 0 : number >> o->esp_shift);

	return (int)(slot % 7 % MEMBERS);
}

static void offer(struct world *w, __u32 number)
{
	for (int i = 0; i < MEMBERS; i++) {
		struct node *n = &w->node[i];

		if (!n->up || n->c.holding || !n->c.active.epoch || owner(&n->c.active, number) != i ||
		    number <= n->floor || n->accepted[number])
			continue;
		w->replays += w->accepted[number];
		w->accepted[number] = n->accepted[number] = true;
		if (number > n->top)
			n->top = number;
	}
}

static void tick(struct world *w)
{
	w->now++;
	for (int i = 0; i < QUEUE; i++) {
		if (w->queue[i].at != w->now)
			continue;
		w->queue[i].at = 0;
		deliver(w, w->queue[i].to, &w->queue[i].m);
	}
	for (int i = 0; i < MEMBERS; i++) {
		struct node *n = &w->node[i];

		if (!n->up && w->now == n->up_at)
			start(w, i);
		if (!n->up)
			continue;
		if (n->drain_at == w->now) {
			n->told = n->top > n->floor ? n->top : n->floor;
			n->snapshot++;
			change_read(&n->c);
		}
		if ((w->now + i) % HELLO == 0)
			post(w, i, ESL_WIRE_ROUNDS);
		/* All ask all the time. */
		if ((w->now + i) % 4 == 0 && change_acked(&n->c))
			post(w, i, ESL_WIRE_TOPS);
		/* A member that starts waits for those it has not heard. */
		if (!n->c.active.epoch && w->now < n->join_at)
			continue;
		if (change_ready(&n->c, n->others, MEMBERS, clock_of(w))) {
			if (n->heard_epoch == n->c.target.epoch && n->heard > n->floor)
				n->floor = n->heard;
			change_settle(&n->c);
		}
	}
}

static void publish(struct world *w, int leader, struct options wanted)
{
	struct options o;

	if (w->node[leader].up && change_propose(&w->node[leader].c, &wanted, &o))
		apply(w, &w->node[leader], change_offer(&w->node[leader].c, &o));
}

static struct options any_options(struct world *w)
{
	static const __u8 shifts[] = { 0, 3, ESL_BY_SPI };
	struct options o = { .scheme = (__u8)rand_below(&w->random, 2),
			     .esp_shift = shifts[rand_below(&w->random, 3)] };

	for (int i = 0; i < MEMBERS; i++)
		o.weight[i] = (__u16)(1 + rand_below(&w->random, 3));
	return o;
}

static bool agreed(const struct world *w)
{
	for (int i = 0; i < MEMBERS; i++)
		if (w->node[i].c.holding || !options_equal(&w->node[i].c.active, &w->node[0].c.active))
			return false;
	return true;
}

static void ticks(struct world *w, int count)
{
	while (count--)
		tick(w);
}

/* An agent that ends, and starts again after some ticks. */
static void stop(struct world *w, int i, __u32 most)
{
	w->node[i].up = false;
	w->node[i].up_at = w->now + 1 + rand_below(&w->random, most);
}

/* Changes while traffic flows; down: how long an agent is away at most, 0: none ends. */
static void run(struct world *w, int changes, __u32 down)
{
	__u32 number = 1;

	for (int i = 0; i < MEMBERS; i++)
		start(w, i);
	publish(w, 0, any_options(w));
	ticks(w, 300);
	for (int i = 0; i < changes; i++) {
		publish(w, 0, any_options(w));
		for (__u32 t = 20 + rand_below(&w->random, 300); t; t--) {
			tick(w);
			if (number < NUMBERS && !rand_below(&w->random, 3))
				offer(w, number++);
			/* What was captured comes again. */
			offer(w, 1 + rand_below(&w->random, number - 1 ? number - 1 : 1));
			if (down && !rand_below(&w->random, 100))
				stop(w, 1 + (int)rand_below(&w->random, MEMBERS - 1), down);
		}
	}
	for (int i = 0; i < 4000 && !agreed(w); i++)
		tick(w);
	for (__u32 n = 1; n < number; n++)
		offer(w, n);
}

static void clusters(__u32 loss, __u32 down)
{
	struct world *w = malloc(sizeof(*w));
	int accepted = 0;

	for (__u64 seed = 1; seed <= 150; seed++) {
		memset(w, 0, sizeof(*w));
		w->random = seed * 0x9e3779b97f4a7c15ULL;
		w->loss = loss;
		run(w, 6, down);
		if (down < DEAD)
			cr_assert_eq(w->replays, 0, "seed %llu: %d accepted twice", seed, w->replays);
		cr_assert(agreed(w), "seed %llu: no end", seed);
		for (int n = 0; n < NUMBERS; n++)
			accepted += w->accepted[n];
	}
	free(w);
	cr_assert_gt(accepted, 150 * 50, "the clusters held all the time: %d", accepted);
}

Test(agent_change, clusters)
{
	clusters(0, 0);
}

Test(agent_change, clusters_with_loss)
{
	clusters(40, 0);
}

/* Nobody is away for so long that others do not wait for it. */
Test(agent_change, clusters_with_restarts)
{
	clusters(0, DEAD - 12 - HELLO);
}

/* What a member accepted that is dead nobody can tell: but the others go on. */
Test(agent_change, clusters_with_deaths)
{
	clusters(10, 10 * DEAD);
}

/* The same clusters without the hold: the test can tell. */
Test(agent_change, clusters_would_tell)
{
	struct world *w = calloc(1, sizeof(*w));
	int replays = 0;

	for (__u64 seed = 1; seed <= 20; seed++) {
		memset(w, 0, sizeof(*w));
		w->random = seed * 0x9e3779b97f4a7c15ULL;
		w->broken = true;
		run(w, 6, 0);
		replays += w->replays;
	}
	free(w);
	cr_assert_gt(replays, 0);
}
