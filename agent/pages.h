/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What has come of a list that goes out page by page, again and again, in any order and
 * with losses: pages of one list count together however often it was sent.  Pure.
 */
#ifndef AGENT_PAGES_H
#define AGENT_PAGES_H

#include <stdbool.h>

#include <espalier/wire.h>

struct pages {
	__u32 of;		/* which list, as its sender names it */
	__u16 count;		/* of its pages; 0: none came yet */
	__u16 come;
	__u64 seen[ESL_WIRE_PAGES_MAX / 64];
};

/* How many pages entries make; an empty list has one too, or it could not be told. */
static inline __u16 pages_of(size_t entries)
{
	return entries ? (__u16)((entries + ESL_WIRE_ENTRIES_MAX - 1) / ESL_WIRE_ENTRIES_MAX) : 1;
}

/* A page below count, which is at most ESL_WIRE_PAGES_MAX.  Returns whether all have come. */
static inline bool pages_take(struct pages *p, __u32 of, __u16 page, __u16 count)
{
	__u64 bit = 1ULL << page % 64, *word = &p->seen[page / 64];

	/* Another list, or one that has grown since. */
	if (p->of != of || p->count != count)
		*p = (struct pages){ .of = of, .count = count };
	p->come += !(*word & bit);
	*word |= bit;
	return p->come == p->count;
}

#endif
