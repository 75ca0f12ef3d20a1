/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A slot whose owner died: what the new owner refuses.
 * Must hold: the new owner accepts no number that the old one accepted.
 *
 * Member 0 owns the slot. Its heartbeats carry its top and reach member 1 or 2;
 * an echo of either, in its quorum, extends its lease. Member 1 takes over after
 * the dead interval, and merges what both know of the top. Numbers arrive with
 * gaps, at most RATE a tick of the owner's clock.
 */
#define DRIFT
#include "common.pml"
#define TOP 8
#define RATE 1
/* Accepted since the stamp of the newest announcement: in the rest of the tick, and LEASE ticks. */
#define ALLOWANCE (RATE * (LEASE + 1))

byte top;			/* highest number the old owner accepted */
byte arrived;			/* numbers in this tick */
byte lease;
byte heard[N];			/* its top, as last announced to each */
byte silent[N];			/* ticks left until it counts as dead */
bool taken;

#ifdef BREAK_RATE
#define UNANNOUNCED 0
#else
#define UNANNOUNCED ALLOWANCE
#endif
#ifdef BREAK_FLOOR
#define FLOOR 0
#elif defined(BREAK_MERGE)
#define FLOOR (heard[1] + UNANNOUNCED)
#else
#define FLOOR ((heard[1] > heard[2] -> heard[1] : heard[2]) + UNANNOUNCED)
#endif
#ifdef BREAK_WAIT
#define STOPPED true
#else
#define STOPPED (!silent[1] && !silent[2])
#endif

/* A heartbeat arrives; its echo arrives, or not. */
inline hear(j)
{
	heard[j] = top;
	silent[j] = D;
	if
	:: lease = LEASE
	:: skip
	fi
}

inline tick(i)
{
	round_of(i);
	less(silent[i]);
	if
	:: i == 0 -> less(lease); arrived = 0
	:: else
	fi
}

active [N] proctype member()
{
	do
	:: atomic { _pid == 0 && lease && arrived < RATE && top < TOP -> top++; arrived++;
		assert(!taken || top > FLOOR) }
	:: atomic { _pid && !taken -> hear(_pid) }
	:: atomic { _pid == 1 && !taken && STOPPED -> taken = true;
		/* A replay of any number up to the old top. */
		assert(top <= FLOOR) }
	:: atomic { MAY_TICK(_pid) -> tick(_pid) }
	od
}
