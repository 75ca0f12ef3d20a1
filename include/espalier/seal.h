/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What protects messages between members.  All integers are big-endian.
 *
 * A sealed datagram, on the sync network or raw on a segment:
 *
 *     esl_seal_header | encrypted payload | tag of 16 bytes
 *
 * AES-256-GCM under the sender's own key, which is drawn anew with every boot
 * and reaches the others over the channel.  The header is authenticated with
 * it.  The nonce is {low 32 bits of boot, counter}: the counter never returns
 * under one key, as both are drawn or begin anew with the boot only.  The same
 * bytes may be sent over several networks: the receiver takes the first copy.
 *
 * The channel: TLS 1.3 over TCP between each two members, at the sync addresses
 * and ports; the member with the higher id connects.  In it, frames:
 *
 *     esl_frame_header | body
 *
 * Each side sends HELLO, then KEY, before anything else.
 *
 * Upgrade rule, of both: a receiver refuses another major version; a higher
 * minor may use reserved fields, which are 0 and ignored by this one, append to
 * the body of a channel frame, and send further types, which are ignored.
 */
#ifndef ESPALIER_SEAL_H
#define ESPALIER_SEAL_H

#include "types.h"

#define ESL_SEAL_MAGIC 0x45735053U	/* "EsPS" */
#define ESL_SEAL_MAJOR 1
#define ESL_SEAL_MINOR 1
#define ESL_SEAL_KEY_LEN 32
#define ESL_SEAL_TAG_LEN 16
#define ESL_SEAL_MAX 1400		/* header and tag included */

struct esl_seal_header {
	__u32 magic;
	__u8 major;
	__u8 minor;
	__u8 sender;		/* member id */
	__u8 type;		/* enum esl_seal_type */
	__u64 boot;		/* random per start of the agent */
	__u64 counter;		/* from 1, one more with every datagram of this boot */
	__u32 key;		/* which of the sender's keys of this boot, from 1 */
	__u32 flags;		/* those not named here are 0, and ignored; before minor 1 reserved */
};

/* The sender hears a member, but not by the group of the sync network: it needs copies of its own. */
#define ESL_SEAL_DEAF 1U
/* The sync network brings the sender nothing of a member that lives: it is to be told over the segments too. */
#define ESL_SEAL_CUT 2U

enum esl_seal_type {
	ESL_SEAL_ANNOUNCEMENT,	/* wire.h */
	ESL_SEAL_HEARTBEAT,
	ESL_SEAL_TYPES
};

#define ESL_SEAL_PAYLOAD_MAX (ESL_SEAL_MAX - sizeof(struct esl_seal_header) - ESL_SEAL_TAG_LEN)

#define ESL_FRAME_MAJOR 1
#define ESL_FRAME_MINOR 0
#define ESL_FRAME_BODY_MAX 16384

struct esl_frame_header {
	__u32 length;		/* of the body, at most ESL_FRAME_BODY_MAX */
	__u16 type;		/* enum esl_frame_type, or a user's */
	__u8 major;
	__u8 minor;
};

enum esl_frame_type {
	ESL_FRAME_HELLO,	/* esl_frame_hello */
	ESL_FRAME_KEY,		/* esl_frame_key; again when the sender renews its key */
	ESL_FRAME_PING,		/* no body; PONG is the answer */
	ESL_FRAME_PONG,		/* no body */
	ESL_FRAME_ID_TAKEN,	/* esl_frame_taken: another holder of the receiver's id is alive */
	ESL_FRAME_USER = 64	/* types from here on belong to the users of the channel */
};

struct esl_frame_hello {
	__u8 sender;		/* member id */
	__u8 wire_major;	/* ESL_WIRE_MAJOR of the sender */
	__u8 seal_major;	/* ESL_SEAL_MAJOR of the sender */
	__u8 reserved[5];
	__u64 boot;
};

/* The holder that the sender keeps to. */
struct esl_frame_taken {
	__u64 boot;
	__u8 established;	/* 1: it forwards, as the sender hears; else 0 */
	__u8 reserved[7];	/* 0 */
};

/* The sender's sealing key. */
struct esl_frame_key {
	__u64 counter;		/* the last one used: datagrams up to it are old */
	__u32 id;		/* from 1 */
	__u32 reserved;
	__u8 key[ESL_SEAL_KEY_LEN];
};

ESL_STATIC_ASSERT(sizeof(struct esl_seal_header) == 32, "seal header");
ESL_STATIC_ASSERT(offsetof(struct esl_seal_header, boot) == 8, "seal header");
ESL_STATIC_ASSERT(offsetof(struct esl_seal_header, key) == 24, "seal header");
/* Ethernet pads what is shorter than 46 bytes: the size of a sealed datagram is exact. */
ESL_STATIC_ASSERT(sizeof(struct esl_seal_header) + ESL_SEAL_TAG_LEN >= 46, "never padded");
ESL_STATIC_ASSERT(sizeof(struct esl_frame_header) == 8, "frame header");
ESL_STATIC_ASSERT(sizeof(struct esl_frame_hello) == 16, "frame hello");
ESL_STATIC_ASSERT(sizeof(struct esl_frame_taken) == 16, "frame taken");
ESL_STATIC_ASSERT(sizeof(struct esl_frame_key) == 48, "frame key");

#endif
