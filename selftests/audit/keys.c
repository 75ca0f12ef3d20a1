// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "keys.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLANKS " \t\r\n"

struct reader {
	const char *name;
	unsigned line;
	char *rest;		/* of the line */
	struct audit_keys *keys;
	struct audit_key *key;	/* the SA being read; NULL: none, or one to be left out */
	char *error;
};

__attribute__((format(printf, 2, 3))) static int bad(const struct reader *r, const char *format, ...)
{
	int n = snprintf(r->error, AUDIT_SENTENCE_MAX, "%s:%u: ", r->name, r->line);
	va_list ap;

	if (n < 0 || n >= AUDIT_SENTENCE_MAX)
		return -1;
	va_start(ap, format);
	vsnprintf(r->error + n, AUDIT_SENTENCE_MAX - (size_t)n, format, ap);
	va_end(ap);
	return -1;
}

/* The next word of the line, or NULL. */
static char *word(struct reader *r)
{
	return strtok_r(NULL, BLANKS, &r->rest);
}

bool audit_addr_read(const char *text, struct audit_addr *ret)
{
	*ret = (struct audit_addr){ 0 };
	if (inet_pton(AF_INET, text, ret->bytes) == 1)
		ret->len = 4;
	else if (inet_pton(AF_INET6, text, ret->bytes) == 1)
		ret->len = 16;
	return ret->len;
}

static int read_addr(struct reader *r, const char *what, struct audit_addr *ret)
{
	const char *w = word(r);

	return w && audit_addr_read(w, ret) ? 0 : bad(r, "%s: expected an IP address, not \"%s\"", what, w ? w : "");
}

/* "ip -s" tells a number or a length once more, as in "0x1000(4096)" and "0x... (160 bits) 128". */
static bool told_again(const char *text)
{
	return *text == '(' && strchr(text, ')');
}

static int read_number(struct reader *r, const char *what, uint64_t low, uint64_t high, uint64_t *ret)
{
	const char *w = word(r);
	char *end = NULL;

	*ret = w ? strtoull(w, &end, 0) : 0;
	/* "seq-hi 0x0, seq 0x1" has commas. */
	if (!w || end == w || (*end && strcmp(end, ",") && !told_again(end)) || *w == '-' || *ret < low || *ret > high)
		return bad(r, "%s: expected a number of %llu to %llu, not \"%s\"", what, (unsigned long long)low,
			   (unsigned long long)high, w ? w : "");
	return 0;
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int read_secret(struct reader *r, const char *what, struct audit_secret *ret)
{
	const char *w = word(r);
	size_t n = w ? strlen(w) : 0;

	*ret = (struct audit_secret){ 0 };
	if (n < 4 || strncmp(w, "0x", 2))
		return bad(r, "%s: expected a key in hexadecimal, 0x...", what);
	if (n % 2 || n / 2 - 1 > AUDIT_KEY_MAX)
		return bad(r, "%s: a key has an even number of digits, at most %d", what, 2 * AUDIT_KEY_MAX);
	for (const char *p = w + 2; *p; p += 2) {
		if (digit(p[0]) < 0 || digit(p[1]) < 0)
			return bad(r, "%s: \"%.2s\" in the key is not hexadecimal", what, p);
		ret->bytes[ret->len++] = (uint8_t)(digit(p[0]) << 4 | digit(p[1]));
	}
	if (r->rest && told_again(r->rest += strspn(r->rest, BLANKS)))
		r->rest = strchr(r->rest, ')') + 1;
	return 0;
}

static int read_bits(struct reader *r, const char *what, size_t *ret)
{
	uint64_t bits;

	if (read_number(r, what, 8, 512, &bits))
		return -1;
	*ret = bits / 8;
	return bits % 8 ? bad(r, "%s: an ICV of %llu bits", what, (unsigned long long)bits) : 0;
}

static int read_aead(struct reader *r, struct audit_key *k)
{
	const char *name = word(r);

	if (!name || strcmp(name, "rfc4106(gcm(aes))"))
		return bad(r, "aead: \"%s\" cannot be verified, only rfc4106(gcm(aes))", name ? name : "");
	k->aead = true;
	if (read_secret(r, "aead", &k->cipher) || read_bits(r, "aead", &k->icv_len))
		return -1;
	if (k->cipher.len != 20 && k->cipher.len != 28 && k->cipher.len != 36)
		return bad(r, "aead: %zu bytes of key and salt, expected 20, 28 or 36", k->cipher.len);
	if (k->icv_len != 8 && k->icv_len != 12 && k->icv_len != 16)
		return bad(r, "aead: an ICV of %zu bytes, expected 8, 12 or 16", k->icv_len);
	return 0;
}

static int read_enc(struct reader *r, struct audit_key *k)
{
	const char *name = word(r);

	if (!name || strcmp(name, "cbc(aes)"))
		return bad(r, "enc: \"%s\" cannot be decrypted, only cbc(aes)", name ? name : "");
	if (read_secret(r, "enc", &k->cipher))
		return -1;
	if (k->cipher.len != 16 && k->cipher.len != 24 && k->cipher.len != 32)
		return bad(r, "enc: %zu bytes of key, expected 16, 24 or 32", k->cipher.len);
	return 0;
}

/* With truncation "auth-trunc", which names the length of the ICV in bits. */
static int read_auth(struct reader *r, struct audit_key *k, bool truncated)
{
	static const struct {
		const char *kernel, *openssl;
		size_t icv;	/* bytes, where none is named: RFC 4868, RFC 2404 */
	} hashes[] = {
		{ "hmac(sha256)", "SHA256", 12 }, /* the kernel's own default, not that of RFC 4868 */
		{ "hmac(sha384)", "SHA384", 24 },
		{ "hmac(sha512)", "SHA512", 32 },
		{ "hmac(sha1)", "SHA1", 12 },
	};
	const char *name = word(r);

	for (size_t i = 0; name && i < sizeof(hashes) / sizeof(hashes[0]); i++) {
		if (strcmp(name, hashes[i].kernel))
			continue;
		snprintf(k->digest, sizeof(k->digest), "%s", hashes[i].openssl);
		k->icv_len = hashes[i].icv;
		if (read_secret(r, "auth", &k->auth))
			return -1;
		return truncated ? read_bits(r, "auth-trunc", &k->icv_len) : 0;
	}
	return bad(r, "auth: \"%s\" cannot be verified", name ? name : "");
}

/* What follows an SA's addresses: words of ip-xfrm(8), of which most are of no
 * interest here. */
static int read_words(struct reader *r)
{
	struct audit_key *k = r->key;
	uint64_t n;
	char *w;

	while ((w = word(r))) {
		int err = 0;

		/* Addresses of others; a structure that SAs without extended numbers have, too. */
		if (!strcmp(w, "sel") || !strcmp(w, "anti-replay"))
			return 0;
		if (!strcmp(w, "proto")) {
			w = word(r);
			k->esp = w && !strcmp(w, "esp");
		} else if (!strcmp(w, "spi")) {
			err = read_number(r, "spi", 1, UINT32_MAX, &n);
			k->spi = (uint32_t)n;
		} else if (!strcmp(w, "aead")) {
			err = read_aead(r, k);
		} else if (!strcmp(w, "enc")) {
			err = read_enc(r, k);
		} else if (!strncmp(w, "auth", 4) && (!w[4] || !strcmp(w, "auth-trunc"))) {
			err = read_auth(r, k, w[4]);
		} else if (!strcmp(w, "esn")) {
			k->esn = true;
		} else if (!strcmp(w, "seq-hi") || !strcmp(w, "oseq-hi")) {
			err = read_number(r, w, 0, UINT32_MAX, &n);
			k->start |= n << 32;
		}
		if (err)
			return err;
	}
	return 0;
}

static int start_key(struct reader *r)
{
	struct audit_keys *all = r->keys;
	struct audit_key *k = reallocarray(all->key, all->keys + 1, sizeof(*k));
	const char *w;

	if (!k)
		return bad(r, "no memory");
	all->key = k;
	r->key = &k[all->keys++];
	*r->key = (struct audit_key){ .line = r->line };
	if (read_addr(r, "src", &r->key->src))
		return -1;
	w = word(r);
	if (!w || strcmp(w, "dst"))
		return bad(r, "expected \"dst\" behind the source address");
	return read_addr(r, "dst", &r->key->dst) ? -1 : read_words(r);
}

static int read_cluster(struct reader *r)
{
	if (r->keys->clusters == AUDIT_CLUSTER_MAX)
		return bad(r, "cluster: more than %d addresses", AUDIT_CLUSTER_MAX);
	return read_addr(r, "cluster", &r->keys->cluster[r->keys->clusters++]);
}

static int read_member(struct reader *r)
{
	struct audit_mac m;
	uint64_t id;
	char *w;

	if (read_number(r, "member", 0, AUDIT_MEMBERS_MAX - 1, &id))
		return -1;
	m.member = (int)id;
	while ((w = word(r))) {
		int used = 0;

		if (r->keys->macs == AUDIT_MACS_MAX)
			return bad(r, "member: more than %d MACs", AUDIT_MACS_MAX);
		if (sscanf(w, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n", &m.mac[0], &m.mac[1], &m.mac[2], &m.mac[3],
			   &m.mac[4], &m.mac[5], &used) != 6 || w[used])
			return bad(r, "member: \"%s\" is not a MAC", w);
		r->keys->mac[r->keys->macs++] = m;
	}
	return 0;
}

static int read_plan(struct reader *r)
{
	struct audit_plan *p = &r->keys->plan[r->keys->plans];
	uint64_t lanes, spi = 0;
	const char *w;

	if (r->keys->plans++ == AUDIT_PLANS_MAX)
		return bad(r, "lanes: more than %d lines", AUDIT_PLANS_MAX);
	if (read_number(r, "lanes", 1, AUDIT_MEMBERS_MAX, &lanes))
		return -1;
	w = word(r);
	if (!w || strcmp(w, "block"))
		return bad(r, "lanes: expected \"block\" and the size of one");
	if (read_number(r, "block", 1, UINT32_MAX, &p->block))
		return -1;
	w = word(r);
	if (w && (strcmp(w, "spi") || read_number(r, "spi", 1, UINT32_MAX, &spi)))
		return bad(r, "lanes: expected nothing more, or \"spi\" and a number");
	p->lanes = (unsigned)lanes;
	p->spi = (uint32_t)spi;
	return 0;
}

static int read_line(struct reader *r, char *text)
{
	bool indented = *text == ' ' || *text == '\t';
	char *w = strtok_r(text, BLANKS, &r->rest);

	if (!w || *w == '#')
		return 0;
	if (indented) {
		/* Back to the line's first word. */
		if (r->rest && *r->rest)
			w[strlen(w)] = ' ';
		r->rest = w;
		return r->key ? read_words(r) : 0;
	}
	r->key = NULL;
	if (!strcmp(w, "ip"))
		w = word(r);
	if (w && !strcmp(w, "xfrm"))
		w = word(r);
	if (w && !strcmp(w, "policy"))
		return 0;
	if (w && !strcmp(w, "state")) {
		word(r);	/* add, update */
		w = word(r);
	}
	if (w && !strcmp(w, "src"))
		return start_key(r);
	if (w && !strcmp(w, "cluster"))
		return read_cluster(r);
	if (w && !strcmp(w, "member"))
		return read_member(r);
	if (w && !strcmp(w, "lanes"))
		return read_plan(r);
	return bad(r, "\"%s\": expected an SA as ip xfrm state prints it, or cluster, member or lanes", w ? w : "");
}

/* What only shows when all lines of an SA were read. */
static int check_key(struct reader *r, const struct audit_key *k)
{
	r->line = k->line;
	if (!k->spi)
		return bad(r, "an SA without SPI");
	if (k->src.len != k->dst.len)
		return bad(r, "an SA from one address family to the other");
	if (k->esp && !(k->aead ? k->cipher.len : k->auth.len))
		return bad(r, "SPI 0x%x has no key: was it printed with \"nokeys\", or is it not ESP with aead or auth?", k->spi);
	for (const struct audit_key *other = r->keys->key; other < k; other++)
		if (other->spi == k->spi && !memcmp(&other->dst, &k->dst, sizeof(k->dst)) && other->esp == k->esp)
			return bad(r, "SPI 0x%x for the same destination is in line %u already", k->spi, other->line);
	return 0;
}

int audit_keys_read(const char *name, char *text, struct audit_keys *ret, char error[AUDIT_SENTENCE_MAX])
{
	struct reader r = { .name = name, .keys = ret, .error = error };
	char *next;

	*ret = (struct audit_keys){ 0 };
	for (char *line = text; line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = 0;
		r.line++;
		if (read_line(&r, line))
			return -1;
	}
	for (size_t i = 0; i < ret->keys; i++)
		if (check_key(&r, &ret->key[i]))
			return -1;
	if (!ret->keys) {
		r.line = 0;
		return bad(&r, "no SA in it");
	}
	return 0;
}

void audit_keys_free(struct audit_keys *k)
{
	for (size_t i = 0; i < k->keys; i++)
		explicit_bzero(&k->key[i], sizeof(k->key[i]));
	free(k->key);
	*k = (struct audit_keys){ 0 };
}
