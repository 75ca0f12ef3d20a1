// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* ARP and neighbour discovery of the leader's agent: whole frames. */
#include <criterion/criterion.h>
#include <string.h>

#include <agent/frames.h>

static const struct esl_port port = {
	.cluster_addr = 0x0100010a,
	.cluster_addr6 = { { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 } },
	.cluster_mac = { 3, 0xbf, 10, 1, 0, 1 },
	.mac = { 2, 0, 0, 0, 0, 7 },
};

#define CLUSTER6 0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1
#define HOST6 0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9
#define HOST_MAC 2, 0, 0, 0, 0, 9
#define CLUSTER_MAC 3, 0xbf, 10, 1, 0, 1
#define OWN_MAC 2, 0, 0, 0, 0, 7

/* A sum of its own, not the agent's: all 16-bit words, in the order of the wire. */
static __u16 sum16(const __u8 *frame, size_t size)
{
	__u32 sum = 58 + (__u32)(size - 54);

	for (size_t i = 22; i < size; i++)
		sum += i % 2 ? frame[i] : (__u32)frame[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (__u16)sum;
}

static void set_sum(__u8 *frame, size_t size)
{
	__u16 sum;

	frame[56] = frame[57] = 0;
	sum = (__u16)~sum16(frame, size);
	frame[56] = (__u8)(sum >> 8);
	frame[57] = (__u8)sum;
}

Test(agent_frames, gratuitous_arp)
{
	static const __u8 want[] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, OWN_MAC, 8, 6,
				     0, 1, 8, 0, 6, 4, 0, 2,
				     CLUSTER_MAC, 10, 1, 0, 1,
				     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 10, 1, 0, 1 };
	struct arp_frame f;

	frame_arp(&port, ESL_ARP_REPLY, &f);
	cr_assert_eq(sizeof(f), sizeof(want));
	cr_assert(!memcmp(&f, want, sizeof(want)));
	frame_arp(&port, ESL_ARP_REQUEST, &f);
	cr_assert_eq(f.arp.operation, htons(1));
}

static void expect_advertisement(const struct nd_frame *f, const char *name, const __u8 *mac, const __u8 *to,
				 __u8 flags)
{
	__u8 want[86] = { 0, 0, 0, 0, 0, 0, OWN_MAC, 0x86, 0xdd,
			  0x60, 0, 0, 0, 0, 32, 58, 255, CLUSTER6,
			  [54] = 136, 0, 0, 0, flags, 0, 0, 0, CLUSTER6, 2, 1, CLUSTER_MAC };

	memcpy(want, mac, 6);
	memcpy(want + 38, to, 16);
	set_sum(want, sizeof(want));
	cr_assert_eq(sizeof(*f), sizeof(want));
	for (size_t i = 0; i < sizeof(want); i++)
		cr_expect_eq(((const __u8 *)f)[i], want[i], "%s: byte %zu is %#x, not %#x", name, i,
			     ((const __u8 *)f)[i], want[i]);
}

static const __u8 all_mac[] = { 0x33, 0x33, 0, 0, 0, 1 }, host_mac[] = { HOST_MAC };
static const __u8 all_nodes[16] = { 0xff, 2, [15] = 1 }, host[] = { HOST6 };

Test(agent_frames, advertisement)
{
	struct nd_frame f;

	frame_advertisement(&port, &f);
	expect_advertisement(&f, "unsolicited", all_mac, all_nodes, 0xa0);
}

/* A solicitation by the host for the cluster address, with its MAC as option. */
static const __u8 base[86] = { 0x33, 0x33, 0xff, 0, 0, 1, HOST_MAC, 0x86, 0xdd,
			       0x60, 0, 0, 0, 0, 32, 58, 255, HOST6,
			       0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0, 0, 1,
			       135, 0, 0, 0, 0, 0, 0, 0, CLUSTER6, 1, 1, HOST_MAC };

enum answer { NONE, SOLICITED, TO_ALL };

static const struct {
	const char *name;
	size_t size, payload;	/* of the frame, and as the header claims */
	struct {
		size_t at, count;
		__u8 byte[16];
	} set[3];
	bool bad_sum;
	enum answer answer;
} rows[] = {
	{ "with its MAC", 86, 32, {}, false, SOLICITED },
	{ "without options", 78, 24, {}, false, SOLICITED },
	{ "padded by the wire", 86, 24, {}, false, SOLICITED },
	{ "for an address by itself", 78, 24, { { 22, 16, {} } }, false, TO_ALL },
	{ "the same with a nonce", 86, 32, { { 22, 16, {} }, { 78, 2, { 14, 1 } } }, false, TO_ALL },
	{ "the same with its MAC", 86, 32, { { 22, 16, {} } }, false, NONE },
	{ "another option first", 94, 40, { { 78, 16, { 14, 1, 0, 0, 0, 0, 0, 0, 1, 1, HOST_MAC } } }, false,
	  SOLICITED },
	{ "a wrong checksum", 86, 32, {}, true, NONE },
	{ "from another link", 86, 32, { { 21, 1, { 254 } } }, false, NONE },
	{ "a code", 86, 32, { { 55, 1, { 1 } } }, false, NONE },
	{ "an advertisement", 86, 32, { { 54, 1, { 136 } } }, false, NONE },
	{ "for another address", 86, 32, { { 77, 1, { 2 } } }, false, NONE },
	{ "behind an extension header", 86, 32, { { 20, 1, { 0 } } }, false, NONE },
	{ "cut short", 77, 24, {}, false, NONE },
	{ "claims more than is there", 86, 40, {}, false, NONE },
	{ "claims less than a target", 78, 23, {}, false, NONE },
	{ "an option of length 0", 86, 32, { { 79, 1, { 0 } } }, false, NONE },
	{ "an option that ends behind", 86, 32, { { 79, 1, { 2 } } }, false, NONE },
	{ "half an option", 82, 28, {}, false, NONE },
	{ "from a group", 86, 32, { { 22, 2, { 0xff, 2 } } }, false, NONE },
	{ "says it is at a group", 86, 32, { { 80, 1, { 3 } } }, false, NONE },
	{ "says it is at the cluster MAC", 86, 32, { { 80, 6, { CLUSTER_MAC } } }, false, NONE },
	{ "not IPv6", 86, 32, { { 12, 2, { 8, 0 } } }, false, NONE },
};

Test(agent_frames, solicitations)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		__u8 frame[128] = {};
		struct nd_frame f;
		size_t icmp = 54 + rows[i].payload;

		memcpy(frame, base, sizeof(base));
		frame[19] = (__u8)rows[i].payload;
		for (int n = 0; n < 3; n++)
			memcpy(frame + rows[i].set[n].at, rows[i].set[n].byte, rows[i].set[n].count);
		set_sum(frame, icmp);
		frame[57] ^= rows[i].bad_sum;
		cr_expect_eq(frame_answer(&port, frame, rows[i].size, &f), rows[i].answer != NONE, "%s",
			     rows[i].name);
		if (rows[i].answer == SOLICITED)
			expect_advertisement(&f, rows[i].name, host_mac, host, 0xe0);
		if (rows[i].answer == TO_ALL)
			expect_advertisement(&f, rows[i].name, all_mac, all_nodes, 0xa0);
	}
}

Test(agent_frames, no_address)
{
	struct esl_port none = port;
	__u8 frame[86];
	struct nd_frame f;

	memset(&none.cluster_addr6, 0, sizeof(none.cluster_addr6));
	memcpy(frame, base, sizeof(base));
	memset(frame + 62, 0, 16);
	set_sum(frame, sizeof(frame));
	cr_expect(!frame_answer(&none, frame, sizeof(frame), &f));
}
