// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "packet.h"

#include <string.h>

#define ETH_HEAD 14
#define SLL_HEAD 16
#define SLL2_HEAD 20
#define TYPE_IPV4 0x0800
#define TYPE_IPV6 0x86dd
#define TYPE_TAG 0x8100
#define TYPE_TAG_OUTER 0x88a8

#define PROTO_HOPOPTS 0
#define PROTO_UDP 17
#define PROTO_ROUTING 43
#define PROTO_FRAGMENT 44
#define PROTO_ESP 50
#define PROTO_AH 51
#define PROTO_DSTOPTS 60

#define UDP_HEAD 8
#define ESP_HEAD 8	/* SPI and number */
#define PORT_NATT 4500	/* RFC 3948 */

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

/* What lies behind the IP headers: at offset at of the packet. */
struct behind {
	size_t at;
	unsigned protocol;
	bool fragment;
	bool later;	/* a fragment, but not the first: no header of the protocol */
};

static void read_esp(struct audit_packet *p, size_t at)
{
	if (p->ip_len < at + ESP_HEAD || p->ip_captured < at + ESP_HEAD) {
		p->kind = AUDIT_SHORT;
		return;
	}
	p->kind = AUDIT_ESP;
	p->esp = p->ip + at;
	p->esp_len = p->ip_len - at;
	p->esp_captured = p->ip_captured - at;
	p->spi = get32(p->esp);
	p->low = get32(p->esp + 4);
}

static void read_udp(struct audit_packet *p, const struct behind *b)
{
	const uint8_t *udp = p->ip + b->at;
	size_t len;

	if (p->ip_captured < b->at + UDP_HEAD) {
		p->kind = AUDIT_SHORT;
		return;
	}
	if (get16(udp) != PORT_NATT && get16(udp + 2) != PORT_NATT)
		return;
	if (b->fragment) {
		p->kind = AUDIT_FRAGMENT;
		return;
	}
	len = get16(udp + 4);
	/* A keepalive is one byte, IKE begins with four zeroes. */
	if (len < UDP_HEAD + ESP_HEAD || b->at + len > p->ip_len)
		return;
	if (p->ip_captured >= b->at + UDP_HEAD + 4 && !get32(udp + UDP_HEAD))
		return;
	p->ip_len = b->at + len;
	if (p->ip_captured > p->ip_len)
		p->ip_captured = p->ip_len;
	read_esp(p, b->at + UDP_HEAD);
}

static void read_behind(struct audit_packet *p, const struct behind *b)
{
	bool ipsec = b->protocol == PROTO_ESP || b->protocol == PROTO_AH;

	p->kind = AUDIT_PLAIN;
	if (b->fragment && (ipsec || (b->later && b->protocol == PROTO_UDP)))
		p->kind = AUDIT_FRAGMENT;
	else if (b->protocol == PROTO_ESP)
		read_esp(p, b->at);
	else if (b->protocol == PROTO_AH)
		p->kind = AUDIT_AH;
	else if (b->protocol == PROTO_UDP && !b->later)
		read_udp(p, b);
}

static void set_length(struct audit_packet *p, size_t claimed, size_t captured)
{
	p->ip_len = claimed;
	p->ip_captured = captured < claimed ? captured : claimed;
}

static void read_ipv4(const uint8_t *ip, size_t captured, struct audit_packet *p)
{
	size_t head = captured ? (size_t)(ip[0] & 15) * 4 : 0;
	struct behind b;

	if (captured < 20 || head < 20 || get16(ip + 2) < head) {
		p->kind = AUDIT_SHORT;
		return;
	}
	p->ip = ip;
	p->saddr = ip + 12;
	p->daddr = ip + 16;
	p->addr_len = 4;
	set_length(p, get16(ip + 2), captured);
	b = (struct behind){
		.at = head,
		.protocol = ip[9],
		.fragment = get16(ip + 6) & 0x3fff,
		.later = get16(ip + 6) & 0x1fff,
	};
	read_behind(p, &b);
}

static bool is_extension(unsigned protocol)
{
	return protocol == PROTO_HOPOPTS || protocol == PROTO_ROUTING || protocol == PROTO_FRAGMENT ||
	       protocol == PROTO_DSTOPTS;
}

static void read_ipv6(const uint8_t *ip, size_t captured, struct audit_packet *p)
{
	struct behind b = { .at = 40 };

	if (captured < 40) {
		p->kind = AUDIT_SHORT;
		return;
	}
	p->ip = ip;
	p->saddr = ip + 8;
	p->daddr = ip + 24;
	p->addr_len = 16;
	set_length(p, 40 + (size_t)get16(ip + 4), captured);
	b.protocol = ip[6];
	while (is_extension(b.protocol) && !b.later) {
		const uint8_t *ext = ip + b.at;

		if (p->ip_captured < b.at + 8) {
			p->kind = AUDIT_SHORT;
			return;
		}
		b.at += 8;
		if (b.protocol == PROTO_FRAGMENT) {
			/* One that says "first and last" is a whole packet: RFC 6946. */
			b.fragment |= get16(ext + 2) & 0xfff9;
			b.later = get16(ext + 2) & 0xfff8;
		} else {
			b.at += 8 * (size_t)ext[1];
		}
		b.protocol = ext[0];
	}
	read_behind(p, &b);
}

void audit_read_ip(const uint8_t *ip, size_t captured, struct audit_packet *ret)
{
	unsigned version = captured ? ip[0] >> 4 : 0;

	*ret = (struct audit_packet){ .kind = captured ? AUDIT_OTHER : AUDIT_SHORT };
	if (version == 4)
		read_ipv4(ip, captured, ret);
	else if (version == 6)
		read_ipv6(ip, captured, ret);
}

/* Behind all tags. Returns the offset of what follows, 0: cut off before. */
static size_t skip_tags(const uint8_t *data, size_t captured, size_t at, uint16_t *type)
{
	while (*type == TYPE_TAG || *type == TYPE_TAG_OUTER) {
		if (captured < at + 4)
			return 0;
		*type = get16(data + at + 2);
		at += 4;
	}
	return at;
}

void audit_read_frame(enum audit_link link, const uint8_t *data, size_t captured, struct audit_packet *ret)
{
	static const struct {
		size_t head, type;
	} links[] = {
		[AUDIT_LINK_ETHERNET] = { ETH_HEAD, 12 },
		[AUDIT_LINK_SLL] = { SLL_HEAD, 14 },
		[AUDIT_LINK_SLL2] = { SLL2_HEAD, 0 },
	};
	uint16_t type;
	size_t at;

	if (link == AUDIT_LINK_IP) {
		audit_read_ip(data, captured, ret);
		return;
	}
	*ret = (struct audit_packet){ .kind = AUDIT_SHORT };
	if (captured < links[link].head)
		return;
	type = get16(data + links[link].type);
	at = skip_tags(data, captured, links[link].head, &type);
	if (!at)
		return;
	if (type == TYPE_IPV4 || type == TYPE_IPV6)
		audit_read_ip(data + at, captured - at, ret);
	else
		ret->kind = AUDIT_OTHER;
	if (link == AUDIT_LINK_ETHERNET)
		ret->mac = data + 6;
}

bool audit_is_whole(const struct audit_packet *p)
{
	return p->ip && p->ip_captured == p->ip_len;
}
