// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A take-over that nobody planned: which inbound SAs get a floor, and how far above what
 * others told of them.  One SA lies in the slots that are taken, the other does not.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "edges.h"

#define PAIRS 8			/* two of them in different slots by SPI */
#define TOP 5000		/* told by others, */
#define RATE 1000		/* and so many more a second */
#define SILENT_MS 200		/* nobody told anything for so long */

struct floors_row {
	const char *name;
	__u32 esp_shift;
	bool holding;
	bool touches_all;
	__u64 least, most;	/* floor of an SA in the slots that are taken, of TOP */
};

static const struct floors_row rows[] = {
	{ "floors, by number", 6, false, true, 64, 64 * MEMBERS },
	{ "floors, by SPI", ESL_BY_SPI, false, false, RATE * SILENT_MS / 1000, RATE },
	{ "floors, by SPI, held", ESL_BY_SPI, true, true, RATE * SILENT_MS / 1000, RATE },
};

static __u32 slot_of(const struct agent *a, __u32 i)
{
	struct esl_sa_key key = edges_key(i, false);
	__be32 daddr;

	memcpy(&daddr, key.daddr.byte + sizeof(key.daddr) - sizeof(daddr), sizeof(daddr));
	return esl_slot_esp(&a->pins.config->key, htonl(key.spi), daddr, 0, ESL_BY_SPI);
}

static struct sa *inbound(struct agent *a, __u32 i)
{
	struct esl_sa_key key = edges_key(i, false);

	return sadb_find(a->sadb, &key);
}

/* Another member told of all of them, twice within a second, and then no more. */
static void tell(struct agent *a)
{
	for (int times = 0; times < 2; times++) {
		clock_ns += 1000 * MS;
		for (__u32 i = 0; i < PAIRS; i++) {
			struct announced_top t = { edges_key(i, false), TOP - RATE + (__u64)times * RATE };

			sadb_heard_active(a, &t);
		}
		for (size_t i = 0; i < a->sync.count; i++)
			a->sync.others[i].announced_ns = clock_ns;
	}
	clock_ns += SILENT_MS * MS;
}

/* A planned change follows: its number is to be above the floors, too. */
static void keep_to(struct agent *a, const char *name)
{
	struct announced_top n = { edges_key(0, false), inbound(a, 0)->floor };

	sadb_take_number(a, &n);
	judge(name, "keeps to one at a floor", sadb_below_numbers(a), 0, "numbers");
	n.top++;
	sadb_take_number(a, &n);
	judge(name, "not to the one above it", !sadb_below_numbers(a), 0, "numbers");
}

static void row(const struct floors_row *r)
{
	struct takeover_slots taken = {};
	static struct agent a;
	__u32 wrong = 0, touched = 0;
	__u64 least = UINT64_MAX, most = 0, slot;

	memset(&a, 0, sizeof(a));
	edges_fill(PAIRS);
	edges_agent(&a);
	/* With the key that is all zero there is one slot. */
	for (size_t i = 0; i < sizeof(a.pins.config->key); i++)
		((__u8 *)&a.pins.config->key)[i] = (__u8)(37 * i + 11);
	for (int i = 0; i < 10; i++) {
		sadb_hello(&a);
		edges_run(&a, 100 * MS);
	}
	a.change.active.esp_shift = (__u8)r->esp_shift;
	a.change.holding = r->holding;
	tell(&a);
	slot = slot_of(&a, 0);
	taken.word[slot / 64] |= 1ULL << slot % 64;
	sadb_take_over(&a, &taken);
	for (__u32 i = 0; i < PAIRS; i++) {
		__u64 floor = inbound(&a, i)->floor;
		bool in = slot_of(&a, i) == slot;

		touched += floor > 0;
		wrong += (floor > 0) != (in || r->touches_all);
		if (!in)
			continue;
		least = floor < least ? floor : least;
		most = floor > most ? floor : most;
	}
	judge(r->name, "SAs wrongly with or without", wrong, 0, "floors");
	judge(r->name, "with a floor", touched, r->touches_all ? PAIRS : PAIRS - 1, "SAs");
	judge(r->name, "least it lacks", (double)(TOP + r->least) - (double)least, 0, "numbers");
	judge(r->name, "above what was told", (double)most - TOP, (double)r->most, "numbers");
	keep_to(&a, r->name);
	edges_stop(&a);
}

/*
 * An inbound SA is deleted and added with its key: its window is empty, and nobody else was told what it
 * had accepted.  told: the agent hears that it is gone.
 */
static void readded(const char *name, bool told)
{
	static struct agent a;
	struct kernel_sa *k;

	memset(&a, 0, sizeof(a));
	edges_fill(PAIRS);
	edges_agent(&a);
	k = edges_kernel(0, false);
	for (int i = 0; i < 10; i++) {
		edges_pass(&a, 0, TOP / 10);
		k->seq += TOP / 10;
		sadb_hello(&a);
		edges_run(&a, 100 * MS);
	}
	if (told)
		edges_tell(XFRM_GONE, k);
	k->seq = 0;
	edges_tell(XFRM_PRESENT, k);
	judge(name, "not refused of what it took", TOP - (double)inbound(&a, 0)->floor, 0, "numbers");
	judge(name, "refused beyond", (double)inbound(&a, 0)->floor - TOP, TOP / 2, "numbers");
	judge(name, "with a floor it should not have", inbound(&a, 1)->floor > 0, 0, "SAs");
	sadb_stop(&a);
	probe_stop(&a);
	sd_event_unref(a.event);
	esl_guards_close(a.pins.guards);
}

void floors_rows(void)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		row(&rows[i]);
	readded("added again", true);
	readded("added again unheard", false);
}
