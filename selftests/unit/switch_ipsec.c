// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * IPsec across a planned change.  In time: where switch_at lies ahead, each
 * packet and each fragment has one owner all the way.  Late: members learn of
 * the change when they like, an attacker sends old numbers and pieces of them
 * again, and no number is accepted by two members.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rand.h"
#include "switch.h"

#define SAS 6
#define NUMBERS 8192		/* of an SA at most */
#define PIECES 3
#define PIECE_BYTES 240
#define WRAP 0x1fffffc00ULL	/* numbers begin a little below a wrap of the low half */

static const struct packet_spec kinds[SAS] = {
	{ .protocol = ESL_IPPROTO_ESP, .spi = 0x1001 },
	{ .protocol = ESL_IPPROTO_AH, .spi = 0x1002 },
	{ .protocol = ESL_IPPROTO_UDP, .dport = 4500, .body = UDP_ESP, .spi = 0x1003 },
	{ .family = 6, .protocol = ESL_IPPROTO_ESP, .spi = 0x1004 },
	{ .family = 6, .protocol = ESL_IPPROTO_AH, .chain = "D", .spi = 0x1005 },
	{ .family = 6, .protocol = ESL_IPPROTO_UDP, .dport = 4500, .body = UDP_ESP, .spi = 0x1006 },
};

struct world {
	struct cluster c;
	struct esl_sa_entry sas[SWITCH_MEMBERS][SAS];	/* index: of kinds */
	__u64 state;
	__u64 base[SAS], top[SAS];	/* first number, and the newest that was sent */
	__u64 by[SAS][NUMBERS];		/* who accepted it, as bits, by number - base */
	/* The first part that a member's stack holds: number, by member and packet id. */
	__u64 held[SWITCH_MEMBERS][SAS][NUMBERS];
	const char *name;
};

static void build(struct packet *p, int kind, __u64 number, int piece, __u32 id)
{
	struct packet_spec s = kinds[kind];
	__u32 offset = PIECE_BYTES * (__u32)piece;
	bool more = piece < PIECES - 1;

	s.seq = (__u32)number;
	s.id = id;
	/* Parts are told apart by addresses and id. */
	s.saddr = 0x0a010200 + (__u32)kind;
	s.payload = PIECE_BYTES;
	if (piece >= 0 && s.family == 6)
		s.chain = "F";
	if (piece >= 0)
		s.frag = (__u16)(s.family == 6 ? offset | (more ? ESL_IPV6_MF : 0) :
						 offset / 8 | (more ? ESL_IP_MF : 0));
	packet_build(p, &s);
}

static struct esl_sa_in *record(struct world *w, __u32 member, int kind)
{
	for (int i = 0; i < SAS; i++)
		if (w->sas[member][i].sa.index == (__u32)kind)
			return &w->sas[member][i].sa;
	return NULL;
}

static void add_sas(struct world *w, __u32 member)
{
	for (int i = 0; i < SAS; i++) {
		struct esl_packet read;
		enum esl_kind kind;
		struct packet p;

		build(&p, i, 1, -1, 0);
		cr_assert_eq(packet_read(p.byte, p.len, &read), 0);
		kind = esl_kind_of(&read, true);
		w->sas[member][i] = (struct esl_sa_entry){
			.key = esl_sa_key(&read, kinds[i].spi,
					  kind == ESL_KIND_AH ? ESL_IPPROTO_AH : ESL_IPPROTO_ESP),
			.sa.index = (__u32)i,
		};
	}
	qsort(w->sas[member], SAS, sizeof(w->sas[member][0]), esl_sa_order);
	w->c.m[member].tables.sas = w->sas[member];
	w->c.m[member].tables.sa_count = SAS;
}

static struct world *world_make(__u32 count, __u8 shift, enum journey journey, __u64 seed)
{
	struct world *w = calloc(1, sizeof(*w));

	cr_assert(w && cluster_make(&w->c, count, ESL_SCHEME_PACKET_HASH, journey));
	w->state = seed;
	for (__u32 i = 0; i < count; i++) {
		w->c.m[i].config.table[0].esp_shift = w->c.m[i].config.table[1].esp_shift = shift;
		add_sas(w, i);
	}
	for (int i = 0; i < SAS; i++)
		w->base[i] = w->top[i] = i & 1 ? WRAP : 1000;
	return w;
}

static void world_drop(struct world *w)
{
	cluster_free(&w->c);
	free(w);
}

/* Before a member is past the change: floors in the slots that it gains. */
static void settle(struct world *w, __u32 i)
{
	struct esl_config *c = &w->c.m[i].config;

	for (__u32 slot = 0; slot < ESL_SLOTS; slot++)
		if (c->table[1].slot[slot] == i && c->table[0].slot[slot] != i)
			c->taken[slot / 32] |= 1U << slot % 32;
	for (int kind = 0; kind < SAS; kind++) {
		struct esl_sa_in *sa = record(w, i, kind);

		sa->floor_set = 1;
		sa->floor = sa->switch_at - 1;
	}
}

static void enter(struct world *w, __u32 i, __u32 phase)
{
	if (phase == PAST)
		settle(w, i);
	cluster_enter(&w->c, i, phase);
}

/* What the program checks of an owned number before the stack. */
static bool admits(struct world *w, __u32 i, int kind, const struct packet *p)
{
	const struct esl_config *c = &w->c.m[i].config;
	struct esl_packet read;
	struct esl_number n;
	enum esl_kind k;

	cr_assert_eq(packet_read(p->byte, p->len, &read), 0);
	k = esl_kind_of(&read, true);
	n = esl_number(esl_spi_seq(&read, k), k);
	return !esl_below_floor(record(w, i, kind), ntohl(n.seq)) ||
	       !esl_is_taken(c, esl_number_slot(c, &read, &n, esl_table(c)));
}

/* Who takes a packet or a piece, as bits. */
static __u64 deliver(struct world *w, int kind, __u64 number, int piece, __u32 id)
{
	struct packet p;
	__u64 bits = 0;

	build(&p, kind, number, piece, id);
	for (__u32 i = 0; i < w->c.count; i++) {
		int reason = member_decide(&w->c.m[i], ESL_OUTSIDE, &p);

		if (reason_verdicts[reason] == ESL_OWN && (piece > 0 || admits(w, i, kind, &p)))
			bits |= 1ULL << i;
	}
	return bits;
}

/* In time. */

#define STEPS 3000
#define AT_STEP 1500		/* switch_at is the number that is due then, a reordering later */
#define LATE_BY 8		/* of the numbers of an SA, at most */

/* When a member learns of each thing. */
struct moments {
	__u32 prepare, told, enter, past;
};

static struct moments draw(struct world *w)
{
	return (struct moments){ 200 + rand_below(&w->state, 200), 400 + rand_below(&w->state, 300),
				 800 + rand_below(&w->state, 300), 2000 + rand_below(&w->state, 300) };
}

static void learn(struct world *w, __u32 i, __u32 now, const struct moments *m)
{
	if (now == m->prepare)
		enter(w, i, ESL_PHASE_PREPARE);
	for (int kind = 0; now == m->told && kind < SAS; kind++)
		record(w, i, kind)->switch_at = w->base[kind] + AT_STEP + LATE_BY;
	if (now == m->enter)
		enter(w, i, ESL_PHASE_SWITCH);
	if (now == m->past)
		enter(w, i, PAST);
}

/* Number now of an SA, a little out of order, once; in pieces between which
 * members learn what they have to. */
static void in_time(struct world *w)
{
	struct moments m[SWITCH_MEMBERS];
	__u64 last = 0;

	for (__u32 i = 0; i < w->c.count; i++)
		m[i] = draw(w);
	for (__u32 now = 0; now < STEPS; now++) {
		__u64 first[SAS];
		bool cut = !rand_below(&w->state, 3);

		for (int piece = cut ? 0 : -1; piece < (cut ? PIECES : 0); piece++) {
			for (__u32 i = 0; piece == (cut ? 1 : -1) && i < w->c.count; i++)
				learn(w, i, now, &m[i]);
			for (int kind = 0; kind < SAS; kind++) {
				__u64 number = w->base[kind] + (now ^ (LATE_BY - 1));
				__u64 bits = deliver(w, kind, number, piece, now);

				cr_assert(bits && !(bits & (bits - 1)), "%s: SA %d, number +%u, piece %d: members 0x%llx",
					  w->name, kind, now, piece, (unsigned long long)bits);
				if (piece > 0)
					cr_assert_eq(bits, first[kind], "%s: SA %d, number +%u, piece %d is another's",
						     w->name, kind, now, piece);
				first[kind] = bits;
				if (bits >> (w->c.count - 1))
					last = now;
			}
		}
	}
	cr_expect_eq(last > AT_STEP + 2 * LATE_BY, w->c.journey == JOIN);
}

static const __u8 shifts[] = { 0, 3, ESL_BY_SPI };

Test(switch_ipsec, in_time)
{
	for (int i = 0; i < 6 * 3 * JOURNEYS; i++) {
		struct world *w = world_make(3 + i % 6, shifts[i / 6 % 3], (enum journey)(i / 18), 100 + i);
		char name[80];

		snprintf(name, sizeof(name), "%u members, shift %u, %s", 3 + i % 6, shifts[i / 6 % 3],
			 i / 18 == JOIN ? "join" : "leave");
		w->name = name;
		in_time(w);
		world_drop(w);
	}
}

/* Late. */

#define ROUNDS 12000
#define MARGIN 40		/* numbers between the highest accepted one and switch_at */

/* The leader's side: what may be done is done by each member in its own time. */
struct lead {
	__u64 at[SAS];
	bool told[SWITCH_MEMBERS];
	enum { WAIT, ALL_PREPARE, ALL_SWITCH, ALL_PAST } stage;
	__u32 again;		/* how often switch_at had to be raised */
};

static void accepted(struct world *w, __u32 i, int kind, __u64 number)
{
	__u64 *by = &w->by[kind][number - w->base[kind]];

	*by |= 1ULL << i;
	cr_assert(!(*by & (*by - 1)), "%s: SA %d, number +%llu: members 0x%llx", w->name, kind,
		  (unsigned long long)(number - w->base[kind]), (unsigned long long)*by);
}

static __u64 accepted_top(const struct world *w, int kind)
{
	__u64 top = w->base[kind];

	for (__u64 n = w->base[kind]; n <= w->top[kind]; n++)
		if (w->by[kind][n - w->base[kind]])
			top = n;
	return top;
}

/* All prepared, with one switch_at, and nobody accepted it before? */
static bool may_switch(struct world *w, struct lead *l)
{
	bool passed = false;

	for (__u32 i = 0; i < w->c.count; i++)
		if (w->c.phase[i] != ESL_PHASE_PREPARE || !l->told[i])
			return false;
	for (int kind = 0; kind < SAS; kind++)
		passed |= accepted_top(w, kind) >= l->at[kind];
	for (int kind = 0; passed && kind < SAS; kind++)
		if (accepted_top(w, kind) + MARGIN > l->at[kind])
			l->at[kind] = accepted_top(w, kind) + MARGIN;
	if (passed)
		memset(l->told, 0, sizeof(l->told));
	l->again += passed;
	return !passed;
}

static bool all_in(const struct cluster *c, __u64 phase)
{
	for (__u32 i = 0; i < c->count; i++)
		if (c->phase[i] != phase)
			return false;
	return true;
}

static void advance(struct world *w, struct lead *l, __u32 i)
{
	if (l->stage == ALL_PREPARE && w->c.phase[i] == ESL_PHASE_NONE) {
		enter(w, i, ESL_PHASE_PREPARE);
	} else if (l->stage == ALL_PREPARE && !l->told[i]) {
		l->told[i] = true;
		for (int kind = 0; kind < SAS; kind++)
			record(w, i, kind)->switch_at = l->at[kind];
	} else if (l->stage == ALL_SWITCH && w->c.phase[i] == ESL_PHASE_PREPARE) {
		enter(w, i, ESL_PHASE_SWITCH);
	} else if (l->stage == ALL_PAST && w->c.phase[i] == ESL_PHASE_SWITCH) {
		enter(w, i, PAST);
	}
}

static void lead(struct world *w, struct lead *l, __u32 now)
{
	if (l->stage == WAIT && now > ROUNDS / 8) {
		l->stage = ALL_PREPARE;
		/* Too near on purpose: it will be passed before all know of it. */
		for (int kind = 0; kind < SAS; kind++)
			l->at[kind] = accepted_top(w, kind) + 3;
	} else if (l->stage == ALL_PREPARE && may_switch(w, l)) {
		l->stage = ALL_SWITCH;
	} else if (l->stage == ALL_SWITCH && now > ROUNDS / 2 && all_in(&w->c, ESL_PHASE_SWITCH)) {
		l->stage = ALL_PAST;
	}
	if (!rand_below(&w->state, 10))
		advance(w, l, rand_below(&w->state, w->c.count));
}

/* Numbers of the past, and some that are ahead of the newest. */
static __u64 any_number(struct world *w, int kind)
{
	__u64 most = w->top[kind] - w->base[kind] + 20, from = rand64(&w->state) & 1 && most > 200 ? most - 200 : 0;

	return w->base[kind] + from + rand_below(&w->state, (__u32)(most - from));
}

static void one_event(struct world *w)
{
	int kind = (int)rand_below(&w->state, SAS);
	__u32 dice = rand_below(&w->state, 4);
	__u64 number = dice ? any_number(w, kind) : ++w->top[kind];
	__u32 id = (__u32)(number - w->base[kind]);
	__u64 bits;

	if (number > w->top[kind])
		w->top[kind] = number;
	bits = deliver(w, kind, number, dice < 2 ? -1 : dice == 2 ? 0 : 1 + (int)rand_below(&w->state, 2), id);
	for (__u32 i = 0; i < w->c.count; i++) {
		if (!(bits >> i & 1))
			continue;
		if (dice < 2)
			accepted(w, i, kind, number);
		else if (dice == 2)
			w->held[i][kind][id] = number;
		else if (w->held[i][kind][id])
			accepted(w, i, kind, w->held[i][kind][id]);
	}
}

Test(switch_ipsec, late)
{
	__u32 again = 0, changes = 0;

	for (int i = 0; i < 4 * 6 * 3 * JOURNEYS; i++) {
		struct world *w = world_make(3 + i % 6, shifts[i / 6 % 3], (enum journey)(i / 18 % 2), 1 + i);
		struct lead l = {};
		char name[80];

		snprintf(name, sizeof(name), "seed %d, %u members, shift %u", 1 + i, 3 + i % 6, shifts[i / 6 % 3]);
		w->name = name;
		for (__u32 now = 0; now < ROUNDS; now++) {
			lead(w, &l, now);
			one_event(w);
		}
		changes += all_in(&w->c, PAST);
		again += l.again;
		world_drop(w);
	}
	cr_expect_eq(changes, 4 * 6 * 3 * JOURNEYS, "%u changes came to their end", changes);
	cr_expect(again > 20, "switch_at was raised %u times", again);
}

/* Floors hold in taken slots, and in no other. */
Test(switch_ipsec, floors)
{
	struct world *w = world_make(3, 0, JOIN, 1);
	struct esl_config *c = &w->c.m[0].config;
	__u32 refused[2] = {}, all[2] = {};

	esl_table_fill(&c->table[0], (const __u8[]){ 0 }, NULL, 1);
	for (int kind = 0; kind < SAS; kind++) {
		struct esl_sa_in *sa = record(w, 0, kind);

		sa->floor_set = 1;
		sa->floor = w->base[kind] + 2 * ESL_SLOTS;
	}
	memset(c->taken, 0xaa, sizeof(c->taken));
	for (int kind = 0; kind < SAS; kind++) {
		for (__u32 n = 0; n <= 4 * ESL_SLOTS; n++) {
			bool above = n > 2 * ESL_SLOTS;

			all[above]++;
			refused[above] += !(deliver(w, kind, w->base[kind] + n, -1, 0) & 1);
		}
	}
	cr_expect_eq(refused[1], 0, "%u above the floor", refused[1]);
	cr_expect(refused[0] >= all[0] / 2 - SAS && refused[0] <= all[0] / 2 + SAS, "%u of %u", refused[0], all[0]);
	world_drop(w);
}

static void all_enter(struct world *w, __u32 phase)
{
	for (__u32 i = 0; i < w->c.count; i++)
		cluster_enter(&w->c, i, phase);
}

/* The next number of an SA from number on whose slot moves, or stays. */
static __u64 next_number(struct world *w, int kind, __u64 number, bool moves)
{
	const struct esl_config *c = &w->c.m[0].config;

	for (;; number++) {
		struct esl_packet read;
		struct packet p;
		enum esl_kind k;
		struct esl_number n;
		__u32 slot;

		build(&p, kind, number, -1, 0);
		cr_assert_eq(packet_read(p.byte, p.len, &read), 0);
		k = esl_kind_of(&read, true);
		n = esl_number(esl_spi_seq(&read, k), k);
		slot = esl_number_slot(c, &read, &n, &c->table[0]);
		if ((c->table[0].slot[slot] != c->table[1].slot[slot]) == moves)
			return number;
	}
}

/* Every member knows of the change, and of the way back: the slots that were lost
 * are taken again, with this floor. */
static void set_records(struct world *w, int kind, __u64 at, __u64 floor)
{
	for (__u32 i = 0; i < w->c.count; i++) {
		struct esl_sa_in *sa = record(w, i, kind);

		sa->switch_at = at;
		sa->floor_set = !!floor;
		sa->floor = floor;
		memset(w->c.m[i].config.taken, 0xff, sizeof(w->c.m[i].config.taken));
	}
}

static void one_story(struct world *w, int kind)
{
	__u64 before = next_number(w, kind, w->base[kind], true), old;
	__u64 stays = next_number(w, kind, before + 1, false), stayed;
	__u64 at = next_number(w, kind, stays + 1, true), lost;

	all_enter(w, ESL_PHASE_NONE);
	set_records(w, kind, 0, 0);
	old = deliver(w, kind, before, 0, 1);
	stayed = deliver(w, kind, stays, 0, 2);
	lost = deliver(w, kind, at, 0, 3);
	cr_assert(old && stayed && lost);
	cr_expect_eq(deliver(w, kind, at, 1, 3), lost);
	all_enter(w, ESL_PHASE_PREPARE);
	cr_expect_eq(deliver(w, kind, at, 1, 3), lost, "%d: as long as nobody knows where", kind);
	set_records(w, kind, at, 0);
	cr_expect_eq(deliver(w, kind, before, 1, 1), old);
	cr_expect_eq(deliver(w, kind, stays, 1, 2), stayed);
	cr_expect_eq(deliver(w, kind, at, 1, 3), 0, "%d: a first part from before, at switch_at", kind);
	all_enter(w, ESL_PHASE_SWITCH);
	cr_expect_eq(deliver(w, kind, before, 1, 1), old);
	cr_expect_eq(deliver(w, kind, stays, 1, 2), stayed);
	cr_expect_eq(deliver(w, kind, at, 1, 3), 0);
	cr_expect_eq(deliver(w, kind, at, -1, 0), 1ULL << (w->c.count - 1), "%d: its heir takes the number", kind);
	all_enter(w, PAST);
	cr_expect_eq(deliver(w, kind, before, 1, 1), 0);
	cr_expect_eq(deliver(w, kind, stays, 1, 2), stayed);
	cr_expect_eq(deliver(w, kind, at, 1, 3), 0);
	all_enter(w, ESL_PHASE_NONE);
	set_records(w, kind, 0, at);
	cr_expect_eq(deliver(w, kind, at, 1, 3), 0, "%d: back, and at the floor", kind);
	set_records(w, kind, 0, at - 1);
	cr_expect_eq(deliver(w, kind, at, 1, 3), lost, "%d: back, and above the floor", kind);
}

/* Later parts follow the first as long as it would still be taken. */
Test(switch_ipsec, fragments)
{
	struct world *w = world_make(3, 0, JOIN, 1);

	for (int kind = 0; kind < SAS; kind++)
		one_story(w, kind);
	world_drop(w);
}
