// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Who leads: candidates, votes and promises, see cluster.h.
 *
 * The best of those that hear each other stands first: each waits a little for
 * every better one it hears.  A candidate that hears a better one ask gives up
 * in its favour, and its voters are free as soon as it says so.  A leader is not
 * deposed for a better one.
 */
#include "cluster_parts.h"

bool election_is_mute(const struct cluster *c, __u64 now)
{
	return now - c->start_ns < c->config.dead_ns;
}

bool election_is_taken(const struct cluster *c, __u64 now)
{
	return c->local.taken || (c->taken_ns && now - c->taken_ns < c->config.dead_ns);
}

__u32 election_majority(const struct cluster *c)
{
	return slots_member_count(c->config.members) / 2 + 1;
}

/* Is peer id preferred to member other of that priority? */
static bool is_better(const struct cluster *c, __u32 id, __u32 other, __u8 priority)
{
	__u8 own = c->peer[id].priority;

	return own != priority ? own > priority : id < other;
}

static void release_promise(struct cluster *c)
{
	c->promised = ESL_NO_MEMBER;
	c->promise_ns = 0;
}

void election_reset(struct cluster *c)
{
	if (c->role == ROLE_LEADER) {
		/* Its slots go to others at once, so it must hold none any more. */
		c->lease_ns = c->kept_ns = 0;
		c->took_over = false;
		c->plan = (struct plan){ .phase = PLAN_NONE };
		slots_clear(&c->table);
	} else if (c->leader != ESL_NO_MEMBER) {
		lease_keep(c);
	}
	if (c->role != ROLE_FOLLOWER || c->leader != ESL_NO_MEMBER)
		c->send = true;
	c->role = ROLE_FOLLOWER;
	c->leader = ESL_NO_MEMBER;
	c->vote.asked = false;
	c->rival_ns = 0;
}

static void promise(struct cluster *c, __u32 id, __u64 now)
{
	c->promised = (__u8)id;
	c->promise_ns = now + c->config.dead_ns;
}

static void follow(struct cluster *c, const struct heartbeat *h, __u64 now)
{
	if (c->leader != h->sender || c->term != h->term) {
		election_reset(c);
		c->leader = h->sender;
		c->term = h->term;
		c->send = true;
	}
	promise(c, h->sender, now);
}

static void give_up(struct cluster *c)
{
	c->role = ROLE_FOLLOWER;
	c->vote.asked = false;
	c->send = true;
}

/* A leader hears another one: the higher term stays, then the lower id. */
static bool is_senior(const struct cluster *c, const struct heartbeat *h)
{
	return h->term != c->term ? h->term > c->term : h->sender < c->config.id;
}

/*
 * The latest term by which somebody forwards who hears this member, and whom it
 * hears; 0: none.  A majority has one view anyway.
 */
static __u64 senior_term(const struct cluster *c, __u64 now)
{
	__u64 term = 0;

	FOR_EACH_PEER(c, id) {
		const struct cluster_peer *p = &c->peer[id];

		if (!c->config.majority && p->leader != ESL_NO_MEMBER && p->term > term && lease_meets(c, id, now))
			term = p->term;
	}
	return term;
}

static bool may_follow(const struct cluster *c, const struct heartbeat *h, __u64 now)
{
	if (c->leader == h->sender && c->term == h->term)
		return true;
	if (h->term < c->table.stamp.term || h->term < senior_term(c, now))
		return false;
	if (c->role == ROLE_LEADER)
		return is_senior(c, h);
	return c->promised == h->sender || now >= c->promise_ns;
}

/*
 * Somebody who hears this leader well has held a table of a later term and so
 * must not follow: only a new election brings the two together.
 */
static bool is_obsolete(const struct cluster *c, const struct heartbeat *h, __u64 now)
{
	return c->role == ROLE_LEADER && !h->leading && h->held.term > c->term &&
	       lease_round_trip(c, h->sender, now);
}

/*
 * What h says of the promise to its sender.  Each heartbeat that asks for the vote
 * given, or comes from the leader followed, is echoed and so makes it longer.
 */
static void renew_promise(struct cluster *c, const struct heartbeat *h, __u64 now)
{
	bool voted = c->vote.term == h->vote.term && c->vote.candidate == h->sender;

	if (c->leader == h->sender && (!h->leading || h->term != c->term))
		election_reset(c);
	if (c->leader == ESL_NO_MEMBER && h->vote.asked && voted)
		promise(c, h->sender, now);
	else if (c->promised == h->sender && c->leader == ESL_NO_MEMBER)
		release_promise(c);
}

void election_heard(struct cluster *c, const struct heartbeat *h, __u64 now)
{
	if (h->term > c->term_max)
		c->term_max = h->term;
	if (h->vote.term > c->term_max)
		c->term_max = h->vote.term;
	renew_promise(c, h, now);
	if (h->leading && may_follow(c, h, now))
		follow(c, h, now);
	else if (is_obsolete(c, h, now))
		election_reset(c);
	/* Its vote of this term went to another: ask in a later one. */
	if (c->role == ROLE_CANDIDATE && !h->vote.asked && h->vote.term >= c->vote.term &&
	    h->vote.candidate != c->config.id) {
		give_up(c);
		c->stand_ns = now;
	}
}

/*
 * Without its promise a vote is void, and used up all the same.  It then names the
 * latest term that this member knows to have been led, so that nobody asks in an
 * older one.
 */
struct vote election_told_vote(const struct cluster *c, __u64 now)
{
	struct vote v = c->vote;
	__u64 led = c->term > c->known.stamp.term ? c->term : c->known.stamp.term;

	if (c->role != ROLE_FOLLOWER || (v.term && c->promised == v.candidate && now < c->promise_ns))
		return v;
	v.term = v.term > led ? v.term : led;
	v.candidate = v.term ? (__u8)c->config.id : ESL_NO_MEMBER;
	return v;
}

/*
 * Who started and has followed nobody yet: a member that it does not hear yet may
 * lead, as keys come one after another, and with quorum none nobody's vote would
 * be missed.
 */
static bool is_new(const struct cluster *c, __u64 now)
{
	if (c->term || now - c->start_ns >= c->config.join_ns)
		return false;
	FOR_EACH_PEER(c, id)
		if (!c->peer[id].boot)
			return true;
	return false;
}

static bool is_blind(const struct cluster *c, __u64 now)
{
	if (!c->local.blind || c->config.majority)
		return false;
	FOR_EACH_PEER(c, id)
		if (lease_hears(c, id, now))
			return false;
	return true;
}

/* Could this member lead, if it got the votes? */
static enum lead obstacle(const struct cluster *c, __u64 now)
{
	__u32 heard = 1;

	if (election_is_taken(c, now))
		return LEAD_ID_TAKEN;
	if (!c->local.ready)
		return LEAD_NOT_READY;
	if (c->local.leaving)
		return LEAD_LEAVING;
	if (c->leader != ESL_NO_MEMBER && c->leader != c->config.id)
		return lease_round_trip(c, c->leader, now) ? LEAD_FOLLOWING : LEAD_UNHEARD;
	if (election_is_mute(c, now) || is_new(c, now))
		return LEAD_STARTING;
	if (is_blind(c, now))
		return LEAD_BLIND;
	FOR_EACH_PEER(c, id) {
		if (!lease_hears(c, id, now))
			continue;
		heard++;
		if (c->peer[id].leading)
			return LEAD_UNHEARD;
	}
	if (c->config.majority && heard < election_majority(c))
		return LEAD_NO_QUORUM;
	return LEAD_LEADING;
}

static __u64 rank_delay(const struct cluster *c, __u64 now)
{
	__u64 delay = 0;

	FOR_EACH_PEER(c, id) {
		const struct cluster_peer *p = &c->peer[id];

		if (lease_hears(c, id, now) && p->ready && !p->leaving &&
		    is_better(c, id, c->config.id, c->config.priority))
			delay += c->config.heartbeat_ns / 8;
	}
	return delay < c->config.dead_ns / 2 ? delay : c->config.dead_ns / 2;
}

/*
 * Above all that are known, and no other boot's: who starts alone knows of none,
 * and must not name another table as its former life did.
 */
static __u64 next_term(const struct cluster *c)
{
	return ((c->term_max >> 32) + 1) << 32 | (__u32)c->boot;
}

static void stand(struct cluster *c, __u64 now)
{
	if (c->vote.term > c->term_max)
		c->term_max = c->vote.term;
	c->term_max = next_term(c);
	c->vote = (struct vote){ .term = c->term_max, .candidate = (__u8)c->config.id, .asked = true };
	c->role = ROLE_CANDIDATE;
	c->stood_ns = now > c->sent_ns ? now : c->sent_ns + 1;
	c->stand_ns = 0;
	c->send = true;
	FOR_EACH_PEER(c, id)
		c->peer[id].came_ns = 0;
}

/* The best that asks and is heard; ESL_MEMBERS_MAX: nobody. */
static __u32 best_asking(const struct cluster *c, __u64 now)
{
	__u32 best = ESL_MEMBERS_MAX;

	FOR_EACH_PEER(c, id) {
		const struct cluster_peer *p = &c->peer[id];

		if (p->vote.asked && lease_hears(c, id, now) &&
		    (best == ESL_MEMBERS_MAX || is_better(c, id, best, c->peer[best].priority)))
			best = id;
	}
	return best;
}

static bool has_won(const struct cluster *c, __u64 now)
{
	__u32 votes = 1;

	FOR_EACH_PEER(c, id) {
		bool supports = lease_supports(c, id) && lease_hears(c, id, now);

		votes += supports;
		/* Not asked: who leaves, and who does not hear this member and is led by nobody. */
		if (!c->config.majority && !supports && lease_hears(c, id, now) &&
		    !c->peer[id].leaving && (lease_round_trip(c, id, now) || c->peer[id].leader != ESL_NO_MEMBER))
			return false;
	}
	return !c->config.majority || votes >= election_majority(c);
}

static void win(struct cluster *c, __u64 now)
{
	c->role = ROLE_LEADER;
	c->leader = (__u8)c->config.id;
	c->term = c->vote.term;
	c->vote.asked = false;
	c->took_over = false;
	c->led_ns = now;
	c->rival_ns = 0;
	release_promise(c);
	FOR_EACH_PEER(c, id) {
		c->peer[id].proved_ns = 0;
		if (lease_hears(c, id, now))
			lease_prove(c, id, c->peer[id].heard_ns);
	}
	c->send = true;
}

static void step_leader(struct cluster *c, __u64 now)
{
	__u64 quorum = lease_quorum_ns(c, now);
	bool rival = false;

	FOR_EACH_PEER(c, id)
		rival |= c->peer[id].leading && lease_hears(c, id, now);
	if (!rival)
		c->rival_ns = 0;
	else if (!c->rival_ns)
		c->rival_ns = now;
	if (!c->local.ready || election_is_taken(c, now) || is_blind(c, now)) {
		election_reset(c);
		return;
	}
	/* The promises of its quorum end, or the other leader does not hear it. */
	if ((c->config.majority && now >= c->deaf_ns && now - quorum >= c->config.dead_ns) ||
	    (rival && now - c->rival_ns >= 2 * c->config.dead_ns)) {
		election_reset(c);
		c->backoff_ns = now + c->config.dead_ns;
	}
}

static void step_candidate(struct cluster *c, __u64 now)
{
	__u32 best = best_asking(c, now);

	if (has_won(c, now)) {
		win(c, now);
	} else if (obstacle(c, now) != LEAD_LEADING ||
		   (best < ESL_MEMBERS_MAX && is_better(c, best, c->config.id, c->config.priority))) {
		give_up(c);
	} else if (now - c->stood_ns >= c->config.dead_ns && now > c->stood_ns) {
		give_up(c);
		c->backoff_ns = now + c->config.dead_ns;
	}
}

static void step_follower(struct cluster *c, __u64 now)
{
	__u32 best = best_asking(c, now);
	bool asked = best < ESL_MEMBERS_MAX && c->peer[best].vote.term > c->vote.term;

	if (c->leader != ESL_NO_MEMBER || now < c->promise_ns || election_is_mute(c, now) ||
	    election_is_taken(c, now))
		return;
	if (asked) {
		c->vote = (struct vote){ .term = c->peer[best].vote.term, .candidate = (__u8)best };
		promise(c, best, now);
		c->stand_ns = 0;
		c->send = true;
		return;
	}
	if (obstacle(c, now) != LEAD_LEADING || now < c->backoff_ns) {
		c->stand_ns = 0;
		return;
	}
	if (!c->stand_ns)
		c->stand_ns = now + rank_delay(c, now);
	if (now >= c->stand_ns)
		stand(c, now);
}

/*
 * Where two leaders do not hear each other, but members between them do: who is in the
 * view of the earlier term leaves it for one that it reaches, or for none.  The leader
 * of that view is the sooner, before whoever left it can have slots elsewhere.
 */
static void leave_junior(struct cluster *c, __u64 now)
{
	__u64 patience = c->role == ROLE_LEADER ? c->config.dead_ns / 2 : c->config.dead_ns;

	if (c->leader == ESL_NO_MEMBER || senior_term(c, now) <= c->term) {
		c->outranked_ns = 0;
		return;
	}
	if (!c->outranked_ns)
		c->outranked_ns = now;
	if (now - c->outranked_ns < patience)
		return;
	c->outranked_ns = 0;
	election_reset(c);
	lease_resign(c, now);
}

void election_step(struct cluster *c, __u64 now)
{
	if (c->promised != ESL_NO_MEMBER && now >= c->promise_ns && now >= c->deaf_ns) {
		if (c->leader != ESL_NO_MEMBER)
			election_reset(c);
		release_promise(c);
	}
	leave_junior(c, now);
	if (c->role == ROLE_LEADER)
		step_leader(c, now);
	/* What began may be over at once: a lone member stands and wins. */
	if (c->role == ROLE_FOLLOWER)
		step_follower(c, now);
	if (c->role == ROLE_CANDIDATE)
		step_candidate(c, now);
}

enum lead cluster_why_not_leading(const struct cluster *c, __u64 now)
{
	enum lead why = obstacle(c, now);

	if (c->role == ROLE_LEADER)
		return LEAD_LEADING;
	if (why != LEAD_LEADING)
		return why;
	if (c->role == ROLE_CANDIDATE)
		return LEAD_VOTING;
	if (now < c->promise_ns)
		return LEAD_PROMISED;
	return LEAD_DEFERRING;
}
