/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Does everything that must hold before a packet may pass still hold?  The
 * loader asks after it attached, "espalier status" asks for people, and the
 * agent asks whenever netlink told of a change and once a second: it renews
 * the deadline only while the answer is ESL_HOLD_OK (invariant I4).
 */
#ifndef ESPALIER_HOLD_H
#define ESPALIER_HOLD_H

#include <stdbool.h>

#include "conf.h"
#include "pins.h"

/* X(SYMBOL, name for JSON, sentence with one %s for the interface or "") */
#define ESL_HOLDS(X)                                                                           \
	X(OK, "ok", "everything is in place%s")                                                \
	X(NOT_LOADED, "not_loaded", "espalier load has not run%s")                             \
	X(LINK_GONE, "link_gone",                                                              \
	  "interface %s does not exist, or is a new one of that name: run espalier load when it is there") \
	X(LINK_DOWN, "link_down", "interface %s has no link")                                  \
	X(MAC_CHANGED, "mac_changed", "interface %s has another MAC than the maps say" ESL_HOLD_LOAD) \
	X(XDP_MISSING, "xdp_missing", "the XDP program is not on interface %s" ESL_HOLD_LOAD)  \
	X(GUARD_MISSING, "guard_missing", "the guard is not on the egress of interface %s" ESL_HOLD_LOAD) \
	X(GUARD_NOT_FIRST, "guard_not_first",                                                  \
	  "another filter runs before the guard on interface %s: remove it")                   \
	X(RETYPE_MISSING, "retype_missing",                                                    \
	  "the ingress helper is not on virtual interface %s" ESL_HOLD_LOAD)                   \
	X(GRO_ON, "gro_on",                                                                    \
	  "interface %s merges packets before the generic XDP program sees them" ESL_HOLD_LOAD) \
	X(RXVLAN_ON, "rxvlan_on", "interface %s hides VLAN tags from the XDP program" ESL_HOLD_LOAD) \
	X(GATE_MISSING, "gate_missing", "the gate device %s is missing or down" ESL_HOLD_LOAD) \
	X(RULES_CHANGED, "rules_changed",                                                      \
	  "the nftables rules are missing or were changed%s" ESL_HOLD_LOAD)                    \
	X(SYSCTL_CHANGED, "sysctl_changed",                                                    \
	  "a sysctl that the cluster needs was changed: %s" ESL_HOLD_LOAD)                     \
	X(ADDRESS_MISSING, "address_missing", "a cluster address is missing: %s" ESL_HOLD_LOAD) \
	X(CANNOT_TELL, "cannot_tell", "the kernel did not answer: %s")

/* What load puts back, also under a running agent. */
#define ESL_HOLD_LOAD ": run espalier load"

enum esl_hold {
#define X(symbol, name, sentence) ESL_HOLD_##symbol,
	ESL_HOLDS(X)
#undef X
	ESL_HOLD_COUNT
};

struct esl_hold_report {
	enum esl_hold reason;
	char what[64];		/* fills the %s of the sentence */
	bool dispatcher[ESL_ROLES];	/* attached through a libxdp dispatcher */
};

/*
 * Look at everything.  Returns r->reason.  Takes no lock, allocates nothing
 * that stays, and costs well under a millisecond natively: the agent calls it
 * between two packets' worth of time.  rules: compare the ruleset too.
 */
enum esl_hold esl_hold_check(const struct esl_conf *c, bool rules, struct esl_hold_report *r);

/* Which maps an agent has open, and what of them it goes by from its start on. */
struct esl_identity {
	__u32 map;		/* id of the config map */
	__u32 member;
	__u32 ifindex[ESL_ROLES];
	struct esl_hash_key key;
};

/* As p has it now.  Returns 0 or a negative errno. */
int esl_hold_identity(const struct esl_pins *p, struct esl_identity *ret);

/*
 * Where the pinned maps are not those of p any more, or say something else than
 * started: what differs, in words.  NULL: nothing, or nothing is pinned.
 */
const char *esl_hold_identity_differs(const struct esl_conf *c, const struct esl_pins *p,
				      const struct esl_identity *started);

const char *esl_hold_name(enum esl_hold h);
/* One sentence with the interface filled in; returns buf. */
const char *esl_hold_sentence(const struct esl_hold_report *r, char *buf, size_t size);

#endif
