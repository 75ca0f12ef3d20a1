/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Members with real channels between them, all within one test, on loopback
 * addresses of its own.  Each has its own loop, so that one can be frozen.
 */
#ifndef CHANNEL_WORLD_H
#define CHANNEL_WORLD_H

#include <agent/channel.h>
#include <agent/holder.h>

#define WORLD_MEMBERS 3
#define WORLD_MESSAGE_OK ESL_FRAME_USER		/* of a type that members know */
#define WORLD_MESSAGE_UNKNOWN (ESL_FRAME_USER + 1)

struct world_member {
	__u32 id;
	__u64 boot;
	sd_event *event;	/* NULL: not started */
	struct seal *seal;
	struct channel *channel;
	struct channel_other others[WORLD_MEMBERS];
	bool frozen;
	unsigned int ups, downs;	/* calls */
	enum channel_end ended;		/* the last one */
	size_t messages;
	__u32 next;			/* number expected in the next message */
	bool disorder;
	__u64 established;	/* the boot of the other that forwards; 0: none */
	struct holder holder;	/* as it was told */
};

struct world {
	struct world_member member[WORLD_MEMBERS];	/* ids 0, 1, 2 */
};

/* Secrets by letter, newest first: "A", or "BA". */
struct tls_secrets world_secrets(const char *letters);

struct sockaddr_in world_address(__u32 id);

void world_start(struct world *w, __u32 id, __u64 boot, const char *secrets);
/* Gone, as after a SIGKILL: the kernel closes its sockets. */
void world_stop(struct world *w, __u32 id);
void world_end(struct world *w);

/* Let all that are not frozen run once. */
void world_step(struct world *w);
/* Milliseconds of CLOCK_MONOTONIC. */
__u64 world_ms(void);

/* Let them run until condition holds; false: it did not within ms. */
#define world_until(w, condition, ms)                                                            \
	({                                                                                       \
		__u64 world_limit = world_ms() + (ms);                                           \
		bool world_held;                                                                 \
		while (!(world_held = (condition)) && world_ms() < world_limit)                  \
			world_step(w);                                                           \
		world_held;                                                                      \
	})
#define world_run(w, ms) ((void)world_until(w, false, ms))

/* The index of member other among the others of id. */
size_t world_index(__u32 id, __u32 other);
bool world_up(const struct world *w, __u32 a, __u32 b);
__u64 world_count(const struct world *w, __u32 id, enum channel_end why);

/* Number the message: the receiver looks whether they come in order. */
int world_send(struct world *w, __u32 from, __u32 to, __u32 number, size_t size);
/* One datagram from one to the other, without a network. */
enum sealed_result world_datagram(struct world *w, __u32 from, __u32 to);

#endif
