// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <string.h>

#include "explain.h"

static void read_tags(struct esl_account *a, const __u8 *end)
{
	const __u8 *tag = (const __u8 *)(a->eth + 1);

	a->l3 = esl_find_l3(a->eth, end, &a->type);
	for (; a->l3 && tag < a->l3; tag += ESL_VLAN_LEN)
		a->tag[a->tags++] = esl_ntohs(*(const __be16 *)tag) & 0xfff;
}

/* Note which extension headers were stepped over. */
static void read_extensions(struct esl_account *a, const __u8 *end)
{
	struct esl_packet p;

	esl_read_ipv6((const void *)a->l3, end, &p);
	while (a->extensions < ESL_EXTENSIONS_MAX && p.l4 < a->p.l4) {
		a->extension[a->extensions++] = (__u8)p.protocol;
		if (esl_skip_extension(&p))
			return;
	}
}

static void read_ip(struct esl_account *a, const __u8 *end)
{
	if (a->type == esl_htons(ESL_ETHERTYPE_IPV4)) {
		a->is_ip = a->l3 + sizeof(struct esl_ipv4) <= end;
		a->parsed = esl_parse_ipv4(a->l3, end, &a->p);
		if (!a->parsed)
			a->options = (__u32)(a->p.l4 - a->l3 - sizeof(struct esl_ipv4));
	} else if (a->type == esl_htons(ESL_ETHERTYPE_IPV6)) {
		a->is_ip = a->l3 + sizeof(struct esl_ipv6) <= end;
		a->parsed = esl_parse_ipv6(a->l3, end, &a->p);
		if (a->is_ip)
			read_extensions(a, end);
	}
}

const struct esl_addr *esl_account_target(const struct esl_account *a)
{
	const struct esl_addr *target = (const void *)(a->p.l4 + 8);

	if (!a->is_ip || a->parsed || esl_kind_of(&a->p, true) != ESL_KIND_NS ||
	    (const __u8 *)(target + 1) > a->frame->data + a->frame->captured)
		return NULL;
	return target;
}

/* The side that has this cluster address. */
static __u32 side_of_address(const struct esl_config *c, struct esl_addr addr)
{
	for (__u32 i = 0; i < ESL_ROLES; i++) {
		const struct esl_port *port = &c->port[i];
		struct esl_addr v4 = esl_addr_from_ipv4(port->cluster_addr);

		if (port->cluster_addr && esl_addr_equal(&addr, &v4))
			return i;
		if (!esl_addr_none(&port->cluster_addr6) && esl_addr_equal(&addr, &port->cluster_addr6))
			return i;
	}
	return ESL_ROLES;
}

static __u32 side_by_arp(const struct esl_config *c, const struct esl_account *a)
{
	const struct esl_arp *arp = (const void *)a->l3;
	const __u8 *end = a->frame->data + a->frame->captured;

	if (a->type != esl_htons(ESL_ETHERTYPE_ARP) || (const __u8 *)(arp + 1) > end)
		return ESL_ROLES;
	for (__u32 i = 0; i < ESL_ROLES; i++)
		if (arp->tpa && arp->tpa == c->port[i].cluster_addr)
			return i;
	return ESL_ROLES;
}

static __u32 side_by_mac(const struct esl_world *w, const struct esl_account *a)
{
	for (__u32 i = 0; i < ESL_ROLES; i++) {
		const struct esl_port *port = &w->config.port[i];

		if (!w->example && esl_mac_equal(a->eth->dst, port->cluster_mac))
			return i;
		if (w->pinned && (esl_mac_equal(a->eth->dst, port->mac) ||
				  esl_mac_equal(a->eth->src, port->mac)))
			return i;
	}
	return ESL_ROLES;
}

static __u32 side_by_ip(const struct esl_config *c, const struct esl_account *a)
{
	const struct esl_addr *target = esl_account_target(a);
	__u32 side = side_of_address(c, target ? *target : esl_packet_daddr(&a->p));

	if (a->p.protocol == ESL_IPPROTO_ESP || a->p.protocol == ESL_IPPROTO_AH)
		return ESL_OUTSIDE;
	/* What the cluster sends is seen where its address is. */
	return side == ESL_ROLES ? side_of_address(c, esl_packet_saddr(&a->p)) : side;
}

/* The NIC that the frame came by, if nobody said. */
static __u32 find_side(const struct esl_world *w, struct esl_account *a)
{
	__u32 side = a->frame->no_mac ? ESL_ROLES : side_by_mac(w, a);

	if (side == ESL_ROLES && a->l3)
		side = side_by_arp(&w->config, a);
	if (side == ESL_ROLES && a->is_ip)
		side = side_by_ip(&w->config, a);
	a->role_guessed = side == ESL_ROLES;
	return a->role_guessed ? ESL_INSIDE : side;
}

static enum esl_door find_door(const struct esl_world *w, const struct esl_account *a)
{
	const struct esl_port *port = &w->config.port[a->role];

	if (a->frame->no_mac || w->example || esl_mac_equal(a->eth->dst, port->cluster_mac))
		return ESL_DOOR_CLUSTER;
	if (a->eth->dst[0] & 1)
		return ESL_DOOR_GROUP;
	return w->pinned && esl_mac_equal(a->eth->dst, port->mac) ? ESL_DOOR_OWN : ESL_DOOR_OTHER;
}

static void read_kind(struct esl_account *a)
{
	const __u32 *w;

	a->kind = esl_kind_of(&a->p, true);
	if (a->p.later_fragment || !esl_is_ipsec(a->kind))
		return;
	w = esl_spi_seq(&a->p, a->kind);
	a->numbered = !!w;
	if (w) {
		a->spi = esl_ntohl(w[0]);
		a->seq = esl_ntohl(w[1]);
	}
}

void esl_account_read(const struct esl_walk *walk, const struct esl_frame *f, struct esl_account *a)
{
	const struct esl_world *w = walk->world;
	const __u8 *end = f->data + f->captured;

	memset(a, 0, sizeof(*a));
	a->frame = f;
	a->slot = ESL_SLOTS;
	a->owner = ESL_NO_MEMBER;
	a->role = walk->side == ESL_SIDE_AUTO ? ESL_INSIDE : walk->side;
	if (f->captured < ESL_ETH_LEN)
		return;
	a->eth = (const void *)f->data;
	read_tags(a, end);
	if (a->l3)
		read_ip(a, end);
	if (walk->side == ESL_SIDE_AUTO)
		a->role = find_side(w, a);
	a->door = find_door(w, a);
	if (!a->is_ip)
		return;
	a->to_cluster = esl_is_to_cluster(&w->config, &a->p);
	a->to_group = esl_is_to_group(&a->p);
	if (!a->parsed)
		read_kind(a);
}
