// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The status for people, written from the JSON document alone. */
#include <libsmartcols/libsmartcols.h>
#include <stdio.h>
#include <string.h>

#include "error.h"
#include "status_text.h"

static const struct {
	const char *name;
	const char *sentence;
} reasons[ESL_REASON_COUNT] = {
#define X(symbol, name, verdict, sentence) [ESL_##symbol] = { name, sentence },
	ESL_REASONS(X)
#undef X
};

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
	char buf[256];
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
	json_t *at = json_object_get(attachment, esl_side_names[i]);
	char text[64];
	size_t k;

	printf("%s: interface %s", esl_side_names[i], c->side[i].interface);
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

static void note(json_t *notes, json_t *sa, const char *why)
{
	json_array_append_new(notes, json_pack("{sO?, sO?, sO?, ss?}", "spi", json_object_get(sa, "spi"), "direction",
					       json_object_get(sa, "direction"), "daddr",
					       json_object_get(sa, "daddr"), "why", why));
}

static bool says(json_t *sa, const char *key, const char *word)
{
	const char *text = json_string_value(json_object_get(sa, key));

	return text && !strcmp(text, word);
}

/* What is not as it should be with an SA, or not as it is by default. */
static void note_sa(json_t *notes, json_t *sa)
{
	const char *why;

	if (!json_is_true(json_object_get(sa, "in_kernel")))
		return;
	if (says(sa, "direction", "in")) {
		if (!json_integer_value(json_object_get(sa, "replay_window")))
			note(notes, sa, "it has no replay window: replays are accepted");
		return;
	}
	why = json_string_value(json_object_get(sa, "silent_why"));
	if (why && !says(sa, "silent", "open"))
		note(notes, sa, why);
	why = json_string_value(json_object_get(sa, "dispatch_why"));
	if (why && says(sa, "dispatch", "sticky"))
		note(notes, sa, why);
	why = json_string_value(json_object_get(sa, "iv_audit_why"));
	if (why && !says(sa, "iv_audit", "checked") && !says(sa, "iv_audit", "not_applicable"))
		note(notes, sa, why);
}

static void print_notes(json_t *sas)
{
	static const char *const columns[] = { "spi", "direction", "daddr", "why" };
	json_t *notes = json_array(), *sa;
	size_t i;

	json_array_foreach(sas, i, sa)
		note_sa(notes, sa);
	print_rows(notes, NULL, columns, 4, 4);
	json_decref(notes);
}

/* Under the names of the JSON document, those that are not 0. */
static void print_refused(json_t *refused)
{
	static const char *const columns[] = { "refused_by", "name", "packets" };
	json_t *rows = json_array(), *names, *packets;
	const char *by, *name;

	json_object_foreach(refused, by, names)
		json_object_foreach(names, name, packets)
			if (json_integer_value(packets))
				json_array_append_new(rows, json_pack("{ss, ss, sO}", "refused_by", by, "name", name,
								      "packets", packets));
	print_rows(rows, NULL, columns, 3, 2);
	json_decref(rows);
}

void esl_status_print(const struct esl_conf *c, json_t *j)
{
	static const char *const records[] = { "spi", "direction", "destination", "lane", "lanes",
					       "block", "first", "bound", "top", "packets" };
	static const char *const lanes[] = { "spi", "daddr", "dispatch", "lanes", "block", "round",
					     "window", "passed", "silent", "iv_audit" };
	json_t *agent = json_object_get(j, "agent");
	json_t *leading = json_object_get(json_object_get(agent, "cluster"), "leading");
	char a[256], b[256];
	int i;

	printf("member %u: %s: %s\n", c->member, text_of(j, "state", a, sizeof(a)),
	       text_of(json_object_get(j, "why"), "sentence", b, sizeof(b)));
	printf("hold: %s\n", text_of(json_object_get(j, "hold"), "sentence", a, sizeof(a)));
	if (json_is_integer(json_object_get(agent, "leader_member")))
		printf("leader: member %s\n", text_of(agent, "leader_member", a, sizeof(a)));
	if (leading)
		printf("to lead: %s\n", text_of(leading, "sentence", a, sizeof(a)));
	print_dispatch(json_object_get(j, "dispatch"));
	for (i = 0; i < ESL_ROLES; i++)
		print_side(c, json_object_get(j, "attachment"), i);
	print_members(json_object_get(agent, "members"));
	print_counts(json_object_get(j, "counts"));
	print_refused(json_object_get(j, "refused"));
	print_rows(json_object_get(j, "sas"), NULL, records, 10, 3);
	print_rows(json_object_get(agent, "sas"), "out", lanes, 10, 3);
	print_notes(json_object_get(agent, "sas"));
}
