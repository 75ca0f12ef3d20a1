/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A cluster in memory: the daemon's own protocol objects and the program's own
 * headers, on simulated clocks, networks and kernels.  One seed gives one run,
 * always the same.
 *
 *     main.c      command line, many seeds, the figures
 *     world.c     one run: the loop over events
 *     faults.c    what goes wrong, and when
 *     net.c       three segments between the members
 *     traffic.c   the peer, the client, the adversary
 *     kernel.c    XDP, XFRM and guard of one member, by the real headers
 *     member.c    the agent's edge: what espalierd does around the pure objects
 *     sas.c       ... its lanes, tops, floors and rekeys
 *     rejoins.c   ... where it begins after a loss
 *     doubles.c   second machines with a member's id
 *     check.c     the invariants, from what is seen outside
 *     trace.c     the last things that happened
 *
 * Times are nanoseconds of true time unless a name says local.
 */
#ifndef SIM_SIM_H
#define SIM_SIM_H

#include <agent/cluster.h>
#include <selftests/unit/rand.h>

#include "kernel.h"
#include "member.h"
#include "queue.h"

#define NS_PER_US 1000ULL
#define NS_PER_MS 1000000ULL
#define NS_PER_S 1000000000ULL

#define SA_MAX 64	/* rekeys in one run */
#define NOBODY 0xff
#define NETS 3		/* sync, inside, outside: the latter as enum esl_role has them, and one */


/* Rules that can be broken on purpose, to see that it is found. */
#define BREAKS(X)                                                                                 \
	X(I1, "i1", "the guard does not look: a late jump runs into others' lanes")                \
	X(I2, "i2", "no floors under slots taken")                                                 \
	X(I3, "i3", "a member takes the slots of one it does not hear, without asking the leader") \
	X(I4, "i4", "the deadline is renewed by the clock, without the leader's echo")             \
	X(BAR, "bar", "floors by the rate that was seen, and no bar")                              \
	X(WITNESS, "witness", "who was out of the view asks nobody what was accepted")             \
	X(REJOIN, "rejoin", "who lost its maps begins where the others are")                      \
	X(LIFE, "life", "a member takes what another life of it was told")                        \
	X(LEASE, "lease", "the lease is longer than the dead interval")

enum broken {
	BREAK_NOTHING,
#define X(symbol, name, sentence) BREAK_##symbol,
	BREAKS(X)
#undef X
};

enum event_kind {
	EVENT_AGENT,	/* a member's agent is to run; a: for which wake */
	EVENT_MESSAGE,	/* word: index of the message */
	EVENT_THAW,	/* a: which freeze */
	EVENT_PEER_SENDS,
	EVENT_CLIENT_SENDS,
	EVENT_REPLAY,
	EVENT_ESP,	/* a member's own late copy; small: SA, a: number */
	EVENT_NUMBER,	/* a plain packet reaches XFRM; a: boot */
	EVENT_GUARD,	/* an ESP packet reaches the guard; small: SA, a: number, b: boot */
	EVENT_WINDOW,	/* an ESP packet reaches XFRM; small: SA, a: number, b: boot */
	EVENT_PEER_GETS,/* small: SA, a: number */
	EVENT_FAULT,
	EVENT_REPAIR,	/* word: index of the fault */
};

struct sim_options {
	__u64 seconds_ns;
	__u32 members;		/* 0: chosen by the seed */
	int quorum;		/* -1: chosen by the seed, 0: none, 1: majority */
	enum broken broken;
	bool trace;
	bool doubles;		/* second machines with a member's id come and go, too */
};

/* One pair of SAs, as IKE made it.  Immutable. */
struct sa_pair {
	__u32 spi_in, spi_out;	/* host byte order */
	__u64 first_in;		/* the peer's first number */
	__u64 round;		/* in which lanes begin */
	struct esl_lanes plan;
	__u64 boot[ESL_MEMBERS_MAX];	/* kernels that may use it; 0: that member may not */
};

struct net {
	__u64 cut[ESL_MEMBERS_MAX];	/* bit i of [f]: nothing from f arrives at i */
	__u64 unplugged;		/* members without link */
	__u32 loss, duplicate, slow;	/* chance, in 1/65536 */
	__u64 delay_ns, slow_ns;	/* at most, of usual and of slow messages */
};

struct figures {
	__u64 elections, tables, messages, packets, lost, doubled, replays;
	__u64 esp_out, jumps, late, rekeys, kills, freezes, faults, unsettled;
	__u64 delivered, rejoins;
	__u64 exempt;	/* accepted on both sides of a cut, with quorum none */
};

/* Packets that nobody takes after a kill in a run in which nothing else goes wrong. */
struct gap_watch {
	bool on;
	__u64 first_lost, last_lost;
};

/* Gaps of all calm runs, of one kind of packets. */
struct gaps {
	struct gap_watch watch;
	__u64 *ns;
	size_t count, size;
};

struct accepted;
struct numbers;
struct message;

struct sim {
	const struct sim_options *options;
	__u64 seed, rand, now, end;
	struct queue queue;
	struct figures figures;
	__u32 count;			/* members */
	bool majority, calm;
	__u64 heartbeat_ns, dead_ns, lease_ns;
	struct esl_hash_key key;
	bool by_spi;			/* scheme sa: one member sends each SA */
	__u8 esp_shift;
	struct net net[NETS];
	struct member *member;		/* count of them */
	struct sa_pair sa[SA_MAX];
	__u32 sa_count;

	/* messages under way */
	struct message *messages;
	__u32 message_size, message_free;

	/* the peer, the client, the adversary */
	__u32 peer_sa;			/* it sends on */
	__u64 peer_seq[SA_MAX];
	struct window *peer_window;	/* by SA */
	__u64 esp_gap_ns, plain_gap_ns, replay_gap_ns, storm_until;
	struct { __u32 sa; __u64 seq; } heard[4096];
	__u64 heard_count;

	/* the checker */
	struct numbers *left;		/* outbound numbers, of all SAs */
	struct numbers *taken;		/* inbound ones */
	__u64 undelivered[ESL_MEMBERS_MAX][ESL_MEMBERS_MAX]; /* since when; 0: it hears */
	__u64 apart[ESL_MEMBERS_MAX][ESL_MEMBERS_MAX];	/* when last seen apart */
	__u64 reached_at[ESL_MEMBERS_MAX][ESL_MEMBERS_MAX]; /* when the last was sent that came through */
	__u64 contact_at[ESL_MEMBERS_MAX][ESL_MEMBERS_MAX]; /* and the first of those without a pause */
	__u64 reached[ESL_MEMBERS_MAX];			/* by the heartbeat under way */
	struct gaps plain_gaps, esp_gaps;
	const char *violation;		/* NULL: none */
	char detail[256];

	__u64 fault_gap_ns;
	struct fault *fault;
	__u32 fault_count;
};

static inline __u64 sim_below(struct sim *s, __u64 limit)
{
	return limit ? (__u64)((unsigned __int128)rand64(&s->rand) * limit >> 64) : 0;
}

static inline bool sim_chance(struct sim *s, __u32 of_65536)
{
	return of_65536 && (rand64(&s->rand) >> 48) < of_65536;
}

/* No fault goes on after this: then all must be well again. */
static inline __u64 sim_last(const struct sim *s)
{
	return s->end - NS_PER_S;
}

static inline void sim_put(struct sim *s, __u64 at, enum event_kind kind, __u32 member, __u32 sa, __u32 word,
			   __u64 a, __u64 b)
{
	queue_put(&s->queue, &(struct event){ .at = at, .kind = (__u8)kind, .member = (__u8)member,
					      .small = (__u16)sa, .word = word, .a = a, .b = b });
}

/* world.c: *s keeps its memory from run to run. Returns false on a violation. */
bool sim_run(struct sim *s, const struct sim_options *options, __u64 seed);
void sim_free(struct sim *s);

/* net.c */
void net_start(struct sim *s);
/* Send m's message by one network to all. Takes over one reference. */
void net_send(struct sim *s, __u32 from, __u32 net, __u32 message);
__u32 message_new(struct sim *s);
void message_drop(struct sim *s, __u32 message);
bool net_is_linked(const struct sim *s, __u32 net, __u32 member);

/* traffic.c */
void traffic_start(struct sim *s);
/* A member's own copy of an ESP packet, late. */
void traffic_esp_late(struct sim *s, struct member *m, __u32 sa, __u64 seq);
void traffic_peer_sends(struct sim *s);
void traffic_client_sends(struct sim *s);
void traffic_replay(struct sim *s);
/* The adversary is told that owners changed. */
void traffic_storm(struct sim *s);
/* An ESP packet that left a member; it may get lost. */
void traffic_esp_left(struct sim *s, __u32 member, __u32 sa, __u64 seq);
void traffic_peer_gets(struct sim *s, __u32 sa, __u64 seq);
/* The gateways decrypted a packet, for the client. */
void traffic_decrypted(struct sim *s, __u32 sa, __u64 seq);

/* faults.c */
void faults_start(struct sim *s);
void faults_next(struct sim *s);
void faults_repair(struct sim *s, __u32 index);

/* check.c */
void check_start(struct sim *s);
void check_free(struct sim *s);
void check_left(struct sim *s, struct member *m, __u32 sa, __u64 seq);
void check_accepted(struct sim *s, struct member *m, __u32 sa, __u64 seq);
/* The members whose programs passed one packet on, at one moment. */
void check_forwarded(struct sim *s, __u64 owners, const char *what, __u64 seq);
void check_published(struct sim *s, struct member *m);
void check_claims(struct sim *s, struct member *m);
/* m's agent is handed a heartbeat: what lease does it prove? */
void check_heard(struct sim *s, struct member *m, const struct heartbeat *h);
/* A heartbeat was sent by one network, and reaches the members heard in time. */
void check_sent(struct sim *s, __u32 from, __u32 net, __u64 heard);
/* m is to forward until deadline, local. */
void check_deadline(struct sim *s, struct member *m, __u64 deadline, __u64 local);
/* The end of a run: everybody is well, so everybody must forward. */
void check_settled(struct sim *s);
void violate(struct sim *s, const char *invariant, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* A watch begins at a kill and ends before the member is back. */
void gaps_begin(struct gaps *g);
void gaps_lost(struct gaps *g, __u64 now);
void gaps_end(struct gaps *g);

/* trace.c: format takes up to four words, each an unsigned long long, and lives for ever. */
void trace_start(bool print);
void trace(struct sim *s, __u32 member, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* text takes one word. */
void trace_text(struct sim *s, __u32 member, const char *text, __u64 word);
void trace_print(__u64 last);

#endif
