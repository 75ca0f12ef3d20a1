// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The window rule: which SAs may be spread, and the plan of the others. */
#include <criterion/criterion.h>

#include <agent/lanes.h>
#include <agent/prefix.h>

Test(agent_lanes, window)
{
	static const struct {
		const char *name;
		__u32 listed, configured, kernel, window;
	} rows[] = {
		{ "listed for the peer", 1024, 64, 32, 1024 },
		{ "configured for all others", 0, 64, 32, 64 },
		{ "the SA's own", 0, 0, 128, 128 },
		{ "nobody knows", 0, 0, 0, 32 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		cr_expect_eq(lane_window(rows[i].listed, rows[i].configured, rows[i].kernel), rows[i].window,
			     "%s", rows[i].name);
}

Test(agent_lanes, window_rule)
{
	static const struct {
		const char *name;
		__u16 lanes;
		__u8 shift;
		__u32 window;
		bool sticky;
	} rows[] = {
		{ "three lanes of 64 at 1024", 3, 6, 1024, false },
		{ "exactly fits", 3, 6, 576, false },
		{ "one too small", 3, 6, 575, true },
		{ "a default window", 3, 6, 32, true },
		{ "one lane of 8 at 32", 1, 3, 32, false },
		{ "two lanes of 8 at 32", 2, 3, 32, true },
		{ "64 lanes of 8 at 4096", 64, 3, 4096, false },
		{ "64 lanes of 65536: more than 32 bits hold", 64, 16, 0xbfffff, true },
		{ "blocks as large as can be", 3, 16, 4096, true },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct esl_lanes conf = { .lanes = rows[i].lanes, .block_shift = rows[i].shift };
		struct esl_lanes plan = lane_plan(&conf, rows[i].window);

		cr_expect_eq(lane_is_sticky(&conf, rows[i].window), rows[i].sticky, "%s", rows[i].name);
		cr_expect_eq(plan.lanes, conf.lanes, "%s", rows[i].name);
		cr_expect_eq(plan.block_shift, rows[i].sticky ? ESL_BLOCK_SHIFT_MAX : rows[i].shift, "%s",
			     rows[i].name);
		cr_expect_eq(lane_plan_is_sticky(&plan, &conf, rows[i].window), rows[i].sticky, "%s",
			     rows[i].name);
	}
}

/* A plan outlives the settings it was made by: with small blocks only where any
 * window is large enough is it told by the window at all. */
Test(agent_lanes, plan_tells)
{
	struct esl_lanes conf = { .lanes = 3, .block_shift = 6 }, spread = conf, sticky = { 3, 16, 0 };

	cr_expect(!lane_plan_is_sticky(&spread, &conf, 32), "spread, and then the window was set smaller");
	cr_expect(lane_plan_is_sticky(&sticky, &conf, 4096), "sticky, and then the window was set larger");
}

/*
 * Members that send one SA: what each sends, and what it hears of the others.
 */
#define MEMBERS 3

struct team {
	struct lane_state s[MEMBERS];
	__u64 oseq[MEMBERS], top[MEMBERS];
};

static void team_jump(struct team *t, int i, __u64 round)
{
	struct lane_jump j = lane_jump_to(&t->s[i], round, t->oseq[i]);

	cr_assert_geq(j.oseq, t->oseq[i]);
	t->oseq[i] = j.oseq;
	lane_jumped(&t->s[i], &j);
}

static struct team team_start(bool sticky)
{
	struct team t = {};

	for (int i = 0; i < MEMBERS; i++) {
		t.s[i] = (struct lane_state){ .plan = { MEMBERS, sticky ? 16 : 6, 0 }, .lane = (__u32)i,
					      .sticky = sticky };
		team_jump(&t, i, lane_start_round(&t.s[i], 0));
	}
	return t;
}

/* Everybody announces until nobody moves. Returns the steps made. */
static int team_talk(struct team *t, int sender)
{
	__u64 round;
	int steps = 0, before;

	do {
		before = steps;
		for (int i = 0; i < MEMBERS; i++) {
			lane_took_over(&t->s[i], t->top[i]);
			for (int to = 0; to < MEMBERS; to++) {
				if (to == i)
					continue;
				lane_on_announced(&t->s[to], lane_announced(&t->s[i], t->top[i]));
				while (steps < 1000 && lane_step(&t->s[to], to != sender, &round)) {
					team_jump(t, to, round);
					steps++;
				}
			}
		}
	} while (steps != before && steps < 1000);
	return steps;
}

static __u64 team_send(struct team *t, int i)
{
	__u64 half = esl_block_size(&t->s[i].plan) / 2, round;

	t->top[i] = ++t->oseq[i];
	cr_assert_eq(esl_lane_place(&t->s[i].plan, t->top[i]).lane, i);
	if (((t->top[i] - 1) & (2 * half - 1)) == half && lane_on_used(&t->s[i], t->top[i], 0, &round))
		team_jump(t, i, round);
	return t->top[i];
}

/* Whoever takes over sends what lies beyond all that was sent before, whether
 * that was one packet or many blocks. */
Test(agent_lanes, sticky_takes_over_beyond)
{
	static const struct {
		int sender;
		__u32 packets;
	} rows[] = { { 2, 1 }, { 0, 1 }, { 1, 100000 }, { 0, 40000 }, { 2, 10 }, { 1, 200000 }, { 0, 3 } };
	struct team t = team_start(true);
	__u64 last = 0;

	team_talk(&t, -1);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (__u32 n = 0; n < rows[i].packets; n++) {
			__u64 seq = team_send(&t, rows[i].sender);

			cr_assert_gt(seq, last, "row %zu, packet %u", i, n);
			last = seq;
			if (n % 1000 == 999)
				team_talk(&t, rows[i].sender);
		}
		cr_assert_leq(team_talk(&t, rows[i].sender), 4, "row %zu: they run from each other", i);
		cr_assert_eq(team_talk(&t, -1), 0, "row %zu: silence, and they move", i);
	}
}

/*
 * A planned change: who sent until now has just sent when it hears of the other one, and
 * follows it; when it has been idle for a while it stands aside.
 */
Test(agent_lanes, sticky_goes_to_and_fro)
{
	static const int senders[] = { 2, 0, 2, 1, 0, 1, 2, 0, 1, 0 };
	struct team t = team_start(true);
	__u64 last = 0, round;
	int before = -1;

	team_talk(&t, -1);
	for (size_t i = 0; i < sizeof(senders) / sizeof(senders[0]); i++) {
		for (int n = 0; n < 5; n++) {
			__u64 seq = team_send(&t, senders[i]);

			cr_assert_gt(seq, last, "sender %zu: the peer has %llu already", i, last);
			last = seq;
		}
		/* Nobody is taken for idle who sent a moment ago. */
		cr_assert(lane_took_over(&t.s[senders[i]], t.top[senders[i]]));
		if (before >= 0) {
			lane_on_announced(&t.s[before], lane_announced(&t.s[senders[i]], last));
			if (lane_step(&t.s[before], false, &round))
				team_jump(&t, before, round);
			cr_assert(!lane_stands_by(&t.s[before], t.top[before], false, &round), "it may be about to send");
		}
		cr_assert_leq(team_talk(&t, senders[i]), 4, "sender %zu: they run from each other", i);
		for (int m = 0; m < MEMBERS; m++)
			if (lane_stands_by(&t.s[m], t.top[m], true, &round)) {
				cr_assert_neq(m, senders[i], "a sender that pauses stays where it is");
				team_jump(&t, m, round);
			}
		cr_assert_eq(team_talk(&t, -1), 0, "sender %zu: silence, and they move", i);
		before = senders[i];
	}
	cr_assert_leq(t.s[0].round, 2 * sizeof(senders) / sizeof(senders[0]) + 2, "rounds that cost numbers: %llu", t.s[0].round);
}

/* Two that send at once, while they disagree: they meet, and neither runs. */
Test(agent_lanes, sticky_by_two)
{
	struct team t = team_start(true);
	int steps = 0;

	for (int i = 0; i < 1000; i++) {
		team_send(&t, 0);
		team_send(&t, 1);
		steps += team_talk(&t, 0);
		steps += team_talk(&t, 1);
	}
	cr_assert_leq(t.s[2].round, 2100, "rounds that cost numbers: %llu in %d steps", t.s[2].round, steps);
}

/* Where all send nobody stands aside: rounds are announced as they are. */
Test(agent_lanes, spread_stays_together)
{
	struct team t = team_start(false);

	for (int i = 0; i < 10000; i++) {
		team_send(&t, 1);
		if (i % 100 == 0)
			team_talk(&t, 1);
	}
	team_talk(&t, 1);
	for (int i = 0; i < MEMBERS; i++) {
		cr_expect_eq(t.s[i].round, t.s[1].round, "member %d", i);
		cr_expect_eq(lane_announced(&t.s[i], 0), t.s[i].round);
	}
}

/* Where the numbers end: a round of these lanes holds 96, and the last one has a whole block for lane 0 only. */
#define END_ROUND ((1ULL << 32) / 96)

Test(agent_lanes, numbers_end)
{
	static const struct {
		const char *name;
		__u32 lane;
		__u64 round;		/* to jump into */
		__u64 in_round, position;	/* the kernel's counter, counted from the block's first number; 0: before it */
		bool started;
		__u64 at;		/* the round of lanes, */
		bool last;		/* and whether it is the last one */
		enum lane_fit fit;
		__u64 next;
	} rows[] = {
		{ "long before", 0, 7, 6, 16, true, 6, false, LANE_JUMP, 7 },
		{ "into the block before the last one", 0, END_ROUND - 2, END_ROUND - 3, 16, true, END_ROUND - 3, false,
		  LANE_JUMP, END_ROUND - 2 },
		{ "into the last block", 0, END_ROUND, END_ROUND - 1, 16, true, END_ROUND - 1, false, LANE_JUMP, END_ROUND },
		{ "its lane ends a round before that of who is followed", 2, END_ROUND, END_ROUND - 2, 16, true,
		  END_ROUND - 2, false, LANE_JUMP, END_ROUND - 1 },
		{ "2^40 numbers beyond", 0, 1ULL << 32, 6, 16, true, 6, false, LANE_JUMP, END_ROUND },
		{ "half of the last block is used", 0, END_ROUND + 1, END_ROUND, 17, true, END_ROUND, true, LANE_REST },
		{ "one number is left", 0, END_ROUND + 1, END_ROUND, 31, true, END_ROUND, true, LANE_REST },
		{ "the last one is assigned", 0, END_ROUND + 1, END_ROUND, 32, true, END_ROUND, true, LANE_END },
		{ "numbers of others are assigned, and dropped", 0, END_ROUND + 1, END_ROUND, 33, true, END_ROUND, true,
		  LANE_END },
		{ "nothing of the last block is used", 2, END_ROUND, END_ROUND - 1, 0, true, END_ROUND - 1, true, LANE_JUMP,
		  END_ROUND - 1 },
		{ "started anew within the last block", 0, END_ROUND + 1, END_ROUND, 17, false, 0, false, LANE_END },
		{ "begins beyond all that it may have sent", 0, END_ROUND + 5, 6, 16, false, 0, false, LANE_JUMP, END_ROUND },
	};
	__u64 max = (1ULL << 32) - 1;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct lane_state s = { .plan = { 3, 5, 0 }, .lane = rows[i].lane, .started = rows[i].started,
					.round = rows[i].at, .last = rows[i].last };
		__u64 assigned = esl_lane_first(&s.plan, rows[i].in_round, s.lane) - 1 + rows[i].position;
		struct lane_jump j = lane_jump_to(&s, rows[i].round, assigned);
		enum lane_fit fit = lane_fit(&s, &j, assigned, max);

		cr_assert_eq(fit, rows[i].fit, "%s: %d", rows[i].name, fit);
		cr_expect_eq(s.ended, fit == LANE_END, "%s", rows[i].name);
		if (fit != LANE_JUMP)
			continue;
		cr_expect_eq(j.round, rows[i].next, "%s: %llu", rows[i].name, j.round);
		cr_expect(j.bound <= max && j.oseq >= assigned, "%s: %llu after %llu", rows[i].name, j.oseq, assigned);
		cr_expect_eq(j.last, j.bound + 96 > max, "%s", rows[i].name);
	}
}

static struct lane_jump end_jump(struct lane_state *s, __u64 *oseq, __u64 round, enum lane_fit *fit)
{
	struct lane_jump j = lane_jump_to(s, round, *oseq);

	*fit = lane_fit(s, &j, *oseq, (1ULL << 32) - 1);
	if (*fit == LANE_JUMP) {
		lane_jumped(s, &j);
		*oseq = j.oseq;
	}
	return j;
}

/* The last block is used to its last number, nothing asks for a jump in vain meanwhile, and
 * whoever is in a later round is not followed. */
Test(agent_lanes, last_block)
{
	struct lane_state s = { .plan = { 3, 5, 0 }, .lane = 1 };
	__u64 oseq = 0, end = esl_lane_last(&s.plan, END_ROUND - 1, 1), round = 0;
	enum lane_fit fit;

	end_jump(&s, &oseq, END_ROUND - 1, &fit);
	cr_assert(fit == LANE_JUMP && s.last && !lane_on_announced(&s, END_ROUND), "it has nowhere to go to");
	cr_expect(!lane_step(&s, true, &round));
	for (oseq++; oseq < end; oseq++) {
		if (lane_on_drop(&s, oseq, &round) || lane_on_used(&s, oseq, 0, &round))
			end_jump(&s, &oseq, s.round + 1, &fit);
		cr_assert_neq(fit, LANE_END, "%llu numbers are left", end - oseq);
	}
	cr_expect(lane_on_drop(&s, oseq, &round));
	end_jump(&s, &oseq, round, &fit);
	cr_expect(fit == LANE_END && oseq == end);
	cr_expect(!lane_on_drop(&s, end + 1, &round) && !lane_on_used(&s, end, 0, &round), "it is over");
}

/* Who stands aside at the end is in the round of the sender, and does not run from it. */
Test(agent_lanes, aside_at_the_end)
{
	struct lane_state s = { .plan = { 3, 16, 0 }, .lane = 2, .sticky = true };
	__u64 oseq = 0, round, last = (1ULL << 32) / (3 << 16) - 1;
	enum lane_fit fit;

	end_jump(&s, &oseq, last - 1, &fit);
	cr_assert(lane_on_announced(&s, last) && lane_step(&s, true, &round) && round == last + 1);
	end_jump(&s, &oseq, round, &fit);
	cr_expect(fit == LANE_JUMP && s.round == last && s.last, "%llu", s.round);
	cr_expect(!lane_on_announced(&s, last) && !lane_on_announced(&s, last + 1));
}

static struct esl_addr v4(const char *text)
{
	struct in_addr a;

	inet_pton(AF_INET, text, &a);
	return esl_addr_from_ipv4(a.s_addr);
}

Test(agent_prefix, keys)
{
	static const struct {
		const char *name, *addr;
		__u32 len;
		bool valid;
		const char *base;
	} rows[] = {
		{ "a network", "10.9.8.0", 24, true, "10.9.8.0" },
		{ "bits behind the prefix", "10.9.8.7", 24, true, "10.9.8.0" },
		{ "a prefix within a byte", "10.9.255.255", 20, true, "10.9.240.0" },
		{ "a host", "10.9.8.7", 32, true, "10.9.8.7" },
		{ "everything of IPv4", "10.9.8.7", 0, true, "0.0.0.0" },
		{ "longer than an address", "10.9.8.7", 33, false, NULL },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct esl_addr addr = v4(rows[i].addr), base;
		struct esl_policy_key key;

		cr_expect_eq(prefix_key(&addr, 4, rows[i].len, &key), rows[i].valid, "%s", rows[i].name);
		if (!rows[i].valid)
			continue;
		base = v4(rows[i].base);
		cr_expect_eq(key.prefixlen, 96 + rows[i].len, "%s", rows[i].name);
		cr_expect(esl_addr_equal(&key.daddr, &base), "%s", rows[i].name);
	}
}

Test(agent_prefix, keys_ipv6)
{
	struct esl_addr addr = { .byte = { 0x20, 1, 0xd, 0xb8, [15] = 9 } };
	struct esl_policy_key key;

	cr_expect(prefix_key(&addr, 6, 32, &key) && key.prefixlen == 32 && !key.daddr.byte[15]);
	cr_expect(prefix_key(&addr, 6, 128, &key) && key.daddr.byte[15] == 9);
	cr_expect(prefix_key(&addr, 6, 0, &key) && esl_addr_none(&key.daddr));
	cr_expect(!prefix_key(&addr, 6, 129, &key));
}

/* Peers, or the request ids of one peer, spread over the slots. */
Test(agent_prefix, slots_spread)
{
	struct esl_hash_key k = { { 0x9e3779b97f4a7c15, 0xc2b2ae3d27d4eb4f, 0x165667b19e3779f9,
				    0xd6e8feb86659fd93, 0xa0761d6478bd642f, 0xe7037ed1a0b428db } };
	__u32 seen[2][ESL_SLOTS] = {};

	for (__u32 i = 0; i < 64 * ESL_SLOTS; i++) {
		struct esl_addr one = v4("192.0.2.2"), many = esl_addr_from_ipv4(htonl(0x0a000000 + i));
		__u32 by_reqid = prefix_slot(&k, &one, i), by_peer = prefix_slot(&k, &many, 1);

		cr_assert(by_reqid < ESL_SLOTS && by_peer < ESL_SLOTS);
		seen[0][by_reqid]++;
		seen[1][by_peer]++;
	}
	for (int i = 0; i < ESL_SLOTS; i++)
		cr_expect(seen[0][i] && seen[0][i] < 160 && seen[1][i] && seen[1][i] < 160, "slot %d: %u, %u", i,
			  seen[0][i], seen[1][i]);
}

Test(agent_prefix, merge)
{
	cr_expect_eq(prefix_merge(ESL_SLOTS, 7), 7, "one that keeps to a slot wins");
	cr_expect_eq(prefix_merge(7, ESL_SLOTS), 7, "whichever was first");
	cr_expect_eq(prefix_merge(9, 7), 7, "of two slots the lower");
	cr_expect_eq(prefix_merge(ESL_SLOTS, ESL_SLOTS), ESL_SLOTS);
}

/* A member that begins again far ahead is followed at once, not in a million steps. */
Test(agent_lanes, far_behind)
{
	static const struct {
		const char *name;
		__u64 ahead;
		bool idle;
		__u64 next;
	} rows[] = {
		{ "one step while packets flow", 26, false, 11 },
		{ "further than any window", 27, false, 27 },
		{ "2^28 numbers", 10 + (1 << 28) / 192, false, 10 + (1 << 28) / 192 },
		{ "idle", 20, true, 20 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct lane_state s = { .plan = { 3, 6, 0 }, .started = true, .round = 10 };
		__u64 round = 0;

		cr_expect(lane_on_announced(&s, rows[i].ahead), "%s", rows[i].name);
		cr_expect(lane_step(&s, rows[i].idle, &round), "%s", rows[i].name);
		cr_expect_eq(round, rows[i].next, "%s: %llu", rows[i].name, round);
	}
}
