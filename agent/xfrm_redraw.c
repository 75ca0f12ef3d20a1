// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Install an SA anew. */
#include "xfrm.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#define SA_MAX 16384

/* The SA as the kernel tells it, keys included. */
struct whole {
	size_t size;
	__u8 bytes[SA_MAX] __attribute__((aligned(NLMSG_ALIGNTO)));
};

static int on_sa(const struct nlmsghdr *nlh, void *data)
{
	struct whole *w = data;

	if (nlh->nlmsg_type == XFRM_MSG_NEWSA && nlh->nlmsg_len <= sizeof(w->bytes)) {
		memcpy(w->bytes, nlh, nlh->nlmsg_len);
		w->size = nlh->nlmsg_len;
	}
	return MNL_CB_STOP;
}

/* What is no part of a new SA, or is added below. */
static bool is_left_out(const struct nlattr *attr)
{
	switch (mnl_attr_get_type(attr)) {
	case XFRMA_PAD:
	case XFRMA_LASTUSED:
	case XFRMA_LTIME_VAL:
		return true;
	}
	return false;
}

static int add(struct xfrm *x, const struct whole *w)
{
	const struct nlmsghdr *old = (const void *)w->bytes;
	const struct xfrm_usersa_info *info = mnl_nlmsg_get_payload(old);
	__u8 bytes[SA_MAX + 256] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(bytes);
	const struct nlattr *attr;
	int err;

	nlh->nlmsg_type = XFRM_MSG_NEWSA;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
	memcpy(mnl_nlmsg_put_extra_header(nlh, sizeof(*info)), info, sizeof(*info));
	mnl_attr_for_each(attr, old, sizeof(*info))
		if (!is_left_out(attr))
			mnl_attr_put(nlh, mnl_attr_get_type(attr), mnl_attr_get_payload_len(attr),
				     mnl_attr_get_payload(attr));
	mnl_attr_put(nlh, XFRMA_LTIME_VAL, sizeof(info->curlft), &info->curlft);
	err = xfrm_transact(x, nlh, NULL, NULL);
	explicit_bzero(bytes, sizeof(bytes));
	return err;
}

int xfrm_redraw(struct xfrm *x, const struct kernel_sa *sa)
{
	char buf[MNL_NLMSG_HDRLEN + 256];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct whole w = {};
	int err;

	err = xfrm_get_sa(x, sa, on_sa, &w);
	if (!err && !w.size)
		err = -EMSGSIZE;
	/* Added again it would go on with a key that everybody knows. */
	if (!err && xfrm_is_hidden((const void *)w.bytes, sizeof(struct xfrm_usersa_info)))
		err = -ENOKEY;
	if (err) {
		explicit_bzero(&w, sizeof(w));
		return err;
	}
	nlh->nlmsg_type = XFRM_MSG_DELSA;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	xfrm_put_sa_id(nlh, sa);
	err = xfrm_transact(x, nlh, NULL, NULL);
	if (!err)
		err = add(x, &w);
	explicit_bzero(&w, sizeof(w));
	return err;
}
