/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Time and members, for the models with clocks.
 *
 * In a round every member's clock ticks once.  In any order (DRIFT), D ticks of
 * one clock are at least D - 2 of another one; always in the same order, D - 1.
 * The lease must be shorter than D by that, and 2 at least: else a leader would
 * never see its own clock tick.
 */
#define N 3
#define NONE N
#ifdef DRIFT
#define D 4			/* dead_ns */
#else
#define D 3
#endif
#ifdef BREAK_LEASE
#define LEASE 3			/* lease_ns */
#else
#define LEASE 2
#endif
#define AT(i, j) ((i) * N + (j))
#define OTHER1(i) (((i) + 1) % N)
#define OTHER2(i) (((i) + 2) % N)

inline less(x)
{
	if
	:: x > 0 -> x--
	:: else
	fi
}

#ifdef DRIFT
bool ticked[N];
#define MAY_TICK(i) (!ticked[i])
inline round_of(i)
{
	ticked[i] = true;
	if
	:: ticked[0] && ticked[1] && ticked[2] ->
		ticked[0] = false;
		ticked[1] = false;
		ticked[2] = false
	:: else
	fi
}
#else
byte next;
#define MAY_TICK(i) (next == (i))
inline round_of(i)
{
	next = OTHER1(i)
}
#endif
