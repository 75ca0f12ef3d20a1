// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Every kind of packet at every door: untagged and with one and two tags; to a
 * member that owns it, that does not, and where nobody does; leader or not;
 * silent or not.  What decide.h has to say of a kind stands in unit/kinds.c;
 * here is what the program adds.
 */
#include <stdio.h>
#include <string.h>

#include "drive.h"
#include "selftests/unit/kinds.h"

#define SPI_KNOWN 0x1001	/* of unit/kinds.c */

/* The member that meets the packet. */
struct state {
	enum slots slots;
	bool leader;
	bool silent;
};

static bool names_ipsec(const struct packet_spec *s)
{
	size_t len = s->chain ? strlen(s->chain) : 0;

	return (s->protocol == ESL_IPPROTO_ESP || s->protocol == ESL_IPPROTO_AH) &&
	       (!len || s->chain[len - 1] == 'F');
}

static bool is_to_cluster(const struct packet_spec *s)
{
	return !s->group && (!s->daddr || s->daddr == CLUSTER_OUT || s->daddr == CLUSTER_IN);
}

/* Does its length field claim more than there is? */
static bool claims_more(const struct packet *p, const struct packet_spec *s)
{
	return p->l3 + s->claim + (s->family == 6 ? 40 : 0) > p->len;
}

static int by_state(const struct answer *a, const struct state *st)
{
	int foreign = st->leader ? a->leader_foreign : a->foreign;

	if (st->slots == MINE)
		return st->leader ? a->leader_mine : a->mine;
	if (st->slots == NOBODYS && foreign >= ESL_FOREIGN_PLAIN && foreign <= ESL_FOREIGN_NATT)
		return ESL_NO_SLOT;
	return foreign;
}

/* On the cluster MAC. */
static int cluster_reason(const struct kind_row *k, const struct packet *p, enum door door, const struct state *st)
{
	int reason = by_state(door == DOOR_OUTSIDE ? &k->outside : &k->inside, st);

	/* No first fragment has come before. */
	if (reason == ESL_OWNED_FRAGMENT)
		reason = names_ipsec(&k->spec) ? ESL_FRAGMENT_UNKNOWN :
						 st->leader ? ESL_LOCAL_LEADER : ESL_LOCAL_OTHER;
	if (reason == ESL_ND_LEADER && st->silent)
		return ESL_ND_OTHER;
	if (!reason_takes(reason))
		return reason;
	if (claims_more(p, &k->spec))
		return ESL_SHORT_FRAME;
	return st->silent ? ESL_DEADLINE : reason;
}

static bool check_one(struct drive *d, const struct packet *p, const char *dst, int reason, enum door door,
		      char *why)
{
	struct expected e = { XDP_DROP, reason, NULL, NULL };
	struct frame f;

	if (reason_verdict(reason) == ESL_STACK || reason_verdict(reason) == ESL_OWN)
		e.action = XDP_PASS;
	if (reason_takes(reason))
		e.mac = door == DOOR_OUTSIDE ? MAC_OWN_OUT : MAC_OWN_IN;
	frame_of_packet(&f, p, dst, NULL);
	return check_xdp(d, &f, &e, why);
}

static bool check_cluster_mac(struct drive *d, const struct kind_row *k, const struct packet *p, enum door door,
			      char *why)
{
	static const char *const owners[] = { [MINE] = "its own", [OTHERS] = "another's", [NOBODYS] = "nobody's" };
	const char *dst = door == DOOR_OUTSIDE ? MAC_CLUSTER_OUT : MAC_CLUSTER_IN;

	for (int i = 0; i < 12; i++) {
		struct state st = { i / 4, i & 1, i & 2 };
		char what[WHY_MAX];

		world_slots(d->obj, st.slots, st.silent ? 1 : ~0ULL, st.leader);
		if (check_one(d, p, dst, cluster_reason(k, p, door, &st), door, what))
			continue;
		snprintf(why, WHY_MAX, "%.10s, cluster MAC, %s, %s%s: %.180s",
			 door == DOOR_OUTSIDE ? "outside" : "inside", owners[st.slots],
			 st.silent ? "silent " : "", st.leader ? "leader" : "member", what);
		return false;
	}
	return true;
}

/* Does the frame hold IP, or what says so? */
static bool is_ip(const struct packet_spec *s)
{
	return s->tags <= ESL_VLAN_TAGS && !s->type;
}

static bool check_other_macs(struct drive *d, const struct kind_row *k, const struct packet *p, enum door door,
			     char *why)
{
	bool cluster = is_to_cluster(&k->spec), ip = is_ip(&k->spec);
	const struct {
		const char *name;
		const char *dst;
		int reason;
	} doors[] = {
		{ "own MAC", door == DOOR_OUTSIDE ? MAC_OWN_OUT : MAC_OWN_IN,
		  !ip ? ESL_OWN_ADDRESS : cluster ? ESL_CLUSTER_BY_UNICAST : ESL_TRANSIT_BY_UNICAST },
		{ "broadcast", MAC_BROADCAST, ip && cluster ? ESL_CLUSTER_BY_UNICAST : ESL_GROUP },
		{ "the other side's cluster MAC", door == DOOR_OUTSIDE ? MAC_CLUSTER_IN : MAC_CLUSTER_OUT,
		  ip && cluster ? ESL_CLUSTER_BY_UNICAST : ESL_GROUP },
		{ "other MAC", MAC_OTHER, ESL_OTHER_MAC },
	};

	for (int i = 0; i < 2; i++) {
		world_slots(d->obj, MINE, i ? ~0ULL : 1, i);
		for (size_t j = 0; j < sizeof(doors) / sizeof(doors[0]); j++) {
			char what[WHY_MAX];

			if (check_one(d, p, doors[j].dst, doors[j].reason, door, what))
				continue;
			snprintf(why, WHY_MAX, "%s, %s, %s: %.180s", door == DOOR_OUTSIDE ? "outside" : "inside",
				 doors[j].name, i ? "leader" : "silent member", what);
			return false;
		}
	}
	return true;
}

static bool check_kind(struct drive *d, const struct kind_row *k, const struct packet *p, char *why)
{
	for (enum door door = DOOR_OUTSIDE; door <= DOOR_INSIDE; door++) {
		world_config(d->obj, door);
		if (!check_cluster_mac(d, k, p, door, why) || !check_other_macs(d, k, p, door, why))
			return false;
	}
	world_config(d->obj, DOOR_NONE);
	return check_one(d, p, MAC_CLUSTER_OUT, ESL_INERT, DOOR_NONE, why);
}

void test_xdp_kinds(struct drive *d)
{
	static const char *const tagged[] = { "untagged", "one tag", "two tags" };
	static const struct esl_sa_in sa = { .index = 1 };

	world_sa_all(d->obj, SPI_KNOWN, &sa);
	for (size_t i = 0; i < kind_count; i++) {
		bool as_it_is = kind_rows[i].spec.tags;

		for (__u8 tags = 0; tags <= (as_it_is ? 0 : ESL_VLAN_TAGS); tags++) {
			char name[128], why[WHY_MAX] = "";
			struct kind_row k = kind_rows[i];
			struct packet p;

			k.spec.tags = as_it_is ? k.spec.tags : tags;
			/* What one row's fragment leaves is not the next one's. */
			k.spec.id += 16 * i;
			packet_build(&p, &k.spec);
			snprintf(name, sizeof(name), "%s%s%s", k.name, as_it_is ? "" : ", ",
				 as_it_is ? "" : tagged[tags]);
			row(d, name, check_kind(d, &k, &p, why), "%s", why);
		}
	}
}
