// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "channel_world.h"

#include <criterion/criterion.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct tls_secrets world_secrets(const char *letters)
{
	struct tls_secrets s = { .count = strlen(letters) };

	for (size_t i = 0; i < s.count; i++) {
		memset(s.key[i], letters[i], sizeof(s.key[i]));
		memset(s.name[i], letters[i] + 128, sizeof(s.name[i]));
	}
	return s;
}

/* Tests run at the same time, each in a process of its own. */
struct sockaddr_in world_address(__u32 id)
{
	__u32 pid = (__u32)getpid();

	return (struct sockaddr_in){ .sin_family = AF_INET,
				     .sin_port = htons(7788),
				     .sin_addr.s_addr = htonl(0x7f000000 | (pid & 0x1fffff) << 3 | (id + 1)) };
}

size_t world_index(__u32 id, __u32 other)
{
	return other < id ? other : other - 1;
}

static void on_up(void *data, size_t i, __u64 boot)
{
	struct world_member *m = data;

	(void)boot;
	cr_assert_lt(i, WORLD_MEMBERS - 1);
	m->ups++;
}

static void on_ended(void *data, size_t i, enum channel_end why, bool was_up)
{
	struct world_member *m = data;

	(void)i;
	m->downs += was_up;
	m->ended = why;
}

static bool on_message(void *data, size_t i, __u16 type, const __u8 *bytes, size_t size)
{
	struct world_member *m = data;
	__u32 number;

	(void)i;
	if (type != WORLD_MESSAGE_OK || size < sizeof(number))
		return false;
	memcpy(&number, bytes, sizeof(number));
	m->disorder |= number != m->next;
	for (size_t n = sizeof(number); n < size; n++)
		m->disorder |= bytes[n] != (__u8)number;
	m->next = number + 1;
	m->messages++;
	return true;
}

static bool is_established(void *data, size_t i, __u64 boot)
{
	const struct world_member *m = data;

	(void)i;
	return m->established && m->established == boot;
}

static void on_taken(void *data, size_t i, __u64 boot, bool established)
{
	struct world_member *m = data;

	(void)i;
	m->holder = (struct holder){ .boot = boot, .established = established };
}

void world_start(struct world *w, __u32 id, __u64 boot, const char *letters)
{
	struct world_member *m = &w->member[id];
	struct tls_secrets secrets = world_secrets(letters);
	struct channel_config config = { .id = id,
					 .boot = boot,
					 .address = world_address(id),
					 .others = m->others,
					 .count = WORLD_MEMBERS - 1,
					 .calls = { .up = on_up,
						    .ended = on_ended,
						    .established = is_established,
						    .taken = on_taken,
						    .message = on_message },
					 .data = m };

	*m = (struct world_member){ .id = id, .boot = boot };
	for (__u32 other = 0; other < WORLD_MEMBERS; other++)
		if (other != id)
			m->others[world_index(id, other)] =
				(struct channel_other){ .id = other, .address = world_address(other) };
	cr_assert_eq(sd_event_new(&m->event), 0);
	cr_assert_eq(seal_start(&m->seal, id, boot, (1 << WORLD_MEMBERS) - 1), 0);
	config.event = m->event;
	config.seal = m->seal;
	cr_assert_eq(channel_start(&m->channel, &config, &secrets), 0);
}

void world_stop(struct world *w, __u32 id)
{
	struct world_member *m = &w->member[id];

	channel_stop(m->channel);
	seal_stop(m->seal);
	sd_event_unref(m->event);
	*m = (struct world_member){};
}

void world_end(struct world *w)
{
	for (__u32 id = 0; id < WORLD_MEMBERS; id++)
		world_stop(w, id);
}

__u64 world_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (__u64)t.tv_sec * 1000 + (__u64)t.tv_nsec / 1000000;
}

void world_step(struct world *w)
{
	int ran = 0;

	for (__u32 id = 0; id < WORLD_MEMBERS; id++)
		for (int i = 0; w->member[id].event && !w->member[id].frozen && i < 10; i++) {
			int ret = sd_event_run(w->member[id].event, 0);

			cr_assert_geq(ret, 0);
			if (!ret)
				break;
			ran++;
		}
	if (!ran)
		usleep(500);
}

bool world_up(const struct world *w, __u32 a, __u32 b)
{
	return w->member[a].channel && channel_up(w->member[a].channel, world_index(a, b), NULL) &&
	       w->member[b].channel && channel_up(w->member[b].channel, world_index(b, a), NULL);
}

__u64 world_count(const struct world *w, __u32 id, enum channel_end why)
{
	return channel_count(w->member[id].channel, why);
}

int world_send(struct world *w, __u32 from, __u32 to, __u32 number, size_t size)
{
	__u8 bytes[ESL_FRAME_BODY_MAX + 1];

	memset(bytes, (int)number, sizeof(bytes));
	memcpy(bytes, &number, sizeof(number));
	return channel_send(w->member[from].channel, world_index(from, to), WORLD_MESSAGE_OK, bytes, size);
}

enum sealed_result world_datagram(struct world *w, __u32 from, __u32 to)
{
	__u8 buf[ESL_SEAL_MAX], payload[ESL_SEAL_PAYLOAD_MAX];
	ssize_t size = seal_put(w->member[from].seal, ESL_SEAL_HEARTBEAT, "now", 3, buf);
	struct sealed_header h;
	size_t len;

	cr_assert_gt(size, 0);
	return seal_open(w->member[to].seal, buf, (size_t)size, &h, payload, &len);
}
