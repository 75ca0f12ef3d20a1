// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <linux/if_link.h>
#include <stdio.h>
#include <string.h>
#include <xdp/libxdp.h>

#include "error.h"
#include "xdp.h"

static void look_at(struct xdp_program *p, struct esl_xdp *x)
{
	if (!strcmp(xdp_program__name(p), ESL_PROG_XDP))
		x->ours = xdp_program__id(p);
	else
		x->foreign++;
}

int esl_xdp_look(__u32 ifindex, struct esl_xdp *ret)
{
	struct xdp_multiprog *mp = xdp_multiprog__get_from_ifindex(ifindex);
	long err = libxdp_get_error(mp);
	struct xdp_program *p = NULL;
	struct esl_xdp x = {};

	if (err == -ENOENT) {
		*ret = x;
		return 0;
	}
	if (err)
		return err;
	p = xdp_multiprog__main_prog(mp);
	x.top = p ? xdp_program__id(p) : 0;
	x.skb = xdp_multiprog__attach_mode(mp) == XDP_MODE_SKB;
	if (xdp_multiprog__is_legacy(mp)) {
		if (p)
			look_at(p, &x);
	} else {
		x.dispatcher = true;
		p = NULL;
		while ((p = xdp_multiprog__next_prog(p, mp)))
			look_at(p, &x);
	}
	if (xdp_multiprog__hw_prog(mp))
		x.foreign++;
	xdp_multiprog__close(mp);
	*ret = x;
	return 0;
}

static enum xdp_attach_mode mode_of(const struct esl_conf *c)
{
	return c->mode == ESL_MODE_SKB ? XDP_MODE_SKB : XDP_MODE_NATIVE;
}

static int refused(const struct esl_conf *c, const char *name, int err, char *error)
{
	const char *why = strerror(-err);

	if (err == -EBUSY || err == -EEXIST)
		why = "another XDP program is attached and refuses company";
	else if (err == -EOPNOTSUPP)
		why = "its driver has no native XDP, try --mode skb";
	else if (err == -ERANGE || err == -EINVAL || err == -ENOSPC)
		why = "its driver says no, look at the MTU, LRO and the number of queues";
	return esl_error(error, -err, "interface %s refuses the XDP program in %s mode: %s", name,
			 c->mode == ESL_MODE_SKB ? "skb" : "native", why);
}

int esl_xdp_hold(const struct esl_xdp *x, struct esl_xdp_held *ret)
{
	struct xdp_program *p = xdp_program__from_id(x->ours);
	int err = libxdp_get_error(p);

	if (!err)
		*ret = (struct esl_xdp_held){ p, x->ours, x->skb, x->dispatcher };
	return err;
}

static int detach(__u32 ifindex, struct xdp_program *p, bool skb)
{
	return xdp_program__detach(p, ifindex, skb ? XDP_MODE_SKB : XDP_MODE_NATIVE, 0);
}

int esl_xdp_put_back(__u32 ifindex, const struct esl_xdp_held *h)
{
	struct esl_xdp x;
	int err = h->program ? esl_xdp_look(ifindex, &x) : 0;

	if (err || !h->program || x.ours)
		return err;
	return xdp_program__attach(h->program, ifindex, h->skb ? XDP_MODE_SKB : XDP_MODE_NATIVE, 0);
}

/* A first try with other settings may have taken it off. */
static bool is_there(__u32 ifindex, const struct esl_xdp_held *h)
{
	struct esl_xdp x;

	return h->program && !esl_xdp_look(ifindex, &x) && x.ours == h->id;
}

/* In a dispatcher the new program comes before the old one goes.  Without one,
 * or in two modes, the kernel takes only one. */
static int replace(const struct esl_conf *c, struct xdp_program *p, __u32 ifindex,
		   const struct esl_xdp_held *old)
{
	bool there = is_there(ifindex, old);
	bool beside = there && old->dispatcher && old->skb == (c->mode == ESL_MODE_SKB);
	int err = 0;

	if (there && !beside)
		err = detach(ifindex, old->program, old->skb);
	if (!err)
		err = xdp_program__attach(p, ifindex, mode_of(c), 0);
	if (!err && beside) {
		err = detach(ifindex, old->program, old->skb);
		if (err)
			detach(ifindex, p, old->skb);
	}
	return err;
}

static int attach_side(const struct esl_conf *c, struct xdp_program *p,
		       const struct esl_xdp_held *old, struct esl_state_device *d, char *error)
{
	struct esl_xdp x;
	int err = replace(c, p, d->ifindex, old);

	if (err)
		return refused(c, d->name, err, error);
	d->xdp_id = xdp_program__id(p);
	err = esl_xdp_look(d->ifindex, &x);
	if (err || !x.ours)
		return esl_error(error, err ? -err : EIO,
				 "interface %s does not have the XDP program although it was attached",
				 d->name);
	d->xdp_id = x.ours;
	d->xdp_top = x.top;
	if (!x.dispatcher)
		fprintf(stderr, "espalier: WARNING: interface %s: this kernel refused the libxdp "
			"dispatcher, no other XDP program can share the interface\n", d->name);
	return 0;
}

int esl_xdp_attach(const struct esl_conf *c, struct bpf_object *obj, bool frags, unsigned int sides,
		   const struct esl_xdp_held held[ESL_ROLES], struct esl_state *did,
		   char error[ESL_ERROR_MAX])
{
	DECLARE_LIBXDP_OPTS(xdp_program_opts, opts, .obj = obj, .prog_name = ESL_PROG_XDP);
	struct xdp_program *p = xdp_program__create(&opts);
	int i, err = libxdp_get_error(p);

	if (err)
		return esl_error(error, -err, "the object has no XDP program " ESL_PROG_XDP);
	err = xdp_program__set_xdp_frags_support(p, frags);
	if (err)
		esl_error(error, -err, "libxdp cannot tell the kernel about frames of several buffers");
	for (i = 0; i < ESL_ROLES && !err; i++)
		if (sides & 1u << i)
			err = attach_side(c, p, &held[i], &did->device[i], error);
	xdp_program__close(p);
	return err;
}

int esl_xdp_detach(__u32 ifindex, __u32 id)
{
	struct xdp_program *p;
	struct esl_xdp x;
	int err = esl_xdp_look(ifindex, &x);

	if (err)
		return err == -ENODEV ? 0 : err;
	if (!id || x.ours != id)
		return 0;
	p = xdp_program__from_id(id);
	err = libxdp_get_error(p);
	if (err)
		return err == -ENOENT ? 0 : err;
	err = detach(ifindex, p, x.skb);
	xdp_program__close(p);
	return err;
}
