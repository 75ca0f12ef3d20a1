// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <espalier/tables.h>

#include "espalier.skel.h"
#include "slots.h"
#include "world.h"

#define NOWHERE 0x7fffffff	/* an ifindex that no device has */

static const struct esl_config base = {
	.abi = ESL_ABI_VERSION,
	.member = MEMBER,
	.port[ESL_INSIDE] = {
		.mac = { 0x02, 0, 0, 0, 0, 0x20 },
		.cluster_mac = { 0x03, 0xbf, 0x0a, 0, 0, 1 },
	},
	.port[ESL_OUTSIDE] = {
		.mac = { 0x02, 0, 0, 0, 0, 0x10 },
		.cluster_mac = { 0x03, 0xbf, 0xc0, 0, 2, 1 },
	},
	.key.word = { 0x243f6a8885a308d3, 0x13198a2e03707345, 0xa4093822299f31d1, 0x082efa98ec4e6c89,
		      0x452821e638d01377, 0xbe5466cf34e90c6d },
};

/* Even slots are mine; the table that does not hold is empty. */
static void alternate(struct esl_config *c)
{
	static const __u8 ids[] = { MEMBER, OTHER_MEMBER };

	esl_table_fill(&c->table[0], ids, NULL, 2);
	esl_table_fill(&c->table[1], ids, NULL, 0);
	c->table[0].epoch = c->table[1].epoch = 1;
}

struct esl_addr world_addr6(__u32 low)
{
	struct esl_addr a = { .byte = { 0xfd } };

	low = htonl(low);
	memcpy(&a.byte[12], &low, sizeof(low));
	return a;
}

struct esl_config world_config_of(enum door door)
{
	struct esl_config c = base;

	c.port[ESL_INSIDE].cluster_addr = htonl(INSIDE_ADDR);
	c.port[ESL_OUTSIDE].cluster_addr = htonl(OUTSIDE_ADDR);
	c.port[ESL_INSIDE].cluster_addr6 = world_addr6(INSIDE_ADDR);
	c.port[ESL_OUTSIDE].cluster_addr6 = world_addr6(OUTSIDE_ADDR);
	c.port[ESL_INSIDE].ifindex = door == DOOR_INSIDE ? IFINDEX_TEST : NOWHERE;
	c.port[ESL_OUTSIDE].ifindex = door == DOOR_OUTSIDE ? IFINDEX_TEST : NOWHERE - 1;
	return c;
}

struct esl_config world_read_config(struct espalier_bpf *obj)
{
	struct esl_config c = {};
	__u32 zero = 0;

	bpf_map_lookup_elem(bpf_map__fd(obj->maps.espalier_config), &zero, &c);
	return c;
}

int world_write_config(struct espalier_bpf *obj, const struct esl_config *c)
{
	__u32 zero = 0;

	return bpf_map_update_elem(bpf_map__fd(obj->maps.espalier_config), &zero, c, BPF_ANY);
}

int world_identity(struct espalier_bpf *obj, const struct esl_config *identity)
{
	struct esl_config c = world_read_config(obj);

	memcpy(&c, identity, ESL_IDENTITY_SIZE);
	return world_write_config(obj, &c);
}

void world_join(struct esl_config *c, enum door door)
{
	struct esl_config identity = world_config_of(door);

	identity.member = c->member;
	memcpy(c, &identity, ESL_IDENTITY_SIZE);
	c->deadline_ns = ~0ULL;
}

int world_config(struct espalier_bpf *obj, enum door door)
{
	struct esl_config c = world_config_of(door);

	return world_identity(obj, &c);
}

int world_live(struct espalier_bpf *obj, __u64 deadline_ns, __u32 leader)
{
	struct esl_config c = world_read_config(obj);

	c.deadline_ns = deadline_ns;
	c.leader = leader;
	c.current = 0;
	memset(c.taken, 0xff, sizeof(c.taken));
	alternate(&c);
	return world_write_config(obj, &c);
}

int world_slots(struct espalier_bpf *obj, enum slots slots, __u64 deadline_ns, __u32 leader)
{
	static const __u8 owner[] = { [MINE] = MEMBER, [OTHERS] = OTHER_MEMBER,
				      [NOBODYS] = ESL_NO_MEMBER, [MINE_IN_TABLE_1] = MEMBER };
	struct esl_config c = world_read_config(obj);

	c.deadline_ns = deadline_ns;
	c.leader = leader;
	memset(c.taken, 0xff, sizeof(c.taken));
	/* The table that does not hold says the opposite. */
	c.current = slots == MINE_IN_TABLE_1;
	memset(c.table[c.current].slot, owner[slots], ESL_SLOTS);
	memset(c.table[!c.current].slot, slots == OTHERS ? MEMBER : OTHER_MEMBER, ESL_SLOTS);
	return world_write_config(obj, &c);
}

int world_own_add6(struct espalier_bpf *obj, __u32 low)
{
	struct esl_addr key = world_addr6(low);
	__u32 one = 1;

	return bpf_map_update_elem(bpf_map__fd(obj->maps.espalier_own), &key, &one, BPF_ANY);
}

int world_own_add(struct espalier_bpf *obj, __u32 addr)
{
	struct esl_addr key = esl_addr_from_ipv4(htonl(addr));
	__u32 one = 1;

	return bpf_map_update_elem(bpf_map__fd(obj->maps.espalier_own), &key, &one, BPF_ANY);
}

int world_sa_key(struct espalier_bpf *obj, const struct esl_sa_key *key, const struct esl_sa_in *sa)
{
	return bpf_map_update_elem(bpf_map__fd(obj->maps.espalier_sa_in), key, sa, BPF_ANY);
}

int world_sa_in(struct espalier_bpf *obj, __u32 spi, const struct esl_sa_in *sa)
{
	struct esl_sa_key key = {
		.daddr = esl_addr_from_ipv4(htonl(OUTSIDE_ADDR)),
		.spi = spi,
		.protocol = ESL_IPPROTO_ESP,
	};

	return world_sa_key(obj, &key, sa);
}

int world_sa_in6(struct espalier_bpf *obj, __u32 spi, const struct esl_sa_in *sa)
{
	struct esl_sa_key key = { .daddr = world_addr6(OUTSIDE_ADDR), .spi = spi, .protocol = ESL_IPPROTO_ESP };

	return world_sa_key(obj, &key, sa);
}

int world_sa_all(struct espalier_bpf *obj, __u32 spi, const struct esl_sa_in *sa)
{
	struct esl_sa_key key = { .spi = spi };
	int bad = 0;

	for (int i = 0; i < 8; i++) {
		__u32 addr = i & 1 ? OUTSIDE_ADDR : INSIDE_ADDR;

		key.daddr = i & 2 ? world_addr6(addr) : esl_addr_from_ipv4(htonl(addr));
		key.protocol = i & 4 ? ESL_IPPROTO_ESP : ESL_IPPROTO_AH;
		bad |= world_sa_key(obj, &key, sa);
	}
	return bad;
}

__u64 world_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

int world_read(const struct frame *f, struct esl_packet *p)
{
	return packet_read(f->byte, f->len, p);
}

__u32 world_slot(const struct frame_spec *s)
{
	struct esl_packet p = {};
	enum esl_kind kind;
	struct frame f;
	const __u32 *w;

	frame_build(&f, s);
	if (world_read(&f, &p))
		return 0;
	kind = esl_kind_of(&p, true);
	w = esl_is_ipsec(kind) ? esl_spi_seq(&p, kind) : NULL;
	if (w)
		return esl_slot_esp(&base.key, w[0], esl_daddr_word(&p), ntohl(w[1]), 0);
	return esl_hash_slot(esl_hash_packet(&base.key, &p));
}

void world_aim(struct frame_spec *s, __u32 member)
{
	while (world_slot(s) % 2 != member) {
		if (s->spi || s->type == ESL_ETHERTYPE_IPV6)
			s->seq++;
		else
			s->id++;
	}
}

static int only_warnings(enum libbpf_print_level level, const char *format, va_list args)
{
	return level == LIBBPF_WARN ? vfprintf(stderr, format, args) : 0;
}

struct espalier_bpf *world_open(void)
{
	struct espalier_bpf *obj;
	struct bpf_map *map;

	libbpf_set_print(only_warnings);
	obj = espalier_bpf__open();
	if (!obj)
		return NULL;
	/* A test must not meet a running member's maps. */
	bpf_object__for_each_map(map, obj->obj)
		bpf_map__set_pin_path(map, NULL);
	if (espalier_bpf__load(obj)) {
		fprintf(stderr, "espalier.bpf.o does not load\n");
		espalier_bpf__destroy(obj);
		return NULL;
	}
	return obj;
}
