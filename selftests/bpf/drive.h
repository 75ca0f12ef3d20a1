/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Drives the programs by BPF_PROG_TEST_RUN and judges what came out: the
 * action, the whole frame, and the one counter that moved. */
#ifndef ESPALIER_SELFTESTS_DRIVE_H
#define ESPALIER_SELFTESTS_DRIVE_H

#include <linux/bpf.h>

#include "frame.h"
#include "world.h"

#define NO_REASON (-1)		/* no counter moves */


struct drive {
	struct espalier_bpf *obj;
	int passed;
	int failed;
};

struct expected {
	__u32 action;
	int reason;		/* enum esl_reason or NO_REASON */
	const char *mac;	/* new destination MAC, NULL: the frame as it was */
};

struct counts {
	struct esl_count of[ESL_REASON_COUNT];
};

/* Print and count one named row; text says what is wrong. Returns ok. */
bool row(struct drive *d, const char *name, bool ok, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

void counts_read(struct drive *d, struct counts *c);

/* One packet through a program, as one row. */
bool expect_xdp(struct drive *d, const char *name, const struct frame *in, const struct expected *e);
bool expect_tc(struct drive *d, const char *name, const struct frame *in, const struct __sk_buff *ctx,
	       const struct expected *e);

const char *reason_name(int reason);

/* The parts; each is a table of rows. */
void test_xdp_rows(struct drive *d);
void test_xdp_lengths(struct drive *d);
void test_xdp_state(struct drive *d);
void test_guard_rows(struct drive *d);
void test_guard_state(struct drive *d);
void test_guard_events(struct drive *d);
void test_devices(struct drive *d);

#endif
