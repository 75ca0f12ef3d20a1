/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One row for each kind of packet, and what a member says to it. */
#ifndef ESPALIER_SELFTESTS_KINDS_H
#define ESPALIER_SELFTESTS_KINDS_H

#include "packets.h"

/* The reason that the parser or esl_decide() gives. */
struct answer {
	__u8 mine;		/* where the slot or turn is the member's own */
	__u8 foreign;
	__u8 leader_mine;	/* the same at the leader */
	__u8 leader_foreign;
};

struct kind_row {
	const char *name;
	struct packet_spec spec;
	struct answer inside;	/* the NIC it came by */
	struct answer outside;
};

extern const struct kind_row kind_rows[];
extern const size_t kind_count;

#endif
