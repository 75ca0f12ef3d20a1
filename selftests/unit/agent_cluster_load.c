// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Slots that follow the load, and configured weights; tables that others' weights do not touch. */
#include <criterion/criterion.h>
#include <string.h>

#include <agent/slots.h>

#include "cluster_lab.h"

#define SECOND (1000 * MS)

Test(agent_cluster_load, load_moves_slots)
{
	struct lab *l = lab_settled(3, true, 3);
	__u32 count[3] = {}, published = l->m[0].publishes;

	for (int n = 0; n < 10; n++) {
		for (int i = 0; i < 3; i++) {
			memset(count, 0, sizeof(count));
			for (int s = 0; s < ESL_SLOTS; s++)
				count[l->m[0].table.slot[s]]++;
			/* Member 1 is half as fast. */
			l->m[i].local.load = (__u16)(count[i] * (i == 1 ? 8 : 4));
			lab_poke(l, i);
		}
		lab_run(l, 10 * SECOND);
	}
	cr_expect(count[1] > 42 && count[1] < 62, "%u slots", count[1]);
	cr_expect_leq(l->m[0].publishes - published, 10);
	cr_expect_eq(l->uncovered_ns, 0);
	lab_finished(l);
}

static void load_all(struct lab *l, const __u16 load[3])
{
	for (int i = 0; i < 3; i++) {
		l->m[i].local.load = load[i];
		lab_poke(l, i);
	}
}

Test(agent_cluster_load, loads_that_move_nothing)
{
	static const struct {
		const char *name;
		__u16 load[3];
	} rows[] = {
		{ "even", { 800, 800, 800 } },
		{ "nearly even", { 700, 800, 880 } },
		{ "all full", { 1000, 1000, 1000 } },
		{ "nobody is busy", { 100, 1, 1 } },
		{ "one has not measured", { 900, 0, 100 } },
		{ "none has measured", { 0, 0, 0 } },
	};

	for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
		struct lab *l = lab_settled(3, true, 3);
		__u32 published = l->m[0].publishes;

		load_all(l, rows[r].load);
		lab_run(l, 60 * SECOND);
		cr_expect_eq(l->m[0].publishes, published, "%s", rows[r].name);
		lab_finished(l);
	}
}

/* What the former leader found is in the table. */
Test(agent_cluster_load, next_leader_keeps_shares)
{
	struct lab *l = lab_settled(3, true, 3);
	__u32 count[3] = {}, before[3] = {};

	load_all(l, (const __u16[]){ 400, 400, 900 });
	lab_run(l, 40 * SECOND);
	for (int s = 0; s < ESL_SLOTS; s++)
		before[l->m[1].table.slot[s]]++;
	cr_expect(before[2] < 70, "%u", before[2]);
	load_all(l, (const __u16[]){ 500, 500, 500 });
	lab_kill(l, 0);
	lab_run(l, SECOND);
	lab_boot(l, 0);
	load_all(l, (const __u16[]){ 500, 500, 500 });
	lab_run(l, 40 * SECOND);
	for (int s = 0; s < ESL_SLOTS; s++)
		count[l->m[1].table.slot[s]]++;
	cr_expect(count[0] > 64 && count[2] < count[1], "%u %u %u", count[0], count[1], count[2]);
	lab_finished(l);
}

/* With another scheme nobody tells a load: the configured weights hold again. */
Test(agent_cluster_load, load_ends)
{
	struct lab *l = lab_settled(3, true, 3);
	struct slot_table before = l->m[0].table;

	load_all(l, (const __u16[]){ 200, 900, 200 });
	lab_run(l, 40 * SECOND);
	cr_expect(slots_moved(&l->m[0].table, &before) > 8);
	load_all(l, (const __u16[]){ 0, 0, 0 });
	lab_run(l, 40 * SECOND);
	for (__u32 id = 0, count; id < 3; id++) {
		count = 0;
		for (int s = 0; s < ESL_SLOTS; s++)
			count += l->m[0].table.slot[s] == id;
		cr_expect(count == 85 || count == 86, "member %u: %u", id, count);
	}
	lab_finished(l);
}

/* One heavy SA by SPI is as heavy wherever its slot goes: it is not sent round for ever. */
Test(agent_cluster_load, load_that_cannot_be_evened)
{
	struct lab *l = lab_settled(3, true, 3);
	__u32 published = l->m[0].publishes;

	for (int n = 0; n < 3600; n++) {
		__u32 heavy = l->m[0].table.slot[40];

		load_all(l, (const __u16[]){ heavy == 0 ? 900 : 100, heavy == 1 ? 900 : 100, heavy == 2 ? 900 : 100 });
		lab_run(l, SECOND);
	}
	cr_expect_leq(l->m[0].publishes - published, 15, "%u", l->m[0].publishes - published);
	lab_finished(l);
}

/* One that has just joined measures what it did before. */
Test(agent_cluster_load, joiner_is_idle_yet)
{
	struct lab *l = lab_settled(3, true, 3);
	__u32 count = 0;

	load_all(l, (const __u16[]){ 600, 600, 600 });
	lab_kill(l, 2);
	/* A look would be due five seconds after it joins. */
	lab_run(l, 25 * SECOND);
	lab_boot(l, 2);
	load_all(l, (const __u16[]){ 900, 900, 5 });
	lab_run(l, 9 * SECOND);
	for (int s = 0; s < ESL_SLOTS; s++)
		count += l->m[0].table.slot[s] == 2;
	cr_expect(count == 85 || count == 86, "%u", count);
	lab_finished(l);
}

Test(agent_cluster_load, weights_are_read_again)
{
	static const __u16 loads[][3] = { { 0, 0, 0 }, { 500, 500, 500 } };

	for (int k = 0; k < 2; k++) {
		struct lab *l = lab_settled(3, true, 3);
		__u32 count[3] = {};

		load_all(l, loads[k]);
		for (int i = 0; i < 3; i++) {
			l->m[i].config.weight[0] = l->m[i].config.weight[1] = 100;
			l->m[i].config.weight[2] = 300;
			cluster_reconfigure(&l->m[i].c, &l->m[i].config);
			lab_poke(l, i);
		}
		lab_run(l, SECOND);
		for (int s = 0; s < ESL_SLOTS; s++)
			count[l->m[0].table.slot[s]]++;
		cr_expect(count[2] > 150 && count[2] < 156, "%d: %u", k, count[2]);
		lab_finished(l);
	}
}
