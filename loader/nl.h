/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One question to the kernel by netlink, and its whole answer. */
#ifndef ESPALIER_NL_H
#define ESPALIER_NL_H

#include <libmnl/libmnl.h>

#define ESL_NL_BUFFER 32768

/* NULL with errno on failure. bus: NETLINK_ROUTE, NETLINK_NETFILTER. */
struct mnl_socket *esl_nl_open(int bus);

/*
 * Send nlh, hand every answer to cb, wait for the end of the dump or the
 * acknowledgement.  Returns 0 or a negative errno; after a failure the socket
 * may hold stale answers and should be closed.
 */
int esl_nl_talk(struct mnl_socket *nl, struct nlmsghdr *nlh, mnl_cb_t cb, void *data);

#endif
