/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Load and unload: an ordered table of steps.  A step brings one thing into
 * place where it is missing and notes in "did" what it changed; its other half
 * takes away what a record says.  So one pair of functions serves load, repair,
 * the unwinding of a failed load, and unload.
 */
#ifndef ESPALIER_LOAD_H
#define ESPALIER_LOAD_H

#include "filter.h"
#include "state.h"
#include "xdp.h"

struct esl_pins;

struct esl_run {
	const struct esl_conf *conf;
	const char *object;		/* file, or NULL: the bytes inside */
	char *error;			/* ESL_ERROR_MAX */
	struct mnl_socket *nl;
	struct esl_state state;		/* what holds from before and from this run */
	struct esl_state did;		/* what this run changed */
	struct bpf_object *tc;		/* loaded where a guard was missing */
	bool fresh;			/* maps were created: every program must be attached anew */
	/* What this run replaced, held until it ends so that a failure can put it back. */
	struct esl_xdp_held xdp_before[ESL_ROLES];
	int filter_before[ESL_DEVICES][ESL_HOOKS];	/* 0: none */
};

struct esl_step {
	const char *name;
	int (*apply)(struct esl_run *r);
	/* Returns 0 where the thing is gone already. */
	int (*remove)(struct esl_run *r, const struct esl_state *what);
};

extern const struct esl_step esl_step_mount;
extern const struct esl_step esl_step_gate;
extern const struct esl_step esl_step_rules;
extern const struct esl_step esl_step_maps;
extern const struct esl_step esl_step_guards;
extern const struct esl_step esl_step_sysctls;
extern const struct esl_step esl_step_addresses;
extern const struct esl_step esl_step_offloads;
extern const struct esl_step esl_step_xdp;

/* Look up the interface of a device index and note its ifindex in r->did. */
int esl_run_device(struct esl_run *r, int device, struct esl_link *ret);

/* May this process do what load, unload and status do?  0, or -EPERM with a sentence. */
int esl_check_privilege(char error[ESL_ERROR_MAX]);

/*
 * The lock that a running agent holds.  Returns a descriptor that keeps agents from
 * starting until it is closed, -EBUSY where one runs, -ENOENT where none has run yet.
 */
int esl_agent_lock(const struct esl_conf *c);

/* The map of own addresses, with a warning where not all fit. */
int esl_run_own(struct esl_run *r, struct esl_pins *pins);

/* Everything else that can be known to be wrong before anything is changed. */
int esl_load_check(struct esl_run *r);

/*
 * All or nothing.  Returns 1 when everything was in place already, 0 when it
 * is now, or a negative errno with a sentence and what this run did undone.
 */
int esl_load_run(const struct esl_conf *c, const char *object, char error[ESL_ERROR_MAX]);

/* Put back what load changed; 0 where nothing is left to put back. */
int esl_unload_run(const struct esl_conf *c, char error[ESL_ERROR_MAX]);

#endif
