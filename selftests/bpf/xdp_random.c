// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Every kind of packet with bytes changed at random and cut anywhere: the
 * program says what the headers say in memory, and what is not all there never
 * passes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drive.h"
#include "selftests/dispatch/member.h"
#include "selftests/unit/kinds.h"
#include "selftests/unit/rand.h"

#define FRAMES 20000
#define SPI_KNOWN 0x1001

static void spoil(struct packet *p, __u64 *state)
{
	for (__u32 i = rand_below(state, 4); i; i--)
		p->byte[12 + rand_below(state, p->len - 12)] ^= (__u8)(1 << rand_below(state, 8));
	if (!rand_below(state, 4))
		p->len = ESL_ETH_LEN + rand_below(state, p->len - ESL_ETH_LEN);
}

static bool is_whole(const struct packet *packet)
{
	const __u8 *l3;
	struct esl_packet p;
	__be16 type;

	l3 = esl_find_l3((const void *)packet->byte, packet->byte + packet->len, &type);
	return l3 && !packet_read(packet->byte, packet->len, &p) && l3 + p.len <= packet->byte + packet->len;
}

/* What a member on whose cluster MAC the packet comes says; its SAs are not
 * looked at. */
static int expected_reason(struct member *m, enum esl_role role, const struct packet *packet)
{
	int reason = member_decide(m, role, packet);

	return reason_takes(reason) && !is_whole(packet) ? ESL_SHORT_FRAME : reason;
}

static bool is_arp(const struct packet *packet)
{
	__be16 type;

	return esl_find_l3((const void *)packet->byte, packet->byte + packet->len, &type) &&
	       type == htons(ESL_ETHERTYPE_ARP);
}

static bool agrees(const struct outcome *o, int want)
{
	enum esl_verdict verdict = reason_verdict(o->reason);

	if (o->action != (verdict == ESL_STACK || verdict == ESL_OWN ? XDP_PASS : XDP_DROP))
		return false;
	if (o->reason == ESL_SA_UNKNOWN)
		return want == ESL_OWNED_ESP || want == ESL_OWNED_AH || want == ESL_OWNED_NATT;
	return o->reason == want;
}

static bool throw_frames(struct drive *d, struct member *m, enum esl_role role, __u64 *state, __u32 *id,
			 char *why)
{
	static struct outcome o;
	char what[WHY_MAX];

	for (__u32 i = 0; i < FRAMES / 4; i++) {
		const struct kind_row *k = &kind_rows[rand_below(state, (__u32)kind_count)];
		struct packet_spec s = k->spec;
		struct packet p;
		struct frame f;
		int want;

		/* No fragment meets what another one left. */
		s.id = ++*id;
		s.seq = (__u32)rand64(state);
		packet_build(&p, &s);
		spoil(&p, state);
		if (is_arp(&p))
			continue;
		want = expected_reason(m, role, &p);
		frame_of_packet(&f, &p, role == ESL_OUTSIDE ? MAC_CLUSTER_OUT : MAC_CLUSTER_IN, NULL);
		if (!run_xdp(d, &f, &o, what)) {
			snprintf(why, WHY_MAX, "frame %u: %.200s", i, what);
			return false;
		}
		if (agrees(&o, want))
			continue;
		snprintf(why, WHY_MAX, "frame %u, %s: program %s, action %u, memory %s", i, k->name,
			 reason_name(o.reason), o.action, reason_name(want));
		return false;
	}
	return true;
}

void test_xdp_random(struct drive *d)
{
	static const struct esl_sa_in sa = { .index = 1 };
	__u64 state = 17;
	__u32 id = 0;

	world_sa_all(d->obj, SPI_KNOWN, &sa);
	for (int i = 0; i < 4; i++) {
		struct member *all = members_make(2, ESL_SCHEME_PACKET_HASH, 16);
		enum esl_role role = i & 1 ? ESL_OUTSIDE : ESL_INSIDE;
		char name[96], why[WHY_MAX] = "no memory";
		bool ok = false;

		if (all) {
			world_join(&all[i / 2].config, role == ESL_OUTSIDE ? DOOR_OUTSIDE : DOOR_INSIDE);
			world_write_config(d->obj, &all[i / 2].config);
			ok = throw_frames(d, &all[i / 2], role, &state, &id, why);
		}
		snprintf(name, sizeof(name), "%d random frames, %s, %s", FRAMES / 4, i & 1 ? "outside" : "inside",
			 i / 2 ? "other member" : "leader");
		row(d, name, ok, "%s", why);
		members_free(all, 2);
	}
}
