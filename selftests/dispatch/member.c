// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <stdlib.h>

#include "member.h"

const struct esl_hash_key member_key = {
	.word = { 0x243f6a8885a308d3, 0x13198a2e03707345, 0xa4093822299f31d1, 0x082efa98ec4e6c89,
		  0x452821e638d01377, 0xbe5466cf34e90c6d },
};

const char *const scheme_names[ESL_SCHEME_COUNT] = {
#define X(symbol, name, by_number, sentence) [ESL_SCHEME_##symbol] = name,
	ESL_SCHEMES(X)
#undef X
};

static const bool by_number[ESL_SCHEME_COUNT] = {
#define X(symbol, name, number, sentence) [ESL_SCHEME_##symbol] = number,
	ESL_SCHEMES(X)
#undef X
};

const enum esl_verdict reason_verdicts[ESL_REASON_COUNT] = {
#define X(symbol, name, verdict, sentence) [ESL_##symbol] = ESL_##verdict,
	ESL_REASONS(X)
#undef X
};

static void set_addresses(struct esl_port *port, __u32 addr)
{
	__be32 low = htonl(addr);

	port->cluster_addr = low;
	port->cluster_addr6.byte[0] = 0xfd;
	memcpy(&port->cluster_addr6.byte[12], &low, sizeof(low));
}

static void set_config(struct esl_config *c, __u32 member, __u32 count, enum esl_scheme scheme, __u32 marker)
{
	struct esl_table *t = &c->table[0];
	__u8 ids[ESL_MEMBERS_MAX];

	for (__u32 i = 0; i < ESL_MEMBERS_MAX; i++)
		ids[i] = (__u8)i;
	c->abi = ESL_ABI_VERSION;
	c->member = member;
	c->leader = member == 0;
	c->key = member_key;
	set_addresses(&c->port[ESL_OUTSIDE], CLUSTER_OUT);
	set_addresses(&c->port[ESL_INSIDE], CLUSTER_IN);
	esl_table_fill(t, ids, NULL, count);
	t->epoch = 1;
	t->scheme = scheme;
	t->marker_mask = marker - 1;
	t->esp_shift = by_number[scheme] ? 0 : ESL_BY_SPI;
}

struct member *members_make(__u32 count, enum esl_scheme scheme, __u32 marker)
{
	bool sessions = scheme == ESL_SCHEME_SESSION_RR || scheme == ESL_SCHEME_SESSION_SQF;
	struct member *m = calloc(count, sizeof(*m));

	for (__u32 i = 0; m && i < count; i++) {
		set_config(&m[i].config, i, count, scheme, marker);
		if (!sessions)
			continue;
		m[i].tables.sessions = calloc(ESL_SESSION_BUCKETS, sizeof(struct esl_sessions));
		if (!m[i].tables.sessions) {
			members_free(m, count);
			return NULL;
		}
	}
	return m;
}

void members_free(struct member *m, __u32 count)
{
	for (__u32 i = 0; m && i < count; i++)
		free(m[i].tables.sessions);
	free(m);
}

bool member_takes(int reason)
{
	return reason_verdicts[reason] == ESL_OWN || reason == ESL_LOCAL_LEADER || reason == ESL_ICMP_ERROR;
}

double largest_share(const __u64 *counts, __u32 members)
{
	__u64 most = 0, sum = 0;

	for (__u32 i = 0; i < members; i++) {
		most = counts[i] > most ? counts[i] : most;
		sum += counts[i];
	}
	return sum ? (double)most * members / sum : 0;
}

static struct member_fragment *find_fragment(struct member *m, const struct esl_frag_key *key)
{
	for (int i = 0; i < MEMBER_FRAGMENTS; i++)
		if (m->fragment[i].first.owner && !memcmp(&m->fragment[i].key, key, sizeof(*key)))
			return &m->fragment[i];
	return NULL;
}

/* What the program remembers of a first part. */
static void note_first(struct member *m, const struct esl_packet *p, int reason)
{
	struct esl_frag_key key = esl_frag_key(p);
	struct member_fragment *f = find_fragment(m, &key);
	struct esl_frag first = esl_frag(&m->config, p, reason);

	if (!f && !first.owner)
		return;
	if (!f)
		f = &m->fragment[m->oldest++ % MEMBER_FRAGMENTS];
	f->key = key;
	f->first = first;
}

static int decide_later(struct member *m, const struct esl_packet *p)
{
	struct esl_frag_key key = esl_frag_key(p);
	const struct member_fragment *f = find_fragment(m, &key);

	return esl_decide_later(&m->config, p, f ? esl_frag_owner(&m->config, p, &f->first, &m->tables) : 0);
}

int member_decide(struct member *m, enum esl_role role, const struct packet *frame)
{
	const void *end = frame->byte + frame->len, *l3;
	struct esl_packet p;
	__be16 type;
	int reason;

	l3 = esl_find_l3((const void *)frame->byte, end, &type);
	if (l3 && esl_read_simple(l3, end, type, &p)) {
		reason = esl_decide_simple(&m->config, role, &p, &m->tables);
		if (reason)
			return reason;
	}
	reason = packet_read(frame->byte, frame->len, &p);
	if (reason)
		return reason;
	reason = esl_decide(&m->config, role, &p, &m->tables);
	if (reason == ESL_OWNED_FRAGMENT)
		return decide_later(m, &p);
	if (p.fragment && !p.later_fragment && role == ESL_OUTSIDE && esl_first_decides(&p) &&
	    esl_is_to_cluster(&m->config, &p))
		note_first(m, &p, reason);
	return reason;
}
