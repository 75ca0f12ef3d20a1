// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What goes wrong.  Faults come at random times, several at once, and end at
 * random times; the last second of a run has none.  A calm run only kills, one
 * member at a time, to see how long nobody takes its packets.
 */
#include <stdlib.h>

#include "sim.h"

#define FAULTS_MAX  256
#define CALM_GAP_NS (700 * NS_PER_MS)

/* X(SYMBOL, how often) */
#define FAULTS(X) \
	X(KILL, 4)    /* the agent; the kernel goes on */ \
	X(CRASH, 2)   /* the machine, with all its state */ \
	X(WIPE, 2)    /* the agent, and its maps in bpffs; XFRM goes on */ \
	X(FREEZE, 5)  /* the agent, between any two steps */ \
	X(SUSPEND, 2) /* the machine; its clock goes on */ \
	X(JUMP, 1)    /* the clock, forward */ \
	X(LAG, 2)     /* the agent runs late */ \
	X(LEAVE, 3)   /* asked to give its slots away, and comes back */ \
	X(CUT, 3)     /* one network falls in two */ \
	X(CUT_ALL, 2) /* all do */ \
	X(ONE_WAY, 3) /* on one network nothing comes through one way */ \
	X(ONE_WAY_ALL, 2) \
	X(MAZE, 2)   /* any direction of any pair on any network */ \
	X(UNPLUG, 2) /* a member's link */ \
	X(LOSS, 2)   /* much, on one network */ \
	X(RATE, 2)   /* of the peer and of the client */ \
	X(IDLE, 1)   /* nothing to send */ \
	X(BUSY, 2)   /* members, each as it happens: slots move */ \
	X(DOUBLE, 0) /* a second machine has the member's id for a while, and lost nothing of its own */

enum fault_kind {
#define X(symbol, weight) FAULT_##symbol,
	FAULTS(X)
#undef X
		FAULT_COUNT
};

struct fault {
	enum fault_kind kind;
	__u32 member, net;
	__u64 cut[NETS][ESL_MEMBERS_MAX];
	__u64 was;
};

static const char *const starts[] = {
#define X(symbol, weight) "fault %llu: " #symbol,
	FAULTS(X)
#undef X
};

void faults_start(struct sim *s)
{
	if (!s->fault)
		s->fault = calloc(FAULTS_MAX, sizeof(*s->fault));
	if (!s->fault)
		abort();
	s->fault_count = 0;
	s->fault_gap_ns = 50 * NS_PER_MS + sim_below(s, 600 * NS_PER_MS);
	sim_put(s, s->now + 400 * NS_PER_MS + sim_below(s, 100 * NS_PER_MS), EVENT_FAULT, 0, 0, 0,
		0, 0);
}

static enum fault_kind draw(struct sim *s)
{
	static const __u8 weight[] = {
#define X(symbol, weight) weight,
		FAULTS(X)
#undef X
	};
	__u32 total = 0, pick;
	int kind = 0;

	for (int i = 0; i < FAULT_COUNT; i++)
		total += weight[i];
	pick = (__u32)sim_below(s, total);
	while (pick >= weight[kind])
		pick -= weight[kind++];
	return (enum fault_kind)kind;
}

static __u64 duration(struct sim *s)
{
	switch (sim_below(s, 3)) {
	case 0: return NS_PER_MS + sim_below(s, 2 * s->dead_ns);
	case 1: return s->dead_ns / 2 + sim_below(s, s->dead_ns);
	default: return NS_PER_MS + sim_below(s, 900 * NS_PER_MS);
	}
}

/* What f adds to a network's cuts. Cuts of other faults stay. */
static void recut(struct sim *s)
{
	for (__u32 n = 0; n < NETS; n++)
		for (__u32 i = 0; i < s->count; i++) {
			s->net[n].cut[i] = 0;
			for (__u32 f = 0; f < s->fault_count; f++)
				s->net[n].cut[i] |= s->fault[f].cut[n][i];
		}
}

static void cut(struct sim *s, struct fault *f)
{
	bool all = f->kind == FAULT_CUT_ALL || f->kind == FAULT_ONE_WAY_ALL;
	bool both = f->kind == FAULT_CUT || f->kind == FAULT_CUT_ALL;
	__u64 side = rand64(&s->rand);

	/* Often one against all others. */
	if (sim_below(s, 2))
		side = sim_below(s, 2) ? 1ULL << f->member : ~(1ULL << f->member);
	for (__u32 n = 0; n < NETS; n++)
		for (__u32 i = 0; i < s->count; i++) {
			if (f->kind == FAULT_MAZE) {
				f->cut[n][i] =
					rand64(&s->rand) | (sim_below(s, 2) ? rand64(&s->rand) : 0);
				continue;
			}
			if (!all && n != f->net)
				continue;
			if (side >> i & 1)
				f->cut[n][i] = ~side;
			else if (both)
				f->cut[n][i] = side;
		}
	recut(s);
}

static void suspend(struct sim *s, struct member *m, bool on)
{
	m->suspended = on;
	if (on || !m->running)
		return;
	/* Timers that were due come now. */
	m->agent.again = true;
	member_wake(s, m, s->now + member_latency(s, m));
}

static void stop(struct sim *s, struct member *m, enum fault_kind kind)
{
	if (kind == FAULT_KILL && m->running)
		member_kill(s, m);
	else if (kind == FAULT_CRASH && m->up)
		member_power_off(s, m);
	else if (kind == FAULT_WIPE && m->up)
		member_wipe(s, m);
	s->figures.kills++;
}

/* Returns when the fault ends; 0: it needs no end. */
static __u64 begin(struct sim *s, struct fault *f)
{
	struct member *m = &s->member[f->member];
	__u64 lasts = duration(s);

	switch (f->kind) {
	case FAULT_KILL:
	case FAULT_CRASH:
	case FAULT_WIPE: stop(s, m, f->kind); break;
	case FAULT_FREEZE:
		m->freeze_ns = lasts;
		if (sim_below(s, 3))
			m->freeze_after = 1 + (__u32)sim_below(s, 12);
		else
			member_freeze(s, m, lasts);
		return 0;
	case FAULT_SUSPEND: suspend(s, m, true); break;
	case FAULT_DOUBLE:
		member_double(s, m);
		lasts += 400 * NS_PER_MS;
		break;
	case FAULT_JUMP:
		clock_jump(&m->clock, s->now,
			   s->dead_ns * 9 / 8 +
				   sim_below(s, sim_below(s, 2) ? s->dead_ns : 5 * NS_PER_S));
		return 0;
	case FAULT_LAG: m->slow_until = s->now + lasts; return 0;
	case FAULT_LEAVE:
		m->leaving = m->running;
		member_wake(s, m, s->now + member_latency(s, m));
		lasts += 300 * NS_PER_MS;
		break;
	case FAULT_UNPLUG:
		s->net[f->net].unplugged |= 1ULL << m->id;
		m->agent.again = true;
		if (m->running)
			member_wake(s, m, s->now + member_latency(s, m));
		break;
	case FAULT_LOSS:
		f->was = s->net[f->net].loss;
		s->net[f->net].loss = 5000 + (__u32)sim_below(s, 40000);
		break;
	case FAULT_RATE:
		s->esp_gap_ns = 100 * NS_PER_US + sim_below(s, 3 * NS_PER_MS);
		s->plain_gap_ns = 100 * NS_PER_US + sim_below(s, 3 * NS_PER_MS);
		return 0;
	case FAULT_IDLE:
		f->was = s->esp_gap_ns;
		s->esp_gap_ns = 200 * NS_PER_MS;
		break;
	case FAULT_BUSY:
		for (__u32 i = 0; i < s->count; i++)
			s->member[i].agent.local.load = (__u16)(1 + sim_below(s, ESL_HB_LOAD_FULL));
		return 0;
	default: cut(s, f);
	}
	return s->now + lasts;
}

void faults_repair(struct sim *s, __u32 index)
{
	struct fault *f = &s->fault[index];
	struct member *m = &s->member[f->member];

	gaps_end(&s->plain_gaps);
	gaps_end(&s->esp_gaps);
	trace(s, NOBODY, "end of fault %llu", (unsigned long long)index);
	switch (f->kind) {
	case FAULT_CRASH:
		if (!m->up)
			member_boot(s, m);
		__attribute__((fallthrough));
	case FAULT_KILL:
	case FAULT_WIPE:
	case FAULT_LEAVE:
		m->leaving = false;
		member_exec(s, m);
		break;
	case FAULT_SUSPEND: suspend(s, m, false); break;
	case FAULT_DOUBLE: member_undouble(s, m); break;
	case FAULT_UNPLUG:
		s->net[f->net].unplugged &= ~(1ULL << m->id);
		m->agent.again = true;
		if (m->running)
			member_wake(s, m, s->now + member_latency(s, m));
		break;
	case FAULT_LOSS: s->net[f->net].loss = (__u32)f->was; break;
	case FAULT_IDLE: s->esp_gap_ns = f->was; break;
	default:
		for (__u32 n = 0; n < NETS; n++)
			for (__u32 i = 0; i < s->count; i++)
				f->cut[n][i] = 0;
		recut(s);
	}
}

void gaps_begin(struct gaps *g)
{
	g->watch = (struct gap_watch){ .on = true };
}

void gaps_lost(struct gaps *g, __u64 now)
{
	if (!g->watch.on)
		return;
	if (!g->watch.first_lost)
		g->watch.first_lost = now;
	g->watch.last_lost = now;
}

void gaps_end(struct gaps *g)
{
	if (!g->watch.on)
		return;
	if (g->count == g->size) {
		g->size = g->size ? 2 * g->size : 1024;
		g->ns = realloc(g->ns, g->size * sizeof(*g->ns));
		if (!g->ns)
			abort();
	}
	g->ns[g->count++] = g->watch.last_lost - g->watch.first_lost;
	g->watch.on = false;
}

static bool forgets(enum fault_kind kind)
{
	return kind == FAULT_KILL || kind == FAULT_CRASH || kind == FAULT_WIPE || kind == FAULT_LEAVE;
}

void faults_next(struct sim *s)
{
	struct fault *f = &s->fault[s->fault_count];
	__u64 until, last = sim_last(s);

	if (s->now >= last || s->fault_count == FAULTS_MAX)
		return;
	*f = (struct fault){ .kind = draw(s),
			     .member = (__u32)sim_below(s, s->count),
			     .net = (__u32)sim_below(s, NETS) };
	if (s->options->doubles && !sim_below(s, 4)) {
		f->kind = FAULT_DOUBLE;
		/* One id: a member that was outlived itself does not know who else was. */
		f->member = (__u32)(s->seed % s->count);
	}
	/* Nor does one whose agent starts again: README has what remains. */
	if (s->options->doubles && f->member != s->seed % s->count && forgets(f->kind))
		f->kind = FAULT_FREEZE;
	if (s->calm && !s->options->doubles) {
		f->kind = sim_below(s, 2) ? FAULT_KILL : FAULT_CRASH;
		gaps_begin(&s->plain_gaps);
		gaps_begin(&s->esp_gaps);
	}
	trace_text(s, f->member, starts[f->kind], s->fault_count);
	s->figures.faults++;
	s->fault_count++;
	until = begin(s, f);
	if (until && s->calm)
		until = s->now + CALM_GAP_NS / 2;
	if (until)
		sim_put(s, until < last ? until : last, EVENT_REPAIR, 0, 0, s->fault_count - 1, 0,
			0);
	sim_put(s, s->now + (s->calm ? CALM_GAP_NS : sim_below(s, 2 * s->fault_gap_ns)),
		EVENT_FAULT, 0, 0, 0, 0, 0);
}
