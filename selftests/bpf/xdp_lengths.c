// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Frames cut at every byte, and every value of the length fields: the program
 * must read nothing that is not there, and believe no field. */
#include <linux/bpf.h>
#include <stdio.h>

#include "drive.h"
#include "selftests/unit/kinds.h"

#define SPI_KNOWN 0x1001

struct edge {
	__u32 upto;		/* for lengths below this */
	int reason;
};

struct sweep {
	const char *name;
	struct frame_spec in;
	bool of_claim;		/* sweep the length field, else the frame's length */
	__u32 from;
	struct edge edge[6];	/* the last one has upto 0: up to the whole frame */
};

#define CUT false, ESL_ETH_LEN
#define CLAIM true, 1
#define V6 .type = ESL_ETHERTYPE_IPV6
#define ESP .protocol = ESL_IPPROTO_ESP, .spi = SPI_KNOWN
#define AH .protocol = ESL_IPPROTO_AH, .spi = SPI_KNOWN
#define UDP(p) .protocol = ESL_IPPROTO_UDP, .sport = p, .dport = p
#define NATT UDP(4500), .natt = true, .spi = SPI_KNOWN

/* At the leader, who owns all slots. */
static const struct sweep sweeps[] = {
	{ "ESP, cut at", { ESP, .payload = 40 }, CUT, { { 34, ESL_SHORT_FRAME }, { 42, ESL_BAD_ESP }, { 82, ESL_SHORT_FRAME }, { 0, ESL_OWNED_ESP } } },
	{ "ESP behind options, cut at", { ESP, .ihl = 9 }, CUT, { { 34, ESL_SHORT_FRAME }, { 58, ESL_BAD_ESP }, { 0, ESL_OWNED_ESP } } },
	{ "ESP with two tags, cut at", { ESP, .tags = 2, .payload = 9 }, CUT, { { 42, ESL_SHORT_FRAME }, { 50, ESL_BAD_ESP }, { 59, ESL_SHORT_FRAME }, { 0, ESL_OWNED_ESP } } },
	{ "ESP, total length", { ESP, .payload = 12 }, CLAIM, { { 20, ESL_BAD_IP }, { 28, ESL_BAD_ESP }, { 41, ESL_OWNED_ESP }, { 0, ESL_SHORT_FRAME } } },
	{ "AH, cut at", { AH, .payload = 40 }, CUT, { { 34, ESL_SHORT_FRAME }, { 46, ESL_BAD_AH }, { 86, ESL_SHORT_FRAME }, { 0, ESL_OWNED_AH } } },
	{ "AH, total length", { AH, .payload = 12 }, CLAIM, { { 20, ESL_BAD_IP }, { 32, ESL_BAD_AH }, { 45, ESL_OWNED_AH }, { 0, ESL_SHORT_FRAME } } },
	{ "NATT, cut at", { NATT, .payload = 40 }, CUT, { { 34, ESL_SHORT_FRAME }, { 46, ESL_BAD_UDP }, { 50, ESL_BAD_ESP }, { 90, ESL_SHORT_FRAME }, { 0, ESL_OWNED_NATT } } },
	{ "NATT, total length", { NATT, .payload = 12 }, CLAIM, { { 20, ESL_BAD_IP }, { 32, ESL_BAD_UDP }, { 36, ESL_BAD_ESP }, { 49, ESL_OWNED_NATT }, { 0, ESL_SHORT_FRAME } } },
	{ "keep-alive, cut at", { UDP(4500), .keepalive = true, .pad = 17 }, CUT, { { 34, ESL_SHORT_FRAME }, { 43, ESL_BAD_UDP }, { 0, ESL_NAT_KEEPALIVE } } },
	{ "keep-alive, total length", { UDP(4500), .keepalive = true }, CLAIM, { { 20, ESL_BAD_IP }, { 29, ESL_BAD_UDP }, { 30, ESL_NAT_KEEPALIVE }, { 0, ESL_BAD_UDP } } },
	{ "IKE on 4500, cut at", { UDP(4500), .marker = true, .payload = 12 }, CUT, { { 34, ESL_SHORT_FRAME }, { 46, ESL_BAD_UDP }, { 58, ESL_SHORT_FRAME }, { 0, ESL_LOCAL_LEADER } } },
	{ "IKE on 500, total length", { UDP(500), .payload = 12 }, CLAIM, { { 20, ESL_BAD_IP }, { 28, ESL_BAD_UDP }, { 41, ESL_LOCAL_LEADER }, { 0, ESL_SHORT_FRAME } } },
	{ "TCP, total length", { .protocol = ESL_IPPROTO_TCP, .daddr = REMOTE, .payload = 12 }, CLAIM, { { 20, ESL_BAD_IP }, { 53, ESL_OWNED_PLAIN }, { 0, ESL_SHORT_FRAME } } },
	{ "TCP, cut at", { .protocol = ESL_IPPROTO_TCP, .daddr = REMOTE, .payload = 12 }, CUT, { { 66, ESL_SHORT_FRAME }, { 0, ESL_OWNED_PLAIN } } },
	{ "ICMP error, total length", { .protocol = ESL_IPPROTO_ICMP, .icmp_type = 3, .payload = 12 }, CLAIM, { { 20, ESL_BAD_IP }, { 24, ESL_LOCAL_LEADER }, { 41, ESL_ICMP_ERROR }, { 0, ESL_SHORT_FRAME } } },
	{ "IPv6 ESP, cut at", { V6, ESP, .payload = 40 }, CUT, { { 54, ESL_SHORT_FRAME }, { 62, ESL_BAD_ESP }, { 102, ESL_SHORT_FRAME }, { 0, ESL_OWNED_ESP } } },
	{ "IPv6 ESP behind three headers, cut at", { V6, ESP, .chain = "HDR", .payload = 8 }, CUT, { { 78, ESL_SHORT_FRAME }, { 86, ESL_BAD_ESP }, { 94, ESL_SHORT_FRAME }, { 0, ESL_OWNED_ESP } } },
	{ "IPv6 ESP behind three headers, payload length", { V6, ESP, .chain = "HDR", .payload = 8 }, CLAIM, { { 24, ESL_BAD_CHAIN }, { 32, ESL_BAD_ESP }, { 41, ESL_OWNED_ESP }, { 0, ESL_SHORT_FRAME } } },
	{ "IPv6 ESP, payload length", { V6, ESP, .payload = 12 }, CLAIM, { { 8, ESL_BAD_ESP }, { 21, ESL_OWNED_ESP }, { 0, ESL_SHORT_FRAME } } },
	{ "IPv6 AH with two tags, cut at", { V6, AH, .tags = 2, .payload = 4 }, CUT, { { 62, ESL_SHORT_FRAME }, { 74, ESL_BAD_AH }, { 78, ESL_SHORT_FRAME }, { 0, ESL_OWNED_AH } } },
	{ "IPv6 NATT, payload length", { V6, NATT, .payload = 12 }, CLAIM, { { 12, ESL_BAD_UDP }, { 16, ESL_BAD_ESP }, { 29, ESL_OWNED_NATT }, { 0, ESL_SHORT_FRAME } } },
	{ "IPv6 keep-alive, cut at", { V6, UDP(4500), .keepalive = true }, CUT, { { 54, ESL_SHORT_FRAME }, { 63, ESL_BAD_UDP }, { 0, ESL_NAT_KEEPALIVE } } },
	{ "IPv6 packet too big, payload length", { V6, .protocol = ESL_IPPROTO_ICMPV6, .icmp_type = 2, .payload = 12 }, CLAIM, { { 4, ESL_LOCAL_LEADER }, { 21, ESL_ICMP_ERROR }, { 0, ESL_SHORT_FRAME } } },
	{ "IPv6 TCP, payload length", { V6, .protocol = ESL_IPPROTO_TCP, .daddr = REMOTE, .payload = 12 }, CLAIM, { { 33, ESL_OWNED_PLAIN }, { 0, ESL_SHORT_FRAME } } },
	{ "IPv4 on the own MAC, cut at", { .dst = MAC_OWN_OUT, .protocol = ESL_IPPROTO_TCP, .daddr = OWN_OUT }, CUT, { { 34, ESL_SHORT_FRAME }, { 0, ESL_OWN_ADDRESS } } },
	{ "IPv6 on the own MAC, one tag, cut at", { V6, .dst = MAC_OWN_OUT, .protocol = ESL_IPPROTO_TCP, .daddr = OWN_OUT, .tags = 1 }, CUT, { { 58, ESL_SHORT_FRAME }, { 0, ESL_OWN_ADDRESS } } },
	{ "ARP for the cluster, cut at", { .dst = MAC_BROADCAST, .type = ESL_ETHERTYPE_ARP, .daddr = OUTSIDE_ADDR, .pad = 18 }, CUT, { { 42, ESL_SHORT_FRAME }, { 0, ESL_ARP_LEADER } } },
	{ "ARP with two tags, cut at", { .type = ESL_ETHERTYPE_ARP, .daddr = STRANGER, .tags = 2 }, CUT, { { 50, ESL_SHORT_FRAME }, { 0, ESL_ARP } } },
	{ "another station's frame, cut at", { .dst = MAC_OTHER, ESP }, CUT, { { 0, ESL_OTHER_MAC } } },
	{ "garbage on the cluster MAC, cut at", { .type = 0x1234, .payload = 20 }, CUT, { { 0, ESL_NOT_IP } } },
};

static struct expected at(const struct sweep *s, __u32 value)
{
	const struct edge *e = s->edge;
	enum esl_verdict verdict;

	while (e->upto && value >= e->upto)
		e++;
	verdict = reason_verdict(e->reason);
	return (struct expected){
		.action = verdict == ESL_STACK || verdict == ESL_OWN ? XDP_PASS : XDP_DROP,
		.reason = e->reason,
		.mac = reason_takes(e->reason) ? MAC_OWN_OUT : NULL,
	};
}

/* One row for the sweep, which names the first length that is wrong. */
static bool play(struct drive *d, const struct sweep *s, char *why)
{
	struct frame_spec in = s->in;
	char what[WHY_MAX];
	struct frame f;
	__u32 last;

	frame_build(&f, &in);
	/* Two lengths beyond the frame, and the largest. */
	last = s->of_claim ? f.len - frame_l3(&f) - (in.type ? 40 : 0) + 2 : f.len;
	for (__u32 v = s->from; v <= last; v++) {
		struct expected e;

		if (s->of_claim && v == last)
			v = 0xffff;
		if (s->of_claim)
			in.tot_len = (__u16)v;
		else
			in.cut = (__u16)v;
		frame_build(&f, &in);
		e = at(s, v);
		if (check_xdp(d, &f, &e, what))
			continue;
		snprintf(why, WHY_MAX, "%u: %.200s", v, what);
		return false;
	}
	return true;
}

static bool is_short(int reason)
{
	return reason == ESL_SHORT_FRAME || reason == ESL_BAD_IP || reason == ESL_BAD_CHAIN ||
	       reason == ESL_BAD_ESP || reason == ESL_BAD_AH || reason == ESL_BAD_UDP;
}

/* What may become of a frame that is not all there: dropped as too short, as
 * somebody else's, or as the whole would be. */
static bool is_fine(const struct outcome *o, int whole)
{
	return o->action == XDP_DROP &&
	       (is_short(o->reason) || reason_verdict(o->reason) == ESL_OTHER || o->reason == whole);
}

/* Where the packet ends by its own word, or the frame does. */
static __u32 end_of(const struct packet *p, const struct packet_spec *s)
{
	__u32 claimed = p->l3 + s->claim + (s->family == 6 ? 40 : 0);

	return (s->claim || s->claim_none) && claimed < p->len ? claimed : p->len - s->pad;
}

/* Each kind, cut at every byte before its end, never passes as anything. */
static bool cut_kind(struct drive *d, const struct packet_spec *s, char *why)
{
	static struct outcome o;
	struct packet p;
	struct frame f;
	int whole;

	packet_build(&p, s);
	frame_of_packet(&f, &p, NULL, NULL);
	if (!run_xdp(d, &f, &o, why))
		return false;
	whole = o.reason;
	for (__u32 len = ESL_ETH_LEN; len < end_of(&p, s); len++) {
		f.len = len;
		if (!run_xdp(d, &f, &o, why))
			return false;
		/* Packets for a group and solicitations are the stack's, which looks itself. */
		if (is_fine(&o, whole) || (o.reason == whole && (whole == ESL_GROUP || whole == ESL_ND_LEADER)))
			continue;
		snprintf(why, WHY_MAX, "cut at %u: %s, action %u, whole %s", len, reason_name(o.reason), o.action,
			 reason_name(whole));
		return false;
	}
	return true;
}

static void test_kinds(struct drive *d, bool leader)
{
	world_slots(d->obj, leader ? MINE : OTHERS, ~0ULL, leader);
	for (size_t i = 0; i < kind_count; i++) {
		char name[128], why[WHY_MAX] = "";

		snprintf(name, sizeof(name), "%s, at the %s, cut at every byte", kind_rows[i].name,
			 leader ? "leader" : "other member");
		row(d, name, cut_kind(d, &kind_rows[i].spec, why), "%s", why);
	}
}

void test_xdp_lengths(struct drive *d)
{
	static const struct esl_sa_in sa = { .index = 1 };

	world_sa_all(d->obj, SPI_KNOWN, &sa);
	world_own_add(d->obj, OWN_OUT);
	world_own_add6(d->obj, OWN_OUT);
	world_config(d->obj, DOOR_OUTSIDE);
	world_slots(d->obj, MINE, ~0ULL, 1);
	for (size_t i = 0; i < sizeof(sweeps) / sizeof(sweeps[0]); i++) {
		char name[128], why[WHY_MAX] = "";

		snprintf(name, sizeof(name), "%s every byte", sweeps[i].name);
		row(d, name, play(d, &sweeps[i], why), "%s", why);
	}
	test_kinds(d, true);
	test_kinds(d, false);
}
