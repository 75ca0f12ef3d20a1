// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The leader's tables and plans, see cluster.h.
 *
 * Only what members that are silent, or not ready, held is given away at once.
 * Every other move is planned: all that are alive prepare, so that whoever is
 * elected next knows of the plan; then the members of both tables switch.  A
 * death meanwhile gives the dead one's slots away in both tables, and the plan
 * goes on.
 */
#include "cluster_parts.h"

#define BALANCE_NS 10000000000ULL	/* in which loads follow what was moved */
#define BALANCE_LONGER 6	/* doublings of that, while moves do not even it out */
#define BALANCE_SLOTS 4		/* fewer are not worth a change */
#define WEIGHT_ONE 256		/* weights in use are finer than configured ones */
#define LOAD_LOW 50		/* in 1/1000: nobody is busy, nothing to balance */
#define LOAD_EVEN 8		/* who is within an average's 1/8 of it is as busy as all, */
#define LOAD_NOISE 50		/* and who is within so many 1/1000 */

void view_learn(struct cluster *c, const struct slot_table *t, const struct plan *p)
{
	int newer = stamp_compare(&t->stamp, &c->known.stamp);

	if (t->stamp.epoch > c->epoch_max)
		c->epoch_max = t->stamp.epoch;
	if (p->phase != PLAN_NONE && p->next.stamp.epoch > c->epoch_max)
		c->epoch_max = p->next.stamp.epoch;
	if (newer < 0)
		return;
	if (newer > 0)
		c->known = *t;
	if (newer > 0 || (p->phase != PLAN_NONE &&
			  (c->known_plan.phase == PLAN_NONE ||
			   p->next.stamp.epoch > c->known_plan.next.stamp.epoch ||
			   p->phase > c->known_plan.phase)))
		c->known_plan = *p;
}

void view_follow(struct cluster *c, const struct heartbeat *h)
{
	const struct echo *e = &h->echo[c->config.id];
	bool confirmed = e->sent_ns >= c->resigned_ns && e->boot == (__u32)c->boot;

	if (!h->has_table || h->table.stamp.term != h->term || h->table.stamp.leader != h->sender)
		return;
	if (((h->table.members | h->plan.next.members) & BIT(c->config.id)) && !confirmed)
		return;
	c->table = c->known = h->table;
	c->plan = c->known_plan = h->plan;
}

static struct stamp next_stamp(struct cluster *c)
{
	return (struct stamp){ .term = c->term, .leader = (__u8)c->config.id, .epoch = ++c->epoch_max };
}

/* At once: what others held goes to members. */
static void inherit(struct cluster *c, struct slot_table *t, __u64 members)
{
	slots_inherit(t, members, c->weight);
	t->stamp = next_stamp(c);
}

static void publish(struct cluster *c, const struct slot_table *t)
{
	if (c->table.members != t->members)
		c->balance_longer = 0;
	c->table = *t;
	c->took_over = true;
	/* What they measure now is of the table before. */
	c->balanced_ns = c->now_ns;
	c->send = true;
	view_learn(c, &c->table, &c->plan);
}

/* Who could have slots; this member included. */
static __u64 able(const struct cluster *c, __u64 now)
{
	__u64 ids = c->local.ready && !c->local.leaving ? BIT(c->config.id) : 0;

	FOR_EACH_PEER(c, id) {
		const struct cluster_peer *p = &c->peer[id];

		if (lease_alive(c, id, now) && lease_supports(c, id) && !lease_is_late(c, id, now) &&
		    p->ready && !p->leaving)
			ids |= BIT(id);
	}
	return ids;
}

static void publish_fresh(struct cluster *c, __u64 members)
{
	struct slot_table t;

	slots_clear(&t);
	inherit(c, &t, members);
	c->plan = (struct plan){ .phase = PLAN_NONE };
	publish(c, &t);
}

/* May id still forward by a table that this leader's first one could contradict? */
static bool is_awaited(const struct cluster *c, __u32 id, __u64 now)
{
	const struct stamp *base = &c->known.stamp, *held = &c->peer[id].held;
	__u64 holders = c->known.members | c->known_plan.next.members;

	if (lease_supports(c, id) && lease_hears(c, id, now))
		return held->term && (held->term != base->term || held->leader != base->leader);
	/* The lease of whoever led the term before this one has ended. */
	if (id == base->leader && c->term >> 32 == (base->term >> 32) + 1)
		return false;
	return holders & BIT(id) || (lease_hears(c, id, now) && held->term);
}

static void take_over(struct cluster *c, __u64 now)
{
	struct slot_table t = c->known_plan.phase == PLAN_SWITCH ? c->known_plan.next : c->known;
	__u64 members = c->local.ready ? BIT(c->config.id) : 0;
	bool all = true;

	/* Without the table it had, another machine, or an earlier life, may hold its slots. */
	if (c->known.members & BIT(c->config.id) && c->table.stamp.term != c->known.stamp.term &&
	    now - c->led_ns < c->config.dead_ns)
		return;
	FOR_EACH_PEER(c, id) {
		bool supports = lease_supports(c, id) && lease_hears(c, id, now);
		/* It keeps slots of that very table, as one that came late, too: it forwards by it. */
		bool holds = !stamp_compare(&c->peer[id].held, &c->known.stamp);

		if (is_awaited(c, id, now) && now - c->led_ns < c->config.dead_ns)
			return;
		if (supports && c->peer[id].ready && (holds || !lease_is_late(c, id, now)))
			members |= BIT(id);
		all &= supports;
	}
	if (t.members & members) {
		c->plan = (struct plan){ .phase = PLAN_NONE };
		inherit(c, &t, t.members & members);
		publish(c, &t);
	} else if (all || c->known.stamp.term || now - c->start_ns >= c->config.join_ns) {
		publish_fresh(c, able(c, now));
	}
}

/*
 * While a plan is under way all members of its table have put one in force, and
 * when they switch those of the next one, too: who says that it holds none has
 * resigned, or has started again, and no longer knows what it prepared.  It says so
 * before it can take a table again, see view_follow().  Before they switch who is
 * to join may hold none; of it the boot tells.
 */
static bool has_lost_plan(const struct cluster *c, __u32 id)
{
	__u64 holders;

	if (c->plan.phase == PLAN_NONE)
		return false;
	holders = c->table.members | (c->plan.phase == PLAN_SWITCH ? c->plan.next.members : 0);
	return (holders & BIT(id) && !c->peer[id].held.term) ||
	       (c->plan.next.members & BIT(id) && c->peer[id].reborn);
}

/* Members of table or plan that forward no more: silent, or they say so. */
static __u64 gone(const struct cluster *c, __u64 now)
{
	__u64 ids = 0;

	for (__u32 id = 0; id < ESL_MEMBERS_MAX; id++) {
		if (!((c->table.members | c->plan.next.members) & BIT(id)) || id == c->config.id)
			continue;
		if (!(c->config.members & BIT(id)) || !lease_alive(c, id, now) || !c->peer[id].ready ||
		    has_lost_plan(c, id))
			ids |= BIT(id);
	}
	return ids;
}

static void drop_plan(struct cluster *c)
{
	c->plan = (struct plan){ .phase = PLAN_NONE };
	c->send = true;
}

static void remove_gone(struct cluster *c, __u64 now)
{
	__u64 out = gone(c, now), left = c->table.members & ~out;
	struct slot_table t = c->table;
	struct slot_table *next = &c->plan.next;

	if (!out)
		return;
	if (!left && c->plan.phase == PLAN_SWITCH && next->members & ~out) {
		/* They may have switched: what is theirs by the next table they keep. */
		t = *next;
		left = t.members & ~out;
		c->plan = (struct plan){ .phase = PLAN_NONE };
	}
	if (!left) {
		publish_fresh(c, able(c, now));
		return;
	}
	if (left != t.members)
		inherit(c, &t, left);
	if (c->plan.phase != PLAN_NONE && !(next->members & ~out)) {
		drop_plan(c);
	} else if (c->plan.phase != PLAN_NONE) {
		inherit(c, next, next->members & ~out);
		/* Who has begun to switch must not go back; who has not may plan anew. */
		if ((c->plan.phase == PLAN_PREPARE && next->members == left) || !slots_moved(&t, next))
			drop_plan(c);
	}
	publish(c, &t);
}

static bool has_done(const struct cluster *c, __u32 id)
{
	__u32 epoch = c->plan.next.stamp.epoch;

	/* The leader's edges say where to switch, whether or not it has slots. */
	if (id == c->config.id)
		return c->local.phase_epoch == epoch && c->local.phase >= c->plan.phase;
	return c->peer[id].phase_epoch == epoch && c->peer[id].phase >= c->plan.phase;
}

static void advance_plan(struct cluster *c, __u64 now)
{
	__u64 both = c->table.members | c->plan.next.members;

	if (!has_done(c, c->config.id))
		return;
	FOR_EACH_PEER(c, id)
		if ((c->plan.phase == PLAN_PREPARE ? lease_alive(c, id, now) : !!(both & BIT(id))) &&
		    !has_done(c, id))
			return;
	if (c->plan.phase == PLAN_PREPARE) {
		c->plan.phase = PLAN_SWITCH;
		c->send = true;
		return;
	}
	c->table = c->plan.next;
	drop_plan(c);
	publish(c, &c->table);
}

/* Has every member of the view put the table in force? */
static bool is_settled(const struct cluster *c)
{
	if (stamp_compare(&c->local.held, &c->table.stamp))
		return false;
	FOR_EACH_PEER(c, id)
		if (c->table.members & BIT(id) && stamp_compare(&c->peer[id].held, &c->table.stamp))
			return false;
	return true;
}

static void plan(struct cluster *c, const struct slot_table *next)
{
	FOR_EACH_PEER(c, id)
		c->peer[id].reborn = false;
	c->plan.next = *next;
	c->plan.phase = PLAN_PREPARE;
	c->send = true;
	view_learn(c, &c->table, &c->plan);
}

static __u16 load_of(const struct cluster *c, __u32 id)
{
	return id == c->config.id ? c->local.load : c->peer[id].load;
}

void view_weights(struct cluster *c)
{
	__u32 any = 0;

	for (__u32 id = 0; id < ESL_MEMBERS_MAX; id++)
		any |= c->config.weight[id];
	for (__u32 id = 0; id < ESL_MEMBERS_MAX; id++)
		c->weight[id] = (any ? c->config.weight[id] : 1) * WEIGHT_ONE;
}

/* Of the members of the table; 0 where one of them has not measured it. any: one has. */
static __u32 average_load(const struct cluster *c, bool *any)
{
	__u32 total = 0, count = 0;
	bool all = true;

	for (__u32 id = 0; id < ESL_MEMBERS_MAX; id++) {
		if (!(c->table.members & BIT(id)))
			continue;
		all &= load_of(c, id) != 0;
		total += load_of(c, id);
		count++;
	}
	*any = total;
	return all && count ? total / count : 0;
}

/* Is somebody busy, and by so much more or less than the others? */
static bool is_uneven(const struct cluster *c, __u32 average)
{
	__u32 span = average / LOAD_EVEN > LOAD_NOISE ? average / LOAD_EVEN : LOAD_NOISE;

	for (__u32 id = 0; id < ESL_MEMBERS_MAX && average >= LOAD_LOW; id++)
		if (c->table.members & BIT(id) &&
		    (load_of(c, id) + span < average || load_of(c, id) > average + span))
			return true;
	return false;
}

/*
 * The paper's shortest queue at the grain of a table: who is busier than the average
 * gets less than it has.  Half of what would even it out, within a factor of four of
 * what is configured.  What was found before is in the table, so whoever leads next
 * goes on from there.  Where nobody measures it, or it was just configured anew, what is
 * configured holds.  Returns whether load is uneven.
 */
static bool weigh(struct cluster *c)
{
	__u32 average, total = 0, owned[ESL_MEMBERS_MAX] = {};
	bool any, uneven;

	view_weights(c);
	average = average_load(c, &any);
	uneven = is_uneven(c, average);
	if (!any || c->reconfigured)
		return false;
	for (size_t i = 0; i < ESL_SLOTS; i++)
		owned[c->table.slot[i] % ESL_MEMBERS_MAX]++;
	for (__u32 id = 0; id < ESL_MEMBERS_MAX; id++)
		total += c->table.members & BIT(id) ? c->weight[id] : 0;
	for (__u32 id = 0; id < ESL_MEMBERS_MAX; id++) {
		__u64 base = c->weight[id], w = (__u64)owned[id] * total / ESL_SLOTS;

		if (!(c->table.members & BIT(id)) || !base)
			continue;
		if (uneven)
			w = w * 2 * average / (average + load_of(c, id));
		c->weight[id] = (__u32)(w < base / 4 ? base / 4 : w > base * 4 ? base * 4 : w);
	}
	return uneven;
}

/* What the table should be now, where that is worth a planned change. */
static void plan_next(struct cluster *c, __u64 now)
{
	__u64 want = able(c, now);
	struct slot_table next = c->table;
	bool uneven;

	/* The last one that leaves keeps what nobody can take. */
	if (!want)
		want = BIT(c->config.id);
	if (want == c->table.members && !c->reconfigured &&
	    now - c->balanced_ns < BALANCE_NS << c->balance_longer)
		return;
	uneven = weigh(c);
	c->reconfigured = false;
	slots_fill(&next, want, c->weight);
	if (want != c->table.members) {
		c->balance_longer = 0;
	} else {
		c->balanced_ns = now;
		/* One heavy SA is as heavy anywhere: it is not sent round for ever. */
		if (!uneven)
			c->balance_longer = 0;
		else if (c->balance_longer < BALANCE_LONGER)
			c->balance_longer++;
		if (slots_moved(&next, &c->table) < BALANCE_SLOTS)
			return;
	}
	next.stamp = next_stamp(c);
	plan(c, &next);
}

/* A leader that leaves: when it owns nothing, or nobody is there to take it. */
static bool may_leave(const struct cluster *c, __u64 now)
{
	return c->local.leaving && (!(c->table.members & BIT(c->config.id)) ||
				    (c->table.members == BIT(c->config.id) && !able(c, now)));
}

void view_step(struct cluster *c, __u64 now)
{
	if (c->role != ROLE_LEADER || lease_own_ns(c, now) <= now)
		return;
	if (!c->took_over) {
		take_over(c, now);
		return;
	}
	remove_gone(c, now);
	while (c->plan.phase != PLAN_NONE) {
		enum plan_phase before = c->plan.phase;

		advance_plan(c, now);
		if (c->plan.phase == before)
			return;
	}
	if (!is_settled(c))
		return;
	if (may_leave(c, now)) {
		lease_resign(c, now);
		election_reset(c);
		return;
	}
	plan_next(c, now);
}
