// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cluster_parts.h"

#include <string.h>

void cluster_start(struct cluster *c, const struct cluster_config *config, __u64 boot, __u64 now)
{
	memset(c, 0, sizeof(*c));
	c->config = *config;
	c->boot = boot;
	c->start_ns = c->now_ns = now;
	c->leader = c->promised = c->vote.candidate = ESL_NO_MEMBER;
	c->local.held.leader = c->told_table.leader = ESL_NO_MEMBER;
	slots_clear(&c->known);
	for (int i = 0; i < ESL_MEMBERS_MAX; i++)
		c->peer[i].leader = c->peer[i].vote.candidate = c->peer[i].held.leader = ESL_NO_MEMBER;
	lease_resign(c, now);
	view_weights(c);
}

void cluster_reconfigure(struct cluster *c, const struct cluster_config *config)
{
	bool weights = memcmp(c->config.weight, config->weight, sizeof(config->weight));

	c->config = *config;
	c->reconfigured |= weights;
	c->send = true;
}

/*
 * Time has gone on.  Who did not run for dead_ns has no lease, no promise of
 * others and no leader any more; who ran late must listen before it judges.  A
 * clock that leaps looks the same, and promises given have not ended then: it
 * votes for nobody before they have, as one that starts.
 */
static void pass(struct cluster *c, __u64 now)
{
	__u64 gap = now - c->now_ns;

	if (gap > c->config.heartbeat_ns + c->config.heartbeat_ns / 4)
		c->deaf_ns = now + c->config.heartbeat_ns;
	if (gap > c->config.dead_ns) {
		c->start_ns = now;
		election_reset(c);
		lease_resign(c, now);
	}
	c->now_ns = now;
}

/*
 * When a heartbeat is due without cause.  The leader's is so much sooner that it is
 * there before the others' own are due: they answer it, and wake up once for both.
 */
static __u64 beat_ns(const struct cluster *c)
{
	__u64 interval = c->config.heartbeat_ns;

	return c->sent_ns + interval - (c->role == ROLE_LEADER ? interval / 32 : 0);
}

static void tell(struct cluster *c, struct cluster_actions *ret)
{
	__u64 lead = c->role == ROLE_LEADER ? c->term : 0;
	__u32 epoch = c->plan.phase == PLAN_NONE ? 0 : c->plan.next.stamp.epoch;

	*ret = (struct cluster_actions){
		.publish = stamp_compare(&c->told_table, &c->table.stamp) != 0,
		.plan = epoch != c->told_plan || c->plan.phase != c->told_phase,
		.lead_began = lead && lead != c->told_lead,
		.lead_ended = c->told_lead && lead != c->told_lead,
		.send = (c->send || c->now_ns >= beat_ns(c)) &&
			!election_is_taken(c, c->now_ns),
	};
	c->told_table = c->table.stamp;
	c->told_plan = epoch;
	c->told_phase = c->plan.phase;
	c->told_lead = lead;
	c->send = false;
}

static void step(struct cluster *c, __u64 now, struct cluster_actions *ret)
{
	election_step(c, now);
	view_step(c, now);
	tell(c, ret);
}

/* Another machine speaks with this member's id.  Who is in the view stays; else the lower boot. */
static void hear_intruder(struct cluster *c, const struct heartbeat *h, __u64 now)
{
	if (h->boot == c->boot)
		return;
	c->intruders++;
	if (cluster_deadline_ns(c) > now || (!h->forwarding && c->boot < h->boot))
		return;
	if (!election_is_taken(c, now)) {
		election_reset(c);
		lease_resign(c, now);
	}
	c->taken_ns = now;
}

/* Is h of the boot that counts, and newer than what is known? */
static bool is_news(struct cluster *c, const struct heartbeat *h, __u64 now)
{
	struct cluster_peer *p = &c->peer[h->sender];

	if (p->boot == h->boot)
		return h->sent_ns > p->sent_ns;
	/* The former holder counts until it is silent. */
	if (p->boot && now - p->heard_ns < c->config.dead_ns) {
		c->intruders++;
		return false;
	}
	if (c->promised == h->sender && c->leader == h->sender)
		election_reset(c);
	*p = (struct cluster_peer){ .boot = h->boot, .reborn = p->boot != 0 };
	return true;
}

static void note(struct cluster *c, const struct heartbeat *h, __u64 now)
{
	const struct echo *e = &h->echo[c->config.id];
	struct cluster_peer *p = &c->peer[h->sender];

	p->sent_ns = h->sent_ns;
	p->heard_ns = now;
	if (e->boot == (__u32)c->boot && e->sent_ns <= c->sent_ns && e->sent_ns > p->echoed_ns)
		p->echoed_ns = e->sent_ns;
	if ((e->boot == (__u32)c->boot || e->boot == HEARD_ONLY(c->boot)) && e->sent_ns <= c->sent_ns &&
	    e->sent_ns > p->reached_ns)
		p->reached_ns = e->sent_ns;
	p->term = h->term;
	p->vote = h->vote;
	p->held = h->held;
	p->phase_epoch = h->phase_epoch;
	p->phase = h->phase;
	p->load = h->load;
	p->leader = h->leader;
	p->priority = h->priority;
	p->ready = h->ready;
	p->leaving = h->leaving;
	p->forwarding = h->forwarding;
	p->leading = h->leading;
	if (h->held.epoch > c->epoch_max)
		c->epoch_max = h->held.epoch;
}

/*
 * An answer at once is the youngest echo that the leader can have.  One that was late
 * waits for it: its lease goes by the echo that it has.
 */
static bool is_answer_due(const struct cluster *c, const struct heartbeat *h, __u64 now)
{
	__u64 interval = c->config.heartbeat_ns;

	return now - c->sent_ns >= interval / 4 * 3 || c->echoed.id != h->sender ||
	       h->sent_ns > c->echoed.sent_ns + interval + interval / 4;
}

static void hear(struct cluster *c, const struct heartbeat *h, __u64 now)
{
	note(c, h, now);
	if (h->has_table)
		view_learn(c, &h->table, &h->plan);
	election_heard(c, h, now);
	lease_count(c, h->sender, now);
	/* Who comes alive waits for its echo. */
	if (lease_prove(c, h->sender, now) && c->role == ROLE_LEADER)
		c->send = true;
	if (c->leader != h->sender)
		return;
	lease_confirm(c, h);
	view_follow(c, h);
	if (is_answer_due(c, h, now))
		c->send = true;
}

void cluster_heard(struct cluster *c, const struct heartbeat *h, __u64 now, struct cluster_actions *ret)
{
	pass(c, now);
	if (!(c->config.members & BIT(h->sender)))
		;
	else if (h->sender == c->config.id)
		hear_intruder(c, h, now);
	else if (is_news(c, h, now))
		hear(c, h, now);
	step(c, now, ret);
}

void cluster_tick(struct cluster *c, const struct cluster_local *local, __u64 now,
		  struct cluster_actions *ret)
{
	const struct cluster_local *l = &c->local;
	bool taken = local->taken && !l->taken;

	pass(c, now);
	if (l->ready != local->ready || l->leaving != local->leaving || l->phase != local->phase ||
	    l->phase_epoch != local->phase_epoch || stamp_compare(&l->held, &local->held))
		c->send = true;
	if (taken)
		election_reset(c);
	if (taken || (l->ready && !local->ready))
		lease_resign(c, now);
	c->local = *local;
	step(c, now, ret);
}

static void fill_echoes(const struct cluster *c, __u64 now, struct heartbeat *ret)
{
	bool leads = c->role == ROLE_LEADER;

	if (leads && lease_own_ns(c, now) <= now)
		return;
	FOR_EACH_PEER(c, id) {
		const struct cluster_peer *p = &c->peer[id];

		if (leads ? p->proved_ns && lease_alive(c, id, now) : lease_hears(c, id, now))
			ret->echo[id] = (struct echo){ .sent_ns = leads ? p->proved_sent_ns : p->sent_ns,
						       .boot = (__u32)p->boot };
		else if (!c->config.majority && lease_hears(c, id, now))
			ret->echo[id] = (struct echo){ .sent_ns = p->sent_ns, .boot = HEARD_ONLY(p->boot) };
	}
}

/* Without a table of its leader's a follower tells the newest that it knows. */
static void fill_tables(const struct cluster *c, struct heartbeat *ret)
{
	bool own = c->role == ROLE_LEADER && c->took_over;

	if (c->leader != ESL_NO_MEMBER && c->table.stamp.term == c->term && !own)
		return;
	ret->table = own ? c->table : c->known;
	ret->plan = own ? c->plan : c->known_plan;
	ret->has_table = ret->table.stamp.term;
}

static void fill_phase(const struct cluster *c, struct heartbeat *ret)
{
	__u64 both = c->table.members | c->plan.next.members;

	ret->phase_epoch = c->plan.phase == PLAN_NONE ? 0 : c->plan.next.stamp.epoch;
	if (!ret->phase_epoch)
		return;
	/* Who is in neither table has nothing to do but to know. */
	if (!(both & BIT(c->config.id)))
		ret->phase = c->plan.phase;
	else if (c->local.phase_epoch == ret->phase_epoch)
		ret->phase = c->local.phase < c->plan.phase ? c->local.phase : c->plan.phase;
	if (ret->phase == PLAN_NONE)
		ret->phase_epoch = 0;
}

void cluster_fill(struct cluster *c, __u64 now, struct heartbeat *ret)
{
	bool send = c->send;

	pass(c, now);
	c->send = send;
	c->sent_ns = now > c->sent_ns ? now : c->sent_ns + 1;
	*ret = (struct heartbeat){
		.sender = (__u8)c->config.id,
		.leader = c->leader,
		.priority = c->config.priority,
		.ready = c->local.ready,
		.leaving = c->local.leaving,
		.forwarding = cluster_deadline_ns(c) > now,
		.leading = c->role == ROLE_LEADER,
		.load = c->local.load,
		.boot = c->boot,
		.sent_ns = c->sent_ns,
		.term = c->leader == ESL_NO_MEMBER ? 0 : c->term,
		.vote = election_told_vote(c, now),
		.held = c->table.stamp.term ? c->local.held : c->table.stamp,
		.table.stamp.leader = ESL_NO_MEMBER,
	};
	fill_tables(c, ret);
	fill_phase(c, ret);
	fill_echoes(c, now, ret);
	if (c->leader != ESL_NO_MEMBER)
		c->echoed = (struct stamped){ .sent_ns = ret->echo[c->leader].sent_ns, .id = c->leader };
}

/* By the table, or by the next one while members switch to it. */
static bool owns(const struct cluster *c)
{
	return slots_owns(&c->table, c->config.id) ||
	       (c->plan.phase == PLAN_SWITCH && slots_owns(&c->plan.next, c->config.id));
}

__u64 cluster_deadline_ns(const struct cluster *c)
{
	if (!c->local.ready || !owns(c))
		return 0;
	if (c->leader == ESL_NO_MEMBER || c->table.stamp.term != c->term)
		return c->kept_ns;
	return c->role == ROLE_LEADER ? lease_own_ns(c, c->now_ns) : c->lease_ns;
}

static void sooner(__u64 *next, __u64 at, __u64 now)
{
	if (at > now && at < *next)
		*next = at;
}

__u64 cluster_next_ns(const struct cluster *c)
{
	__u64 now = c->now_ns, dead = c->config.dead_ns, next = beat_ns(c);

	if (election_is_taken(c, now))
		next = now + c->config.heartbeat_ns;
	else if (c->send || next < now)
		next = now;
	sooner(&next, c->start_ns + dead, now);
	sooner(&next, c->start_ns + c->config.join_ns, now);
	sooner(&next, c->deaf_ns, now);
	sooner(&next, c->promise_ns, now);
	sooner(&next, c->stand_ns, now);
	sooner(&next, c->backoff_ns, now);
	if (c->role == ROLE_CANDIDATE)
		sooner(&next, c->stood_ns + dead, now);
	if (c->role == ROLE_LEADER) {
		sooner(&next, c->led_ns + dead, now);
		FOR_EACH_PEER(c, id) {
			sooner(&next, c->peer[id].proved_ns + dead, now);
			sooner(&next, c->peer[id].echoed_ns + dead, now);
			sooner(&next, c->peer[id].came_ns + dead, now);
		}
	}
	return next;
}

bool cluster_left(const struct cluster *c)
{
	return c->local.leaving && c->role != ROLE_LEADER && !(c->table.members & BIT(c->config.id)) &&
	       !(c->plan.next.members & BIT(c->config.id));
}

__u64 cluster_heard_members(const struct cluster *c, __u64 now)
{
	__u64 ids = BIT(c->config.id);

	FOR_EACH_PEER(c, id)
		if (lease_hears(c, id, now))
			ids |= BIT(id);
	return ids;
}

enum serve cluster_why_not_forwarding(const struct cluster *c, __u64 now)
{
	bool leads = c->role == ROLE_LEADER;

	if (cluster_deadline_ns(c) > now)
		return SERVE_FORWARDING;
	if (election_is_taken(c, now))
		return SERVE_ID_TAKEN;
	if (!c->local.ready)
		return SERVE_NOT_READY;
	if (c->local.leaving && cluster_left(c))
		return SERVE_LEFT;
	if (c->leader == ESL_NO_MEMBER)
		return election_is_mute(c, now) ? SERVE_STARTING : SERVE_NO_LEADER;
	if (leads && lease_own_ns(c, now) <= now)
		return SERVE_NO_QUORUM;
	if (!leads && !lease_round_trip(c, c->leader, now))
		return SERVE_UNHEARD;
	if (c->table.stamp.term != c->term)
		return SERVE_NO_TABLE;
	if (!(c->table.members & BIT(c->config.id)))
		return c->local.leaving ? SERVE_LEFT : SERVE_JOINING;
	return owns(c) ? SERVE_LEASE_ENDED : SERVE_NO_SLOTS;
}

#define X(symbol, name, sentence) { name, sentence },
static const struct {
	const char *name, *sentence;
} leads[] = { LEADS(X) }, serves[] = { SERVES(X) };
#undef X

const char *lead_name(enum lead l)
{
	return leads[l].name;
}

const char *lead_sentence(enum lead l)
{
	return leads[l].sentence;
}

const char *serve_name(enum serve s)
{
	return serves[s].name;
}

const char *serve_sentence(enum serve s)
{
	return serves[s].sentence;
}
