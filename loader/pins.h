/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The pinned maps of one member, opened by name, and those that are mapped into
 * memory. */
#ifndef ESPALIER_PINS_H
#define ESPALIER_PINS_H

#include "conf.h"
#include "guards.h"

struct esl_pins {
	int config_fd, counts, own, sa_in, sa_seq, sa_out, guard_fd, frag, frag_out, turns, switch_fd, begin_fd,
		sessions_fd, policies, cpus, events;
	struct esl_config *config;	/* mmap, shared with the programs */
	struct esl_guards *guards;	/* mmap, ESL_SA_MAX records */
	struct esl_switch *switched;	/* mmap, ESL_SWITCH_RECORDS records */
	struct esl_begin *begin;	/* the same */
	struct esl_sessions *sessions;	/* mmap, ESL_SESSION_BUCKETS buckets */
};

/* Open all of c->bpffs.  Returns 0, -ENOENT where they are not pinned,
 * -EPROTO where key or value sizes differ from this build's, with a sentence. */
int esl_pins_open(const struct esl_conf *c, struct esl_pins *p, char error[ESL_ERROR_MAX]);
void esl_pins_close(struct esl_pins *p);

/*
 * Fill the identity: member id, NIC indexes and MACs, addresses, key, gate.
 * The deadline is set to 0 before, so that no packet meets half a record.
 */
int esl_pins_configure(const struct esl_conf *c, struct esl_pins *p, char error[ESL_ERROR_MAX]);

/* Does the pinned identity say what c and the interfaces say?  1 yes, 0 no, or
 * a negative errno with a sentence. */
int esl_pins_configured(const struct esl_conf *c, const struct esl_pins *p,
			char error[ESL_ERROR_MAX]);

/*
 * Pin again what a running program uses and nobody names any more, so that a
 * lost pin does not lose the numbers that the guard remembers.
 */
void esl_pins_rescue(const struct esl_conf *c, __u32 prog_id);

/* The name of a map that is not pinned, or NULL where all are. */
const char *esl_pins_missing(const struct esl_conf *c);

/* Remove the pins below bpffs and the directory; 0 where they are gone already. */
int esl_pins_unlink(const char *bpffs);

/* Sum of a counter over all CPUs. */
int esl_pins_count(const struct esl_pins *p, enum esl_reason reason, struct esl_count *ret);
/* Packets of all counters, over all CPUs, in one system call: since Linux 5.13. */
int esl_pins_packets(const struct esl_pins *p, __u64 *ret);

#endif
