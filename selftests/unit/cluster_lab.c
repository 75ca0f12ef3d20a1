// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cluster_lab.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rand.h"

#define POOL 65536

__u64 lab_clock(const struct lab *l, int i)
{
	const struct lab_member *m = &l->m[i];

	return m->offset + (__u64)((__s64)l->now + (__s64)l->now / 1000000 * m->drift);
}

/* When member i's clock will show at, rounded up. */
static __u64 to_reference(const struct lab *l, int i, __u64 at)
{
	__u64 own = lab_clock(l, i), left = at > own ? at - own : 0;

	return l->now + left + (left && l->m[i].drift < 0 ? left / 900 + 1 : 0);
}

bool lab_forwards(const struct lab *l, int i)
{
	return l->m[i].deadline > lab_clock(l, i);
}

/* Its edges have said so, and keep to it. */
static bool has_switched_away(const struct lab_member *m, int slot)
{
	return m->plan.phase == PLAN_SWITCH && m->local.phase == PLAN_SWITCH &&
	       m->local.phase_epoch == m->plan.next.stamp.epoch && m->plan.next.slot[slot] != m->config.id;
}

static void check_owners(struct lab *l)
{
	bool covered[ESL_SLOTS] = {}, all = true;

	for (int s = 0; s < ESL_SLOTS; s++) {
		int owner = LAB_NONE;

		for (int i = 0; i <= l->count; i++) {
			struct lab_member *m = &l->m[i], *o = &l->m[owner < 0 ? 0 : owner];

			if (!m->table.members || !lab_forwards(l, i))
				continue;
			/* Numbers from the switch on are its already. */
			covered[s] |= m->plan.phase == PLAN_SWITCH && m->plan.next.slot[s] == m->config.id;
			if (m->table.slot[s] != m->config.id || has_switched_away(m, s))
				continue;
			if (owner != LAB_NONE &&
			    !(m->plan.phase == PLAN_SWITCH && m->plan.next.slot[s] == o->config.id) &&
			    !(o->plan.phase == PLAN_SWITCH && o->plan.next.slot[s] == m->config.id)) {
				if (!l->doubled++)
					snprintf(l->first, sizeof(l->first), "%llu us: slot %d of %d (%llu.%u) and %d (%llu.%u)",
						 l->now / 1000, s, owner, o->table.stamp.term,
						 o->table.stamp.epoch, i, m->table.stamp.term, m->table.stamp.epoch);
			}
			owner = i;
		}
		all &= covered[s] || owner != LAB_NONE;
	}
	if (!all && !l->uncovered_since)
		l->uncovered_since = l->now;
	if (l->uncovered_since && l->now - l->uncovered_since > l->uncovered_ns)
		l->uncovered_ns = l->now - l->uncovered_since;
	if (all)
		l->uncovered_since = 0;
}

static bool before(const struct lab_packet *a, const struct lab_packet *b)
{
	return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static void push(struct lab *l, struct lab_packet p)
{
	size_t i = l->heaped++;

	if (l->heaped > l->room) {
		l->room = l->room * 2 + 1024;
		l->heap = realloc(l->heap, l->room * sizeof(*l->heap));
		cr_assert_not_null(l->heap);
	}
	p.order = l->order++;
	for (; i && before(&p, &l->heap[(i - 1) / 2]); i = (i - 1) / 2)
		l->heap[i] = l->heap[(i - 1) / 2];
	l->heap[i] = p;
}

static struct lab_packet pop(struct lab *l)
{
	struct lab_packet top = l->heap[0], last = l->heap[--l->heaped];
	size_t i = 0;

	for (size_t k; (k = 2 * i + 1) < l->heaped; i = k) {
		k += k + 1 < l->heaped && before(&l->heap[k + 1], &l->heap[k]);
		if (!before(&l->heap[k], &last))
			break;
		l->heap[i] = l->heap[k];
	}
	l->heap[i] = last;
	return top;
}

static void broadcast(struct lab *l, int from)
{
	struct heartbeat h, *kept = &l->pool[l->pooled++ % POOL];
	__u8 buf[ESL_HB_MAX];
	size_t size;

	cluster_fill(&l->m[from].c, lab_clock(l, from), &h);
	size = heartbeat_encode(&h, buf);
	cr_assert_eq(heartbeat_decode(buf, size, kept), HEARTBEAT_OK, "member %d sends what is refused", from);
	l->m[from].sent++;
	for (int to = 0; to <= l->count; to++) {
		for (__u32 n = 0; n < l->copies && to != from && l->m[to].running; n++) {
			__u64 late = l->jitter ? rand64(&l->random) % l->jitter : 0;

			if (l->cut[from][to] || rand_below(&l->random, 1000) < l->loss)
				continue;
			push(l, (struct lab_packet){ .at = l->now + l->delay + late, .h = kept, .to = to });
		}
	}
}

static void do_phase(struct lab_member *m)
{
	m->done_at = 0;
	m->local.phase = m->plan.phase;
	m->local.phase_epoch = m->plan.phase ? m->plan.next.stamp.epoch : 0;
}

/* What the edges do: in the order that struct cluster_actions asks for. */
static void act(struct lab *l, int i, const struct cluster_actions *first)
{
	struct lab_member *m = &l->m[i];
	struct cluster_actions a = *first;
	bool send = false;

	for (;;) {
		send |= a.send;
		m->began += a.lead_began;
		m->ended += a.lead_ended;
		if (a.publish) {
			m->moved = 0;
			for (int s = 0; s < ESL_SLOTS; s++)
				m->moved += m->table.slot[s] != cluster_table(&m->c)->slot[s];
			m->table = *cluster_table(&m->c);
			m->publishes++;
			m->local.held = m->table.stamp;
		}
		m->plan = *cluster_plan(&m->c);
		m->deadline = cluster_deadline_ns(&m->c);
		if (a.plan && !m->slow) {
			/* To switch takes until what it agreed on comes by. */
			m->done_at = m->plan.phase == PLAN_SWITCH ? l->now + MS : 0;
			if (!m->done_at)
				do_phase(m);
		}
		if (!a.publish && !a.plan)
			break;
		cluster_tick(&m->c, &m->local, lab_clock(l, i), &a);
	}
	if (send)
		broadcast(l, i);
	m->deadline = cluster_deadline_ns(&m->c);
}

void lab_poke(struct lab *l, int i)
{
	struct lab_member *m = &l->m[i];
	struct cluster_actions a;

	if (m->done_at && m->done_at <= l->now)
		do_phase(m);
	m->woken++;
	cluster_tick(&m->c, &m->local, lab_clock(l, i), &a);
	act(l, i, &a);
	check_owners(l);
}

static void deliver(struct lab *l, const struct lab_packet *p)
{
	struct cluster_actions a;
	struct lab_member *m = &l->m[p->to];

	if (!m->running)
		return;
	if (m->frozen_until > l->now) {
		struct lab_packet later = *p;

		later.at = m->frozen_until;
		push(l, later);
		return;
	}
	cluster_heard(&m->c, p->h, lab_clock(l, p->to), &a);
	act(l, p->to, &a);
}

static __u64 timer(struct lab *l, int *ret)
{
	__u64 soonest = ~0ULL;

	for (int i = 0; i <= l->count; i++) {
		const struct lab_member *m = &l->m[i];
		__u64 at;

		if (!m->running)
			continue;
		at = to_reference(l, i, cluster_next_ns(&m->c));
		if (m->done_at && m->done_at < at)
			at = m->done_at;
		if (at < m->frozen_until)
			at = m->frozen_until;
		if (at < soonest)
			soonest = at, *ret = i;
	}
	return soonest;
}

static bool step(struct lab *l, __u64 until)
{
	int i = 0;
	__u64 at = timer(l, &i);

	/* A process that wakes may see its timer before its socket. */
	if (l->heaped && l->heap[0].at < at) {
		struct lab_packet p;

		if (l->heap[0].at > until)
			return false;
		p = pop(l);
		l->now = p.at > l->now ? p.at : l->now;
		deliver(l, &p);
	} else {
		if (at > until)
			return false;
		l->now = at > l->now ? at : l->now;
		lab_poke(l, i);
		/* Every tick must move its own timer on, or the daemon would spin. */
		cr_assert_gt(cluster_next_ns(&l->m[i].c), lab_clock(l, i), "member %d spins", i);
	}
	if (l->count <= 8)
		check_owners(l);
	return true;
}

void lab_run(struct lab *l, __u64 for_ns)
{
	__u64 until = l->now + for_ns;

	while (step(l, until))
		;
	l->now = until;
	check_owners(l);
}

__u64 lab_until(struct lab *l, bool (*done)(struct lab *l, int i), int i, __u64 limit)
{
	__u64 start = l->now;

	while (!done(l, i))
		if (!step(l, start + limit)) {
			l->now = start + limit;
			break;
		}
	return l->now - start;
}

struct lab *lab_new(int count, bool majority, __u64 seed)
{
	struct lab *l = calloc(1, sizeof(*l));

	cr_assert_not_null(l);
	l->pool = calloc(POOL, sizeof(*l->pool));
	cr_assert_not_null(l->pool);
	l->count = count;
	l->random = seed * 2 + 1;
	l->now = 1000 * MS;
	l->delay = MS / 20;
	l->copies = 1;
	for (int i = 0; i <= count; i++) {
		struct lab_member *m = &l->m[i];

		m->config = (struct cluster_config){ .id = (__u32)i,
						     .members = count < 64 ? (1ULL << count) - 1 : ~0ULL,
						     .majority = majority,
						     .heartbeat_ns = 20 * MS,
						     .dead_ns = 60 * MS,
						     .lease_ns = 50 * MS,
						     .join_ns = 500 * MS };
		m->offset = rand64(&l->random) >> 8;
		m->drift = (__s64)rand_below(&l->random, 2001) - 1000;
		m->local.ready = true;
		m->local.held.leader = ESL_NO_MEMBER;
		memset(m->table.slot, ESL_NO_MEMBER, sizeof(m->table.slot));
	}
	return l;
}

void lab_free(struct lab *l)
{
	free(l->heap);
	free(l->pool);
	free(l);
}

void lab_boot(struct lab *l, int i)
{
	struct lab_member *m = &l->m[i];

	m->deadline = m->done_at = 0;
	memset(&m->table, 0, sizeof(m->table));
	memset(m->table.slot, ESL_NO_MEMBER, sizeof(m->table.slot));
	memset(&m->plan, 0, sizeof(m->plan));
	m->local.held = (struct stamp){ .leader = ESL_NO_MEMBER };
	m->local.phase = PLAN_NONE;
	m->local.phase_epoch = 0;
	m->running = true;
	cluster_start(&m->c, &m->config, rand64(&l->random) | 1, lab_clock(l, i));
	lab_poke(l, i);
}

void lab_boot_all(struct lab *l)
{
	for (int i = 0; i < l->count; i++) {
		lab_boot(l, i);
		lab_run(l, rand_below(&l->random, 3 * MS));
	}
}

void lab_kill(struct lab *l, int i)
{
	l->m[i].running = false;
}

void lab_freeze(struct lab *l, int i, __u64 for_ns)
{
	l->m[i].frozen_until = l->now + for_ns;
}

void lab_cut(struct lab *l, int from, int to, bool cut)
{
	l->cut[from][to] = cut;
}

int lab_leader(const struct lab *l)
{
	int leader = LAB_NONE;

	for (int i = 0; i <= l->count; i++) {
		if (!l->m[i].running || l->m[i].c.role != ROLE_LEADER)
			continue;
		if (leader != LAB_NONE)
			return LAB_NONE;
		leader = i;
	}
	return leader;
}

bool lab_covered(struct lab *l, int i)
{
	(void)i;
	for (int s = 0; s < ESL_SLOTS; s++) {
		bool owned = false;

		for (int k = 0; k < l->count && !owned; k++)
			owned = l->m[k].table.slot[s] == k && lab_forwards(l, k);
		if (!owned)
			return false;
	}
	return true;
}

bool lab_has_leader(struct lab *l, int i)
{
	int leader = lab_leader(l);

	(void)i;
	for (int k = 0; k < l->count; k++)
		if (l->m[k].running && cluster_leader(&l->m[k].c) != leader)
			return false;
	return leader != LAB_NONE;
}

bool lab_in(struct lab *l, int i)
{
	return lab_forwards(l, i) && l->m[i].table.members >> l->m[i].config.id & 1;
}

bool lab_out(struct lab *l, int i)
{
	for (int k = 0; k < l->count; k++)
		if (l->m[k].running && k != i && (l->m[k].table.members >> i & 1))
			return false;
	return true;
}

bool lab_all_in(struct lab *l, int i)
{
	(void)i;
	for (int k = 0; k < l->count; k++)
		if (l->m[k].running && !lab_in(l, k))
			return false;
	return true;
}

bool lab_left(struct lab *l, int i)
{
	return cluster_left(&l->m[i].c);
}

struct lab *lab_settled(int count, bool majority, __u64 seed)
{
	struct lab *l = lab_new(count, majority, seed);

	lab_boot_all(l);
	cr_assert_lt(lab_until(l, lab_all_in, 0, 2000 * MS), 2000 * MS, "%d members never all in", count);
	lab_run(l, 200 * MS);
	cr_assert(lab_has_leader(l, 0));
	cr_assert(lab_covered(l, 0));
	l->uncovered_ns = l->uncovered_since = 0;
	return l;
}

void lab_finished(struct lab *l)
{
	cr_expect_eq(l->doubled, 0, "two owners: %s", l->first);
	lab_free(l);
}
