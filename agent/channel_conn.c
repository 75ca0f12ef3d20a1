// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* One connection of the channel: bytes in and out. */
#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "channel_inside.h"

/* Room for one whole record behind any part of a frame: TLS never keeps bytes
 * back that no event would tell of. */
#define RECORD_MAX 16384
#define IN_MAX (MESSAGE_MAX + RECORD_MAX)
#define READS_MAX 4		/* records in a row, then others have their turn */
#define OUT_MIN 4096
#define OUT_KEPT 65536		/* more is given back when it was sent */

__u64 conn_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (__u64)t.tv_sec * 1000000000ULL + (__u64)t.tv_nsec;
}

struct conn *conn_new(struct channel *ch, int fd, bool connector)
{
	struct conn *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->in = malloc(IN_MAX);
	if (!c->in) {
		free(c);
		return NULL;
	}
	c->channel = ch;
	c->fd = fd;
	c->connector = connector;
	c->member = CHANNEL_STRANGER;
	c->heard_ns = conn_now();
	return c;
}

static void drop_out(struct conn *c)
{
	if (c->out)
		OPENSSL_cleanse(c->out, c->out_max);
	free(c->out);
	c->out = NULL;
	c->out_from = c->out_to = c->out_max = 0;
}

void conn_free(struct conn *c)
{
	sd_event_source_disable_unref(c->io);
	sd_event_source_disable_unref(c->timer);
	tls_close(&c->tls);
	close(c->fd);
	drop_out(c);
	OPENSSL_cleanse(c->in, IN_MAX);
	free(c->in);
	free(c);
}

void conn_arm(struct conn *c)
{
	bool writes = c->wants_write || c->state == CONN_CONNECTING ||
		      (c->state > CONN_SHAKING && c->out_from < c->out_to);
	bool reads = c->state != CONN_CONNECTING && c->state != CONN_WAITING;

	sd_event_source_set_io_events(c->io, (reads ? EPOLLIN : 0) | (writes ? EPOLLOUT : 0));
}

void conn_in(struct conn *c, __u64 in_ns)
{
	sd_event_source_set_time_relative(c->timer, in_ns / 1000);
	sd_event_source_set_enabled(c->timer, SD_EVENT_ONESHOT);
}

static enum channel_end end_of(struct conn *c, enum tls_result r)
{
	c->wants_write = r == TLS_WRITE;
	switch (r) {
	case TLS_OK:
	case TLS_READ:
	case TLS_WRITE: return CHANNEL_NONE;
	case TLS_CLOSED: return CHANNEL_CLOSED;
	case TLS_SECRET: return CHANNEL_SECRET;
	default: return CHANNEL_TLS;
	}
}

enum channel_end conn_shake(struct conn *c)
{
	enum tls_result r = tls_handshake(&c->tls);

	if (r == TLS_OK)
		c->state = CONN_HELLO;
	return end_of(c, r);
}

/* Room for size more bytes. Nothing is left behind where the bytes were. */
static bool make_room(struct conn *c, size_t size)
{
	size_t waiting = c->out_to - c->out_from, max = c->out_max ? c->out_max : OUT_MIN;
	__u8 *to;

	if (c->out_max - c->out_to >= size)
		return true;
	while (max < waiting + size)
		max *= 2;
	to = malloc(max);
	if (!to)
		return false;
	if (waiting)
		memcpy(to, c->out + c->out_from, waiting);
	drop_out(c);
	c->out = to;
	c->out_to = waiting;
	c->out_max = max;
	return true;
}

int conn_put(struct conn *c, __u16 type, const void *body, size_t size)
{
	if (size > ESL_FRAME_BODY_MAX)
		return -EMSGSIZE;
	if (c->out_to - c->out_from + MESSAGE_HEAD + size > CONN_OUT_MAX)
		return -ENOBUFS;
	if (!make_room(c, MESSAGE_HEAD + size))
		return -ENOMEM;
	message_head(type, size, c->out + c->out_to);
	if (size)
		memcpy(c->out + c->out_to + MESSAGE_HEAD, body, size);
	c->out_to += MESSAGE_HEAD + size;
	conn_arm(c);
	return 0;
}

enum channel_end conn_flush(struct conn *c)
{
	enum tls_result r = TLS_OK;
	size_t n;

	while (c->out_from < c->out_to) {
		r = tls_write(&c->tls, c->out + c->out_from, c->out_to - c->out_from, &n);
		if (r != TLS_OK)
			break;
		OPENSSL_cleanse(c->out + c->out_from, n);
		c->out_from += n;
	}
	if (c->out_from == c->out_to) {
		c->out_from = c->out_to = 0;
		if (c->out_max > OUT_KEPT)
			drop_out(c);
	}
	return end_of(c, r);
}

static enum channel_end end_of_message(enum message_result r)
{
	switch (r) {
	case MESSAGE_OK:
	case MESSAGE_MORE: return CHANNEL_NONE;
	case MESSAGE_VERSION: return CHANNEL_VERSION;
	case MESSAGE_LENGTH: return CHANNEL_LENGTH;
	default: return CHANNEL_FIELD;
	}
}

enum channel_end conn_frames(struct conn *c)
{
	enum message_result r = MESSAGE_OK;
	enum channel_end why = CHANNEL_NONE;
	size_t done = 0;
	struct message m;

	while (!why && c->state != CONN_WAITING) {
		r = message_parse(c->in + done, c->in_size - done, &m);
		if (r != MESSAGE_OK)
			break;
		why = channel_frame(c, &m);
		done += MESSAGE_HEAD + m.size;
	}
	/* Keys may have been among them. */
	memmove(c->in, c->in + done, c->in_size - done);
	c->in_size -= done;
	OPENSSL_cleanse(c->in + c->in_size, done);
	return why ? why : end_of_message(r);
}

enum channel_end conn_read(struct conn *c)
{
	enum channel_end why = CHANNEL_NONE;
	enum tls_result r = TLS_OK;
	size_t n;

	for (int i = 0; i < READS_MAX && !why && c->state != CONN_WAITING; i++) {
		r = tls_read(&c->tls, c->in + c->in_size, IN_MAX - c->in_size, &n);
		if (r != TLS_OK)
			return end_of(c, r);
		c->heard_ns = conn_now();
		c->in_size += n;
		why = conn_frames(c);
	}
	return why;
}
