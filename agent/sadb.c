// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <bpf/libbpf.h>
#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "sadb.h"

static int by_key(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct esl_sa_key));
}

struct sa *sadb_find(struct sadb *db, const struct esl_sa_key *key)
{
	struct sa **node = tfind(key, &db->tree, by_key);

	return node ? *node : NULL;
}

struct sa **sadb_chain(struct sadb *db, __u32 spi)
{
	return &db->by_spi[spi % SA_CHAINS];
}

struct sa *sadb_find_or_add(struct sadb *db, const struct esl_sa_key *key)
{
	struct sa *sa = sadb_find(db, key), **node;

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
	sa->same_spi = *sadb_chain(db, key->spi);
	*sadb_chain(db, key->spi) = sa;
	return sa;
}

void sadb_keep_index(struct sadb *db, struct sa *sa)
{
	__u32 *end = sa->outbound ? &db->out_end : &db->in_end;

	(sa->outbound ? db->out : db->in)[sa->index] = sa;
	if (sa->index >= *end)
		*end = sa->index + 1;
}

int sadb_take_index(struct sadb *db, struct sa *sa)
{
	struct sa **at = sa->outbound ? db->out : db->in;
	__u32 *free_from = sa->outbound ? &db->out_free : &db->in_free;

	while (*free_from < ESL_SA_MAX && at[*free_from])
		++*free_from;
	if (*free_from == ESL_SA_MAX)
		return -ENOSPC;
	sa->index = *free_from;
	sadb_keep_index(db, sa);
	return 0;
}

void sadb_give_index(struct sadb *db, struct sa *sa)
{
	struct sa **at = sa->outbound ? db->out : db->in;
	__u32 *free_from = sa->outbound ? &db->out_free : &db->in_free;
	__u32 *end = sa->outbound ? &db->out_end : &db->in_end;

	at[sa->index] = NULL;
	if (sa->index < *free_from)
		*free_from = sa->index;
	while (*end && !at[*end - 1])
		--*end;
}

void sadb_queue(struct sadb *db, struct sa *sa, enum sa_work work)
{
	struct sa_queue *q = &db->work[work];

	if (sa->queued[work])
		return;
	sa->queued[work] = true;
	sa->next[work] = NULL;
	if (q->last)
		q->last->next[work] = sa;
	else
		q->first = sa;
	q->last = sa;
	q->count++;
}

struct sa *sadb_unqueue(struct sadb *db, enum sa_work work)
{
	struct sa_queue *q = &db->work[work];
	struct sa *sa = q->first;

	if (!sa)
		return NULL;
	q->first = sa->next[work];
	if (!q->first)
		q->last = NULL;
	q->count--;
	sa->queued[work] = false;
	return sa;
}

static void list_again(struct agent *a);

static void gone(struct agent *a, struct sa *sa)
{
	sa->present = false;
	if (sa->outbound) {
		probe_gone(a, sa);
		policy_changed(a);
	} else {
		sadb_close_inbound(a, sa);
	}
}

/* Without its key an SA is not told from another one of its SPI; one that is known is still there. */
static void refuse(struct agent *a, const struct kernel_sa *k)
{
	struct sa *sa = sadb_find(a->sadb, &k->key);

	if (sa && sa->present) {
		sa->listed = a->sadb->listing;
		return;
	}
	if (!a->sadb->hidden)
		say(LOG_ERR, "SA 0x%08x is not used, nor any other: the kernel does not tell keys (lockdown=confidentiality)",
		    k->key.spi);
	a->sadb->hidden = true;
}

static void on_change(void *data, enum xfrm_change change, const struct kernel_sa *k)
{
	struct agent *a = data;
	bool outbound, inbound;
	struct sa *sa;

	if (change == XFRM_ALL) {
		list_again(a);
		return;
	}
	if (change == XFRM_GONE) {
		sa = sadb_find(a->sadb, &k->key);
		if (sa)
			gone(a, sa);
		return;
	}
	outbound = settings_is_cluster(&a->conf, &k->saddr);
	inbound = settings_is_cluster(&a->conf, &k->key.daddr);
	/* An SA that the kernel only asks for has no SPI yet. */
	if ((k->key.protocol != ESL_IPPROTO_ESP && k->key.protocol != ESL_IPPROTO_AH) || !k->key.spi ||
	    outbound == inbound)
		return;
	if (k->hidden) {
		refuse(a, k);
		return;
	}
	sa = sadb_find_or_add(a->sadb, &k->key);
	if (!sa) {
		say(LOG_ERR, "SA 0x%08x: no memory for another SA", k->key.spi);
		return;
	}
	if (inbound && sa->kernel.key_print && k->key_print && sa->kernel.key_print != k->key_print)
		sadb_new_key(sa);
	else if (inbound && k->seq < sa->kernel.seq)
		sadb_window_lost(a, sa);
	sa->kernel = *k;
	sa->outbound = outbound;
	sa->listed = a->sadb->listing;
	if (outbound)
		sadb_identify(a, sa);
	sa->present = true;
	sa->rejoin.found |= a->sadb->starting && !sa->recorded;
	if (outbound)
		sadb_open_outbound(a, sa);
	else
		sadb_open_inbound(a, sa);
}

/* An overrun or a flush: what is there now, and what is not any more. */
static void list_again(struct agent *a)
{
	struct sadb *db = a->sadb;
	int err;

	db->listing++;
	db->lists = true;
	err = xfrm_list(&a->xfrm, on_change, a);
	db->lists = false;
	if (err && !db->unlisted)
		say(LOG_ERR, "cannot list the kernel's SAs: %s", strerror(-err));
	db->unlisted = err;
	/* What is found when it succeeds was there when this agent started, for all that is known. */
	db->starting &= db->unlisted;
	for (size_t i = 0; i < db->count && !err; i++) {
		struct sa *sa = db->all[i];

		if (sa->listed != db->listing && (sa->present || !sa->outbound))
			gone(a, sa);
	}
	policy_changed(a);
}

static int on_xfrm(sd_event_source *source, int fd, uint32_t revents, void *data)
{
	struct agent *a = data;

	(void)source, (void)fd, (void)revents;
	xfrm_read_events(&a->xfrm);
	return 0;
}

static int on_event(void *data, void *sample, size_t size)
{
	const struct esl_event *e = sample;

	if (size < sizeof(*e))
		return 0;
	if (e->kind == ESL_EVENT_SESSION)
		session_began(data, e->seq, e->index);
	else
		sadb_on_guard_event(data, e);
	return 0;
}

static int on_ring(sd_event_source *source, int fd, uint32_t revents, void *data)
{
	struct agent *a = data;

	(void)source, (void)fd, (void)revents;
	ring_buffer__consume(a->sadb->events);
	return 0;
}

void sadb_each(struct agent *a, void (*f)(const struct sa *sa, void *data), void *data)
{
	for (size_t i = 0; i < a->sadb->count; i++)
		f(a->sadb->all[i], data);
}

void sadb_hello(struct agent *a)
{
	if (a->xfrm.unlisted || a->xfrm.policies_unlisted)
		xfrm_read_events(&a->xfrm);
	sadb_find_senders(a);
	sadb_find_spent(a);
	sadb_find_ended(a);
	sadb_ask(a);
	sadb_look_at_held(a);
	sync_hello(a);
	probe_page(a);
	sadb_tell_active(a);
	sadb_clear_floors(a);
}

int sadb_start(struct agent *a, char error[ESL_ERROR_MAX])
{
	int err;

	a->sadb = calloc(1, sizeof(*a->sadb));
	if (!a->sadb)
		return -ENOMEM;
	err = sadb_restore(a);
	if (err) {
		snprintf(error, ESL_ERROR_MAX, "%s: %s", a->conf.bpffs,
			 err == -EXDEV ? "the pinned records belong to another member id" : strerror(-err));
		return err;
	}
	err = xfrm_print_key(&a->pins.config->key, sizeof(a->pins.config->key));
	if (!err)
		err = xfrm_open(&a->xfrm, on_change, policy_on_change, a);
	if (err) {
		snprintf(error, ESL_ERROR_MAX, "cannot open XFRM netlink: %s", strerror(-err));
		return err;
	}
	a->sadb->events = ring_buffer__new(a->pins.events, on_event, a, NULL);
	if (!a->sadb->events) {
		snprintf(error, ESL_ERROR_MAX, "cannot open the programs' ring buffer: %s", strerror(errno));
		return -errno;
	}
	err = sd_event_add_io(a->event, &a->sadb->events_source,
			      ring_buffer__epoll_fd(a->sadb->events), EPOLLIN, on_ring, a);
	if (err >= 0)
		err = sd_event_add_io(a->event, &a->sadb->xfrm_source, xfrm_events_fd(&a->xfrm), EPOLLIN,
				      on_xfrm, a);
	if (err >= 0)
		err = sd_event_add_defer(a->event, &a->sadb->step, sadb_on_step, a);
	if (err < 0)
		return err;
	sd_event_source_set_enabled(a->sadb->step, SD_EVENT_OFF);
	sd_event_source_set_priority(a->sadb->events_source, PRIORITY_EVENTS);
	sd_event_source_set_priority(a->sadb->xfrm_source, PRIORITY_EVENTS);
	sd_event_source_set_priority(a->sadb->step, PRIORITY_EVENTS);
	err = sadb_promote_start(a);
	if (err >= 0)
		err = sadb_start_trail(a);
	if (err < 0)
		return err;
	a->sadb->starting = true;
	list_again(a);
	policy_on_change(a, XFRM_ALL, NULL);
	return 0;
}

void sadb_stop(struct agent *a)
{
	struct sadb *db = a->sadb;

	if (!db)
		return;
	sd_event_source_unref(db->promote);
	sd_event_source_unref(db->trail);
	sd_event_source_unref(db->step);
	sd_event_source_unref(db->xfrm_source);
	sd_event_source_unref(db->events_source);
	ring_buffer__free(db->events);
	xfrm_close(&a->xfrm);
	for (size_t i = 0; i < db->count; i++) {
		free(db->all[i]->audit);
		free(db->all[i]);
	}
	free(db->counts);
	free(db);
	a->sadb = NULL;
}
