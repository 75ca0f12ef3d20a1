// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "address.h"
#include "agent_status.h"
#include "conf_words.h"
#include "error.h"
#include "hold.h"
#include "pins.h"
#include "refused.h"
#include "state.h"
#include "status.h"
#include "status_text.h"

#define STATUS_VERSION 1

static const char *const reasons[ESL_REASON_COUNT] = {
#define X(symbol, name, verdict, sentence) [ESL_##symbol] = name,
	ESL_REASONS(X)
#undef X
};

static json_t *hold_json(const struct esl_hold_report *r)
{
	char text[ESL_ERROR_MAX];

	return json_pack("{ss, ss}", "reason", esl_hold_name(r->reason), "sentence",
			 esl_hold_sentence(r, text, sizeof(text)));
}

const char *const esl_side_names[ESL_ROLES] = { [ESL_INSIDE] = "inside", [ESL_OUTSIDE] = "outside" };

static json_t *address_json(const struct esl_addr *a)
{
	char text[INET6_ADDRSTRLEN];

	return esl_addr_none(a) ? json_null() : json_string(esl_address_text(a, text));
}

static json_t *side_json(const struct esl_conf *c, int side, const char *mode, bool dispatcher)
{
	const struct esl_addr ipv4 = esl_address_cluster(c, 2 * side);
	const struct esl_conf_side *s = &c->side[side];
	const __u8 *m = s->cluster_mac;
	char mac[18];

	snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5]);
	return json_pack("{sb, ss?, ss, ss, ss, so, so}", "dispatcher", dispatcher, "mode", mode,
			 "interface", s->interface, "device", s->device, "mac", mac, "address",
			 address_json(&ipv4), "address6", address_json(&s->cluster_addr6));
}

static json_t *attachment_json(const struct esl_conf *c, const struct esl_hold_report *r)
{
	struct esl_state s = {};
	bool loaded = !esl_state_read(c, &s);
	const char *mode = loaded ? esl_choice_name(esl_modes, s.mode) : NULL;
	json_t *j = json_object();
	int i;

	for (i = 0; i < ESL_ROLES; i++)
		json_object_set_new(j, esl_side_names[i], side_json(c, i, mode, r->dispatcher[i]));
	esl_state_free(&s);
	return j;
}

/* How many each active member has. */
static json_t *slots_json(const struct esl_table *t)
{
	json_t *j = json_object();
	char id[16];
	__u32 i, k;

	for (i = 0; i < t->active_count && i < ESL_MEMBERS_MAX; i++) {
		int slots = 0;

		for (k = 0; k < ESL_SLOTS; k++)
			slots += t->slot[k] == t->active[i];
		snprintf(id, sizeof(id), "%u", t->active[i]);
		json_object_set_new(j, id, json_integer(slots));
	}
	return j;
}

/* What the program goes by now, or would go by. */
static json_t *dispatch_json(const struct esl_conf *c, const struct esl_pins *p)
{
	const struct esl_config *config = p ? p->config : NULL;
	struct esl_table t = {};
	bool by_number;

	if (config && config->abi)
		t = config->table[esl_load(&config->current) & 1];
	if (!t.epoch)
		esl_conf_table(c, &t);
	by_number = t.esp_shift < ESL_BY_SPI;
	return json_pack("{ss, ss, sI, sI, si, sb, ss, ss, ss, si, si, so}", "inside",
			 esl_choice_name(esl_schemes, t.scheme), "outside", by_number ? "by-number" : "by-spi",
			 "burst", (json_int_t)(by_number ? 1LL << t.esp_shift : 0), "marker",
			 (json_int_t)t.marker_mask + 1, "epoch", (int)t.epoch, "changing",
			 config ? (int)esl_load(&config->changing) : 0, "mac_mode",
			 esl_choice_name(esl_mac_modes, c->mac_mode), "answer",
			 esl_choice_name(esl_answers, c->answer), "cpus",
			 esl_choice_name(esl_cpu_modes, c->cpu_mode), "cpu_count",
			 c->cpu_mode == ESL_CPU_OFF ? 0 : (int)c->cpu_count, "policies",
			 config ? (int)esl_load(&config->policies) : 0, "slots", slots_json(&t));
}

static json_t *counts_json(const struct esl_pins *p)
{
	json_t *counts = json_object();
	struct esl_count n;
	int i;

	for (i = 0; i < ESL_REASON_COUNT; i++)
		if (!esl_pins_count(p, i, &n))
			json_object_set_new(counts, reasons[i],
					    json_pack("{sI, sI}", "packets", (json_int_t)n.packets,
						      "bytes", (json_int_t)n.bytes));
	return counts;
}

static json_t *out_json(const struct esl_pins *p, const struct esl_sa_key *k)
{
	char daddr[INET6_ADDRSTRLEN], spi[16];
	const struct esl_guard *g;
	struct esl_sa_out sa;

	if (bpf_map_lookup_elem(p->sa_out, k, &sa) || sa.index >= ESL_SA_MAX)
		return NULL;
	g = esl_guards_at(p->guards, sa.index);
	snprintf(spi, sizeof(spi), "0x%08x", k->spi);
	esl_address_text(&k->daddr, daddr);
	return json_pack("{ss, ss, ss, si, si, sI, sb, sI, sI, sI, sI}", "spi", spi, "direction",
			 "out", "destination", daddr, "lane", (int)sa.lane, "lanes",
			 (int)sa.lanes.lanes, "block", (json_int_t)esl_block_size(&sa.lanes), "esn",
			 (int)sa.esn, "first", (json_int_t)esl_load(&g->first), "bound",
			 (json_int_t)esl_load(&g->bound), "top", (json_int_t)esl_load(&g->top),
			 "packets", (json_int_t)esl_load(&g->passed));
}

static json_t *in_json(const struct esl_pins *p, const struct esl_sa_key *k)
{
	struct esl_sa_seq per[libbpf_num_possible_cpus()], sum = {};
	char daddr[INET6_ADDRSTRLEN], spi[16];
	struct esl_sa_in sa;
	int i;

	if (bpf_map_lookup_elem(p->sa_in, k, &sa) ||
	    bpf_map_lookup_elem(p->sa_seq, &sa.index, per))
		return NULL;
	for (i = 0; i < libbpf_num_possible_cpus(); i++) {
		if (!sum.packets || (per[i].packets && (__s32)(per[i].top - sum.top) > 0))
			sum.top = per[i].top;
		sum.packets += per[i].packets;
	}
	snprintf(spi, sizeof(spi), "0x%08x", k->spi);
	esl_address_text(&k->daddr, daddr);
	return json_pack("{ss, ss, ss, sI, sI, sI}", "spi", spi, "direction", "in", "destination",
			 daddr, "first", (json_int_t)(sa.floor_set ? sa.floor + 1 : 1), "top",
			 (json_int_t)sum.top, "packets", (json_int_t)sum.packets);
}

static void add_sas(const struct esl_pins *p, int fd,
		    json_t *(*one)(const struct esl_pins *, const struct esl_sa_key *), json_t *list)
{
	struct esl_sa_key key, *prev = NULL;
	int i;

	/* A deletion meanwhile starts the walk anew: bounded all the same. */
	for (i = 0; i < ESL_SA_MAX && !bpf_map_get_next_key(fd, prev, &key); i++) {
		json_t *sa = one(p, &key);

		if (sa)
			json_array_append_new(list, sa);
		prev = &key;
	}
}

static json_t *verdict(const char *state, const char *reason, const char *sentence)
{
	return json_pack("{ss, s{ss, ss}}", "state", state, "why", "reason", reason, "sentence",
			 sentence);
}

/* Without an agent only the deadline is left to be asked. It may still hold:
 * the agent has just gone, or is busy and renews it all the same. */
static json_t *no_agent(const struct esl_pins *p)
{
	__u64 now, deadline = esl_load(&p->config->deadline_ns);
	struct timespec t;
	char text[128];

	clock_gettime(CLOCK_BOOTTIME, &t);
	now = t.tv_sec * 1000000000ULL + t.tv_nsec;
	if (deadline > now) {
		snprintf(text, sizeof(text),
			 "espalierd does not answer, but the deadline holds for %llu ms more",
			 (unsigned long long)(deadline - now) / 1000000);
		return verdict("forwarding", "no_agent", text);
	}
	if (deadline)
		snprintf(text, sizeof(text),
			 "espalierd is not running: the deadline passed %llu.%llu s ago",
			 (unsigned long long)(now - deadline) / 1000000000,
			 (unsigned long long)(now - deadline) / 100000000 % 10);
	else
		snprintf(text, sizeof(text), "espalierd is not running: no deadline is set");
	return verdict("silent", "no_agent", text);
}

/* Is this member forwarding, and why not: {state, why}. */
static json_t *verdict_json(json_t *agent, const struct esl_pins *p, const struct esl_hold_report *r)
{
	const char *state, *reason, *sentence, *held;
	char text[ESL_ERROR_MAX];

	if (!json_unpack(agent, "{ss, s{ss, ss}, s{ss}}", "state", &state, "why", "reason", &reason,
			 "sentence", &sentence, "hold", "sentence", &held))
		return verdict(state, reason, strcmp(reason, "hold") ? sentence : held);
	if (p)
		return no_agent(p);
	return verdict("silent", "not_loaded",
		       r->reason == ESL_HOLD_NOT_LOADED ? esl_hold_sentence(r, text, sizeof(text)) :
							  "the maps cannot be read");
}

static json_t *status_json(const struct esl_conf *c)
{
	json_t *j, *verdict, *counts, *dispatch, *sas = json_array(), *agent = esl_agent_status(c);
	struct esl_hold_report r;
	struct esl_pins pins;
	char text[ESL_ERROR_MAX];
	bool open = !esl_pins_open(c, &pins, text);

	esl_hold_check(c, true, &r);
	verdict = verdict_json(agent, open ? &pins : NULL, &r);
	counts = open ? counts_json(&pins) : json_object();
	dispatch = dispatch_json(c, open ? &pins : NULL);
	if (open) {
		add_sas(&pins, pins.sa_out, out_json, sas);
		add_sas(&pins, pins.sa_in, in_json, sas);
		esl_pins_close(&pins);
	}
	j = json_pack("{si, si, sO, sO, so, so, so, so, so, so, so?}", "version", STATUS_VERSION, "member",
		      (int)c->member, "state", json_object_get(verdict, "state"), "why",
		      json_object_get(verdict, "why"), "hold", hold_json(&r), "attachment",
		      attachment_json(c, &r), "dispatch", dispatch, "counts", counts, "refused",
		      esl_refused(), "sas", sas, "agent", agent);
	json_decref(verdict);
	return j;
}

int esl_status(const struct esl_conf *c, bool json, char error[ESL_ERROR_MAX])
{
	char path[512];
	json_t *j;

	if (access(esl_state_path(c, path, sizeof(path)), R_OK) < 0 && errno != ENOENT)
		return esl_error(error, errno, "%s cannot be read (%s)", path, strerror(errno));
	j = status_json(c);
	if (!j)
		return esl_error(error, ENOMEM, "the status cannot be put together");
	if (json) {
		json_dumpf(j, stdout, JSON_INDENT(1));
		putchar('\n');
	} else {
		esl_status_print(c, j);
	}
	json_decref(j);
	return fflush(stdout) ? esl_error(error, errno, "cannot write (%s)", strerror(errno)) : 0;
}
