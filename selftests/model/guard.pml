/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Lanes and guards of one SA: three members send at the same time, whatever they
 * believe of each other (both quorum settings, split brain), and each keeps its
 * guard. Must hold: no number leaves twice.
 *
 * The kernel's counter runs on across blocks; a jump is read, then written, with
 * packets in between; an SA deleted and added again begins at the first number.
 */
#define N 3
#define K 1
#define ROUNDS 2
#define NUMBERS (N * K * ROUNDS)
#define FIRST(round, lane) (((round) * N + (lane)) * K)
#define LANE(n) (((n) / K) % N)

byte next[N];			/* the kernel's next number, here from 0 */
byte planned[N] = ROUNDS;	/* the round of a jump that was read and not yet written */
byte bound[N];			/* rounds up to this one, exclusive, may leave */
short guard[N];			/* bit n: n has passed here */
short left;			/* bit n: n has left the cluster */
byte view[N] = 7;		/* whom each believes to be there */

#ifdef BREAK_LANE
/* Lanes by rank among those believed to be there. */
#define MINE(i) ((i) == 0 -> 0 : ((i) == 1 -> (view[1] & 1) : (view[2] & 1) + ((view[2] >> 1) & 1)))
#else
#define MINE(i) (i)
#endif
#ifdef BREAK_GUARD
#define SEEN(i, n) false
#else
#define SEEN(i, n) (guard[i] & (1 << (n)))
#endif

inline send(i)
{
	if
	:: LANE(next[i]) == MINE(i) && next[i] < FIRST(bound[i], 0) && !SEEN(i, next[i]) ->
		assert(!(left & (1 << next[i])));
		guard[i] = guard[i] | (1 << next[i]);
		left = left | (1 << next[i])
	:: else
	fi;
	next[i]++
}

proctype member(byte me)
{
	byte r;

end:	do
	:: atomic { next[me] < NUMBERS -> send(me) }
	:: atomic { planned[me] == ROUNDS ->
		r = 0;
		do
		:: r < ROUNDS && FIRST(r, MINE(me)) < next[me] -> r++
		:: else -> break
		od;
		planned[me] = r; r = 0 }
	:: atomic { planned[me] < ROUNDS ->
		if
		:: bound[me] <= planned[me] -> bound[me] = planned[me] + 1
		:: else
		fi;
		next[me] = FIRST(planned[me], MINE(me)); planned[me] = ROUNDS }
	:: atomic { next[me] = 0 }
#ifdef BREAK_LANE
	:: atomic { view[me] = 1 << me }
#endif
	od
}

init {
	atomic { run member(0); run member(1); run member(2) }
}
