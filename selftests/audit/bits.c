// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "bits.h"

#include <stdio.h>
#include <stdlib.h>

#define SIZE_FIRST 1024

static void *table(size_t size, size_t each)
{
	void *t = calloc(size, each);

	if (!t) {
		fprintf(stderr, "audit: no memory for a table of %zu entries\n", size);
		exit(2);
	}
	return t;
}

/* Neighbours must not end up side by side. */
static size_t spread(uint64_t v)
{
	v ^= v >> 31;
	v *= 0x9e3779b97f4a7c15ULL;
	return (size_t)(v >> 20);
}

static struct audit_word *find_word(const struct audit_bits *b, uint64_t high)
{
	size_t i = spread(high) & (b->size - 1);

	while (b->word[i].bits && b->word[i].high != high)
		i = (i + 1) & (b->size - 1);
	return &b->word[i];
}

static void grow_bits(struct audit_bits *b)
{
	struct audit_bits wider = { .size = b->size ? 2 * b->size : SIZE_FIRST, .used = b->used };

	wider.word = table(wider.size, sizeof(*wider.word));
	for (size_t i = 0; i < b->size; i++)
		if (b->word[i].bits)
			*find_word(&wider, b->word[i].high) = b->word[i];
	free(b->word);
	*b = wider;
}

bool audit_bits_add(struct audit_bits *b, uint64_t value)
{
	uint64_t bit = 1ULL << (value & 63);
	struct audit_word *w;
	bool before;

	if (3 * b->size <= 4 * b->used)
		grow_bits(b);
	w = find_word(b, value >> 6);
	before = w->bits & bit;
	b->used += !w->bits;
	w->high = value >> 6;
	w->bits |= bit;
	return before;
}

void audit_bits_free(struct audit_bits *b)
{
	free(b->word);
	*b = (struct audit_bits){ 0 };
}

static struct audit_tally *find_tally(const struct audit_tallies *t, uint64_t digest)
{
	size_t i = spread(digest) & (t->size - 1);

	while (t->tally[i].digest && t->tally[i].digest != digest)
		i = (i + 1) & (t->size - 1);
	return &t->tally[i];
}

static void grow_tallies(struct audit_tallies *t)
{
	struct audit_tallies wider = { .size = t->size ? 2 * t->size : SIZE_FIRST, .used = t->used };

	wider.tally = table(wider.size, sizeof(*wider.tally));
	for (size_t i = 0; i < t->size; i++)
		if (t->tally[i].digest)
			*find_tally(&wider, t->tally[i].digest) = t->tally[i];
	free(t->tally);
	*t = wider;
}

struct audit_tally *audit_tally(struct audit_tallies *t, uint64_t digest)
{
	struct audit_tally *found;

	if (3 * t->size <= 4 * t->used)
		grow_tallies(t);
	found = find_tally(t, digest ? digest : 1);
	t->used += !found->digest;
	found->digest = digest ? digest : 1;
	return found;
}

void audit_tallies_free(struct audit_tallies *t)
{
	free(t->tally);
	*t = (struct audit_tallies){ 0 };
}
