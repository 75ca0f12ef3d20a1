// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Steps that bring BPF into place: bpffs, maps, guards, XDP. */
#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "cpus.h"
#include "error.h"
#include "filter.h"
#include "load.h"
#include "object.h"
#include "own.h"
#include "pins.h"
#include "xdp.h"

#define BPFFS "/sys/fs/bpf"

static bool is_bpffs(const char *path)
{
	struct statfs fs;

	return !statfs(path, &fs) && (__u32)fs.f_type == BPF_FS_MAGIC;
}

static int mount_apply(struct esl_run *r)
{
	const char *dir = r->conf->bpffs;
	char parent[256];
	char *slash;

	if (!strncmp(dir, BPFFS "/", sizeof(BPFFS)) && !is_bpffs(BPFFS)) {
		if (mount("bpf", BPFFS, "bpf", 0, "mode=0700"))
			return esl_error(r->error, errno, "bpffs cannot be mounted at " BPFFS " (%s)",
					 strerror(errno));
		r->did.mounted = true;
	}
	snprintf(parent, sizeof(parent), "%s", dir);
	slash = strrchr(parent, '/');
	if (slash != parent)
		*slash = '\0';
	if (!is_bpffs(is_bpffs(dir) ? dir : parent))
		return esl_error(r->error, ENOTDIR, "%s is not below a mounted bpffs", dir);
	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return esl_error(r->error, errno, "%s cannot be created (%s)", dir, strerror(errno));
	return 0;
}

/* Unmounting would remove what others have pinned meanwhile. */
static int mount_remove(struct esl_run *r, const struct esl_state *what)
{
	struct dirent *e;
	bool empty = true;
	DIR *d;

	(void)r;
	rmdir(what->bpffs);
	if (!what->mounted || !is_bpffs(BPFFS))
		return 0;
	d = opendir(BPFFS);
	if (!d)
		return 0;
	while ((e = readdir(d)))
		empty &= !strcmp(e->d_name, ".") || !strcmp(e->d_name, "..");
	closedir(d);
	if (empty)
		umount2(BPFFS, UMOUNT_NOFOLLOW);
	return 0;
}

const struct esl_step esl_step_mount = { "bpffs", mount_apply, mount_remove };

static bool directory_empty(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *e;
	bool empty = true;

	if (!d)
		return true;
	while ((e = readdir(d)))
		empty &= e->d_name[0] == '.';
	closedir(d);
	return empty;
}

static int load_tc(struct esl_run *r)
{
	int err;

	if (r->tc)
		return 0;
	err = esl_object_open(r->conf, r->object, ESL_PART_TC, &r->tc, r->error);
	if (err)
		return err;
	err = bpf_object__load(r->tc);
	if (err)
		return esl_error(r->error, -err, "the kernel refuses the programs or maps (%s)",
				 strerror(-err));
	return 0;
}

int esl_run_own(struct esl_run *r, struct esl_pins *pins)
{
	int err = esl_own_update(r->conf, pins);

	if (err < 0)
		return esl_error(r->error, -err, "this machine's own addresses cannot be listed (%s)",
				 strerror(-err));
	if (err)
		fprintf(stderr, "espalier: WARNING: more than %d own addresses, the others cannot be "
			"reached through the cluster's interfaces\n", ESL_OWN_MAX);
	return 0;
}

/* fd: of the CPU map. */
static int fill_cpus(struct esl_run *r, int fd)
{
	int err = esl_cpus_fill(r->conf, fd);

	return err ? esl_error(r->error, -err, "owned packets cannot be spread over %u CPUs (%s)",
			       r->conf->cpu_count, strerror(-err)) : 0;
}

/* Pins of another layout are refused before libbpf would try to use them, and
 * none that exists is ever replaced: the guard's words are the cluster's memory
 * of the numbers that left. */
static int maps_apply(struct esl_run *r)
{
	bool none = directory_empty(r->conf->bpffs);
	struct esl_pins pins;
	int i, err = esl_pins_open(r->conf, &pins, r->error);

	if (err == -ENOENT) {
		for (i = 0; i < ESL_DEVICES; i++) {
			esl_pins_rescue(r->conf, r->state.device[i].guard_id);
			esl_pins_rescue(r->conf, r->state.device[i].xdp_id);
		}
		err = esl_pins_open(r->conf, &pins, r->error);
	}
	if (err == -ENOENT) {
		r->fresh = true;
		r->did.pinned = none;
		err = load_tc(r);
		if (!err)
			err = esl_pins_open(r->conf, &pins, r->error);
	}
	if (err)
		return err;
	err = fill_cpus(r, pins.cpus);
	if (!err)
		err = esl_pins_configured(r->conf, &pins, r->error);
	if (!err)
		err = esl_pins_configure(r->conf, &pins, r->error);
	if (err >= 0)
		err = esl_run_own(r, &pins);
	esl_pins_close(&pins);
	return err;
}

static int maps_remove(struct esl_run *r, const struct esl_state *what)
{
	(void)r;
	return what->pinned ? esl_pins_unlink(what->bpffs) : 0;
}

const struct esl_step esl_step_maps = { "maps", maps_apply, maps_remove };

/* libbpf names a filter after its program and id: "espalier_egress:[123]". */
static bool filter_is(const struct esl_filter *f, const char *program)
{
	return f->prog_id && f->direct && !strncmp(f->prog_name, program, strlen(program));
}

static __u32 *filter_id(struct esl_state *s, int device, enum esl_hook hook)
{
	return hook == ESL_EGRESS ? &s->device[device].guard_id : &s->device[device].retype_id;
}

/* 1: the program is first already; 0: it may be put there; or a negative errno. */
static int filter_place(struct esl_run *r, int device, enum esl_hook hook, const char *program)
{
	const struct esl_state_device *d = &r->did.device[device];
	struct esl_filter f;
	int err = esl_filter_first(r->nl, d->ifindex, hook, &f);

	if (!err && filter_is(&f, program)) {
		if (!r->fresh) {
			*filter_id(&r->state, device, hook) = f.prog_id;
			return 1;
		}
		err = bpf_prog_get_fd_by_id(f.prog_id);
		if (err >= 0) {
			r->filter_before[device][hook] = err;
			return 0;
		}
	} else if (!err && f.pref == 1) {
		return esl_error(r->error, EEXIST, "interface %s: another TC filter at %s has "
				 "preference 1, where espalier must be first", d->name,
				 hook == ESL_EGRESS ? "egress" : "ingress");
	}
	if (err && err != -ENOENT)
		return esl_error(r->error, -err, "interface %s: TC filters cannot be read (%s)", d->name,
				 strerror(-err));
	return 0;
}

static int attach_filter(struct esl_run *r, int device, enum esl_hook hook, const char *program)
{
	const struct esl_state_device *d = &r->did.device[device];
	struct bpf_program *prog;
	struct esl_filter f;
	int err = filter_place(r, device, hook, program);

	if (err)
		return err < 0 ? err : 0;
	err = load_tc(r);
	if (err)
		return err;
	prog = bpf_object__find_program_by_name(r->tc, program);
	err = prog ? esl_filter_attach(d->ifindex, hook, bpf_program__fd(prog),
				       r->filter_before[device][hook] != 0) : -ENOENT;
	if (!err)
		err = esl_filter_first(r->nl, d->ifindex, hook, &f);
	if (err)
		return esl_error(r->error, -err, "interface %s: program %s cannot be attached to TC "
				 "(%s)", d->name, program, strerror(-err));
	*filter_id(&r->did, device, hook) = f.prog_id;
	return 0;
}

static int guard_device(struct esl_run *r, int device)
{
	struct esl_state_device *d = &r->did.device[device];
	struct esl_link link;
	int err = esl_run_device(r, device, &link);

	if (err)
		return err;
	if (esl_filter_tcx(d->ifindex))
		return esl_error(r->error, EEXIST, "interface %s: a tcx program at egress would run "
				 "before the guard", d->name);
	err = esl_filter_clsact(d->ifindex);
	if (err < 0)
		return esl_error(r->error, -err, "interface %s: clsact cannot be added (%s)", d->name,
				 strerror(-err));
	if (err)
		d->clsact = true;
	err = attach_filter(r, device, ESL_EGRESS, ESL_PROG_GUARD);
	if (!err && device != ESL_GATE && !strcmp(link.kind, "veth"))
		err = attach_filter(r, device, ESL_INGRESS, ESL_PROG_RETYPE);
	return err;
}

static int guards_apply(struct esl_run *r)
{
	int i, err = 0;

	for (i = 0; i < ESL_DEVICES && !err; i++)
		err = guard_device(r, i);
	return err;
}

/* before: what this run replaced. */
static int unguard_hook(struct esl_run *r, __u32 ifindex, enum esl_hook hook, __u32 id,
			const char *program, int before)
{
	struct esl_filter f;

	if (!id || esl_filter_first(r->nl, ifindex, hook, &f) || !filter_is(&f, program))
		return 0;
	if (before)
		return esl_filter_attach(ifindex, hook, before, true);
	return esl_filter_detach(ifindex, hook);
}

static int guards_remove(struct esl_run *r, const struct esl_state *what)
{
	static const int none[ESL_HOOKS];
	int i, err, ret = 0;

	for (i = 0; i < ESL_DEVICES; i++) {
		const int *before = what == &r->did ? r->filter_before[i] : none;
		const struct esl_state_device *d = &what->device[i];
		struct esl_filter f;
		struct esl_link link;

		if (!d->name[0] || esl_link_get(r->nl, d->name, &link))
			continue;
		err = unguard_hook(r, link.ifindex, ESL_EGRESS, d->guard_id, ESL_PROG_GUARD,
				   before[ESL_EGRESS]);
		if (!err)
			err = unguard_hook(r, link.ifindex, ESL_INGRESS, d->retype_id,
					   ESL_PROG_RETYPE, before[ESL_INGRESS]);
		/* Somebody may have come to use the clsact that we made. */
		if (!err && d->clsact &&
		    esl_filter_first(r->nl, link.ifindex, ESL_EGRESS, &f) == -ENOENT &&
		    esl_filter_first(r->nl, link.ifindex, ESL_INGRESS, &f) == -ENOENT)
			err = esl_filter_clsact_remove(link.ifindex);
		if (err && err != -ENOENT)
			ret = err;
	}
	return ret;
}

const struct esl_step esl_step_guards = { "guards", guards_apply, guards_remove };

/* Which sides need the program? One in place that is in another mode, or uses
 * maps that are no longer pinned, is to be replaced. */
static int xdp_missing(struct esl_run *r, unsigned int *ret)
{
	unsigned int sides = 0;
	struct esl_xdp x;
	int i, err;

	for (i = 0; i < ESL_ROLES; i++) {
		struct esl_state_device *d = &r->did.device[i];

		err = esl_xdp_look(d->ifindex, &x);
		if (!err && x.ours && !r->fresh && x.skb == (r->conf->mode == ESL_MODE_SKB)) {
			r->state.device[i].xdp_id = x.ours;
			r->state.device[i].xdp_top = x.top;
			continue;
		}
		if (!err && x.ours)
			err = esl_xdp_hold(&x, &r->xdp_before[i]);
		if (err)
			return esl_error(r->error, -err, "interface %s: XDP programs cannot be read (%s)",
					 d->name, strerror(-err));
		sides |= 1u << i;
	}
	*ret = sides;
	return 0;
}

static int attach_sides(struct esl_run *r, unsigned int sides, bool frags)
{
	struct bpf_object *obj;
	int err = esl_object_open(r->conf, r->object, ESL_PART_XDP, &obj, r->error);

	if (err)
		return err;
	err = esl_xdp_attach(r->conf, obj, frags, sides, r->xdp_before, &r->did, r->error);
	bpf_object__close(obj);
	return err;
}

static void detach_sides(struct esl_run *r)
{
	int i;

	for (i = 0; i < ESL_ROLES; i++) {
		esl_xdp_detach(r->did.device[i].ifindex, r->did.device[i].xdp_id);
		r->did.device[i].xdp_id = 0;
	}
}

/* The CPU map belongs to programs with frags from the first that uses it on, so
 * another takes its place; the old one comes back if that does not help. */
static int attach_without_frags(struct esl_run *r, unsigned int sides)
{
	char path[512];
	int old, new, err;

	detach_sides(r);
	snprintf(path, sizeof(path), "%s/" ESL_MAP_PREFIX "cpus", r->conf->bpffs);
	old = bpf_obj_get(path);
	unlink(path);
	err = attach_sides(r, sides, false);
	new = bpf_obj_get(path);
	if (!err)
		err = fill_cpus(r, new);
	if (new >= 0)
		close(new);
	if (err && old >= 0) {
		unlink(path);
		bpf_obj_pin(old, path);
	}
	if (old >= 0)
		close(old);
	if (err)
		return err;
	r->did.no_frags = true;
	fprintf(stderr, "espalier: WARNING: the XDP program was refused with support for frames of several "
		"buffers and is attached without: jumbo frames may be refused\n");
	return 0;
}

static int xdp_apply(struct esl_run *r)
{
	unsigned int sides = 0;
	int err = xdp_missing(r, &sides);

	if (err || !sides)
		return err;
	err = attach_sides(r, sides, !r->state.no_frags);
	/* One side alone must do as the other does. */
	if ((err == -EINVAL || err == -EOPNOTSUPP) && !r->state.no_frags && sides == (1u << ESL_ROLES) - 1)
		err = attach_without_frags(r, sides);
	return err;
}

static int xdp_remove(struct esl_run *r, const struct esl_state *what)
{
	int i, err, ret = 0;

	for (i = 0; i < ESL_ROLES; i++) {
		const struct esl_state_device *d = &what->device[i];
		struct esl_link link;

		if (!d->name[0] || esl_link_get(r->nl, d->name, &link))
			continue;
		err = esl_xdp_detach(link.ifindex, d->xdp_id);
		if (!err && what == &r->did)
			err = esl_xdp_put_back(link.ifindex, &r->xdp_before[i]);
		if (err)
			ret = err;
	}
	return ret;
}

const struct esl_step esl_step_xdp = { "XDP program", xdp_apply, xdp_remove };
