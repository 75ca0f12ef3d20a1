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

/* The records of one SPI share the guard's words: rows use one at a time. */
static void add(struct drive *d, __u32 spi, const struct esl_sa_out *sa)
{
	int fd = bpf_map__fd(d->obj->maps.espalier_sa_out);
	struct esl_sa_key key = { .spi = spi };

	for (int i = 0; i < 4; i++) {
		key.daddr = i & 1 ? world_addr6(PEER) : esl_addr_from_ipv4(htonl(PEER));
		key.protocol = i & 2 ? ESL_IPPROTO_AH : ESL_IPPROTO_ESP;
		bpf_map_update_elem(fd, &key, sa, BPF_ANY);
	}
}

void guarded_reset(struct drive *d)
{
	struct esl_sa_key esp_only = { esl_addr_from_ipv4(htonl(PEER)), G_SPI_ESP, ESL_IPPROTO_ESP };

	for (size_t i = 0; i < sizeof(sas) / sizeof(sas[0]); i++) {
		struct esl_guard g = {};

		esl_guard_init(&g, &sas[i].sa.lanes, sas[i].sa.lane, 1);
		g.bound = sas[i].bound;
		guarded_write(d, sas[i].sa.index, &g);
		add(d, sas[i].spi, &sas[i].sa);
	}
	bpf_map_update_elem(bpf_map__fd(d->obj->maps.espalier_sa_out), &esp_only, &sas[0].sa, BPF_ANY);
}

void guarded_esn(struct drive *d, bool esn)
{
	for (size_t i = 0; i < sizeof(sas) / sizeof(sas[0]); i++) {
		struct esl_sa_out sa = sas[i].sa;

		sa.esn = esn;
		add(d, sas[i].spi, &sa);
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
	struct expected e = { action, reason, NULL, NULL };
	struct frame f;

	frame_build(&f, &s);
	expect_tc(d, name, &f, &ctx, &e);
}
