// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What the kernel tells of SAs: a listing after changes that were not told, one that
 * fails, and keys that it keeps to itself; and a top that moves late.
 */
#include <string.h>

#include "edges.h"

#define PAIRS 8

static struct sa *known(struct agent *a, __u32 i, bool outbound)
{
	struct esl_sa_key key = edges_key(i, outbound);

	return sadb_find(a->sadb, &key);
}

static void begin(struct agent *a)
{
	memset(a, 0, sizeof(*a));
	edges_fill(PAIRS);
	edges_agent(a);
	for (int i = 0; i < 10; i++) {
		sadb_hello(a);
		edges_run(a, 100 * MS);
	}
}

static __u32 count_present(struct agent *a)
{
	__u32 count = 0;

	for (__u32 i = 0; i < PAIRS; i++)
		count += known(a, i, true)->present + (known(a, i, false)->present && known(a, i, false)->recorded);
	return count;
}

static void listing_row(void)
{
	static const char name[] = "kernel, a listing";
	static struct agent a;

	begin(&a);
	edges_lose(0, true);
	edges_lose(0, false);
	edges_tell(XFRM_ALL, NULL);
	judge(name, "lost, and present", known(&a, 0, true)->present + known(&a, 0, false)->recorded, 0, "SAs");
	judge(name, "there, and not present", 2 * PAIRS - 2 - (double)count_present(&a), 0, "SAs");
	edges_stop(&a);
}

static void failed_row(void)
{
	static const char name[] = "kernel, listing fails";
	static struct agent a;

	begin(&a);
	edges_broken = true;
	edges_lose(0, false);
	edges_tell(XFRM_ALL, NULL);
	judge(name, "not present any more", 2 * PAIRS - (double)count_present(&a), 0, "SAs");
	edges_broken = false;
	sadb_hello(&a);
	judge(name, "lost, and present", known(&a, 0, false)->present, 0, "SAs");
	judge(name, "there, and not present", 2 * PAIRS - 1 - (double)count_present(&a), 0, "SAs");
	edges_stop(&a);
}

/* Known ones go on: nothing says that their keys are others now. */
static void hidden_row(void)
{
	static const char name[] = "kernel, keys hidden";
	static struct agent a;
	struct kernel_sa k;

	begin(&a);
	for (int out = 0; out < 2; out++) {
		k = *edges_kernel(0, out);
		k.hidden = true;
		k.key_print ^= 1;
		edges_tell(XFRM_PRESENT, &k);
	}
	judge(name, "known, and not present", 2 * PAIRS - (double)count_present(&a), 0, "SAs");
	edges_tell(XFRM_GONE, edges_kernel(0, true));
	edges_tell(XFRM_PRESENT, &k);
	judge(name, "present", known(&a, 0, true)->present, 0, "SAs");
	k.key.spi += PAIRS;
	edges_tell(XFRM_PRESENT, &k);
	judge(name, "recorded", sadb_find(a.sadb, &k.key) != NULL, 0, "SAs");
	edges_stop(&a);
}

/* The SA falls idle with a packet of which the last part comes seconds later. */
static void late_part_row(void)
{
	static const char name[] = "kernel, a late fragment";
	static struct agent a;

	begin(&a);
	edges_pass(&a, 0, 1);
	for (int i = 0; i < 50; i++) {
		sadb_hello(&a);
		edges_run(&a, 100 * MS);
	}
	edges_pass_parts(&a, 0, 1);
	++*edges_seq(0);
	sadb_tell_active(&a);
	judge(name, "tops the kernel has not", known(&a, 0, false)->kernel.seq != 1, 0, "SAs");
	edges_stop(&a);
}

void kernel_rows(void)
{
	late_part_row();
	listing_row();
	failed_row();
	hidden_row();
}
