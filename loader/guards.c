// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "guards.h"

#define CHUNK (64 * 1024UL)	/* a multiple of every page size */
#define CHUNKS ((ESL_SA_MAX * sizeof(struct esl_guard) + CHUNK - 1) / CHUNK)

struct esl_guards {
	int fd;
	char *base;		/* CHUNKS of address space */
	bool mapped[CHUNKS];
};

ESL_STATIC_ASSERT(ESL_SA_MAX * sizeof(struct esl_guard) % CHUNK == 0, "the map ends with a chunk");

struct esl_guards *esl_guards_open(int fd)
{
	struct esl_guards *g = calloc(1, sizeof(*g));

	if (!g)
		return NULL;
	g->fd = fd;
	g->base = mmap(NULL, CHUNKS * CHUNK, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (g->base != MAP_FAILED)
		return g;
	free(g);
	return NULL;
}

void esl_guards_close(struct esl_guards *g)
{
	if (!g)
		return;
	munmap(g->base, CHUNKS * CHUNK);
	free(g);
}

static void map_chunk(struct esl_guards *g, size_t chunk)
{
	if (mmap(g->base + chunk * CHUNK, CHUNK, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, g->fd,
		 (off_t)(chunk * CHUNK)) == MAP_FAILED) {
		perror("espalier: the guard's records cannot be mapped into memory");
		abort();
	}
	g->mapped[chunk] = true;
}

struct esl_guard *esl_guards_at(struct esl_guards *g, __u32 index)
{
	size_t begin = index * sizeof(struct esl_guard);

	for (size_t chunk = begin / CHUNK; chunk <= (begin + sizeof(struct esl_guard) - 1) / CHUNK; chunk++)
		if (!g->mapped[chunk])
			map_chunk(g, chunk);
	return (struct esl_guard *)(g->base + begin);
}
