// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What comes over the sync network and both segments, in one turn of the loop: a
 * heartbeat comes over each of them at nearly the same time, and to wake up costs
 * more than to read.
 *
 * Where the sync network brings the heartbeats of all members, the copies on the
 * segments are news to nobody: they wait for the next one that it brings, or for the
 * next beat where it brought not one of all since the last.  A member that it did not
 * bring for one and a half intervals ends that, so what comes over the segments alone
 * is late once, by one interval at most.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent.h"

#define AT_ONCE 16		/* of each network: other work waits */

static __u8 buffer[AT_ONCE][ESL_SEAL_MAX + 1];

/* segment: where way is one. */
static void take_all(struct agent *a, int fd, enum reach_way way, struct segment *segment)
{
	struct iovec iov[AT_ONCE];
	struct mmsghdr m[AT_ONCE];
	int count;

	for (int i = 0; i < AT_ONCE; i++) {
		iov[i] = (struct iovec){ buffer[i], sizeof(buffer[i]) };
		m[i].msg_hdr = (struct msghdr){ .msg_iov = &iov[i], .msg_iovlen = 1 };
	}
	count = recvmmsg(fd, m, AT_ONCE, MSG_DONTWAIT, NULL);
	for (int i = 0; i < count; i++)
		if (sync_datagram(a, buffer[i], m[i].msg_len, way) && segment)
			segment->heard_ns = agent_now();
}

static void take_segments(struct agent *a)
{
	for (int role = 0; role < ESL_ROLES; role++)
		take_all(a, a->segment[role].fd, REACH_SEGMENT, &a->segment[role]);
}

/* Has the sync network brought heartbeats of all others since then? */
static bool sync_brought_all(const struct agent *a, __u64 since_ns)
{
	for (size_t i = 0; i < a->sync.count; i++)
		if (a->sync.others[i].reach.beat_ns <= since_ns)
			return false;
	return true;
}

static void look(struct agent *a)
{
	struct networks *n = &a->networks;
	__u64 interval = a->conf.heartbeat_ms * NS_PER_MS;
	bool wake = !sync_brought_all(a, agent_now() - interval - interval / 2);
	struct epoll_event e = { .events = wake ? EPOLLIN : 0 };

	if (wake == n->segments_wake)
		return;
	n->segments_wake = wake;
	for (int role = 0; role < ESL_ROLES; role++)
		epoll_ctl(n->epoll, EPOLL_CTL_MOD, a->segment[role].fd, &e);
}

static void read_waited_for(struct agent *a)
{
	if (a->sync.group_fd >= 0)
		take_all(a, a->sync.group_fd, REACH_GROUP, NULL);
	else
		take_all(a, a->sync.fd, REACH_ADDRESS, NULL);
	take_segments(a);
	look(a);
}

static void read_copies(struct agent *a)
{
	take_all(a, a->sync.fd, REACH_ADDRESS, NULL);
	/* All may come as copies. */
	take_segments(a);
	look(a);
}

/* Who ran late has heartbeats waiting that are newer than what it would echo. */
static bool is_late(const struct agent *a)
{
	__u64 interval = a->conf.heartbeat_ms * NS_PER_MS;

	return agent_now() > a->membership.cluster.sent_ns + interval + interval / 8;
}

void networks_beat(struct agent *a)
{
	if (is_late(a)) {
		if (a->sync.group_fd >= 0)
			read_copies(a);
		read_waited_for(a);
	} else if (!a->networks.segments_wake && !sync_brought_all(a, a->membership.cluster.sent_ns))
		take_segments(a);
	look(a);
}

static int on_readable(sd_event_source *source, int fd, uint32_t revents, void *data)
{
	(void)source, (void)fd, (void)revents;
	membership_gather(data, read_waited_for);
	return 0;
}

/* Beside a group, this member's own copies are rare. */
static int on_copies(sd_event_source *source, int fd, uint32_t revents, void *data)
{
	(void)source, (void)fd, (void)revents;
	membership_gather(data, read_copies);
	return 0;
}

int networks_start(struct agent *a, char error[ESL_ERROR_MAX])
{
	bool group = a->sync.group_fd >= 0;
	int fds[] = { group ? a->sync.group_fd : a->sync.fd, a->segment[ESL_INSIDE].fd, a->segment[ESL_OUTSIDE].fd };
	struct epoll_event e = { .events = EPOLLIN };
	int err = 0;

	a->networks = (struct networks){ .epoll = epoll_create1(EPOLL_CLOEXEC), .segments_wake = true };
	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]) && !err; i++)
		err = epoll_ctl(a->networks.epoll, EPOLL_CTL_ADD, fds[i], &e) ? -errno : 0;
	if (!err)
		err = loop_io(a, a->networks.epoll, on_readable, PRIORITY_SYNC, a);
	if (err >= 0 && group)
		err = loop_io(a, a->sync.fd, on_copies, PRIORITY_SYNC, a);
	if (err < 0)
		snprintf(error, ESL_ERROR_MAX, "cannot listen to the other members: %s", strerror(-err));
	return err < 0 ? err : 0;
}

void networks_stop(struct agent *a)
{
	if (a->networks.epoll >= 0)
		close(a->networks.epoll);
}
