/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The audit of IVs, at its edges: probes, the guard's answers, what members tell each
 * other, and SAs installed anew.  salt.h has the rules.
 *
 * A probe is a datagram of the agent's own, which a policy of its socket sends through
 * just this SA.  It carries a priority by which the guard knows it, and drops it.
 */
#ifndef AGENT_PROBE_H
#define AGENT_PROBE_H

#include "agent.h"
#include "salt.h"

struct sa;

/* Of one outbound SA. */
struct sa_audit {
	struct salt_book book;
	bool opened;		/* since this agent started */
	bool due;		/* a probe, even where nothing is missing */
	bool tell_all;		/* a member knows another book */
	__u32 tries;		/* probes in vain */
	__u64 probe_ns;		/* when the next one may go */
	__u64 told_ns;		/* when all of the book was told last */
	__u64 redraws;
	int redraw_err;		/* why the last try was in vain, as the log says */
};

int probe_start(struct agent *a);
void probe_stop(struct agent *a);

/* A record is made: what its guard asks before anything is known. Returns 0 or -ENOMEM. */
int probe_record(struct agent *a, struct sa *sa, struct esl_guard *g);
/* The SA is in the kernel, recorded and in its block. */
void probe_open(struct agent *a, struct sa *sa);
/* The kernel has it no more, or with another key. */
void probe_gone(struct agent *a, struct sa *sa);
void probe_new_key(struct agent *a, struct sa *sa);
/* It goes on for another address of the peer, as another transform. */
void probe_moved(struct agent *a, struct sa *sa, const struct sa *from);

/* The guard told a salt. */
void probe_seen(struct agent *a, struct sa *sa, __u64 salt);
/* A member told salts; its agent was started anew. */
void probe_heard(struct agent *a, const struct announcement *m);
void probe_restarted(struct agent *a, __u32 member);
/* Tell some digests, in turn, so that members that did not hear each other compare. */
void probe_page(struct agent *a);

/* Send one through the SA. Returns 0, or a negative errno: -EEXIST, -EAGAIN where XFRM finds no such SA. */
int probe_send(const struct kernel_sa *sa);

#endif
