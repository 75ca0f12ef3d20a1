// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The invariants, judged from outside: from what left, what was accepted, and
 * what heartbeats said, not from what a member believes.
 *
 * Members are apart while, in one direction at least, no heartbeat comes
 * through on any network although they are sent.  With quorum none two that
 * were apart when one accepted a number, or just before the other did, may each
 * accept it.  So may a member that was in no view with the first, and has heard
 * none of that view since, other than such as lost their state: a lone survivor
 * waits for nobody.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"

struct number {
	__u64 key;     /* SA, number; 0: free */
	__u64 members; /* that sent or accepted it */
	__u64 apart;   /* from one of them at that time */
	__u64 view;    /* who knew that it might be accepted */
	__u64 at;
};

struct numbers {
	struct number *all;
	size_t count, size; /* size: a power of two */
};

void violate(struct sim *s, const char *invariant, const char *format, ...)
{
	va_list args;

	if (s->violation)
		return;
	s->violation = invariant;
	va_start(args, format);
	vsnprintf(s->detail, sizeof(s->detail), format, args);
	va_end(args);
}

static struct numbers *numbers_start(struct numbers *n)
{
	if (!n)
		n = calloc(1, sizeof(*n));
	if (!n)
		abort();
	if (!n->all) {
		n->size = 1 << 14;
		n->all = calloc(n->size, sizeof(*n->all));
	} else {
		memset(n->all, 0, n->size * sizeof(*n->all));
	}
	if (!n->all)
		abort();
	n->count = 0;
	return n;
}

static struct number *numbers_place(struct numbers *n, __u64 key)
{
	size_t i = (size_t)(key * 0x9e3779b97f4a7c15ULL >> 20) & (n->size - 1);

	while (n->all[i].key && n->all[i].key != key)
		i = (i + 1) & (n->size - 1);
	return &n->all[i];
}

/* The number's record; members is 0 where it is new. */
static struct number *numbers_get(struct numbers *n, __u32 sa, __u64 seq)
{
	__u64 key = (__u64)(sa + 1) << 48 ^ seq;
	struct number *found = numbers_place(n, key);

	if (found->key)
		return found;
	if (4 * n->count > 3 * n->size) {
		struct numbers larger = { .size = 2 * n->size };

		larger.all = calloc(larger.size, sizeof(*larger.all));
		if (!larger.all)
			abort();
		for (size_t i = 0; i < n->size; i++)
			if (n->all[i].key)
				*numbers_place(&larger, n->all[i].key) = n->all[i];
		larger.count = n->count;
		free(n->all);
		*n = larger;
		found = numbers_place(n, key);
	}
	n->count++;
	found->key = key;
	return found;
}

void check_start(struct sim *s)
{
	s->left = numbers_start(s->left);
	s->taken = numbers_start(s->taken);
	s->violation = NULL;
	memset(s->undelivered, 0, sizeof(s->undelivered));
	memset(s->apart, 0, sizeof(s->apart));
	memset(s->reached, 0, sizeof(s->reached));
	memset(s->reached_at, 0, sizeof(s->reached_at));
	memset(s->contact_at, 0, sizeof(s->contact_at));
}

void check_free(struct sim *s)
{
	free(s->left ? s->left->all : NULL);
	free(s->taken ? s->taken->all : NULL);
	free(s->left);
	free(s->taken);
}

void check_sent(struct sim *s, __u32 from, __u32 net, __u64 heard)
{
	if (!net)
		s->reached[from] = 0;
	s->reached[from] |= heard;
	if (net != NETS - 1)
		return;
	for (__u32 i = 0; i < s->count; i++) {
		__u64 *since = &s->undelivered[from][i];

		if (!(s->reached[from] >> i & 1)) {
			*since = *since ? *since : s->now;
			continue;
		}
		if (s->member[i].running && !s->member[i].suspended &&
		    s->now - s->reached_at[from][i] > s->dead_ns)
			s->contact_at[from][i] = s->now;
		if (s->member[i].running && !s->member[i].suspended)
			s->reached_at[from][i] = s->now;
		if (*since && s->now - *since > s->dead_ns / 2)
			s->apart[from][i] = s->now;
		*since = 0;
	}
}

static bool one_way_apart(const struct sim *s, __u32 from, __u32 to, __u64 within)
{
	__u64 since = s->undelivered[from][to], last = s->apart[from][to];

	return (since && s->now - since > s->dead_ns / 2) || (last && s->now - last < within);
}

/* Members from which m is apart, or was so short a time ago that a table that
 * knows better may be under way. */
static __u64 apart_from(const struct sim *s, __u32 m)
{
	__u64 mask = 0;

	for (__u32 i = 0; i < s->count; i++)
		if (i != m && (one_way_apart(s, i, m, 3 * s->dead_ns) ||
			       one_way_apart(s, m, i, 3 * s->dead_ns)))
			mask |= 1ULL << i;
	return mask;
}

void check_left(struct sim *s, struct member *m, __u32 sa, __u64 seq)
{
	struct number *n = numbers_get(s->left, sa, seq);

	if (n->members)
		violate(s, "I1",
			"number %llu of SA %u left member %u, and had left members 0x%llx at %.6f "
			"ms",
			(unsigned long long)seq, sa, m->id, (unsigned long long)n->members,
			(double)n->at / 1e6);
	n->members |= 1ULL << m->id;
	n->at = s->now;
}

/* It lost what it knew since, or before, and ran again only afterwards: the bar that let
 * the others accept the number was told by the life before.  Or a second machine had its id
 * then, which is gone: it was that one that was told. */
static bool has_forgotten(const struct member *m, __u64 at)
{
	return m->lost_at > at || m->anew_at > at || (at >= m->second_from && at < m->second_to);
}

static bool cannot_know(const struct sim *s, const struct number *n, const struct member *m)
{
	for (__u64 left = n->view; left; left &= left - 1) {
		__u32 i = (__u32)__builtin_ctzll(left);

		if (has_forgotten(&s->member[i], n->at))
			continue;
		/* What it says needs a moment to be heard. */
		if (i == m->id ||
		    (s->reached_at[i][m->id] > n->at && s->reached_at[i][m->id] > m->started_at &&
		     s->now - s->contact_at[i][m->id] > s->dead_ns))
			return false;
	}
	return !s->majority;
}

void check_accepted(struct sim *s, struct member *m, __u32 sa, __u64 seq)
{
	struct number *n = numbers_get(s->taken, sa, seq);
	__u64 own = 1ULL << m->id, apart = s->majority ? 0 : apart_from(s, m->id);
	bool again = n->members & ~(n->apart & own ? ~own : apart);

	if (again && !cannot_know(s, n, m))
		violate(s, "I2",
			"number %llu of SA %u accepted by member %u, and before by members 0x%llx "
			"at %.6f ms",
			(unsigned long long)seq, sa, m->id, (unsigned long long)n->members,
			(double)n->at / 1e6);
	else if (n->members)
		s->figures.exempt++;
	else
		n->at = s->now;
	n->members |= own;
	n->apart |= apart;
	n->view |= own | esl_table(&m->kernel.config)->active_bits;
}

/* What the agent was told does not justify that its program forwards. */
static void check_lease(struct sim *s, struct member *m, const char *what, __u64 seq)
{
	__u64 local = clock_local(&m->clock, s->now);

	if (local >= m->proved_ns)
		violate(s, "I4", "member %u forwards (%s %llu) %.3f ms after its lease ended",
			m->id, what, (unsigned long long)seq, (double)(local - m->proved_ns) / 1e6);
}

void check_forwarded(struct sim *s, __u64 owners, const char *what, __u64 seq)
{
	for (__u64 left = owners; left; left &= left - 1) {
		struct member *m = &s->member[__builtin_ctzll(left)];

		check_lease(s, m, what, seq);
		for (__u64 rest = left & (left - 1); rest; rest &= rest - 1) {
			struct member *o = &s->member[__builtin_ctzll(rest)];

			if (s->majority || !stamp_compare(&m->kernel.stamp, &o->kernel.stamp))
				violate(s, "I3", "%s %llu forwarded by members %u and %u", what,
					(unsigned long long)seq, m->id, o->id);
		}
	}
}

void check_published(struct sim *s, struct member *m)
{
	const __u8 *slot = esl_table(&m->kernel.config)->slot;

	if (!m->kernel.stamp.term)
		return;
	for (__u32 i = 0; i < s->count; i++) {
		struct member *o = &s->member[i];

		if (o == m || stamp_compare(&o->kernel.stamp, &m->kernel.stamp) ||
		    !kernel_is_live(s, o))
			continue;
		if (memcmp(esl_table(&o->kernel.config)->slot, slot, ESL_SLOTS))
			violate(s, "I3",
				"members %u and %u hold different tables of term 0x%llx, epoch %u",
				m->id, o->id, (unsigned long long)m->kernel.stamp.term,
				m->kernel.stamp.epoch);
	}
}

void check_claims(struct sim *s, struct member *m)
{
	if (!s->majority || !kernel_is_live(s, m))
		return;
	for (__u32 i = 0; i < s->count; i++) {
		struct member *o = &s->member[i];
		__u64 both = 0;

		if (o == m)
			continue;
		for (int w = 0; w < ESL_SLOTS / 64; w++)
			both |= o->kernel.claim.word[w] & m->kernel.claim.word[w];
		if (both && kernel_is_live(s, o))
			violate(s, "I3", "members %u and %u hold leases for the same slots", m->id,
				o->id);
	}
}

/* The leader's own lease: its newest heartbeat that a majority has. */
static __u64 quorum_echoed(struct sim *s, const struct member *m, __u64 local)
{
	__u64 seen[ESL_MEMBERS_MAX];
	__u32 need = s->count / 2 + 1;

	memcpy(seen, m->echoed_ns, s->count * sizeof(*seen));
	seen[m->id] = local;
	for (__u32 i = 1; i < s->count; i++)
		for (__u32 j = i; j && seen[j] > seen[j - 1]; j--) {
			__u64 t = seen[j];

			seen[j] = seen[j - 1];
			seen[j - 1] = t;
		}
	return seen[need - 1];
}

static void prove(struct sim *s, struct member *m, __u64 sent_ns)
{
	if (sent_ns && sent_ns + s->lease_ns > m->proved_ns)
		m->proved_ns = sent_ns + s->lease_ns;
}

void check_heard(struct sim *s, struct member *m, const struct heartbeat *h)
{
	const struct echo *e = &h->echo[m->id];

	if (!e->sent_ns || e->boot != (__u32)m->agent.cluster.boot)
		return;
	if (e->sent_ns > m->echoed_ns[h->sender])
		m->echoed_ns[h->sender] = e->sent_ns;
	if (h->leading)
		prove(s, m, e->sent_ns);
}

void check_deadline(struct sim *s, struct member *m, __u64 deadline, __u64 local)
{
	if (m->agent.cluster.role == ROLE_LEADER)
		prove(s, m, s->majority ? quorum_echoed(s, m, local) : local);
	if (deadline > local + s->lease_ns)
		violate(s, "I4", "member %u sets a deadline %.3f ms ahead", m->id,
			(double)(deadline - local) / 1e6);
}

/* Or it just lost a few heartbeats in a row, as a network may that loses many. */
static bool goes_on(const struct sim *s, const struct member *m)
{
	return m->up && !m->suspended && clock_local(&m->clock, s->now) < m->kernel.config.deadline_ns + s->dead_ns;
}

void check_settled(struct sim *s)
{
	struct takeover_slots held = {};
	bool all = true;

	for (__u32 i = 0; i < s->count; i++) {
		all &= goes_on(s, &s->member[i]);
		for (int w = 0; w < ESL_SLOTS / 64; w++)
			held.word[w] |= s->member[i].kernel.claim.word[w];
	}
	for (int w = 0; w < ESL_SLOTS / 64; w++)
		all &= !~held.word[w];
	s->figures.unsettled += !all;
}
