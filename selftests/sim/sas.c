// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What the edge does with SAs: jumps, tidings, and rekeys.  A kernel that lost
 * its state uses only SAs made since: what it sent and accepted before is
 * nowhere known for certain.  One that lost the maps, and what XFRM had counted,
 * begins where agent/rejoin.h lets it; it accepts nothing more.
 */
#include <string.h>

#include "sim.h"

#define IDLE_NS	     (200 * NS_PER_MS)
#define TELL_GAP_NS  NS_PER_MS
#define REKEY_GAP_NS (150 * NS_PER_MS)
#define RATE_NS	     (20 * NS_PER_MS)

static struct agent_sa *agent_sa(struct member *m, __u32 sa)
{
	struct agent_sa *found = &m->agent.sa[sa % KERNEL_SAS];

	return found->sa == sa + 1 ? found : NULL;
}

static __u64 max64(__u64 a, __u64 b)
{
	return a > b ? a : b;
}

__u64 sas_rate(const struct agent_sa *a)
{
	__u64 most = 0;

	for (int i = 0; i < RATES; i++)
		most = max64(most, a->rate[i]);
	return most;
}

/* As agent/sadb_out.c has it. */
static __u64 assigned(const struct kernel_sa *k)
{
	return k->oseq < k->guard.top ? k->guard.bound : k->oseq;
}

static void jump(struct sim *s, struct member *m, struct agent_sa *a, __u64 round)
{
	struct kernel_sa *k = kernel_sa(&m->kernel, a->sa - 1);
	struct lane_jump j;

	if (!k)
		return;
	j = lane_jump_to(&a->lanes, max64(round, a->rejoin.least), assigned(k));
	if (!rejoins_may(s, m, a, j.round))
		return;
	s->figures.jumps++;
	member_step(m, STEP_BOUND, a->sa - 1, j.bound, 0);
	member_step(m, STEP_COUNTER, a->sa - 1, j.oseq, j.round);
}

void sas_counter(struct sim *s, struct member *m, __u32 sa, __u64 oseq, __u64 round)
{
	struct kernel_sa *k = kernel_sa(&m->kernel, sa);
	struct agent_sa *a = agent_sa(m, sa);

	(void)s;
	if (!k || !a)
		return;
	/* The kernel takes what it is given, also where it went on meanwhile. */
	k->oseq = oseq;
	lane_jumped(&a->lanes, &(struct lane_jump){ .round = round, .oseq = oseq });
	m->agent.announce = true;
}

/* Into the lane, with or without a record of an earlier agent. */
static void begin_out(struct sim *s, struct member *m, struct kernel_sa *k)
{
	const struct sa_pair *pair = &s->sa[k->sa - 1];
	struct agent_sa *a = &m->agent.sa[(k->sa - 1) % KERNEL_SAS];
	__u64 now = clock_local(&m->clock, s->now), round = max64(lane_round_beyond(&a->lanes, assigned(k)), pair->round);

	if (!k->recorded || a->rejoin.lapsed) {
		if (!rejoins_begin(s, m, a, max64(round, lane_start_round(&a->lanes, k->oseq)), now, &round))
			return;
		rejoin_resumed(&a->rejoin, round);
		if (!k->recorded) {
			esl_guard_init(&k->guard, &pair->plan, m->id, esl_lane_first(&pair->plan, round, m->id));
			k->recorded = true;
			rejoins_recorded(s, m, a, now);
		}
	}
	jump(s, m, a, max64(round, a->lanes.ahead));
}

static void open_out(struct sim *s, struct member *m, struct kernel_sa *k, bool found)
{
	const struct sa_pair *pair = &s->sa[k->sa - 1];
	struct agent_sa *a = &m->agent.sa[(k->sa - 1) % KERNEL_SAS];

	if (a->sa != k->sa)
		memset(a, 0, sizeof(*a));
	a->rejoin.found |= found && !k->recorded;
	a->rejoin.kept = k->guard.acked;
	a->rejoin.least = k->recorded ? esl_lane_place(&pair->plan, k->guard.first).round : 0;
	a->sa = k->sa;
	a->lanes.plan = pair->plan;
	a->lanes.lane = m->id;
	a->lanes.sticky = s->by_spi;
	a->bar = max64(max64(a->bar, k->bar), k->ceiling);
	a->known_top = k->window.top;
	a->known_ns = clock_local(&m->clock, s->now);
	begin_out(s, m, k);
}

void sas_install(struct sim *s, struct member *m, __u32 sa)
{
	const struct sa_pair *pair = &s->sa[sa];
	struct kernel_sa *k = &m->kernel.sa[sa % KERNEL_SAS];

	if (k->sa > sa || pair->boot[m->id] != m->kernel.state)
		return;
	memset(k, 0, sizeof(*k));
	k->sa = sa + 1;
	k->window.top = k->ceiling = pair->first_in - 1;
	if (m->running)
		open_out(s, m, k, false);
}

void sas_start(struct sim *s, struct member *m, __u64 now)
{
	(void)now;
	for (int i = 0; i < KERNEL_SAS; i++)
		if (m->kernel.sa[i].sa)
			open_out(s, m, &m->kernel.sa[i], true);
}

/* The newest that this member can use, and one. */
static __u32 newest(const struct member *m)
{
	__u32 sa = 0;

	for (int i = 0; i < KERNEL_SAS; i++)
		if (m->kernel.sa[i].sa > sa && !m->kernel.sa[i].forgot)
			sa = m->kernel.sa[i].sa;
	return sa;
}

/* Whoever is not in the view may have accepted numbers of slots owned here, in
 * a view of its own; and so may those that were with it there, up to a bar that was never
 * told here. */
static void heard_stranger(struct member *m, const struct tidings *t, __u64 now)
{
	static const struct takeover_slots all = { .word = { ~0ULL, ~0ULL, ~0ULL, ~0ULL } };

	for (int i = 0; i < KERNEL_SAS; i++) {
		struct kernel_sa *k =
			t->part[i].sa ? kernel_sa(&m->kernel, t->part[i].sa - 1) : NULL;

		const struct agent_sa *a = k ? agent_sa(m, t->part[i].sa - 1) : NULL;
		__u64 floor = a && t->part[i].bar > a->bar ? t->part[i].bar : t->part[i].own;

		if (!k || !floor)
			continue;
		takeover_raise(&k->floors, &all, floor);
		k->floored = true;
		m->agent.floors_ns = now;
	}
}

/* Old SAs are deleted everywhere: also at who was away when that happened. */
static void delete_old(struct member *m, __u32 latest)
{
	for (int i = 0; i < KERNEL_SAS; i++)
		if (m->kernel.sa[i].sa && m->kernel.sa[i].sa + KERNEL_SAS <= latest)
			memset(&m->kernel.sa[i], 0, sizeof(m->kernel.sa[i]));
}

void sas_heard(struct sim *s, struct member *m, __u32 from, const struct tidings *t, __u64 now)
{
	struct agent *own = &m->agent;

	rejoins_heard(s, m, from, t, now);
	own->kernel_state[from] = t->kernel_state;
	own->newest[from] = t->newest;
	if (!(cluster_table(&own->cluster)->members >> from & 1) && s->options->broken != BREAK_I2)
		heard_stranger(m, t, now);
	if (t->newest > newest(m)) {
		sas_install(s, m, t->newest - 1);
		own->announce = newest(m) == t->newest;
	}
	delete_old(m, t->newest);
	for (int i = 0; i < KERNEL_SAS; i++)
		own->sa[i].kept &= ~(1ULL << from);
	for (int i = 0; i < KERNEL_SAS; i++) {
		struct agent_sa *a = t->part[i].sa ? agent_sa(m, t->part[i].sa - 1) : NULL;

		if (!a)
			continue;
		a->kept |= (__u64)t->part[i].kept << from;
		a->heard_top = max64(a->heard_top, t->part[i].top);
		/* Who asks for a higher one waits for the answers of all. */
		own->announce |= t->part[i].bar > a->bar;
		a->bar = max64(a->bar, t->part[i].bar);
		a->bar_of[from] = max64(a->bar_of[from], t->part[i].bar);
		a->heard_floor = max64(a->heard_floor, t->part[i].floor);
		if (t->part[i].started && lane_on_announced(&a->lanes, t->part[i].round))
			a->behind = own->busy = true;
	}
}

void sas_events(struct sim *s, struct member *m, __u64 now)
{
	__u64 round;

	(void)now;
	for (int i = 0; i < KERNEL_SAS; i++) {
		struct kernel_sa *k = &m->kernel.sa[i];
		struct agent_sa *a = k->sa ? agent_sa(m, k->sa - 1) : NULL;

		if (!a)
			continue;
		if (k->half && lane_on_used(&a->lanes, k->half_seq, 0, &round))
			jump(s, m, a, round);
		else if (k->dropped && lane_on_drop(&a->lanes, assigned(k), &round))
			jump(s, m, a, round);
		k->half = k->dropped = false;
	}
}

/* While nobody forwards the last rates stay: they are those of the former owners. */
static void look_at_rate(struct agent_sa *a, const struct kernel_sa *k, __u64 now)
{
	__u64 top = max64(k->window.top, a->heard_top);

	if (now - a->known_ns < RATE_NS)
		return;
	if (a->known_ns && top > a->known_top)
		a->rate[a->rates % RATES] = (top - a->known_top) * NS_PER_S / (now - a->known_ns);
	else
		a->rate[a->rates % RATES] = 0;
	a->rates++;
	a->known_top = top;
	a->known_ns = now;
}

/* Whose majority counts; none with quorum none. */
static __u64 quorum_of(const struct sim *s, const struct member *m)
{
	return s->majority ? m->agent.cluster.config.members : 0;
}

/* A member that is new in the view has told nothing yet. */
static __u64 told_by_all(const struct sim *s, const struct member *m, struct agent_sa *a)
{
	const struct cluster *c = &m->agent.cluster;
	__u64 view = cluster_table(c)->members | cluster_plan(c)->next.members | 1ULL << m->id;

	a->bar_of[m->id] = a->bar;
	return takeover_ceiling(a->bar_of, view, quorum_of(s, m));
}

bool sas_is_witnessed(const struct sim *s, const struct member *m, const struct agent_sa *a)
{
	const struct agent *own = &m->agent;
	__u64 witnesses = 1ULL << m->id;

	for (__u32 i = 0; i < s->count; i++)
		if (a->kept >> i & 1 && own->heard_term[i] >= cluster_table(&own->cluster)->stamp.term)
			witnesses |= 1ULL << i;
	return takeover_is_witnessed(witnesses, quorum_of(s, m));
}

static void raise_bars(struct sim *s, struct member *m)
{
	for (int i = 0; i < KERNEL_SAS; i++) {
		struct kernel_sa *k = &m->kernel.sa[i];
		struct agent_sa *a = k->sa ? agent_sa(m, k->sa - 1) : NULL;
		__u64 bar;

		if (!a)
			continue;
		bar = takeover_bar(a->bar, max64(k->window.top, k->stopped ? k->ceiling : 0),
				   sas_rate(a), s->heartbeat_ns * 2);
		m->agent.announce |= bar > a->bar;
		a->bar = bar;
		k->stopped = false;
		k->ceiling = max64(k->ceiling, told_by_all(s, m, a));
	}
}

static void follow_lanes(struct sim *s, struct member *m, __u64 now)
{
	struct agent *own = &m->agent;
	__u64 round;

	own->busy = false;
	for (int i = 0; i < KERNEL_SAS; i++) {
		struct kernel_sa *k = &m->kernel.sa[i];
		struct agent_sa *a = k->sa ? agent_sa(m, k->sa - 1) : NULL;

		if (!a)
			continue;
		if (!k->recorded || a->rejoin.lapsed)
			begin_out(s, m, k);
		else if (a->held)
			jump(s, m, a, a->held_round);
		if (now < m->kernel.config.deadline_ns)
			look_at_rate(a, k, now);
		if (a->lanes.sticky && lane_took_over(&a->lanes, k->guard.top))
			own->announce = true;
		if (k->guard.passed != a->passed_seen)
			a->active_ns = now;
		a->passed_seen = k->guard.passed;
		if (lane_stands_by(&a->lanes, k->guard.top, now - a->active_ns > IDLE_NS, &round))
			jump(s, m, a, round);
		if (!a->behind)
			continue;
		if (lane_step(&a->lanes, now - a->active_ns > IDLE_NS, &round))
			jump(s, m, a, round);
		/* The jump itself is made after this turn. */
		a->behind = a->lanes.ahead > a->lanes.round + 1;
		own->busy |= a->behind;
	}
}

void sas_rekey(struct sim *s, struct member *m, __u64 members)
{
	struct sa_pair *pair = &s->sa[s->sa_count];

	*pair = s->sa[0];
	pair->spi_in = (__u32)rand64(&s->rand) | 1;
	pair->spi_out = (__u32)rand64(&s->rand) | 1;
	pair->first_in = 1;
	pair->round = 0;
	memset(pair->boot, 0, sizeof(pair->boot));
	for (__u32 i = 0; i < s->count; i++)
		if (members >> i & 1)
			pair->boot[i] = i == m->id ? m->kernel.state : m->agent.kernel_state[i];
	trace(s, m->id, "makes SA %llu for members 0x%llx", (unsigned long long)s->sa_count,
	      (unsigned long long)members);
	s->figures.rekeys++;
	s->sa_count++;
	sas_install(s, m, s->sa_count - 1);
	delete_old(m, s->sa_count);
	m->agent.announce = true;
}

bool sas_ready(const struct sim *s, const struct member *m, __u64 now)
{
	const struct agent *own = &m->agent;
	__u32 most = 0;

	/* Populate first, then take slots.  Where nobody has any SA a cluster begins. */
	for (__u32 i = 0; i < s->count; i++)
		if (i != m->id && own->heard_ns[i] && now - own->heard_ns[i] < 3 * s->dead_ns &&
		    own->newest[i] > most)
			most = own->newest[i];
	/* Maps that were lost shut what came in by it, and do not keep it from sending. */
	return !most || kernel_sa((struct kernel *)&m->kernel, most - 1) || newest(m) > most;
}

/* The leader sees to it that every member it hears can use the newest SA, and
 * lets the peer use it when all of them have it. */
static void keep_keyed(struct sim *s, struct member *m, __u64 now)
{
	struct agent *own = &m->agent;
	__u64 members = cluster_heard_members(&own->cluster, now), lack = 0, missing = 0;
	__u32 sa = newest(m);

	if (own->cluster.role != ROLE_LEADER || cluster_plan(&own->cluster)->phase != PLAN_NONE)
		return;
	for (__u64 left = members; left; left &= left - 1) {
		__u32 i = (__u32)__builtin_ctzll(left);
		__u64 boot = i == m->id ? m->kernel.state : own->kernel_state[i];

		if (i != m->id && own->newest[i] < sa)
			lack |= 1ULL << i;
		if (!sa || (boot && s->sa[sa - 1].boot[i] != boot))
			missing |= 1ULL << i;
	}
	/* A second holder shows nothing on an SA that nobody uses any more. */
	if (missing && s->options->doubles && s->now < sim_last(s) && sim_below(s, 256))
		missing = 0;
	if (missing && s->sa_count < SA_MAX && now - own->rekeyed_ns > REKEY_GAP_NS) {
		own->rekeyed_ns = now;
		sas_rekey(s, m, members);
	} else if (sa > s->peer_sa + 1 && !lack) {
		s->peer_sa = sa - 1;
	}
}

void sas_tick(struct sim *s, struct member *m, __u64 now)
{
	follow_lanes(s, m, now);
	raise_bars(s, m);
	keep_keyed(s, m, now);
	if (!m->agent.announce || now - m->agent.announced_ns < TELL_GAP_NS) {
		m->agent.busy |= m->agent.announce;
		return;
	}
	m->agent.announce = false;
	m->agent.announced_ns = now;
	member_step(m, STEP_FILL, false, 0, 0);
	member_step(m, STEP_SEND, 0, true, 0);
}

void sas_tell(struct sim *s, struct member *m, struct tidings *t)
{
	struct agent *own = &m->agent;

	memset(t, 0, sizeof(*t));
	t->sent_at = s->now;
	t->kernel_state = m->kernel.state;
	t->newest = newest(m);
	for (int i = 0; i < KERNEL_SAS; i++) {
		struct kernel_sa *k = &m->kernel.sa[i];
		struct agent_sa *a = k->sa ? agent_sa(m, k->sa - 1) : NULL;

		if (!a)
			continue;
		t->part[i].sa = k->sa;
		t->part[i].kept = !k->forgot;
		t->part[i].started = a->lanes.started;
		t->part[i].round = lane_announced(&a->lanes, k->guard.top);
		t->part[i].own = k->window.top;
		t->part[i].top = max64(k->window.top, a->heard_top);
		t->part[i].bar = k->bar = a->bar;
		t->part[i].floor =
			max64(a->heard_floor, k->floored ? takeover_highest(&k->floors) : 0);
		t->part[i].from = own->from_sa[i] == k->sa ? own->from[i] : 0;
	}
	rejoins_tell(s, m, t);
	if (own->installed || own->plan.leader == m->id) {
		t->plan = own->plan;
		t->attempt = own->attempt;
		t->too_low = own->too_low;
	}
}
