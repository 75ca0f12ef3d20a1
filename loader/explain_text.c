// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The account for people: numbered steps, one line each. */
#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "explain.h"

static void __attribute__((format(printf, 3, 4))) step(int *n, const char *what, const char *format, ...)
{
	va_list ap;

	printf("  %2d. %-10s", ++*n, what);
	va_start(ap, format);
	vprintf(format, ap);
	va_end(ap);
	putchar('\n');
}

void esl_text_world(const struct esl_world *w)
{
	const struct esl_table *t = esl_table(&w->config);
	bool by_number = t->esp_shift < ESL_BY_SPI;
	bool counted = t->scheme == ESL_SCHEME_PACKET_RR || t->scheme == ESL_SCHEME_PACKET_SQF ||
		       t->scheme == ESL_SCHEME_SESSION_RR || t->scheme == ESL_SCHEME_SESSION_SQF;

	printf("from      %s\n", w->source);
	for (int i = 0; i < w->assumed_count; i++)
		printf("assumed   %s\n", w->assumed[i]);
	printf("members  ");
	for (__u32 i = 0; i < w->count; i++)
		printf(" %u", w->ids[i]);
	printf("; leader %u\nschemes   plain packets: %s; IPsec: by %s", w->leader,
	       t->scheme < ESL_SCHEME_COUNT ? esl_scheme_text[t->scheme].name : "unknown",
	       by_number ? "SPI and number" : "SPI");
	if (by_number)
		printf(", %llu in a row", 1ULL << t->esp_shift);
	if (counted)
		printf("; one in %u is a marker", t->marker_mask + 1);
	putchar('\n');
	if (w->config.changing)
		puts("changing  the cluster changes its outside scheme: IPsec is dropped meanwhile");
}

static const char *mac_text(const __u8 *mac, char *buf, size_t size)
{
	snprintf(buf, size, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4],
		 mac[5]);
	return buf;
}

static const char *type_text(__be16 type, char *buf, size_t size)
{
	switch (ntohs(type)) {
	case ESL_ETHERTYPE_IPV4:
		return "IPv4";
	case ESL_ETHERTYPE_IPV6:
		return "IPv6";
	case ESL_ETHERTYPE_ARP:
		return "ARP";
	}
	snprintf(buf, size, "type 0x%04x", ntohs(type));
	return buf;
}

static void print_head(const struct esl_explain *o, const struct esl_account *a)
{
	const struct esl_frame *f = a->frame;
	time_t seconds = f->seconds;
	char when[32];
	struct tm tm;

	if (!f->number) {
		printf("\n%s\n", o->typed.form->name);
		return;
	}
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", gmtime_r(&seconds, &tm));
	printf("\npacket %llu, %s.%09uZ, %u bytes", (unsigned long long)f->number, when, f->nanoseconds,
	       f->length);
	if (f->captured < f->length)
		printf(", of which %u were captured: the rest is not there", f->captured);
	putchar('\n');
}

static void print_frame(int *n, const struct esl_account *a)
{
	char dst[18], src[18], type[16], tags[64] = "";

	for (__u32 i = 0; i < a->tags; i++)
		snprintf(tags + strlen(tags), sizeof(tags) - strlen(tags), "VLAN %u, ", a->tag[i]);
	if (!a->eth) {
		step(n, "frame", "too short for an Ethernet header");
		return;
	}
	if (a->frame->no_mac)
		step(n, "frame", "%s%s; %s, so it counts as come on the cluster MAC", tags,
		     type_text(a->type, type, sizeof(type)),
		     a->frame->number ? "no Ethernet header was captured" : "typed");
	else
		step(n, "frame", "%s to %s, %s%s%s", mac_text(a->eth->src, src, sizeof(src)),
		     mac_text(a->eth->dst, dst, sizeof(dst)), tags,
		     type_text(a->type, type, sizeof(type)), a->l3 ? "" : ", ends within its tags");
}

static void print_door(int *n, const struct esl_world *w, const struct esl_account *a)
{
	static const char *const doors[] = {
		[ESL_DOOR_CLUSTER] = "the cluster MAC",
		[ESL_DOOR_OWN] = "an own MAC of the member whose maps were read",
		[ESL_DOOR_GROUP] = "broadcast or multicast, not the cluster MAC",
		[ESL_DOOR_OTHER] = "a MAC that is not the cluster's",
	};
	const char *door = doors[a->door];

	if (a->door == ESL_DOOR_CLUSTER && (w->example || a->frame->no_mac))
		door = "taken for the cluster MAC";
	step(n, "door", "%s NIC%s, %s", esl_role_name[a->role],
	     a->role_guessed ? " (nothing in the packet tells, see --side)" : "", door);
	if (a->door == ESL_DOOR_OTHER)
		step(n, "own MAC", "a member that has this MAC drops it, unless it is for an address of "
		     "that member alone");
}

static const char *protocol_text(const struct esl_packet *p, char *buf, size_t size)
{
	switch (p->protocol) {
	case ESL_IPPROTO_ESP:
		return "ESP";
	case ESL_IPPROTO_AH:
		return "AH";
	case ESL_IPPROTO_TCP:
		return "TCP";
	case ESL_IPPROTO_UDP:
		return "UDP";
	case ESL_IPPROTO_ICMP:
		return "ICMP";
	case ESL_IPPROTO_ICMPV6:
		return "ICMPv6";
	}
	snprintf(buf, size, "protocol %u", p->protocol);
	return buf;
}

static const char *extension_text(__u8 extension)
{
	switch (extension) {
	case ESL_IPPROTO_HOPOPTS:
		return "hop-by-hop options";
	case ESL_IPPROTO_ROUTING:
		return "routing";
	case ESL_IPPROTO_FRAGMENT:
		return "fragment";
	}
	return "destination options";
}

static void print_ip(int *n, const struct esl_account *a)
{
	struct esl_addr src = esl_packet_saddr(&a->p), dst = esl_packet_daddr(&a->p);
	char from[INET6_ADDRSTRLEN], to[INET6_ADDRSTRLEN], protocol[16], more[160] = "";
	const char *sep = "extension headers: ";

	if (a->options)
		snprintf(more, sizeof(more), "; %u bytes of options", a->options);
	for (__u32 i = 0; i < a->extensions; i++, sep = ", ")
		snprintf(more + strlen(more), sizeof(more) - strlen(more), "%s%s%s", i ? "" : "; ", sep,
			 extension_text(a->extension[i]));
	step(n, "IP", "IPv%u, %s to %s, %u bytes, %s%s", a->p.family, esl_addr_text(&src, from, sizeof(from)),
	     esl_addr_text(&dst, to, sizeof(to)), a->p.len, protocol_text(&a->p, protocol, sizeof(protocol)),
	     more);
	if (a->parsed)
		return;
	if (a->p.fragment)
		step(n, "fragment", "%s of the packet with identification 0x%x",
		     a->p.later_fragment ? "a later one" : "the first one",
		     a->p.family == 6 ? ntohl(a->p.id) : ntohs((__u16)a->p.id));
	step(n, "for", "%s", a->to_cluster ? "a cluster address itself" :
	     a->to_group ? "a group, so for the stack of each member" :
	     "others: to be forwarded");
}

static void print_kind(int *n, const struct esl_explain *o, const struct esl_account *a)
{
	static const char *const kinds[] = {
		[ESL_KIND_ESP] = "ESP",
		[ESL_KIND_AH] = "AH",
		[ESL_KIND_NATT] = "ESP in UDP 4500",
		[ESL_KIND_KEEPALIVE] = "NAT keep-alive",
		[ESL_KIND_ICMP_ERROR] = "ICMP error",
		[ESL_KIND_NS] = "neighbour solicitation",
		[ESL_KIND_BAD_UDP] = "UDP that ends before it says what it is",
		[ESL_KIND_OTHER] = "nothing that matters to a gateway",
	};

	if (!a->to_cluster)
		return;
	if (a->numbered)
		step(n, "kind", "%s, SPI 0x%x, number %u", kinds[a->kind], a->spi, a->seq);
	else
		step(n, "kind", "%s", a->kind == ESL_KIND_OTHER ? "neither ESP, AH nor an ICMP error: IKE, "
		     "echo and the like" : kinds[a->kind]);
	if (!a->frame->number && a->numbered && o->typed.value[ESL_FIELD_SEQ] > a->seq)
		step(n, "wire", "only the lower 32 bits of the number are in the packet");
}

/* Fields of a typed packet that nobody gave and that make the owner. */
static void print_missing(int *n, const struct esl_explain *o, const struct esl_account *a, bool session)
{
	const struct esl_form *form = o->typed.form;
	char list[256] = "";

	if (a->frame->number)
		return;
	for (int i = 0; i < ESL_FIELD_COUNT; i++) {
		if (!(form->allowed & ~o->typed.given & 1u << i) || o->typed.value[i] ||
		    esl_field_text[i].part < (session ? ESL_PART_SESSION : ESL_PART_PACKET) ||
		    (a->p.family == 6 && i == (a->p.fragment ? ESL_FIELD_PROTO : ESL_FIELD_ID)) ||
		    (a->p.fragment && i != ESL_FIELD_SRC && i != ESL_FIELD_ID && i != ESL_FIELD_PROTO))
			continue;
		snprintf(list + strlen(list), sizeof(list) - strlen(list), "%s%s", list[0] ? ", " : "",
			 esl_field_text[i].name);
	}
	if (form->rest && !session && !a->p.fragment)
		snprintf(list + strlen(list), sizeof(list) - strlen(list), "%s%s", list[0] ? ", " : "",
			 form->rest);
	if (list[0])
		step(n, "not given", "%s: 0 here, and part of the hash", list);
}

static __u64 queue_bytes(const struct esl_turns *turns, __u32 member)
{
	struct esl_turns one = {};
	__u64 unit;

	esl_queue_add(&one, 0, 1);
	unit = one.queue[0];
	return unit ? turns->queue[member % ESL_MEMBERS_MAX] / unit : 0;
}

static void print_queues(int *n, const struct esl_table *t, const struct esl_turns *turns)
{
	printf("  %2d. %-9s", ++*n, "queues");
	for (__u32 i = 0; i < t->active_count; i++)
		printf(" member %u: %llu bytes%s", t->active[i],
		       (unsigned long long)queue_bytes(turns, t->active[i]),
		       i + 1 < t->active_count ? "," : "\n");
}

static void print_turn(int *n, const struct esl_table *t, const struct esl_account *a)
{
	__u32 next = a->turns.next;

	if (!t->active_count)
		return;
	switch (a->way) {
	case ESL_WAY_RR:
	case ESL_WAY_SESSION_RR:
		next = t->active[next < t->active_count ? next : 0];
		break;
	case ESL_WAY_SESSION_SQF:
		next = a->marker ? next : esl_queue_shortest(&a->turns, t);
		/* fall through */
	default:
		print_queues(n, t, &a->turns);
	}
	step(n, "turn", "of member %u", next);
}

static void print_certain(int *n, const struct esl_account *a)
{
	bool session = a->way == ESL_WAY_SESSION_RR || a->way == ESL_WAY_SESSION_SQF;
	const char *start = a->frame->number ? "counted from the start of the capture" :
					       "taken for the first one here";

	step(n, "marker", a->marker ? "yes: at such a hash (0x%016llx) all members begin anew" :
	     "no (hash 0x%016llx)", (unsigned long long)a->hash);
	if (session && a->certain)
		step(n, "certain", "yes: a marker's owner follows from its hash alone");
	else if (session)
		step(n, "certain", "no: the owner depends on the sessions before it, %s",
		     start);
	else if (a->certain)
		step(n, "certain", "since the marker in packet %llu, if no member missed one since",
		     (unsigned long long)a->certain);
	else
		step(n, "certain", "no: the owner depends on the packets before it, %s",
		     start);
}

/* Where a planned change gives the slot to another member, and the packet goes by
 * its number. */
static void print_heir(int *n, const struct esl_world *w, const struct esl_account *a, __u32 owner)
{
	__u32 heir = esl_slot_owner(esl_phase_next(&w->config, esl_phase(&w->config)), a->slot);

	if (esl_phase_switching(esl_phase(&w->config)) != ESL_PHASE_NONE && heir != owner && heir != ESL_NO_MEMBER)
		step(n, "next", "slot %u goes to member %u, from the number on at which its SA switches", a->slot,
		     heir);
}

static void print_slot(int *n, const struct esl_world *w, const struct esl_account *a)
{
	__u32 owner;

	if (a->slot >= ESL_SLOTS)
		return;
	owner = esl_slot_owner(esl_table(&w->config), a->slot);
	if (owner == ESL_NO_MEMBER)
		step(n, "owner", "slot %u belongs to no member", a->slot);
	else
		step(n, "owner", "slot %u belongs to member %u", a->slot, owner);
	if (a->numbered)
		print_heir(n, w, a, owner);
}

static void print_scheme(int *n, const struct esl_table *t)
{
	if (t->scheme < ESL_SCHEME_COUNT)
		step(n, "scheme", "%s: %s", esl_scheme_text[t->scheme].name,
		     esl_scheme_text[t->scheme].sentence);
}

static void print_policy(int *n, const struct esl_account *a)
{
	struct esl_addr dst = esl_packet_daddr(&a->p);
	char to[INET6_ADDRSTRLEN];

	step(n, "policy", "scheme sa: the policy with the longest prefix, /%u, around %s keeps to slot %u",
	     a->prefixlen, esl_addr_text(&dst, to, sizeof(to)), a->slot);
}

static void print_first(int *n, const struct esl_account *a)
{
	if (a->first)
		step(n, "scheme", "as the first fragment said, which is packet %llu",
		     (unsigned long long)a->first);
	else
		step(n, "scheme", "as the first fragment said, which is not known here");
}

static void print_counted(int *n, const struct esl_world *w, const struct esl_explain *o,
			  const struct esl_account *a)
{
	bool session = a->way == ESL_WAY_SESSION_RR || a->way == ESL_WAY_SESSION_SQF;
	const struct esl_table *t = esl_table(&w->config);

	print_scheme(n, t);
	print_missing(n, o, a, session);
	if (session && a->found)
		step(n, "session", "in the table: it keeps its member");
	else if (session)
		step(n, "session", "new: who is next takes it");
	if (!session || !a->found)
		print_turn(n, t, a);
	print_certain(n, a);
}

static void print_hash(int *n, const struct esl_world *w, const struct esl_explain *o,
		       const struct esl_account *a)
{
	const struct esl_table *t = esl_table(&w->config);
	bool session = a->way == ESL_WAY_FLOW;

	print_scheme(n, t);
	if (t->scheme == ESL_SCHEME_SA)
		step(n, "policy", w->pinned ? "none keeps this destination to a slot" :
		     "not known, only the maps of a member name them");
	step(n, "hash of", session ? "addresses, protocol and ports" :
	     a->p.fragment ? "what all fragments have: addresses, protocol (IPv4), identification" :
	     "addresses, protocol, identification and the first 16 bytes behind the IP header");
	print_missing(n, o, a, session);
	step(n, "slot", "upper 8 bits of 0x%016llx = %u", (unsigned long long)a->hash, a->slot);
}

static void print_way(int *n, const struct esl_world *w, const struct esl_explain *o,
		      const struct esl_account *a)
{
	__u32 shift = esl_table(&w->config)->esp_shift;

	switch (a->way) {
	case ESL_WAY_NONE:
		return;
	case ESL_WAY_LEADER:
		step(n, "scheme", "none: what is for a cluster address itself is the leader's, member %u",
		     w->leader);
		return;
	case ESL_WAY_NUMBER:
		step(n, "scheme", "by SPI and number, %llu in a row to one member", 1ULL << shift);
		step(n, "slot", "(h(SPI, destination) %u + %u / %llu) mod %u = %u", a->base, a->seq,
		     1ULL << shift, ESL_SLOTS, a->slot);
		break;
	case ESL_WAY_SPI:
		step(n, "scheme", "by SPI: the number takes no part");
		step(n, "slot", "h(SPI, destination) = %u", a->slot);
		break;
	case ESL_WAY_POLICY:
		print_policy(n, a);
		break;
	case ESL_WAY_FIRST:
		print_first(n, a);
		break;
	case ESL_WAY_PACKET:
	case ESL_WAY_FLOW:
		print_hash(n, w, o, a);
		break;
	default:
		print_counted(n, w, o, a);
	}
	print_slot(n, w, a);
}

/* Members with the same reason share a line, the one who takes it first. */
static void print_reasons(int *n, const struct esl_world *w, const struct esl_account *a)
{
	bool done[ESL_MEMBERS_MAX] = {};

	for (__u32 round = 0; round < 2; round++) {
		for (__u32 i = 0; i < w->count; i++) {
			char who[4 * ESL_MEMBERS_MAX] = "at";

			if (done[i] || (!round && w->ids[i] != a->owner))
				continue;
			for (__u32 j = i; j < w->count; j++) {
				if (done[j] || a->reason[j] != a->reason[i])
					continue;
				done[j] = true;
				snprintf(who + strlen(who), sizeof(who) - strlen(who), " %u", w->ids[j]);
			}
			step(n, who, "%s: %s", esl_reason_text[a->reason[i]].name,
			     esl_reason_text[a->reason[i]].sentence);
		}
	}
	if (a->then)
		step(n, "then", "member %u drops it all the same, %s: %s", a->owner,
		     esl_reason_text[a->then].name, esl_reason_text[a->then].sentence);
	else if (a->numbered && a->fate == ESL_FATE_ONE)
		step(n, "then", "member %u looks at its deadline, the SA and the floor of the SA", a->owner);
}

static void print_fate(const struct esl_world *w, const struct esl_account *a)
{
	switch (a->fate) {
	case ESL_FATE_ONE:
		printf("  => member %u%s\n", a->owner, a->then ? ", which drops it" : "");
		return;
	case ESL_FATE_EVERY:
		puts("  => every member, by its own stack");
		return;
	case ESL_FATE_NOBODY:
		puts("  => nobody: all drop it");
		return;
	case ESL_FATE_DOOR:
		puts("  => not the cluster's: it came by another door");
		return;
	case ESL_FATE_FIRST:
		puts("  => whoever took the first fragment, which is not known here");
		return;
	case ESL_FATE_CUT:
		puts("  => not known: the bytes that tell were not captured");
		return;
	case ESL_FATE_BROKEN:
		printf("  => NOT EXACTLY ONE MEMBER of the %u TAKES IT: this is a bug\n", w->count);
	}
}

void esl_text_account(const struct esl_world *w, const struct esl_explain *o, const struct esl_account *a)
{
	int n = 0;

	print_head(o, a);
	print_frame(&n, a);
	if (a->eth)
		print_door(&n, w, a);
	if (a->is_ip) {
		print_ip(&n, a);
		print_kind(&n, o, a);
	}
	if (a->fate != ESL_FATE_CUT) {
		print_way(&n, w, o, a);
		print_reasons(&n, w, a);
	}
	print_fate(w, a);
}
