/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Policies as the program looks them up: by the prefix of a packet's
 * destination, and to which slot all packets of one SA go.  Pure.
 */
#ifndef AGENT_PREFIX_H
#define AGENT_PREFIX_H

#include <espalier/abi.h>

/* The prefix with this length of an address: mapped for IPv4 (family 4), whose
 * prefixes are 96 longer.  False: there is no such prefix. */
bool prefix_key(const struct esl_addr *addr, __u32 family, __u32 len, struct esl_policy_key *ret);

/* The slot of all packets to a peer under a request id, the same on all members
 * and not to be foreseen from outside. */
__u32 prefix_slot(const struct esl_hash_key *k, const struct esl_addr *peer, __u32 reqid);

/* Of two policies for one prefix: one that keeps to a slot wins; of two such
 * the lower slot, whichever was listed first. */
__u32 prefix_merge(__u32 a, __u32 b);

#endif
