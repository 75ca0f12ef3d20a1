/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What rows of the guard's tests are written with: frames of the cluster, and what becomes of them. */
#ifndef SELFTESTS_BPF_GUARD_FRAMES_H
#define SELFTESTS_BPF_GUARD_FRAMES_H

#define GO(r) { (__u32)TC_ACT_UNSPEC, ESL_##r }
#define NOT_OURS { (__u32)TC_ACT_UNSPEC, NO_REASON }
#define SHOT(r) { TC_ACT_SHOT, ESL_##r }

#define V6 .type = ESL_ETHERTYPE_IPV6
#define TO_PEER .dst = MAC_PEER, .src = MAC_OWN_OUT, .saddr = OUTSIDE_ADDR, .daddr = PEER
#define ESP(n) TO_PEER, .protocol = ESL_IPPROTO_ESP, .spi = G_SPI, .seq = n, .payload = 40
#define AH(n) TO_PEER, .protocol = ESL_IPPROTO_AH, .spi = G_SPI, .seq = n, .payload = 40
#define UDP(s, d) TO_PEER, .protocol = ESL_IPPROTO_UDP, .sport = s, .dport = d, .payload = 40
#define NATT(n) UDP(4500, 4500), .natt = true, .spi = G_SPI, .seq = n

#endif
