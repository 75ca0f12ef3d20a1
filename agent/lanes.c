// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "lanes.h"

/* Further than this behind, what is sent lies behind the peer's window anyway: the
 * window rule (lane.h) leaves room for three rounds. */
#define FAR_ROUNDS 16
#define NS_PER_S 1000000000ULL
#define PACE_NS 10000000ULL
/* What is left of a block is to outlast a loop that does something else. */
#define RESERVE_NS 25000000ULL
/* Rounds that change faster are not announced one by one: the members would be further apart. */
#define ROUND_NS 1000000ULL

static __u64 max64(__u64 a, __u64 b)
{
	return a > b ? a : b;
}

__u32 lane_window(__u32 listed, __u32 configured, __u32 kernel)
{
	if (listed || configured)
		return listed ? listed : configured;
	return kernel ? kernel : ESL_WINDOW_DEFAULT;
}

bool lane_is_sticky(const struct esl_lanes *l, __u32 window)
{
	return esl_lane_spread(l) > window;
}

struct esl_lanes lane_plan(const struct esl_lanes *configured, __u32 window)
{
	struct esl_lanes plan = *configured;

	if (lane_is_sticky(configured, window))
		plan.block_shift = ESL_BLOCK_SHIFT_MAX;
	return plan;
}

bool lane_plan_is_sticky(const struct esl_lanes *plan, const struct esl_lanes *configured, __u32 window)
{
	if (configured->block_shift == ESL_BLOCK_SHIFT_MAX)
		return lane_is_sticky(plan, window);
	return plan->block_shift == ESL_BLOCK_SHIFT_MAX;
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

/* Count of the rounds in which the lane's block ends at or below max. */
static __u64 rounds_below(const struct lane_state *s, __u64 max)
{
	__u64 first = esl_lane_last(&s->plan, 0, s->lane);

	return max < first ? 0 : (max - first) / ((__u64)s->plan.lanes << s->plan.block_shift) + 1;
}

enum lane_fit lane_fit(struct lane_state *s, struct lane_jump *jump, __u64 assigned, __u64 max)
{
	__u64 rounds = rounds_below(s, max);

	if (rounds && jump->round >= rounds && lane_round_beyond(s, assigned) < rounds)
		*jump = lane_jump_to(s, rounds - 1, assigned);
	if (jump->round < rounds) {
		jump->last = jump->round == rounds - 1;
		return LANE_JUMP;
	}
	/* A counter that is anywhere else, after a restart, has left what it did not use. */
	if (s->started && s->last && !s->ended && assigned < esl_lane_last(&s->plan, s->round, s->lane))
		return LANE_REST;
	s->ended = true;
	return LANE_END;
}

__u64 lane_start_round(const struct lane_state *s, __u64 assigned)
{
	return max64(s->ahead, lane_round_beyond(s, assigned));
}

void lane_pace(struct lane_pace *p, __u64 passed, __u64 now_ns)
{
	__u64 span = now_ns - p->since_ns;

	if (p->since_ns && span < PACE_NS)
		return;
	p->rate = p->since_ns ? (passed - p->passed) * NS_PER_S / span : 0;
	p->passed = passed;
	p->since_ns = now_ns;
}

static bool is_early(const struct esl_lanes *plan, __u64 rate)
{
	__u64 size = esl_block_size(plan);

	return rate * RESERVE_NS > size / 2 * NS_PER_S && rate * ROUND_NS < size / 4 * NS_PER_S;
}

bool lane_on_used(struct lane_state *s, __u64 seq, __u64 rate, __u64 *ret_round)
{
	bool half = ((seq - 1) & (esl_block_size(&s->plan) - 1)) >= esl_block_size(&s->plan) / 2;

	/* An event of a block that was left already asks for nothing. */
	if (!s->started || s->ended || esl_lane_place(&s->plan, seq).round < s->round)
		return false;
	if (!half && !is_early(&s->plan, rate))
		return false;
	s->aside = false;
	*ret_round = s->round + 1;
	return true;
}

bool lane_on_drop(struct lane_state *s, __u64 assigned, __u64 *ret_round)
{
	/* A late packet was dropped, but the counter is inside the block: good. */
	if (!s->started || s->ended || assigned < esl_lane_last(&s->plan, s->round, s->lane))
		return false;
	s->aside = false;
	*ret_round = s->round + 1;
	return true;
}

bool lane_on_announced(struct lane_state *s, __u64 round)
{
	s->heard = true;
	s->ahead = max64(s->ahead, round);
	return lane_is_behind(s);
}

bool lane_is_behind(const struct lane_state *s)
{
	if (s->last || s->ended)
		return false;
	/* A sender hears its own round again: that is no reason to leave it. */
	if (s->sticky && s->aside && s->heard && s->ahead == s->round)
		return s->started;
	return s->started && s->ahead > s->round;
}

bool lane_step(struct lane_state *s, bool idle, __u64 *ret_round)
{
	if (!lane_is_behind(s))
		return false;
	if (s->sticky) {
		s->aside = idle;
		*ret_round = s->ahead + idle;
	} else {
		*ret_round = idle || s->ahead - s->round > FAR_ROUNDS ? s->ahead : s->round + 1;
	}
	return true;
}

static bool has_sent(const struct lane_state *s, __u64 top)
{
	return top && esl_lane_place(&s->plan, top).round >= s->round;
}

__u64 lane_announced(const struct lane_state *s, __u64 top)
{
	return s->sticky && s->aside && s->round && !has_sent(s, top) ? s->round - 1 : s->round;
}

bool lane_took_over(struct lane_state *s, __u64 top)
{
	if (!s->sticky || !s->aside || !has_sent(s, top))
		return false;
	s->aside = false;
	return true;
}

bool lane_stands_by(struct lane_state *s, __u64 top, bool idle, __u64 *ret_round)
{
	if (!s->sticky || !s->started || s->aside || s->last || s->ended || !idle)
		return false;
	/* Others announce the round of a sender that pauses: it has sent in it. */
	if (!s->heard || s->ahead < s->round || has_sent(s, top))
		return false;
	s->aside = true;
	*ret_round = s->ahead + 1;
	return true;
}

void lane_jumped(struct lane_state *s, const struct lane_jump *jump)
{
	s->aside |= !s->started;
	s->started = true;
	s->ended = false;
	s->last = jump->last;
	s->round = max64(s->round, jump->round);
	if (!s->sticky)
		s->ahead = max64(s->ahead, s->round);
}
