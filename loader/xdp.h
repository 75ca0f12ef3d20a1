/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The XDP program on a NIC, through libxdp, so that others work beside it. */
#ifndef ESPALIER_XDP_H
#define ESPALIER_XDP_H

#include <bpf/libbpf.h>

#include "conf.h"
#include "state.h"

/* What is on a NIC. */
struct esl_xdp {
	__u32 top;		/* id of the program that the kernel runs; 0: none */
	__u32 ours;		/* id of espalier's own; 0: not there */
	__u32 foreign;		/* programs of others */
	bool dispatcher;
	bool skb;		/* generic mode */
};

struct xdp_program;

/* Ask the kernel. Programs are known by name. Returns 0 or a negative errno. */
int esl_xdp_look(__u32 ifindex, struct esl_xdp *ret);

/* A program that is to be replaced. */
struct esl_xdp_held {
	struct xdp_program *program;	/* NULL: none */
	__u32 id;
	bool skb;
	bool dispatcher;
};

/* Keep the program that x says is ours, for esl_xdp_put_back. */
int esl_xdp_hold(const struct esl_xdp *x, struct esl_xdp_held *ret);

/* Attach what was held unless espalier's program is there; 0 where nothing was. */
int esl_xdp_put_back(__u32 ifindex, const struct esl_xdp_held *h);

/*
 * Attach ESL_PROG_XDP of obj (opened, not loaded) to every side whose bit is
 * set in sides, in place of what is held for it, and note it in did.  frags: it
 * takes frames of several buffers; all programs that share espalier_cpus must
 * agree.  Returns 0 or a negative errno with a sentence, then some sides may be
 * attached: did knows which.
 */
int esl_xdp_attach(const struct esl_conf *c, struct bpf_object *obj, bool frags, unsigned int sides,
		   const struct esl_xdp_held held[ESL_ROLES], struct esl_state *did,
		   char error[ESL_ERROR_MAX]);

/* Take the program with this id off; 0 where it is not there. */
int esl_xdp_detach(__u32 ifindex, __u32 id);

#endif
