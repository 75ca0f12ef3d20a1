// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <stdlib.h>
#include <string.h>

#include "sim.h"

/* Any two seeds give runs that have nothing to do with each other (splitmix64). */
static __u64 mix(__u64 seed)
{
	__u64 z = seed + 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return (z ^ z >> 31) | 1;
}

static void choose_timers(struct sim *s)
{
	static const __u64 heartbeat_ms[] = { 20, 20, 10, 50 };

	s->heartbeat_ns = heartbeat_ms[sim_below(s, 4)] * NS_PER_MS;
	s->dead_ns = s->heartbeat_ns * (s->calm || sim_below(s, 2) ? 3 : 3 + sim_below(s, 3));
	if (s->calm)
		s->heartbeat_ns = 20 * NS_PER_MS, s->dead_ns = 60 * NS_PER_MS;
	/* The longest that is allowed, mostly. */
	s->lease_ns = s->dead_ns * (sim_below(s, 4) ? 997 : 700 + sim_below(s, 297)) / 1000;
	if (s->options->broken == BREAK_LEASE)
		s->lease_ns = 4 * s->dead_ns;
}

/* Blocks as large as the window rule allows; where none fits, one member sends. */
static void choose_lanes(struct sim *s)
{
	struct esl_lanes lanes = { .lanes = (__u16)s->count, .block_shift = ESL_BLOCK_SHIFT_MIN };
	struct sa_pair *sa = &s->sa[0];

	while (6 * s->count << lanes.block_shift <= REPLAY_WINDOW)
		lanes.block_shift++;
	s->by_spi = !sim_below(s, 6) || lane_is_sticky(&lanes, REPLAY_WINDOW);
	s->esp_shift = (__u8)(sim_below(s, 3) ? 0 : sim_below(s, 4));
	memset(sa, 0, sizeof(*sa));
	sa->plan = lane_plan(&lanes, s->by_spi ? 0 : REPLAY_WINDOW);
	sa->spi_in = (__u32)rand64(&s->rand) | 1;
	sa->spi_out = (__u32)rand64(&s->rand) | 1;
	sa->first_in = sim_below(s, 4) ? 1 : (1ULL << 32) - sim_below(s, 3000);
	if (!sim_below(s, 4))
		sa->round = ((1ULL << 32) - sim_below(s, 5000)) /
			    ((__u64)s->count << sa->plan.block_shift);
	s->sa_count = 1;
}

static __u32 choose_count(struct sim *s)
{
	static const __u8 counts[] = { 2, 3, 3, 3, 3, 4, 5, 8 };

	/* Who is left must be a majority, or its gap says nothing. */
	if (!s->options->members)
		return counts[s->calm ? 1 + sim_below(s, sizeof(counts) - 1)
				      : sim_below(s, sizeof(counts))];
	return s->options->members;
}

static void start(struct sim *s)
{
	struct member *members = s->member;
	struct queue queue = s->queue;

	s->rand = mix(s->seed);
	s->now = NS_PER_S;
	s->end = s->now + s->options->seconds_ns;
	s->calm = s->seed % 8 == 7 && !s->options->broken;
	s->majority = s->options->quorum < 0 ? sim_below(s, 2) : (__u64)s->options->quorum;
	s->count = choose_count(s);
	choose_timers(s);
	for (int i = 0; i < ESL_HASH_WORDS; i++)
		s->key.word[i] = rand64(&s->rand) | 1;
	choose_lanes(s);
	queue_clear(&queue);
	s->queue = queue;
	if (!members)
		members = calloc(ESL_MEMBERS_MAX, sizeof(*members));
	if (!s->peer_window)
		s->peer_window = calloc(SA_MAX, sizeof(*s->peer_window));
	if (!members || !s->peer_window)
		abort();
	s->member = members;
	net_start(s);
	check_start(s);
	trace_start(s->options->trace);
	s->plain_gaps.watch.on = s->esp_gaps.watch.on = false;
	for (__u32 i = 0; i < s->count; i++) {
		s->member[i].id = i;
		member_start(s, &s->member[i]);
		s->sa[0].boot[i] = s->member[i].kernel.state;
	}
	for (__u32 i = 0; i < s->count; i++) {
		sas_install(s, &s->member[i], 0);
		member_exec(s, &s->member[i]);
	}
	traffic_start(s);
	faults_start(s);
}

static bool is_here(const struct member *m, const struct event *e)
{
	return m->up && m->kernel.boot == e->b && !m->suspended;
}

static void happen(struct sim *s, const struct event *e)
{
	struct member *m = &s->member[e->member];

	switch ((enum event_kind)e->kind) {
	case EVENT_AGENT:
		if (m->wake_at != e->a)
			break;
		m->wake_at = 0;
		member_run(s, m);
		break;
	case EVENT_MESSAGE: member_deliver(s, m, e->word); break;
	case EVENT_THAW: member_thaw(s, m, e->a); break;
	case EVENT_PEER_SENDS: traffic_peer_sends(s); break;
	case EVENT_CLIENT_SENDS: traffic_client_sends(s); break;
	case EVENT_REPLAY: traffic_replay(s); break;
	case EVENT_ESP: traffic_esp_late(s, m, e->small, e->a); break;
	case EVENT_NUMBER:
		if (is_here(m, e))
			kernel_number(s, m);
		break;
	case EVENT_GUARD:
		if (is_here(m, e))
			kernel_guard(s, m, e->small, e->a);
		break;
	case EVENT_WINDOW:
		if (is_here(m, e))
			kernel_window(s, m, e->small, e->a);
		break;
	case EVENT_PEER_GETS: traffic_peer_gets(s, e->small, e->a); break;
	case EVENT_FAULT: faults_next(s); break;
	case EVENT_REPAIR: faults_repair(s, e->word); break;
	}
}

bool sim_run(struct sim *s, const struct sim_options *options, __u64 seed)
{
	struct event e;

	s->options = options;
	s->seed = seed;
	start(s);
	while (!s->violation && queue_take(&s->queue, &e) && e.at < s->end) {
		s->now = e.at;
		happen(s, &e);
	}
	if (s->violation)
		return false;
	check_settled(s);
	return true;
}

void sim_free(struct sim *s)
{
	check_free(s);
	queue_free(&s->queue);
	free(s->member);
	free(s->messages);
	free(s->peer_window);
	free(s->fault);
	free(s->plain_gaps.ns);
	free(s->esp_gaps.ns);
}
