// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "status_sa.h"

#include <arpa/inet.h>
#include <stdio.h>

static json_t *text_of(const struct esl_addr *addr)
{
	char text[INET6_ADDRSTRLEN];

	if (addr->byte[10] == 0xff && addr->byte[11] == 0xff)
		inet_ntop(AF_INET, &addr->byte[12], text, sizeof(text));
	else
		inet_ntop(AF_INET6, addr->byte, text, sizeof(text));
	return json_string(text);
}

/* Whether all members send an SA's packets or one, and the sentence why. */
static void add_dispatch(const struct agent *a, const struct sa *sa, json_t *o)
{
	bool by_scheme = a->change.active.scheme == ESL_SCHEME_SA;
	unsigned long long need = esl_lane_spread(&a->conf.lanes);
	char why[160];

	if (sa->lanes.sticky)
		snprintf(why, sizeof(why),
			 "the peer's window of %u is smaller than 3 * L * K = %llu: one member sends all packets",
			 sa->window, need);
	else if (by_scheme)
		snprintf(why, sizeof(why), "the inside scheme is sa: one member sends all packets");
	else
		snprintf(why, sizeof(why), "the peer's window of %u was not smaller than 3 * L * K: all members send",
			 sa->window);
	json_object_set_new(o, "dispatch", json_string(sa->lanes.sticky || by_scheme ? "sticky" : "spread"));
	json_object_set_new(o, "dispatch_why", json_string(why));
	json_object_set_new(o, "window", json_integer(sa->window));
}

static void add_audit(const struct sa *sa, json_t *o)
{
	const struct sa_audit *u = sa->audit;

	if (!u || !sa->present)
		return;
	json_object_set_new(o, "iv_audit", json_string(salt_name(u->book.state)));
	json_object_set_new(o, "iv_audit_why", json_string(salt_sentence(u->book.state)));
	json_object_set_new(o, "iv_salts", json_integer((json_int_t)u->book.count));
	json_object_set_new(o, "iv_redraws", json_integer((json_int_t)u->redraws));
}

static void add_lanes(const struct agent *a, const struct sa *sa, json_t *o)
{
	const struct esl_guard *g;

	if (sa->present && sa->lanes.plan.lanes)
		add_dispatch(a, sa, o);
	json_object_set_new(o, "started", json_boolean(sa->lanes.started));
	json_object_set_new(o, "silent", json_string(rejoin_name(sa->silent)));
	json_object_set_new(o, "silent_why", json_string(rejoin_sentence(sa->silent)));
	json_object_set_new(o, "outlived", json_integer((json_int_t)sa->outlived));
	json_object_set_new(o, "rekeys_asked", json_integer((json_int_t)sa->rekeys));
	json_object_set_new(o, "lanes", json_integer(sa->lanes.plan.lanes));
	json_object_set_new(o, "block", json_integer((json_int_t)esl_block_size(&sa->lanes.plan)));
	json_object_set_new(o, "round", json_integer((json_int_t)sa->lanes.round));
	json_object_set_new(o, "cluster_round", json_integer((json_int_t)sa->lanes.ahead));
	json_object_set_new(o, "last_block", json_boolean(sa->lanes.last && !sa->lanes.ended));
	json_object_set_new(o, "aside", json_boolean(sa->lanes.sticky && sa->lanes.aside));
	json_object_set_new(o, "jumps", json_integer((json_int_t)sa->jumps));
	json_object_set_new(o, "late_jumps", json_integer((json_int_t)sa->late));
	json_object_set_new(o, "jump_us_max", json_integer((json_int_t)(sa->jump_ns_max / 1000)));
	add_audit(sa, o);
	if (!sa->recorded)
		return;
	g = guard_of(a, sa);
	json_object_set_new(o, "passed", json_integer((json_int_t)g->passed));
	json_object_set_new(o, "top", json_integer((json_int_t)g->top));
	json_object_set_new(o, "bound", json_integer((json_int_t)g->bound));
}

static void add_inbound(const struct sa *sa, json_t *o)
{
	static const char *const names[] = { [PROMOTE_DONE] = "done", [PROMOTE_NEW] = "new", [PROMOTE_AT] = "at" };

	json_object_set_new(o, "floor", json_integer((json_int_t)sa->floor));
	json_object_set_new(o, "shut", json_boolean(sa->shut));
	json_object_set_new(o, "promotion", json_string(names[sa->promote.state]));
	json_object_set_new(o, "promotion_number", json_integer((json_int_t)sa->promote.number));
	json_object_set_new(o, "leads_alone", json_boolean(sa->leads_alone));
}

json_t *status_sa(const struct agent *a, const struct sa *sa)
{
	json_t *o = json_object();
	char spi[16];

	snprintf(spi, sizeof(spi), "0x%08x", sa->key.spi);
	json_object_set_new(o, "direction", json_string(sa->outbound ? "out" : "in"));
	json_object_set_new(o, "spi", json_string(spi));
	json_object_set_new(o, "daddr", text_of(&sa->key.daddr));
	json_object_set_new(o, "protocol", json_string(sa->key.protocol == ESL_IPPROTO_AH ? "ah" : "esp"));
	json_object_set_new(o, "in_kernel", json_boolean(sa->present));
	json_object_set_new(o, "record", json_boolean(sa->recorded));
	if (sa->present) {
		json_object_set_new(o, "esn", json_boolean(sa->kernel.esn));
		json_object_set_new(o, "replay_window", json_integer(sa->kernel.replay_window));
	}
	if (sa->outbound)
		add_lanes(a, sa, o);
	else
		add_inbound(sa, o);
	return o;
}
