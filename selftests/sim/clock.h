/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A member's CLOCK_BOOTTIME against true time. */
#ifndef SIM_CLOCK_H
#define SIM_CLOCK_H

#include <espalier/types.h>

struct clock {
	__u64 true_ns, local_ns;	/* were the same moment */
	__s64 ppm;			/* -1000..1000: how much faster than true time it runs */
};

static inline __u64 clock_local(const struct clock *c, __u64 true_ns)
{
	__s64 passed = (__s64)(true_ns - c->true_ns);

	return c->local_ns + (__u64)(passed + passed * c->ppm / 1000000);
}

/* The first moment at which the clock shows local_ns or more. */
static inline __u64 clock_true(const struct clock *c, __u64 local_ns)
{
	__s64 passed = (__s64)(local_ns - c->local_ns);

	return passed <= 0 ? c->true_ns : c->true_ns + (__u64)(passed * 1000000 / (1000000 + c->ppm)) + 2;
}

static inline void clock_jump(struct clock *c, __u64 true_ns, __u64 by_ns)
{
	c->local_ns = clock_local(c, true_ns) + by_ns;
	c->true_ns = true_ns;
}

#endif
