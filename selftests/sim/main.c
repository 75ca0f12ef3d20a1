// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* espalier-sim: many seeds, or one with its trace. */
#include <argp.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sim.h"

#define TRACED 120

struct command {
	struct sim_options sim;
	__u64 first, last; /* seeds: last is one beyond */
	bool json, all;
};

static const struct argp_option options[] = {
	{ "seeds", 's', "A..B", 0, "Run seeds A to B-1 (default 0..100)", 0 },
	{ "members", 'm', "N", 0, "Members, 2 to 64 (default: chosen by the seed)", 0 },
	{ "quorum", 'q', "majority|none", 0, "Quorum (default: chosen by the seed)", 0 },
	{ "seconds", 't', "S", 0, "Simulated seconds per seed (default 3)", 0 },
	{ "break", 'b', "RULE", 0, "Break a rule on purpose: i1, i2, i3, i4, bar, witness, rejoin, life, lease", 0 },
	{ "doubles", 'd', NULL, 0, "Second machines with a member's id come and go, too", 0 },
	{ "trace", 'x', "SEED", 0, "Run this seed only, and tell all that happens", 0 },
	{ "json", 'j', NULL, 0, "Print the figures as JSON", 0 },
	{ "all", 'a', NULL, 0, "Go on after a violation; one line for each, with --json on standard error", 0 },
	{}
};

static enum broken broken_rule(const char *name)
{
#define X(symbol, text, sentence) \
	if (!strcmp(name, text)) \
		return BREAK_##symbol;
	BREAKS(X)
#undef X
	return BREAK_NOTHING;
}

static bool number(const char *text, __u64 *ret, const char **rest)
{
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	*ret = strtoull(text, &end, 10);
	*rest = end;
	return true;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct command *c = state->input;
	const char *rest = "";
	__u64 n = 0;

	switch (key) {
	case 's':
		if (!number(arg, &c->first, &rest) || strncmp(rest, "..", 2) ||
		    !number(rest + 2, &c->last, &rest) || *rest || c->last <= c->first)
			argp_error(state, "seeds are A..B, A below B");
		return 0;
	case 'x':
		if (!number(arg, &c->first, &rest) || *rest)
			argp_error(state, "a seed is a number");
		c->last = c->first + 1;
		c->sim.trace = true;
		return 0;
	case 'm':
		if (!number(arg, &n, &rest) || *rest || n < 2 || n > ESL_MEMBERS_MAX)
			argp_error(state, "members: 2 to %d", ESL_MEMBERS_MAX);
		c->sim.members = (__u32)n;
		return 0;
	case 'q':
		if (strcmp(arg, "majority") && strcmp(arg, "none"))
			argp_error(state, "quorum: majority or none");
		c->sim.quorum = !strcmp(arg, "majority");
		return 0;
	case 't':
		if (!number(arg, &n, &rest) || *rest || n < 2 || n > 3600)
			argp_error(state, "seconds: 2 to 3600");
		c->sim.seconds_ns = n * NS_PER_S;
		return 0;
	case 'b':
		c->sim.broken = broken_rule(arg);
		if (!c->sim.broken)
			argp_error(state, "no rule is called %s", arg);
		return 0;
	case 'd': c->sim.doubles = true; return 0;
	case 'j': c->json = true; return 0;
	case 'a': c->all = true; return 0;
	default: return ARGP_ERR_UNKNOWN;
	}
}

static int by_size(const void *a, const void *b)
{
	__u64 x = *(const __u64 *)a, y = *(const __u64 *)b;

	return x < y ? -1 : x > y;
}

static double gap_ms(const struct gaps *g, size_t of_1000)
{
	return g->count ? (double)g->ns[(g->count - 1) * of_1000 / 1000] / 1e6 : 0;
}

static json_t *gaps(struct gaps *g)
{
	if (g->count)
		qsort(g->ns, g->count, sizeof(*g->ns), by_size);
	return json_pack("{s:I,s:f,s:f,s:f}", "kills", (json_int_t)g->count, "p50", gap_ms(g, 500),
			 "p99", gap_ms(g, 990), "max", gap_ms(g, 1000));
}

struct result {
	__u64 seeds, violations;
	json_t *first; /* violation, or NULL */
};

static json_t *figures(struct sim *s, struct result *r, double seconds)
{
	const struct figures *f = &s->figures;
	const struct {
		const char *name;
		__u64 value;
	} counts[] = {
		{ "faults", f->faults },
		{ "kills", f->kills },
		{ "freezes", f->freezes },
		{ "elections", f->elections },
		{ "tables_applied", f->tables },
		{ "messages", f->messages },
		{ "packets", f->packets },
		{ "lost", f->packets > f->delivered ? f->packets - f->delivered : 0 },
		{ "doubled", f->doubled },
		{ "replays", f->replays },
		{ "esp_out", f->esp_out },
		{ "jumps", f->jumps },
		{ "guard_drops", f->late },
		{ "rekeys", f->rekeys },
		{ "rejoins", f->rejoins },
		{ "accepted_on_both_sides", f->exempt },
		{ "unsettled", f->unsettled },
	};
	json_t *j =
		json_pack("{s:I,s:I,s:f,s:f,s:o,s:o}", "seeds", (json_int_t)r->seeds, "violations",
			  (json_int_t)r->violations, "seconds", seconds, "seeds_per_second",
			  seconds > 0 ? (double)r->seeds / seconds : 0, "plain_gap_ms",
			  gaps(&s->plain_gaps), "esp_gap_ms", gaps(&s->esp_gaps));

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		json_object_set_new(j, counts[i].name, json_integer((json_int_t)counts[i].value));
	if (r->first)
		json_object_set_new(j, "violation", r->first);
	return j;
}

static json_t *violation(const struct sim *s)
{
	return json_pack("{s:I,s:s,s:s,s:f}", "seed", (json_int_t)s->seed, "invariant",
			 s->violation, "detail", s->detail, "at_ms", (double)s->now / 1e6);
}

static void tell_violation(const struct command *c, const struct sim *s)
{
	if (!c->json || c->all)
		fprintf(c->json ? stderr : stdout, "seed %" PRIu64 ": %s violated at %.6f ms: %s\n",
			(uint64_t)s->seed, s->violation, (double)s->now / 1e6, s->detail);
	if (c->json || c->all)
		return;
	printf("members %u, quorum %s, heartbeat %.0f ms, dead %.0f ms, lease %.3f ms\n", s->count,
	       s->majority ? "majority" : "none", (double)s->heartbeat_ns / 1e6,
	       (double)s->dead_ns / 1e6, (double)s->lease_ns / 1e6);
	if (!c->sim.trace)
		trace_print(TRACED);
}

static double clock_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void run(const struct command *c, struct sim *s, struct result *r)
{
	for (__u64 seed = c->first; seed < c->last; seed++) {
		__u64 unsettled = s->figures.unsettled;
		bool good = sim_run(s, &c->sim, seed);

		r->seeds++;
		if (!good) {
			r->violations++;
			tell_violation(c, s);
			r->first = r->first ? r->first : violation(s);
			if (!c->all)
				return;
		}
		if (s->figures.unsettled > unsettled && !c->json)
			printf("seed %" PRIu64 ": not all forward at the end\n", (uint64_t)seed);
	}
}

int main(int argc, char **argv)
{
	static const struct argp argp = { options,
					  parse,
					  NULL,
					  "Simulates clusters with everything that goes wrong, and "
					  "checks the invariants I1 to I4.\v"
					  "Exit status: 0, or 1 where an invariant was violated. "
					  "One seed gives the same run always.",
					  NULL,
					  NULL,
					  NULL };
	struct command c = { .sim = { .seconds_ns = 3 * NS_PER_S, .quorum = -1 }, .last = 100 };
	static struct sim s;
	double begin = clock_seconds();
	struct result r = {};
	json_t *report;

	argp_parse(&argp, argc, argv, 0, NULL, &c);
	run(&c, &s, &r);
	report = figures(&s, &r, clock_seconds() - begin);
	if (c.json || !r.violations) {
		json_dumpf(report, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
		putchar('\n');
	}
	json_decref(report);
	sim_free(&s);
	return r.violations ? 1 : 0;
}
