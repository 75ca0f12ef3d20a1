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
	double min;
	double max;
};

enum column { NS, DROP, OVER };

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static struct figure figure(const struct bench_case *c, enum column column)
{
	double sorted[BENCH_ROUNDS_MAX] = {};

	for (int i = 0; i < c->rounds; i++)
		sorted[i] = column == NS ? c->round[i].ns : column == DROP ? c->round[i].drop :
			    c->round[i].ns - c->round[i].drop;
	qsort(sorted, c->rounds, sizeof(*sorted), by_value);
	if (!c->rounds)
		return (struct figure){};
	return (struct figure){ sorted[c->rounds / 2], sorted[0], sorted[c->rounds - 1] };
}

static double cost(const struct bench_case *c)
{
	return figure(c, NS).median - figure(c, DROP).median;
}

/* What a slow core does in time, a fast one does too: there a limit can be met, but not missed. */
static bool is_fair(const struct bench_case *c)
{
	return c->rounds >= BENCH_ROUNDS_MIN &&
	       (figure(c, DROP).median <= BENCH_DROP_NS_MAX || cost(c) <= c->limit_ns);
}

static const char *verdict(const struct bench_case *c)
{
	if (!c->limit_ns)
		return "";
	if (!is_fair(c))
		return ": NOT JUDGED";
	if (cost(c) <= c->limit_ns)
		return "";
	return c->open ? ": OVER ITS LIMIT, an open matter" : ": FAILED";
}

static bool is_judged(const struct bench_case *c)
{
	return c->limit_ns && !c->open && is_fair(c);
}

/* cases[0] is the bare drop, which has no rounds of its own. */
int bench_report(const struct bench_case *cases, int count)
{
	int missed = 0, judged = 0, limits = 0;

	printf("%-24s %6s %6s %6s %6s   %s\n", "ns a packet", "drop", "median", "cost", "limit",
	       "differences (min, max)");
	for (int i = 1; i < count; i++) {
		const struct bench_case *c = &cases[i];
		struct figure o = figure(c, OVER);

		printf("%-24s %6.2f %6.2f %6.2f %6.0f   (%6.2f,%7.2f) %3d rounds  %s%s\n", c->name,
		       figure(c, DROP).median, figure(c, NS).median, cost(c), c->limit_ns, o.min, o.max,
		       c->rounds, c->text, verdict(c));
		limits += c->limit_ns && !c->open;
		judged += is_judged(c);
		missed += is_judged(c) && cost(c) > c->limit_ns;
	}
	if (judged < limits)
		printf("%d of %d limits not judged: the core was shared with a neighbour for too long, or they were missed where a bare drop took more than %.0f ns\n",
		       limits - judged, limits, BENCH_DROP_NS_MAX);
	/* Every case went the way that it says, which setup has proved: one more. */
	printf("bench: %d passed, %d failed\n", 1 + judged - missed, missed);
	return missed;
}

static json_t *json_figure(const struct bench_case *c, enum column column)
{
	struct figure f = figure(c, column);

	return json_pack("{s:f, s:f, s:f}", "median", f.median, "min", f.min, "max", f.max);
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

int bench_write_json(const char *path, const struct bench_case *cases, int count)
{
	json_t *costs = json_object(), *rounds = json_object(), *root;
	struct utsname host;
	char cpu[128];
	int r;

	uname(&host);
	cpu_name(cpu, sizeof(cpu));
	root = json_pack("{s:s, s:s, s:s, s:i, s:o}", "mode", "plain load", "kernel", host.release, "cpu", cpu,
			 "frame_bytes", (int)cases[0].frame.len, "xdp_drop_ns", json_figure(&cases[1], DROP));
	for (int i = 1; i < count; i++) {
		json_object_set_new(root, cases[i].name, json_figure(&cases[i], NS));
		json_object_set_new(costs, cases[i].name, json_real(cost(&cases[i])));
		json_object_set_new(rounds, cases[i].name, json_integer(cases[i].rounds));
	}
	json_object_set_new(root, "cost_over_xdp_drop", costs);
	json_object_set_new(root, "rounds", rounds);
	r = json_dump_file(root, path, JSON_INDENT(2) | JSON_REAL_PRECISION(5));
	if (r)
		fprintf(stderr, "%s: cannot write\n", path);
	json_decref(root);
	return r;
}
