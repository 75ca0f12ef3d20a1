// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Until when a member and the leader may act, and who is alive: see cluster.h. */
#include "cluster_parts.h"

bool lease_hears(const struct cluster *c, __u32 id, __u64 now)
{
	const struct cluster_peer *p = &c->peer[id];

	return p->heard_ns && now - p->heard_ns < c->config.dead_ns;
}

bool lease_round_trip(const struct cluster *c, __u32 id, __u64 now)
{
	const struct cluster_peer *p = &c->peer[id];

	return lease_hears(c, id, now) && p->echoed_ns && now - p->echoed_ns < c->config.dead_ns;
}

bool lease_meets(const struct cluster *c, __u32 id, __u64 now)
{
	const struct cluster_peer *p = &c->peer[id];

	return lease_hears(c, id, now) && p->reached_ns && now - p->reached_ns < c->config.dead_ns;
}

bool lease_supports(const struct cluster *c, __u32 id)
{
	const struct cluster_peer *p = &c->peer[id];
	bool follows = p->term == c->vote.term && p->leader == c->config.id;
	bool voted = p->vote.term == c->vote.term && p->vote.candidate == c->config.id &&
		     p->leader == ESL_NO_MEMBER;

	return c->role != ROLE_FOLLOWER && (follows || voted) && p->echoed_ns >= c->stood_ns;
}

void lease_count(struct cluster *c, __u32 id, __u64 now)
{
	struct cluster_peer *p = &c->peer[id];

	if (!lease_supports(c, id))
		p->came_ns = 0;
	else if (!p->came_ns)
		p->came_ns = now;
}

bool lease_is_late(const struct cluster *c, __u32 id, __u64 now)
{
	const struct cluster_peer *p = &c->peer[id];

	/* A majority that votes has kept its promise: no lease runs beside its own. */
	return !c->config.majority && p->came_ns > c->led_ns && now - p->came_ns < c->config.dead_ns;
}

bool lease_alive(const struct cluster *c, __u32 id, __u64 now)
{
	__u64 since = c->peer[id].proved_ns;

	/* Taken over with the table: it may hold a lease of the former leader. */
	if (!since && c->took_over && c->table.members & BIT(id))
		since = c->led_ns;
	return since && (now < c->deaf_ns || now - since < c->config.dead_ns);
}

/* The newest that needed others, besides this member, have echoed. */
static __u64 newest_of(const struct cluster *c, __u32 needed, __u64 now)
{
	__u64 echoed[ESL_MEMBERS_MAX];
	__u32 count = 0;

	if (!needed)
		return now;
	FOR_EACH_PEER(c, id) {
		__u32 at = count;

		if (!lease_supports(c, id))
			continue;
		for (; at && echoed[at - 1] < c->peer[id].echoed_ns; at--)
			echoed[at] = echoed[at - 1];
		echoed[at] = c->peer[id].echoed_ns;
		count++;
	}
	return count < needed ? 0 : echoed[needed - 1];
}

__u64 lease_quorum_ns(const struct cluster *c, __u64 now)
{
	__u64 view = c->took_over ? c->table.members : 0, oldest = now;

	if (c->config.majority)
		return newest_of(c, election_majority(c) - 1, now);
	FOR_EACH_PEER(c, id) {
		const struct cluster_peer *p = &c->peer[id];

		/*
		 * Who is not alive is removed from the view in this very step.  Who is
		 * not in it and could not stand does not matter.
		 */
		if (!lease_alive(c, id, now) || (!(view & BIT(id)) && (!p->ready || p->leaving)))
			continue;
		if (!lease_supports(c, id))
			return 0;
		if (p->echoed_ns < oldest)
			oldest = p->echoed_ns;
	}
	return oldest;
}

__u64 lease_own_ns(const struct cluster *c, __u64 now)
{
	__u64 quorum = lease_quorum_ns(c, now);

	return quorum ? quorum + c->config.lease_ns : 0;
}

bool lease_prove(struct cluster *c, __u32 id, __u64 now)
{
	struct cluster_peer *p = &c->peer[id];
	bool alive = lease_alive(c, id, now);

	if (!lease_supports(c, id) || now - p->echoed_ns > c->config.dead_ns / 2)
		return false;
	p->proved_ns = now;
	p->proved_sent_ns = p->sent_ns;
	return !alive;
}

void lease_confirm(struct cluster *c, const struct heartbeat *h)
{
	const struct echo *e = &h->echo[c->config.id];

	if (!e->sent_ns || e->boot != (__u32)c->boot || e->sent_ns > c->sent_ns)
		return;
	if (e->sent_ns + c->config.lease_ns > c->lease_ns)
		c->lease_ns = e->sent_ns + c->config.lease_ns;
}

/*
 * In the middle of a planned change members switch packet by packet, as one
 * leader drives it: without it they could differ, so the table is given up.
 */
void lease_keep(struct cluster *c)
{
	if (c->plan.phase != PLAN_NONE)
		c->kept_ns = 0;
	else if (c->table.stamp.term == c->term && c->table.stamp.leader == c->leader)
		c->kept_ns = c->lease_ns;
	c->lease_ns = 0;
}

void lease_resign(struct cluster *c, __u64 now)
{
	slots_clear(&c->table);
	c->plan = (struct plan){ .phase = PLAN_NONE };
	c->lease_ns = c->kept_ns = 0;
	c->resigned_ns = now > c->sent_ns ? now : c->sent_ns + 1;
	c->send = true;
}
