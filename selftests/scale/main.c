// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What many SAs cost an agent: its own objects on maps of this kernel, with XFRM and
 * the other members in memory.  So the counts of system calls, questions and messages
 * are the daemon's, and the CPU time is that of its bookkeeping and of the maps,
 * without what the kernel's netlink takes.  Needs root.
 *
 * usage: scale
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "edges.h"

#define ROUNDS 10		/* of 100 ms: one second */
#define SECONDS 5		/* the cheapest counts: other processes only make it dearer */
#define RATE 5000		/* packets a second, each way */
#define SLICES 10		/* of a round: members tell each other of jumps meanwhile */
#define NEW_PAIRS 100
#define SETTLE_ROUNDS 300	/* of 100 ms, until all SAs are in use; it waits for none */

struct world {
	const char *name;
	__u32 pairs, active;
	/* Limits of one second. */
	__u64 calls, counters, messages;
	double percent;
};

static const struct world worlds[] = {
	{ "10 SAs, all in use", 5, 5, 1000, 1000, 300, 1 },
	{ "10,000 SAs, none in use", 5000, 0, 100, 0, 20, 5 },
	{ "10,000 SAs, 500 in use", 5000, 250, 1000, 3500, 300, 5 },
	{ "10,000 SAs, 2,000 in use", 5000, 1000, 2000, 11000, 600, 5 },
};

struct cost {
	double s;
	__u64 jumps;
	double jump_s;
	struct asked asked;
};

static int good, bad;

static double cpu_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

void judge(const char *world, const char *what, double is, double most, const char *unit)
{
	bool fine = is <= most;

	printf("%-24s %-28s %9.2f %s, at most %g%s\n", world, what, is, unit, most, fine ? " ... ok" : " ... FAILED");
	good += fine;
	bad += !fine;
}

/* Outbound SA i sends count numbers; at half of its block it jumps, and tells the others. */
static void send_out(struct agent *a, __u32 i, __u64 count, struct cost *c)
{
	struct esl_sa_key key = edges_key(i, true);
	struct sa *sa = sadb_find(a->sadb, &key);
	struct esl_guard *g = guard_of(a, sa);
	__u64 half = esl_lane_first(&sa->lanes.plan, sa->lanes.round, 0) + esl_block_size(&sa->lanes.plan) / 2;
	struct esl_event e = { .kind = ESL_EVENT_USED, .index = sa->index };
	double before;
	bool event;

	*edges_oseq(i) += count;
	e.seq = *edges_oseq(i);
	event = g->top < half && e.seq >= half;
	g->top = e.seq;
	g->passed += count;
	if (!event)
		return;
	before = cpu_s();
	sadb_on_guard_event(a, &e);
	c->jump_s += cpu_s() - before;
	c->jumps++;
	before = cpu_s();
	edges_flush(a, false);
	c->s += cpu_s() - before;
}

/* All of RATE comes from a few SAs, so a packet each in every round, or several. */
static void second(struct agent *a, const struct world *w, struct cost *c)
{
	__u64 each = w->active ? RATE / ROUNDS / w->active : 0, due = 0;
	double before;

	each += !each;
	for (int round = 0; round < ROUNDS; round++) {
		struct asked keep = asked;

		for (__u32 i = 0; i < w->active; i++) {
			edges_pass(a, i, each);
			*edges_seq(i) += each * MEMBERS;
		}
		asked = keep;
		for (__u32 slice = 0, i = 0; slice < SLICES; slice++) {
			for (; i < w->active * (slice + 1) / SLICES; i++, due += RATE / ROUNDS / MEMBERS)
				send_out(a, i, (due + RATE / ROUNDS / MEMBERS) / w->active - due / w->active, c);
			before = cpu_s();
			edges_run(a, 100 * MS / SLICES);
			c->s += cpu_s() - before;
		}
		before = cpu_s();
		sadb_hello(a);
		edges_run(a, 0);
		c->s += cpu_s() - before;
	}
}

/* Inbound SAs of which the agent knows another top than the kernel has, where packets
 * come through XFRM half a second after the program counted the last one. */
static __u32 wrong_tops(struct agent *a, const struct world *w)
{
	__u32 wrong = 0;

	for (__u32 i = 0; i < w->active; i++)
		++*edges_seq(i);
	clock_ns += 500 * MS;
	sadb_tell_active(a);
	for (__u32 i = 0; i < w->pairs; i++) {
		struct esl_sa_key key = edges_key(i, false);

		wrong += sadb_find(a->sadb, &key)->kernel.seq != *edges_seq(i);
	}
	return wrong;
}

/* Another member is three rounds ahead on all SAs in use: who is not there after three steps? */
static __u32 left_behind(struct agent *a, const struct world *w)
{
	__u32 left = 0;

	for (__u32 i = 0; i < w->active; i++) {
		struct esl_sa_key key = edges_key(i, true);
		struct sa *sa = sadb_find(a->sadb, &key);
		struct announced_round r = { key, sa->lanes.plan, sa->lanes.round + 3 };

		guard_of(a, sa)->passed++;
		sadb_announced(a, 1, &r, false);
	}
	for (int step = 0; step < 3; step++)
		sadb_on_step(a->sadb->step, a);
	for (__u32 i = 0; i < w->active; i++) {
		struct esl_sa_key key = edges_key(i, true);

		left += lane_is_behind(&sadb_find(a->sadb, &key)->lanes);
	}
	return left + a->sadb->work[SA_STEP].count;
}

/* SAs that may not be used yet. */
static __u32 not_open(struct agent *a, __u32 pairs)
{
	__u32 count = 0;

	for (__u32 i = 0; i < pairs; i++) {
		struct esl_sa_key in = edges_key(i, false), out = edges_key(i, true);
		const struct sa *sa = sadb_find(a->sadb, &out);

		count += sadb_find(a->sadb, &in)->promote.state != PROMOTE_DONE;
		count += !sa->recorded || !sa->lanes.started || sa->silent != REJOIN_OPEN ||
			 sa->audit->book.state != SALT_CHECKED;
	}
	return count;
}

/* SAs that ask for work though nothing happens any more. */
static size_t at_work(const struct agent *a)
{
	size_t count = 0;

	for (int i = 0; i < SA_WORKS; i++)
		count += a->sadb->work[i].count;
	return count;
}

static void settle(struct agent *a, const char *world, const char *what, __u32 pairs)
{
	double start = cpu_s();
	char text[64];
	int rounds = 0;

	edges_run(a, 0);
	for (; rounds < SETTLE_ROUNDS && (not_open(a, pairs) || at_work(a)); rounds++) {
		sadb_hello(a);
		edges_run(a, 100 * MS);
	}
	printf("%-24s %s: in use after %d00 ms, %.1f ms of CPU\n", world, what, rounds, (cpu_s() - start) * 1e3);
	snprintf(text, sizeof(text), "%s: not in use", what);
	judge(world, text, not_open(a, pairs), 0, "SAs");
	snprintf(text, sizeof(text), "%s: at work for ever", what);
	judge(world, text, (double)at_work(a), 0, "SAs");
}

/* An SA that is far ahead of what the others acknowledged is to be rekeyed, until they do. */
static void spend(struct agent *a, const struct world *w)
{
	struct esl_sa_key key = edges_key(w->pairs - 1, true);
	struct sa *sa = sadb_find(a->sadb, &key);
	struct rejoin_rule rule = sadb_rule(a);
	__u64 ahead = rejoin_allowance(&rule, &sa->lanes.plan, true) * 3 / 4;

	sadb_announced(a, 1, &(struct announced_round){ key, sa->lanes.plan, sa->lanes.round + ahead }, false);
	sadb_on_step(a->sadb->step, a);
	asked = (struct asked){};
	sadb_find_spent(a);
	judge(w->name, "spent, and no rekey", 1 - (double)asked.rekeys, 0, "SAs");
	settle(a, w->name, "spent", w->pairs);
	judge(w->name, "rekeys of which none is due", (double)asked.rekeys - 1, 0, "SAs");
}

/* Some come while thousands are there, and the others have them too. */
static void add(struct agent *a, const struct world *w)
{
	double start = cpu_s();

	edges_add(NEW_PAIRS);
	printf("%-24s new: %d pairs came, %.1f ms of CPU\n", w->name, NEW_PAIRS, (cpu_s() - start) * 1e3);
	settle(a, w->name, "new", w->pairs + NEW_PAIRS);
	judge(w->name, "new: not shared", NEW_PAIRS - (double)a->sadb->promoted, 0, "SAs");
}

static double rss_mib(void)
{
	long pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	if (!f || fscanf(f, "%*d %ld", &pages) != 1)
		pages = 0;
	if (f)
		fclose(f);
	return (double)pages * (double)sysconf(_SC_PAGESIZE) / (1 << 20);
}

static void take_over(struct agent *a, const struct world *w)
{
	struct takeover_slots taken = { { ~0ULL } };
	double before = cpu_s();

	asked = (struct asked){};
	sadb_take_over(a, &taken);
	printf("%-24s a take-over: %.2f ms of CPU, %llu system calls, %llu counters, %llu of lists\n", w->name,
	       (cpu_s() - before) * 1e3, asked.calls, asked.counters, asked.listed);
}

static void look_at(const struct world *w)
{
	struct cost least = { .s = 1e9 };
	static struct agent a;
	double start;

	memset(&a, 0, sizeof(a));
	edges_fill(w->pairs);
	start = cpu_s();
	edges_agent(&a);
	printf("%-24s started: %.1f ms of CPU\n", w->name, (cpu_s() - start) * 1e3);
	settle(&a, w->name, "start", w->pairs);
	/* What was there before is settled, and SAs do not jump all at once. */
	for (int i = 0; i < 2; i++)
		second(&a, &(struct world){ .active = 0 }, &(struct cost){});
	for (__u32 i = 0; i < w->active; i++)
		send_out(&a, i, i % 32, &(struct cost){});
	for (int i = 0; i < SECONDS; i++) {
		struct cost c = {};

		asked = (struct asked){};
		second(&a, w, &c);
		c.s += c.jump_s;
		c.asked = asked;
		if (c.s < least.s)
			least = c;
	}
	judge(w->name, "system calls", (double)least.asked.calls, (double)w->calls, "a second");
	judge(w->name, "counters asked of XFRM", (double)least.asked.counters, (double)w->counters, "a second");
	judge(w->name, "SAs listed", (double)least.asked.listed, 0, "a second");
	judge(w->name, "messages to each member", (double)least.asked.messages, (double)w->messages, "a second");
	judge(w->name, "CPU of the bookkeeping", least.s * 100, w->percent, "%");
	if (least.jumps)
		judge(w->name, "CPU of a jump", least.jump_s / (double)least.jumps * 1e6, 20, "us");
	judge(w->name, "tops the kernel has not", wrong_tops(&a, w), 0, "SAs");
	judge(w->name, "left behind", left_behind(&a, w), 0, "SAs");
	edges_flush(&a, false);
	judge(w->name, "rounds not announced", (double)(a.sadb->dirty + a.sadb->work[SA_ANNOUNCE].count), 0, "SAs");
	judge(w->name, "memory", rss_mib(), 64, "MiB");
	take_over(&a, w);
	spend(&a, w);
	add(&a, w);
	edges_stop(&a);
}

int main(void)
{
	if (geteuid()) {
		fprintf(stderr, "scale: must be root: it makes maps\n");
		return 1;
	}
	printf("an SA takes %zu bytes, %zu of them for rejoin; the audit of an outbound one %zu\n", sizeof(struct sa),
	       sizeof(struct rejoin_sa), sizeof(struct sa_audit));
	for (size_t i = 0; i < sizeof(worlds) / sizeof(worlds[0]); i++)
		look_at(&worlds[i]);
	held_rows();
	floors_rows();
	windowless_rows();
	kernel_rows();
	moves_rows();
	tops_rows();
	printf("scale: %d passed, %d failed\n", good, bad);
	return bad != 0;
}
