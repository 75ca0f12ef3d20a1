/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * From which round on a member may send on an SA whose record it does not have,
 * and how far it may run ahead of what the others know of it.  Pure.
 * selftests/model/rejoin.pml is a model of it, without lives.
 *
 * Members tell each other up to which round they have heard of each one on each
 * SA they have a record of.  A member enters round r only while
 *
 *     r < acknowledged + allowance
 *
 * so who lost its state and begins at known + allowance, known being what those
 * have heard of it whom it can have been acknowledged by, is beyond all that it
 * ever used (invariant I1).
 *
 *     quorum majority   acknowledged: by enough others to make a majority with it.
 *                       Known is complete when too few others are missing, or do
 *                       not remember, to have been those.
 *     quorum none       it may run alone, so it waits for nobody before it is 2^28
 *                       numbers beyond what any other acknowledged, and begins
 *                       that much further on: with 64-bit numbers, and when
 *                       all others remember.  Without them it stays silent.
 *
 * Acknowledgements trail: the allowance is more than members use while one of
 * them is taken for dead, and normal running never meets it.
 *
 * An SA that came to every member that knows it after it had heard the present
 * life of this one is a new one: a life is what passes between two losses of the
 * pinned maps.  So is one that nobody knows; but where this member found it when
 * it started, and has not seen it come, all others must have said so.
 *
 * Where a second machine used a member's id for a while, a life that had ended comes back,
 * with a record that knows nothing of it.  So whoever hears that a member has another life promises the
 * one before no more: it acknowledges nothing to a life that has not asked since, nor
 * below what was heard of the other plus the allowance, which that one may have used
 * unheard.  It tells it so instead (rejoin_disowned()).  A life that is told begins anew
 * as one without a record, and keeps nothing of what was acknowledged to it: those that answer
 * it were among those who acknowledged the other one, and that one is now told the same.
 * Until it begins it enters no round; the rest of its block is its own.
 *
 * Counts of rounds: n means the rounds 0 .. n - 1; 0 means none.
 */
#ifndef AGENT_REJOIN_H
#define AGENT_REJOIN_H

#include <espalier/lane.h>

/* Numbers that a member may be beyond what others know of it: RFC 4303 appendix A
 * lets a receiver follow a leap of less than 2^32, the guard one below 2^31. */
#define REJOIN_ALONE_NUMBERS (1ULL << 28)

/* X(SYMBOL, name, sentence): why a member sends nothing on an SA, or only up to its bound. */
#define REJOINS(X)                                                                                 \
	X(OPEN, "open", "it may send")                                                            \
	X(ASKING, "asking", "the others are asked whether this member sent on it before")         \
	X(UNPROVEN, "unproven",                                                                   \
	  "this member may have sent on it before it lost its state, and the others cannot tell how far: until it is rekeyed") \
	X(UNACKNOWLEDGED, "unacknowledged", "the others have not acknowledged its round yet")     \
	X(EXHAUSTED, "exhausted", "its 32-bit numbers are used up: until it is rekeyed")          \
	X(NO_LANE, "no_lane", "it has fewer lanes than this member's id needs: until it is rekeyed") \
	X(KERNEL, "kernel", "the kernel did not take a jump")                                     \
	X(OUTLIVED, "outlived",                                                                   \
	  "another life of this member, or another machine with its id, was heard on it meanwhile: the others are asked how far that one came")

enum rejoin {
#define X(symbol, name, sentence) REJOIN_##symbol,
	REJOINS(X)
#undef X
	REJOIN_COUNT
};

/* Who counts. Bit i: member id i. */
struct rejoin_rule {
	__u64 members;		/* configured */
	__u32 id;		/* of this one */
	bool majority;		/* quorum; false: none */
};

/* What one member knows of the others, and is told by them, on one SA. */
struct rejoin_sa {
	__u64 heard[ESL_LANES_MAX];	/* rounds that each announced */
	__u64 acked[ESL_LANES_MAX];	/* rounds of this one that each acknowledged, */
	__u64 kept;			/* and those of which the record says that enough did */
	__u64 due;			/* to whom heard is to be told */
	__u64 outlived;			/* bit i: heard[i] is of another life of member i; the present one has not begun beyond it, */
	__u64 asked;			/* but has asked, */
	__u64 refused;			/* or is to be told so */
	__u64 promised;			/* bit i: a life of member i was answered, of the record */
	bool lapsed;			/* another life of this member was here: it begins anew */
	__u64 least;			/* the round in which it then began; 0: it did not */
	__u32 question;			/* the one that stands, counted, */
	__u64 answered;			/* and who answered it */
	__u64 know;			/* of those: have the SA, */
	__u64 complete;			/* can say what this member sent on it, or that it did not, */
	__u64 young;			/* and got it after they had heard this life */
	__u64 sources;			/* of whom those who do not have it heard of it */
	__u64 since_ns;			/* when this member got it; 0: before it started, or not for the first time */
	bool found;			/* it was there, without a record, when this member started */
	bool whole;			/* and has missed nothing that was told of it */
};

/* The answer to a member that asks. */
struct rejoin_answer {
	bool know, complete, young;
	__u64 heard;			/* rounds of the one that asks */
	__u64 sources;			/* who does not have it has heard of it from them */
};

/* Rounds that a member may be in beyond those acknowledged. esn: 64-bit numbers. */
__u64 rejoin_allowance(const struct rejoin_rule *rule, const struct esl_lanes *plan, bool esn);

/* The first round that must not be entered now; UINT64_MAX: all may. */
__u64 rejoin_limit(const struct rejoin_sa *s, const struct rejoin_rule *rule, const struct esl_lanes *plan, bool esn);

/*
 * May this member, which has no record of the SA, begin?  heard: the other
 * members that live, of whom each is waited for.  OPEN: from *first on;
 * whether it must be acknowledged before it is used says *held.  ASKING or
 * UNPROVEN: not now.
 */
enum rejoin rejoin_begin(struct rejoin_sa *s, const struct rejoin_rule *rule, __u64 heard,
			 const struct esl_lanes *plan, bool esn, __u64 *first, bool *held);

/* Rounds that are acknowledged by whoever counts. */
__u64 rejoin_acked(const struct rejoin_sa *s, const struct rejoin_rule *rule);

/* Has anybody whose word counts acknowledged this round? */
bool rejoin_is_acknowledged(const struct rejoin_sa *s, const struct rejoin_rule *rule, __u64 round);

/*
 * A member announced round; recorded: this one has a record of the SA, and so will
 * remember.  What is not new is acknowledged again where that is wanted: the one that
 * announced it says so until enough have told it.  allowance: rejoin_allowance().
 */
void rejoin_announced(struct rejoin_sa *s, __u32 from, __u64 round, bool recorded, bool wanted, __u64 allowance);

/* Member from has another life than the one that was heard before; recorded as above. */
void rejoin_outlived(struct rejoin_sa *s, __u32 from, bool recorded);

/* The agent of member from started again: what it asked for it has forgotten. */
void rejoin_restarted(struct rejoin_sa *s, __u32 from);

/* A member acknowledged to this life. Returns whether more than before. */
bool rejoin_acknowledged(struct rejoin_sa *s, __u32 from, __u64 rounds);

/* A member refuses to acknowledge to this life, which has a record. Returns whether it is to begin anew now. */
bool rejoin_disowned(struct rejoin_sa *s, bool held);

/* It begins anew in this round, and enters none below. */
void rejoin_resumed(struct rejoin_sa *s, __u64 round);

/* s and known are of one SA, for two addresses of the peer, and a record stands for both: what was
 * promised for either holds for both, and what only one of them can say is not said. */
void rejoin_merge(struct rejoin_sa *s, const struct rejoin_sa *known);

/* This member has a record of the SA from now on. */
void rejoin_recorded(struct rejoin_sa *s, __u64 now_ns);

/* What to answer a member whose present life was first heard at life_ns; recorded
 * as above.  living: members that this one hears.  From now on no other life of it is acknowledged. */
struct rejoin_answer rejoin_answer(struct rejoin_sa *s, __u32 from, bool recorded, __u64 life_ns,
				   __u64 living);

/* Another one answered the question that stands, asked by this life. */
void rejoin_answered(struct rejoin_sa *s, __u32 from, const struct rejoin_answer *answer);

/* Ask anew: what was answered before counts no more. */
void rejoin_ask(struct rejoin_sa *s);

const char *rejoin_name(enum rejoin r);
const char *rejoin_sentence(enum rejoin r);

#endif
