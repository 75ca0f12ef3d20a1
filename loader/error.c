// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <stdarg.h>
#include <stdio.h>

#include "error.h"

int esl_error(char *error, int code, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(error, ESL_ERROR_MAX, format, ap);
	va_end(ap);
	return -code;
}
