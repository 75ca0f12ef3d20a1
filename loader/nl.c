// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "nl.h"

struct mnl_socket *esl_nl_open(int bus)
{
	struct mnl_socket *nl = mnl_socket_open2(bus, SOCK_CLOEXEC);
	const struct timeval patience = { .tv_sec = 2 };
	int err;

	if (nl && mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0) {
		err = errno;
		mnl_socket_close(nl);
		errno = err;
		return NULL;
	}
	/* The agent must not hang on an answer that does not come. */
	if (nl)
		setsockopt(mnl_socket_get_fd(nl), SOL_SOCKET, SO_RCVTIMEO, &patience,
			   sizeof(patience));
	return nl;
}

int esl_nl_talk(struct mnl_socket *nl, struct nlmsghdr *nlh, mnl_cb_t cb, void *data)
{
	static unsigned int last_seq;
	unsigned int port = mnl_socket_get_portid(nl);
	char buf[ESL_NL_BUFFER];
	ssize_t n;
	int more;

	nlh->nlmsg_seq = ++last_seq;
	/* Both bits of NLM_F_DUMP: NLM_F_EXCL is one of them. */
	if ((nlh->nlmsg_flags & NLM_F_DUMP) != NLM_F_DUMP)
		nlh->nlmsg_flags |= NLM_F_ACK;
	if (mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	do {
		n = mnl_socket_recvfrom(nl, buf, sizeof(buf));
		if (n < 0)
			return -errno;
		more = mnl_cb_run(buf, n, nlh->nlmsg_seq, port, cb, data);
		if (more < 0)
			return -errno;
	} while (more > MNL_CB_STOP);
	return 0;
}
