/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One sentence for people beside each negative errno. */
#ifndef ESPALIER_ERROR_H
#define ESPALIER_ERROR_H

#include "conf.h"

/* Write the sentence into error[ESL_ERROR_MAX]; returns -code. */
int esl_error(char *error, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
