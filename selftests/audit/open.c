// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "open.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

#define HEAD 8		/* SPI and number */
#define GCM_IV 8
#define GCM_SALT 4
#define CBC_BLOCK 16
#define TRAILER 2	/* length of the padding, next header */
#define PACKET_MAX 65536

struct audit_opener {
	const struct audit_key *key;
	EVP_CIPHER_CTX *cipher;
	EVP_MAC_CTX *mac;	/* NULL: AEAD */
	uint8_t plain[PACKET_MAX];
};

static const EVP_CIPHER *find_cipher(const struct audit_key *k)
{
	switch (k->cipher.len - (k->aead ? GCM_SALT : 0)) {
	case 16:
		return k->aead ? EVP_aes_128_gcm() : EVP_aes_128_cbc();
	case 24:
		return k->aead ? EVP_aes_192_gcm() : EVP_aes_192_cbc();
	case 32:
		return k->aead ? EVP_aes_256_gcm() : EVP_aes_256_cbc();
	}
	return NULL;
}

static bool start_cipher(struct audit_opener *o)
{
	o->cipher = EVP_CIPHER_CTX_new();
	if (!o->cipher || EVP_DecryptInit_ex(o->cipher, find_cipher(o->key), NULL, o->key->cipher.bytes, NULL) != 1)
		return false;
	EVP_CIPHER_CTX_set_padding(o->cipher, 0);
	return true;
}

static bool start_mac(struct audit_opener *o)
{
	OSSL_PARAM digest[2] = { OSSL_PARAM_construct_end(), OSSL_PARAM_construct_end() };
	EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);

	digest[0] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)o->key->digest, 0);
	o->mac = hmac ? EVP_MAC_CTX_new(hmac) : NULL;
	EVP_MAC_free(hmac);
	return o->mac && EVP_MAC_init(o->mac, o->key->auth.bytes, o->key->auth.len, digest) == 1;
}

struct audit_opener *audit_opener_new(const struct audit_key *k)
{
	struct audit_opener *o = OPENSSL_zalloc(sizeof(*o));

	if (!o)
		return NULL;
	o->key = k;
	/* Without a cipher nothing can be decrypted, but what is signed can be judged. */
	if ((k->cipher.len && !start_cipher(o)) || (!k->aead && !start_mac(o))) {
		audit_opener_free(o);
		return NULL;
	}
	return o;
}

void audit_opener_free(struct audit_opener *o)
{
	if (!o)
		return;
	EVP_CIPHER_CTX_free(o->cipher);
	EVP_MAC_CTX_free(o->mac);
	OPENSSL_clear_free(o, sizeof(*o));
}

static void put32(uint8_t *to, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		to[i] = (uint8_t)(v >> (24 - 8 * i));
}

/* RFC 4106 sections 4 and 5. */
static bool open_gcm(struct audit_opener *o, const struct audit_packet *p, uint64_t number, size_t len)
{
	const uint8_t *salt = o->key->cipher.bytes + o->key->cipher.len - GCM_SALT;
	uint8_t nonce[GCM_SALT + GCM_IV], aad[HEAD + 4], last[CBC_BLOCK];
	const uint8_t *text = p->esp + HEAD + GCM_IV;
	size_t aad_len = HEAD;
	int n = 0;

	memcpy(nonce, salt, GCM_SALT);
	memcpy(nonce + GCM_SALT, p->esp + HEAD, GCM_IV);
	memcpy(aad, p->esp, HEAD);
	if (o->key->esn) {
		put32(aad + 4, (uint32_t)(number >> 32));
		memcpy(aad + 8, p->esp + 4, 4);
		aad_len += 4;
	}
	return EVP_DecryptInit_ex(o->cipher, NULL, NULL, NULL, nonce) == 1 &&
	       EVP_DecryptUpdate(o->cipher, NULL, &n, aad, (int)aad_len) == 1 &&
	       EVP_DecryptUpdate(o->cipher, o->plain, &n, text, (int)len) == 1 &&
	       EVP_CIPHER_CTX_ctrl(o->cipher, EVP_CTRL_AEAD_SET_TAG, (int)o->key->icv_len, (void *)(text + len)) == 1 &&
	       EVP_DecryptFinal_ex(o->cipher, last, &n) == 1;
}

/* RFC 4303 section 2.2.1: the high half is signed as if it stood behind. */
static bool check_mac(struct audit_opener *o, const struct audit_packet *p, uint64_t number)
{
	size_t signed_len = p->esp_len - o->key->icv_len, n = 0;
	uint8_t high[4], icv[EVP_MAX_MD_SIZE];

	put32(high, (uint32_t)(number >> 32));
	return EVP_MAC_init(o->mac, NULL, 0, NULL) == 1 && EVP_MAC_update(o->mac, p->esp, signed_len) == 1 &&
	       (!o->key->esn || EVP_MAC_update(o->mac, high, sizeof(high)) == 1) &&
	       EVP_MAC_final(o->mac, icv, &n, sizeof(icv)) == 1 && n >= o->key->icv_len &&
	       !CRYPTO_memcmp(icv, p->esp + signed_len, o->key->icv_len);
}

static bool decrypt_cbc(struct audit_opener *o, const struct audit_packet *p, size_t len)
{
	const uint8_t *iv = p->esp + HEAD;
	int n = 0;

	return o->cipher && !(len % CBC_BLOCK) && EVP_DecryptInit_ex(o->cipher, NULL, NULL, NULL, iv) == 1 &&
	       EVP_DecryptUpdate(o->cipher, o->plain, &n, iv + CBC_BLOCK, (int)len) == 1 && (size_t)n == len;
}

bool audit_open(struct audit_opener *o, const struct audit_packet *p, uint64_t number, struct audit_inner *ret)
{
	size_t iv = o->key->aead ? GCM_IV : CBC_BLOCK, around = HEAD + iv + o->key->icv_len, len;
	size_t padding;

	*ret = (struct audit_inner){ 0 };
	if (p->esp_captured < p->esp_len || p->esp_len < around + TRAILER || p->esp_len > PACKET_MAX)
		return false;
	len = p->esp_len - around;
	if (o->key->aead ? !open_gcm(o, p, number, len) : !check_mac(o, p, number))
		return false;
	if (!o->key->aead && !decrypt_cbc(o, p, len))
		return true;
	padding = o->plain[len - TRAILER];
	if (padding + TRAILER > len)
		return true;
	*ret = (struct audit_inner){ .data = o->plain, .len = len - TRAILER - padding, .next_header = o->plain[len - 1] };
	return true;
}

bool audit_iv(const struct audit_key *k, const struct audit_packet *p, uint64_t *ret)
{
	if ((!k->aead && !k->cipher.len) || p->esp_captured < HEAD + GCM_IV)
		return false;
	*ret = 0;
	for (int i = 0; i < GCM_IV; i++)
		*ret = *ret << 8 | p->esp[HEAD + i];
	return true;
}
