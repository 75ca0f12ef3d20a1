/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Interfaces, by rtnetlink. */
#ifndef ESPALIER_LINK_H
#define ESPALIER_LINK_H

#include <net/if.h>
#include <stdbool.h>

#include <espalier/abi.h>

#include "nl.h"

struct esl_link {
	__u32 ifindex;
	bool up;		/* by the administrator */
	bool carrier;
	__u8 mac[ESL_MAC_LEN];
	char kind[16];		/* "veth", "vlan", "dummy"; "" for hardware */
	__u32 xdp_id;		/* 0: no XDP program */
	__u8 xdp_attached;	/* XDP_ATTACHED_* */
};

/* Returns 0, -ENODEV where there is none, or another negative errno. */
int esl_link_get(struct mnl_socket *nl, const char *name, struct esl_link *ret);

/* A device that is only the place of an egress hook: no ARP, no address; still down. */
int esl_link_create(struct mnl_socket *nl, const char *name, const char *kind);
int esl_link_up(struct mnl_socket *nl, __u32 ifindex);
int esl_link_delete(struct mnl_socket *nl, __u32 ifindex);

/* GRO or LRO of a NIC: 1 on, 0 off, or a negative errno. */
enum esl_merge { ESL_GRO, ESL_LRO, ESL_MERGES };
int esl_link_merge(const char *name, enum esl_merge what);
int esl_link_set_merge(const char *name, enum esl_merge what, bool on);

#endif
