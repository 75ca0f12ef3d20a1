// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "join.h"

bool join_is_fresh(const struct join_member *m, __u64 now_ns)
{
	return m->heard_ns && now_ns - m->heard_ns < JOIN_FRESH_NS;
}

const struct join_member *join_barred(const struct join *j, const struct join_member *others, size_t count,
				      __u64 now_ns)
{
	for (size_t i = 0; i < count && !j->joined; i++)
		if (others[i].barred_ns && now_ns - others[i].barred_ns < JOIN_BARRED_NS)
			return &others[i];
	return NULL;
}

/* Members of one configuration. */
struct group {
	__u32 size;
	__u32 lowest;
};

static void add(struct group *g, __u32 id)
{
	if (!g->size++ || id < g->lowest)
		g->lowest = id;
}

/* This member's group, or the one that differs as m does. */
static struct group group_of(const struct join *j, const struct join_member *m, const struct join_member *others,
			     size_t count, __u64 now_ns)
{
	struct group g = {};

	if (!m)
		add(&g, j->id);
	for (size_t i = 0; i < count; i++)
		if (others[i].able && join_is_fresh(&others[i], now_ns) &&
		    (m ? !others[i].equal && others[i].settings == m->settings : others[i].equal))
			add(&g, others[i].id);
	return g;
}

/* Is there a group before which this member's stops? */
static bool gives_way(const struct join *j, const struct join_member *others, size_t count, __u64 now_ns)
{
	struct group own = group_of(j, NULL, others, count, now_ns);

	for (size_t i = 0; i < count; i++) {
		const struct join_member *m = &others[i];
		struct group g;

		if (m->equal || !m->able || !join_is_fresh(m, now_ns))
			continue;
		g = group_of(j, m, others, count, now_ns);
		if (g.size != own.size ? g.size > own.size : g.lowest < own.lowest)
			return true;
	}
	return false;
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
		else if (!j->joined && join_is_fresh(m, now_ns))
			return WHY_CONFIG_DIFFERS;
	}
	if (j->joined)
		return gives_way(j, others, count, now_ns) ? WHY_CONFIG_DIFFERS : WHY_READY;
	if (join_barred(j, others, count, now_ns))
		return WHY_JOINING;
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
