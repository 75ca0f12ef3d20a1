// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "address.h"

#define LO_IFINDEX 1	/* in every network namespace */

struct look {
	const __be32 *addr;
	int count;
	unsigned int seen;
};

static int address_message(const struct nlmsghdr *nlh, void *data)
{
	const struct ifaddrmsg *m = mnl_nlmsg_get_payload(nlh);
	struct look *l = data;
	const struct nlattr *a;
	int i;

	if (m->ifa_index != LO_IFINDEX)
		return MNL_CB_OK;
	mnl_attr_for_each(a, nlh, sizeof(*m)) {
		if (mnl_attr_get_type(a) != IFA_LOCAL)
			continue;
		for (i = 0; i < l->count; i++)
			if (mnl_attr_get_u32(a) == l->addr[i])
				l->seen |= 1u << i;
	}
	return MNL_CB_OK;
}

int esl_address_look(struct mnl_socket *nl, const __be32 *addr, int count, unsigned int *ret)
{
	char buf[512] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct look look = { .addr = addr, .count = count };
	struct ifaddrmsg *m;
	int err;

	nlh->nlmsg_type = RTM_GETADDR;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	m = mnl_nlmsg_put_extra_header(nlh, sizeof(*m));
	m->ifa_family = AF_INET;
	err = esl_nl_talk(nl, nlh, address_message, &look);
	if (!err)
		*ret = look.seen;
	return err;
}

int esl_address_set(struct mnl_socket *nl, __be32 addr, bool present)
{
	char buf[512] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct ifaddrmsg *m;

	nlh->nlmsg_type = present ? RTM_NEWADDR : RTM_DELADDR;
	nlh->nlmsg_flags = NLM_F_REQUEST | (present ? NLM_F_CREATE | NLM_F_EXCL : 0);
	m = mnl_nlmsg_put_extra_header(nlh, sizeof(*m));
	m->ifa_family = AF_INET;
	m->ifa_prefixlen = 32;
	m->ifa_index = LO_IFINDEX;
	m->ifa_scope = RT_SCOPE_UNIVERSE;
	mnl_attr_put_u32(nlh, IFA_LOCAL, addr);
	mnl_attr_put_u32(nlh, IFA_ADDRESS, addr);
	return esl_nl_talk(nl, nlh, NULL, NULL);
}
