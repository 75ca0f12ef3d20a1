// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Inbound SAs: their records, the tops that members tell each other, floors. */
#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>
#include <syslog.h>

#include "sadb.h"

#define FLOORS_AT_ONCE 64

/*
 * The kernel knows the low half of a number only and takes it for the one
 * nearest to its own top.  Where that lies more than 2^31 below the floor, an
 * old packet would look new to the program and be taken for itself by the
 * kernel: nothing is accepted before the SA is rekeyed.
 */
static bool is_shut(struct agent *a, struct sa *sa)
{
	if (!sa->kernel.esn || sa->floor <= sa->kernel.seq || sa->floor - sa->kernel.seq < 1U << 31)
		return false;
	/* It may have gone on since it was read. */
	return xfrm_read_counter(&a->xfrm, &sa->kernel) || sa->floor <= sa->kernel.seq ||
	       sa->floor - sa->kernel.seq >= 1U << 31;
}

static int write_record(struct agent *a, struct sa *sa)
{
	bool shut = is_shut(a, sa);
	struct esl_sa_in in = { .index = sa->index,
				.floor_set = !!sa->floor,
				.floor = shut ? UINT64_MAX : sa->floor };

	if (shut)
		say(LOG_ERR, "inbound SA 0x%08x: others are more than 2^31 numbers ahead: nothing is accepted before it is rekeyed",
		    sa->key.spi);

	return bpf_map_update_elem(a->pins.sa_in, &sa->key, &in, BPF_ANY);
}

/* A floor is never lowered, but taken off when it has no work left. */
static void set_floor(struct agent *a, struct sa *sa, __u64 floor)
{
	int err;

	if (sa->floor == floor)
		return;
	sa->floor = floor;
	err = sa->recorded ? write_record(a, sa) : 0;
	if (err)
		say(LOG_ERR, "inbound SA 0x%08x: its floor cannot be written: %s", sa->key.spi, strerror(-err));
}

static __u64 max64(__u64 x, __u64 y)
{
	return x > y ? x : y;
}

void sadb_open_inbound(struct agent *a, struct sa *sa)
{
	int err;

	if (sa->recorded)
		return;
	/* What was told before the kernel had the SA, or had it before: an IKE daemon
	 * deletes and adds it with the same key when an address changes. */
	sa->floor = max64(sa->floor, sa->heard_top);
	err = sadb_take_index(a->sadb, sa);
	if (!err)
		err = write_record(a, sa);
	if (err)
		say(LOG_ERR, "inbound SA 0x%08x: no record: %s", sa->key.spi, strerror(-err));
	else
		sa->recorded = true;
}

void sadb_close_inbound(struct agent *a, struct sa *sa)
{
	if (!sa->recorded)
		return;
	bpf_map_delete_elem(a->pins.sa_in, &sa->key);
	a->sadb->in_used[sa->index] = false;
	sa->recorded = false;
}

void sadb_new_key(struct sa *sa)
{
	sa->floor = sa->heard_top = sa->heard_epoch = 0;
}

static void on_top(void *data, enum xfrm_change change, const struct kernel_sa *k)
{
	struct agent *a = data;
	struct sadb *db = a->sadb;
	struct sa *sa;

	if (change != XFRM_PRESENT || db->top_count == ESL_SA_MAX)
		return;
	sa = sadb_find(db, &k->key);
	if (!sa || sa->outbound || !sa->recorded)
		return;
	sa->kernel.seq = k->seq;
	/* What is refused already must be refused by all. */
	db->tops[db->top_count++] = (struct announced_top){ sa->key, max64(k->seq, sa->floor) };
}

int sadb_read_tops(struct agent *a)
{
	a->sadb->top_count = 0;
	return xfrm_list(&a->xfrm, on_top, a);
}

void sadb_heard_top(struct agent *a, const struct announced_top *t, __u32 epoch, bool raise)
{
	struct sa *sa = t->top ? sadb_find_or_add(a->sadb, &t->key) : NULL;

	if (!sa || sa->outbound)
		return;
	sa->heard_epoch = epoch;
	sa->heard_top = max64(sa->heard_top, t->top);
	if (raise && sa->recorded)
		set_floor(a, sa, max64(sa->floor, sa->heard_top));
}

/* This member's own top is no part of it: its kernel knows what it accepted. */
void sadb_set_floors(struct agent *a, __u32 epoch)
{
	for (size_t i = 0; i < a->sadb->count; i++) {
		struct sa *sa = a->sadb->all[i];

		if (!sa->outbound && sa->recorded && sa->heard_epoch == epoch)
			set_floor(a, sa, max64(sa->floor, sa->heard_top));
	}
}

/*
 * The kernel refuses what lies a window below its own top.  A floor that lies
 * there has no work left, and must go in time: the program knows the low half
 * of a number only, and takes one that is 2^31 above the floor for one below.
 */
void sadb_clear_floors(struct agent *a)
{
	struct sadb *db = a->sadb;

	for (size_t i = 0, n = 0; i < db->count && n < FLOORS_AT_ONCE; i++) {
		struct sa *sa = db->all[db->floor_page++ % db->count];

		if (!sa->floor || !sa->recorded || !sa->present)
			continue;
		n++;
		if (!xfrm_read_counter(&a->xfrm, &sa->kernel) && sa->kernel.replay_window &&
		    sa->kernel.seq >= sa->floor + sa->kernel.replay_window)
			set_floor(a, sa, 0);
	}
}
