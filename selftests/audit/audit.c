// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "audit.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IPV4 4		/* next header of a tunnel's packets */
#define IPV6 41
#define TWO32 (1ULL << 32)

static int by_spi(const void *a, const void *b)
{
	const struct audit_sa *x = a, *y = b;

	return x->key->spi < y->key->spi ? -1 : x->key->spi > y->key->spi;
}

static bool is_cluster(const struct audit_keys *k, const uint8_t *addr, size_t len)
{
	for (size_t i = 0; i < k->clusters; i++)
		if (k->cluster[i].len == len && !memcmp(k->cluster[i].bytes, addr, len))
			return true;
	return false;
}

static bool same_secret(const struct audit_secret *a, const struct audit_secret *b)
{
	return a->len == b->len && !memcmp(a->bytes, b->bytes, a->len);
}

/* One key, one set of IVs: two SAs that share a key share it too. */
static struct audit_bits *find_ivs(struct audit *a, struct audit_sa *sa)
{
	for (struct audit_sa *s = a->sa; s < sa; s++)
		if (same_secret(&s->key->cipher, &sa->key->cipher))
			return s->ivs;
	return &sa->own_ivs;
}

static const struct audit_plan *find_plan(const struct audit_keys *k, uint32_t spi)
{
	const struct audit_plan *found = NULL;

	for (size_t i = 0; i < k->plans; i++)
		if (k->plan[i].spi == spi || (!k->plan[i].spi && !found))
			found = &k->plan[i];
	return found;
}

int audit_start(struct audit *a, struct audit_keys *keys, char error[AUDIT_SENTENCE_MAX])
{
	*a = (struct audit){ .keys = *keys, .files = json_array() };
	*keys = (struct audit_keys){ 0 };
	a->sa = calloc(a->keys.keys, sizeof(*a->sa));
	if (!a->sa || !a->files) {
		snprintf(error, AUDIT_SENTENCE_MAX, "no memory");
		return -1;
	}
	for (size_t i = 0; i < a->keys.keys; i++)
		a->sa[i].key = &a->keys.key[i];
	qsort(a->sa, a->keys.keys, sizeof(*a->sa), by_spi);
	for (struct audit_sa *sa = a->sa; sa < a->sa + a->keys.keys; sa++) {
		const struct audit_key *k = sa->key;

		sa->sent = !a->keys.clusters || is_cluster(&a->keys, k->src.bytes, k->src.len);
		sa->ivs = find_ivs(a, sa);
		sa->plan = find_plan(&a->keys, k->spi);
		sa->opener = k->esp ? audit_opener_new(k) : NULL;
		if (k->esp && !sa->opener) {
			snprintf(error, AUDIT_SENTENCE_MAX, "OpenSSL refuses the key of SPI 0x%x", k->spi);
			return -1;
		}
	}
	return 0;
}

void audit_end(struct audit *a)
{
	for (size_t i = 0; a->sa && i < a->keys.keys; i++) {
		audit_opener_free(a->sa[i].opener);
		audit_bits_free(&a->sa[i].own_ivs);
		audit_bits_free(&a->sa[i].numbers);
	}
	free(a->sa);
	audit_tallies_free(&a->inner);
	audit_keys_free(&a->keys);
	json_decref(a->files);
}

static struct audit_sa *find_sa(const struct audit *a, const struct audit_packet *p)
{
	struct audit_key key = { .spi = p->spi };
	struct audit_sa wanted = { .key = &key };
	struct audit_sa *sa = bsearch(&wanted, a->sa, a->keys.keys, sizeof(*sa), by_spi);

	while (sa && sa > a->sa && sa[-1].key->spi == p->spi)
		sa--;
	for (; sa && sa < a->sa + a->keys.keys && sa->key->spi == p->spi; sa++)
		if (sa->key->esp && sa->key->dst.len == p->addr_len &&
		    !memcmp(sa->key->dst.bytes, p->daddr, p->addr_len))
			return sa;
	return NULL;
}

/* The number with this low half that is nearest to ref. */
static uint64_t nearest(uint32_t low, uint64_t ref)
{
	uint64_t n = (ref & ~(TWO32 - 1)) | low;

	if (n > ref && n - ref > TWO32 / 2 && n >= TWO32)
		return n - TWO32;
	if (n < ref && ref - n > TWO32 / 2)
		return n + TWO32;
	return n;
}

/*
 * The whole number of a packet, which is not sent with it: the one with which the
 * ICV is right, looked for beside those before it and where the kernel stood when
 * the keys were printed.
 */
static enum audit_icv find_number(const struct audit_sa *sa, const struct audit_packet *p, uint64_t *number,
				  struct audit_inner *inner)
{
	uint64_t top = sa->order.top ? sa->order.top : sa->key->start, near = p->low;

	if (sa->key->esn)
		near = nearest(p->low, top);
	*number = near;
	if (p->esp_captured < p->esp_len)
		return AUDIT_ICV_UNKNOWN;
	if (near && audit_open(sa->opener, p, near, inner))
		return AUDIT_ICV_GOOD;
	for (int i = 0; sa->key->esn && i < 4; i++) {
		uint64_t from = i < 2 ? near : nearest(p->low, sa->key->start);
		uint64_t n = i % 2 ? from - TWO32 : from + TWO32;

		if (n && (i % 2 == 0 || from > TWO32) && audit_open(sa->opener, p, n, inner)) {
			*number = n;
			return AUDIT_ICV_GOOD;
		}
	}
	return AUDIT_ICV_BAD;
}

static int member_of(const struct audit_keys *k, const uint8_t *mac)
{
	for (size_t i = 0; mac && i < k->macs; i++)
		if (!memcmp(k->mac[i].mac, mac, 6))
			return k->mac[i].member;
	return -1;
}

static void note_order(struct audit_order *o, uint64_t number)
{
	uint64_t below = o->top - number;

	if (number >= o->top) {
		o->top = number;
		return;
	}
	o->reordered++;
	if (below > o->deepest)
		o->deepest = below;
	for (int i = 0; i < AUDIT_WINDOWS; i++)
		o->beyond[i] += below >= (uint64_t)AUDIT_WINDOW_MIN << i;
}

/* Whose number is it, and who sent it? */
static void note_sender(const struct audit *a, struct audit_sa *sa, const uint8_t *mac, uint64_t number)
{
	int member = member_of(&a->keys, mac);

	if (!a->keys.macs)
		return;
	if (member >= 0)
		sa->by_member[member]++;
	if (member < 0 || !number ||
	    (sa->plan && (number - 1) / sa->plan->block % sa->plan->lanes != (uint64_t)member))
		sa->outside_lane++;
}

/* An IV is told from the first packet with its number only where an attacker may send that again. */
static void note_iv(struct audit_sa *sa, const struct audit_packet *p, bool repeated)
{
	uint64_t iv;

	if ((sa->sent || !repeated) && audit_iv(sa->key, p, &iv))
		sa->repeated_iv += audit_bits_add(sa->ivs, iv);
}

static void note_carried(struct audit *a, struct audit_sa *sa, const struct audit_inner *inner)
{
	struct audit_packet in;

	audit_read_ip(inner->data, inner->len, &in);
	if ((inner->next_header != IPV4 && inner->next_header != IPV6) || !audit_is_whole(&in))
		sa->uncarried++;
	else
		audit_tally(&a->inner, audit_digest(in.ip, in.ip_len))->carried++;
}

static struct audit_seen judge_esp(struct audit *a, struct audit_sa *sa, const struct audit_packet *p)
{
	struct audit_seen seen = { .spi = p->spi };
	bool repeated;

	sa->packets++;
	seen.icv = find_number(sa, p, &seen.number, &seen.inner);
	if (seen.icv == AUDIT_ICV_BAD) {
		sa->invalid_icv++;
		return seen;
	}
	if (seen.icv == AUDIT_ICV_GOOD)
		sa->verified++;
	else
		sa->not_verifiable++;
	repeated = audit_bits_add(&sa->numbers, seen.number);
	sa->repeated += repeated;
	note_iv(sa, p, repeated);
	if (sa->sent)
		note_sender(a, sa, p->mac, seen.number);
	else if (!repeated && seen.icv == AUDIT_ICV_GOOD)
		note_carried(a, sa, &seen.inner);
	/* What an attacker sends again says nothing of the peer's order. */
	if (sa->sent || !repeated)
		note_order(&sa->order, seen.number);
	return seen;
}

struct audit_seen audit_outside(struct audit *a, enum audit_link link, const uint8_t *data, size_t captured)
{
	struct audit_counts *c = &a->outside;
	struct audit_packet p;
	struct audit_sa *sa;

	audit_read_frame(link, data, captured, &p);
	c->frames++;
	c->esp += p.kind == AUDIT_ESP;
	c->ah += p.kind == AUDIT_AH;
	c->fragments += p.kind == AUDIT_FRAGMENT;
	c->cut_short += p.kind == AUDIT_SHORT;
	c->other += p.kind == AUDIT_OTHER || p.kind == AUDIT_PLAIN;
	if (p.kind != AUDIT_ESP)
		return (struct audit_seen){ 0 };
	sa = find_sa(a, &p);
	if (sa)
		return judge_esp(a, sa, &p);
	if (!a->keys.clusters || is_cluster(&a->keys, p.saddr, p.addr_len) ||
	    is_cluster(&a->keys, p.daddr, p.addr_len))
		c->no_key++;
	else
		c->elsewhere++;
	return (struct audit_seen){ .spi = p.spi };
}

void audit_inside(struct audit *a, enum audit_link link, const uint8_t *data, size_t captured)
{
	struct audit_packet p;

	a->inside_asked = true;
	audit_read_frame(link, data, captured, &p);
	if (!p.ip)
		return;
	if (p.mac && a->keys.macs && member_of(&a->keys, p.mac) < 0) {
		a->of_others++;
		return;
	}
	a->delivered++;
	if (!audit_is_whole(&p))
		a->not_comparable++;
	else
		audit_tally(&a->inner, audit_digest(p.ip, p.ip_len))->delivered++;
}

uint64_t audit_digest(const uint8_t *ip, size_t len)
{
	uint8_t packet[65536], hash[SHA256_DIGEST_LENGTH];
	uint64_t digest = 0;

	if (len < 20 || len > sizeof(packet))
		return 1;
	memcpy(packet, ip, len);
	if (ip[0] >> 4 == 4) {
		packet[1] &= 0xfc;
		packet[8] = packet[10] = packet[11] = 0;
	} else {
		packet[1] &= 0xcf;
		packet[7] = 0;
	}
	SHA256(packet, len, hash);
	memcpy(&digest, hash, sizeof(digest));
	return digest ? digest : 1;
}
