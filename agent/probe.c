// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* When a probe goes, and what follows from what is seen and heard. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "probe.h"
#include "sadb.h"

#define TURN_NS NS_PER_MS		/* between two looks at the SAs that queue */
#define PROBES_A_TURN 16
#define PROBE_GAP_NS (4 * NS_PER_MS)	/* the first; doubles with each in vain */
#define PROBE_GAP_SHIFT_MAX 8
#define TRIES_TOLD 8			/* in vain, and the log says so */
#define TRIES_NO_SA 3
#define TELL_NS (20 * NS_PER_MS)	/* while a member knows another book */

struct probe {
	sd_event_source *timer;
	__u64 at_ns;		/* when it is due; UINT64_MAX: never */
	__u64 turn_ns;		/* when the last one began */
	size_t page;		/* of SAs, for digests */
	struct announcement m;	/* being filled */
};

static void arm(struct agent *a, __u64 in_ns)
{
	struct probe *p = a->probe;
	__u64 at = agent_now() + in_ns;

	if (at >= p->at_ns)
		return;
	p->at_ns = at;
	loop_again(p->timer, in_ns);
}

/* Something of this SA changed: look at it soon, in one turn with others. */
static void look(struct agent *a, struct sa *sa)
{
	__u64 now = agent_now(), next = a->probe->turn_ns + TURN_NS;

	sadb_queue(a->sadb, sa, SA_PROBE);
	arm(a, next > now ? next - now : 0);
}

static __u8 self(const struct agent *a)
{
	return (__u8)a->conf.member;
}

static __u64 live_members(const struct agent *a)
{
	__u64 now = agent_now(), live = 0;

	for (size_t i = 0; i < a->sync.count; i++)
		if (a->sync.heard[i].equal && join_is_fresh(&a->sync.heard[i], now))
			live |= 1ULL << a->sync.others[i].id;
	return live;
}

static struct sa_audit *audit_of(struct sa *sa)
{
	if (!sa->audit) {
		sa->audit = calloc(1, sizeof(*sa->audit));
		if (sa->audit)
			salt_begin(&sa->audit->book, SALT_PENDING, sa->kernel.esn);
	}
	return sa->audit;
}

/* Let the guard ask for what the book says. Closed before the salt changes. */
static void tell_guard_of(struct esl_guard *g, const struct salt_book *b)
{
	bool checked = b->state == SALT_CHECKED;

	if (checked && esl_load(&g->audit) == ESL_AUDIT_SALT && esl_load(&g->salt) == b->own)
		return;
	if (checked || salt_is_closed(b)) {
		esl_store(&g->audit, ESL_AUDIT_CLOSED);
		esl_store(&g->salt, checked ? b->own : 0);
	}
	if (checked)
		esl_store(&g->audit, ESL_AUDIT_SALT);
	else if (!salt_is_closed(b))
		esl_store(&g->audit, ESL_AUDIT_NONE);
}

/* Not where the guard goes by the record for a newer address of the SA. */
static void tell_guard(struct agent *a, const struct sa *sa)
{
	if (sa->recorded && a->sadb->out[sa->index] == sa)
		tell_guard_of(guard_of(a, sa), &sa->audit->book);
}

static enum salt_state kind_of(const struct kernel_sa *k)
{
	if (!k->has_salt || k->key.protocol != ESL_IPPROTO_ESP)
		return SALT_NO_SALT;
	if (k->offloaded)
		return SALT_OFFLOADED;
	/* XFRM would ask the IKE daemon for an SA without the mark. */
	return k->has_mark && k->mark.v ? SALT_UNREACHABLE : SALT_PENDING;
}

/* What is known of other members' salts stays. */
static void restart(struct sa *sa)
{
	struct salt_book *b = &sa->audit->book;

	b->esn = sa->kernel.esn;
	b->state = kind_of(&sa->kernel);
	b->sights = 0;
	sa->audit->tries = 0;
	sa->audit->probe_ns = 0;
}

int probe_record(struct agent *a, struct sa *sa, struct esl_guard *g)
{
	(void)a;
	if (!audit_of(sa))
		return -ENOMEM;
	restart(sa);
	tell_guard_of(g, &sa->audit->book);
	return 0;
}

void probe_open(struct agent *a, struct sa *sa)
{
	struct sa_audit *u = audit_of(sa);
	struct esl_guard *g = guard_of(a, sa);
	bool first;

	if (!u)
		return;
	first = !u->opened;
	u->opened = true;
	if (first)
		restart(sa);
	/* The record is of an earlier run of this agent: the kernel's transform went on. */
	if (first && u->book.state == SALT_PENDING && esl_load(&g->audit) == ESL_AUDIT_SALT)
		salt_resume(&u->book, self(a), esl_load(&g->salt));
	u->book.esn = sa->kernel.esn;
	if (u->book.state == SALT_UNREACHABLE || u->book.state == SALT_NO_SALT || u->book.state == SALT_OFFLOADED ||
	    kind_of(&sa->kernel) != SALT_PENDING)
		restart(sa);
	/* It may have been installed anew without a word. */
	u->due = true;
	tell_guard(a, sa);
	look(a, sa);
}

void probe_gone(struct agent *a, struct sa *sa)
{
	if (!sa->audit)
		return;
	salt_lost(&sa->audit->book);
	tell_guard(a, sa);
}

void probe_new_key(struct agent *a, struct sa *sa)
{
	if (!sa->outbound || !sa->audit)
		return;
	salt_begin(&sa->audit->book, SALT_PENDING, sa->kernel.esn);
	tell_guard(a, sa);
	look(a, sa);
}

void probe_moved(struct agent *a, struct sa *sa, const struct sa *from)
{
	const struct salt_book *b = from->audit ? &from->audit->book : NULL;
	const struct esl_guard *g = guard_of(a, sa);

	if (!audit_of(sa))
		return;
	for (size_t i = 0; b && i < b->count; i++)
		salt_merge(&sa->audit->book, b->pair[i].member, b->pair[i].salt, b->pair[i].used);
	/* Used before this agent started, and not opened since. */
	if (esl_load(&g->audit) == ESL_AUDIT_SALT)
		salt_merge(&sa->audit->book, self(a), esl_load(&g->salt), true);
	restart(sa);
	tell_guard(a, sa);
	look(a, sa);
}

void probe_seen(struct agent *a, struct sa *sa, __u64 salt)
{
	struct sa_audit *u = sa->audit;

	if (!u || !sa->present || !sa->recorded || !salt_seen(&u->book, self(a), salt))
		return;
	u->tries = 0;
	u->probe_ns = 0;
	tell_guard(a, sa);
	if (u->book.state == SALT_HIDDEN)
		say(LOG_WARNING, "SA 0x%08x: %s", sa->key.spi, salt_sentence(u->book.state));
	look(a, sa);
}

/* Two at once: the second confirms the first. */
static void probe(struct agent *a, struct sa *sa, __u64 now)
{
	struct sa_audit *u = sa->audit;
	int err = probe_send(&sa->kernel);

	err = err ? err : probe_send(&sa->kernel);
	u->due = false;
	u->tries++;
	u->probe_ns = now + (PROBE_GAP_NS << (u->tries < PROBE_GAP_SHIFT_MAX ? u->tries : PROBE_GAP_SHIFT_MAX));
	if (u->book.state != SALT_PENDING)
		return;
	if (err == -EEXIST && u->tries >= TRIES_NO_SA) {
		u->book.state = SALT_UNREACHABLE;
		tell_guard(a, sa);
		say(LOG_WARNING, "SA 0x%08x: %s", sa->key.spi, salt_sentence(u->book.state));
	} else if (u->tries == TRIES_TOLD) {
		say(LOG_WARNING, "SA 0x%08x: %s; the last probe: %s", sa->key.spi, salt_sentence(u->book.state),
		    err ? strerror(-err) : "sent, but the guard has not seen it");
	}
}

static void redraw(struct agent *a, struct sa *sa)
{
	struct sa_audit *u = sa->audit;
	int err;

	tell_guard(a, sa);
	err = xfrm_redraw(&a->xfrm, &sa->kernel);
	if (!err || err != u->redraw_err)
		say(err ? LOG_ERR : LOG_NOTICE, "SA 0x%08x: %s%s%s", sa->key.spi, salt_sentence(SALT_TOO_CLOSE),
		    err ? ": " : "", err ? strerror(-err) : "");
	u->redraw_err = err;
	if (err)
		return;
	u->redraws++;
	salt_lost(&u->book);
	u->tries = 0;
	u->probe_ns = 0;
}

static void flush(struct agent *a)
{
	struct probe *p = a->probe;

	if (p->m.count)
		sync_send(a, &p->m);
	p->m = (struct announcement){ .kind = ESL_WIRE_SALTS };
}

static void put(struct agent *a, const struct sa *sa, __u64 salt, __u8 member, enum esl_wire_salt_kind what)
{
	struct probe *p = a->probe;

	p->m.salts[p->m.count++] = (struct announced_salt){ sa->key, salt, member, what };
	if (p->m.count == ESL_WIRE_ENTRIES_MAX)
		flush(a);
}

static void put_digest(struct agent *a, const struct sa *sa)
{
	put(a, sa, salt_digest(&sa->audit->book), self(a), ESL_WIRE_SALT_DIGEST);
}

static void tell(struct agent *a, struct sa *sa, __u64 now)
{
	struct sa_audit *u = sa->audit;
	struct salt_book *b = &u->book;
	bool all = u->tell_all && now - u->told_ns >= TELL_NS;

	if (!all && !b->changed)
		return;
	for (size_t i = 0; i < b->count; i++)
		if (all || b->pair[i].member == self(a))
			put(a, sa, b->pair[i].salt, b->pair[i].member,
			    b->pair[i].used ? ESL_WIRE_SALT_USED : ESL_WIRE_SALT_KNOWN);
	put_digest(a, sa);
	b->changed = false;
	if (!all)
		return;
	u->tell_all = false;
	u->told_ns = now;
}

/* One SA. Returns in how many nanoseconds it has to be looked at again; UINT64_MAX: no need. */
static __u64 turn_of(struct agent *a, struct sa *sa, __u64 live, __u64 now, int *probes)
{
	struct sa_audit *u = sa->audit;
	bool here = sa->present && sa->recorded && sa->lanes.started && sa->silent == REJOIN_OPEN;
	bool wanted = here && (u->due || (u->book.state == SALT_PENDING && now >= u->probe_ns));
	bool able = a->hold.reason == ESL_HOLD_OK && kind_of(&sa->kernel) == SALT_PENDING;
	enum salt_step s = SALT_WAIT;

	if (wanted && able && *probes > 0) {
		(*probes)--;
		probe(a, sa, now);
		wanted = false;
	}
	if (here)
		s = salt_step(&u->book, self(a), live);
	if (s == SALT_USE) {
		sadb_leave_probed(a, sa);
		tell_guard(a, sa);
	} else if (s == SALT_REDRAW || (here && u->book.state == SALT_TOO_CLOSE)) {
		redraw(a, sa);
	}
	if (u->book.state == SALT_COMPARING)
		u->tell_all = true;
	tell(a, sa, now);
	if (u->book.changed || u->tell_all || u->book.state == SALT_COMPARING || u->book.state == SALT_TOO_CLOSE)
		return 5 * TURN_NS;
	if (wanted && able)
		return TURN_NS;
	return here && u->book.state == SALT_PENDING ? (able ? PROBE_GAP_NS : 20 * TURN_NS) : UINT64_MAX;
}

static int on_turn(sd_event_source *source, uint64_t usec, void *data)
{
	struct agent *a = data;
	struct probe *p = a->probe;
	struct sadb *db = a->sadb;
	__u64 now = agent_now(), live = live_members(a), next = UINT64_MAX;
	int probes = PROBES_A_TURN;

	(void)source, (void)usec;
	p->at_ns = UINT64_MAX;
	p->turn_ns = now;
	for (size_t left = db->work[SA_PROBE].count; left; left--) {
		struct sa *sa = sadb_unqueue(db, SA_PROBE);
		__u64 in = sa->audit ? turn_of(a, sa, live, now, &probes) : UINT64_MAX;

		if (in != UINT64_MAX)
			sadb_queue(db, sa, SA_PROBE);
		next = in < next ? in : next;
	}
	flush(a);
	if (next != UINT64_MAX)
		arm(a, next);
	return 0;
}

void probe_heard(struct agent *a, const struct announcement *m)
{
	for (size_t i = 0; i < m->count; i++) {
		const struct announced_salt *s = &m->salts[i];
		struct sa *sa = sadb_find_or_add(a->sadb, &s->key);

		if (!sa || (sa->present && !sa->outbound) || !audit_of(sa))
			continue;
		sa->outbound = true;
		if (s->what != ESL_WIRE_SALT_DIGEST)
			salt_merge(&sa->audit->book, s->member, s->salt, s->what == ESL_WIRE_SALT_USED);
		else if (salt_told(&sa->audit->book, m->sender, s->salt))
			sa->audit->tell_all = true;
		if (s->what != ESL_WIRE_SALT_DIGEST || sa->audit->tell_all)
			look(a, sa);
	}
}

void probe_restarted(struct agent *a, __u32 member)
{
	for (size_t i = 0; i < a->sadb->count; i++)
		if (a->sadb->all[i]->audit)
			salt_forgot(&a->sadb->all[i]->audit->book, (__u8)member);
}

void probe_page(struct agent *a)
{
	struct sadb *db = a->sadb;

	for (size_t i = 0; i < db->count && i < ESL_WIRE_ENTRIES_MAX; i++) {
		const struct sa *sa = db->all[a->probe->page++ % db->count];

		if (sa->audit)
			put_digest(a, sa);
	}
	flush(a);
}

int probe_start(struct agent *a)
{
	int err;

	a->probe = calloc(1, sizeof(*a->probe));
	if (!a->probe)
		return -ENOMEM;
	a->probe->at_ns = UINT64_MAX;
	a->probe->m.kind = ESL_WIRE_SALTS;
	err = loop_timer(a, &a->probe->timer, 0, on_turn);
	if (err < 0)
		return err;
	return sd_event_source_set_enabled(a->probe->timer, SD_EVENT_OFF);
}

void probe_stop(struct agent *a)
{
	if (!a->probe)
		return;
	sd_event_source_unref(a->probe->timer);
	free(a->probe);
	a->probe = NULL;
}
