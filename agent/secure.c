// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What the agent has of seal and channel: secrets, members, and what the log is told. */
#include <arpa/inet.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "agent.h"

/* Whoever refuses this member is asked again five times in a second, and answers within one. */
#define TAKEN_NS (2 * NS_PER_S)

static void on_up(void *data, size_t i, __u64 boot)
{
	struct agent *a = data;
	struct other *o = &a->sync.others[i];

	(void)boot;
	o->refused_ns = 0;
	a->sync.heard[i].barred_ns = 0;
	if (o->told != CHANNEL_NONE)
		say(LOG_NOTICE, "member %u: the channel stands again", o->id);
	o->told = CHANNEL_NONE;
	/* What was sent before it could not open. */
	sync_hello(a);
}

/* A member that is down ends one attempt after another: that is told once, if at all. */
static bool worth_telling(enum channel_end why)
{
	return why != CHANNEL_CONNECT && why != CHANNEL_CLOSED && why != CHANNEL_DEADLINE &&
	       why != CHANNEL_REPLACED && why != CHANNEL_RETIRED && why != CHANNEL_YIELDED;
}

static void on_ended(void *data, size_t i, enum channel_end why, bool was_up)
{
	struct agent *a = data;
	struct other *o = i == CHANNEL_STRANGER ? NULL : &a->sync.others[i];
	bool bars = why == CHANNEL_SECRET || why == CHANNEL_VERSION;

	if (!o || channel_up(a->sync.channel, i, NULL))
		return;
	if (bars) {
		a->sync.heard[i].id = o->id;
		a->sync.heard[i].barred_ns = agent_now();
		o->barred = why;
	}
	if (why == o->told || (!was_up && !worth_telling(why)))
		return;
	if (why != CHANNEL_REPLACED && why != CHANNEL_RETIRED && why != CHANNEL_YIELDED)
		say(LOG_WARNING, "member %u: no channel: %s%s", o->id, channel_end_sentence(why),
		    bars && !a->join.joined ? ": this member does not join" : "");
	o->told = why;
}

void secure_unkeyed(struct agent *a, const struct sealed_header *h)
{
	__u64 now = agent_now();

	if (a->join.joined || now - a->join.start_ns >= JOIN_UNKEYED_NS)
		return;
	for (size_t i = 0; i < a->sync.count; i++) {
		struct other *o = &a->sync.others[i];
		enum channel_end last = channel_last(a->sync.channel, i);

		if (o->id != h->sender || channel_up(a->sync.channel, i, NULL))
			continue;
		a->sync.heard[i].id = o->id;
		a->sync.heard[i].barred_ns = now;
		o->barred = last == CHANNEL_NONE ? CHANNEL_CONNECT : last;
	}
}

const char *secure_barred(const struct agent *a, char *buf, size_t size)
{
	const struct join_member *m = join_barred(&a->join, a->sync.heard, a->sync.count, agent_now());

	if (!m)
		return NULL;
	snprintf(buf, size, "member %u bars this one from joining: %s", m->id,
		 channel_end_sentence(a->sync.others[m - a->sync.heard].barred));
	return buf;
}

static bool is_established(void *data, size_t i, __u64 boot)
{
	const struct agent *a = data;
	const struct cluster_peer *p = &a->membership.cluster.peer[a->sync.others[i].id];

	return p->boot == boot && p->forwarding &&
	       cluster_heard_members(&a->membership.cluster, agent_now()) >> a->sync.others[i].id & 1;
}

static void on_taken(void *data, size_t i, __u64 boot, bool established)
{
	struct agent *a = data;
	struct other *o = &a->sync.others[i];
	const struct holder own = { .boot = a->sync.own.boot,
				    .established = a->membership.serve == SERVE_FORWARDING };
	bool before = secure_is_taken(a), let_in = false;

	o->refused_ns = agent_now();
	o->holder = (struct holder){ .boot = boot, .established = established };
	for (size_t j = 0; j < a->sync.count; j++)
		let_in |= channel_up(a->sync.channel, j, NULL);
	o->yields = holder_yields(&own, &o->holder, let_in);
	if (o->yields && !before)
		say(LOG_ERR, "member %u refuses this one: another machine has its id, and stays: this one is silent", o->id);
}

static bool refuses(const struct other *o, __u64 now)
{
	return o->refused_ns && now - o->refused_ns < TAKEN_NS;
}

bool secure_is_refused(const struct agent *a)
{
	for (size_t i = 0; i < a->sync.count; i++)
		if (refuses(&a->sync.others[i], agent_now()))
			return true;
	return false;
}

bool secure_is_taken(const struct agent *a)
{
	for (size_t i = 0; i < a->sync.count; i++)
		if (a->sync.others[i].yields && refuses(&a->sync.others[i], agent_now()))
			return true;
	return false;
}

void secure_look(struct agent *a)
{
	if (secure_is_taken(a))
		channel_yield(a->sync.channel);
}

static int read_secrets(struct agent *a, struct tls_secrets *ret, char error[ESL_ERROR_MAX])
{
	int err = tls_secrets_read(&a->conf, ret, error);

	if (err == -EAGAIN)
		snprintf(error, ESL_ERROR_MAX, "%s: changed while it was read", a->conf.secret);
	return err;
}

int secure_start(struct agent *a, const struct sockaddr_in *own, char error[ESL_ERROR_MAX])
{
	struct sync *s = &a->sync;
	struct channel_other others[ESL_MEMBERS_MAX];
	struct channel_config config = { .event = a->event,
					 .priority = PRIORITY_SYNC,
					 .id = a->conf.member,
					 .boot = s->own.boot,
					 .address = *own,
					 .others = others,
					 .count = s->count,
					 .calls = { .up = on_up,
						    .ended = on_ended,
						    .established = is_established,
						    .taken = on_taken },
					 .data = a };
	struct tls_secrets secrets = {};
	int err;

	for (size_t i = 0; i < s->count; i++)
		others[i] = (struct channel_other){ .id = s->others[i].id, .address = s->others[i].address };
	err = seal_start(&s->seal, a->conf.member, s->own.boot, s->own.members);
	if (err)
		return err;
	config.seal = s->seal;
	err = read_secrets(a, &secrets, error);
	if (!err) {
		err = channel_start(&s->channel, &config, &secrets);
		if (err)
			snprintf(error, ESL_ERROR_MAX, "cannot open the sync channel at TCP port %u: %s",
				 ntohs(own->sin_port), strerror(-err));
	}
	OPENSSL_cleanse(&secrets, sizeof(secrets));
	return err;
}

void secure_stop(struct agent *a)
{
	if (a->sync.channel)
		channel_stop(a->sync.channel);
	if (a->sync.seal)
		seal_stop(a->sync.seal);
	a->sync.channel = NULL;
	a->sync.seal = NULL;
}

void secure_reload(struct agent *a)
{
	struct tls_secrets secrets = {};
	char error[ESL_ERROR_MAX] = "";

	if (read_secrets(a, &secrets, error))
		say(LOG_ERR, "the secrets in use stay: %s", error);
	else
		channel_secrets(a->sync.channel, &secrets);
	OPENSSL_cleanse(&secrets, sizeof(secrets));
}

void secure_doubt(struct agent *a, const struct sealed_header *h)
{
	for (size_t i = 0; i < a->sync.count; i++)
		if (a->sync.others[i].id == h->sender)
			channel_doubt(a->sync.channel, i);
}
