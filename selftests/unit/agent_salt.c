// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Salts of IVs: when two meet, when one is known, and when it may be used. */
#include <criterion/criterion.h>
#include <string.h>

#include <agent/salt.h>

#include "rand.h"

/* Is there an IV that both write, at numbers below 2^bits? */
static bool meet_somewhere(__u32 a, __u32 b, __u32 bits)
{
	for (__u32 n = 0; n < 1U << bits; n++)
		for (__u32 m = 0; m < 1U << bits; m++)
			if ((n ^ a) == (m ^ b))
				return true;
	return false;
}

Test(agent_salt, all_words_of_six_bits)
{
	for (__u32 bits = 1; bits < 6; bits++)
		for (__u32 a = 0; a < 64; a++)
			for (__u32 b = 0; b < 64; b++)
				cr_assert_eq(esl_salts_meet(a, b, bits), meet_somewhere(a, b, bits),
					     "salts %u and %u, %u bits", a, b, bits);
}

Test(agent_salt, bits_of_numbers)
{
	cr_assert_eq(esl_number_max(false), UINT32_MAX);
	cr_assert_eq(esl_number_max(true), 0xffffffffffffULL);
	cr_assert(esl_salts_meet(1ULL << 31, 0, esl_number_bits(false)));
	cr_assert_not(esl_salts_meet(1ULL << 32, 0, esl_number_bits(false)));
	cr_assert(esl_salts_meet(1ULL << 47, 0, esl_number_bits(true)));
	cr_assert_not(esl_salts_meet(1ULL << 48, 0, esl_number_bits(true)));
	cr_assert(esl_salts_meet(5, 5, esl_number_bits(true)), "equal salts are told apart by nothing but lanes");
}

#define A 0x0000000100000001ULL
#define B 0x0000000200000000ULL		/* meets none of A */
#define NEAR_A 0x00000001ffffffffULL	/* meets A */

static struct salt_book begun(void)
{
	struct salt_book b;

	salt_begin(&b, SALT_PENDING, false);
	return b;
}

static struct salt_book known(__u8 self, __u64 salt)
{
	struct salt_book b = begun();

	salt_seen(&b, self, salt);
	salt_seen(&b, self, salt);
	return b;
}

Test(agent_salt, seen_twice_is_known)
{
	struct salt_book b = begun();

	cr_assert(salt_is_closed(&b));
	cr_assert_not(salt_seen(&b, 0, A));
	cr_assert_eq(salt_step(&b, 0, 0), SALT_WAIT);
	cr_assert_not(salt_seen(&b, 0, B), "another one is no confirmation");
	cr_assert_not(salt_seen(&b, 0, A));
	cr_assert(salt_seen(&b, 0, A));
	cr_assert_eq(b.state, SALT_COMPARING);
	cr_assert(salt_is_closed(&b));
	cr_assert_eq(b.own, A);
}

Test(agent_salt, what_does_not_follow_the_numbers_is_no_iv)
{
	struct salt_book b = begun();

	for (int i = 0; i < 7; i++)
		cr_assert_not(salt_seen(&b, 0, A + i), "packet %d", i);
	cr_assert(salt_seen(&b, 0, A + 7));
	cr_assert_eq(b.state, SALT_HIDDEN);
	cr_assert_not(salt_is_closed(&b), "it cannot be asked for");
	cr_assert_not(salt_seen(&b, 0, A));
	cr_assert_eq(salt_step(&b, 0, 0), SALT_WAIT);
}

Test(agent_salt, alone_it_is_used_at_once)
{
	struct salt_book b = known(3, A);

	cr_assert_eq(salt_step(&b, 3, 1 << 3), SALT_USE);
	cr_assert_eq(b.state, SALT_CHECKED);
	cr_assert_not(salt_is_closed(&b));
	cr_assert(b.pair[0].used);
	cr_assert_eq(salt_step(&b, 3, 1 << 3), SALT_WAIT, "once");
}

Test(agent_salt, waits_for_those_that_live)
{
	struct salt_book b = known(0, A), other = begun();

	cr_assert_eq(salt_step(&b, 0, 7), SALT_WAIT);
	cr_assert(salt_told(&b, 1, salt_digest(&other)), "it knows less");
	cr_assert_eq(salt_step(&b, 0, 3), SALT_WAIT);
	salt_merge(&other, 0, A, false);
	cr_assert_not(salt_told(&b, 1, salt_digest(&other)));
	cr_assert_eq(salt_step(&b, 0, 7), SALT_WAIT, "member 2 has told nothing");
	salt_forgot(&b, 1);
	cr_assert_eq(salt_step(&b, 0, 3), SALT_WAIT, "member 1 was started anew");
	salt_told(&b, 1, salt_digest(&other));
	cr_assert_eq(salt_step(&b, 0, 3), SALT_USE, "member 2 is dead");
}

Test(agent_salt, who_has_not_sent_draws_again)
{
	static const struct {
		const char *name;
		__u64 salt;
		bool used;
		bool own_used;
		enum salt_step step;
	} rows[] = {
		{ "far away", B, true, false, SALT_USE },
		{ "in use", NEAR_A, true, false, SALT_REDRAW },
		{ "not in use", NEAR_A, false, false, SALT_REDRAW },
		{ "the same", A, true, false, SALT_REDRAW },
		{ "both in use", NEAR_A, true, true, SALT_REDRAW },
		{ "the other one is not in use", NEAR_A, false, true, SALT_WAIT },
		{ "far away, both in use", B, true, true, SALT_WAIT },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (__u8 member = 0; member < 3; member++) {
			struct salt_book b = known(1, A);

			/* A salt of this member is another transform's, but for the very same. */
			if (member == 1 && rows[i].salt == A)
				continue;
			if (rows[i].own_used)
				salt_step(&b, 1, 0);
			salt_merge(&b, member, rows[i].salt, rows[i].used);
			cr_assert_eq(salt_step(&b, 1, 0), rows[i].step, "%s, of member %u", rows[i].name, member);
			cr_assert_eq(salt_is_closed(&b), rows[i].step == SALT_REDRAW, "%s", rows[i].name);
		}
	}
}

Test(agent_salt, another_transform_begins_anew)
{
	struct salt_book b = known(0, A);

	salt_step(&b, 0, 0);
	cr_assert_not(salt_seen(&b, 0, A), "the same goes on");
	cr_assert_eq(b.state, SALT_CHECKED);
	cr_assert(salt_seen(&b, 0, NEAR_A));
	cr_assert_eq(b.state, SALT_PENDING);
	cr_assert(salt_seen(&b, 0, NEAR_A));
	cr_assert_eq(salt_step(&b, 0, 0), SALT_REDRAW, "the salt of the one before is remembered");
	salt_lost(&b);
	salt_seen(&b, 0, B);
	salt_seen(&b, 0, B);
	cr_assert_eq(salt_step(&b, 0, 0), SALT_USE);
}

Test(agent_salt, goes_on_after_a_restart)
{
	struct salt_book b = begun();

	salt_resume(&b, 2, A);
	cr_assert_eq(b.state, SALT_CHECKED);
	cr_assert(b.changed);
	cr_assert_eq(salt_step(&b, 2, 7), SALT_WAIT);
	salt_merge(&b, 0, NEAR_A, true);
	cr_assert_eq(salt_step(&b, 2, 7), SALT_REDRAW);
}

Test(agent_salt, digest_is_of_the_set)
{
	struct salt_book x = begun(), y = begun();

	cr_assert(salt_digest(&x));
	salt_merge(&x, 0, A, true);
	salt_merge(&x, 1, B, false);
	salt_merge(&y, 1, B, false);
	cr_assert_neq(salt_digest(&x), salt_digest(&y));
	salt_merge(&y, 0, A, false);
	cr_assert_neq(salt_digest(&x), salt_digest(&y), "in use or not");
	y.changed = false;
	salt_merge(&y, 0, A, true);
	cr_assert(y.changed);
	cr_assert_eq(salt_digest(&x), salt_digest(&y), "in any order");
	y.changed = false;
	salt_merge(&y, 0, A, false);
	salt_merge(&y, 1, B, false);
	cr_assert_not(y.changed);
	cr_assert_eq(salt_digest(&x), salt_digest(&y), "repetition does not matter");
}

Test(agent_salt, full)
{
	struct salt_book b = begun();

	for (__u64 i = 0; i < SALTS_MAX; i++)
		salt_merge(&b, 1, i << 32, true);
	salt_seen(&b, 0, ~0ULL);
	salt_seen(&b, 0, ~0ULL);
	cr_assert_eq(b.state, SALT_EXHAUSTED);
	cr_assert(salt_is_closed(&b));
	cr_assert_eq(salt_step(&b, 0, 0), SALT_WAIT);
}

Test(agent_salt, no_iv_no_audit)
{
	struct salt_book b;

	salt_begin(&b, SALT_NO_SALT, true);
	cr_assert_not(salt_seen(&b, 0, A));
	cr_assert_not(salt_seen(&b, 0, A));
	salt_lost(&b);
	cr_assert_eq(b.state, SALT_NO_SALT);
	cr_assert_not(salt_is_closed(&b));
}

/* Members that tell each other, late, twice or not at all, of salts of which every
 * fourth pair meets. */
#define MEMBERS 3
#define IN_FLIGHT 16

struct world {
	__u64 rand;
	struct salt_book book[MEMBERS];
	__u64 salt[MEMBERS];		/* of the transform in the kernel */
	bool passes[MEMBERS];		/* the guard lets it */
	struct {
		struct salt_book book;
		__u8 from, to;
		bool there;
	} flight[IN_FLIGHT];
	__u64 used[SALTS_MAX];
	size_t used_count;
	unsigned int redrawn, uses;
};

static void install(struct world *w, __u8 m)
{
	w->salt[m] = (__u64)rand_below(&w->rand, 64) << 32 | (__u32)rand64(&w->rand);
	w->passes[m] = false;
	salt_lost(&w->book[m]);
}

static void use(struct world *w, __u8 m)
{
	for (size_t i = 0; i < w->used_count; i++)
		cr_assert_not(esl_salts_meet(w->used[i], w->salt[m], 32), "member %u uses %llx beside %llx", m,
			      w->salt[m], w->used[i]);
	w->used[w->used_count++] = w->salt[m];
	w->passes[m] = true;
	w->uses++;
}

static void step(struct world *w, __u8 m)
{
	enum salt_step s = salt_step(&w->book[m], m, 7);

	if (s == SALT_USE)
		use(w, m);
	if (s != SALT_REDRAW)
		return;
	cr_assert_not(w->passes[m], "no member has to stop that all could hear");
	w->redrawn++;
	install(w, m);
}

static bool knows(const struct salt_book *b, const struct salt_pair *p)
{
	for (size_t i = 0; i < b->count; i++)
		if (b->pair[i].member == p->member && b->pair[i].salt == p->salt)
			return true;
	return false;
}

/* Is each pair of this member in another book too?  What all forget is lost. */
static bool is_known_elsewhere(const struct world *w, __u8 m)
{
	for (size_t i = 0; i < w->book[m].count; i++)
		if (!knows(&w->book[(m + 1) % MEMBERS], &w->book[m].pair[i]) &&
		    !knows(&w->book[(m + 2) % MEMBERS], &w->book[m].pair[i]))
			return false;
	return true;
}

/* The agent alone; what was said to it before is not heard any more. */
static void restart(struct world *w, __u8 m)
{
	if (!is_known_elsewhere(w, m))
		return;
	salt_begin(&w->book[m], SALT_PENDING, false);
	if (w->passes[m])
		salt_resume(&w->book[m], m, w->salt[m]);
	for (int i = 0; i < MEMBERS; i++)
		salt_forgot(&w->book[i], m);
	for (int i = 0; i < IN_FLIGHT; i++)
		w->flight[i].there = w->flight[i].there && w->flight[i].to != m && w->flight[i].from != m;
}

static void deliver(struct world *w, int i)
{
	__u8 from = w->flight[i].from, to = w->flight[i].to;
	const struct salt_book *b = &w->flight[i].book;

	if (!w->flight[i].there)
		return;
	for (size_t n = 0; n < b->count; n++)
		salt_merge(&w->book[to], b->pair[n].member, b->pair[n].salt, b->pair[n].used);
	salt_told(&w->book[to], from, salt_digest(b));
	w->flight[i].there = rand_below(&w->rand, 2);
}

static void happen(struct world *w)
{
	__u8 m = rand_below(&w->rand, MEMBERS), to = (m + 1 + rand_below(&w->rand, MEMBERS - 1)) % MEMBERS;
	int i = rand_below(&w->rand, IN_FLIGHT);

	switch (rand_below(&w->rand, 64)) {
	case 0:
		if (w->used_count < SALTS_MAX / 4)
			install(w, m);
		break;
	case 1:
		restart(w, m);
		break;
	case 2 ... 19:
		salt_seen(&w->book[m], m, w->salt[m]);
		break;
	case 20 ... 34:
		step(w, m);
		break;
	case 35 ... 49:
		w->flight[i].book = w->book[m];
		w->flight[i].from = m;
		w->flight[i].to = to;
		w->flight[i].there = true;
		break;
	default:
		deliver(w, i);
	}
}

Test(agent_salt, no_two_in_use_meet)
{
	static struct world w;
	unsigned int redrawn = 0, uses = 0;

	for (__u64 seed = 1; seed <= 2000; seed++) {
		w = (struct world){ .rand = seed };
		for (__u8 m = 0; m < MEMBERS; m++) {
			salt_begin(&w.book[m], SALT_PENDING, false);
			install(&w, m);
		}
		for (int i = 0; i < 4000; i++)
			happen(&w);
		redrawn += w.redrawn;
		uses += w.uses;
	}
	cr_assert_gt(redrawn, 1000);
	cr_assert_gt(uses, 5000);
}
