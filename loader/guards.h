/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The guard's records, mapped into memory a chunk at a time: the kernel counts
 * every page of a mapped map as resident, and most of ESL_SA_MAX are never used.
 */
#ifndef ESPALIER_GUARDS_H
#define ESPALIER_GUARDS_H

#include <espalier/abi.h>

struct esl_guards;

/* fd: of espalier_guard; it must stay open.  NULL with errno. */
struct esl_guards *esl_guards_open(int fd);
void esl_guards_close(struct esl_guards *g);

/*
 * A record, index < ESL_SA_MAX; it stays where it is until esl_guards_close().
 * Where the kernel refuses the mapping the process ends: it can guard nothing.
 */
struct esl_guard *esl_guards_at(struct esl_guards *g, __u32 index);

#endif
