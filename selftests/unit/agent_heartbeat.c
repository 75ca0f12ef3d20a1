// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Heartbeats to bytes and back, and all that is refused. */
#include <criterion/criterion.h>
#include <string.h>

#include <agent/heartbeat.h>

#include "rand.h"

static struct heartbeat sample(void)
{
	struct heartbeat h = {
		.sender = 3,
		.leader = 3,
		.priority = 7,
		.ready = true,
		.forwarding = true,
		.leading = true,
		.has_table = true,
		.load = 812,
		.boot = 0x1122334455667788,
		.sent_ns = 99,
		.term = 5,
		.vote = { .term = 5, .candidate = 3 },
		.held = { .term = 5, .epoch = 8, .leader = 3 },
		.phase_epoch = 9,
		.phase = PLAN_PREPARE,
		.table = { .stamp = { .term = 5, .epoch = 8, .leader = 3 }, .members = ~0ULL },
		.plan = { .phase = PLAN_SWITCH,
			  .next = { .stamp = { .term = 5, .epoch = 9, .leader = 3 }, .members = 1ULL << 63 | 1 } },
	};

	for (int i = 0; i < ESL_SLOTS; i++) {
		h.table.slot[i] = (__u8)(i * 7 % 64);
		h.plan.next.slot[i] = i % 3 ? 63 : 0;
	}
	for (int i = 0; i < ESL_MEMBERS_MAX; i++)
		if (i != 3)
			h.echo[i] = (struct echo){ .sent_ns = 1000ULL * i + 1, .boot = (__u32)i * 77 };
	return h;
}

static void expect_equal(const struct heartbeat *a, const struct heartbeat *b)
{
	cr_expect(a->sender == b->sender && a->leader == b->leader && a->priority == b->priority);
	cr_expect(a->ready == b->ready && a->leaving == b->leaving && a->forwarding == b->forwarding);
	cr_expect(a->leading == b->leading && a->has_table == b->has_table && a->load == b->load);
	cr_expect(a->boot == b->boot && a->sent_ns == b->sent_ns && a->term == b->term);
	cr_expect(a->vote.term == b->vote.term && a->vote.candidate == b->vote.candidate &&
		  a->vote.asked == b->vote.asked);
	cr_expect(a->phase == b->phase && a->phase_epoch == b->phase_epoch);
	cr_expect_eq(stamp_compare(&a->held, &b->held), 0);
	if (a->has_table) {
		cr_expect_eq(stamp_compare(&a->table.stamp, &b->table.stamp), 0);
		cr_expect_eq(a->table.members, b->table.members);
		cr_expect_arr_eq(a->table.slot, b->table.slot, ESL_SLOTS);
		cr_expect_eq(a->plan.phase, b->plan.phase);
	}
	if (a->has_table && a->plan.phase) {
		cr_expect_eq(stamp_compare(&a->plan.next.stamp, &b->plan.next.stamp), 0);
		cr_expect_eq(a->plan.next.members, b->plan.next.members);
		cr_expect_arr_eq(a->plan.next.slot, b->plan.next.slot, ESL_SLOTS);
	}
	for (int i = 0; i < ESL_MEMBERS_MAX; i++)
		cr_expect(a->echo[i].sent_ns == b->echo[i].sent_ns && a->echo[i].boot == b->echo[i].boot);
}

Test(agent_heartbeat, round_trip)
{
	struct heartbeat h = sample(), r;
	__u8 buf[ESL_HB_MAX];
	size_t size = heartbeat_encode(&h, buf);

	cr_expect_eq(size, ESL_HB_MAX);
	cr_expect_eq(heartbeat_decode(buf, size, &r), HEARTBEAT_OK);
	expect_equal(&h, &r);
	/* A table without members, no plan, nobody heard. */
	memset(h.echo, 0, sizeof(h.echo));
	h.plan.phase = PLAN_NONE;
	h.table.members = 0;
	memset(h.table.slot, ESL_NO_MEMBER, sizeof(h.table.slot));
	size = heartbeat_encode(&h, buf);
	cr_expect_eq(heartbeat_decode(buf, size, &r), HEARTBEAT_OK);
	expect_equal(&h, &r);
	/* The smallest. */
	h = (struct heartbeat){ .leader = ESL_NO_MEMBER, .vote.candidate = ESL_NO_MEMBER, .boot = 1,
				.sent_ns = 1, .held.leader = ESL_NO_MEMBER };
	size = heartbeat_encode(&h, buf);
	cr_expect_eq(size, sizeof(struct esl_hb_header));
	cr_expect_eq(heartbeat_decode(buf, size, &r), HEARTBEAT_OK);
	expect_equal(&h, &r);
}

Test(agent_heartbeat, every_length_but_one_is_refused)
{
	struct heartbeat h = sample(), r;
	__u8 buf[ESL_HB_MAX + 16] = {};
	size_t size = heartbeat_encode(&h, buf);

	for (size_t n = 0; n < sizeof(buf); n++)
		cr_expect_eq(heartbeat_decode(buf, n, &r),
			     n < sizeof(struct esl_hb_header) ? HEARTBEAT_SHORT :
			     n == size			      ? HEARTBEAT_OK :
								HEARTBEAT_LENGTH);
}

#define AT(field) offsetof(struct esl_hb_header, field)
#define TABLE_AT(field) (sizeof(struct esl_hb_header) + offsetof(struct esl_hb_table, field))
#define PLAN_AT(field) \
	(sizeof(struct esl_hb_header) + sizeof(struct esl_hb_table) + offsetof(struct esl_hb_plan, field))
#define ECHO_AT(n, field)                                                                           \
	(sizeof(struct esl_hb_header) + sizeof(struct esl_hb_table) + sizeof(struct esl_hb_plan) + \
	 (n) * sizeof(struct esl_hb_echo) + offsetof(struct esl_hb_echo, field))

static const struct {
	const char *name;
	size_t at;
	__u8 mask;		/* of the byte: what is changed */
	enum heartbeat_refusal want;
} changes[] = {
	{ "magic", AT(magic), 1, HEARTBEAT_MAGIC },
	{ "major", AT(major), 2, HEARTBEAT_VERSION },
	{ "length", AT(length) + 1, 1, HEARTBEAT_LENGTH },
	{ "sender beyond ids", AT(sender), 0x40, HEARTBEAT_FIELD },
	{ "leading, but another leader", AT(leader), 1, HEARTBEAT_FIELD },
	{ "unknown flag", AT(flags), 0x80, HEARTBEAT_RESERVED },
	{ "not leading itself", AT(flags), ESL_HB_LEADING, HEARTBEAT_FIELD },
	{ "asks while it leads", AT(flags), ESL_HB_ASKING, HEARTBEAT_FIELD },
	{ "candidate beyond ids", AT(candidate), 0x40, HEARTBEAT_FIELD },
	{ "phase beyond phases", AT(phase), 2, HEARTBEAT_FIELD },
	{ "no phase of an epoch", AT(phase), 1, HEARTBEAT_FIELD },
	{ "held by nobody", AT(held_leader), 0xfc, HEARTBEAT_FIELD },
	{ "no term, but a leader", AT(term) + 7, 5, HEARTBEAT_FIELD },
	{ "no vote's term", AT(vote_term) + 7, 5, HEARTBEAT_FIELD },
	{ "no held term", AT(held_term) + 7, 5, HEARTBEAT_FIELD },
	{ "no held epoch", AT(held_epoch) + 3, 8, HEARTBEAT_FIELD },
	{ "sent at no time", AT(sent_ns) + 7, 99, HEARTBEAT_FIELD },
	{ "busier than busy", AT(load), 4, HEARTBEAT_FIELD },
	{ "reserved", AT(reserved) + 5, 1, HEARTBEAT_RESERVED },
	{ "too few echoes", AT(echoes), 1, HEARTBEAT_LENGTH },
	{ "table of no term", TABLE_AT(term) + 7, 5, HEARTBEAT_TABLE },
	{ "table of no epoch", TABLE_AT(epoch) + 3, 8, HEARTBEAT_TABLE },
	{ "table of nobody", TABLE_AT(leader), 0x40, HEARTBEAT_TABLE },
	{ "an owner who is no member", TABLE_AT(members), 1, HEARTBEAT_TABLE },
	{ "table reserved", TABLE_AT(reserved), 1, HEARTBEAT_RESERVED },
	{ "plan of the table's epoch", PLAN_AT(epoch) + 3, 1, HEARTBEAT_TABLE },
	{ "plan in no phase", PLAN_AT(phase), 2, HEARTBEAT_TABLE },
	{ "plan beyond phases", PLAN_AT(phase), 1, HEARTBEAT_TABLE },
	{ "plan's owner who is no member", PLAN_AT(members), 0x80, HEARTBEAT_TABLE },
	{ "plan reserved", PLAN_AT(reserved) + 2, 1, HEARTBEAT_RESERVED },
	{ "echo twice", ECHO_AT(1, id), 1, HEARTBEAT_ECHO },
	{ "echo of the sender", ECHO_AT(3, id), 7, HEARTBEAT_ECHO },
	{ "echo beyond ids", ECHO_AT(62, id), 0x40, HEARTBEAT_ECHO },
	{ "echo of nothing", ECHO_AT(0, sent_ns) + 7, 1, HEARTBEAT_ECHO },
};

Test(agent_heartbeat, refused)
{
	bool seen[HEARTBEAT_REFUSAL_COUNT] = { [HEARTBEAT_OK] = true, [HEARTBEAT_SHORT] = true };

	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		struct heartbeat h = sample(), r;
		__u8 buf[ESL_HB_MAX];
		size_t size = heartbeat_encode(&h, buf);
		enum heartbeat_refusal got;

		buf[changes[i].at] ^= changes[i].mask;
		got = heartbeat_decode(buf, size, &r);
		cr_expect_eq(got, changes[i].want, "%s: %s", changes[i].name, heartbeat_refusal_name(got));
		seen[got] = true;
	}
	for (int i = 0; i < HEARTBEAT_REFUSAL_COUNT; i++)
		cr_expect(seen[i], "%s", heartbeat_refusal_name(i));
}

Test(agent_heartbeat, later_minor)
{
	struct heartbeat h = sample(), r;
	__u8 buf[ESL_HB_MAX];
	size_t size = heartbeat_encode(&h, buf);

	buf[AT(minor)] = ESL_HB_MINOR + 1;
	buf[AT(reserved)] = buf[TABLE_AT(reserved)] = buf[PLAN_AT(reserved)] = 1;
	buf[AT(flags)] |= 0x80;
	cr_expect_eq(heartbeat_decode(buf, size, &r), HEARTBEAT_OK);
	expect_equal(&h, &r);
}

/* What is accepted means the same when it is written again. */
Test(agent_heartbeat, garbage)
{
	__u64 random = 4711;
	int accepted = 0;

	for (int n = 0; n < 200000; n++) {
		struct heartbeat h = sample(), r, again;
		__u8 buf[ESL_HB_MAX], copy[ESL_HB_MAX];
		size_t size = heartbeat_encode(&h, buf);

		for (__u32 k = rand_below(&random, 3) + 1; k; k--)
			buf[rand_below(&random, (__u32)size)] ^= (__u8)(1 << rand_below(&random, 8));
		if (heartbeat_decode(buf, size, &r) != HEARTBEAT_OK)
			continue;
		accepted++;
		cr_assert_eq(heartbeat_encode(&r, copy), size);
		cr_assert_eq(heartbeat_decode(copy, size, &again), HEARTBEAT_OK);
	}
	cr_expect_gt(accepted, 1000);
}

Test(agent_heartbeat, stamps)
{
	struct stamp a = { 5, 3, 1 }, b = { 5, 2, 1 }, c = { 5, 1, 2 }, d = { 6, 1, 0 };

	cr_expect(stamp_compare(&a, &a) == 0 && stamp_compare(&a, &b) > 0 && stamp_compare(&c, &a) > 0 &&
		  stamp_compare(&d, &c) > 0 && stamp_compare(&b, &d) < 0);
}
