/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef ESPALIER_STATUS_TEXT_H
#define ESPALIER_STATUS_TEXT_H

#include <jansson.h>

#include "conf.h"

/* "inside", "outside", in the order of the roles. */
extern const char *const esl_side_names[ESL_ROLES];

/* Print what the document of "espalier status --json" says. */
void esl_status_print(const struct esl_conf *c, json_t *document);

#endif
