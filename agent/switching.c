// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "switching.h"

#define NS_PER_S 1000000000ULL
#define AHEAD_MAX (1U << 22)	/* markers: a place is told by its lower 24 bits */

/* count * ns / per, without overflow where the result has 62 bits. */
static __u64 in_time(__u64 count, __u64 ns, __u64 per)
{
	__u64 whole = count / per, rest = count % per;

	return whole * ns + (rest < (1ULL << 62) / (ns | 1) ? rest * ns / per : rest / per * ns);
}

__u64 switching_number(__u64 top, __u64 rate, __u64 ahead_ns, bool esn)
{
	__u64 at = top + 1 + in_time(rate, ahead_ns, NS_PER_S);

	if (at <= top)
		return UINT64_MAX;
	return !esn && at > UINT32_MAX ? UINT32_MAX : at;
}

__u32 switching_place(__u32 seen, __u64 age_ns, __u64 ahead_ns)
{
	__u64 ahead = age_ns ? in_time(seen, ahead_ns, age_ns) : AHEAD_MAX;

	return seen + 1 + (__u32)(ahead < AHEAD_MAX ? ahead : AHEAD_MAX);
}

/* The place told by its lower bits that is nearest below or at a later one. */
static __u32 place_before(__u32 later, __u64 word)
{
	return later - ((later - (__u32)word) & (__u32)ESL_SWITCH_COUNT);
}

bool switching_follow(const struct esl_switch *own, const struct switching_mark *m, __u32 *ret_at)
{
	__u32 nearest = UINT32_MAX;

	for (int i = 0; i < ESL_SWITCH_LEVELS; i++) {
		__u64 word = own->ring[i];
		__u32 distance = m->at - place_before(m->at, m->ring[i]);

		if (!word || (word ^ m->ring[i]) > ESL_SWITCH_COUNT || distance >= nearest)
			continue;
		nearest = distance;
		*ret_at = place_before(own->seen, word) + distance;
	}
	return nearest != UINT32_MAX;
}
