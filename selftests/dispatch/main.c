// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* dispatch-table: what a missed frame costs under each scheme, and how even
 * the shares of the members are. */
#include <argp.h>
#include <errno.h>
#include <jansson.h>
#include <libsmartcols/libsmartcols.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>

#include "member.h"
#include "simulate.h"

#define EXIT_MISUSE 2
#define PACKETS_MAX 1000000000
#define MARKER_MAX (1 << 24)
#define DELAY_MAX 1000000

struct options {
	struct simulation s;
	bool json;
};

static const char *const role_names[] = { [ESL_INSIDE] = "inside", [ESL_OUTSIDE] = "outside" };

static void misuse(const char *option, const char *value, const char *expected)
{
	fprintf(stderr, "dispatch-table: --%s %s: expected %s\n", option, value, expected);
	exit(EXIT_MISUSE);
}

static __u64 number(const char *option, const char *text, __u64 least, __u64 most)
{
	char expected[80], *end;
	unsigned long long n;

	errno = 0;
	n = strtoull(text, &end, 10);
	if (errno || end == text || *end || text[0] < '0' || text[0] > '9' || n < least || n > most) {
		snprintf(expected, sizeof(expected), "a number from %llu to %llu", (unsigned long long)least,
			 (unsigned long long)most);
		misuse(option, text, expected);
	}
	return n;
}

static __u32 marker(const char *text)
{
	char expected[80];
	__u64 n = number("marker", text, 1, MARKER_MAX);

	if (n & (n - 1)) {
		snprintf(expected, sizeof(expected), "a power of two up to %d", MARKER_MAX);
		misuse("marker", text, expected);
	}
	return (__u32)n;
}

/* A fraction, 1/1000 or 0.001. */
static double probability(const char *text)
{
	double n, of = 1;
	char *end;

	n = strtod(text, &end);
	if (end != text && *end == '/') {
		text = end + 1;
		of = strtod(text, &end);
	}
	if (end == text || *end || !(n >= 0 && n < of))
		return -1;
	return n / of;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case 'l':
		o->s.loss = probability(arg);
		if (o->s.loss < 0)
			misuse("loss", arg, "a part of 1 such as 1/1000");
		return 0;
	case 'n':
		o->s.members = (__u32)number("members", arg, 1, ESL_MEMBERS_MAX);
		return 0;
	case 'p':
		o->s.packets = number("packets", arg, 1, PACKETS_MAX);
		return 0;
	case 'm':
		o->s.marker = marker(arg);
		return 0;
	case 'd':
		o->s.delay = (__u32)number("delay", arg, 0, DELAY_MAX);
		return 0;
	case 's':
		o->s.seed = number("seed", arg, 1, ~0ULL);
		return 0;
	case 'j':
		o->json = true;
		return 0;
	case ARGP_KEY_ARG:
		fprintf(stderr, "dispatch-table: %s: only options are understood\n", arg);
		exit(EXIT_MISUSE);
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp_option argp_options[] = {
	{ "loss", 'l', "PART", 0, "probability that one member misses a frame (default 1/1000)", 0 },
	{ "members", 'n', "N", 0, "members of the cluster (default 3)", 0 },
	{ "packets", 'p', "N", 0, "packets for each scheme and side (default 1000000)", 0 },
	{ "marker", 'm', "N", 0, "mean distance of markers, a power of two (default 16)", 0 },
	{ "delay", 'd', "N", 0, "packets until the leader's assignment of a session arrives (default 50)", 0 },
	{ "seed", 's', "N", 0, "of the random numbers (default 1)", 0 },
	{ "json", 'j', NULL, 0, "one JSON object", 0 },
	{ 0 }
};

static double per_missed(const struct outcome *o, __u64 n)
{
	return o->missed ? (double)n / o->missed : 0;
}

static json_t *row_json(const struct simulation *s, const struct outcome *o)
{
	return json_pack("{ss, ss, sI, sI, sI, sI, sI, sf, sf, sI, sf, sf}", "scheme", scheme_names[s->scheme],
			 "side", role_names[s->role], "packets", (json_int_t)o->packets, "missed",
			 (json_int_t)o->missed, "lost_by_misser", (json_int_t)o->own, "lost", (json_int_t)o->lost,
			 "doubled", (json_int_t)o->doubled, "lost_per_missed", per_missed(o, o->lost),
			 "doubled_per_missed", per_missed(o, o->doubled), "longest_disturbance",
			 (json_int_t)o->longest, "packet_share", o->packet_share, "byte_share", o->byte_share);
}

static void print_json(const struct simulation *s, json_t *rows)
{
	json_t *root = json_pack("{sI, sf, sI, sI, sI, so}", "members", (json_int_t)s->members, "loss", s->loss,
				 "marker", (json_int_t)s->marker, "delay", (json_int_t)s->delay, "seed",
				 (json_int_t)s->seed, "rows", rows);

	json_dumpf(root, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
	putchar('\n');
	json_decref(root);
}

/* Column, key in the row's object, digits behind the point. */
static const struct {
	const char *name;
	const char *key;
	int digits;
} columns[] = {
	{ "SCHEME", "scheme", 0 },
	{ "SIDE", "side", 0 },
	{ "PACKETS", "packets", 0 },
	{ "MISSED", "missed", 0 },
	{ "OWN", "lost_by_misser", 0 },
	{ "LOST/MISSED", "lost_per_missed", 2 },
	{ "DOUBLED/MISSED", "doubled_per_missed", 2 },
	{ "LONGEST", "longest_disturbance", 0 },
	{ "PACKETS/FAIR", "packet_share", 3 },
	{ "BYTES/FAIR", "byte_share", 3 },
};
#define COLUMNS (sizeof(columns) / sizeof(columns[0]))

static void print_table(const struct simulation *s, json_t *rows)
{
	struct libscols_table *t = scols_new_table();
	struct libscols_line *line;
	const json_t *v;
	char text[32];
	json_t *row;
	size_t i;

	for (i = 0; i < COLUMNS; i++)
		scols_table_new_column(t, columns[i].name, 0, i < 2 ? 0 : SCOLS_FL_RIGHT);
	json_array_foreach(rows, i, row) {
		line = scols_table_new_line(t, NULL);
		for (size_t k = 0; k < COLUMNS; k++) {
			v = json_object_get(row, columns[k].key);
			if (json_is_string(v))
				snprintf(text, sizeof(text), "%s", json_string_value(v));
			else
				snprintf(text, sizeof(text), "%.*f", columns[k].digits, json_number_value(v));
			scols_line_set_data(line, k, text);
		}
	}
	scols_print_table(t);
	scols_unref_table(t);
	printf("\n%u members, markers %u apart, assignments after %u packets. OWN: frames missed by their owner,\n"
	       "lost by that alone and in no other column. LONGEST: packets from a missed frame to the last\n"
	       "packet lost or doubled on its account. FAIR: the largest share of a member over the fair one.\n",
	       s->members, s->marker, s->delay);
}

static int run(struct options *o)
{
	json_t *rows = json_array();
	struct outcome outcome;

	for (int i = 0; i < 2 * ESL_SCHEME_COUNT; i++) {
		o->s.scheme = i / 2;
		o->s.role = i % 2 ? ESL_OUTSIDE : ESL_INSIDE;
		if (simulate(&o->s, &outcome)) {
			fprintf(stderr, "dispatch-table: out of memory\n");
			json_decref(rows);
			return EXIT_FAILURE;
		}
		json_array_append_new(rows, row_json(&o->s, &outcome));
	}
	if (o->json) {
		print_json(&o->s, rows);
		return EXIT_SUCCESS;
	}
	print_table(&o->s, rows);
	json_decref(rows);
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	struct options o = {
		.s = { .members = 3, .packets = 1000000, .loss = 0.001, .marker = 16, .delay = 50, .seed = 1 },
	};
	struct argp argp = { argp_options, parse, NULL, "What a missed frame costs under each dispatch scheme.",
			     NULL, NULL, NULL };

	setlocale(LC_CTYPE, "");
	argp_err_exit_status = EXIT_MISUSE;
	argp_parse(&argp, argc, argv, 0, NULL, &o);
	return run(&o);
}
