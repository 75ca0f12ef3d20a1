// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "sysctl.h"

/* The kernel uses the larger of conf/all and conf/DEVICE; "" stands for a
 * sysctl that is not per device. */
static const struct {
	const char *device;
	const char *name;
	int need;
} needs[] = {
	{ "", "ip_forward", 1 },
	{ "IN", "forwarding", 1 },
	{ "OUT", "forwarding", 1 },
	{ "all", "arp_announce", 2 },
	{ "IN", "arp_announce", 2 },
	{ "OUT", "arp_announce", 2 },
	{ "all", "arp_ignore", 1 },
	{ "IN", "arp_ignore", 1 },
	{ "OUT", "arp_ignore", 1 },
};

bool esl_sysctl_get(const struct esl_conf *c, int i, struct esl_sysctl *ret)
{
	const char *device;

	if (i < 0 || i >= (int)(sizeof(needs) / sizeof(needs[0])))
		return false;
	device = needs[i].device;
	if (!device[0]) {
		snprintf(ret->path, sizeof(ret->path), "/proc/sys/net/ipv4/%s", needs[i].name);
	} else {
		if (device[0] == 'I')
			device = c->side[ESL_INSIDE].interface;
		else if (device[0] == 'O')
			device = c->side[ESL_OUTSIDE].interface;
		snprintf(ret->path, sizeof(ret->path), "/proc/sys/net/ipv4/conf/%s/%s", device,
			 needs[i].name);
	}
	ret->need = needs[i].need;
	return true;
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
