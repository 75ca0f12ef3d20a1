// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "sadb.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <inttypes.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

/* An SA without packets for this long may catch up in one jump. */
#define IDLE_NS (200 * NS_PER_MS)

struct sadb {
	void *tree;				/* of struct sa, by key */
	struct sa *out[ESL_SA_MAX];		/* by index of the guard record */
	bool in_used[ESL_SA_MAX];
	struct sa *all[2 * ESL_SA_MAX];		/* in order of appearance, for pages */
	size_t count;
	size_t page;
	size_t dirty;
	size_t behind;
	struct ring_buffer *events;
	sd_event_source *events_source;
	sd_event_source *xfrm_source;
	sd_event_source *step;
};

static int by_key(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct esl_sa_key));
}

static struct sa *find(struct sadb *db, const struct esl_sa_key *key)
{
	struct sa **node = tfind(key, &db->tree, by_key);

	return node ? *node : NULL;
}

static struct sa *find_or_add(struct sadb *db, const struct esl_sa_key *key)
{
	struct sa *sa = find(db, key), **node;

	if (sa || db->count == sizeof(db->all) / sizeof(db->all[0]))
		return sa;
	sa = calloc(1, sizeof(*sa));
	if (!sa)
		return NULL;
	sa->key = *key;
	node = tsearch(sa, &db->tree, by_key);
	if (!node) {
		free(sa);
		return NULL;
	}
	db->all[db->count++] = sa;
	return sa;
}

static void mark_dirty(struct agent *a, struct sa *sa)
{
	if (!sa->dirty)
		a->sadb->dirty++;
	sa->dirty = true;
	sync_announce(a);
}

/* What the kernel may have assigned. A counter below what has passed belongs
 * to an SA that was added again: then everything up to the bound is spent. */
static __u64 assigned(const struct agent *a, const struct sa *sa)
{
	const struct esl_guard *g = &a->pins.guard[sa->index];

	if (sa->recorded && sa->kernel.oseq < esl_load(&g->top))
		return esl_load(&g->bound);
	return sa->kernel.oseq;
}

/*
 * Move the kernel's counter into round or a later one.  The bound is raised
 * before, so that no number of the block is refused; the counter is read back
 * after, because the kernel acknowledges what it ignores.
 */
static void jump(struct agent *a, struct sa *sa, __u64 round)
{
	struct esl_guard *g = &a->pins.guard[sa->index];
	__u64 begin = agent_now(), took, spent;
	struct lane_jump j;
	int err = xfrm_read_counter(&a->xfrm, &sa->kernel);

	if (err) {
		sa->present = err != -ESRCH && sa->present;
		return;
	}
	spent = assigned(a, sa);
	j = lane_jump_to(&sa->lanes, round, spent);
	if (!sa->kernel.esn && j.bound > UINT32_MAX)
		goto broken;
	if (sa->lanes.started && spent > esl_lane_last(&sa->lanes.plan, sa->lanes.round, sa->lanes.lane))
		sa->late++;
	if (j.bound > esl_load(&g->bound))
		esl_store(&g->bound, j.bound);
	err = xfrm_write_counter(&a->xfrm, &sa->kernel, j.oseq);
	if (!err)
		err = xfrm_read_counter(&a->xfrm, &sa->kernel);
	if (err || sa->kernel.oseq < j.oseq)
		goto broken;
	sa->broken = false;
	lane_jumped(&sa->lanes, &j);
	sa->jumps++;
	took = agent_now() - begin;
	if (took > sa->jump_ns_max)
		sa->jump_ns_max = took;
	mark_dirty(a, sa);
	return;
broken:
	if (!sa->broken)
		say(LOG_ERR, "SA 0x%08x: the kernel did not take a jump to %" PRIu64 "%s%s", sa->key.spi,
		    (uint64_t)j.oseq, err ? ": " : "", err ? strerror(-err) : "");
	sa->broken = true;
}

static int take_index(struct sadb *db, struct sa *sa)
{
	for (__u32 i = 0; i < ESL_SA_MAX; i++) {
		if (sa->outbound ? db->out[i] != NULL : db->in_used[i])
			continue;
		if (sa->outbound)
			db->out[i] = sa;
		else
			db->in_used[i] = true;
		sa->index = i;
		return 0;
	}
	return -ENOSPC;
}

/* The record is complete before it can be found: guard first, then the key. */
static int record_outbound(struct agent *a, struct sa *sa, __u64 round)
{
	struct esl_sa_out out = {
		.lane = sa->lanes.lane,
		.lanes = sa->lanes.plan,
		.esn = sa->kernel.esn,
	};
	int err = take_index(a->sadb, sa);

	if (err)
		return err;
	out.index = sa->index;
	esl_guard_init(&a->pins.guard[sa->index], &sa->lanes.plan, sa->lanes.lane,
		       esl_lane_first(&sa->lanes.plan, round, sa->lanes.lane));
	err = bpf_map_update_elem(a->pins.sa_out, &sa->key, &out, BPF_NOEXIST);
	if (err) {
		a->sadb->out[sa->index] = NULL;
		return err;
	}
	sa->recorded = true;
	return 0;
}

/* Bring an outbound SA into its lane, once the cluster agreed on its values. */
static void open_outbound(struct agent *a, struct sa *sa)
{
	__u64 round;
	int err = 0;

	if (!sa->present || !a->join.joined)
		return;
	if (!sa->lanes.plan.lanes)
		sa->lanes.plan = a->conf.lanes;
	sa->lanes.lane = a->conf.member;
	if (sa->lanes.lane >= sa->lanes.plan.lanes) {
		say(LOG_ERR, "SA 0x%08x has %u lanes: member %u sends nothing on it before it is rekeyed",
		    sa->key.spi, sa->lanes.plan.lanes, a->conf.member);
		return;
	}
	round = sa->recorded ? lane_round_beyond(&sa->lanes, assigned(a, sa)) :
			       lane_start_round(&sa->lanes, sa->kernel.oseq);
	if (!sa->recorded)
		err = record_outbound(a, sa, round);
	if (err) {
		say(LOG_ERR, "SA 0x%08x: no record: %s", sa->key.spi, strerror(-err));
		return;
	}
	jump(a, sa, round > sa->lanes.ahead ? round : sa->lanes.ahead);
}

static void open_inbound(struct agent *a, struct sa *sa)
{
	struct esl_sa_in in = {};
	int err;

	if (sa->recorded)
		return;
	err = take_index(a->sadb, sa);
	if (!err) {
		in.index = sa->index;
		err = bpf_map_update_elem(a->pins.sa_in, &sa->key, &in, BPF_ANY);
	}
	if (err)
		say(LOG_ERR, "inbound SA 0x%08x: no record: %s", sa->key.spi, strerror(-err));
	else
		sa->recorded = true;
}

static void close_inbound(struct agent *a, struct sa *sa)
{
	if (!sa->recorded)
		return;
	bpf_map_delete_elem(a->pins.sa_in, &sa->key);
	a->sadb->in_used[sa->index] = false;
	sa->recorded = false;
}

static bool is_cluster(const struct agent *a, const struct esl_addr *addr)
{
	for (int role = 0; role < ESL_ROLES; role++) {
		struct esl_addr c = esl_addr_from_ipv4(a->conf.side[role].cluster_addr);

		if (!memcmp(&c, addr, sizeof(c)))
			return true;
	}
	return false;
}

static void list_again(struct agent *a);

static void on_change(void *data, enum xfrm_change change, const struct kernel_sa *k)
{
	struct agent *a = data;
	bool outbound, inbound;
	struct sa *sa;

	if (change == XFRM_SA_ALL) {
		list_again(a);
		return;
	}
	if (change == XFRM_SA_GONE) {
		sa = find(a->sadb, &k->key);
		if (sa && !sa->outbound)
			close_inbound(a, sa);
		if (sa)
			sa->present = false;
		return;
	}
	outbound = is_cluster(a, &k->saddr);
	inbound = is_cluster(a, &k->key.daddr);
	if (k->key.protocol != ESL_IPPROTO_ESP || outbound == inbound)
		return;
	sa = find_or_add(a->sadb, &k->key);
	if (!sa) {
		say(LOG_ERR, "SA 0x%08x: no memory for another SA", k->key.spi);
		return;
	}
	sa->kernel = *k;
	sa->outbound = outbound;
	sa->present = true;
	if (outbound)
		open_outbound(a, sa);
	else
		open_inbound(a, sa);
}

/* An overrun or a flush: what is there now, and what is not any more. */
static void list_again(struct agent *a)
{
	struct sadb *db = a->sadb;
	int err;

	for (size_t i = 0; i < db->count; i++)
		db->all[i]->present = false;
	err = xfrm_list(&a->xfrm);
	if (err)
		say(LOG_ERR, "cannot list the kernel's SAs: %s", strerror(-err));
	for (size_t i = 0; i < db->count && !err; i++)
		if (!db->all[i]->present && !db->all[i]->outbound)
			close_inbound(a, db->all[i]);
}

static int on_xfrm(sd_event_source *source, int fd, uint32_t revents, void *data)
{
	struct agent *a = data;

	(void)source, (void)fd, (void)revents;
	xfrm_read_events(&a->xfrm);
	return 0;
}

/* The guard tells of a half used block or of a drop. */
static int on_guard_event(void *data, void *sample, size_t size)
{
	struct agent *a = data;
	const struct esl_event *e = sample;
	struct sa *sa;
	__u64 round;

	if (size < sizeof(*e) || e->index >= ESL_SA_MAX || !(sa = a->sadb->out[e->index]) || !sa->present)
		return 0;
	if (e->kind == ESL_EVENT_HALF) {
		if (lane_on_half(&sa->lanes, e->seq, &round))
			jump(a, sa, round);
		return 0;
	}
	if (!xfrm_read_counter(&a->xfrm, &sa->kernel) &&
	    lane_on_drop(&sa->lanes, assigned(a, sa), &round))
		jump(a, sa, round);
	return 0;
}

static int on_ring(sd_event_source *source, int fd, uint32_t revents, void *data)
{
	struct agent *a = data;

	(void)source, (void)fd, (void)revents;
	ring_buffer__consume(a->sadb->events);
	return 0;
}

static bool is_idle(struct agent *a, struct sa *sa, __u64 now)
{
	__u64 passed = esl_load(&a->pins.guard[sa->index].passed);

	if (passed != sa->passed_seen)
		sa->active_ns = now;
	sa->passed_seen = passed;
	return now - sa->active_ns > IDLE_NS;
}

/* One round for every SA that is behind; again in the next turn of the loop. */
static int on_step(sd_event_source *source, void *data)
{
	struct agent *a = data;
	struct sadb *db = a->sadb;
	__u64 now = agent_now(), round;

	db->behind = 0;
	for (size_t i = 0; i < db->count; i++) {
		struct sa *sa = db->all[i];

		if (!sa->behind)
			continue;
		if (sa->present && !sa->broken && lane_step(&sa->lanes, is_idle(a, sa, now), &round))
			jump(a, sa, round);
		sa->behind = sa->present && !sa->broken && sa->lanes.started &&
			     sa->lanes.ahead > sa->lanes.round;
		db->behind += sa->behind;
	}
	return sd_event_source_set_enabled(source, db->behind ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
}

int sadb_announced(struct agent *a, const struct announced_round *r)
{
	struct sa *sa = find_or_add(a->sadb, &r->key);

	if (!sa)
		return -ENOMEM;
	if (sa->present && !sa->outbound)
		return -EPROTO;
	if (!sa->lanes.plan.lanes)
		sa->lanes.plan = r->lanes;
	sa->outbound = true;
	if (memcmp(&sa->lanes.plan, &r->lanes, sizeof(r->lanes)))
		return -EPROTO;
	if (lane_on_announced(&sa->lanes, r->round) && !sa->behind) {
		sa->behind = true;
		sd_event_source_set_enabled(a->sadb->step, SD_EVENT_ONESHOT);
	}
	return 0;
}

void sadb_announce_all(struct agent *a)
{
	struct sadb *db = a->sadb;

	for (size_t i = 0; i < db->count; i++)
		if (db->all[i]->lanes.started)
			mark_dirty(a, db->all[i]);
}

static void put_round(struct sadb *db, struct sa *sa, struct announced_round *r)
{
	*r = (struct announced_round){ sa->key, sa->lanes.plan, sa->lanes.round };
	db->dirty -= sa->dirty;
	sa->dirty = false;
}

size_t sadb_collect(struct agent *a, struct announced_round *rounds, bool page)
{
	struct sadb *db = a->sadb;
	size_t n = 0;

	for (size_t i = 0; i < db->count && db->dirty && n < ESL_WIRE_ENTRIES_MAX; i++)
		if (db->all[i]->dirty)
			put_round(db, db->all[i], &rounds[n++]);
	for (size_t i = 0; page && i < db->count && n < ESL_WIRE_ENTRIES_MAX; i++) {
		struct sa *sa = db->all[db->page++ % db->count];

		if (sa->lanes.started)
			put_round(db, sa, &rounds[n++]);
	}
	return n;
}

void sadb_open(struct agent *a)
{
	for (size_t i = 0; i < a->sadb->count; i++)
		if (a->sadb->all[i]->outbound && !a->sadb->all[i]->lanes.started)
			open_outbound(a, a->sadb->all[i]);
}

void sadb_each(struct agent *a, void (*f)(const struct sa *sa, void *data), void *data)
{
	for (size_t i = 0; i < a->sadb->count; i++)
		f(a->sadb->all[i], data);
}

/* The records that an earlier run of the agent left in the pinned maps. */
static int restore(struct agent *a)
{
	struct esl_sa_key key, *prev = NULL;
	struct esl_sa_out out;
	struct esl_sa_in in;
	struct sa *sa;

	for (; !bpf_map_get_next_key(a->pins.sa_out, prev, &key); prev = &key) {
		if (bpf_map_lookup_elem(a->pins.sa_out, &key, &out) || out.index >= ESL_SA_MAX)
			continue;
		if (out.lane != a->conf.member)
			return -EXDEV;
		sa = find_or_add(a->sadb, &key);
		if (!sa)
			return -ENOMEM;
		sa->outbound = sa->recorded = true;
		sa->index = out.index;
		sa->lanes.plan = out.lanes;
		sa->lanes.lane = out.lane;
		a->sadb->out[out.index] = sa;
	}
	for (prev = NULL; !bpf_map_get_next_key(a->pins.sa_in, prev, &key); prev = &key) {
		if (bpf_map_lookup_elem(a->pins.sa_in, &key, &in) || in.index >= ESL_SA_MAX)
			continue;
		sa = find_or_add(a->sadb, &key);
		if (!sa)
			return -ENOMEM;
		sa->recorded = true;
		sa->index = in.index;
		a->sadb->in_used[in.index] = true;
	}
	return 0;
}

int sadb_start(struct agent *a, char error[ESL_ERROR_MAX])
{
	int err;

	a->sadb = calloc(1, sizeof(*a->sadb));
	if (!a->sadb)
		return -ENOMEM;
	err = restore(a);
	if (err) {
		snprintf(error, ESL_ERROR_MAX, "%s: %s", a->conf.bpffs,
			 err == -EXDEV ? "the pinned records belong to another member id" : strerror(-err));
		return err;
	}
	err = xfrm_open(&a->xfrm, on_change, a);
	if (err) {
		snprintf(error, ESL_ERROR_MAX, "cannot open XFRM netlink: %s", strerror(-err));
		return err;
	}
	a->sadb->events = ring_buffer__new(a->pins.events, on_guard_event, a, NULL);
	if (!a->sadb->events) {
		snprintf(error, ESL_ERROR_MAX, "cannot open the guard's ring buffer: %s", strerror(errno));
		return -errno;
	}
	err = sd_event_add_io(a->event, &a->sadb->events_source,
			      ring_buffer__epoll_fd(a->sadb->events), EPOLLIN, on_ring, a);
	if (err >= 0)
		err = sd_event_add_io(a->event, &a->sadb->xfrm_source, xfrm_events_fd(&a->xfrm), EPOLLIN,
				      on_xfrm, a);
	if (err >= 0)
		err = sd_event_add_defer(a->event, &a->sadb->step, on_step, a);
	if (err < 0)
		return err;
	sd_event_source_set_enabled(a->sadb->step, SD_EVENT_OFF);
	sd_event_source_set_priority(a->sadb->events_source, PRIORITY_EVENTS);
	sd_event_source_set_priority(a->sadb->xfrm_source, PRIORITY_EVENTS);
	sd_event_source_set_priority(a->sadb->step, PRIORITY_EVENTS);
	list_again(a);
	return 0;
}

void sadb_stop(struct agent *a)
{
	struct sadb *db = a->sadb;

	if (!db)
		return;
	sd_event_source_unref(db->step);
	sd_event_source_unref(db->xfrm_source);
	sd_event_source_unref(db->events_source);
	ring_buffer__free(db->events);
	xfrm_close(&a->xfrm);
	for (size_t i = 0; i < db->count; i++)
		free(db->all[i]);
	free(db);
	a->sadb = NULL;
}
