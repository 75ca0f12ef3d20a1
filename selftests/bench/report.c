// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <bpf/libbpf.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "bench.h"

struct figure {
	double median;
	double quartile;	/* the lower one: a neighbour only ever adds */
	double min;
	double max;
};

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static struct figure figure(const struct bench_case *c, int rounds, bool over)
{
	double sorted[BENCH_ROUNDS_MAX];

	for (int i = 0; i < rounds; i++)
		sorted[i] = over ? c->round[i].over : c->round[i].ns;
	qsort(sorted, rounds, sizeof(*sorted), by_value);
	return (struct figure){ sorted[rounds / 2], sorted[rounds / 4], sorted[0], sorted[rounds - 1] };
}

/*
 * The cost over the bare drop: the lower quartile of the program's rounds less
 * that of the drop's.  A neighbour on a shared machine only ever adds, and adds
 * to both alike.  Choosing rounds by a cheap drop would not be fair: it picks
 * those in which the drop was lucky and the program was as always.
 */
static double cost(const struct bench_case *cases, int i, int rounds)
{
	return figure(&cases[i], rounds, false).quartile - figure(&cases[0], rounds, false).quartile;
}

int bench_report(const struct bench_case *cases, int count, int rounds)
{
	int missed = 0, limits = 0;

	printf("%-24s %8s %7s %15s   %6s   %s\n", "ns a packet", "quartile", "median", "(min, max)", "cost",
	       "median of the differences (min, max)");
	for (int i = 0; i < count; i++) {
		struct figure f = figure(&cases[i], rounds, false);
		struct figure o = figure(&cases[i], rounds, true);
		bool miss = cases[i].limit_ns && cost(cases, i, rounds) > cases[i].limit_ns;

		printf("%-24s %8.2f %7.2f (%6.2f,%7.2f)   %6.2f   %6.2f (%6.2f,%7.2f)  %s%s\n", cases[i].name,
		       f.quartile, f.median, f.min, f.max, cost(cases, i, rounds), o.median, o.min, o.max,
		       cases[i].text, !miss ? "" : cases[i].open ? ": OVER ITS LIMIT, an open matter" : ": FAILED");
		limits += cases[i].limit_ns && !cases[i].open;
		missed += miss && !cases[i].open;
	}
	printf("bench: %d passed, %d failed\n", limits - missed, missed);
	return missed;
}

static json_t *json_figure(const struct bench_case *c, int rounds, bool over)
{
	struct figure f = figure(c, rounds, over);

	return json_pack("{s:f, s:f, s:f, s:f}", "median", f.median, "quartile", f.quartile, "min", f.min, "max", f.max);
}

static void cpu_name(char *name, size_t size)
{
	FILE *f = fopen("/proc/cpuinfo", "re");
	char line[256], *colon;

	snprintf(name, size, "unknown");
	while (f && fgets(line, sizeof(line), f)) {
		colon = strchr(line, ':');
		if (strncmp(line, "model name", 10) || !colon)
			continue;
		line[strcspn(line, "\n")] = 0;
		snprintf(name, size, "%s", colon + 2);
		break;
	}
	if (f)
		fclose(f);
}

int bench_write_json(const char *path, const struct bench_case *cases, int count, int rounds)
{
	json_t *over = json_object(), *costs = json_object(), *root;
	struct utsname host;
	char cpu[128];
	int r;

	uname(&host);
	cpu_name(cpu, sizeof(cpu));
	root = json_pack("{s:s, s:s, s:s, s:i, s:i}", "mode", "plain load", "kernel", host.release, "cpu",
			 cpu, "runs", rounds, "frame_bytes", (int)cases[0].frame.len);
	for (int i = 0; i < count; i++) {
		json_object_set_new(root, cases[i].name, json_figure(&cases[i], rounds, false));
		if (i)
			json_object_set_new(costs, cases[i].name, json_real(cost(cases, i, rounds)));
		if (i)
			json_object_set_new(over, cases[i].name, json_figure(&cases[i], rounds, true));
	}
	json_object_set_new(root, "cost_over_xdp_drop", costs);
	json_object_set_new(root, "differences", over);
	r = json_dump_file(root, path, JSON_INDENT(2) | JSON_REAL_PRECISION(5));
	if (r)
		fprintf(stderr, "%s: cannot write\n", path);
	json_decref(root);
	return r;
}
