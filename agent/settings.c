// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "settings.h"

#include <endian.h>
#include <openssl/evp.h>
#include <string.h>

static __u64 digest(const void *data, size_t size)
{
	unsigned char full[EVP_MAX_MD_SIZE];
	__u64 ret = 0;

	if (EVP_Digest(data, size, full, NULL, EVP_sha256(), NULL))
		memcpy(&ret, full, sizeof(ret));
	return be64toh(ret);
}

static __u64 member_bits(const struct esl_conf *c)
{
	__u64 bits = 0;

	for (size_t i = 0; i < c->member_count; i++)
		bits |= 1ULL << c->members[i].id;
	return bits;
}

/* Of what no field of the announcement says. */
static __u64 others_digest(const struct esl_conf *c)
{
	struct {
		__be32 mac_mode;
		/* Whoever gives slots away goes by its own times for when the other has stopped. */
		__be32 heartbeat_ms;
		__be32 dead_ms;
		__be32 quorum;
		struct {
			__be32 id;
			__be32 addr;
			__be32 port;
		} member[ESL_MEMBERS_MAX];
	} d = { .mac_mode = htobe32(c->mac_mode),
		.heartbeat_ms = htobe32((__u32)c->heartbeat_ms),
		.dead_ms = htobe32((__u32)c->dead_ms),
		.quorum = htobe32(c->quorum) };

	for (size_t i = 0; i < c->member_count; i++) {
		d.member[i].id = htobe32(c->members[i].id);
		d.member[i].addr = c->members[i].sync.sin_addr.s_addr;
		d.member[i].port = htobe32(ntohs(c->members[i].sync.sin_port));
	}
	return digest(&d, sizeof(d));
}

/* A sum: peers may be listed in any order. */
static __u64 windows_digest(const struct esl_conf *c)
{
	struct {
		struct esl_addr addr;
		__be32 window;
	} d = { .window = htobe32(c->peer_window) };
	__u64 sum = digest(&d, sizeof(d));

	for (size_t i = 0; i < c->peer_count; i++) {
		d.addr = c->peers[i].addr;
		d.window = htobe32(c->peers[i].window);
		sum += digest(&d, sizeof(d));
	}
	return sum;
}

void settings_tell(const struct esl_conf *c, const struct esl_hash_key *key, struct announcement *m)
{
	m->sender = (__u8)c->member;
	m->lanes = c->lanes;
	m->members = member_bits(c);
	m->digest = others_digest(c) + digest(key, sizeof(*key));
	m->windows = windows_digest(c);
	for (int role = 0; role < ESL_ROLES; role++) {
		m->addr[role] = c->side[role].cluster_addr;
		m->addr6[role] = c->side[role].cluster_addr6;
		memcpy(m->mac[role], c->side[role].cluster_mac, ESL_MAC_LEN);
	}
}

const char *settings_difference(const struct announcement *own, const struct announcement *m)
{
	static const char *const addr[] = { "inside cluster address", "outside cluster address" };
	static const char *const addr6[] = { "inside cluster address (IPv6)",
					     "outside cluster address (IPv6)" };
	static const char *const mac[] = { "inside cluster MAC", "outside cluster MAC" };

	if (m->lanes.lanes != own->lanes.lanes)
		return "lanes (L)";
	if (m->lanes.block_shift != own->lanes.block_shift)
		return "block (K)";
	if (m->members != own->members)
		return "member ids";
	for (int role = 0; role < ESL_ROLES; role++) {
		if (m->addr[role] != own->addr[role])
			return addr[role];
		if (!esl_addr_equal(&m->addr6[role], &own->addr6[role]))
			return addr6[role];
		if (memcmp(m->mac[role], own->mac[role], ESL_MAC_LEN))
			return mac[role];
	}
	return m->digest != own->digest ? "mac_mode, heartbeat_ms, dead_ms, quorum, members or the secret of dispatch" : NULL;
}

__u64 settings_digest(const struct announcement *m)
{
	struct {
		struct esl_addr addr6[ESL_ROLES];
		__be64 members;
		__be64 digest;
		__be32 addr[ESL_ROLES];
		__be32 lanes;
		__be32 block_shift;
		__u8 mac[ESL_ROLES][ESL_MAC_LEN];
		__u8 unused[4];		/* no padding: it would be hashed too */
	} d = { .members = htobe64(m->members),
		.digest = htobe64(m->digest),
		.lanes = htobe32(m->lanes.lanes),
		.block_shift = htobe32(m->lanes.block_shift) };

	memcpy(d.addr6, m->addr6, sizeof(d.addr6));
	memcpy(d.addr, m->addr, sizeof(d.addr));
	memcpy(d.mac, m->mac, sizeof(d.mac));
	return digest(&d, sizeof(d));
}

#define FIXED(key, field) { key, offsetof(struct esl_conf, field), sizeof(((struct esl_conf *)0)->field) }
#define SIDE(name, role)                                         \
	FIXED(name ".interface", side[role].interface),          \
	FIXED(name ".device", side[role].device),                \
	FIXED(name ".address", side[role].cluster_addr),         \
	FIXED(name ".address6", side[role].cluster_addr6),       \
	FIXED(name ".mac", side[role].cluster_mac)

const char *settings_fixed(const struct esl_conf *old, const struct esl_conf *new)
{
	static const struct {
		const char *key;
		size_t offset, size;
	} fixed[] = {
		FIXED("member", member),
		SIDE("inside", ESL_INSIDE),
		SIDE("outside", ESL_OUTSIDE),
		FIXED("lanes", lanes.lanes),
		FIXED("block", lanes.block_shift),
		FIXED("mode", mode),
		FIXED("mac_mode", mac_mode),
		FIXED("answer", answer),
		FIXED("cpus", cpu_mode),
		FIXED("cpu_count", cpu_count),
		FIXED("sync_group", sync_group),
		FIXED("sync_port", sync_port),
		FIXED("heartbeat_ms", heartbeat_ms),
		FIXED("dead_ms", dead_ms),
		FIXED("quorum", quorum),
		FIXED("priority", priority),
		FIXED("join_wait_ms", join_wait_ms),
		FIXED("gate", gate),
		FIXED("secret", secret),
		FIXED("bpffs", bpffs),
		FIXED("run", run),
	};

	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
		if (memcmp((const char *)old + fixed[i].offset, (const char *)new + fixed[i].offset,
			   fixed[i].size))
			return fixed[i].key;
	if (old->member_count != new->member_count)
		return "members";
	for (size_t i = 0; i < old->member_count; i++)
		if (old->members[i].id != new->members[i].id ||
		    memcmp(&old->members[i].sync, &new->members[i].sync, sizeof(old->members[i].sync)))
			return "members";
	return NULL;
}

void settings_options(const struct esl_conf *c, struct options *ret)
{
	struct esl_table t = {};

	esl_conf_table(c, &t);
	*ret = (struct options){ .scheme = t.scheme,
				 .esp_shift = t.esp_shift,
				 .marker_shift = (__u8)c->marker_shift };
	for (size_t i = 0; i < c->member_count; i++)
		ret->weight[c->members[i].id] = (__u16)c->members[i].weight;
}

void settings_table(const struct esl_conf *c, const struct options *o, struct esl_table *ret)
{
	/* A configuration that asks for these options: too large for the stack. */
	static struct esl_conf as;

	as = *c;
	as.marker_shift = o->marker_shift;
	as.side[ESL_INSIDE].scheme = o->scheme;
	as.side[ESL_OUTSIDE].scheme = o->esp_shift == ESL_BY_SPI ? ESL_SCHEME_SA : ESL_SCHEME_PACKET_HASH;
	if (o->esp_shift != ESL_BY_SPI)
		as.burst_shift = o->esp_shift;
	for (size_t i = 0; i < as.member_count; i++)
		as.members[i].weight = o->weight[as.members[i].id];
	memset(ret, 0, sizeof(*ret));
	esl_conf_table(&as, ret);
	ret->epoch = o->epoch;
}

const char *settings_scheme(__u8 scheme)
{
	static const char *const names[] = {
#define X(symbol, name, by_number, sentence) name,
		ESL_SCHEMES(X)
#undef X
	};

	return scheme < ESL_SCHEME_COUNT ? names[scheme] : "?";
}

bool settings_is_cluster(const struct esl_conf *c, const struct esl_addr *addr)
{
	for (int role = 0; role < ESL_ROLES; role++) {
		const struct esl_conf_side *side = &c->side[role];
		struct esl_addr mapped = esl_addr_from_ipv4(side->cluster_addr);

		if ((side->cluster_addr && esl_addr_equal(addr, &mapped)) ||
		    (!esl_addr_none(addr) && esl_addr_equal(addr, &side->cluster_addr6)))
			return true;
	}
	return false;
}
