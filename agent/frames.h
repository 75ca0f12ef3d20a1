/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The frames by which a leader tells where the cluster addresses are: answers
 * that the program left to the agent, and announcements that nobody asked for.
 * Pure.  RFC 826, RFC 4861.
 */
#ifndef AGENT_FRAMES_H
#define AGENT_FRAMES_H

#include <espalier/neighbour.h>

struct arp_frame {
	struct esl_eth eth;
	struct esl_arp arp;
} __attribute__((packed, aligned(2)));

struct nd_frame {
	struct esl_eth eth;
	struct esl_ipv6 ip;
	struct esl_nd nd;
} __attribute__((packed, aligned(2)));

/* Gratuitous ARP, as a request or a reply: some stacks believe only the one,
 * some only the other. */
void frame_arp(const struct esl_port *port, __u16 operation, struct arp_frame *ret);

/* An advertisement to all nodes. */
void frame_advertisement(const struct esl_port *port, struct nd_frame *ret);

/*
 * The advertisement that answers the solicitation in frame.  False: it is none
 * for this port's address, or not a valid one (RFC 4861 section 7.1.1).
 */
bool frame_answer(const struct esl_port *port, const void *frame, size_t size, struct nd_frame *ret);

#endif
