/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the agent says of itself, over RUN/status.sock. */
#ifndef ESPALIER_AGENT_STATUS_H
#define ESPALIER_AGENT_STATUS_H

#include <jansson.h>

#include "conf.h"

/* The agent's JSON document, to be released by the caller; NULL where no agent
 * answers within a second. */
json_t *esl_agent_status(const struct esl_conf *c);

#endif
