// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Tables and planned changes in a member's kernel.
 *
 * A planned change: the leader chooses a number X per inbound SA, beyond all
 * that was accepted, and tells it.  PREPARE is done when X is known to all of
 * both views: from then on the former owner takes nothing at or above it.
 * SWITCH: the next owner takes what is at or above it.  When the table itself
 * comes, numbers below X stay with the former owner.  A member that is past X
 * when it learns of it says so, and the leader chooses again.
 */
#include <string.h>

#include "sim.h"

#define PLAN_NS (30 * NS_PER_MS) /* X is so far ahead, by the rate */
/* A packet that the program passed on is through the stack after this. */
#define DRAIN_NS (3 * NS_PER_MS)
/* A former owner waits so long for numbers below X; then nobody takes them. */
#define AFTER_NS (300 * NS_PER_MS)
/* And floors stay at least so long: longer than that, and a lease. */
#define FLOOR_NS (3 * NS_PER_S / 2)

static __u64 max64(__u64 a, __u64 b)
{
	return a > b ? a : b;
}

static void set_floors(struct sim *s, struct member *m, const struct takeover_slots *taken,
		       __u32 distance, bool planned, __u64 now)
{
	if (!(taken->word[0] | taken->word[1] | taken->word[2] | taken->word[3]))
		return;
	for (int i = 0; i < KERNEL_SAS; i++) {
		struct kernel_sa *k = &m->kernel.sa[i];
		struct agent_sa *a = &m->agent.sa[i];
		struct takeover_known known = {
			.own = k->window.top,
			.heard = a->sa == k->sa ? a->heard_top : 0,
			.refused = a->sa == k->sa ? a->heard_floor : 0,
			.rate = sas_rate(a),
			.unheard_ns = 2 * s->dead_ns,
			.distance = distance,
			.esp_shift = s->by_spi ? ESL_BY_SPI : s->esp_shift,
		};
		__u64 floor = planned && k->from		? k->from - 1
			      : s->options->broken == BREAK_BAR ? takeover_floor(&known)
								: max64(known.refused, a->bar);

		if (!k->sa)
			continue;
		trace(s, m->id, "SA %llu: floor %llu, own top %llu, heard %llu", (__u64)k->sa - 1,
		      floor, known.own, known.heard);
		takeover_raise(&k->floors, taken, floor);
		m->agent.floors_ns = now;
		k->floored |= !!floor;
	}
}

/*
 * A member that was not in the table in force until now, by a lease that held,
 * does not know by itself what was accepted meanwhile.
 */
static void doubt(struct sim *s, struct member *m, bool lapsed)
{
	const struct esl_table *t = esl_table(&m->kernel.config);

	if (s->options->broken == BREAK_I2 || s->options->broken == BREAK_BAR ||
	    s->options->broken == BREAK_WITNESS || (!lapsed && t->active_bits >> m->id & 1))
		return;
	for (int i = 0; i < KERNEL_SAS; i++) {
		struct kernel_sa *k = &m->kernel.sa[i];
		bool known = k->sa && sas_is_witnessed(s, m, &m->agent.sa[i]);

		if (k->sa && !known)
			trace(s, m->id, "SA %llu is shut", (__u64)k->sa - 1);
		k->shut |= !known;
	}
}

/* Enough was heard: what was accepted is at or below the bar. */
static void open_shut(struct sim *s, struct member *m, __u64 now)
{
	static const struct takeover_slots all = { .word = { ~0ULL, ~0ULL, ~0ULL, ~0ULL } };

	for (int i = 0; i < KERNEL_SAS; i++) {
		struct kernel_sa *k = &m->kernel.sa[i];
		struct agent_sa *a = &m->agent.sa[i];

		if (!k->sa || !k->shut || k->forgot || a->sa != k->sa || !sas_is_witnessed(s, m, a))
			continue;
		takeover_raise(&k->floors, &all, max64(a->heard_floor, a->bar));
		m->agent.floors_ns = now;
		k->floored = true;
		k->shut = false;
		trace(s, m->id, "SA %llu is open, floor %llu", (__u64)k->sa - 1, a->bar);
	}
}

static void put_table(struct sim *s, struct kernel *k, const struct slot_table *from)
{
	struct esl_table *t = &k->config.table[!k->config.current];

	(void)s;
	memcpy(t->slot, from->slot, sizeof(t->slot));
	t->active_bits = from->members;
	t->active_count = 0;
	for (__u32 i = 0; i < ESL_MEMBERS_MAX; i++)
		if (from->members >> i & 1)
			t->active[t->active_count++] = (__u8)i;
	if (!from->members)
		memset(t->slot, ESL_NO_MEMBER, sizeof(t->slot));
	t->epoch = from->stamp.epoch;
	k->config.current = !k->config.current;
	k->stamp = from->stamp;
}

/* Is the plan one that the kernel is at already, perhaps without those who died? */
static bool goes_on(const struct member *m, const struct plan *plan)
{
	const struct stamp *at = &m->agent.prepared;

	return (m->kernel.switching == SWITCH_PREPARED || m->kernel.switching == SWITCH_TAKEN) &&
	       plan->phase != PLAN_NONE && plan->next.stamp.term == at->term &&
	       plan->next.stamp.leader == at->leader;
}

/* The tables by which this member owned what it may have kept to itself. */
static size_t tables_before(const struct member *m, bool lapsed, bool planned,
			    const __u8 *before[2])
{
	const struct kernel *k = &m->kernel;
	const struct slot_table *t = &m->agent.table;

	if (lapsed || !k->stamp.term || t->stamp.epoch <= k->stamp.epoch)
		return 0;
	before[0] = esl_table(&k->config)->slot;
	before[1] = k->other;
	/* A change under way that comes to nothing: two tables held. */
	if (!planned && (k->switching == SWITCH_PREPARED || k->switching == SWITCH_TAKEN) &&
	    !goes_on(m, cluster_plan(&m->agent.cluster)))
		return 2;
	return 1;
}

static void switch_table(struct member *m, bool lapsed, bool planned, __u64 now)
{
	struct kernel *k = &m->kernel;

	if (goes_on(m, cluster_plan(&m->agent.cluster)))
		return;
	k->switching = SWITCH_NONE;
	if (!planned || lapsed)
		return;
	memcpy(k->other, esl_table(&k->config)->slot, sizeof(k->other));
	k->switching = SWITCH_AFTER;
	m->agent.after_ns = now;
}

void takes_table(struct sim *s, struct member *m, __u64 now)
{
	const struct slot_table *t = &m->agent.table;
	struct kernel *k = &m->kernel;
	const __u8 *before[2];
	bool lapsed = m->agent.lapsed || now >= k->config.deadline_ns;
	bool planned =
		k->switching == SWITCH_TAKEN && !stamp_compare(&m->agent.prepared, &t->stamp);
	struct takeover_slots taken = {};

	if (t->stamp.term && !stamp_compare(&t->stamp, &k->stamp))
		return;
	s->figures.tables++;
	trace(s, m->id, "table of term %llu, leader %llu, epoch %llu; members 0x%llx",
	      t->stamp.term >> 32, (unsigned long long)t->stamp.leader,
	      (unsigned long long)t->stamp.epoch, t->members);
	if (t->members)
		takeover_taken(before, tables_before(m, lapsed, planned, before), t->slot, m->id,
			       &taken);
	if (s->options->broken != BREAK_I2)
		set_floors(s, m, &taken, takeover_distance(esl_table(&k->config)->slot, m->id),
			   planned, now);
	if (t->members >> m->id & 1)
		doubt(s, m, lapsed);
	switch_table(m, lapsed, planned, now);
	put_table(s, k, t);
	m->agent.lapsed = false;
	m->agent.covered = true;
	kernel_claim(k);
	check_published(s, m);
	check_claims(s, m);
	traffic_storm(s);
}

/* The leader: X for every SA. */
static void choose(struct sim *s, struct member *m, const struct stamp *plan)
{
	struct agent *own = &m->agent;

	(void)s;
	for (int i = 0; i < KERNEL_SAS; i++) {
		struct kernel_sa *k = &m->kernel.sa[i];
		struct agent_sa *a = &own->sa[i];
		__u64 top = max64(k->window.top, a->heard_top) + sas_rate(a) * PLAN_NS / NS_PER_S;
		__u64 floor = max64(takeover_highest(&k->floors), a->heard_floor);

		/* Who owns slots and lost its state cannot say what it accepted. */
		if (cluster_table(&own->cluster)->members & ~a->kept & ~(1ULL << m->id))
			top = max64(top, a->bar);
		own->from_sa[i] = k->sa;
		/* Who sees a rate that it has not seen yet gets there by doubling. */
		if (own->attempt)
			top = max64(top, own->from[i]) +
			      (8ULL << (own->attempt < 10 ? own->attempt : 10));
		own->from[i] = max64(top, floor) + 1;
	}
	own->attempt++;
	own->plan = *plan;
	own->agreed = 1ULL << m->id;
	own->announce = true;
}

/* X into the kernel: numbers from X on are let go of, and nothing is taken yet.
 * Packets under way may still be at or above it. */
static void prepare(struct member *m, const struct plan *plan, __u64 now)
{
	struct kernel *k = &m->kernel;
	struct agent *own = &m->agent;

	for (int i = 0; i < KERNEL_SAS; i++) {
		struct kernel_sa *sa = &k->sa[i];

		sa->from = sa->sa && own->from_sa[i] == sa->sa ? own->from[i] : 0;
	}
	memcpy(k->other, plan->next.slot, sizeof(k->other));
	k->switching = SWITCH_PREPARED;
	own->prepared = plan->next.stamp;
	own->prepared_ns = now;
	own->installed = own->too_low = false;
	own->busy = true;
	kernel_claim(k);
}

static void done(struct agent *own, const struct plan *plan)
{
	own->local.phase_epoch = plan->next.stamp.epoch;
	own->local.phase = plan->phase;
}

/* The leader has done PREPARE when all others have this X. */
static bool is_agreed(const struct member *m, const struct plan *plan)
{
	__u64 all = plan->next.members | cluster_table(&m->agent.cluster)->members;

	return cluster_leader(&m->agent.cluster) != m->id || !(all & ~m->agent.agreed);
}

/*
 * The leader that made the plan dropped it: nobody who lives has taken what was
 * let go of.  With another leader that is not known, and it stays so until there
 * is a table.
 */
static void abandon(struct sim *s, struct member *m, __u64 now)
{
	const struct cluster *c = &m->agent.cluster;
	struct kernel *k = &m->kernel;
	const __u8 *before[] = { k->other };
	struct takeover_slots taken;

	if (k->switching != SWITCH_PREPARED && k->switching != SWITCH_TAKEN)
		return;
	k->switching = SWITCH_PREPARED;
	if (cluster_leader(c) == m->agent.prepared.leader && c->term == m->agent.prepared.term &&
	    !stamp_compare(&cluster_table(c)->stamp, &k->stamp)) {
		takeover_taken(before, 1, esl_table(&k->config)->slot, m->id, &taken);
		set_floors(s, m, &taken, takeover_distance(k->other, m->id), false, now);
		k->switching = SWITCH_NONE;
	}
	kernel_claim(k);
	check_claims(s, m);
}

/* The leader chooses X; the others know it, or do so when it is told. */
static void prepare_phase(struct sim *s, struct member *m, const struct plan *plan, __u64 now)
{
	struct agent *own = &m->agent;
	bool known = !stamp_compare(&plan->next.stamp, &own->plan);

	if (!known && cluster_leader(&own->cluster) == m->id) {
		own->attempt = 0;
		choose(s, m, &plan->next.stamp);
	} else if (!known) {
		return;
	}
	prepare(m, plan, now);
	trace(s, m->id, "prepares for epoch %llu, attempt %llu",
	      (unsigned long long)plan->next.stamp.epoch, (unsigned long long)own->attempt);
}

/* Also again, when a death changed the next table: then with the same X. */
static void switch_phase(struct sim *s, struct member *m, const struct plan *plan, __u64 now)
{
	struct kernel *k = &m->kernel;
	const __u8 *before[] = { k->other };
	struct takeover_slots taken;

	if (!goes_on(m, plan))
		return;
	takeover_taken(before, 1, plan->next.slot, m->id, &taken);
	set_floors(s, m, &taken, takeover_distance(k->other, m->id), false, now);
	if (plan->next.members >> m->id & 1)
		doubt(s, m, m->agent.lapsed || now >= k->config.deadline_ns);
	memcpy(k->other, plan->next.slot, sizeof(k->other));
	k->switching = SWITCH_TAKEN;
	m->agent.prepared = plan->next.stamp;
	trace(s, m->id, "switches to epoch %llu", (unsigned long long)plan->next.stamp.epoch);
	kernel_claim(k);
	check_claims(s, m);
	done(&m->agent, plan);
}

void takes_phase(struct sim *s, struct member *m, __u64 now)
{
	const struct plan *plan = cluster_plan(&m->agent.cluster);

	if (plan->phase == PLAN_NONE)
		abandon(s, m, now);
	else if (s->options->broken == BREAK_I2)
		done(&m->agent, plan);
	else if (plan->phase == PLAN_PREPARE)
		prepare_phase(s, m, plan, now);
	else
		switch_phase(s, m, plan, now);
}

static void heard_from_member(struct sim *s, struct member *m, __u32 from, const struct tidings *t,
			      __u64 now)
{
	struct agent *own = &m->agent;
	const struct plan *plan = cluster_plan(&own->cluster);

	if (plan->phase != PLAN_PREPARE || stamp_compare(&t->plan, &own->plan) ||
	    t->attempt != own->attempt || stamp_compare(&plan->next.stamp, &own->plan))
		return;
	if (t->too_low) {
		choose(s, m, &plan->next.stamp);
		prepare(m, plan, now);
		return;
	}
	own->agreed |= 1ULL << from;
	if (own->installed && is_agreed(m, plan) &&
	    own->local.phase_epoch != plan->next.stamp.epoch)
		done(own, plan);
}

void takes_heard(struct sim *s, struct member *m, __u32 from, const struct tidings *t, __u64 now)
{
	struct agent *own = &m->agent;
	const struct plan *plan = cluster_plan(&own->cluster);

	if (!t->plan.term)
		return;
	if (cluster_leader(&own->cluster) == m->id) {
		heard_from_member(s, m, from, t, now);
		return;
	}
	/* Of the plan as the leader's heartbeats show it, another attempt. */
	if (plan->phase != PLAN_PREPARE || stamp_compare(&t->plan, &plan->next.stamp) ||
	    t->plan.leader != from)
		return;
	if (!stamp_compare(&t->plan, &own->plan) && t->attempt <= own->attempt)
		return;
	own->plan = t->plan;
	own->attempt = t->attempt;
	own->installed = false;
	for (int i = 0; i < KERNEL_SAS; i++) {
		own->from_sa[i] = t->part[i].from ? t->part[i].sa : 0;
		own->from[i] = t->part[i].from;
	}
	takes_phase(s, m, now);
}

/* Nothing is under way any more: was X passed? */
static void drained(struct sim *s, struct member *m, const struct plan *plan, __u64 now)
{
	struct agent *own = &m->agent;

	for (int i = 0; i < KERNEL_SAS; i++) {
		const struct kernel_sa *k = &m->kernel.sa[i];

		own->too_low |= k->from && (k->window.top >= k->from || takeover_highest(&k->floors) >= k->from);
	}
	if (own->too_low && cluster_leader(&own->cluster) == m->id) {
		choose(s, m, &plan->next.stamp);
		prepare(m, plan, now);
		return;
	}
	own->installed = own->announce = own->busy = true;
	if (!own->too_low && is_agreed(m, plan))
		done(own, plan);
}

void takes_tick(struct sim *s, struct member *m, __u64 now)
{
	const struct plan *plan = cluster_plan(&m->agent.cluster);
	struct kernel *k = &m->kernel;

	if (plan->phase == PLAN_PREPARE && k->switching == SWITCH_PREPARED && !m->agent.installed &&
	    !stamp_compare(&m->agent.prepared, &plan->next.stamp)) {
		if (now - m->agent.prepared_ns >= DRAIN_NS)
			drained(s, m, plan, now);
		else
			m->agent.busy = true;
	}

	open_shut(s, m, now);
	if (k->switching == SWITCH_AFTER && now - m->agent.after_ns > AFTER_NS)
		k->switching = SWITCH_NONE;
	if (now - m->agent.floors_ns < FLOOR_NS)
		return;
	for (int i = 0; i < KERNEL_SAS; i++)
		if (k->sa[i].floored)
			k->sa[i].floored = takeover_clear(&k->sa[i].floors, k->sa[i].window.top,
							  REPLAY_WINDOW);
}

void takes_start(struct member *m, __u64 now)
{
	/* What an earlier agent was about is not known; it may go no further. */
	if (m->kernel.switching == SWITCH_TAKEN)
		m->kernel.switching = SWITCH_PREPARED;
	kernel_claim(&m->kernel);
	if (m->kernel.switching == SWITCH_AFTER)
		m->kernel.switching = SWITCH_NONE;
	m->agent.floors_ns = now;
}
