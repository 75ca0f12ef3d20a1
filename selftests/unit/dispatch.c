// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Dispatch: one owner for each packet (I3), and each member its share. */
#include <criterion/criterion.h>
#include <string.h>

#include <espalier/decide.h>

#include "packets.h"
#include "rand.h"

#define PACKETS 1200000
#define MEMBERS 8

static __u32 random_packet(__u64 *state, __u8 *packet)
{
	static const __u8 protocols[] = { ESL_IPPROTO_ESP, ESL_IPPROTO_AH, ESL_IPPROTO_UDP, ESL_IPPROTO_TCP,
					  ESL_IPPROTO_ICMP, 47, 253, ESL_IPPROTO_ESP };
	static const __u16 ports[] = { 500, ESL_PORT_NATT, 53, 4242 };
	static const __u16 frags[] = { 0, 0, 0x4000, 0, ESL_IP_MF, ESL_IP_MF | 100, 185, 1 };
	__u8 l4[64];
	struct ip_spec s = {
		.protocol = protocols[rand_below(state, 8)],
		.frag = frags[rand_below(state, 8)],
		.id = (__u16)rand64(state),
		.ihl = (__u8)(5 + (rand_below(state, 8) == 0)),
		.saddr = (__u32)rand64(state),
		.l4 = l4,
		.l4_len = (__u16)(8 + rand_below(state, 56)),
	};
	__u32 kind = rand_below(state, 4);

	for (__u32 i = 0; i < sizeof(l4); i += 8)
		memcpy(l4 + i, &(__u64){ rand64(state) }, 8);
	if (s.protocol == ESL_IPPROTO_UDP) {
		__u16 port = htons(ports[rand_below(state, 4)]);

		memcpy(l4 + 2, &port, 2);
		if (rand64(state) & 1)
			memset(l4 + 8, 0, 4);
	}
	if (s.protocol == ESL_IPPROTO_ICMP)
		l4[0] = (__u8)rand_below(state, 16);
	s.daddr = kind == 0 ? CLUSTER_IN : kind == 1 ? CLUSTER_OUT : (__u32)rand64(state);
	return ip_build(packet, &s);
}

/* How many of the members must take a packet for which this one says so. */
static int takers(int reason, int members)
{
	switch (reason) {
	case ESL_OWNED_ESP:
	case ESL_FOREIGN_ESP:
	case ESL_OWNED_PLAIN:
	case ESL_FOREIGN_PLAIN:
	case ESL_LOCAL_LEADER:
	case ESL_LOCAL_OTHER:
		return 1;
	/* Every member learns a path MTU; later fragments follow their first. */
	case ESL_ICMP_ERROR:
	case ESL_OWNED_FRAGMENT:
		return members;
	case ESL_WRONG_SIDE:
	case ESL_UNSUPPORTED:
		return 0;
	}
	return -1;
}

static bool takes(int reason)
{
	return reason == ESL_OWNED_ESP || reason == ESL_OWNED_PLAIN || reason == ESL_LOCAL_LEADER ||
	       reason == ESL_ICMP_ERROR || reason == ESL_OWNED_FRAGMENT;
}

Test(dispatch, exactly_one_owner)
{
	__u64 seen[ESL_REASON_COUNT] = {};
	__u64 state = 4;

	for (int i = 0; i < PACKETS; i++) {
		int members = 1 + i % MEMBERS, inside = i / MEMBERS % 2, taken = 0, want = -1;
		__u8 packet[IP_MAX];
		struct esl_packet p = {};
		__u32 len = random_packet(&state, packet);

		cr_assert_eq(esl_parse_ipv4(packet, packet + len, &p), 0, "packet %d", i);
		for (int m = 0; m < members; m++) {
			int reason = decide_for(&p, m, members, inside);

			seen[reason]++;
			taken += takes(reason);
			cr_assert(m == 0 || takers(reason, members) == want, "packet %d: members differ", i);
			want = takers(reason, members);
			cr_assert(want >= 0, "packet %d: reason %d", i, reason);
		}
		cr_assert_eq(taken, want, "packet %d of %d members: %d take it", i, members, taken);
	}
	/* The generator must reach all of the decision. */
	cr_assert(seen[ESL_OWNED_ESP] && seen[ESL_FOREIGN_ESP] && seen[ESL_OWNED_PLAIN] && seen[ESL_FOREIGN_PLAIN] &&
		  seen[ESL_LOCAL_LEADER] && seen[ESL_LOCAL_OTHER] && seen[ESL_ICMP_ERROR] &&
		  seen[ESL_OWNED_FRAGMENT] && seen[ESL_WRONG_SIDE] && seen[ESL_UNSUPPORTED]);
}

static __u32 slot_under(const struct esl_hash_key *key, const struct ip_spec *s)
{
	struct esl_packet p = {};
	__u8 packet[IP_MAX];
	__u32 len = ip_build(packet, s);

	cr_assert_eq(esl_parse_ipv4(packet, packet + len, &p), 0);
	return esl_slot_plain(key, &p);
}

static __u32 slot_of(const struct ip_spec *s)
{
	return slot_under(&test_key, s);
}

Test(dispatch, all_fragments_of_a_packet_in_one_slot)
{
	__u64 state = 5;

	for (int i = 0; i < 100000; i++) {
		struct ip_spec s = { .protocol = i & 1 ? ESL_IPPROTO_UDP : ESL_IPPROTO_TCP, .l4_len = 40,
				     .saddr = (__u32)rand64(&state), .daddr = 1 + (__u32)(rand64(&state) >> 33),
				     .id = (__u16)rand64(&state), .frag = ESL_IP_MF };
		__u32 first = slot_of(&s);

		s.frag = ESL_IP_MF | 185;
		s.l4_len = (__u16)rand_below(&state, 100);
		cr_assert_eq(slot_of(&s), first);
		s.frag = 370;
		s.l4_len = (__u16)rand_below(&state, 8);
		cr_assert_eq(slot_of(&s), first);
	}
}

enum change { CHANGE_ID, CHANGE_TCP_SEQ, CHANGE_TCP_ACK, CHANGE_UDP_CHECK, CHANGE_UDP_PAYLOAD, CHANGE_ICMP_SEQ };

static void change(struct ip_spec *s, __u8 *l4, enum change what, __u32 n)
{
	static const __u8 at[] = { [CHANGE_TCP_SEQ] = 4, [CHANGE_TCP_ACK] = 8, [CHANGE_UDP_CHECK] = 6,
				   [CHANGE_UDP_PAYLOAD] = 8, [CHANGE_ICMP_SEQ] = 6 };
	__u16 half = htons((__u16)n);
	__u32 word = htonl(what == CHANGE_UDP_PAYLOAD ? n : n * 1448);

	if (what == CHANGE_ID)
		s->id = (__u16)n;
	else if (what == CHANGE_UDP_CHECK || what == CHANGE_ICMP_SEQ)
		memcpy(l4 + at[what], &half, 2);
	else
		memcpy(l4 + at[what], &word, 4);
}

/* Chi-squared over 256 slots has mean 255 and deviation 22.6: 400 is chance
 * once in 10^9, a constant byte or a stride is far beyond. */
static double chi_squared(const __u32 *slots, __u32 packets)
{
	double expected = packets / (double)ESL_SLOTS, sum = 0;

	for (int i = 0; i < ESL_SLOTS; i++)
		sum += (slots[i] - expected) * (slots[i] - expected) / expected;
	return sum;
}

Test(dispatch, one_flow_fills_all_slots)
{
	static const struct {
		const char *name;
		enum change what;
		__u8 protocol;
		__u16 l4_len;
	} rows[] = {
		{ "IP id counts, UDP of 8 bytes", CHANGE_ID, ESL_IPPROTO_UDP, 8 },
		{ "IP id counts, UDP of 64 bytes", CHANGE_ID, ESL_IPPROTO_UDP, 64 },
		{ "constant IP id, TCP data: sequence number", CHANGE_TCP_SEQ, ESL_IPPROTO_TCP, 64 },
		{ "constant IP id, TCP without data: sequence number", CHANGE_TCP_SEQ, ESL_IPPROTO_TCP, 20 },
		{ "constant IP id, TCP acknowledgements", CHANGE_TCP_ACK, ESL_IPPROTO_TCP, 20 },
		{ "constant IP id, TCP acknowledgements with options", CHANGE_TCP_ACK, ESL_IPPROTO_TCP, 32 },
		{ "constant IP id, UDP checksum alone", CHANGE_UDP_CHECK, ESL_IPPROTO_UDP, 64 },
		{ "constant IP id, UDP of 8 bytes, checksum alone", CHANGE_UDP_CHECK, ESL_IPPROTO_UDP, 8 },
		{ "constant IP id, UDP payload", CHANGE_UDP_PAYLOAD, ESL_IPPROTO_UDP, 64 },
		{ "constant IP id, ICMP echo", CHANGE_ICMP_SEQ, ESL_IPPROTO_ICMP, 64 },
		{ "constant IP id, ICMP echo of 8 bytes", CHANGE_ICMP_SEQ, ESL_IPPROTO_ICMP, 8 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		__u32 slots[ESL_SLOTS] = {}, share[MEMBERS + 1][MEMBERS] = {}, packets = 1 << 16;
		__u8 l4[64] = { 0x10, 0x92, 0x13, 0x89 };
		struct ip_spec s = { .protocol = rows[i].protocol, .saddr = 0x0a000005, .daddr = 0x0a090007,
				     .l4 = l4, .l4_len = rows[i].l4_len };

		for (__u32 n = 0; n < packets; n++) {
			__u32 slot;

			change(&s, l4, rows[i].what, n);
			slot = slot_of(&s);
			slots[slot]++;
			for (int m = 1; m <= MEMBERS; m++)
				share[m][slot % m]++;
		}
		cr_expect(chi_squared(slots, packets) < 400, "%s: chi squared %.0f", rows[i].name,
			  chi_squared(slots, packets));
		for (int m = 2; m <= MEMBERS; m++)
			for (int j = 0; j < m; j++)
				cr_expect(share[m][j] > packets / m * 0.93 && share[m][j] < packets / m * 1.07,
					  "%s: member %d of %d has %u of %u", rows[i].name, j, m, share[m][j], packets);
	}
}

/* The short way gives the reason of the long one or none, and it gives one for
 * every foreign packet that has all the words of the hash. */
Test(dispatch, short_way_agrees)
{
	__u64 state = 9, taken[2] = {}, left = 0;

	for (int i = 0; i < PACKETS; i++) {
		__u8 frame[ESL_ETH_LEN + IP_MAX] = { [12] = 8 }, *packet = frame + ESL_ETH_LEN;
		__u32 members = 1 + i % MEMBERS, role = i / MEMBERS % 2, len = random_packet(&state, packet);
		const struct esl_config *c = config_for(rand_below(&state, members), members);
		struct esl_packet p = {};
		bool common;
		int near, far;

		if (i % 5 == 0)
			len = rand_below(&state, len);
		near = esl_decide_foreign(c, &c->port[role], frame, packet + len);
		far = esl_parse_ipv4(packet, packet + len, &p);
		if (!far)
			far = esl_decide_cluster(c, role, &p);
		cr_assert(!near || near == far, "packet %d: reason %d, and %d by the short way", i, far, near);
		common = len >= 20 + ESL_L4_BYTES && packet[0] == 0x45 &&
			 p.tot_len >= 20 + ESL_L4_BYTES && !p.fragment &&
			 (far == ESL_FOREIGN_ESP || far == ESL_FOREIGN_PLAIN);
		cr_assert_eq(!!near, common, "packet %d: reason %d went the %s way", i, far, near ? "short" : "long");
		taken[near == ESL_FOREIGN_ESP] += !!near;
		left += !near;
	}
	cr_assert(taken[0] > 1000 && taken[1] > 1000 && left > 1000, "%llu plain, %llu ESP, %llu left",
		  taken[0], taken[1], left);
}

/* Another MAC, another type, an owner that is nobody. */
Test(dispatch, short_way_leaves)
{
	struct esl_config c = *config_for(0, 2);
	__u8 frame[ESL_ETH_LEN + IP_MAX] = { [12] = 8 };
	struct ip_spec s = { .protocol = ESL_IPPROTO_TCP, .daddr = 0x0a090007, .l4_len = 40 };
	const __u8 *end = frame + ESL_ETH_LEN + ip_build(frame + ESL_ETH_LEN, &s);
	const struct esl_port *port = &c.port[ESL_OUTSIDE];

	esl_slots_fill(&c.slots[0], (const __u8[]){ 1 }, 1);
	cr_expect_eq(esl_decide_foreign(&c, port, frame, end), ESL_FOREIGN_PLAIN);
	for (int i = 0; i < ESL_MAC_LEN; i++) {
		frame[i] ^= 1;
		cr_expect_eq(esl_decide_foreign(&c, port, frame, end), 0, "byte %d of the MAC", i);
		frame[i] ^= 1;
	}
	frame[13] = 6;
	cr_expect_eq(esl_decide_foreign(&c, port, frame, end), 0, "ethertype");
	frame[13] = 0;
	esl_slots_fill(&c.slots[0], NULL, 0);
	cr_expect_eq(esl_decide_foreign(&c, port, frame, end), 0, "nobody's slot");
	esl_slots_fill(&c.slots[1], (const __u8[]){ 1 }, 1);
	c.table = 1;
	cr_expect_eq(esl_decide_foreign(&c, port, frame, end), ESL_FOREIGN_PLAIN, "the other table");
}

Test(dispatch, esp_goes_round)
{
	__u64 state = 6;

	for (int i = 0; i < 200; i++) {
		__u32 spi = (__u32)rand64(&state), seq = i % 2 ? 0xffffff00u : (__u32)rand64(&state);
		__be32 daddr = (__be32)rand64(&state);
		__u32 shift = i % 5, slot = esl_slot_esp(&test_key, spi, daddr, seq, shift);

		for (int n = 0; n < 1000; n++) {
			__u32 next = esl_slot_esp(&test_key, spi, daddr, ++seq, shift);
			bool turn = !(seq & ((1u << shift) - 1));

			cr_assert_eq(next, (slot + turn) % ESL_SLOTS, "number %u, burst %u", seq, 1 << shift);
			slot = next;
		}
	}
}

/* Different SAs do not start at the same member. */
Test(dispatch, esp_starts_are_spread)
{
	__u32 by_spi[ESL_SLOTS] = {}, by_peer[ESL_SLOTS] = {};

	for (__u32 i = 0; i < 1 << 16; i++) {
		by_spi[esl_slot_esp(&test_key, 0xc0000000 + i, 0x0100007f, 1, 0)]++;
		by_peer[esl_slot_esp(&test_key, 0xc0000000, i << 8, 1, 0)]++;
	}
	cr_expect(chi_squared(by_spi, 1 << 16) < 400, "by SPI: %.0f", chi_squared(by_spi, 1 << 16));
	cr_expect(chi_squared(by_peer, 1 << 16) < 400, "by address: %.0f", chi_squared(by_peer, 1 << 16));
}

static int decision(const __u8 *packet, __u32 frame_len)
{
	struct esl_packet p = {};
	int reason = esl_parse_ipv4(packet, packet + frame_len, &p);

	return reason ? reason : decide_for(&p, 3, MEMBERS, 0);
}

/* What routers change, and what stands behind the packet, chooses nothing. */
Test(dispatch, hop_fields_and_padding_do_not_matter)
{
	__u64 state = 7;

	for (int i = 0; i < 300000; i++) {
		__u8 packet[IP_MAX], changed[IP_MAX];
		__u32 len = random_packet(&state, packet), pad = rand_below(&state, 64);
		int before = decision(packet, len);

		memcpy(changed, packet, len);
		changed[1] = (__u8)rand64(&state);	/* TOS */
		changed[8] = (__u8)rand64(&state);	/* TTL */
		changed[10] = (__u8)rand64(&state);	/* checksum */
		changed[11] = (__u8)rand64(&state);
		for (__u32 j = 0; j < pad; j++)
			changed[len + j] = (__u8)rand64(&state);
		cr_assert_eq(decision(changed, len + pad), before, "packet %d, %u bytes of padding", i, pad);
	}
}

/* Padding of the shortest packets lies where the hash would look. */
Test(dispatch, padding_of_short_packets)
{
	__u64 state = 8;

	for (__u16 l4_len = 0; l4_len <= 28; l4_len++) {
		for (int i = 0; i < 1000; i++) {
			struct ip_spec s = { .protocol = ESL_IPPROTO_UDP, .daddr = 0x0a090007, .l4_len = l4_len };
			__u8 packet[IP_MAX];
			__u32 len = ip_build(packet, &s);
			int before = decision(packet, len);

			for (int j = 0; j < 46; j++)
				packet[len + j] = (__u8)rand64(&state);
			cr_assert_eq(decision(packet, len + 46), before, "transport part of %u bytes", l4_len);
		}
	}
}

Test(dispatch, slot_table)
{
	static const __u8 ids[] = { 7, 3, 63 };
	struct esl_slot_table t;

	esl_slots_fill(&t, ids, 3);
	for (int i = 0; i < ESL_SLOTS; i++)
		cr_assert_eq(t.member[i], ids[i % 3]);
	esl_slots_fill(&t, ids, 0);
	for (int i = 0; i < ESL_SLOTS; i++)
		cr_assert_eq(t.member[i], ESL_NO_MEMBER);
}
