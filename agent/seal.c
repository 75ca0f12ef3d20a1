// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "seal.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

/* The cipher's context keeps the expanded key; it is wiped when freed. */
struct key {
	__u32 id;		/* 0: none */
	EVP_CIPHER_CTX *cipher;
};

/* Another member in its present boot. */
struct sender {
	__u64 boot;
	struct key key, before;	/* before: until key was used */
	struct replay replay;
};

struct own {
	__u32 id;		/* 0: none */
	__u8 key[ESL_SEAL_KEY_LEN];
	EVP_CIPHER_CTX *cipher;
};

struct seal {
	__u32 id;
	__u64 boot;
	__u64 members;
	__u64 counter;
	__u32 flags;
	__u32 drawn;		/* id of the last own key */
	struct own own, next;
	struct sender senders[ESL_MEMBERS_MAX];	/* by member id */
	__u64 counts[SEALED_COUNT];
};

static EVP_CIPHER_CTX *cipher_new(const __u8 key[ESL_SEAL_KEY_LEN], bool encrypt)
{
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();

	if (c && EVP_CipherInit_ex(c, EVP_aes_256_gcm(), NULL, key, NULL, encrypt) == 1)
		return c;
	EVP_CIPHER_CTX_free(c);
	return NULL;
}

static void forget(struct key *k)
{
	EVP_CIPHER_CTX_free(k->cipher);
	*k = (struct key){};
}

static void forget_own(struct own *o)
{
	EVP_CIPHER_CTX_free(o->cipher);
	OPENSSL_cleanse(o, sizeof(*o));
}

static int draw(struct seal *s, struct own *o)
{
	forget_own(o);
	if (RAND_priv_bytes(o->key, sizeof(o->key)) == 1)
		o->cipher = cipher_new(o->key, true);
	if (!o->cipher) {
		forget_own(o);
		return -EIO;
	}
	o->id = ++s->drawn;
	return 0;
}

int seal_start(struct seal **ret, __u32 id, __u64 boot, __u64 members)
{
	struct seal *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return -ENOMEM;
	s->id = id;
	s->boot = boot;
	s->members = members;
	err = draw(s, &s->own);
	if (err) {
		seal_stop(s);
		return err;
	}
	*ret = s;
	return 0;
}

void seal_stop(struct seal *s)
{
	if (!s)
		return;
	for (int i = 0; i < ESL_MEMBERS_MAX; i++) {
		forget(&s->senders[i].key);
		forget(&s->senders[i].before);
	}
	forget_own(&s->own);
	forget_own(&s->next);
	free(s);
}

void seal_say(struct seal *s, __u32 flags)
{
	s->flags = flags;
}

ssize_t seal_put(struct seal *s, enum esl_seal_type type, const void *payload, size_t size,
		 __u8 out[ESL_SEAL_MAX])
{
	const size_t head = sizeof(struct esl_seal_header);
	struct sealed_header h = { .sender = (__u8)s->id, .type = type, .boot = s->boot, .key = s->own.id,
				   .flags = s->flags, .minor = ESL_SEAL_MINOR };
	EVP_CIPHER_CTX *c = s->own.cipher;
	__u8 nonce[SEALED_NONCE_LEN];
	int n;

	if (size > ESL_SEAL_PAYLOAD_MAX)
		return -EMSGSIZE;
	/* Used up even where sealing fails: no second datagram may have it. */
	h.counter = ++s->counter;
	sealed_encode(&h, out);
	sealed_nonce(&h, nonce);
	if (EVP_EncryptInit_ex(c, NULL, NULL, NULL, nonce) != 1 ||
	    EVP_EncryptUpdate(c, NULL, &n, out, (int)head) != 1 ||
	    EVP_EncryptUpdate(c, out + head, &n, payload, (int)size) != 1 ||
	    EVP_EncryptFinal_ex(c, out + head + size, &n) != 1 ||
	    EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, ESL_SEAL_TAG_LEN, out + head + size) != 1)
		return -EIO;
	return (ssize_t)(head + size + ESL_SEAL_TAG_LEN);
}

static bool decrypt(EVP_CIPHER_CTX *c, const __u8 *buf, size_t size, const struct sealed_header *h,
		    __u8 *payload, size_t *len)
{
	const size_t head = sizeof(struct esl_seal_header);
	__u8 nonce[SEALED_NONCE_LEN], tag[ESL_SEAL_TAG_LEN];
	int n;

	*len = size - head - sizeof(tag);
	memcpy(tag, buf + size - sizeof(tag), sizeof(tag));
	sealed_nonce(h, nonce);
	return EVP_DecryptInit_ex(c, NULL, NULL, NULL, nonce) == 1 &&
	       EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, sizeof(tag), tag) == 1 &&
	       EVP_DecryptUpdate(c, NULL, &n, buf, (int)head) == 1 &&
	       EVP_DecryptUpdate(c, payload, &n, buf + head, (int)*len) == 1 &&
	       EVP_DecryptFinal_ex(c, payload + *len, &n) == 1;
}

static enum sealed_result check_sender(const struct seal *s, const struct sealed_header *h)
{
	const struct sender *from = &s->senders[h->sender];

	if (h->sender == s->id)
		return h->boot == s->boot ? SEALED_ECHO : SEALED_OWN_ID;
	if (!(s->members >> h->sender & 1))
		return SEALED_SENDER;
	if (!from->key.id)
		return SEALED_KEY;
	if (h->boot != from->boot)
		return SEALED_BOOT;
	if (!h->key || (h->key != from->key.id && h->key != from->before.id))
		return SEALED_KEY;
	/* Copies are dropped before they cost a decryption. */
	return replay_look(&from->replay, h->counter);
}

static enum sealed_result open_it(struct seal *s, const __u8 *buf, size_t size, struct sealed_header *h,
				  __u8 *payload, size_t *len)
{
	enum sealed_result result = sealed_decode(buf, size, h);
	struct sender *from;
	bool newest;

	if (result == SEALED_OK)
		result = check_sender(s, h);
	if (result != SEALED_OK)
		return result;
	from = &s->senders[h->sender];
	newest = h->key == from->key.id;
	if (!decrypt(newest ? from->key.cipher : from->before.cipher, buf, size, h, payload, len))
		return SEALED_SEAL;
	replay_take(&from->replay, h->counter);
	if (newest)
		forget(&from->before);
	return SEALED_OK;
}

enum sealed_result seal_open(struct seal *s, const __u8 *buf, size_t size, struct sealed_header *h,
			     __u8 payload[ESL_SEAL_PAYLOAD_MAX], size_t *len)
{
	enum sealed_result result = open_it(s, buf, size, h, payload, len);

	s->counts[result]++;
	return result;
}

__u64 seal_count(const struct seal *s, enum sealed_result result)
{
	return s->counts[result];
}

size_t seal_tell(const struct seal *s, struct seal_key ret[2])
{
	size_t count = 0;

	for (const struct own *o = &s->own; o; o = o == &s->own && s->next.id ? &s->next : NULL) {
		ret[count].id = o->id;
		ret[count].counter = s->counter;
		memcpy(ret[count++].key, o->key, sizeof(o->key));
	}
	return count;
}

int seal_learn(struct seal *s, __u32 id, __u64 boot, const struct seal_key *key)
{
	struct sender *from = &s->senders[id % ESL_MEMBERS_MAX];
	EVP_CIPHER_CTX *c;

	if (id >= ESL_MEMBERS_MAX || id == s->id || !(s->members >> id & 1) || !key->id)
		return -EINVAL;
	/* Told again, over another connection: what was seen stays seen. */
	if (from->boot == boot && key->id <= from->key.id)
		return 0;
	c = cipher_new(key->key, false);
	if (!c)
		return -EIO;
	if (from->boot != boot || !from->key.id) {
		forget(&from->before);
		forget(&from->key);
		replay_start(&from->replay, key->counter);
	}
	/* One that was told but not used yet gives way, the one in use stays. */
	if (from->before.id)
		forget(&from->key);
	else
		from->before = from->key;
	from->boot = boot;
	from->key = (struct key){ .id = key->id, .cipher = c };
	return 0;
}

int seal_renew(struct seal *s)
{
	return draw(s, &s->next);
}

void seal_switch(struct seal *s)
{
	if (!s->next.id)
		return;
	forget_own(&s->own);
	s->own = s->next;
	/* The cipher is the own key's now. */
	OPENSSL_cleanse(&s->next, sizeof(s->next));
}
