/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The maps of abi.h. Pinned by name, so that a reloaded program, the guard and
 * the agent share them and their contents outlive a restart. */
#ifndef ESPALIER_MAPS_BPF_H
#define ESPALIER_MAPS_BPF_H

#include <espalier/abi.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct esl_config);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} espalier_config SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, ESL_REASON_COUNT);
	__type(key, __u32);
	__type(value, struct esl_count);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} espalier_counts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, ESL_OWN_MAX);
	__type(key, struct esl_addr);
	__type(value, __u32);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} espalier_own SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, ESL_SA_MAX);
	__type(key, struct esl_sa_key);
	__type(value, struct esl_sa_in);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} espalier_sa_in SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, ESL_SA_MAX);
	__type(key, __u32);
	__type(value, struct esl_sa_seq);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} espalier_sa_seq SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, ESL_SA_MAX);
	__type(key, struct esl_sa_key);
	__type(value, struct esl_sa_out);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} espalier_sa_out SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, ESL_SA_MAX);
	__type(key, __u32);
	__type(value, struct esl_guard);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} espalier_guard SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, ESL_FRAG_MAX);
	__type(key, struct esl_frag_key);
	__type(value, __u32);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} espalier_frag SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, ESL_FRAG_MAX);
	__type(key, struct esl_frag_key);
	__type(value, __u32);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} espalier_frag_out SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, ESL_EVENTS_BYTES);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} espalier_events SEC(".maps");

static __always_inline const struct esl_config *esl_config(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&espalier_config, &zero);
}

/* I4: the lease of the agent, in the only clock that counts suspension. */
static __always_inline bool deadline_holds(const struct esl_config *config, __u64 now)
{
	return now < esl_load(&config->deadline_ns);
}

static __always_inline void esl_count(__u32 reason, __u64 bytes)
{
	struct esl_count *c = bpf_map_lookup_elem(&espalier_counts, &reason);

	if (c) {
		c->packets++;
		c->bytes += bytes;
	}
}

static __always_inline struct esl_sa_key esl_sa_key(const struct esl_packet *p, __u32 spi)
{
	struct esl_sa_key key = {
		.daddr = esl_addr_from_ipv4(p->daddr),
		.spi = spi,
		.protocol = p->protocol,
	};

	return key;
}

static __always_inline struct esl_frag_key esl_frag_key(const struct esl_packet *p)
{
	struct esl_frag_key key = {
		.saddr = p->saddr,
		.daddr = p->daddr,
		.id = p->id,
		.protocol = p->protocol,
	};

	return key;
}

#endif
