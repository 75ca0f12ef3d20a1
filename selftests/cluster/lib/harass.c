// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * harass DEVICE ADDRESS RATE SEED: an attacker on the wire.  Records ESP to ADDRESS (IPv4) that leaves or comes by
 * DEVICE and sends RATE recorded frames a second again, byte for byte: a third of the last few, which members may
 * just have lost with a dying one, a third of the last thousands, a third of any age.  SIGTERM ends it; prints one
 * JSON object: frames recorded, and sent again by age.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define FRAME_MOST 256
#define RECENT 16384	/* a power of two */
#define OLD 16384	/* frames of any age, each with the same chance to be here */
#define LAST 64
#define TICK_MS 10
#define SAMPLE 3	/* of four frames one is recorded: at random & SAMPLE == 0 */

struct frame {
	uint16_t len;
	uint8_t data[FRAME_MOST];
};

static struct frame recent[RECENT], old[OLD];
static uint64_t recorded, state;
static volatile sig_atomic_t ended;

static void end(int signal)
{
	(void)signal;
	ended = 1;
}

static uint64_t rnd(uint64_t below)
{
	state = state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (state >> 33) % below;
}

/* Only ESP to the address, and of that a part. */
static int set_filter(int fd, const char *address)
{
	struct in_addr to;
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 12),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETHERTYPE_IP, 0, 8),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, ETH_HLEN + 9),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_ESP, 0, 6),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ETH_HLEN + 16),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 4),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_RANDOM)),
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, SAMPLE),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, FRAME_MOST + 1),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog program = { sizeof(code) / sizeof(code[0]), code };

	if (inet_pton(AF_INET, address, &to) != 1)
		return -1;
	code[5].k = ntohl(to.s_addr);
	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}

static int open_device(const char *device, const char *address)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL),
				  .sll_ifindex = (int)if_nametoindex(device) };
	int fd = socket(AF_PACKET, SOCK_RAW, 0);

	return fd < 0 || set_filter(fd, address) || bind(fd, (struct sockaddr *)&at, sizeof(at)) ? -1 : fd;
}

/* All that is waiting. Its own frames come back, too: they are as good as any. */
static void record(int fd)
{
	struct frame *f;
	ssize_t n;

	for (;;) {
		f = &recent[recorded % RECENT];
		n = recv(fd, f->data, sizeof(f->data), MSG_DONTWAIT | MSG_TRUNC);
		if (n < 0)
			return;
		if (n > (ssize_t)sizeof(f->data))
			continue;
		f->len = (uint16_t)n;
		if (recorded < OLD)
			old[recorded] = *f;
		else if (rnd(recorded + 1) < OLD)
			old[rnd(OLD)] = *f;
		recorded++;
	}
}

/* age 0: of the last, 1: of the recent, 2: of any. */
static const struct frame *choose(int age)
{
	uint64_t most = recorded < RECENT ? recorded : RECENT;

	if (age == 2)
		return &old[rnd(recorded < OLD ? recorded : OLD)];
	if (!age && most > LAST)
		most = LAST;
	return &recent[(recorded - 1 - rnd(most)) % RECENT];
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = end };
	int fd = argc == 5 ? open_device(argv[1], argv[2]) : -1;
	uint64_t rate = argc == 5 ? strtoull(argv[3], NULL, 10) : 0, sent[3] = { 0 }, debt = 0;

	if (fd < 0 || !rate) {
		fprintf(stderr, "usage: harass DEVICE ADDRESS RATE SEED (%s)\n", strerror(errno));
		return 1;
	}
	state = strtoull(argv[4], NULL, 10);
	sigaction(SIGTERM, &action, NULL);
	while (!ended) {
		poll(NULL, 0, TICK_MS);
		record(fd);
		/* In thousandths of a frame. */
		for (debt += rate * TICK_MS; debt >= 1000 && recorded; debt -= 1000) {
			int age = (int)rnd(3);
			const struct frame *f = choose(age);

			sent[age] += send(fd, f->data, f->len, 0) == f->len;
		}
	}
	printf("{\"recorded\": %llu, \"sent_last\": %llu, \"sent_recent\": %llu, \"sent_old\": %llu}\n",
	       (unsigned long long)recorded, (unsigned long long)sent[0], (unsigned long long)sent[1],
	       (unsigned long long)sent[2]);
	return 0;
}
