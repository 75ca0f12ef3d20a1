// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What can be known to be wrong before load changes anything. */
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/capability.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cpus.h"
#include "error.h"
#include "load.h"
#include "pins.h"
#include "rules.h"
#include "xdp.h"

static bool capable(const struct __user_cap_data_struct *data, int cap)
{
	return data[CAP_TO_INDEX(cap)].effective & CAP_TO_MASK(cap);
}

int esl_check_privilege(char error[ESL_ERROR_MAX])
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};

	if (syscall(SYS_capget, &header, data))
		return esl_error(error, errno, "the capabilities of this process cannot be read");
	if (capable(data, CAP_NET_ADMIN) &&
	    (capable(data, CAP_SYS_ADMIN) || capable(data, CAP_BPF)))
		return 0;
	return esl_error(error, EPERM,
			 "missing privilege: CAP_NET_ADMIN and CAP_BPF are needed, run it as root");
}

static int check_bpf(struct esl_run *r)
{
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, NULL, 4, 4, 1, NULL);

	if (fd >= 0) {
		close(fd);
		return 0;
	}
	if (errno == ENOSYS)
		return esl_error(r->error, ENOSYS, "this kernel has no BPF: bpf() is not implemented");
	return esl_error(r->error, errno, "BPF cannot be used here: bpf() says \"%s\"",
			 strerror(errno));
}

/* Where the stack gets the packets: a VLAN device on the NIC, or on one on it. */
static int check_device(struct esl_run *r, const struct esl_conf_side *side, const struct esl_link *nic)
{
	const char *name = side->device;
	char below[IFNAMSIZ];
	struct esl_link link;
	int i;

	if (!strcmp(name, side->interface))
		return 0;
	for (i = 0; i < ESL_VLAN_TAGS; i++) {
		if (esl_link_get(r->nl, name, &link))
			return esl_error(r->error, ENODEV, "device %s does not exist", name);
		if (strcmp(link.kind, "vlan"))
			break;
		if (link.below == nic->ifindex)
			return 0;
		name = link.below ? if_indextoname(link.below, below) : NULL;
		if (!name)
			break;
	}
	return esl_error(r->error, EINVAL, "device %s is no VLAN device on interface %s, or one with more "
			 "than %d tags", side->device, side->interface, ESL_VLAN_TAGS);
}

static int check_link(struct esl_run *r, int side)
{
	const struct esl_conf_side *s = &r->conf->side[side];
	struct esl_link link;
	struct esl_xdp x;
	int err = esl_run_device(r, side, &link);

	if (err)
		return err;
	if (!strcmp(link.kind, "vlan"))
		return esl_error(r->error, EINVAL, "interface %s is a VLAN device, where XDP sees "
				 "packets late and merged: use its parent, and name it as \"device\"",
				 s->interface);
	if (!memcmp(link.mac, s->cluster_mac, ESL_MAC_LEN))
		return esl_error(r->error, EINVAL, "interface %s has the cluster MAC for its own: each "
				 "member needs one that no other has", s->interface);
	err = check_device(r, s, &link);
	if (err)
		return err;
	err = esl_xdp_look(link.ifindex, &x);
	if (err)
		return esl_error(r->error, -err, "interface %s: XDP programs cannot be read (%s)",
				 s->interface, strerror(-err));
	if (x.foreign && !x.dispatcher)
		return esl_error(r->error, EBUSY, "interface %s: another XDP program is attached and "
				 "refuses company", s->interface);
	return 0;
}

static int check_cpus(struct esl_run *r)
{
	unsigned int online = esl_cpus_online();

	if (r->conf->cpu_mode == ESL_CPU_OFF || r->conf->cpu_count <= online)
		return 0;
	return esl_error(r->error, EINVAL, "cpu_count is %u, and of this machine's CPUs 0 to %u are "
			 "online", r->conf->cpu_count, online - 1);
}

/* What a load with other addresses or devices put into place would stay. */
static int check_rules(struct esl_run *r)
{
	char *text = esl_rules_text(r->conf);
	bool same = text && (!r->state.rules_text || !strcmp(text, r->state.rules_text));
	int err = text ? 0 : esl_error(r->error, ENOMEM, "out of memory");

	free(text);
	if (err || same)
		return err;
	return esl_error(r->error, EEXIST, "espalier is loaded with other addresses, MACs or devices than "
			 "the configuration now says: run espalier unload first");
}

/* The file of a load with other devices must not be forgotten. */
static int check_state(struct esl_run *r)
{
	int i;

	for (i = 0; i < ESL_DEVICES; i++) {
		const char *before = r->state.device[i].name;

		if (before[0] && strcmp(before, r->did.device[i].name))
			return esl_error(r->error, EEXIST, "espalier is loaded with interface %s where "
					 "the configuration now says %s: run espalier unload first",
					 before, r->did.device[i].name);
	}
	if (r->state.bpffs[0] && strcmp(r->state.bpffs, r->did.bpffs))
		return esl_error(r->error, EEXIST, "espalier is loaded with maps in %s: run espalier "
				 "unload first", r->state.bpffs);
	return 0;
}

/* A running agent told the others by which key it finds owners, and records know their
 * SAs by fingerprints made with it. */
static bool is_key_in_use(const struct esl_conf *c, const struct esl_pins *pins)
{
	struct esl_sa_key record;
	int lock = esl_agent_lock(c);

	if (lock >= 0)
		close(lock);
	return lock == -EBUSY || !bpf_map_get_next_key(pins->sa_out, NULL, &record);
}

/*
 * The lanes of the records are those of the id that the maps were made with.  Maps that
 * cannot be opened are judged where they are to be used.
 */
static int check_identity(struct esl_run *r, const struct esl_hash_key *key)
{
	char text[ESL_ERROR_MAX];
	struct esl_pins pins;
	int err = 0;

	if (esl_pins_open(r->conf, &pins, text))
		return 0;
	if (pins.config->abi && pins.config->member != r->conf->member)
		err = esl_error(r->error, EEXIST, "espalier is loaded as member %u where the configuration now says "
				"%u: stop espalierd and run espalier unload first", pins.config->member,
				r->conf->member);
	else if (pins.config->abi && CRYPTO_memcmp(&pins.config->key, key, sizeof(*key)) &&
		 is_key_in_use(r->conf, &pins))
		err = esl_error(r->error, EEXIST, "%s: owners are found with another secret than the one that "
				"espalier is loaded with: name that one as \"dispatch\", or stop espalierd on all "
				"members and run espalier unload first", r->conf->secret);
	esl_pins_close(&pins);
	return err;
}

int esl_load_check(struct esl_run *r)
{
	struct esl_hash_key key = {};
	struct esl_link lo;
	int i, err = check_bpf(r);

	if (!err)
		err = check_state(r);
	if (!err)
		err = check_rules(r);
	if (!err)
		err = check_cpus(r);
	for (i = 0; i < ESL_ROLES && !err; i++)
		err = check_link(r, i);
	if (!err && (esl_link_get(r->nl, "lo", &lo) || !lo.up))
		err = esl_error(r->error, ENETDOWN,
				"interface lo is down, the cluster addresses need it up");
	if (!err)
		err = esl_conf_hash_key(r->conf, &key, r->error);
	if (!err)
		err = check_identity(r, &key);
	OPENSSL_cleanse(&key, sizeof(key));
	return err;
}
