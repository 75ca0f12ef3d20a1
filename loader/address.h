/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Addresses as text, and the cluster addresses on lo, as /32 and /128: local
 * to every member, answered for by none of the NICs.
 */
#ifndef ESPALIER_ADDRESS_H
#define ESPALIER_ADDRESS_H

#include <arpa/inet.h>

#include "conf.h"
#include "nl.h"

/* Of IPv4 and IPv6 on both sides; where one is not configured its place is none. */
#define ESL_ADDRESSES (2 * ESL_ROLES)

struct esl_addr esl_address_cluster(const struct esl_conf *c, int i);

/* Is this an IPv4 address, mapped? */
bool esl_address_is_ipv4(const struct esl_addr *a);

/* Returns buf. */
const char *esl_address_text(const struct esl_addr *a, char buf[INET6_ADDRSTRLEN]);
/* False where text is neither an IPv4 nor an IPv6 address. */
bool esl_address_read(const char *text, struct esl_addr *ret);

/* The address that an RTM_NEWADDR or RTM_DELADDR is about; false where there is none. */
bool esl_address_of(const struct nlmsghdr *nlh, struct esl_addr *ret);

/* Set in *ret bit i for each addr[i] that lo has. Returns 0 or a negative errno. */
int esl_address_look(struct mnl_socket *nl, const struct esl_addr *addr, int count, unsigned int *ret);
int esl_address_set(struct mnl_socket *nl, const struct esl_addr *addr, bool present);

#endif
