/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The cluster addresses live on lo as /32: local to every member, answered for
 * by none of the NICs. */
#ifndef ESPALIER_ADDRESS_H
#define ESPALIER_ADDRESS_H

#include <linux/types.h>
#include <stdbool.h>

#include "nl.h"

/* Set in *ret bit i for each addr[i] that lo has. Returns 0 or a negative errno. */
int esl_address_look(struct mnl_socket *nl, const __be32 *addr, int count, unsigned int *ret);
int esl_address_set(struct mnl_socket *nl, __be32 addr, bool present);

#endif
