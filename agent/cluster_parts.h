/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the files of the membership object (cluster.h) share among themselves. */
#ifndef AGENT_CLUSTER_PARTS_H
#define AGENT_CLUSTER_PARTS_H

#include "cluster.h"
#include "slots.h"

#define BIT(id) (1ULL << (id))
#define FOR_EACH_PEER(c, id)                                            \
	for (__u32 id = 0; id < ESL_MEMBERS_MAX; id++)                  \
		if ((c)->config.members >> id & 1 && id != (c)->config.id)

/* A leader's echo to a member that does not follow it, and gets no lease by it: no boot of anybody's. */
#define HEARD_ONLY(boot) (~(__u32)(boot))

/* lease.c */

/* Was peer id heard within dead_ns? */
bool lease_hears(const struct cluster *c, __u32 id, __u64 now);
/* And did it hear this member within that time? Of a leader that is not followed: lease_meets(). */
bool lease_round_trip(const struct cluster *c, __u32 id, __u64 now);
bool lease_meets(const struct cluster *c, __u32 id, __u64 now);
/* Has id promised itself to this member in its present term? */
bool lease_supports(const struct cluster *c, __u32 id);
/* What a heartbeat just taken into its peer says of its support. */
void lease_count(struct cluster *c, __u32 id, __u64 now);
/* It came after the election, and others may still hold leases of whom it followed. */
bool lease_is_late(const struct cluster *c, __u32 id, __u64 now);
/* The leader counts id as alive. */
bool lease_alive(const struct cluster *c, __u32 id, __u64 now);
/* The newest own heartbeat that the quorum echoed; 0: too few did. */
__u64 lease_quorum_ns(const struct cluster *c, __u64 now);
/* A leader's own lease. */
__u64 lease_own_ns(const struct cluster *c, __u64 now);
/* What a heartbeat just taken into its peer proves. Returns whether a member came alive. */
bool lease_prove(struct cluster *c, __u32 id, __u64 now);
/* The followed leader's heartbeat h confirms this member's lease. */
void lease_confirm(struct cluster *c, const struct heartbeat *h);
/* The leader of the table in force is lost or left. */
void lease_keep(struct cluster *c);
/* Hold no table, until what is sent from now on was echoed. */
void lease_resign(struct cluster *c, __u64 now);

/* election.c */

void election_heard(struct cluster *c, const struct heartbeat *h, __u64 now);
void election_step(struct cluster *c, __u64 now);
/* Lead or follow nobody. */
void election_reset(struct cluster *c);
/* The vote as this member's heartbeat shows it. */
struct vote election_told_vote(const struct cluster *c, __u64 now);
bool election_is_mute(const struct cluster *c, __u64 now);
bool election_is_taken(const struct cluster *c, __u64 now);
__u32 election_majority(const struct cluster *c);

/* view.c */

/* Keep the newest table that anybody tells, for who is elected. */
void view_learn(struct cluster *c, const struct slot_table *t, const struct plan *p);
/* The followed leader's tables; they count where the echo is new enough. */
void view_follow(struct cluster *c, const struct heartbeat *h);
void view_step(struct cluster *c, __u64 now);
/* The configured weights hold again. */
void view_weights(struct cluster *c);

#endif
