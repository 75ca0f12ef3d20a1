/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The salts of one outbound SA's transforms, at one member: which may be used
 * beside which, so that no IV leaves twice under one key.  Pure.
 *
 * A book holds all pairs of member and salt that were ever told for the key, those
 * of transforms gone and of members dead too.  Books merge by union, so loss, order
 * and repetition of messages do not matter; a digest tells whether two are equal.
 *
 * A member uses a transform when
 *
 *     no other salt in its book may meet the own one, else it draws again, and
 *     every other member that lives has told the digest of just this book.
 *
 * Of two members that hear each other the later one so knows the other's salt when
 * it begins: books do not shrink.  Members that are not heard are not waited for.  What both
 * sides of a cut network began to use meanwhile is compared when they meet; until
 * then two salts of theirs may be too close, with a chance of 2^-32 for each pair of
 * them with 32-bit numbers, 2^-16 with ESN.
 */
#ifndef AGENT_SALT_H
#define AGENT_SALT_H

#include <espalier/dispatch.h>
#include <espalier/salt.h>

/* Pairs of one key; a transform that finds no place is not used before the rekey. */
#define SALTS_MAX 128

/* X(SYMBOL, name, sentence): what the status says of an outbound SA. */
#define SALT_STATES(X)                                                                                    \
	X(PENDING, "pending", "the salt of its IVs is not known yet: nothing is sent")                    \
	X(COMPARING, "comparing", "not all members that live know the salt of its IVs yet: nothing is sent") \
	X(CHECKED, "checked", "the salt of its IVs meets no other one of this key that is known")         \
	X(TOO_CLOSE, "too_close", "the salt of its IVs may meet another one of this key: it is drawn again, nothing is sent") \
	X(EXHAUSTED, "exhausted", "too many transforms had this key: nothing is sent before it is rekeyed") \
	X(NO_SALT, "not_applicable", "its transform has no IV, or draws each at random")                  \
	X(OFFLOADED, "not_applicable_offload", "a device encrypts: the IV is not seen here")              \
	X(HIDDEN, "not_applicable_hidden", "ESP offload in software writes the IV behind the guard: it is not compared") \
	X(UNREACHABLE, "not_applicable_unreachable", "a mark, an interface id or a selector keeps probes from this SA: its IVs are not compared")

enum salt_state {
#define X(symbol, name, sentence) SALT_##symbol,
	SALT_STATES(X)
#undef X
	SALT_STATE_COUNT
};

struct salt_pair {
	__u64 salt;
	__u8 member;
	bool used;	/* numbers may have left under it */
};

struct salt_book {
	enum salt_state state;
	bool esn;
	__u64 own;	/* of the transform in the kernel; COMPARING, CHECKED, TOO_CLOSE, EXHAUSTED */
	__u64 seen;	/* PENDING: what the last packet told, */
	__u32 sights;	/* and how many did; no two the same in succession */
	bool changed;	/* since it was last told to the others */
	__u64 told[ESL_MEMBERS_MAX];	/* by member id: the digest that it told last; 0: none */
	size_t count;
	struct salt_pair pair[SALTS_MAX];
};

/* What the caller has to do. */
enum salt_step {
	SALT_WAIT,	/* nothing */
	SALT_USE,	/* let the guard pass numbers with the salt own */
	SALT_REDRAW,	/* close the guard, install the SA anew */
};

/* Of a transform with a salt to be found out; NO_SALT, OFFLOADED: of another one. */
void salt_begin(struct salt_book *b, enum salt_state state, bool esn);

/* The same transform was in use before this agent started, with this salt. */
void salt_resume(struct salt_book *b, __u8 self, __u64 salt);

/* The SA may have another transform now: whatever is seen next counts. */
void salt_lost(struct salt_book *b);

/*
 * A packet of the SA had this salt.  Twice in succession the same, and it is the
 * transform's: what is no IV does not follow the numbers.  Returns whether the state
 * is another one now.
 */
bool salt_seen(struct salt_book *b, __u8 self, __u64 salt);

/* Another member, or this one before, told a pair. */
void salt_merge(struct salt_book *b, __u8 member, __u64 salt, bool used);

/* A member told the digest of its book. Returns whether it is another than this one's. */
bool salt_told(struct salt_book *b, __u8 member, __u64 digest);

/* A member lost what it knew. */
void salt_forgot(struct salt_book *b, __u8 member);

/* Never 0. */
__u64 salt_digest(const struct salt_book *b);

/* What is to be done now; live: bit i, member i is heard; this member's own is ignored.
 * What it returns it takes for done. */
enum salt_step salt_step(struct salt_book *b, __u8 self, __u64 live);

/* Does the guard have to be closed while this holds? */
bool salt_is_closed(const struct salt_book *b);

const char *salt_name(enum salt_state s);
const char *salt_sentence(enum salt_state s);

#endif
