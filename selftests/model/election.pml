/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Who leads: votes, promises and the leader's own lease, quorum majority.
 *
 * Must hold: at most one member has a valid lease as leader, counting the
 * deadline that the agent of a former leader left behind when it was killed.
 *
 * Whatever a member may send it has sent, and that arrives at any time or never:
 * loss, delay, cuts and frozen processes are choices not to act.  Where a later
 * arrival or an older stamp grants less, only the most is kept: what is sent
 * arrives at once, with the newest stamp, if it arrives.
 *
 * Terms are left out: who is free may ask at any time, and a voter grants as
 * often as its promise allows.  So what is shown rests on promises alone, not
 * on terms, which are forgotten with a restart.
 */
#define DRIFT
#include "common.pml"

bool asks[N], leads[N];		/* at the agent, like all that follows; forgotten when it restarts */
byte follows[N] = NONE;		/* whom the promise was given to */
byte promise[N];		/* ticks left */
byte mute[N] = D;		/* ticks left of the time after boot */
byte echoed[N * N];		/* AT(voter, leader): ticks left of the leader's newest stamp echoed */

#define LEASED(i) (echoed[AT(OTHER1(i), i)] || echoed[AT(OTHER2(i), i)])
#define SAFE (!(LEASED(0) && LEASED(1)) && !(LEASED(0) && LEASED(2)) && !(LEASED(1) && LEASED(2)))

#ifdef BREAK_PROMISE
#define FREE_FOR(i, l) true
#else
#define FREE_FOR(i, l) (!promise[i] || follows[i] == (l))
#endif
#ifdef BREAK_BOOT
#define AWAKE(i) true
#else
#define AWAKE(i) (!mute[i])
#endif
#ifdef BREAK_STAMP
bool ever[N * N];
#endif

inline end_lease(l)
{
	leads[l] = false;
	echoed[AT(OTHER1(l), l)] = 0;
	echoed[AT(OTHER2(l), l)] = 0
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
	less(echoed[AT(OTHER1(i), i)]);
	less(echoed[AT(OTHER2(i), i)]);
#ifndef BREAK_STEP
	leads[i] = leads[i] && LEASED(i)
#endif
}

/* A vote and an echo both answer a stamp, and both bind. */
inline answer(v, l)
{
	if
	:: leads[v] -> end_lease(v)
	:: else
	fi;
	asks[v] = false;
	follows[v] = l;
	promise[v] = D;
#ifdef BREAK_STALE
	/* Frozen between reading the clock and reading the socket. */
	if
	:: promise[v] = 0
	:: skip
	fi;
#endif
#ifdef BREAK_STAMP
	ever[AT(v, l)] = true;
#endif
	asks[l] = false;
	leads[l] = true;
	echoed[AT(v, l)] = LEASE
}

#define MAY_VOTE(v, c) (asks[c] && !leads[v] && AWAKE(v) && FREE_FOR(v, c))
/* One that has just started may echo: the leader's lease already holds. */
#define MAY_ECHO(v, l) (leads[l] && FREE_FOR(v, l))

/* A follower that is told late, or never, is freed late, or never. */
inline release(i, l)
{
	if
	:: follows[i] == l -> follows[i] = NONE; promise[i] = 0
	:: skip
	fi
}

/* Leaves, and says so. Without words: the followers' choice. */
inline resign(i)
{
#ifndef BREAK_RESIGN
	end_lease(i);
#endif
	release(OTHER1(i), i);
	release(OTHER2(i), i)
}

/* The agent is killed and starts again. The data path keeps its deadline. */
inline restart(i)
{
	asks[i] = false;
	leads[i] = false;
	follows[i] = NONE;
	promise[i] = 0;
	mute[i] = D
}

active [N] proctype member()
{
	do
	:: atomic { !leads[_pid] && !asks[_pid] && AWAKE(_pid) && FREE_FOR(_pid, _pid) ->
		asks[_pid] = true; follows[_pid] = NONE; promise[_pid] = 0 }
	:: atomic { MAY_VOTE(_pid, OTHER1(_pid)) -> answer(_pid, OTHER1(_pid)); assert(SAFE) }
	:: atomic { MAY_VOTE(_pid, OTHER2(_pid)) -> answer(_pid, OTHER2(_pid)); assert(SAFE) }
	:: atomic { MAY_ECHO(_pid, OTHER1(_pid)) -> answer(_pid, OTHER1(_pid)); assert(SAFE) }
	:: atomic { MAY_ECHO(_pid, OTHER2(_pid)) -> answer(_pid, OTHER2(_pid)); assert(SAFE) }
#ifdef BREAK_STAMP
	/* The lease is counted from the arrival of an echo. */
	:: atomic { (leads[_pid] || asks[_pid]) && ever[AT(OTHER1(_pid), _pid)] ->
		leads[_pid] = true; asks[_pid] = false; echoed[AT(OTHER1(_pid), _pid)] = LEASE; assert(SAFE) }
#endif
#ifdef BREAK_QUORUM
	/* Who asks leads, without being answered. */
	:: atomic { asks[_pid] ->
		leads[_pid] = true; asks[_pid] = false; echoed[AT(OTHER1(_pid), _pid)] = LEASE; assert(SAFE) }
#endif
	:: atomic { leads[_pid] -> resign(_pid) }
	:: atomic { restart(_pid) }
	:: atomic { MAY_TICK(_pid) -> tick(_pid) }
	od
}
