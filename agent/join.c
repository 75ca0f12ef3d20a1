// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "join.h"

enum why join_decide(struct join *j, const struct join_member *others, size_t count, __u64 now_ns)
{
	size_t agreeing = 1, all = count + 1;

	for (size_t i = 0; i < count; i++) {
		const struct join_member *m = &others[i];

		if (!m->heard_ns)
			continue;
		if (m->equal)
			agreeing++;
		else if (now_ns - m->heard_ns < JOIN_FRESH_NS && (m->forwarding || !j->joined))
			return WHY_CONFIG_DIFFERS;
	}
	if (j->joined)
		return WHY_FORWARDING;
	if (agreeing < all && (agreeing * 2 <= all || now_ns - j->start_ns < j->wait_ns))
		return WHY_JOINING;
	j->joined = true;
	return WHY_FORWARDING;
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
