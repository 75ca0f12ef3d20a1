/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What others than the programs refuse: the kernel's XFRM, and the nftables rules. */
#ifndef ESPALIER_REFUSED_H
#define ESPALIER_REFUSED_H

#include <jansson.h>

/*
 * {"kernel": {NAME: packets}, "rules": {"in": packets, "out": packets}} of this
 * network namespace; a part that cannot be told is {}.  deploy/STATUS.md has the
 * names.  The caller owns it.
 */
json_t *esl_refused(void);

#endif
