// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "lanes.h"

/* See lane_start_round(). */
#define REJOIN_ROUNDS 2

static __u64 max64(__u64 a, __u64 b)
{
	return a > b ? a : b;
}

__u64 lane_round_beyond(const struct lane_state *s, __u64 assigned)
{
	__u64 round;

	if (!assigned)
		return 0;
	round = esl_lane_place(&s->plan, assigned).round;
	return esl_lane_first(&s->plan, round, s->lane) > assigned ? round : round + 1;
}

struct lane_jump lane_jump_to(const struct lane_state *s, __u64 round, __u64 assigned)
{
	__u64 target = max64(round, lane_round_beyond(s, assigned));

	return (struct lane_jump){
		.round = target,
		.oseq = esl_lane_first(&s->plan, target, s->lane) - 1,
		.bound = esl_lane_last(&s->plan, target, s->lane),
	};
}

__u64 lane_start_round(const struct lane_state *s, __u64 assigned)
{
	__u64 cluster = s->ahead ? s->ahead + REJOIN_ROUNDS : 0;

	return max64(cluster, lane_round_beyond(s, assigned));
}

bool lane_on_half(const struct lane_state *s, __u64 seq, __u64 *ret_round)
{
	/* An event of a block that was left already asks for nothing. */
	if (!s->started || esl_lane_place(&s->plan, seq).round < s->round)
		return false;
	*ret_round = s->round + 1;
	return true;
}

bool lane_on_drop(const struct lane_state *s, __u64 assigned, __u64 *ret_round)
{
	/* A late packet was dropped, but the counter is inside the block: good. */
	if (!s->started || assigned < esl_lane_last(&s->plan, s->round, s->lane))
		return false;
	*ret_round = s->round + 1;
	return true;
}

bool lane_on_announced(struct lane_state *s, __u64 round)
{
	s->ahead = max64(s->ahead, round);
	return s->started && s->ahead > s->round;
}

bool lane_step(const struct lane_state *s, bool idle, __u64 *ret_round)
{
	if (!s->started || s->ahead <= s->round)
		return false;
	*ret_round = idle ? s->ahead : s->round + 1;
	return true;
}

void lane_jumped(struct lane_state *s, const struct lane_jump *jump)
{
	s->started = true;
	s->round = max64(s->round, jump->round);
	s->ahead = max64(s->ahead, s->round);
}
