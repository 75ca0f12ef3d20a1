// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <string.h>

#include "sim.h"

#define CLUSTER_OUTSIDE esl_htonl(0xc6336401) /* 198.51.100.1 */
#define PEER		esl_htonl(0xcb007101) /* 203.0.113.1 */
#define CLIENT		esl_htonl(0x0a010007) /* 10.1.0.7 */
#define SERVER		esl_htonl(0x0a020009) /* 10.2.0.9, behind the peer */
#define STORM_NS	(40 * NS_PER_MS)
#define HEARD		(sizeof(((struct sim *)0)->heard) / sizeof(((struct sim *)0)->heard[0]))

/* The first bytes of a packet, as the program reads them. */
struct bytes {
	struct esl_ipv4 ip;
	__u32 word[ESL_L4_WORDS];
};

static void packet(struct bytes *b, struct esl_packet *p, __u8 protocol, __be32 from, __be32 to,
		   __u16 id)
{
	b->ip = (struct esl_ipv4){ .version_ihl = 0x45,
				   .tot_len = esl_htons(sizeof(*b)),
				   .id = esl_htons(id),
				   .ttl = 64,
				   .protocol = protocol,
				   .saddr = from,
				   .daddr = to };
	esl_read_ipv4(&b->ip, sizeof(b->ip), b + 1, p);
	p->l4_sure = ESL_L4_BYTES;
}

static void esp_packet(const struct sim *s, struct bytes *b, struct esl_packet *p, __u32 sa,
		       __u64 seq)
{
	packet(b, p, ESL_IPPROTO_ESP, PEER, CLUSTER_OUTSIDE, (__u16)seq);
	b->word[0] = esl_htonl(s->sa[sa].spi_in);
	b->word[1] = esl_htonl((__u32)seq);
	b->word[2] = b->word[3] = 0;
}

static __u64 spread(struct sim *s, __u64 gap)
{
	return sim_chance(s, 400) ? 5 * NS_PER_US : gap / 2 + sim_below(s, gap);
}

void traffic_start(struct sim *s)
{
	__u64 begin = s->now + 100 * NS_PER_MS;

	s->esp_gap_ns = 250 * NS_PER_US + sim_below(s, NS_PER_MS);
	s->plain_gap_ns = 250 * NS_PER_US + sim_below(s, NS_PER_MS);
	s->replay_gap_ns = 2 * NS_PER_MS;
	s->heard_count = s->storm_until = 0;
	s->peer_sa = 0;
	memset(s->peer_seq, 0, sizeof(s->peer_seq));
	memset(s->peer_window, 0, SA_MAX * sizeof(*s->peer_window));
	s->peer_seq[0] = s->sa[0].first_in;
	sim_put(s, begin, EVENT_PEER_SENDS, 0, 0, 0, 0, 0);
	sim_put(s, begin, EVENT_CLIENT_SENDS, 0, 0, 0, 0, 0);
	sim_put(s, begin, EVENT_REPLAY, 0, 0, 0, 0, 0);
}

/* Returns whether anybody took it. */
static bool esp_to_all(struct sim *s, __u32 sa, __u64 seq)
{
	struct net *n = &s->net[1 + ESL_OUTSIDE];
	struct esl_packet p;
	struct bytes b;
	__u64 owners = 0;

	esp_packet(s, &b, &p, sa, seq);
	for (__u32 i = 0; i < s->count; i++) {
		struct member *m = &s->member[i];

		if (!m->up || m->suspended || n->unplugged >> i & 1 || sim_chance(s, n->loss / 4))
			continue;
		if (sim_chance(s, s->calm ? 0 : 300))
			sim_put(s, s->now + sim_below(s, 3 * NS_PER_MS), EVENT_ESP, i, sa, 0, seq,
				0);
		else if (kernel_esp(s, m, &p, sa, seq))
			owners |= 1ULL << i;
	}
	check_forwarded(s, owners, "ESP", seq);
	return owners;
}

void traffic_esp_late(struct sim *s, struct member *m, __u32 sa, __u64 seq)
{
	struct esl_packet p;
	struct bytes b;

	esp_packet(s, &b, &p, sa, seq);
	if (m->up && !m->suspended && kernel_esp(s, m, &p, sa, seq))
		check_forwarded(s, 1ULL << m->id, "ESP, late", seq);
}

void traffic_peer_sends(struct sim *s)
{
	__u64 seq;

	if (!s->peer_seq[s->peer_sa])
		s->peer_seq[s->peer_sa] = s->sa[s->peer_sa].first_in;
	seq = s->peer_seq[s->peer_sa]++;
	s->heard[s->heard_count % HEARD].sa = s->peer_sa;
	s->heard[s->heard_count++ % HEARD].seq = seq;
	s->figures.packets++;
	if (!esp_to_all(s, s->peer_sa, seq))
		gaps_lost(&s->esp_gaps, s->now);
	sim_put(s, s->now + spread(s, s->esp_gap_ns), EVENT_PEER_SENDS, 0, 0, 0, 0, 0);
}

void traffic_client_sends(struct sim *s)
{
	struct net *n = &s->net[1 + ESL_INSIDE];
	__u64 r = rand64(&s->rand), owners = 0;
	struct esl_packet p;
	struct bytes b;

	packet(&b, &p, ESL_IPPROTO_UDP, CLIENT, SERVER, (__u16)(r >> 32));
	for (int i = 0; i < ESL_L4_WORDS; i++)
		b.word[i] = (__u32)(r >> 8 * i);
	s->figures.packets++;
	for (__u32 i = 0; i < s->count; i++) {
		struct member *m = &s->member[i];

		if (!m->up || m->suspended || n->unplugged >> i & 1 || sim_chance(s, n->loss / 4))
			continue;
		if (kernel_plain(s, m, &p))
			owners |= 1ULL << i;
	}
	if (!owners)
		gaps_lost(&s->plain_gaps, s->now);
	s->figures.doubled += owners & (owners - 1) ? 1 : 0;
	check_forwarded(s, owners, "plain", r & 0xffff);
	sim_put(s, s->now + spread(s, s->plain_gap_ns), EVENT_CLIENT_SENDS, 0, 0, 0, 0, 0);
}

/* Old numbers at any time; when owners change the newest ones, and many. */
void traffic_replay(struct sim *s)
{
	bool storm = s->now < s->storm_until;
	__u64 back = storm && sim_below(s, 4) ? 200 : HEARD, i;

	sim_put(s, s->now + (storm ? s->replay_gap_ns / 8 : s->replay_gap_ns), EVENT_REPLAY, 0, 0,
		0, 0, 0);
	back = back < s->heard_count ? back : s->heard_count;
	if (!back)
		return;
	i = (s->heard_count - 1 - sim_below(s, back)) % HEARD;
	s->figures.replays++;
	esp_to_all(s, s->heard[i].sa, s->heard[i].seq);
}

void traffic_storm(struct sim *s)
{
	s->storm_until = s->now + STORM_NS;
}

void traffic_esp_left(struct sim *s, __u32 member, __u32 sa, __u64 seq)
{
	struct net *n = &s->net[1 + ESL_OUTSIDE];

	if (n->unplugged >> member & 1 || sim_chance(s, n->loss / 4))
		return;
	sim_put(s, s->now + 10 * NS_PER_US + sim_below(s, 30 * NS_PER_US), EVENT_PEER_GETS, 0, sa,
		0, seq, 0);
}

void traffic_peer_gets(struct sim *s, __u32 sa, __u64 seq)
{
	if (window_accept(&s->peer_window[sa], seq))
		s->figures.delivered++;
}

void traffic_decrypted(struct sim *s, __u32 sa, __u64 seq)
{
	(void)sa, (void)seq;
	s->figures.delivered++;
}
