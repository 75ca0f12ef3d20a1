/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One SA in the status document; deploy/STATUS.md describes the fields. */
#ifndef AGENT_STATUS_SA_H
#define AGENT_STATUS_SA_H

#include <jansson.h>

#include "sadb.h"

/* The caller owns what is returned. NULL: no memory. */
json_t *status_sa(const struct agent *a, const struct sa *sa);

#endif
