// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What a packet costs in XDP, in nanoseconds over a bare XDP_DROP.
 *
 * The machine is shared: a neighbour on the same core halves its speed for
 * seconds.  So the cases take turns in short rounds, each between two runs of
 * the bare drop, and the lower quartile of a case's rounds is compared with
 * that of the drop's; report.c says why.  The median of the differences within
 * each round is printed beside it.
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

#define LOADS 8
#define ROUNDS 32		/* of each load */
#define REPEAT 30000
#define FRAME_LEN 1460
#define LIMIT_NS 8.0
#define SPI 0x1001

enum { DROP, FOREIGN_ESP, FOREIGN_PLAIN, OWNED_PLAIN, OWNED_ESP, DISPATCHER, CASES };

static struct bench_case cases[CASES] = {
	[DROP] = { "xdp_drop_ns", "bare XDP_DROP: the harness itself" },
	[FOREIGN_ESP] = { "foreign_esp_ns", "ESP of another member, dropped", .limit_ns = LIMIT_NS },
	[FOREIGN_PLAIN] = { "foreign_plain_ns", "plain packet of another member, dropped",
			    .limit_ns = LIMIT_NS },
	[OWNED_PLAIN] = { "owned_plain_ns", "own plain packet, passed" },
	[OWNED_ESP] = { "owned_esp_ns", "own ESP packet, passed" },
	[DISPATCHER] = { "dispatcher_ns", "libxdp's dispatcher alone, one program" },
};

static double thread_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

/* One measurement: nanoseconds per packet, negative on error. */
static double measure(struct bench_case *c)
{
	LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = c->frame.byte, .data_size_in = c->frame.len,
		    .repeat = REPEAT);
	double before = thread_ns();

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
	struct esl_count counts[ESL_CPUS_MAX] = {};
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

static int setup_world(struct espalier_bpf *obj)
{
	struct esl_config c = world_config_of(DOOR_OUTSIDE);
	struct esl_sa_in sa = { .index = 3, .floor_set = 1, .floor = 10 };

	memcpy(c.port[ESL_OUTSIDE].mac, c.port[ESL_OUTSIDE].cluster_mac, ESL_MAC_LEN);
	if (world_identity(obj, &c))
		return -1;
	return world_live(obj, ~0ULL, 0) || world_sa_in(obj, SPI, &sa) ? -1 : 0;
}

static void setup_packet(struct bench_case *c, int fd, __u8 protocol, __u32 member, __u32 reason)
{
	struct frame_spec s = { .protocol = protocol, .spi = SPI, .seq = 1000, .id = 7, .sport = 4242,
				.dport = 5001 };

	if (protocol != ESL_IPPROTO_ESP) {
		s.saddr = CLIENT;
		s.daddr = REMOTE;
	}
	frame_build_len(&c->frame, &s, FRAME_LEN);
	s.payload = c->frame.len - ESL_ETH_LEN - 20 - (protocol == ESL_IPPROTO_ESP ? 8 : 20);
	world_aim(&s, member);
	frame_build(&c->frame, &s);
	c->fd = fd;
	c->reason = reason;
	c->expected = member == MEMBER ? XDP_PASS : XDP_DROP;
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
	setup_packet(&cases[FOREIGN_ESP], fd, ESL_IPPROTO_ESP, OTHER_MEMBER, ESL_FOREIGN_ESP);
	setup_packet(&cases[FOREIGN_PLAIN], fd, ESL_IPPROTO_TCP, OTHER_MEMBER, ESL_FOREIGN_PLAIN);
	setup_packet(&cases[OWNED_PLAIN], fd, ESL_IPPROTO_TCP, MEMBER, ESL_OWNED_PLAIN);
	setup_packet(&cases[OWNED_ESP], fd, ESL_IPPROTO_ESP, MEMBER, ESL_OWNED_ESP);
	cases[DROP].fd = bpf_program__fd(drop->progs.bench_drop);
	cases[DROP].expected = XDP_DROP;
	cases[DROP].frame = cases[FOREIGN_ESP].frame;
	cases[DISPATCHER].fd =
		bpf_program__fd(bpf_object__find_program_by_name(dispatcher, "xdp_dispatcher"));
	cases[DISPATCHER].expected = XDP_DISPATCHER_RETVAL;
	cases[DISPATCHER].frame = cases[FOREIGN_ESP].frame;
	for (int i = 0; i < CASES; i++) {
		/* The first run also warms the caches. */
		if (measure(&cases[i]) < 0 || check_path(obj, &cases[i]))
			return -1;
	}
	return 0;
}

static int run_rounds(int first)
{
	double drop = measure(&cases[DROP]);

	for (int round = first; round < first + ROUNDS; round++) {
		for (int i = DROP + 1; i < CASES; i++) {
			double ns = measure(&cases[i]);
			double after = measure(&cases[DROP]);

			if (ns < 0 || after < 0 || drop < 0)
				return -1;
			cases[i].round[round] = (struct bench_round){
				.ns = ns,
				.over = ns - (drop + after) / 2,
				.drop = (drop + after) / 2,
			};
			drop = after;
		}
		/* One of the neighbours' rounds stands for the drop itself. */
		cases[DROP].round[round] = cases[FOREIGN_ESP].round[round];
		cases[DROP].round[round].ns = cases[DROP].round[round].drop;
		cases[DROP].round[round].over = 0;
	}
	return 0;
}

/* One load of all objects, and its rounds. */
static int run_load(int load)
{
	struct espalier_bpf *obj = world_open();
	struct drop_bpf *drop = drop_bpf__open_and_load();
	struct bpf_object *dispatcher = open_dispatcher();
	int err = !obj || !drop || !dispatcher || setup(obj, drop, dispatcher) || run_rounds(load * ROUNDS);

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
	printf("%d rounds of %d packets, %d loads\n", LOADS * ROUNDS, REPEAT, LOADS);
	missed = bench_report(cases, CASES, LOADS * ROUNDS);
	if (bench_write_json(argc > 1 ? argv[1] : "build/bench/dispatch.json", cases, CASES, LOADS * ROUNDS))
		missed++;
	return missed ? 1 : 0;
}
