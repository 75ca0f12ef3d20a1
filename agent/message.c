// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "message.h"

#include <endian.h>
#include <string.h>

#include <espalier/wire.h>

void message_head(__u16 type, size_t size, __u8 buf[MESSAGE_HEAD])
{
	struct esl_frame_header w = {
		.length = htobe32((__u32)size),
		.type = htobe16(type),
		.major = ESL_FRAME_MAJOR,
		.minor = ESL_FRAME_MINOR,
	};

	memcpy(buf, &w, sizeof(w));
}

enum message_result message_parse(const __u8 *buf, size_t size, struct message *m)
{
	struct esl_frame_header w;

	if (size < sizeof(w))
		return MESSAGE_MORE;
	memcpy(&w, buf, sizeof(w));
	if (w.major != ESL_FRAME_MAJOR)
		return MESSAGE_VERSION;
	if (be32toh(w.length) > ESL_FRAME_BODY_MAX)
		return MESSAGE_LENGTH;
	if (size - sizeof(w) < be32toh(w.length))
		return MESSAGE_MORE;
	*m = (struct message){
		.type = be16toh(w.type),
		.minor = w.minor,
		.body = buf + sizeof(w),
		.size = be32toh(w.length),
	};
	return MESSAGE_OK;
}

/* A newer sender may have appended to the body. */
static bool fits(const struct message *m, size_t size)
{
	return m->size == size || (m->size > size && m->minor > ESL_FRAME_MINOR);
}

void message_put_hello(const struct message_hello *h, __u8 body[sizeof(struct esl_frame_hello)])
{
	struct esl_frame_hello w = {
		.sender = (__u8)h->sender,
		.wire_major = ESL_WIRE_MAJOR,
		.seal_major = ESL_SEAL_MAJOR,
		.boot = htobe64(h->boot),
	};

	memcpy(body, &w, sizeof(w));
}

enum message_result message_hello(const struct message *m, struct message_hello *ret)
{
	struct esl_frame_hello w;

	if (!fits(m, sizeof(w)))
		return MESSAGE_FIELD;
	memcpy(&w, m->body, sizeof(w));
	if (w.wire_major != ESL_WIRE_MAJOR || w.seal_major != ESL_SEAL_MAJOR)
		return MESSAGE_VERSION;
	if (w.sender >= ESL_MEMBERS_MAX)
		return MESSAGE_FIELD;
	*ret = (struct message_hello){ .sender = w.sender, .boot = be64toh(w.boot) };
	return MESSAGE_OK;
}

void message_put_taken(const struct message_taken *t, __u8 body[sizeof(struct esl_frame_taken)])
{
	struct esl_frame_taken w = { .boot = htobe64(t->boot), .established = t->established };

	memcpy(body, &w, sizeof(w));
}

enum message_result message_taken(const struct message *m, struct message_taken *ret)
{
	struct esl_frame_taken w;

	if (!fits(m, sizeof(w)))
		return MESSAGE_FIELD;
	memcpy(&w, m->body, sizeof(w));
	if (!w.boot || w.established > 1)
		return MESSAGE_FIELD;
	*ret = (struct message_taken){ .boot = be64toh(w.boot), .established = w.established };
	return MESSAGE_OK;
}

void message_put_key(const struct seal_key *k, __u8 body[sizeof(struct esl_frame_key)])
{
	struct esl_frame_key *w = (struct esl_frame_key *)body;
	__be64 counter = htobe64(k->counter);
	__be32 id = htobe32(k->id);

	memset(body, 0, sizeof(*w));
	/* Straight into its place: no copy of the key stays on the stack. */
	memcpy(&w->counter, &counter, sizeof(counter));
	memcpy(&w->id, &id, sizeof(id));
	memcpy(w->key, k->key, sizeof(w->key));
}

enum message_result message_key(const struct message *m, struct seal_key *ret)
{
	const struct esl_frame_key *w = (const struct esl_frame_key *)m->body;
	__be64 counter;
	__be32 id;

	if (!fits(m, sizeof(*w)))
		return MESSAGE_FIELD;
	memcpy(&counter, &w->counter, sizeof(counter));
	memcpy(&id, &w->id, sizeof(id));
	if (!id)
		return MESSAGE_FIELD;
	ret->counter = be64toh(counter);
	ret->id = be32toh(id);
	memcpy(ret->key, w->key, sizeof(ret->key));
	return MESSAGE_OK;
}
