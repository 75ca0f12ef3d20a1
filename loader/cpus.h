/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The CPUs that owned packets go on with. */
#ifndef ESPALIER_CPUS_H
#define ESPALIER_CPUS_H

#include "conf.h"

/* CPUs 0 to n - 1 are online: n, at most ESL_CPUS_MAX. */
unsigned int esl_cpus_online(void);

/* Make the entries of the CPU map behind fd what c says. Returns 0 or a negative errno. */
int esl_cpus_fill(const struct esl_conf *c, int fd);

#endif
