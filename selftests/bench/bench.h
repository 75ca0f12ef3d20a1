/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef ESPALIER_SELFTESTS_BENCH_H
#define ESPALIER_SELFTESTS_BENCH_H

#include "selftests/bpf/frame.h"

#define BENCH_ROUNDS_MAX 256
#define BENCH_CPUS_MAX 1024

struct bench_round {
	double ns;
	double over;	/* over the bare drop right before and after */
	double drop;	/* that drop */
};

struct bench_case {
	const char *name;	/* key in the JSON file */
	const char *text;
	double limit_ns;	/* over the bare drop; 0: none */
	struct frame_spec in;	/* of the row; protocol 0: not espalier's */
	__u8 scheme;		/* enum esl_scheme */
	bool owned;
	bool open;		/* known to miss its limit: told, and no failure until it is met once */
	int fd;
	__u32 expected;		/* action */
	__u32 reason;		/* counter that must move; 0: not espalier's */
	struct frame frame;
	struct bench_round round[BENCH_ROUNDS_MAX];
};

/* Print the table and the verdict on the limits; returns how many were missed. */
int bench_report(const struct bench_case *cases, int count, int rounds);
int bench_write_json(const char *path, const struct bench_case *cases, int count, int rounds);

#endif
