/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The sysctls that a member needs, of the families in which it has a cluster
 * address: forwarding, and ARP that neither announces nor answers for such an
 * address.  /proc/sys/net belongs to the network namespace of the process.
 */
#ifndef ESPALIER_SYSCTL_H
#define ESPALIER_SYSCTL_H

#include <stdbool.h>

#include "conf.h"

#define ESL_SYSCTL_DIR "/proc/sys/net/"
#define ESL_SYSCTL_PATH 96

struct esl_sysctl {
	char path[ESL_SYSCTL_PATH];
	int need;		/* at least */
};

/* The i-th sysctl of this configuration; false past the last. */
bool esl_sysctl_get(const struct esl_conf *c, int i, struct esl_sysctl *ret);

int esl_sysctl_read(const char *path, int *ret);
int esl_sysctl_write(const char *path, int value);

#endif
