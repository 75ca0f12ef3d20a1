// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * encap: owns UDP 4500 as an IKE daemon does, so that the kernel takes ESP out
 * of UDP (UDP_ENCAP), and UDP 500, for IPv4 and IPv6.  What is left for the
 * daemon is counted.  Ends at SIGTERM and prints one JSON object: datagrams by
 * port, and the longest.
 */
#include <errno.h>
#include <linux/udp.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct {
	int family;
	uint16_t port;
} places[] = { { AF_INET, 500 }, { AF_INET6, 500 }, { AF_INET, 4500 }, { AF_INET6, 4500 } };

static volatile sig_atomic_t ended;

static void end(int signal)
{
	(void)signal;
	ended = 1;
}

static int open_place(int family, uint16_t port)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = htons(port) };
	const struct sockaddr *addr = family == AF_INET ? (void *)&four : (void *)&six;
	int fd = socket(family, SOCK_DGRAM, 0), one = 1, encap = UDP_ENCAP_ESPINUDP;

	if (fd < 0 || (family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one))) ||
	    bind(fd, addr, family == AF_INET ? sizeof(four) : sizeof(six)) ||
	    (port == 4500 && setsockopt(fd, IPPROTO_UDP, UDP_ENCAP, &encap, sizeof(encap))))
		return -1;
	return fd;
}

int main(void)
{
	static uint8_t datagram[65536];
	unsigned long ike = 0, natt = 0;
	struct pollfd p[COUNT(places)];
	struct sigaction action = { .sa_handler = end };
	sigset_t term, none;
	ssize_t longest = 0;

	/* Delivered while ppoll() waits only: none is missed. */
	sigemptyset(&none);
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	sigprocmask(SIG_BLOCK, &term, NULL);
	sigaction(SIGTERM, &action, NULL);
	for (size_t i = 0; i < COUNT(places); i++) {
		p[i] = (struct pollfd){ .fd = open_place(places[i].family, places[i].port), .events = POLLIN };
		if (p[i].fd < 0) {
			fprintf(stderr, "encap: UDP %d: %s\n", places[i].port, strerror(errno));
			return 1;
		}
	}
	while (!ended && (ppoll(p, COUNT(places), NULL, &none) >= 0 || errno == EINTR)) {
		for (size_t i = 0; i < COUNT(places) && !ended; i++) {
			ssize_t n = p[i].revents ? recv(p[i].fd, datagram, sizeof(datagram), MSG_DONTWAIT) : -1;

			if (n < 0)
				continue;
			*(places[i].port == 500 ? &ike : &natt) += 1;
			longest = n > longest ? n : longest;
		}
	}
	printf("{\"500\": %lu, \"4500\": %lu, \"longest\": %zd}\n", ike, natt, longest);
	return 0;
}
