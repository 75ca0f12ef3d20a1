/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Two holders of one member id, each let in by another member, and each refused where
 * the other one is: which of them goes on.  Pure.
 *
 * Both ask the same of the same two, so that one of them goes on and not both fall silent: who is established
 * stays, and where both are, or neither is, the one with the lower boot.  What is known of the
 * other may be a heartbeat old; both may then fall silent, neither is established any more, and their
 * boots decide.
 */
#ifndef AGENT_HOLDER_H
#define AGENT_HOLDER_H

#include <espalier/types.h>

struct holder {
	__u64 boot;
	bool established;	/* it forwards */
};

/* let_in: own is, by some member; who is by none is not the holder of the id anywhere. */
static inline bool holder_yields(const struct holder *own, const struct holder *other, bool let_in)
{
	if (!let_in)
		return true;
	if (own->established != other->established)
		return other->established;
	return other->boot < own->boot;
}

#endif
