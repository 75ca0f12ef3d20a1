// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>

#include "nl.h"
#include "own.h"

#define TRIES 3		/* of a list that changes while it is read */

struct own {
	struct esl_addr cluster[ESL_ROLES];
	__u32 ifindex[ESL_ROLES];
	bool ports;		/* this pass is about the two NICs */
	bool more;		/* than fit */
	struct esl_addr addr[ESL_OWN_MAX];
	int count;
};

static bool contains(const struct esl_addr *list, int count, const struct esl_addr *addr)
{
	int i;

	for (i = 0; i < count; i++)
		if (!memcmp(&list[i], addr, sizeof(*addr)))
			return true;
	return false;
}

/* With a peer address IFA_ADDRESS is the other end and IFA_LOCAL this one. */
static bool address_of(const struct nlmsghdr *nlh, struct esl_addr *ret)
{
	const struct ifaddrmsg *m = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *a, *best = NULL;
	size_t len = m->ifa_family == AF_INET ? 4 : 16;

	if (m->ifa_family != AF_INET && m->ifa_family != AF_INET6)
		return false;
	mnl_attr_for_each(a, nlh, sizeof(*m)) {
		__u16 type = mnl_attr_get_type(a);

		if (mnl_attr_get_payload_len(a) == len &&
		    (type == IFA_LOCAL || (type == IFA_ADDRESS && !best)))
			best = a;
	}
	if (!best)
		return false;
	if (m->ifa_family == AF_INET)
		*ret = esl_addr_from_ipv4(mnl_attr_get_u32(best));
	else
		memcpy(ret->byte, mnl_attr_get_payload(best), sizeof(ret->byte));
	return true;
}

static int on_address(const struct nlmsghdr *nlh, void *data)
{
	const struct ifaddrmsg *m = mnl_nlmsg_get_payload(nlh);
	struct own *own = data;
	struct esl_addr addr;
	bool port = m->ifa_index == own->ifindex[ESL_INSIDE] ||
		    m->ifa_index == own->ifindex[ESL_OUTSIDE];

	if (nlh->nlmsg_type != RTM_NEWADDR || port != own->ports || !address_of(nlh, &addr) ||
	    contains(own->cluster, ESL_ROLES, &addr) || contains(own->addr, own->count, &addr))
		return MNL_CB_OK;
	if (own->count == ESL_OWN_MAX)
		own->more = true;
	else
		own->addr[own->count++] = addr;
	return MNL_CB_OK;
}

/* One socket per try: what is left of a list that broke off is not read. */
static int list_addresses(struct own *own)
{
	char buf[512] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct mnl_socket *nl;
	int i, err = -EINTR;

	nlh->nlmsg_type = RTM_GETADDR;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifaddrmsg));
	for (i = 0; i < TRIES && err == -EINTR; i++) {
		nl = esl_nl_open(NETLINK_ROUTE);
		if (!nl)
			return -errno;
		err = esl_nl_talk(nl, nlh, on_address, own);
		mnl_socket_close(nl);
	}
	return err;
}

/* Returns whether all could be added. */
static bool add(int fd, const struct own *own)
{
	const __u32 one = 1;
	bool all = true;
	__u32 value;
	int i;

	for (i = 0; i < own->count; i++)
		if (bpf_map_lookup_elem(fd, &own->addr[i], &value))
			all &= !bpf_map_update_elem(fd, &own->addr[i], &one, BPF_ANY);
	return all;
}

static void remove_stale(int fd, const struct own *own)
{
	struct esl_addr stale[ESL_OWN_MAX], key, *prev = NULL;
	int i, count = 0;

	for (i = 0; i < ESL_OWN_MAX && !bpf_map_get_next_key(fd, prev, &key); i++) {
		if (!contains(own->addr, own->count, &key))
			stale[count++] = key;
		prev = &key;
	}
	for (i = 0; i < count; i++)
		bpf_map_delete_elem(fd, &stale[i]);
}

int esl_own_update(const struct esl_conf *c, struct esl_pins *p)
{
	struct own own = {};
	int i, err;

	for (i = 0; i < ESL_ROLES; i++) {
		own.cluster[i] = esl_addr_from_ipv4(c->side[i].cluster_addr);
		own.ifindex[i] = if_nametoindex(c->side[i].interface);
	}
	/* Those of the NICs first: where not all fit, they matter most. */
	own.ports = true;
	err = list_addresses(&own);
	own.ports = false;
	if (!err)
		err = list_addresses(&own);
	if (err)
		return err;
	/* A map full of stale addresses has room only afterwards. */
	if (!add(p->own, &own)) {
		remove_stale(p->own, &own);
		if (!add(p->own, &own))
			return -ENOSPC;
	}
	remove_stale(p->own, &own);
	return own.more;
}
