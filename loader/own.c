// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>

#include "address.h"
#include "own.h"

#define TRIES 3		/* of a list that changes while it is read */

struct own {
	struct esl_addr cluster[ESL_ADDRESSES];
	__u32 ifindex[2 * ESL_ROLES];
	bool ports;		/* this pass is about the two NICs and the devices on them */
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

static int on_address(const struct nlmsghdr *nlh, void *data)
{
	const struct ifaddrmsg *m = mnl_nlmsg_get_payload(nlh);
	struct own *own = data;
	struct esl_addr addr;
	bool port = false;
	int i;

	for (i = 0; i < 2 * ESL_ROLES; i++)
		port |= m->ifa_index == own->ifindex[i];
	if (nlh->nlmsg_type != RTM_NEWADDR || port != own->ports || !esl_address_of(nlh, &addr) ||
	    contains(own->cluster, ESL_ADDRESSES, &addr) || contains(own->addr, own->count, &addr))
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

	for (i = 0; i < ESL_ADDRESSES; i++)
		own.cluster[i] = esl_address_cluster(c, i);
	for (i = 0; i < ESL_ROLES; i++) {
		own.ifindex[2 * i] = if_nametoindex(c->side[i].interface);
		own.ifindex[2 * i + 1] = if_nametoindex(c->side[i].device);
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
