/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Who owns a slot: leases of followers, tables, death of an owner, and a new
 * leader that finds leases of the former one.
 *
 * Must hold: at most one member forwards the slot, that is, has a deadline ahead
 * and the slot in the table its data path uses.
 *
 * Elections are those of election.pml (which see for what may happen on the way),
 * with tables: a vote is refused to who has an older one, and a new leader's first
 * table, newer than all before, changes no owner but the former leader.
 */
#include "common.pml"
#ifndef TABLES
#define TABLES 3
#endif
#ifndef RESTARTS
#define RESTARTS 0
#endif

bool asks[N], leads[N];
byte follows[N] = NONE;
byte promise[N];
byte mute[N];
byte echoed[N * N];
byte table[N];			/* at the agent; 0: none, after a restart */

/* At the leader; there is never more than one whose lease holds. */
byte unheard[N];		/* ticks left until the member counts as dead */

/* In the data path; kept when the agent restarts. */
byte applied[N];
byte lease[N];			/* a follower's */

/* Every table ever published, from 1, in the order of (term, leader, epoch). */
byte owner[TABLES + 1] = NONE;
byte maker[TABLES + 1] = NONE;
byte last;

byte restarts;

#define LEASED(i) (echoed[AT(OTHER1(i), i)] || echoed[AT(OTHER2(i), i)])
#define FORWARDS(i) ((lease[i] || LEASED(i)) && owner[applied[i]] == (i))
#define SAFE (FORWARDS(0) + FORWARDS(1) + FORWARDS(2) <= 1)
#define FREE_FOR(i, l) (!promise[i] || follows[i] == (l))

inline stop_leading(l)
{
	leads[l] = false;
	unheard[0] = 0;
	unheard[1] = 0;
	unheard[2] = 0
}

inline end_lease(l)
{
	stop_leading(l);
	echoed[AT(OTHER1(l), l)] = 0;
	echoed[AT(OTHER2(l), l)] = 0;
	lease[l] = 0
}

inline tick(i)
{
	round_of(i);
	less(promise[i]);
	if
	:: !promise[i] -> follows[i] = NONE
	:: else
	fi;
	less(mute[i]);
	less(lease[i]);
	less(echoed[AT(OTHER1(i), i)]);
	less(echoed[AT(OTHER2(i), i)]);
	if
	:: leads[i] -> less(unheard[OTHER1(i)]); less(unheard[OTHER2(i)])
	:: else
	fi;
	if
	:: leads[i] && !LEASED(i) -> stop_leading(i)
	:: else
	fi
}

inline publish(l, w)
{
	last++;
	owner[last] = w;
	maker[last] = l;
	table[l] = last;
	applied[l] = last
}

inline answer(v, l)
{
	if
	:: leads[v] -> end_lease(v)
	:: else
	fi;
	asks[v] = false;
	follows[v] = l;
	promise[v] = D;
	echoed[AT(v, l)] = LEASE;
	unheard[v] = D
}

/*
 * The former leader's lease has ended, so its slot may move at once. Others
 * that forward by its echoes may do so for a while.
 */
inline win(l)
{
	asks[l] = false;
	leads[l] = true;
	unheard[OTHER1(l)] = D;
	unheard[OTHER2(l)] = D;
	o = owner[table[l]];
	if
#ifdef BREAK_FORMER
	:: o != NONE -> publish(l, l)
#else
	:: o != NONE && o == maker[table[l]] -> publish(l, l)
	:: o != NONE && o == maker[table[l]] && o != OTHER1(l) -> publish(l, OTHER1(l))
	:: o != NONE && o == maker[table[l]] && o != OTHER2(l) -> publish(l, OTHER2(l))
#endif
	:: publish(l, o)
	fi
}

/* The leader's heartbeat arrives, with the table and the echo of a stamp just sent. */
inline take(v, l)
{
	table[v] = table[l];
#ifdef BREAK_APPLY
	/* The lease is taken from a heartbeat whose table is not. */
	if
	:: skip
	:: applied[v] = table[l]
	fi;
#else
	applied[v] = table[l];
#endif
	lease[v] = LEASE
}

#ifdef BREAK_TABLE
#define MAY_VOTE(v, c) (asks[c] && !leads[v] && !mute[v] && FREE_FOR(v, c) && last < TABLES)
#else
#define MAY_VOTE(v, c) (asks[c] && !leads[v] && !mute[v] && FREE_FOR(v, c) && last < TABLES && \
	table[v] <= table[c])
#endif
#define MAY_ECHO(v, l) (leads[l] && FREE_FOR(v, l))

/* The vote binds and arrives; what the winner says arrives, or not. */
inline vote(v, c)
{
	answer(v, c);
	win(c);
	if
	:: take(v, c)
	:: skip
	fi
}

inline echo(v, l)
{
	answer(v, l);
	if
	:: take(v, l)
	:: skip
	fi
}

/* Is the member dead, or has it acknowledged the table? */
#define WITHOUT(m, l) (!unheard[m] || applied[m] == table[l])
/* When may the leader give the slot away? It is its own, or its owner has stopped. */
#ifdef BREAK_WAIT
#define STOPPED(l, o) true
#else
#define STOPPED(l, o) ((o) == (l) || ((o) != NONE && !unheard[o]) || \
	((o) == NONE && WITHOUT(OTHER1(l), l) && WITHOUT(OTHER2(l), l)))
#endif
/* A table that has no owner is the first of a leader that knew none: it waits for all. */
#define MAY_MOVE(l) (leads[l] && last < TABLES && STOPPED(l, owner[table[l]]))

inline release(i, l)
{
	if
	:: follows[i] == l -> follows[i] = NONE; promise[i] = 0
	:: skip
	fi
}

inline resign(i)
{
#ifdef BREAK_RESIGN
	stop_leading(i);	/* the data path keeps its deadline */
#else
	end_lease(i);
#endif
	release(OTHER1(i), i);
	release(OTHER2(i), i)
}

inline restart(i)
{
	restarts++;
	asks[i] = false;
	if
	:: leads[i] -> stop_leading(i)
	:: else
	fi;
	follows[i] = NONE;
	promise[i] = 0;
	mute[i] = D;
	table[i] = 0;
#ifdef BREAK_OLD
	/* A heartbeat of before the start arrives, with an older table. */
	if
	:: applied[i] > 1 -> applied[i] = applied[i] - 1
	:: skip
	fi
#endif
}

/* Member 0 leads, all have its table, the slot is somebody's. */
inline begin()
{
	last = 1;
	maker[1] = 0;
	if
	:: owner[1] = 0
	:: owner[1] = 1
	:: owner[1] = 2
	fi;
	leads[0] = true;
	table[0] = 1; table[1] = 1; table[2] = 1;
	applied[0] = 1; applied[1] = 1; applied[2] = 1;
	echo(1, 0);
	echo(2, 0)
}

proctype member(byte me)
{
	byte o;

	do
	:: atomic { !leads[me] && !asks[me] && !mute[me] && FREE_FOR(me, me) ->
		asks[me] = true; follows[me] = NONE; promise[me] = 0 }
	:: atomic { MAY_VOTE(me, OTHER1(me)) -> vote(me, OTHER1(me)); o = 0; assert(SAFE) }
	:: atomic { MAY_VOTE(me, OTHER2(me)) -> vote(me, OTHER2(me)); o = 0; assert(SAFE) }
	:: atomic { MAY_ECHO(me, OTHER1(me)) -> echo(me, OTHER1(me)); assert(SAFE) }
	:: atomic { MAY_ECHO(me, OTHER2(me)) -> echo(me, OTHER2(me)); assert(SAFE) }
#ifdef BREAK_ECHO
	/* The leader echoes a heartbeat that does not count as life. */
	:: atomic { leads[OTHER1(me)] && FREE_FOR(me, OTHER1(me)) ->
		take(me, OTHER1(me)); assert(SAFE) }
#endif
	:: atomic { MAY_MOVE(me) ->
		if
		:: publish(me, me)
		:: publish(me, OTHER1(me))
		:: publish(me, OTHER2(me))
		fi;
		assert(SAFE) }
	:: atomic { leads[me] -> resign(me) }
	:: atomic { restarts < RESTARTS -> restart(me); assert(SAFE) }
	:: atomic { MAY_TICK(me) -> tick(me) }
	od
}

init {
	atomic { begin(); run member(0); run member(1); run member(2) }
}
