// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The records that an earlier run of the agent left in the pinned maps. */
#include <bpf/bpf.h>
#include <errno.h>

#include "sadb.h"

/*
 * Of a change that goes on without this member: the next one may choose none for the SA.
 * A record that is as it should be is not written: that moves it in the walk.
 */
static int forget_number(struct agent *a, const struct esl_sa_key *key, struct esl_sa_in *in)
{
	if (!in->switch_at)
		return 0;
	in->switch_at = 0;
	return bpf_map_update_elem(a->pins.sa_in, key, in, BPF_EXIST);
}

int sadb_restore(struct agent *a)
{
	struct esl_sa_key key, *prev = NULL;
	struct esl_sa_out out;
	struct esl_sa_in in;
	struct sa *sa;

	for (; !bpf_map_get_next_key(a->pins.sa_out, prev, &key); prev = &key) {
		if (bpf_map_lookup_elem(a->pins.sa_out, &key, &out) || out.index >= ESL_SA_MAX)
			continue;
		if (out.lane != a->conf.member)
			return -EXDEV;
		sa = sadb_find_or_add(a->sadb, &key);
		if (!sa)
			return -ENOMEM;
		sa->outbound = sa->recorded = true;
		sa->index = out.index;
		sa->print = out.print;
		sa->lanes.plan = out.lanes;
		sa->lanes.lane = out.lane;
		sadb_keep_index(a->sadb, sa);
		sa->kernel.esn = out.esn;
		sa->rejoin.kept = guard_of(a, sa)->acked;
		/* Where it began anew, and perhaps had not come to. */
		if (guard_of(a, sa)->first)
			sa->rejoin.least = esl_lane_place(&out.lanes, guard_of(a, sa)->first).round;
		/* What passed before is no traffic of now. */
		sa->passed_seen = esl_load(&guard_of(a, sa)->passed);
	}
	for (prev = NULL; !bpf_map_get_next_key(a->pins.sa_in, prev, &key); prev = &key) {
		if (bpf_map_lookup_elem(a->pins.sa_in, &key, &in) || in.index >= ESL_SA_MAX)
			continue;
		sa = sadb_find_or_add(a->sadb, &key);
		if (!sa)
			return -ENOMEM;
		sa->recorded = true;
		sa->index = in.index;
		/* UINT64_MAX: shut, which is found again. */
		sa->shut = in.floor_set && in.floor == UINT64_MAX;
		sa->floor = in.floor_set && !sa->shut ? in.floor : 0;
		if (forget_number(a, &key, &in))
			return -errno;
		sadb_keep_index(a->sadb, sa);
		sadb_promote_restored(sa, in.leader_below);
	}
	return 0;
}

