// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <jansson.h>
#include <libsmartcols/libsmartcols.h>
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

#define STATUS_VERSION 1

static const struct {
	const char *name;
	const char *sentence;
} reasons[ESL_REASON_COUNT] = {
#define X(symbol, name, verdict, sentence) [ESL_##symbol] = { name, sentence },
	ESL_REASONS(X)
#undef X
};

static json_t *hold_json(const struct esl_hold_report *r)
{
	char text[ESL_ERROR_MAX];

	return json_pack("{ss, ss}", "reason", esl_hold_name(r->reason), "sentence",
			 esl_hold_sentence(r, text, sizeof(text)));
}

static const char *const sides[ESL_ROLES] = { [ESL_INSIDE] = "inside", [ESL_OUTSIDE] = "outside" };

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
		json_object_set_new(j, sides[i], side_json(c, i, mode, r->dispatcher[i]));
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
			json_object_set_new(counts, reasons[i].name,
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

static const char *text_of(json_t *j, const char *key, char *buf, size_t size)
{
	json_t *v = json_object_get(j, key);

	if (json_is_string(v))
		snprintf(buf, size, "%s", json_string_value(v));
	else if (json_is_integer(v))
		snprintf(buf, size, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
	else if (json_is_boolean(v))
		snprintf(buf, size, "%s", json_is_true(v) ? "yes" : "no");
	else
		snprintf(buf, size, "-");
	return buf;
}

static void print_counts(json_t *counts)
{
	struct libscols_table *t = scols_new_table();
	struct libscols_line *line;
	char buf[32];
	int i;

	scols_table_new_column(t, "PACKETS", 0, SCOLS_FL_RIGHT);
	scols_table_new_column(t, "BYTES", 0, SCOLS_FL_RIGHT);
	scols_table_new_column(t, "REASON", 0, 0);
	scols_table_new_column(t, "MEANING", 0, 0);
	for (i = 0; i < ESL_REASON_COUNT; i++) {
		json_t *n = json_object_get(counts, reasons[i].name);

		if (!json_integer_value(json_object_get(n, "packets")))
			continue;
		line = scols_table_new_line(t, NULL);
		scols_line_set_data(line, 0, text_of(n, "packets", buf, sizeof(buf)));
		scols_line_set_data(line, 1, text_of(n, "bytes", buf, sizeof(buf)));
		scols_line_set_data(line, 2, reasons[i].name);
		scols_line_set_data(line, 3, reasons[i].sentence);
	}
	if (!scols_table_is_empty(t)) {
		putchar('\n');
		scols_print_table(t);
	}
	scols_unref_table(t);
}

/* direction NULL: both. The first columns up to numbers are texts. */
static void print_rows(json_t *rows, const char *direction, const char *const *columns, int n,
		      int numbers)
{
	struct libscols_table *t = scols_new_table();
	char buf[64];
	json_t *row;
	size_t i;
	int k;

	for (k = 0; k < n; k++)
		scols_table_new_column(t, columns[k], 0, k < numbers ? 0 : SCOLS_FL_RIGHT);
	json_array_foreach(rows, i, row) {
		struct libscols_line *line;

		if (direction && strcmp(text_of(row, "direction", buf, sizeof(buf)), direction))
			continue;
		line = scols_table_new_line(t, NULL);
		for (k = 0; k < n; k++)
			scols_line_set_data(line, k, text_of(row, columns[k], buf, sizeof(buf)));
	}
	if (!scols_table_is_empty(t)) {
		putchar('\n');
		scols_print_table(t);
	}
	scols_unref_table(t);
}

static void print_side(const struct esl_conf *c, json_t *attachment, int i)
{
	static const char *const parts[][2] = {
		{ "device", "device" }, { "address", "address" }, { "address6", "address" }, { "mac", "MAC" },
	};
	json_t *at = json_object_get(attachment, sides[i]);
	char text[64];
	size_t k;

	printf("%s: interface %s", sides[i], c->side[i].interface);
	for (k = !strcmp(c->side[i].device, c->side[i].interface); k < sizeof(parts) / sizeof(parts[0]); k++)
		if (json_is_string(json_object_get(at, parts[k][0])))
			printf(", %s %s", parts[k][1], text_of(at, parts[k][0], text, sizeof(text)));
	printf(", XDP mode %s, %s dispatcher\n", text_of(at, "mode", text, sizeof(text)),
	       json_is_true(json_object_get(at, "dispatcher")) ? "in a" : "no");
}

static void print_dispatch(json_t *d)
{
	const char *id, *before = "slots of members";
	json_int_t burst = json_integer_value(json_object_get(d, "burst"));
	char a[32], b[32];
	json_t *slots;

	printf("dispatch: inside %s", text_of(d, "inside", a, sizeof(a)));
	printf(", outside %s", text_of(d, "outside", a, sizeof(a)));
	if (burst > 1)
		printf(" in bursts of %" JSON_INTEGER_FORMAT, burst);
	printf(", epoch %s, a marker in %s packets%s\n", text_of(d, "epoch", a, sizeof(a)),
	       text_of(d, "marker", b, sizeof(b)),
	       json_is_true(json_object_get(d, "changing")) ? ", the outside scheme is changing" : "");
	json_object_foreach(json_object_get(d, "slots"), id, slots) {
		printf("%s %s: %" JSON_INTEGER_FORMAT, before, id, json_integer_value(slots));
		before = ",";
	}
	printf("\nMAC mode %s, ARP and ND answered by %s, ", text_of(d, "mac_mode", a, sizeof(a)),
	       text_of(d, "answer", b, sizeof(b)));
	printf("spread over CPUs: %s", text_of(d, "cpus", a, sizeof(a)));
	if (json_integer_value(json_object_get(d, "cpu_count")))
		printf(" over %s", text_of(d, "cpu_count", a, sizeof(a)));
	printf(", %s policies of single members\n", text_of(d, "policies", b, sizeof(b)));
}

/* Whatever the agent tells of them. */
static void print_members(json_t *members)
{
	const char *columns[16], *key;
	json_t *value;
	int n = 0;

	json_object_foreach(json_array_get(members, 0), key, value)
		if (n < 16 && !json_is_object(value) && !json_is_array(value))
			columns[n++] = key;
	if (n)
		print_rows(members, NULL, columns, n, 0);
}

static void print_status(const struct esl_conf *c, json_t *j)
{
	static const char *const records[] = { "spi", "direction", "destination", "lane", "lanes",
					       "block", "first", "bound", "top", "packets" };
	static const char *const lanes[] = { "spi", "daddr", "dispatch", "lanes", "block", "round",
					     "window", "passed" };
	json_t *agent = json_object_get(j, "agent");
	char a[256], b[256];
	int i;

	printf("member %u: %s: %s\n", c->member, text_of(j, "state", a, sizeof(a)),
	       text_of(json_object_get(j, "why"), "sentence", b, sizeof(b)));
	printf("hold: %s\n", text_of(json_object_get(j, "hold"), "sentence", a, sizeof(a)));
	if (json_is_integer(json_object_get(agent, "leader_member")))
		printf("leader: member %s\n", text_of(agent, "leader_member", a, sizeof(a)));
	print_dispatch(json_object_get(j, "dispatch"));
	for (i = 0; i < ESL_ROLES; i++)
		print_side(c, json_object_get(j, "attachment"), i);
	print_members(json_object_get(agent, "members"));
	print_counts(json_object_get(j, "counts"));
	print_rows(json_object_get(j, "sas"), NULL, records, 10, 3);
	print_rows(json_object_get(agent, "sas"), "out", lanes, 8, 3);
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
		print_status(c, j);
	}
	json_decref(j);
	return fflush(stdout) ? esl_error(error, errno, "cannot write (%s)", strerror(errno)) : 0;
}
