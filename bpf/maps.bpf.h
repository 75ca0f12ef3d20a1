/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The maps of abi.h. Pinned by name, so that a reloaded program, the guard and
 * the agent share them and their contents outlive a restart. */
#ifndef ESPALIER_MAPS_BPF_H
#define ESPALIER_MAPS_BPF_H

#include <espalier/decide.h>

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
	__type(value, struct esl_frag);
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
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, ESL_ROLES);
	__type(key, __u32);
	__type(value, struct esl_turns);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} espalier_turns SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, ESL_SWITCH_RECORDS);
	__type(key, __u32);
	__type(value, struct esl_switch);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} espalier_switch SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, ESL_SWITCH_RECORDS);
	__type(key, __u32);
	__type(value, struct esl_begin);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} espalier_begin SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, ESL_SESSION_BUCKETS);
	__type(key, __u32);
	__type(value, struct esl_sessions);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} espalier_sessions SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, ESL_POLICIES_MAX);
	__type(key, struct esl_policy_key);
	__type(value, struct esl_policy);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} espalier_policies SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_CPUMAP);
	__uint(max_entries, ESL_CPUS_MAX);
	__type(key, __u32);
	__type(value, struct bpf_cpumap_val);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} espalier_cpus SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, ESL_EVENTS_BYTES);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} espalier_events SEC(".maps");

/* In memory and not on the stack: what was just stored is loaded late. */
static const volatile __u32 config_key = 0;

static __always_inline const struct esl_config *esl_config(void)
{
	return bpf_map_lookup_elem(&espalier_config, (const void *)&config_key);
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

esl_inline const struct esl_policy *esl_tables_policy(struct esl_tables *tables, const struct esl_packet *p)
{
	struct esl_policy_key key = { .prefixlen = 128, .daddr = esl_packet_daddr(p) };

	(void)tables;
	return bpf_map_lookup_elem(&espalier_policies, &key);
}

esl_inline const struct esl_sa_in *esl_tables_sa(struct esl_tables *tables, const struct esl_sa_key *key)
{
	(void)tables;
	return bpf_map_lookup_elem(&espalier_sa_in, key);
}

static __always_inline void tell_session(__u64 hash, __u32 member)
{
	struct esl_event e = { .seq = hash, .index = member, .kind = ESL_EVENT_SESSION };

	bpf_ringbuf_output(&espalier_events, &e, sizeof(e), 0);
}

/* What decide.h hands on to the functions below. */
struct esl_tables {
	const struct xdp_md *ctx;
	bool here;	/* a constant: the counted schemes in the caller's code, because a call costs 8 ns */
};

static __always_inline __u32 counted(const struct esl_table *t, __u32 role, __u64 hash, __u32 len)
{
	struct esl_turns *s = bpf_map_lookup_elem(&espalier_turns, &role);

	return s && t ? esl_owner_counted(t, s, hash, len) : ESL_NO_MEMBER;
}

/*
 * Global functions: the verifier looks at each once, whoever calls it.  t: a
 * table of the configuration; the rest as esl_tables_owner().
 */
__attribute__((noinline)) __u32 espalier_counted(const struct esl_table *t, __u32 role, __u64 hash, __u32 len)
{
	return counted(t, role, hash, len);
}

__attribute__((noinline)) __u32 espalier_session(const struct esl_table *t, __u32 role, __u64 hash, __u32 len)
{
	__u32 bucket = esl_session_bucket(hash), member;
	struct esl_turns *s = bpf_map_lookup_elem(&espalier_turns, &role);
	struct esl_sessions *b = bpf_map_lookup_elem(&espalier_sessions, &bucket);
	const struct esl_config *c = esl_config();
	bool added;

	if (!s || !t || !b || !c)
		return ESL_NO_MEMBER;
	member = esl_owner_session(t, s, b, hash, len, &added);
	if (added && c->leader)
		tell_session(hash, member);
	return member;
}

/* As esl_tables_switch(); index: esl_switch_index(). */
__attribute__((noinline)) int espalier_switching(__u32 index, __u32 epoch, __u64 hash, __u32 whole)
{
	struct esl_switch *s = bpf_map_lookup_elem(&espalier_switch, &index);
	struct esl_begin *begin = bpf_map_lookup_elem(&espalier_begin, &index);

	return s && begin && esl_switch_step(s, begin, epoch, hash, whole);
}

esl_inline bool esl_tables_switch(struct esl_tables *tables, __u32 role, __u32 epoch, __u64 hash, bool whole)
{
	return espalier_switching(esl_switch_index(role, tables->ctx->rx_queue_index), epoch, hash, whole);
}

esl_inline __u32 esl_tables_owner(struct esl_tables *tables, const struct esl_table *t, __u32 role,
				  __u64 hash, __u32 len)
{
	if (t->scheme == ESL_SCHEME_PACKET_RR || t->scheme == ESL_SCHEME_PACKET_SQF)
		return tables && tables->here ? counted(t, role, hash, len) :
						espalier_counted(t, role, hash, len);
	return espalier_session(t, role, hash, len);
}

#endif
