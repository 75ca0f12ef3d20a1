// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "explain.h"

const struct esl_field_text esl_field_text[ESL_FIELD_COUNT] = {
#define X(symbol, option, max, name, part) { option, max, name, ESL_PART_##part },
	ESL_FIELDS(X)
#undef X
};

#define BIT(f) (1u << ESL_FIELD_##f)
#define IPSEC (BIT(DST) | BIT(SPI) | BIT(SEQ))
#define IP (BIT(SRC) | BIT(DST) | BIT(ID) | BIT(LENGTH))
#define PORTS (BIT(SPORT) | BIT(DPORT))
#define UDP_REST "UDP checksum and first bytes of the payload"
#define ICMP_REST "ICMP checksum, identifier, number and first bytes of the payload"

static const struct esl_form forms[] = {
	{ "esp", ESL_IPPROTO_ESP, IPSEC, IP, .load = ESL_LOAD_IPSEC },
	{ "ah", ESL_IPPROTO_AH, IPSEC, IP, .load = ESL_LOAD_IPSEC },
	{ "natt", ESL_IPPROTO_UDP, IPSEC, IP | BIT(SPORT), .dport = ESL_PORT_NATT,
	  .load = ESL_LOAD_IPSEC },
	{ "keepalive", ESL_IPPROTO_UDP, BIT(DST), IP | BIT(SPORT), .dport = ESL_PORT_NATT,
	  .load = ESL_LOAD_KEEPALIVE },
	{ "ike", ESL_IPPROTO_UDP, BIT(DST), IP | PORTS, .dport = 500, .rest = UDP_REST },
	{ "udp", ESL_IPPROTO_UDP, BIT(DST), IP | PORTS, .rest = UDP_REST },
	{ "tcp", ESL_IPPROTO_TCP, BIT(DST), IP | PORTS | BIT(SEQ) | BIT(ACK),
	  .rest = "TCP flags and window" },
	{ "icmp", ESL_IPPROTO_ICMP, BIT(DST), IP | BIT(TYPE) | BIT(CODE), .rest = ICMP_REST },
	{ "ping", ESL_IPPROTO_ICMP, BIT(DST), IP, .type = { 8, 128 }, .rest = ICMP_REST },
	{ "fragment", 0, BIT(DST), IP | PORTS | BIT(PROTO) | BIT(OFFSET) | BIT(SPI) | BIT(SEQ) },
	{ "ip", 0, BIT(DST), IP | BIT(PROTO), .rest = "first bytes of the payload" },
};
#define FORMS (sizeof(forms) / sizeof(forms[0]))

/* Of a typed fragment: what is left of the first one on a usual link. */
#define OFFSET 1480

const struct esl_form *esl_form_find(const char *name)
{
	for (size_t i = 0; i < FORMS; i++)
		if (!strcmp(forms[i].name, name))
			return &forms[i];
	return NULL;
}

const char *esl_form_names(char *buf, size_t size)
{
	size_t used = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < FORMS && used < size; i++)
		used += snprintf(buf + used, size - used, "%s%s", i ? ", " : "", forms[i].name);
	return buf;
}

int esl_addr_parse(const char *option, const char *text, struct esl_addr *ret, char *error)
{
	struct in_addr v4;

	if (inet_pton(AF_INET, text, &v4) == 1)
		*ret = esl_addr_from_ipv4(v4.s_addr);
	else if (inet_pton(AF_INET6, text, ret) != 1)
		return esl_error(error, EINVAL, "--%s %s: no IPv4 or IPv6 address", option, text);
	return 0;
}

int esl_typed_set(struct esl_typed *t, enum esl_field field, const char *text, char *error)
{
	const struct esl_field_text *f = &esl_field_text[field];
	char *end;

	t->given |= 1u << field;
	if (!f->max)
		return esl_addr_parse(f->option, text, field == ESL_FIELD_SRC ? &t->src : &t->dst, error);
	errno = 0;
	t->value[field] = strtoull(text, &end, 0);
	if (text[0] < '0' || text[0] > '9' || *end || errno || t->value[field] > f->max)
		return esl_error(error, EINVAL, "--%s %s: expected a number from 0 to %llu", f->option,
				 text, (unsigned long long)f->max);
	return 0;
}

bool esl_typed_is_ipv4(const struct esl_typed *t)
{
	struct esl_addr mapped = esl_addr_from_ipv4(0);

	return !memcmp(&t->dst, &mapped, 12);
}

bool esl_typed_is_ipsec(const struct esl_typed *t)
{
	return t->form->load != ESL_LOAD_NONE;
}

bool esl_typed_may_be_ipsec(const struct esl_typed *t)
{
	return t->form->dport || t->value[ESL_FIELD_PROTO] == ESL_IPPROTO_ESP ||
	       t->value[ESL_FIELD_PROTO] == ESL_IPPROTO_AH;
}

static bool is_fragment(const struct esl_typed *t)
{
	return t->form->allowed & BIT(OFFSET);
}

static int check_given(const struct esl_typed *t, char *error)
{
	__u32 missing = t->form->required & ~t->given;
	__u32 idle = t->given & ~(t->form->required | t->form->allowed);

	if (missing)
		return esl_error(error, EINVAL, "%s: --%s is missing", t->form->name,
				 esl_field_text[__builtin_ctz(missing)].option);
	if (idle)
		return esl_error(error, EINVAL, "%s: such a packet has no --%s", t->form->name,
				 esl_field_text[__builtin_ctz(idle)].option);
	return 0;
}

static int check_values(const struct esl_typed *t, char *error)
{
	struct esl_addr mapped = esl_addr_from_ipv4(0);
	bool v4 = esl_typed_is_ipv4(t);

	if (t->given & BIT(SRC) && v4 != !memcmp(&t->src, &mapped, 12))
		return esl_error(error, EINVAL, "--src and --dst: one is IPv4, the other IPv6");
	if (t->given & BIT(ID) && v4 && t->value[ESL_FIELD_ID] > 0xffff)
		return esl_error(error, EINVAL, "--id %llu: expected a number from 0 to 65535 for IPv4",
				 (unsigned long long)t->value[ESL_FIELD_ID]);
	if (t->given & BIT(ID) && !v4 && !is_fragment(t))
		return esl_error(error, EINVAL, "--id: an IPv6 packet has one as a fragment only");
	if (t->form->protocol == ESL_IPPROTO_TCP &&
	    t->value[ESL_FIELD_SEQ] > 0xffffffff)
		return esl_error(error, EINVAL, "--seq %llu: expected a number of 32 bits for TCP",
				 (unsigned long long)t->value[ESL_FIELD_SEQ]);
	if (t->value[ESL_FIELD_OFFSET] % 8)
		return esl_error(error, EINVAL, "--offset %llu: expected a multiple of 8",
				 (unsigned long long)t->value[ESL_FIELD_OFFSET]);
	return 0;
}

/* Headers of the transport part are in the first fragment only. */
static int check_fragment(const struct esl_typed *t, char *error)
{
	__u32 idle = t->given & (PORTS | BIT(SPI) | BIT(SEQ));

	if (is_fragment(t) && t->value[ESL_FIELD_OFFSET] && idle)
		return esl_error(error, EINVAL, "%s: only the first one (--offset 0) has --%s",
				 t->form->name, esl_field_text[__builtin_ctz(idle)].option);
	return 0;
}

static void set_default(struct esl_typed *t, enum esl_field field, __u64 value)
{
	if (!(t->given & 1u << field))
		t->value[field] = value;
}

int esl_typed_check(struct esl_typed *t, char *error)
{
	bool v6 = !esl_typed_is_ipv4(t);
	int err = check_given(t, error);

	if (!err)
		err = check_values(t, error);
	if (err)
		return err;
	if (!(t->given & BIT(SRC)) && !v6)
		t->src = esl_addr_from_ipv4(0);
	set_default(t, ESL_FIELD_DPORT, t->form->dport);
	set_default(t, ESL_FIELD_TYPE, t->form->type[v6]);
	if (is_fragment(t))
		set_default(t, ESL_FIELD_OFFSET, OFFSET);
	if (t->form->protocol)
		t->value[ESL_FIELD_PROTO] = t->form->protocol;
	if (t->form->protocol == ESL_IPPROTO_ICMP && v6)
		t->value[ESL_FIELD_PROTO] = ESL_IPPROTO_ICMPV6;
	return check_fragment(t, error);
}

static __u8 *put16(__u8 *at, __u64 v)
{
	__be16 x = htons((__u16)v);

	memcpy(at, &x, sizeof(x));
	return at + sizeof(x);
}

static __u8 *put32(__u8 *at, __u64 v)
{
	__be32 x = htonl((__u32)v);

	memcpy(at, &x, sizeof(x));
	return at + sizeof(x);
}

static __u8 *put_numbers(const struct esl_typed *t, __u8 *at)
{
	return put32(put32(at, t->value[ESL_FIELD_SPI]), t->value[ESL_FIELD_SEQ]);
}

static __u8 *put_udp(const struct esl_typed *t, __u8 *at)
{
	at = put16(put16(at, t->value[ESL_FIELD_SPORT]), t->value[ESL_FIELD_DPORT]);
	at += 4;
	if (t->form->load == ESL_LOAD_IPSEC)
		return put_numbers(t, at) + 16;
	if (t->form->load == ESL_LOAD_KEEPALIVE) {
		*at = 0xff;
		return at + 1;
	}
	return at + 8;
}

/* Returns the end of the transport part that begins at l4. */
static __u8 *put_transport(const struct esl_typed *t, __u8 *l4)
{
	if (t->value[ESL_FIELD_OFFSET])
		return l4 + 16;
	switch (t->value[ESL_FIELD_PROTO]) {
	case ESL_IPPROTO_ESP:
		return put_numbers(t, l4) + 16;
	case ESL_IPPROTO_AH:
		return put_numbers(t, l4 + 4) + 12;
	case ESL_IPPROTO_UDP:
		return put_udp(t, l4);
	case ESL_IPPROTO_TCP:
		l4 = put16(put16(l4, t->value[ESL_FIELD_SPORT]), t->value[ESL_FIELD_DPORT]);
		return put32(put32(l4, t->value[ESL_FIELD_SEQ]), t->value[ESL_FIELD_ACK]) + 8;
	case ESL_IPPROTO_ICMP:
	case ESL_IPPROTO_ICMPV6:
		l4[0] = (__u8)t->value[ESL_FIELD_TYPE];
		l4[1] = (__u8)t->value[ESL_FIELD_CODE];
		return l4 + 16;
	}
	return l4 + 16;
}

/* Of the packet: as given, or as its headers need. */
static __u32 length_of(const struct esl_typed *t, __u32 least)
{
	return t->given & BIT(LENGTH) ? (__u32)t->value[ESL_FIELD_LENGTH] : least;
}

/* Returns the least length. */
static __u32 put_ipv4(const struct esl_typed *t, struct esl_ipv4 *ip)
{
	__u32 least = (__u32)(put_transport(t, (__u8 *)(ip + 1)) - (__u8 *)ip);

	ip->version_ihl = 0x45;
	ip->tot_len = htons((__u16)length_of(t, least));
	ip->id = htons((__u16)t->value[ESL_FIELD_ID]);
	if (is_fragment(t))
		ip->frag = htons(t->value[ESL_FIELD_OFFSET] ? (__u16)(t->value[ESL_FIELD_OFFSET] / 8) :
							      ESL_IP_MF);
	ip->ttl = 64;
	ip->protocol = (__u8)t->value[ESL_FIELD_PROTO];
	memcpy(&ip->saddr, &t->src.byte[12], sizeof(ip->saddr));
	memcpy(&ip->daddr, &t->dst.byte[12], sizeof(ip->daddr));
	return least;
}

static __u32 put_ipv6(const struct esl_typed *t, struct esl_ipv6 *ip)
{
	struct esl_ipv6_ext *x = (void *)(ip + 1);
	__u8 *l4 = (__u8 *)(is_fragment(t) ? x + 1 : x);
	__u32 least = (__u32)(put_transport(t, l4) - (__u8 *)ip);

	ip->version_class_label = htonl(0x60000000);
	ip->payload_len = htons((__u16)(length_of(t, least) - sizeof(*ip)));
	ip->next_header = (__u8)t->value[ESL_FIELD_PROTO];
	ip->hop_limit = 64;
	ip->saddr = t->src;
	ip->daddr = t->dst;
	if (is_fragment(t)) {
		ip->next_header = ESL_IPPROTO_FRAGMENT;
		x->next_header = (__u8)t->value[ESL_FIELD_PROTO];
		x->frag = htons(t->value[ESL_FIELD_OFFSET] ? (__u16)t->value[ESL_FIELD_OFFSET] :
							     ESL_IPV6_MF);
		x->id = htonl((__u32)t->value[ESL_FIELD_ID]);
	}
	return least;
}

/* Behind the IP header: where the UDP length is. */
static void put_udp_length(const struct esl_typed *t, __u8 *l3, __u32 len)
{
	__u32 head = esl_typed_is_ipv4(t) ? sizeof(struct esl_ipv4) : sizeof(struct esl_ipv6);

	if (t->value[ESL_FIELD_PROTO] == ESL_IPPROTO_UDP && !is_fragment(t))
		put16(l3 + head + 4, len - head);
}

int esl_typed_frame(const struct esl_typed *t, __u8 *buf, struct esl_frame *ret, char *error)
{
	bool v4 = esl_typed_is_ipv4(t);
	__u8 *l3 = buf + ESL_ETH_LEN;
	__u32 least, len;

	memset(buf, 0, ESL_TYPED_MAX);
	put16(l3 - 2, v4 ? ESL_ETHERTYPE_IPV4 : ESL_ETHERTYPE_IPV6);
	least = v4 ? put_ipv4(t, (struct esl_ipv4 *)l3) : put_ipv6(t, (struct esl_ipv6 *)l3);
	len = length_of(t, least);
	if (len < least)
		return esl_error(error, EINVAL, "--length %u: this packet has %u bytes at least", len,
				 least);
	put_udp_length(t, l3, len);
	*ret = (struct esl_frame){
		.data = buf,
		.captured = ESL_ETH_LEN + len,
		.length = ESL_ETH_LEN + len,
		.no_mac = true,
	};
	return 0;
}
