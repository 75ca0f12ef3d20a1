// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The edge of load.h: the first line of /proc/stat, see proc(5). */
#include <stdio.h>

#include "agent.h"

/* Guests' time is in that of user and nice. */
static bool read_times(struct load_times *ret)
{
	unsigned long long user, nice, system, idle, iowait, irq, softirq, steal;
	/* Opened anew each time: it is the machine's now, not when the agent started. */
	FILE *f = fopen("/proc/stat", "re");
	bool ok = f && fscanf(f, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &user, &nice, &system, &idle,
			      &iowait, &irq, &softirq, &steal) == 8;

	if (f)
		fclose(f);
	if (!ok)
		return false;
	ret->busy = user + nice + system + irq + softirq + steal;
	ret->all = ret->busy + idle + iowait;
	return true;
}

/* Where the owner follows from a hash or a turn, load has no say. */
static bool is_asked(const struct agent *a)
{
	__u8 scheme = a->change.active.scheme;

	return a->change.active.epoch && (scheme == ESL_SCHEME_PACKET_SQF || scheme == ESL_SCHEME_SESSION_SQF);
}

void load_look(struct agent *a)
{
	struct load_times t;

	if (!is_asked(a))
		a->load = (struct load){};
	else if (read_times(&t))
		load_note(&a->load, &t);
}
