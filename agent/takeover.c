// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "takeover.h"

#define NS_PER_S 1000000000ULL
#define BAR_NUMBERS 64		/* ahead, of an SA without a rate */
#define QUIET_NS (NS_PER_S / 2)	/* members look several times in it */

static __u64 max64(__u64 a, __u64 b)
{
	return a > b ? a : b;
}

static __u64 add(__u64 a, __u64 b)
{
	return a + b < a ? UINT64_MAX : a + b;
}

/* rate * ns / 1 s, rounded up. */
static __u64 numbers_in(__u64 rate, __u64 ns)
{
	__u64 seconds = ns / NS_PER_S, rest = ns % NS_PER_S;

	if (seconds && rate > UINT64_MAX / seconds)
		return UINT64_MAX;
	if (rest && rate > (UINT64_MAX - NS_PER_S) / rest)
		return add(rate * seconds, rate);
	return add(rate * seconds, (rate * rest + NS_PER_S - 1) / NS_PER_S);
}

__u32 takeover_taken(const __u8 *const *before, size_t count, const __u8 *after, __u32 member,
		     struct takeover_slots *ret)
{
	struct takeover_slots taken = {};
	__u32 n = 0;

	for (__u32 i = 0; i < ESL_SLOTS; i++) {
		size_t kept = 0;

		if (after[i] != member)
			continue;
		for (size_t t = 0; t < count; t++)
			kept += before[t][i] == member;
		if (count && kept == count)
			continue;
		taken.word[i / 64] |= 1ULL << i % 64;
		n++;
	}
	*ret = taken;
	return n;
}

__u32 takeover_distance(const __u8 *slot, __u32 member)
{
	__u32 longest = 0, run = 0;

	/* Twice round, for the run that goes on at the start. */
	for (__u32 i = 0; i < 2 * ESL_SLOTS; i++) {
		run = slot[i % ESL_SLOTS] == member ? 0 : run + 1;
		longest = run > longest ? run : longest;
	}
	return longest < ESL_SLOTS ? longest + 1 : ESL_SLOTS;
}

__u64 takeover_unseen_ns(__u64 unseen_ns, __u64 moved_ns, __u64 silent_ns, __u64 blind_ns)
{
	return moved_ns > silent_ns && moved_ns - silent_ns > QUIET_NS ? blind_ns : unseen_ns;
}

__u64 takeover_unheard_ns(__u64 heard_ns, __u64 silent_ns)
{
	__u64 most = add(silent_ns, TAKEOVER_TELL_NS);

	return heard_ns < most ? heard_ns : most;
}

__u64 takeover_floor(const struct takeover_known *k)
{
	__u64 floor = add(max64(k->own, k->heard), numbers_in(k->rate, k->unheard_ns));

	if (k->esp_shift < ESL_BY_SPI)
		floor = add(floor, (__u64)k->distance << k->esp_shift);
	return max64(floor, k->refused);
}

__u64 takeover_bar(__u64 bar, __u64 own, __u64 rate, __u64 ahead_ns)
{
	__u64 ahead = add(numbers_in(rate, ahead_ns), BAR_NUMBERS);

	/* In steps, so that it is not told with every number. */
	return bar < add(own, ahead / 2) ? add(own, ahead) : bar;
}

/* What at least count of members have told. */
static __u64 told_by(const __u64 told[ESL_MEMBERS_MAX], __u64 members, __u32 count)
{
	__u64 most[ESL_MEMBERS_MAX];
	__u32 n = 0;

	for (__u32 id = 0; id < ESL_MEMBERS_MAX; id++) {
		__u32 at = n;

		if (!(members >> id & 1))
			continue;
		for (; at && most[at - 1] < told[id]; at--)
			most[at] = most[at - 1];
		most[at] = told[id];
		n++;
	}
	return most[count - 1];
}

static __u32 count_of(__u64 members)
{
	__u32 n = 0;

	for (; members; members &= members - 1)
		n++;
	return n;
}

__u64 takeover_ceiling(const __u64 told[ESL_MEMBERS_MAX], __u64 view, __u64 members)
{
	__u64 ceiling = UINT64_MAX;

	for (__u32 id = 0; id < ESL_MEMBERS_MAX; id++)
		if (view >> id & 1 && told[id] < ceiling)
			ceiling = told[id];
	if (members) {
		__u64 most = told_by(told, members, count_of(members) / 2 + 1);

		ceiling = most < ceiling ? most : ceiling;
	}
	return view ? ceiling : 0;
}

bool takeover_is_witnessed(__u64 witnesses, __u64 members)
{
	return count_of(members & ~witnesses) <= count_of(members) / 2;
}

void takeover_raise(struct takeover_floors *f, const struct takeover_slots *s, __u64 floor)
{
	for (__u32 i = 0; i < ESL_SLOTS; i++)
		if (takeover_has(s, i))
			f->slot[i] = max64(f->slot[i], floor);
}

bool takeover_is_over(__u64 floor, __u64 own, __u32 window)
{
	return window && own >= add(floor, window);
}

__u32 takeover_clear(struct takeover_floors *f, __u64 own, __u32 window)
{
	__u32 left = 0;

	for (__u32 i = 0; i < ESL_SLOTS; i++) {
		if (f->slot[i] && takeover_is_over(f->slot[i], own, window))
			f->slot[i] = 0;
		left += !!f->slot[i];
	}
	return left;
}

__u64 takeover_highest(const struct takeover_floors *f)
{
	__u64 top = 0;

	for (__u32 i = 0; i < ESL_SLOTS; i++)
		top = max64(top, f->slot[i]);
	return top;
}
