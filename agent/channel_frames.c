// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The channel: what frames mean. */
#include <openssl/crypto.h>

#include "channel_inside.h"

enum channel_end channel_put_keys(struct conn *c)
{
	__u8 body[sizeof(struct esl_frame_key)];
	struct seal_key keys[2];
	size_t count = seal_tell(c->channel->config.seal, keys);
	int err = 0;

	for (size_t i = 0; i < count && !err; i++) {
		message_put_key(&keys[i], body);
		err = conn_put(c, ESL_FRAME_KEY, body, sizeof(body));
	}
	OPENSSL_cleanse(keys, sizeof(keys));
	OPENSSL_cleanse(body, sizeof(body));
	return err ? CHANNEL_LIMIT : CHANNEL_NONE;
}

enum channel_end channel_greet(struct conn *c)
{
	struct message_hello h = { .sender = c->channel->config.id, .boot = c->channel->config.boot };
	__u8 body[sizeof(struct esl_frame_hello)];

	message_put_hello(&h, body);
	if (conn_put(c, ESL_FRAME_HELLO, body, sizeof(body)))
		return CHANNEL_LIMIT;
	/* At once: if this end refuses what comes next, the other one shall know why. */
	return conn_flush(c);
}

enum channel_end channel_let_in(struct conn *c)
{
	c->state = CONN_KEY;
	return channel_put_keys(c);
}

static enum channel_end take_hello(struct conn *c, const struct message *m)
{
	struct channel *ch = c->channel;
	struct message_hello h;
	enum message_result r = message_hello(m, &h);
	struct conn *up;
	size_t i = 0;

	if (r != MESSAGE_OK)
		return r == MESSAGE_VERSION ? CHANNEL_VERSION : CHANNEL_FIELD;
	/* What this member itself sent, turned back by somebody between, is this too. */
	if (h.sender == ch->config.id)
		return CHANNEL_OWN_ID;
	while (i < ch->config.count && ch->others[i].who.id != h.sender)
		i++;
	if (i == ch->config.count || (c->connector ? i != c->member : h.sender < ch->config.id))
		return CHANNEL_SENDER;
	if (ch->others[i].who.address.sin_addr.s_addr != c->from.s_addr)
		return CHANNEL_ADDRESS;
	c->member = i;
	c->boot = h.boot;
	up = ch->others[i].up;
	if (!up || up->boot == c->boot)
		return channel_let_in(c);
	c->state = CONN_WAITING;
	conn_in(c, PROBE_NS);
	conn_put(up, ESL_FRAME_PING, NULL, 0);
	return CHANNEL_NONE;
}

static enum channel_end take_key(struct conn *c, const struct message *m)
{
	struct channel *ch = c->channel;
	struct channel_member *o = &ch->others[c->member];
	struct conn *former = o->up;
	struct seal_key key;
	int err;

	if (message_key(m, &key) != MESSAGE_OK)
		return CHANNEL_FIELD;
	err = seal_learn(ch->config.seal, o->who.id, c->boot, &key);
	OPENSSL_cleanse(&key, sizeof(key));
	if (err)
		return CHANNEL_CRYPTO;
	if (c->state == CONN_UP)
		return CHANNEL_NONE;
	c->state = CONN_UP;
	conn_in(c, IDLE_NS);
	c->up_ns = conn_now();
	o->up = c;
	o->refused = 0;
	if (former)
		channel_close(former, CHANNEL_REPLACED);
	o->last = CHANNEL_NONE;
	if (ch->config.calls.up)
		ch->config.calls.up(ch->config.data, c->member, c->boot);
	return CHANNEL_NONE;
}

/* The member is alive, in the boot at the other end: who else has its id? */
static void alive(struct conn *c)
{
	const struct channel_calls *calls = &c->channel->config.calls;
	struct conn *second = channel_waiting(c->channel, c->member);
	struct message_taken t = { .boot = c->boot };
	__u8 body[sizeof(struct esl_frame_taken)];

	c->doubted = false;
	if (!second)
		return;
	t.established = calls->established && calls->established(c->channel->config.data, c->member, c->boot);
	message_put_taken(&t, body);
	conn_put(second, ESL_FRAME_ID_TAKEN, body, sizeof(body));
	conn_flush(second);
	channel_close(second, CHANNEL_ID_TAKEN);
}

static enum channel_end take_taken(struct conn *c, const struct message *m)
{
	const struct channel_calls *calls = &c->channel->config.calls;
	struct message_taken t;

	if (message_taken(m, &t) != MESSAGE_OK)
		return CHANNEL_FIELD;
	if (calls->taken)
		calls->taken(c->channel->config.data, c->member, t.boot, t.established);
	return CHANNEL_ID_TAKEN;
}

static enum channel_end take_other(struct conn *c, const struct message *m)
{
	struct channel *ch = c->channel;

	if ((m->type == ESL_FRAME_PING || m->type == ESL_FRAME_PONG) && m->size && m->minor <= ESL_FRAME_MINOR)
		return CHANNEL_FIELD;
	if (m->type == ESL_FRAME_PING)
		return conn_put(c, ESL_FRAME_PONG, NULL, 0) ? CHANNEL_LIMIT : CHANNEL_NONE;
	if (m->type == ESL_FRAME_PONG) {
		alive(c);
		return CHANNEL_NONE;
	}
	if (m->type >= ESL_FRAME_USER) {
		if (!ch->config.calls.message ||
		    !ch->config.calls.message(ch->config.data, c->member, m->type, m->body, m->size))
			ch->ignored++;
		return CHANNEL_NONE;
	}
	if (m->type <= ESL_FRAME_ID_TAKEN || m->minor <= ESL_FRAME_MINOR)
		return CHANNEL_TYPE;
	ch->ignored++;
	return CHANNEL_NONE;
}

enum channel_end channel_frame(struct conn *c, const struct message *m)
{
	if (c->state == CONN_HELLO)
		return m->type == ESL_FRAME_HELLO ? take_hello(c, m) : CHANNEL_TYPE;
	if (m->type == ESL_FRAME_ID_TAKEN)
		return take_taken(c, m);
	if (m->type == ESL_FRAME_KEY)
		return take_key(c, m);
	return c->state == CONN_UP ? take_other(c, m) : CHANNEL_TYPE;
}

void channel_yield(struct channel *ch)
{
	for (size_t i = 0; i < ch->config.count; i++)
		if (ch->others[i].up)
			channel_close(ch->others[i].up, CHANNEL_YIELDED);
}
