// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The kernel's outbound policies, mirrored to espalier_policies: packets of an
 * SA that one member sends go to one slot.  A policy whose packets are spread
 * is listed too, because a wider prefix that is not may cover it.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "agent.h"
#include "prefix.h"
#include "sadb.h"

struct policy {
	__u32 index;			/* first: the tree compares it */
	struct esl_policy_key key;
	struct esl_addr peer;
	__u32 reqid;
	__u32 listing;			/* of the kernel's list it was last in */
	struct policy *next;		/* of those that are to go */
};

/* An entry of the map. */
struct listed {
	struct esl_policy_key key;	/* first: the tree compares it */
	__u32 slot;
	__u32 wanted;
	__u32 round;			/* of the last look that wanted it */
	bool written;
	struct listed *next;		/* of those that are to go */
};

/* A peer and request id of which an SA is sent by one member. */
struct sticky {
	struct esl_addr peer;
	__u32 reqid;
};

struct policies {
	void *tree;		/* of struct policy */
	void *entries;		/* of struct listed */
	void *sticky;		/* of struct sticky */
	__u32 listing;
	__u32 round;
	size_t count;		/* entries */
	bool any;		/* one of them keeps to a slot */
	bool full;		/* was said, */
	bool unlisted;		/* and so was this */
	struct policy *gone_policies;	/* found in a walk, which may not remove them */
	struct listed *gone_entries;
	sd_event_source *look;
};

static int by_index(const void *a, const void *b)
{
	const struct policy *x = a, *y = b;

	return (x->index > y->index) - (x->index < y->index);
}

static int by_key(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct esl_policy_key));
}

static int by_sticky(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct sticky));
}

/* Find what is equal to key, or add a copy. NULL: no memory. */
static void *find_or_add(void **tree, const void *key, size_t size, int (*order)(const void *, const void *))
{
	void **node = tfind(key, tree, order), *copy;

	if (node)
		return *node;
	copy = malloc(size);
	if (!copy)
		return NULL;
	memcpy(copy, key, size);
	if (tsearch(copy, tree, order))
		return copy;
	free(copy);
	return NULL;
}

static void forget(struct policies *ps, __u32 index)
{
	struct policy key = { .index = index }, **node = tfind(&key, &ps->tree, by_index), *p;

	if (!node)
		return;
	p = *node;
	tdelete(p, &ps->tree, by_index);
	free(p);
}

static void on_listed(void *data, enum xfrm_change change, const struct kernel_policy *k)
{
	struct agent *a = data;
	struct policies *ps = a->policies;
	struct policy p, *have;

	if (change != XFRM_PRESENT)
		return;
	p = (struct policy){ .index = k->index, .peer = k->peer, .reqid = k->reqid, .listing = ps->listing };
	if (k->dir != XFRM_POLICY_OUT || !k->has_template || !settings_is_cluster(&a->conf, &k->saddr) ||
	    (k->family != AF_INET && k->family != AF_INET6) ||
	    !prefix_key(&k->daddr, k->family == AF_INET ? 4 : 6, k->prefixlen, &p.key)) {
		forget(ps, k->index);
		return;
	}
	have = find_or_add(&ps->tree, &p, sizeof(p), by_index);
	if (have)
		*have = p;
	else
		say(LOG_ERR, "no memory for another policy");
}

static void find_unlisted(const void *node, VISIT visit, void *data)
{
	struct policy *p = *(struct policy *const *)node;
	struct policies *ps = data;

	if ((visit != postorder && visit != leaf) || p->listing == ps->listing)
		return;
	p->next = ps->gone_policies;
	ps->gone_policies = p;
}

static void list_again(struct agent *a)
{
	struct policies *ps = a->policies;
	int err;

	ps->listing++;
	err = xfrm_list_policies(&a->xfrm, on_listed, a);
	if (err && !ps->unlisted)
		say(LOG_ERR, "cannot list the kernel's policies: %s", strerror(-err));
	ps->unlisted = err;
	if (err)
		return;
	ps->gone_policies = NULL;
	twalk_r(ps->tree, find_unlisted, ps);
	for (struct policy *p = ps->gone_policies, *next; p; p = next) {
		next = p->next;
		forget(ps, p->index);
	}
}

void policy_on_change(void *data, enum xfrm_change change, const struct kernel_policy *p)
{
	struct agent *a = data;

	if (change == XFRM_ALL)
		list_again(a);
	else if (change == XFRM_GONE)
		forget(a->policies, p->index);
	else
		on_listed(a, change, p);
	policy_changed(a);
}

static void note_sticky(const struct sa *sa, void *data)
{
	struct policies *ps = data;
	struct sticky s;

	if (!sa->outbound || !sa->present || !sa->lanes.sticky)
		return;
	s = (struct sticky){ sa->key.daddr, sa->kernel.reqid };
	find_or_add(&ps->sticky, &s, sizeof(s), by_sticky);
	/* A template without a request id takes any SA to the peer. */
	s.reqid = 0;
	find_or_add(&ps->sticky, &s, sizeof(s), by_sticky);
}

static void want(const void *node, VISIT visit, void *data)
{
	const struct policy *p = *(struct policy *const *)node;
	struct agent *a = data;
	struct policies *ps = a->policies;
	struct listed key = { .key = p->key, .slot = ESL_SLOTS }, *e;
	__u32 slot = ESL_SLOTS;
	struct sticky s;

	if (visit != postorder && visit != leaf)
		return;
	s = (struct sticky){ p->peer, p->reqid };
	if (a->change.active.scheme == ESL_SCHEME_SA || tfind(&s, &ps->sticky, by_sticky))
		slot = prefix_slot(&a->pins.config->key, &p->peer, p->reqid);
	e = find_or_add(&ps->entries, &key, sizeof(key), by_key);
	if (!e)
		return;
	e->wanted = e->round == ps->round ? prefix_merge(e->wanted, slot) : slot;
	e->round = ps->round;
}

static void write_entry(const void *node, VISIT visit, void *data)
{
	struct listed *e = *(struct listed *const *)node;
	struct agent *a = data;
	struct policies *ps = a->policies;
	struct esl_policy policy = { .slot = e->wanted };

	if (visit != postorder && visit != leaf)
		return;
	if (e->round != ps->round) {
		e->next = ps->gone_entries;
		ps->gone_entries = e;
		return;
	}
	ps->count++;
	ps->any |= e->wanted < ESL_SLOTS;
	if (e->written && e->slot == e->wanted)
		return;
	e->written = !bpf_map_update_elem(a->pins.policies, &e->key, &policy, BPF_ANY);
	e->slot = e->wanted;
	if (!e->written && !ps->full)
		say(LOG_ERR, "a policy cannot be written to the map: %s", strerror(errno));
	ps->full |= !e->written;
}

static int on_look(sd_event_source *source, void *data)
{
	struct agent *a = data;
	struct policies *ps = a->policies;

	(void)source;
	ps->round++;
	ps->count = 0;
	ps->any = false;
	ps->gone_entries = NULL;
	sadb_each(a, note_sticky, ps);
	twalk_r(ps->tree, want, a);
	twalk_r(ps->entries, write_entry, a);
	for (struct listed *e = ps->gone_entries, *next; e; e = next) {
		next = e->next;
		bpf_map_delete_elem(a->pins.policies, &e->key);
		tdelete(e, &ps->entries, by_key);
		free(e);
	}
	tdestroy(ps->sticky, free);
	ps->sticky = NULL;
	esl_store(&a->pins.config->policies, ps->any ? (__u32)ps->count : 0);
	return 0;
}

void policy_changed(struct agent *a)
{
	if (a->policies && a->policies->look)
		sd_event_source_set_enabled(a->policies->look, SD_EVENT_ONESHOT);
}

size_t policy_count(const struct agent *a)
{
	return a->policies->count;
}

/* What an earlier run left is unwanted until a policy says otherwise. */
static int restore(struct agent *a)
{
	struct listed e = { .written = true };
	struct esl_policy policy;
	void *prev = NULL;

	for (; !bpf_map_get_next_key(a->pins.policies, prev, &e.key); prev = &e.key) {
		if (bpf_map_lookup_elem(a->pins.policies, &e.key, &policy))
			continue;
		e.slot = policy.slot;
		if (!find_or_add(&a->policies->entries, &e, sizeof(e), by_key))
			return -ENOMEM;
	}
	return 0;
}

/* Before sadb_start(), which opens XFRM and calls policy_on_change(). */
int policy_start(struct agent *a, char error[ESL_ERROR_MAX])
{
	int err;

	a->policies = calloc(1, sizeof(*a->policies));
	if (!a->policies)
		return -ENOMEM;
	err = restore(a);
	if (!err)
		err = sd_event_add_defer(a->event, &a->policies->look, on_look, a);
	if (err < 0)
		snprintf(error, ESL_ERROR_MAX, "policies: %s", strerror(-err));
	return err < 0 ? err : 0;
}

void policy_stop(struct agent *a)
{
	struct policies *ps = a->policies;

	if (!ps)
		return;
	sd_event_source_unref(ps->look);
	tdestroy(ps->tree, free);
	tdestroy(ps->entries, free);
	free(ps);
	a->policies = NULL;
}
