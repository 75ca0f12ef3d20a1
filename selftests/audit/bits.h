/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What was seen already: sets of 64-bit values, and how often a thing came.
 * Both grow as they fill and end the program where memory does: an audit that
 * forgot something would be none.
 *
 * A set keeps 64 neighbouring values in 16 bytes: sequence numbers, and IVs that
 * are numbers XOR a salt, cost about a byte for four; random IVs up to 32 bytes each.
 */
#ifndef AUDIT_BITS_H
#define AUDIT_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct audit_word {
	uint64_t high;	/* the value without its low 6 bits */
	uint64_t bits;	/* 0: free */
};

/* Zeroes are an empty set. */
struct audit_bits {
	struct audit_word *word;
	size_t size;	/* a power of two, or 0 */
	size_t used;
};

/* Returns whether it was there before. */
bool audit_bits_add(struct audit_bits *b, uint64_t value);
void audit_bits_free(struct audit_bits *b);

/* One packet, known by its digest. */
struct audit_tally {
	uint64_t digest;	/* 0: free */
	uint32_t carried;	/* distinct numbers that carried it */
	uint32_t delivered;
};

struct audit_tallies {
	struct audit_tally *tally;
	size_t size, used;
};

/* The entry of a digest, made where there is none; good until the next call. */
struct audit_tally *audit_tally(struct audit_tallies *t, uint64_t digest);
void audit_tallies_free(struct audit_tallies *t);

#endif
