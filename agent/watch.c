// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What the kernel tells: a link, filter, qdisc or address changed (rtnetlink),
 * the ruleset changed (nfnetlink).  Each message means "look again", never
 * "this is how it is now": a lost message costs at most the second until the
 * next regular look.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "agent.h"

struct watch {
	struct mnl_socket *route;
	struct mnl_socket *rules;
	struct mnl_socket *request;
};

static bool is_cluster_addr(const struct agent *a, __be32 addr)
{
	return addr == a->conf.side[ESL_INSIDE].cluster_addr ||
	       addr == a->conf.side[ESL_OUTSIDE].cluster_addr;
}

struct own_list {
	const struct agent *agent;
	struct esl_addr addr[ESL_OWN_MAX];
	size_t count;
};

static int on_address(const struct nlmsghdr *nlh, void *data)
{
	const struct ifaddrmsg *ifa = mnl_nlmsg_get_payload(nlh);
	struct own_list *own = data;
	const struct nlattr *attr;
	struct esl_addr addr;
	bool found = false;

	if (nlh->nlmsg_type != RTM_NEWADDR || own->count == ESL_OWN_MAX)
		return MNL_CB_OK;
	mnl_attr_for_each(attr, nlh, sizeof(*ifa)) {
		__u16 type = mnl_attr_get_type(attr);

		/* With a peer address IFA_ADDRESS is the other end. */
		if (type != IFA_LOCAL && (type != IFA_ADDRESS || found))
			continue;
		if (ifa->ifa_family == AF_INET && !is_cluster_addr(own->agent, mnl_attr_get_u32(attr)))
			addr = esl_addr_from_ipv4(mnl_attr_get_u32(attr));
		else if (ifa->ifa_family == AF_INET6)
			memcpy(addr.byte, mnl_attr_get_payload(attr), sizeof(addr.byte));
		else
			continue;
		found = true;
	}
	if (found)
		own->addr[own->count++] = addr;
	return MNL_CB_OK;
}

static int dump_addresses(struct watch *w, struct own_list *own)
{
	char buf[MNL_SOCKET_BUFFER_SIZE];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	int more = 1;

	nlh->nlmsg_type = RTM_GETADDR;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifaddrmsg));
	if (mnl_socket_sendto(w->request, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	while (more > 0) {
		ssize_t n = mnl_socket_recvfrom(w->request, buf, sizeof(buf));

		if (n < 0)
			return -errno;
		more = mnl_cb_run(buf, (size_t)n, 0, 0, on_address, own);
		if (more < 0)
			return -errno;
	}
	return 0;
}

static bool contains(const struct own_list *own, const struct esl_addr *addr)
{
	for (size_t i = 0; i < own->count; i++)
		if (!memcmp(&own->addr[i], addr, sizeof(*addr)))
			return true;
	return false;
}

/* Bring the map of own addresses in line: add first, then remove. */
static void update_own(struct agent *a)
{
	struct own_list own = { .agent = a }, stale = {};
	struct esl_addr key, *prev = NULL;
	__u32 one = 1;
	int err = dump_addresses(a->watch, &own);

	if (err) {
		say(LOG_WARNING, "cannot list this machine's addresses: %s", strerror(-err));
		return;
	}
	for (size_t i = 0; i < own.count; i++)
		bpf_map_update_elem(a->pins.own, &own.addr[i], &one, BPF_ANY);
	for (; !bpf_map_get_next_key(a->pins.own, prev, &key); prev = &key)
		if (!contains(&own, &key) && stale.count < ESL_OWN_MAX)
			stale.addr[stale.count++] = key;
	for (size_t i = 0; i < stale.count; i++)
		bpf_map_delete_elem(a->pins.own, &stale.addr[i]);
}

/* Empty a socket; *ret_addresses: something was about addresses. Returns
 * whether there was anything. */
static bool drain(struct mnl_socket *s, bool *ret_addresses)
{
	char buf[16384];
	bool any = false;

	for (;;) {
		ssize_t n = mnl_socket_recvfrom(s, buf, sizeof(buf));
		const struct nlmsghdr *nlh = (const void *)buf;
		int left = (int)n;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != ENOBUFS)
			return any;
		any = true;
		if (n < 0) {
			*ret_addresses = true;
			continue;
		}
		for (; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left))
			if (nlh->nlmsg_type == RTM_NEWADDR || nlh->nlmsg_type == RTM_DELADDR)
				*ret_addresses = true;
	}
}

static int on_route(sd_event_source *source, int fd, uint32_t revents, void *data)
{
	struct agent *a = data;
	bool addresses = false;

	(void)source, (void)fd, (void)revents;
	if (drain(a->watch->route, &addresses))
		agent_verify(a, false);
	if (addresses)
		update_own(a);
	return 0;
}

static int on_rules(sd_event_source *source, int fd, uint32_t revents, void *data)
{
	struct agent *a = data;
	bool unused;

	(void)source, (void)fd, (void)revents;
	if (drain(a->watch->rules, &unused))
		agent_verify(a, true);
	return 0;
}

static struct mnl_socket *listener(int bus, const int *groups, size_t count)
{
	struct mnl_socket *s = mnl_socket_open2(bus, SOCK_CLOEXEC | SOCK_NONBLOCK);
	int size = 1024 * 1024;

	if (!s)
		return NULL;
	if (mnl_socket_bind(s, 0, MNL_SOCKET_AUTOPID) < 0)
		goto fail;
	for (size_t i = 0; i < count; i++)
		if (mnl_socket_setsockopt(s, NETLINK_ADD_MEMBERSHIP, (void *)&groups[i], sizeof(int)) < 0)
			goto fail;
	setsockopt(mnl_socket_get_fd(s), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	return s;
fail:
	mnl_socket_close(s);
	return NULL;
}

int watch_start(struct agent *a, char error[ESL_ERROR_MAX])
{
	static const int route_groups[] = { RTNLGRP_LINK, RTNLGRP_TC, RTNLGRP_IPV4_IFADDR,
					    RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_NETCONF };
	static const int rule_groups[] = { NFNLGRP_NFTABLES };
	struct watch *w = calloc(1, sizeof(*w));
	int err;

	a->watch = w;
	if (!w)
		return -ENOMEM;
	w->route = listener(NETLINK_ROUTE, route_groups, sizeof(route_groups) / sizeof(int));
	w->rules = listener(NETLINK_NETFILTER, rule_groups, 1);
	w->request = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (!w->route || !w->rules || !w->request ||
	    mnl_socket_bind(w->request, 0, MNL_SOCKET_AUTOPID) < 0) {
		snprintf(error, ESL_ERROR_MAX, "cannot listen to netlink: %s", strerror(errno));
		return -errno;
	}
	update_own(a);
	err = loop_io(a, mnl_socket_get_fd(w->route), on_route, PRIORITY_WATCH, a);
	if (err < 0)
		return err;
	return loop_io(a, mnl_socket_get_fd(w->rules), on_rules, PRIORITY_WATCH, a);
}

void watch_stop(struct agent *a)
{
	struct watch *w = a->watch;

	if (!w)
		return;
	if (w->route)
		mnl_socket_close(w->route);
	if (w->rules)
		mnl_socket_close(w->rules);
	if (w->request)
		mnl_socket_close(w->request);
	free(w);
	a->watch = NULL;
}
