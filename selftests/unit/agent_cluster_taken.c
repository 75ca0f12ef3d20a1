// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A member that another one refuses, because it hears a second holder of the id there. */
#include <criterion/criterion.h>

#include "cluster_lab.h"

static void take(struct lab *l, int i, bool taken)
{
	l->m[i].local.taken = taken;
	lab_poke(l, i);
}

/* The leader and another one, with either quorum: silent at once, replaced, and back when the other is gone. */
Test(agent_cluster_taken, silent_until_it_is_let_in)
{
	for (int row = 0; row < 4; row++) {
		bool majority = row & 1, leads = row & 2;
		struct lab *l = lab_new(3, majority, (__u64)row + 1);
		__u32 sent;
		int victim;

		lab_boot_all(l);
		lab_until(l, lab_all_in, 0, 2000 * MS);
		lab_run(l, 300 * MS);
		victim = (lab_leader(l) + !leads) % 3;
		take(l, victim, true);
		cr_expect_not(lab_forwards(l, victim), "row %d: silent at once", row);
		cr_expect_eq(cluster_why_not_forwarding(&l->m[victim].c, lab_clock(l, victim)), SERVE_ID_TAKEN);
		cr_expect_eq(cluster_why_not_leading(&l->m[victim].c, lab_clock(l, victim)), LEAD_ID_TAKEN);
		sent = l->m[victim].sent;
		lab_run(l, 1000 * MS);
		cr_expect_eq(l->m[victim].sent, sent, "row %d: no heartbeat of a second holder", row);
		cr_expect(!lab_forwards(l, victim) && lab_out(l, victim), "row %d: others have its slots", row);
		cr_expect_neq(lab_leader(l), victim, "row %d", row);
		take(l, victim, false);
		lab_run(l, 1000 * MS);
		cr_expect(lab_all_in(l, 0), "row %d: it is back", row);
		cr_expect_eq(l->doubled, 0, "row %d: two owners: %s", row, l->first);
		lab_free(l);
	}
}

/* With quorum none one that hears nobody goes on alone; one that is refused hears nobody, and does not. */
Test(agent_cluster_taken, not_alone_either)
{
	struct lab *l = lab_new(2, false, 9);

	l->m[0].local.taken = true;
	lab_boot(l, 0);
	lab_run(l, 3000 * MS);
	cr_expect_not(lab_forwards(l, 0));
	take(l, 0, false);
	lab_run(l, 1000 * MS);
	cr_expect(lab_forwards(l, 0), "nobody refuses it any more");
	lab_free(l);
}
