// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Plain packets across a planned change: the members enter its phases at
 * different moments, and each packet has one owner all the time. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rand.h"
#include "selftests/dispatch/traffic.h"
#include "switch.h"

/* Packets until ... */
#define PREPARE 1000	/* the first member prepares */
#define AGREE 2000	/* rings are read */
#define SWITCH 2600	/* the first member switches */
#define FINISH 6000	/* the first member is past it */
#define END 8000
#define SPREAD 400	/* and the last one does */
#define AHEAD 64	/* markers between the leader's newest and the switch: some 1000 packets */

struct moments {
	__u64 prepare, told, enter, finish;
};

static struct moments draw(__u64 *state)
{
	return (struct moments){
		.prepare = PREPARE + rand_below(state, SPREAD),
		.told = AGREE + 1 + rand_below(state, SPREAD),
		.enter = SWITCH + rand_below(state, SPREAD),
		.finish = FINISH + rand_below(state, SPREAD),
	};
}

/* Place of the marker with this hash at a member, or -1. */
static __s64 place(const struct member *m, enum esl_role role, __u64 hash)
{
	const struct esl_switch *s = &m->tables.switched[role];

	for (int i = 0; i < ESL_SWITCH_LEVELS; i++)
		if (s->ring[i] && (s->ring[i] ^ hash) <= ESL_SWITCH_COUNT)
			return (__s64)(s->ring[i] & ESL_SWITCH_COUNT);
	return -1;
}

/* Markers that all have seen, and which lie equally far apart everywhere. */
static __u32 common(const struct cluster *c, enum esl_role role, __u64 *ret_hash)
{
	const struct esl_switch *first = &c->m[0].tables.switched[role];
	__u32 count = 0;

	for (int level = 0; level < ESL_SWITCH_LEVELS; level++) {
		__u64 hash = first->ring[level];
		__u32 seen = 0;

		for (__u32 i = 0; hash && i < c->count; i++)
			seen += place(&c->m[i], role, hash) >= 0;
		if (!hash || seen < c->count)
			continue;
		for (__u32 i = 1; count && i < c->count; i++)
			cr_expect_eq(place(&c->m[i], role, hash) - place(&c->m[i], role, *ret_hash),
				     place(&c->m[0], role, hash) - place(&c->m[0], role, *ret_hash));
		*ret_hash = hash;
		count++;
	}
	return count;
}

static void step_member(struct cluster *c, __u32 i, enum esl_role role, __u64 now, const struct moments *m,
			__u32 at)
{
	if (now == m->prepare)
		cluster_enter(c, i, ESL_PHASE_PREPARE);
	if (now == m->told)
		c->m[i].tables.begin[role] = (struct esl_begin){ .at = at, .epoch = 2 };
	if (now == m->enter)
		cluster_enter(c, i, ESL_PHASE_SWITCH);
	if (now == m->finish) {
		cr_expect(c->m[i].tables.switched[role].done);
		cluster_enter(c, i, PAST);
	}
}

static __u32 takers(struct cluster *c, enum esl_role role, const struct packet *p, __u32 *ret_owner)
{
	__u32 n = 0;

	for (__u32 i = 0; i < c->count; i++) {
		if (member_decide(&c->m[i], role, p) == ESL_OWNED_PLAIN) {
			*ret_owner = i;
			n++;
		}
	}
	return n;
}

static void travel(struct cluster *c, enum esl_role role, __u64 seed, const char *name)
{
	struct traffic *t = calloc(1, sizeof(*t));
	struct moments m[SWITCH_MEMBERS];
	__u64 state = seed, hash = 0, last[2] = {};
	__u32 at[SWITCH_MEMBERS] = {}, owner = 0, gone;

	cr_assert(t);
	*t = (struct traffic){ .state = seed, .role = ESL_INSIDE };
	for (__u32 i = 0; i < c->count; i++)
		m[i] = draw(&state);
	for (__u64 now = 0; now < END; now++) {
		if (now == AGREE) {
			cr_assert_gt(common(c, role, &hash), 0, "%s: no marker that all have seen", name);
			gone = c->m[0].tables.switched[role].seen - (__u32)place(&c->m[0], role, hash);
			for (__u32 i = 0; i < c->count; i++)
				at[i] = (__u32)place(&c->m[i], role, hash) + gone + AHEAD;
		}
		for (__u32 i = 0; i < c->count; i++)
			step_member(c, i, role, now, &m[i], at[i]);
		traffic_next(t);
		cr_assert_eq(takers(c, role, &t->packet, &owner), 1, "%s: packet %llu", name,
			     (unsigned long long)now);
		if (owner == c->count - 1)
			last[c->m[0].tables.switched[role].done] = now;
	}
	cr_expect_eq(!last[0], c->journey == JOIN, "%s: who comes owns nothing before", name);
	cr_expect_eq(last[1] > FINISH, c->journey == JOIN, "%s: who goes owns nothing behind", name);
	free(t);
}

/* Policies send a part of the traffic to two slots. */
static const struct esl_policy_entry policies[] = {
	{ { 96 + 13, { { [10] = 0xff, [11] = 0xff, 11, 0 } } }, { 7 } },
	{ { 96 + 13, { { [10] = 0xff, [11] = 0xff, 11, 8 } } }, { 11 } },
};

static void all_journeys(enum esl_scheme scheme)
{
	for (__u32 count = 3; count <= SWITCH_MEMBERS; count++) {
		for (int i = 0; i < 2 * JOURNEYS; i++) {
			enum esl_role role = i & 1 ? ESL_OUTSIDE : ESL_INSIDE;
			struct cluster c;
			char name[80];

			snprintf(name, sizeof(name), "%s, %u members, %s", scheme_names[scheme], count,
				 i / 2 == JOIN ? "join" : "leave");
			cr_assert(cluster_make(&c, count, scheme, (enum journey)(i / 2)));
			for (__u32 k = 0; scheme == ESL_SCHEME_SA && k < count; k++) {
				c.m[k].config.policies = 2;
				c.m[k].tables.policies = policies;
				c.m[k].tables.policy_count = 2;
			}
			travel(&c, role, 1 + count + 16 * i + 256 * scheme, name);
			cluster_free(&c);
		}
	}
}

Test(switch_plain, packet_hash) { all_journeys(ESL_SCHEME_PACKET_HASH); }
Test(switch_plain, packet_rr) { all_journeys(ESL_SCHEME_PACKET_RR); }
Test(switch_plain, packet_sqf) { all_journeys(ESL_SCHEME_PACKET_SQF); }
Test(switch_plain, session_rr) { all_journeys(ESL_SCHEME_SESSION_RR); }
Test(switch_plain, session_sqf) { all_journeys(ESL_SCHEME_SESSION_SQF); }
Test(switch_plain, session_hash) { all_journeys(ESL_SCHEME_SESSION_HASH); }
Test(switch_plain, sa) { all_journeys(ESL_SCHEME_SA); }

/* One packet in 16, three of four of each level and above, apart from slots and
 * markers of the counted schemes. */
Test(switch_plain, levels)
{
	__u32 of[ESL_SWITCH_LEVELS] = {}, slots[4] = {}, markers = 0, all = 0;
	struct esl_table t = { .marker_mask = 15 };
	__u64 state = 3;

	for (int i = 0; i < 1 << 22; i++) {
		__u64 hash = esl_hash_fold(rand64(&state));
		int level = esl_switch_level(hash);

		if (level < 0)
			continue;
		cr_assert_lt(level, ESL_SWITCH_LEVELS);
		of[level]++;
		all++;
		slots[esl_hash_slot(hash) / 64]++;
		markers += esl_is_marker(&t, hash);
	}
	cr_expect(all > 260000 && all < 264500, "%u markers in 2^22", all);
	for (int level = 0; level < 5; level++)
		cr_expect(of[level] * 4.0 / 3 * (1 << 2 * level) > all * 0.85 &&
			  of[level] * 4.0 / 3 * (1 << 2 * level) < all * 1.15, "level %d: %u", level, of[level]);
	for (int i = 0; i < 4; i++)
		cr_expect(slots[i] > all / 4 * 0.97 && slots[i] < all / 4 * 1.03, "slots: %u of %u", slots[i], all);
	cr_expect(markers > all / 16 * 0.95 && markers < all / 16 * 1.05, "%u of %u are markers of turns", markers, all);
}

/* A record by itself: at once, in time, too late, of another change, across the
 * wrap of the count, in fragments. */
Test(switch_plain, step)
{
	struct esl_begin none = {}, ten = { 10, 7 }, zero = { 0, 7 }, old = { 0, 6 };
	struct esl_switch s = { .epoch = 6, .seen = 99, .done = 1, .ring = { 5 } };
	__u64 mark = 1, other = 0;

	for (; esl_switch_level(mark << 24); mark++)
		;
	mark <<= 24;
	for (; esl_switch_level(other) >= 0; other += 1 << 24)
		;
	cr_expect(!esl_switch_step(&s, &none, 7, other, true));
	cr_expect(!s.seen && !s.ring[0] && s.epoch == 7);
	cr_expect(!esl_switch_step(&s, &old, 7, mark, true), "where an earlier change began");
	cr_expect_eq(s.seen, 1);
	cr_expect_eq(s.ring[0], mark | 1);
	cr_expect(!esl_switch_step(&s, &none, 7, mark, true));
	cr_expect_eq(s.seen, 2);
	cr_expect_eq(s.ring[0], mark | 1, "a hash that comes again keeps its place");
	cr_expect(!esl_switch_step(&s, &none, 7, mark, false));
	cr_expect_eq(s.seen, 2, "a fragment is no marker");
	s.seen = 8;
	cr_expect(!esl_switch_step(&s, &ten, 7, mark, true));
	cr_expect(!esl_switch_step(&s, &ten, 7, other, true));
	cr_expect(esl_switch_step(&s, &ten, 7, mark, true));
	cr_expect(esl_switch_step(&s, &none, 7, other, true), "done stays");
	s = (struct esl_switch){ .epoch = 7, .seen = 12 };
	cr_expect(esl_switch_step(&s, &ten, 7, other, false), "late: at once");
	s = (struct esl_switch){};
	cr_expect(esl_switch_step(&s, &zero, 7, other, true), "nothing seen: at once");
	s = (struct esl_switch){ .epoch = 7, .seen = ~0U - 1 };
	cr_expect(!esl_switch_step(&s, &ten, 7, other, true), "ahead, behind the wrap");
}
