// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "error.h"
#include "link.h"
#include "pins.h"

static const struct {
	const char *name;
	size_t fd;
	__u32 type, key_size, value_size, max_entries;
} maps[] = {
#define PIN(name, field, type, key, value, max)                                                    \
	{ name, offsetof(struct esl_pins, field), BPF_MAP_TYPE_##type, key, value, max }
	PIN("config", config_fd, ARRAY, 4, sizeof(struct esl_config), 1),
	PIN("counts", counts, PERCPU_ARRAY, 4, sizeof(struct esl_count), ESL_REASON_COUNT),
	PIN("own", own, HASH, sizeof(struct esl_addr), 4, ESL_OWN_MAX),
	PIN("sa_in", sa_in, HASH, sizeof(struct esl_sa_key), sizeof(struct esl_sa_in), ESL_SA_MAX),
	PIN("sa_seq", sa_seq, PERCPU_ARRAY, 4, sizeof(struct esl_sa_seq), ESL_SA_MAX),
	PIN("sa_out", sa_out, HASH, sizeof(struct esl_sa_key), sizeof(struct esl_sa_out), ESL_SA_MAX),
	PIN("guard", guard_fd, ARRAY, 4, sizeof(struct esl_guard), ESL_SA_MAX),
	PIN("frag", frag, LRU_HASH, sizeof(struct esl_frag_key), sizeof(struct esl_frag), ESL_FRAG_MAX),
	PIN("frag_out", frag_out, LRU_HASH, sizeof(struct esl_frag_key), 4, ESL_FRAG_MAX),
	PIN("turns", turns, PERCPU_ARRAY, 4, sizeof(struct esl_turns), ESL_ROLES),
	PIN("switch", switch_fd, ARRAY, 4, sizeof(struct esl_switch), ESL_SWITCH_RECORDS),
	PIN("begin", begin_fd, ARRAY, 4, sizeof(struct esl_begin), ESL_SWITCH_RECORDS),
	PIN("sessions", sessions_fd, ARRAY, 4, sizeof(struct esl_sessions), ESL_SESSION_BUCKETS),
	PIN("policies", policies, LPM_TRIE, sizeof(struct esl_policy_key), sizeof(struct esl_policy),
	    ESL_POLICIES_MAX),
	PIN("cpus", cpus, CPUMAP, 4, sizeof(struct bpf_cpumap_val), ESL_CPUS_MAX),
	PIN("events", events, RINGBUF, 0, 0, ESL_EVENTS_BYTES),
#undef PIN
};
#define MAPS ((int)(sizeof(maps) / sizeof(maps[0])))

static int *fd_of(struct esl_pins *p, int i)
{
	return (int *)((char *)p + maps[i].fd);
}

/* The agent asks often: the directory is looked up once, not for every map. */
const char *esl_pins_missing(const struct esl_conf *c)
{
	int i, dir = open(c->bpffs, O_PATH | O_DIRECTORY | O_CLOEXEC);
	const char *ret = NULL;
	char name[64];

	for (i = 0; i < MAPS && !ret; i++) {
		snprintf(name, sizeof(name), ESL_MAP_PREFIX "%s", maps[i].name);
		if (dir < 0 || faccessat(dir, name, F_OK, 0) < 0)
			ret = maps[i].name;
	}
	if (dir >= 0)
		close(dir);
	return ret;
}

static int open_map(const struct esl_conf *c, int i, char *error)
{
	struct bpf_map_info info = {};
	__u32 len = sizeof(info);
	char path[512];
	int fd;

	snprintf(path, sizeof(path), "%s/" ESL_MAP_PREFIX "%s", c->bpffs, maps[i].name);
	fd = bpf_obj_get(path);
	if (fd < 0)
		return esl_error(error, errno, "%s: the map cannot be opened (%s)", path,
				 errno == ENOENT ? "espalier load has not run" : strerror(errno));
	if (bpf_obj_get_info_by_fd(fd, &info, &len) || info.type != maps[i].type ||
	    info.key_size != maps[i].key_size || info.value_size != maps[i].value_size ||
	    info.max_entries != maps[i].max_entries) {
		close(fd);
		return esl_error(error, EPROTO,
				 "%s: pinned by another version of espalier with another layout: "
				 "stop espalierd and run espalier unload first", path);
	}
	return fd;
}

static int check_abi(const struct esl_conf *c, const struct esl_pins *p, char *error)
{
	__u32 abi = esl_load(&p->config->abi);

	if (abi && abi != ESL_ABI_VERSION)
		return esl_error(error, EPROTO,
				 "%s: maps of layout %u, this program knows %d: "
				 "stop espalierd and run espalier unload first",
				 c->bpffs, abi, ESL_ABI_VERSION);
	return 0;
}

static void *map_memory(int fd, size_t size)
{
	size_t page = sysconf(_SC_PAGESIZE);
	void *p = mmap(NULL, (size + page - 1) / page * page, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		       0);

	return p == MAP_FAILED ? NULL : p;
}

static void unmap_memory(void *p, size_t size)
{
	size_t page = sysconf(_SC_PAGESIZE);

	if (p)
		munmap(p, (size + page - 1) / page * page);
}

int esl_pins_open(const struct esl_conf *c, struct esl_pins *p, char error[ESL_ERROR_MAX])
{
	struct esl_pins q = {};
	int i, err;

	for (i = 0; i < MAPS; i++)
		*fd_of(&q, i) = -1;
	for (i = 0; i < MAPS; i++) {
		err = open_map(c, i, error);
		if (err < 0)
			goto fail;
		*fd_of(&q, i) = err;
	}
	q.config = map_memory(q.config_fd, sizeof(*q.config));
	q.guards = esl_guards_open(q.guard_fd);
	q.sessions = map_memory(q.sessions_fd, sizeof(*q.sessions) * ESL_SESSION_BUCKETS);
	q.switched = map_memory(q.switch_fd, sizeof(*q.switched) * ESL_SWITCH_RECORDS);
	q.begin = map_memory(q.begin_fd, sizeof(*q.begin) * ESL_SWITCH_RECORDS);
	if (!q.config || !q.guards || !q.sessions || !q.switched || !q.begin) {
		err = esl_error(error, errno, "%s: the maps cannot be mapped into memory (%m)",
				c->bpffs);
		goto fail;
	}
	err = check_abi(c, &q, error);
	if (err)
		goto fail;
	*p = q;
	return 0;
fail:
	esl_pins_close(&q);
	return err;
}

void esl_pins_close(struct esl_pins *p)
{
	int i;

	unmap_memory(p->config, sizeof(*p->config));
	esl_guards_close(p->guards);
	unmap_memory(p->sessions, sizeof(*p->sessions) * ESL_SESSION_BUCKETS);
	unmap_memory(p->switched, sizeof(*p->switched) * ESL_SWITCH_RECORDS);
	unmap_memory(p->begin, sizeof(*p->begin) * ESL_SWITCH_RECORDS);
	p->config = NULL;
	p->guards = NULL;
	p->sessions = NULL;
	p->switched = NULL;
	p->begin = NULL;
	for (i = 0; i < MAPS; i++) {
		if (*fd_of(p, i) >= 0)
			close(*fd_of(p, i));
		*fd_of(p, i) = -1;
	}
}

static int read_link(struct mnl_socket *nl, const char *name, struct esl_link *ret, char *error)
{
	int err = esl_link_get(nl, name, ret);

	if (err == -ENODEV)
		return esl_error(error, ENODEV, "interface %s does not exist", name);
	if (err)
		return esl_error(error, -err, "interface %s cannot be read (%s)", name,
				 strerror(-err));
	return 0;
}

static int make_config(const struct esl_conf *c, struct esl_config *ret, char *error)
{
	struct esl_config config = {
		.abi = ESL_ABI_VERSION,
		.member = c->member,
		.cpu_mode = c->cpu_mode,
		.cpu_count = c->cpu_mode == ESL_CPU_OFF ? 0 : c->cpu_count,
	};
	struct mnl_socket *nl = esl_nl_open(NETLINK_ROUTE);
	struct esl_link link;
	int i, err = 0;

	if (!nl)
		return esl_error(error, errno, "no rtnetlink socket (%m)");
	for (i = 0; i < ESL_ROLES && !err; i++) {
		err = read_link(nl, c->side[i].interface, &link, error);
		config.port[i].ifindex = link.ifindex;
		config.port[i].cluster_addr = c->side[i].cluster_addr;
		config.port[i].cluster_addr6 = c->side[i].cluster_addr6;
		config.port[i].answer = c->answer;
		memcpy(config.port[i].mac, link.mac, ESL_MAC_LEN);
		memcpy(config.port[i].cluster_mac, c->side[i].cluster_mac, ESL_MAC_LEN);
	}
	if (!err) {
		err = read_link(nl, c->gate, &link, error);
		config.gate_ifindex = link.ifindex;
	}
	mnl_socket_close(nl);
	if (!err)
		err = esl_conf_hash_key(c, &config.key, error);
	if (!err)
		*ret = config;
	OPENSSL_cleanse(&config.key, sizeof(config.key));
	return err;
}

int esl_pins_configured(const struct esl_conf *c, const struct esl_pins *p,
			char error[ESL_ERROR_MAX])
{
	struct esl_config want;
	int same, err = make_config(c, &want, error);

	if (err)
		return err;
	same = !memcmp(&want, p->config, ESL_IDENTITY_SIZE);
	OPENSSL_cleanse(&want, sizeof(want));
	return same;
}

int esl_pins_configure(const struct esl_conf *c, struct esl_pins *p, char error[ESL_ERROR_MAX])
{
	const size_t abi = sizeof(p->config->abi);
	struct esl_config config;
	int err = make_config(c, &config, error);

	if (err)
		return err;
	esl_store(&p->config->deadline_ns, 0);
	__sync_synchronize();
	/* abi last: the programs do nothing before. */
	memcpy((char *)p->config + abi, (char *)&config + abi, ESL_IDENTITY_SIZE - abi);
	__sync_synchronize();
	esl_store(&p->config->abi, config.abi);
	OPENSSL_cleanse(&config, sizeof(config));
	return 0;
}

int esl_pins_count(const struct esl_pins *p, enum esl_reason reason, struct esl_count *ret)
{
	int i, cpus = libbpf_num_possible_cpus();
	struct esl_count sum = {}, *per;
	__u32 key = reason;
	int err = 0;

	if (cpus < 1)
		return cpus ? cpus : -EINVAL;
	per = calloc(cpus, sizeof(*per));
	if (!per)
		return -ENOMEM;
	if (bpf_map_lookup_elem(p->counts, &key, per))
		err = -errno;
	for (i = 0; i < cpus && !err; i++) {
		sum.packets += per[i].packets;
		sum.bytes += per[i].bytes;
	}
	free(per);
	if (!err)
		*ret = sum;
	return err;
}

int esl_pins_packets(const struct esl_pins *p, __u64 *ret)
{
	__u32 keys[ESL_REASON_COUNT], next, count = ESL_REASON_COUNT;
	int cpus = libbpf_num_possible_cpus(), err;
	struct esl_count *per;

	if (cpus < 1)
		return cpus ? cpus : -EINVAL;
	per = calloc((size_t)cpus * count, sizeof(*per));
	if (!per)
		return -ENOMEM;
	/* The whole map: the kernel says that there is no more. */
	err = bpf_map_lookup_batch(p->counts, NULL, &next, keys, per, &count, NULL) ? -errno : 0;
	if (err == -ENOENT)
		err = 0;
	*ret = 0;
	for (size_t i = 0; i < (size_t)cpus * count && !err; i++)
		*ret += per[i].packets;
	free(per);
	return err;
}

/* The kernel keeps the first 15 characters of a name. */
static void rescue_map(const struct esl_conf *c, __u32 map_id)
{
	struct bpf_map_info info = {};
	__u32 len = sizeof(info);
	char path[512], name[64];
	int i, fd = bpf_map_get_fd_by_id(map_id);

	if (fd < 0)
		return;
	if (!bpf_obj_get_info_by_fd(fd, &info, &len)) {
		for (i = 0; i < MAPS; i++) {
			snprintf(name, sizeof(name), ESL_MAP_PREFIX "%s", maps[i].name);
			snprintf(path, sizeof(path), "%s/%s", c->bpffs, name);
			name[BPF_OBJ_NAME_LEN - 1] = '\0';
			if (!strcmp(name, info.name) && access(path, F_OK) < 0)
				bpf_obj_pin(fd, path);
		}
	}
	close(fd);
}

void esl_pins_rescue(const struct esl_conf *c, __u32 prog_id)
{
	__u32 i, ids[MAPS], len;
	struct bpf_prog_info info = {};
	int fd = prog_id ? bpf_prog_get_fd_by_id(prog_id) : -1;

	if (fd < 0)
		return;
	info.nr_map_ids = MAPS;
	info.map_ids = (uintptr_t)ids;
	len = sizeof(info);
	if (!bpf_obj_get_info_by_fd(fd, &info, &len))
		for (i = 0; i < info.nr_map_ids && i < (__u32)MAPS; i++)
			rescue_map(c, ids[i]);
	close(fd);
}

/* By the names alone: another version may have had maps that this one has not. */
int esl_pins_unlink(const char *bpffs)
{
	DIR *d = opendir(bpffs);
	struct dirent *e;
	int err = 0;

	if (!d)
		return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
	while ((e = readdir(d)))
		if (!strncmp(e->d_name, ESL_MAP_PREFIX, strlen(ESL_MAP_PREFIX)) &&
		    unlinkat(dirfd(d), e->d_name, 0) < 0 && errno != ENOENT)
			err = -errno;
	closedir(d);
	if (rmdir(bpffs) < 0 && errno != ENOENT && errno != ENOTEMPTY && errno != EBUSY)
		err = -errno;
	return err;
}
