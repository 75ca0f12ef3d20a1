/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Values of the configuration file: a table of keys says which settings a
 * group may have, where each goes and what it may be.
 */
#ifndef ESPALIER_CONF_VALUE_H
#define ESPALIER_CONF_VALUE_H

#include <libconfig.h>
#include <stdbool.h>

#include "conf.h"
#include "conf_words.h"

struct esl_reader {
	const char *path;
	char *error;
};

struct esl_key {
	const char *name;
	/* Turn s into the field at dst. s NULL: the fallback is to be used. */
	int (*parse)(struct esl_reader *rd, const struct esl_key *k, config_setting_t *s, void *dst);
	size_t offset;
	bool required;
	long min, max;		/* of numbers */
	const char *fallback;	/* of an absent text */
	long number;		/* of an absent number */
	size_t size;		/* of the field of a text */
	const struct esl_choice *choices;
};

/* Read every key of the table from group into the record at base; refuse what
 * the table does not name. The table ends with a NULL name. */
int esl_group_read(struct esl_reader *rd, const struct esl_key *keys, config_setting_t *group,
		   void *base);

/* "FILE:LINE: KEY: sentence"; name is the part of KEY below s, or NULL. Returns -EINVAL. */
int esl_conf_complain(struct esl_reader *rd, const config_setting_t *s, const char *name,
		      const char *format, ...) __attribute__((format(printf, 4, 5)));

int esl_parse_number(struct esl_reader *rd, const struct esl_key *k, config_setting_t *s, void *dst);
int esl_parse_power(struct esl_reader *rd, const struct esl_key *k, config_setting_t *s, void *dst);
int esl_parse_interface(struct esl_reader *rd, const struct esl_key *k, config_setting_t *s,
			void *dst);
/* IPv4, IPv6, or either as struct esl_addr; all of a unicast address of a machine. Absent: all 0. */
int esl_parse_address4(struct esl_reader *rd, const struct esl_key *k, config_setting_t *s, void *dst);
int esl_parse_address6(struct esl_reader *rd, const struct esl_key *k, config_setting_t *s, void *dst);
int esl_parse_address(struct esl_reader *rd, const struct esl_key *k, config_setting_t *s, void *dst);
/* An IPv4 multicast address, or "none": 0.0.0.0. */
int esl_parse_group4(struct esl_reader *rd, const struct esl_key *k, config_setting_t *s, void *dst);
/* Absent: all 0, which no MAC of the file is. */
int esl_parse_mac(struct esl_reader *rd, const struct esl_key *k, config_setting_t *s, void *dst);
int esl_parse_path(struct esl_reader *rd, const struct esl_key *k, config_setting_t *s, void *dst);
/* An int: a value of k->choices, of the fallback's name where absent. */
int esl_parse_choice(struct esl_reader *rd, const struct esl_key *k, config_setting_t *s, void *dst);

#endif
