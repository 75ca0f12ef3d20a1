// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "sysctl.h"

/*
 * IPv4: the kernel uses the larger of conf/all and conf/DEVICE.  IPv6 forwards
 * by conf/all alone.  device "": a sysctl that is not per device.
 */
static const struct {
	bool ipv6;
	const char *device;
	const char *name;
	int need;
} needs[] = {
	{ false, "", "ip_forward", 1 },
	{ false, "IN", "forwarding", 1 },
	{ false, "OUT", "forwarding", 1 },
	{ false, "all", "arp_announce", 2 },
	{ false, "IN", "arp_announce", 2 },
	{ false, "OUT", "arp_announce", 2 },
	{ false, "all", "arp_ignore", 1 },
	{ false, "IN", "arp_ignore", 1 },
	{ false, "OUT", "arp_ignore", 1 },
	{ true, "all", "forwarding", 1 },
};

static bool has_family(const struct esl_conf *c, bool ipv6)
{
	int i;

	for (i = 0; i < ESL_ROLES; i++)
		if (ipv6 ? !esl_addr_none(&c->side[i].cluster_addr6) : !!c->side[i].cluster_addr)
			return true;
	return false;
}

static void path_of(const struct esl_conf *c, int i, char path[ESL_SYSCTL_PATH])
{
	const char *family = needs[i].ipv6 ? "ipv6" : "ipv4", *device = needs[i].device;

	if (!device[0]) {
		snprintf(path, ESL_SYSCTL_PATH, ESL_SYSCTL_DIR "%s/%s", family, needs[i].name);
		return;
	}
	if (device[0] == 'I')
		device = c->side[ESL_INSIDE].device;
	else if (device[0] == 'O')
		device = c->side[ESL_OUTSIDE].device;
	snprintf(path, ESL_SYSCTL_PATH, ESL_SYSCTL_DIR "%s/conf/%s/%s", family, device, needs[i].name);
}

bool esl_sysctl_get(const struct esl_conf *c, int i, struct esl_sysctl *ret)
{
	int k;

	for (k = 0; k < (int)(sizeof(needs) / sizeof(needs[0])); k++) {
		if (!has_family(c, needs[k].ipv6) || i--)
			continue;
		path_of(c, k, ret->path);
		ret->need = needs[k].need;
		return true;
	}
	return false;
}

int esl_sysctl_read(const char *path, int *ret)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char buf[16];
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, buf, sizeof(buf) - 1);
	close(fd);
	if (n <= 0)
		return -EIO;
	buf[n] = '\0';
	*ret = atoi(buf);
	return 0;
}

int esl_sysctl_write(const char *path, int value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int err = 0;

	if (fd < 0)
		return -errno;
	if (dprintf(fd, "%d\n", value) < 0)
		err = -errno;
	close(fd);
	return err;
}
