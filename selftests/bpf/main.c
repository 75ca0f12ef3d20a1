// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Drives espalier.bpf.o in the running kernel, without any device of the host:
 * one line per row, and the count on the last line.
 * usage: bpf [PART...]
 */
#include <stdio.h>
#include <string.h>

#include "drive.h"
#include "espalier.skel.h"

static const struct {
	const char *name;
	void (*test)(struct drive *d);
} parts[] = {
	{ "kinds", test_xdp_kinds },
	{ "rows", test_xdp_rows },
	{ "neighbours", test_xdp_neighbours },
	{ "lengths", test_xdp_lengths },
	{ "state", test_xdp_state },
	{ "fragments", test_xdp_fragments },
	{ "schemes", test_xdp_schemes },
	{ "switch", test_xdp_switch },
	{ "random", test_xdp_random },
	{ "policies", test_xdp_policies },
	{ "cpus", test_xdp_cpus },
	{ "jumbo", test_xdp_jumbo },
	{ "guard", test_guard_rows },
	{ "guard-state", test_guard_state },
	{ "guard-fragments", test_guard_fragments },
	{ "guard-events", test_guard_events },
	{ "guard-iv", test_guard_iv },
	{ "devices", test_devices },
};
#define PARTS (sizeof(parts) / sizeof(parts[0]))

static bool is_asked(int argc, char **argv, const char *name)
{
	for (int i = 1; i < argc; i++)
		if (!strcmp(argv[i], name))
			return true;
	return argc < 2;
}

/* Each part has the object to itself: no part lives on what another left. */
static void run_part(struct drive *d, size_t i)
{
	d->obj = world_open();
	if (d->obj)
		parts[i].test(d);
	else
		d->failed++;
	espalier_bpf__destroy(d->obj);
}

int main(int argc, char **argv)
{
	struct drive d = {};

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (size_t i = 0; i < PARTS; i++)
		if (is_asked(argc, argv, parts[i].name))
			run_part(&d, i);
	printf("bpf: %d passed, %d failed\n", d.passed, d.failed);
	return d.failed || !d.passed;
}
