/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The nftables rules: no door but the outside device for the cluster's ESP, AH
 * and UDP 4500, in or out, with or without the agent; nothing on a cluster MAC
 * past the XDP program; and ESP, AH and UDP 4500 on their way out go through
 * the gate device, where the guard tests their numbers.
 */
#ifndef ESPALIER_RULES_H
#define ESPALIER_RULES_H

#include "conf.h"

/* The commands that install the rules in one transaction, in place of what bears
 * the same name; the caller frees them. NULL without memory. */
char *esl_rules_text(const struct esl_conf *c);

/*
 * Run them.  *ret_listing is what the kernel then lists, to be compared with
 * later; the caller frees it.
 */
int esl_rules_install(const char *text, char **ret_listing, char error[ESL_ERROR_MAX]);

/* Remove both tables; 0 where they are not there. */
int esl_rules_remove(char error[ESL_ERROR_MAX]);

/*
 * Do the tables list as they did?  1 yes, 0 no, or a negative errno.  Asked
 * again while the kernel's ruleset has the same generation, the answer costs
 * one small message.
 */
int esl_rules_compare(const char *listing);

#endif
