/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * TLS 1.3 on a non-blocking socket, mutual by a pre-shared key, with an
 * ephemeral (EC)DHE in every handshake, one cipher suite, no certificates, no
 * tickets, no early data.
 */
#ifndef AGENT_TLS_H
#define AGENT_TLS_H

#include <openssl/ssl.h>

#include <loader/conf.h>

/* The pre-shared keys, newest first, and by what name each is asked for. */
struct tls_secrets {
	size_t count;				/* 1 or 2 */
	__u8 key[ESL_SECRETS_MAX][32];
	__u8 name[ESL_SECRETS_MAX][32];		/* says nothing of the key */
};

/* Read and derive them; 0 or a negative errno with a sentence. The caller wipes *ret. */
int tls_secrets_read(const struct esl_conf *c, struct tls_secrets *ret, char error[ESL_ERROR_MAX]);
bool tls_secrets_have(const struct tls_secrets *s, const __u8 name[32]);

enum tls_result {
	TLS_OK,
	TLS_READ,		/* again when the socket can be read */
	TLS_WRITE,		/* again when it can be written */
	TLS_CLOSED,		/* the other side ended it */
	TLS_SECRET,		/* no secret in common */
	TLS_BROKEN		/* not TLS 1.3, or not as above */
};

struct tls {
	SSL *ssl;
	const struct tls_secrets *secrets;
	size_t choice;		/* which of them is offered */
	bool stranger;		/* the client asked for an unknown one */
	__u8 used[32];		/* the name that both know; after the handshake */
};

/* NULL: OpenSSL has not what is needed. Freed by SSL_CTX_free(). */
SSL_CTX *tls_context(void);

/*
 * Begin on fd, which stays the caller's. connector: this end is the client and
 * offers secret number choice. t and secrets must stay where they are until
 * tls_close().  Returns 0 or -EIO.
 */
int tls_open(struct tls *t, SSL_CTX *context, int fd, bool connector, const struct tls_secrets *secrets,
	     size_t choice);
void tls_close(struct tls *t);

enum tls_result tls_handshake(struct tls *t);
/* With TLS_OK *done bytes were read or written, at least one. */
enum tls_result tls_read(struct tls *t, void *buf, size_t size, size_t *done);
enum tls_result tls_write(struct tls *t, const void *buf, size_t size, size_t *done);

#endif
