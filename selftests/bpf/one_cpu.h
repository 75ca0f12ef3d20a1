/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Records per CPU: a test that reads them stays on one. */
#ifndef ESPALIER_SELFTESTS_ONE_CPU_H
#define ESPALIER_SELFTESTS_ONE_CPU_H

#include <sched.h>

/* Stay on this CPU. Returns it, or -1; *before is what to go back to. */
static inline int one_cpu_stay(cpu_set_t *before)
{
	int cpu = sched_getcpu();
	cpu_set_t one;

	if (cpu < 0 || sched_getaffinity(0, sizeof(*before), before))
		return -1;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	return sched_setaffinity(0, sizeof(one), &one) ? -1 : cpu;
}

#endif
