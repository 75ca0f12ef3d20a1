// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Next hops that the kernel asked for while a link was down.  It asks again after
 * a second only, and keeps packets meanwhile, which would leave late and stale:
 * they are dropped, and the next packet asks at once.
 */
#include <errno.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <syslog.h>

#include <loader/nl.h>

#include "agent.h"

#define ATTEMPTS_MAX 256	/* a gateway has few next hops; the others are asked for again anyway */

struct attempt {
	struct ndmsg m;
	__u8 dst[16];
	__u16 len;
};

struct attempts {
	const struct agent *agent;
	struct attempt list[ATTEMPTS_MAX];
	size_t count;
};

static bool is_ours(const struct agent *a, int ifindex)
{
	return ifindex == a->segment[ESL_INSIDE].ifindex || ifindex == a->segment[ESL_OUTSIDE].ifindex;
}

static int on_neighbour(const struct nlmsghdr *nlh, void *data)
{
	const struct ndmsg *m = mnl_nlmsg_get_payload(nlh);
	struct attempts *all = data;
	struct attempt *t = &all->list[all->count];
	const struct nlattr *attr;

	if (!(m->ndm_state & NUD_INCOMPLETE) || !is_ours(all->agent, m->ndm_ifindex) || all->count == ATTEMPTS_MAX)
		return MNL_CB_OK;
	mnl_attr_for_each(attr, nlh, sizeof(*m)) {
		if (mnl_attr_get_type(attr) != NDA_DST || mnl_attr_get_payload_len(attr) > sizeof(t->dst))
			continue;
		t->m = (struct ndmsg){ .ndm_family = m->ndm_family, .ndm_ifindex = m->ndm_ifindex };
		t->len = mnl_attr_get_payload_len(attr);
		memcpy(t->dst, mnl_attr_get_payload(attr), t->len);
		all->count++;
		break;
	}
	return MNL_CB_OK;
}

static int ask(struct mnl_socket *nl, __u16 type, __u16 flags, const struct attempt *t, mnl_cb_t cb, void *data)
{
	char buf[256] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	memcpy(mnl_nlmsg_put_extra_header(nlh, sizeof(t->m)), &t->m, sizeof(t->m));
	if (t->len)
		mnl_attr_put(nlh, NDA_DST, t->len, t->dst);
	return esl_nl_talk(nl, nlh, cb, data);
}

void nexthop_forget(struct agent *a)
{
	static const struct attempt any;
	struct attempts all = { .agent = a };
	struct mnl_socket *nl = esl_nl_open(NETLINK_ROUTE);
	int err = nl ? ask(nl, RTM_GETNEIGH, NLM_F_DUMP, &any, on_neighbour, &all) : -ENOMEM;

	/* One that is gone by now was found, or given up. */
	for (size_t i = 0; i < all.count && !err; i++)
		ask(nl, RTM_DELNEIGH, 0, &all.list[i], NULL, NULL);
	if (err)
		say(LOG_WARNING, "cannot list next hops: %s", strerror(-err));
	if (nl)
		mnl_socket_close(nl);
}
