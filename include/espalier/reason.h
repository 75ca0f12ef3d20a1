/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The one list of reasons.  A row is X(SYMBOL, name, verdict, sentence):
 * SYMBOL becomes ESL_SYMBOL and the index of the counter in the map
 * "espalier_counts"; name is the key in JSON and in tables; verdict is what
 * happens to the packet; sentence is for people.  Every verdict of the XDP
 * program and of the guard has exactly one of them.
 *
 * verdicts: STACK  left to the host's stack as if espalier were not there
 *           OWN    this member processes it
 *           OTHER  dropped, because another member processes it
 *           DROP   dropped, nobody should process it here
 *           ANSWER turned into its own reply and sent back where it came from
 */
#ifndef ESPALIER_REASON_H
#define ESPALIER_REASON_H

#include "types.h"

#define ESL_XDP_REASONS(X)                                                                          \
	X(INERT, "inert", STACK, "no agent has configured the program yet")                         \
	X(OTHER_MAC, "other_mac", STACK, "unicast frame for another station")                       \
	X(GROUP, "group", STACK, "broadcast or multicast frame that is not for the cluster")        \
	X(OWN_ADDRESS, "own_address", STACK, "for one of this member's own addresses")              \
	X(ARP, "arp", STACK, "ARP that is not about a cluster address")                             \
	X(ARP_ANSWERED, "arp_answered", ANSWER, "ARP request for a cluster address, answered by this leader") \
	X(ARP_LEADER, "arp_leader", STACK, "ARP about a cluster address, left to this leader's agent") \
	X(ND_ANSWERED, "nd_answered", ANSWER, "neighbour solicitation for a cluster address, answered by this leader") \
	X(ND_LEADER, "nd_leader", STACK, "neighbour solicitation for a cluster address, left to this leader's agent") \
	X(LOCAL_LEADER, "local_leader", STACK, "for a cluster address itself, this member is the leader") \
	X(ICMP_ERROR, "icmp_error", STACK, "ICMP error for a cluster address: every member learns the path MTU") \
	X(OWNED_PLAIN, "owned_plain", OWN, "plain packet owned by this member")                     \
	X(OWNED_ESP, "owned_esp", OWN, "ESP packet owned by this member")                           \
	X(OWNED_AH, "owned_ah", OWN, "AH packet owned by this member")                              \
	X(OWNED_NATT, "owned_natt", OWN, "ESP packet in UDP 4500 owned by this member")             \
	X(OWNED_FRAGMENT, "owned_fragment", OWN, "later fragment of an IPsec packet owned by this member") \
	X(FOREIGN_PLAIN, "foreign_plain", OTHER, "plain packet owned by another member")            \
	X(FOREIGN_ESP, "foreign_esp", OTHER, "ESP packet owned by another member")                  \
	X(FOREIGN_AH, "foreign_ah", OTHER, "AH packet owned by another member")                     \
	X(FOREIGN_NATT, "foreign_natt", OTHER, "ESP packet in UDP 4500 owned by another member")    \
	X(FRAGMENT_UNKNOWN, "fragment_unknown", OTHER, "later IPsec fragment whose first fragment this member does not own") \
	X(ARP_OTHER, "arp_other", OTHER, "ARP about a cluster address, the leader answers")         \
	X(ND_OTHER, "nd_other", OTHER, "neighbour solicitation for a cluster address, the leader answers") \
	X(LOCAL_OTHER, "local_other", OTHER, "for a cluster address itself, the leader takes it")   \
	X(UNPROMOTED, "unpromoted", OTHER, "IPsec packet of a new SA: the leader takes it until all members have it") \
	X(DEADLINE, "deadline", DROP, "owned, but the agent has not renewed the deadline")          \
	X(CHANGING, "changing", DROP, "owned IPsec packet while the cluster changes its outside scheme") \
	X(SWITCHING, "switching", DROP, "IPsec packet that its old owner takes no longer and its new one not yet") \
	X(SA_UNKNOWN, "sa_unknown", DROP, "owned IPsec packet of an SA this member does not have")  \
	X(BELOW_FLOOR, "below_floor", DROP, "owned IPsec packet at or below the floor of its SA")   \
	X(CLUSTER_BY_UNICAST, "cluster_by_unicast", DROP, "for a cluster address, but not sent to the cluster MAC") \
	X(TRANSIT_BY_UNICAST, "transit_by_unicast", DROP, "to be forwarded, but sent to this member's own MAC") \
	X(OWN_FRAME, "own_frame", DROP, "sent by this member, and flooded back by the switch")      \
	X(WRONG_SIDE, "wrong_side", DROP, "ESP, AH or UDP 4500 for a cluster address from the inside") \
	X(LOCAL_TUNNEL, "local_tunnel", DROP, "IPComp or IP in IP for a cluster address: IPsec could come out of it") \
	X(NAT_KEEPALIVE, "nat_keepalive", DROP, "NAT keep-alive for a cluster address: it has done its work on the way") \
	X(NOT_IP, "not_ip", DROP, "sent to the cluster MAC, but neither IPv4, IPv6 nor ARP")        \
	X(SHORT_FRAME, "short_frame", DROP, "frame ends before its headers do")                     \
	X(BAD_IP, "bad_ip", DROP, "IPv4 or IPv6 header with a wrong version or length")             \
	X(BAD_CHAIN, "bad_chain", DROP, "IPv6 extension headers that do not end within the packet, or too many") \
	X(BAD_ESP, "bad_esp", DROP, "ESP packet or first fragment too short for an SPI and a number") \
	X(BAD_AH, "bad_ah", DROP, "AH packet or first fragment too short for an SPI and a number")  \
	X(BAD_UDP, "bad_udp", DROP, "UDP packet or first fragment for a cluster address, too short for what it begins") \
	X(NO_SLOT, "no_slot", DROP, "the slot of this packet belongs to no member")

#define ESL_GUARD_REASONS(X)                                                                        \
	X(G_PASS, "guard_pass", OWN, "number passed, for the first and only time")                  \
	X(G_SECOND, "guard_second", OWN, "already passed by the guard of the gate device")          \
	X(G_FRAGMENT, "guard_fragment", OWN, "later fragment of a packet whose first one passed") \
	X(G_PLAIN, "guard_plain", OWN, "not IPsec, from a cluster address, while the deadline holds") \
	X(G_DEADLINE, "guard_deadline", DROP, "the agent has not renewed the deadline")             \
	X(G_SA_UNKNOWN, "guard_sa_unknown", DROP, "outbound SA without a record")                   \
	X(G_LANE, "guard_lane", DROP, "number lies in another member's lane")                       \
	X(G_BOUND, "guard_bound", DROP, "number lies beyond the bound set by the agent")            \
	X(G_OLD, "guard_old", DROP, "number is older than the guard remembers")                     \
	X(G_DUPLICATE, "guard_duplicate", DROP, "number has left before")                           \
	X(G_CONTENDED, "guard_contended", DROP, "another CPU kept changing the same word")          \
	X(G_SEGMENTS, "guard_segments", DROP, "more segments in one packet than the guard tests")   \
	X(G_IV, "guard_iv", DROP, "the salt of this transform's IVs was not compared with the other members' yet") \
	X(G_PROBE, "guard_probe", DROP, "the agent's own packet, sent to learn the salt of an SA's IVs") \
	X(G_FRAGMENT_UNKNOWN, "guard_fragment_unknown", DROP, "later fragment of a packet that did not pass") \
	X(G_MALFORMED, "guard_malformed", DROP, "headers that cannot be read")

#define ESL_REASONS(X) ESL_XDP_REASONS(X) ESL_GUARD_REASONS(X)

enum esl_reason {
#define X(symbol, name, verdict, sentence) ESL_##symbol,
	ESL_REASONS(X)
#undef X
	ESL_REASON_COUNT
};

/* A set of reasons is a word. */
ESL_STATIC_ASSERT(ESL_REASON_COUNT <= 64, "reasons");

enum esl_verdict { ESL_STACK, ESL_OWN, ESL_OTHER, ESL_DROP, ESL_ANSWER };

#endif
