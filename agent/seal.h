/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Datagrams sealed with the sender's key of this boot, and opened with those
 * that the other members handed over.  See include/espalier/seal.h.
 *
 * A key is renewed when a cluster secret is retired, as who held that secret
 * may know it: seal_renew() draws the next one, which the channel hands over,
 * and seal_switch() begins to use it.  A receiver forgets the key before as soon
 * as the next one was used.
 */
#ifndef AGENT_SEAL_H
#define AGENT_SEAL_H

#include "sealed.h"

struct seal;

/* For member id of the cluster of members (bit i: member id i is configured).
 * Returns 0, or -ENOMEM or -EIO (OpenSSL). The caller ends it with seal_stop(). */
int seal_start(struct seal **ret, __u32 id, __u64 boot, __u64 members);
/* Wipes the keys. */
void seal_stop(struct seal *s);

/* Flags of all datagrams from now on: ESL_SEAL_DEAF, ESL_SEAL_CUT. */
void seal_say(struct seal *s, __u32 flags);

/*
 * Seal size bytes, at most ESL_SEAL_PAYLOAD_MAX, into out, which may be sent
 * over any number of networks.  Returns the bytes in out, or -EMSGSIZE, -EIO.
 */
ssize_t seal_put(struct seal *s, enum esl_seal_type type, const void *payload, size_t size,
		 __u8 out[ESL_SEAL_MAX]);

/*
 * Open a datagram of size bytes, and count what became of it.  With SEALED_OK
 * *h is who sent it and *len bytes of payload are its content; else payload holds
 * nothing of use, and *h, where the result is OWN_ID or BOOT, what it claims.
 */
enum sealed_result seal_open(struct seal *s, const __u8 *buf, size_t size, struct sealed_header *h,
			     __u8 payload[ESL_SEAL_PAYLOAD_MAX], size_t *len);

/* How often result came of seal_open(). */
__u64 seal_count(const struct seal *s, enum sealed_result result);

/* What KEY hands over, in host order. */
struct seal_key {
	__u32 id;		/* from 1 */
	__u64 counter;		/* datagrams up to it are old */
	__u8 key[ESL_SEAL_KEY_LEN];
};

/* The own keys, for the channel only: the one in use, then one that is to be.
 * Returns how many. The caller wipes them. */
size_t seal_tell(const struct seal *s, struct seal_key ret[2]);

/* Another member handed its key over. One of another boot replaces all before.
 * Returns 0, or -EINVAL (no such member), -EIO. */
int seal_learn(struct seal *s, __u32 id, __u64 boot, const struct seal_key *key);

/* Draw the next own key; 0 or -EIO. One that waits already is drawn anew, with another id. */
int seal_renew(struct seal *s);
/* Seal with it from now on. */
void seal_switch(struct seal *s);

#endif
