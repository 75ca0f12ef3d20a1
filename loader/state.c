// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "state.h"

#define VERSION 2

const char *esl_state_path(const struct esl_conf *c, char *buf, size_t size)
{
	snprintf(buf, size, "%s/state.json", c->run);
	return buf;
}

static json_t *device_json(const struct esl_state_device *d)
{
	json_t *off = json_array();
	int i;

	for (i = 0; i < ESL_OFFLOADS; i++)
		json_array_append_new(off, json_boolean(d->offload_off[i]));
	return json_pack("{ss, sI, sI, sI, sI, sI, sb, sb, so}", "name", d->name, "ifindex",
			 (json_int_t)d->ifindex, "xdp_id", (json_int_t)d->xdp_id, "xdp_top",
			 (json_int_t)d->xdp_top, "guard_id", (json_int_t)d->guard_id, "retype_id",
			 (json_int_t)d->retype_id, "clsact", d->clsact, "created", d->created,
			 "offload_off", off);
}

static int device_parse(json_t *j, struct esl_state_device *d)
{
	json_int_t ifindex, xdp, top, guard, retype;
	int i, clsact, created;
	const char *name;
	json_t *off;

	if (json_unpack(j, "{ss, sI, sI, sI, sI, sI, sb, sb, so}", "name", &name, "ifindex",
			&ifindex, "xdp_id", &xdp, "xdp_top", &top, "guard_id", &guard, "retype_id",
			&retype, "clsact", &clsact, "created", &created, "offload_off", &off) ||
	    strlen(name) >= sizeof(d->name) || json_array_size(off) != ESL_OFFLOADS)
		return -EPROTO;
	strcpy(d->name, name);
	d->ifindex = ifindex;
	d->xdp_id = xdp;
	d->xdp_top = top;
	d->guard_id = guard;
	d->retype_id = retype;
	d->clsact = clsact;
	d->created = created;
	for (i = 0; i < ESL_OFFLOADS; i++)
		d->offload_off[i] = json_is_true(json_array_get(off, i));
	return 0;
}

/* "" where none was added. */
static json_t *addresses_json(const struct esl_state *s)
{
	json_t *list = json_array();
	char text[INET6_ADDRSTRLEN];
	int i;

	for (i = 0; i < ESL_ADDRESSES; i++)
		json_array_append_new(list, json_string(esl_addr_none(&s->address[i]) ? "" :
							esl_address_text(&s->address[i], text)));
	return list;
}

static int addresses_parse(json_t *list, struct esl_state *s)
{
	int i;

	for (i = 0; i < ESL_ADDRESSES; i++) {
		const char *text = json_string_value(json_array_get(list, i));

		if (!text || (text[0] && !esl_address_read(text, &s->address[i])))
			return -EPROTO;
	}
	return 0;
}

static json_t *state_json(const struct esl_state *s)
{
	json_t *devices = json_array(), *sysctls = json_array();
	int i;

	for (i = 0; i < ESL_DEVICES; i++)
		json_array_append_new(devices, device_json(&s->device[i]));
	for (i = 0; i < s->sysctl_count; i++)
		json_array_append_new(sysctls,
				      json_pack("{ss, si, si}", "path", s->sysctl[i].path, "before",
						s->sysctl[i].before, "now", s->sysctl[i].now));
	return json_pack("{si, si, ss, sb, sb, sb, so, so, so, ss*, ss*}", "version", VERSION, "mode",
			 (int)s->mode, "bpffs", s->bpffs, "pinned", s->pinned, "mounted", s->mounted,
			 "no_frags", s->no_frags, "devices", devices, "addresses", addresses_json(s),
			 "sysctls", sysctls, "rules", s->rules, "rules_text", s->rules_text);
}

static int sysctls_parse(json_t *list, struct esl_state *s)
{
	size_t i;
	json_t *j;

	json_array_foreach(list, i, j) {
		int before, now;
		const char *path;

		if (json_unpack(j, "{ss, si, si}", "path", &path, "before", &before, "now", &now) ||
		    strlen(path) >= ESL_SYSCTL_PATH || strncmp(path, "/proc/sys/net/", 14))
			return -EPROTO;
		esl_state_add_sysctl(s, path, before, now);
	}
	return 0;
}

static int copy_text(const char *from, char **to)
{
	*to = from ? strdup(from) : NULL;
	return from && !*to ? -ENOMEM : 0;
}

static int state_parse(json_t *j, struct esl_state *s)
{
	int i, version, mode, pinned, mounted, no_frags, err;
	const char *bpffs, *rules = NULL, *text = NULL;
	json_t *devices, *addresses, *sysctls;

	if (json_unpack(j, "{si, si, ss, sb, sb, sb, so, so, so, s?s, s?s}", "version", &version,
			"mode", &mode, "bpffs", &bpffs, "pinned", &pinned, "mounted", &mounted,
			"no_frags", &no_frags, "devices", &devices, "addresses", &addresses,
			"sysctls", &sysctls, "rules", &rules, "rules_text", &text) ||
	    version != VERSION || json_array_size(devices) != ESL_DEVICES ||
	    strlen(bpffs) >= sizeof(s->bpffs))
		return -EPROTO;
	s->mode = mode;
	strcpy(s->bpffs, bpffs);
	s->pinned = pinned;
	s->mounted = mounted;
	s->no_frags = no_frags;
	for (i = 0; i < ESL_DEVICES; i++)
		if (device_parse(json_array_get(devices, i), &s->device[i]))
			return -EPROTO;
	err = addresses_parse(addresses, s);
	if (!err)
		err = sysctls_parse(sysctls, s);
	if (!err)
		err = copy_text(rules, &s->rules);
	if (!err)
		err = copy_text(text, &s->rules_text);
	return err;
}

int esl_state_read(const struct esl_conf *c, struct esl_state *s)
{
	struct esl_state read = {};
	char path[512];
	json_t *j;
	int err;

	if (access(esl_state_path(c, path, sizeof(path)), F_OK) < 0)
		return -errno;
	j = json_load_file(path, 0, NULL);
	if (!j)
		return -EPROTO;
	err = state_parse(j, &read);
	json_decref(j);
	if (err)
		esl_state_free(&read);
	else
		*s = read;
	return err;
}

int esl_state_write(const struct esl_conf *c, const struct esl_state *s)
{
	char path[512], next[520];
	json_t *j = state_json(s);
	int fd, err = 0;

	if (!j)
		return -ENOMEM;
	esl_state_path(c, path, sizeof(path));
	snprintf(next, sizeof(next), "%s.new", path);
	fd = open(next, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0) {
		err = -errno;
		goto out;
	}
	if (json_dumpfd(j, fd, JSON_INDENT(1)) || fsync(fd) < 0)
		err = -EIO;
	close(fd);
	if (!err && rename(next, path) < 0)
		err = -errno;
	if (err)
		unlink(next);
out:
	json_decref(j);
	return err;
}

int esl_state_remove(const struct esl_conf *c)
{
	char path[512];

	if (unlink(esl_state_path(c, path, sizeof(path))) < 0 && errno != ENOENT)
		return -errno;
	return 0;
}

void esl_state_free(struct esl_state *s)
{
	free(s->rules);
	free(s->rules_text);
	s->rules = NULL;
	s->rules_text = NULL;
}

void esl_state_add_sysctl(struct esl_state *s, const char *path, int before, int now)
{
	struct esl_state_sysctl *e = s->sysctl;
	int i;

	for (i = 0; i < s->sysctl_count; i++, e++) {
		if (!strcmp(e->path, path)) {
			e->now = now;
			return;
		}
	}
	if (i == ESL_SYSCTLS_MAX)
		return;
	snprintf(e->path, sizeof(e->path), "%s", path);
	e->before = before;
	e->now = now;
	s->sysctl_count++;
}

static void merge_device(struct esl_state_device *d, const struct esl_state_device *more)
{
	int i;

	if (more->name[0]) {
		memcpy(d->name, more->name, sizeof(d->name));
		d->ifindex = more->ifindex;
	}
	if (more->xdp_id) {
		d->xdp_id = more->xdp_id;
		d->xdp_top = more->xdp_top;
	}
	if (more->guard_id)
		d->guard_id = more->guard_id;
	if (more->retype_id)
		d->retype_id = more->retype_id;
	d->clsact |= more->clsact;
	d->created |= more->created;
	for (i = 0; i < ESL_OFFLOADS; i++)
		d->offload_off[i] |= more->offload_off[i];
}

/* Owned texts: to gets a copy of what from has. */
static int merge_text(char **to, const char *from)
{
	char *copy;

	if (!from || copy_text(from, &copy))
		return from ? -ENOMEM : 0;
	free(*to);
	*to = copy;
	return 0;
}

int esl_state_merge(struct esl_state *s, const struct esl_state *more)
{
	int i;

	if (merge_text(&s->rules, more->rules) || merge_text(&s->rules_text, more->rules_text))
		return -ENOMEM;
	for (i = 0; i < ESL_DEVICES; i++)
		merge_device(&s->device[i], &more->device[i]);
	for (i = 0; i < more->sysctl_count; i++)
		esl_state_add_sysctl(s, more->sysctl[i].path, more->sysctl[i].before,
				     more->sysctl[i].now);
	for (i = 0; i < ESL_ADDRESSES; i++)
		if (!esl_addr_none(&more->address[i]))
			s->address[i] = more->address[i];
	s->mode = more->mode;
	memcpy(s->bpffs, more->bpffs, sizeof(s->bpffs));
	s->pinned |= more->pinned;
	s->mounted |= more->mounted;
	s->no_frags |= more->no_frags;
	return 0;
}
