// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Inbound SAs in a planned change: the number from which each follows the next
 * table.  switch.h says what holds, plan.c who says what when.
 */
#include <errno.h>
#include <string.h>
#include <syslog.h>

#include "sadb.h"
#include "switching.h"

#define RATE_FRESH_NS (500 * NS_PER_MS)	/* an SA without packets for so long is idle */

/* What this member authenticated, or another one may have in slots that it took over. */
static __u64 own_top(const struct sa *sa)
{
	return sa->kernel.seq > sa->floor ? sa->kernel.seq : sa->floor;
}

/* The highest number that any member may have authenticated, as far as is known here. */
static __u64 known_top(const struct sa *sa)
{
	return own_top(sa) > sa->heard_top ? own_top(sa) : sa->heard_top;
}

static __u64 known_rate(const struct sa *sa, __u64 now)
{
	__u64 own = now - sa->told_ns < RATE_FRESH_NS ? sa->rate : 0;
	__u64 heard = now - sa->heard_ns < RATE_FRESH_NS ? sa->heard_rate : 0;

	return own > heard ? own : heard;
}

/* Without a replay window nothing is remembered, and nothing can be accepted twice.
 * A new SA is the leader's, whatever the table. */
static bool has_number(const struct sa *sa)
{
	return !sa->outbound && sa->recorded && sa->present && sa->kernel.replay_window &&
	       sa->promote.state == PROMOTE_DONE;
}

int sadb_choose_numbers(struct agent *a, __u64 ahead_ns)
{
	struct sadb *db = a->sadb;
	__u64 now = agent_now(), at;
	int err = sadb_read_seqs(a);

	if (err)
		return err;
	db->number_count = 0;
	for (size_t i = 0; i < db->count && db->number_count < ESL_SA_MAX; i++) {
		struct sa *sa = db->all[i];

		if (!has_number(sa))
			continue;
		at = switching_number(known_top(sa), known_rate(sa, now), ahead_ns, sa->kernel.esn);
		db->numbers[db->number_count++] =
			(struct announced_top){ sa->key, at > sa->switch_at ? at : sa->switch_at };
	}
	return 0;
}

void sadb_take_number(struct agent *a, const struct announced_top *n)
{
	struct sa *sa = sadb_find(a->sadb, &n->key);

	if (!sa || sa->outbound || sa->switch_at >= n->top)
		return;
	sa->switch_at = n->top;
	sadb_write_inbound(a, sa);
}

bool sadb_below_numbers(struct agent *a)
{
	struct sadb *db = a->sadb;
	bool below = !sadb_read_seqs(a);

	for (size_t i = 0; i < db->count && below; i++)
		below = db->all[i]->outbound || !db->all[i]->switch_at ||
			own_top(db->all[i]) < db->all[i]->switch_at;
	return below;
}

void sadb_tell_beyond(struct agent *a)
{
	static struct announcement m;
	struct sadb *db = a->sadb;

	m = (struct announcement){ .kind = ESL_WIRE_ACTIVE };
	for (size_t i = 0; i < db->count && m.count < ESL_WIRE_ENTRIES_MAX; i++)
		if (!db->all[i]->outbound && db->all[i]->switch_at && own_top(db->all[i]) >= db->all[i]->switch_at)
			m.tops[m.count++] = (struct announced_top){ db->all[i]->key, own_top(db->all[i]) };
	if (m.count)
		sync_send(a, &m);
}

bool sadb_numbers_stand(const struct agent *a)
{
	const struct sadb *db = a->sadb;

	for (size_t i = 0; i < db->count; i++)
		if (!db->all[i]->outbound && db->all[i]->switch_at &&
		    known_top(db->all[i]) >= db->all[i]->switch_at)
			return false;
	return true;
}

bool sadb_past_numbers(struct agent *a)
{
	struct sadb *db = a->sadb;
	bool past = !sadb_read_seqs(a);

	for (size_t i = 0; i < db->count && past; i++)
		past = !has_number(db->all[i]) || known_top(db->all[i]) + 1 >= db->all[i]->switch_at;
	return past;
}

static bool is_short(const struct sa *sa)
{
	return has_number(sa) && known_top(sa) + 1 < sa->switch_at;
}

void sadb_stop_below(struct agent *a, const struct takeover_slots *lost)
{
	sadb_mark_taken(a, lost);
	for (size_t i = 0; i < a->sadb->count; i++) {
		struct sa *sa = a->sadb->all[i];

		if (!is_short(sa))
			continue;
		sa->stopped = true;
		sadb_write_inbound(a, sa);
	}
}

void sadb_tell_stopped(struct agent *a)
{
	static struct announcement m;
	struct sadb *db = a->sadb;
	size_t stopped = 0;

	if (sadb_read_seqs(a))
		return;
	for (size_t i = 0; i < db->count; i++)
		stopped += db->all[i]->stopped;
	m = (struct announcement){ .kind = ESL_WIRE_ACTIVE, .flags = ESL_WIRE_STOPPED, .pages = pages_of(stopped) };
	/* Which ones are stopped, and their order, stay the same until the plan ends. */
	for (size_t i = 0; i < db->count; i++) {
		if (!db->all[i]->stopped)
			continue;
		if (m.count == ESL_WIRE_ENTRIES_MAX) {
			sync_send(a, &m);
			m.page++;
			m.count = 0;
		}
		m.tops[m.count++] = (struct announced_top){ db->all[i]->key, known_top(db->all[i]) };
	}
	sync_send(a, &m);
}

void sadb_switch_floors(struct agent *a, bool stopped)
{
	sadb_read_seqs(a);
	for (size_t i = 0; i < a->sadb->count; i++) {
		struct sa *sa = a->sadb->all[i];
		__u64 floor = sa->switch_at - 1;

		if (sa->outbound || !sa->recorded || sadb_promote_takes(a, sa))
			continue;
		/* It came when numbers had been chosen. */
		if (!sa->switch_at)
			floor = sadb_unplanned_floor(a, sa);
		else if (sa->stopped && stopped)
			floor = known_top(sa);
		sa->stopped = false;
		if (floor > sa->floor)
			sa->floor = floor;
		sadb_write_inbound(a, sa);
	}
}

void sadb_forget_numbers(struct agent *a)
{
	for (size_t i = 0; i < a->sadb->count; i++) {
		struct sa *sa = a->sadb->all[i];

		if (sa->outbound || !sa->switch_at)
			continue;
		sa->switch_at = 0;
		sa->stopped = false;
		sadb_write_inbound(a, sa);
	}
}
