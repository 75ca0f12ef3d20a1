// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cluster.h"

#include <string.h>

void cluster_start(struct cluster *c, const struct cluster_config *config, __u64 boot, __u64 now)
{
	memset(c, 0, sizeof(*c));
	c->config = *config;
	c->boot = boot;
	c->start_ns = c->now_ns = now;
}

void cluster_reconfigure(struct cluster *c, const struct cluster_config *config)
{
	c->config = *config;
}

void cluster_heard(struct cluster *c, const struct heartbeat *h, __u64 now, struct cluster_actions *ret)
{
	(void)c, (void)h, (void)now;
	memset(ret, 0, sizeof(*ret));
}

void cluster_tick(struct cluster *c, const struct cluster_local *local, __u64 now,
		  struct cluster_actions *ret)
{
	(void)c, (void)local, (void)now;
	memset(ret, 0, sizeof(*ret));
}

void cluster_fill(struct cluster *c, __u64 now, struct heartbeat *ret)
{
	(void)c, (void)now;
	memset(ret, 0, sizeof(*ret));
}

__u64 cluster_deadline_ns(const struct cluster *c)
{
	(void)c;
	return 0;
}

__u64 cluster_next_ns(const struct cluster *c)
{
	return c->now_ns + c->config.heartbeat_ns;
}

bool cluster_left(const struct cluster *c)
{
	(void)c;
	return false;
}

__u64 cluster_heard_members(const struct cluster *c, __u64 now)
{
	(void)now;
	return 1ULL << c->config.id;
}

enum lead cluster_why_not_leading(const struct cluster *c, __u64 now)
{
	(void)c, (void)now;
	return LEAD_STARTING;
}

enum serve cluster_why_not_forwarding(const struct cluster *c, __u64 now)
{
	(void)c, (void)now;
	return SERVE_STARTING;
}

#define X(symbol, name, sentence) { name, sentence },
static const struct {
	const char *name, *sentence;
} leads[] = { LEADS(X) }, serves[] = { SERVES(X) };
#undef X

const char *lead_name(enum lead l)
{
	return leads[l].name;
}

const char *lead_sentence(enum lead l)
{
	return leads[l].sentence;
}

const char *serve_name(enum serve s)
{
	return serves[s].name;
}

const char *serve_sentence(enum serve s)
{
	return serves[s].sentence;
}
