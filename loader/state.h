/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a load changed on this machine, so that unload puts back exactly that.
 * Kept in RUN/state.json, replaced by rename.
 */
#ifndef ESPALIER_STATE_H
#define ESPALIER_STATE_H

#include "address.h"
#include "conf.h"
#include "link.h"
#include "sysctl.h"

#define ESL_GATE ESL_ROLES	/* device index of the gate, after inside and outside */
#define ESL_DEVICES (ESL_ROLES + 1)
#define ESL_SYSCTLS_MAX 16

struct esl_state_device {
	char name[IFNAMSIZ];
	__u32 ifindex;
	__u32 xdp_id;			/* our program; 0: none */
	__u32 xdp_top;			/* what the kernel names: our program, or the dispatcher */
	__u32 guard_id;
	__u32 retype_id;		/* 0: not attached */
	bool clsact;			/* created by us */
	bool created;			/* the device itself, only the gate */
	bool offload_off[ESL_OFFLOADS];	/* turned off by us */
};

struct esl_state_sysctl {
	char path[ESL_SYSCTL_PATH];
	int before, now;
};

struct esl_state {
	enum esl_mode mode;
	char bpffs[256];
	bool pinned;			/* the maps */
	bool mounted;			/* /sys/fs/bpf, by us */
	bool no_frags;			/* the XDP programs cannot have frames of several buffers */
	struct esl_state_device device[ESL_DEVICES];
	struct esl_addr address[ESL_ADDRESSES];	/* added to lo by us; none: not */
	struct esl_state_sysctl sysctl[ESL_SYSCTLS_MAX];
	int sysctl_count;
	char *rules;			/* listing; NULL: not installed. Owned */
	char *rules_text;		/* what was installed. Owned */
};

/* Returns 0, -ENOENT where there is no file, -EPROTO where it cannot be understood. */
int esl_state_read(const struct esl_conf *c, struct esl_state *s);
int esl_state_write(const struct esl_conf *c, const struct esl_state *s);
int esl_state_remove(const struct esl_conf *c);
void esl_state_free(struct esl_state *s);

/* Write the path of the file into buf and return it. */
const char *esl_state_path(const struct esl_conf *c, char *buf, size_t size);

/* Record that a sysctl was changed; what it was before the first change is kept. */
void esl_state_add_sysctl(struct esl_state *s, const char *path, int before, int now);

/* Let s also know what more did. Doing it twice changes nothing. */
int esl_state_merge(struct esl_state *s, const struct esl_state *more);

#endif
