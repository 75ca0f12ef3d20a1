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

#include <espalier/heartbeat.h>

/* Of all CPUs since the machine was started, in ticks of the kernel. */
struct load_times {
	__u64 busy;
	__u64 all;
};

struct load {
	struct load_times last;
	__u32 eighths;		/* of permille */
	__u16 permille;		/* 1 .. ESL_HB_LOAD_FULL, of the last ten seconds or so; 0: not measured */
};

/*
 * The times at another look, a second or so after the last, which counts for an eighth:
 * one busy second is no load to move slots for.  Times that stand still or go back, as
 * a machine that was moved tells them, say nothing.
 */
static inline void load_note(struct load *l, const struct load_times *t)
{
	__u64 all = t->all - l->last.all, busy = t->busy - l->last.busy;
	bool fits = l->last.all && t->all > l->last.all && t->busy >= l->last.busy && busy <= all;
	__u64 now = fits ? busy * ESL_HB_LOAD_FULL / all : 0;

	l->last = *t;
	if (!fits)
		return;
	l->eighths = l->permille ? l->eighths - l->eighths / 8 + (__u32)now : (__u32)now * 8;
	/* 0 would say that nothing is known. */
	l->permille = (__u16)(l->eighths >= 8 ? l->eighths / 8 : 1);
}

#endif
