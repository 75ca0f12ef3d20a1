// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Where a planned change switches: what the leader chooses, and how others find it. */
#include <criterion/criterion.h>
#include <string.h>

#include <agent/switching.h>

#include "rand.h"

#define S 1000000000ULL

Test(agent_switching, number)
{
	static const struct {
		const char *name;
		__u64 top, rate, ahead_ns, at;
		bool esn;
	} rows[] = {
		{ "nothing came yet", 0, 0, S, 1, true },
		{ "idle: with its next number", 99, 0, S, 100, true },
		{ "slow: as if idle", 99, 4, S / 5, 100, true },
		{ "one within the time", 99, 5, S / 5, 101, true },
		{ "a stream", 1000, 2000, 140000000, 1281, true },
		{ "across the low half", 0xffffffff, 1000, S, 0x1000003e8ULL, true },
		{ "not so without ESN", 0xfffffff0, 1000, S, 0xffffffff, false },
		{ "at the end of 64 bits", UINT64_MAX - 5, 1000, S, UINT64_MAX, true },
		{ "a rate that nobody has", 1, UINT64_MAX / 2, S / 10, UINT64_MAX / 20 + 2, true },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		cr_expect_eq(switching_number(rows[i].top, rows[i].rate, rows[i].ahead_ns, rows[i].esn), rows[i].at,
			     "%s: %llu", rows[i].name,
			     switching_number(rows[i].top, rows[i].rate, rows[i].ahead_ns, rows[i].esn));
}

Test(agent_switching, place)
{
	static const struct {
		const char *name;
		__u32 seen;
		__u64 age_ns, ahead_ns;
		__u32 at;
	} rows[] = {
		{ "none yet: the next", 0, S, S, 1 },
		{ "slow: the next", 3, 10 * S, S, 4 },
		{ "125 a second", 25, S / 5, 140000000, 25 + 1 + 17 },
		{ "no time has passed", 2, 0, S, 2 + 1 + (1U << 22) },
		{ "too fast to be told by 24 bits", 1U << 30, S, S, (1U << 30) + 1 + (1U << 22) },
		{ "across the wrap", UINT32_MAX, S, 0, 0 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		cr_expect_eq(switching_place(rows[i].seen, rows[i].age_ns, rows[i].ahead_ns), rows[i].at, "%s: %u",
			     rows[i].name, switching_place(rows[i].seen, rows[i].age_ns, rows[i].ahead_ns));
}

#define HASH(n) ((__u64)(n) << 24)

Test(agent_switching, follow)
{
	static const struct {
		const char *name;
		struct esl_switch own;
		struct switching_mark told;
		bool found;
		__u32 at;
	} rows[] = {
		{ "the same count", { .ring = { HASH(7) | 4 }, .seen = 5 }, { .ring = { HASH(7) | 4 }, .at = 10 }, true, 10 },
		{ "began earlier", { .ring = { HASH(7) | 104 }, .seen = 109 }, { .ring = { HASH(7) | 4 }, .at = 10 }, true, 110 },
		{ "began later", { .ring = { HASH(7) | 1 }, .seen = 1 }, { .ring = { HASH(7) | 40 }, .at = 50 }, true, 11 },
		{ "past it already", { .ring = { HASH(7) | 4 }, .seen = 30 }, { .ring = { HASH(7) | 4 }, .at = 10 }, true, 10 },
		{ "no marker in common", { .ring = { HASH(7) | 4 }, .seen = 5 }, { .ring = { HASH(8) | 4 }, .at = 10 }, false, 0 },
		{ "the same marker of another level", { .ring = { HASH(7) | 4 }, .seen = 5 },
		  { .ring = { 0, HASH(7) | 4 }, .at = 10 }, false, 0 },
		{ "nothing seen", { .seen = 0 }, { .ring = { 0 }, .at = 10 }, false, 0 },
		{ "a newer one has come by: an older level", { .ring = { HASH(9) | 14, HASH(7) | 12 }, .seen = 14 },
		  { .ring = { HASH(8) | 3, HASH(7) | 2 }, .at = 10 }, true, 20 },
		{ "a frame was lost before the newest", { .ring = { HASH(9) | 8, HASH(7) | 2 }, .seen = 9 },
		  { .ring = { HASH(9) | 9, HASH(7) | 2 }, .at = 20 }, true, 19 },
		{ "counts beyond 24 bits", { .ring = { HASH(7) | 2 }, .seen = 0x5000005 },
		  { .ring = { HASH(7) | 0xfffffe }, .at = 0x3000003 }, true, 0x5000007 },
		{ "counts across a wrap", { .ring = { HASH(7) | 0xffffff }, .seen = 2 },
		  { .ring = { HASH(7) | 5 }, .at = 15 }, true, 9 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		__u32 at = 0;
		bool found = switching_follow(&rows[i].own, &rows[i].told, &at);

		cr_expect_eq(found, rows[i].found, "%s", rows[i].name);
		cr_expect_eq(at, rows[i].at, "%s: %u", rows[i].name, at);
	}
}

/* A member that began at another moment, and is told late, switches with the same
 * packet as the leader: at any delay there is a level that both know. */
Test(agent_switching, one_packet)
{
	__u64 random = 11;
	__u32 followed = 0;

	for (int round = 0; round < 200; round++) {
		__u32 from = rand_below(&random, 3000), told = 6000 + rand_below(&random, 3000);
		__u32 delay = rand_below(&random, 400), seen = 0, at;
		struct esl_switch leader = {}, own = {};
		struct switching_mark m = {};
		struct esl_begin none = {};

		for (__u32 n = 0; n < told + delay; n++) {
			__u64 hash = rand64(&random);

			if (n >= from)
				esl_switch_step(&own, &none, 1, hash, true);
			if (n < told)
				esl_switch_step(&leader, &none, 1, hash, true);
			if (n != told - 1)
				continue;
			memcpy(m.ring, leader.ring, sizeof(m.ring));
			m.at = leader.seen + 100;
			seen = own.seen;
		}
		if (!switching_follow(&own, &m, &at))
			continue;
		followed++;
		cr_expect_eq(at, seen + 100);
	}
	cr_expect_gt(followed, 195, "%u of 200", followed);
}
