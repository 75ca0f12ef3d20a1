// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Counters of many SAs: a message holds many questions, and one call reads all answers. */
#include "xfrm.h"

#include <errno.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#define AT_ONCE 32		/* their answers fit into a socket's buffer as it is by default */
#define QUESTION_MAX 128	/* with a mark */
#define ANSWER_MAX 2048		/* with the largest bitmap that is kept */

static size_t put_questions(struct xfrm *x, struct kernel_sa *const sas[], size_t count, char *buf)
{
	size_t size = 0;

	for (size_t i = 0; i < count; i++) {
		struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf + size);

		nlh->nlmsg_type = XFRM_MSG_GETAE;
		nlh->nlmsg_flags = NLM_F_REQUEST;
		nlh->nlmsg_seq = ++x->seq;
		xfrm_put_aevent_id(nlh, sas[i]);
		size += NLMSG_ALIGN(nlh->nlmsg_len);
	}
	return size;
}

/* Returns how many questions it answers: 1, or 0 for what is left of an earlier one. */
static size_t take_answer(const struct nlmsghdr *nlh, unsigned int first, struct kernel_sa *const sas[],
			  size_t count, int errs[])
{
	const struct nlmsgerr *e = mnl_nlmsg_get_payload(nlh);
	size_t i = nlh->nlmsg_seq - first;

	if (i >= count || !errs[i])
		return 0;
	if (nlh->nlmsg_type == XFRM_MSG_NEWAE) {
		xfrm_take_aevent(nlh, sas[i]);
		errs[i] = 0;
	} else if (nlh->nlmsg_type == NLMSG_ERROR && e->error) {
		errs[i] = e->error;
	}
	return 1;
}

static int ask(struct xfrm *x, struct kernel_sa *const sas[], size_t count, int errs[])
{
	static char questions[AT_ONCE * QUESTION_MAX] __attribute__((aligned(NLMSG_ALIGNTO)));
	static char answers[AT_ONCE][ANSWER_MAX] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct iovec iov[AT_ONCE];
	struct mmsghdr m[AT_ONCE];
	unsigned int first = x->seq + 1;
	size_t size = put_questions(x, sas, count, questions);
	int n;

	if (mnl_socket_sendto(x->request, questions, size) < 0)
		return -errno;
	for (size_t answered = 0; answered < count;) {
		for (int i = 0; i < AT_ONCE; i++) {
			iov[i] = (struct iovec){ answers[i], sizeof(answers[i]) };
			m[i].msg_hdr = (struct msghdr){ .msg_iov = &iov[i], .msg_iovlen = 1 };
		}
		/* The kernel has answered before it returned from the question. */
		n = recvmmsg(mnl_socket_get_fd(x->request), m, AT_ONCE, MSG_DONTWAIT, NULL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		for (int i = 0; i < n; i++) {
			const struct nlmsghdr *nlh = (const void *)answers[i];

			if (mnl_nlmsg_ok(nlh, (int)m[i].msg_len))
				answered += take_answer(nlh, first, sas, count, errs);
		}
	}
	return 0;
}

int xfrm_read_counters(struct xfrm *x, struct kernel_sa *const sas[], size_t count, int errs[])
{
	int err = 0;

	for (size_t i = 0; i < count; i++)
		errs[i] = -EINPROGRESS;
	for (size_t i = 0; i < count && !err; i += AT_ONCE)
		err = ask(x, sas + i, count - i < AT_ONCE ? count - i : AT_ONCE, errs + i);
	return err;
}
