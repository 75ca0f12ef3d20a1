// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * TCP at an even pace.  iperf3 fills a window of packets and sends them at once: that
 * measures queues of the lab's cables, and not in which order members send.
 *
 * paced send ADDRESS PORT RATE SIZE SOURCE: RATE writes a second of SIZE bytes, each a segment of its own, until
 * SIGTERM; then waits until the other end has all of them.  What could not be written in time is not made up for.
 * paced recv ADDRESS PORT: takes one connection, to its end.
 *
 * Each prints an empty line when it is there, and one JSON object of bytes at the end.  IPv4 only.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/tcp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* So that a way that loses much, or all, ends the lab: what waits to be sent, and how long for an answer. */
#define WAITING_BYTES 65536
#define ANSWER_MS 10000
#define SIZE_MOST 1200	/* a segment in ESP in an MTU of 1500 */
#define NS_PER_S 1000000000LL

static volatile sig_atomic_t ended;

static void end(int signal)
{
	(void)signal;
	ended = 1;
}

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * NS_PER_S + t.tv_nsec;
}

static void sleep_until(int64_t ns)
{
	struct timespec t = { .tv_sec = ns / NS_PER_S, .tv_nsec = ns % NS_PER_S };

	while (!ended && clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
		;
}

static int is_there(void)
{
	printf("\n");
	return fflush(stdout);
}

/* The other end closes when it has all. */
static int finish(int fd, long long bytes, int64_t begin)
{
	double seconds = (double)(now_ns() - begin) / NS_PER_S;
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(info);
	char byte;

	if (shutdown(fd, SHUT_WR))
		return -1;
	while (read(fd, &byte, 1) < 0)
		if (errno != EINTR)
			return -1;
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len))
		return -1;
	printf("{\"sent\": %lld, \"seconds\": %.2f, \"segments\": %u, \"retransmitted\": %u, \"reorderings\": %u}\n", bytes,
	       seconds, info.tcpi_data_segs_out, info.tcpi_total_retrans, info.tcpi_reord_seen);
	return 0;
}

static int run_send(int fd, long rate, size_t size)
{
	int64_t begin = now_ns(), next = begin;
	static char data[SIZE_MOST];
	long long bytes = 0;

	while (!ended) {
		/* MSG_EOR: what follows is not joined to it, where it has to wait. */
		ssize_t n = send(fd, data, size, MSG_EOR);

		if (n < 0 && errno != EINTR)
			return -1;
		bytes += n > 0 ? n : 0;
		next += NS_PER_S / rate;
		if (next < now_ns())
			next = now_ns();
		sleep_until(next);
	}
	return finish(fd, bytes, begin);
}

static int main_send(char **argv)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[3])) };
	struct sockaddr_in from = { .sin_family = AF_INET };
	long rate = atol(argv[4]), size = atol(argv[5]);
	int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1, waiting = WAITING_BYTES, answer = ANSWER_MS;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &waiting, sizeof(waiting)) ||
	    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &answer, sizeof(answer)) || rate < 1 || size < 1 ||
	    size > SIZE_MOST || inet_pton(AF_INET, argv[2], &to.sin_addr) != 1 ||
	    inet_pton(AF_INET, argv[6], &from.sin_addr) != 1 || bind(fd, (void *)&from, sizeof(from)) ||
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) || connect(fd, (void *)&to, sizeof(to)) || is_there())
		return -1;
	return run_send(fd, rate, (size_t)size);
}

static int main_recv(char **argv)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[3])) };
	int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1, fd;
	int64_t before, now, silence = 0;
	static char data[65536];
	long long bytes = 0;
	ssize_t n;

	if (listener < 0 || inet_pton(AF_INET, argv[2], &at.sin_addr) != 1 ||
	    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) || bind(listener, (void *)&at, sizeof(at)) ||
	    listen(listener, 1) || is_there())
		return -1;
	fd = accept(listener, NULL, NULL);
	if (fd < 0)
		return -1;
	for (before = now_ns(); (n = read(fd, data, sizeof(data))) > 0; before = now) {
		now = now_ns();
		silence = now - before > silence ? now - before : silence;
		bytes += n;
	}
	if (n < 0)
		return -1;
	printf("{\"bytes\": %lld, \"longest_silence_ms\": %.1f}\n", bytes, (double)silence / 1e6);
	return 0;
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = end };
	int err = -1;

	sigaction(SIGTERM, &action, NULL);
	errno = EINVAL;
	if (argc == 7 && !strcmp(argv[1], "send"))
		err = main_send(argv);
	else if (argc == 4 && !strcmp(argv[1], "recv"))
		err = main_recv(argv);
	if (err)
		fprintf(stderr, "paced: %s\n", strerror(errno));
	return err ? 1 : 0;
}
