/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The BPF object, from the bytes inside the program or from a file. */
#ifndef ESPALIER_OBJECT_H
#define ESPALIER_OBJECT_H

#include <bpf/libbpf.h>

#include "conf.h"

enum esl_object_part { ESL_PART_TC, ESL_PART_XDP };

/*
 * Open, not load: of its programs only those of one part will be loaded, for
 * libxdp loads the object of an XDP program by itself.  Maps are pinned below
 * c->bpffs, and those that are pinned there are used.  file NULL: the bytes
 * inside.  Returns 0 or a negative errno with a sentence.
 */
int esl_object_open(const struct esl_conf *c, const char *file, enum esl_object_part part,
		    struct bpf_object **ret, char error[ESL_ERROR_MAX]);

#endif
