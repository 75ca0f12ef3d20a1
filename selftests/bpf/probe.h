/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef ESPALIER_SELFTESTS_PROBE_H
#define ESPALIER_SELFTESTS_PROBE_H

#define PROBE_LEN 443		/* of the tests' frames, and of no other */

struct probe {
	__u32 count;
	__u32 pkt_type;
	__u8 dst[6];
	__u16 reserved;
};

#endif
