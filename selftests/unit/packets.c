// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <string.h>

#include "packets.h"

static void put(struct packet *p, const void *bytes, __u32 len)
{
	memcpy(p->byte + p->len, bytes, len);
	p->len += len;
}

static void put16(struct packet *p, __u16 v)
{
	v = htons(v);
	put(p, &v, 2);
}

static void put32(struct packet *p, __u32 v)
{
	v = htonl(v);
	put(p, &v, 4);
}

static void put_filler(struct packet *p, __u32 len)
{
	static __u8 filler[PACKET_MAX];

	for (__u32 i = 0; !filler[0] && i < PACKET_MAX; i++)
		filler[i] = (__u8)(0x20 + i % 0xc0);
	put(p, filler, len);
}

static bool is_later(const struct packet_spec *s)
{
	if (s->family == 6)
		return s->chain && strchr(s->chain, 'F') && s->frag & ESL_IPV6_OFFSET;
	return s->frag & ESL_IP_OFFSET;
}

static void put_spi_seq(struct packet *p, const struct packet_spec *s)
{
	put32(p, s->spi ? s->spi : 0x1001);
	put32(p, s->seq);
}

static void put_udp(struct packet *p, const struct packet_spec *s)
{
	static const __u8 body_len[] = { [UDP_ESP] = 8, [UDP_IKE] = 4, [UDP_KEEPALIVE] = 1 };

	put16(p, s->sport);
	put16(p, s->dport);
	put16(p, (__u16)(8 + body_len[s->body] + s->payload));
	put16(p, s->check);
	if (s->body == UDP_ESP)
		put_spi_seq(p, s);
	else if (s->body == UDP_IKE)
		put32(p, 0);
	else if (s->body == UDP_KEEPALIVE)
		put(p, "\xff", 1);
}

static void put_transport(struct packet *p, const struct packet_spec *s)
{
	__u32 start = p->len;

	p->l4 = start;
	if (s->l4_none)
		return;
	if (is_later(s)) {
		put_filler(p, s->payload);
		return;
	}
	switch (s->protocol) {
	case ESL_IPPROTO_TCP:
		put16(p, s->sport);
		put16(p, s->dport);
		put32(p, s->seq);
		put32(p, s->ack);
		put32(p, 0x50100400);
		put32(p, (__u32)s->check << 16);
		break;
	case ESL_IPPROTO_UDP:
		put_udp(p, s);
		break;
	case ESL_IPPROTO_AH:
		put32(p, 0x04040000);
		put_spi_seq(p, s);
		break;
	case ESL_IPPROTO_ESP:
		put_spi_seq(p, s);
		break;
	case ESL_IPPROTO_ICMP:
	case ESL_IPPROTO_ICMPV6:
		put16(p, (__u16)(s->icmp_type << 8));
		put16(p, s->check);
		put32(p, s->seq);
		break;
	}
	put_filler(p, s->payload);
	if (s->l4_len && p->len - start < s->l4_len)
		put_filler(p, s->l4_len - (p->len - start));
	if (s->l4_len)
		p->len = start + s->l4_len;
}

static __u16 claim(const struct packet_spec *s, __u32 true_one)
{
	if (s->claim_none)
		return 0;
	return s->claim ? s->claim : (__u16)true_one;
}

static void patch16(struct packet *p, __u32 at, __u16 v)
{
	v = htons(v);
	memcpy(p->byte + at, &v, 2);
}

static void put_ipv4(struct packet *p, const struct packet_spec *s)
{
	__u8 ihl = s->ihl ? s->ihl & 15 : 5;
	struct esl_ipv4 ip = {
		.version_ihl = (__u8)((s->version ? s->version & 15 : 4) << 4 | ihl),
		.tos = s->tos,
		.id = htons((__u16)s->id),
		.frag = htons(s->frag),
		.ttl = s->ttl,
		.protocol = s->protocol,
		.saddr = htonl(s->saddr ? s->saddr : 0x0a010203),
		.daddr = htonl(s->group ? 0xe0000001 : s->daddr ? s->daddr : CLUSTER_OUT),
	};

	put(p, &ip, sizeof(ip));
	for (int i = 5; i < ihl; i++)
		put32(p, 0x01010101);
	put_transport(p, s);
	/* All fragments but the last have a multiple of 8 bytes. */
	if (s->frag & ESL_IP_MF && !s->l4_len && !s->claim && !s->claim_none)
		put_filler(p, -(p->len - p->l3 - 4u * (ihl > 5 ? ihl : 5)) % 8);
	patch16(p, p->l3 + offsetof(struct esl_ipv4, tot_len), claim(s, p->len - p->l3));
}

static __u8 extension(char letter)
{
	switch (letter) {
	case 'H':
	case 'h':
		return ESL_IPPROTO_HOPOPTS;
	case 'R':
	case 'r':
		return ESL_IPPROTO_ROUTING;
	case 'F':
		return ESL_IPPROTO_FRAGMENT;
	}
	return ESL_IPPROTO_DSTOPTS;
}

static void put_extension(struct packet *p, const struct packet_spec *s, const char *x)
{
	bool fragment = *x == 'F', wide = *x >= 'a';
	struct esl_ipv6_ext head = {
		.next_header = x[1] ? extension(x[1]) : s->protocol,
		.len = *x == 'X' ? 255 : wide,
		.frag = fragment ? htons(s->frag) : 0,
		.id = fragment ? htonl(s->id) : 0,
	};

	put(p, &head, sizeof(head));
	if (wide)
		put(p, "\0\0\0\0\0\0\0", 8);
}

static void put_addr6(struct packet *p, __u32 low)
{
	put(p, "\xfd\0\0\0\0\0\0\0\0\0\0", 12);
	put32(p, low);
}

static void put_ipv6(struct packet *p, const struct packet_spec *s)
{
	const char *chain = s->chain ? s->chain : "";

	put32(p, (__u32)(s->version ? s->version & 15 : 6) << 28 | (__u32)s->tos << 20);
	put16(p, 0);
	put(p, &(__u8){ *chain ? extension(*chain) : s->protocol }, 1);
	put(p, &s->ttl, 1);
	put_addr6(p, s->saddr ? s->saddr : 0x0a010203);
	if (s->group)
		put(p, "\xff\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 16);
	else
		put_addr6(p, s->daddr ? s->daddr : CLUSTER_OUT);
	for (; *chain; chain++)
		put_extension(p, s, chain);
	put_transport(p, s);
	patch16(p, p->l3 + offsetof(struct esl_ipv6, payload_len),
		claim(s, p->len - p->l3 - sizeof(struct esl_ipv6)));
}

void packet_build(struct packet *p, const struct packet_spec *s)
{
	__u16 type = s->family == 6 ? ESL_ETHERTYPE_IPV6 : ESL_ETHERTYPE_IPV4;

	p->len = 0;
	put(p, "\x03\0\0\0\0\1\x02\0\0\0\0\2", 12);
	for (int i = s->tags; i > 0; i--) {
		put16(p, i > 1 ? ESL_ETHERTYPE_QINQ : ESL_ETHERTYPE_VLAN);
		put16(p, 7);
	}
	put16(p, s->type ? s->type : type);
	p->l3 = p->len;
	if (s->family == 6)
		put_ipv6(p, s);
	else
		put_ipv4(p, s);
	put_filler(p, s->pad);
}

int packet_read(const void *frame, __u32 len, struct esl_packet *p)
{
	const void *end = (const __u8 *)frame + len, *l3;
	__be16 type;

	l3 = esl_find_l3(frame, end, &type);
	if (!l3)
		return ESL_SHORT_FRAME;
	if (type == htons(ESL_ETHERTYPE_IPV4))
		return esl_parse_ipv4(l3, end, p);
	return type == htons(ESL_ETHERTYPE_IPV6) ? esl_parse_ipv6(l3, end, p) : ESL_NOT_IP;
}
