// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <string.h>

#include "frame.h"
#include "world.h"

struct cursor {
	struct frame *f;
	__u32 at;
};

static void put(struct cursor *c, const void *bytes, __u32 len)
{
	memcpy(c->f->byte + c->at, bytes, len);
	c->at += len;
}

static void put8(struct cursor *c, __u8 v)
{
	put(c, &v, 1);
}

static void put16(struct cursor *c, __u16 v)
{
	v = htons(v);
	put(c, &v, 2);
}

static void put32(struct cursor *c, __u32 v)
{
	v = htonl(v);
	put(c, &v, 4);
}

static void filler(struct cursor *c, __u32 len)
{
	for (__u32 i = 0; i < len; i++)
		put8(c, (__u8)(0x10 + i));
}

static __u32 transport_len(const struct frame_spec *s)
{
	/* Any later fragment is bare payload. */
	if (s->frag & ESL_IP_OFFSET)
		return s->payload;
	switch (s->protocol) {
	case ESL_IPPROTO_TCP:
		return 20 + s->payload;
	case ESL_IPPROTO_UDP:
		return 8 + (s->marker ? 4 : 0) + (s->natt ? 8 : 0) + s->payload;
	case ESL_IPPROTO_ESP:
	case ESL_IPPROTO_ICMP:
	case ESL_IPPROTO_ICMPV6:
		return 8 + s->payload;
	case ESL_IPPROTO_AH:
		return 12 + s->payload;
	}
	return s->payload;
}

static void put_transport(struct cursor *c, const struct frame_spec *s)
{
	if (s->frag & ESL_IP_OFFSET)
		return filler(c, s->payload);
	switch (s->protocol) {
	case ESL_IPPROTO_TCP:
		put16(c, s->sport);
		put16(c, s->dport);
		put32(c, s->seq);
		put32(c, 1);
		put32(c, 0x50100400);
		put32(c, 0);
		break;
	case ESL_IPPROTO_UDP:
		put16(c, s->sport);
		put16(c, s->dport);
		put16(c, (__u16)transport_len(s));
		put16(c, 0);
		if (s->marker)
			put32(c, 0);
		if (s->natt) {
			put32(c, s->spi);
			put32(c, s->seq);
		}
		break;
	case ESL_IPPROTO_ESP:
		put32(c, s->spi);
		put32(c, s->seq);
		break;
	case ESL_IPPROTO_AH:
		put32(c, 0x04040000);
		put32(c, s->spi);
		put32(c, s->seq);
		break;
	case ESL_IPPROTO_ICMP:
	case ESL_IPPROTO_ICMPV6:
		put8(c, s->icmp_type);
		put8(c, 0);
		put16(c, 0);
		put32(c, s->seq);
		break;
	}
	filler(c, s->payload);
}

static void put_ipv4(struct cursor *c, const struct frame_spec *s)
{
	__u8 ihl = s->ihl ? s->ihl : 5;
	__u32 options = ihl > 5 ? (ihl - 5) * 4 : 0;
	__u32 len = 20 + options + transport_len(s);

	put8(c, (__u8)((s->version ? s->version : 4) << 4 | ihl));
	put8(c, 0);
	put16(c, s->tot_len_0 ? 0 : s->tot_len ? s->tot_len : (__u16)len);
	put16(c, s->id);
	put16(c, s->frag);
	put8(c, s->ttl ? s->ttl : 64);
	put8(c, s->protocol);
	put16(c, 0);
	put32(c, s->saddr ? s->saddr : PEER);
	put32(c, s->daddr ? s->daddr : OUTSIDE_ADDR);
	for (__u32 i = 0; i < options; i++)
		put8(c, 1);
	put_transport(c, s);
}

static __u8 extension(char letter)
{
	switch (letter) {
	case 'H':
		return ESL_IPPROTO_HOPOPTS;
	case 'R':
		return ESL_IPPROTO_ROUTING;
	case 'F':
		return ESL_IPPROTO_FRAGMENT;
	default:
		return ESL_IPPROTO_DSTOPTS;
	}
}

static void put_addr6(struct cursor *c, __u32 low)
{
	for (int i = 0; i < 12; i++)
		put8(c, i ? 0 : FRAME_PREFIX6);
	put32(c, low);
}

/* Each extension header has 8 bytes. */
static void put_ipv6(struct cursor *c, const struct frame_spec *s)
{
	const char *chain = s->chain ? s->chain : "";
	__u32 len = 8 * (__u32)strlen(chain) + transport_len(s);

	put32(c, (__u32)(s->version ? s->version : 6) << 28);
	put16(c, s->tot_len ? s->tot_len : (__u16)len);
	put8(c, *chain ? extension(*chain) : s->protocol);
	put8(c, s->ttl ? s->ttl : 64);
	put_addr6(c, s->saddr ? s->saddr : PEER);
	put_addr6(c, s->daddr ? s->daddr : OUTSIDE_ADDR);
	for (; *chain; chain++) {
		put8(c, chain[1] ? extension(chain[1]) : s->protocol);
		put8(c, 0);
		put16(c, *chain == 'F' ? s->frag : 0);
		put32(c, *chain == 'F' ? s->id : 0);
	}
	put_transport(c, s);
}

static void put_arp(struct cursor *c, const struct frame_spec *s)
{
	put16(c, 1);
	put16(c, ESL_ETHERTYPE_IPV4);
	put8(c, ESL_MAC_LEN);
	put8(c, 4);
	put16(c, s->operation ? s->operation : 1);
	put(c, MAC_PEER, ESL_MAC_LEN);
	put32(c, s->saddr ? s->saddr : PEER);
	put(c, "\0\0\0\0\0\0", ESL_MAC_LEN);
	put32(c, s->daddr);
}

void frame_build(struct frame *f, const struct frame_spec *s)
{
	__u16 type = s->type ? s->type : ESL_ETHERTYPE_IPV4;
	struct cursor c = { .f = f };

	memset(f, 0, sizeof(*f));
	put(&c, s->dst ? s->dst : MAC_CLUSTER_OUT, ESL_MAC_LEN);
	put(&c, MAC_PEER, ESL_MAC_LEN);
	for (int i = s->tags; i > 0; i--) {
		put16(&c, i > 1 ? ESL_ETHERTYPE_QINQ : ESL_ETHERTYPE_VLAN);
		put16(&c, 7);
	}
	put16(&c, type);
	if (type == ESL_ETHERTYPE_IPV4)
		put_ipv4(&c, s);
	else if (type == ESL_ETHERTYPE_IPV6)
		put_ipv6(&c, s);
	else if (type == ESL_ETHERTYPE_ARP)
		put_arp(&c, s);
	else
		filler(&c, s->payload);
	filler(&c, s->pad);
	f->len = s->cut && s->cut < c.at ? s->cut : c.at;
}

void frame_build_len(struct frame *f, const struct frame_spec *s, __u32 len)
{
	struct frame_spec longer = *s;

	longer.payload = 0;
	frame_build(f, &longer);
	longer.payload = (__u16)(len - f->len);
	frame_build(f, &longer);
}
