// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Inbound SAs: what the program has let pass, and from that, which tops the kernel
 * is asked for.  The work is one element of a map for each SA, and netlink for those
 * in use only: see quiet.h.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>

#include "sadb.h"

#define BATCH 1024	/* elements of the map in one call */
#define ASKED_AT_ONCE 256

/* Room for a batch on as many CPUs as the machine may have; once for ever. */
static int make_room(struct sadb *db)
{
	if (db->counts)
		return 0;
	db->cpus = (size_t)libbpf_num_possible_cpus();
	db->counts = (ssize_t)db->cpus > 0 ? calloc(BATCH * db->cpus, sizeof(*db->counts)) : NULL;
	return db->counts ? 0 : -ENOMEM;
}

static void take_counts(struct sadb *db, const __u32 index[], size_t count, __u64 now)
{
	for (size_t n = 0; n < count; n++) {
		const struct esl_sa_seq *seen = db->counts + n * db->cpus;
		struct sa *sa = index[n] < ESL_SA_MAX ? db->in[index[n]] : NULL;
		__u64 sum = 0;

		if (!sa)
			continue;
		for (size_t cpu = 0; cpu < db->cpus; cpu++)
			sum += seen[cpu].packets + seen[cpu].parts;
		/* One that was never used has nothing to be told. */
		sa->stirred |= quiet_count(&sa->quiet, sum, now) && sum;
	}
}

/* Indexes are the lowest that are free, so the map is full up to in_end or nearly so. */
static int read_counts(struct agent *a)
{
	static __u32 index[BATCH];
	struct sadb *db = a->sadb;
	__u32 token, count;
	int err = make_room(db);

	for (__u32 from = 0; from < db->in_end && !err; from += count) {
		count = db->in_end - from < BATCH ? db->in_end - from : BATCH;
		err = bpf_map_lookup_batch(a->pins.sa_seq, from ? &token : NULL, &token, index, db->counts,
					   &count, NULL);
		/* It says so when it has come to the end of the map. */
		err = err == -ENOENT ? 0 : err;
		if (!count)
			break;
		/* After the look: what is counted now may be counted at the next one, never before. */
		take_counts(db, index, count, agent_now());
	}
	return err;
}

/* Returns a negative errno where not all could be read. */
static int read_tops(struct agent *a, struct sa *const sas[], size_t count)
{
	struct kernel_sa *kernel[ASKED_AT_ONCE];
	__u64 before[ASKED_AT_ONCE], now = agent_now();
	int errs[ASKED_AT_ONCE], err;

	for (size_t i = 0; i < count; i++) {
		kernel[i] = &sas[i]->kernel;
		before[i] = kernel[i]->seq;
	}
	err = xfrm_read_counters(&a->xfrm, kernel, count, errs);
	for (size_t i = 0; i < count; i++) {
		sas[i]->stirred |= kernel[i]->seq != before[i];
		if (!errs[i])
			quiet_read(&sas[i]->quiet, now);
		else if (errs[i] != -ESRCH && !err)
			err = errs[i];
	}
	return err;
}

int sadb_read_seqs(struct agent *a)
{
	struct sa *sas[ASKED_AT_ONCE];
	struct sadb *db = a->sadb;
	size_t count = 0;
	int err = read_counts(a);

	for (__u32 i = 0; i < db->in_end && !err; i++) {
		struct sa *sa = db->in[i];

		if (!sa || !sa->present || !quiet_is_stale(&sa->quiet))
			continue;
		sas[count++] = sa;
		if (count == ASKED_AT_ONCE) {
			err = read_tops(a, sas, count);
			count = 0;
		}
	}
	return !err && count ? read_tops(a, sas, count) : err;
}
