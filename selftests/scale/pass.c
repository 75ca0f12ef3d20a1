// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The program lets packets pass, on the first CPU. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdlib.h>

#include "edges.h"

static void count(struct agent *a, __u32 i, __u64 packets, __u32 parts)
{
	static struct esl_sa_seq *values;
	struct esl_sa_key key = edges_key(i, false);
	const struct sa *sa = sadb_find(a->sadb, &key);

	if (!values)
		values = calloc((size_t)libbpf_num_possible_cpus(), sizeof(*values));
	if (!sa || !values || bpf_map_lookup_elem(a->pins.sa_seq, &sa->index, values))
		abort();
	values[0].packets += packets;
	values[0].parts += parts;
	if (bpf_map_update_elem(a->pins.sa_seq, &sa->index, values, BPF_ANY))
		abort();
}

void edges_pass(struct agent *a, __u32 i, __u64 packets)
{
	count(a, i, packets, 0);
}

void edges_pass_parts(struct agent *a, __u32 i, __u32 parts)
{
	count(a, i, 0, parts);
}
