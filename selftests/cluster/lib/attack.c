// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What can be done with captured frames by who has no key.
 *
 * attack CAPTURE DEVICE FIRST COUNT KIND [MAC...]: of a pcap file, send COUNT frames
 * from FIRST on (negative: from the end), changed as KIND says, from DEVICE to
 * each of the MACs, or to the one each was sent to, from the device's own MAC.
 * PACE_US apart: to drown a link is another attack.  Prints how many it took.
 *
 * attack live DEVICE MAC...: each frame that arrives for the first MAC is sent
 * again at once, and with it one of those that came before, any one, to all the
 * MACs.  Until SIGTERM; prints how many it sent.
 *
 * A capture that is still being written ends where its last whole frame does.
 */
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ether.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FRAME_MAX 2048
#define FRAMES_MAX 262144
#define MACS_MAX 16
#define PCAP_MAGIC 0xa1b2c3d4
#define NATT_PORT 4500
#define PACE_US 200
#define TINY 8			/* SPI and number, and nothing else */

struct pcap_record {
	uint32_t sec, usec, captured, length;
};

struct frame {
	size_t size;
	uint8_t byte[FRAME_MAX];
};

struct target {
	int fd;
	uint8_t own[ETH_ALEN];
	uint8_t mac[MACS_MAX][ETH_ALEN];
	int macs;
	unsigned long sent;
};

static volatile sig_atomic_t ended;

static void end(int signal)
{
	(void)signal;
	ended = 1;
}

static int target_open(struct target *t, const char *device, char **macs, int count)
{
	struct sockaddr_ll addr = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL),
				    .sll_ifindex = (int)if_nametoindex(device) };
	socklen_t len = sizeof(addr);

	t->fd = socket(AF_PACKET, SOCK_RAW, 0);
	if (t->fd < 0 || bind(t->fd, (struct sockaddr *)&addr, sizeof(addr)) ||
	    getsockname(t->fd, (struct sockaddr *)&addr, &len))
		return -1;
	memcpy(t->own, addr.sll_addr, ETH_ALEN);
	for (t->macs = 0; t->macs < count && t->macs < MACS_MAX; t->macs++) {
		const struct ether_addr *mac = ether_aton(macs[t->macs]);

		if (!mac)
			return -1;
		memcpy(t->mac[t->macs], mac, ETH_ALEN);
	}
	return 0;
}

static int send_all(struct target *t, struct frame *f)
{
	memcpy(f->byte + ETH_ALEN, t->own, ETH_ALEN);
	for (int i = 0; i < (t->macs ? t->macs : 1); i++) {
		if (t->macs)
			memcpy(f->byte, t->mac[i], ETH_ALEN);
		if (send(t->fd, f->byte, f->size, 0) < 0 && errno != ENOBUFS)
			return -1;
		t->sent++;
	}
	return 0;
}

static struct iphdr *ip_of(struct frame *f)
{
	return (struct iphdr *)(f->byte + ETH_HLEN);
}

/* What lies behind the headers that are in the clear: of IPv4 ESP, else of UDP, else of a raw frame. */
static size_t payload_of(struct frame *f)
{
	bool ipv4 = f->byte[12] == 8 && !f->byte[13];

	if (!ipv4)
		return ETH_HLEN;
	return ETH_HLEN + sizeof(struct iphdr) + (ip_of(f)->protocol == IPPROTO_UDP ? sizeof(struct udphdr) : 0);
}

/* The lengths and sums of the headers, of a frame with size bytes. */
static void resize(struct frame *f, size_t size)
{
	struct iphdr *ip = ip_of(f);
	uint16_t word[sizeof(*ip) / 2];
	uint32_t sum = 0;

	f->size = size;
	if (payload_of(f) == ETH_HLEN)
		return;
	ip->tot_len = htons((uint16_t)(size - ETH_HLEN));
	ip->check = 0;
	memcpy(word, ip, sizeof(word));
	for (size_t i = 0; i < sizeof(word) / sizeof(word[0]); i++)
		sum += word[i];
	sum = (sum & 0xffff) + (sum >> 16);
	ip->check = (uint16_t)~((sum & 0xffff) + (sum >> 16));
	if (ip->protocol == IPPROTO_UDP && !(ip->frag_off & htons(0x1fff))) {
		struct udphdr *udp = (struct udphdr *)(ip + 1);

		udp->len = htons((uint16_t)(size - ETH_HLEN - sizeof(*ip)));
		udp->check = 0;
	}
}

/* What a machine sends to another one through a veth has no checksum yet. */
static int send_copy(struct target *t, struct frame *f)
{
	resize(f, f->size);
	return send_all(t, f);
}

static void add_number(struct frame *f, uint32_t more)
{
	uint32_t seq;

	memcpy(&seq, f->byte + payload_of(f) + 4, sizeof(seq));
	seq = htonl(ntohl(seq) + more);
	memcpy(f->byte + payload_of(f) + 4, &seq, sizeof(seq));
}

/* A number ahead of all, under an ICV that is another one's. */
static int send_ahead(struct target *t, struct frame *f)
{
	add_number(f, 100000);
	return send_all(t, f);
}

static int send_far(struct target *t, struct frame *f)
{
	add_number(f, 0x80000001);
	return send_all(t, f);
}

/* Just below what it was: to the receiver of 64-bit numbers almost 2^32 ahead. */
static int send_round(struct target *t, struct frame *f)
{
	add_number(f, 0xfffff000);
	return send_all(t, f);
}

static int send_flip(struct target *t, struct frame *f)
{
	f->byte[f->size - 1] ^= 1;
	resize(f, f->size);
	return send_all(t, f);
}

static int send_cut(struct target *t, struct frame *f)
{
	resize(f, payload_of(f) + (f->size - payload_of(f)) / 2);
	return send_all(t, f);
}

static int send_stub(struct target *t, struct frame *f)
{
	resize(f, payload_of(f) + 20);
	return send_all(t, f);
}

static int send_garbage(struct target *t, struct frame *f)
{
	for (size_t i = payload_of(f); i < f->size; i++)
		f->byte[i] = (uint8_t)random();
	resize(f, f->size);
	return send_all(t, f);
}

/* A sealed datagram's header with a counter that is new, and any content: of no key. */
static int send_forged(struct target *t, struct frame *f)
{
	f->byte[payload_of(f) + 20] += 1;
	for (size_t i = payload_of(f) + 32; i < f->size; i++)
		f->byte[i] = (uint8_t)random();
	resize(f, f->size);
	return send_all(t, f);
}

/* Of a boot that nobody has announced. */
static int send_boot(struct target *t, struct frame *f)
{
	f->byte[payload_of(f) + 8] ^= 0x55;
	resize(f, f->size);
	return send_all(t, f);
}

static int send_natt(struct target *t, struct frame *f)
{
	size_t at = payload_of(f);
	struct udphdr udp = { .source = htons(NATT_PORT), .dest = htons(NATT_PORT) };

	memmove(f->byte + at + sizeof(udp), f->byte + at, f->size - at);
	memcpy(f->byte + at, &udp, sizeof(udp));
	ip_of(f)->protocol = IPPROTO_UDP;
	resize(f, f->size + sizeof(udp));
	return send_all(t, f);
}

/* The bytes from begin to end of what follows the IP header, as a fragment; seq: added to a number in it. */
static int send_part(struct target *t, struct frame *whole, size_t begin, size_t end, uint32_t more)
{
	size_t at = ETH_HLEN + sizeof(struct iphdr), size = whole->size - at;
	struct frame f;

	end = end < size ? end : size;
	memcpy(f.byte, whole->byte, at);
	memcpy(f.byte + at, whole->byte + at + begin, end - begin);
	f.size = at + end - begin;
	ip_of(&f)->frag_off = htons((uint16_t)(begin / 8 | (end < size ? IP_MF : 0)));
	if (more)
		add_number(&f, more);
	resize(&f, f.size);
	return send_all(t, &f);
}

/* An id of its own: what was sent before may wait for its rest. */
static void new_id(struct frame *f)
{
	static uint16_t id = 1;

	ip_of(f)->id = htons(id++);
}

static int send_tiny(struct target *t, struct frame *f)
{
	new_id(f);
	return send_part(t, f, 0, TINY, 0) || send_part(t, f, TINY, SIZE_MAX, 0);
}

static int send_reverse(struct target *t, struct frame *f)
{
	new_id(f);
	return send_part(t, f, 64, SIZE_MAX, 0) || send_part(t, f, 0, 64, 0);
}

static int send_overlap(struct target *t, struct frame *f)
{
	new_id(f);
	return send_part(t, f, 0, 72, 0) || send_part(t, f, 64, SIZE_MAX, 0);
}

/* Two first parts, of which one has the number of another owner: the rest goes to whom? */
static int send_swap(struct target *t, struct frame *f)
{
	new_id(f);
	if (send_part(t, f, 0, 64, 1) || send_part(t, f, 0, 64, 0) || send_part(t, f, 64, SIZE_MAX, 0))
		return -1;
	new_id(f);
	return send_part(t, f, 0, 64, 0) || send_part(t, f, 0, 64, 1) || send_part(t, f, 64, SIZE_MAX, 0);
}

static const struct kind {
	const char *name;
	int (*send)(struct target *t, struct frame *f);
} kinds[] = {
	{ "copy", send_copy },	 { "ahead", send_ahead },     { "far", send_far },	 { "round", send_round },
	{ "flip", send_flip },	 { "cut", send_cut },	      { "stub", send_stub },	 { "garbage", send_garbage },
	{ "forged", send_forged }, { "boot", send_boot },     { "natt", send_natt },	 { "tiny", send_tiny },
	{ "reverse", send_reverse }, { "overlap", send_overlap }, { "swap", send_swap },
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static struct frame **frames;
static size_t count;

static int keep(const uint8_t *byte, size_t size)
{
	struct frame *f = count < FRAMES_MAX && size <= FRAME_MAX - 64 ? malloc(sizeof(size_t) + size + 64) : NULL;

	if (!f)
		return -1;
	f->size = size;
	memcpy(f->byte, byte, size);
	frames[count++] = f;
	return 0;
}

static void take(size_t i, struct frame *ret)
{
	ret->size = frames[i]->size;
	memcpy(ret->byte, frames[i]->byte, ret->size);
}

static int read_capture(const char *path)
{
	static uint8_t byte[65536];
	FILE *in = fopen(path, "rb");
	struct pcap_record r;
	uint32_t header[6];

	if (!in || fread(header, sizeof(header), 1, in) != 1 || header[0] != PCAP_MAGIC)
		return -1;
	while (fread(&r, sizeof(r), 1, in) == 1 && r.captured <= sizeof(byte) &&
	       fread(byte, 1, r.captured, in) == r.captured)
		if (r.captured >= ETH_HLEN && keep(byte, r.captured))
			return -1;
	fclose(in);
	return 0;
}

static int captured(int argc, char **argv)
{
	struct target t = {};
	long first = strtol(argv[3], NULL, 10), most = strtol(argv[4], NULL, 10), taken = 0;
	const struct kind *kind = NULL;

	for (size_t i = 0; i < KINDS; i++)
		if (!strcmp(kinds[i].name, argv[5]))
			kind = &kinds[i];
	if (!kind || target_open(&t, argv[2], argv + 6, argc - 6) || read_capture(argv[1]))
		return -1;
	if (first < 0)
		first = (long)count + first > 0 ? (long)count + first : 0;
	for (; first + taken < (long)count && taken < most; taken++) {
		struct frame f;

		take((size_t)(first + taken), &f);
		if (kind->send(&t, &f))
			return -1;
		usleep(PACE_US);
	}
	printf("%ld\n", taken);
	return 0;
}

static int live(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = end };
	static struct frame f;
	struct target t = {};
	struct sockaddr_ll from;

	sigaction(SIGTERM, &action, NULL);
	if (target_open(&t, argv[2], argv + 3, argc - 3))
		return -1;
	while (!ended) {
		socklen_t len = sizeof(from);
		ssize_t n = recvfrom(t.fd, f.byte, FRAME_MAX - 64, 0, (struct sockaddr *)&from, &len);

		if (n < ETH_HLEN || from.sll_pkttype == PACKET_OUTGOING || memcmp(f.byte, t.mac[0], ETH_ALEN))
			continue;
		f.size = (size_t)n;
		if (count < FRAMES_MAX && keep(f.byte, f.size))
			return -1;
		if (send_all(&t, &f))
			return -1;
		take((size_t)random() % count, &f);
		if (send_all(&t, &f))
			return -1;
	}
	printf("%lu\n", t.sent);
	return 0;
}

int main(int argc, char **argv)
{
	bool is_live = argc > 3 && !strcmp(argv[1], "live");

	frames = calloc(FRAMES_MAX, sizeof(*frames));
	errno = 0;
	if (frames && (is_live ? !live(argc, argv) : argc > 5 && !captured(argc, argv)))
		return 0;
	fprintf(stderr, "usage: attack CAPTURE DEVICE FIRST COUNT KIND [MAC...] | attack live DEVICE MAC... (%s)\n",
		strerror(errno));
	return 1;
}
