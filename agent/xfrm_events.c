// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What the kernel tells of SAs and policies by itself. */
#include <errno.h>

#include "xfrm.h"

#define BUFFER_SIZE 32768

static int on_sa(const struct nlmsghdr *nlh, void *data)
{
	struct xfrm *x = data;

	xfrm_message(nlh, x->handler, x->data);
	return MNL_CB_STOP;
}

/*
 * The message holds what somebody asked for, with counters of 0.  The SA in the kernel took
 * over some of it, and keeps its key, counters and window.
 */
static void updated(struct xfrm *x, const struct nlmsghdr *nlh)
{
	struct kernel_sa sa;
	int err;

	if (!xfrm_take_sa(nlh, &sa))
		return;
	err = xfrm_get_sa(x, &sa, on_sa, x);
	/* It is gone: that is told next. */
	if (err && err != -ESRCH)
		x->missed = true;
}

static int on_event(const struct nlmsghdr *nlh, void *data)
{
	struct xfrm *x = data;

	switch (nlh->nlmsg_type) {
	case XFRM_MSG_UPDSA:
		updated(x, nlh);
		return MNL_CB_OK;
	case XFRM_MSG_MIGRATE:
		/* SAs and policies have another address, and no other message tells of it. */
		x->missed = true;
		return MNL_CB_OK;
	}
	xfrm_message(nlh, x->handler, x->data);
	return xfrm_policy_message(nlh, x->policy_handler, x->data);
}

static void list_missed(struct xfrm *x)
{
	bool all = x->missed;

	x->missed = false;
	if (all || x->unlisted)
		x->handler(x->data, XFRM_ALL, NULL);
	if (all || x->policies_unlisted)
		x->policy_handler(x->data, XFRM_ALL, NULL);
}

int xfrm_read_events(struct xfrm *x)
{
	char buf[BUFFER_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));

	for (;;) {
		ssize_t n = mnl_socket_recvfrom(x->events, buf, sizeof(buf));

		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0 && errno == EINTR)
			continue;
		/* From here on the kernel drops all that it tells, without a word, until nothing waits. */
		if (n < 0 && errno == ENOBUFS) {
			x->missed = true;
			continue;
		}
		if (n < 0)
			return -errno;
		mnl_cb_run(buf, (size_t)n, 0, 0, on_event, x);
	}
	list_missed(x);
	return 0;
}
