// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What one member seals the others open, once, and nothing else. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include <agent/seal.h>

#define MEMBERS 0x7ULL

static const char text[] = "the round that this member is in";

struct datagram {
	__u8 buf[ESL_SEAL_MAX];
	size_t size;
};

static struct seal *member(__u32 id, __u64 boot)
{
	struct seal *s;

	cr_assert_eq(seal_start(&s, id, boot, MEMBERS), 0);
	return s;
}

/* What from has to tell, without a channel. */
static void introduce(struct seal *to, __u32 id, __u64 boot, const struct seal *from)
{
	struct seal_key keys[2];
	size_t count = seal_tell(from, keys);

	for (size_t i = 0; i < count; i++)
		cr_assert_eq(seal_learn(to, id, boot, &keys[i]), 0);
}

static struct datagram sealed(struct seal *from)
{
	struct datagram d;
	ssize_t n = seal_put(from, ESL_SEAL_ANNOUNCEMENT, text, sizeof(text), d.buf);

	cr_assert_gt(n, 0);
	d.size = (size_t)n;
	return d;
}

static enum sealed_result opened(struct seal *to, const struct datagram *d)
{
	__u8 payload[ESL_SEAL_PAYLOAD_MAX];
	struct sealed_header h;
	size_t len;
	__u64 before = 0, after = 0;
	enum sealed_result r;

	for (int i = 0; i < SEALED_COUNT; i++)
		before += seal_count(to, i);
	r = seal_open(to, d->buf, d->size, &h, payload, &len);
	for (int i = 0; i < SEALED_COUNT; i++)
		after += seal_count(to, i);
	cr_assert_eq(after, before + 1);
	if (r == SEALED_OK)
		cr_assert(len == sizeof(text) && !memcmp(payload, text, len));
	return r;
}

Test(agent_seal, sizes)
{
	struct seal *a = member(0, 100), *b = member(1, 200);
	__u8 payload[ESL_SEAL_PAYLOAD_MAX + 1], out[ESL_SEAL_MAX], back[ESL_SEAL_PAYLOAD_MAX];

	memset(payload, 0x5a, sizeof(payload));
	introduce(b, 0, 100, a);
	for (size_t n = 0; n <= ESL_SEAL_PAYLOAD_MAX; n++) {
		ssize_t size = seal_put(a, ESL_SEAL_HEARTBEAT, payload, n, out);
		struct sealed_header h;
		size_t len;

		cr_assert_eq(size, (ssize_t)(n + sizeof(struct esl_seal_header) + ESL_SEAL_TAG_LEN));
		cr_assert_eq(seal_open(b, out, (size_t)size, &h, back, &len), SEALED_OK, "%zu", n);
		cr_assert(len == n && !memcmp(back, payload, n));
		cr_assert(h.sender == 0 && h.type == ESL_SEAL_HEARTBEAT && h.boot == 100);
	}
	cr_assert_eq(seal_put(a, ESL_SEAL_HEARTBEAT, payload, sizeof(payload), out), -EMSGSIZE);
	seal_stop(a);
	seal_stop(b);
}

/* The same bytes over three networks, and again much later. */
Test(agent_seal, copies)
{
	struct seal *a = member(0, 100), *b = member(1, 200), *c = member(2, 300);
	struct datagram first, d;

	introduce(b, 0, 100, a);
	introduce(c, 0, 100, a);
	first = sealed(a);
	cr_assert_eq(opened(b, &first), SEALED_OK);
	cr_assert_eq(opened(b, &first), SEALED_DUPLICATE);
	cr_assert_eq(opened(b, &first), SEALED_DUPLICATE);
	cr_assert_eq(seal_count(b, SEALED_DUPLICATE), 2);
	cr_assert_eq(opened(c, &first), SEALED_OK, "each member by itself");
	for (int i = 0; i < REPLAY_WINDOW; i++) {
		d = sealed(a);
		cr_assert_eq(opened(b, &d), SEALED_OK);
	}
	cr_assert_eq(opened(b, &first), SEALED_REPLAY);
	seal_stop(a);
	seal_stop(b);
	seal_stop(c);
}

/* Any bit, and a datagram that nobody sealed moves no window. */
Test(agent_seal, altered)
{
	struct seal *a = member(0, 100), *b = member(1, 200);
	struct datagram d, bad;

	introduce(b, 0, 100, a);
	d = sealed(a);
	for (size_t bit = 0; bit < 8 * d.size; bit++) {
		bad = d;
		bad.buf[bit / 8] ^= (__u8)(1 << bit % 8);
		cr_assert_neq(opened(b, &bad), SEALED_OK, "bit %zu", bit);
	}
	for (size_t n = 0; n < d.size; n++) {
		bad = d;
		bad.size = n;
		cr_assert_neq(opened(b, &bad), SEALED_OK, "%zu bytes", n);
	}
	bad = d;
	memset(bad.buf + offsetof(struct esl_seal_header, counter), 0xff, 8);
	cr_assert_eq(opened(b, &bad), SEALED_SEAL);
	cr_assert_eq(opened(b, &d), SEALED_OK);
	seal_stop(a);
	seal_stop(b);
}

Test(agent_seal, strangers)
{
	struct seal *a = member(0, 100), *b = member(1, 200), *other = member(1, 201), *late = member(0, 101);
	struct datagram d = sealed(a);

	cr_assert_eq(opened(a, &d), SEALED_ECHO);
	cr_assert_eq(opened(b, &d), SEALED_KEY, "not introduced");
	introduce(b, 0, 100, a);
	cr_assert_eq(opened(b, &d), SEALED_DUPLICATE, "sealed before it was");
	d = sealed(other);
	cr_assert_eq(opened(b, &d), SEALED_OWN_ID);
	d = sealed(late);
	cr_assert_eq(opened(b, &d), SEALED_BOOT);
	d.buf[offsetof(struct esl_seal_header, sender)] = 3;
	cr_assert_eq(opened(b, &d), SEALED_SENDER);
	d = sealed(a);
	d.buf[offsetof(struct esl_seal_header, key) + 3] = 9;
	cr_assert_eq(opened(b, &d), SEALED_KEY);
	d.buf[offsetof(struct esl_seal_header, key) + 3] = 0;
	cr_assert_eq(opened(b, &d), SEALED_KEY);
	cr_assert_eq(seal_learn(b, 1, 5, &(struct seal_key){ .id = 1 }), -EINVAL, "its own id");
	cr_assert_eq(seal_learn(b, 3, 5, &(struct seal_key){ .id = 1 }), -EINVAL, "no member");
	cr_assert_eq(seal_learn(b, 64, 5, &(struct seal_key){ .id = 1 }), -EINVAL);
	cr_assert_eq(seal_learn(b, 0, 5, &(struct seal_key){}), -EINVAL);
	seal_stop(a);
	seal_stop(b);
	seal_stop(other);
	seal_stop(late);
}

/* A capture of one boot is worth nothing in the next, of sender and of receiver. */
Test(agent_seal, boots)
{
	struct seal *a = member(0, 100), *b = member(1, 200);
	struct datagram d[3], e;

	introduce(b, 0, 100, a);
	for (int i = 0; i < 3; i++)
		d[i] = sealed(a);
	cr_assert_eq(opened(b, &d[0]), SEALED_OK);
	seal_stop(b);
	b = member(1, 201);
	introduce(b, 0, 100, a);
	cr_assert_eq(opened(b, &d[0]), SEALED_DUPLICATE, "the receiver started anew");
	cr_assert_eq(opened(b, &d[1]), SEALED_DUPLICATE);
	seal_stop(a);
	a = member(0, 101);
	introduce(b, 0, 101, a);
	cr_assert_eq(opened(b, &d[2]), SEALED_BOOT, "the sender started anew");
	e = sealed(a);
	cr_assert_eq(opened(b, &e), SEALED_OK);
	introduce(b, 0, 101, a);
	cr_assert_eq(opened(b, &e), SEALED_DUPLICATE, "told again");
	seal_stop(a);
	seal_stop(b);
}

Test(agent_seal, renewed)
{
	struct seal *a = member(0, 100), *b = member(1, 200), *late = member(2, 300);
	struct datagram old, d;

	introduce(b, 0, 100, a);
	cr_assert_eq(seal_renew(a), 0);
	introduce(b, 0, 100, a);
	d = sealed(a);
	cr_assert_eq(opened(b, &d), SEALED_OK, "the key before is in use");
	cr_assert_eq(seal_renew(a), 0);
	introduce(b, 0, 100, a);
	introduce(late, 0, 100, a);
	old = sealed(a);
	d = sealed(a);
	cr_assert_eq(opened(b, &d), SEALED_OK, "renewed twice before it was used");
	cr_assert_eq(opened(late, &d), SEALED_OK);
	seal_switch(a);
	d = sealed(a);
	cr_assert_eq(opened(b, &d), SEALED_OK);
	cr_assert_eq(opened(late, &d), SEALED_OK);
	cr_assert_eq(opened(b, &old), SEALED_KEY, "the former key went when the next was used");
	seal_switch(a);
	d = sealed(a);
	cr_assert_eq(opened(b, &d), SEALED_OK, "nothing to switch to");
	introduce(b, 0, 100, a);
	d = sealed(a);
	cr_assert_eq(opened(b, &d), SEALED_OK);
	seal_stop(a);
	seal_stop(b);
	seal_stop(late);
}
