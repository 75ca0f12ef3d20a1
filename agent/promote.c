// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "promote.h"

#include <string.h>

#include "switching.h"

#define NS_PER_MS 1000000ULL
#define NS_PER_S (1000 * NS_PER_MS)
#define SAMPLE_NS (50 * NS_PER_MS)	/* a shorter time tells no rate */
#define DRAIN_NS (10 * NS_PER_MS)	/* what was decided before is through XFRM */
#define SETTLE_NS (20 * NS_PER_MS)	/* what a network may hold up is through */
#define QUIET_NS (500 * NS_PER_MS)	/* then it is not waited for */
#define PATIENCE_NS (10 * NS_PER_S)	/* nor is one that is so slow */
#define AHEAD_NUMBERS 64		/* of an SA that begins in this moment */

static __u64 max64(__u64 a, __u64 b)
{
	return a > b ? a : b;
}

static void begin(struct promote *p, enum promote_step step, __u64 now_ns)
{
	p->step = step;
	p->since_ns = now_ns;
	p->past_ns = 0;
}

static void done(struct promote *p, __u64 number)
{
	*p = (struct promote){ .state = PROMOTE_DONE, .number = number };
}

void promote_arrive(struct promote *p, bool led, __u64 others)
{
	*p = (struct promote){ .state = PROMOTE_NEW, .answered = led ? others : 0 };
}

void promote_found(struct promote *p)
{
	*p = (struct promote){ .state = PROMOTE_DONE, .found = true };
}

void promote_begin(struct promote *p)
{
	p->found = false;
}

void promote_lead(struct promote *p, bool inherits)
{
	if (p->state != PROMOTE_DONE || (p->found && inherits))
		promote_arrive(p, false, 0);
}

void promote_forget(struct promote *p, __u32 id)
{
	p->answered &= ~(1ULL << id);
	p->have &= ~(1ULL << id);
	p->kept &= ~(1ULL << id);
}

bool promote_may_take(const struct promote *p, __u64 others)
{
	return !(others & ~p->answered);
}

__u64 promote_below(const struct promote *p)
{
	if (p->state == PROMOTE_DONE || p->step == PROMOTE_STOP)
		return 0;
	return p->state == PROMOTE_AT ? p->number : UINT64_MAX;
}

static void keep(struct promote *p, const struct promote_view *v, __u64 now_ns)
{
	__u64 past = now_ns - p->sampled_ns, new = v->top > p->sampled_top ? v->top - p->sampled_top : 0;
	__u64 rate = past ? new * NS_PER_S / past : 0, least = v->top + AHEAD_NUMBERS;

	p->state = PROMOTE_AT;
	p->number = max64(switching_number(v->top, rate, v->ahead_ns, v->esn),
			  v->esn || least <= UINT32_MAX ? least : UINT32_MAX);
	p->kept = 0;
	p->sampled_ns = now_ns;
	p->sampled_top = v->top;
	begin(p, PROMOTE_KEEP, now_ns);
}

static bool tick_new(struct promote *p, const struct promote_view *v, __u64 now_ns)
{
	/* All that came was told, and nobody else takes any. */
	if (!v->others) {
		done(p, 0);
		return true;
	}
	if (!promote_may_take(p, v->others))
		return false;
	/* The first packet may have any number: that is no rate. */
	if (!p->sampled_ns || (!p->sampled_top && v->top)) {
		p->sampled_ns = now_ns;
		p->sampled_top = v->top;
	}
	if (v->wait || v->others & ~p->have || now_ns - p->sampled_ns < SAMPLE_NS)
		return false;
	keep(p, v, now_ns);
	return true;
}

static bool tick_tell(struct promote *p, const struct promote_view *v, __u64 now_ns)
{
	if (v->others & ~p->kept)
		return false;
	if (v->top + 1 < p->number) {
		__u64 most = v->wait ? 2 * v->ahead_ns : PATIENCE_NS;

		if (now_ns - max64(p->moved_ns, p->since_ns) < QUIET_NS && now_ns - p->since_ns < most)
			return false;
		begin(p, PROMOTE_STOP, now_ns);
		return true;
	}
	if (!p->past_ns)
		p->past_ns = now_ns;
	if (now_ns - p->past_ns < SETTLE_NS)
		return false;
	done(p, p->number - 1);
	return true;
}

bool promote_tick(struct promote *p, const struct promote_view *v, __u64 now_ns)
{
	if (v->top != p->top || !p->moved_ns) {
		p->top = v->top;
		p->moved_ns = now_ns;
	}
	switch (p->step) {
	case PROMOTE_IDLE:
		return tick_new(p, v, now_ns);
	case PROMOTE_KEEP:
		if (now_ns - p->since_ns < DRAIN_NS)
			return false;
		/* Nobody knows of the number yet. */
		if (v->top >= p->number) {
			keep(p, v, now_ns);
			return true;
		}
		begin(p, PROMOTE_TELL, now_ns);
		return false;
	case PROMOTE_TELL:
		return tick_tell(p, v, now_ns);
	case PROMOTE_STOP:
		if (now_ns - p->since_ns < DRAIN_NS)
			return false;
		done(p, p->state == PROMOTE_AT && v->top >= p->number ? p->number - 1 : v->top);
		return true;
	}
	return false;
}

struct promote_entry promote_word(const struct promote *p)
{
	struct promote_entry e = { ESL_PROMOTION_ASK, p->top };

	if (p->state == PROMOTE_DONE)
		e = (struct promote_entry){ ESL_PROMOTION_DONE, p->number };
	else if (p->step == PROMOTE_TELL)
		e = (struct promote_entry){ ESL_PROMOTION_AT, p->number };
	return e;
}

bool promote_answered(struct promote *p, __u32 id, const struct promote_entry *e, __u64 now_ns)
{
	__u64 bit = 1ULL << id;

	if (p->state == PROMOTE_DONE)
		return e->state == ESL_PROMOTION_HAVE || e->state == ESL_PROMOTION_AT;
	/* It takes part of the SA: nobody may take it alone. */
	if (e->state == ESL_PROMOTION_DONE) {
		p->answered &= ~bit;
		if (p->step != PROMOTE_STOP)
			begin(p, PROMOTE_STOP, now_ns);
		return false;
	}
	if (e->state == ESL_PROMOTION_AT && (p->state != PROMOTE_AT || e->number != p->number))
		return false;
	p->answered |= bit;
	p->have = e->state == ESL_PROMOTION_NONE ? p->have & ~bit : p->have | bit;
	if (e->state == ESL_PROMOTION_AT)
		p->kept |= bit;
	return false;
}

bool promote_told(struct promote *p, const struct promote_entry *e)
{
	bool changed = false;

	if (e->state == ESL_PROMOTION_DONE && (p->state != PROMOTE_DONE || e->number > p->number)) {
		done(p, e->number);
		return true;
	}
	if (p->found && (e->state == ESL_PROMOTION_ASK || e->state == ESL_PROMOTION_AT)) {
		promote_arrive(p, false, 0);
		changed = true;
	}
	if (e->state == ESL_PROMOTION_AT && p->state == PROMOTE_NEW) {
		p->state = PROMOTE_AT;
		p->number = e->number;
		changed = true;
	}
	return changed;
}

struct promote_entry promote_answer(const struct promote *p)
{
	static const enum esl_wire_promotion_state states[] = {
		[PROMOTE_DONE] = ESL_PROMOTION_DONE, [PROMOTE_NEW] = ESL_PROMOTION_HAVE, [PROMOTE_AT] = ESL_PROMOTION_AT,
	};

	return (struct promote_entry){ states[p->state], p->state == PROMOTE_NEW ? 0 : p->number };
}
