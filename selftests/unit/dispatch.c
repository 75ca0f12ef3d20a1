// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The hashes: what chooses an owner, what does not, and how evenly. */
#include <criterion/criterion.h>
#include <string.h>

#include "packets.h"
#include "rand.h"
#include "selftests/dispatch/member.h"

#define MEMBERS 8

static struct esl_packet parsed(struct packet *p, const struct packet_spec *s)
{
	struct esl_packet r;

	packet_build(p, s);
	cr_assert_eq(packet_read(p->byte, p->len, &r), 0);
	return r;
}

static __u64 packet_hash(const struct packet_spec *s)
{
	struct packet p;
	struct esl_packet r = parsed(&p, s);

	return esl_hash_packet(&member_key, &r);
}

static __u64 flow_hash(const struct packet_spec *s)
{
	struct packet p;
	struct esl_packet r = parsed(&p, s);

	return esl_hash_flow(&member_key, &r);
}

/* Of fragments, all get the slot and the session of the first. */
Test(dispatch, all_fragments_of_a_packet_alike)
{
	__u64 state = 5;

	for (int i = 0; i < 100000; i++) {
		struct packet_spec s = { .protocol = i & 1 ? ESL_IPPROTO_UDP : ESL_IPPROTO_TCP, .payload = 40,
					 .saddr = (__u32)rand64(&state), .daddr = REMOTE + (__u32)i,
					 .id = (__u32)rand64(&state), .family = i & 2 ? 6 : 4, .chain = "HF" };
		bool v6 = s.family == 6;
		__u64 first, session;

		s.frag = v6 ? ESL_IPV6_MF : ESL_IP_MF;
		first = packet_hash(&s);
		session = flow_hash(&s);
		s.frag = v6 ? 1480 | ESL_IPV6_MF : 185 | ESL_IP_MF;
		s.payload = (__u16)rand_below(&state, 100);
		cr_assert(packet_hash(&s) == first && flow_hash(&s) == session, "packet %d", i);
		s.frag = v6 ? 2960 : 370;
		s.payload = (__u16)rand_below(&state, 8);
		/* In IPv6 the protocol in later fragments is what their sender likes. */
		s.protocol = v6 ? (__u8)(61 + i % 64) : s.protocol;
		cr_assert(packet_hash(&s) == first && flow_hash(&s) == session, "packet %d", i);
	}
}

static const struct packet_spec tcp = { .protocol = ESL_IPPROTO_TCP, .sport = 4242, .dport = 5001,
					.daddr = REMOTE, .payload = 24, .id = 1 };

struct field_row {
	const char *name;
	struct packet_spec spec;	/* what differs from tcp */
	bool packet, flow;		/* does it change the hash? */
};

#define TCP .protocol = ESL_IPPROTO_TCP, .sport = 4242, .dport = 5001, .daddr = REMOTE, .payload = 24, .id = 1

static void check_fields(const struct field_row *rows, size_t count, __u8 family)
{
	struct packet_spec same = tcp;

	same.family = family;
	for (size_t i = 0; i < count; i++) {
		struct packet_spec s = rows[i].spec;

		s.family = family;
		cr_expect_eq(packet_hash(&s) != packet_hash(&same), rows[i].packet, "%s, IPv%d, packet", rows[i].name,
			     family);
		cr_expect_eq(flow_hash(&s) != flow_hash(&same), rows[i].flow, "%s, IPv%d, flow", rows[i].name, family);
	}
}

/* What routers change, and what stands behind the packet, chooses nothing. */
Test(dispatch, fields)
{
	static const struct field_row rows[] = {
		{ "nothing", { TCP }, false, false },
		{ "class", { TCP, .tos = 3 }, false, false },
		{ "hops", { TCP, .ttl = 9 }, false, false },
		{ "padding", { TCP, .pad = 40 }, false, false },
		{ "tags", { TCP, .tags = 2 }, false, false },
		{ "source", { TCP, .saddr = 0x0a010204 }, true, true },
		{ "destination", { TCP, .daddr = REMOTE + 1 }, true, true },
		{ "protocol", { TCP, .protocol = 200, .payload = 44 }, true, true },
		{ "source port", { TCP, .sport = 4243 }, true, true },
		{ "destination port", { TCP, .dport = 5002 }, true, true },
		{ "TCP number", { TCP, .seq = 1 }, true, false },
		{ "TCP acknowledgement", { TCP, .ack = 1 }, true, false },
		{ "bytes behind the first sixteen", { TCP, .check = 1 }, false, false },
		{ "extension headers", { TCP, .chain = "HD" }, false, false },
	};
	static const struct field_row rows4[] = {
		{ "IP id", { TCP, .id = 2 }, true, false },
		{ "options", { TCP, .ihl = 8 }, false, false },
		{ "do not fragment", { TCP, .frag = 0x4000 }, false, false },
	};
	static const struct field_row rows6[] = {
		{ "id of a packet that is no fragment", { TCP, .chain = "F", .id = 2 }, true, false },
	};

	check_fields(rows, sizeof(rows) / sizeof(rows[0]), 4);
	check_fields(rows, sizeof(rows) / sizeof(rows[0]), 6);
	check_fields(rows4, sizeof(rows4) / sizeof(rows4[0]), 4);
	check_fields(rows6, sizeof(rows6) / sizeof(rows6[0]), 6);
}

/* Every bit of an IPv6 address counts. */
Test(dispatch, all_of_the_addresses)
{
	struct packet_spec s = tcp;
	struct esl_packet r;
	struct packet p;
	__u64 packet, flow;

	s.family = 6;
	r = parsed(&p, &s);
	packet = esl_hash_packet(&member_key, &r);
	flow = esl_hash_flow(&member_key, &r);
	for (__u32 bit = 0; bit < 256; bit++) {
		__u8 *byte = p.byte + p.l3 + offsetof(struct esl_ipv6, saddr) + bit / 8;

		*byte ^= (__u8)(1 << bit % 8);
		cr_expect_neq(esl_hash_packet(&member_key, &r), packet, "bit %u", bit);
		cr_expect_neq(esl_hash_flow(&member_key, &r), flow, "bit %u", bit);
		*byte ^= (__u8)(1 << bit % 8);
	}
}

/* Bytes behind the packet lie where the hash would look. */
Test(dispatch, padding_of_short_packets)
{
	__u64 state = 8;

	for (__u32 i = 0; i < 60000; i++) {
		struct packet_spec s = { .protocol = i & 1 ? ESL_IPPROTO_UDP : 253, .family = i & 2 ? 6 : 4,
					 .daddr = REMOTE, .l4_len = (__u16)(i / 4 % 30), .l4_none = !(i / 4 % 30) };
		struct packet p;
		struct esl_packet r = parsed(&p, &s);
		__u64 hash = esl_hash_packet(&member_key, &r), flow = esl_hash_flow(&member_key, &r);

		for (int j = 0; j < 46; j++)
			p.byte[p.len + j] = (__u8)rand64(&state);
		cr_assert_eq(packet_read(p.byte, p.len + 46, &r), 0);
		cr_assert(esl_hash_packet(&member_key, &r) == hash && esl_hash_flow(&member_key, &r) == flow,
			  "transport part of %u bytes", p.len - p.l4);
	}
}

enum change { CHANGE_ID, CHANGE_TCP_SEQ, CHANGE_TCP_ACK, CHANGE_CHECK, CHANGE_UDP_PAYLOAD, CHANGE_ICMP_SEQ,
	      CHANGE_PORT, CHANGE_PEER };

static void change(struct packet_spec *s, enum change what, __u32 n)
{
	switch (what) {
	case CHANGE_ID:
		s->id = n;
		break;
	case CHANGE_TCP_SEQ:
		s->seq = n * 1448;
		break;
	case CHANGE_TCP_ACK:
		s->ack = n * 1448;
		break;
	case CHANGE_CHECK:
		s->check = (__u16)n;
		break;
	case CHANGE_UDP_PAYLOAD:
		s->body = UDP_ESP;
		s->seq = n;
		break;
	case CHANGE_ICMP_SEQ:
		s->seq = n & 0xffff;
		break;
	case CHANGE_PORT:
		s->sport = (__u16)n;
		break;
	case CHANGE_PEER:
		s->saddr = 0x0a000000 + n;
		break;
	}
}

static double chi_squared(const __u32 *slots, __u32 packets)
{
	double expected = packets / (double)ESL_SLOTS, sum = 0;

	for (int i = 0; i < ESL_SLOTS; i++)
		sum += (slots[i] - expected) * (slots[i] - expected) / expected;
	return sum;
}

struct stream_row {
	const char *name;
	enum change what;
	struct packet_spec spec;
	__u64 (*hash)(const struct packet_spec *s);
	double chi_limit;	/* 0: what chance allows */
};

/* Chi-squared over 256 slots has mean 255 and deviation 22.6: 400 is chance
 * once in 10^9, a constant byte or a stride is far beyond.  Where nothing but
 * the highest 16 bits of a word change, slots may be less even than chance
 * makes them, members are not. */
#define CHI_CHANCE 400
#define CHI_LATTICE 5000

#define UDP .protocol = ESL_IPPROTO_UDP, .daddr = REMOTE, .sport = 4242, .dport = 5001
#define V6 .family = 6

static const struct stream_row streams[] = {
	{ "IP id counts, UDP of 8 bytes", CHANGE_ID, { UDP }, packet_hash },
	{ "IP id counts, UDP of 64 bytes", CHANGE_ID, { UDP, .payload = 56 }, packet_hash },
	{ "IP id counts, first fragments", CHANGE_ID, { UDP, .frag = ESL_IP_MF, .payload = 56 }, packet_hash },
	{ "constant IP id, TCP data", CHANGE_TCP_SEQ, { TCP }, packet_hash },
	{ "constant IP id, TCP without data", CHANGE_TCP_SEQ, { TCP, .payload = 0 }, packet_hash },
	{ "constant IP id, TCP acknowledgements", CHANGE_TCP_ACK, { TCP, .payload = 0 }, packet_hash },
	{ "constant IP id, UDP checksum alone", CHANGE_CHECK, { UDP, .payload = 56 }, packet_hash },
	{ "constant IP id, UDP of 8 bytes, checksum alone", CHANGE_CHECK, { UDP }, packet_hash },
	{ "constant IP id, UDP payload", CHANGE_UDP_PAYLOAD, { UDP, .payload = 48 }, packet_hash, CHI_LATTICE },
	{ "constant IP id, echo", CHANGE_ICMP_SEQ, { .protocol = 1, .daddr = REMOTE, .payload = 56 }, packet_hash },
	{ "IP options, TCP data", CHANGE_TCP_SEQ, { TCP, .ihl = 6 }, packet_hash },
	{ "IPv6 TCP data", CHANGE_TCP_SEQ, { V6, TCP }, packet_hash },
	{ "IPv6 TCP acknowledgements", CHANGE_TCP_ACK, { V6, TCP, .payload = 0 }, packet_hash },
	{ "IPv6 UDP checksum alone", CHANGE_CHECK, { V6, UDP }, packet_hash },
	{ "IPv6 UDP payload", CHANGE_UDP_PAYLOAD, { V6, UDP, .payload = 48 }, packet_hash, CHI_LATTICE },
	{ "IPv6 echo", CHANGE_ICMP_SEQ, { V6, .protocol = 58, .daddr = REMOTE, .payload = 56 }, packet_hash },
	{ "IPv6 fragments", CHANGE_ID, { V6, UDP, .chain = "F", .frag = ESL_IPV6_MF }, packet_hash },
	{ "IPv6 behind options", CHANGE_TCP_SEQ, { V6, TCP, .chain = "HD" }, packet_hash },
	{ "flows by source port", CHANGE_PORT, { TCP }, flow_hash },
	{ "flows by source", CHANGE_PEER, { TCP }, flow_hash },
	{ "IPv6 flows by source port", CHANGE_PORT, { V6, TCP }, flow_hash },
	{ "IPv6 flows by source", CHANGE_PEER, { V6, TCP }, flow_hash },
};

Test(dispatch, streams_fill_all_slots)
{
	for (size_t i = 0; i < sizeof(streams) / sizeof(streams[0]); i++) {
		__u32 slots[ESL_SLOTS] = {}, share[MEMBERS + 1][MEMBERS] = {}, packets = 1 << 16;
		struct packet_spec s = streams[i].spec;

		for (__u32 n = 0; n < packets; n++) {
			__u32 slot;

			change(&s, streams[i].what, n);
			slot = esl_hash_slot(streams[i].hash(&s));
			cr_assert(slot < ESL_SLOTS);
			slots[slot]++;
			for (int m = 1; m <= MEMBERS; m++)
				share[m][slot % m]++;
		}
		cr_expect(chi_squared(slots, packets) < (streams[i].chi_limit ? streams[i].chi_limit : CHI_CHANCE),
			  "%s: chi squared %.0f", streams[i].name, chi_squared(slots, packets));
		for (int m = 2; m <= MEMBERS; m++)
			for (int j = 0; j < m; j++)
				cr_expect(share[m][j] > packets / m * 0.93 && share[m][j] < packets / m * 1.07,
					  "%s: member %d of %d has %u of %u", streams[i].name, j, m, share[m][j],
					  packets);
	}
}

/* No stream keeps to one of three members for long, whatever the key: a mere
 * count would with one key in thirty. */
Test(dispatch, streams_keep_to_no_member)
{
	__u64 state = 10;

	for (size_t i = 0; i < sizeof(streams) / sizeof(streams[0]); i++)
		for (int key = 0; key < 60; key++) {
			__u32 n, run = 0, last = 3, longest = 0, first = (__u32)rand64(&state);
			struct packet_spec s = streams[i].spec;
			struct esl_hash_key k;

			for (n = 0; n < ESL_HASH_WORDS; n++)
				k.word[n] = rand64(&state) | 1;
			for (n = 0; n < 2000; n++) {
				struct esl_packet r;
				struct packet p;
				__u32 owner;

				change(&s, streams[i].what, first + n);
				r = parsed(&p, &s);
				owner = esl_hash_slot(streams[i].hash == flow_hash ? esl_hash_flow(&k, &r) :
										     esl_hash_packet(&k, &r)) % 3;
				run = owner == last ? run + 1 : 1;
				last = owner;
				longest = run > longest ? run : longest;
			}
			cr_expect(longest <= 50, "%s, key %d: %u packets in a row", streams[i].name, key, longest);
		}
}

/* The number of a packet takes the next slot, every B = 1 << shift of them. */
Test(dispatch, esp_goes_round)
{
	__u64 state = 6;

	for (int i = 0; i < 400; i++) {
		__u32 spi = (__u32)rand64(&state), seq = i % 2 ? 0xffffff00u : (__u32)rand64(&state);
		__be32 daddr = (__be32)rand64(&state);
		__u32 shift = i % 10, slot = esl_slot_esp(&member_key, spi, daddr, seq, shift);

		for (int n = 0; n < 1500; n++) {
			__u32 next = esl_slot_esp(&member_key, spi, daddr, ++seq, shift);
			bool turn = !(seq & ((1u << shift) - 1));

			/* At the wrap of the 32 bits the count starts anew. */
			if (seq)
				cr_assert_eq(next, (slot + turn) % ESL_SLOTS, "number %u, burst %u", seq, 1u << shift);
			slot = next;
		}
	}
}

/* With ESL_BY_SPI and with the largest burst the number does not matter. */
Test(dispatch, esp_by_spi_ignores_the_number)
{
	__u64 state = 7;

	for (int i = 0; i < 100000; i++) {
		__u32 spi = (__u32)rand64(&state), seq = (__u32)rand64(&state);
		__be32 daddr = (__be32)rand64(&state);
		__u32 slot = esl_slot_esp(&member_key, spi, daddr, 0, ESL_BY_SPI);

		cr_assert_eq(esl_slot_esp(&member_key, spi, daddr, seq, ESL_BY_SPI), slot);
		cr_assert_eq(esl_slot_esp(&member_key, spi, daddr, ~0u, ESL_BY_SPI), slot);
		cr_assert_eq(esl_slot_esp(&member_key, spi, daddr, 1u << 31, 31), (slot + 1) % ESL_SLOTS);
	}
}

/* Different SAs do not start at the same member. */
Test(dispatch, esp_starts_are_spread)
{
	__u32 by_spi[ESL_SLOTS] = {}, by_peer[ESL_SLOTS] = {};

	for (__u32 i = 0; i < 1 << 16; i++) {
		by_spi[esl_slot_esp(&member_key, htonl(0xc0000000 + i), htonl(CLUSTER_OUT), 1, 0)]++;
		by_peer[esl_slot_esp(&member_key, 0xc0000000, i << 8, 1, 0)]++;
	}
	cr_expect(chi_squared(by_spi, 1 << 16) < CHI_CHANCE, "by SPI: %.0f", chi_squared(by_spi, 1 << 16));
	cr_expect(chi_squared(by_peer, 1 << 16) < CHI_CHANCE, "by address: %.0f", chi_squared(by_peer, 1 << 16));
}

/* Another key, another order: from outside the owner cannot be chosen. */
Test(dispatch, every_word_of_the_key_counts)
{
	struct packet_spec s = tcp;
	struct esl_packet r;
	struct packet p;

	s.family = 6;
	r = parsed(&p, &s);
	for (int i = 0; i < ESL_HASH_WORDS; i++) {
		struct esl_hash_key k = member_key;

		k.word[i] ^= 0x9e3779b97f4a7c14;
		cr_expect_neq(esl_hash_packet(&k, &r), esl_hash_packet(&member_key, &r), "word %d", i);
	}
}
