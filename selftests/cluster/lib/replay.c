// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * replay CAPTURE DEVICE MAC...: re-send every frame of a pcap file from DEVICE
 * to each of the MACs, from the device's own MAC.  Prints how many were sent.
 * In C, because an interpreter takes seconds to start in an emulated machine.
 */
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ether.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define FRAME_MAX 65536
#define PCAP_MAGIC 0xa1b2c3d4

struct pcap_record {
	uint32_t sec, usec, captured, length;
};

static int open_device(const char *device, uint8_t own[ETH_ALEN])
{
	struct sockaddr_ll addr = { .sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(device) };
	int fd = socket(AF_PACKET, SOCK_RAW, 0);
	socklen_t len = sizeof(addr);

	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) ||
	    getsockname(fd, (struct sockaddr *)&addr, &len))
		return -1;
	memcpy(own, addr.sll_addr, ETH_ALEN);
	return fd;
}

static long resend(FILE *capture, int fd, const uint8_t own[ETH_ALEN], char **macs, int count)
{
	static uint8_t frame[FRAME_MAX];
	struct pcap_record r;
	long sent = 0;

	while (fread(&r, sizeof(r), 1, capture) == 1) {
		if (r.captured > sizeof(frame) || r.captured < ETH_HLEN ||
		    fread(frame, r.captured, 1, capture) != 1)
			return -1;
		memcpy(frame + ETH_ALEN, own, ETH_ALEN);
		for (int i = 0; i < count; i++) {
			const struct ether_addr *mac = ether_aton(macs[i]);

			if (!mac)
				return -1;
			memcpy(frame, mac, ETH_ALEN);
			if (send(fd, frame, r.captured, 0) < 0)
				return -1;
			sent++;
		}
	}
	return sent;
}

int main(int argc, char **argv)
{
	FILE *capture = argc > 3 ? fopen(argv[1], "rb") : NULL;
	uint8_t own[ETH_ALEN];
	uint32_t header[6];
	int fd = argc > 3 ? open_device(argv[2], own) : -1;
	long sent = -1;

	if (capture && fd >= 0 && fread(header, sizeof(header), 1, capture) == 1 && header[0] == PCAP_MAGIC)
		sent = resend(capture, fd, own, argv + 3, argc - 3);
	if (sent < 0) {
		fprintf(stderr, "usage: replay CAPTURE DEVICE MAC... (%s)\n", strerror(errno));
		return 1;
	}
	printf("%ld\n", sent);
	return 0;
}
