// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * New inbound SAs until their numbers follow the slot table: promote.h says what
 * holds; here it is told, heard, and written where the program sees it.
 */
#include <string.h>
#include <syslog.h>

#include "sadb.h"

#define LOOK_NS (5 * NS_PER_MS)
#define TELL_NS (20 * NS_PER_MS)	/* once more, while somebody lacks it */
#define AHEAD_NS (100 * NS_PER_MS)	/* all members know by then, and two heartbeats */
#define AT_ONCE 64			/* of which the kernel is asked in one look, or that are told: other work waits */

/* Of the plan as this member has it and as it is about to have it, from this phase on. */
static __u64 planned(const struct agent *a, enum plan_phase phase)
{
	const struct plan *p = cluster_plan(&a->membership.cluster), *own = &a->plan.plan;

	return (p->phase >= phase ? p->next.members : 0) | (own->phase >= phase ? own->next.members : 0);
}

static __u64 others_since(const struct agent *a, enum plan_phase phase)
{
	const struct membership *m = &a->membership;
	__u64 all = m->active.members | cluster_table(&m->cluster)->members | planned(a, phase);

	return all & ~(1ULL << a->conf.member);
}

/* Who may take part of an SA but for this member: by the table in force, the one that
 * is about to be, and the one that members switch to. */
static __u64 takers(const struct agent *a)
{
	return others_since(a, PLAN_SWITCH);
}

/* The same, and who prepares to. */
static __u64 others(const struct agent *a)
{
	return others_since(a, PLAN_PREPARE);
}

/* Does this member lead by another table than the first one of its cluster? */
static bool inherits(const struct agent *a)
{
	const struct cluster *c = &a->membership.cluster;
	const struct stamp *known = &c->known.stamp;

	return cluster_leader(c) == a->conf.member && known->term && (known->term != c->term || known->epoch > 1);
}

static bool is_open(const struct sa *sa)
{
	return !sa->outbound && sa->recorded && sa->present && sa->promote.state != PROMOTE_DONE;
}

/* This member leads, and does not know yet that nobody else takes the SA. */
static bool is_closed(const struct agent *a, const struct sa *sa)
{
	return a->leader && sa->promote.state != PROMOTE_DONE && !sa->leads_alone;
}

__u64 sadb_promote_floor(const struct agent *a, const struct sa *sa)
{
	if (is_closed(a, sa))
		return UINT64_MAX;
	return !a->leader && sa->promote.state == PROMOTE_AT ? sa->promote.number - 1 : 0;
}

bool sadb_promote_takes(const struct agent *a, const struct sa *sa)
{
	return a->leader && sa->leads_alone && promote_below(&sa->promote);
}

/* Record first: the program looks at it only while the flag is set, and what it then
 * takes must be what it may. */
static void rewrite(struct agent *a, struct sa *sa)
{
	if (sadb_promote_floor(a, sa) || sa->floor)
		sadb_mark_taken(a, NULL);
	sadb_write_inbound(a, sa);
}

static void set_flag(struct agent *a)
{
	const struct sa *sa = a->leader ? a->sadb->work[SA_PROMOTE].first : NULL;

	while (sa && !(is_open(sa) && sadb_promote_takes(a, sa)))
		sa = sa->next[SA_PROMOTE];
	esl_phase_lead(a->pins.config, sa);
}

/* Leader: what was taken of it elsewhere is not taken again. */
static void begin_alone(struct agent *a, struct sa *sa)
{
	if (!xfrm_read_counter(&a->xfrm, &sa->kernel)) {
		__u64 floor = sadb_unplanned_floor(a, sa);

		sa->floor = floor > sa->floor ? floor : sa->floor;
		sa->leads_alone = true;
	}
	rewrite(a, sa);
}

/* Leader: take it alone where that is safe, and only there. */
static void look_alone(struct agent *a, struct sa *sa, __u64 who)
{
	bool may = promote_may_take(&sa->promote, who) || sa->promote.step == PROMOTE_STOP;

	if (may == sa->leads_alone)
		return;
	if (may) {
		begin_alone(a, sa);
		return;
	}
	sa->leads_alone = false;
	rewrite(a, sa);
}

static struct announcement begin_message(const struct agent *a)
{
	return (struct announcement){ .kind = ESL_WIRE_PROMOTIONS, .snapshot = (__u32)(a->sadb->promote_term >> 32) };
}

static void tell_sa(struct announcement *m, struct agent *a, const struct sa *sa, struct promote_entry e)
{
	m->promotions[m->count++] = (struct announced_promotion){ sa->key, e.state, e.number };
	if (m->count < ESL_WIRE_ENTRIES_MAX)
		return;
	sync_send(a, m);
	m->count = 0;
}

static void tell_rest(struct announcement *m, struct agent *a)
{
	if (m->count)
		sync_send(a, m);
}

static void finished(struct agent *a, struct sa *sa)
{
	sa->leads_alone = false;
	a->sadb->promoted++;
	say(LOG_INFO, "inbound SA 0x%08x: all members have it and take part above number %llu", sa->key.spi,
	    sa->promote.number);
}

static bool tick(struct agent *a, struct sa *sa, __u64 who, __u64 now)
{
	struct promote_view v = { .others = who,
				  .wait = a->plan.plan.phase != PLAN_NONE,
				  .esn = sa->kernel.esn,
				  .ahead_ns = AHEAD_NS + 2 * a->conf.heartbeat_ms * NS_PER_MS };
	enum promote_step before = sa->promote.step;
	bool changed;

	if (xfrm_read_counter(&a->xfrm, &sa->kernel))
		return false;
	v.top = sa->kernel.seq > sa->heard_top ? sa->kernel.seq : sa->heard_top;
	changed = promote_tick(&sa->promote, &v, now);
	if (sa->promote.state == PROMOTE_DONE)
		finished(a, sa);
	if (changed)
		rewrite(a, sa);
	return changed || sa->promote.step != before;
}

/* Is it to be told once more? */
static bool is_due(struct sa *sa, __u64 now)
{
	if (now - sa->promote_told_ns < TELL_NS)
		return false;
	sa->promote_told_ns = now;
	return true;
}

static void look_leader(struct agent *a, __u64 now)
{
	static struct announcement m;
	struct sadb *db = a->sadb;
	__u64 who = others(a);

	m = begin_message(a);
	for (size_t n = db->work[SA_PROMOTE].count, left = AT_ONCE; n && left; n--) {
		struct sa *sa = sadb_unqueue(db, SA_PROMOTE);

		if (!is_open(sa))
			continue;
		left--;
		look_alone(a, sa, takers(a));
		if (tick(a, sa, who, now) || is_due(sa, now))
			tell_sa(&m, a, sa, promote_word(&sa->promote));
		if (is_open(sa))
			sadb_queue(db, sa, SA_PROMOTE);
	}
	tell_rest(&m, a);
	set_flag(a);
}

/* The leader may not know, or its word was lost. */
static void look_member(struct agent *a, __u64 now)
{
	static struct announcement m;
	struct sadb *db = a->sadb;

	if (a->leader_id == ESL_NO_MEMBER)
		return;
	m = begin_message(a);
	for (size_t n = db->work[SA_PROMOTE].count, left = AT_ONCE; n && left; n--) {
		struct sa *sa = sadb_unqueue(db, SA_PROMOTE);

		if (is_open(sa))
			sadb_queue(db, sa, SA_PROMOTE);
		if (!is_open(sa) || !is_due(sa, now))
			continue;
		left--;
		tell_sa(&m, a, sa, promote_answer(&sa->promote));
	}
	tell_rest(&m, a);
}

static int on_look(sd_event_source *source, uint64_t usec, void *data)
{
	struct agent *a = data;

	(void)usec;
	if (a->leader)
		look_leader(a, agent_now());
	else
		look_member(a, agent_now());
	/* Until those that are open no more have been met and dropped, too. */
	return a->sadb->work[SA_PROMOTE].count ? loop_again(source, LOOK_NS) : 0;
}

void sadb_promote_arrived(struct agent *a, struct sa *sa)
{
	bool known = sa->heard_top || sa->elsewhere;

	if (sa->arrived)
		return;
	sa->arrived = true;
	/* Where nothing is remembered, nothing can be accepted twice. */
	if (!sa->kernel.replay_window || (a->leader && !others(a)))
		return;
	/* Where nobody forwards yet, all begin by the first table. */
	if (!a->membership.active.members) {
		promote_found(&sa->promote);
		return;
	}
	promote_arrive(&sa->promote, a->leader && !known, others(a));
	sa->leads_alone = a->leader && !known;
	sa->promote_told_ns = 0;
	loop_again(a->sadb->promote, 0);
}

void sadb_promote_restored(struct sa *sa, __u64 leader_below)
{
	sa->arrived = true;
	if (leader_below)
		promote_arrive(&sa->promote, false, 0);
}

void sadb_promote_look(struct agent *a)
{
	__u64 who = takers(a);

	for (struct sa *sa = a->leader ? a->sadb->work[SA_PROMOTE].first : NULL; sa; sa = sa->next[SA_PROMOTE])
		if (is_open(sa))
			look_alone(a, sa, who);
	set_flag(a);
	if (a->sadb->work[SA_PROMOTE].count)
		loop_again(a->sadb->promote, 0);
}

static void lead(struct agent *a, struct sa *sa)
{
	promote_lead(&sa->promote, inherits(a));
	if (sa->promote.state == PROMOTE_DONE)
		return;
	sa->promote_told_ns = 0;
	rewrite(a, sa);
	sadb_promote_queue(a, sa);
}

void sadb_promote_lead(struct agent *a)
{
	esl_phase_lead(a->pins.config, false);
	a->sadb->promote_term = a->membership.cluster.term;
	for (size_t i = 0; i < a->sadb->count; i++) {
		struct sa *sa = a->sadb->all[i];

		sa->leads_alone = false;
		if (!sa->outbound)
			lead(a, sa);
	}
	sadb_promote_look(a);
}

void sadb_promote_begin(struct agent *a)
{
	bool leads = inherits(a);

	for (size_t i = 0; i < a->sadb->count; i++) {
		struct sa *sa = a->sadb->all[i];

		if (sa->promote.found && leads)
			lead(a, sa);
		promote_begin(&sa->promote);
	}
}

void sadb_promote_forget(struct agent *a, __u32 id)
{
	for (size_t i = 0; i < a->sadb->count; i++)
		promote_forget(&a->sadb->all[i]->promote, id);
	sadb_promote_look(a);
}

/* Leader: what member id answered of an SA. */
static void hear_answer(struct agent *a, __u32 id, const struct announced_promotion *p, struct announcement *reply)
{
	struct promote_entry e = { p->state, p->number };
	struct sa *sa = sadb_find(a->sadb, &p->key);

	if (!sa || sa->outbound || !sa->recorded || !sa->present)
		return;
	if (promote_answered(&sa->promote, id, &e, agent_now()))
		tell_sa(reply, a, sa, promote_word(&sa->promote));
	else if (sa->promote.step == PROMOTE_STOP)
		rewrite(a, sa);
	if (is_open(sa))
		look_alone(a, sa, takers(a));
}

static void hear_leader(struct agent *a, const struct announced_promotion *p, struct announcement *reply)
{
	struct promote_entry e = { p->state, p->number }, none = { ESL_PROMOTION_NONE, 0 };
	struct sa *sa = sadb_find(a->sadb, &p->key), not_here = { .key = p->key };

	/* What the leader took of it is not to be taken again by the next one. */
	if (p->state == ESL_PROMOTION_ASK)
		sadb_heard_active(a, &(struct announced_top){ p->key, p->number });
	if (!sa || sa->outbound || !sa->recorded || !sa->present) {
		if (p->state != ESL_PROMOTION_DONE)
			tell_sa(reply, a, &not_here, none);
		return;
	}
	if (promote_told(&sa->promote, &e)) {
		if (sa->promote.state == PROMOTE_DONE && sa->promote.number > sa->floor)
			sa->floor = sa->promote.number;
		rewrite(a, sa);
		/* The leader takes alone what was found here. */
		sadb_promote_queue(a, sa);
		loop_again(a->sadb->promote, LOOK_NS);
	}
	if (p->state != ESL_PROMOTION_DONE)
		tell_sa(reply, a, sa, promote_answer(&sa->promote));
}

void sadb_promote_heard(struct agent *a, __u32 id, const struct announcement *m)
{
	static struct announcement reply;

	if (m->snapshot != (__u32)(a->sadb->promote_term >> 32))
		return;
	reply = begin_message(a);
	for (size_t n = 0; n < m->count; n++)
		if (a->leader)
			hear_answer(a, id, &m->promotions[n], &reply);
		else if (a->leader_id == id)
			hear_leader(a, &m->promotions[n], &reply);
	tell_rest(&reply, a);
	if (a->leader)
		set_flag(a);
}

bool sadb_promote_busy(const struct agent *a)
{
	const struct sa *sa = a->sadb->work[SA_PROMOTE].first;

	while (sa && !(is_open(sa) && promote_is_busy(&sa->promote)))
		sa = sa->next[SA_PROMOTE];
	return sa;
}

bool sadb_promote_answered(const struct agent *a)
{
	const struct sa *sa = a->sadb->work[SA_PROMOTE].first;
	__u64 who = others(a);

	while (sa && (!is_open(sa) || promote_may_take(&sa->promote, who)))
		sa = sa->next[SA_PROMOTE];
	return !sa;
}

void sadb_promote_queue(struct agent *a, struct sa *sa)
{
	if (is_open(sa))
		sadb_queue(a->sadb, sa, SA_PROMOTE);
}

int sadb_promote_start(struct agent *a)
{
	int err = loop_timer(a, &a->sadb->promote, 0, on_look);

	return err < 0 ? err : sd_event_source_set_enabled(a->sadb->promote, SD_EVENT_OFF);
}
