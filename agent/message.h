/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Frames of the channel to bytes and back: include/espalier/seal.h in host order. Pure. */
#ifndef AGENT_MESSAGE_H
#define AGENT_MESSAGE_H

#include <espalier/abi.h>
#include <espalier/seal.h>

#include "seal.h"

#define MESSAGE_HEAD sizeof(struct esl_frame_header)
#define MESSAGE_MAX (MESSAGE_HEAD + ESL_FRAME_BODY_MAX)

struct message {
	__u16 type;
	__u8 minor;		/* above ESL_FRAME_MINOR: of a newer sender */
	const __u8 *body;	/* within the bytes that were parsed */
	size_t size;		/* of the body */
};

enum message_result {
	MESSAGE_OK,
	MESSAGE_MORE,		/* not whole yet */
	MESSAGE_VERSION,
	MESSAGE_LENGTH,		/* longer than any may be */
	MESSAGE_FIELD		/* a value out of its range, or a body too short */
};

struct message_hello {
	__u32 sender;		/* member id */
	__u64 boot;
};

struct message_taken {
	__u64 boot;
	bool established;
};

/* Write the header of a frame with a body of size bytes. */
void message_head(__u16 type, size_t size, __u8 buf[MESSAGE_HEAD]);

/* The frame at the begin of size bytes. With MESSAGE_OK it takes MESSAGE_HEAD +
 * m->size of them. */
enum message_result message_parse(const __u8 *buf, size_t size, struct message *m);

void message_put_hello(const struct message_hello *h, __u8 body[sizeof(struct esl_frame_hello)]);
/* MESSAGE_VERSION: its announcements or datagrams are of another major version. */
enum message_result message_hello(const struct message *m, struct message_hello *ret);

void message_put_taken(const struct message_taken *t, __u8 body[sizeof(struct esl_frame_taken)]);
enum message_result message_taken(const struct message *m, struct message_taken *ret);

/* The caller wipes what holds the key. */
void message_put_key(const struct seal_key *k, __u8 body[sizeof(struct esl_frame_key)]);
enum message_result message_key(const struct message *m, struct seal_key *ret);

#endif
