// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* ARP requests and neighbour solicitations become their own answers. */
#include <criterion/criterion.h>
#include <string.h>

#include <espalier/neighbour.h>

#include "rand.h"

#define CLUSTER_MAC "\x03\x00\x00\x00\x00\x01"
#define OWN_MAC "\x02\x00\x00\x00\x00\x05"
#define ASKER_MAC "\x02\xaa\xbb\xcc\xdd\xee"

#define CLUSTER6 "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1"
#define ASKER6 "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\1\x23"

static struct esl_port port_make(void)
{
	struct esl_port p = { .ifindex = 2, .answer = 1 };

	memcpy(&p.cluster_addr, "\x0a\0\0\1", 4);
	memcpy(&p.cluster_addr6, CLUSTER6, 16);
	memcpy(p.cluster_mac, CLUSTER_MAC, 6);
	memcpy(p.mac, OWN_MAC, 6);
	return p;
}

struct arp_frame {
	struct esl_eth eth;
	struct esl_arp arp;
};

static const char arp_request[] = "\xff\xff\xff\xff\xff\xff" ASKER_MAC "\x08\x06"
				  "\0\1\x08\0\6\4\0\1" ASKER_MAC "\x0a\0\1\x23"
				  "\0\0\0\0\0\0"
				  "\x0a\0\0\1";
static const char arp_reply[] = ASKER_MAC OWN_MAC "\x08\x06"
				"\0\1\x08\0\6\4\0\2" CLUSTER_MAC "\x0a\0\0\1" ASKER_MAC "\x0a\0\1\x23";

Test(neighbour, arp)
{
	struct esl_port port = port_make();
	struct arp_frame f;

	cr_assert_eq(sizeof(f), sizeof(arp_request) - 1);
	memcpy(&f, arp_request, sizeof(f));
	cr_expect(esl_arp_answer(&port, &f.eth, &f.arp));
	cr_expect_arr_eq(&f, arp_reply, sizeof(f));
}

struct change_row {
	const char *name;
	size_t at, len;
	const char *bytes;
};

/* A probe (RFC 5227) and a request on the cluster MAC are answered too. */
Test(neighbour, arp_as_well)
{
	static const struct change_row rows[] = {
		{ "probe without a source", 28, 4, "\0\0\0\0" },
		{ "to the cluster MAC", 0, 6, CLUSTER_MAC },
		{ "announcement of the cluster address by another", 28, 4, "\x0a\0\0\1" },
	};
	struct esl_port port = port_make();

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char want[sizeof(arp_reply)];
		struct arp_frame f;

		memcpy(&f, arp_request, sizeof(f));
		memcpy((char *)&f + rows[i].at, rows[i].bytes, rows[i].len);
		memcpy(want, arp_reply, sizeof(want));
		memcpy(want + 38, &f.arp.spa, 4);
		cr_expect(esl_arp_answer(&port, &f.eth, &f.arp), "%s", rows[i].name);
		cr_expect_arr_eq(&f, want, sizeof(f), "%s", rows[i].name);
	}
}

Test(neighbour, arp_refused)
{
	static const struct change_row rows[] = {
		{ "hardware", 14, 2, "\0\6" },
		{ "protocol", 16, 2, "\x86\xdd" },
		{ "hardware length", 18, 1, "\x08" },
		{ "protocol length", 19, 1, "\x10" },
		{ "reply", 20, 2, "\0\2" },
		{ "no operation", 20, 2, "\0\0" },
		{ "another address", 38, 4, "\x0a\0\0\2" },
		{ "no address", 38, 4, "\0\0\0\0" },
		{ "asked by a group MAC", 22, 6, "\xff\xff\xff\xff\xff\xff" },
		{ "asked by a multicast MAC", 22, 1, "\x01" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct esl_port port = port_make();
		struct arp_frame f, before;

		memcpy(&f, arp_request, sizeof(f));
		memcpy((char *)&f + rows[i].at, rows[i].bytes, rows[i].len);
		before = f;
		cr_expect(!esl_arp_answer(&port, &f.eth, &f.arp), "%s", rows[i].name);
		cr_expect_arr_eq(&f, &before, sizeof(f), "%s", rows[i].name);
	}
}

/* With a unicast cluster MAC its own announcement, flooded back, asks too. */
Test(neighbour, arp_own_announcement)
{
	struct esl_port port = port_make();
	struct arp_frame f, before;

	port.cluster_mac[0] = 2;
	memcpy(&f, arp_request, sizeof(f));
	memcpy(f.arp.sha, port.cluster_mac, ESL_MAC_LEN);
	before = f;
	cr_expect(!esl_arp_answer(&port, &f.eth, &f.arp));
	cr_expect_arr_eq(&f, &before, sizeof(f));
}

Test(neighbour, arp_without_cluster_address)
{
	struct esl_port port = port_make();
	struct arp_frame f;

	port.cluster_addr = 0;
	memcpy(&f, arp_request, sizeof(f));
	cr_expect(!esl_arp_answer(&port, &f.eth, &f.arp));
	f.arp.tpa = 0;
	cr_expect(!esl_arp_answer(&port, &f.eth, &f.arp));
}

struct nd_frame {
	__u8 byte[ESL_ETH_LEN + sizeof(struct esl_ipv6) + sizeof(struct esl_nd)];
};

static struct esl_ipv6 *ip_of(struct nd_frame *f)
{
	return (void *)(f->byte + ESL_ETH_LEN);
}

static struct esl_nd *nd_of(struct nd_frame *f)
{
	return (void *)(ip_of(f) + 1);
}

static void answer(const struct esl_port *port, struct nd_frame *f)
{
	esl_nd_answer(port, (void *)f->byte, ip_of(f), nd_of(f));
}

static bool answerable(const struct esl_port *port, struct nd_frame *f)
{
	return esl_nd_answerable(port, ip_of(f), nd_of(f));
}

/* To the solicited-node group of the target. put_check() fills the checksums. */
static const char solicitation[] = "\x33\x33\xff\0\0\1" ASKER_MAC "\x86\xdd"
				   "\x60\0\0\0\0\x20\x3a\xff" ASKER6
				   "\xff\2\0\0\0\0\0\0\0\0\0\1\xff\0\0\1"
				   "\x87\0\0\0\0\0\0\0" CLUSTER6 "\1\1" ASKER_MAC;
static const char advertisement[] = ASKER_MAC OWN_MAC "\x86\xdd"
				    "\x60\0\0\0\0\x20\x3a\xff" CLUSTER6 ASKER6
				    "\x88\0\0\0\xe0\0\0\0" CLUSTER6 "\2\1" CLUSTER_MAC;
#define CHECK_AT 56

/* RFC 1071 over the pseudo-header of RFC 8200 section 8.1 and the message, byte
 * by byte: 0xffff where the checksum in it is right. */
static __u16 ones_sum(const void *frame)
{
	const __u8 *b = frame;
	__u32 sum = 32 + 58;

	for (int i = 22; i < 86; i += 2)
		sum += (__u32)b[i] << 8 | b[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (__u16)sum;
}

static void put_check(struct nd_frame *f)
{
	__u8 *b = (__u8 *)f;
	__u16 sum;

	memset(b + CHECK_AT, 0, 2);
	sum = (__u16)~ones_sum(f);
	b[CHECK_AT] = (__u8)(sum >> 8);
	b[CHECK_AT + 1] = (__u8)sum;
}

Test(neighbour, solicitation)
{
	struct esl_port port = port_make();
	struct nd_frame f, want;

	cr_assert_eq(sizeof(f), sizeof(solicitation) - 1);
	memcpy(&f, solicitation, sizeof(f));
	put_check(&f);
	memcpy(&want, advertisement, sizeof(want));
	put_check(&want);
	cr_assert(answerable(&port, &f));
	answer(&port, &f);
	cr_expect_arr_eq(&f, &want, sizeof(f));
	cr_expect_eq(ones_sum(&f), 0xffff);
}

/* Whatever the addresses, the checksum is right and a wrong one is noticed. */
Test(neighbour, checksums)
{
	struct esl_port port = port_make();
	__u64 state = 31;

	for (int i = 0; i < 100000; i++) {
		struct nd_frame f;

		memcpy(&f, solicitation, sizeof(f));
		memcpy(&ip_of(&f)->saddr.byte[8], &(__u64){ rand64(&state) }, 8);
		memcpy(&nd_of(&f)->mac[1], &(__u64){ rand64(&state) }, 5);
		for (int j = 0; j < 16; j += 8)
			memcpy(&port.cluster_addr6.byte[j], &(__u64){ rand64(&state) }, 8);
		nd_of(&f)->target = port.cluster_addr6;
		put_check(&f);
		cr_assert(answerable(&port, &f), "%d", i);
		nd_of(&f)->check ^= htons((__u16)(1 << i % 16));
		cr_assert(!answerable(&port, &f), "%d", i);
		nd_of(&f)->check ^= htons((__u16)(1 << i % 16));
		answer(&port, &f);
		cr_assert_eq(ones_sum(&f), 0xffff, "%d", i);
	}
}

Test(neighbour, solicitation_refused)
{
	static const struct change_row rows[] = {
		{ "payload length", 18, 2, "\0\x28" },
		{ "next header", 20, 1, "\0" },
		{ "hop limit", 21, 1, "\xfe" },
		{ "duplicate address detection", 22, 16, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0" },
		{ "from a group", 22, 1, "\xff" },
		{ "advertisement", 54, 1, "\x88" },
		{ "code", 55, 1, "\1" },
		{ "another target", 77, 1, "\2" },
		{ "another target, first byte", 62, 1, "\xfe" },
		{ "another option", 78, 1, "\2" },
		{ "no option", 78, 1, "\0" },
		{ "a longer option", 79, 1, "\2" },
		{ "an option of no length", 79, 1, "\0" },
		{ "a group MAC", 80, 1, "\3" },
	};
	struct esl_port port = port_make();

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct nd_frame f;

		memcpy(&f, solicitation, sizeof(f));
		memcpy((char *)&f + rows[i].at, rows[i].bytes, rows[i].len);
		put_check(&f);
		cr_expect(!answerable(&port, &f), "%s", rows[i].name);
	}
}

Test(neighbour, solicitation_without_cluster_address)
{
	struct esl_port port = port_make();
	struct nd_frame f;

	memset(&port.cluster_addr6, 0, 16);
	memcpy(&f, solicitation, sizeof(f));
	memset(&nd_of(&f)->target, 0, 16);
	put_check(&f);
	cr_expect(!answerable(&port, &f));
}
