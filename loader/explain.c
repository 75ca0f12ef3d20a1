// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "explain.h"

#define EXIT_MISUSE 2

enum {
	KEY_PCAP = 256, KEY_SIDE, KEY_LIMIT,
	KEY_CLUSTER, KEY_MEMBERS, KEY_LEADER, KEY_SCHEME, KEY_BURST,
	KEY_FIELD
};

static const struct argp_option options[] = {
	{ "config", 'c', "FILE", 0, "configuration (default /etc/espalier/espalier.conf)", 0 },
	{ "pcap", KEY_PCAP, "FILE", 0, "every packet of a capture, pcap or pcapng", 0 },
	{ "side", KEY_SIDE, "inside|outside|auto", 0, "the NIC that packets came by", 0 },
	{ "json", 'j', NULL, 0, "one object a line for each packet", 0 },
	{ "limit", KEY_LIMIT, "N", 0, "stop after N packets", 0 },
	{ NULL, 0, NULL, 0, "Instead of what is configured:", 1 },
	{ "cluster", KEY_CLUSTER, "ADDRESS", 0, "outside cluster address", 1 },
	{ "members", KEY_MEMBERS, "ID,ID...", 0, "members, with equal shares", 1 },
	{ "leader", KEY_LEADER, "ID", 0, "leader", 1 },
	{ "scheme", KEY_SCHEME, "NAME", 0, "dispatch scheme, of both directions", 1 },
	{ "burst", KEY_BURST, "N", 0, "consecutive numbers of an SA that one member takes", 1 },
	{ NULL, 0, NULL, 0, "Fields of a typed packet:", 2 },
#define X(symbol, option, max, name, part) \
	{ option, KEY_FIELD + ESL_FIELD_##symbol, (max) ? "N" : "ADDRESS", 0, name, 2 },
	ESL_FIELDS(X)
#undef X
	{ 0 }
};

static int parse_side(const char *text, __u32 *ret, char *error)
{
	for (*ret = 0; *ret < ESL_ROLES; ++*ret)
		if (!strcmp(text, esl_role_name[*ret]))
			return 0;
	if (!strcmp(text, "auto"))
		return 0;
	return esl_error(error, EINVAL, "--side %s: expected inside, outside or auto", text);
}

static int parse_number(const char *option, const char *text, __u64 min, __u64 max, __u64 *ret,
			char *error)
{
	char *end;

	errno = 0;
	*ret = strtoull(text, &end, 0);
	if (text[0] >= '0' && text[0] <= '9' && !*end && !errno && *ret >= min && *ret <= max)
		return 0;
	return esl_error(error, EINVAL, "--%s %s: expected a number from %llu to %llu", option, text,
			 (unsigned long long)min, (unsigned long long)max);
}

static int parse_members(const char *text, struct esl_explain *o, char *error)
{
	__u64 bits = 0;

	for (const char *at = text;; at++) {
		char *end;
		unsigned long id = strtoul(at, &end, 10);

		if (*at < '0' || *at > '9' || id >= ESL_MEMBERS_MAX || (*end && *end != ',') ||
		    bits >> id & 1)
			return esl_error(error, EINVAL,
					 "--members %s: expected ids from 0 to %d with commas, each once",
					 text, ESL_MEMBERS_MAX - 1);
		bits |= 1ULL << id;
		at = end;
		if (!*end)
			break;
	}
	o->id_count = 0;
	for (__u8 id = 0; id < ESL_MEMBERS_MAX; id++)
		if (bits >> id & 1)
			o->ids[o->id_count++] = id;
	return 0;
}

static int parse_scheme(const char *text, int *ret, char *error)
{
	char names[256] = "";

	for (*ret = 0; *ret < ESL_SCHEME_COUNT; ++*ret)
		if (!strcmp(text, esl_scheme_text[*ret].name))
			return 0;
	for (int i = 0; i < ESL_SCHEME_COUNT; i++) {
		strcat(names, i ? ", " : "");
		strcat(names, esl_scheme_text[i].name);
	}
	return esl_error(error, EINVAL, "--scheme %s: expected one of %s", text, names);
}

static int parse_burst(const char *text, int *ret, char *error)
{
	__u64 n;
	int err = parse_number("burst", text, 1, 65536, &n, error);

	if (!err && n & (n - 1))
		return esl_error(error, EINVAL, "--burst %s: expected a power of two", text);
	*ret = err ? -1 : __builtin_ctzll(n);
	return err;
}

static int parse_form(const char *text, struct esl_typed *t, char *error)
{
	char names[128];

	if (t->form)
		return esl_error(error, EINVAL, "%s: one packet at a time, %s was given", text,
				 t->form->name);
	t->form = esl_form_find(text);
	if (t->form)
		return 0;
	return esl_error(error, EINVAL, "%s: expected one of %s", text,
			 esl_form_names(names, sizeof(names)));
}

/* Do --pcap and the typed fields agree? Builds the typed packet. */
static int check(struct esl_explain *o, char *error)
{
	static __u8 buf[ESL_TYPED_MAX] __attribute__((aligned(8)));
	struct esl_typed *t = &o->typed;
	int err;

	if (!o->capture && !t->form)
		return esl_error(error, EINVAL, "expected --pcap FILE or a packet, such as "
				 "esp --dst 10.9.0.1 --spi 0x100 --seq 77");
	if (!o->capture) {
		err = esl_typed_check(t, error);
		return err ? err : esl_typed_frame(t, buf, &o->frame, error);
	}
	if (t->form)
		return esl_error(error, EINVAL, "%s: not together with --pcap", t->form->name);
	if (t->given)
		return esl_error(error, EINVAL, "--%s: not together with --pcap",
				 esl_field_text[__builtin_ctz(t->given)].option);
	return 0;
}

static int parse_option(int key, const char *arg, struct esl_explain *o, char *error)
{
	__u64 n = 0;
	int err;

	switch (key) {
	case 'c':
		o->path = arg;
		o->path_given = true;
		return 0;
	case 'j':
		o->json = true;
		return 0;
	case KEY_PCAP:
		o->capture = arg;
		return 0;
	case KEY_SIDE:
		return parse_side(arg, &o->side, error);
	case KEY_LIMIT:
		return parse_number("limit", arg, 1, ~0ULL, &o->limit, error);
	case KEY_CLUSTER:
		return esl_addr_parse("cluster", arg, &o->cluster, error);
	case KEY_MEMBERS:
		return parse_members(arg, o, error);
	case KEY_LEADER:
		err = parse_number("leader", arg, 0, ESL_MEMBERS_MAX - 1, &n, error);
		o->leader = (int)n;
		return err;
	case KEY_SCHEME:
		return parse_scheme(arg, &o->scheme, error);
	case KEY_BURST:
		return parse_burst(arg, &o->burst_shift, error);
	case ARGP_KEY_ARG:
		return parse_form(arg, &o->typed, error);
	case ARGP_KEY_END:
		return check(o, error);
	}
	if (key >= KEY_FIELD && key < KEY_FIELD + ESL_FIELD_COUNT)
		return esl_typed_set(&o->typed, key - KEY_FIELD, arg, error);
	return ARGP_ERR_UNKNOWN;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	char error[ESL_ERROR_MAX];
	int err = parse_option(key, arg, state->input, error);

	if (err == ARGP_ERR_UNKNOWN)
		return err;
	if (err)
		argp_error(state, "%s", error);
	return 0;
}

/* What became of the packets that were told of. */
struct sum {
	const struct esl_explain *o;
	const struct esl_world *w;
	__u64 packets;
	__u64 by_member[ESL_MEMBERS_MAX];
	__u64 every, nobody, unknown, broken;
};

static void add(struct sum *s, const struct esl_account *a)
{
	s->packets++;
	switch (a->fate) {
	case ESL_FATE_ONE:
		s->by_member[a->owner]++;
		break;
	case ESL_FATE_EVERY:
	case ESL_FATE_DOOR:
		s->every++;
		break;
	case ESL_FATE_NOBODY:
		s->nobody++;
		break;
	case ESL_FATE_FIRST:
	case ESL_FATE_CUT:
		s->unknown++;
		break;
	case ESL_FATE_BROKEN:
		s->broken++;
	}
}

static void tell(void *data, const struct esl_account *a)
{
	struct sum *s = data;

	if (!s->packets && !s->o->json)
		esl_text_world(s->w);
	add(s, a);
	if (s->o->json)
		esl_json_account(s->w, s->o, a);
	else
		esl_text_account(s->w, s->o, a);
	if (a->fate == ESL_FATE_BROKEN)
		fprintf(stderr, "espalier: packet %llu: NOT EXACTLY ONE MEMBER takes it\n",
			(unsigned long long)(a->frame->number ? a->frame->number : 1));
}

static void print_sum(const struct sum *s)
{
	if (!s->packets) {
		printf("%s: no packet in it\n", s->o->capture);
		return;
	}
	printf("\n%llu packets:", (unsigned long long)s->packets);
	for (__u32 i = 0; i < s->w->count; i++)
		printf(" member %u takes %llu,", s->w->ids[i],
		       (unsigned long long)s->by_member[s->w->ids[i]]);
	printf(" every stack %llu, nobody %llu, not known %llu\n", (unsigned long long)s->every,
	       (unsigned long long)s->nobody, (unsigned long long)s->unknown);
}

static int walk_typed(const struct esl_explain *o, struct esl_walk *walk, struct sum *s, char *error)
{
	struct esl_account a;

	if (esl_walk_frame(walk, &o->frame, &a))
		return esl_error(error, ENOMEM, "no memory");
	tell(s, &a);
	return 0;
}

static int walk_capture(const struct esl_explain *o, struct esl_walk *walk, struct sum *s, char *error)
{
	int err = esl_capture_walk(o, walk, tell, s, error);

	if (!o->json && (!err || s->packets))
		print_sum(s);
	return err;
}

static int explain(const struct esl_explain *o, const struct esl_world *w, char *error)
{
	struct sum s = { .o = o, .w = w };
	struct esl_walk walk;
	int err = esl_walk_begin(&walk, w, o->side);

	if (err)
		esl_error(error, -err, "no memory");
	else if (o->capture)
		err = walk_capture(o, &walk, &s, error);
	else
		err = walk_typed(o, &walk, &s, error);
	if (!err && s.broken)
		err = esl_error(error, EPROTO, "the members do not agree on %llu packets",
				(unsigned long long)s.broken);
	esl_walk_end(&walk);
	return err;
}

int esl_explain_main(int argc, char **argv)
{
	struct esl_explain o = {
		.path = "/etc/espalier/espalier.conf",
		.side = ESL_SIDE_AUTO,
		.leader = -1,
		.scheme = -1,
		.burst_shift = -1,
	};
	const struct argp argp = { options, parse, "--pcap FILE\nPACKET [FIELDS...]",
				   "which member owns a packet, and why", NULL, NULL, NULL };
	char error[ESL_ERROR_MAX] = "failed";
	struct esl_world *w = calloc(1, sizeof(*w));
	int err = EXIT_SUCCESS;

	argp_parse(&argp, argc, argv, 0, NULL, &o);
	if (!w)
		return EXIT_FAILURE;
	if (esl_world_make(w, &o, error)) {
		fprintf(stderr, "%s\n", error);
		err = EXIT_MISUSE;
	} else if (explain(&o, w, error)) {
		fflush(stdout);
		fprintf(stderr, "espalier: %s\n", error);
		err = EXIT_FAILURE;
	}
	esl_world_free(w);
	free(w);
	return err;
}
