// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "join.h"

bool join_is_fresh(const struct join_member *m, __u64 now_ns)
{
	return m->heard_ns && now_ns - m->heard_ns < JOIN_FRESH_NS;
}

enum why join_decide(struct join *j, const struct join_member *others, size_t count, __u64 now_ns)
{
	size_t agreeing = 1, all = count + 1;

	for (size_t i = 0; i < count; i++) {
		const struct join_member *m = &others[i];

		if (!m->heard_ns)
			continue;
		if (m->equal)
			agreeing++;
		else if (join_is_fresh(m, now_ns) && (m->ready || !j->joined))
			return WHY_CONFIG_DIFFERS;
	}
	if (j->joined)
		return WHY_READY;
	if (agreeing < all && ((!j->alone && agreeing * 2 <= all) || now_ns - j->start_ns < j->wait_ns))
		return WHY_JOINING;
	j->joined = true;
	return WHY_READY;
}

bool join_is_first(const struct join *j, __u32 own, const struct join_member *others, size_t count,
		   __u64 now_ns)
{
	for (size_t i = 0; i < count; i++)
		if (others[i].id < own && others[i].equal && join_is_fresh(&others[i], now_ns))
			return false;
	return j->joined;
}

const char *why_name(enum why w)
{
	static const char *const names[] = {
#define X(symbol, name, sentence) name,
		WHYS(X)
#undef X
	};

	return names[w];
}

const char *why_sentence(enum why w)
{
	static const char *const sentences[] = {
#define X(symbol, name, sentence) sentence,
		WHYS(X)
#undef X
	};

	return sentences[w];
}
