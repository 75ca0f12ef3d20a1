// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "address.h"

#define LO_IFINDEX 1	/* in every network namespace */

struct look {
	const struct esl_addr *addr;
	int count;
	unsigned int seen;
};

struct esl_addr esl_address_cluster(const struct esl_conf *c, int i)
{
	const struct esl_conf_side *side = &c->side[i / 2];

	if (i % 2)
		return side->cluster_addr6;
	return side->cluster_addr ? esl_addr_from_ipv4(side->cluster_addr) : (struct esl_addr){};
}

bool esl_address_is_ipv4(const struct esl_addr *a)
{
	const struct esl_addr mapped = esl_addr_from_ipv4(0);

	return !memcmp(a, &mapped, sizeof(*a) - sizeof(__be32));
}

const char *esl_address_text(const struct esl_addr *a, char buf[INET6_ADDRSTRLEN])
{
	if (esl_address_is_ipv4(a))
		return inet_ntop(AF_INET, &a->byte[12], buf, INET6_ADDRSTRLEN);
	return inet_ntop(AF_INET6, a, buf, INET6_ADDRSTRLEN);
}

bool esl_address_read(const char *text, struct esl_addr *ret)
{
	__be32 ipv4;

	if (inet_pton(AF_INET, text, &ipv4) == 1) {
		*ret = esl_addr_from_ipv4(ipv4);
		return true;
	}
	return inet_pton(AF_INET6, text, ret) == 1;
}

/* With a peer address IFA_ADDRESS is the other end and IFA_LOCAL this one. */
bool esl_address_of(const struct nlmsghdr *nlh, struct esl_addr *ret)
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

static int address_message(const struct nlmsghdr *nlh, void *data)
{
	const struct ifaddrmsg *m = mnl_nlmsg_get_payload(nlh);
	struct look *l = data;
	struct esl_addr addr;
	int i;

	if (m->ifa_index != LO_IFINDEX || !esl_address_of(nlh, &addr))
		return MNL_CB_OK;
	for (i = 0; i < l->count; i++)
		if (!memcmp(&addr, &l->addr[i], sizeof(addr)))
			l->seen |= 1u << i;
	return MNL_CB_OK;
}

int esl_address_look(struct mnl_socket *nl, const struct esl_addr *addr, int count, unsigned int *ret)
{
	char buf[512] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct look look = { .addr = addr, .count = count };
	struct ifaddrmsg *m;
	int err;

	nlh->nlmsg_type = RTM_GETADDR;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	m = mnl_nlmsg_put_extra_header(nlh, sizeof(*m));
	m->ifa_family = AF_UNSPEC;
	err = esl_nl_talk(nl, nlh, address_message, &look);
	if (!err)
		*ret = look.seen;
	return err;
}

int esl_address_set(struct mnl_socket *nl, const struct esl_addr *addr, bool present)
{
	bool ipv4 = esl_address_is_ipv4(addr);
	const __u8 *bytes = ipv4 ? &addr->byte[12] : addr->byte;
	size_t len = ipv4 ? 4 : 16;
	char buf[512] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct ifaddrmsg *m;

	nlh->nlmsg_type = present ? RTM_NEWADDR : RTM_DELADDR;
	nlh->nlmsg_flags = NLM_F_REQUEST | (present ? NLM_F_CREATE | NLM_F_EXCL : 0);
	m = mnl_nlmsg_put_extra_header(nlh, sizeof(*m));
	m->ifa_family = ipv4 ? AF_INET : AF_INET6;
	m->ifa_prefixlen = 8 * len;
	m->ifa_flags = ipv4 ? 0 : IFA_F_NODAD;
	m->ifa_index = LO_IFINDEX;
	m->ifa_scope = RT_SCOPE_UNIVERSE;
	mnl_attr_put(nlh, IFA_LOCAL, len, bytes);
	mnl_attr_put(nlh, IFA_ADDRESS, len, bytes);
	return esl_nl_talk(nl, nlh, NULL, NULL);
}
