// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The parser on packets that lie: every length, every claim.  The packet
 * stands at the end of a page, and the next page may not be read: one byte
 * too far and the test crashes.
 */
#include <criterion/criterion.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <espalier/decide.h>

#include "packets.h"
#include "rand.h"

struct cliff {
	__u8 *page;
	__u8 *end;
};

static struct cliff cliff_make(void)
{
	long size = sysconf(_SC_PAGESIZE);
	struct cliff c = { .page = mmap(NULL, 2 * size, PROT_READ | PROT_WRITE,
					MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) };

	cr_assert_neq(c.page, MAP_FAILED);
	c.end = c.page + size;
	cr_assert_eq(mprotect(c.end, size, PROT_NONE), 0);
	return c;
}

/* Parse and decide len bytes that end at the cliff. */
static int parse_at_cliff(const struct cliff *c, const void *packet, size_t len, struct esl_packet *p)
{
	__u8 *l3 = c->end - len;
	int reason;

	memcpy(l3, packet, len);
	memset(p, 0, sizeof(*p));
	reason = esl_parse_ipv4(l3, c->end, p);
	if (!reason) {
		esl_frame_complete(l3, c->end, p);
		reason = decide_for(p, 0, 2, 0) < 0 ? -1 : 0;
	}
	return reason;
}

struct parse_row {
	const char *name;
	struct ip_spec in;
	int reason;
};

#define ESP .protocol = ESL_IPPROTO_ESP, .l4_len = 8

static const struct parse_row rows[] = {
	{ "ESP", { ESP }, 0 },
	{ "version 0", { ESP, .version = 16 }, ESL_BAD_IP },
	{ "version 5", { ESP, .version = 5 }, ESL_BAD_IP },
	{ "version 6", { ESP, .version = 6 }, ESL_BAD_IP },
	{ "ihl 0", { ESP, .ihl = 16 }, ESL_BAD_IP },
	{ "ihl 4", { ESP, .ihl = 4 }, ESL_BAD_IP },
	{ "ihl 5", { ESP, .ihl = 5 }, 0 },
	{ "ihl 6 with options", { ESP, .ihl = 6 }, 0 },
	{ "ihl 15 with options", { ESP, .ihl = 15 }, 0 },
	{ "total length 19", { ESP, .tot_len = 19 }, ESL_BAD_IP },
	{ "total length 59 with ihl 15", { ESP, .ihl = 15, .tot_len = 59 }, ESL_BAD_IP },
	{ "total length 60 with ihl 15, no protocol", { .protocol = 253, .ihl = 15, .tot_len = 60 }, 0 },
	{ "total length of the header alone", { .protocol = 253, .tot_len = 20, .l4_len = 8 }, 0 },
	{ "total length beyond the frame", { .protocol = 253, .tot_len = 0xffff }, 0 },
	{ "later fragment with no transport part", { .protocol = ESL_IPPROTO_ESP, .frag = 1 }, 0 },
	{ "later fragment with MF", { .protocol = ESL_IPPROTO_ESP, .frag = ESL_IP_MF | 1 }, 0 },
	{ "first fragment", { ESP, .frag = ESL_IP_MF }, 0 },
	{ "DF is no fragment", { ESP, .frag = 0x4000 }, 0 },
	{ "largest offset", { .protocol = ESL_IPPROTO_UDP, .frag = ESL_IP_OFFSET }, 0 },
	{ "TCP without a header", { .protocol = ESL_IPPROTO_TCP }, 0 },
	{ "UDP of 3 bytes", { .protocol = ESL_IPPROTO_UDP, .l4_len = 3 }, 0 },
	{ "ICMP of 3 bytes", { .protocol = ESL_IPPROTO_ICMP, .l4_len = 3 }, 0 },
};

Test(parse, rows)
{
	struct cliff c = cliff_make();

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct esl_packet p;
		__u8 packet[IP_MAX];
		__u32 len = ip_build(packet, &rows[i].in);

		cr_expect_eq(parse_at_cliff(&c, packet, len, &p), rows[i].reason, "%s", rows[i].name);
	}
}

/* Each packet of the table cut at every byte. */
Test(parse, cut_at_every_byte)
{
	struct cliff c = cliff_make();

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		__u8 packet[IP_MAX];
		__u32 len = ip_build(packet, &rows[i].in);

		for (__u32 cut = 0; cut < len; cut++) {
			struct esl_packet p;
			int reason = parse_at_cliff(&c, packet, cut, &p);

			if (cut < 20)
				cr_expect_eq(reason, ESL_SHORT_FRAME, "%s cut at %u", rows[i].name, cut);
			else if (rows[i].reason == ESL_BAD_IP)
				cr_expect_eq(reason, ESL_BAD_IP, "%s cut at %u", rows[i].name, cut);
		}
	}
}

Test(parse, frame_holds_what_it_claims)
{
	struct ip_spec s = { ESP };
	__u8 packet[IP_MAX] = {};
	struct esl_packet p = {};

	for (__u16 tot_len = 28; tot_len < 40; tot_len++) {
		s.tot_len = tot_len;
		ip_build(packet, &s);
		cr_assert_eq(esl_parse_ipv4(packet, packet + 34, &p), 0);
		cr_expect_eq(esl_frame_complete(packet, packet + 34, &p), tot_len <= 34, "total length %u", tot_len);
	}
}

/* Random bytes with a header that is almost one, at every length. */
Test(parse, garbage_never_reads_past_the_end)
{
	struct cliff c = cliff_make();
	__u64 state = 3;

	for (int i = 0; i < 1000000; i++) {
		__u8 packet[96];
		__u32 len = rand_below(&state, sizeof(packet) + 1);
		struct esl_packet p;

		for (__u32 j = 0; j < sizeof(packet); j += 8)
			memcpy(packet + j, &(__u64){ rand64(&state) }, 8);
		packet[0] = (__u8)(0x40 | rand_below(&state, 16));
		if (i & 1)
			packet[2] = 0;
		if (i & 2)
			packet[6] = packet[7] = 0;
		packet[9] = "\x01\x06\x11\x32\x33"[rand_below(&state, 5)];
		parse_at_cliff(&c, packet, len, &p);
	}
}
