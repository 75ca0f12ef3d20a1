// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A peer that changes its address, and the outbound SA with it (MOBIKE): deleted and added again
 * with the same SPI and key.
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <stdio.h>
#include <string.h>

#include "edges.h"

#define HOME 0xc0000202U
#define ROUND 5		/* that another member announces */

static void hello_for(struct agent *a, int rounds)
{
	for (int i = 0; i < rounds; i++) {
		sadb_hello(a);
		edges_run(a, 100 * MS);
	}
}

static struct kernel_sa at(__u32 address)
{
	struct kernel_sa k = *edges_kernel(0, true);

	k.key.daddr = esl_addr_from_ipv4(htonl(address));
	return k;
}

static struct sa *known(struct agent *a, __u32 address)
{
	struct kernel_sa k = at(address);

	return sadb_find(a->sadb, &k.key);
}

static void move(struct agent *a, __u32 from, __u32 to, bool down)
{
	struct kernel_sa k = at(from);

	edges_draw++;
	*edges_kernel(0, true) = at(to);
	if (down) {
		edges_restart(a);
		return;
	}
	edges_tell(XFRM_GONE, &k);
	edges_tell(XFRM_PRESENT, edges_kernel(0, true));
}

static void begin(struct agent *a)
{
	memset(a, 0, sizeof(*a));
	edges_fill(1);
	edges_agent(a);
	hello_for(a, 10);
}

/* It may send: its salt is known, the guard's, and told by the guard to this address. */
static bool is_open(struct agent *a, __u32 address)
{
	const struct sa *sa = known(a, address);
	const struct esl_guard *g = guard_of(a, sa);

	return sa->recorded && sa->lanes.started && sa->silent == REJOIN_OPEN && a->sadb->out[sa->index] == sa &&
	       sa->audit->book.state == SALT_CHECKED && g->audit == ESL_AUDIT_SALT && g->salt == sa->audit->book.own;
}

/* The peer is at HOME, at HOME + 1 and so on; each digit is where it goes to. r: the agent starts
 * again; R: it is down while the peer moves. */
static const struct {
	const char *name, *way;
} ways[] = {
	{ "moves, away", "1" },
	{ "moves, and back", "10" },
	{ "moves, back and away", "101" },
	{ "moves, a third address", "1020" },
	{ "moves, on and on", "1210201" },
	{ "moves, a restart away", "1r" },
	{ "moves, restart, then back", "1r0" },
	{ "moves, restarts all along", "1r0r1r2r0" },
	{ "moves, while it is down", "R1" },
	{ "moves, back while down", "1R0R2" },
};

static void row(const char *name, const char *way)
{
	static struct agent a;
	__u32 is = HOME, index, closed = 0, forgot = 0, apart = 0, books = 0, moves = 0, restarts = 0;
	__u64 round = 0;
	bool down;

	begin(&a);
	index = known(&a, is)->index;
	for (__u64 n = 1; *way; way++, n++) {
		__u32 was = is;
		struct announced_round r = { known(&a, is)->key, known(&a, is)->lanes.plan, n * ROUND };

		sadb_announced(&a, 1, &r, false);
		hello_for(&a, 10);
		if (*way == 'r') {
			edges_restart(&a);
			restarts++;
			hello_for(&a, 20);
			closed += !is_open(&a, is);
			continue;
		}
		down = *way == 'R';
		way += down;
		restarts += down;
		is = HOME + (__u32)(*way - '0');
		move(&a, was, is, down);
		moves++;
		/* One that has not moved yet. */
		r.round++;
		sadb_announced(&a, 1, &r, false);
		hello_for(&a, 20);
		closed += !is_open(&a, is);
		forgot += known(&a, is)->rejoin.heard[1] <= r.round;
		apart += known(&a, is)->index != index;
		/* All that were used under the key, but for what only others remember after a restart. */
		books += known(&a, is)->audit->book.count < (restarts ? 2 : moves + 1);
		closed += known(&a, is)->lanes.round < round;
		round = known(&a, is)->lanes.round;
	}
	judge(name, "not open there", closed, 0, "moves");
	judge(name, "rounds forgotten", forgot, 0, "moves");
	judge(name, "with another guard", apart, 0, "moves");
	judge(name, "salts forgotten", books, 0, "moves");
	judge(name, "held", (double)a.sadb->held, 0, "SAs");
	edges_stop(&a);
}

/* Keys that nobody has, until the map is full; each is freed by its number. */
static struct esl_sa_key filler(__u32 i)
{
	return (struct esl_sa_key){ .spi = 0x40000000 + i, .protocol = ESL_IPPROTO_ESP };
}

static void full_row(void)
{
	static const char name[] = "moves, maps full";
	struct esl_sa_out out = {};
	struct esl_sa_key key;
	static struct agent a;
	__u32 end;

	begin(&a);
	end = a.sadb->out_end;
	for (__u32 i = 0; i < ESL_SA_MAX; i++) {
		key = filler(i);
		if (bpf_map_update_elem(a.pins.sa_out, &key, &out, BPF_ANY))
			break;
	}
	move(&a, HOME, HOME + 1, false);
	hello_for(&a, 10);
	judge(name, "open without a record", known(&a, HOME + 1)->recorded, 0, "SAs");
	key = filler(0);
	judge(name, "not made room", bpf_map_delete_elem(a.pins.sa_out, &key), 0, "maps");
	sadb_open(&a);
	hello_for(&a, 10);
	judge(name, "with another guard", known(&a, HOME + 1)->index != known(&a, HOME)->index, 0, "SAs");
	judge(name, "guards more", (double)a.sadb->out_end - end, 0, "guards");
	judge(name, "not open there", !is_open(&a, HOME + 1), 0, "SAs");
	edges_stop(&a);
}

void moves_rows(void)
{
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		row(ways[i].name, ways[i].way);
	full_row();
}
