// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdio.h>
#include <string.h>

#include "drive.h"
#include "espalier.skel.h"
#include "guarded.h"

static const struct {
	__u32 spi;
	struct esl_sa_out sa;
	__u64 bound;
} sas[] = {
	{ G_SPI, { .index = G_INDEX, .lane = 0, .lanes = { .lanes = 3, .block_shift = 6 } }, 256 },
	{ G_SPI_WIDE, { .index = G_INDEX_WIDE, .lane = 0, .lanes = { .lanes = 1, .block_shift = 16 } }, 1024 },
};

void guarded_reset(struct drive *d)
{
	for (size_t i = 0; i < sizeof(sas) / sizeof(sas[0]); i++) {
		struct esl_sa_key key = { .daddr = esl_addr_from_ipv4(htonl(PEER)), .spi = sas[i].spi,
					  .protocol = ESL_IPPROTO_ESP };
		struct esl_guard g = {};

		esl_guard_init(&g, &sas[i].sa.lanes, sas[i].sa.lane, 1);
		g.bound = sas[i].bound;
		bpf_map_update_elem(bpf_map__fd(d->obj->maps.espalier_guard), &sas[i].sa.index, &g,
				    BPF_ANY);
		bpf_map_update_elem(bpf_map__fd(d->obj->maps.espalier_sa_out), &key, &sas[i].sa, BPF_ANY);
	}
}

struct esl_guard guarded_read(struct drive *d, __u32 index)
{
	struct esl_guard g = {};

	bpf_map_lookup_elem(bpf_map__fd(d->obj->maps.espalier_guard), &index, &g);
	return g;
}

void guarded_write(struct drive *d, __u32 index, const struct esl_guard *g)
{
	bpf_map_update_elem(bpf_map__fd(d->obj->maps.espalier_guard), &index, g, BPF_ANY);
}

void guarded_bound(struct drive *d, __u32 index, __u64 bound, __u64 first)
{
	struct esl_guard g = guarded_read(d, index);

	g.bound = bound;
	g.first = first;
	guarded_write(d, index, &g);
}

void guarded_send(struct drive *d, const char *name, __u32 spi, __u32 seq, __u32 segs, __u32 action,
		  int reason)
{
	struct frame_spec s = { .dst = MAC_PEER, .saddr = OUTSIDE_ADDR, .daddr = PEER, .spi = spi, .seq = seq,
				.protocol = ESL_IPPROTO_ESP, .payload = 40 };
	struct __sk_buff ctx = { .gso_segs = segs, .gso_size = segs ? 100 : 0 };
	struct expected e = { action, reason, NULL };
	struct frame f;

	frame_build(&f, &s);
	expect_tc(d, name, &f, &ctx, &e);
}
