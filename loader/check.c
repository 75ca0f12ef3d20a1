// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What can be known to be wrong before load changes anything. */
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/capability.h>
#include <openssl/crypto.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "error.h"
#include "load.h"
#include "xdp.h"

static bool capable(const struct __user_cap_data_struct *data, int cap)
{
	return data[CAP_TO_INDEX(cap)].effective & CAP_TO_MASK(cap);
}

int esl_check_privilege(struct esl_run *r)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};

	if (syscall(SYS_capget, &header, data))
		return esl_error(r->error, errno, "the capabilities of this process cannot be read");
	if (capable(data, CAP_NET_ADMIN) &&
	    (capable(data, CAP_SYS_ADMIN) || capable(data, CAP_BPF)))
		return 0;
	return esl_error(r->error, EPERM,
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

static int check_link(struct esl_run *r, int device)
{
	const struct esl_state_device *d = &r->did.device[device];
	struct esl_link link;
	struct esl_xdp x;
	int err = esl_run_device(r, device, &link);

	if (err)
		return err;
	if (!strcmp(link.kind, "vlan"))
		return esl_error(r->error, EINVAL, "interface %s is a VLAN device, where XDP sees "
				 "packets late and merged: use its parent", d->name);
	err = esl_xdp_look(link.ifindex, &x);
	if (err)
		return esl_error(r->error, -err, "interface %s: XDP programs cannot be read (%s)",
				 d->name, strerror(-err));
	if (x.foreign && !x.dispatcher)
		return esl_error(r->error, EBUSY, "interface %s: another XDP program is attached and "
				 "refuses company", d->name);
	return 0;
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

int esl_load_check(struct esl_run *r)
{
	struct esl_hash_key key;
	struct esl_link lo;
	int i, err = check_bpf(r);

	if (!err)
		err = check_state(r);
	for (i = 0; i < ESL_ROLES && !err; i++)
		err = check_link(r, i);
	if (!err && (esl_link_get(r->nl, "lo", &lo) || !lo.up))
		err = esl_error(r->error, ENETDOWN,
				"interface lo is down, the cluster addresses need it up");
	if (!err)
		err = esl_conf_hash_key(r->conf, &key, r->error);
	OPENSSL_cleanse(&key, sizeof(key));
	return err;
}
