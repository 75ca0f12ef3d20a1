/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Events in the order of their time; those of one moment in the order they were put in. */
#ifndef SIM_QUEUE_H
#define SIM_QUEUE_H

#include <espalier/types.h>

struct event {
	__u64 at;	/* true time, ns */
	__u64 order;
	__u8 kind;	/* enum event_kind */
	__u8 member;
	__u16 small;
	__u32 word;
	__u64 a, b;
};

struct queue {
	struct event *heap;
	size_t count, size;
	__u64 order;
};

void queue_clear(struct queue *q);
void queue_free(struct queue *q);
void queue_put(struct queue *q, const struct event *e);
/* False: empty. */
bool queue_take(struct queue *q, struct event *ret);

#endif
