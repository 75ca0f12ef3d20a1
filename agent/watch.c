// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What the kernel tells: a link, filter, qdisc or address changed (rtnetlink),
 * the ruleset changed (nfnetlink).  Each message means "look again", never
 * "this is how it is now": a lost message costs at most the second until the
 * next regular look.
 */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netconf.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include <loader/own.h>

#include "agent.h"

#define DEVICES (2 * ESL_ROLES + 1)	/* the NICs, the devices on them and the gate */
#define LO_IFINDEX 1		/* where the cluster addresses are */
#define DRAIN_MAX 64		/* messages at once: other work waits */

struct watch {
	struct mnl_socket *route;
	struct mnl_socket *rules;
	const char *name[DEVICES];
	__u32 ifindex[DEVICES];	/* as last told; 0: unknown */
	bool warned;
};

/* What a number of messages ask for. */
struct look {
	bool verify;
	bool addresses;
};

static bool is_device(const struct watch *w, __u32 ifindex)
{
	for (int i = 0; i < DEVICES; i++)
		if (ifindex == w->ifindex[i])
			return true;
	return false;
}

/* By name too: a device that was made again has another ifindex, and one that
 * was renamed another name. */
static bool link_matters(struct watch *w, const struct nlmsghdr *nlh)
{
	const struct ifinfomsg *m = mnl_nlmsg_get_payload(nlh);
	bool matters = is_device(w, (__u32)m->ifi_index);
	const struct nlattr *attr;

	mnl_attr_for_each(attr, nlh, sizeof(*m)) {
		if (mnl_attr_get_type(attr) != IFLA_IFNAME)
			continue;
		for (int i = 0; i < DEVICES; i++) {
			if (strcmp(mnl_attr_get_str(attr), w->name[i]))
				continue;
			w->ifindex[i] = (__u32)m->ifi_index;
			matters = true;
		}
	}
	return matters;
}

static bool netconf_matters(const struct watch *w, const struct nlmsghdr *nlh)
{
	const struct nlattr *attr;

	mnl_attr_for_each(attr, nlh, sizeof(struct netconfmsg)) {
		__s32 ifindex;

		if (mnl_attr_get_type(attr) != NETCONFA_IFINDEX)
			continue;
		ifindex = (__s32)mnl_attr_get_u32(attr);
		return ifindex == NETCONFA_IFINDEX_ALL || is_device(w, (__u32)ifindex);
	}
	return true;
}

/* Machines that run containers tell of hundreds of devices a second: only what
 * esl_hold_check looks at is worth a look. */
static void on_message(struct watch *w, const struct nlmsghdr *nlh, struct look *look)
{
	const struct ifaddrmsg *address = mnl_nlmsg_get_payload(nlh);
	const struct tcmsg *tc = mnl_nlmsg_get_payload(nlh);

	switch (nlh->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		look->verify |= link_matters(w, nlh);
		break;
	case RTM_NEWADDR:
	case RTM_DELADDR:
		look->addresses = true;
		look->verify |= address->ifa_index == LO_IFINDEX ||
				is_device(w, address->ifa_index);
		break;
	case RTM_NEWNETCONF:
	case RTM_DELNETCONF:
		look->verify |= netconf_matters(w, nlh);
		break;
	default:
		/* Filters, chains and qdiscs; a shared block may hang on any device. */
		look->verify |= tc->tcm_ifindex == (int)TCM_IFINDEX_MAGIC_BLOCK ||
				is_device(w, (__u32)tc->tcm_ifindex);
	}
}

static void update_own(struct agent *a)
{
	int err = esl_own_update(&a->conf, &a->pins);

	if (err < 0)
		say(LOG_WARNING, "cannot list this machine's addresses: %s", strerror(-err));
	else if (err && !a->watch->warned)
		say(LOG_WARNING, "more than %d own addresses: the others cannot be reached through the cluster's interfaces",
		    ESL_OWN_MAX);
	a->watch->warned |= err > 0;
}

/* Read what a socket has. on_one NULL, or messages were lost: look at all. */
static void drain(struct watch *w, struct mnl_socket *s,
		  void (*on_one)(struct watch *w, const struct nlmsghdr *nlh, struct look *look),
		  struct look *look)
{
	static const struct look all = { true, true };
	char buf[16384] __attribute__((aligned(NLMSG_ALIGNTO)));

	for (int i = 0; i < DRAIN_MAX; i++) {
		ssize_t n = mnl_socket_recvfrom(s, buf, sizeof(buf));
		const struct nlmsghdr *nlh = (const void *)buf;
		int left = (int)n;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != ENOBUFS)
			return;
		if (n < 0 || !on_one) {
			*look = all;
			continue;
		}
		for (; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left))
			on_one(w, nlh, look);
	}
}

static int on_route(sd_event_source *source, int fd, uint32_t revents, void *data)
{
	struct agent *a = data;
	struct look look = {};

	(void)source, (void)fd, (void)revents;
	drain(a->watch, a->watch->route, on_message, &look);
	if (look.verify)
		agent_verify(a, false);
	if (look.addresses)
		update_own(a);
	return 0;
}

static int on_rules(sd_event_source *source, int fd, uint32_t revents, void *data)
{
	struct agent *a = data;
	struct look look = {};

	(void)source, (void)fd, (void)revents;
	drain(a->watch, a->watch->rules, NULL, &look);
	if (look.verify)
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
					    RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_NETCONF,
					    RTNLGRP_IPV6_NETCONF };
	static const int rule_groups[] = { NFNLGRP_NFTABLES };
	struct watch *w = calloc(1, sizeof(*w));
	int err;

	a->watch = w;
	if (!w)
		return -ENOMEM;
	w->route = listener(NETLINK_ROUTE, route_groups, sizeof(route_groups) / sizeof(int));
	w->rules = listener(NETLINK_NETFILTER, rule_groups, 1);
	if (!w->route || !w->rules) {
		snprintf(error, ESL_ERROR_MAX, "cannot listen to netlink: %s", strerror(errno));
		return -errno;
	}
	/* After the listeners, so that no change falls between. */
	for (int i = 0; i < DEVICES; i++) {
		w->name[i] = i < ESL_ROLES     ? a->conf.side[i].interface :
			     i < 2 * ESL_ROLES ? a->conf.side[i - ESL_ROLES].device :
						 a->conf.gate;
		w->ifindex[i] = if_nametoindex(w->name[i]);
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
	free(w);
	a->watch = NULL;
}
