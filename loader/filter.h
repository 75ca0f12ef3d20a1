/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Programs at TC (clsact) hooks: the guard at egress, the helper at ingress. */
#ifndef ESPALIER_FILTER_H
#define ESPALIER_FILTER_H

#include <stdbool.h>

#include "nl.h"

#include <linux/types.h>

enum esl_hook { ESL_INGRESS, ESL_EGRESS, ESL_HOOKS };

/* The filter that runs first at a hook. */
struct esl_filter {
	__u32 pref;
	__u32 handle;
	__u32 prog_id;		/* 0: not a BPF classifier */
	char prog_name[64];
	bool direct;		/* the program's return value is the verdict */
};

/* Returns 0, -ENOENT where no filter is, or another negative errno. */
int esl_filter_first(struct mnl_socket *nl, __u32 ifindex, enum esl_hook hook,
		     struct esl_filter *ret);

/* Is the program at espalier's own place at a hook, first or not? */
bool esl_filter_has(__u32 ifindex, enum esl_hook hook, __u32 prog_id);

/* Number of tcx programs at egress, which run before clsact; 0 on kernels without tcx. */
int esl_filter_tcx(__u32 ifindex);

/* Returns 1 when clsact was created, 0 when it was there, or a negative errno. */
int esl_filter_clsact(__u32 ifindex);
int esl_filter_clsact_remove(__u32 ifindex);

/* Attach as preference 1, handle 1; -EEXIST where that place is taken, unless
 * what is there is to be replaced, without a moment in between. */
int esl_filter_attach(__u32 ifindex, enum esl_hook hook, int prog_fd, bool replace);
int esl_filter_detach(__u32 ifindex, enum esl_hook hook);

#endif
