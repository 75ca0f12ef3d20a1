/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The small world in which the programs are driven:
 *
 *     CLIENT 10.0.0.0/24 --- inside NIC | member 0 | outside NIC --- PEER
 *                            INSIDE_ADDR           OUTSIDE_ADDR
 *
 * Test runs come in on ifindex 1 (lo) unless their context says otherwise.
 * Even slots belong to this member, odd ones to member 1.
 */
#ifndef ESPALIER_SELFTESTS_WORLD_H
#define ESPALIER_SELFTESTS_WORLD_H

#include <espalier/abi.h>

#include "frame.h"

#define MAC_CLUSTER_OUT "\x03\xbf\xc0\x00\x02\x01"
#define MAC_CLUSTER_IN "\x03\xbf\x0a\x00\x00\x01"
#define MAC_OWN_OUT "\x02\x00\x00\x00\x00\x10"
#define MAC_OWN_IN "\x02\x00\x00\x00\x00\x20"
#define MAC_OTHER "\x02\x00\x00\x00\x00\x30"
#define MAC_BROADCAST "\xff\xff\xff\xff\xff\xff"
#define MAC_PEER "\x02\x00\x00\x00\x00\x99"

#define OUTSIDE_ADDR CLUSTER_OUT
#define INSIDE_ADDR CLUSTER_IN
#define PEER IP(192, 0, 2, 99)
#define CLIENT IP(10, 0, 0, 5)
#define OWN_OUT IP(192, 0, 2, 10)	/* the member's own address outside */
#define OWN_IN IP(10, 0, 0, 10)
#define STRANGER IP(203, 0, 113, 4)

#define MEMBER 0
#define OTHER_MEMBER 1
#define IFINDEX_TEST 1

enum door { DOOR_OUTSIDE, DOOR_INSIDE, DOOR_NONE };

struct espalier_bpf;

/* The object without pins, loaded; NULL and a line on stderr if not. */
struct espalier_bpf *world_open(void);
/* Write the identity, with ifindex 1 behind this door. */
int world_config(struct espalier_bpf *obj, enum door door);
/* Write the rest of the record: slots as above, in table 0. */
int world_live(struct espalier_bpf *obj, __u64 deadline_ns, __u32 leader);
/* The identity that world_config() would write, to change it first. */
struct esl_config world_config_of(enum door door);
int world_identity(struct espalier_bpf *obj, const struct esl_config *identity);
/* Take over all of the identity but the member id, and live. */
void world_join(struct esl_config *c, enum door door);
int world_own_add(struct espalier_bpf *obj, __u32 addr);
int world_own_add6(struct espalier_bpf *obj, __u32 low);
/* ESP to the outside address; of IPv4, of IPv6. */
int world_sa_in(struct espalier_bpf *obj, __u32 spi, const struct esl_sa_in *sa);
int world_sa_in6(struct espalier_bpf *obj, __u32 spi, const struct esl_sa_in *sa);
/* ESP and AH of both families to both cluster addresses. */
int world_sa_all(struct espalier_bpf *obj, __u32 spi, const struct esl_sa_in *sa);
int world_sa_key(struct espalier_bpf *obj, const struct esl_sa_key *key, const struct esl_sa_in *sa);
struct esl_config world_read_config(struct espalier_bpf *obj);
int world_write_config(struct espalier_bpf *obj, const struct esl_config *c);
__u64 world_now(void);

/* The address of the frames with these last four bytes. */
struct esl_addr world_addr6(__u32 low);
/* Parse the packet of a frame. Returns 0 or a reason. */
int world_read(const struct frame *f, struct esl_packet *p);
/* The slot of the packet by number, or by packet-hash. */
__u32 world_slot(const struct frame_spec *s);
/* Move seq (ESP) or id (plain) on until the packet's slot belongs to member. */
void world_aim(struct frame_spec *s, __u32 member);

#endif
