// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <stdlib.h>

#include "queue.h"

static bool is_before(const struct event *a, const struct event *b)
{
	return a->at != b->at ? a->at < b->at : a->order < b->order;
}

void queue_clear(struct queue *q)
{
	q->count = 0;
	q->order = 0;
}

void queue_free(struct queue *q)
{
	free(q->heap);
	*q = (struct queue){};
}

void queue_put(struct queue *q, const struct event *e)
{
	struct event new = *e;
	size_t i = q->count;

	if (q->count == q->size) {
		q->size = q->size ? 2 * q->size : 4096;
		q->heap = realloc(q->heap, q->size * sizeof(*q->heap));
		if (!q->heap)
			abort();
	}
	new.order = q->order++;
	for (; i && is_before(&new, &q->heap[(i - 1) / 2]); i = (i - 1) / 2)
		q->heap[i] = q->heap[(i - 1) / 2];
	q->heap[i] = new;
	q->count++;
}

bool queue_take(struct queue *q, struct event *ret)
{
	size_t i = 0, child;
	struct event last;

	if (!q->count)
		return false;
	*ret = q->heap[0];
	last = q->heap[--q->count];
	for (; (child = 2 * i + 1) < q->count; i = child) {
		if (child + 1 < q->count && is_before(&q->heap[child + 1], &q->heap[child]))
			child++;
		if (!is_before(&q->heap[child], &last))
			break;
		q->heap[i] = q->heap[child];
	}
	q->heap[i] = last;
	return true;
}
