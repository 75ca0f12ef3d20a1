// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "address.h"
#include "filter.h"
#include "hold.h"
#include "pins.h"
#include "rules.h"
#include "state.h"
#include "xdp.h"

/*
 * What one process keeps between two looks, so that a look costs a few
 * messages: a netlink socket, the state file while it is the same file, and
 * the XDP ids that a slow look has confirmed.  One thread only.
 */
static struct {
	struct mnl_socket *nl;
	struct esl_state state;
	struct stat file;
	bool dispatcher[ESL_ROLES];
	__u32 top[ESL_ROLES];
} kept;

static enum esl_hold hold(struct esl_hold_report *r, enum esl_hold reason, const char *what)
{
	snprintf(r->what, sizeof(r->what), "%.63s", what);
	return r->reason = reason;
}

static enum esl_hold cannot_tell(struct esl_hold_report *r, const char *what)
{
	/* Answers to an old question may still be in the socket. */
	if (kept.nl)
		mnl_socket_close(kept.nl);
	kept.nl = NULL;
	return hold(r, ESL_HOLD_CANNOT_TELL, what);
}

/* False where there is no state. */
static bool refresh_state(const struct esl_conf *c)
{
	char path[512];
	struct stat st;
	struct esl_state s;

	if (stat(esl_state_path(c, path, sizeof(path)), &st) < 0)
		return false;
	if (st.st_ino == kept.file.st_ino && st.st_dev == kept.file.st_dev &&
	    st.st_mtim.tv_sec == kept.file.st_mtim.tv_sec &&
	    st.st_mtim.tv_nsec == kept.file.st_mtim.tv_nsec)
		return true;
	if (esl_state_read(c, &s))
		return false;
	esl_state_free(&kept.state);
	kept.state = s;
	kept.file = st;
	memset(kept.top, 0, sizeof(kept.top));
	return true;
}

static int open_config(const struct esl_conf *c)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/" ESL_MAP_PREFIX "config", c->bpffs);
	return bpf_obj_get(path);
}

/* 0: it cannot be told. */
static __u32 map_id(int fd)
{
	struct bpf_map_info info = {};
	__u32 len = sizeof(info);

	return bpf_obj_get_info_by_fd(fd, &info, &len) ? 0 : info.id;
}

int esl_hold_identity(const struct esl_pins *p, struct esl_identity *ret)
{
	*ret = (struct esl_identity){ .map = map_id(p->config_fd),
				      .member = p->config->member,
				      .key = p->config->key };
	for (int i = 0; i < ESL_ROLES; i++)
		ret->ifindex[i] = p->config->port[i].ifindex;
	return ret->map ? 0 : -errno;
}

const char *esl_hold_identity_differs(const struct esl_conf *c, const struct esl_pins *p,
				      const struct esl_identity *started)
{
	int fd = open_config(c);
	__u32 id = fd < 0 ? 0 : map_id(fd);
	struct esl_identity now;

	if (fd >= 0)
		close(fd);
	if (id && id != started->map)
		return "the pinned maps are not those that it has open";
	if (esl_hold_identity(p, &now))
		return NULL;
	if (now.member != started->member)
		return "the maps name another member id";
	if (memcmp(&now.key, &started->key, sizeof(now.key)))
		return "the maps have another key of dispatch";
	for (int i = 0; i < ESL_ROLES; i++)
		if (now.ifindex[i] != started->ifindex[i])
			return "the maps name another interface index";
	return NULL;
}

static bool read_config(const struct esl_conf *c, struct esl_config *ret)
{
	__u32 zero = 0;
	int fd = open_config(c), err;

	if (fd < 0)
		return false;
	err = bpf_map_lookup_elem(fd, &zero, ret);
	close(fd);
	return !err && ret->abi == ESL_ABI_VERSION;
}

static enum esl_hold check_loaded(const struct esl_conf *c, struct esl_config *ret,
				  struct esl_hold_report *r)
{
	const char *missing;
	char what[64];

	if (!refresh_state(c))
		return hold(r, ESL_HOLD_NOT_LOADED, "");
	missing = esl_pins_missing(c);
	if (missing) {
		snprintf(what, sizeof(what), " or its map %s%s is gone", ESL_MAP_PREFIX, missing);
		return hold(r, ESL_HOLD_NOT_LOADED, what);
	}
	return read_config(c, ret) ? ESL_HOLD_OK : hold(r, ESL_HOLD_NOT_LOADED, "");
}

/* The kernel names the program it runs; only when that is a new one the
 * programs behind a dispatcher are asked for. */
static bool xdp_there(const struct esl_link *l, const struct esl_state_device *d, int side)
{
	struct esl_xdp x;

	if (!l->xdp_id || !l->xdp_attached)
		return false;
	if (l->xdp_id == kept.top[side])
		return true;
	if (esl_xdp_look(l->ifindex, &x) || x.ours != d->xdp_id || x.top != l->xdp_id)
		return false;
	kept.top[side] = l->xdp_id;
	kept.dispatcher[side] = x.dispatcher;
	return true;
}

static enum esl_hold check_filters(const struct esl_link *l, const struct esl_state_device *d,
				   struct esl_hold_report *r)
{
	struct esl_filter f;
	int err;

	err = esl_filter_first(kept.nl, l->ifindex, ESL_EGRESS, &f);
	/* -EINVAL: no clsact there. */
	if (err == -ENOENT || err == -EINVAL)
		return hold(r, ESL_HOLD_GUARD_MISSING, d->name);
	if (err)
		return cannot_tell(r, "TC filters");
	if (esl_filter_tcx(l->ifindex))
		return hold(r, ESL_HOLD_GUARD_NOT_FIRST, d->name);
	if (f.prog_id != d->guard_id || !f.direct)
		return hold(r, esl_filter_has(l->ifindex, ESL_EGRESS, d->guard_id) ?
				       ESL_HOLD_GUARD_NOT_FIRST : ESL_HOLD_GUARD_MISSING, d->name);
	if (strcmp(l->kind, "veth"))
		return ESL_HOLD_OK;
	err = esl_filter_first(kept.nl, l->ifindex, ESL_INGRESS, &f);
	if (err && err != -ENOENT && err != -EINVAL)
		return cannot_tell(r, "TC filters");
	if (err || f.prog_id != d->retype_id)
		return hold(r, ESL_HOLD_RETYPE_MISSING, d->name);
	return ESL_HOLD_OK;
}

/* One that a virtual NIC could not turn off is one that it does not use. */
static enum esl_hold check_offloads(const struct esl_conf *c, int side, const struct esl_link *l,
				    struct esl_hold_report *r)
{
	const struct esl_state_device *d = &kept.state.device[side];
	int what;

	for (what = 0; what < ESL_OFFLOADS; what++) {
		if (!esl_offload_unwanted(c, kept.state.mode, side, what) ||
		    esl_link_offload(d->name, what) != 1)
			continue;
		if (what != ESL_RXVLAN)
			return hold(r, ESL_HOLD_GRO_ON, d->name);
		if (d->offload_off[what] || strcmp(l->kind, "veth"))
			return hold(r, ESL_HOLD_RXVLAN_ON, d->name);
	}
	return ESL_HOLD_OK;
}

static enum esl_hold check_side(const struct esl_conf *c, const struct esl_config *config, int side,
				bool *ret_down, struct esl_hold_report *r)
{
	const struct esl_state_device *d = &kept.state.device[side];
	enum esl_hold h;
	struct esl_link l;
	int err = esl_link_get(kept.nl, d->name, &l);

	if (err == -ENODEV || (!err && l.ifindex != config->port[side].ifindex))
		return hold(r, ESL_HOLD_LINK_GONE, d->name);
	if (err)
		return cannot_tell(r, d->name);
	if (memcmp(l.mac, config->port[side].mac, ESL_MAC_LEN))
		return hold(r, ESL_HOLD_MAC_CHANGED, d->name);
	if (!xdp_there(&l, d, side))
		return hold(r, ESL_HOLD_XDP_MISSING, d->name);
	r->dispatcher[side] = kept.dispatcher[side];
	h = check_offloads(c, side, &l, r);
	if (h)
		return h;
	*ret_down = !l.up || !l.carrier;
	h = check_filters(&l, d, r);
	if (h || !strcmp(c->side[side].device, d->name))
		return h;
	err = esl_link_get(kept.nl, c->side[side].device, &l);
	if (err)
		return err == -ENODEV ? hold(r, ESL_HOLD_LINK_GONE, c->side[side].device) :
					cannot_tell(r, c->side[side].device);
	*ret_down |= !l.up;
	return ESL_HOLD_OK;
}

static enum esl_hold check_gate(const struct esl_config *config, struct esl_hold_report *r)
{
	const struct esl_state_device *d = &kept.state.device[ESL_GATE];
	struct esl_link l;
	int err = esl_link_get(kept.nl, d->name, &l);

	if (err && err != -ENODEV)
		return cannot_tell(r, d->name);
	if (err || !l.up || l.ifindex != config->gate_ifindex)
		return hold(r, ESL_HOLD_GATE_MISSING, d->name);
	return check_filters(&l, d, r);
}

static enum esl_hold check_host(const struct esl_conf *c, struct esl_hold_report *r)
{
	struct esl_addr addr[ESL_ADDRESSES];
	char text[INET6_ADDRSTRLEN];
	struct esl_sysctl s;
	unsigned int have;
	int i, value;

	for (i = 0; esl_sysctl_get(c, i, &s); i++)
		if (esl_sysctl_read(s.path, &value) || value < s.need)
			return hold(r, ESL_HOLD_SYSCTL_CHANGED, s.path + strlen(ESL_SYSCTL_DIR));
	for (i = 0; i < ESL_ADDRESSES; i++)
		addr[i] = esl_address_cluster(c, i);
	if (esl_address_look(kept.nl, addr, ESL_ADDRESSES, &have))
		return cannot_tell(r, "the addresses of lo");
	for (i = 0; i < ESL_ADDRESSES; i++)
		if (!esl_addr_none(&addr[i]) && !(have & 1u << i))
			return hold(r, ESL_HOLD_ADDRESS_MISSING, esl_address_text(&addr[i], text));
	return ESL_HOLD_OK;
}

enum esl_hold esl_hold_check(const struct esl_conf *c, bool rules, struct esl_hold_report *r)
{
	bool down[ESL_ROLES] = {};
	struct esl_config config;
	enum esl_hold h;
	int i, same;

	memset(r, 0, sizeof(*r));
	h = check_loaded(c, &config, r);
	if (h)
		return h;
	if (!kept.nl)
		kept.nl = esl_nl_open(NETLINK_ROUTE);
	if (!kept.nl)
		return cannot_tell(r, "no rtnetlink socket");
	for (i = 0; i < ESL_ROLES; i++) {
		h = check_side(c, &config, i, &down[i], r);
		if (h)
			return h;
	}
	h = check_gate(&config, r);
	if (!h)
		h = check_host(c, r);
	if (h)
		return h;
	if (rules) {
		same = kept.state.rules ? esl_rules_compare(kept.state.rules) : 0;
		if (same < 0)
			return cannot_tell(r, "nftables");
		if (!same)
			return hold(r, ESL_HOLD_RULES_CHANGED, "");
	}
	/* Last: with a link down everything else is known to hold. */
	for (i = 0; i < ESL_ROLES; i++)
		if (down[i])
			return hold(r, ESL_HOLD_LINK_DOWN, kept.state.device[i].name);
	return hold(r, ESL_HOLD_OK, "");
}

static const struct {
	const char *name;
	const char *sentence;
} holds[ESL_HOLD_COUNT] = {
#define X(symbol, name, sentence) [ESL_HOLD_##symbol] = { name, sentence },
	ESL_HOLDS(X)
#undef X
};

const char *esl_hold_name(enum esl_hold h)
{
	return (unsigned int)h < ESL_HOLD_COUNT ? holds[h].name : "cannot_tell";
}

const char *esl_hold_sentence(const struct esl_hold_report *r, char *buf, size_t size)
{
	const char *format = holds[r->reason].sentence;
	const char *hole = strstr(format, "%s");

	snprintf(buf, size, "%.*s%s%s", (int)(hole - format), format, r->what, hole + 2);
	return buf;
}
