// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Channels between members: set up, secrets and their rotation, boots, loss. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "channel_world.h"

#define SOON 900	/* ms: a connection needs a few, and the machine may be busy */

static bool all_up(const struct world *w)
{
	return world_up(w, 0, 1) && world_up(w, 0, 2) && world_up(w, 1, 2);
}

static bool all_hear(struct world *w)
{
	for (__u32 from = 0; from < WORLD_MEMBERS; from++)
		for (__u32 to = 0; to < WORLD_MEMBERS; to++)
			if (from != to && world_datagram(w, from, to) != SEALED_OK)
				return false;
	return true;
}

static void start_all(struct world *w, const char *secrets)
{
	for (__u32 id = 0; id < WORLD_MEMBERS; id++)
		world_start(w, id, 100 + id, secrets);
	cr_assert(world_until(w, all_up(w), SOON));
}

Test(agent_channel, set_up)
{
	struct world w = {};
	__u64 boot;

	start_all(&w, "A");
	cr_assert(all_hear(&w));
	cr_assert(channel_up(w.member[2].channel, world_index(2, 1), &boot));
	cr_assert_eq(boot, 101);
	for (__u32 id = 0; id < WORLD_MEMBERS; id++)
		cr_assert_eq(w.member[id].ups, 2);
	world_end(&w);
}

Test(agent_channel, messages)
{
	struct world w = {};

	start_all(&w, "A");
	for (__u32 n = 0; n < 50; n++) {
		cr_assert_eq(world_send(&w, 0, 1, n, 4 + n * 300), 0);
		cr_assert_eq(world_send(&w, 1, 2, n, ESL_FRAME_BODY_MAX), 0);
	}
	cr_assert_eq(world_send(&w, 0, 1, 0, ESL_FRAME_BODY_MAX + 1), -EMSGSIZE);
	cr_assert(world_until(&w, w.member[1].messages == 50 && w.member[2].messages == 50, SOON));
	cr_assert(!w.member[1].disorder && !w.member[2].disorder);
	cr_assert_eq(channel_send(w.member[0].channel, 0, WORLD_MESSAGE_UNKNOWN, NULL, 0), 0);
	cr_assert(world_until(&w, channel_ignored(w.member[1].channel) == 1, SOON));
	cr_assert(all_up(&w));
	world_end(&w);
}

/* One that does not read: what waits is bounded, and comes whole and in order later. */
Test(agent_channel, slow_reader)
{
	struct world w = {};
	__u32 sent = 0;
	int err;

	start_all(&w, "A");
	w.member[1].frozen = true;
	while (!(err = world_send(&w, 0, 1, sent, 10000)) && sent < 5000) {
		sent++;
		world_step(&w);
	}
	cr_assert_eq(err, -ENOBUFS);
	w.member[1].frozen = false;
	cr_assert(world_until(&w, w.member[1].messages == sent, 5000), "%zu of %u", w.member[1].messages, sent);
	cr_assert(!w.member[1].disorder);
	cr_assert_eq(world_send(&w, 0, 1, sent, 10000), 0);
	cr_assert(world_until(&w, w.member[1].messages == sent + 1, SOON));
	cr_assert_eq(w.member[1].downs, 0);
	world_end(&w);
}

static const struct {
	const char *one, *other;
	bool up;
} secrets[] = {
	{ "A", "A", true },    { "A", "B", false },   { "A", "BA", true },   { "BA", "A", true },
	{ "BA", "BA", true },  { "B", "BA", true },   { "BA", "B", true },   { "BA", "CA", true },
	{ "BA", "CB", true },  { "CB", "BA", true },  { "BA", "DC", false }, { "B", "CA", false },
};

static bool refused(const struct world *w, __u32 id)
{
	return world_count(w, id, CHANNEL_SECRET) && w->member[id].ended == CHANNEL_SECRET;
}

Test(agent_channel, secrets)
{
	for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++) {
		struct world w = {};

		world_start(&w, 0, 100, secrets[i].one);
		world_start(&w, 1, 101, secrets[i].other);
		if (secrets[i].up) {
			cr_assert(world_until(&w, world_up(&w, 0, 1), SOON), "%s, %s", secrets[i].one, secrets[i].other);
		} else {
			cr_assert(world_until(&w, refused(&w, 0) && refused(&w, 1), SOON), "%s, %s", secrets[i].one,
				  secrets[i].other);
			world_run(&w, 100);
			cr_assert_eq(w.member[0].ups + w.member[1].ups, 0);
		}
		cr_assert_eq(world_count(&w, 0, CHANNEL_TLS) + world_count(&w, 1, CHANNEL_TLS), 0);
		world_end(&w);
	}
}

/* A datagram between each two in every turn of the loops: how many did not arrive. */
static unsigned int run_and_lose(struct world *w, __u64 ms)
{
	__u64 limit = world_ms() + ms;
	unsigned int lost = 0;

	while (world_ms() < limit) {
		world_step(w);
		for (__u32 from = 0; from < WORLD_MEMBERS; from++)
			for (__u32 to = 0; to < WORLD_MEMBERS; to++)
				lost += from != to && world_datagram(w, from, to) != SEALED_OK;
	}
	return lost;
}

static void set_secrets(struct world *w, __u32 id, const char *letters)
{
	struct tls_secrets s = world_secrets(letters);

	channel_secrets(w->member[id].channel, &s);
}

Test(agent_channel, rotation)
{
	struct seal_key before[2], after[2];
	struct world w = {};
	unsigned int lost = 0;

	start_all(&w, "A");
	seal_tell(w.member[0].seal, before);
	for (__u32 id = 0; id < WORLD_MEMBERS; id++) {
		set_secrets(&w, id, "BA");
		lost += run_and_lose(&w, 50);
	}
	cr_assert_eq(w.member[0].downs + w.member[1].downs + w.member[2].downs, 0);
	for (__u32 id = 0; id < WORLD_MEMBERS; id++) {
		set_secrets(&w, id, "B");
		lost += run_and_lose(&w, 100);
		cr_assert(world_until(&w, all_up(&w), SOON));
	}
	cr_assert_gt(world_count(&w, 1, CHANNEL_RETIRED), 0);
	cr_assert_eq(seal_tell(w.member[0].seal, after), 2, "the next key waits until all know it");
	lost += run_and_lose(&w, 1300);
	cr_assert_eq(seal_tell(w.member[0].seal, after), 1);
	cr_assert_eq(after[0].id, before[0].id + 1);
	cr_assert(memcmp(before[0].key, after[0].key, sizeof(after[0].key)));
	cr_assert_eq(lost, 0);
	world_end(&w);
}

Test(agent_channel, second_boot)
{
	__u8 capture[ESL_SEAL_MAX], payload[ESL_SEAL_PAYLOAD_MAX];
	struct sealed_header h;
	struct world w = {};
	ssize_t size;
	size_t len;

	start_all(&w, "A");
	size = seal_put(w.member[1].seal, ESL_SEAL_HEARTBEAT, "now", 3, capture);
	for (__u64 boot = 201; boot < 204; boot++) {
		__u64 began = world_ms();

		world_stop(&w, 1);
		world_run(&w, 30);
		cr_assert(!channel_up(w.member[0].channel, 0, NULL));
		world_start(&w, 1, boot, "A");
		cr_assert(world_until(&w, all_up(&w), SOON));
		cr_assert_lt(world_ms() - began, 30 + 200 + 300);
		cr_assert(all_hear(&w));
		cr_assert_eq(seal_open(w.member[0].seal, capture, (size_t)size, &h, payload, &len), SEALED_BOOT);
	}
	world_end(&w);
}

/* The lowest is the one that all others connect to. */
Test(agent_channel, back_off)
{
	struct world w = {};
	__u64 began, attempts;

	world_start(&w, 2, 102, "A");
	world_run(&w, 1000);
	attempts = world_count(&w, 2, CHANNEL_CONNECT);
	cr_assert(attempts >= 2 * 3 && attempts <= 2 * 10, "%llu", attempts);
	world_start(&w, 0, 100, "A");
	began = world_ms();
	cr_assert(world_until(&w, world_up(&w, 0, 2), SOON));
	cr_assert_lt(world_ms() - began, 200 + 300);
	world_end(&w);
}

Test(agent_channel, silence)
{
	struct world w = {};
	__u64 began;

	start_all(&w, "A");
	world_run(&w, 2500);
	cr_assert_eq(w.member[0].downs + w.member[1].downs + w.member[2].downs, 0, "idle is not silent");
	w.member[1].frozen = true;
	began = world_ms();
	cr_assert(world_until(&w, !channel_up(w.member[0].channel, 0, NULL), 4000));
	cr_assert_gt(world_ms() - began, 1000);
	cr_assert_gt(world_count(&w, 0, CHANNEL_SILENT), 0);
	w.member[1].frozen = false;
	cr_assert(world_until(&w, all_up(&w) && all_hear(&w), SOON));
	world_end(&w);
}

/* A datagram of an unknown boot makes the silence short. */
Test(agent_channel, doubt)
{
	struct world w = {};
	__u64 began;

	start_all(&w, "A");
	channel_doubt(w.member[2].channel, world_index(2, 0));
	world_run(&w, 300);
	cr_assert(all_up(&w), "it was alive");
	w.member[0].frozen = true;
	began = world_ms();
	channel_doubt(w.member[2].channel, world_index(2, 0));
	cr_assert(world_until(&w, world_count(&w, 2, CHANNEL_SILENT) > 0, 1000));
	cr_assert_lt(world_ms() - began, 800);
	world_end(&w);
}
