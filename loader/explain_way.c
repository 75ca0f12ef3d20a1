// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What decides who owns a packet, and the numbers that go into it, before the
 * members are asked and count it. */
#include "explain.h"

static void way_of_policy(const struct esl_policy *policy, struct esl_account *a)
{
	const struct esl_policy_entry *e =
		(const void *)((const __u8 *)policy - offsetof(struct esl_policy_entry, policy));

	a->way = ESL_WAY_POLICY;
	a->slot = policy->slot;
	a->prefixlen = e->key.prefixlen - (a->p.family == 4 ? 96 : 0);
}

static void way_of_counts(const struct esl_table *t, const struct esl_witness *m, struct esl_account *a)
{
	bool sqf = t->scheme == ESL_SCHEME_PACKET_SQF;

	a->way = sqf ? ESL_WAY_SQF : ESL_WAY_RR;
	a->marker = esl_is_marker(t, a->hash);
	a->turns = m->tables.turns[a->role];
	esl_turns_align(&a->turns, t, sqf, a->hash);
}

static void way_of_session(const struct esl_table *t, const struct esl_witness *m, struct esl_account *a)
{
	const struct esl_sessions *b = &m->tables.sessions[esl_session_bucket(a->hash)];
	bool sqf = t->scheme == ESL_SCHEME_SESSION_SQF;

	a->way = sqf ? ESL_WAY_SESSION_SQF : ESL_WAY_SESSION_RR;
	a->marker = esl_is_marker(t, a->hash);
	a->found = esl_is_active(t, esl_session_find(b, a->hash));
	a->turns = m->tables.turns[a->role];
	if (!a->found)
		esl_turns_align(&a->turns, t, sqf, a->hash);
}

/* A packet that is to be forwarded. */
static void way_of_plain(struct esl_witness *m, struct esl_account *a)
{
	const struct esl_table *t = esl_table(&m->config);
	const struct esl_hash_key *key = &m->config.key;

	if (esl_policy_slot(&m->config, &a->p, &m->tables) < ESL_SLOTS) {
		way_of_policy(esl_tables_policy(&m->tables, &a->p), a);
		return;
	}
	switch (t->scheme) {
	case ESL_SCHEME_PACKET_RR:
	case ESL_SCHEME_PACKET_SQF:
		a->hash = esl_hash_packet(key, &a->p);
		way_of_counts(t, m, a);
		return;
	case ESL_SCHEME_SESSION_RR:
	case ESL_SCHEME_SESSION_SQF:
		a->hash = esl_hash_flow(key, &a->p);
		way_of_session(t, m, a);
		return;
	case ESL_SCHEME_SESSION_HASH:
		a->way = ESL_WAY_FLOW;
		a->hash = esl_hash_flow(key, &a->p);
		break;
	default:
		a->way = ESL_WAY_PACKET;
		a->hash = esl_hash_packet(key, &a->p);
	}
	a->slot = esl_hash_slot(a->hash);
}

static void way_of_ipsec(const struct esl_config *c, struct esl_account *a)
{
	__u32 shift = esl_table(c)->esp_shift, spi = esl_htonl(a->spi);

	a->way = shift < ESL_BY_SPI ? ESL_WAY_NUMBER : ESL_WAY_SPI;
	a->base = esl_slot_esp(&c->key, spi, esl_daddr_word(&a->p), 0, shift);
	a->slot = esl_slot_esp(&c->key, spi, esl_daddr_word(&a->p), a->seq, shift);
}

static void way_of_local(const struct esl_config *c, struct esl_account *a)
{
	if (a->role != ESL_OUTSIDE && (esl_is_ipsec(a->kind) || a->kind == ESL_KIND_KEEPALIVE))
		return;
	if (a->p.later_fragment)
		a->way = esl_first_decides(&a->p) && a->role == ESL_OUTSIDE ? ESL_WAY_FIRST : ESL_WAY_LEADER;
	else if (a->numbered)
		way_of_ipsec(c, a);
	else if (a->kind == ESL_KIND_NS || a->kind == ESL_KIND_OTHER)
		a->way = ESL_WAY_LEADER;
}

void esl_account_way(const struct esl_walk *walk, struct esl_account *a)
{
	if (a->door != ESL_DOOR_CLUSTER || !a->is_ip || a->parsed)
		return;
	if (a->to_cluster)
		way_of_local(&walk->witness[0].config, a);
	else if (!a->to_group)
		way_of_plain(&walk->witness[0], a);
}
