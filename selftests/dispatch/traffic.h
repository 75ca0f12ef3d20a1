/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Traffic of a gateway, repeatable.  Of 256 flows each packet draws one; one
 * packet in 20 begins a new flow in the place of the one drawn.  A quarter of
 * the flows is IPv6, of those one in four with extension headers; one IPv4 flow
 * in 32 has options; one flow in eight has one VLAN tag, one in 16 two; half of
 * the IPv4 flows have a constant IP id.
 *
 * inside:   35 % TCP data of 1200 to 1448 bytes, 15 % TCP acknowledgements,
 *           30 % UDP of 0 to 1400 bytes, 6 % echo, 6 % GRE, 3 % ESP of others
 *           passing through, 5 % UDP in three fragments
 * outside:  64 % ESP, 27 % ESP in UDP 4500, 9 % AH, of 40 to 1400 bytes; if so
 *           asked, 7 % of the flows in three fragments
 *
 * and, if so asked, packets for the cluster address itself and random ones.
 */
#ifndef ESPALIER_SELFTESTS_TRAFFIC_H
#define ESPALIER_SELFTESTS_TRAFFIC_H

#include <espalier/abi.h>

#include "selftests/unit/packets.h"

#define TRAFFIC_FLOWS 256
#define TRAFFIC_NEW 20		/* one packet in so many begins a flow */

/* Who must take a packet, whatever the scheme. */
enum traffic_want {
	WANT_ONE,
	WANT_AS_FIRST,		/* the one that took the packet before */
	WANT_LEADER,
	WANT_ALL,
	WANT_NOBODY,
	WANT_ANY,		/* a random packet: whoever it is, members agree */
};

struct flow {
	struct packet_spec spec;
	__u16 least, most;	/* payload */
	__u8 pieces;
	bool counts;		/* the IP id does */
};

struct traffic {
	__u64 state;		/* of the random numbers, not 0 */
	enum esl_role role;
	bool fragments;		/* outside: fragments of IPsec packets too */
	bool others;		/* packets for the cluster itself, and random ones */

	struct packet packet;	/* the last one */
	enum traffic_want want;
	__u32 drawn;		/* its flow; TRAFFIC_FLOWS: of none */
	bool begins;		/* it is the first one of the flow */
	struct flow flow[TRAFFIC_FLOWS + 1];
	__u32 piece;		/* the next one of the flow, 0: another packet */
};

void traffic_next(struct traffic *t);

#endif
