// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The edge of cluster.c.  What it wants is done at once and in its order: the
 * table, the deadline, the phase of a plan, a heartbeat; and what was done is
 * told to it before anything else happens.
 */
#include "membership.h"

#include <inttypes.h>
#include <string.h>
#include <syslog.h>

#include "agent.h"
#include "sadb.h"

/* What clocks may drift while a lease runs, and what its check may be late. */
#define LEASE_OF_DEAD(ns) ((ns) - (ns) / 20)
#define LEAVE_NS (5000 * NS_PER_MS)
#define TURNS_MAX 8

static struct cluster_config config_of(const struct esl_conf *c)
{
	struct cluster_config k = {
		.id = c->member,
		.majority = c->quorum == ESL_QUORUM_MAJORITY,
		.priority = (__u8)c->priority,
		.heartbeat_ns = c->heartbeat_ms * NS_PER_MS,
		.dead_ns = c->dead_ms * NS_PER_MS,
		.lease_ns = LEASE_OF_DEAD(c->dead_ms * NS_PER_MS),
		.join_ns = c->join_wait_ms * NS_PER_MS,
	};

	for (size_t i = 0; i < c->member_count; i++) {
		k.members |= 1ULL << c->members[i].id;
		k.weight[c->members[i].id] = c->members[i].weight;
	}
	return k;
}

void membership_fill(const struct slot_table *s, struct esl_table *t)
{
	memcpy(t->slot, s->slot, sizeof(t->slot));
	if (!s->members)
		memset(t->slot, ESL_NO_MEMBER, sizeof(t->slot));
	/* Turns too: whom a small weight left without a slot forwards nothing. */
	t->active_bits = 0;
	for (size_t i = 0; i < ESL_SLOTS; i++)
		if (t->slot[i] < ESL_MEMBERS_MAX)
			t->active_bits |= 1ULL << t->slot[i];
	t->active_count = 0;
	for (__u32 id = 0; id < ESL_MEMBERS_MAX; id++)
		if (t->active_bits >> id & 1)
			t->active[t->active_count++] = (__u8)id;
	t->epoch = t->epoch << 16 | (s->stamp.epoch & 0xffff);
}

__u64 membership_owners(const struct agent *a)
{
	const struct plan *p = &a->plan.plan;

	return a->membership.owners | a->membership.active.members | (p->phase == PLAN_NONE ? 0 : p->next.members);
}

/*
 * Floors first: the program must not take a number of a slot before.  A change
 * that ends otherwise than planned is a take-over, and two tables were before.
 */
static void put_in_force(struct agent *a, const struct slot_table *table)
{
	struct membership *m = &a->membership;
	const __u8 *before[] = { m->active.slot, a->plan.plan.next.slot };
	struct takeover_slots taken;
	bool had = m->active.members >> a->conf.member & 1;
	__u32 gained = takeover_taken(before, had ? 1 + plan_is_switching(a) : 0, table->slot, a->conf.member, &taken);

	if (!table->members)
		m->owners = membership_owners(a);
	if (table->members >> a->conf.member & 1 || cluster_leader(&m->cluster) == a->conf.member)
		sadb_promote_begin(a);
	if (plan_ends_with(a, &table->stamp)) {
		sadb_mark_taken(a, &taken);
		if (gained)
			sadb_switch_floors(a, plan_all_stopped(a));
		m->active = *table;
		plan_finish(a);
	} else {
		if (gained)
			sadb_take_over(a, &taken);
		m->active = *table;
		options_publish(a);
	}
	m->tables++;
	if (!table->members)
		return;
	m->owners = 0;
	say(LOG_NOTICE, "table %u of member %u: %d members", table->stamp.epoch, table->stamp.leader,
	    __builtin_popcountll(table->members));
}

static void write_deadline(struct agent *a)
{
	struct membership *m = &a->membership;
	struct esl_config *config = a->pins.config;
	__u64 until = a->why == WHY_READY ? cluster_deadline_ns(&m->cluster) : 0;

	if (until == m->deadline_ns)
		return;
	if (m->deadline_ns && until > m->deadline_ns && m->deadline_ns < agent_now())
		m->lapses++;
	m->renewals += until > m->deadline_ns;
	if (m->deadline_ns)
		m->forwarded_ns = m->deadline_ns < agent_now() ? m->deadline_ns : agent_now();
	m->deadline_ns = until;
	esl_store(&config->deadline_ns, until);
}

__u64 membership_silent_ns(const struct agent *a)
{
	const struct membership *m = &a->membership;
	__u64 until = m->deadline_ns ? m->deadline_ns : m->forwarded_ns, now = agent_now();

	return until && until < now ? now - until : 0;
}

__u32 membership_distance(const struct agent *a)
{
	const struct membership *m = &a->membership;

	return m->tables ? takeover_distance(m->active.slot, a->conf.member) : m->distance;
}

static void tell_serve(struct agent *a)
{
	struct membership *m = &a->membership;
	enum serve serve = cluster_why_not_forwarding(&m->cluster, agent_now());

	if (serve == m->serve)
		return;
	m->serve = serve;
	m->serve_since_ns = agent_now();
	say(serve == SERVE_FORWARDING ? LOG_NOTICE : LOG_WARNING, "%s: %s",
	    serve == SERVE_FORWARDING ? "forwarding" : "silent", serve_sentence(serve));
}

/* The leader answers for the cluster addresses, and its word counts. */
static void lead(struct agent *a)
{
	__u32 leader = cluster_leader(&a->membership.cluster);
	bool before = a->leader;

	/* The same leader in another term has forgotten what was told in this one. */
	if (a->membership.cluster.term != a->sadb->promote_term && leader == a->leader_id)
		sadb_promote_lead(a);
	if (leader == a->leader_id)
		return;
	if (leader == ESL_NO_MEMBER)
		say(LOG_WARNING, "no member leads");
	else
		say(LOG_NOTICE, "member %u leads", leader);
	a->leader_id = leader;
	a->leader = leader == a->conf.member;
	a->membership.elections += leader != ESL_NO_MEMBER;
	esl_store(&a->pins.config->leader, a->leader);
	sadb_promote_lead(a);
	if (leader != ESL_NO_MEMBER)
		sadb_open(a);
	if (a->leader && !before)
		neighbour_announce(a);
}

static void send_heartbeat(struct agent *a)
{
	struct membership *m = &a->membership;
	static struct heartbeat h;
	__u8 buf[ESL_HB_MAX];

	cluster_fill(&m->cluster, agent_now(), &h);
	sync_cast(a, ESL_SEAL_HEARTBEAT, buf, heartbeat_encode(&h, buf), SYNC_EVERYWHERE);
	m->sent++;
	agent_beat(a);
}

/* What was done is told in the next turn; returns whether there is anything to tell. */
static bool act(struct agent *a, const struct cluster_actions *todo)
{
	struct membership *m = &a->membership;
	bool table = todo->publish && stamp_compare(&m->active.stamp, &cluster_table(&m->cluster)->stamp);

	if (table || todo->plan)
		sadb_promote_look(a);
	if (table)
		put_in_force(a, cluster_table(&m->cluster));
	write_deadline(a);
	lead(a);
	if (todo->plan)
		plan_begin(a, cluster_plan(&m->cluster));
	m->owes |= todo->send;
	if (m->owes && !m->gathers) {
		m->owes = false;
		send_heartbeat(a);
	}
	return table || todo->plan;
}

/*
 * Does nothing come to this machine any more?  Frames are counted from before members are
 * taken for dead, so that one that is left alone with its traffic goes on at once.
 */
static bool is_blind(struct agent *a)
{
	struct membership *m = &a->membership;
	__u64 interval = a->conf.heartbeat_ms * NS_PER_MS, last = 0, frames;

	for (size_t i = 0; i < a->sync.count; i++)
		if (m->cluster.peer[a->sync.others[i].id].heard_ns > last)
			last = m->cluster.peer[a->sync.others[i].id].heard_ns;
	if (!last || agent_now() - last < interval + interval / 2) {
		m->watches = false;
		return false;
	}
	if (esl_pins_packets(&a->pins, &frames))
		return false;
	if (!m->watches)
		m->frames = frames;
	m->watches = true;
	return frames == m->frames;
}

static struct cluster_local local_of(struct agent *a)
{
	const struct membership *m = &a->membership;
	struct cluster_local local = {
		.ready = a->why == WHY_READY,
		.leaving = m->leaving,
		.taken = secure_is_taken(a),
		.blind = is_blind(a),
		.load = a->load.permille,
		.held = m->active.stamp,
	};

	plan_done(a, &local.phase_epoch, &local.phase);
	return local;
}

static void wake_up(struct agent *a)
{
	struct membership *m = &a->membership;
	__u64 now = agent_now(), next = cluster_next_ns(&m->cluster);

	/* Set to the same moment again, it costs a system call. */
	if (next == m->wake_ns && next > now)
		return;
	m->wake_ns = next;
	loop_again(m->timer, next > now ? next - now : 0);
}

static void follow(struct agent *a, struct cluster_actions *todo)
{
	struct membership *m = &a->membership;

	for (int turn = 0; act(a, todo) && turn < TURNS_MAX; turn++) {
		struct cluster_local local = local_of(a);

		cluster_tick(&m->cluster, &local, agent_now(), todo);
	}
	tell_serve(a);
	wake_up(a);
	if (m->leaving && (cluster_left(&m->cluster) || agent_now() - m->leave_ns > LEAVE_NS))
		sd_event_exit(a->event, 0);
}

void membership_tick(struct agent *a)
{
	struct cluster_local local = local_of(a);
	struct cluster_actions todo;

	cluster_tick(&a->membership.cluster, &local, agent_now(), &todo);
	follow(a, &todo);
}

void membership_heard(struct agent *a, size_t i, __u64 boot, const __u8 *payload, size_t size)
{
	struct membership *m = &a->membership;
	struct cluster_actions todo;
	static struct heartbeat h;
	enum heartbeat_refusal refusal = heartbeat_decode(payload, size, &h);

	/* Heartbeats that come in step put the timer off again and again. */
	agent_ran(a);
	m->heard[refusal]++;
	if (refusal != HEARTBEAT_OK)
		return;
	/* Announcements of this boot have said how it is set up. */
	if (h.sender != a->sync.others[i].id || h.boot != boot || a->sync.others[i].boot != boot ||
	    !a->sync.heard[i].equal) {
		m->unequal++;
		return;
	}
	a->sync.heard[i].heard_ns = agent_now();
	cluster_heard(&m->cluster, &h, agent_now(), &todo);
	follow(a, &todo);
}

void membership_gather(struct agent *a, void (*read)(struct agent *a))
{
	a->membership.gathers = true;
	read(a);
	a->membership.gathers = false;
	if (a->membership.owes)
		membership_tick(a);
}

static int on_due(sd_event_source *source, uint64_t usec, void *data)
{
	struct agent *a = data;

	(void)source, (void)usec;
	/* It is off now. */
	a->membership.wake_ns = 0;
	agent_ran(a);
	membership_gather(a, networks_beat);
	agent_decide(a);
	membership_tick(a);
	return 0;
}

void membership_reload(struct agent *a)
{
	struct cluster_config config = config_of(&a->conf);

	cluster_reconfigure(&a->membership.cluster, &config);
	membership_tick(a);
}

void membership_leave(struct agent *a)
{
	struct membership *m = &a->membership;

	if (m->leaving)
		return;
	m->leaving = true;
	m->leave_ns = agent_now();
	membership_tick(a);
}

int membership_start(struct agent *a)
{
	struct membership *m = &a->membership;
	struct cluster_config config = config_of(&a->conf);
	const struct esl_table *left = esl_table(a->pins.config);
	int err;

	cluster_start(&m->cluster, &config, a->sync.own.boot, agent_now());
	/* Maps that nobody has filled yet name no owner. */
	m->distance = left->epoch ? takeover_distance(left->slot, a->conf.member) : ESL_SLOTS;
	m->serve = SERVE_STARTING;
	m->serve_since_ns = agent_now();
	err = loop_timer(a, &m->timer, 0, on_due);
	return err < 0 ? err : sd_event_source_set_priority(m->timer, PRIORITY_BEAT);
}

void membership_stop(struct agent *a)
{
	sd_event_source_unref(a->membership.timer);
}
