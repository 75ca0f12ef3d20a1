// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Sealed datagrams as raw frames on the inside and outside segment: whom the
 * sync network does not reach may still be alive, and is heard here.
 */
#include <errno.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent.h"

static const __u8 group[ESL_MAC_LEN] = ESL_HB_GROUP;

void segments_send(struct agent *a, const void *datagram, size_t size)
{
	for (int role = 0; role < ESL_ROLES; role++) {
		const struct segment *s = &a->segment[role];
		struct sockaddr_ll to = { .sll_family = AF_PACKET,
					  .sll_protocol = esl_htons(ESL_HB_ETHERTYPE),
					  .sll_ifindex = s->ifindex,
					  .sll_halen = ESL_MAC_LEN };

		memcpy(to.sll_addr, group, sizeof(group));
		/* A link that is down loses it, as a cut one does. */
		(void)!sendto(s->fd, datagram, size, MSG_DONTWAIT, (struct sockaddr *)&to, sizeof(to));
	}
}

/* Cooked: the kernel makes and takes off the Ethernet header. */
static int open_segment(struct agent *a, int role, char error[ESL_ERROR_MAX])
{
	struct segment *s = &a->segment[role];
	const char *device = a->conf.side[role].device;
	struct packet_mreq member = { .mr_type = PACKET_MR_MULTICAST, .mr_alen = ESL_MAC_LEN };
	struct sockaddr_ll own = { .sll_family = AF_PACKET, .sll_protocol = esl_htons(ESL_HB_ETHERTYPE) };

	s->ifindex = own.sll_ifindex = member.mr_ifindex = (int)if_nametoindex(device);
	memcpy(member.mr_address, group, sizeof(group));
	s->fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s->fd >= 0 && !bind(s->fd, (struct sockaddr *)&own, sizeof(own)) &&
	    !setsockopt(s->fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &member, sizeof(member)))
		return 0;
	snprintf(error, ESL_ERROR_MAX, "cannot listen to heartbeats on %s: %s", device, strerror(errno));
	return errno ? -errno : -EIO;
}

int segments_start(struct agent *a, char error[ESL_ERROR_MAX])
{
	int err = 0;

	for (int role = 0; role < ESL_ROLES; role++)
		a->segment[role].fd = -1;
	for (int role = 0; role < ESL_ROLES && !err; role++)
		err = open_segment(a, role, error);
	return err;
}

void segments_stop(struct agent *a)
{
	for (int role = 0; role < ESL_ROLES; role++)
		if (a->segment[role].fd >= 0)
			close(a->segment[role].fd);
}
