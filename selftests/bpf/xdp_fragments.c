// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Fragments: the first part decides, and whoever took it takes the rest.  Each
 * table is a story that packets tell in turn; the world in which a step happens
 * stands before it.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdio.h>

#include "drive.h"
#include "espalier.skel.h"

#define SPI_FRAG 0x3003
#define SPI_FLOOR 0x3004
#define FLOOR 1000
#define INDEX_FRAG 3

enum who { OWNER, OTHER, LEADER, OWNING_LEADER, SILENT_OWNER, CHANGING_OWNER };

struct step {
	const char *name;
	enum who who;
	struct frame_spec in;
	int reason;
	bool inside;		/* by the other NIC than the story's */
};

/* Sent with the family and by the door of the story. */
struct story {
	const char *name;
	__u16 type;
	enum door door;
	const struct step *steps;
	size_t count;
};

#define ESP .protocol = ESL_IPPROTO_ESP, .spi = SPI_FRAG, .seq = 9
#define AH .protocol = ESL_IPPROTO_AH, .spi = SPI_FRAG, .seq = 9
#define NATT .protocol = ESL_IPPROTO_UDP, .sport = 4242, .dport = 4500, .natt = true, .spi = SPI_FRAG, .seq = 9
#define IKE .protocol = ESL_IPPROTO_UDP, .sport = 500, .dport = 500
#define IKE4500 .protocol = ESL_IPPROTO_UDP, .sport = 4242, .dport = 4500, .marker = true
#define UDP .protocol = ESL_IPPROTO_UDP, .sport = 4242, .dport = 53
#define TCP .protocol = ESL_IPPROTO_TCP
#define ICMP .protocol = ESL_IPPROTO_ICMP, .icmp_type = 8
#define ICMP6 .protocol = ESL_IPPROTO_ICMPV6, .icmp_type = 128

/* Offsets are in 8 bytes; of_family() puts them where the family has them. */
#define FIRST(n) .id = n, .frag = ESL_IP_MF
#define MIDDLE(n) .id = n, .frag = ESL_IP_MF | 50
#define LAST(n) .id = n, .frag = 100

static const struct step ipsec[] = {
	{ "ESP, later without a first", OWNER, { ESP, LAST(1) }, ESL_FRAGMENT_UNKNOWN },
	{ "ESP, first of mine", OWNER, { ESP, FIRST(1) }, ESL_OWNED_ESP },
	{ "ESP, middle of mine", OWNER, { ESP, MIDDLE(1) }, ESL_OWNED_FRAGMENT },
	{ "ESP, last of mine", OWNER, { ESP, LAST(1) }, ESL_OWNED_FRAGMENT },
	{ "ESP, last of mine, two tags", OWNER, { ESP, LAST(1), .tags = 2 }, ESL_OWNED_FRAGMENT },
	{ "ESP, last of mine, cut", OWNER, { ESP, LAST(1), .cut = 70 }, ESL_SHORT_FRAME },
	{ "ESP, last of mine, my own frame", OWNER, { ESP, LAST(1), .src = MAC_OWN_OUT }, ESL_OWN_FRAME },
	{ "ESP, same id from another host", OWNER, { ESP, LAST(1), .saddr = STRANGER }, ESL_FRAGMENT_UNKNOWN },
	{ "ESP, same id to the other address", OWNER, { ESP, LAST(1), .daddr = INSIDE_ADDR }, ESL_FRAGMENT_UNKNOWN },
	{ "ESP, another id", OWNER, { ESP, LAST(2) }, ESL_FRAGMENT_UNKNOWN },
	{ "ESP, last of mine, silent", SILENT_OWNER, { ESP, LAST(1) }, ESL_DEADLINE },
	{ "ESP, first of another", OTHER, { ESP, FIRST(2) }, ESL_FOREIGN_ESP },
	{ "ESP, last of another", OTHER, { ESP, LAST(2) }, ESL_FRAGMENT_UNKNOWN },
	{ "ESP, the id of mine used again by another's", OTHER, { ESP, FIRST(1) }, ESL_FOREIGN_ESP },
	{ "ESP, and what I remembered is gone", OWNER, { ESP, LAST(1) }, ESL_FRAGMENT_UNKNOWN },
	{ "ESP, first while changing", CHANGING_OWNER, { ESP, FIRST(3) }, ESL_CHANGING },
	{ "ESP, last of a first refused", OWNER, { ESP, LAST(3) }, ESL_FRAGMENT_UNKNOWN },
	{ "ESP, first of mine before the change", OWNER, { ESP, FIRST(4) }, ESL_OWNED_ESP },
	{ "ESP, last of it while changing", CHANGING_OWNER, { ESP, LAST(4) }, ESL_CHANGING },
	{ "ESP, first below the floor", OWNER, { ESP, FIRST(4), .spi = SPI_FLOOR, .seq = FLOOR }, ESL_BELOW_FLOOR },
	{ "ESP, last of a first below the floor", OWNER, { ESP, LAST(4) }, ESL_FRAGMENT_UNKNOWN },
	{ "ESP, a whole packet", OWNER, { ESP, .id = 5 }, ESL_OWNED_ESP },
	{ "ESP, last with the id of a whole packet", OWNER, { ESP, LAST(5) }, ESL_FRAGMENT_UNKNOWN },
	{ "ESP, first of mine when silent", SILENT_OWNER, { ESP, FIRST(5) }, ESL_DEADLINE },
	{ "ESP, last of a first that met silence", OWNER, { ESP, LAST(5) }, ESL_FRAGMENT_UNKNOWN },
	{ "AH, first of mine", OWNER, { AH, FIRST(6) }, ESL_OWNED_AH },
	{ "AH, last of mine", OWNER, { AH, LAST(6) }, ESL_OWNED_FRAGMENT },
	{ "AH, first of another", OTHER, { AH, FIRST(7) }, ESL_FOREIGN_AH },
	{ "AH, last of another", OTHER, { AH, LAST(7) }, ESL_FRAGMENT_UNKNOWN },
	{ "NATT, last without a first", OWNER, { NATT, LAST(8) }, ESL_LOCAL_OTHER },
	{ "NATT, first of mine", OWNER, { NATT, FIRST(8) }, ESL_OWNED_NATT },
	{ "NATT, last of mine", OWNER, { NATT, LAST(8) }, ESL_OWNED_FRAGMENT },
	{ "NATT, first of another", OTHER, { NATT, FIRST(9) }, ESL_FOREIGN_NATT },
	{ "NATT, last of another", OTHER, { NATT, LAST(9) }, ESL_LOCAL_OTHER },
};

/* The leader takes what is IKE, so it must know what is not. */
static const struct step leader[] = {
	{ "NATT, first of another", LEADER, { NATT, FIRST(1) }, ESL_FOREIGN_NATT },
	{ "NATT, middle of another is no IKE", LEADER, { NATT, MIDDLE(1) }, ESL_FRAGMENT_UNKNOWN },
	{ "NATT, last of another is no IKE", LEADER, { NATT, LAST(1) }, ESL_FRAGMENT_UNKNOWN },
	{ "NATT, first of mine", OWNING_LEADER, { NATT, FIRST(2) }, ESL_OWNED_NATT },
	{ "NATT, last of mine", OWNING_LEADER, { NATT, LAST(2) }, ESL_OWNED_FRAGMENT },
	{ "ESP, first of another", LEADER, { ESP, FIRST(3) }, ESL_FOREIGN_ESP },
	{ "ESP, last of another", LEADER, { ESP, LAST(3) }, ESL_FRAGMENT_UNKNOWN },
	{ "IKE, first", LEADER, { IKE, FIRST(4) }, ESL_LOCAL_LEADER },
	{ "IKE, middle", LEADER, { IKE, MIDDLE(4) }, ESL_LOCAL_LEADER },
	{ "IKE, last", LEADER, { IKE, LAST(4) }, ESL_LOCAL_LEADER },
	{ "IKE on 4500, first", LEADER, { IKE4500, FIRST(5) }, ESL_LOCAL_LEADER },
	{ "IKE on 4500, last", LEADER, { IKE4500, LAST(5) }, ESL_LOCAL_LEADER },
	{ "IKE on 4500, first with the id of another's NATT", LEADER, { IKE4500, FIRST(1) }, ESL_LOCAL_LEADER },
	{ "IKE on 4500, and its last", LEADER, { IKE4500, LAST(1) }, ESL_LOCAL_LEADER },
	{ "NATT of another, first with the id of IKE", LEADER, { NATT, FIRST(4) }, ESL_FOREIGN_NATT },
	{ "NATT of another, and its last", LEADER, { NATT, LAST(4) }, ESL_FRAGMENT_UNKNOWN },
	{ "IKE, last before its first", LEADER, { IKE, LAST(6) }, ESL_LOCAL_LEADER },
	{ "UDP first that ends with its header", LEADER, { .protocol = ESL_IPPROTO_UDP, .dport = 4500, FIRST(7), .empty = true }, ESL_BAD_UDP },
	{ "UDP, last of a first that nobody may have", LEADER, { UDP, LAST(7) }, ESL_FRAGMENT_UNKNOWN },
	{ "NATT, first of an SA that is not here", OWNING_LEADER, { NATT, FIRST(8), .spi = 0xbad }, ESL_SA_UNKNOWN },
	{ "NATT, and its last", OWNING_LEADER, { NATT, LAST(8) }, ESL_FRAGMENT_UNKNOWN },
	{ "IKE, first at another member", OTHER, { IKE, FIRST(9) }, ESL_LOCAL_OTHER },
	{ "IKE, last at another member", OTHER, { IKE, LAST(9) }, ESL_LOCAL_OTHER },
	{ "echo-like UDP, first at the leader", LEADER, { UDP, FIRST(9) }, ESL_LOCAL_LEADER },
	{ "echo-like UDP, last at the leader", LEADER, { UDP, LAST(9) }, ESL_LOCAL_LEADER },
};

static const struct step ipv4_only[] = {
	{ "ESP, first of mine", OWNER, { ESP, FIRST(1) }, ESL_OWNED_ESP },
	{ "AH of the same id is another packet", OWNER, { AH, LAST(1) }, ESL_FRAGMENT_UNKNOWN },
	{ "UDP of the same id is another packet", OWNING_LEADER, { UDP, LAST(1) }, ESL_LOCAL_LEADER },
	{ "TCP of the same id is the leader's", OWNER, { TCP, LAST(1) }, ESL_LOCAL_OTHER },
	{ "echo, first", LEADER, { ICMP, FIRST(2) }, ESL_LOCAL_LEADER },
	{ "echo, last", LEADER, { ICMP, LAST(2) }, ESL_LOCAL_LEADER },
	{ "echo, last at another member", OTHER, { ICMP, LAST(2) }, ESL_LOCAL_OTHER },
};

/* The sender may write what it likes into the fragment header of a later part:
 * stacks join by addresses and id, and believe the first part only. */
static const struct step lies[] = {
	{ "ESP of mine, first", OWNER, { ESP, FIRST(1) }, ESL_OWNED_ESP },
	{ "ESP of mine, last that says TCP", OWNER, { TCP, LAST(1) }, ESL_OWNED_FRAGMENT },
	{ "ESP of mine, last that says UDP", OWNER, { UDP, LAST(1) }, ESL_OWNED_FRAGMENT },
	{ "ESP of mine, last that says ICMPv6", OWNER, { ICMP6, LAST(1) }, ESL_OWNED_FRAGMENT },
	{ "ESP of mine, last that says AH", OWNER, { AH, LAST(1) }, ESL_OWNED_FRAGMENT },
	{ "ESP of mine, last that says options", OWNER, { ESP, .chain = "FD", LAST(1) }, ESL_OWNED_FRAGMENT },
	{ "ESP of mine, last with a header before", OWNER, { ESP, .chain = "HF", LAST(1) }, ESL_OWNED_FRAGMENT },
	{ "ESP of another, first at the leader", LEADER, { ESP, FIRST(2) }, ESL_FOREIGN_ESP },
	{ "ESP of another, last that says UDP is not the leader's", LEADER, { UDP, LAST(2) }, ESL_FRAGMENT_UNKNOWN },
	{ "ESP of another, last that says TCP is not the leader's", LEADER, { TCP, LAST(2) }, ESL_FRAGMENT_UNKNOWN },
	{ "ESP of another, last that says options is not the leader's", LEADER, { TCP, .chain = "FD", LAST(2) }, ESL_FRAGMENT_UNKNOWN },
	{ "NATT of mine, first", OWNER, { NATT, FIRST(3) }, ESL_OWNED_NATT },
	{ "NATT of mine, last that says ESP", OWNER, { ESP, LAST(3) }, ESL_OWNED_FRAGMENT },
	{ "AH of another, first at the leader", LEADER, { AH, FIRST(4) }, ESL_FOREIGN_AH },
	{ "AH of another, last that says ICMPv6 is not the leader's", LEADER, { ICMP6, LAST(4) }, ESL_FRAGMENT_UNKNOWN },
	{ "IKE, first at the leader", LEADER, { IKE, FIRST(5) }, ESL_LOCAL_LEADER },
	{ "IKE, last that says ESP", LEADER, { ESP, LAST(5) }, ESL_FRAGMENT_UNKNOWN },
	{ "ESP of mine ends with IKE of the same id", OWNER, { IKE, FIRST(1) }, ESL_LOCAL_OTHER },
	{ "and its last is not mine any more", OWNER, { UDP, LAST(1) }, ESL_LOCAL_OTHER },
	{ "a fragment that is the whole: ESP of mine", OWNER, { ESP, .id = 6, .chain = "F" }, ESL_OWNED_ESP },
	{ "later with the id of the whole", OWNER, { ESP, LAST(6) }, ESL_FRAGMENT_UNKNOWN },
	{ "ESP behind options in the first part", OWNER, { ESP, .chain = "FD", FIRST(7) }, ESL_OWNED_ESP },
	{ "and its last", OWNER, { TCP, LAST(7) }, ESL_OWNED_FRAGMENT },
	{ "echo, first at the leader", LEADER, { ICMP6, FIRST(8) }, ESL_LOCAL_LEADER },
	{ "echo, last at the leader", LEADER, { ICMP6, LAST(8) }, ESL_LOCAL_LEADER },
	{ "echo, last at another member", OTHER, { ICMP6, LAST(8) }, ESL_LOCAL_OTHER },
};

/* From the inside no IPsec comes in, whole or in parts, and nothing is remembered. */
static const struct step inside[] = {
	{ "ESP for the cluster, first", OWNING_LEADER, { ESP, FIRST(1) }, ESL_WRONG_SIDE },
	{ "ESP for the cluster, last", OWNING_LEADER, { ESP, LAST(1) }, ESL_WRONG_SIDE },
	{ "NATT for the cluster, first", OWNING_LEADER, { NATT, FIRST(2) }, ESL_WRONG_SIDE },
	{ "NATT for the cluster, last", OWNING_LEADER, { NATT, LAST(2) }, ESL_LOCAL_LEADER },
	{ "NATT for the cluster, last at another member", OWNER, { NATT, LAST(2) }, ESL_LOCAL_OTHER },
	{ "plain, first of mine", OWNER, { UDP, FIRST(3), .daddr = REMOTE }, ESL_OWNED_PLAIN },
	{ "plain, last of mine", OWNER, { UDP, LAST(3), .daddr = REMOTE }, ESL_OWNED_PLAIN },
	{ "plain, first of another", OTHER, { UDP, FIRST(3), .daddr = REMOTE }, ESL_FOREIGN_PLAIN },
	{ "plain, last of another", OTHER, { UDP, LAST(3), .daddr = REMOTE }, ESL_FOREIGN_PLAIN },
	{ "ESP in transit, last of mine", OWNER, { ESP, LAST(4), .daddr = REMOTE }, ESL_OWNED_PLAIN },
};

/* A host inside that borrows a peer's address moves nothing that is remembered
 * of the peer's own packets. */
static const struct step across[] = {
	{ "ESP of mine, first", OWNING_LEADER, { ESP, FIRST(1) }, ESL_OWNED_ESP },
	{ "ESP from inside, first of the same id", OWNING_LEADER, { ESP, FIRST(1) }, ESL_WRONG_SIDE, true },
	{ "ESP of mine, last", OWNING_LEADER, { ESP, LAST(1) }, ESL_OWNED_FRAGMENT },
	{ "NATT of mine, first", OWNER, { NATT, FIRST(2) }, ESL_OWNED_NATT },
	{ "UDP from inside, first of the same id", OWNER, { UDP, FIRST(2) }, ESL_LOCAL_OTHER, true },
	{ "NATT of mine, last", OWNER, { NATT, LAST(2) }, ESL_OWNED_FRAGMENT },
	{ "NATT from inside, first", LEADER, { NATT, FIRST(3) }, ESL_WRONG_SIDE, true },
	{ "IKE from outside, last of the same id", LEADER, { IKE, LAST(3) }, ESL_LOCAL_LEADER },
	{ "NATT of mine, first, id 4", OWNER, { NATT, FIRST(4) }, ESL_OWNED_NATT },
	{ "UDP from inside, last of the same id", OWNER, { UDP, LAST(4) }, ESL_LOCAL_OTHER, true },
};

#define V4 ESL_ETHERTYPE_IPV4
#define V6 ESL_ETHERTYPE_IPV6
#define STEPS(s) s, sizeof(s) / sizeof(s[0])

static const struct story stories[] = {
	{ "fragments, IPv4", V4, DOOR_OUTSIDE, STEPS(ipsec) },
	{ "fragments, IPv6", V6, DOOR_OUTSIDE, STEPS(ipsec) },
	{ "fragments at the leader, IPv4", V4, DOOR_OUTSIDE, STEPS(leader) },
	{ "fragments at the leader, IPv6", V6, DOOR_OUTSIDE, STEPS(leader) },
	{ "fragments of protocols, IPv4", V4, DOOR_OUTSIDE, STEPS(ipv4_only) },
	{ "fragments that lie, IPv6", V6, DOOR_OUTSIDE, STEPS(lies) },
	{ "fragments from both sides, IPv4", V4, DOOR_OUTSIDE, STEPS(across) },
	{ "fragments from both sides, IPv6", V6, DOOR_OUTSIDE, STEPS(across) },
	{ "fragments inside, IPv4", V4, DOOR_INSIDE, STEPS(inside) },
	{ "fragments inside, IPv6", V6, DOOR_INSIDE, STEPS(inside) },
};

static enum door door_of(const struct step *s, const struct story *story)
{
	return s->inside ? DOOR_INSIDE : story->door;
}

static struct frame_spec of_family(const struct step *s, const struct story *story)
{
	struct frame_spec in = s->in;

	in.type = story->type;
	in.dst = door_of(s, story) == DOOR_OUTSIDE ? MAC_CLUSTER_OUT : MAC_CLUSTER_IN;
	if (!in.payload && !in.empty)
		in.payload = 40;
	if (in.type == ESL_ETHERTYPE_IPV6) {
		if (in.frag && !in.chain)
			in.chain = "F";
		in.frag = (__u16)((in.frag & ESL_IP_OFFSET) << 3 | !!(in.frag & ESL_IP_MF));
	}
	return in;
}

static void enter(struct drive *d, enum who who, enum door door)
{
	bool mine = who != OTHER && who != LEADER;
	struct esl_config c;

	world_config(d->obj, door);
	world_slots(d->obj, mine ? MINE : OTHERS, who == SILENT_OWNER ? 1 : ~0ULL,
		    who == LEADER || who == OWNING_LEADER);
	c = world_read_config(d->obj);
	c.changing = who == CHANGING_OWNER;
	world_write_config(d->obj, &c);
}

/* Later fragments that the record of the SA has seen. */
static __u32 parts(struct drive *d)
{
	static struct esl_sa_seq cpu[1024];
	__u32 index = INDEX_FRAG, sum = 0;

	bpf_map_lookup_elem(bpf_map__fd(d->obj->maps.espalier_sa_seq), &index, cpu);
	for (int i = 0; i < libbpf_num_possible_cpus(); i++)
		sum += cpu[i].parts;
	return sum;
}

/* Each that passes is counted for its SA, and none that is not mine: the last one may complete
 * its packet a minute after the first.  One that meets another refusal may be. */
static void expect_counted(struct drive *d, const char *name, int reason, __u32 more)
{
	bool mine = reason == ESL_OWNED_FRAGMENT;
	char text[200];

	snprintf(text, sizeof(text), "%s: %s", name, mine ? "counted" : "not counted");
	if (mine || reason == ESL_FRAGMENT_UNKNOWN || reason == ESL_LOCAL_LEADER || reason == ESL_LOCAL_OTHER)
		row(d, text, more == mine, "%u parts", more);
}

static void tell(struct drive *d, const struct story *story)
{
	for (size_t i = 0; i < story->count; i++) {
		const struct step *s = &story->steps[i];
		struct frame_spec in = of_family(s, story);
		struct expected e = { XDP_DROP, s->reason, NULL, NULL };
		char name[160];
		struct frame f;
		__u32 before;

		if (reason_takes(s->reason)) {
			e.action = XDP_PASS;
			e.mac = door_of(s, story) == DOOR_OUTSIDE ? MAC_OWN_OUT : MAC_OWN_IN;
		}
		/* Numbers of steps go on, so that each story has ids of its own. */
		in.id = (__u16)(in.id + 16 * (story - stories));
		enter(d, s->who, door_of(s, story));
		frame_build(&f, &in);
		snprintf(name, sizeof(name), "%s: %s", story->name, s->name);
		before = parts(d);
		expect_xdp(d, name, &f, &e);
		expect_counted(d, name, s->reason, parts(d) - before);
	}
}

void test_xdp_fragments(struct drive *d)
{
	static const struct esl_sa_in sa = { .index = INDEX_FRAG };
	static const struct esl_sa_in floored = { .index = 4, .floor_set = 1, .floor = FLOOR };

	world_sa_all(d->obj, SPI_FRAG, &sa);
	world_sa_all(d->obj, SPI_FLOOR, &floored);
	for (size_t i = 0; i < sizeof(stories) / sizeof(stories[0]); i++)
		tell(d, &stories[i]);
}
