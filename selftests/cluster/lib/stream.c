// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * stream send ADDRESS PORT PACKETS RATE SIZE: numbered UDP datagrams, RATE a
 * second.  A sender that was scheduled late makes up for it at twice the rate
 * and with no more than LATE_NS at once: a burst that no wire would carry is not
 * what is tested.
 *
 * stream recv ADDRESS PORT PACKETS: counts them until the last one has come or
 * nothing came for IDLE_S seconds.
 *
 * Both print one JSON object.
 */
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define SIZE_MAX_UDP 1472
#define IDLE_S 4
#define TICK_NS 1000000
#define LATE_NS 20000000

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void sleep_until(int64_t ns)
{
	struct timespec t = { .tv_sec = ns / 1000000000LL, .tv_nsec = ns % 1000000000LL };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
		;
}

static int send_stream(int fd, long packets, long rate, size_t size)
{
	static char payload[SIZE_MAX_UDP];
	int64_t start = now_ns(), before = start, now;
	long sent = 0;

	while (sent < packets) {
		long due, most;

		now = now_ns();
		due = (long)((double)(now - start) * (double)rate / 1e9) + 1;
		most = (long)((double)(now - before > LATE_NS ? LATE_NS : now - before) * 2 * (double)rate / 1e9) + 1;
		before = now;
		for (long n = 0; n < most && sent < due && sent < packets; n++) {
			uint64_t index = htobe64((uint64_t)sent);

			memcpy(payload, &index, sizeof(index));
			if (send(fd, payload, size, 0) < 0 && errno != ECONNREFUSED)
				return -1;
			sent++;
		}
		sleep_until(now + TICK_NS);
	}
	printf("{\"packets\": %ld, \"seconds\": %.2f}\n", sent, (double)(now_ns() - start) / 1e9);
	return 0;
}

static int receive_stream(int fd, long packets)
{
	unsigned char *seen = calloc((size_t)packets, 1);
	struct timeval idle = { .tv_sec = IDLE_S };
	long received = 0, duplicated = 0, reordered = 0, top = -1;
	uint64_t index = 0;

	if (!seen || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &idle, sizeof(idle)))
		return -1;
	while (received < packets) {
		long i;

		/* Before the first packet there is no hurry: the lab ends a stray one. */
		if (recv(fd, &index, sizeof(index), 0) < 0) {
			if (received && errno == EAGAIN)
				break;
			continue;
		}
		i = (long)be64toh(index);
		if (i < 0 || i >= packets)
			continue;
		if (seen[i]++) {
			duplicated++;
			continue;
		}
		received++;
		reordered += i < top;
		top = i > top ? i : top;
	}
	free(seen);
	printf("{\"received\": %ld, \"duplicated\": %ld, \"reordered\": %ld}\n", received, duplicated,
	       reordered);
	return 0;
}

int main(int argc, char **argv)
{
	int sending = argc == 7 && !strcmp(argv[1], "send");
	struct sockaddr_in addr = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_DGRAM, 0), err = -1;

	if (fd >= 0 && (sending || (argc == 5 && !strcmp(argv[1], "recv"))) &&
	    inet_pton(AF_INET, argv[2], &addr.sin_addr) == 1) {
		addr.sin_port = htons((uint16_t)atoi(argv[3]));
		if (sending && !connect(fd, (struct sockaddr *)&addr, sizeof(addr)))
			err = send_stream(fd, atol(argv[4]), atol(argv[5]), (size_t)atol(argv[6]));
		else if (!sending && !bind(fd, (struct sockaddr *)&addr, sizeof(addr)))
			err = receive_stream(fd, atol(argv[4]));
	}
	if (err)
		fprintf(stderr, "stream: %s\n", strerror(errno));
	return err ? 1 : 0;
}
