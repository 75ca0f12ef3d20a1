// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* An inbound SA without a replay window takes every replay: that is said once of each, and of no other one. */
#include <stdlib.h>
#include <string.h>

#include "edges.h"

void windowless_rows(void)
{
	static const struct {
		const char *name;
		__u32 window;
		__u64 said;
	} rows[] = {
		{ "inbound SAs, window 0", 0, 2 },
		{ "inbound SAs, window 1", 1, 0 },
	};
	static struct agent a;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		memset(&a, 0, sizeof(a));
		edges_fill(0);
		edges_agent(&a);
		asked = (struct asked){};
		edges_window = rows[i].window;
		edges_add(2);
		edges_again();
		edges_window = 1024;
		judge(rows[i].name, "warnings too many or missing",
		      (double)llabs((long long)asked.windowless - (long long)rows[i].said), 0, "");
		sadb_stop(&a);
		probe_stop(&a);
		sd_event_unref(a.event);
		esl_guards_close(a.pins.guards);
	}
}
