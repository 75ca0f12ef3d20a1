/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The announcement, as it is before it is sealed and after it is opened (seal.h).
 *
 *     header | entries of the header's kind
 *
 * All integers are big-endian.  The whole message is parsed before anything in
 * it counts.  Rounds, options and tops merge by maximum: loss, order and
 * repetition do not matter.
 *
 * Upgrade rule: a receiver refuses another major version; a higher minor may
 * use reserved fields, which are 0 and ignored by this one.
 */
#ifndef ESPALIER_WIRE_H
#define ESPALIER_WIRE_H

#include "abi.h"
#include "seal.h"
#include "types.h"

#define ESL_WIRE_MAGIC 0x4573506cU	/* "EsPl" */
#define ESL_WIRE_MAJOR 6
#define ESL_WIRE_MINOR 1
#define ESL_WIRE_ENTRIES_MAX 32		/* rounds or tops */
#define ESL_WIRE_SESSIONS_MAX 100
#define ESL_WIRE_MARKS_MAX 14
#define ESL_WIRE_HEARD_MAX 25
#define ESL_WIRE_PAGES_MAX (ESL_SA_MAX / ESL_WIRE_ENTRIES_MAX)
#define ESL_WIRE_MARKER_MAX 24		/* bits that esl_is_marker() looks at */

/* header.flags */
#define ESL_WIRE_READY 0x01		/* the sender could forward */
#define ESL_WIRE_JOINING 0x02		/* the sender asks for all rounds */
#define ESL_WIRE_CHANGING 0x04		/* the sender asks for all tops */
#define ESL_WIRE_SWITCHING 0x08		/* the sender has begun to switch to the table of plan */
#define ESL_WIRE_STOPPED 0x10		/* active: these tops are the last by the table before it, in pages */
#define ESL_WIRE_WANTED 0x20		/* rounds: not all of these are acknowledged by enough: all are to be, again */
#define ESL_WIRE_ABLE 0x40		/* the sender has joined, and could forward wherever others differ; minor 1 */

enum esl_wire_kind {
	ESL_WIRE_ROUNDS,	/* esl_wire_entry: outbound SAs */
	ESL_WIRE_TOPS,		/* esl_wire_top: inbound SAs, as read for the epoch acknowledged */
	ESL_WIRE_ACTIVE,	/* esl_wire_top: inbound SAs in use, as just read */
	ESL_WIRE_SESSIONS,	/* esl_wire_session: the leader's assignments, oldest first */
	/* What the leader tells of a planned change, until all have it: */
	ESL_WIRE_NUMBERS,	/* esl_wire_top: the first number by the next table */
	ESL_WIRE_MARKS,		/* esl_wire_mark: where plain packets begin to follow it */
	ESL_WIRE_PROMOTIONS,	/* esl_wire_promotion: inbound SAs that not all members have yet */
	ESL_WIRE_HEARD,		/* esl_wire_heard: outbound SAs, what was heard of a member's rounds */
	ESL_WIRE_SALTS,		/* esl_wire_salt: outbound SAs, all that the sender knows of one or its digest */
	ESL_WIRE_KINDS
};

/* Of a new inbound SA (agent/promote.h).  The leader says ASK, AT and DONE; what
 * the others say is the answer, or told without being asked while not DONE. */
enum esl_wire_promotion_state {
	ESL_PROMOTION_ASK,	/* it has the SA, and authenticated up to number; 0: nothing */
	ESL_PROMOTION_NONE,	/* it has not; number 0 */
	ESL_PROMOTION_HAVE,	/* it has, and takes none of it; number 0 */
	ESL_PROMOTION_AT,	/* from number on by the table, below it the leader alone */
	ESL_PROMOTION_DONE,	/* by the table; none at or below number, 0: of all */
	ESL_PROMOTION_STATES
};

/* Every kind says who the sender is, how it is set up, and by which options it
 * dispatches. */
struct esl_wire_header {
	__u32 magic;
	__u8 major;
	__u8 minor;
	__u16 length;		/* of the whole message */
	__u8 sender;		/* member id */
	__u8 kind;
	__u8 flags;
	__u8 reserved;
	__u16 entries;
	__u16 lanes;		/* L of new SAs */
	__u8 block_shift;	/* log2 K */
	/* The dispatch options; all 0 with epoch 0: the sender has none yet. */
	__u8 scheme;		/* of plain packets */
	__u8 esp_shift;		/* log2 B, or ESL_BY_SPI */
	__u8 marker_shift;	/* log2 of the markers' distance */
	__u32 epoch;
	__u32 acked;		/* tops were read for this epoch; 0: for none */
	__u32 snapshot;		/* tops, numbers: pages of one snapshot belong together; promotions: the
				 * upper half of the term that the sender leads or follows; else 0 */
	__u16 page;		/* tops, numbers, marks, stopped: from 0; else 0 */
	__u16 pages;		/* the same: how many, 1 or more; else 0 */
	__u32 plan;		/* epoch of the next table that the sender prepares for; 0: none */
	__u64 members;		/* bit i: member id i is configured */
	__u64 boot;		/* random per start of the agent */
	__u64 digest;		/* of the settings that must be equal and are not here */
	__u64 windows;		/* digest of the peers' replay windows */
	__u32 addr[ESL_ROLES];	/* cluster addresses */
	__u8 addr6[ESL_ROLES][16];
	__u8 mac[ESL_ROLES][ESL_MAC_LEN];
	__u32 prepared;		/* snapshot of the numbers that it keeps to; 0: none yet */
	__u16 weight[ESL_MEMBERS_MAX];	/* part of the options, by member id */
	__u32 life;		/* random, not 0: another one after each loss of the pinned maps */
	__u32 reserved_end;	/* 0 */
};

/* The round that the sender is in on one outbound SA. */
struct esl_wire_entry {
	__u8 daddr[16];
	__u32 spi;
	__u16 lanes;		/* the SA's own plan, for ever the same */
	__u8 block_shift;
	__u8 protocol;
	__u64 round;
};

/* esl_wire_heard.flags */
#define ESL_HEARD_ASK 0x01		/* the sender asks what is known of itself; rounds: 1 where
					 * it waits for a rekey, else 0 */
#define ESL_HEARD_ANSWER 0x02		/* to a member that asks; with neither, nor OUTLIVED, an acknowledgement */
#define ESL_HEARD_KNOW 0x04		/* answer: agent/rejoin.h says what these mean */
#define ESL_HEARD_COMPLETE 0x08
#define ESL_HEARD_YOUNG 0x10
#define ESL_HEARD_HEARSAY 0x20
#define ESL_HEARD_OUTLIVED 0x40		/* no acknowledgement: another life of that member was heard of
					 * after, and this one has not begun anew since; rounds: of the other */

/* How many rounds of one member the sender has heard of on one outbound SA. */
struct esl_wire_heard {
	__u8 daddr[16];
	__u32 spi;
	__u8 protocol;
	__u8 member;		/* whose rounds */
	__u8 flags;
	__u8 reserved;		/* 0 */
	__u64 rounds;		/* 0 .. rounds - 1; hearsay: bit i: it was heard of from member id i */
	__u32 life;		/* of that member: whom else it reaches it is not for; not 0 */
	__u32 question;		/* ask: any, of the SA; answer: the one that is answered; else 0 */
};

/* The highest number that the sender may have accepted on one inbound SA. */
struct esl_wire_top {
	__u8 daddr[16];
	__u32 spi;
	__u8 protocol;
	__u8 reserved[3];
	__u64 top;
};

struct esl_wire_promotion {
	__u8 daddr[16];
	__u32 spi;
	__u8 protocol;
	__u8 state;		/* enum esl_wire_promotion_state */
	__u8 reserved[2];
	__u64 number;
};

/* A salt of one outbound SA, or the digest of the sender's book (agent/salt.h). */
struct esl_wire_salt {
	__u8 daddr[16];
	__u32 spi;
	__u8 protocol;
	__u8 member;		/* whose transform; of a digest: the sender */
	__u8 what;		/* enum esl_wire_salt_kind */
	__u8 reserved;
	__u64 salt;		/* or digest, never 0 */
};

enum esl_wire_salt_kind { ESL_WIRE_SALT_KNOWN, ESL_WIRE_SALT_USED, ESL_WIRE_SALT_DIGEST, ESL_WIRE_SALT_KINDS };

struct esl_wire_session {
	__u64 hash;
	__u8 member;
	__u8 reserved;
} __attribute__((packed, aligned(2)));

/* One receive queue of the leader: see agent/switching.h. */
struct esl_wire_mark {
	__u32 at;
	__u8 role;
	__u8 reserved[3];
	__u64 ring[ESL_SWITCH_LEVELS];
};

#define ESL_WIRE_MAX \
	(sizeof(struct esl_wire_header) + ESL_WIRE_ENTRIES_MAX * sizeof(struct esl_wire_entry))

ESL_STATIC_ASSERT(sizeof(struct esl_wire_header) == 264, "wire header");
ESL_STATIC_ASSERT(offsetof(struct esl_wire_header, members) == 40, "wire header");
ESL_STATIC_ASSERT(offsetof(struct esl_wire_header, weight) == 128, "wire header");
ESL_STATIC_ASSERT(sizeof(struct esl_wire_entry) == 32, "wire entry");
ESL_STATIC_ASSERT(sizeof(struct esl_wire_top) == sizeof(struct esl_wire_entry), "wire top");
#define ESL_WIRE_KEY_FIRST(type) (offsetof(struct type, daddr) == 0 && offsetof(struct type, spi) == 16)
ESL_STATIC_ASSERT(ESL_WIRE_KEY_FIRST(esl_wire_entry) && ESL_WIRE_KEY_FIRST(esl_wire_top) &&
			  ESL_WIRE_KEY_FIRST(esl_wire_promotion) && ESL_WIRE_KEY_FIRST(esl_wire_heard) &&
			  ESL_WIRE_KEY_FIRST(esl_wire_salt),
		  "every entry of an SA begins with its address and SPI");
ESL_STATIC_ASSERT(sizeof(struct esl_wire_promotion) == sizeof(struct esl_wire_entry), "wire promotion");
ESL_STATIC_ASSERT(sizeof(struct esl_wire_heard) == 40 && offsetof(struct esl_wire_heard, life) == 32 &&
			  ESL_WIRE_HEARD_MAX * sizeof(struct esl_wire_heard) <=
				  ESL_WIRE_ENTRIES_MAX * sizeof(struct esl_wire_entry),
		  "wire heard");
ESL_STATIC_ASSERT(sizeof(struct esl_wire_salt) == sizeof(struct esl_wire_entry), "wire salt");
ESL_STATIC_ASSERT(ESL_WIRE_SESSIONS_MAX * sizeof(struct esl_wire_session) <=
			  ESL_WIRE_ENTRIES_MAX * sizeof(struct esl_wire_entry),
		  "wire sessions");
ESL_STATIC_ASSERT(sizeof(struct esl_wire_mark) == 8 + 8 * ESL_SWITCH_LEVELS &&
			  ESL_WIRE_MARKS_MAX * sizeof(struct esl_wire_mark) <=
				  ESL_WIRE_ENTRIES_MAX * sizeof(struct esl_wire_entry),
		  "wire marks");
ESL_STATIC_ASSERT(ESL_WIRE_MAX <= ESL_SEAL_PAYLOAD_MAX, "one unfragmented datagram");

#endif
