// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Outbound SAs whose numbers end.  The last block of a lane is used up to its last
 * number, or, where this member was started anew within it, given up.  Then the
 * kernel's counter is moved to the SA's highest number: with 32-bit numbers the kernel
 * refuses from there on itself (RFC 4303 section 3.3.3), and with 64-bit ones the guard
 * refuses what lies beyond its bound.  What was assigned before may still be
 * on its way to the guard: "exhausted" is said when that is over, and nothing follows it.
 */
#include <errno.h>
#include <string.h>
#include <syslog.h>

#include "sadb.h"

#define DRAIN_NS (10 * NS_PER_MS)	/* what was assigned before has met the guard */

void sadb_end(struct agent *a, struct sa *sa)
{
	__u64 max = esl_number_max(sa->kernel.esn);
	int err = 0;

	/* Deleted and added again it counts from the start. */
	if (sa->kernel.oseq < max) {
		err = xfrm_write_counter(&a->xfrm, &sa->kernel, max);
		sa->ended_ns = agent_now();
	}
	if (err && err != -ESRCH)
		say(LOG_ERR, "SA 0x%08x: its counter cannot be moved to the end: %s", sa->key.spi, strerror(-err));
	sadb_queue(a->sadb, sa, SA_LAST);
}

static void say_exhausted(struct sa *sa)
{
	if (sa->silent != REJOIN_EXHAUSTED)
		say(LOG_ERR, "SA 0x%08x: silent: %s", sa->key.spi, rejoin_sentence(REJOIN_EXHAUSTED));
	sa->silent = REJOIN_EXHAUSTED;
}

/* One look at an SA in its last block. Returns whether another one is needed. */
static bool look(struct agent *a, struct sa *sa)
{
	__u64 max = esl_number_max(sa->kernel.esn), spent;
	bool ended = sa->lanes.ended;

	if (xfrm_read_counter(&a->xfrm, &sa->kernel))
		return true;
	if (ended && sa->kernel.oseq >= max) {
		if (agent_now() - sa->ended_ns < DRAIN_NS)
			return true;
		say_exhausted(sa);
		return false;
	}
	spent = sadb_assigned(a, sa);
	if (!ended && lane_fit(&sa->lanes, &(struct lane_jump){ .round = UINT64_MAX }, spent, max) != LANE_END)
		return true;
	sadb_end(a, sa);
	return true;
}

void sadb_find_ended(struct agent *a)
{
	struct sadb *db = a->sadb;

	for (size_t left = db->work[SA_LAST].count; left; left--) {
		struct sa *sa = sadb_unqueue(db, SA_LAST);

		/* One that comes back, or gets another key, is opened anew. */
		if (sa->present && sa->recorded && (sa->lanes.last || sa->lanes.ended) && look(a, sa))
			sadb_queue(db, sa, SA_LAST);
	}
}
