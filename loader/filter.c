// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/pkt_cls.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "filter.h"

#define PREF 1
#define HANDLE 1
/* BPF_TCX_EGRESS; uapi headers before 6.6 do not name it. */
#define TCX_EGRESS ((enum bpf_attach_type)47)

struct look {
	struct esl_filter first;
	bool found;
};

static void bpf_options(const struct nlattr *options, struct esl_filter *f)
{
	const struct nlattr *a;

	mnl_attr_for_each_nested(a, options) {
		switch (mnl_attr_get_type(a)) {
		case TCA_BPF_ID:
			f->prog_id = mnl_attr_get_u32(a);
			break;
		case TCA_BPF_NAME:
			snprintf(f->prog_name, sizeof(f->prog_name), "%s", mnl_attr_get_str(a));
			break;
		case TCA_BPF_FLAGS:
			f->direct = mnl_attr_get_u32(a) & TCA_BPF_FLAG_ACT_DIRECT;
			break;
		}
	}
}

/* The dump names each preference once without a handle, then its filters in
 * the order in which they run. */
static int filter_message(const struct nlmsghdr *nlh, void *data)
{
	const struct tcmsg *m = mnl_nlmsg_get_payload(nlh);
	struct esl_filter f = { .pref = m->tcm_info >> 16, .handle = m->tcm_handle };
	const struct nlattr *a, *options = NULL;
	struct look *l = data;
	bool is_bpf = false;

	if (l->found)
		return MNL_CB_OK;
	mnl_attr_for_each(a, nlh, sizeof(*m)) {
		switch (mnl_attr_get_type(a)) {
		case TCA_CHAIN:
			if (mnl_attr_get_u32(a))
				return MNL_CB_OK;
			break;
		case TCA_KIND:
			is_bpf = !strcmp(mnl_attr_get_str(a), "bpf");
			break;
		case TCA_OPTIONS:
			options = a;
			break;
		}
	}
	if (!options)
		return MNL_CB_OK;
	if (is_bpf)
		bpf_options(options, &f);
	l->first = f;
	l->found = true;
	return MNL_CB_OK;
}

int esl_filter_first(struct mnl_socket *nl, __u32 ifindex, enum esl_hook hook,
		     struct esl_filter *ret)
{
	char buf[512] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct look look = {};
	struct tcmsg *m;
	int err;

	nlh->nlmsg_type = RTM_GETTFILTER;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	m = mnl_nlmsg_put_extra_header(nlh, sizeof(*m));
	m->tcm_family = AF_UNSPEC;
	m->tcm_ifindex = ifindex;
	m->tcm_parent = TC_H_MAKE(TC_H_CLSACT, hook == ESL_EGRESS ? TC_H_MIN_EGRESS :
								    TC_H_MIN_INGRESS);
	err = esl_nl_talk(nl, nlh, filter_message, &look);
	if (err)
		return err;
	if (!look.found)
		return -ENOENT;
	*ret = look.first;
	return 0;
}

int esl_filter_tcx(__u32 ifindex)
{
	__u32 count = 0;

	if (bpf_prog_query(ifindex, TCX_EGRESS, 0, NULL, NULL, &count))
		return 0;
	return count;
}

int esl_filter_clsact(__u32 ifindex)
{
	DECLARE_LIBBPF_OPTS(bpf_tc_hook, h, .ifindex = ifindex,
			    .attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS);
	int err = bpf_tc_hook_create(&h);

	if (err == -EEXIST)
		return 0;
	return err ? err : 1;
}

int esl_filter_clsact_remove(__u32 ifindex)
{
	DECLARE_LIBBPF_OPTS(bpf_tc_hook, h, .ifindex = ifindex,
			    .attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS);

	return bpf_tc_hook_destroy(&h);
}

static enum bpf_tc_attach_point attach_point(enum esl_hook hook)
{
	return hook == ESL_EGRESS ? BPF_TC_EGRESS : BPF_TC_INGRESS;
}

int esl_filter_attach(__u32 ifindex, enum esl_hook hook, int prog_fd, bool replace)
{
	DECLARE_LIBBPF_OPTS(bpf_tc_hook, h, .ifindex = ifindex, .attach_point = attach_point(hook));
	DECLARE_LIBBPF_OPTS(bpf_tc_opts, o, .handle = HANDLE, .priority = PREF, .prog_fd = prog_fd,
			    .flags = replace ? BPF_TC_F_REPLACE : 0);

	return bpf_tc_attach(&h, &o);
}

int esl_filter_detach(__u32 ifindex, enum esl_hook hook)
{
	DECLARE_LIBBPF_OPTS(bpf_tc_hook, h, .ifindex = ifindex, .attach_point = attach_point(hook));
	DECLARE_LIBBPF_OPTS(bpf_tc_opts, o, .handle = HANDLE, .priority = PREF);

	return bpf_tc_detach(&h, &o);
}

bool esl_filter_has(__u32 ifindex, enum esl_hook hook, __u32 prog_id)
{
	DECLARE_LIBBPF_OPTS(bpf_tc_hook, h, .ifindex = ifindex, .attach_point = attach_point(hook));
	DECLARE_LIBBPF_OPTS(bpf_tc_opts, o, .handle = HANDLE, .priority = PREF);

	return !bpf_tc_query(&h, &o) && o.prog_id == prog_id;
}
