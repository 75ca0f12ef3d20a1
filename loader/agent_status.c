// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent_status.h"

json_t *esl_agent_status(const struct esl_conf *c)
{
	const struct timeval patience = { .tv_sec = 1 };
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	json_t *j;
	FILE *f;
	int fd;

	if (snprintf(a.sun_path, sizeof(a.sun_path), "%s/status.sock", c->run) >=
	    (int)sizeof(a.sun_path))
		return NULL;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return NULL;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	f = connect(fd, (struct sockaddr *)&a, sizeof(a)) ? NULL : fdopen(fd, "r");
	if (!f) {
		close(fd);
		return NULL;
	}
	/* It has some hundred bytes for each SA. */
	j = json_loadf(f, 0, NULL);
	fclose(f);
	return j;
}
