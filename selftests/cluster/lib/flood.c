// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Numbered UDP datagrams at little cost, for runs of millions: batches, no log.
 *
 * flood send ADDRESS PORT PACKETS RATE SIZE SOURCE PROGRESS: RATE a second, TICK_NS' worth at once.  A sender that was
 * scheduled late makes up for it at twice the rate at most.
 * flood recv ADDRESS PORT PACKETS PROGRESS: counts them until SIGTERM.
 *
 * PROGRESS is a file that holds the number of packets so far, renewed ten times a second.  Both print one JSON
 * object at the end; SIGTERM ends either.  IPv4 only.
 */
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define BATCH 64
#define SIZE_MOST 1400
#define TICK_NS 5000000
#define LATE_NS 20000000
#define PROGRESS_NS 100000000

static volatile sig_atomic_t ended;

struct progress {
	int fd;
	int64_t next;
};

struct batch {
	struct mmsghdr message[BATCH];
	struct iovec part[BATCH];
	uint8_t data[BATCH][SIZE_MOST];
};

static struct batch batch;

static void end(int signal)
{
	(void)signal;
	ended = 1;
}

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static int progress_open(struct progress *p, const char *path)
{
	p->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	return p->fd < 0 ? -1 : 0;
}

/* A number of always the same length: who reads it never sees half of one. */
static int progress_write(struct progress *p, int64_t now, long packets)
{
	char text[32];
	int n;

	if (now < p->next)
		return 0;
	p->next = now + PROGRESS_NS;
	n = snprintf(text, sizeof(text), "%020ld\n", packets);
	return pwrite(p->fd, text, (size_t)n, 0) == n ? 0 : -1;
}

static void batch_prepare(size_t size)
{
	for (int i = 0; i < BATCH; i++) {
		batch.part[i] = (struct iovec){ batch.data[i], size };
		batch.message[i].msg_hdr = (struct msghdr){ .msg_iov = &batch.part[i], .msg_iovlen = 1 };
	}
}

/* Returns how many were sent, or -1. A peer that is not there yet is none of our business. */
static int send_batch(int fd, long first, long count)
{
	int n;

	for (long i = 0; i < count; i++) {
		uint64_t index = htobe64((uint64_t)(first + i));

		memcpy(batch.data[i], &index, sizeof(index));
	}
	n = sendmmsg(fd, batch.message, (unsigned)count, 0);
	if (n < 0 && (errno == ECONNREFUSED || errno == ENOBUFS || errno == EINTR || errno == EHOSTUNREACH))
		return 0;
	return n;
}

static void sleep_until(int64_t ns)
{
	struct timespec t = { .tv_sec = ns / 1000000000LL, .tv_nsec = ns % 1000000000LL };

	while (!ended && clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
		;
}

static long least(long a, long b)
{
	return a < b ? a : b;
}

static int run_send(int fd, long packets, long rate, struct progress *p)
{
	int64_t start = now_ns(), before = start, now = start;
	long sent = 0;

	while (sent < packets && !ended) {
		int64_t passed;
		long due;

		now = now_ns();
		passed = now - before > LATE_NS ? LATE_NS : now - before;
		due = least((long)((double)(now - start) * (double)rate / 1e9) + 1 - sent,
			    (long)((double)passed * 2 * (double)rate / 1e9) + 1);
		before = now;
		for (due = least(due, packets - sent); due > 0;) {
			int n = send_batch(fd, sent, least(due, BATCH));

			if (n < 0)
				return -1;
			if (!n)
				break;
			sent += n;
			due -= n;
		}
		if (progress_write(p, now, sent))
			return -1;
		sleep_until(now + TICK_NS);
	}
	p->next = 0;
	printf("{\"packets\": %ld, \"seconds\": %.2f}\n", sent, (double)(now - start) / 1e9);
	return progress_write(p, now, sent);
}

static int run_recv(int fd, long packets, struct progress *p)
{
	struct timeval patience = { .tv_usec = PROGRESS_NS / 1000 };
	uint8_t *seen = calloc((size_t)packets / 8 + 1, 1);
	long received = 0, duplicated = 0, reordered = 0, top = -1;

	if (!seen || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)))
		return -1;
	while (!ended) {
		/* What is there, in one call; nothing is waited for but the first. */
		int n = recvmmsg(fd, batch.message, BATCH, MSG_WAITFORONE, NULL);

		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return -1;
		for (int i = 0; i < n; i++) {
			uint64_t index;
			long at;

			memcpy(&index, batch.data[i], sizeof(index));
			at = (long)be64toh(index);
			if (at < 0 || at >= packets)
				continue;
			if (seen[at / 8] & 1 << at % 8) {
				duplicated++;
				continue;
			}
			seen[at / 8] |= (uint8_t)(1 << at % 8);
			received++;
			reordered += at < top;
			top = at > top ? at : top;
		}
		if (progress_write(p, now_ns(), received))
			return -1;
	}
	free(seen);
	printf("{\"received\": %ld, \"duplicated\": %ld, \"reordered\": %ld}\n", received, duplicated, reordered);
	return 0;
}

static int open_socket(const char *address, const char *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)) };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (fd < 0 || inet_pton(AF_INET, address, &a.sin_addr) != 1 || bind(fd, (void *)&a, sizeof(a)))
		return -1;
	return fd;
}

static int main_send(char **argv)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[3])) };
	long size = atol(argv[6]);
	int fd = open_socket(argv[7], "0");
	struct progress p = { 0 };

	if (fd < 0 || size < 8 || size > SIZE_MOST || inet_pton(AF_INET, argv[2], &to.sin_addr) != 1 ||
	    connect(fd, (void *)&to, sizeof(to)) || progress_open(&p, argv[8]))
		return -1;
	batch_prepare((size_t)size);
	return run_send(fd, atol(argv[4]), atol(argv[5]), &p);
}

static int main_recv(char **argv)
{
	int fd = open_socket(argv[2], argv[3]);
	struct progress p = { 0 };

	if (fd < 0 || progress_open(&p, argv[5]))
		return -1;
	batch_prepare(SIZE_MOST);
	return run_recv(fd, atol(argv[4]), &p);
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = end };
	int err = -1;

	sigaction(SIGTERM, &action, NULL);
	errno = EINVAL;
	if (argc == 9 && !strcmp(argv[1], "send"))
		err = main_send(argv);
	else if (argc == 6 && !strcmp(argv[1], "recv"))
		err = main_recv(argv);
	if (err)
		fprintf(stderr, "flood: %s\n", strerror(errno));
	return err ? 1 : 0;
}
