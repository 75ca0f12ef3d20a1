// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <string.h>

#include "sim.h"

struct kernel_sa *kernel_sa(struct kernel *k, __u32 sa)
{
	struct kernel_sa *found = &k->sa[sa % KERNEL_SAS];

	return found->sa == sa + 1 ? found : NULL;
}

struct kernel_sa *kernel_out(struct kernel *k)
{
	struct kernel_sa *newest = NULL;

	for (int i = 0; i < KERNEL_SAS; i++)
		if (k->sa[i].sa && (!newest || k->sa[i].sa > newest->sa))
			newest = &k->sa[i];
	return newest;
}

bool kernel_is_live(const struct sim *s, const struct member *m)
{
	return m->up && !m->suspended &&
	       clock_local(&m->clock, s->now) < m->kernel.config.deadline_ns;
}

void kernel_claim(struct kernel *k)
{
	const __u8 *slot = esl_table(&k->config)->slot;

	memset(&k->claim, 0, sizeof(k->claim));
	for (__u32 i = 0; i < ESL_SLOTS; i++)
		if (slot[i] == k->config.member &&
		    (k->switching != SWITCH_TAKEN || k->other[i] == k->config.member))
			k->claim.word[i / 64] |= 1ULL << i % 64;
}

/* Mostly a packet goes through the stack at once; some wait in a queue. */
static void forward(struct sim *s, struct member *m, enum event_kind kind, __u32 sa, __u64 seq)
{
	if (sim_chance(s, 3000)) {
		sim_put(s,
			s->now + NS_PER_US +
				sim_below(s, sim_chance(s, 3000) ? 2 * NS_PER_MS : 100 * NS_PER_US),
			kind, m->id, sa, 0, seq, m->kernel.boot);
		return;
	}
	if (kind == EVENT_NUMBER)
		kernel_number(s, m);
	else if (kind == EVENT_GUARD)
		kernel_guard(s, m, sa, seq);
	else
		kernel_window(s, m, sa, seq);
}

static bool is_own(const struct kernel *k, const __u8 *table, __u32 slot)
{
	return table[slot % ESL_SLOTS] == k->config.member;
}

bool kernel_plain(struct sim *s, struct member *m, const struct esl_packet *p)
{
	struct kernel *k = &m->kernel;
	__u32 slot;

	if (esl_decide_simple(&k->config, ESL_INSIDE, p, &k->tables) != ESL_OWNED_PLAIN)
		return false;
	if (!kernel_is_live(s, m))
		return false;
	if (k->switching == SWITCH_TAKEN) {
		slot = esl_policy_slot(&k->config, p, &k->tables);
		if (slot == ESL_SLOTS)
			slot = esl_hash_slot(esl_hash_packet(&k->config.key, p));
		if (!is_own(k, k->other, slot))
			return false;
	}
	forward(s, m, EVENT_NUMBER, 0, 0);
	return true;
}

static bool owns_switching(const struct kernel *k, const struct kernel_sa *sa, __u32 slot,
			   __u32 low)
{
	bool now = is_own(k, esl_table(&k->config)->slot, slot), other = is_own(k, k->other, slot);
	bool above = sa && sa->from && esl_seq_extend(low, sa->from) >= sa->from;

	/* An SA that came during the change: nobody has agreed on a number. */
	if (!sa || !sa->from)
		return now && other;
	switch (k->switching) {
	case SWITCH_PREPARED: return now && (!above || other);
	case SWITCH_TAKEN: return above ? other : now;
	case SWITCH_AFTER: return above ? now : other;
	default: return now;
	}
}

bool kernel_esp(struct sim *s, struct member *m, const struct esl_packet *p, __u32 sa, __u64 seq)
{
	struct kernel *k = &m->kernel;
	struct kernel_sa *own = kernel_sa(k, sa);
	const __u32 *w = esl_spi_seq(p, ESL_KIND_ESP);
	__u32 slot, low = (__u32)seq;
	__u64 floor;

	if (k->switching == SWITCH_NONE &&
	    esl_decide_simple(&k->config, ESL_OUTSIDE, p, &k->tables) != ESL_OWNED_ESP)
		return false;
	slot = esl_slot_esp(&k->config.key, w[0], esl_daddr_word(p), low,
			    esl_table(&k->config)->esp_shift);
	if (k->switching != SWITCH_NONE && !owns_switching(k, own, slot, low))
		return false;
	if (!kernel_is_live(s, m))
		return false;
	if (!own || own->shut)
		return false;
	floor = own->floored ? own->floors.slot[slot] : 0;
	if (floor && esl_seq_extend(low, floor) <= floor)
		return false;
	if (s->options->broken != BREAK_BAR && esl_seq_extend(low, own->ceiling) > own->ceiling) {
		own->stopped = true;
		member_wake(s, m, s->now + member_latency(s, m));
		return false;
	}
	forward(s, m, EVENT_WINDOW, sa, seq);
	return true;
}

/* What the guard tells the agent, as bpf/guard.bpf.h does. */
static void guard_event(struct sim *s, struct member *m, struct kernel_sa *sa, int reason,
			__u64 seq)
{
	const struct esl_lanes *plan = &s->sa[sa->sa - 1].plan;
	__u64 used = seq ? (seq - 1) & (esl_block_size(plan) - 1) : 0;

	if (reason != ESL_G_PASS)
		sa->dropped = true;
	else if (used != esl_block_size(plan) / 2)
		return;
	else
		sa->half = true, sa->half_seq = seq;
	member_wake(s, m, s->now + member_latency(s, m));
}

void kernel_guard(struct sim *s, struct member *m, __u32 index, __u64 assigned)
{
	struct kernel_sa *sa = kernel_sa(&m->kernel, index);
	int reason = ESL_G_BOUND;
	__u64 seq = assigned;

	if (!sa || !sa->recorded || !kernel_is_live(s, m))
		return;
	if (s->options->broken == BREAK_I1)
		reason = ESL_G_PASS;
	else
		reason = esl_guard_check(&sa->guard, &s->sa[index].plan, m->id, true,
					 (__u32)assigned, 1, &seq);
	if (reason == ESL_G_PASS && seq != assigned)
		violate(s, "I1", "member %u: the guard took number %llu for %llu", m->id,
			(unsigned long long)assigned, (unsigned long long)seq);
	guard_event(s, m, sa, reason, seq);
	if (reason != ESL_G_PASS) {
		s->figures.late++;
		return;
	}
	sa->guard.passed++;
	if (seq > sa->guard.top)
		sa->guard.top = seq;
	s->figures.esp_out++;
	check_left(s, m, index, assigned);
	traffic_esp_left(s, m->id, index, assigned);
}

void kernel_number(struct sim *s, struct member *m)
{
	struct kernel_sa *sa = kernel_out(&m->kernel);

	if (sa)
		forward(s, m, EVENT_GUARD, sa->sa - 1, ++sa->oseq);
}

bool window_accept(struct window *w, __u64 seq)
{
	__u64 *word, bit = 1ULL << seq % 64;

	if (!seq || seq + REPLAY_WINDOW <= w->top)
		return false;
	if (seq > w->top) {
		__u64 step = seq - w->top;

		if (step >= REPLAY_WINDOW)
			memset(w->seen, 0, sizeof(w->seen));
		else
			for (__u64 n = w->top + 1; n <= seq; n++)
				w->seen[n / 64 % (REPLAY_WINDOW / 64)] &= ~(1ULL << n % 64);
		w->top = seq;
	}
	word = &w->seen[seq / 64 % (REPLAY_WINDOW / 64)];
	if (*word & bit)
		return false;
	*word |= bit;
	return true;
}

/*
 * The high half is no part of the packet; a wrong guess fails the ICV.  RFC 4303
 * appendix A2: below the window's lower edge means the next subspace.
 */
static __u64 guess(const struct window *w, __u32 low)
{
	__u32 top = (__u32)w->top, high = (__u32)(w->top >> 32), edge = top - REPLAY_WINDOW + 1;

	if (top >= REPLAY_WINDOW - 1)
		high += low < edge;
	else if (low >= edge)
		high -= 1;
	return (__u64)high << 32 | low;
}

void kernel_window(struct sim *s, struct member *m, __u32 index, __u64 seq)
{
	struct kernel_sa *sa = kernel_sa(&m->kernel, index);

	if (!sa || guess(&sa->window, (__u32)seq) != seq)
		return;
	if (!window_accept(&sa->window, seq))
		return;
	check_accepted(s, m, index, seq);
	traffic_decrypted(s, index, seq);
}
