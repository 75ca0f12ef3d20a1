// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The paper's session table. */
#include <criterion/criterion.h>
#include <string.h>

#include "rand.h"
#include "selftests/dispatch/member.h"

/* Distinct sessions of bucket 5 that are no markers at a distance of 16. */
static __u64 session(__u32 n)
{
	return 5ULL << 40 | 1ULL << 24 | (__u64)(n + 1) << 9;
}

static const __u8 ids[] = { 1, 4, 6 };

static struct esl_table table_make(bool sqf)
{
	struct esl_table t = { .epoch = 1, .marker_mask = 15,
			       .scheme = sqf ? ESL_SCHEME_SESSION_SQF : ESL_SCHEME_SESSION_RR };

	esl_table_fill(&t, ids, NULL, 3);
	return t;
}

Test(sessions, helper_makes_what_it_says)
{
	struct esl_table t = table_make(false);

	for (__u32 n = 0; n < 100; n++) {
		cr_assert_eq(esl_session_bucket(session(n)), 5);
		cr_assert(!esl_is_marker(&t, session(n)));
	}
}

Test(sessions, found_after_set)
{
	struct esl_sessions b = {};

	cr_expect_eq(esl_session_find(&b, session(0)), ESL_NO_MEMBER);
	for (__u32 member = 0; member < ESL_MEMBERS_MAX; member++) {
		esl_session_set(&b, session(member), member);
		cr_expect_eq(esl_session_find(&b, session(member)), member);
	}
}

/* The oldest of eight makes room, and being used makes none younger. */
Test(sessions, first_in_first_out)
{
	struct esl_sessions b = {};

	for (__u32 n = 0; n < 40; n++) {
		esl_session_set(&b, session(n), n);
		for (__u32 i = 0; i <= n; i++)
			cr_expect_eq(esl_session_find(&b, session(i)), i + ESL_SESSION_WAYS > n ? i : ESL_NO_MEMBER,
				     "session %u of %u", i, n);
	}
}

/* An assignment changes the member and drives nobody out. */
Test(sessions, set_again)
{
	for (__u32 again = 0; again < ESL_SESSION_WAYS; again++) {
		struct esl_sessions b = {};

		for (__u32 n = 0; n < ESL_SESSION_WAYS; n++)
			esl_session_set(&b, session(n), n);
		esl_session_set(&b, session(again), 60);
		esl_session_set(&b, session(again), 61);
		for (__u32 n = 0; n < ESL_SESSION_WAYS; n++)
			cr_expect_eq(esl_session_find(&b, session(n)), n == again ? 61 : n, "session %u", n);
	}
}

/* Each bit that is not the bucket's tells two sessions apart, the lowest nine
 * excepted: the member lies there and the mark of a word in use. */
Test(sessions, tags)
{
	for (int bit = 0; bit < 64; bit++) {
		struct esl_sessions b = {};
		__u64 hash = 0x5555555555555555;

		esl_session_set(&b, hash, 3);
		cr_expect_eq(esl_session_find(&b, hash ^ 1ULL << bit), bit < 9 ? 3 : ESL_NO_MEMBER, "bit %d", bit);
	}
}

/* Hash 0 is a session like others, and an empty bucket has not got it. */
Test(sessions, hash_of_zeros)
{
	struct esl_sessions b = {};

	cr_expect_eq(esl_session_find(&b, 0), ESL_NO_MEMBER);
	esl_session_set(&b, 0, 0);
	cr_expect_eq(esl_session_find(&b, 0), 0);
	cr_expect_neq(b.way[0], 0);
}

Test(sessions, kept_by_their_member)
{
	for (int sqf = 0; sqf < 2; sqf++) {
		struct esl_table t = table_make(sqf);
		struct esl_turns s = {};
		struct esl_sessions b = {};
		__u32 first[ESL_SESSION_WAYS];
		bool added;

		for (__u32 n = 0; n < ESL_SESSION_WAYS; n++) {
			first[n] = esl_turn_session(&s, &t, &b, session(n), 100, sqf, &added);
			cr_expect(added);
			cr_expect_eq(first[n], ids[n % 3], "session %u", n);
		}
		for (__u32 i = 0; i < 1000; i++) {
			__u32 n = i * 7 % ESL_SESSION_WAYS;

			cr_assert_eq(esl_turn_session(&s, &t, &b, session(n), 1500, sqf, &added), first[n]);
			cr_assert(!added);
		}
	}
}

/* A new session goes to the member whose sessions have carried least. */
Test(sessions, shortest_queue_counts_every_packet)
{
	struct esl_table t = table_make(true);
	struct esl_turns s = {};
	struct esl_sessions b = {};
	__u64 carried[ESL_MEMBERS_MAX] = {}, state = 21;
	__u32 next = 0;
	bool added;

	for (int i = 0; i < 20000; i++) {
		__u32 n = next && rand_below(&state, 20) ? next - 1 - rand_below(&state, next < 8 ? next : 8) : next;
		__u32 bytes = 40 + rand_below(&state, 1460);
		__u32 member = esl_turn_session(&s, &t, &b, session(n), bytes, true, &added);

		cr_assert_eq(added, n == next, "packet %d", i);
		for (int j = 0; added && j < 3; j++)
			cr_assert(carried[member] <= carried[ids[j]], "session %u to %u with %llu, %u has %llu", n,
				  member, carried[member], ids[j], carried[ids[j]]);
		carried[member] += bytes;
		next += added;
	}
	cr_assert(next > 500);
}

Test(sessions, member_that_left)
{
	static const __u8 fewer[] = { 1, 6 };

	for (int sqf = 0; sqf < 2; sqf++) {
		struct esl_table t = table_make(sqf);
		struct esl_turns s = {};
		struct esl_sessions b = {};
		__u32 before[ESL_SESSION_WAYS];
		bool added;

		for (__u32 n = 0; n < ESL_SESSION_WAYS; n++)
			before[n] = esl_turn_session(&s, &t, &b, session(n), 100, sqf, &added);
		esl_table_fill(&t, fewer, NULL, 2);
		t.epoch++;
		for (__u32 n = 0; n < ESL_SESSION_WAYS; n++) {
			__u32 after = esl_turn_session(&s, &t, &b, session(n), 100, sqf, &added);

			cr_expect_eq(added, before[n] == 4, "session %u", n);
			cr_expect_neq(after, 4, "session %u", n);
			cr_expect(before[n] == 4 || after == before[n], "session %u: %u", n, after);
		}
	}
}

/* A marker sets the turn also of the member that is out of step. */
Test(sessions, markers_realign)
{
	__u64 marker = 5ULL << 40 | 0xabcULL << 9;

	for (int sqf = 0; sqf < 2; sqf++)
		for (__u32 n = 0; n < 20; n++) {
			struct esl_table t = table_make(sqf);
			struct esl_turns s = {}, fresh = {};
			struct esl_sessions b = {}, other = {};
			bool added;

			cr_assert(esl_is_marker(&t, marker));
			for (__u32 i = 0; i < n; i++)
				esl_turn_session(&s, &t, &b, session(i), 100 + i, sqf, &added);
			for (__u32 i = 0; i < 12; i++) {
				__u64 hash = i ? session(30 + i) : marker;

				cr_assert_eq(esl_turn_session(&s, &t, &b, hash, 90, sqf, &added),
					     esl_turn_session(&fresh, &t, &other, hash, 90, sqf, &added));
			}
		}
}

static __u32 told;

static void note(void *data, __u64 hash, __u32 member)
{
	cr_assert_eq(member, 0);
	*(__u64 *)data = hash;
	told++;
}

/* The leader's agent is told of each new session, once. */
Test(sessions, new_ones_are_told)
{
	struct packet_spec s = { .protocol = ESL_IPPROTO_TCP, .daddr = REMOTE, .sport = 1, .dport = 2, .payload = 20 };
	struct member *m = members_make(1, ESL_SCHEME_SESSION_RR, 16);
	__u64 hash = 0, last = 0;
	struct packet p;

	cr_assert(m);
	m->tables.new_session = note;
	m->tables.data = &hash;
	for (__u32 i = 0; i < 100; i++) {
		s.sport = (__u16)(i / 4);
		s.seq = i;
		packet_build(&p, &s);
		cr_assert_eq(member_decide(m, ESL_INSIDE, &p), ESL_OWNED_PLAIN);
		cr_assert_eq(told, i / 4 + 1);
		cr_assert(i % 4 ? hash == last : hash != last);
		last = hash;
	}
	cr_expect_eq(esl_session_find(&m->tables.sessions[esl_session_bucket(hash)], hash), 0);
	members_free(m, 1);
}
