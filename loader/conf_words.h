/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The words of the configuration file that stand for a choice. */
#ifndef ESPALIER_CONF_WORDS_H
#define ESPALIER_CONF_WORDS_H

/* The last of a table has no name. */
struct esl_choice {
	const char *name;
	int value;
};

extern const struct esl_choice esl_schemes[];	/* enum esl_scheme */
extern const struct esl_choice esl_modes[];	/* enum esl_mode */
extern const struct esl_choice esl_mac_modes[];	/* enum esl_mac_mode */
extern const struct esl_choice esl_quorums[];	/* enum esl_quorum */
extern const struct esl_choice esl_answers[];	/* does the program answer? */
extern const struct esl_choice esl_cpu_modes[];	/* enum esl_cpu_mode */

/* "unknown" where no word stands for value. */
const char *esl_choice_name(const struct esl_choice *choices, int value);

#endif
