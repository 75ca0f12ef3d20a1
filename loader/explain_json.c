// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The account for programs: one object a line. espalier-explain(8) says what is in it. */
#include <arpa/inet.h>
#include <jansson.h>
#include <stdio.h>

#include "explain.h"

static const char *const ways[] = {
	[ESL_WAY_NONE] = "none",
	[ESL_WAY_LEADER] = "leader",
	[ESL_WAY_NUMBER] = "number",
	[ESL_WAY_SPI] = "spi",
	[ESL_WAY_POLICY] = "policy",
	[ESL_WAY_PACKET] = "packet",
	[ESL_WAY_FLOW] = "session",
	[ESL_WAY_RR] = "packet-rr",
	[ESL_WAY_SQF] = "packet-sqf",
	[ESL_WAY_SESSION_RR] = "session-rr",
	[ESL_WAY_SESSION_SQF] = "session-sqf",
	[ESL_WAY_FIRST] = "first-fragment",
};

static const char *const fates[] = {
	[ESL_FATE_ONE] = "one",
	[ESL_FATE_EVERY] = "every",
	[ESL_FATE_NOBODY] = "nobody",
	[ESL_FATE_DOOR] = "door",
	[ESL_FATE_FIRST] = "first-fragment",
	[ESL_FATE_CUT] = "cut",
	[ESL_FATE_BROKEN] = "broken",
};

static const char *const kinds[] = {
	[ESL_KIND_OTHER] = "other",
	[ESL_KIND_ESP] = "esp",
	[ESL_KIND_AH] = "ah",
	[ESL_KIND_NATT] = "natt",
	[ESL_KIND_KEEPALIVE] = "keepalive",
	[ESL_KIND_ICMP_ERROR] = "icmp-error",
	[ESL_KIND_NS] = "neighbour-solicitation",
	[ESL_KIND_BAD_UDP] = "bad-udp",
};

static const char *const doors[] = {
	[ESL_DOOR_CLUSTER] = "cluster",
	[ESL_DOOR_OWN] = "own",
	[ESL_DOOR_GROUP] = "group",
	[ESL_DOOR_OTHER] = "other",
};

static const char *const verdicts[] = {
	[ESL_STACK] = "stack",
	[ESL_OWN] = "own",
	[ESL_OTHER] = "other",
	[ESL_DROP] = "drop",
	[ESL_ANSWER] = "answer",
};

static json_t *mac_json(const __u8 *m)
{
	return json_sprintf("%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5]);
}

static json_t *frame_json(const struct esl_account *a)
{
	const struct esl_frame *f = a->frame;
	json_t *j = json_pack("{sI, sI}", "bytes", (json_int_t)f->length, "captured",
			      (json_int_t)f->captured);
	json_t *tags = json_array();

	for (__u32 i = 0; i < a->tags; i++)
		json_array_append_new(tags, json_integer(a->tag[i]));
	if (a->eth && !f->no_mac) {
		json_object_set_new(j, "from", mac_json(a->eth->src));
		json_object_set_new(j, "to", mac_json(a->eth->dst));
	}
	json_object_set_new(j, "vlans", tags);
	if (a->eth)
		json_object_set_new(j, "type", json_integer(ntohs(a->type)));
	return j;
}

static json_t *ip_json(const struct esl_account *a)
{
	struct esl_addr src = esl_packet_saddr(&a->p), dst = esl_packet_daddr(&a->p);
	char from[INET6_ADDRSTRLEN], to[INET6_ADDRSTRLEN];
	const char *fragment = a->p.later_fragment ? "later" : a->p.fragment ? "first" : "none";
	json_t *extensions = json_array();

	for (__u32 i = 0; i < a->extensions; i++)
		json_array_append_new(extensions, json_integer(a->extension[i]));
	return json_pack("{sI, ss, ss, sI, sI, sI, ss, sI, so}", "version", (json_int_t)a->p.family, "from",
			 esl_addr_text(&src, from, sizeof(from)), "to",
			 esl_addr_text(&dst, to, sizeof(to)), "bytes", (json_int_t)a->p.len, "protocol",
			 (json_int_t)a->p.protocol, "options", (json_int_t)a->options, "fragment", fragment,
			 "id", (json_int_t)(a->p.family == 6 ? ntohl(a->p.id) : ntohs((__u16)a->p.id)),
			 "extensions", extensions);
}

static void add_way(json_t *j, const struct esl_world *w, const struct esl_account *a)
{
	bool counted = a->way >= ESL_WAY_RR && a->way <= ESL_WAY_SESSION_SQF;
	__u32 owner;

	json_object_set_new(j, "by", json_string(ways[a->way]));
	if (a->numbered) {
		json_object_set_new(j, "spi", json_integer(a->spi));
		json_object_set_new(j, "number", json_integer(a->seq));
	}
	if (a->fate == ESL_FATE_CUT)
		return;
	if (a->way == ESL_WAY_NUMBER) {
		json_object_set_new(j, "base", json_integer(a->base));
		json_object_set_new(j, "burst", json_integer(1LL << esl_table(&w->config)->esp_shift));
	}
	if (a->way == ESL_WAY_PACKET || a->way == ESL_WAY_FLOW || counted)
		json_object_set_new(j, "hash", json_sprintf("0x%016llx", (unsigned long long)a->hash));
	if (a->slot < ESL_SLOTS) {
		owner = esl_slot_owner(esl_table(&w->config), a->slot);
		json_object_set_new(j, "slot", json_integer(a->slot));
		json_object_set_new(j, "slot_owner",
				    owner == ESL_NO_MEMBER ? json_null() : json_integer(owner));
	}
	if (counted) {
		json_object_set_new(j, "marker", json_boolean(a->marker));
		json_object_set_new(j, "certain_since",
				    a->certain ? json_integer(a->certain) : json_null());
	}
	if (a->way == ESL_WAY_FIRST)
		json_object_set_new(j, "first_fragment", a->first ? json_integer(a->first) : json_null());
}

static json_t *reasons_json(const struct esl_world *w, const struct esl_account *a)
{
	json_t *list = json_array();

	for (__u32 i = 0; i < w->count && a->fate != ESL_FATE_CUT; i++) {
		const struct esl_reason_text *r = &esl_reason_text[a->reason[i]];

		json_array_append_new(list, json_pack("{sI, ss, ss, ss}", "member", (json_int_t)w->ids[i],
						      "reason", r->name, "verdict", verdicts[r->verdict],
						      "sentence", r->sentence));
	}
	return list;
}

void esl_json_account(const struct esl_world *w, const struct esl_explain *o, const struct esl_account *a)
{
	bool exact = a->door != ESL_DOOR_CLUSTER || !(w->example || a->frame->no_mac);
	json_t *j = json_object(), *assumed = json_array();

	for (int i = 0; i < w->assumed_count; i++)
		json_array_append_new(assumed, json_string(w->assumed[i]));
	if (a->frame->number) {
		json_object_set_new(j, "packet", json_integer(a->frame->number));
		json_object_set_new(j, "time", json_sprintf("%lld.%09u", (long long)a->frame->seconds,
							    a->frame->nanoseconds));
	} else {
		json_object_set_new(j, "typed", json_string(o->typed.form->name));
	}
	json_object_set_new(j, "source", json_string(w->source));
	json_object_set_new(j, "assumed", assumed);
	json_object_set_new(j, "frame", frame_json(a));
	json_object_set_new(j, "side", json_string(esl_role_name[a->role]));
	json_object_set_new(j, "side_known", json_boolean(!a->role_guessed));
	json_object_set_new(j, "door", json_string(exact ? doors[a->door] : "assumed"));
	if (a->is_ip) {
		json_object_set_new(j, "ip", ip_json(a));
		json_object_set_new(j, "to_cluster", json_boolean(a->to_cluster));
		json_object_set_new(j, "kind", json_string(kinds[a->kind]));
	}
	add_way(j, w, a);
	json_object_set_new(j, "leader", json_integer(w->leader));
	json_object_set_new(j, "fate", json_string(fates[a->fate]));
	json_object_set_new(j, "owner", a->owner == ESL_NO_MEMBER ? json_null() : json_integer(a->owner));
	json_object_set_new(j, "then", a->then ? json_string(esl_reason_text[a->then].name) : json_null());
	json_object_set_new(j, "members", reasons_json(w, a));
	json_dumpf(j, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(j);
}
