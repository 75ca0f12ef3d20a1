/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Whose packet is it?  The decision of the XDP program for a frame on the
 * cluster MAC, from the packet and the pinned configuration: no per-SA
 * look-up, no atomic, no clock.  README: "A packet's way".  Only while
 * a change is planned (switch.h), and only where it gives the packet's slot to
 * this member or takes it away, the SA's record is looked up; and at the leader,
 * while there are SAs that not all members have.
 *
 * Some schemes need more than the packet.  Whoever includes this header says
 * where that lies, by the functions below: the BPF program in maps, host
 * code in memory (tables.h).
 */
#ifndef ESPALIER_DECIDE_H
#define ESPALIER_DECIDE_H

#include "abi.h"

struct esl_tables;

/* The policy with the longest prefix of the packet's destination. */
esl_inline const struct esl_policy *esl_tables_policy(struct esl_tables *tables, const struct esl_packet *p);
/* The record of an inbound SA, or NULL. */
esl_inline const struct esl_sa_in *esl_tables_sa(struct esl_tables *tables, const struct esl_sa_key *key);
/*
 * Owner by a scheme that counts or keeps a table: esl_owner_counted() or
 * esl_owner_session() with what they need.  t: the packet's table; role: of the
 * NIC; hash: of packet or session; len: of the packet in bytes.
 */
esl_inline __u32 esl_tables_owner(struct esl_tables *tables, const struct esl_table *t, __u32 role,
				  __u64 hash, __u32 len);
/* esl_switch_step() with the records of the NIC with this role. */
esl_inline bool esl_tables_switch(struct esl_tables *tables, __u32 role, __u32 epoch, __u64 hash, bool whole);

/* What esl_owner_ipsec() says beside a member id or ESL_NO_MEMBER: its old owner
 * takes the packet no longer and its new one not yet. */
#define ESL_BETWEEN 0x100

esl_inline bool esl_is_cluster_ipv4(const struct esl_config *c, __be32 addr)
{
	return (addr == c->port[ESL_OUTSIDE].cluster_addr || addr == c->port[ESL_INSIDE].cluster_addr) && addr;
}

esl_inline bool esl_is_cluster_ipv6(const struct esl_config *c, const void *addr)
{
	return (esl_addr_equal(addr, &c->port[ESL_OUTSIDE].cluster_addr6) ||
		esl_addr_equal(addr, &c->port[ESL_INSIDE].cluster_addr6)) &&
	       !esl_addr_none(addr);
}

esl_inline bool esl_is_to_cluster(const struct esl_config *c, const struct esl_packet *p)
{
	return p->family == 6 ? esl_is_cluster_ipv6(c, p->addr + 16) :
				esl_is_cluster_ipv4(c, *(const __be32 *)(p->addr + 4));
}

esl_inline bool esl_is_from_cluster(const struct esl_config *c, const struct esl_packet *p)
{
	return p->family == 6 ? esl_is_cluster_ipv6(c, p->addr) :
				esl_is_cluster_ipv4(c, *(const __be32 *)p->addr);
}

/* Queries of IGMP (RFC 3376: always with an IP option) and MLD come on the
 * cluster MAC where that is a group's, and are for every member's stack, as is
 * all that IPv6 sends to a group. */
esl_inline bool esl_is_to_group(const struct esl_packet *p)
{
	return p->family == 6 ? p->addr[16] == 0xff :
				p->options && p->protocol == ESL_IPPROTO_IGMP && (p->addr[4] & 0xf0) == 0xe0;
}

/* owned where member is this one, foreign where it is another. */
esl_inline int esl_by_owner(const struct esl_config *c, __u32 member, int owned, int foreign)
{
	if (member == c->member)
		return owned;
	return member == ESL_NO_MEMBER ? ESL_NO_SLOT : foreign;
}

esl_inline __u32 esl_slot_owner(const struct esl_table *t, __u32 slot)
{
	return t->slot[slot % ESL_SLOTS];
}

/* What the slot of an IPsec packet follows from; all as on the wire. */
struct esl_number {
	__be32 spi;
	__be32 seq;
	__u32 protocol;		/* ESP, also in UDP, or AH */
};

esl_inline __u32 esl_number_slot(const struct esl_config *c, const struct esl_packet *p,
				 const struct esl_number *n, const struct esl_table *t)
{
	return esl_slot_esp(&c->key, n->spi, esl_daddr_word(p), esl_ntohl(n->seq), t->esp_shift);
}

/* The number that the 32 bits on the wire stand for.  whole: esl_sa_in.whole; else it is
 * the one nearest to ref.  An SA without ESN has one number for each: one that lies far
 * below ref is an old one, however far. */
esl_inline __u64 esl_in_number(bool whole, __u32 seq, __u64 ref)
{
	return whole ? seq : esl_seq_extend(seq, ref);
}

/* Is this a number that the leader alone takes?  below, whole: of esl_sa_in;
 * seq: host byte order. */
esl_inline bool esl_is_leaders(__u64 below, bool whole, __u32 seq)
{
	return below && (below == ~0ULL || esl_in_number(whole, seq, below) < below);
}

/* Owner of the packet p, or of that of which p is a part, with this number: a
 * member id, ESL_NO_MEMBER, or ESL_BETWEEN. */
esl_inline __u32 esl_owner_ipsec(const struct esl_config *c, const struct esl_packet *p,
				 const struct esl_number *n, __u64 phase, struct esl_tables *tables)
{
	const struct esl_table *t = esl_phase_table(c, phase), *next;
	__u32 owner = esl_slot_owner(t, esl_number_slot(c, p, n, t)), heir = owner;
	const struct esl_sa_in *sa;
	struct esl_sa_key key;

	if (phase <= 1)
		return owner;
	if (esl_phase_switching(phase) != ESL_PHASE_NONE) {
		next = esl_phase_next(c, phase);
		heir = esl_slot_owner(next, esl_number_slot(c, p, n, next));
	}
	if (!esl_phase_leads(phase) && (owner == heir || (owner != c->member && heir != c->member)))
		return owner;
	key = esl_sa_key(p, esl_ntohl(n->spi), n->protocol);
	sa = esl_tables_sa(tables, &key);
	if (!sa)
		return owner;
	if (esl_phase_leads(phase) && esl_is_leaders(sa->leader_below, sa->whole, esl_ntohl(n->seq)))
		return c->member;
	if (owner == heir || (owner != c->member && heir != c->member) || !sa->switch_at ||
	    esl_in_number(sa->whole, esl_ntohl(n->seq), sa->switch_at) < sa->switch_at)
		return owner;
	return esl_phase_switching(phase) == ESL_PHASE_SWITCH ? heir : ESL_BETWEEN;
}

/* A number that may have been accepted where its slot was before: not to be
 * accepted in slots that are esl_is_taken().  seq: host byte order. */
esl_inline bool esl_below_floor(const struct esl_sa_in *sa, __u32 seq)
{
	return sa->floor_set && esl_in_number(sa->whole, seq, sa->floor) <= sa->floor;
}

esl_inline bool esl_is_taken(const struct esl_config *c, __u32 slot)
{
	return c->taken[slot / 32 % (ESL_SLOTS / 32)] >> slot % 32 & 1;
}

/* s: the counts of the NIC with this role, on this CPU. */
esl_inline __u32 esl_owner_counted(const struct esl_table *t, struct esl_turns *s, __u64 hash, __u32 len)
{
	bool sqf = t->scheme == ESL_SCHEME_PACKET_SQF;

	esl_turns_align(s, t, sqf, hash);
	return sqf ? esl_turn_sqf(s, t, len) : esl_turn_rr(s, t);
}

/* b: bucket esl_session_bucket(hash). *added: the others are to be told. */
esl_inline __u32 esl_owner_session(const struct esl_table *t, struct esl_turns *s, struct esl_sessions *b,
				   __u64 hash, __u32 len, bool *added)
{
	return esl_turn_session(s, t, b, hash, len, t->scheme == ESL_SCHEME_SESSION_SQF, added);
}

/* The slot of a policy that keeps all its packets on one member, or ESL_SLOTS. */
esl_inline __u32 esl_policy_slot(const struct esl_config *c, const struct esl_packet *p,
				 struct esl_tables *tables)
{
	const struct esl_policy *policy;

	if (!c->policies)
		return ESL_SLOTS;
	policy = esl_tables_policy(tables, p);
	return policy ? policy->slot : ESL_SLOTS;
}

/* The table that a packet which is to be forwarded follows. Once for each that
 * arrives: its place among the markers counts. */
esl_inline const struct esl_table *esl_table_plain(const struct esl_config *c, __u32 role,
						   const struct esl_packet *p, __u64 phase,
						   struct esl_tables *tables)
{
	const struct esl_table *next;

	if (esl_phase_switching(phase) == ESL_PHASE_NONE)
		return esl_phase_table(c, phase);
	next = esl_phase_next(c, phase);
	return esl_tables_switch(tables, role, next->epoch, esl_hash_packet(&c->key, p), !p->fragment) ?
		       next : esl_phase_table(c, phase);
}

/*
 * Owner, by its table, of a packet that is to be forwarded.  To be called once
 * for each packet that arrives: the counted schemes count it.
 */
esl_inline __u32 esl_owner_plain(const struct esl_config *c, const struct esl_table *t, __u32 role,
				 const struct esl_packet *p, struct esl_tables *tables)
{
	__u32 slot = esl_policy_slot(c, p, tables), scheme;

	if (slot < ESL_SLOTS)
		return esl_slot_owner(t, slot);
	/* The one in a hurry first, and before the compiler makes a tree of all. */
	scheme = t->scheme;
	if (scheme == ESL_SCHEME_PACKET_HASH)
		return esl_slot_owner(t, esl_hash_slot(esl_hash_packet(&c->key, p)));
	esl_settle(scheme);
	if (scheme == ESL_SCHEME_SA)
		return esl_slot_owner(t, esl_hash_slot(esl_hash_packet(&c->key, p)));
	if (scheme == ESL_SCHEME_PACKET_RR || scheme == ESL_SCHEME_PACKET_SQF)
		return esl_tables_owner(tables, t, role, esl_hash_packet(&c->key, p), p->len);
	if (scheme == ESL_SCHEME_SESSION_HASH)
		return esl_slot_owner(t, esl_hash_slot(esl_hash_flow(&c->key, p)));
	return esl_tables_owner(tables, t, role, esl_hash_flow(&c->key, p), p->len);
}

/* w: SPI and number as on the wire. */
esl_inline struct esl_number esl_number(const __u32 *w, enum esl_kind kind)
{
	struct esl_number n = {
		.spi = w[0],
		.seq = w[1],
		.protocol = kind == ESL_KIND_AH ? ESL_IPPROTO_AH : ESL_IPPROTO_ESP,
	};

	return n;
}

/* An IPsec packet to a cluster address, no later fragment. */
esl_inline int esl_decide_ipsec(const struct esl_config *c, const struct esl_packet *p, enum esl_kind kind,
				__u64 phase, struct esl_tables *tables)
{
	const __u32 *w = esl_spi_seq(p, kind);
	struct esl_number n;
	__u32 member;

	if (!w)
		return kind == ESL_KIND_AH ? ESL_BAD_AH : ESL_BAD_ESP;
	n = esl_number(w, kind);
	member = esl_owner_ipsec(c, p, &n, phase, tables);
	if (member == ESL_BETWEEN)
		return ESL_SWITCHING;
	switch (kind) {
	case ESL_KIND_AH:
		return esl_by_owner(c, member, ESL_OWNED_AH, ESL_FOREIGN_AH);
	case ESL_KIND_NATT:
		return esl_by_owner(c, member, ESL_OWNED_NATT, ESL_FOREIGN_NATT);
	default:
		return esl_by_owner(c, member, ESL_OWNED_ESP, ESL_FOREIGN_ESP);
	}
}

esl_inline bool esl_is_ipsec(enum esl_kind kind)
{
	return kind == ESL_KIND_ESP || kind == ESL_KIND_AH || kind == ESL_KIND_NATT;
}

esl_inline int esl_for_leader(const struct esl_config *c, int leader, int other)
{
	return c->leader ? leader : other;
}

/* Whose later fragments only the first one tells: those of IPsec, of UDP, which
 * may be IPsec, and of IPv6, where the protocol in them means nothing. */
esl_inline bool esl_first_decides(const struct esl_packet *p)
{
	return p->family == 6 || p->protocol == ESL_IPPROTO_ESP || p->protocol == ESL_IPPROTO_AH ||
	       p->protocol == ESL_IPPROTO_UDP;
}

/*
 * A packet to a cluster address itself.  OWNED_FRAGMENT means "as the first
 * fragment", which the caller remembers: esl_decide_later().
 */
esl_inline int esl_decide_local(const struct esl_config *c, __u32 role, const struct esl_packet *p, __u64 phase,
				struct esl_tables *tables)
{
	enum esl_kind kind = esl_kind_of(p, true);

	if (p->protocol == ESL_IPPROTO_COMP || p->protocol == ESL_IPPROTO_IPIP ||
	    p->protocol == ESL_IPPROTO_IPV6)
		return ESL_LOCAL_TUNNEL;
	if (role != ESL_OUTSIDE && (esl_is_ipsec(kind) || kind == ESL_KIND_KEEPALIVE))
		return ESL_WRONG_SIDE;
	if (p->later_fragment)
		return esl_first_decides(p) && role == ESL_OUTSIDE ?
			       ESL_OWNED_FRAGMENT : esl_for_leader(c, ESL_LOCAL_LEADER, ESL_LOCAL_OTHER);
	if (esl_is_ipsec(kind))
		return esl_decide_ipsec(c, p, kind, phase, tables);
	switch (kind) {
	case ESL_KIND_KEEPALIVE:
		return ESL_NAT_KEEPALIVE;
	case ESL_KIND_BAD_UDP:
		return ESL_BAD_UDP;
	case ESL_KIND_ICMP_ERROR:
		return ESL_ICMP_ERROR;
	case ESL_KIND_NS:
		return esl_for_leader(c, ESL_ND_LEADER, ESL_ND_OTHER);
	default:
		return esl_for_leader(c, ESL_LOCAL_LEADER, ESL_LOCAL_OTHER);
	}
}

/* Whose a first fragment is that a member gave this reason: the later ones belong
 * to whom it belongs to, and the leader takes those that are of no IPsec packet.
 * enum esl_frag_owner, or 0: nothing is remembered, and what was known of an older
 * packet with the same id is forgotten. */
esl_inline __u32 esl_first_owner(const struct esl_config *c, int reason)
{
	if (reason == ESL_OWNED_ESP || reason == ESL_OWNED_AH || reason == ESL_OWNED_NATT)
		return ESL_FRAG_MINE;
	return c->leader && reason != ESL_LOCAL_LEADER ? ESL_FRAG_OTHER : 0;
}

/* The kind of an owned IPsec packet. */
esl_inline enum esl_kind esl_owned_kind(int reason)
{
	if (reason == ESL_OWNED_AH)
		return ESL_KIND_AH;
	return reason == ESL_OWNED_NATT ? ESL_KIND_NATT : ESL_KIND_ESP;
}

/* What is remembered of the first fragment p with this reason; owner as
 * esl_first_owner(). */
esl_inline struct esl_frag esl_frag(const struct esl_config *c, const struct esl_packet *p, int reason)
{
	struct esl_frag f = { .owner = esl_first_owner(c, reason) };
	enum esl_kind kind = esl_owned_kind(reason);
	const __u32 *w;
	struct esl_number n;

	if (f.owner != ESL_FRAG_MINE)
		return f;
	w = esl_spi_seq(p, kind);
	if (!w) {
		f.owner = 0;
		return f;
	}
	n = esl_number(w, kind);
	f.protocol = n.protocol;
	f.spi = n.spi;
	f.seq = n.seq;
	return f;
}

/* Whose the later fragment p is now, of a packet of which f is remembered: enum
 * esl_frag_owner. */
esl_inline __u32 esl_frag_owner(const struct esl_config *c, const struct esl_packet *p,
				const struct esl_frag *f, struct esl_tables *tables)
{
	struct esl_number n = { .spi = f->spi, .seq = f->seq, .protocol = f->protocol };
	__u64 phase = esl_phase(c);
	const struct esl_sa_in *sa;
	struct esl_sa_key key;

	if (f->owner != ESL_FRAG_MINE)
		return f->owner;
	if (esl_owner_ipsec(c, p, &n, phase, tables) != c->member)
		return ESL_FRAG_OTHER;
	key = esl_sa_key(p, esl_ntohl(n.spi), n.protocol);
	sa = esl_tables_sa(tables, &key);
	if (sa && esl_is_leaders(sa->leader_below, sa->whole, esl_ntohl(n.seq)) && !esl_phase_leads(phase))
		return ESL_FRAG_OTHER;
	if (sa && esl_below_floor(sa, esl_ntohl(n.seq)) &&
	    esl_is_taken(c, esl_number_slot(c, p, &n, esl_phase_table(c, phase))))
		return ESL_FRAG_OTHER;
	return ESL_FRAG_MINE;
}

/*
 * A later fragment whose first one had this owner: enum esl_frag_owner, or 0
 * for not known.  What is not known to be IPsec may be IKE, and is the leader's.
 */
esl_inline int esl_decide_later(const struct esl_config *c, const struct esl_packet *p, __u32 owner)
{
	if (owner == ESL_FRAG_MINE)
		return ESL_OWNED_FRAGMENT;
	if (owner == ESL_FRAG_OTHER || p->protocol == ESL_IPPROTO_ESP || p->protocol == ESL_IPPROTO_AH)
		return ESL_FRAGMENT_UNKNOWN;
	return esl_for_leader(c, ESL_LOCAL_LEADER, ESL_LOCAL_OTHER);
}

/* An IP packet that came on the cluster MAC of the NIC with this role; once
 * for each that arrives. */
esl_inline int esl_decide(const struct esl_config *c, __u32 role, const struct esl_packet *p,
			  struct esl_tables *tables)
{
	const __u64 phase = esl_phase(c);
	const struct esl_table *t;

	if (esl_is_to_cluster(c, p))
		return esl_decide_local(c, role, p, phase, tables);
	if (esl_is_to_group(p))
		return ESL_GROUP;
	t = esl_table_plain(c, role, p, phase, tables);
	return esl_by_owner(c, esl_owner_plain(c, t, role, p, tables), ESL_OWNED_PLAIN, ESL_FOREIGN_PLAIN);
}

/* Of the first eight bytes: version, header length, and what makes a fragment. */
#define ESL_SIMPLE_IPV4 0xff3f0000000000ffULL

/* Is this a whole packet that has all the words of the hash, without options or
 * extension headers? Then *p is filled. */
esl_inline bool esl_read_simple(const void *l3, const void *end, __be16 type, struct esl_packet *p)
{
	if (type == esl_htons(ESL_ETHERTYPE_IPV4)) {
		const struct esl_ipv4 *ip = l3;

		if ((const void *)((const __u8 *)(ip + 1) + ESL_L4_BYTES) > end ||
		    (*(const esl_wide *)ip & ESL_SIMPLE_IPV4) != 0x45)
			return false;
		/* Length and id are cheaper to load again than to cut out of that word. */
		esl_reload();
		esl_read_ipv4(ip, sizeof(*ip), end, p);
		if (p->len < sizeof(*ip) + ESL_L4_BYTES)
			return false;
		p->fragment = p->later_fragment = false;
	} else if (type == esl_htons(ESL_ETHERTYPE_IPV6)) {
		const struct esl_ipv6 *ip = l3;

		if ((const void *)((const __u8 *)(ip + 1) + ESL_L4_BYTES) > end ||
		    (ip->version_class_label & esl_htonl(0xf0000000)) != esl_htonl(0x60000000))
			return false;
		esl_read_ipv6(ip, end, p);
		if (esl_is_extension(p->protocol) || p->l4_len < ESL_L4_BYTES)
			return false;
	} else {
		return false;
	}
	if (p->fragment)
		return false;
	p->l4_sure = ESL_L4_BYTES;
	return true;
}

/*
 * The short way, for most of what a member sees: returns what esl_decide()
 * would for a simple packet that is plain or IPsec, or 0 where it has to be
 * asked, as always while a change is planned.  Whether the frame holds all that
 * the packet claims matters to the owner only, who looks.
 */
esl_inline int esl_decide_simple(const struct esl_config *c, __u32 role, const struct esl_packet *p,
				 struct esl_tables *tables)
{
	__u64 phase = esl_phase(c);
	enum esl_kind kind;

	if (phase > 1 || esl_is_to_group(p))
		return 0;
	/* One that the compiler knows to be in no change. */
	phase &= 1;
	if (!esl_is_to_cluster(c, p))
		return esl_by_owner(c, esl_owner_plain(c, esl_phase_table(c, phase), role, p, tables),
				    ESL_OWNED_PLAIN, ESL_FOREIGN_PLAIN);
	if (role != ESL_OUTSIDE)
		return 0;
	if (p->protocol == ESL_IPPROTO_ESP)
		return esl_decide_ipsec(c, p, ESL_KIND_ESP, phase, tables);
	kind = esl_kind_of(p, true);
	return esl_is_ipsec(kind) ? esl_decide_ipsec(c, p, kind, phase, tables) : 0;
}

#endif
