/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The map of this machine's own addresses: what the XDP program leaves to the
 * stack when it comes by unicast. */
#ifndef ESPALIER_OWN_H
#define ESPALIER_OWN_H

#include "pins.h"

/*
 * Bring the map in line with the addresses that the machine has now: first add,
 * then remove, and write nothing that is there already.  Returns 0, 1 where
 * there are more than ESL_OWN_MAX and some were left out, or a negative errno.
 */
int esl_own_update(const struct esl_conf *c, struct esl_pins *p);

#endif
