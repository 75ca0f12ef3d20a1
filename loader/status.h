/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* "espalier status": what holds, what was counted, which SAs there are. */
#ifndef ESPALIER_STATUS_H
#define ESPALIER_STATUS_H

#include <stdbool.h>

#include "conf.h"

/* Print to stdout, for people or as one JSON document. Returns 0 or a negative
 * errno with a sentence. */
int esl_status(const struct esl_conf *c, bool json, char error[ESL_ERROR_MAX]);

#endif
