// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The datagram sockets of the sync network.  What is for all others goes to the group,
 * once, and to each one by itself whom the group may not reach: reach.h.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <syslog.h>
#include <unistd.h>

#include "agent.h"

#define RECEIVE_BUFFER (4 * 1024 * 1024)
#define SPAN_BEATS 4

/* One call for all; it stops before whom it cannot reach. */
static void send_copies(struct agent *a, struct iovec *iov, bool group_has_it)
{
	struct sync *s = &a->sync;
	struct mmsghdr m[ESL_MEMBERS_MAX];
	size_t count = 0;
	int sent;

	for (size_t i = 0; i < s->count; i++)
		if (!group_has_it || cast_sends_copies(a, i))
			m[count++].msg_hdr = (struct msghdr){ .msg_name = &s->others[i].address,
							      .msg_namelen = sizeof(s->others[i].address),
							      .msg_iov = iov,
							      .msg_iovlen = 1 };
	for (size_t i = 0; i < count; i += sent > 0 ? (size_t)sent : 1) {
		sent = sendmmsg(s->fd, m + i, (unsigned int)(count - i), MSG_DONTWAIT);
		s->sent += sent > 0 ? (__u64)sent : 0;
	}
}

void cast_send(struct agent *a, void *datagram, size_t size)
{
	struct sync *s = &a->sync;
	struct iovec iov = { datagram, size };
	bool sent = s->group_fd >= 0 && sendto(s->fd, datagram, size, MSG_DONTWAIT, (struct sockaddr *)&s->group,
					       sizeof(s->group)) == (ssize_t)size;

	s->sent += sent;
	send_copies(a, &iov, sent);
}

__u64 cast_span_ns(const struct agent *a)
{
	return SPAN_BEATS * a->conf.heartbeat_ms * NS_PER_MS;
}

bool cast_sends_copies(const struct agent *a, size_t i)
{
	const struct other *o = &a->sync.others[i];

	return a->sync.group_fd < 0 || reach_needs_copies(&o->reach, a->membership.cluster.peer[o->id].echoed_ns,
							  agent_now(), cast_span_ns(a));
}

bool cast_is_deaf(const struct agent *a)
{
	const struct sync *s = &a->sync;
	__u64 now = agent_now(), span = cast_span_ns(a);

	for (size_t i = 0; i < s->count; i++)
		if (reach_is_missed(&s->others[i].reach, now, span))
			return true;
	return s->group_fd < 0;
}

/* A bound datagram socket, or -1. */
static int bound(const struct sockaddr_in *address)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), buffer = RECEIVE_BUFFER;

	if (fd < 0)
		return -1;
	/* Others tell of thousands of SAs in one go; what is not there takes no memory. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof(buffer)))
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
	if (!bind(fd, (const struct sockaddr *)address, sizeof(*address)))
		return fd;
	close(fd);
	return -1;
}

/* By the interface that has the own address, and not further than its link.  Returns whether it can. */
static bool open_group(struct sync *s)
{
	struct ip_mreqn on = { .imr_multiaddr = s->group.sin_addr, .imr_address = s->address.sin_addr };
	int off = 0;

	if (setsockopt(s->fd, IPPROTO_IP, IP_MULTICAST_IF, &on, sizeof(on)) ||
	    setsockopt(s->fd, IPPROTO_IP, IP_MULTICAST_LOOP, &off, sizeof(off)))
		return false;
	s->group_fd = bound(&s->group);
	return s->group_fd >= 0 && !setsockopt(s->group_fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &on, sizeof(on)) &&
	       !setsockopt(s->group_fd, IPPROTO_IP, IP_MULTICAST_ALL, &off, sizeof(off));
}

static void close_group(struct sync *s)
{
	if (s->group_fd >= 0)
		close(s->group_fd);
	s->group_fd = -1;
}

int cast_start(struct agent *a, char error[ESL_ERROR_MAX])
{
	struct sync *s = &a->sync;
	char text[INET_ADDRSTRLEN];

	s->group_fd = -1;
	s->group = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((__u16)a->conf.sync_port),
					 .sin_addr = a->conf.sync_group };
	s->fd = bound(&s->address);
	if (s->fd < 0) {
		snprintf(error, ESL_ERROR_MAX, "cannot listen on this member's sync address %s port %u: %s",
			 inet_ntop(AF_INET, &s->address.sin_addr, text, sizeof(text)), ntohs(s->address.sin_port),
			 strerror(errno));
		return -EADDRNOTAVAIL;
	}
	if (s->group.sin_addr.s_addr && !open_group(s)) {
		say(LOG_WARNING, "cannot use the group %s of the sync network, each member gets copies of its own: %s",
		    inet_ntop(AF_INET, &s->group.sin_addr, text, sizeof(text)), strerror(errno));
		close_group(s);
	}
	return 0;
}

void cast_stop(struct agent *a)
{
	close_group(&a->sync);
	if (a->sync.fd >= 0)
		close(a->sync.fd);
	a->sync.fd = -1;
}
