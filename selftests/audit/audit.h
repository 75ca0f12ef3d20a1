/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The auditor: what left a cluster, what came for it and what it delivered,
 * packet by packet, and what that proves.  README.md beside this file says how
 * each thing is decided.  No file, no clock: those who read captures feed it.
 */
#ifndef AUDIT_AUDIT_H
#define AUDIT_AUDIT_H

#include <jansson.h>

#include "bits.h"
#include "keys.h"
#include "open.h"
#include "packet.h"

/* Replay windows from 32 to 32 << AUDIT_WINDOWS - 1. */
#define AUDIT_WINDOW_MIN 32
#define AUDIT_WINDOWS 9

/* What became of a packet's ICV. */
enum audit_icv {
	AUDIT_ICV_NONE,		/* no ESP, or of nobody's SA */
	AUDIT_ICV_GOOD,
	AUDIT_ICV_BAD,
	AUDIT_ICV_UNKNOWN,	/* not all of the packet was captured */
};

/* How the numbers of an SA came: RFC 4303 section 3.4.3. */
struct audit_order {
	uint64_t top;		/* the highest number, 0: none yet */
	uint64_t reordered;	/* packets below the top of their moment */
	uint64_t deepest;	/* how far below, at most */
	uint64_t beyond[AUDIT_WINDOWS];	/* packets that a window of 32 << i would have refused as too old */
};

struct audit_sa {
	const struct audit_key *key;
	struct audit_opener *opener;
	const struct audit_plan *plan;	/* NULL: nobody said which */
	struct audit_bits *ivs;		/* of all SAs of one key */
	struct audit_bits own_ivs;
	struct audit_bits numbers;
	struct audit_order order;
	bool sent;		/* by the cluster; else towards it */
	uint64_t packets, verified, invalid_icv, not_verifiable;
	uint64_t repeated;	/* numbers that came once more */
	uint64_t repeated_iv;
	uint64_t outside_lane;	/* a number of another member's, or a sender that is no member */
	uint64_t uncarried;	/* verified, but of no IP packet: dummies, transport mode */
	uint64_t by_member[AUDIT_MEMBERS_MAX];
};

/* Frames by what they are. */
struct audit_counts {
	uint64_t frames, esp, ah, fragments, other, cut_short;
	uint64_t no_key;	/* ESP from or to the cluster with an SPI that has no key */
	uint64_t elsewhere;	/* ESP between others */
};

struct audit {
	struct audit_keys keys;
	struct audit_sa *sa;	/* as many as keys, by SPI */
	struct audit_counts outside;
	struct audit_tallies inner;
	bool inside_asked;	/* a capture of the inside was named */
	uint64_t delivered;	/* packets inside, of members */
	uint64_t not_comparable;	/* of these: not all was captured */
	uint64_t of_others;	/* inside, but no member sent them */
	bool allow_unverified;	/* what cannot be verified is told, not judged */
	uint64_t cut_off;	/* files that end within a packet */
	json_t *files;		/* what was read; owned */
};

/* What one frame of the outside turned out to be. */
struct audit_seen {
	enum audit_icv icv;
	uint32_t spi;
	uint64_t number;	/* the whole one, 0: unknown */
	struct audit_inner inner;	/* nothing unless the ICV is good */
};

/* keys: taken over. Returns 0, or -1 with a sentence. */
int audit_start(struct audit *a, struct audit_keys *keys, char error[AUDIT_SENTENCE_MAX]);
void audit_end(struct audit *a);

/* A frame as captured outside, or inside. */
struct audit_seen audit_outside(struct audit *a, enum audit_link link, const uint8_t *data, size_t captured);
void audit_inside(struct audit *a, enum audit_link link, const uint8_t *data, size_t captured);

/*
 * An IP packet as what does not change between the tunnel's two ends of it: all
 * but TTL or hop limit, ECN bits and the IPv4 header's checksum.  Never 0.
 */
uint64_t audit_digest(const uint8_t *ip, size_t len);

/* The whole verdict; "passed" and "failures" sum it up. To be released. */
json_t *audit_report(const struct audit *a);

#endif
