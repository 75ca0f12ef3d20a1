/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How busy this machine is, which the leader balances slots by where packets go to the
 * shortest queue: the share of its CPUs' time that was not idle.  Forwarding and
 * encryption are most of that on a gateway, and whatever else a machine does makes
 * it as much slower for both.
 *
 * Pure; load.c reads the kernel's times.
 */
#ifndef AGENT_LOAD_H
#define AGENT_LOAD_H

#include <stdbool.h>

#include <espalier/types.h>

#define LOAD_FULL 1000

/* Of all CPUs since the machine was started, in ticks of the kernel. */
struct load_times {
	__u64 busy;
	__u64 all;
};

struct load {
	struct load_times last;
	__u16 permille;		/* 1 .. LOAD_FULL, of the last seconds; 0: not measured */
};

/*
 * The times at another look, a second or so after the last.  Half of what it says is
 * what the look before said: one busy second is no load to move slots for.  Times
 * that stand still or go back, as a machine that was moved tells them, say nothing.
 */
static inline void load_note(struct load *l, const struct load_times *t)
{
	__u64 all = t->all - l->last.all, busy = t->busy - l->last.busy;
	bool fits = l->last.all && t->all > l->last.all && t->busy >= l->last.busy && busy <= all;
	__u64 now = fits ? busy * LOAD_FULL / all : 0;

	l->last = *t;
	if (!fits)
		return;
	now = l->permille ? (l->permille + now) / 2 : now;
	/* 0 would say that nothing is known. */
	l->permille = (__u16)(now ? now : 1);
}

#endif
