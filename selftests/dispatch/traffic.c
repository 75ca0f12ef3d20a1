// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <string.h>

#include "selftests/unit/rand.h"
#include "traffic.h"

#define LENGTH(a) (sizeof(a) / sizeof((a)[0]))
#define OTHERS_IN_256 24	/* packets that are of no flow */
#define PIECE_BYTES 1480

struct mix {
	__u32 weight;
	__u16 least, most;	/* payload */
	__u8 protocol;
	__u8 pieces;
	__u8 icmp_type;
	enum udp_body body;
	__u16 dport;
	enum traffic_want want[ESL_ROLES];
};

#define GRE 47

static const struct mix inside[] = {
	{ 35, 1200, 1448, ESL_IPPROTO_TCP, 1 },
	{ 15, 0, 0, ESL_IPPROTO_TCP, 1 },
	{ 30, 0, 1400, ESL_IPPROTO_UDP, 1 },
	{ 6, 8, 1000, ESL_IPPROTO_ICMP, 1, .icmp_type = 8 },
	{ 6, 20, 1400, GRE, 1 },
	{ 3, 40, 1400, ESL_IPPROTO_ESP, 1 },
	{ 5, PIECE_BYTES, PIECE_BYTES, ESL_IPPROTO_UDP, 3 },
};

static const struct mix outside[] = {
	{ 60, 40, 1400, ESL_IPPROTO_ESP, 1 },
	{ 25, 40, 1400, ESL_IPPROTO_UDP, 1, .body = UDP_ESP, .dport = ESL_PORT_NATT },
	{ 8, 40, 1400, ESL_IPPROTO_AH, 1 },
	{ 4, PIECE_BYTES, PIECE_BYTES, ESL_IPPROTO_ESP, 3 },
	{ 2, PIECE_BYTES, PIECE_BYTES, ESL_IPPROTO_UDP, 3, .body = UDP_ESP, .dport = ESL_PORT_NATT },
	{ 1, PIECE_BYTES, PIECE_BYTES, ESL_IPPROTO_AH, 3 },
};
#define WITHOUT_FRAGMENTS 3	/* rows of the above */

/* For a cluster address itself; want: from inside, from outside. */
static const struct mix local[] = {
	{ 4, 28, 1200, ESL_IPPROTO_UDP, 1, .dport = 500, .want = { WANT_LEADER, WANT_LEADER } },
	{ 4, 28, 1200, ESL_IPPROTO_UDP, 1, .body = UDP_IKE, .dport = ESL_PORT_NATT,
	  .want = { WANT_LEADER, WANT_LEADER } },
	{ 4, PIECE_BYTES, PIECE_BYTES, ESL_IPPROTO_UDP, 3, .body = UDP_IKE, .dport = ESL_PORT_NATT,
	  .want = { WANT_LEADER, WANT_LEADER } },
	{ 4, PIECE_BYTES, PIECE_BYTES, ESL_IPPROTO_UDP, 3, .dport = 500, .want = { WANT_LEADER, WANT_LEADER } },
	{ 4, 8, 1000, ESL_IPPROTO_ICMP, 1, .icmp_type = 8, .want = { WANT_LEADER, WANT_LEADER } },
	{ 4, 8, 500, ESL_IPPROTO_ICMP, 1, .icmp_type = 3, .want = { WANT_ALL, WANT_ALL } },
	{ 4, 0, 0, ESL_IPPROTO_UDP, 1, .body = UDP_KEEPALIVE, .dport = ESL_PORT_NATT,
	  .want = { WANT_NOBODY, WANT_NOBODY } },
	{ 4, 40, 1400, ESL_IPPROTO_ESP, 1, .want = { WANT_NOBODY, WANT_ONE } },
	{ 4, 0, 100, ESL_IPPROTO_TCP, 1, .dport = 22, .want = { WANT_LEADER, WANT_LEADER } },
};

static const struct mix *draw(struct traffic *t, const struct mix *rows, size_t count)
{
	__u32 sum = 0, at;

	for (size_t i = 0; i < count; i++)
		sum += rows[i].weight;
	at = rand_below(&t->state, sum);
	for (; at >= rows->weight; rows++)
		at -= rows->weight;
	return rows;
}

static void draw_headers(struct traffic *t, struct flow *f)
{
	static const char *const chains[] = { "", "D", "H", "HDR" };
	static const char *const cut[] = { "F", "HF", "RF", "HRF" };
	struct packet_spec *s = &f->spec;
	__u32 dice = rand_below(&t->state, 16);

	s->tags = dice == 0 ? 2 : dice < 3;
	s->ttl = 64;
	s->family = rand_below(&t->state, 4) ? 4 : 6;
	f->counts = f->pieces > 1 || rand64(&t->state) & 1;
	dice = rand_below(&t->state, 32);
	if (s->family == 6)
		s->chain = (f->pieces > 1 ? cut : chains)[dice < 8 ? dice / 2 : 0];
	else if (!dice)
		s->ihl = 7;
	if (s->family == 6 && s->protocol == ESL_IPPROTO_ICMP) {
		s->protocol = ESL_IPPROTO_ICMPV6;
		s->icmp_type = s->icmp_type == 8 ? 128 : 1;
	}
}

/* to_cluster: else to somebody behind it. */
static void begin_flow(struct traffic *t, struct flow *f, const struct mix *row, bool to_cluster)
{
	__u32 cluster = t->role == ESL_OUTSIDE ? CLUSTER_OUT : CLUSTER_IN;

	*f = (struct flow){
		.spec = {
			.protocol = row->protocol,
			.icmp_type = row->icmp_type,
			.body = row->body,
			.sport = (__u16)(1024 + rand_below(&t->state, 60000)),
			.dport = row->dport ? row->dport : (__u16)(1024 + rand_below(&t->state, 3000)),
			.saddr = 0xac100000 | rand_below(&t->state, 1 << 20),
			.daddr = to_cluster ? cluster : 0x0b000000 | rand_below(&t->state, 1 << 20),
			.spi = 0xc0000000 | (__u32)(rand64(&t->state) >> 36),
			.id = (__u32)rand64(&t->state),
			.seq = to_cluster ? 0 : (__u32)rand64(&t->state),
			.ack = (__u32)rand64(&t->state),
		},
		.least = row->least,
		.most = row->most,
		.pieces = row->pieces,
	};
	draw_headers(t, f);
}

/* The next packet of the flow, or the next piece of its packet. */
static void next_of_flow(struct traffic *t, struct flow *f)
{
	struct packet_spec *s = &f->spec;
	__u32 offset = t->piece * PIECE_BYTES;
	bool more = t->piece + 1 < f->pieces;

	if (!t->piece) {
		s->payload = (__u16)(f->least + rand_below(&t->state, f->most - f->least + 1u));
		s->seq += s->protocol == ESL_IPPROTO_TCP ? s->payload : 1;
		s->ack += 1 + rand_below(&t->state, 3000);
		s->check = (__u16)rand64(&t->state);
		s->id += f->counts;
	}
	if (f->pieces > 1)
		s->frag = (__u16)(s->family == 6 ? offset | (more ? ESL_IPV6_MF : 0) :
						   offset / 8 | (more ? ESL_IP_MF : 0));
	packet_build(&t->packet, s);
	/* GRE has its own number. */
	if (s->protocol == GRE)
		memcpy(t->packet.byte + t->packet.l4 + 4, &s->seq, sizeof(s->seq));
	t->piece = more ? t->piece + 1 : 0;
}

/* A valid header, behind it what comes. */
static void random_packet(struct traffic *t)
{
	static const __u8 protocols[] = { ESL_IPPROTO_ESP, ESL_IPPROTO_AH, ESL_IPPROTO_UDP, ESL_IPPROTO_UDP,
					  ESL_IPPROTO_TCP, ESL_IPPROTO_ICMP, ESL_IPPROTO_ICMPV6, 253 };
	static const __u16 frags[] = { 0, 0, 0, 0x4000, ESL_IP_MF, ESL_IP_MF | 100, 185, 8 };
	static const char *const chains[] = { "", "", "F", "HF", "D", "DD", "hdr", "HDRdrF" };
	static const __u16 ports[] = { 500, ESL_PORT_NATT, ESL_PORT_NATT, 53 };
	static const __u32 daddrs[] = { CLUSTER_IN, CLUSTER_OUT, CLUSTER_OUT, REMOTE };
	__u64 dice = rand64(&t->state);
	struct packet_spec s = {
		.family = dice & 1 ? 4 : 6,
		.protocol = protocols[dice >> 8 & 7],
		.frag = frags[dice >> 16 & 7],
		.chain = chains[dice >> 24 & 7],
		.daddr = daddrs[dice >> 32 & 3],
		.saddr = (__u32)rand64(&t->state),
		.id = (__u32)rand64(&t->state) & 0xffff,
		.dport = ports[dice >> 40 & 3],
		.body = dice >> 42 & 3,
		.icmp_type = dice >> 44 & 15,
		.l4_none = !(dice >> 48 & 15),
		.l4_len = dice >> 52 & 31,
		.seq = (__u32)rand64(&t->state),
		.spi = (__u32)rand64(&t->state),
		.group = !(dice >> 57 & 31),
	};

	packet_build(&t->packet, &s);
	t->want = WANT_ANY;
}

static void of_no_flow(struct traffic *t)
{
	const struct mix *row;

	t->drawn = TRAFFIC_FLOWS;
	if (rand64(&t->state) & 1) {
		random_packet(t);
		return;
	}
	row = draw(t, local, LENGTH(local));
	t->want = row->want[t->role];
	begin_flow(t, &t->flow[t->drawn], row, true);
	next_of_flow(t, &t->flow[t->drawn]);
}

void traffic_next(struct traffic *t)
{
	struct flow *f = &t->flow[t->drawn];

	t->begins = false;
	if (t->piece) {
		if (t->role == ESL_OUTSIDE && t->want == WANT_ONE)
			t->want = WANT_AS_FIRST;
		next_of_flow(t, f);
		return;
	}
	if (t->others && rand_below(&t->state, 256) < OTHERS_IN_256) {
		of_no_flow(t);
		return;
	}
	t->drawn = rand_below(&t->state, TRAFFIC_FLOWS);
	t->want = WANT_ONE;
	f = &t->flow[t->drawn];
	t->begins = !f->pieces || !rand_below(&t->state, TRAFFIC_NEW);
	if (t->begins) {
		if (t->role == ESL_INSIDE)
			begin_flow(t, f, draw(t, inside, LENGTH(inside)), false);
		else
			begin_flow(t, f, draw(t, outside, t->fragments ? LENGTH(outside) : WITHOUT_FRAGMENTS), true);
	}
	next_of_flow(t, f);
}
