// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Headers of sealed datagrams, frames of the channel, and the window against replay. */
#include <criterion/criterion.h>
#include <endian.h>
#include <string.h>

#include <agent/message.h>
#include <agent/sealed.h>
#include <espalier/wire.h>

#include "rand.h"

static const struct sealed_header header = { .sender = 63, .type = ESL_SEAL_HEARTBEAT,
					     .boot = 0x0102030405060708ULL, .counter = 0x1112131415161718ULL,
					     .key = 0x21222324, .flags = ESL_SEAL_DEAF };

Test(agent_sealed, header)
{
	__u8 buf[ESL_SEAL_MAX + 1] = {}, nonce[SEALED_NONCE_LEN];
	static const __u8 expected[] = { 5, 6, 7, 8, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18 };
	const size_t least = sizeof(struct esl_seal_header) + ESL_SEAL_TAG_LEN;
	struct sealed_header h;

	sealed_encode(&header, buf);
	for (size_t n = 0; n <= sizeof(buf); n++)
		cr_assert_eq(sealed_decode(buf, n, &h), n < least ? SEALED_SHORT :
							n > ESL_SEAL_MAX ? SEALED_LONG : SEALED_OK, "%zu bytes", n);
	cr_assert_eq(sealed_decode(buf, least, &h), SEALED_OK);
	cr_assert(h.sender == header.sender && h.type == header.type && h.boot == header.boot &&
		  h.counter == header.counter && h.key == header.key && h.flags == header.flags);
	sealed_nonce(&h, nonce);
	cr_assert_arr_eq(nonce, expected, sizeof(expected));
}

static const struct {
	const char *name;
	size_t offset;
	__u8 value;
	enum sealed_result result;
} headers[] = {
	{ "another magic", 3, 0, SEALED_MAGIC },
	{ "the magic of announcements", 3, 0x6c, SEALED_MAGIC },
	{ "the version before", offsetof(struct esl_seal_header, major), ESL_SEAL_MAJOR - 1, SEALED_VERSION },
	{ "the next version", offsetof(struct esl_seal_header, major), ESL_SEAL_MAJOR + 1, SEALED_VERSION },
	{ "the next minor version", offsetof(struct esl_seal_header, minor), ESL_SEAL_MINOR + 1, SEALED_OK },
	{ "an unknown type", offsetof(struct esl_seal_header, type), ESL_SEAL_TYPES, SEALED_TYPE },
	{ "member 64", offsetof(struct esl_seal_header, sender), 64, SEALED_SENDER },
	{ "an unknown flag", offsetof(struct esl_seal_header, flags), 1, SEALED_OK },
};

Test(agent_sealed, fields)
{
	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		__u8 buf[64] = {};
		struct sealed_header h;

		sealed_encode(&header, buf);
		buf[headers[i].offset] = headers[i].value;
		cr_expect_eq(sealed_decode(buf, sizeof(buf), &h), headers[i].result, "%s", headers[i].name);
	}
}

static enum sealed_result take(struct replay *r, __u64 counter)
{
	enum sealed_result result = replay_look(r, counter);

	if (result == SEALED_OK)
		replay_take(r, counter);
	return result;
}

Test(agent_sealed, window)
{
	static const struct {
		__u64 counter;
		enum sealed_result result;
	} rows[] = {
		{ 0, SEALED_REPLAY }, { 1, SEALED_OK }, { 1, SEALED_DUPLICATE }, { 3, SEALED_OK }, { 2, SEALED_OK },
		{ 2, SEALED_DUPLICATE }, { 1026, SEALED_OK }, { 2, SEALED_REPLAY }, { 3, SEALED_DUPLICATE },
		{ 4, SEALED_OK }, { 1025, SEALED_OK }, { 2049, SEALED_OK }, { 1026, SEALED_DUPLICATE },
		{ 1025, SEALED_REPLAY }, { 1027, SEALED_OK }, { 1ULL << 40, SEALED_OK }, { 2049, SEALED_REPLAY },
		{ (1ULL << 40) - 1023, SEALED_OK }, { (1ULL << 40) - 1024, SEALED_REPLAY }, { ~0ULL, SEALED_OK },
		{ ~0ULL, SEALED_DUPLICATE }, { ~0ULL - 1023, SEALED_OK }, { ~0ULL - 1024, SEALED_REPLAY },
	};
	struct replay r;

	replay_start(&r, 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		cr_assert_eq(take(&r, rows[i].counter), rows[i].result, "row %zu: %llu", i, rows[i].counter);
	replay_start(&r, 5000);
	cr_assert_eq(take(&r, 5000), SEALED_DUPLICATE);
	cr_assert_eq(take(&r, 3977), SEALED_DUPLICATE);
	cr_assert_eq(take(&r, 3976), SEALED_REPLAY);
	cr_assert_eq(take(&r, 5001), SEALED_OK);
}

/* Ahead by little, seldom by more than the window; half of the time an older one. */
static __u64 arrives(__u64 *seed, __u64 top)
{
	__u64 counter = 1 + top + rand_below(seed, rand_below(seed, 50) ? 4 : 2500);
	__u64 back = rand_below(seed, 2) ? rand_below(seed, 1500) : 0;

	return counter > back ? counter - back : 1;
}

/* Against a list of all that was taken: none twice, and no new one of the window refused. */
Test(agent_sealed, window_model)
{
	static bool seen[1 << 16];
	struct replay r;
	__u64 seed = 7, top = 0;

	replay_start(&r, 0);
	while (top < sizeof(seen) - 3000) {
		__u64 counter = arrives(&seed, top);
		enum sealed_result expected = seen[counter] ? SEALED_DUPLICATE : SEALED_OK;

		if (counter + REPLAY_WINDOW <= top)
			expected = SEALED_REPLAY;
		cr_assert_eq(take(&r, counter), expected, "%llu of %llu", counter, top);
		seen[counter] = true;
		top = counter > top ? counter : top;
	}
}

Test(agent_sealed, frames)
{
	static __u8 buf[MESSAGE_MAX + 1];
	struct esl_frame_header *w = (struct esl_frame_header *)buf;
	struct message m;

	message_head(ESL_FRAME_USER, 100, buf);
	for (size_t n = 0; n < 200; n++)
		cr_assert_eq(message_parse(buf, n, &m), n < MESSAGE_HEAD + 100 ? MESSAGE_MORE : MESSAGE_OK);
	cr_assert(m.type == ESL_FRAME_USER && m.size == 100 && m.body == buf + MESSAGE_HEAD);
	message_head(ESL_FRAME_USER, ESL_FRAME_BODY_MAX, buf);
	cr_assert_eq(message_parse(buf, MESSAGE_MAX, &m), MESSAGE_OK);
	message_head(ESL_FRAME_USER, ESL_FRAME_BODY_MAX + 1, buf);
	cr_assert_eq(message_parse(buf, MESSAGE_HEAD, &m), MESSAGE_LENGTH, "before the body is waited for");
	w->length = htobe32(~0U);
	cr_assert_eq(message_parse(buf, MESSAGE_MAX + 1, &m), MESSAGE_LENGTH);
	w->major = ESL_FRAME_MAJOR + 1;
	cr_assert_eq(message_parse(buf, MESSAGE_MAX, &m), MESSAGE_VERSION, "its length may mean something else");
}

Test(agent_sealed, hello_and_key)
{
	struct message_hello hello = { .sender = 5, .boot = 0x0102030405060708ULL }, h;
	struct seal_key key = { .id = 7, .counter = 1ULL << 63, .key = { 1, 2, [31] = 3 } }, k;
	__u8 body[64];
	struct message m = { .body = body, .size = sizeof(struct esl_frame_hello) };

	message_put_hello(&hello, body);
	cr_assert_eq(message_hello(&m, &h), MESSAGE_OK);
	cr_assert(h.sender == 5 && h.boot == hello.boot);
	m.size++;
	cr_assert_eq(message_hello(&m, &h), MESSAGE_FIELD);
	m.minor = ESL_FRAME_MINOR + 1;
	cr_assert_eq(message_hello(&m, &h), MESSAGE_OK, "a newer one may be longer");
	m.size -= 2;
	cr_assert_eq(message_hello(&m, &h), MESSAGE_FIELD);
	m = (struct message){ .body = body, .size = sizeof(struct esl_frame_hello) };
	body[0] = 64;
	cr_assert_eq(message_hello(&m, &h), MESSAGE_FIELD);
	body[1]++;
	cr_assert_eq(message_hello(&m, &h), MESSAGE_VERSION);

	message_put_key(&key, body);
	m.size = sizeof(struct esl_frame_key);
	cr_assert_eq(message_key(&m, &k), MESSAGE_OK);
	cr_assert(k.id == 7 && k.counter == key.counter && !memcmp(k.key, key.key, sizeof(k.key)));
	m.size--;
	cr_assert_eq(message_key(&m, &k), MESSAGE_FIELD);
	m.size++;
	memset(body + offsetof(struct esl_frame_key, id), 0, 4);
	cr_assert_eq(message_key(&m, &k), MESSAGE_FIELD);
}
