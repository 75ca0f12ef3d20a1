// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What a packet costs in XDP, in nanoseconds over a bare XDP_DROP.
 *
 * The machine is shared: a neighbour on the same core halves its speed for
 * seconds.  So the cases take turns in short rounds, each after a run of the
 * bare drop, and a round counts only where a probe before, between and after
 * says that the core was not shared.  The probe knows nothing of the programs,
 * so it picks no lucky rounds.  The median of a case's rounds less that of its
 * drops is its cost.  A machine on which too few rounds count judges nothing.
 * The rounds are spread over several loads of the objects, since where the
 * kernel places a program moves its cost by a nanosecond.  Time is this
 * thread's CPU time around the system call, because the kernel's own figure
 * is cut to whole nanoseconds.
 *
 * Owned packets: the program rewrites the destination MAC in the one buffer
 * that all repeats share, so a second repeat would no longer come on the
 * cluster MAC.  In this world the NIC's own MAC is set equal to the cluster
 * MAC: the same stores are made, with the same bytes.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <xdp/prog_dispatcher.h>

#include "bench.h"
#include "drop.skel.h"
#include "espalier.skel.h"
#include "selftests/bpf/frame.h"
#include "selftests/bpf/world.h"

#define LOADS 6
#define ROUNDS 10		/* that count, of each case and load */
#define LOAD_S 15		/* and no longer than this */
#define REPEAT 30000
#define FRAME_LEN 1460
#define SPI 0x1001
#define POLICIES 64		/* prefixes beside the one that the packet meets */

#define OTHERS_MEMBERS 3	/* besides this member, which takes no turn */

enum { DROP, DISPATCHER, FIRST };

#define ESP .protocol = ESL_IPPROTO_ESP, .spi = SPI, .seq = 1000
#define AH .protocol = ESL_IPPROTO_AH, .spi = SPI, .seq = 1000
#define NATT .protocol = ESL_IPPROTO_UDP, .sport = 4500, .dport = 4500, .natt = true, .spi = SPI, .seq = 1000
#define TCP .protocol = ESL_IPPROTO_TCP, .sport = 4242, .dport = 5001, .id = 7, .saddr = CLIENT, .daddr = REMOTE
#define V6 .type = ESL_ETHERTYPE_IPV6
#define SCHEME(s) .scheme = ESL_SCHEME_##s

/* The limits are the product's: what a member pays for the whole cluster. */
static struct bench_case cases[] = {
	[DROP] = { "xdp_drop_ns", "bare XDP_DROP: the harness itself" },
	[DISPATCHER] = { "dispatcher_ns", "libxdp's dispatcher alone, one program" },
	{ "foreign_esp_ns", "ESP of another member, dropped", 8, { ESP } },
	{ "foreign_plain_ns", "plain packet of another member", 8, { TCP }, .open = true },
	{ "foreign_ah_ns", "AH", 12, { AH } },
	{ "foreign_natt_ns", "ESP in UDP 4500", 12, { NATT } },
	{ "foreign_esp6_ns", "ESP, IPv6", 12, { ESP, V6 } },
	{ "foreign_plain6_ns", "plain, IPv6", 12, { TCP, V6 }, .open = true },
	{ "foreign_vlan_esp_ns", "ESP behind a VLAN tag", 12, { ESP, .tags = 1 } },
	{ "foreign_vlan_plain_ns", "plain behind a VLAN tag", 12, { TCP, .tags = 1 } },
	{ "foreign_rr_ns", "plain, packet-rr", 20, { TCP }, SCHEME(PACKET_RR) },
	{ "foreign_sqf_ns", "plain, packet-sqf", 20, { TCP }, SCHEME(PACKET_SQF) },
	{ "foreign_sa_ns", "plain, sa: 65 policies", 40, { TCP }, SCHEME(SA) },
	{ "foreign_session_hash_ns", "plain, session-hash", 60, { TCP }, SCHEME(SESSION_HASH) },
	{ "foreign_session_rr_ns", "plain, session-rr, known session", 60, { TCP }, SCHEME(SESSION_RR) },
	{ "foreign_session_sqf_ns", "plain, session-sqf, known session", 60, { TCP }, SCHEME(SESSION_SQF) },
	{ "owned_plain_ns", "own plain packet, passed", 80, { TCP }, .owned = true },
	{ "owned_esp_ns", "own ESP packet, passed", 80, { ESP }, .owned = true },
	{ "owned_esp6_ns", "own ESP packet, IPv6, passed", 80, { ESP, V6 }, .owned = true },
};
#define CASES ((int)(sizeof(cases) / sizeof(cases[0])))

static double thread_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

/* The record of this load, written between measurements. */
static struct esl_config live;
static int live_fd;

static int set_scheme(__u8 scheme)
{
	__u32 zero = 0;

	live.table[0].scheme = scheme;
	live.table[0].epoch = scheme + 1u;
	live.policies = scheme == ESL_SCHEME_SA ? POLICIES + 1 : 0;
	return bpf_map_update_elem(live_fd, &zero, &live, BPF_ANY);
}

/* One measurement: nanoseconds per packet, negative on error. */
static double measure(struct bench_case *c)
{
	LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = c->frame.byte, .data_size_in = c->frame.len,
		    .repeat = REPEAT);
	double before;

	if (c->in.protocol && set_scheme(c->scheme))
		return -1;
	before = thread_ns();
	if (bpf_prog_test_run_opts(c->fd, &o)) {
		fprintf(stderr, "%s: test run: %s\n", c->name, strerror(errno));
		return -1;
	}
	if (o.retval != c->expected) {
		fprintf(stderr, "%s: action %u instead of %u\n", c->name, o.retval, c->expected);
		return -1;
	}
	return (thread_ns() - before) / REPEAT;
}

/* A case that measures another path than it says must not give a figure. */
static int check_path(struct espalier_bpf *obj, struct bench_case *c)
{
	struct esl_count counts[BENCH_CPUS_MAX] = {};
	__u64 before = 0, after = 0;
	int fd = bpf_map__fd(obj->maps.espalier_counts);
	__u32 key = c->reason;

	if (!c->reason)
		return 0;
	bpf_map_lookup_elem(fd, &key, counts);
	for (int i = 0; i < libbpf_num_possible_cpus(); i++)
		before += counts[i].packets;
	if (measure(c) < 0)
		return -1;
	bpf_map_lookup_elem(fd, &key, counts);
	for (int i = 0; i < libbpf_num_possible_cpus(); i++)
		after += counts[i].packets;
	if (after - before == REPEAT)
		return 0;
	fprintf(stderr, "%s: only %llu of %d packets took this path\n", c->name,
		(unsigned long long)(after - before), REPEAT);
	return -1;
}

static int add_policy(int fd, __u32 daddr, __u32 slot)
{
	struct esl_policy_key key = { .prefixlen = 96 + 24, .daddr = esl_addr_from_ipv4(htonl(daddr)) };
	struct esl_policy policy = { .slot = slot };

	return bpf_map_update_elem(fd, &key, &policy, BPF_ANY);
}

/* Even slots are this member's, but the members that take turns are others. */
static int setup_world(struct espalier_bpf *obj)
{
	static const __u8 others[OTHERS_MEMBERS] = { 1, 2, 3 };
	struct esl_config c = world_config_of(DOOR_OUTSIDE);
	struct esl_sa_in sa = { .index = 3, .floor_set = 1, .floor = 10 };
	int policies = bpf_map__fd(obj->maps.espalier_policies);
	__u32 zero = 0;

	live_fd = bpf_map__fd(obj->maps.espalier_config);
	memcpy(c.port[ESL_OUTSIDE].mac, c.port[ESL_OUTSIDE].cluster_mac, ESL_MAC_LEN);
	if (world_identity(obj, &c) || world_live(obj, ~0ULL, 0) || world_sa_in(obj, SPI, &sa) ||
	    world_sa_in6(obj, SPI, &sa) || bpf_map_lookup_elem(live_fd, &zero, &live))
		return -1;
	memcpy(live.table[0].active, others, sizeof(others));
	live.table[0].active_bits = 1 << 1 | 1 << 2 | 1 << 3;
	live.table[0].active_count = OTHERS_MEMBERS;
	live.table[0].marker_mask = 15;
	for (__u32 i = 0; i < POLICIES; i++)
		if (add_policy(policies, IP(10, 20 + i % 7, i, 0), 1))
			return -1;
	return add_policy(policies, REMOTE & ~255U, 1);
}

static __u32 reason_of(const struct bench_case *c)
{
	if (c->in.natt)
		return ESL_FOREIGN_NATT;
	switch (c->in.protocol) {
	case ESL_IPPROTO_ESP:
		return c->owned ? ESL_OWNED_ESP : ESL_FOREIGN_ESP;
	case ESL_IPPROTO_AH:
		return ESL_FOREIGN_AH;
	default:
		return c->owned ? ESL_OWNED_PLAIN : ESL_FOREIGN_PLAIN;
	}
}

/* A marker would be one at every repeat; and the flow's slot must be the packet's member's. */
static bool is_unfit(const struct bench_case *c, const struct frame *f)
{
	struct esl_packet p;
	__u64 packet, flow;

	if (!c->in.sport || c->in.natt || world_read(f, &p))
		return false;
	packet = esl_hash_packet(&live.key, &p);
	flow = esl_hash_flow(&live.key, &p);
	return esl_is_marker(&live.table[0], packet) || esl_is_marker(&live.table[0], flow) ||
	       esl_hash_slot(flow) % 2 != (c->owned ? MEMBER : OTHER_MEMBER);
}

static void setup_packet(struct bench_case *c, int fd)
{
	struct frame_spec s = c->in;

	frame_build(&c->frame, &s);
	s.payload = (__u16)(FRAME_LEN - c->frame.len);
	do {
		s.sport += s.sport && !s.natt;
		world_aim(&s, c->owned ? MEMBER : OTHER_MEMBER);
		frame_build(&c->frame, &s);
	} while (is_unfit(c, &c->frame));
	c->fd = fd;
	c->reason = reason_of(c);
	c->expected = c->owned ? XDP_PASS : XDP_DROP;
}

/*
 * The dispatcher of libxdp, loaded plainly.  Its one slot is empty, and an
 * empty slot answers 31, so that it leaves as with a program that drops: after
 * the first call.  What is missing is the trampoline's jump into the attached
 * program, which this way cannot measure.
 */
static struct bpf_object *open_dispatcher(void)
{
	struct xdp_dispatcher_config conf = {
		.magic = XDP_DISPATCHER_MAGIC,
		.dispatcher_version = XDP_DISPATCHER_VERSION,
		.num_progs_enabled = 1,
		.chain_call_actions[0] = 1U << XDP_PASS,
	};
	struct bpf_object *obj = bpf_object__open_file(DISPATCHER_OBJECT, NULL);
	struct bpf_map *map;
	int err = 0;

	if (!obj)
		return NULL;
	bpf_object__for_each_map(map, obj)
		if (strstr(bpf_map__name(map), ".rodata"))
			err |= bpf_map__set_initial_value(map, &conf, sizeof(conf));
	if (!err && !bpf_object__load(obj))
		return obj;
	fprintf(stderr, "%s does not load\n", DISPATCHER_OBJECT);
	bpf_object__close(obj);
	return NULL;
}

static int setup(struct espalier_bpf *obj, struct drop_bpf *drop, struct bpf_object *dispatcher)
{
	int fd = bpf_program__fd(obj->progs.espalier_xdp);

	if (setup_world(obj))
		return -1;
	for (int i = FIRST; i < CASES; i++)
		setup_packet(&cases[i], fd);
	cases[DROP].fd = bpf_program__fd(drop->progs.bench_drop);
	cases[DROP].expected = XDP_DROP;
	cases[DROP].frame = cases[FIRST].frame;
	cases[DISPATCHER].fd =
		bpf_program__fd(bpf_object__find_program_by_name(dispatcher, "xdp_dispatcher"));
	cases[DISPATCHER].expected = XDP_DISPATCHER_RETVAL;
	cases[DISPATCHER].frame = cases[FIRST].frame;
	for (int i = 0; i < CASES; i++) {
		/* The first run also warms the caches. */
		if (measure(&cases[i]) < 0 || check_path(obj, &cases[i]))
			return -1;
	}
	return 0;
}

/* One round of a case. Returns 1 where it counts, 0 where not, negative on error. */
static int run_round(struct bench_case *c, double *probe)
{
	double before = *probe, between, drop, ns;

	drop = measure(&cases[DROP]);
	between = bench_probe();
	ns = measure(c);
	*probe = bench_probe();
	if (drop < 0 || ns < 0)
		return -1;
	if (before > BENCH_PROBE_MAX || between > BENCH_PROBE_MAX || *probe > BENCH_PROBE_MAX)
		return 0;
	c->round[c->rounds++] = (struct bench_round){ .ns = ns, .drop = drop };
	return 1;
}

/* Until every case has rounds rounds, or for a while. */
static int run_rounds(int rounds)
{
	double probe = bench_probe();
	time_t begin = time(NULL);
	int missing;

	do {
		missing = 0;
		for (int i = DROP + 1; i < CASES; i++) {
			if (cases[i].rounds >= rounds)
				continue;
			if (run_round(&cases[i], &probe) < 0)
				return -1;
			missing += cases[i].rounds < rounds;
		}
	} while (missing && time(NULL) - begin < LOAD_S);
	return 0;
}

/* One load of all objects, and its rounds. */
static int run_load(int load)
{
	struct espalier_bpf *obj = world_open();
	struct drop_bpf *drop = drop_bpf__open_and_load();
	struct bpf_object *dispatcher = open_dispatcher();
	int err = !obj || !drop || !dispatcher || setup(obj, drop, dispatcher) || run_rounds((load + 1) * ROUNDS);

	bpf_object__close(dispatcher);
	drop_bpf__destroy(drop);
	espalier_bpf__destroy(obj);
	return err;
}

int main(int argc, char **argv)
{
	int missed;

	for (int load = 0; load < LOADS; load++) {
		if (run_load(load)) {
			fprintf(stderr, "bench: could not measure\n");
			printf("bench: 0 passed, 1 failed\n");
			return 1;
		}
	}
	printf("at most %d rounds of %d packets, %d loads\n", LOADS * ROUNDS, REPEAT, LOADS);
	missed = bench_report(cases, CASES);
	if (bench_write_json(argc > 1 ? argv[1] : "build/bench/dispatch.json", cases, CASES))
		missed++;
	return missed ? 1 : 0;
}
