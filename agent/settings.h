/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What of the configuration all members must have alike, what a running agent
 * may change, and what of it is a matter of the leader: struct options.
 */
#ifndef AGENT_SETTINGS_H
#define AGENT_SETTINGS_H

#include <loader/conf.h>

#include "wire.h"

/* Who this member is and how it is set up; key is the one that owners are found with. */
void settings_tell(const struct esl_conf *c, const struct esl_hash_key *key, struct announcement *m);

/* What differs between the sender's configuration and this one, which own
 * tells; NULL: nothing that must be equal. */
const char *settings_difference(const struct announcement *own, const struct announcement *m);

/* Digest of what settings_difference() compares: equal where nothing differs. */
__u64 settings_digest(const struct announcement *m);

/* The first setting that differs and that a running agent cannot change, as
 * its key; NULL: there is none. */
const char *settings_fixed(const struct esl_conf *old, const struct esl_conf *new);

/* The options that c asks for, without an epoch. */
void settings_options(const struct esl_conf *c, struct options *ret);

/* The table that options make with the rest of c. */
void settings_table(const struct esl_conf *c, const struct options *o, struct esl_table *ret);

/* The name of a scheme of plain packets. */
const char *settings_scheme(__u8 scheme);

bool settings_is_cluster(const struct esl_conf *c, const struct esl_addr *addr);

#endif
