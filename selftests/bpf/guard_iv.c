// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The guard and IVs: probes tell their salt and never leave, and no number leaves
 * under a salt that the agent did not let in. */
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <string.h>

#include "drive.h"
#include "espalier.skel.h"
#include "guard_frames.h"
#include "guarded.h"

#define SALT 0x8877665544332211ULL
#define OTHER_SALT (SALT ^ 1ULL << 63)

#define MORE 0x2000

struct iv_row {
	const char *name;
	struct frame_spec in;
	struct expected out;
	__u64 salt;		/* of the frame's IV */
	__u64 audit;
	bool probe;
	bool silent;
	bool esn;		/* the bound, and so the number, lies in the 6th 2^32 */
	bool told;		/* an event with this salt */
	int reason;		/* of the event */
};

#define TOLD(r) .told = true, .reason = ESL_##r

static const struct iv_row rows[] = {
	{ "iv: nothing asked", { ESP(1) }, GO(G_PASS), OTHER_SALT, ESL_AUDIT_NONE },
	{ "iv: its salt", { ESP(1) }, GO(G_PASS), SALT, ESL_AUDIT_SALT },
	{ "iv: its salt at another number", { ESP(193) }, GO(G_PASS), SALT, ESL_AUDIT_SALT },
	{ "iv: its salt, one tag", { ESP(1), .tags = 1 }, GO(G_PASS), SALT, ESL_AUDIT_SALT },
	{ "iv: its salt, NATT", { NATT(1) }, GO(G_PASS), SALT, ESL_AUDIT_SALT },
	{ "iv: its salt, IPv6", { V6, ESP(1) }, GO(G_PASS), SALT, ESL_AUDIT_SALT },
	{ "iv: its salt, IPv6 behind a chain", { V6, ESP(1), .chain = "HDR" }, GO(G_PASS), SALT, ESL_AUDIT_SALT },
	{ "iv: its salt, ESN above 2^32", { ESP(65) }, GO(G_PASS), SALT, ESL_AUDIT_SALT, .esn = true },
	{ "iv: its salt, another lane", { ESP(65) }, SHOT(G_LANE), SALT, ESL_AUDIT_SALT },
	{ "iv: its salt, first fragment", { ESP(1), .frag = MORE, .id = 7 }, GO(G_PASS), SALT, ESL_AUDIT_SALT },
	{ "iv: another salt", { ESP(1) }, SHOT(G_IV), OTHER_SALT, ESL_AUDIT_SALT, TOLD(G_IV) },
	{ "iv: another salt, its lowest bit", { ESP(1) }, SHOT(G_IV), SALT ^ 1, ESL_AUDIT_SALT, TOLD(G_IV) },
	{ "iv: another salt, first fragment", { ESP(1), .frag = MORE, .id = 8 }, SHOT(G_IV), OTHER_SALT, ESL_AUDIT_SALT, TOLD(G_IV) },
	{ "iv: another salt, NATT", { NATT(1) }, SHOT(G_IV), OTHER_SALT, ESL_AUDIT_SALT, TOLD(G_IV) },
	{ "iv: another salt, silent", { ESP(1) }, SHOT(G_DEADLINE), OTHER_SALT, ESL_AUDIT_SALT, .silent = true },
	{ "iv: too short for an IV", { ESP(1), .payload = 7 }, SHOT(G_IV), 0, ESL_AUDIT_SALT },
	{ "iv: too short for an IV, nothing asked", { ESP(1), .payload = 7 }, GO(G_PASS), 0, ESL_AUDIT_NONE },
	{ "iv: closed", { ESP(1) }, SHOT(G_IV), SALT, ESL_AUDIT_CLOSED, TOLD(G_IV) },
	{ "iv: closed, another lane", { ESP(65) }, SHOT(G_IV), SALT, ESL_AUDIT_CLOSED, TOLD(G_IV) },
	{ "iv: closed, silent", { ESP(1) }, SHOT(G_DEADLINE), SALT, ESL_AUDIT_CLOSED, .silent = true },

	{ "probe: before its SA is open", { ESP(1) }, SHOT(G_PROBE), OTHER_SALT, ESL_AUDIT_CLOSED, .probe = true, TOLD(G_PROBE) },
	{ "probe: of an open SA", { ESP(1) }, SHOT(G_PROBE), SALT, ESL_AUDIT_SALT, .probe = true, TOLD(G_PROBE) },
	{ "probe: nothing asked", { ESP(1) }, SHOT(G_PROBE), SALT, ESL_AUDIT_NONE, .probe = true, TOLD(G_PROBE) },
	{ "probe: while silent", { ESP(1) }, SHOT(G_PROBE), SALT, ESL_AUDIT_CLOSED, .probe = true, .silent = true, TOLD(G_PROBE) },
	{ "probe: NATT", { NATT(1) }, SHOT(G_PROBE), SALT, ESL_AUDIT_CLOSED, .probe = true, TOLD(G_PROBE) },
	{ "probe: IPv6", { V6, ESP(1) }, SHOT(G_PROBE), SALT, ESL_AUDIT_CLOSED, .probe = true, TOLD(G_PROBE) },
	{ "probe: IPv6, two tags", { V6, ESP(1), .tags = 2 }, SHOT(G_PROBE), SALT, ESL_AUDIT_CLOSED, .probe = true, TOLD(G_PROBE) },
	{ "probe: ESN above 2^32", { ESP(1) }, SHOT(G_PROBE), SALT, ESL_AUDIT_CLOSED, .probe = true, .esn = true, TOLD(G_PROBE) },
	{ "probe: beyond the bound", { ESP(385) }, SHOT(G_PROBE), SALT, ESL_AUDIT_CLOSED, .probe = true, TOLD(G_PROBE) },
	{ "probe: unknown SPI", { ESP(1), .spi = 0xbad }, SHOT(G_PROBE), SALT, ESL_AUDIT_NONE, .probe = true },
	{ "probe: too short for an IV", { ESP(1), .payload = 7 }, SHOT(G_PROBE), 0, ESL_AUDIT_CLOSED, .probe = true },
	{ "probe: as a fragment", { ESP(1), .frag = MORE, .id = 9 }, SHOT(G_PROBE), SALT, ESL_AUDIT_NONE, .probe = true },
	{ "probe: as a later fragment", { ESP(1), .frag = 9, .id = 7 }, SHOT(G_PROBE), SALT, ESL_AUDIT_NONE, .probe = true },
	{ "probe: not encrypted", { TO_PEER, .protocol = ESL_IPPROTO_UDP, .sport = 53, .dport = 53, .payload = 40 }, SHOT(G_PROBE), SALT, ESL_AUDIT_NONE, .probe = true },
	{ "probe: of somebody else's address", { ESP(1), .saddr = OWN_OUT }, NOT_OURS, SALT, ESL_AUDIT_CLOSED, .probe = true },
};

struct heard {
	int count;
	struct esl_event last;
};

static int hear(void *arg, void *data, size_t size)
{
	struct heard *h = arg;

	if (size != sizeof(h->last))
		return -1;
	h->last = *(struct esl_event *)data;
	h->count += h->last.kind == ESL_EVENT_SALT;
	return 0;
}

/* Where the IV lies is written down here once more: 8 bytes behind the SPI. */
static void put_iv(struct frame *f, const struct iv_row *r)
{
	__u32 at = r->in.chain ? f->len - r->in.payload : frame_l3(f) + (r->in.type ? 40 : 20) + (r->in.natt ? 16 : 8);
	__u64 iv = r->salt ^ (r->in.seq | (r->esn ? 5ULL << 32 : 0));

	for (int i = 0; i < 8; i++, at++)
		if (at < f->len)
			f->byte[at] = (__u8)(iv >> (56 - 8 * i));
}

static void prepare(struct drive *d, const struct iv_row *r)
{
	struct esl_guard g;

	guarded_reset(d);
	guarded_esn(d, r->esn);
	g = guarded_read(d, G_INDEX);
	g.bound += r->esn ? 5ULL << 32 : 0;
	g.audit = r->audit;
	g.salt = SALT;
	guarded_write(d, G_INDEX, &g);
}

static void one(struct drive *d, const struct iv_row *r, struct ring_buffer *rb, struct heard *h)
{
	struct __sk_buff ctx = { .priority = r->probe ? ESL_PROBE_PRIORITY : 0 };
	struct esl_guard before, after;
	struct frame in;
	bool left = r->out.reason == ESL_G_PASS;

	world_slots(d->obj, OTHERS, r->silent ? 1 : ~0ULL, 0);
	prepare(d, r);
	frame_build(&in, &r->in);
	put_iv(&in, r);
	ring_buffer__consume(rb);
	*h = (struct heard){};
	before = guarded_read(d, G_INDEX);
	expect_tc(d, r->name, &in, &ctx, &r->out);
	after = guarded_read(d, G_INDEX);
	ring_buffer__consume(rb);
	row(d, r->name, h->count == r->told && (!r->told || (h->last.seq == r->salt && h->last.index == G_INDEX &&
							    h->last.reason == r->reason)),
	    "told %d times, the last: salt %llx, %s", h->count, (unsigned long long)h->last.seq,
	    reason_name(h->last.reason));
	row(d, r->name, left == !!memcmp(before.word, after.word, sizeof(before.word)),
	    "a number %s marked as left", left ? "was not" : "was");
}

void test_guard_iv(struct drive *d)
{
	struct heard h = {};
	struct ring_buffer *rb = ring_buffer__new(bpf_map__fd(d->obj->maps.espalier_events), hear, &h, NULL);

	if (!row(d, "iv: ring buffer", rb != NULL, "cannot be opened"))
		return;
	world_config(d->obj, DOOR_OUTSIDE);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		one(d, &rows[i], rb, &h);
	ring_buffer__free(rb);
}
