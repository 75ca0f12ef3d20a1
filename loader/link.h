/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Interfaces, by rtnetlink. */
#ifndef ESPALIER_LINK_H
#define ESPALIER_LINK_H

#include "conf.h"
#include "nl.h"

struct esl_link {
	__u32 ifindex;
	bool up;		/* by the administrator */
	bool carrier;
	__u8 mac[ESL_MAC_LEN];
	char kind[16];		/* "veth", "vlan", "dummy"; "" for hardware */
	__u32 xdp_id;		/* 0: no XDP program */
	__u8 xdp_attached;	/* XDP_ATTACHED_* */
	__u32 below;		/* ifindex of the device that this one stands on; 0: none */
};

/* Returns 0, -ENODEV where there is none, or another negative errno. */
int esl_link_get(struct mnl_socket *nl, const char *name, struct esl_link *ret);

/* A device that is only the place of an egress hook: no ARP, no address; still down. */
int esl_link_create(struct mnl_socket *nl, const char *name, const char *kind);
int esl_link_up(struct mnl_socket *nl, __u32 ifindex);
int esl_link_delete(struct mnl_socket *nl, __u32 ifindex);

/* What a NIC or its driver does to packets before XDP sees them: 1 on, 0 off, or
 * a negative errno. */
enum esl_offload {
	ESL_GRO,
	ESL_LRO,
	ESL_RXVLAN,	/* takes the VLAN tag off and keeps it beside the packet */
	ESL_OFFLOADS
};
int esl_link_offload(const char *name, enum esl_offload what);
int esl_link_set_offload(const char *name, enum esl_offload what, bool on);
/* "GRO" and so on. */
const char *esl_offload_name(enum esl_offload what);
/* Must it be off on the NIC of this side, with XDP in this mode? */
bool esl_offload_unwanted(const struct esl_conf *c, enum esl_mode mode, int side, enum esl_offload what);

#endif
