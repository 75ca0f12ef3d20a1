// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <time.h>

#include "bench.h"

#define TURNS 60000

/* The compiler shall neither join additions nor take them apart. */
#define KEEP(x) __asm__ volatile("" : "+r"(x))
#define ADD(x) ((x) += i, ({ KEEP(x); }))

static double thread_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

double bench_probe(void)
{
	unsigned long a = 1, b = 1, c = 1, d = 1, e = 1, f = 1, g = 1, h = 1;
	double begin = thread_ns(), middle;

	for (unsigned long i = 0; i < TURNS; i++) {
		ADD(a), ADD(b), ADD(c), ADD(d);
		ADD(e), ADD(f), ADD(g), ADD(h);
	}
	middle = thread_ns();
	for (unsigned long i = 0; i < TURNS; i++) {
		ADD(a), ADD(a), ADD(a), ADD(a);
		ADD(a), ADD(a), ADD(a), ADD(a);
	}
	return (middle - begin) / (thread_ns() - middle);
}
