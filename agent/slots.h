/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* From one slot table to the next with as few moves as the shares allow.  Pure. */
#ifndef AGENT_SLOTS_H
#define AGENT_SLOTS_H

#include "heartbeat.h"

/*
 * Give the slots of t to members, each as many as its weight says (all 0:
 * equal), and set t->members.  A slot moves only if its owner is no member, or
 * owns more than its share.  From an empty table the result is that of
 * esl_table_fill(); from any other, slots are given up and taken evenly spread,
 * so that consecutive numbers still go round.  The stamp is the caller's.
 */
void slots_fill(struct slot_table *t, __u64 members, const __u32 weight[ESL_MEMBERS_MAX]);

/*
 * The same, but who is in members keeps every slot that it owns: nobody gives one up
 * without a plan, even where the weights are others than those that it was given by.
 */
void slots_inherit(struct slot_table *t, __u64 members, const __u32 weight[ESL_MEMBERS_MAX]);

/* The slots that have another owner. */
__u32 slots_moved(const struct slot_table *a, const struct slot_table *b);

/* Does id own a slot? */
bool slots_owns(const struct slot_table *t, __u32 id);

void slots_clear(struct slot_table *t);

/* How many member ids are in members. */
__u32 slots_member_count(__u64 members);

#endif
