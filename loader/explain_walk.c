// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include <espalier/neighbour.h>

#include "explain.h"

/* What the members remember of a fragmented packet for the cluster: the map
 * espalier_frag of each. */
struct first_fragment {
	struct esl_frag_key key;
	__u64 number;				/* of the packet in the capture */
	struct esl_frag at[ESL_MEMBERS_MAX];	/* by index of the witness; owner 0: nothing */
};

static int by_key(const void *a, const void *b)
{
	const struct first_fragment *x = a, *y = b;

	return memcmp(&x->key, &y->key, sizeof(x->key));
}

static const struct first_fragment *remembered(struct esl_walk *walk, const struct esl_packet *p)
{
	struct first_fragment want = { .key = esl_frag_key(p) }, **found;

	found = tfind(&want, &walk->fragments, by_key);
	return found ? *found : NULL;
}

static struct first_fragment *remember(struct esl_walk *walk, const struct esl_packet *p)
{
	struct first_fragment want = { .key = esl_frag_key(p) }, **found, *first;

	found = tfind(&want, &walk->fragments, by_key);
	if (found)
		return *found;
	first = malloc(sizeof(*first));
	if (!first)
		return NULL;
	*first = want;
	if (!tsearch(first, &walk->fragments, by_key)) {
		free(first);
		return NULL;
	}
	return first;
}

static bool takes(int reason)
{
	enum esl_verdict verdict = esl_reason_text[reason].verdict;

	return verdict == ESL_OWN || verdict == ESL_ANSWER || reason == ESL_LOCAL_LEADER ||
	       reason == ESL_ARP_LEADER || reason == ESL_ND_LEADER;
}

static int note_first(struct esl_walk *walk, const struct esl_account *a)
{
	struct first_fragment *first;

	if (a->door != ESL_DOOR_CLUSTER || !a->is_ip || a->parsed || !a->p.fragment ||
	    a->p.later_fragment || a->role != ESL_OUTSIDE || !esl_first_decides(&a->p) ||
	    !a->to_cluster)
		return 0;
	first = remember(walk, &a->p);
	if (!first)
		return -ENOMEM;
	first->number = a->frame->number;
	for (__u32 i = 0; i < walk->world->count; i++) {
		int reason = a->reason[i];

		if (takes(reason) && a->then)
			reason = a->then;
		first->at[i] = esl_frag(&walk->witness[i].config, &a->p, reason);
	}
	return 0;
}

static int decide_arp(const struct esl_config *c, const struct esl_account *a)
{
	const struct esl_port *port = &c->port[a->role];
	const struct esl_arp *arp = (const void *)a->l3;
	struct esl_arp reply;
	struct esl_eth eth = *a->eth;

	if ((const __u8 *)(arp + 1) > a->frame->data + a->frame->captured)
		return ESL_SHORT_FRAME;
	if (!esl_is_cluster_ipv4(c, arp->tpa))
		return ESL_ARP;
	if (!c->leader)
		return ESL_ARP_OTHER;
	reply = *arp;
	return port->answer && esl_arp_answer(port, &eth, &reply) ? ESL_ARP_ANSWERED : ESL_ARP_LEADER;
}

static int decide_solicitation(const struct esl_config *c, const struct esl_account *a)
{
	const struct esl_port *port = &c->port[a->role];
	const struct esl_ipv6 *ip = (const void *)a->l3;
	const struct esl_nd *nd = (const void *)(ip + 1);

	if (!c->leader)
		return ESL_ND_OTHER;
	if ((const __u8 *)(nd + 1) > a->frame->data + a->frame->captured || !port->answer ||
	    !esl_nd_answerable(port, ip, nd))
		return ESL_ND_LEADER;
	return ESL_ND_ANSWERED;
}

/* What an owner sees in the record: a new SA's numbers are the leader's. */
static bool is_leaders(struct esl_witness *m, const struct esl_account *a, int reason)
{
	const struct esl_sa_in *sa;
	struct esl_sa_key key;
	struct esl_number n;
	const __u32 *w;

	if (m->config.leader || (reason != ESL_OWNED_ESP && reason != ESL_OWNED_AH && reason != ESL_OWNED_NATT))
		return false;
	w = esl_spi_seq(&a->p, esl_owned_kind(reason));
	if (!w)
		return false;
	n = esl_number(w, esl_owned_kind(reason));
	key = esl_sa_key(&a->p, esl_ntohl(n.spi), n.protocol);
	sa = esl_tables_sa(&m->tables, &key);
	return sa && esl_is_leaders(sa->leader_below, sa->whole, esl_ntohl(n.seq));
}

/* A frame on the cluster MAC. */
static int decide_cluster(struct esl_walk *walk, __u32 i, struct esl_account *a)
{
	struct esl_witness *m = &walk->witness[i];
	int reason;

	if (a->type == esl_htons(ESL_ETHERTYPE_ARP))
		return decide_arp(&m->config, a);
	if (a->type != esl_htons(ESL_ETHERTYPE_IPV4) && a->type != esl_htons(ESL_ETHERTYPE_IPV6))
		return ESL_NOT_IP;
	if (a->parsed)
		return a->parsed;
	reason = esl_decide(&m->config, a->role, &a->p, &m->tables);
	if (is_leaders(m, a, reason))
		return ESL_UNPROMOTED;
	if (reason == ESL_ND_LEADER)
		return decide_solicitation(&m->config, a);
	if (reason == ESL_OWNED_FRAGMENT) {
		const struct first_fragment *first = remembered(walk, &a->p);
		__u32 owner = first ? esl_frag_owner(&m->config, &a->p, &first->at[i], &m->tables) : 0;

		a->first = first ? first->number : 0;
		return esl_decide_later(&m->config, &a->p, owner);
	}
	return reason;
}

static bool is_own(const struct esl_world *w, const struct esl_addr *addr)
{
	for (size_t i = 0; i < w->own_count; i++)
		if (esl_addr_equal(addr, &w->own[i].addr))
			return true;
	return false;
}

/* A frame by another door. */
static int decide_other(const struct esl_walk *walk, const struct esl_config *c, const struct esl_account *a)
{
	const struct esl_addr *target = esl_account_target(a);
	struct esl_addr daddr;

	if (a->door == ESL_DOOR_OTHER || (a->door == ESL_DOOR_OWN && c->member != walk->world->config.member))
		return ESL_OTHER_MAC;
	if (a->type == esl_htons(ESL_ETHERTYPE_ARP))
		return decide_arp(c, a);
	if (a->type != esl_htons(ESL_ETHERTYPE_IPV4) && a->type != esl_htons(ESL_ETHERTYPE_IPV6))
		return a->door == ESL_DOOR_OWN ? ESL_OWN_ADDRESS : ESL_GROUP;
	if (!a->is_ip)
		return ESL_SHORT_FRAME;
	if (a->to_cluster)
		return ESL_CLUSTER_BY_UNICAST;
	daddr = esl_packet_daddr(&a->p);
	if (a->door == ESL_DOOR_OWN)
		return is_own(walk->world, &daddr) ? ESL_OWN_ADDRESS : ESL_TRANSIT_BY_UNICAST;
	return target && esl_is_cluster_ipv6(c, target) ? decide_solicitation(c, a) : ESL_GROUP;
}

static bool is_icmp(const struct esl_packet *p)
{
	return p->protocol == (p->family == 6 ? ESL_IPPROTO_ICMPV6 : ESL_IPPROTO_ICMP);
}

/* Is what the owner depends on behind the end of what was captured? */
static bool is_cut(const struct esl_account *a)
{
	const __u8 *end = a->frame->data + a->frame->captured;
	__u32 need = ESL_L4_BYTES;

	if (a->frame->captured >= a->frame->length)
		return false;
	if (!a->l3 || a->parsed == ESL_SHORT_FRAME)
		return true;
	if (a->type == esl_htons(ESL_ETHERTYPE_ARP))
		return a->l3 + sizeof(struct esl_arp) > end;
	if (!a->is_ip || a->parsed || a->p.later_fragment || a->door != ESL_DOOR_CLUSTER)
		return false;
	if (a->to_cluster)
		return a->kind == ESL_KIND_BAD_UDP || (esl_is_ipsec(a->kind) && !a->numbered) ||
		       (is_icmp(&a->p) && a->p.l4_len >= 4 && a->p.l4 + 4 > end);
	if (a->p.fragment || a->to_group || a->way == ESL_WAY_POLICY)
		return false;
	if (a->way == ESL_WAY_FLOW || a->way == ESL_WAY_SESSION_RR || a->way == ESL_WAY_SESSION_SQF)
		need = a->p.protocol == ESL_IPPROTO_TCP || a->p.protocol == ESL_IPPROTO_UDP ? 4 : 0;
	if (need > a->p.l4_len)
		need = a->p.l4_len & ~3u;
	return a->p.l4 + need > end;
}

static enum esl_fate judge(const struct esl_walk *walk, struct esl_account *a)
{
	__u32 takers = 0, others = 0, between = 0, count = walk->world->count;
	bool same = true;

	for (__u32 i = 0; i < count; i++) {
		if (takes(a->reason[i])) {
			takers++;
			a->owner = walk->world->ids[i];
		}
		others += esl_reason_text[a->reason[i]].verdict == ESL_OTHER;
		between += a->reason[i] == ESL_SWITCHING;
		same &= a->reason[i] == a->reason[0];
	}
	if (a->door == ESL_DOOR_OTHER || a->door == ESL_DOOR_OWN) {
		a->owner = ESL_NO_MEMBER;
		return ESL_FATE_DOOR;
	}
	if (takers == 1 && others == count - 1)
		return ESL_FATE_ONE;
	a->owner = ESL_NO_MEMBER;
	if (!takers && same && esl_reason_text[a->reason[0]].verdict == ESL_STACK)
		return ESL_FATE_EVERY;
	if (!takers && same && esl_reason_text[a->reason[0]].verdict == ESL_DROP)
		return ESL_FATE_NOBODY;
	if (!takers && between && between + others == count)
		return ESL_FATE_NOBODY;
	if (!takers && same && a->reason[0] == ESL_FRAGMENT_UNKNOWN)
		return ESL_FATE_FIRST;
	return ESL_FATE_BROKEN;
}

/* What the owner finds before its stack sees the packet, as far as a frame tells. */
static int owner_finds(const struct esl_walk *walk, const struct esl_account *a)
{
	const struct esl_config *c = &walk->world->config;

	if (a->fate != ESL_FATE_ONE || a->door != ESL_DOOR_CLUSTER || !a->is_ip || a->kind == ESL_KIND_NS)
		return 0;
	if (walk->world->pinned && !a->frame->no_mac && a->owner == c->member &&
	    esl_mac_equal(a->eth->src, c->port[a->role].mac))
		return ESL_OWN_FRAME;
	if ((__u32)(a->l3 - a->frame->data) + a->p.len > a->frame->length)
		return ESL_SHORT_FRAME;
	return a->numbered && c->changing ? ESL_CHANGING : 0;
}

static void mark_certain(struct esl_walk *walk, struct esl_account *a)
{
	bool counted = a->way == ESL_WAY_RR || a->way == ESL_WAY_SQF;
	__u64 this = a->frame->number ? a->frame->number : 1;

	/* Whether it was a marker is not known: neither is what follows. */
	if (counted && a->fate == ESL_FATE_CUT)
		walk->certain[a->role] = 0;
	if (counted && a->marker && a->fate != ESL_FATE_CUT && !walk->certain[a->role])
		walk->certain[a->role] = this;
	if (counted)
		a->certain = walk->certain[a->role];
	else if (a->way == ESL_WAY_SESSION_RR || a->way == ESL_WAY_SESSION_SQF)
		a->certain = a->marker && !(a->found && walk->world->pinned) ? this : 0;
}

int esl_walk_frame(struct esl_walk *walk, const struct esl_frame *f, struct esl_account *a)
{
	esl_account_read(walk, f, a);
	if (a->eth)
		esl_account_way(walk, a);
	if (is_cut(a)) {
		a->fate = ESL_FATE_CUT;
		mark_certain(walk, a);
		return 0;
	}
	for (__u32 i = 0; i < walk->world->count; i++) {
		if (!a->eth || !a->l3)
			a->reason[i] = ESL_SHORT_FRAME;
		else if (a->door == ESL_DOOR_CLUSTER)
			a->reason[i] = decide_cluster(walk, i, a);
		else
			a->reason[i] = decide_other(walk, &walk->witness[i].config, a);
	}
	a->fate = judge(walk, a);
	a->then = owner_finds(walk, a);
	mark_certain(walk, a);
	return note_first(walk, a);
}

int esl_walk_begin(struct esl_walk *walk, const struct esl_world *w, __u32 side)
{
	const size_t size = sizeof(struct esl_sessions) * ESL_SESSION_BUCKETS;

	*walk = (struct esl_walk){ .world = w, .side = side };
	walk->witness = calloc(w->count, sizeof(*walk->witness));
	if (!walk->witness)
		return -ENOMEM;
	for (__u32 i = 0; i < w->count; i++) {
		struct esl_witness *m = &walk->witness[i];

		m->config = w->config;
		m->config.member = w->ids[i];
		m->config.leader = w->ids[i] == w->leader;
		esl_phase_lead(&m->config, m->config.leader);
		/* What the others took over is not known here. */
		if (w->ids[i] != w->config.member)
			memset(m->config.taken, 0, sizeof(m->config.taken));
		m->tables.policies = w->policies;
		m->tables.policy_count = w->policy_count;
		m->tables.sas = w->sas;
		m->tables.sa_count = w->sa_count;
		m->tables.sessions = calloc(1, size);
		if (!m->tables.sessions)
			return -ENOMEM;
		if (w->sessions)
			memcpy(m->tables.sessions, w->sessions, size);
	}
	return 0;
}

void esl_walk_end(struct esl_walk *walk)
{
	for (__u32 i = 0; walk->witness && i < walk->world->count; i++)
		free(walk->witness[i].tables.sessions);
	free(walk->witness);
	tdestroy(walk->fragments, free);
}
