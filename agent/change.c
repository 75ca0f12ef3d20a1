// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "change.h"

#include <string.h>

/* Has every IPsec number the same slot?  Whose a slot is the table of slots says, which is
 * changed at published numbers: weights are what the leader makes the next one from. */
static bool same_outside(const struct options *a, const struct options *b)
{
	return a->esp_shift == b->esp_shift;
}

void change_start(struct change *c)
{
	memset(c, 0, sizeof(*c));
	c->holding = true;
}

void change_again(struct change *c)
{
	c->holding = true;
	c->read = false;
	memset(c->peer, 0, sizeof(c->peer));
}

static enum change_step hold(struct change *c)
{
	if (c->holding)
		return CHANGE_NOTHING;
	c->holding = true;
	c->read = false;
	return CHANGE_HOLD;
}

enum change_step change_offer(struct change *c, const struct options *o)
{
	bool next = c->active.epoch && o->epoch == c->active.epoch + 1;

	if (!o->epoch || o->epoch < c->target.epoch)
		return CHANGE_NOTHING;
	if (o->epoch == c->target.epoch) {
		if (options_equal(o, &c->target))
			return CHANGE_NOTHING;
		c->conflict = true;
		return hold(c);
	}
	c->target = *o;
	c->conflict = false;
	if (!c->holding && next && same_outside(o, &c->active)) {
		c->active = *o;
		return CHANGE_PUBLISH;
	}
	memset(c->peer, 0, sizeof(c->peer));
	return c->holding && c->read ? CHANGE_ANNOUNCE : hold(c);
}

void change_read(struct change *c)
{
	c->read = true;
}

__u32 change_acked(const struct change *c)
{
	return c->conflict || (c->holding && !c->read) ? 0 : c->target.epoch;
}

bool change_page(struct change *c, size_t i, const struct announcement *m)
{
	struct change_peer *p = &c->peer[i];
	__u64 bit = 1ULL << m->page % 64, *word = &p->seen[m->page / 64];

	if (!m->acked || m->acked != c->target.epoch || !options_equal(&m->options, &c->target))
		return false;
	if (p->boot != m->boot || (!p->done && (p->snapshot != m->snapshot || p->pages != m->pages))) {
		memset(p, 0, sizeof(*p));
		p->boot = m->boot;
		p->snapshot = m->snapshot;
		p->pages = m->pages;
	}
	if (p->done || *word & bit)
		return false;
	*word |= bit;
	p->done = ++p->seen_count == p->pages;
	return true;
}

bool change_lacks(const struct change *c, const struct join_member *others, size_t count, __u64 now_ns)
{
	for (size_t i = 0; i < count; i++)
		if (join_is_fresh(&others[i], now_ns) && others[i].equal && !c->peer[i].done)
			return true;
	return false;
}

bool change_ready(const struct change *c, const struct join_member *others, size_t count, __u64 now_ns)
{
	return c->holding && c->read && !c->conflict && c->target.epoch &&
	       !change_lacks(c, others, count, now_ns);
}

void change_settle(struct change *c)
{
	c->active = c->target;
	c->holding = c->read = false;
}

bool change_propose(const struct change *c, const struct options *wanted, struct options *ret)
{
	*ret = *wanted;
	ret->epoch = c->target.epoch;
	if (c->target.epoch && !c->conflict && options_equal(ret, &c->target))
		return false;
	ret->epoch++;
	return true;
}
