// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* One datagram through one SA, whatever the policies are. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "probe.h"

#define DISCARD_PORT 9

union endpoint {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

struct socket_policy {
	struct xfrm_userpolicy_info info;
	struct xfrm_user_tmpl tmpl;
};

static union endpoint endpoint(const struct esl_addr *addr, __u16 family, __u16 port)
{
	union endpoint e = {};

	e.any.sa_family = family;
	if (family == AF_INET) {
		e.v4.sin_port = htons(port);
		memcpy(&e.v4.sin_addr, addr->byte + 12, 4);
	} else {
		e.v6.sin6_port = htons(port);
		memcpy(&e.v6.sin6_addr, addr->byte, 16);
	}
	return e;
}

/* The template names the SA by all that XFRM looks for. */
static struct socket_policy policy_for(const struct kernel_sa *sa)
{
	struct socket_policy p = {
		.info = { .sel = { .family = sa->family },
			  .lft = { .soft_byte_limit = XFRM_INF,
				   .hard_byte_limit = XFRM_INF,
				   .soft_packet_limit = XFRM_INF,
				   .hard_packet_limit = XFRM_INF },
			  .dir = XFRM_POLICY_OUT,
			  .action = XFRM_POLICY_ALLOW },
		.tmpl = { .id = { .daddr = sa->daddr, .spi = htonl(sa->key.spi), .proto = (__u8)sa->key.protocol },
			  .family = sa->family,
			  .reqid = sa->reqid,
			  .mode = sa->mode,
			  .aalgos = ~0U,
			  .ealgos = ~0U,
			  .calgos = ~0U },
	};

	if (sa->family == AF_INET)
		memcpy(&p.tmpl.saddr.a4, sa->saddr.byte + 12, 4);
	else
		memcpy(p.tmpl.saddr.a6, sa->saddr.byte, 16);
	return p;
}

int probe_send(const struct kernel_sa *sa)
{
	socklen_t size = sa->family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
	union endpoint from = endpoint(&sa->saddr, sa->family, 0);
	union endpoint to = endpoint(&sa->key.daddr, sa->family, DISCARD_PORT);
	struct socket_policy p = policy_for(sa);
	int priority = (int)ESL_PROBE_PRIORITY, err = 0;
	int fd = socket(sa->family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_PRIORITY, &priority, sizeof(priority)) ||
	    (sa->family == AF_INET ? setsockopt(fd, IPPROTO_IP, IP_XFRM_POLICY, &p, sizeof(p)) :
				     setsockopt(fd, IPPROTO_IPV6, IPV6_XFRM_POLICY, &p, sizeof(p))) ||
	    bind(fd, &from.any, size) || sendto(fd, "", 0, MSG_DONTWAIT, &to.any, size) < 0)
		err = -errno;
	close(fd);
	return err;
}
