/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Sealed datagrams without the cryptography: the header, why one is refused,
 * and the window against replay.  Pure.
 */
#ifndef AGENT_SEALED_H
#define AGENT_SEALED_H

#include <espalier/abi.h>
#include <espalier/seal.h>

/*
 * X(SYMBOL, name): what became of a datagram; the names are counters in the
 * status.  Up to BOOT nothing is authenticated: anybody can cause these.
 *
 *     own_id       from this member's id in another boot: a second holder, if
 *                  the channel says so too
 *     echo         this member's own, sent back by a network
 *     boot         of a boot whose key this member was not given: an old
 *                  capture, or a sender that has just started
 *     key          the sender's key is not known, or no longer
 *     seal         not made with that key, or altered
 *     duplicate    authentic, or was: another copy came first
 *     replay       behind the window
 */
#define SEALED_RESULTS(X)           \
	X(OK, "ok")                 \
	X(SHORT, "short")           \
	X(LONG, "long")             \
	X(MAGIC, "magic")           \
	X(VERSION, "version")       \
	X(TYPE, "type")             \
	X(SENDER, "sender")         \
	X(OWN_ID, "own_id")         \
	X(ECHO, "echo")             \
	X(KEY, "key")               \
	X(BOOT, "boot")             \
	X(SEAL, "seal")             \
	X(DUPLICATE, "duplicate")   \
	X(REPLAY, "replay")

enum sealed_result {
#define X(symbol, name) SEALED_##symbol,
	SEALED_RESULTS(X)
#undef X
	SEALED_COUNT
};

const char *sealed_name(enum sealed_result r);

/* struct esl_seal_header in host order. */
struct sealed_header {
	__u8 sender;
	enum esl_seal_type type;
	__u64 boot;
	__u64 counter;
	__u32 key;
	__u32 flags;
	__u8 minor;		/* of the sender */
};

void sealed_encode(const struct sealed_header *h, __u8 buf[sizeof(struct esl_seal_header)]);

/*
 * Parse the header of a datagram of size bytes.  *h counts only where SEALED_OK
 * is returned, and then nothing in it is authentic yet.
 */
enum sealed_result sealed_decode(const __u8 *buf, size_t size, struct sealed_header *h);

/* The bytes of a nonce, of which none comes twice under one key. */
#define SEALED_NONCE_LEN 12
void sealed_nonce(const struct sealed_header *h, __u8 nonce[SEALED_NONCE_LEN]);

/* The counters seen of one sender in one boot: top, and those below it. */
#define REPLAY_WINDOW 1024

struct replay {
	__u64 top;			/* 0: nothing seen */
	__u64 seen[REPLAY_WINDOW / 64];	/* of counters above top - REPLAY_WINDOW, by remainder */
};

/* Forget all; counters up to last count as seen. */
void replay_start(struct replay *r, __u64 last);

/* SEALED_OK: not seen yet.  Changes nothing: for before the seal is checked. */
enum sealed_result replay_look(const struct replay *r, __u64 counter);

/* An authentic datagram with this counter, which replay_look() found new. */
void replay_take(struct replay *r, __u64 counter);

#endif
