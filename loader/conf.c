// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conf.h"
#include "conf_text.h"
#include "conf_value.h"
#include "error.h"

/* As read; values that depend on others are computed afterwards. */
struct draft {
	struct esl_conf c;
	unsigned int lanes;		/* 0: not given */
	unsigned int block_shift;
	unsigned int sync_port;
	unsigned int port[ESL_MEMBERS_MAX];	/* 0: sync_port */
};

struct draft_member {
	struct esl_conf_member m;
	unsigned int port;
};

#define SIDE(field) .offset = offsetof(struct esl_conf_side, field)
static const struct esl_key side_keys[] = {
	{ "interface", esl_parse_interface, SIDE(interface), .required = true },
	{ "address", esl_parse_address, SIDE(cluster_addr), .required = true },
	{ "mac", esl_parse_mac, SIDE(cluster_mac) },
	{ NULL }
};

#define MEMBER(field) .offset = offsetof(struct draft_member, field)
static const struct esl_key member_keys[] = {
	{ "id", esl_parse_number, MEMBER(m.id), .required = true, .max = ESL_MEMBERS_MAX - 1 },
	{ "address", esl_parse_address, MEMBER(m.sync.sin_addr), .required = true },
	{ "port", esl_parse_number, MEMBER(port), .min = 1, .max = 65535 },
	{ NULL }
};

static int parse_side(struct esl_reader *rd, const struct esl_key *k, config_setting_t *s, void *dst)
{
	struct esl_conf_side *side = dst;
	static const __u8 none[ESL_MAC_LEN];
	int err = esl_group_read(rd, side_keys, s, side);

	(void)k;
	if (err || memcmp(side->cluster_mac, none, ESL_MAC_LEN))
		return err;
	side->cluster_mac[0] = 0x03;
	side->cluster_mac[1] = 0xbf;
	memcpy(&side->cluster_mac[2], &side->cluster_addr, sizeof(side->cluster_addr));
	return 0;
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

#define FIELD(field) .offset = offsetof(struct draft, field)
#define TEXT(field) .offset = offsetof(struct draft, field), .size = sizeof(((struct draft *)0)->field)
static const struct esl_key keys[] = {
	{ "member", esl_parse_number, FIELD(c.member), .required = true, .max = ESL_MEMBERS_MAX - 1 },
	{ "inside", parse_side, FIELD(c.side[ESL_INSIDE]), .required = true },
	{ "outside", parse_side, FIELD(c.side[ESL_OUTSIDE]), .required = true },
	{ "members", parse_members, .required = true },
	{ "lanes", esl_parse_number, FIELD(lanes), .min = 1, .max = ESL_MEMBERS_MAX },
	{ "block", esl_parse_power, FIELD(block_shift), .min = 8, .max = 65536, .number = 64 },
	{ "burst", esl_parse_power, FIELD(c.burst_shift), .min = 1, .max = 65536, .number = 1 },
	{ "mode", esl_parse_mode, FIELD(c.mode), .fallback = "native" },
	{ "sync_port", esl_parse_number, FIELD(sync_port), .min = 1, .max = 65535, .number = 4510 },
	{ "renew_ms", esl_parse_number, FIELD(c.renew_ms), .min = 1, .max = 10000, .number = 20 },
	{ "lease_ms", esl_parse_number, FIELD(c.lease_ms), .min = 2, .max = 60000, .number = 50 },
	{ "join_wait_ms", esl_parse_number, FIELD(c.join_wait_ms), .max = 600000, .number = 1000 },
	{ "gate", esl_parse_interface, FIELD(c.gate), .fallback = "espalier0" },
	{ "secret", esl_parse_path, TEXT(c.secret), .fallback = "/etc/espalier/secret" },
	{ "bpffs", esl_parse_path, TEXT(c.bpffs), .fallback = "/sys/fs/bpf/espalier" },
	{ "run", esl_parse_path, TEXT(c.run), .fallback = "/run/espalier" },
	{ NULL }
};

static int check_members(struct esl_reader *rd, config_setting_t *root, const struct esl_conf *c)
{
	config_setting_t *list = config_setting_get_member(root, "members");
	bool found = false;
	size_t i, j;

	for (i = 0; i < c->member_count; i++) {
		config_setting_t *s = config_setting_get_elem(list, i);
		const struct esl_conf_member *m = &c->members[i];

		found |= m->id == c->member;
		for (j = 0; j < i; j++) {
			if (c->members[j].id == m->id)
				return esl_conf_complain(rd, config_setting_get_member(s, "id"), NULL,
							 "%u occurs twice, expected one entry per id",
							 m->id);
			if (!memcmp(&c->members[j].sync, &m->sync, sizeof(m->sync)))
				return esl_conf_complain(rd, config_setting_get_member(s, "address"),
							 NULL, "occurs twice, expected an own address "
							 "and port for each member");
		}
	}
	if (!found)
		return esl_conf_complain(rd, config_setting_get_member(root, "member"), NULL,
					 "id %u is not in members, expected one of their ids",
					 c->member);
	return 0;
}

static int check_devices(struct esl_reader *rd, config_setting_t *root, const struct esl_conf *c)
{
	config_setting_t *outside = config_setting_get_member(root, "outside");
	const struct esl_conf_side *in = &c->side[ESL_INSIDE], *out = &c->side[ESL_OUTSIDE];

	if (!strcmp(in->interface, out->interface))
		return esl_conf_complain(rd, config_setting_get_member(outside, "interface"), NULL,
					 "%s is inside.interface too, expected another one",
					 out->interface);
	if (in->cluster_addr == out->cluster_addr)
		return esl_conf_complain(rd, config_setting_get_member(outside, "address"), NULL,
					 "equal to inside.address, expected another one");
	if (!strcmp(c->gate, in->interface) || !strcmp(c->gate, out->interface)) {
		config_setting_t *gate = config_setting_get_member(root, "gate");

		return esl_conf_complain(rd, gate ? gate : root, gate ? NULL : "gate",
					 "%s is a NIC of the cluster, expected the name of a device "
					 "that espalier may create", c->gate);
	}
	return 0;
}

static int check_numbers(struct esl_reader *rd, config_setting_t *root, const struct draft *d)
{
	config_setting_t *lease = config_setting_get_member(root, "lease_ms");
	__u32 top = d->c.members[d->c.member_count - 1].id;

	if (d->lanes && d->lanes <= top)
		return esl_conf_complain(rd, config_setting_get_member(root, "lanes"), NULL,
					 "%u lanes do not reach member id %u, expected %u or more",
					 d->lanes, top, top + 1);
	if (d->c.lease_ms <= d->c.renew_ms)
		return esl_conf_complain(rd,
					 lease ? lease : config_setting_get_member(root, "renew_ms"),
					 NULL, "the lease of %u ms would end before it is renewed after "
					 "%u ms, expected lease_ms above renew_ms",
					 d->c.lease_ms, d->c.renew_ms);
	return 0;
}

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
		d->c.members[i].sync.sin_port = htons(d->port[i] ? d->port[i] : d->sync_port);
	err = check_members(rd, root, &d->c);
	if (!err)
		err = check_devices(rd, root, &d->c);
	if (err)
		return err;
	qsort(d->c.members, d->c.member_count, sizeof(d->c.members[0]), by_id);
	err = check_numbers(rd, root, d);
	if (err)
		return err;
	d->c.lanes.lanes = d->lanes ? d->lanes : d->c.members[d->c.member_count - 1].id + 1;
	d->c.lanes.block_shift = d->block_shift;
	return 0;
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
