// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Program against header: the same traffic to the program in the kernel and to
 * a member in memory, under every scheme.  They must agree on each packet, and
 * at the end on the counts and tables that they keep.  On the way the set of
 * members changes, and the agent writes assignments of sessions.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "drive.h"
#include "espalier.skel.h"
#include "one_cpu.h"
#include "selftests/dispatch/member.h"
#include "selftests/dispatch/traffic.h"

#define PACKETS 3000
#define MEMBERS 3
#define MARKER 32		/* one packet in so many, on average */
#define ASSIGN_EVERY 97		/* packets between two assignments */
#define EVENTS_MAX PACKETS
#define SESSIONS_BYTES (ESL_SESSION_BUCKETS * sizeof(struct esl_sessions))

struct told {
	__u32 count;
	struct {
		__u64 hash;
		__u32 member;
	} session[EVENTS_MAX];
};

struct contest {
	struct drive *d;
	struct member *m;		/* the one in memory */
	enum esl_role role;
	struct esl_sessions *sessions;	/* of the program */
	struct ring_buffer *events;
	struct told program, memory;
	__u32 cpu;
	__u32 owned, foreign, markers;
};

static void note(struct told *t, __u64 hash, __u32 member)
{
	if (t->count < EVENTS_MAX) {
		t->session[t->count].hash = hash;
		t->session[t->count].member = member;
	}
	t->count++;
}

static void new_in_memory(void *data, __u64 hash, __u32 member)
{
	note(data, hash, member);
}

static int new_in_program(void *data, void *bytes, size_t size)
{
	const struct esl_event *e = bytes;

	if (size == sizeof(*e) && e->kind == ESL_EVENT_SESSION && !e->reason)
		note(data, e->seq, e->index);
	return 0;
}

static int publish(struct contest *c)
{
	return world_write_config(c->d->obj, &c->m->config);
}

/* One member goes, and the epoch with it. */
static int change_members(struct contest *c)
{
	static const __u8 left[] = { 0, 1 };
	struct esl_table *t = &c->m->config.table[0];

	esl_table_fill(t, left, NULL, 2);
	t->epoch++;
	return publish(c);
}

/* The leader's word on the session of this packet, written by the agent. */
static void assign(struct contest *c, const struct packet *packet)
{
	__u32 member = (__u32)packet->len % 2, bucket;
	struct esl_packet p;
	__u64 hash;

	if (packet_read(packet->byte, packet->len, &p))
		return;
	hash = esl_hash_flow(&c->m->config.key, &p);
	bucket = esl_session_bucket(hash);
	esl_session_set(&c->sessions[bucket], hash, member);
	if (c->m->tables.sessions)
		esl_session_set(&c->m->tables.sessions[bucket], hash, member);
}

static void count_marker(struct contest *c, const struct packet *packet)
{
	struct esl_packet p;

	if (!packet_read(packet->byte, packet->len, &p))
		c->markers += esl_is_marker(&c->m->config.table[0], esl_hash_packet(&c->m->config.key, &p));
}

/* An SA for the packet, so that nothing but dispatch decides. */
static void add_sa(struct contest *c, const struct packet *packet)
{
	static const struct esl_sa_in sa = { .index = 1 };
	struct esl_packet p;
	struct esl_sa_key key;
	enum esl_kind kind;

	packet_read(packet->byte, packet->len, &p);
	kind = esl_kind_of(&p, true);
	key = esl_sa_key(&p, ntohl(esl_spi_seq(&p, kind)[0]), kind == ESL_KIND_AH ? ESL_IPPROTO_AH : ESL_IPPROTO_ESP);
	world_sa_key(c->d->obj, &key, &sa);
}

static bool one_packet(struct contest *c, const struct packet *packet, char *why)
{
	static struct outcome o;
	int want = member_decide(c->m, c->role, packet);
	const char *dst = c->role == ESL_OUTSIDE ? MAC_CLUSTER_OUT : MAC_CLUSTER_IN;
	struct frame f;

	if (want == ESL_OWNED_ESP || want == ESL_OWNED_AH || want == ESL_OWNED_NATT)
		add_sa(c, packet);
	frame_of_packet(&f, packet, dst, NULL);
	if (!run_xdp(c->d, &f, &o, why))
		return false;
	c->owned += reason_verdict(want) == ESL_OWN;
	c->foreign += reason_verdict(want) == ESL_OTHER;
	count_marker(c, packet);
	if (o.reason == want && o.action == (reason_takes(want) || want == ESL_GROUP ? XDP_PASS : XDP_DROP))
		return true;
	snprintf(why, WHY_MAX, "program %s, action %u, memory %s", reason_name(o.reason), o.action,
		 reason_name(want));
	return false;
}

static bool all_packets(struct contest *c, char *why)
{
	static struct traffic t;
	char what[WHY_MAX];

	t = (struct traffic){ .state = 42, .role = c->role, .fragments = true, .others = true };
	for (int i = 0; i < PACKETS; i++) {
		traffic_next(&t);
		if (i == PACKETS / 2 && change_members(c)) {
			snprintf(why, WHY_MAX, "the configuration cannot be written");
			return false;
		}
		if (!one_packet(c, &t.packet, what)) {
			snprintf(why, WHY_MAX, "packet %d: %.200s", i, what);
			return false;
		}
		if (i % ASSIGN_EVERY == 0)
			assign(c, &t.packet);
	}
	return true;
}

static void check_turns(struct contest *c, const char *name)
{
	static struct esl_turns cpu[1024];
	const struct esl_turns *want = &c->m->tables.turns[c->role], *got = &cpu[c->cpu];
	__u32 role = c->role;

	bpf_map_lookup_elem(bpf_map__fd(c->d->obj->maps.espalier_turns), &role, cpu);
	row(c->d, name, !memcmp(got, want, sizeof(*want)), "next %u, epoch %u, expected %u, %u", got->next, got->epoch,
	    want->next, want->epoch);
}

static __u32 differing(const struct esl_sessions *a, const struct esl_sessions *b)
{
	__u32 count = 0;

	for (int i = 0; i < ESL_SESSION_BUCKETS; i++)
		count += !!memcmp(&a[i], &b[i], sizeof(a[i]));
	return count;
}

static void check_events(struct contest *c, const char *name)
{
	const struct told *want = &c->memory, *got = &c->program;
	bool same;

	ring_buffer__consume(c->events);
	if (!c->m->config.leader) {
		row(c->d, name, !got->count, "%u events of a member that does not lead", got->count);
		return;
	}
	same = got->count == want->count && got->count <= EVENTS_MAX &&
	       !memcmp(got->session, want->session, got->count * sizeof(got->session[0]));
	row(c->d, name, same && (want->count || !c->m->tables.sessions), "%u events instead of %u, or others",
	    got->count, want->count);
}

static void run_contest(struct contest *c, const char *name)
{
	char text[128], why[WHY_MAX] = "";

	row(c->d, name, !publish(c) && all_packets(c, why), "%s", why);
	snprintf(text, sizeof(text), "%s: some of each", name);
	row(c->d, text, c->owned > PACKETS / 5 && c->foreign > PACKETS / 5 && c->markers > PACKETS / MARKER / 2,
	    "%u owned, %u foreign, %u markers", c->owned, c->foreign, c->markers);
	snprintf(text, sizeof(text), "%s: turns and queues", name);
	check_turns(c, text);
	snprintf(text, sizeof(text), "%s: events", name);
	check_events(c, text);
	if (!c->m->tables.sessions)
		return;
	snprintf(text, sizeof(text), "%s: session table", name);
	row(c->d, text, !differing(c->sessions, c->m->tables.sessions), "%u buckets differ",
	    differing(c->sessions, c->m->tables.sessions));
}

static void clear_turns(struct drive *d)
{
	static const struct esl_turns zero[1024];

	for (__u32 role = 0; role < ESL_ROLES; role++)
		bpf_map_update_elem(bpf_map__fd(d->obj->maps.espalier_turns), &role, zero, BPF_ANY);
}

static void test_scheme(struct drive *d, enum esl_scheme scheme, enum esl_role role, __u32 id,
			struct esl_sessions *sessions)
{
	static struct contest c;
	struct member *all = members_make(MEMBERS, scheme, MARKER);
	char name[96];

	snprintf(name, sizeof(name), "%s, %s, member %u", scheme_names[scheme],
		 role == ESL_INSIDE ? "inside" : "outside", id);
	c = (struct contest){ .d = d, .role = role, .sessions = sessions, .cpu = (__u32)sched_getcpu() };
	c.events = ring_buffer__new(bpf_map__fd(d->obj->maps.espalier_events), new_in_program, &c.program, NULL);
	if (!all || !c.events) {
		row(d, name, false, "no memory");
	} else {
		memset(sessions, 0, SESSIONS_BYTES);
		clear_turns(d);
		c.m = &all[id];
		c.m->tables.new_session = new_in_memory;
		c.m->tables.data = &c.memory;
		world_join(&c.m->config, role == ESL_OUTSIDE ? DOOR_OUTSIDE : DOOR_INSIDE);
		run_contest(&c, name);
	}
	ring_buffer__free(c.events);
	members_free(all, MEMBERS);
}

void test_xdp_schemes(struct drive *d)
{
	struct esl_sessions *sessions = mmap(NULL, SESSIONS_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
					     bpf_map__fd(d->obj->maps.espalier_sessions), 0);
	cpu_set_t before;

	if (!row(d, "schemes: one CPU, the session table mapped", sessions != MAP_FAILED && one_cpu_stay(&before) >= 0, "not so"))
		return;
	for (enum esl_scheme s = 0; s < ESL_SCHEME_COUNT; s++) {
		for (enum esl_role role = 0; role < ESL_ROLES; role++) {
			test_scheme(d, s, role, 0, sessions);
			test_scheme(d, s, role, 1, sessions);
		}
	}
	sched_setaffinity(0, sizeof(before), &before);
	munmap(sessions, SESSIONS_BYTES);
}
