// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * An outbound SA in a round that is held and that nobody acknowledges, while the others follow
 * whatever is announced: it neither uses up its numbers nor makes messages, and is to be rekeyed.
 */
#include <stdio.h>
#include <string.h>

#include "edges.h"

#define MINUTE_ROUNDS 600	/* of 100 ms */
#define REKEYS_LEAST 6		/* one each ten seconds, but for the first of them */

static void hello_for(struct agent *a, int rounds)
{
	for (int i = 0; i < rounds; i++) {
		sadb_hello(a);
		edges_run(a, 100 * MS);
	}
}

static struct sa *only(struct agent *a)
{
	struct esl_sa_key key = edges_key(0, true);

	return sadb_find(a->sadb, &key);
}

/* Another member is further on than this one may go unacknowledged. */
static void be_held(struct agent *a, struct sa *sa)
{
	struct rejoin_rule rule = sadb_rule(a);
	__u64 limit = rejoin_limit(&sa->rejoin, &rule, &sa->lanes.plan, sa->kernel.esn);
	struct announced_round r = { sa->key, sa->lanes.plan, limit + 40 };

	others_acknowledge = false;
	sadb_announced(a, 1, &r, false);
	edges_run(a, 100 * MS);
}

static void others_live(struct agent *a, bool live)
{
	for (size_t i = 0; i < a->sync.count; i++)
		a->sync.heard[i].equal = live;
}

static void row(const char *world, __u32 window, enum esl_quorum quorum)
{
	static struct agent a;
	struct sa *sa;
	__u64 held;

	memset(&a, 0, sizeof(a));
	edges_fill(0);
	edges_agent(&a);
	a.conf.peer_window = window;
	a.conf.quorum = quorum;
	a.membership.serve = SERVE_FORWARDING;
	edges_add(1);
	hello_for(&a, 100);
	sa = only(&a);
	judge(world, "not of that kind", sa->lanes.sticky != (window < 1024), 0, "SAs");
	be_held(&a, sa);
	held = sa->hold.round;
	others_live(&a, false);
	hello_for(&a, 100);
	judge(world, "rounds held after, alone", (double)(sa->hold.round - held), 0, "ten seconds");
	others_live(&a, true);
	asked = (struct asked){};
	hello_for(&a, MINUTE_ROUNDS);
	judge(world, "not held", !sa->held, 0, "SAs");
	judge(world, "rounds held after", (double)(sa->hold.round - held), 0, "a minute");
	judge(world, "messages", (double)asked.messages, 2 * MINUTE_ROUNDS, "a minute");
	judge(world, "rekeys that are missing", REKEYS_LEAST - 1 - (double)asked.rekeys, 0, "a minute");
	others_acknowledge = true;
	hello_for(&a, 10);
	judge(world, "acknowledged, and held", sa->held, 0, "SAs");
	judge(world, "rounds it is behind", (double)(held > sa->lanes.round ? held - sa->lanes.round : 0), 0, "rounds");
	edges_stop(&a);
}

void held_rows(void)
{
	row("held, spread", 1024, ESL_QUORUM_MAJORITY);
	row("held, sticky and idle", 32, ESL_QUORUM_MAJORITY);
	row("held, quorum none", 32, ESL_QUORUM_NONE);
}
