/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* IPv4 packets for the tests of parser and dispatch, and the decision as a
 * member of a cluster makes it. */
#ifndef ESPALIER_SELFTESTS_PACKETS_H
#define ESPALIER_SELFTESTS_PACKETS_H

#include <espalier/decide.h>

#define IP_MAX 512
#define CLUSTER_OUT 0xc0000201
#define CLUSTER_IN 0x0a000001

/* Host byte order. */
struct ip_spec {
	__u8 version;		/* 0: 4; 16: 0 */
	__u8 ihl;		/* words, 0: 5; 16: 0 */
	__u8 tos;
	__u8 ttl;
	__u8 protocol;
	__u16 id;
	__u16 frag;
	__u16 tot_len;		/* 0: the true one */
	__u16 check;
	__u32 saddr;
	__u32 daddr;		/* 0: CLUSTER_OUT */
	__u16 l4_len;
	const void *l4;		/* NULL: counting bytes */
};

/* Returns the length of the packet, options included. */
__u32 ip_build(__u8 *packet, const struct ip_spec *s);

/* Member out of count with an even slot table; member 0 leads. Cluster MACs are
 * zero. Holds until the next call for the same count. */
const struct esl_config *config_for(__u32 member, __u32 count);

/* The decision of member out of count, as outside (0) or inside (1) NIC. */
int decide_for(const struct esl_packet *p, __u32 member, __u32 count, int inside);

extern const struct esl_hash_key test_key;

#endif
