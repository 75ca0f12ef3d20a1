// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "sealed.h"

#include <endian.h>
#include <string.h>

#define BITS 64

const char *sealed_name(enum sealed_result r)
{
	static const char *const names[] = {
#define X(symbol, name) name,
		SEALED_RESULTS(X)
#undef X
	};

	return names[r];
}

void sealed_encode(const struct sealed_header *h, __u8 buf[sizeof(struct esl_seal_header)])
{
	struct esl_seal_header w = {
		.magic = htobe32(ESL_SEAL_MAGIC),
		.major = ESL_SEAL_MAJOR,
		.minor = h->minor,
		.sender = h->sender,
		.type = (__u8)h->type,
		.boot = htobe64(h->boot),
		.counter = htobe64(h->counter),
		.key = htobe32(h->key),
		.flags = htobe32(h->flags),
	};

	memcpy(buf, &w, sizeof(w));
}

enum sealed_result sealed_decode(const __u8 *buf, size_t size, struct sealed_header *h)
{
	struct esl_seal_header w;

	if (size < sizeof(w) + ESL_SEAL_TAG_LEN)
		return SEALED_SHORT;
	memcpy(&w, buf, sizeof(w));
	if (be32toh(w.magic) != ESL_SEAL_MAGIC)
		return SEALED_MAGIC;
	if (w.major != ESL_SEAL_MAJOR)
		return SEALED_VERSION;
	if (size > ESL_SEAL_MAX)
		return SEALED_LONG;
	if (w.type >= ESL_SEAL_TYPES)
		return SEALED_TYPE;
	if (w.sender >= ESL_MEMBERS_MAX)
		return SEALED_SENDER;
	*h = (struct sealed_header){
		.sender = w.sender,
		.type = w.type,
		.boot = be64toh(w.boot),
		.counter = be64toh(w.counter),
		.key = be32toh(w.key),
		.flags = be32toh(w.flags),
		.minor = w.minor,
	};
	return SEALED_OK;
}

void sealed_nonce(const struct sealed_header *h, __u8 nonce[SEALED_NONCE_LEN])
{
	__be32 boot = htobe32((__u32)h->boot);
	__be64 counter = htobe64(h->counter);

	memcpy(nonce, &boot, sizeof(boot));
	memcpy(nonce + sizeof(boot), &counter, sizeof(counter));
}

void replay_start(struct replay *r, __u64 last)
{
	r->top = last;
	memset(r->seen, 0xff, sizeof(r->seen));
}

static __u64 *word_of(const struct replay *r, __u64 counter, __u64 *bit)
{
	*bit = 1ULL << counter % BITS;
	return (__u64 *)&r->seen[counter / BITS % (REPLAY_WINDOW / BITS)];
}

enum sealed_result replay_look(const struct replay *r, __u64 counter)
{
	__u64 bit;

	if (counter > r->top)
		return SEALED_OK;
	if (!counter || r->top - counter >= REPLAY_WINDOW)
		return SEALED_REPLAY;
	return *word_of(r, counter, &bit) & bit ? SEALED_DUPLICATE : SEALED_OK;
}

void replay_take(struct replay *r, __u64 counter)
{
	__u64 bit, *word;

	if (counter > r->top && counter - r->top >= REPLAY_WINDOW) {
		memset(r->seen, 0, sizeof(r->seen));
		r->top = counter;
	}
	/* Those between were not seen: their places are of counters a window before. */
	while (r->top < counter) {
		word = word_of(r, ++r->top, &bit);
		*word &= ~bit;
	}
	word = word_of(r, counter, &bit);
	*word |= bit;
}
