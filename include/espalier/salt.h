/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The salt of an outbound transform: IV XOR number.
 *
 * Linux's seqiv writes the 64-bit number XOR a salt that it draws when the SA is
 * installed: rfc4106, rfc4309, rfc4543, rfc7539esp and rfc3686 alike, with 32-bit
 * numbers and ESN, and for all CPUs one (6.1; with 32-bit numbers the high half
 * counts as 0).  An update of the SA keeps the transform and its salt, deleting
 * and adding it draws another.  echainiv, which CBC has, writes random IVs.
 *
 * Two transforms of one key write one IV at numbers n and m exactly if
 * n XOR m == salt XOR salt'.  The left side lies below the next power of two above
 * both numbers, so salts that differ above the highest number never meet.
 * Equal salts would meet only where the numbers do; that is not relied on.
 */
#ifndef ESPALIER_SALT_H
#define ESPALIER_SALT_H

#include "types.h"

/* With ESN an SA ends here: at 100 million packets a second after a month. */
#define ESL_NUMBER_BITS_ESN 48
#define ESL_NUMBER_BITS 32

/* What the guard asks of the IV. */
enum esl_audit {
	ESL_AUDIT_NONE,		/* nothing */
	ESL_AUDIT_CLOSED,	/* no number leaves: the salt was not compared yet */
	ESL_AUDIT_SALT,		/* it belongs to the transform whose salt was compared */
};

esl_inline __u32 esl_number_bits(bool esn)
{
	return esn ? ESL_NUMBER_BITS_ESN : ESL_NUMBER_BITS;
}

/* The highest number that an SA may reach. */
esl_inline __u64 esl_number_max(bool esn)
{
	return (1ULL << esl_number_bits(esn)) - 1;
}

/* May transforms with these salts write one IV at numbers below 2^bits?  Never, where
 * false is returned.  bits: 1..63. */
esl_inline bool esl_salts_meet(__u64 a, __u64 b, __u32 bits)
{
	return !((a ^ b) >> bits);
}

#endif
