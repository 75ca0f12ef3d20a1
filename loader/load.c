// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xdp/libxdp.h>

#include "error.h"
#include "filter.h"
#include "hold.h"
#include "load.h"
#include "pins.h"
#include "xdp.h"

/*
 * Rules come before the addresses that they protect and the sysctls that open
 * forwarding; maps are filled before a program reads them; XDP is last.
 */
static const struct esl_step *const steps[] = {
	&esl_step_mount,   &esl_step_gate,	&esl_step_rules, &esl_step_maps, &esl_step_guards,
	&esl_step_sysctls, &esl_step_addresses, &esl_step_offloads, &esl_step_xdp,
};
#define STEPS ((int)(sizeof(steps) / sizeof(steps[0])))

/*
 * The lock is on the directory itself, so that no lock file stays.  A directory
 * that another run removed meanwhile locks nothing.
 */
static int lock_run(const struct esl_conf *c, char *error)
{
	struct stat st;
	int fd;

	for (;;) {
		if (mkdir(c->run, 0755) < 0 && errno != EEXIST)
			return esl_error(error, errno, "%s cannot be created (%s)", c->run,
					 strerror(errno));
		fd = open(c->run, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			return esl_error(error, errno, "%s cannot be opened (%s)", c->run,
					 strerror(errno));
		if (flock(fd, LOCK_EX) < 0 || fstat(fd, &st) < 0) {
			close(fd);
			return esl_error(error, EIO, "%s cannot be locked (%s)", c->run,
					 strerror(errno));
		}
		if (st.st_nlink)
			return fd;
		close(fd);
	}
}

/* Returns the lock, or a negative errno with a sentence and nothing held. */
static int begin(struct esl_run *r, const struct esl_conf *c, char *error)
{
	int i, lock;

	memset(r, 0, sizeof(*r));
	r->conf = c;
	r->error = error;
	r->did.mode = c->mode;
	memcpy(r->did.bpffs, c->bpffs, sizeof(r->did.bpffs));
	for (i = 0; i < ESL_ROLES; i++)
		memcpy(r->did.device[i].name, c->side[i].interface, IFNAMSIZ);
	memcpy(r->did.device[ESL_GATE].name, c->gate, IFNAMSIZ);
	lock = esl_check_privilege(error);
	if (lock)
		return lock;
	r->nl = esl_nl_open(NETLINK_ROUTE);
	if (!r->nl)
		return esl_error(error, errno, "no rtnetlink socket (%s)", strerror(errno));
	lock = lock_run(c, error);
	if (lock < 0)
		mnl_socket_close(r->nl);
	return lock;
}

static void forget_before(struct esl_run *r)
{
	int i, hook;

	for (i = 0; i < ESL_ROLES; i++)
		xdp_program__close(r->xdp_before[i].program);
	for (i = 0; i < ESL_DEVICES; i++)
		for (hook = 0; hook < ESL_HOOKS; hook++)
			if (r->filter_before[i][hook])
				close(r->filter_before[i][hook]);
}

static void end(struct esl_run *r, int lock)
{
	bpf_object__close(r->tc);
	forget_before(r);
	if (r->nl)
		mnl_socket_close(r->nl);
	esl_state_free(&r->state);
	esl_state_free(&r->did);
	/* Stays where it holds the state file or the agent's socket. */
	rmdir(r->conf->run);
	close(lock);
}

/* Put back, in reverse order, what a record says. The first complaint stays in r->error. */
static int undo(struct esl_run *r, int from, const struct esl_state *what)
{
	char first[ESL_ERROR_MAX] = "";
	char *error = r->error;
	int i, err, ret = 0;

	for (i = from; i >= 0; i--) {
		char text[ESL_ERROR_MAX] = "";

		r->error = text;
		err = steps[i]->remove(r, what);
		if (!err || ret)
			continue;
		ret = err;
		if (text[0])
			esl_error(first, -err, "%s", text);
		else
			esl_error(first, -err, "%s cannot be removed (%s)", steps[i]->name,
				  strerror(-err));
	}
	r->error = error;
	if (ret)
		memcpy(error, first, ESL_ERROR_MAX);
	return ret;
}

int esl_agent_lock(const struct esl_conf *c)
{
	char path[sizeof(c->run) + 16];
	int fd, err;

	snprintf(path, sizeof(path), "%s/agent.lock", c->run);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || !flock(fd, LOCK_EX | LOCK_NB))
		return fd < 0 ? -errno : fd;
	err = errno == EWOULDBLOCK ? -EBUSY : -errno;
	close(fd);
	return err;
}

/* Everything is there, but does the kernel agree? A missing carrier may come later. */
static int verify(struct esl_run *r)
{
	struct esl_hold_report report;
	enum esl_hold h = esl_hold_check(r->conf, true, &report);
	char text[ESL_ERROR_MAX];

	if (h == ESL_HOLD_OK)
		return 0;
	esl_hold_sentence(&report, text, sizeof(text));
	if (h != ESL_HOLD_LINK_DOWN)
		return esl_error(r->error, EIO, "what was just put into place does not hold: %s", text);
	fprintf(stderr, "espalier: WARNING: %s\n", text);
	return 0;
}

static void lost(char *error, const char *unwound)
{
	size_t used = strlen(error);

	snprintf(error + used, ESL_ERROR_MAX - used, "; and what was there before cannot be put "
		 "back: %s: this member is now unloaded in part and silent", unwound);
}

/* The record on disk is never behind by more than one step. */
static int apply(struct esl_run *r)
{
	struct esl_state before = {};
	char unwound[ESL_ERROR_MAX];
	bool had = !esl_state_read(r->conf, &before);
	int i, worse, err = 0;

	for (i = 0; i < STEPS && !err; i++) {
		err = steps[i]->apply(r);
		if (!err)
			err = esl_state_merge(&r->state, &r->did);
		if (!err && esl_state_write(r->conf, &r->state))
			err = esl_error(r->error, EIO, "%s: the state file cannot be written",
					r->conf->run);
	}
	if (!err)
		err = verify(r);
	if (err) {
		char *error = r->error;

		r->error = unwound;
		worse = undo(r, i - 1, &r->did);
		r->error = error;
		if (worse)
			lost(error, unwound);
		if (had)
			esl_state_write(r->conf, &before);
		else
			esl_state_remove(r->conf);
	}
	esl_state_free(&before);
	return err;
}

static bool in_place(struct esl_run *r)
{
	struct esl_hold_report report;
	struct esl_pins pins;
	char text[ESL_ERROR_MAX];
	enum esl_hold h;
	bool same;

	if (esl_pins_open(r->conf, &pins, text))
		return false;
	h = esl_hold_check(r->conf, true, &report);
	same = r->state.mode == r->conf->mode &&
	       esl_pins_configured(r->conf, &pins, text) == 1 &&
	       (h == ESL_HOLD_OK || h == ESL_HOLD_LINK_DOWN) && !esl_run_own(r, &pins);
	esl_pins_close(&pins);
	return same;
}

static __u32 filter_of(struct esl_run *r, __u32 ifindex, enum esl_hook hook, const char *program)
{
	struct esl_filter f;

	if (esl_filter_first(r->nl, ifindex, hook, &f) ||
	    strncmp(f.prog_name, program, strlen(program)))
		return 0;
	return f.prog_id;
}

/* Without a record: what bears espalier's names. Returns whether something does. */
static bool recognise(struct esl_run *r, struct esl_state *what)
{
	char config[512];
	struct esl_link link;
	struct esl_xdp x;
	bool found;
	int i;

	*what = r->did;
	what->rules = strdup("");
	snprintf(config, sizeof(config), "%s/" ESL_MAP_PREFIX "config", r->conf->bpffs);
	what->pinned = true;
	found = !access(config, F_OK);
	for (i = 0; i < ESL_DEVICES; i++) {
		struct esl_state_device *d = &what->device[i];

		if (esl_link_get(r->nl, d->name, &link))
			continue;
		d->ifindex = link.ifindex;
		d->guard_id = filter_of(r, link.ifindex, ESL_EGRESS, ESL_PROG_GUARD);
		d->retype_id = filter_of(r, link.ifindex, ESL_INGRESS, ESL_PROG_RETYPE);
		d->clsact = d->guard_id || d->retype_id;
		d->created = i == ESL_GATE && d->guard_id;
		if (i < ESL_ROLES && !esl_xdp_look(link.ifindex, &x))
			d->xdp_id = x.ours;
		found |= d->clsact || d->xdp_id;
	}
	for (i = 0; i < ESL_ADDRESSES && found; i++)
		what->address[i] = esl_address_cluster(r->conf, i);
	return found;
}

static void silence(const struct esl_conf *c)
{
	struct esl_pins pins;
	char text[ESL_ERROR_MAX];

	if (esl_pins_open(c, &pins, text))
		return;
	esl_store(&pins.config->deadline_ns, 0);
	esl_pins_close(&pins);
}

/* What an earlier load left counts as ours, be its record lost. */
static int remember(struct esl_run *r)
{
	int err = esl_state_read(r->conf, &r->state);

	if (err && err != -ENOENT)
		return esl_error(r->error, -err, "%s/state.json cannot be understood: run espalier "
				 "unload first", r->conf->run);
	if (err && !recognise(r, &r->state)) {
		esl_state_free(&r->state);
		memset(&r->state, 0, sizeof(r->state));
	}
	return 0;
}

int esl_load_run(const struct esl_conf *c, const char *object, char error[ESL_ERROR_MAX])
{
	struct esl_run r;
	int err, lock = begin(&r, c, error);

	if (lock < 0)
		return lock;
	r.object = object;
	err = remember(&r);
	if (!err)
		err = esl_load_check(&r);
	if (!err)
		err = in_place(&r) ? 1 : apply(&r);
	end(&r, lock);
	return err;
}

static int unload(struct esl_run *r)
{
	int err;

	if (esl_state_read(r->conf, &r->state))
		recognise(r, &r->state);
	silence(r->conf);
	err = undo(r, STEPS - 1, &r->state);
	return err ? err : esl_state_remove(r->conf);
}

/* A running agent would keep the old maps open, and not know of those that the next load makes. */
int esl_unload_run(const struct esl_conf *c, char error[ESL_ERROR_MAX])
{
	struct esl_run r;
	int err, agent, lock = begin(&r, c, error);

	if (lock < 0)
		return lock;
	agent = esl_agent_lock(c);
	if (agent == -EBUSY)
		err = esl_error(error, EBUSY, "espalierd is running: stop it first");
	else
		err = unload(&r);
	if (agent >= 0)
		close(agent);
	end(&r, lock);
	return err;
}
