/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef ESPALIER_SELFTESTS_BENCH_H
#define ESPALIER_SELFTESTS_BENCH_H

#include "selftests/bpf/frame.h"

#define BENCH_ROUNDS_MAX 256
#define BENCH_CPUS_MAX 1024

/* One measurement that no neighbour disturbed, nanoseconds a packet. */
struct bench_round {
	double ns;
	double drop;	/* the bare drop right before */
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
	int rounds;		/* how many of them were measured */
};

/* Fewer undisturbed rounds than this judge nothing. */
#define BENCH_ROUNDS_MIN 24
/*
 * The limits are nanoseconds of a core on which a bare drop takes 27 to 30 of
 * them.  Where it takes longer, clock or caches are not the run's own, and the
 * same work takes more time: a limit that is missed there says nothing.
 */
#define BENCH_DROP_NS_MAX 30.0

/* Print the table and the verdict on the limits; returns how many were missed. */
int bench_report(const struct bench_case *cases, int count);
int bench_write_json(const char *path, const struct bench_case *cases, int count);

/*
 * Independent additions over dependent ones, in time: what is left of a core's
 * width.  A neighbour on the same core takes half of the width, and of a chain
 * of additions nothing; neither clock speed nor the program measured matters.
 */
double bench_probe(void);
/* The highest probe of a core that is this thread's alone. */
#define BENCH_PROBE_MAX 0.40

#endif
