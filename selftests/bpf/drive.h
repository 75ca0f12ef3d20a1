/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Drives the programs by BPF_PROG_TEST_RUN and judges what came out: the
 * action, the whole frame, and the one counter that moved. */
#ifndef ESPALIER_SELFTESTS_DRIVE_H
#define ESPALIER_SELFTESTS_DRIVE_H

#include <linux/bpf.h>

#include "frame.h"
#include "slots.h"
#include "world.h"

#define NO_REASON (-1)		/* no counter moves */
#define WHY_MAX 256

struct drive {
	struct espalier_bpf *obj;
	int passed;
	int failed;
};

struct expected {
	__u32 action;
	int reason;		/* enum esl_reason or NO_REASON */
	const char *mac;	/* new destination MAC, NULL: the frame as it was */
	const struct frame *reply;	/* what the frame became; NULL: as mac says */
};

/* Of one packet. */
struct outcome {
	__u32 action;
	int reason;		/* whose counter moved; NO_REASON: none did */
	__u64 bytes;		/* that it counted */
	struct frame out;
};

/* Print and count one named row; text says what is wrong. Returns ok. */
bool row(struct drive *d, const char *name, bool ok, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

struct counts {
	struct esl_count of[ESL_REASON_COUNT];
};

void counts_read(struct drive *d, struct counts *c);

/* One packet through espalier_xdp. False, with why: the run failed, or not just
 * one counter moved by just one packet. */
bool run_xdp(struct drive *d, const struct frame *in, struct outcome *o, char *why);
/* ... and it must come out so. False, with why. */
bool check_xdp(struct drive *d, const struct frame *in, const struct expected *e, char *why);

/* One packet through a program, as one row. */
bool expect_xdp(struct drive *d, const char *name, const struct frame *in, const struct expected *e);
bool expect_tc(struct drive *d, const char *name, const struct frame *in, const struct __sk_buff *ctx,
	       const struct expected *e);

const char *reason_name(int reason);
enum esl_verdict reason_verdict(int reason);
/* Is the frame given to the member's stack as its own? */
bool reason_takes(int reason);

/* The parts; each is a table of rows. */
void test_xdp_kinds(struct drive *d);
void test_xdp_rows(struct drive *d);
void test_xdp_neighbours(struct drive *d);
void test_xdp_lengths(struct drive *d);
void test_xdp_state(struct drive *d);
void test_xdp_fragments(struct drive *d);
void test_xdp_schemes(struct drive *d);
void test_xdp_switch(struct drive *d);
void test_xdp_random(struct drive *d);
void test_xdp_policies(struct drive *d);
void test_xdp_cpus(struct drive *d);
void test_xdp_jumbo(struct drive *d);
void test_guard_rows(struct drive *d);
void test_guard_state(struct drive *d);
void test_guard_fragments(struct drive *d);
void test_guard_events(struct drive *d);
void test_guard_iv(struct drive *d);
void test_devices(struct drive *d);

#endif
