// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conf_check.h"
#include "conf_text.h"
#include "cpus.h"
#include "error.h"

#define WINDOW_MAX 4096		/* XFRMA_REPLAY_ESN_MAX */

/* As read; some fields of the configuration have another type. */
struct draft {
	struct esl_conf c;
	unsigned int lanes;		/* 0: not given */
	unsigned int block_shift;
	int answer;
	unsigned int port[ESL_MEMBERS_MAX];	/* 0: sync_port */
};

struct draft_member {
	struct esl_conf_member m;
	unsigned int port;
};

#define SIDE(field) .offset = offsetof(struct esl_conf_side, field)
static const struct esl_key side_keys[] = {
	{ "interface", esl_parse_interface, SIDE(interface), .required = true },
	{ "device", esl_parse_interface, SIDE(device), .fallback = "" },
	{ "address", esl_parse_address4, SIDE(cluster_addr) },
	{ "address6", esl_parse_address6, SIDE(cluster_addr6) },
	{ "mac", esl_parse_mac, SIDE(cluster_mac) },
	{ "scheme", esl_parse_choice, SIDE(scheme), .choices = esl_schemes, .fallback = "packet-hash" },
	{ NULL }
};

#define MEMBER(field) .offset = offsetof(struct draft_member, field)
static const struct esl_key member_keys[] = {
	{ "id", esl_parse_number, MEMBER(m.id), .required = true, .max = ESL_MEMBERS_MAX - 1 },
	{ "address", esl_parse_address4, MEMBER(m.sync.sin_addr), .required = true },
	{ "port", esl_parse_number, MEMBER(port), .min = 1, .max = 65535 },
	{ "weight", esl_parse_number, MEMBER(m.weight), .min = 1, .max = 1000, .number = 100 },
	{ NULL }
};

#define PEER(field) .offset = offsetof(struct esl_conf_peer, field)
static const struct esl_key peer_keys[] = {
	{ "address", esl_parse_address, PEER(addr), .required = true },
	{ "window", esl_parse_number, PEER(window), .required = true, .min = 1, .max = WINDOW_MAX },
	{ NULL }
};

static int parse_side(struct esl_reader *rd, const struct esl_key *k, config_setting_t *s, void *dst)
{
	(void)k;
	return esl_group_read(rd, side_keys, s, dst);
}

static int parse_members(struct esl_reader *rd, const struct esl_key *k, config_setting_t *s,
			 void *dst)
{
	struct draft *d = dst;
	int i, n = config_setting_length(s);

	(void)k;
	if (!config_setting_is_list(s))
		return esl_conf_complain(rd, s, NULL,
					 "wrong type, expected a list ( { id = ...; address = ...; }, ... )");
	if (n < 1 || n > ESL_MEMBERS_MAX)
		return esl_conf_complain(rd, s, NULL, "%d members, expected 1 to %d", n,
					 ESL_MEMBERS_MAX);
	for (i = 0; i < n; i++) {
		struct draft_member m = { .m.sync.sin_family = AF_INET };
		int err = esl_group_read(rd, member_keys, config_setting_get_elem(s, i), &m);

		if (err)
			return err;
		d->c.members[i] = m.m;
		d->port[i] = m.port;
	}
	d->c.member_count = n;
	return 0;
}

static int parse_peers(struct esl_reader *rd, const struct esl_key *k, config_setting_t *s, void *dst)
{
	struct draft *d = dst;
	int i, err = 0, n = s ? config_setting_length(s) : 0;

	(void)k;
	if (s && !config_setting_is_list(s))
		return esl_conf_complain(rd, s, NULL, "wrong type, expected a list "
					 "( { address = ...; window = ...; }, ... )");
	if (n > ESL_PEERS_MAX)
		return esl_conf_complain(rd, s, NULL, "%d peers, expected at most %d", n, ESL_PEERS_MAX);
	for (i = 0; i < n && !err; i++)
		err = esl_group_read(rd, peer_keys, config_setting_get_elem(s, i), &d->c.peers[i]);
	d->c.peer_count = n;
	return err;
}

#define FIELD(field) .offset = offsetof(struct draft, field)
#define TEXT(field) .offset = offsetof(struct draft, field), .size = sizeof(((struct draft *)0)->field)
static const struct esl_key keys[] = {
	{ "member", esl_parse_number, FIELD(c.member), .required = true, .max = ESL_MEMBERS_MAX - 1 },
	{ "inside", parse_side, FIELD(c.side[ESL_INSIDE]), .required = true },
	{ "outside", parse_side, FIELD(c.side[ESL_OUTSIDE]), .required = true },
	{ "members", parse_members, .required = true },
	{ "mac_mode", esl_parse_choice, FIELD(c.mac_mode), .choices = esl_mac_modes, .fallback = "multicast" },
	{ "lanes", esl_parse_number, FIELD(lanes), .min = 1, .max = ESL_MEMBERS_MAX },
	{ "block", esl_parse_power, FIELD(block_shift), .min = 8, .max = 65536, .number = 64 },
	{ "burst", esl_parse_power, FIELD(c.burst_shift), .min = 1, .max = 65536, .number = 1 },
	{ "marker", esl_parse_power, FIELD(c.marker_shift), .min = 2, .max = 1048576, .number = 16 },
	{ "peer_window", esl_parse_number, FIELD(c.peer_window), .max = WINDOW_MAX },
	{ "peers", parse_peers },
	{ "mode", esl_parse_choice, FIELD(c.mode), .choices = esl_modes, .fallback = "native" },
	{ "answer", esl_parse_choice, FIELD(answer), .choices = esl_answers, .fallback = "xdp" },
	{ "cpus", esl_parse_choice, FIELD(c.cpu_mode), .choices = esl_cpu_modes, .fallback = "off" },
	{ "cpu_count", esl_parse_number, FIELD(c.cpu_count), .min = 1, .max = ESL_CPUS_MAX },
	{ "sync_port", esl_parse_number, FIELD(c.sync_port), .min = 1, .max = 65535, .number = 4510 },
	{ "sync_group", esl_parse_group4, FIELD(c.sync_group), .fallback = "239.255.45.10" },
	{ "heartbeat_ms", esl_parse_number, FIELD(c.heartbeat_ms), .min = 2, .max = 250, .number = 20 },
	{ "dead_ms", esl_parse_number, FIELD(c.dead_ms), .min = 6, .max = 750, .number = 60 },
	{ "quorum", esl_parse_choice, FIELD(c.quorum), .choices = esl_quorums, .fallback = "none" },
	{ "priority", esl_parse_number, FIELD(c.priority), .max = 255, .number = 100 },
	{ "join_wait_ms", esl_parse_number, FIELD(c.join_wait_ms), .max = 600000, .number = 1000 },
	{ "gate", esl_parse_interface, FIELD(c.gate), .fallback = "espalier0" },
	{ "secret", esl_parse_path, TEXT(c.secret), .fallback = "/etc/espalier/secret" },
	{ "bpffs", esl_parse_path, TEXT(c.bpffs), .fallback = "/sys/fs/bpf/espalier" },
	{ "run", esl_parse_path, TEXT(c.run), .fallback = "/run/espalier" },
	{ NULL }
};

static int by_id(const void *a, const void *b)
{
	const struct esl_conf_member *x = a, *y = b;

	return (x->id > y->id) - (x->id < y->id);
}

static int read_root(struct esl_reader *rd, config_setting_t *root, struct draft *d)
{
	int err = esl_group_read(rd, keys, root, d);
	size_t i;

	if (err)
		return err;
	for (i = 0; i < d->c.member_count; i++)
		d->c.members[i].sync.sin_port = htons(d->port[i] ? d->port[i] : d->c.sync_port);
	d->c.answer = d->answer;
	d->c.lanes = (struct esl_lanes){ .lanes = d->lanes, .block_shift = d->block_shift };
	if (!d->c.cpu_count)
		d->c.cpu_count = esl_cpus_online();
	err = esl_conf_check(rd, root, &d->c);
	qsort(d->c.members, d->c.member_count, sizeof(d->c.members[0]), by_id);
	return err;
}

int esl_conf_read(const char *path, struct esl_conf *c, char error[ESL_ERROR_MAX])
{
	struct esl_reader rd = { .path = path, .error = error };
	struct draft d = {};
	config_t file;
	char *text;
	int err = esl_conf_text(path, &text, error);

	if (err)
		return err;
	config_init(&file);
	if (config_read_string(&file, text) != CONFIG_TRUE)
		err = esl_error(error, EINVAL, "%s:%d: syntax: %s, expected KEY = VALUE;", path,
				config_error_line(&file), config_error_text(&file));
	else
		err = read_root(&rd, config_root_setting(&file), &d);
	if (!err)
		*c = d.c;
	config_destroy(&file);
	free(text);
	return err;
}
