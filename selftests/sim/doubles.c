// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Two machines with one member's id, of which one runs at a time. */
#include <string.h>

#include "sim.h"

void member_double(struct sim *s, struct member *m)
{
	if (m->doubled || !m->up || m->suspended)
		return;
	m->doubled = true;
	/* Not between two steps: those that are left are not kept. */
	m->thaws = m->running && m->step_next == m->step_count && !m->held && sim_below(s, 2);
	m->first_kernel = m->kernel;
	m->first_agent = m->agent;
	m->first_started_at = m->started_at;
	m->second_from = s->now;
	trace(s, m->id, "a second machine has its id");
	member_wipe(s, m);
	member_exec(s, m);
}

void member_undouble(struct sim *s, struct member *m)
{
	if (!m->doubled)
		return;
	trace(s, m->id, m->thaws ? "the first machine is back, thawed" : "the first machine is back");
	if (m->running)
		member_kill(s, m);
	m->second_to = s->now;
	m->kernel = m->first_kernel;
	m->doubled = m->suspended = false;
	m->up = true;
	if (!m->thaws) {
		member_exec(s, m);
		return;
	}
	m->agent = m->first_agent;
	memset(m->echoed_ns, 0, sizeof(m->echoed_ns));
	m->running = m->agent.again = true;
	/* The others' keys are still good. */
	m->started_at = m->first_started_at;
	member_wake(s, m, s->now + member_latency(s, m));
}
