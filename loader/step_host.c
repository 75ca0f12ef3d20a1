// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Steps that change the host: gate device, rules, sysctls, addresses, offloads. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "error.h"
#include "load.h"
#include "rules.h"

/* Devices that drop what no program takes, so that a packet sent to the gate
 * never leaves when its guard is gone. A bridge has no port here. */
static const char *const gate_kinds[] = { "dummy", "bridge" };
#define GATE_KINDS (sizeof(gate_kinds) / sizeof(gate_kinds[0]))

int esl_run_device(struct esl_run *r, int device, struct esl_link *ret)
{
	struct esl_state_device *d = &r->did.device[device];
	int err = esl_link_get(r->nl, d->name, ret);

	if (err == -ENODEV)
		return esl_error(r->error, ENODEV, "interface %s does not exist", d->name);
	if (err)
		return esl_error(r->error, -err, "interface %s cannot be read (%s)", d->name,
				 strerror(-err));
	d->ifindex = ret->ifindex;
	return 0;
}

static int gate_create(struct esl_run *r)
{
	const char *name = r->conf->gate;
	int err = -EOPNOTSUPP;
	size_t i;

	for (i = 0; i < GATE_KINDS && err == -EOPNOTSUPP; i++)
		err = esl_link_create(r->nl, name, gate_kinds[i]);
	if (err)
		return esl_error(r->error, -err, "the gate device %s cannot be created (%s)", name,
				 strerror(-err));
	r->did.device[ESL_GATE].created = true;
	return 0;
}

static bool is_gate_kind(const char *kind)
{
	size_t i;

	for (i = 0; i < GATE_KINDS; i++)
		if (!strcmp(kind, gate_kinds[i]))
			return true;
	return false;
}

static int gate_apply(struct esl_run *r)
{
	const char *name = r->conf->gate;
	struct esl_link link;
	int err = esl_link_get(r->nl, name, &link);

	if (err == -ENODEV) {
		err = gate_create(r);
		if (err)
			return err;
	}
	err = esl_run_device(r, ESL_GATE, &link);
	if (err)
		return err;
	if (!is_gate_kind(link.kind))
		return esl_error(r->error, EEXIST,
				 "the gate device %s exists and is of kind \"%s\": choose another name "
				 "for \"gate\"", name, link.kind);
	err = link.up ? 0 : esl_link_up(r->nl, link.ifindex);
	return err ? esl_error(r->error, -err, "the gate device %s cannot be set up (%s)", name,
			       strerror(-err)) : 0;
}

static int gate_remove(struct esl_run *r, const struct esl_state *what)
{
	const struct esl_state_device *d = &what->device[ESL_GATE];
	struct esl_link link;
	int err;

	if (!d->created)
		return 0;
	err = esl_link_get(r->nl, d->name, &link);
	if (!err)
		err = esl_link_delete(r->nl, link.ifindex);
	return err == -ENODEV ? 0 : err;
}

const struct esl_step esl_step_gate = { "gate device", gate_apply, gate_remove };

static int rules_apply(struct esl_run *r)
{
	char *text;
	int err;

	if (r->state.rules && esl_rules_compare(r->state.rules) == 1)
		return 0;
	text = esl_rules_text(r->conf);
	if (!text)
		return esl_error(r->error, ENOMEM, "out of memory");
	err = esl_rules_install(text, &r->did.rules, r->error);
	if (err)
		free(text);
	else
		r->did.rules_text = text;
	return err;
}

static int rules_remove(struct esl_run *r, const struct esl_state *what)
{
	return what->rules ? esl_rules_remove(r->error) : 0;
}

const struct esl_step esl_step_rules = { "nftables rules", rules_apply, rules_remove };

static int sysctls_apply(struct esl_run *r)
{
	struct esl_sysctl s;
	int i, value, err;

	for (i = 0; esl_sysctl_get(r->conf, i, &s); i++) {
		err = esl_sysctl_read(s.path, &value);
		if (!err && value < s.need) {
			err = esl_sysctl_write(s.path, s.need);
			if (!err)
				esl_state_add_sysctl(&r->did, s.path, value, s.need);
		}
		if (err)
			return esl_error(r->error, -err, "%s cannot be set to %d (%s)", s.path, s.need,
					 strerror(-err));
	}
	return 0;
}

/* A value that is no longer ours is somebody else's decision. */
static int sysctls_remove(struct esl_run *r, const struct esl_state *what)
{
	int i, value, err, ret = 0;

	(void)r;
	for (i = what->sysctl_count - 1; i >= 0; i--) {
		const struct esl_state_sysctl *s = &what->sysctl[i];

		err = esl_sysctl_read(s->path, &value);
		if (!err && value == s->now)
			err = esl_sysctl_write(s->path, s->before);
		if (err && err != -ENOENT)
			ret = err;
	}
	return ret;
}

const struct esl_step esl_step_sysctls = { "sysctls", sysctls_apply, sysctls_remove };

static int addresses_apply(struct esl_run *r)
{
	struct esl_addr addr[ESL_ADDRESSES];
	char text[INET6_ADDRSTRLEN];
	unsigned int have;
	int i, err;

	for (i = 0; i < ESL_ADDRESSES; i++)
		addr[i] = esl_address_cluster(r->conf, i);
	err = esl_address_look(r->nl, addr, ESL_ADDRESSES, &have);
	if (err)
		return esl_error(r->error, -err, "the addresses of lo cannot be read (%s)",
				 strerror(-err));
	for (i = 0; i < ESL_ADDRESSES; i++) {
		if (have & 1u << i || esl_addr_none(&addr[i]))
			continue;
		err = esl_address_set(r->nl, &addr[i], true);
		if (err)
			return esl_error(r->error, -err, "cluster address %s cannot be added to lo (%s)",
					 esl_address_text(&addr[i], text), strerror(-err));
		r->did.address[i] = addr[i];
	}
	return 0;
}

static int addresses_remove(struct esl_run *r, const struct esl_state *what)
{
	int i, err, ret = 0;

	for (i = 0; i < ESL_ADDRESSES; i++) {
		if (esl_addr_none(&what->address[i]))
			continue;
		err = esl_address_set(r->nl, &what->address[i], false);
		if (err && err != -EADDRNOTAVAIL)
			ret = err;
	}
	return ret;
}

const struct esl_step esl_step_addresses = { "cluster addresses", addresses_apply,
					     addresses_remove };

/* A virtual NIC may have an offload that it cannot turn off, and not use it. */
static int offload_off(struct esl_run *r, struct esl_state_device *d, enum esl_offload what)
{
	struct esl_link link;
	int err;

	if (esl_link_offload(d->name, what) <= 0)
		return 0;
	err = esl_link_set_offload(d->name, what, false);
	if (!err)
		d->offload_off[what] = true;
	else if (what == ESL_RXVLAN && !esl_link_get(r->nl, d->name, &link) && !strcmp(link.kind, "veth"))
		err = 0;
	if (err)
		return esl_error(r->error, -err, "%s of interface %s cannot be turned off (%s)%s",
				 esl_offload_name(what), d->name, strerror(-err),
				 what == ESL_RXVLAN ? ": set answer = \"agent\" and cpus = \"off\"" : "");
	return 0;
}

static int offloads_apply(struct esl_run *r)
{
	int i, what, err = 0;

	for (i = 0; i < ESL_ROLES; i++)
		for (what = 0; what < ESL_OFFLOADS && !err; what++)
			if (esl_offload_unwanted(r->conf, r->conf->mode, i, what))
				err = offload_off(r, &r->did.device[i], what);
	return err;
}

static int offloads_remove(struct esl_run *r, const struct esl_state *what)
{
	int i, k, err, ret = 0;

	(void)r;
	for (i = 0; i < ESL_ROLES; i++) {
		for (k = 0; k < ESL_OFFLOADS; k++) {
			if (!what->device[i].offload_off[k])
				continue;
			err = esl_link_set_offload(what->device[i].name, k, true);
			if (err && err != -ENODEV)
				ret = err;
		}
	}
	return ret;
}

const struct esl_step esl_step_offloads = { "offloads", offloads_apply, offloads_remove };
