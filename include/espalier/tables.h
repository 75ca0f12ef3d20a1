/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What decide.h asks for, in memory: for everything on the host that decides
 * as the program does (explain, simulators, tests).  The caller owns it all.
 */
#ifndef ESPALIER_TABLES_H
#define ESPALIER_TABLES_H

#ifdef __bpf__
#error "the program finds its tables in maps"
#endif

#include <stdlib.h>
#include <string.h>

#include "decide.h"

struct esl_policy_entry {
	struct esl_policy_key key;
	struct esl_policy policy;
};

struct esl_sa_entry {
	struct esl_sa_key key;
	struct esl_sa_in sa;
};

struct esl_tables {
	struct esl_turns turns[ESL_ROLES];
	struct esl_switch switched[ESL_ROLES];
	struct esl_begin begin[ESL_ROLES];
	struct esl_sessions *sessions;		/* ESL_SESSION_BUCKETS of them; unused without session schemes */
	const struct esl_policy_entry *policies;
	size_t policy_count;
	const struct esl_sa_entry *sas;		/* ascending by esl_sa_order() */
	size_t sa_count;
	/* NULL, or told of each new session */
	void (*new_session)(void *data, __u64 hash, __u32 member);
	void *data;
};

esl_inline bool esl_prefix_has(const struct esl_policy_key *key, const struct esl_addr *addr)
{
	__u32 bytes = key->prefixlen / 8, bits = key->prefixlen % 8;

	if (key->prefixlen > 128 || memcmp(key->daddr.byte, addr->byte, bytes))
		return false;
	return !bits || !((key->daddr.byte[bytes] ^ addr->byte[bytes]) >> (8 - bits));
}

esl_inline const struct esl_policy *esl_tables_policy(struct esl_tables *tables, const struct esl_packet *p)
{
	const struct esl_policy_entry *best = NULL;
	struct esl_addr daddr = esl_packet_daddr(p);

	for (size_t i = 0; tables && i < tables->policy_count; i++) {
		const struct esl_policy_entry *e = &tables->policies[i];

		if (esl_prefix_has(&e->key, &daddr) && (!best || e->key.prefixlen > best->key.prefixlen))
			best = e;
	}
	return best ? &best->policy : NULL;
}

/* Of two that begin with a struct esl_sa_key, for qsort() and bsearch(). */
static inline int esl_sa_order(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct esl_sa_key));
}

esl_inline const struct esl_sa_in *esl_tables_sa(struct esl_tables *tables, const struct esl_sa_key *key)
{
	const struct esl_sa_entry *e = NULL;

	if (tables && tables->sa_count)
		e = bsearch(key, tables->sas, tables->sa_count, sizeof(*e), esl_sa_order);
	return e ? &e->sa : NULL;
}

esl_inline bool esl_tables_switch(struct esl_tables *tables, __u32 role, __u32 epoch, __u64 hash, bool whole)
{
	return esl_switch_step(&tables->switched[role % ESL_ROLES], &tables->begin[role % ESL_ROLES], epoch, hash,
			       whole);
}

esl_inline __u32 esl_tables_owner(struct esl_tables *tables, const struct esl_table *t, __u32 role,
				  __u64 hash, __u32 len)
{
	bool session = t->scheme == ESL_SCHEME_SESSION_RR || t->scheme == ESL_SCHEME_SESSION_SQF;
	struct esl_turns *s = &tables->turns[role % ESL_ROLES];
	__u32 member;
	bool added;

	if (!session)
		return esl_owner_counted(t, s, hash, len);
	member = esl_owner_session(t, s, &tables->sessions[esl_session_bucket(hash)], hash, len, &added);
	if (added && tables->new_session)
		tables->new_session(tables->data, hash, member);
	return member;
}

#endif
