/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The text of a configuration file, made ready for libconfig, which reads a
 * number without suffix with 32 bits and forgets the rest: each whole number
 * gets the suffix for 64 bits, so that its range can be checked.
 */
#ifndef ESPALIER_CONF_TEXT_H
#define ESPALIER_CONF_TEXT_H

#include "conf.h"

/* Returns 0 and a text to be freed, or a negative errno with a sentence. */
int esl_conf_text(const char *path, char **ret, char error[ESL_ERROR_MAX]);

#endif
