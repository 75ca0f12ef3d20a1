// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "wire.h"

#include <endian.h>
#include <string.h>

static bool lanes_valid(const struct esl_lanes *l)
{
	return l->lanes >= 1 && l->lanes <= ESL_LANES_MAX && l->block_shift >= ESL_BLOCK_SHIFT_MIN &&
	       l->block_shift <= ESL_BLOCK_SHIFT_MAX;
}

size_t wire_encode(const struct announcement *a, __u8 buf[ESL_WIRE_MAX])
{
	size_t size = sizeof(struct esl_wire_header) + a->count * sizeof(struct esl_wire_entry);
	struct esl_wire_header h = {
		.magic = htobe32(ESL_WIRE_MAGIC),
		.major = ESL_WIRE_MAJOR,
		.minor = ESL_WIRE_MINOR,
		.length = htobe16((__u16)(size + ESL_WIRE_MAC_LEN)),
		.sender = a->sender,
		.flags = a->flags,
		.entries = htobe16((__u16)a->count),
		.lanes = htobe16(a->lanes.lanes),
		.block_shift = a->lanes.block_shift,
		.burst_shift = (__u8)a->burst_shift,
		.members = htobe64(a->members),
		.boot = htobe64(a->boot),
		.inside_addr = a->addr[ESL_INSIDE],
		.outside_addr = a->addr[ESL_OUTSIDE],
	};

	memcpy(buf, &h, sizeof(h));
	for (size_t i = 0; i < a->count; i++) {
		const struct announced_round *r = &a->rounds[i];
		struct esl_wire_entry e = {
			.spi = htobe32(r->key.spi),
			.lanes = htobe16(r->lanes.lanes),
			.block_shift = r->lanes.block_shift,
			.protocol = (__u8)r->key.protocol,
			.round = htobe64(r->round),
		};

		memcpy(e.daddr, r->key.daddr.byte, sizeof(e.daddr));
		memcpy(buf + sizeof(h) + i * sizeof(e), &e, sizeof(e));
	}
	return size;
}

enum wire_refusal wire_check(const __u8 *buf, size_t size)
{
	struct esl_wire_header h;

	if (size < sizeof(h) + ESL_WIRE_MAC_LEN)
		return WIRE_SHORT;
	memcpy(&h, buf, sizeof(h));
	if (be32toh(h.magic) != ESL_WIRE_MAGIC)
		return WIRE_MAGIC;
	if (h.major != ESL_WIRE_MAJOR)
		return WIRE_VERSION;
	if (be16toh(h.length) != size || be16toh(h.entries) > ESL_WIRE_ENTRIES_MAX ||
	    size != sizeof(h) + be16toh(h.entries) * sizeof(struct esl_wire_entry) + ESL_WIRE_MAC_LEN)
		return WIRE_LENGTH;
	return WIRE_OK;
}

static bool decode_entry(const __u8 *buf, struct announced_round *r)
{
	struct esl_wire_entry e;

	memcpy(&e, buf, sizeof(e));
	memcpy(r->key.daddr.byte, e.daddr, sizeof(e.daddr));
	r->key.spi = be32toh(e.spi);
	r->key.protocol = e.protocol;
	r->lanes = (struct esl_lanes){ .lanes = be16toh(e.lanes), .block_shift = e.block_shift };
	r->round = be64toh(e.round);
	/* A round whose block would not fit into 64 bits is nobody's. */
	return r->key.spi && lanes_valid(&r->lanes) &&
	       r->round <= (UINT64_MAX >> 1) / ((__u64)r->lanes.lanes << r->lanes.block_shift);
}

enum wire_refusal wire_decode(const __u8 *buf, size_t size, struct announcement *a)
{
	enum wire_refusal refusal = wire_check(buf, size);
	struct esl_wire_header h;

	if (refusal != WIRE_OK)
		return refusal;
	memcpy(&h, buf, sizeof(h));
	*a = (struct announcement){
		.sender = h.sender,
		.flags = h.flags,
		.lanes = { .lanes = be16toh(h.lanes), .block_shift = h.block_shift },
		.burst_shift = h.burst_shift,
		.members = be64toh(h.members),
		.boot = be64toh(h.boot),
		.addr = { [ESL_INSIDE] = h.inside_addr, [ESL_OUTSIDE] = h.outside_addr },
		.count = be16toh(h.entries),
	};
	if (a->sender >= ESL_MEMBERS_MAX || !lanes_valid(&a->lanes) || a->burst_shift > 31)
		return WIRE_FIELD;
	for (size_t i = 0; i < a->count; i++)
		if (!decode_entry(buf + sizeof(h) + i * sizeof(struct esl_wire_entry), &a->rounds[i]))
			return WIRE_FIELD;
	return WIRE_OK;
}
