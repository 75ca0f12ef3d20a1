// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <string.h>

#include "sim.h"

void member_wake(struct sim *s, struct member *m, __u64 at)
{
	if (at <= s->now)
		at = s->now + 1;
	if (m->wake_at && m->wake_at <= at)
		return;
	m->wake_at = at;
	sim_put(s, at, EVENT_AGENT, m->id, 0, 0, at, 0);
}

__u64 member_latency(struct sim *s, struct member *m)
{
	__u64 most = 60 * NS_PER_US;

	if (s->now < m->slow_until)
		most = s->heartbeat_ns / 2;
	else if (!s->calm && sim_chance(s, 1500))
		most = sim_chance(s, 6000) ? 8 * NS_PER_MS : 700 * NS_PER_US;
	return 2 * NS_PER_US + sim_below(s, most);
}

void member_step(struct member *m, enum step_kind kind, __u32 word, __u64 a, __u64 b)
{
	struct step *step = &m->step[(m->step_next + m->step_count) % STEPS_MAX];

	/* More than an agent can leave undone in one turn. */
	if (m->step_count == STEPS_MAX)
		return;
	*step = (struct step){ .kind = kind, .word = word, .a = a, .b = b };
	m->step_count++;
}

static void put_deadline(struct sim *s, struct member *m, __u64 deadline, __u64 now)
{
	struct esl_config *c = &m->kernel.config;

	if (s->options->broken == BREAK_I4 && deadline)
		deadline = now + s->lease_ns;
	else
		check_deadline(s, m, deadline, now);
	/* Slots may have been another's since, unless a table came after. */
	if (now >= c->deadline_ns && !m->agent.covered)
		m->agent.lapsed = true;
	m->agent.covered = false;
	c->deadline_ns = deadline;
	c->leader = cluster_leader(&m->agent.cluster) == m->id;
	check_claims(s, m);
}

/* Some go over the wire as they would between machines. */
static void by_wire(struct sim *s, struct member *m, struct heartbeat *h)
{
	enum heartbeat_refusal refusal;
	__u8 buf[ESL_HB_MAX];

	if (s->figures.messages % 16)
		return;
	refusal = heartbeat_decode(buf, heartbeat_encode(h, buf), h);
	if (refusal != HEARTBEAT_OK)
		violate(s, "wire", "member %u's heartbeat is refused: %s", m->id,
			heartbeat_refusal_name(refusal));
}

static void fill(struct sim *s, struct member *m, bool heartbeat, __u64 now)
{
	struct message *message;

	if (m->held)
		message_drop(s, m->held - 1);
	m->held = message_new(s) + 1;
	message = &s->messages[m->held - 1];
	message->from = (__u8)m->id;
	message->has_heartbeat = heartbeat;
	if (heartbeat)
		cluster_fill(&m->agent.cluster, now, &message->heartbeat);
	if (heartbeat)
		by_wire(s, m, &message->heartbeat);
	sas_tell(s, m, &message->tidings);
}

static void transmit(struct sim *s, struct member *m, __u32 net, bool last)
{
	if (!m->held)
		return;
	s->figures.messages++;
	if (!last)
		s->messages[m->held - 1].refs++;
	net_send(s, m->id, net, m->held - 1);
	if (last)
		m->held = 0;
}

static void do_step(struct sim *s, struct member *m, const struct step *step)
{
	__u64 now = clock_local(&m->clock, s->now);
	struct kernel_sa *sa;

	switch (step->kind) {
	case STEP_TABLE: takes_table(s, m, now); break;
	case STEP_DEADLINE: put_deadline(s, m, step->a, now); break;
	case STEP_PHASE: takes_phase(s, m, now); break;
	case STEP_FILL: fill(s, m, step->word, now); break;
	case STEP_SEND: transmit(s, m, step->word, step->a); break;
	case STEP_BOUND:
		sa = kernel_sa(&m->kernel, step->word);
		if (sa && step->a > sa->guard.bound)
			sa->guard.bound = step->a;
		break;
	case STEP_COUNTER: sas_counter(s, m, step->word, step->a, step->b); break;
	}
}

/* False: the agent was frozen, and has something left to do. */
static bool do_steps(struct sim *s, struct member *m)
{
	while (m->step_count) {
		struct step step = m->step[m->step_next];

		if (m->freeze_after && !--m->freeze_after) {
			member_freeze(s, m, m->freeze_ns);
			if (m->frozen)
				return false;
		}
		m->step_next = (m->step_next + 1) % STEPS_MAX;
		m->step_count--;
		do_step(s, m, &step);
	}
	return true;
}

static bool act(struct sim *s, struct member *m, const struct cluster_actions *a)
{
	struct cluster *c = &m->agent.cluster;
	__u64 deadline = cluster_deadline_ns(c);

	if (a->lead_began) {
		s->figures.elections++;
		trace(s, m->id, "leads, term %llu", c->term >> 32);
	}
	if (a->lead_ended)
		trace(s, m->id, "does not lead any more");
	if (a->publish) {
		m->agent.table = *cluster_table(c);
		member_step(m, STEP_TABLE, 0, 0, 0);
	}
	if (a->publish || deadline != m->kernel.config.deadline_ns ||
	    s->options->broken == BREAK_I4)
		member_step(m, STEP_DEADLINE, 0, deadline, 0);
	if (a->plan)
		member_step(m, STEP_PHASE, 0, 0, 0);
	if (a->send) {
		member_step(m, STEP_FILL, true, 0, 0);
		for (__u32 net = 0; net < NETS; net++)
			member_step(m, STEP_SEND, net, net == NETS - 1, 0);
	}
	return do_steps(s, m);
}

static bool is_ready(struct sim *s, struct member *m)
{
	return net_is_linked(s, 1 + ESL_INSIDE, m->id) &&
	       net_is_linked(s, 1 + ESL_OUTSIDE, m->id) &&
	       sas_ready(s, m, clock_local(&m->clock, s->now));
}

static bool tick(struct sim *s, struct member *m)
{
	struct agent *a = &m->agent;
	struct cluster_actions actions;
	__u64 now = clock_local(&m->clock, s->now);

	a->local.ready = is_ready(s, m);
	a->local.leaving = m->leaving;
	a->local.held = m->kernel.stamp;
	a->ticked = a->local;
	cluster_tick(&a->cluster, &a->local, now, &actions);
	return act(s, m, &actions);
}

/* What was done is told at once, as often as something more follows from it. */
static bool settle(struct sim *s, struct member *m)
{
	struct agent *a = &m->agent;

	for (int i = 0; i < 8; i++) {
		if (!stamp_compare(&a->ticked.held, &m->kernel.stamp) &&
		    a->ticked.phase == a->local.phase &&
		    a->ticked.phase_epoch == a->local.phase_epoch &&
		    a->ticked.ready == is_ready(s, m))
			break;
		if (!tick(s, m))
			return false;
	}
	return true;
}

/* The rule broken by --break i3: slots of members not heard lately are taken. */
static void seize(struct sim *s, struct member *m, __u64 now)
{
	struct esl_config *c = &m->kernel.config;
	struct esl_table *t = &c->table[c->current & 1];

	for (__u32 i = 0; i < ESL_SLOTS; i++) {
		__u8 owner = t->slot[i];

		if (owner < s->count && owner != m->id &&
		    now > m->agent.heard_ns[owner] + s->dead_ns / 2)
			t->slot[i] = (__u8)m->id;
	}
	kernel_claim(&m->kernel);
	check_claims(s, m);
	check_published(s, m);
}

static void heard_term(struct agent *a, const struct heartbeat *h)
{
	__u64 term = h->vote.term > h->term ? h->vote.term : h->term;

	if (term > a->heard_term[h->sender])
		a->heard_term[h->sender] = term;
}

static bool take(struct sim *s, struct member *m, __u32 index)
{
	struct message *message = &s->messages[index];
	__u64 now = clock_local(&m->clock, s->now);
	__u64 *sent = &m->agent.heard_sent[message->from];
	bool fresh = message->tidings.sent_at >= *sent;
	struct cluster_actions actions;

	if (fresh) {
		*sent = message->tidings.sent_at;
		m->agent.heard_ns[message->from] = now;
		if (message->has_heartbeat)
			heard_term(&m->agent, &message->heartbeat);
		sas_heard(s, m, message->from, &message->tidings, now);
	}
	if (message->has_heartbeat) {
		check_heard(s, m, &message->heartbeat);
		cluster_heard(&m->agent.cluster, &message->heartbeat, now, &actions);
		if (!act(s, m, &actions))
			return false;
	}
	/* The plan first, then what is told for it. */
	message = &s->messages[index];
	if (fresh)
		takes_heard(s, m, message->from, &message->tidings, now);
	return do_steps(s, m);
}

static bool take_all(struct sim *s, struct member *m)
{
	while (m->inbox_count) {
		__u32 index = m->inbox[m->inbox_next];
		bool good;

		m->inbox_next = (m->inbox_next + 1) % INBOX_MAX;
		m->inbox_count--;
		good = take(s, m, index);
		message_drop(s, index);
		if (!good || !settle(s, m))
			return false;
	}
	return true;
}

static bool turn(struct sim *s, struct member *m)
{
	__u64 now = clock_local(&m->clock, s->now);

	if (!do_steps(s, m))
		return false;
	sas_events(s, m, now);
	if (!do_steps(s, m) || !take_all(s, m))
		return false;
	if (now >= cluster_next_ns(&m->agent.cluster) || m->leaving != m->agent.local.leaving ||
	    m->agent.again) {
		m->agent.again = false;
		if (!tick(s, m) || !settle(s, m))
			return false;
		if (s->options->broken == BREAK_I3)
			seize(s, m, now);
	}
	sas_tick(s, m, now);
	takes_tick(s, m, now);
	return do_steps(s, m) && settle(s, m);
}

void member_run(struct sim *s, struct member *m)
{
	__u64 next;

	if (!m->up || m->suspended || !m->running || m->frozen)
		return;
	if (!turn(s, m))
		return;
	if (m->leaving && cluster_left(&m->agent.cluster)) {
		trace(s, m->id, "left");
		member_kill(s, m);
		return;
	}
	next = clock_true(&m->clock, cluster_next_ns(&m->agent.cluster));
	if (m->agent.busy && next > s->now + 100 * NS_PER_US)
		next = s->now + 100 * NS_PER_US;
	if (next < s->now)
		next = s->now;
	member_wake(s, m, next + member_latency(s, m));
}

void member_deliver(struct sim *s, struct member *m, __u32 message)
{
	if (!m->up || m->suspended || !m->running || m->inbox_count == INBOX_MAX) {
		message_drop(s, message);
		return;
	}
	m->inbox[(m->inbox_next + m->inbox_count++) % INBOX_MAX] = message;
	if (!m->frozen)
		member_wake(s, m, s->now + member_latency(s, m));
}

static void forget(struct sim *s, struct member *m)
{
	for (; m->inbox_count; m->inbox_count--, m->inbox_next = (m->inbox_next + 1) % INBOX_MAX)
		message_drop(s, m->inbox[m->inbox_next]);
	if (m->held)
		message_drop(s, m->held - 1);
	m->held = 0;
	m->step_count = 0;
	m->freeze_after = 0;
}

void member_kill(struct sim *s, struct member *m)
{
	trace(s, m->id, "agent stops");
	forget(s, m);
	m->running = m->frozen = m->leaving = false;
	m->freezes++;
}

void member_exec(struct sim *s, struct member *m)
{
	__u64 now = clock_local(&m->clock, s->now);
	struct cluster_config config = {
		.id = m->id,
		.members = s->count == 64 ? ~0ULL : (1ULL << s->count) - 1,
		.majority = s->majority,
		.priority = m->priority,
		.heartbeat_ns = s->heartbeat_ns,
		.dead_ns = s->dead_ns,
		.lease_ns = s->lease_ns,
		.join_ns = 3 * s->dead_ns,
	};

	if (!m->up || m->running)
		return;
	trace(s, m->id, "agent starts");
	memset(&m->agent, 0, sizeof(m->agent));
	memset(m->echoed_ns, 0, sizeof(m->echoed_ns));
	m->running = true;
	m->started_at = s->now;
	if (m->anew_at < m->lost_at)
		m->anew_at = s->now;
	m->agent.lapsed = true;
	cluster_start(&m->agent.cluster, &config, rand64(&s->rand) | 1, now);
	takes_start(m, now);
	sas_start(s, m, now);
	m->agent.again = true;
	member_wake(s, m, s->now + member_latency(s, m));
}

void member_freeze(struct sim *s, struct member *m, __u64 for_ns)
{
	m->freeze_after = 0;
	if (!m->running || m->frozen || s->now >= sim_last(s))
		return;
	if (for_ns > sim_last(s) - s->now)
		for_ns = sim_last(s) - s->now;
	trace(s, m->id, "agent is frozen for %llu us with %llu steps left", for_ns / NS_PER_US,
	      (unsigned long long)m->step_count);
	s->figures.freezes++;
	m->frozen = true;
	sim_put(s, s->now + for_ns, EVENT_THAW, m->id, 0, 0, ++m->freezes, 0);
}

void member_thaw(struct sim *s, struct member *m, __u64 which)
{
	if (!m->frozen || m->freezes != which)
		return;
	trace(s, m->id, "agent goes on");
	m->frozen = false;
	m->agent.again = true;
	member_wake(s, m, s->now + member_latency(s, m));
}

static void policies(struct sim *s, struct member *m)
{
	static struct esl_policy_entry entry;

	/* All outbound packets take the slot of their SA. */
	entry.policy.slot = 77;
	m->kernel.tables.policies = &entry;
	m->kernel.tables.policy_count = 1;
	m->kernel.config.policies = s->by_spi;
}

/* The maps as the loader makes them: inert until the agent speaks. */
static void make_maps(struct sim *s, struct member *m)
{
	struct kernel *k = &m->kernel;

	memset(&k->config, 0, sizeof(k->config));
	k->state = rand64(&s->rand) | 1;
	k->config.abi = ESL_ABI_VERSION;
	k->config.member = m->id;
	k->config.key = s->key;
	k->config.port[ESL_OUTSIDE].cluster_addr = esl_htonl(0xc6336401);
	k->config.port[ESL_INSIDE].cluster_addr = esl_htonl(0x0a010001);
	for (int t = 0; t < 2; t++) {
		memset(k->config.table[t].slot, ESL_NO_MEMBER, ESL_SLOTS);
		k->config.table[t].esp_shift = s->by_spi ? ESL_BY_SPI : s->esp_shift;
		k->config.table[t].scheme = s->by_spi ? ESL_SCHEME_SA : ESL_SCHEME_PACKET_HASH;
	}
	memset(k->other, ESL_NO_MEMBER, ESL_SLOTS);
	memset(&k->claim, 0, sizeof(k->claim));
	k->switching = SWITCH_NONE;
	k->stamp = (struct stamp){ .leader = ESL_NO_MEMBER };
	policies(s, m);
	m->lost_at = s->now;
}

void member_boot(struct sim *s, struct member *m)
{
	memset(&m->kernel, 0, sizeof(m->kernel));
	m->kernel.boot = rand64(&s->rand) | 1;
	make_maps(s, m);
	m->up = true;
	m->suspended = false;
}

void member_wipe(struct sim *s, struct member *m)
{
	trace(s, m->id, "maps are lost");
	if (m->running)
		member_kill(s, m);
	make_maps(s, m);
	for (int i = 0; i < KERNEL_SAS; i++) {
		struct kernel_sa *k = &m->kernel.sa[i];

		/* And what XFRM counted: the SA was deleted and added again. */
		*k = (struct kernel_sa){ .sa = k->sa, .window = k->window };
		k->shut = k->forgot = true;
	}
	rejoins_orphan(s);
}

void member_power_off(struct sim *s, struct member *m)
{
	trace(s, m->id, "machine stops");
	if (m->running)
		member_kill(s, m);
	m->up = m->suspended = false;
	m->proved_ns = 0;
	rejoins_orphan(s);
}

void member_start(struct sim *s, struct member *m)
{
	__u32 id = m->id;

	memset(m, 0, sizeof(*m));
	m->id = id;
	m->priority = (__u8)(sim_below(s, 3) ? 0 : sim_below(s, 3));
	m->clock = (struct clock){
		.true_ns = s->now,
		.local_ns = NS_PER_S + sim_below(s, 1000000 * NS_PER_S),
		.ppm = (__s64)sim_below(s, 2001) - 1000,
	};
	member_boot(s, m);
}
