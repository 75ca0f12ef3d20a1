/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What of a configuration depends on more than one of its keys. */
#ifndef ESPALIER_CONF_CHECK_H
#define ESPALIER_CONF_CHECK_H

#include "conf_value.h"

/*
 * Complete c, as read from root, and refuse what does not fit together.
 * Members and peers are still in the order of the file.
 */
int esl_conf_check(struct esl_reader *rd, config_setting_t *root, struct esl_conf *c);

#endif
