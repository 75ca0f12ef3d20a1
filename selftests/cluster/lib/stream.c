// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * stream [-l LOG] send ADDRESS PORT PACKETS RATE SIZE [FLOWS [SOURCE [CPU]]]:
 * numbered UDP datagrams, RATE a second, from FLOWS ports in turn (1) of the
 * address SOURCE, sent by one CPU where it is named.  A sender that was scheduled
 * late makes up for it at twice the rate and with no more than LATE_NS at once: a
 * burst that no wire would carry is not what is tested.  SIGTERM ends it early.
 *
 * stream [-l LOG] recv ADDRESS PORT PACKETS: counts them until the last one has
 * come, nothing came for IDLE_S seconds, or SIGTERM.  One empty line tells that it
 * is there, another that the first one came.
 *
 * Both print one JSON object.  LOG gets a struct record for each packet sent, or
 * received, duplicates too.
 */
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define SIZE_MAX_UDP 20000
#define FLOWS_MAX 256
#define IDLE_S 4
#define TICK_NS 1000000
#define LATE_NS 20000000

#define LOG_BUFFER (1 << 20)

/* The clock of captures: CLOCK_REALTIME.  In host byte order. */
struct record {
	uint64_t index;
	int64_t ns;
};

static FILE *packet_log;
static volatile sig_atomic_t ended;

static int64_t clock_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static int64_t now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

static int log_open(const char *path)
{
	packet_log = fopen(path, "we");
	return packet_log && !setvbuf(packet_log, NULL, _IOFBF, LOG_BUFFER) ? 0 : -1;
}

static void log_packet(uint64_t index)
{
	struct record r = { index, packet_log ? clock_ns(CLOCK_REALTIME) : 0 };

	if (packet_log)
		fwrite(&r, sizeof(r), 1, packet_log);
}

static int log_close(void)
{
	return packet_log && (ferror(packet_log) | fclose(packet_log)) ? -1 : 0;
}

static void end(int signal)
{
	(void)signal;
	ended = 1;
}

static int end_on_sigterm(void)
{
	struct sigaction action = { .sa_handler = end };

	return sigaction(SIGTERM, &action, NULL);
}

static void sleep_until(int64_t ns)
{
	struct timespec t = { .tv_sec = ns / 1000000000LL, .tv_nsec = ns % 1000000000LL };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
		;
}

static int send_stream(const int *fds, long flows, long packets, long rate, size_t size)
{
	static char payload[SIZE_MAX_UDP];
	int64_t start = now_ns(), before = start, now;
	long sent = 0;

	if (end_on_sigterm())
		return -1;
	while (sent < packets && !ended) {
		long due, most;

		now = now_ns();
		due = (long)((double)(now - start) * (double)rate / 1e9) + 1;
		most = (long)((double)(now - before > LATE_NS ? LATE_NS : now - before) * 2 * (double)rate / 1e9) + 1;
		before = now;
		for (long n = 0; n < most && sent < due && sent < packets; n++) {
			uint64_t index = htobe64((uint64_t)sent);

			memcpy(payload, &index, sizeof(index));
			log_packet((uint64_t)sent);
			if (send(fds[sent % flows], payload, size, 0) < 0 && errno != ECONNREFUSED)
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

	if (!seen || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &idle, sizeof(idle)) ||
	    end_on_sigterm())
		return -1;
	while (received < packets && !ended) {
		long i;

		/* Before the first packet there is no hurry: the lab ends a stray one. */
		if (recv(fd, &index, sizeof(index), 0) < 0) {
			if (received && errno == EAGAIN)
				break;
			continue;
		}
		if (!received) {
			printf("\n");
			fflush(stdout);
		}
		i = (long)be64toh(index);
		if (i < 0 || i >= packets)
			continue;
		log_packet((uint64_t)i);
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

static socklen_t read_address(const char *text, const char *port, struct sockaddr_storage *ret)
{
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)ret;
	struct sockaddr_in *four = (struct sockaddr_in *)ret;

	memset(ret, 0, sizeof(*ret));
	if (inet_pton(AF_INET, text, &four->sin_addr) == 1) {
		four->sin_family = AF_INET;
		four->sin_port = htons((uint16_t)atoi(port));
		return sizeof(*four);
	}
	if (inet_pton(AF_INET6, text, &six->sin6_addr) == 1) {
		six->sin6_family = AF_INET6;
		six->sin6_port = htons((uint16_t)atoi(port));
		return sizeof(*six);
	}
	errno = EINVAL;
	return 0;
}

static int main_send(int argc, char **argv)
{
	long flows = argc > 7 ? atol(argv[7]) : 1;
	struct sockaddr_storage to, from;
	socklen_t len = read_address(argv[2], argv[3], &to), from_len = 0;
	int fds[FLOWS_MAX];
	cpu_set_t cpu;

	if (argc > 8)
		from_len = read_address(argv[8], "0", &from);
	CPU_ZERO(&cpu);
	if (argc > 9)
		CPU_SET(atoi(argv[9]), &cpu);
	if (argc > 9 && sched_setaffinity(0, sizeof(cpu), &cpu))
		return -1;
	if (!len || (argc > 8 && !from_len) || flows < 1 || flows > FLOWS_MAX || atol(argv[6]) > SIZE_MAX_UDP)
		return -1;
	for (long i = 0; i < flows; i++) {
		fds[i] = socket(to.ss_family, SOCK_DGRAM, 0);
		if (fds[i] < 0 || (from_len && bind(fds[i], (struct sockaddr *)&from, from_len)) ||
		    connect(fds[i], (struct sockaddr *)&to, len))
			return -1;
	}
	return send_stream(fds, flows, atol(argv[4]), atol(argv[5]), (size_t)atol(argv[6]));
}

static int main_recv(char **argv)
{
	struct sockaddr_storage addr;
	socklen_t len = read_address(argv[2], argv[3], &addr);
	int fd = len ? socket(addr.ss_family, SOCK_DGRAM, 0) : -1;

	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, len))
		return -1;
	printf("\n");
	fflush(stdout);
	return receive_stream(fd, atol(argv[4]));
}

int main(int argc, char **argv)
{
	int err = 0;

	if (argc > 2 && !strcmp(argv[1], "-l")) {
		err = log_open(argv[2]);
		argv += 2;
		argc -= 2;
	}
	if (err)
		;
	else if (argc >= 7 && argc <= 10 && !strcmp(argv[1], "send"))
		err = main_send(argc, argv);
	else if (argc == 5 && !strcmp(argv[1], "recv"))
		err = main_recv(argv);
	else
		err = -1, errno = EINVAL;
	if (log_close())
		err = -1;
	if (err)
		fprintf(stderr, "stream: %s\n", strerror(errno));
	return err ? 1 : 0;
}
