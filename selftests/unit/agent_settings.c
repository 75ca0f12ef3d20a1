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
		{ "a sync address", set_address, true },
	};
	static const struct esl_hash_key key;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		static struct announcement own, other;
		struct esl_conf c = conf();

		settings_tell(&c, &key, &own);
		rows[i].set(&c);
		settings_tell(&c, &key, &other);
		cr_expect_eq(settings_difference(&own, &other) != NULL, rows[i].differs, "%s", rows[i].name);
	}
}
