// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Policies over XFRM netlink. */
#include <errno.h>
#include <linux/netlink.h>
#include <string.h>

#include "xfrm.h"

static void take_templates(const struct nlattr *attr, struct kernel_policy *p)
{
	const char *at = mnl_attr_get_payload(attr);
	size_t left = mnl_attr_get_payload_len(attr);
	struct xfrm_user_tmpl t;

	/* In the order in which they are applied: the last is the outermost. */
	for (; left >= sizeof(t); at += sizeof(t), left -= sizeof(t)) {
		memcpy(&t, at, sizeof(t));
		if (t.id.proto != ESL_IPPROTO_ESP && t.id.proto != ESL_IPPROTO_AH)
			continue;
		p->has_template = true;
		p->saddr = xfrm_addr(&t.saddr, t.family);
		p->peer = xfrm_addr(&t.id.daddr, t.family);
		p->reqid = t.reqid;
	}
}

static struct kernel_policy take_info(const struct xfrm_userpolicy_info *info)
{
	return (struct kernel_policy){
		.index = info->index,
		.dir = info->dir,
		.family = info->sel.family,
		.daddr = xfrm_addr(&info->sel.daddr, info->sel.family),
		.prefixlen = info->sel.prefixlen_d,
	};
}

static void present(const struct nlmsghdr *nlh, xfrm_policy_handler handler, void *data)
{
	const struct xfrm_userpolicy_info *info = mnl_nlmsg_get_payload(nlh);
	struct kernel_policy p;
	const struct nlattr *attr;

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*info))
		return;
	p = take_info(info);
	mnl_attr_for_each(attr, nlh, sizeof(*info))
		if (mnl_attr_get_type(attr) == XFRMA_TMPL)
			take_templates(attr, &p);
	handler(data, XFRM_PRESENT, &p);
}

/* DELPOLICY carries a selector or an index, and the policy as an attribute. */
static void deleted(const struct nlmsghdr *nlh, xfrm_policy_handler handler, void *data)
{
	struct kernel_policy p;
	const struct nlattr *attr;

	mnl_attr_for_each(attr, nlh, sizeof(struct xfrm_userpolicy_id)) {
		if (mnl_attr_get_type(attr) != XFRMA_POLICY ||
		    mnl_attr_get_payload_len(attr) < sizeof(struct xfrm_userpolicy_info))
			continue;
		p = take_info(mnl_attr_get_payload(attr));
		handler(data, XFRM_GONE, &p);
		return;
	}
	handler(data, XFRM_ALL, NULL);
}

int xfrm_policy_message(const struct nlmsghdr *nlh, xfrm_policy_handler handler, void *data)
{
	const struct xfrm_user_polexpire *expire;
	struct kernel_policy p;

	switch (nlh->nlmsg_type) {
	case XFRM_MSG_NEWPOLICY:
	case XFRM_MSG_UPDPOLICY:
		present(nlh, handler, data);
		break;
	case XFRM_MSG_DELPOLICY:
		deleted(nlh, handler, data);
		break;
	case XFRM_MSG_POLEXPIRE:
		expire = mnl_nlmsg_get_payload(nlh);
		if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*expire) || !expire->hard)
			break;
		p = take_info(&expire->pol);
		handler(data, XFRM_GONE, &p);
		break;
	case XFRM_MSG_FLUSHPOLICY:
		handler(data, XFRM_ALL, NULL);
		break;
	}
	return MNL_CB_OK;
}

struct listing {
	xfrm_policy_handler handler;
	void *data;
};

static int on_listed(const struct nlmsghdr *nlh, void *data)
{
	struct listing *l = data;

	return xfrm_policy_message(nlh, l->handler, l->data);
}

int xfrm_list_policies(struct xfrm *x, xfrm_policy_handler handler, void *data)
{
	struct listing l = { handler, data };
	int err = xfrm_dump(XFRM_MSG_GETPOLICY, on_listed, &l);

	x->policies_unlisted = err;
	return err;
}
