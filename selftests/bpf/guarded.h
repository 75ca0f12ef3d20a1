/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The outbound SAs of the guard's tests. */
#ifndef ESPALIER_SELFTESTS_GUARDED_H
#define ESPALIER_SELFTESTS_GUARDED_H

#include "drive.h"

#define G_SPI 0x5001		/* L = 3, K = 64, lane 0, bound 256 */
#define G_SPI_WIDE 0x5002	/* L = 1, K = 65536, lane 0, bound 1024 */
#define G_SPI_ESP 0x5003		/* as the first, of ESP and IPv4 only */
#define G_INDEX 10
#define G_INDEX_WIDE 11

/* Fresh records, ESP and AH of both families to the peer. */
void guarded_reset(struct drive *d);
/* Of all SAs: 64-bit numbers, or not. */
void guarded_esn(struct drive *d, bool esn);
void guarded_bound(struct drive *d, __u32 index, __u64 bound, __u64 first);
void guarded_write(struct drive *d, __u32 index, const struct esl_guard *g);
struct esl_guard guarded_read(struct drive *d, __u32 index);
/* One ESP packet of the SA, as one row. */
void guarded_send(struct drive *d, const char *name, __u32 spi, __u32 seq, __u32 segs, __u32 action,
		  int reason);

#endif
