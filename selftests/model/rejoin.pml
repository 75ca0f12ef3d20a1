/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A member that lost its state and comes back to an SA that it may have sent on.
 * Must hold: it begins beyond every round that it ever used.
 *
 * Member 0 sends; the other two know its rounds, and may lose what they know.
 * It enters a round when every member of its view has acknowledged the one
 * before, and sends in its first round after a loss when that one is acknowledged:
 * it may lose its state again at once. With quorum majority its view has one of the others at least; with
 * NO_QUORUM it may be alone. Views change at any time, messages come or not; none
 * of an earlier boot is taken (fresh keys). Lanes of members are disjoint
 * (guard.pml), so one sender is enough.
 */
#define ROUNDS 7

byte round;
byte used;			/* rounds up to this one, exclusive, were used in any life */
byte view = 3;			/* bit j: the j-th of the others */
byte known[2];			/* what the others know of member 0, */
bool knows[2] = true;		/* and whether they heard of it since they started */
byte acked[2];
bool held;			/* has begun again, and nobody has acknowledged it yet */
bool fresh;			/* member 0 has just started, without state */

#ifdef BREAK_ACK
#define ACKED(j) true
#else
#define ACKED(j) (!(view & (1 << (j))) || acked[j] >= round)
#endif
/* agent/rejoin.c: by one of the others, which makes a majority with it; what it acknowledged counts on
 * when it forgets. */
#ifdef BREAK_COUNT
#define ENOUGH true
#elif defined(MAJORITY)
#define ENOUGH (acked[0] >= round || acked[1] >= round)
#else
#define ENOUGH (ACKED(0) && ACKED(1))
#endif
#ifdef BREAK_HOLD
#define MAY_SEND true
#else
#define MAY_SEND (!held || ENOUGH)
#endif
#ifdef BREAK_REJOIN
#define FREE 1
#else
#define FREE 2
#endif
#ifdef BREAK_LOST
#define COMPLETE true
#elif defined(BREAK_PART)
#define COMPLETE (knows[0] || knows[1])
#else
#define COMPLETE (knows[0] && knows[1])
#endif
#ifdef NO_QUORUM
#define MAY_VIEW(v) true
#ifdef BREAK_ALONE
#define MAY_BEGIN COMPLETE
#else
#define MAY_BEGIN false		/* may have been alone: not before a rekey, or 2^28 further on */
#endif
#else
#define MAY_VIEW(v) ((v) != 0)
#define MAY_BEGIN COMPLETE
#endif

inline begin()
{
	round = (known[0] > known[1] -> known[0] : known[1]) + FREE;
	assert(round >= used);
	fresh = false;
	held = true;
	acked[0] = 0;
	acked[1] = 0
}

active proctype sender()
{
	byte v;

end:	do
	:: atomic { !fresh && used <= round && MAY_SEND -> used = round + 1; held = false }
	:: atomic { !fresh && round + 1 < ROUNDS && ENOUGH -> round++; held = false }
	:: atomic { !fresh ->
		if
		:: v = 0
		:: v = 1
		:: v = 2
		:: v = 3
		fi;
		if
		:: MAY_VIEW(v) -> view = v
		:: else
		fi;
		v = 0 }
	:: atomic { !fresh -> fresh = true; held = false; round = 0; acked[0] = 0; acked[1] = 0 }
	:: atomic { fresh && MAY_BEGIN && known[0] + FREE < ROUNDS && known[1] + FREE < ROUNDS -> begin() }
	od
}

active [2] proctype other()
{
	byte j;

	j = _pid - 1;
end:	do
	:: atomic { !fresh && (known[j] < round || !knows[j]) -> known[j] = round; knows[j] = true }
	:: atomic { !fresh && knows[j] && acked[j] < known[j] -> acked[j] = known[j] }
#ifdef MAJORITY
	:: atomic { knows[j] -> known[j] = 0; knows[j] = false }
#else
	:: atomic { knows[j] -> known[j] = 0; knows[j] = false; acked[j] = 0 }
#endif
	od
}
