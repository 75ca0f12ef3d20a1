// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * One packet socket per NIC.  It joins the cluster MAC, so that the NIC takes
 * it: the kernel takes it off again when the agent dies.  At the leader it
 * also answers ARP for the cluster address (RFC 826); the program drops these
 * requests at all other members.
 */
#include <errno.h>
#include <bpf/bpf.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <syslog.h>
#include <unistd.h>

#include "agent.h"

#define ARP_REQUEST 1
#define ARP_REPLY 2

struct arp_port {
	struct agent *agent;
	enum esl_role role;
	int fd;
	int ifindex;
	__u8 mac[ESL_MAC_LEN];
};

struct arp {
	struct arp_port port[ESL_ROLES];
};

static void send_arp(const struct arp_port *p, __u16 operation, const __u8 to[ESL_MAC_LEN], __be32 tpa)
{
	const struct esl_conf_side *side = &p->agent->conf.side[p->role];
	struct {
		struct esl_eth eth;
		struct esl_arp arp;
	} __attribute__((packed, aligned(2))) frame = {
		.eth = { .type = htons(ESL_ETHERTYPE_ARP) },
		.arp = { .hardware = htons(1),
			 .protocol = htons(ESL_ETHERTYPE_IPV4),
			 .hardware_len = ESL_MAC_LEN,
			 .protocol_len = 4,
			 .operation = htons(operation),
			 .spa = side->cluster_addr,
			 .tpa = tpa },
	};
	struct sockaddr_ll dst = { .sll_family = AF_PACKET,
				   .sll_ifindex = p->ifindex,
				   .sll_protocol = htons(ETH_P_ARP),
				   .sll_halen = ESL_MAC_LEN };

	memcpy(frame.eth.dst, to, ESL_MAC_LEN);
	/* A switch must never learn where the cluster MAC is: the source is the NIC's own. */
	memcpy(frame.eth.src, p->mac, ESL_MAC_LEN);
	memcpy(frame.arp.sha, side->cluster_mac, ESL_MAC_LEN);
	memcpy(frame.arp.tha, to, ESL_MAC_LEN);
	memcpy(dst.sll_addr, to, ESL_MAC_LEN);
	if (sendto(p->fd, &frame, sizeof(frame), MSG_DONTWAIT, (struct sockaddr *)&dst, sizeof(dst)) < 0)
		say(LOG_WARNING, "cannot send ARP on %s: %s", side->interface, strerror(errno));
}

static int on_arp(sd_event_source *source, int fd, uint32_t revents, void *data)
{
	struct arp_port *p = data;
	struct agent *a = p->agent;
	struct {
		struct esl_eth eth;
		struct esl_arp arp;
	} __attribute__((packed, aligned(2))) frame;

	(void)source, (void)revents;
	for (;;) {
		ssize_t n = recv(fd, &frame, sizeof(frame), MSG_DONTWAIT | MSG_TRUNC);

		if (n < 0)
			return 0;
		if ((size_t)n < sizeof(frame) || !a->leader || a->why != WHY_FORWARDING ||
		    frame.arp.hardware != htons(1) || frame.arp.protocol != htons(ESL_ETHERTYPE_IPV4) ||
		    frame.arp.hardware_len != ESL_MAC_LEN || frame.arp.protocol_len != 4 ||
		    frame.arp.operation != htons(ARP_REQUEST) ||
		    frame.arp.tpa != a->conf.side[p->role].cluster_addr || frame.arp.sha[0] & 1)
			continue;
		send_arp(p, ARP_REPLY, frame.arp.sha, frame.arp.spa);
	}
}

void arp_announce(struct agent *a)
{
	static const __u8 everyone[ESL_MAC_LEN] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

	for (int role = 0; role < ESL_ROLES; role++)
		send_arp(&a->arp->port[role], ARP_REQUEST, everyone, a->conf.side[role].cluster_addr);
}

/* Only ARP about the cluster address reaches the socket's queue. */
static int filter_requests(int fd, __be32 addr)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 ESL_ETH_LEN + offsetof(struct esl_arp, tpa)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ntohl(addr), 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 64),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog prog = { .len = 4, .filter = code };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)) ? -errno : 0;
}

static int open_port(struct agent *a, struct arp_port *p, char error[ESL_ERROR_MAX])
{
	const struct esl_conf_side *side = &a->conf.side[p->role];
	struct sockaddr_ll own = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ARP) };
	struct packet_mreq group = { .mr_type = PACKET_MR_MULTICAST, .mr_alen = ESL_MAC_LEN };

	p->agent = a;
	p->ifindex = (int)if_nametoindex(side->interface);
	p->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	own.sll_ifindex = group.mr_ifindex = p->ifindex;
	memcpy(group.mr_address, side->cluster_mac, ESL_MAC_LEN);
	if (p->fd < 0 || filter_requests(p->fd, side->cluster_addr) ||
	    setsockopt(p->fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &group, sizeof(group)) ||
	    bind(p->fd, (struct sockaddr *)&own, sizeof(own))) {
		snprintf(error, ESL_ERROR_MAX, "cannot join the cluster MAC on %s: %s", side->interface,
			 strerror(errno));
		return -errno;
	}
	memcpy(p->mac, a->pins.config->port[p->role].mac, ESL_MAC_LEN);
	return loop_io(a, p->fd, on_arp, PRIORITY_SYNC, p);
}

int arp_start(struct agent *a, char error[ESL_ERROR_MAX])
{
	int err = 0;

	a->arp = calloc(1, sizeof(*a->arp));
	if (!a->arp)
		return -ENOMEM;
	for (int role = 0; role < ESL_ROLES; role++)
		a->arp->port[role] = (struct arp_port){ .role = role, .fd = -1 };
	for (int role = 0; role < ESL_ROLES && err >= 0; role++)
		err = open_port(a, &a->arp->port[role], error);
	return err < 0 ? err : 0;
}

void arp_stop(struct agent *a)
{
	for (int role = 0; a->arp && role < ESL_ROLES; role++)
		if (a->arp->port[role].fd >= 0)
			close(a->arp->port[role].fd);
	free(a->arp);
	a->arp = NULL;
}
