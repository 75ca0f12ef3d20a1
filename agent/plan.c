// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A planned change, between the leader's phases (cluster.h) and what the program
 * does with two tables (include/espalier/switch.h).
 *
 *     PREPARE   Every member gives the program the next table, and tells how far
 *               its SAs are.  When all have, the leader chooses numbers, and
 *               tells them until all keep to them: each has looked, when what
 *               it decided before was through XFRM, that it had authenticated
 *               none beyond.  Then the leader is prepared itself, and last.
 *     SWITCH    When all switch, the leader chooses places among the markers,
 *               and tells them, each time from newer markers, until all are
 *               past.  A member is done when its queues are, and all its SAs.
 *
 * A plan that is disturbed (another table, other options) ends as a take-over,
 * with floors.  Then its SWITCH says: this member has stopped to take what it
 * loses.
 */
#include <string.h>
#include <syslog.h>

#include "agent.h"
#include "sadb.h"

#define LOOK_NS (5 * NS_PER_MS)
#define TELL_NS (20 * NS_PER_MS)	/* once more, while somebody lacks it */
#define DRAIN_NS (10 * NS_PER_MS)	/* what was decided before is through XFRM */
#define SETTLE_NS (20 * NS_PER_MS)	/* what a network may hold up is through */
#define QUIET_NS (400 * NS_PER_MS)	/* so long a queue may be without a marker */
#define PATIENCE_NS (1000 * NS_PER_MS)	/* then what has not switched does so by time */
#define GIVE_OUT_NS (300 * NS_PER_MS)	/* all that can say that they stopped have */
#define AHEAD_MORE 3
#define AHEAD_NS (100 * NS_PER_MS)	/* all members know by then, and two heartbeats */

/* Twice as far each time that it was too near: there are many SAs, or slow members. */
static __u64 ahead_ns(const struct agent *a)
{
	__u32 more = a->plan.version < AHEAD_MORE ? a->plan.version : AHEAD_MORE;

	return (AHEAD_NS + 2 * a->conf.heartbeat_ms * NS_PER_MS) << more;
}

static __u32 epoch_of(const struct plan_state *s)
{
	return s->plan.phase == PLAN_NONE ? 0 : s->plan.next.stamp.epoch;
}

static void look_soon(struct agent *a)
{
	if (a->plan.timer)
		loop_again(a->plan.timer, LOOK_NS);
}

static void enter(struct agent *a)
{
	struct plan_state *s = &a->plan;

	sadb_forget_numbers(a);
	/* Who holds IPsec is about to get another table: it enters when that is there. */
	s->fine = a->change.active.epoch && !a->change.holding;
	s->told = s->listed = false;
	s->version = s->prepared = 0;
	s->ahead_ns = ahead_ns(a);
	s->kept_ns = s->past_ns = s->stopped_ns = s->sent_ns = 0;
	s->done = PLAN_NONE;
	s->begin_ns = s->entered_ns = agent_now();
	memset(s->waited, 0, sizeof(s->waited));
	if (s->fine)
		s->epoch = options_prepare(a, &s->plan.next);
	sadb_tell_active(a);
}

void plan_begin(struct agent *a, const struct plan *p)
{
	struct plan_state *s = &a->plan;
	struct esl_config *config = a->pins.config;
	bool had = s->fine, next = p->phase == PLAN_SWITCH && had && s->prepared && epoch_of(s) == p->next.stamp.epoch;

	if (had && !next)
		plan_interrupt(a);
	s->plan = *p;
	s->begin_ns = agent_now();
	if (next) {
		s->told = s->told_last = false;
		s->sent_ns = 0;
		if (p->next.members >> a->conf.member & 1)
			sadb_promote_begin(a);
		esl_phase_store(config, esl_load(&config->current) & 1, ESL_PHASE_SWITCH);
	} else if (p->phase == PLAN_PREPARE) {
		enter(a);
	} else {
		s->done = PLAN_NONE;
		if (had || p->phase == PLAN_SWITCH)
			options_publish(a);
	}
	if (p->phase != PLAN_NONE) {
		sync_hello(a);
		look_soon(a);
	}
}

void plan_done(const struct agent *a, __u32 *epoch, enum plan_phase *phase)
{
	*epoch = epoch_of(&a->plan);
	*phase = a->plan.done;
}

void plan_tell(const struct agent *a, struct announcement *m)
{
	m->plan = a->plan.fine || a->plan.plan.phase == PLAN_SWITCH ? epoch_of(&a->plan) : 0;
	m->prepared = m->plan ? a->plan.prepared : 0;
	if (a->plan.plan.phase == PLAN_SWITCH)
		m->flags |= ESL_WIRE_SWITCHING;
}

bool plan_is_switching(const struct agent *a)
{
	return a->plan.fine && a->plan.plan.phase == PLAN_SWITCH;
}

bool plan_ends_with(const struct agent *a, const struct stamp *stamp)
{
	return plan_is_switching(a) && a->plan.done == PLAN_SWITCH &&
	       !stamp_compare(stamp, &a->plan.plan.next.stamp);
}

void plan_finish(struct agent *a)
{
	struct esl_config *config = a->pins.config;

	esl_phase_store(config, !(esl_load(&config->current) & 1), ESL_PHASE_NONE);
	a->plan.fine = false;
	a->plan.finished++;
	policy_changed(a);
	sadb_forget_numbers(a);
}

/*
 * Numbers from switch_at on may have been taken by others in slots that this
 * member has in the table in force: there it has not seen what came.
 */
void plan_interrupt(struct agent *a)
{
	const struct slot_table *active = &a->membership.active;
	const __u8 *before[] = { active->slot, a->plan.plan.next.slot };
	struct takeover_slots taken;

	if (!a->plan.fine)
		return;
	if (plan_is_switching(a) && takeover_taken(before, 2, active->slot, a->conf.member, &taken))
		sadb_take_over(a, &taken);
	a->plan.fine = false;
	a->plan.interrupted++;
	sadb_forget_numbers(a);
}

void plan_give_up(const struct agent *a, struct slot_table *now)
{
	const struct plan *p = &a->plan.plan;

	if (a->plan.fine || p->phase != PLAN_SWITCH || !stamp_compare(&now->stamp, &p->next.stamp))
		return;
	for (size_t i = 0; i < ESL_SLOTS; i++)
		if (now->slot[i] == a->conf.member && p->next.slot[i] != a->conf.member)
			now->slot[i] = ESL_NO_MEMBER;
}

void plan_resume(struct agent *a)
{
	if (a->plan.plan.phase != PLAN_PREPARE)
		return;
	enter(a);
	sync_hello(a);
	look_soon(a);
}

/* Has every member of both tables said of this plan what f asks? */
static bool all_have(const struct agent *a, bool (*f)(const struct agent *a, const struct other *o))
{
	__u64 both = a->membership.active.members | a->plan.plan.next.members;

	for (size_t i = 0; i < a->sync.count; i++) {
		const struct other *o = &a->sync.others[i];

		if (both >> o->id & 1 && (o->plan != epoch_of(&a->plan) || !f(a, o)))
			return false;
	}
	return true;
}

static bool has_entered(const struct agent *a, const struct other *o)
{
	(void)a, (void)o;
	return true;
}

static bool is_prepared(const struct agent *a, const struct other *o)
{
	return o->prepared == a->plan.version;
}

static bool is_switching(const struct agent *a, const struct other *o)
{
	(void)a;
	return o->switching;
}

static bool has_stopped(const struct agent *a, const struct other *o)
{
	return o->stopped == epoch_of(&a->plan);
}

bool plan_all_stopped(const struct agent *a)
{
	return a->plan.stopped_ns && all_have(a, has_stopped);
}

/* All numbers of this version are known: keep to them. */
static void keep(struct agent *a)
{
	a->plan.told = true;
	a->plan.kept_ns = agent_now();
}

static void choose_numbers(struct agent *a, __u64 now)
{
	struct plan_state *s = &a->plan;

	s->ahead_ns = ahead_ns(a);
	if (sadb_choose_numbers(a, s->ahead_ns))
		return;
	s->version++;
	s->prepared = 0;
	s->sent_ns = 0;
	s->begin_ns = now;
	for (size_t i = 0; i < a->sadb->number_count; i++)
		sadb_take_number(a, &a->sadb->numbers[i]);
	keep(a);
}

static void send_numbers(struct agent *a)
{
	static struct announcement m;
	struct sadb *db = a->sadb;
	size_t first = 0;

	m = (struct announcement){ .kind = ESL_WIRE_NUMBERS, .snapshot = a->plan.version };
	m.pages = pages_of(db->number_count);
	for (; m.page < m.pages; m.page++, first += ESL_WIRE_ENTRIES_MAX) {
		m.count = db->number_count - first < ESL_WIRE_ENTRIES_MAX ? db->number_count - first : ESL_WIRE_ENTRIES_MAX;
		memcpy(m.tops, db->numbers + first, m.count * sizeof(m.tops[0]));
		sync_send(a, &m);
	}
}

/* Numbers that are reached before all know of them are replaced by later ones. */
static void lead_prepare(struct agent *a, __u64 now)
{
	struct plan_state *s = &a->plan;

	if (s->done == PLAN_PREPARE)
		return;
	if (!s->version && (!all_have(a, has_entered) || sadb_promote_busy(a)))
		return;
	if (!s->version || !sadb_numbers_stand(a) || now - s->begin_ns > s->ahead_ns / 2)
		choose_numbers(a, now);
	if (now - s->sent_ns < TELL_NS)
		return;
	s->sent_ns = now;
	send_numbers(a);
}

static void look_prepare(struct agent *a, __u64 now)
{
	struct plan_state *s = &a->plan;

	if (a->leader)
		lead_prepare(a, now);
	if (s->told && !s->prepared && now - s->kept_ns >= DRAIN_NS) {
		if (sadb_below_numbers(a)) {
			s->prepared = s->version;
			sync_hello(a);
		} else if (now - s->looked_ns >= TELL_NS) {
			s->looked_ns = now;
			sadb_tell_beyond(a);
		}
	}
	if (s->prepared && (!a->leader || (all_have(a, is_prepared) && sadb_promote_answered(a))))
		s->done = PLAN_PREPARE;
}

static void lead_switch(struct agent *a, __u64 now)
{
	struct plan_state *s = &a->plan;
	bool last = now - s->begin_ns > QUIET_NS;

	if (!s->listed)
		s->listed = (last || all_have(a, is_switching)) && plan_marks_choose(a, s->ahead_ns, last);
	if (!s->listed)
		return;
	s->told |= plan_marks_take_own(a);
	plan_marks_send(a);
}

/*
 * Something fell silent on the way.  Queues and SAs without traffic may switch
 * at any time, the old owner before the new one: it stops, its last top is told,
 * and what comes above it goes by the next table.
 */
static void give_out(struct agent *a, __u64 now)
{
	struct plan_state *s = &a->plan;
	const __u8 *next = s->plan.next.slot;
	struct takeover_slots lost;

	if (!s->stopped_ns) {
		s->impatient++;
		s->stopped_ns = now;
		takeover_taken(&next, 1, a->membership.active.slot, a->conf.member, &lost);
		sadb_stop_below(a, &lost);
	}
	if (now - s->stopped_ns >= DRAIN_NS && now - s->sent_ns >= TELL_NS) {
		s->sent_ns = now;
		sadb_tell_stopped(a);
		s->told_last = true;
	}
	if (s->told_last && (plan_all_stopped(a) || now - s->stopped_ns >= GIVE_OUT_NS))
		s->done = PLAN_SWITCH;
}

static void look_switch(struct agent *a, __u64 now)
{
	struct plan_state *s = &a->plan;

	if (s->done == PLAN_SWITCH)
		return;
	if (!s->fine) {
		if (now - s->begin_ns >= DRAIN_NS)
			s->done = PLAN_SWITCH;
		return;
	}
	if (now - s->looked_ns >= TELL_NS) {
		s->looked_ns = now;
		sadb_tell_active(a);
	}
	if (a->leader)
		lead_switch(a, now);
	if (!s->told || !plan_marks_done(a) || !sadb_past_numbers(a))
		s->past_ns = 0;
	else if (!s->past_ns)
		s->past_ns = now;
	if (s->past_ns && now - s->past_ns >= SETTLE_NS)
		s->done = PLAN_SWITCH;
	else if (s->stopped_ns || now - s->begin_ns >= PATIENCE_NS + s->ahead_ns)
		give_out(a, now);
}

static int on_look(sd_event_source *source, uint64_t usec, void *data)
{
	struct agent *a = data;
	struct plan_state *s = &a->plan;
	enum plan_phase before = s->done;

	(void)usec;
	if (s->plan.phase == PLAN_NONE)
		return 0;
	loop_again(source, LOOK_NS);
	if (s->plan.phase == PLAN_SWITCH)
		look_switch(a, agent_now());
	else if (s->fine)
		look_prepare(a, agent_now());
	else if (!a->change.active.epoch)
		s->done = PLAN_PREPARE;
	else if (!a->change.holding)
		plan_resume(a);
	if (s->done != before)
		membership_tick(a);
	return 0;
}

static void numbers_heard(struct agent *a, const struct announcement *m)
{
	struct plan_state *s = &a->plan;

	if (m->snapshot < s->version)
		return;
	if (m->snapshot > s->version) {
		s->version = m->snapshot;
		s->prepared = 0;
		s->pages = (struct pages){};
		s->told = false;
	}
	if (s->told)
		return;
	for (size_t n = 0; n < m->count; n++)
		sadb_take_number(a, &m->tops[n]);
	if (pages_take(&s->pages, s->version, m->page, m->pages))
		keep(a);
}

static void marks_heard(struct agent *a, const struct announcement *m)
{
	struct plan_state *s = &a->plan;

	if (!s->listed)
		s->pages = (struct pages){};
	s->listed = true;
	if (plan_marks_take(a, m->marks, m->count) && !s->told)
		s->told = pages_take(&s->pages, 0, m->page, m->pages);
}

void plan_heard(struct agent *a, size_t i, const struct announcement *m)
{
	struct plan_state *s = &a->plan;

	if (a->leader || a->sync.others[i].id != a->leader_id || !s->fine || m->plan != epoch_of(s))
		return;
	if (m->kind == ESL_WIRE_NUMBERS && s->plan.phase == PLAN_PREPARE)
		numbers_heard(a, m);
	if (m->kind == ESL_WIRE_MARKS && s->plan.phase == PLAN_SWITCH)
		marks_heard(a, m);
}

int plan_start(struct agent *a)
{
	int err = loop_timer(a, &a->plan.timer, 0, on_look);

	return err < 0 ? err : sd_event_source_set_enabled(a->plan.timer, SD_EVENT_OFF);
}

void plan_stop(struct agent *a)
{
	a->plan.timer = sd_event_source_unref(a->plan.timer);
}
