// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Planned changes and take-overs: floors by slot, numbers on both sides of
 * switch_at, markers; and program against header, packet by packet. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drive.h"
#include "espalier.skel.h"
#include "one_cpu.h"
#include "selftests/dispatch/member.h"
#include "selftests/dispatch/traffic.h"
#include "selftests/unit/rand.h"

#define SPI 0x5005
#define AT 0x200000005ULL	/* just above a wrap of the low half */
#define FAR 3000000000U		/* more than 2^31 from low numbers */
#define EPOCH 1			/* of table 0; the next one's is one more */

/* The ways in which a number comes, in both families. */
static const struct way {
	const char *name;
	struct frame_spec in;
	int owned, foreign;
} ways[] = {
	{ "ESP", { .protocol = ESL_IPPROTO_ESP }, ESL_OWNED_ESP, ESL_FOREIGN_ESP },
	{ "AH", { .protocol = ESL_IPPROTO_AH }, ESL_OWNED_AH, ESL_FOREIGN_AH },
	{ "NATT", { .protocol = ESL_IPPROTO_UDP, .dport = 4500, .natt = true }, ESL_OWNED_NATT, ESL_FOREIGN_NATT },
	{ "ESP behind options", { .protocol = ESL_IPPROTO_ESP, .ihl = 6 }, ESL_OWNED_ESP, ESL_FOREIGN_ESP },
	{ "IPv6 ESP", { .type = ESL_ETHERTYPE_IPV6, .protocol = ESL_IPPROTO_ESP }, ESL_OWNED_ESP, ESL_FOREIGN_ESP },
	{ "IPv6 AH", { .type = ESL_ETHERTYPE_IPV6, .protocol = ESL_IPPROTO_AH, .chain = "D" }, ESL_OWNED_AH, ESL_FOREIGN_AH },
	{ "IPv6 NATT, one tag", { .type = ESL_ETHERTYPE_IPV6, .protocol = ESL_IPPROTO_UDP, .dport = 4500, .natt = true, .tags = 1 }, ESL_OWNED_NATT, ESL_FOREIGN_NATT },
};
#define WAYS (sizeof(ways) / sizeof(ways[0]))

static struct frame_spec numbered(const struct way *w, __u32 seq)
{
	struct frame_spec s = w->in;

	s.spi = SPI;
	s.seq = seq;
	s.payload = 40;
	return s;
}

static void expect(struct drive *d, const char *name, const struct frame_spec *s, int reason)
{
	struct expected e = { XDP_DROP, reason, NULL, NULL };
	struct frame f;

	if (reason_takes(reason)) {
		e.action = XDP_PASS;
		e.mac = s->dst && !memcmp(s->dst, MAC_CLUSTER_IN, ESL_MAC_LEN) ? MAC_OWN_IN : MAC_OWN_OUT;
	}
	frame_build(&f, s);
	expect_xdp(d, name, &f, &e);
}

/* by_spi: the slot of number 0 is that of all. */
static void test_taken(struct drive *d, const struct way *w, bool by_spi)
{
	static const struct {
		const char *name;
		bool taken, others_taken, above;
	} rows[] = {
		{ "in a slot taken, at the floor", true, false, false },
		{ "in a slot taken, above the floor", true, false, true },
		{ "in a slot held, at the floor", false, true, false },
		{ "in a slot held, above the floor", false, true, true },
	};
	struct esl_sa_in sa = { .index = 2, .floor_set = 1, .floor = AT };

	world_slots(d->obj, MINE, ~0ULL, 0);
	world_sa_all(d->obj, SPI, &sa);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct frame_spec s = numbered(w, (__u32)AT + rows[i].above);
		struct esl_config c = world_read_config(d->obj);
		struct frame_spec zero = numbered(w, 0);
		__u32 slot = world_slot(by_spi ? &zero : &s);
		char name[128];

		memset(c.taken, rows[i].others_taken ? 0xff : 0, sizeof(c.taken));
		c.taken[slot / 32] ^= 1U << slot % 32;
		c.table[0].esp_shift = by_spi ? ESL_BY_SPI : 0;
		world_write_config(d->obj, &c);
		snprintf(name, sizeof(name), "%s, %s%s", rows[i].name, w->name, by_spi ? ", by SPI" : "");
		expect(d, name, &s, rows[i].taken && !rows[i].above ? ESL_BELOW_FLOOR : w->owned);
	}
}

enum moving { LOST, GAINED, KEPT, ELSEWHERE };

/* All slots move so, or stay. */
static void set_phase(struct drive *d, enum moving moving, enum esl_phase phase, __u8 shift)
{
	bool mine = moving == LOST || moving == KEPT, next = moving == GAINED || moving == KEPT;
	struct esl_config c;

	world_slots(d->obj, MINE, ~0ULL, 0);
	c = world_read_config(d->obj);
	memset(c.taken, 0, sizeof(c.taken));
	memset(c.table[0].slot, mine ? MEMBER : OTHER_MEMBER, ESL_SLOTS);
	memset(c.table[1].slot, next ? MEMBER : moving == LOST ? OTHER_MEMBER : OTHER_MEMBER + 1, ESL_SLOTS);
	c.table[0].esp_shift = c.table[1].esp_shift = shift;
	c.table[0].epoch = EPOCH;
	c.table[1].epoch = EPOCH + 1;
	esl_phase_store(&c, 0, phase);
	world_write_config(d->obj, &c);
}

/* MINE: the row's owned reason, OTHERS: its foreign one. */
enum { OURS = -1, THEIRS = -2 };

static const struct number_row {
	const char *name;
	enum moving moving;
	enum esl_phase phase;
	__u64 at;
	int below, from;	/* switch_at - 1, switch_at */
} number_rows[] = {
	{ "no change, slot held", LOST, ESL_PHASE_NONE, AT, OURS, OURS },
	{ "no change, another's slot", GAINED, ESL_PHASE_NONE, AT, THEIRS, THEIRS },
	{ "prepare, slot lost", LOST, ESL_PHASE_PREPARE, AT, OURS, ESL_SWITCHING },
	{ "prepare, slot gained", GAINED, ESL_PHASE_PREPARE, AT, THEIRS, ESL_SWITCHING },
	{ "prepare, slot kept", KEPT, ESL_PHASE_PREPARE, AT, OURS, OURS },
	{ "prepare, elsewhere", ELSEWHERE, ESL_PHASE_PREPARE, AT, THEIRS, THEIRS },
	{ "prepare, slot lost, no number yet", LOST, ESL_PHASE_PREPARE, 0, OURS, OURS },
	{ "prepare, slot gained, no number yet", GAINED, ESL_PHASE_PREPARE, 0, THEIRS, THEIRS },
	{ "switch, slot lost", LOST, ESL_PHASE_SWITCH, AT, OURS, THEIRS },
	{ "switch, slot gained", GAINED, ESL_PHASE_SWITCH, AT, THEIRS, OURS },
	{ "switch, slot kept", KEPT, ESL_PHASE_SWITCH, AT, OURS, OURS },
	{ "switch, elsewhere", ELSEWHERE, ESL_PHASE_SWITCH, AT, THEIRS, THEIRS },
	{ "switch, slot lost, no number", LOST, ESL_PHASE_SWITCH, 0, OURS, OURS },
	{ "switch, slot gained, no number", GAINED, ESL_PHASE_SWITCH, 0, THEIRS, THEIRS },
	{ "an unknown phase, slot lost", LOST, (enum esl_phase)7, AT, OURS, ESL_SWITCHING },
};

/* Slots are all this member's, or all another one's. */
static const struct leader_row {
	const char *name;
	bool mine, leads;
	__u64 leader_below;
	int below, from;	/* AT - 1, AT */
} leader_rows[] = {
	{ "promoted, own slot", true, false, 0, OURS, OURS },
	{ "promoted, another's slot, leader", false, true, 0, THEIRS, THEIRS },
	{ "new, own slot", true, false, ~0ULL, ESL_UNPROMOTED, ESL_UNPROMOTED },
	{ "new, own slot, leader", true, true, ~0ULL, OURS, OURS },
	{ "new, another's slot", false, false, ~0ULL, THEIRS, THEIRS },
	{ "new, another's slot, leader", false, true, ~0ULL, OURS, OURS },
	{ "from a number on, own slot", true, false, AT, ESL_UNPROMOTED, OURS },
	{ "from a number on, own slot, leader", true, true, AT, OURS, OURS },
	{ "from a number on, another's slot", false, false, AT, THEIRS, THEIRS },
	{ "from a number on, another's slot, leader", false, true, AT, OURS, THEIRS },
};

static int reason_of(const struct way *w, int row)
{
	return row == OURS ? w->owned : row == THEIRS ? w->foreign : row;
}

/* A new SA: the leader alone takes it, with a change under way too. */
static void test_leaders(struct drive *d, const struct way *w, enum esl_phase phase)
{
	for (size_t i = 0; i < sizeof(leader_rows) / sizeof(leader_rows[0]); i++) {
		const struct leader_row *r = &leader_rows[i];
		struct frame_spec below = numbered(w, (__u32)AT - 1), at = numbered(w, (__u32)AT);
		struct esl_sa_in sa = { .index = 2, .leader_below = r->leader_below };
		struct esl_config c;
		char name[160];

		world_sa_all(d->obj, SPI, &sa);
		/* Without a number of its own the SA changes owners with the table only. */
		set_phase(d, r->mine ? LOST : GAINED, phase, 0);
		c = world_read_config(d->obj);
		esl_phase_lead(&c, r->leads);
		world_write_config(d->obj, &c);
		snprintf(name, sizeof(name), "%s, below, phase %d, %s", r->name, phase, w->name);
		expect(d, name, &below, reason_of(w, r->below));
		snprintf(name, sizeof(name), "%s, from it on, phase %d, %s", r->name, phase, w->name);
		expect(d, name, &at, reason_of(w, r->from));
		esl_phase_lead(&c, false);
		world_write_config(d->obj, &c);
	}
}

static void test_numbers(struct drive *d, const struct way *w, __u8 shift)
{
	for (size_t i = 0; i < sizeof(number_rows) / sizeof(number_rows[0]); i++) {
		const struct number_row *r = &number_rows[i];
		struct esl_sa_in sa = { .index = 2, .switch_at = r->at };
		struct frame_spec below = numbered(w, (__u32)AT - 1), at = numbered(w, (__u32)AT);
		struct frame_spec wrap = numbered(w, (__u32)AT - 0x10);
		char name[128];

		set_phase(d, r->moving, r->phase, shift);
		world_sa_all(d->obj, SPI, &sa);
		snprintf(name, sizeof(name), "%s, shift %u, below, %s", r->name, shift, w->name);
		expect(d, name, &below, reason_of(w, r->below));
		snprintf(name, sizeof(name), "%s, shift %u, below the wrap, %s", r->name, shift, w->name);
		expect(d, name, &wrap, reason_of(w, r->below));
		snprintf(name, sizeof(name), "%s, shift %u, from there on, %s", r->name, shift, w->name);
		expect(d, name, &at, reason_of(w, r->from));
	}
}

/* Without ESN a number far below another one is not above it. */
static void test_whole(struct drive *d, const struct way *w)
{
	static const struct {
		const char *name;
		enum moving moving;
		enum esl_phase phase;
		bool leads;
		__u64 at, leader_below;
		__u32 seq;
		int reason;
	} rows[] = {
		{ "prepare, slot lost, below", LOST, ESL_PHASE_PREPARE, false, FAR, 0, FAR - 1, OURS },
		{ "prepare, slot lost, far below", LOST, ESL_PHASE_PREPARE, false, FAR, 0, 5, OURS },
		{ "prepare, slot lost, from there on", LOST, ESL_PHASE_PREPARE, false, FAR, 0, FAR, ESL_SWITCHING },
		{ "switch, slot gained, below", GAINED, ESL_PHASE_SWITCH, false, FAR, 0, FAR - 1, THEIRS },
		{ "switch, slot gained, far below", GAINED, ESL_PHASE_SWITCH, false, FAR, 0, 5, THEIRS },
		{ "switch, slot gained, far above", GAINED, ESL_PHASE_SWITCH, false, 5, 0, FAR, OURS },
		{ "new, own slot, far below", LOST, ESL_PHASE_NONE, false, 0, FAR, 5, ESL_UNPROMOTED },
		{ "new, own slot, far above", LOST, ESL_PHASE_NONE, false, 0, 5, FAR, OURS },
		{ "new, another's slot, leader, far below", GAINED, ESL_PHASE_NONE, true, 0, FAR, 5, OURS },
		{ "new, another's slot, leader, far above", GAINED, ESL_PHASE_NONE, true, 0, 5, FAR, THEIRS },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct esl_sa_in sa = { .index = 2, .whole = 1, .switch_at = rows[i].at, .leader_below = rows[i].leader_below };
		struct frame_spec s = numbered(w, rows[i].seq);
		struct esl_config c;
		char name[128];

		set_phase(d, rows[i].moving, rows[i].phase, 0);
		world_sa_all(d->obj, SPI, &sa);
		c = world_read_config(d->obj);
		esl_phase_lead(&c, rows[i].leads);
		world_write_config(d->obj, &c);
		snprintf(name, sizeof(name), "whole, %s, %s", rows[i].name, w->name);
		expect(d, name, &s, reason_of(w, rows[i].reason));
		esl_phase_lead(&c, false);
		world_write_config(d->obj, &c);
	}
}

/* An SA that is not here has no number at which it switches. */
static void test_unknown(struct drive *d)
{
	struct frame_spec s = { .protocol = ESL_IPPROTO_ESP, .spi = 0xbad, .seq = 9, .payload = 40 };

	set_phase(d, LOST, ESL_PHASE_SWITCH, 0);
	expect(d, "switch, slot lost, unknown SA", &s, ESL_SA_UNKNOWN);
	set_phase(d, GAINED, ESL_PHASE_SWITCH, 0);
	expect(d, "switch, slot gained, unknown SA", &s, ESL_FOREIGN_ESP);
}

/* A first part before the change; its later ones meet a change. */
static void test_fragments(struct drive *d)
{
	static const struct {
		const char *name;
		enum moving moving;
		enum esl_phase phase;
		__u64 at;
		int reason;
	} rows[] = {
		{ "prepare, slot lost, below", LOST, ESL_PHASE_PREPARE, AT + 1, ESL_OWNED_FRAGMENT },
		{ "prepare, slot lost, from there on", LOST, ESL_PHASE_PREPARE, AT, ESL_FRAGMENT_UNKNOWN },
		{ "switch, slot lost, below", LOST, ESL_PHASE_SWITCH, AT + 1, ESL_OWNED_FRAGMENT },
		{ "switch, slot lost, from there on", LOST, ESL_PHASE_SWITCH, AT, ESL_FRAGMENT_UNKNOWN },
		{ "switch, slot kept", KEPT, ESL_PHASE_SWITCH, AT, ESL_OWNED_FRAGMENT },
		{ "another table, slot kept", KEPT, ESL_PHASE_NONE, AT, ESL_OWNED_FRAGMENT },
		{ "another table, slot lost", ELSEWHERE, ESL_PHASE_NONE, AT, ESL_FRAGMENT_UNKNOWN },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct esl_sa_in sa = { .index = 2, .switch_at = rows[i].at };
		struct frame_spec s = numbered(&ways[0], (__u32)AT);
		char name[128];

		s.id = (__u16)(100 + i);
		s.frag = ESL_IP_MF;
		set_phase(d, LOST, ESL_PHASE_NONE, 0);
		world_sa_all(d->obj, SPI, &sa);
		snprintf(name, sizeof(name), "first part before: %s", rows[i].name);
		expect(d, name, &s, ESL_OWNED_ESP);
		s.frag = 100;
		set_phase(d, rows[i].moving, rows[i].phase, 0);
		snprintf(name, sizeof(name), "last part: %s", rows[i].name);
		expect(d, name, &s, rows[i].reason);
	}
}

/* Test runs come from queue 0. */
static void write_begin(struct drive *d, __u32 role, struct esl_begin begin)
{
	__u32 index = esl_switch_index(role, 0);

	bpf_map_update_elem(bpf_map__fd(d->obj->maps.espalier_begin), &index, &begin, BPF_ANY);
}

static struct esl_switch read_switch(struct drive *d, __u32 role)
{
	__u32 index = esl_switch_index(role, 0);
	struct esl_switch s = {};

	bpf_map_lookup_elem(bpf_map__fd(d->obj->maps.espalier_switch), &index, &s);
	return s;
}

/* A plain packet from inside that is a marker, or none. */
static struct frame_spec plain(bool marker, __u16 *id)
{
	struct frame_spec s = { .dst = MAC_CLUSTER_IN, .protocol = ESL_IPPROTO_TCP, .saddr = CLIENT, .daddr = REMOTE,
				.sport = 4242, .dport = 80, .payload = 40 };
	struct esl_config c = world_config_of(DOOR_INSIDE);
	struct esl_packet p;
	struct frame f;

	do {
		s.id = ++*id;
		frame_build(&f, &s);
		world_read(&f, &p);
	} while ((esl_switch_level(esl_hash_packet(&c.key, &p)) >= 0) != marker);
	return s;
}

static void test_markers(struct drive *d)
{
	static const struct {
		const char *name;
		bool marker;
		struct esl_begin begin;		/* written before */
		int reason;
		__u32 seen;
	} steps[] = {
		{ "before", false, { 0, 0 }, ESL_OWNED_PLAIN, 0 },
		{ "a first marker", true, { 0, 0 }, ESL_OWNED_PLAIN, 1 },
		{ "where an earlier change began", true, { 0, EPOCH }, ESL_OWNED_PLAIN, 2 },
		{ "told: with the fourth", false, { 4, EPOCH + 1 }, ESL_OWNED_PLAIN, 2 },
		{ "the third", true, { 4, EPOCH + 1 }, ESL_OWNED_PLAIN, 3 },
		{ "no marker", false, { 4, EPOCH + 1 }, ESL_OWNED_PLAIN, 3 },
		{ "the fourth", true, { 4, EPOCH + 1 }, ESL_FOREIGN_PLAIN, 4 },
		{ "what follows", false, { 4, EPOCH + 1 }, ESL_FOREIGN_PLAIN, 4 },
		{ "and stays", true, { 0, 0 }, ESL_FOREIGN_PLAIN, 4 },
	};
	struct frame_spec s;
	__u16 id = 0;

	world_config(d->obj, DOOR_INSIDE);
	set_phase(d, LOST, ESL_PHASE_PREPARE, 0);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		struct esl_switch seen;
		char name[128];

		s = plain(steps[i].marker, &id);
		write_begin(d, ESL_INSIDE, steps[i].begin);
		snprintf(name, sizeof(name), "markers: %s", steps[i].name);
		expect(d, name, &s, steps[i].reason);
		seen = read_switch(d, ESL_INSIDE);
		snprintf(name, sizeof(name), "markers: %s, the count", steps[i].name);
		row(d, name, seen.epoch == EPOCH + 1 && (steps[i].reason == ESL_FOREIGN_PLAIN || seen.seen == steps[i].seen),
		    "%u of epoch %u", seen.seen, seen.epoch);
	}
	set_phase(d, LOST, ESL_PHASE_NONE, 0);
	s = plain(true, &id);
	expect(d, "markers: no change, the table that holds", &s, ESL_OWNED_PLAIN);
	world_config(d->obj, DOOR_OUTSIDE);
}

/* Program against header. */

#define PACKETS 4000
#define SAS_MAX 4096

struct contest {
	struct drive *d;
	struct member *m;
	enum esl_role role;
	struct esl_sa_entry sas[SAS_MAX];
	__u32 switching, owned, foreign;
};

/* The SA of a packet at both, with a number at which it switches that is near. */
static void add_sa(struct contest *c, const struct packet *packet, __u64 *state)
{
	struct esl_tables *t = &c->m->tables;
	struct esl_sa_entry e = { .sa.index = 1 };
	struct esl_packet p;
	enum esl_kind kind;
	const __u32 *w;

	if (packet_read(packet->byte, packet->len, &p) || p.later_fragment ||
	    !esl_is_to_cluster(&c->m->config, &p) || t->sa_count == SAS_MAX)
		return;
	kind = esl_kind_of(&p, true);
	w = esl_is_ipsec(kind) ? esl_spi_seq(&p, kind) : NULL;
	if (!w)
		return;
	e.key = esl_sa_key(&p, ntohl(w[0]), kind == ESL_KIND_AH ? ESL_IPPROTO_AH : ESL_IPPROTO_ESP);
	e.sa.switch_at = rand_below(state, 4) ? ntohl(w[1]) + rand_below(state, 20) : 0;
	if (esl_tables_sa(t, &e.key))
		return;
	c->sas[t->sa_count++] = e;
	qsort(c->sas, t->sa_count, sizeof(e), esl_sa_order);
	world_sa_key(c->d->obj, &e.key, &e.sa);
}

static void next_phase(struct contest *c, int i)
{
	static const enum esl_phase phases[] = { ESL_PHASE_NONE, ESL_PHASE_PREPARE, ESL_PHASE_SWITCH, ESL_PHASE_NONE };
	struct esl_begin begin = { c->m->tables.switched[c->role].seen + 20, c->m->config.table[1].epoch };

	esl_phase_store(&c->m->config, i == 3, phases[i]);
	if (i == 2) {
		c->m->tables.begin[c->role] = begin;
		write_begin(c->d, c->role, begin);
	}
	world_write_config(c->d->obj, &c->m->config);
}

static bool all_packets(struct contest *c, char *why)
{
	static struct traffic t;
	static struct outcome o;
	__u64 state = 5;

	t = (struct traffic){ .state = 77, .role = c->role, .fragments = true, .others = true };
	for (int i = 0; i < PACKETS; i++) {
		const char *dst = c->role == ESL_OUTSIDE ? MAC_CLUSTER_OUT : MAC_CLUSTER_IN;
		struct frame f;
		int want;

		if (i % (PACKETS / 4) == 0)
			next_phase(c, i / (PACKETS / 4));
		traffic_next(&t);
		add_sa(c, &t.packet, &state);
		want = member_decide(c->m, c->role, &t.packet);
		frame_of_packet(&f, &t.packet, dst, NULL);
		if (!run_xdp(c->d, &f, &o, why))
			return false;
		if (o.reason != want) {
			snprintf(why, WHY_MAX, "packet %d: %s instead of %s", i, reason_name(o.reason), reason_name(want));
			return false;
		}
		c->switching += want == ESL_SWITCHING;
		c->owned += reason_verdict(want) == ESL_OWN;
		c->foreign += reason_verdict(want) == ESL_OTHER;
	}
	return true;
}

static void clear_records(struct drive *d)
{
	static const struct esl_turns turns[1024];
	static const struct esl_switch record;

	for (__u32 role = 0; role < ESL_ROLES; role++) {
		__u32 index = esl_switch_index(role, 0);

		bpf_map_update_elem(bpf_map__fd(d->obj->maps.espalier_turns), &role, turns, BPF_ANY);
		bpf_map_update_elem(bpf_map__fd(d->obj->maps.espalier_switch), &index, &record, BPF_ANY);
		write_begin(d, role, (struct esl_begin){});
	}
}

static void clear_sessions(struct drive *d)
{
	static const struct esl_sessions none;

	for (__u32 i = 0; i < ESL_SESSION_BUCKETS; i++)
		bpf_map_update_elem(bpf_map__fd(d->obj->maps.espalier_sessions), &i, &none, BPF_ANY);
}

static void test_contest(struct drive *d, enum esl_scheme scheme, enum esl_role role)
{
	static const __u8 next[] = { 0, 1, 2, 3 };
	static struct contest c;
	struct member *all = members_make(3, scheme, 16);
	struct esl_switch got;
	char name[96], why[WHY_MAX] = "no memory";

	snprintf(name, sizeof(name), "a change, %s, %s", scheme_names[scheme], role == ESL_INSIDE ? "inside" : "outside");
	c = (struct contest){ .d = d, .m = all, .role = role };
	if (all) {
		clear_records(d);
		clear_sessions(d);
		world_join(&all->config, role == ESL_OUTSIDE ? DOOR_OUTSIDE : DOOR_INSIDE);
		all->config.table[1] = all->config.table[0];
		esl_table_fill(&all->config.table[1], next, NULL, 4);
		all->config.table[1].epoch++;
		all->tables.sas = c.sas;
	}
	row(d, name, all && all_packets(&c, why), "%s", why);
	got = read_switch(d, role);
	snprintf(name, sizeof(name), "a change, %s, %s: the record", scheme_names[scheme],
		 role == ESL_INSIDE ? "inside" : "outside");
	row(d, name, all && !memcmp(&got, &all->tables.switched[role], sizeof(got)) && c.owned && c.foreign &&
		     (role == ESL_INSIDE ? got.done && got.seen : c.switching),
	    "seen %u, done %u, %u between", got.seen, got.done, c.switching);
	members_free(all, 3);
}

void test_xdp_switch(struct drive *d)
{
	static const __u8 shifts[] = { 0, 5, ESL_BY_SPI };
	cpu_set_t before;

	/* The counted schemes count on each CPU. */
	if (!row(d, "switch: one CPU", one_cpu_stay(&before) >= 0, "not so"))
		return;
	world_config(d->obj, DOOR_OUTSIDE);
	for (size_t i = 0; i < WAYS; i++) {
		test_taken(d, &ways[i], false);
		test_taken(d, &ways[i], true);
		for (size_t k = 0; k < sizeof(shifts); k++)
			test_numbers(d, &ways[i], shifts[k]);
		test_whole(d, &ways[i]);
		for (int phase = ESL_PHASE_NONE; phase <= ESL_PHASE_SWITCH; phase++)
			test_leaders(d, &ways[i], phase);
	}
	test_unknown(d);
	test_fragments(d);
	test_markers(d);
	for (enum esl_scheme s = 0; s < ESL_SCHEME_COUNT; s++)
		for (enum esl_role role = 0; role < ESL_ROLES; role++)
			test_contest(d, s, role);
	sched_setaffinity(0, sizeof(before), &before);
}
