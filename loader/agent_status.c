// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent_status.h"

#define REPLY_MAX (1 << 20)

/* Fill buf until the agent closes. Returns bytes, or -1. */
static ssize_t read_all(int fd, char *buf, size_t size)
{
	size_t used = 0;
	ssize_t n;

	while (used < size) {
		n = read(fd, buf + used, size - used);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -1 : (ssize_t)used;
		used += n;
	}
	return -1;
}

json_t *esl_agent_status(const struct esl_conf *c)
{
	const struct timeval patience = { .tv_sec = 1 };
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	static char buf[REPLY_MAX];
	json_t *j = NULL;
	ssize_t n;
	int fd;

	if (snprintf(a.sun_path, sizeof(a.sun_path), "%s/status.sock", c->run) >=
	    (int)sizeof(a.sun_path))
		return NULL;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return NULL;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (!connect(fd, (struct sockaddr *)&a, sizeof(a))) {
		n = read_all(fd, buf, sizeof(buf));
		if (n > 0)
			j = json_loadb(buf, n, 0, NULL);
	}
	close(fd);
	return j;
}
