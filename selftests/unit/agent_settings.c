// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What must be equal on all members is told, and compared. */
#include <criterion/criterion.h>
#include <string.h>

#include <agent/settings.h>

static struct esl_conf conf(void)
{
	struct esl_conf c = { .member = 1, .member_count = 2, .lanes = { 3, 6 }, .heartbeat_ms = 20, .dead_ms = 60 };

	c.members[1].id = 1;
	return c;
}

/* name, field of struct esl_conf, another value */
#define SETS(X)                                                                        \
	X(lanes, lanes.lanes, 4)                                                       \
	X(inside_addr, side[ESL_INSIDE].cluster_addr, 1)                               \
	X(outside_addr, side[ESL_OUTSIDE].cluster_addr, 1)                             \
	X(inside_addr6, side[ESL_INSIDE].cluster_addr6.byte[15], 1)                    \
	X(outside_addr6, side[ESL_OUTSIDE].cluster_addr6.byte[15], 1)                  \
	X(inside_mac, side[ESL_INSIDE].cluster_mac[ESL_MAC_LEN - 1], 1)                \
	X(outside_mac, side[ESL_OUTSIDE].cluster_mac[ESL_MAC_LEN - 1], 1)              \
	X(member_id, members[1].id, 3)                                                 \
	X(member_port, members[1].sync.sin_port, 3)                                    \
	X(inside_interface, side[ESL_INSIDE].interface[0], 'x')                        \
	X(outside_interface, side[ESL_OUTSIDE].interface[0], 'x')                      \
	X(inside_device, side[ESL_INSIDE].device[0], 'x')                              \
	X(outside_device, side[ESL_OUTSIDE].device[0], 'x')                            \
	X(mode, mode, 2)                                                               \
	X(answer, answer, 1)                                                           \
	X(cpu_mode, cpu_mode, 1)                                                       \
	X(cpu_count, cpu_count, 2)                                                     \
	X(sync_group, sync_group.s_addr, 1)                                            \
	X(sync_port, sync_port, 1)                                                     \
	X(join_wait_ms, join_wait_ms, 1)                                               \
	X(gate, gate[0], 'x')                                                          \
	X(secret, secret[0], 'x')                                                      \
	X(bpffs, bpffs[0], 'x')                                                        \
	X(run, run[0], 'x')                                                            \
	X(scheme, side[ESL_INSIDE].scheme, ESL_SCHEME_SA)                              \
	X(weight, members[1].weight, 7)                                                \
	X(peer_window, peer_window, 128)

#define X(name, field, value) static void set_##name(struct esl_conf *c) { c->field = value; }
SETS(X)
#undef X

#define SET(field, value) static void set_##field(struct esl_conf *c) { c->field = value; }
SET(member, 0)
SET(heartbeat_ms, 25)
SET(dead_ms, 100)
SET(quorum, ESL_QUORUM_MAJORITY)
SET(mac_mode, 2)
SET(priority, 7)
SET(member_count, 1)

static void set_block(struct esl_conf *c)
{
	c->lanes.block_shift = 7;
}

static void set_address(struct esl_conf *c)
{
	c->members[1].sync.sin_addr.s_addr = 5;
}

Test(agent_settings, differences)
{
	static const struct {
		const char *name;
		void (*set)(struct esl_conf *c);
		bool differs;
	} rows[] = {
		{ "the id", set_member, false },	  { "priority", set_priority, false },
		{ "heartbeat_ms", set_heartbeat_ms, true }, { "dead_ms", set_dead_ms, true },
		{ "quorum", set_quorum, true },		  { "mac_mode", set_mac_mode, true },
		{ "a member fewer", set_member_count, true }, { "block", set_block, true },
		{ "a sync address", set_address, true },   { "a sync port", set_member_port, true },
		{ "another id", set_member_id, true },	  { "lanes", set_lanes, true },
		{ "inside address", set_inside_addr, true }, { "outside address", set_outside_addr, true },
		{ "inside address6", set_inside_addr6, true }, { "outside address6", set_outside_addr6, true },
		{ "inside MAC", set_inside_mac, true },	  { "outside MAC", set_outside_mac, true },
		{ "inside device", set_inside_device, false }, { "a weight", set_weight, false },
		{ "windows", set_peer_window, false },
	};
	static const struct esl_hash_key key;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		static struct announcement own, other;
		struct esl_conf c = conf();

		settings_tell(&c, &key, &own);
		rows[i].set(&c);
		settings_tell(&c, &key, &other);
		cr_expect_eq(settings_difference(&own, &other) != NULL, rows[i].differs, "%s", rows[i].name);
		cr_expect_eq(settings_digest(&own) != settings_digest(&other), rows[i].differs, "%s", rows[i].name);
	}
}

/* Of two keys that differ in any word members would find other owners. */
Test(agent_settings, keys)
{
	struct esl_conf c = conf();

	for (size_t i = 0; i < sizeof(struct esl_hash_key); i++) {
		static struct announcement own, other;
		struct esl_hash_key key = {};

		settings_tell(&c, &key, &own);
		((__u8 *)&key)[i] = 1;
		settings_tell(&c, &key, &other);
		cr_expect(settings_difference(&own, &other), "byte %zu", i);
		cr_expect_neq(settings_digest(&own), settings_digest(&other), "byte %zu", i);
	}
}

/* What a running agent cannot change, by the key that is told; NULL: it can. */
Test(agent_settings, fixed)
{
	static const struct {
		void (*set)(struct esl_conf *c);
		const char *key;
	} rows[] = {
		{ set_member, "member" }, { set_inside_interface, "inside.interface" },
		{ set_inside_device, "inside.device" }, { set_inside_addr, "inside.address" },
		{ set_inside_addr6, "inside.address6" }, { set_inside_mac, "inside.mac" },
		{ set_outside_interface, "outside.interface" }, { set_outside_device, "outside.device" },
		{ set_outside_addr, "outside.address" }, { set_outside_addr6, "outside.address6" },
		{ set_outside_mac, "outside.mac" }, { set_lanes, "lanes" }, { set_block, "block" }, { set_mode, "mode" },
		{ set_mac_mode, "mac_mode" }, { set_answer, "answer" }, { set_cpu_mode, "cpus" },
		{ set_cpu_count, "cpu_count" }, { set_sync_group, "sync_group" }, { set_sync_port, "sync_port" },
		{ set_heartbeat_ms, "heartbeat_ms" }, { set_dead_ms, "dead_ms" }, { set_quorum, "quorum" },
		{ set_priority, "priority" }, { set_join_wait_ms, "join_wait_ms" }, { set_gate, "gate" },
		{ set_secret, "secret" }, { set_bpffs, "bpffs" }, { set_run, "run" }, { set_member_count, "members" },
		{ set_member_id, "members" }, { set_address, "members" }, { set_member_port, "members" },
		{ set_scheme, NULL }, { set_weight, NULL }, { set_peer_window, NULL },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct esl_conf old = conf(), next = conf();
		const char *key;

		rows[i].set(&next);
		key = settings_fixed(&old, &next);
		cr_expect_str_eq(key ? key : "none", rows[i].key ? rows[i].key : "none", "row %zu", i);
	}
}
