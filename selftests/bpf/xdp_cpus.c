// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Owned packets through the CPU map.  A test run does not tell which entry a
 * packet took, so only entry 0 of two is there: a packet for it is redirected,
 * and one for the other passes.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "drive.h"
#include "espalier.skel.h"

#define SPI_KNOWN 0x1001
#define PACKETS 200

/* To which entries the packets of a row go. */
enum spread { NOWHERE, TO_ENTRY_0, TO_BOTH, TO_ONE };

/* What changes from packet to packet. */
enum varies { NUMBERS, SESSIONS };

struct cpu_row {
	const char *name;
	__u16 mode;
	__u16 count;
	enum door door;
	enum slots slots;
	struct frame_spec in;
	enum varies varies;
	int reason;
	enum spread spread;
	bool leader;
	bool sticky;		/* a policy keeps the packets on one member */
};

#define V6 .type = ESL_ETHERTYPE_IPV6
#define ESP .protocol = ESL_IPPROTO_ESP, .spi = SPI_KNOWN, .payload = 40
#define AH .protocol = ESL_IPPROTO_AH, .spi = SPI_KNOWN, .payload = 40
#define NATT .protocol = ESL_IPPROTO_UDP, .dport = 4500, .natt = true, .spi = SPI_KNOWN, .payload = 40
#define TCP .dst = MAC_CLUSTER_IN, .protocol = ESL_IPPROTO_TCP, .saddr = CLIENT, .daddr = REMOTE, .payload = 40
#define OUT DOOR_OUTSIDE
#define INS DOOR_INSIDE
#define FLOW ESL_CPU_FLOW, 2
#define PACKET ESL_CPU_PACKET, 2

static const struct cpu_row rows[] = {
	{ "off, ESP", ESL_CPU_OFF, 2, OUT, MINE, { ESP }, NUMBERS, ESL_OWNED_ESP, NOWHERE },
	{ "off, plain", ESL_CPU_OFF, 2, INS, MINE, { TCP }, SESSIONS, ESL_OWNED_PLAIN, NOWHERE },
	{ "no entries, ESP", ESL_CPU_PACKET, 0, OUT, MINE, { ESP }, NUMBERS, ESL_OWNED_ESP, NOWHERE },
	{ "one entry, ESP", ESL_CPU_PACKET, 1, OUT, MINE, { ESP }, NUMBERS, ESL_OWNED_ESP, TO_ENTRY_0 },
	{ "one entry by flow, plain", ESL_CPU_FLOW, 1, INS, MINE, { TCP }, SESSIONS, ESL_OWNED_PLAIN, TO_ENTRY_0 },
	{ "by flow, numbers of one SA", FLOW, OUT, MINE, { ESP }, NUMBERS, ESL_OWNED_ESP, TO_ONE },
	{ "by flow, SAs", FLOW, OUT, MINE, { ESP }, SESSIONS, ESL_OWNED_ESP, TO_BOTH },
	{ "by flow, IPv6 AH", FLOW, OUT, MINE, { V6, AH }, NUMBERS, ESL_OWNED_AH, TO_ONE },
	{ "by flow, packets of one session", FLOW, INS, MINE, { TCP }, NUMBERS, ESL_OWNED_PLAIN, TO_ONE },
	{ "by flow, sessions", FLOW, INS, MINE, { TCP }, SESSIONS, ESL_OWNED_PLAIN, TO_BOTH },
	{ "by flow, IPv6 sessions, two tags", FLOW, INS, MINE, { V6, TCP, .tags = 2 }, SESSIONS, ESL_OWNED_PLAIN, TO_BOTH },
	{ "by packet, numbers of one SA", PACKET, OUT, MINE, { ESP }, NUMBERS, ESL_OWNED_ESP, TO_BOTH },
	{ "by packet, AH", PACKET, OUT, MINE, { AH }, NUMBERS, ESL_OWNED_AH, TO_BOTH },
	{ "by packet, NATT", PACKET, OUT, MINE, { NATT }, NUMBERS, ESL_OWNED_NATT, TO_BOTH },
	{ "by packet, IPv6 ESP behind options", PACKET, OUT, MINE, { V6, ESP, .chain = "D" }, NUMBERS, ESL_OWNED_ESP, TO_BOTH },
	{ "by packet, packets of one session", PACKET, INS, MINE, { TCP }, NUMBERS, ESL_OWNED_PLAIN, TO_BOTH },
	{ "by packet, packets of one session, options", PACKET, INS, MINE, { TCP, .ihl = 6 }, NUMBERS, ESL_OWNED_PLAIN, TO_BOTH },
	{ "by packet, one session of a sticky policy", PACKET, INS, MINE, { TCP }, NUMBERS, ESL_OWNED_PLAIN, TO_ONE, .sticky = true },
	{ "by packet, ESP of another", PACKET, OUT, OTHERS, { ESP }, NUMBERS, ESL_FOREIGN_ESP, NOWHERE },
	{ "by packet, plain of another", PACKET, INS, OTHERS, { TCP }, NUMBERS, ESL_FOREIGN_PLAIN, NOWHERE },
	{ "by packet, an unknown SA", PACKET, OUT, MINE, { ESP, .spi = 0xbad }, NUMBERS, ESL_SA_UNKNOWN, NOWHERE },
	{ "by packet, IKE stays with the leader's stack", PACKET, OUT, MINE, { .protocol = ESL_IPPROTO_UDP, .dport = 500, .payload = 40 }, SESSIONS, ESL_LOCAL_LEADER, NOWHERE, .leader = true },
	{ "by flow, echo stays with the leader's stack", FLOW, OUT, MINE, { .protocol = ESL_IPPROTO_ICMP, .icmp_type = 8, .payload = 40 }, NUMBERS, ESL_LOCAL_LEADER, NOWHERE, .leader = true },
	{ "by flow, an ICMP error stays", FLOW, OUT, MINE, { .protocol = ESL_IPPROTO_ICMP, .icmp_type = 3, .payload = 40 }, NUMBERS, ESL_ICMP_ERROR, NOWHERE },
};

static int add_entry(struct drive *d)
{
	struct bpf_cpumap_val value = { .qsize = 64 };
	__u32 zero = 0;

	return bpf_map_update_elem(bpf_map__fd(d->obj->maps.espalier_cpus), &zero, &value, BPF_ANY);
}

static void prepare(struct drive *d, const struct cpu_row *r)
{
	static const struct esl_policy_key key = { 120, { { [10] = 0xff, [11] = 0xff, 10, 9, 0, 0 } } };
	static const struct esl_policy policy = { .slot = 4 };
	struct esl_config c = world_config_of(r->door);

	c.cpu_mode = r->mode;
	c.cpu_count = r->count;
	world_identity(d->obj, &c);
	world_slots(d->obj, r->slots, ~0ULL, r->leader);
	bpf_map_update_elem(bpf_map__fd(d->obj->maps.espalier_policies), &key, &policy, BPF_ANY);
	c = world_read_config(d->obj);
	c.policies = r->sticky;
	world_write_config(d->obj, &c);
}

static struct frame_spec packet_of(const struct cpu_row *r, int i)
{
	struct frame_spec s = r->in;

	s.seq = 1 + 5 * i;
	s.id = (__u16)i;
	if (r->varies == SESSIONS) {
		s.sport = (__u16)(1024 + 7 * i);
		s.spi += s.spi ? i : 0;
	}
	return s;
}

static bool check_row(struct drive *d, const struct cpu_row *r, char *why)
{
	static const struct esl_sa_in sa = { .index = 1 };
	bool owned = reason_takes(r->reason);
	int there = 0, missing = 0, other = 0;
	static struct outcome o;

	for (int i = 0; i < PACKETS; i++) {
		struct frame_spec s = packet_of(r, i);
		struct frame f;

		if (s.spi && s.spi != 0xbad)
			world_sa_all(d->obj, s.spi, &sa);
		frame_build(&f, &s);
		if (!run_xdp(d, &f, &o, why))
			return false;
		if (o.reason != r->reason) {
			snprintf(why, WHY_MAX, "%s, expected %s", reason_name(o.reason), reason_name(r->reason));
			return false;
		}
		there += o.action == XDP_REDIRECT;
		missing += o.action == XDP_PASS;
		other += o.action == XDP_DROP;
		if (owned && memcmp(o.out.byte, r->door == OUT ? MAC_OWN_OUT : MAC_OWN_IN, ESL_MAC_LEN)) {
			snprintf(why, WHY_MAX, "packet %d is not to the own MAC", i);
			return false;
		}
	}
	snprintf(why, WHY_MAX, "%d redirected, %d passed, %d dropped", there, missing, other);
	if (!owned)
		return other == PACKETS;
	if (r->spread == NOWHERE)
		return missing == PACKETS;
	if (r->spread == TO_ENTRY_0)
		return there == PACKETS;
	if (r->spread == TO_ONE)
		return there == PACKETS || missing == PACKETS;
	return there > PACKETS / 4 && missing > PACKETS / 4 && there + missing == PACKETS;
}

/* A later fragment goes by its flow. */
static void test_fragment(struct drive *d)
{
	struct expected e = { XDP_REDIRECT, ESL_OWNED_ESP, MAC_OWN_OUT };
	struct frame_spec s = { ESP, .id = 9, .frag = ESL_IP_MF };
	struct cpu_row r = { .mode = ESL_CPU_PACKET, .count = 1, .door = OUT, .slots = MINE };
	struct frame f;

	prepare(d, &r);
	frame_build(&f, &s);
	expect_xdp(d, "cpus: first fragment of mine", &f, &e);
	s.frag = 100;
	e.reason = ESL_OWNED_FRAGMENT;
	frame_build(&f, &s);
	expect_xdp(d, "cpus: later fragment of mine", &f, &e);
}

void test_xdp_cpus(struct drive *d)
{
	if (!row(d, "cpus: an entry of the CPU map", !add_entry(d), "%s", strerror(errno)))
		return;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char name[128], why[WHY_MAX] = "";

		prepare(d, &rows[i]);
		snprintf(name, sizeof(name), "cpus: %s", rows[i].name);
		row(d, name, check_row(d, &rows[i], why), "%s", why);
	}
	test_fragment(d);
}
