// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "salt.h"

#include <string.h>

/* So many packets in succession that tell different salts have no IV where it should be. */
#define SIGHTS_MAX 8

static bool has_salt(const struct salt_book *b)
{
	return b->state != SALT_NO_SALT && b->state != SALT_OFFLOADED;
}

/*
 * May the own salt meet another one?  Before it is used any other counts: that a
 * member began to use it may not have been heard yet.  Afterwards only those in use:
 * who wants to use another one draws again.
 */
static bool conflicts(const struct salt_book *b, __u8 self)
{
	__u32 bits = esl_number_bits(b->esn);

	for (size_t i = 0; i < b->count; i++) {
		const struct salt_pair *p = &b->pair[i];

		if (p->member == self && p->salt == b->own)
			continue;
		if ((p->used || b->state == SALT_COMPARING) && esl_salts_meet(p->salt, b->own, bits))
			return true;
	}
	return false;
}

static struct salt_pair *find(struct salt_book *b, __u8 member, __u64 salt)
{
	for (size_t i = 0; i < b->count; i++)
		if (b->pair[i].member == member && b->pair[i].salt == salt)
			return &b->pair[i];
	return NULL;
}

/* The finalizer of SplitMix64. */
static __u64 mix(__u64 x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
	return x ^ x >> 31;
}

/* A sum: the order of the pairs is no part of it. */
__u64 salt_digest(const struct salt_book *b)
{
	__u64 sum = 1;

	for (size_t i = 0; i < b->count; i++)
		sum += mix(mix(b->pair[i].salt + 0x9e3779b97f4a7c15ULL) + 2ULL * b->pair[i].member + b->pair[i].used);
	return sum ? sum : 1;
}

void salt_begin(struct salt_book *b, enum salt_state state, bool esn)
{
	*b = (struct salt_book){ .state = state, .esn = esn, .changed = true };
}

void salt_resume(struct salt_book *b, __u8 self, __u64 salt)
{
	salt_merge(b, self, salt, true);
	b->own = salt;
	b->state = SALT_CHECKED;
}

void salt_lost(struct salt_book *b)
{
	if (!has_salt(b))
		return;
	b->state = SALT_PENDING;
	b->sights = 0;
}

static void found(struct salt_book *b, __u8 self, __u64 salt)
{
	salt_merge(b, self, salt, false);
	b->own = salt;
	b->state = find(b, self, salt) ? SALT_COMPARING : SALT_EXHAUSTED;
}

bool salt_seen(struct salt_book *b, __u8 self, __u64 salt)
{
	if (!has_salt(b) || (b->state != SALT_PENDING && b->state != SALT_HIDDEN && b->own == salt))
		return false;
	if (b->state == SALT_PENDING && b->sights && b->seen == salt) {
		found(b, self, salt);
		return true;
	}
	b->seen = salt;
	if (b->state == SALT_HIDDEN)
		return false;
	if (b->state != SALT_PENDING) {
		b->state = SALT_PENDING;
		b->sights = 1;
		return true;
	}
	if (++b->sights < SIGHTS_MAX)
		return false;
	b->state = SALT_HIDDEN;
	return true;
}

void salt_merge(struct salt_book *b, __u8 member, __u64 salt, bool used)
{
	struct salt_pair *p = find(b, member, salt);

	if (p && (p->used || !used))
		return;
	if (!p) {
		if (b->count == SALTS_MAX)
			return;
		p = &b->pair[b->count++];
	}
	*p = (struct salt_pair){ salt, member, used };
	b->changed = true;
}

bool salt_told(struct salt_book *b, __u8 member, __u64 digest)
{
	b->told[member % ESL_MEMBERS_MAX] = digest;
	return digest != salt_digest(b);
}

void salt_forgot(struct salt_book *b, __u8 member)
{
	b->told[member % ESL_MEMBERS_MAX] = 0;
}

static bool all_know(const struct salt_book *b, __u8 self, __u64 live)
{
	__u64 digest = salt_digest(b);

	for (__u8 i = 0; i < ESL_MEMBERS_MAX; i++)
		if (i != self && live >> i & 1 && b->told[i] != digest)
			return false;
	return true;
}

enum salt_step salt_step(struct salt_book *b, __u8 self, __u64 live)
{
	if (b->state != SALT_COMPARING && b->state != SALT_CHECKED)
		return SALT_WAIT;
	if (conflicts(b, self)) {
		b->state = SALT_TOO_CLOSE;
		return SALT_REDRAW;
	}
	if (b->state == SALT_CHECKED || !all_know(b, self, live))
		return SALT_WAIT;
	salt_merge(b, self, b->own, true);
	b->state = SALT_CHECKED;
	return SALT_USE;
}

bool salt_is_closed(const struct salt_book *b)
{
	return b->state == SALT_PENDING || b->state == SALT_COMPARING || b->state == SALT_TOO_CLOSE ||
	       b->state == SALT_EXHAUSTED;
}

const char *salt_name(enum salt_state s)
{
	static const char *const names[] = {
#define X(symbol, name, sentence) name,
		SALT_STATES(X)
#undef X
	};

	return names[s % SALT_STATE_COUNT];
}

const char *salt_sentence(enum salt_state s)
{
	static const char *const sentences[] = {
#define X(symbol, name, sentence) sentence,
		SALT_STATES(X)
#undef X
	};

	return sentences[s % SALT_STATE_COUNT];
}
