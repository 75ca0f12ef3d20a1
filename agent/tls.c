// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "tls.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <string.h>

#define SUITE "TLS_AES_256_GCM_SHA384"
#define GROUPS "X25519:P-256"

static const unsigned char suite_id[] = { 0x13, 0x02 };

int tls_secrets_read(const struct esl_conf *c, struct tls_secrets *ret, char error[ESL_ERROR_MAX])
{
	int count = esl_conf_secrets(c, "espalier channel key", ret->key, error), names;

	if (count < 0)
		return count;
	names = esl_conf_secrets(c, "espalier channel name", ret->name, error);
	if (names < 0)
		return names;
	/* Written anew between the two: the names would be those of other keys. */
	if (names != count)
		return -EAGAIN;
	ret->count = (size_t)count;
	return 0;
}

bool tls_secrets_have(const struct tls_secrets *s, const __u8 name[32])
{
	for (size_t i = 0; i < s->count; i++)
		if (!CRYPTO_memcmp(s->name[i], name, sizeof(s->name[i])))
			return true;
	return false;
}

/* A session that holds nothing but the key: what OpenSSL takes an external PSK from. */
static SSL_SESSION *session_of(SSL *ssl, const __u8 key[32])
{
	const SSL_CIPHER *cipher = SSL_CIPHER_find(ssl, suite_id);
	SSL_SESSION *s = SSL_SESSION_new();

	if (s && cipher && SSL_SESSION_set1_master_key(s, key, 32) == 1 &&
	    SSL_SESSION_set_cipher(s, cipher) == 1 &&
	    SSL_SESSION_set_protocol_version(s, TLS1_3_VERSION) == 1)
		return s;
	SSL_SESSION_free(s);
	return NULL;
}

static int offer(SSL *ssl, const EVP_MD *md, const unsigned char **id, size_t *id_len, SSL_SESSION **ret)
{
	struct tls *t = SSL_get_app_data(ssl);

	(void)md;
	*ret = session_of(ssl, t->secrets->key[t->choice]);
	*id = t->secrets->name[t->choice];
	*id_len = sizeof(t->secrets->name[0]);
	memcpy(t->used, *id, sizeof(t->used));
	return *ret != NULL;
}

static int find(SSL *ssl, const unsigned char *id, size_t id_len, SSL_SESSION **ret)
{
	struct tls *t = SSL_get_app_data(ssl);

	*ret = NULL;
	for (size_t i = 0; i < t->secrets->count; i++) {
		if (id_len != sizeof(t->secrets->name[i]) || CRYPTO_memcmp(id, t->secrets->name[i], id_len))
			continue;
		memcpy(t->used, id, sizeof(t->used));
		*ret = session_of(ssl, t->secrets->key[i]);
		return *ret != NULL;
	}
	/* Not an error here: the handshake then finds that nothing is left to agree on. */
	t->stranger = true;
	return 1;
}

SSL_CTX *tls_context(void)
{
	SSL_CTX *c = SSL_CTX_new(TLS_method());

	if (!c || SSL_CTX_set_min_proto_version(c, TLS1_3_VERSION) != 1 ||
	    SSL_CTX_set_max_proto_version(c, TLS1_3_VERSION) != 1 ||
	    SSL_CTX_set_ciphersuites(c, SUITE) != 1 || SSL_CTX_set1_groups_list(c, GROUPS) != 1 ||
	    SSL_CTX_set_num_tickets(c, 0) != 1) {
		SSL_CTX_free(c);
		ERR_clear_error();
		return NULL;
	}
	/* A PSK without (EC)DHE stays forbidden: SSL_OP_ALLOW_NO_DHE_KEX is not set. */
	SSL_CTX_set_options(c, SSL_OP_NO_TICKET | SSL_OP_CLEANSE_PLAINTEXT | SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_set_mode(c, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
				    SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_psk_use_session_callback(c, offer);
	SSL_CTX_set_psk_find_session_callback(c, find);
	return c;
}

int tls_open(struct tls *t, SSL_CTX *context, int fd, bool connector, const struct tls_secrets *secrets,
	     size_t choice)
{
	*t = (struct tls){ .ssl = SSL_new(context), .secrets = secrets, .choice = choice };
	if (!t->ssl || SSL_set_app_data(t->ssl, t) != 1 || SSL_set_fd(t->ssl, fd) != 1) {
		tls_close(t);
		return -EIO;
	}
	if (!connector) {
		SSL_set_accept_state(t->ssl);
		return 0;
	}
	SSL_set_connect_state(t->ssl);
	/* With no authority known, no certificate of a server stands in for the PSK. */
	SSL_set_verify(t->ssl, SSL_VERIFY_PEER, NULL);
	return 0;
}

void tls_close(struct tls *t)
{
	if (!t->ssl)
		return;
	if (SSL_is_init_finished(t->ssl))
		SSL_shutdown(t->ssl);
	SSL_free(t->ssl);
	t->ssl = NULL;
	ERR_clear_error();
}

/* Is it the answer to an unknown or a wrong secret? */
static bool about_secret(const struct tls *t, unsigned long error)
{
	switch (ERR_GET_REASON(error)) {
	case SSL_R_BINDER_DOES_NOT_VERIFY:
	case SSL_R_TLSV1_ALERT_DECRYPT_ERROR:
	case SSL_R_SSLV3_ALERT_ILLEGAL_PARAMETER:	/* so OpenSSL 3.0 answers a wrong binder */
	case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE:
		return true;
	default:
		return t->stranger;
	}
}

static enum tls_result result_of(const struct tls *t, int ret)
{
	unsigned long error;

	switch (SSL_get_error(t->ssl, ret)) {
	case SSL_ERROR_WANT_READ: return TLS_READ;
	case SSL_ERROR_WANT_WRITE: return TLS_WRITE;
	case SSL_ERROR_ZERO_RETURN: return TLS_CLOSED;
	case SSL_ERROR_SYSCALL: return TLS_CLOSED;
	default: break;
	}
	error = ERR_peek_error();
	if (ERR_GET_REASON(error) == SSL_R_UNEXPECTED_EOF_WHILE_READING)
		return TLS_CLOSED;
	return !SSL_is_init_finished(t->ssl) && about_secret(t, error) ? TLS_SECRET : TLS_BROKEN;
}

enum tls_result tls_handshake(struct tls *t)
{
	int ret;

	ERR_clear_error();
	ret = SSL_do_handshake(t->ssl);
	if (ret != 1)
		return result_of(t, ret);
	/* OpenSSL says "reused" of a handshake by PSK: any other kind is no proof. */
	return SSL_session_reused(t->ssl) ? TLS_OK : TLS_BROKEN;
}

enum tls_result tls_read(struct tls *t, void *buf, size_t size, size_t *done)
{
	int ret;

	ERR_clear_error();
	ret = SSL_read_ex(t->ssl, buf, size, done);
	return ret == 1 ? TLS_OK : result_of(t, ret);
}

enum tls_result tls_write(struct tls *t, const void *buf, size_t size, size_t *done)
{
	int ret;

	ERR_clear_error();
	ret = SSL_write_ex(t->ssl, buf, size, done);
	return ret == 1 ? TLS_OK : result_of(t, ret);
}
