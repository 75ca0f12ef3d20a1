// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Outbound SAs: what members tell each other of the rounds of one another, so
 * that one that lost its state knows where it may begin.  rejoin.h has the rule.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <openssl/rand.h>
#include <string.h>
#include <syslog.h>

#include "sadb.h"

/* Acknowledgements trail: normal running waits for none. */
#define TRAIL_NS (10 * NS_PER_MS)
/* An IKE daemon that was asked to rekey has so long to do it. */
#define REKEY_NS (10 * NS_PER_S)
/* A quarter of the 32-bit numbers is left for the rekey to come. */
#define SPENT_MOST (3ULL << 30)
#define ASKED_AT_ONCE 256

/* Another record of the same SPI and key: the peer has another address now.  Of several
 * the one that the guard goes by. */
static struct sa *moved_from(struct sadb *db, const struct sa *sa)
{
	const struct sa *other = sa->kernel.key_print ? *sadb_chain(db, sa->key.spi) : NULL;

	for (; other; other = other->same_spi) {
		if (other != sa && other->outbound && other->recorded && other->key.spi == sa->key.spi &&
		    other->key.protocol == sa->key.protocol && other->print == sa->kernel.key_print)
			return db->out[other->index];
	}
	return NULL;
}

/*
 * The peer is back at an address it had before: the guard goes by the record for another
 * one.  Where the kernel has both, the one that came last counts, which a listing tells first.
 */
static struct sa *left_for(const struct sadb *db, const struct sa *sa)
{
	struct sa *other = db->out[sa->index];

	if (!other || other == sa || (other->present && (sa->present || (db->lists && other->listed == db->listing))))
		return NULL;
	return other;
}

static void drop_hold(struct agent *a, struct sa *sa)
{
	a->sadb->held -= sa->held;
	sa->held = false;
}

/* sa goes on where from was. What was promised to others for either address holds. */
static void hand_over(struct agent *a, struct sa *sa, struct sa *from)
{
	struct rejoin_sa known = sa->rejoin;
	__u64 ahead = sa->recorded ? sa->lanes.ahead : 0;

	sa->index = from->index;
	sa->print = from->print;
	sa->lanes = from->lanes;
	sa->lanes.started = false;
	sa->lanes.ahead = ahead > sa->lanes.ahead ? ahead : sa->lanes.ahead;
	sa->rejoin = from->rejoin;
	if (sa->recorded)
		rejoin_merge(&sa->rejoin, &known);
	sa->recorded = true;
	drop_hold(a, sa);
	drop_hold(a, from);
	sa->silent = REJOIN_OPEN;
	a->sadb->out[sa->index] = sa;
	probe_moved(a, sa, from);
}

/* One guard for all addresses of an SA, so that no number passes once for each. */
static int add_record(struct agent *a, const struct sa *sa, const struct sa *from)
{
	struct esl_sa_out out;

	if (bpf_map_lookup_elem(a->pins.sa_out, &from->key, &out) ||
	    bpf_map_update_elem(a->pins.sa_out, &sa->key, &out, BPF_ANY))
		return -errno;
	return 0;
}

/* A record for another address, of the same SPI, that goes by the same guard; or NULL. */
static struct sa *sharer(struct sadb *db, const struct sa *sa)
{
	for (struct sa *other = *sadb_chain(db, sa->key.spi); other; other = other->same_spi)
		if (other != sa && other->outbound && other->recorded && other->index == sa->index)
			return other;
	return NULL;
}

static void forget(struct agent *a, struct sa *sa)
{
	struct esl_lanes plan = sa->lanes.plan;
	struct sa *other = sharer(a->sadb, sa);

	bpf_map_delete_elem(a->pins.sa_out, &sa->key);
	if (!other)
		sadb_give_index(a->sadb, sa);
	else if (a->sadb->out[sa->index] == sa)
		hand_over(a, other, sa);
	/* Members that do not know of the new key yet announce the plan of the old one. */
	sa->lanes = (struct lane_state){ .plan = plan };
	sa->rejoin = (struct rejoin_sa){};
	drop_hold(a, sa);
	sa->recorded = false;
	probe_new_key(a, sa);
	sa->silent = REJOIN_OPEN;
	sa->print = 0;
	say(LOG_NOTICE, "SA 0x%08x has another key: it is another SA", sa->key.spi);
	if (other)
		sadb_open_outbound(a, other);
}

bool sadb_identify(struct agent *a, struct sa *sa)
{
	struct sa *from;
	int err = 0;

	if (sa->recorded && sa->print && sa->kernel.key_print && sa->print != sa->kernel.key_print)
		forget(a, sa);
	from = sa->recorded ? left_for(a->sadb, sa) : moved_from(a->sadb, sa);
	if (!from)
		return true;
	if (!sa->recorded)
		err = add_record(a, sa, from);
	if (err && !sa->unmoved)
		say(LOG_ERR, "SA 0x%08x: silent: it cannot go on for another address of the peer: %s", sa->key.spi,
		    strerror(-err));
	sa->unmoved = err;
	if (err)
		return false;
	hand_over(a, sa, from);
	say(LOG_NOTICE, "SA 0x%08x goes on for another address of the peer", sa->key.spi);
	return true;
}

struct rejoin_rule sadb_rule(const struct agent *a)
{
	struct rejoin_rule rule = { .id = a->conf.member, .majority = a->conf.quorum == ESL_QUORUM_MAJORITY };

	for (size_t i = 0; i < a->conf.member_count; i++)
		rule.members |= 1ULL << a->conf.members[i].id;
	return rule;
}

__u64 sadb_living(const struct agent *a)
{
	__u64 now = agent_now(), living = 0, beating = cluster_heard_members(&a->membership.cluster, now);

	for (size_t i = 0; i < a->sync.count; i++) {
		__u32 id = a->sync.others[i].id;

		/* One that has sent heartbeats is known to be dead sooner. */
		if (a->sync.heard[i].equal && join_is_fresh(&a->sync.heard[i], now) &&
		    (beating >> id & 1 || !a->membership.cluster.peer[id].heard_ns))
			living |= 1ULL << id;
	}
	return living;
}

int sadb_draw_life(struct esl_config *c)
{
	__u32 life = 0;

	while (!c->life && !life)
		if (RAND_bytes((unsigned char *)&life, sizeof(life)) != 1)
			return -1;
	if (life)
		esl_store(&c->life, life);
	return 0;
}

static void put(struct agent *a, struct announcement *m, const struct announced_heard *h)
{
	m->heard[m->count++] = *h;
	if (m->count < ESL_WIRE_HEARD_MAX)
		return;
	sync_send(a, m);
	m->count = 0;
}

/* It may not begin, or not go on: what does not belong to SA_WAIT is dropped when it is met there. */
static bool is_waiting(const struct sa *sa)
{
	return sa->outbound && sa->present && (!sa->recorded || sa->rejoin.lapsed) &&
	       (sa->silent == REJOIN_ASKING || sa->silent == REJOIN_UNPROVEN || sa->silent == REJOIN_UNACKNOWLEDGED ||
		sa->silent == REJOIN_OUTLIVED);
}

static bool is_asking(const struct sa *sa)
{
	return is_waiting(sa) && !sa->held;
}

static void ask(struct agent *a)
{
	struct announcement m = { .kind = ESL_WIRE_HEARD };
	struct sadb *db = a->sadb;

	for (size_t left = db->work[SA_WAIT].count, n = 0; left && n < ASKED_AT_ONCE; left--) {
		struct sa *sa = sadb_unqueue(db, SA_WAIT);

		if (is_waiting(sa))
			sadb_queue(db, sa, SA_WAIT);
		if (!is_asking(sa))
			continue;
		n++;
		rejoin_ask(&sa->rejoin);
		put(a, &m, &(struct announced_heard){ sa->key, (__u8)a->conf.member, ESL_HEARD_ASK,
						      sa->silent == REJOIN_UNPROVEN, a->sync.own.life,
						      sa->rejoin.question });
	}
	if (m.count)
		sync_send(a, &m);
}

void sadb_ask(struct agent *a)
{
	struct sadb *db = a->sadb;

	/* One that was to answer may have died. */
	for (size_t left = db->work[SA_WAIT].count; left; left--) {
		struct sa *sa = sadb_unqueue(db, SA_WAIT);

		if (is_asking(sa))
			sadb_open_outbound(a, sa);
		if (is_waiting(sa))
			sadb_queue(db, sa, SA_WAIT);
	}
	ask(a);
}

void sadb_ask_soon(struct agent *a)
{
	a->sadb->asking = true;
	loop_again(a->sadb->trail, 0);
}

static __u32 life_of(const struct agent *a, __u32 id)
{
	for (size_t i = 0; i < a->sync.count; i++)
		if (a->sync.others[i].id == id)
			return a->sync.others[i].life;
	return 0;
}

/* Acknowledge rounds to each member that waits for it, or refuse to. */
static void tell(struct agent *a, struct announcement *m, struct sa *sa)
{
	for (__u64 due = sa->rejoin.due | sa->rejoin.refused; due; due &= due - 1) {
		__u8 id = (__u8)__builtin_ctzll(due);
		__u8 flags = sa->rejoin.refused >> id & 1 ? ESL_HEARD_OUTLIVED : 0;

		put(a, m, &(struct announced_heard){ sa->key, id, flags, sa->rejoin.heard[id], life_of(a, id), 0 });
	}
	sa->rejoin.due = sa->rejoin.refused = 0;
}

static int on_trail(sd_event_source *source, uint64_t usec, void *data)
{
	struct announcement m = { .kind = ESL_WIRE_HEARD };
	struct agent *a = data;
	struct sadb *db = a->sadb;
	struct sa *sa;

	(void)source, (void)usec;
	while ((sa = sadb_unqueue(db, SA_ACKNOWLEDGE)))
		tell(a, &m, sa);
	if (m.count)
		sync_send(a, &m);
	if (db->asking)
		ask(a);
	db->asking = false;
	return 0;
}

int sadb_start_trail(struct agent *a)
{
	int err = loop_timer(a, &a->sadb->trail, 0, on_trail);

	return err < 0 ? err : 0;
}

void sadb_acknowledge(struct agent *a, struct sa *sa)
{
	int enabled;

	sadb_queue(a->sadb, sa, SA_ACKNOWLEDGE);
	if (sd_event_source_get_enabled(a->sadb->trail, &enabled) >= 0 && enabled == SD_EVENT_OFF)
		loop_again(a->sadb->trail, TRAIL_NS);
}

void sadb_want_rekey(struct agent *a, struct sa *sa)
{
	__u64 now = agent_now();

	if (!a->leader || !sa->present || (sa->rekey_ns && now - sa->rekey_ns < REKEY_NS))
		return;
	sa->rekey_ns = now;
	sa->rekeys++;
	say(LOG_NOTICE, "SA 0x%08x: the IKE daemon is asked to rekey it", sa->key.spi);
	xfrm_expire(&a->xfrm, &sa->kernel);
}

/* Half of what a member may do without the others is used, or three quarters of 32 bits. */
static bool is_spent(const struct agent *a, const struct sa *sa)
{
	struct rejoin_rule rule = sadb_rule(a);
	__u64 limit = rejoin_limit(&sa->rejoin, &rule, &sa->lanes.plan, sa->kernel.esn);

	if (sa->lanes.ended || (!sa->kernel.esn && esl_load(&guard_of(a, sa)->bound) > SPENT_MOST))
		return true;
	return limit != UINT64_MAX && !rule.majority &&
	       sa->lanes.round + rejoin_allowance(&rule, &sa->lanes.plan, sa->kernel.esn) / 2 >= limit;
}

void sadb_find_spent(struct agent *a)
{
	struct sadb *db = a->sadb;

	for (size_t left = db->work[SA_SPENT].count; left; left--) {
		struct sa *sa = sadb_unqueue(db, SA_SPENT);

		if (!sa->present || !sa->recorded || !is_spent(a, sa))
			continue;
		/* Whoever leads next asks too. */
		sadb_queue(db, sa, SA_SPENT);
		sadb_want_rekey(a, sa);
	}
}

/* A member asks what is known of it. */
static void answer(struct agent *a, struct announcement *m, size_t i, const struct announced_heard *h)
{
	struct sa *sa = sadb_find(a->sadb, &h->key);
	struct announced_heard reply = { h->key, h->member, ESL_HEARD_ANSWER, 0, h->life, h->question };
	struct rejoin_answer r = {};

	if (sa && sa->outbound)
		r = rejoin_answer(&sa->rejoin, h->member, sa->recorded, a->sync.others[i].life_ns, sadb_living(a));
	reply.flags |= (r.know ? ESL_HEARD_KNOW : 0) | (r.complete ? ESL_HEARD_COMPLETE : 0) |
		       (r.young ? ESL_HEARD_YOUNG : 0) | (r.sources ? ESL_HEARD_HEARSAY : 0);
	reply.rounds = r.sources ? r.sources : r.heard;
	put(a, m, &reply);
	/* It cannot begin by itself. */
	if (r.know && !r.young && !sa->held && sa->silent == REJOIN_OPEN && h->rounds)
		sadb_want_rekey(a, sa);
}

/* Another life of this member, or another machine, was heard on it. */
static void disowned(struct agent *a, struct sa *sa)
{
	if (!rejoin_disowned(&sa->rejoin, sa->held))
		return;
	a->sadb->held -= sa->held;
	sa->held = false;
	sa->outlived++;
	sa->silent = REJOIN_OUTLIVED;
	say(LOG_WARNING, "SA 0x%08x: silent: %s", sa->key.spi, rejoin_sentence(sa->silent));
	sadb_queue(a->sadb, sa, SA_WAIT);
	sadb_ask_soon(a);
}

static void take(struct agent *a, const struct announcement *m, const struct announced_heard *h)
{
	struct rejoin_answer r = { .know = h->flags & ESL_HEARD_KNOW,
				   .complete = h->flags & ESL_HEARD_COMPLETE,
				   .young = h->flags & ESL_HEARD_YOUNG,
				   .heard = h->flags & ESL_HEARD_HEARSAY ? 0 : h->rounds,
				   .sources = h->flags & ESL_HEARD_HEARSAY ? h->rounds : 0 };
	struct sa *sa = sadb_find(a->sadb, &h->key);
	bool more, waits;

	if (!sa || !sa->outbound)
		return;
	waits = !sa->recorded || sa->rejoin.lapsed;
	if (h->flags & ESL_HEARD_ANSWER) {
		if (!waits || h->question != sa->rejoin.question)
			return;
		rejoin_answered(&sa->rejoin, m->sender, &r);
		sadb_open_outbound(a, sa);
		return;
	}
	if (h->flags & ESL_HEARD_OUTLIVED) {
		disowned(a, sa);
		return;
	}
	more = rejoin_acknowledged(&sa->rejoin, m->sender, h->rounds);
	if (more)
		sadb_go_on(a, sa);
}

void sadb_heard(struct agent *a, size_t i, const struct announcement *m)
{
	struct announcement replies = { .kind = ESL_WIRE_HEARD };

	for (size_t n = 0; n < m->count; n++) {
		const struct announced_heard *h = &m->heard[n];

		if (h->flags & ESL_HEARD_ASK) {
			if (h->member == m->sender && h->life == m->life)
				answer(a, &replies, i, h);
			continue;
		}
		if (h->member != a->conf.member)
			continue;
		/* What another life of this member is told says nothing of this one's rounds. */
		if (h->life == a->sync.own.life)
			take(a, m, h);
		else
			a->sadb->strange++;
	}
	if (replies.count)
		sync_send(a, &replies);
}

void sadb_outlived(struct agent *a, __u32 id)
{
	for (size_t i = 0; i < a->sadb->count; i++)
		if (a->sadb->all[i]->outbound)
			rejoin_outlived(&a->sadb->all[i]->rejoin, id, a->sadb->all[i]->recorded);
}

void sadb_restarted(struct agent *a, __u32 id)
{
	for (size_t i = 0; i < a->sadb->count; i++)
		rejoin_restarted(&a->sadb->all[i]->rejoin, id);
}

__u64 sadb_foreign_heard(const struct agent *a)
{
	return a->sadb->strange;
}

bool sadb_is_silent(const struct agent *a, bool was_ready)
{
	const struct sa *sa = a->sadb ? a->sadb->work[SA_WAIT].first : NULL;

	/* A new SA of a member that forwards is asked for in a moment. */
	while (sa && !(is_waiting(sa) && (sa->silent == REJOIN_UNPROVEN || !was_ready)))
		sa = sa->next[SA_WAIT];
	return sa;
}
