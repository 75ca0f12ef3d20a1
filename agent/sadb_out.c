// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Outbound SAs: their records, jumps and rounds. */
#include <bpf/bpf.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <syslog.h>

#include "sadb.h"

/* An SA without packets for this long may catch up in one jump. */
#define IDLE_NS (200 * NS_PER_MS)

static void mark_dirty(struct agent *a, struct sa *sa)
{
	if (!sa->dirty)
		a->sadb->dirty++;
	sa->dirty = true;
	sadb_queue(a->sadb, sa, SA_ANNOUNCE);
	sync_announce(a);
}

__u64 sadb_assigned(const struct agent *a, const struct sa *sa)
{
	const struct esl_guard *g = guard_of(a, sa);

	if (sa->recorded && sa->kernel.oseq < esl_load(&g->top))
		return esl_load(&g->bound);
	return sa->kernel.oseq;
}

/* Announce a round that may not be used yet. */
static void hold(struct agent *a, struct sa *sa, __u64 round)
{
	if (sa->held)
		held_raise(&sa->hold, round);
	else
		held_begin(&sa->hold, round, agent_now());
	a->sadb->held += !sa->held;
	sa->held = true;
	sa->silent = REJOIN_UNACKNOWLEDGED;
	mark_dirty(a, sa);
}

void sadb_look_at_held(struct agent *a)
{
	struct sadb *db = a->sadb;
	__u64 now = agent_now();

	if (!db->held || a->membership.serve != SERVE_FORWARDING)
		return;
	for (size_t i = 0; i < db->count; i++) {
		struct sa *sa = db->all[i];

		if (sa->held && sa->recorded && sa->present && held_is_stuck(&sa->hold, now))
			sadb_want_rekey(a, sa);
	}
}

/* It goes on when it is acknowledged, or others are beyond it. */
static bool holds_still(const struct sa *sa)
{
	return sa->held && !held_is_passed(&sa->hold, sa->lanes.ahead);
}

static void fail(struct sa *sa, enum rejoin why, __u64 oseq, int err)
{
	if (sa->silent != why)
		say(LOG_ERR, "SA 0x%08x: no jump to %" PRIu64 ": %s%s%s", sa->key.spi, (uint64_t)oseq,
		    rejoin_sentence(why), err ? ": " : "", err ? strerror(-err) : "");
	sa->silent = why;
}

static bool is_stuck(const struct sa *sa)
{
	return sa->silent == REJOIN_KERNEL || sa->silent == REJOIN_EXHAUSTED || sa->rejoin.lapsed;
}

/*
 * Move the kernel's counter into round or a later one.  The bound is raised
 * before, so that no number of the block is refused; the counter is read back
 * after, because the kernel acknowledges what it ignores.
 */
static void jump(struct agent *a, struct sa *sa, __u64 round)
{
	struct esl_guard *g = guard_of(a, sa);
	__u64 begin = agent_now(), took, spent;
	struct rejoin_rule rule = sadb_rule(a);
	enum lane_fit fit;
	struct lane_jump j;
	bool stood;
	int err;

	/* The rounds from here to where it will begin may be another life's. */
	if (sa->rejoin.lapsed)
		return;
	err = xfrm_read_counter(&a->xfrm, &sa->kernel);
	sadb_queue(a->sadb, sa, SA_SPENT);
	if (err) {
		sa->present = err != -ESRCH && sa->present;
		return;
	}
	spent = sadb_assigned(a, sa);
	j = lane_jump_to(&sa->lanes, round > sa->rejoin.least ? round : sa->rejoin.least, spent);
	fit = lane_fit(&sa->lanes, &j, spent, esl_number_max(sa->kernel.esn));
	if (fit == LANE_END) {
		a->sadb->held -= sa->held;
		sa->held = false;
		sadb_end(a, sa);
	}
	if (fit != LANE_JUMP)
		return;
	if (j.round >= rejoin_limit(&sa->rejoin, &rule, &sa->lanes.plan, sa->kernel.esn)) {
		hold(a, sa, j.round);
		return;
	}
	if (sa->lanes.started && spent > esl_lane_last(&sa->lanes.plan, sa->lanes.round, sa->lanes.lane))
		sa->late++;
	if (j.bound > esl_load(&g->bound))
		esl_store(&g->bound, j.bound);
	err = xfrm_write_counter(&a->xfrm, &sa->kernel, j.oseq);
	if (!err)
		err = xfrm_read_counter(&a->xfrm, &sa->kernel);
	if (err || sa->kernel.oseq < j.oseq) {
		fail(sa, REJOIN_KERNEL, j.oseq, err);
		return;
	}
	stood = sa->silent != REJOIN_OPEN;
	sa->silent = REJOIN_OPEN;
	a->sadb->held -= sa->held;
	sa->held = false;
	lane_jumped(&sa->lanes, &j);
	if (sa->lanes.last)
		sadb_queue(a->sadb, sa, SA_LAST);
	if (stood)
		probe_open(a, sa);
	sa->jumps++;
	took = agent_now() - begin;
	if (took > sa->jump_ns_max)
		sa->jump_ns_max = took;
	mark_dirty(a, sa);
}

/* The record is complete before it can be found: guard first, then the key. */
static int record_outbound(struct agent *a, struct sa *sa, __u64 round)
{
	struct esl_sa_out out = {
		.lane = sa->lanes.lane,
		.lanes = sa->lanes.plan,
		.esn = sa->kernel.esn,
		.print = sa->kernel.key_print,
	};
	int err = sadb_take_index(a->sadb, sa);

	if (err)
		return err;
	out.index = sa->index;
	esl_guard_init(guard_of(a, sa), &sa->lanes.plan, sa->lanes.lane,
		       esl_lane_first(&sa->lanes.plan, round, sa->lanes.lane));
	err = probe_record(a, sa, guard_of(a, sa));
	if (!err)
		err = bpf_map_update_elem(a->pins.sa_out, &sa->key, &out, BPF_NOEXIST);
	if (err) {
		sadb_give_index(a->sadb, sa);
		return err;
	}
	sa->recorded = true;
	sa->print = out.print;
	rejoin_recorded(&sa->rejoin, agent_now());
	sadb_acknowledge(a, sa);
	return 0;
}

static __u32 listed_window(const struct esl_conf *c, const struct esl_addr *peer)
{
	for (size_t i = 0; i < c->peer_count; i++)
		if (esl_addr_equal(&c->peers[i].addr, peer))
			return c->peers[i].window;
	return 0;
}

/*
 * The plan of a new SA follows from its peer's window, of which all members
 * must know the same.  A plan from a record or an announcement stays; then the
 * window is only told.  False: members that can be heard know other windows.
 */
static bool choose_plan(struct agent *a, struct sa *sa)
{
	struct esl_lanes *plan = &sa->lanes.plan;

	sa->window = lane_window(listed_window(&a->conf, &sa->key.daddr), a->conf.peer_window,
				 sa->kernel.replay_window);
	if (!plan->lanes) {
		a->sadb->waiting |= sync_windows_differ(a);
		if (a->sadb->waiting)
			return false;
		*plan = lane_plan(&a->conf.lanes, sa->window);
	}
	if (!sa->recorded || !sa->lanes.started)
		sa->lanes.sticky = lane_plan_is_sticky(plan, &a->conf.lanes, sa->window);
	if (sa->lanes.sticky)
		sadb_queue(a->sadb, sa, SA_SENDERS);
	return true;
}

static void say_silent(struct sa *sa, enum rejoin why)
{
	if (sa->silent != why && why != REJOIN_ASKING && why != REJOIN_OPEN)
		say(LOG_WARNING, "SA 0x%08x: silent: %s", sa->key.spi, rejoin_sentence(why));
	sa->silent = why;
}

/*
 * What lies between may be another life's: from now on the guard refuses it, also
 * where the agent starts again before it has come to the round, or the others have acknowledged that.
 */
static void begin_anew(struct agent *a, struct sa *sa, __u64 round)
{
	__u64 first = esl_lane_first(&sa->lanes.plan, round, sa->lanes.lane);

	if (first > esl_load(&guard_of(a, sa)->first))
		esl_store(&guard_of(a, sa)->first, first);
}

/*
 * The round to begin in without a record, or anew.  False: not now; then it is asked for,
 * or announced and waited for.
 */
static bool choose_round(struct agent *a, struct sa *sa, __u64 *round)
{
	struct rejoin_rule rule = sadb_rule(a);
	enum rejoin before = sa->silent, why;
	bool held = false;

	if (sa->held) {
		*round = sa->hold.round;
		return rejoin_is_acknowledged(&sa->rejoin, &rule, sa->hold.round);
	}
	/* Who is refused for its id hears nobody who could tell, and the other holder sends. */
	why = secure_is_refused(a) ? REJOIN_ASKING :
				   rejoin_begin(&sa->rejoin, &rule, sadb_living(a), &sa->lanes.plan, sa->kernel.esn, round, &held);
	if (why == REJOIN_ASKING && sa->rejoin.lapsed)
		why = REJOIN_OUTLIVED;
	say_silent(sa, why);
	if (why == REJOIN_ASKING && before != REJOIN_ASKING)
		sadb_ask_soon(a);
	if (why != REJOIN_OPEN)
		return false;
	if (*round < lane_start_round(&sa->lanes, sa->kernel.oseq))
		*round = lane_start_round(&sa->lanes, sa->kernel.oseq);
	if (sa->recorded)
		begin_anew(a, sa, *round);
	if (held)
		hold(a, sa, *round);
	return !held;
}

/* Bring an outbound SA into its lane, once the cluster agreed on its values. */
void sadb_open_outbound(struct agent *a, struct sa *sa)
{
	__u64 round = 0;
	int err = 0;

	/* A record of its own would let the numbers that it had at another address pass again. */
	if (!sa->present || !a->join.joined || !sadb_identify(a, sa) || !choose_plan(a, sa))
		return;
	sa->lanes.lane = a->conf.member;
	if (sa->lanes.lane >= sa->lanes.plan.lanes) {
		say_silent(sa, REJOIN_NO_LANE);
		return;
	}
	if (sa->recorded && !sa->rejoin.lapsed) {
		round = lane_round_beyond(&sa->lanes, sadb_assigned(a, sa));
	} else if (choose_round(a, sa, &round)) {
		err = sa->recorded ? 0 : record_outbound(a, sa, round);
		rejoin_resumed(&sa->rejoin, round);
	} else {
		sadb_queue(a->sadb, sa, SA_WAIT);
		return;
	}
	if (err) {
		say(LOG_ERR, "SA 0x%08x: no record: %s", sa->key.spi, strerror(-err));
		return;
	}
	jump(a, sa, round > sa->lanes.ahead ? round : sa->lanes.ahead);
	probe_open(a, sa);
	policy_changed(a);
}

void sadb_go_on(struct agent *a, struct sa *sa)
{
	struct rejoin_rule rule = sadb_rule(a);

	if (!sa->recorded || sa->rejoin.lapsed) {
		sadb_open_outbound(a, sa);
		return;
	}
	esl_store(&guard_of(a, sa)->acked, rejoin_acked(&sa->rejoin, &rule));
	if (sa->held && sa->present)
		jump(a, sa, sa->hold.round);
}

void sadb_leave_probed(struct agent *a, struct sa *sa)
{
	const struct esl_lanes *plan = &sa->lanes.plan;
	__u64 half = esl_lane_first(plan, sa->lanes.round, sa->lanes.lane) + esl_block_size(plan) / 2;

	if (!xfrm_read_counter(&a->xfrm, &sa->kernel) && sadb_assigned(a, sa) >= half)
		jump(a, sa, sa->lanes.round + 1);
}

/* The guard tells of a block that is partly used or of a drop. */
void sadb_on_guard_event(struct agent *a, const struct esl_event *e)
{
	struct sa *sa = e->index < ESL_SA_MAX ? a->sadb->out[e->index] : NULL;
	__u64 round;

	if (!sa || !sa->present)
		return;
	if (e->kind == ESL_EVENT_SALT) {
		probe_seen(a, sa, e->seq);
		return;
	}
	if (e->kind == ESL_EVENT_USED) {
		lane_pace(&sa->pace, esl_load(&guard_of(a, sa)->passed), agent_now());
		if (lane_on_used(&sa->lanes, e->seq, sa->pace.rate, &round))
			jump(a, sa, round);
		return;
	}
	if (!xfrm_read_counter(&a->xfrm, &sa->kernel) &&
	    lane_on_drop(&sa->lanes, sadb_assigned(a, sa), &round))
		jump(a, sa, round);
}

static bool is_idle(struct agent *a, struct sa *sa, __u64 now)
{
	__u64 passed = esl_load(&guard_of(a, sa)->passed);

	if (passed != sa->passed_seen)
		sa->active_ns = now;
	sa->passed_seen = passed;
	return now - sa->active_ns > IDLE_NS;
}

/* One round for every SA that is behind; again in the next turn of the loop. */
int sadb_on_step(sd_event_source *source, void *data)
{
	struct agent *a = data;
	struct sadb *db = a->sadb;
	__u64 now = agent_now(), round;

	for (size_t left = db->work[SA_STEP].count; left; left--) {
		struct sa *sa = sadb_unqueue(db, SA_STEP);

		if (sa->present && sa->recorded && !is_stuck(sa) && !holds_still(sa) &&
		    lane_step(&sa->lanes, is_idle(a, sa, now), &round))
			jump(a, sa, round);
		/* One that is held goes on when it is acknowledged. */
		if (sa->present && !is_stuck(sa) && !sa->held && lane_is_behind(&sa->lanes))
			sadb_queue(db, sa, SA_STEP);
	}
	return sd_event_source_set_enabled(source, db->work[SA_STEP].count ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
}

int sadb_announced(struct agent *a, __u32 from, const struct announced_round *r, bool wanted)
{
	struct sa *sa = sadb_find_or_add(a->sadb, &r->key), *holder;
	struct rejoin_rule rule = sadb_rule(a);
	__u64 allowance;

	if (!sa)
		return -ENOMEM;
	if (sa->present && !sa->outbound)
		return -EPROTO;
	holder = sa->outbound && sa->recorded ? a->sadb->out[sa->index] : sa;
	if (!sa->lanes.plan.lanes)
		sa->lanes.plan = r->lanes;
	sa->outbound = true;
	if (memcmp(&sa->lanes.plan, &r->lanes, sizeof(r->lanes)))
		return -EPROTO;
	allowance = rejoin_allowance(&rule, &r->lanes, sa->kernel.esn);
	rejoin_announced(&sa->rejoin, from, r->round, sa->recorded, wanted, allowance);
	/* The peer has another address here: what is acknowledged for this one will be asked for there. */
	if (holder != sa)
		rejoin_announced(&holder->rejoin, from, r->round, true, false, allowance);
	if (sa->rejoin.due | sa->rejoin.refused)
		sadb_acknowledge(a, sa);
	if (lane_on_announced(&sa->lanes, r->round)) {
		sadb_queue(a->sadb, sa, SA_STEP);
		sd_event_source_set_enabled(a->sadb->step, SD_EVENT_ONESHOT);
	}
	return 0;
}

void sadb_announce_all(struct agent *a)
{
	struct sadb *db = a->sadb;

	for (size_t i = 0; i < db->count; i++)
		if (db->all[i]->lanes.started || db->all[i]->held)
			mark_dirty(a, db->all[i]);
}

void sadb_find_senders(struct agent *a)
{
	__u64 now = agent_now(), top, round;

	for (size_t left = a->sadb->work[SA_SENDERS].count; left; left--) {
		struct sa *sa = sadb_unqueue(a->sadb, SA_SENDERS);

		/* Its plan may have become another one while it had no record. */
		if (!sa->lanes.sticky)
			continue;
		sadb_queue(a->sadb, sa, SA_SENDERS);
		if (!sa->present || !sa->recorded || holds_still(sa))
			continue;
		top = esl_load(&guard_of(a, sa)->top);
		if (lane_took_over(&sa->lanes, top))
			mark_dirty(a, sa);
		if (lane_stands_by(&sa->lanes, top, is_idle(a, sa, now), &round))
			jump(a, sa, round);
	}
}

static void put_round(struct agent *a, struct sa *sa, struct announcement *m)
{
	__u64 top = sa->recorded ? esl_load(&guard_of(a, sa)->top) : 0;
	__u64 round = sa->held ? sa->hold.round : lane_announced(&sa->lanes, top);
	struct rejoin_rule rule = sadb_rule(a);
	struct sadb *db = a->sadb;

	db->dirty -= sa->dirty;
	sa->dirty = false;
	/* It is in none. */
	if (sa->rejoin.lapsed && !sa->held)
		return;
	/* One that stands aside in the round where it begins is not to be taken for the life before. */
	if (round < sa->rejoin.least)
		round = sa->rejoin.least;
	m->rounds[m->count++] = (struct announced_round){ sa->key, sa->lanes.plan, round };
	if (!rejoin_is_acknowledged(&sa->rejoin, &rule, round))
		m->flags |= ESL_WIRE_WANTED;
}

void sadb_collect(struct agent *a, struct announcement *m, bool page)
{
	struct sadb *db = a->sadb;
	struct sa *sa;

	*m = (struct announcement){ .kind = ESL_WIRE_ROUNDS };
	/* What went with a page meanwhile still queues. */
	while (m->count < ESL_WIRE_ENTRIES_MAX && (sa = sadb_unqueue(db, SA_ANNOUNCE)))
		if (sa->dirty)
			put_round(a, sa, m);
	for (__u32 i = 0; page && i < db->out_end && m->count < ESL_WIRE_ENTRIES_MAX; i++) {
		sa = db->out[db->page++ % db->out_end];
		if (sa && sa->lanes.started)
			put_round(a, sa, m);
	}
	/* Few and not for long: until their rounds are acknowledged. */
	for (size_t i = 0; page && db->held && i < db->count && m->count < ESL_WIRE_ENTRIES_MAX; i++) {
		sa = db->all[db->held_page++ % db->count];
		if (sa->held)
			put_round(a, sa, m);
	}
}

void sadb_open(struct agent *a)
{
	a->sadb->waiting = false;
	for (size_t i = 0; i < a->sadb->count; i++)
		if (a->sadb->all[i]->outbound && !a->sadb->all[i]->lanes.started)
			sadb_open_outbound(a, a->sadb->all[i]);
}

