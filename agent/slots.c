// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "slots.h"

#include <string.h>

void slots_clear(struct slot_table *t)
{
	memset(t, 0, sizeof(*t));
	memset(t->slot, ESL_NO_MEMBER, sizeof(t->slot));
	t->stamp.leader = ESL_NO_MEMBER;
}

/* By hand: __builtin_popcountll() may call a function, which pure files do not. */
__u32 slots_member_count(__u64 members)
{
	__u32 count = 0;

	for (; members; members &= members - 1)
		count++;
	return count;
}

__u32 slots_moved(const struct slot_table *a, const struct slot_table *b)
{
	__u32 count = 0;

	for (size_t i = 0; i < ESL_SLOTS; i++)
		count += a->slot[i] != b->slot[i];
	return count;
}

bool slots_owns(const struct slot_table *t, __u32 id)
{
	if (id >= ESL_MEMBERS_MAX || !(t->members >> id & 1))
		return false;
	for (size_t i = 0; i < ESL_SLOTS; i++)
		if (t->slot[i] == id)
			return true;
	return false;
}

/* One more slot for who lacks the largest part of one; of equals, who owns more already. */
static void give_rest(__u64 members, const __u64 rest[], const __u32 owned[], __u32 share[])
{
	__u32 best = ESL_MEMBERS_MAX;

	for (__u32 id = 0; id < ESL_MEMBERS_MAX; id++) {
		if (!(members >> id & 1) || !rest[id])
			continue;
		if (best == ESL_MEMBERS_MAX || rest[id] > rest[best] ||
		    (rest[id] == rest[best] && owned[id] > share[id] && owned[best] <= share[best]))
			best = id;
	}
	if (best < ESL_MEMBERS_MAX)
		share[best]++;
}

/* How many slots each member is to own: largest remainders. */
static void shares(__u64 members, const __u32 weight[], const __u32 owned[], __u32 share[])
{
	__u64 rest[ESL_MEMBERS_MAX] = {}, part[ESL_MEMBERS_MAX] = {}, total = 0;
	__u32 given = 0;

	for (__u32 id = 0; id < ESL_MEMBERS_MAX; id++)
		total += members >> id & 1 ? weight[id] : 0;
	for (__u32 id = 0; id < ESL_MEMBERS_MAX; id++)
		part[id] = members >> id & 1 ? (total ? weight[id] : 1) : 0;
	if (!total)
		total = slots_member_count(members);
	for (__u32 id = 0; id < ESL_MEMBERS_MAX; id++) {
		share[id] = (__u32)(part[id] * ESL_SLOTS / total);
		rest[id] = part[id] * ESL_SLOTS % total;
		given += share[id];
	}
	while (given < ESL_SLOTS) {
		__u32 before[ESL_MEMBERS_MAX];

		memcpy(before, share, sizeof(before));
		give_rest(members, rest, owned, share);
		for (__u32 id = 0; id < ESL_MEMBERS_MAX; id++)
			if (share[id] != before[id])
				rest[id] = 0;
		given++;
	}
}

/* Take what each owner has too much, every so many of its slots one. */
static void release(struct slot_table *t, const __u32 owned[], const __u32 share[])
{
	__u32 credit[ESL_MEMBERS_MAX] = {};

	for (size_t i = 0; i < ESL_SLOTS; i++) {
		__u8 id = t->slot[i];

		if (id == ESL_NO_MEMBER || owned[id] <= share[id])
			continue;
		credit[id] += owned[id] - share[id];
		if (credit[id] < owned[id])
			continue;
		credit[id] -= owned[id];
		t->slot[i] = ESL_NO_MEMBER;
	}
}

static void give(struct slot_table *t, __u64 members, const __u32 weight[ESL_MEMBERS_MAX], bool even)
{
	__u32 owned[ESL_MEMBERS_MAX] = {}, share[ESL_MEMBERS_MAX];
	__s64 lack[ESL_MEMBERS_MAX], credit[ESL_MEMBERS_MAX] = {}, total = 0;

	for (size_t i = 0; i < ESL_SLOTS; i++) {
		__u8 id = t->slot[i];

		if (id >= ESL_MEMBERS_MAX || !(members >> id & 1))
			t->slot[i] = ESL_NO_MEMBER;
		else
			owned[id]++;
	}
	t->members = members;
	if (!members)
		return;
	shares(members, weight, owned, share);
	if (even)
		release(t, owned, share);
	for (__u32 id = 0; id < ESL_MEMBERS_MAX; id++) {
		lack[id] = share[id] > owned[id] ? share[id] - owned[id] : 0;
		total += lack[id];
	}
	for (size_t i = 0; i < ESL_SLOTS; i++) {
		__u32 best = ESL_MEMBERS_MAX;

		if (t->slot[i] != ESL_NO_MEMBER)
			continue;
		/* As esl_table_fill(): the one furthest behind in what it is to get. */
		for (__u32 id = 0; id < ESL_MEMBERS_MAX; id++) {
			credit[id] += lack[id];
			if (lack[id] && (best == ESL_MEMBERS_MAX || credit[id] > credit[best]))
				best = id;
		}
		credit[best] -= total;
		t->slot[i] = (__u8)best;
	}
}

void slots_fill(struct slot_table *t, __u64 members, const __u32 weight[ESL_MEMBERS_MAX])
{
	give(t, members, weight, true);
}

void slots_inherit(struct slot_table *t, __u64 members, const __u32 weight[ESL_MEMBERS_MAX])
{
	give(t, members, weight, false);
}
