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
	       why != CHANNEL_REPLACED && why != CHANNEL_RETIRED;
}

static void on_ended(void *data, size_t i, enum channel_end why, bool was_up)
{
	struct agent *a = data;
	struct other *o = i == CHANNEL_STRANGER ? NULL : &a->sync.others[i];

	/* Where the channel stands it is this member that refused another one with that id. */
	if (o && why == CHANNEL_ID_TAKEN && !channel_up(a->sync.channel, i, NULL))
		o->refused_ns = agent_now();
	if (!o || why == o->told || (!was_up && !worth_telling(why)) || channel_up(a->sync.channel, i, NULL))
		return;
	if (why != CHANNEL_REPLACED && why != CHANNEL_RETIRED)
		say(LOG_WARNING, "member %u: no channel: %s", o->id, channel_end_sentence(why));
	o->told = why;
}

bool secure_is_taken(const struct agent *a)
{
	__u64 now = agent_now();

	for (size_t i = 0; i < a->sync.count; i++)
		if (a->sync.others[i].refused_ns && now - a->sync.others[i].refused_ns < TAKEN_NS)
			return true;
	return false;
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
					 .calls = { .up = on_up, .ended = on_ended },
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
