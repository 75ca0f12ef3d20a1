// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The window rule and the spread rule of espalier/lane.h, asked by people. */
#include <argp.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include <espalier/lane.h>

#include "address.h"
#include "check_window.h"
#include "error.h"

#define EXIT_MISUSE 2
#define NUMBER_MAX 4294967295.0
#define BLOCK_DEFAULT 64
#define DELAY_DEFAULT_MS 1

struct question {
	const char *path;	/* of a configuration, or NULL */
	__u32 window, members, lanes, block;	/* 0: not given */
	__u64 delay_us;
	bool has_rate, json;
	__u64 rate;
	unsigned int typed;	/* how many options say what a configuration says */
};

/* One peer's window, and what follows. */
struct answer {
	const struct esl_addr *peer;	/* NULL: any */
	const char *of;		/* what to call it */
	__u32 window;
	__u32 members;
	struct esl_lanes lanes;
};

enum { OPT_WINDOW = 256, OPT_MEMBERS, OPT_LANES, OPT_BLOCK, OPT_DELAY, OPT_RATE };

static const struct argp_option options[] = {
	{ "window", OPT_WINDOW, "W", 0, "the peer's replay window in packets", 0 },
	{ "members", OPT_MEMBERS, "N", 0, "members of the cluster", 0 },
	{ "lanes", OPT_LANES, "L", 0, "lanes of an SA (default: as many as members)", 0 },
	{ "block", OPT_BLOCK, "K", 0, "numbers in a block (default 64)", 0 },
	{ "delay", OPT_DELAY, "MS", 0, "what a jump takes, and until others hear of it (default 1)", 0 },
	{ "rate", OPT_RATE, "PPS", 0, "packets a second on one SA, all members together", 0 },
	{ "config", 'c', "FILE", 0, "ask for all peers of a configuration", 0 },
	{ "json", 'j', NULL, 0, "one JSON document", 0 },
	{ 0 }
};

static double number(struct argp_state *state, const char *option, const char *arg, double low, double high, bool whole)
{
	char *end;
	double n = strtod(arg, &end);

	if (end == arg || *end || !(n >= low && n <= high) || (whole && n != (double)(__u64)n))
		argp_error(state, "--%s %s: expected a %snumber from %g to %.0f", option, arg, whole ? "whole " : "", low, high);
	return n;
}

static void check(struct argp_state *state, struct question *q)
{
	if (q->path && q->typed)
		argp_error(state, "--config names windows, members, lanes and blocks: give either the one or the others");
	if (q->path)
		return;
	if (!q->window)
		argp_error(state, "--window is missing");
	if (!q->members)
		argp_error(state, "--members is missing");
	if (!q->lanes)
		q->lanes = q->members;
	if (q->lanes < q->members)
		argp_error(state, "--lanes %u: each of %u members needs one of its own", q->lanes, q->members);
	if (!q->block)
		q->block = BLOCK_DEFAULT;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct question *q = state->input;

	q->typed += key >= OPT_WINDOW && key <= OPT_BLOCK;
	switch (key) {
	case OPT_WINDOW:
		q->window = (__u32)number(state, "window", arg, 1, NUMBER_MAX, true);
		return 0;
	case OPT_MEMBERS:
		q->members = (__u32)number(state, "members", arg, 1, ESL_LANES_MAX, true);
		return 0;
	case OPT_LANES:
		q->lanes = (__u32)number(state, "lanes", arg, 1, ESL_LANES_MAX, true);
		return 0;
	case OPT_BLOCK:
		q->block = (__u32)number(state, "block", arg, 1 << ESL_BLOCK_SHIFT_MIN, 1 << ESL_BLOCK_SHIFT_MAX, true);
		if (q->block & (q->block - 1))
			argp_error(state, "--block %s: expected a power of two", arg);
		return 0;
	case OPT_DELAY:
		q->delay_us = (__u64)(number(state, "delay", arg, 0.001, 10000, false) * 1000 + 0.5);
		return 0;
	case OPT_RATE:
		q->rate = (__u64)number(state, "rate", arg, 0, NUMBER_MAX, true);
		q->has_rate = true;
		return 0;
	case 'c':
		q->path = arg;
		return 0;
	case 'j':
		q->json = true;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "unexpected argument \"%s\"", arg);
		return 0;
	case ARGP_KEY_END:
		check(state, q);
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static bool is_spread(const struct answer *a)
{
	return esl_lane_spread(&a->lanes) <= a->window;
}

/* A sticky SA is sent in order. */
static bool fits(const struct question *q, const struct answer *a)
{
	return !is_spread(a) || esl_lane_window_needed(&a->lanes, q->rate, q->delay_us) <= a->window;
}

/* The largest block with which the window would do, 0: none. */
static unsigned long long block_that_fits(const struct answer *a)
{
	struct esl_lanes l = a->lanes;

	for (l.block_shift = ESL_BLOCK_SHIFT_MAX; l.block_shift >= ESL_BLOCK_SHIFT_MIN; l.block_shift--)
		if (esl_lane_spread(&l) <= a->window)
			return esl_block_size(&l);
	return 0;
}

static const char *why(const struct answer *a, char *buf, size_t size)
{
	unsigned long long least = esl_lane_spread(&a->lanes), block = block_that_fits(a);
	int n = snprintf(buf, size, "3 L K = %llu numbers %s the window of %u: ", least,
			 is_spread(a) ? "fit into" : "do not fit into", a->window);

	if (is_spread(a))
		snprintf(buf + n, size - n, "all members send");
	else if (block)
		snprintf(buf + n, size - n, "one member sends all packets; blocks of %llu would be spread", block);
	else
		snprintf(buf + n, size - n, "one member sends all packets; no block is small enough");
	return buf;
}

static json_t *answer_json(const struct question *q, const struct answer *a)
{
	char text[INET6_ADDRSTRLEN], reason[256];
	json_t *j = json_pack("{so, sI, sI, sI, sI, sb, ss, sI, so}", "peer",
			      a->peer ? json_string(esl_address_text(a->peer, text)) : json_null(), "window",
			      (json_int_t)a->window, "members", (json_int_t)a->members, "lanes",
			      (json_int_t)a->lanes.lanes, "block", (json_int_t)esl_block_size(&a->lanes), "spread",
			      is_spread(a), "why", why(a, reason, sizeof(reason)), "window_least",
			      (json_int_t)esl_lane_spread(&a->lanes), "rate_max",
			      is_spread(a) ? json_integer((json_int_t)esl_lane_rate_max(&a->lanes, a->window, q->delay_us)) :
					     json_null());

	if (q->has_rate) {
		json_object_set_new(j, "rate", json_integer((json_int_t)q->rate));
		json_object_set_new(j, "window_needed",
				    json_integer((json_int_t)esl_lane_window_needed(&a->lanes, q->rate, q->delay_us)));
		json_object_set_new(j, "fits", json_boolean(fits(q, a)));
	}
	return j;
}

static void print(const struct question *q, const struct answer *a)
{
	char text[INET6_ADDRSTRLEN], reason[256];

	printf("%s: %s\n  why       %s\n", a->peer ? esl_address_text(a->peer, text) : a->of,
	       is_spread(a) ? "spread" : "sticky", why(a, reason, sizeof(reason)));
	printf("  lanes     %u members, L = %u, K = %llu, delay %g ms\n", a->members, a->lanes.lanes,
	       (unsigned long long)esl_block_size(&a->lanes), (double)q->delay_us / 1000);
	if (is_spread(a))
		printf("  rate      up to %llu packets/s\n",
		       (unsigned long long)esl_lane_rate_max(&a->lanes, a->window, q->delay_us));
	else
		printf("  rate      what one member sends; the window sets no limit\n");
	if (q->has_rate)
		printf("  %-9s %llu packets/s, spread, need a window of %llu\n", fits(q, a) ? "fits" : "TOO FAST",
		       (unsigned long long)q->rate,
		       (unsigned long long)esl_lane_window_needed(&a->lanes, q->rate, q->delay_us));
}

/* Returns whether the rate fits. */
static bool tell(const struct question *q, const struct answer *a, json_t *list)
{
	if (list)
		json_array_append_new(list, answer_json(q, a));
	else
		print(q, a);
	return !q->has_rate || fits(q, a);
}

static bool tell_typed(const struct question *q, json_t *list)
{
	struct answer a = { .of = "this window", .window = q->window, .members = q->members };

	a.lanes.lanes = (__u16)q->lanes;
	a.lanes.block_shift = (__u8)__builtin_ctz(q->block);
	return tell(q, &a, list);
}

static bool tell_config(const struct question *q, const struct esl_conf *c, json_t *list)
{
	struct answer a = { .lanes = c->lanes, .members = (__u32)c->member_count };
	bool good = true;

	for (size_t i = 0; i < c->peer_count; i++) {
		a.peer = &c->peers[i].addr;
		a.window = c->peers[i].window;
		good &= tell(q, &a, list);
	}
	a.peer = NULL;
	a.of = c->peer_window ? "all other peers" : "all other peers, if the kernel's SA has no window of its own";
	a.window = c->peer_window ? c->peer_window : ESL_WINDOW_DEFAULT;
	return tell(q, &a, list) && good;
}

int esl_check_window_main(int argc, char **argv)
{
	static const struct argp argp = { options, parse, NULL, "is a peer's replay window large enough, and up to which rate",
					  NULL, NULL, NULL };
	struct question q = { .delay_us = 1000 * DELAY_DEFAULT_MS };
	char error[ESL_ERROR_MAX] = "failed";
	static struct esl_conf c;
	json_t *list, *all;
	bool good;

	argp_parse(&argp, argc, argv, 0, NULL, &q);
	if (q.path && esl_conf_read(q.path, &c, error)) {
		fprintf(stderr, "%s\n", error);
		return EXIT_MISUSE;
	}
	list = q.json ? json_array() : NULL;
	good = q.path ? tell_config(&q, &c, list) : tell_typed(&q, list);
	if (list) {
		all = json_pack("{so}", "peers", list);
		json_dumpf(all, stdout, JSON_INDENT(2));
		putchar('\n');
		json_decref(all);
	}
	if (fflush(stdout) || ferror(stdout)) {
		fprintf(stderr, "espalier: the answer cannot be written\n");
		return EXIT_FAILURE;
	}
	return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
