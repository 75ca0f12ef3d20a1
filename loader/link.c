// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "link.h"

/* Named only by linux/if.h, which cannot stand beside net/if.h. */
#define IFF_LOWER_UP (1 << 16)

static int xdp_attr(const struct nlattr *a, void *data)
{
	struct esl_link *l = data;

	/* With several attachments at once the kernel names each apart. */
	switch (mnl_attr_get_type(a)) {
	case IFLA_XDP_ATTACHED:
		l->xdp_attached = mnl_attr_get_u8(a);
		break;
	case IFLA_XDP_PROG_ID:
	case IFLA_XDP_DRV_PROG_ID:
		l->xdp_id = mnl_attr_get_u32(a);
		break;
	case IFLA_XDP_SKB_PROG_ID:
	case IFLA_XDP_HW_PROG_ID:
		if (!l->xdp_id)
			l->xdp_id = mnl_attr_get_u32(a);
		break;
	}
	return MNL_CB_OK;
}

static int link_attr(const struct nlattr *a, void *data)
{
	struct esl_link *l = data;
	const struct nlattr *n;

	switch (mnl_attr_get_type(a)) {
	case IFLA_ADDRESS:
		if (mnl_attr_get_payload_len(a) == ESL_MAC_LEN)
			memcpy(l->mac, mnl_attr_get_payload(a), ESL_MAC_LEN);
		break;
	case IFLA_LINK:
		l->below = mnl_attr_get_u32(a);
		break;
	case IFLA_LINKINFO:
		mnl_attr_for_each_nested(n, a)
			if (mnl_attr_get_type(n) == IFLA_INFO_KIND)
				snprintf(l->kind, sizeof(l->kind), "%s", mnl_attr_get_str(n));
		break;
	case IFLA_XDP:
		return mnl_attr_parse_nested(a, xdp_attr, l);
	}
	return MNL_CB_OK;
}

static int link_message(const struct nlmsghdr *nlh, void *data)
{
	const struct ifinfomsg *m = mnl_nlmsg_get_payload(nlh);
	struct esl_link *l = data;

	l->ifindex = m->ifi_index;
	l->up = m->ifi_flags & IFF_UP;
	l->carrier = m->ifi_flags & IFF_LOWER_UP;
	return mnl_attr_parse(nlh, sizeof(*m), link_attr, l);
}

int esl_link_get(struct mnl_socket *nl, const char *name, struct esl_link *ret)
{
	char buf[512] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct ifinfomsg *m;
	struct esl_link l = {};
	int err;

	nlh->nlmsg_type = RTM_GETLINK;
	nlh->nlmsg_flags = NLM_F_REQUEST;
	m = mnl_nlmsg_put_extra_header(nlh, sizeof(*m));
	m->ifi_family = AF_UNSPEC;
	mnl_attr_put_strz(nlh, IFLA_IFNAME, name);
	err = esl_nl_talk(nl, nlh, link_message, &l);
	if (!err && !l.ifindex)
		err = -ENODEV;
	if (!err)
		*ret = l;
	return err;
}

static struct ifinfomsg *link_request(char *buf, struct nlmsghdr **ret, __u16 type, __u16 flags)
{
	*ret = mnl_nlmsg_put_header(buf);
	(*ret)->nlmsg_type = type;
	(*ret)->nlmsg_flags = NLM_F_REQUEST | flags;
	return mnl_nlmsg_put_extra_header(*ret, sizeof(struct ifinfomsg));
}

/* The kernel takes this for a device that exists and is down. */
static int no_inet6_address(struct mnl_socket *nl, const char *name)
{
	char buf[512] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlattr *spec, *inet6;
	struct nlmsghdr *nlh;

	link_request(buf, &nlh, RTM_NEWLINK, 0);
	mnl_attr_put_strz(nlh, IFLA_IFNAME, name);
	spec = mnl_attr_nest_start(nlh, IFLA_AF_SPEC);
	inet6 = mnl_attr_nest_start(nlh, AF_INET6);
	mnl_attr_put_u8(nlh, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
	mnl_attr_nest_end(nlh, inet6);
	mnl_attr_nest_end(nlh, spec);
	return esl_nl_talk(nl, nlh, NULL, NULL);
}

int esl_link_create(struct mnl_socket *nl, const char *name, const char *kind)
{
	char buf[512] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *nlh;
	struct ifinfomsg *m;
	struct nlattr *info;
	int err;

	m = link_request(buf, &nlh, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
	m->ifi_flags = IFF_NOARP;
	m->ifi_change = IFF_NOARP;
	mnl_attr_put_strz(nlh, IFLA_IFNAME, name);
	info = mnl_attr_nest_start(nlh, IFLA_LINKINFO);
	mnl_attr_put_strz(nlh, IFLA_INFO_KIND, kind);
	mnl_attr_nest_end(nlh, info);
	err = esl_nl_talk(nl, nlh, NULL, NULL);
	/* A kernel without IPv6 refuses, and has no address to prevent. */
	if (!err)
		no_inet6_address(nl, name);
	return err;
}

int esl_link_up(struct mnl_socket *nl, __u32 ifindex)
{
	char buf[512] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *nlh;
	struct ifinfomsg *m = link_request(buf, &nlh, RTM_NEWLINK, 0);

	m->ifi_index = ifindex;
	m->ifi_flags = IFF_UP;
	m->ifi_change = IFF_UP;
	return esl_nl_talk(nl, nlh, NULL, NULL);
}

int esl_link_delete(struct mnl_socket *nl, __u32 ifindex)
{
	char buf[512] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *nlh;

	link_request(buf, &nlh, RTM_DELLINK, 0)->ifi_index = ifindex;
	return esl_nl_talk(nl, nlh, NULL, NULL);
}

static int ethtool(const char *name, struct ethtool_value *v)
{
	struct ifreq ifr = { .ifr_data = (void *)v };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int err;

	if (fd < 0)
		return -errno;
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	err = ioctl(fd, SIOCETHTOOL, &ifr) < 0 ? -errno : 0;
	close(fd);
	return err;
}

/* All but GRO are bits of one word. */
static const struct {
	const char *name;
	__u32 flag;
} offloads[ESL_OFFLOADS] = {
	[ESL_GRO] = { "GRO", 0 },
	[ESL_LRO] = { "LRO", ETH_FLAG_LRO },
	[ESL_RXVLAN] = { "VLAN offload", ETH_FLAG_RXVLAN },
};

const char *esl_offload_name(enum esl_offload what)
{
	return offloads[what].name;
}

/*
 * Generic XDP runs after GRO: members would see packets merged differently and
 * choose different owners, and with esp4_offload loaded ESP would be decrypted
 * before the program.  And a frame that the program sends back, or on to
 * another CPU, has lost a tag that was not in it.
 */
bool esl_offload_unwanted(const struct esl_conf *c, enum esl_mode mode, int side, enum esl_offload what)
{
	const struct esl_conf_side *s = &c->side[side];

	if (what != ESL_RXVLAN)
		return mode == ESL_MODE_SKB;
	return strcmp(s->device, s->interface) && (c->answer || c->cpu_mode != ESL_CPU_OFF);
}

int esl_link_offload(const char *name, enum esl_offload what)
{
	struct ethtool_value v = { .cmd = what == ESL_GRO ? ETHTOOL_GGRO : ETHTOOL_GFLAGS };
	int err = ethtool(name, &v);

	if (err)
		return err;
	return what == ESL_GRO ? !!v.data : !!(v.data & offloads[what].flag);
}

int esl_link_set_offload(const char *name, enum esl_offload what, bool on)
{
	struct ethtool_value v = { .cmd = ETHTOOL_GFLAGS };
	int err;

	if (what == ESL_GRO) {
		v.cmd = ETHTOOL_SGRO;
		v.data = on;
		return ethtool(name, &v);
	}
	err = ethtool(name, &v);
	if (err)
		return err;
	v.cmd = ETHTOOL_SFLAGS;
	v.data = on ? v.data | offloads[what].flag : v.data & ~offloads[what].flag;
	return ethtool(name, &v);
}
