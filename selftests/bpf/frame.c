// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <string.h>

#include "frame.h"
#include "world.h"

static enum udp_body body_of(const struct frame_spec *s)
{
	if (s->marker)
		return UDP_IKE;
	if (s->natt)
		return UDP_ESP;
	return s->keepalive ? UDP_KEEPALIVE : UDP_PAYLOAD;
}

static struct packet_spec packet_of(const struct frame_spec *s)
{
	return (struct packet_spec){
		.family = s->type == ESL_ETHERTYPE_IPV6 ? 6 : 4,
		.tags = s->tags,
		.version = s->version,
		.ihl = s->ihl,
		.ttl = s->ttl ? s->ttl : 64,
		.protocol = s->protocol,
		.icmp_type = s->icmp_type,
		.type = s->type,
		.id = s->id,
		.frag = s->frag,
		.claim = s->tot_len,
		.claim_none = s->tot_len_0,
		.group = s->group,
		.chain = s->chain,
		.saddr = s->saddr ? s->saddr : PEER,
		.daddr = s->daddr,
		.sport = s->sport,
		.dport = s->dport,
		.spi = s->spi,
		.seq = s->seq,
		.body = body_of(s),
		.payload = s->payload,
		.pad = s->pad,
	};
}

void frame_of_packet(struct frame *f, const struct packet *p, const char *dst, const char *src)
{
	memset(f, 0, sizeof(*f));
	memcpy(f->byte, p->byte, p->len);
	memcpy(f->byte, dst ? dst : MAC_CLUSTER_OUT, ESL_MAC_LEN);
	memcpy(f->byte + ESL_MAC_LEN, src ? src : MAC_PEER, ESL_MAC_LEN);
	f->len = p->len;
}

__u32 frame_l3(const struct frame *f)
{
	__u32 at = ESL_ETH_LEN - 2;

	while (at + ESL_VLAN_LEN < f->len && (!memcmp(f->byte + at, "\x81\x00", 2) ||
					      !memcmp(f->byte + at, "\x88\xa8", 2)))
		at += ESL_VLAN_LEN;
	return at + 2;
}

/* In the place of the IP packet. */
static void put_arp(struct packet *p, const struct frame_spec *s)
{
	struct esl_arp a = {
		.hardware = htons(1),
		.protocol = htons(ESL_ETHERTYPE_IPV4),
		.hardware_len = ESL_MAC_LEN,
		.protocol_len = 4,
		.operation = htons(s->operation ? s->operation : 1),
		.spa = htonl(s->saddr ? s->saddr : PEER),
		.tpa = htonl(s->daddr),
	};

	memcpy(a.sha, s->src ? s->src : MAC_PEER, ESL_MAC_LEN);
	memcpy(p->byte + p->l3, &a, sizeof(a));
	memset(p->byte + p->l3 + sizeof(a), 0x55, s->pad);
	p->len = p->l3 + sizeof(a) + s->pad;
}

void frame_build(struct frame *f, const struct frame_spec *s)
{
	struct packet_spec spec = packet_of(s);
	struct packet p;

	packet_build(&p, &spec);
	if (s->type == ESL_ETHERTYPE_ARP)
		put_arp(&p, s);
	frame_of_packet(f, &p, s->dst, s->src);
	if (s->cut && s->cut < f->len) {
		memset(f->byte + s->cut, 0, f->len - s->cut);
		f->len = s->cut;
	}
}

void frame_build_len(struct frame *f, const struct frame_spec *s, __u32 len)
{
	struct frame_spec longer = *s;

	longer.payload = 0;
	frame_build(f, &longer);
	longer.payload = (__u16)(len - f->len);
	frame_build(f, &longer);
}
