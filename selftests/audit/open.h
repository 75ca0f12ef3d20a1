/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * An SA's key at work: is this ICV right under that 64-bit number, and what was
 * inside?  RFC 4303, RFC 4106, RFC 3602, RFC 4868, by OpenSSL.
 */
#ifndef AUDIT_OPEN_H
#define AUDIT_OPEN_H

#include "keys.h"
#include "packet.h"

struct audit_opener;

/* NULL: OpenSSL does not take this key. */
struct audit_opener *audit_opener_new(const struct audit_key *k);
void audit_opener_free(struct audit_opener *o);

/* What an ESP packet carried. */
struct audit_inner {
	const uint8_t *data;	/* good until the next call */
	size_t len;		/* without padding */
	uint8_t next_header;
};

/*
 * number: the whole one; its high half enters with ESN only.  Returns whether the
 * ICV is right.  All of the packet must have been captured.
 */
bool audit_open(struct audit_opener *o, const struct audit_packet *p, uint64_t number, struct audit_inner *ret);

/* The IV as one value: all of GCM's, the first half of CBC's. False: not captured. */
bool audit_iv(const struct audit_key *k, const struct audit_packet *p, uint64_t *ret);

#endif
