// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Where the cluster addresses are.  Every member's NICs take the cluster MAC,
 * and switches that look at IGMP and MLD are told so; the kernel takes all of
 * it back when the agent dies.  The leader's agent answers the ARP requests and
 * solicitations that the program left to it, which drops them at all other
 * members, and tells the neighbours when it becomes the leader.
 *
 * The NIC takes the MAC; what the stack gets, tags removed, is on the device.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <syslog.h>
#include <unistd.h>

#include "agent.h"
#include "frames.h"

#define ANNOUNCE_TIMES 3
#define ANNOUNCE_NS (100 * NS_PER_MS)
#define FRAME_MAX 2048
#define AT_ONCE 16		/* frames of anybody: a heartbeat may be due */
#define ICMP_TYPE (ESL_ETH_LEN + sizeof(struct esl_ipv6))

/* The sockets of one side. */
enum { SOCKET_MAC, SOCKET_ARP, SOCKET_ND, SOCKET_IGMP, SOCKET_MLD, SOCKETS };

struct side {
	struct agent *agent;
	enum esl_role role;
	int ifindex;		/* of the device */
	int fd[SOCKETS];
};

struct neighbour {
	struct side side[ESL_ROLES];
	int left;		/* announcements */
	sd_event_source *timer;
};

static const struct esl_conf_side *conf_of(const struct side *s)
{
	return &s->agent->conf.side[s->role];
}

static const struct esl_port *port_of(const struct side *s)
{
	return &s->agent->pins.config->port[s->role];
}

static void send_frame(const struct side *s, int fd, const void *frame, size_t size)
{
	struct sockaddr_ll dst = { .sll_family = AF_PACKET, .sll_ifindex = s->ifindex, .sll_halen = ESL_MAC_LEN };
	const struct esl_eth *eth = frame;

	dst.sll_protocol = eth->type;
	memcpy(dst.sll_addr, eth->dst, ESL_MAC_LEN);
	if (sendto(fd, frame, size, MSG_DONTWAIT, (struct sockaddr *)&dst, sizeof(dst)) < 0)
		say(LOG_WARNING, "cannot speak of the cluster address on %s: %s", conf_of(s)->device,
		    strerror(errno));
}

static bool may_answer(const struct side *s)
{
	return s->agent->leader && s->agent->membership.serve == SERVE_FORWARDING;
}

static int on_arp(sd_event_source *source, int fd, uint32_t revents, void *data)
{
	struct side *s = data;
	struct arp_frame f;

	(void)source, (void)revents;
	for (int i = 0; i < AT_ONCE; i++) {
		ssize_t n = recv(fd, &f, sizeof(f), MSG_DONTWAIT | MSG_TRUNC);

		if (n < 0)
			return 0;
		if ((size_t)n < sizeof(f) || !may_answer(s) ||
		    esl_mac_equal(f.arp.sha, port_of(s)->cluster_mac) ||
		    !esl_arp_answer(port_of(s), &f.eth, &f.arp))
			continue;
		send_frame(s, fd, &f, sizeof(f));
	}
	return 0;
}

static int on_solicitation(sd_event_source *source, int fd, uint32_t revents, void *data)
{
	struct side *s = data;
	__u8 frame[FRAME_MAX];
	struct nd_frame answer;

	(void)source, (void)revents;
	for (int i = 0; i < AT_ONCE; i++) {
		ssize_t n = recv(fd, frame, sizeof(frame), MSG_DONTWAIT);

		if (n < 0)
			return 0;
		if (may_answer(s) && frame_answer(port_of(s), frame, (size_t)n, &answer))
			send_frame(s, fd, &answer, sizeof(answer));
	}
	return 0;
}

static int on_announce(sd_event_source *source, uint64_t usec, void *data)
{
	struct agent *a = data;
	struct neighbour *n = a->neighbour;
	struct arp_frame arp;
	struct nd_frame nd;

	(void)usec;
	for (int role = 0; role < ESL_ROLES && a->leader; role++) {
		const struct side *s = &n->side[role];

		if (s->fd[SOCKET_ARP] >= 0) {
			frame_arp(port_of(s), ESL_ARP_REQUEST, &arp);
			send_frame(s, s->fd[SOCKET_ARP], &arp, sizeof(arp));
			frame_arp(port_of(s), ESL_ARP_REPLY, &arp);
			send_frame(s, s->fd[SOCKET_ARP], &arp, sizeof(arp));
		}
		if (s->fd[SOCKET_ND] >= 0) {
			frame_advertisement(port_of(s), &nd);
			send_frame(s, s->fd[SOCKET_ND], &nd, sizeof(nd));
		}
	}
	return a->leader && --n->left > 0 ? loop_again(source, ANNOUNCE_NS) : 0;
}

void neighbour_announce(struct agent *a)
{
	a->neighbour->left = ANNOUNCE_TIMES;
	loop_again(a->neighbour->timer, 0);
}

/* What asks for an address: the byte that says so, and where the address's last
 * four stand. */
struct question {
	__u16 ethertype;
	__u32 kind_at;
	__u8 kind;
	__u32 target;
};

static const struct question arp_request = {
	ETH_P_ARP, ESL_ETH_LEN + offsetof(struct esl_arp, operation) + 1, ESL_ARP_REQUEST,
	ESL_ETH_LEN + offsetof(struct esl_arp, tpa),
};

static const struct question solicitation = {
	ETH_P_IPV6, ICMP_TYPE, ESL_ICMPV6_NS, ICMP_TYPE + offsetof(struct esl_nd, target) + 12,
};

/* Nothing else reaches the socket's queue. A tag that is left is another network's. */
static int filter(int fd, const struct question *q, __be32 addr)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, SKF_AD_OFF + SKF_AD_VLAN_TAG_PRESENT),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 5),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, q->target),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ntohl(addr), 0, 3),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, q->kind_at),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, q->kind, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, FRAME_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog prog = { .len = sizeof(code) / sizeof(code[0]), .filter = code };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog));
}

/* A socket that gets these questions on the device, and no other frame. */
static int listen_to(struct side *s, const struct question *q, __be32 addr, sd_event_io_handler_t handler)
{
	struct sockaddr_ll own = { .sll_family = AF_PACKET,
				   .sll_protocol = htons(q->ethertype),
				   .sll_ifindex = s->ifindex };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	if (filter(fd, q, addr) || bind(fd, (struct sockaddr *)&own, sizeof(own)) ||
	    loop_io(s->agent, fd, handler, PRIORITY_SYNC, s) < 0) {
		int err = errno ? -errno : -EIO;

		close(fd);
		return err;
	}
	return fd;
}

/* The NIC takes frames for the cluster MAC, as long as the socket lives. */
static int join_mac(struct side *s)
{
	bool unicast = s->agent->conf.mac_mode == ESL_MAC_UNICAST;
	struct packet_mreq group = { .mr_type = unicast ? PACKET_MR_UNICAST : PACKET_MR_MULTICAST,
				     .mr_alen = ESL_MAC_LEN,
				     .mr_ifindex = (int)if_nametoindex(conf_of(s)->interface) };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	memcpy(group.mr_address, conf_of(s)->cluster_mac, ESL_MAC_LEN);
	if (fd >= 0 && !setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &group, sizeof(group)))
		return fd;
	if (fd >= 0)
		close(fd);
	return -errno;
}

/* The group of 239/8 whose MAC is the cluster's (RFC 1112 section 6.4). */
static int join_igmp(struct side *s)
{
	const __u8 *mac = conf_of(s)->cluster_mac;
	struct ip_mreqn group = {
		.imr_multiaddr.s_addr = htonl(0xef800000U | (mac[3] & 0x7fU) << 16 | mac[4] << 8 | mac[5]),
		.imr_ifindex = s->ifindex,
	};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && !setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof(group)))
		return fd;
	if (fd >= 0)
		close(fd);
	return -errno;
}

/* The solicited-node group of the cluster address (RFC 4291 section 2.7.1). */
static int join_mld(struct side *s)
{
	const __u8 *addr = conf_of(s)->cluster_addr6.byte;
	struct ipv6_mreq group = {
		.ipv6mr_multiaddr.s6_addr = { 0xff, 0x02, [11] = 1, 0xff, addr[13], addr[14], addr[15] },
		.ipv6mr_interface = (unsigned int)s->ifindex,
	};
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && !setsockopt(fd, IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, &group, sizeof(group)))
		return fd;
	if (fd >= 0)
		close(fd);
	return -errno;
}

static int complain(const char *what, const char *where, int err, char *error)
{
	snprintf(error, ESL_ERROR_MAX, "cannot %s on %s: %s", what, where, strerror(-err));
	return err;
}

static int open_side(struct side *s, char error[ESL_ERROR_MAX])
{
	const struct esl_conf_side *c = conf_of(s);
	__be32 last;

	s->ifindex = (int)if_nametoindex(c->device);
	if (!s->ifindex)
		return complain("find the device", c->device, -errno, error);
	if ((s->fd[SOCKET_MAC] = join_mac(s)) < 0)
		return complain("join the cluster MAC", c->interface, s->fd[SOCKET_MAC], error);
	if (s->agent->conf.mac_mode == ESL_MAC_IGMP && (s->fd[SOCKET_IGMP] = join_igmp(s)) < 0)
		return complain("join the IPv4 group of the cluster MAC", c->device, s->fd[SOCKET_IGMP],
				error);
	if (c->cluster_addr) {
		s->fd[SOCKET_ARP] = listen_to(s, &arp_request, c->cluster_addr, on_arp);
		if (s->fd[SOCKET_ARP] < 0)
			return complain("listen to ARP", c->device, s->fd[SOCKET_ARP], error);
	}
	if (esl_addr_none(&c->cluster_addr6))
		return 0;
	if ((s->fd[SOCKET_MLD] = join_mld(s)) < 0)
		return complain("join the solicited-node group of the cluster address", c->device,
				s->fd[SOCKET_MLD], error);
	memcpy(&last, &c->cluster_addr6.byte[12], sizeof(last));
	s->fd[SOCKET_ND] = listen_to(s, &solicitation, last, on_solicitation);
	if (s->fd[SOCKET_ND] < 0)
		return complain("listen to neighbour discovery", c->device, s->fd[SOCKET_ND], error);
	return 0;
}

int neighbour_start(struct agent *a, char error[ESL_ERROR_MAX])
{
	struct neighbour *n = calloc(1, sizeof(*n));
	int err;

	a->neighbour = n;
	if (!n)
		return -ENOMEM;
	for (int role = 0; role < ESL_ROLES; role++) {
		n->side[role] = (struct side){ .agent = a, .role = role };
		for (int i = 0; i < SOCKETS; i++)
			n->side[role].fd[i] = -1;
	}
	err = loop_timer(a, &n->timer, 0, on_announce);
	if (err >= 0)
		err = sd_event_source_set_enabled(n->timer, SD_EVENT_OFF);
	for (int role = 0; role < ESL_ROLES && err >= 0; role++)
		err = open_side(&n->side[role], error);
	return err < 0 ? err : 0;
}

void neighbour_stop(struct agent *a)
{
	struct neighbour *n = a->neighbour;

	if (!n)
		return;
	sd_event_source_unref(n->timer);
	for (int role = 0; role < ESL_ROLES; role++)
		for (int i = 0; i < SOCKETS; i++)
			if (n->side[role].fd[i] >= 0)
				close(n->side[role].fd[i]);
	free(n);
	a->neighbour = NULL;
}
