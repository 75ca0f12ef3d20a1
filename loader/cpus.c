// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>

#include "cpus.h"

#define QUEUE 2048	/* packets that wait for a CPU, at most */

unsigned int esl_cpus_online(void)
{
	FILE *f = fopen("/sys/devices/system/cpu/online", "re");
	unsigned int first, last = 0;
	int n = f ? fscanf(f, "%u-%u", &first, &last) : 0;

	if (f)
		fclose(f);
	/* Not known, or a list that begins otherwise: CPU 0 is the one of every machine. */
	if (n != 2 || first)
		return 1;
	return last < ESL_CPUS_MAX ? last + 1 : ESL_CPUS_MAX;
}

int esl_cpus_fill(const struct esl_conf *c, int fd)
{
	const struct bpf_cpumap_val want = { .qsize = QUEUE };
	struct bpf_cpumap_val have;
	__u32 i, count = c->cpu_mode == ESL_CPU_OFF ? 0 : c->cpu_count;

	for (i = 0; i < ESL_CPUS_MAX; i++) {
		bool there = !bpf_map_lookup_elem(fd, &i, &have) && have.qsize;

		/* A new entry is a new queue: what is right stays. */
		if (i < count && !there && bpf_map_update_elem(fd, &i, &want, BPF_ANY))
			return -errno;
		if (i >= count && there && bpf_map_delete_elem(fd, &i))
			return -errno;
	}
	return 0;
}
