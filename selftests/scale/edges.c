// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "edges.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#define CLUSTER 0xc0000201U	/* 192.0.2.1 */
#define PEER 0xc0000202U
#define SPI_OUT 0x10000U
#define SPI_IN 0x20000U
#define AT_ONCE 32		/* of xfrm_counters.c */

struct asked asked;
__u64 clock_ns = 1000 * MS;

static struct kernel_sa kernel[2][PAIRS_MAX];	/* by direction: 1 is out */
static __u64 passed[PAIRS_MAX];
static __u32 pair_count;

static void die(const char *what)
{
	fprintf(stderr, "scale: %s: %s\n", what, strerror(errno));
	exit(1);
}

struct esl_sa_key edges_key(__u32 i, bool outbound)
{
	return (struct esl_sa_key){ .daddr = esl_addr_from_ipv4(esl_htonl(outbound ? PEER : CLUSTER)),
				    .spi = (outbound ? SPI_OUT : SPI_IN) + i,
				    .protocol = ESL_IPPROTO_ESP };
}

void edges_fill(__u32 pairs)
{
	pair_count = pairs;
	memset(passed, 0, sizeof(passed));
	for (int out = 0; out < 2; out++)
		for (__u32 i = 0; i < pairs; i++)
			kernel[out][i] = (struct kernel_sa){
				.key = edges_key(i, out),
				.saddr = esl_addr_from_ipv4(esl_htonl(out ? CLUSTER : PEER)),
				.family = AF_INET,
				.esn = true,
				.has_esn_state = true,
				.replay_window = 1024,
			};
}

__u64 *edges_oseq(__u32 i)
{
	return &kernel[1][i].oseq;
}

__u64 *edges_seq(__u32 i)
{
	return &kernel[0][i].seq;
}

static struct kernel_sa *find(const struct kernel_sa *sa)
{
	bool out = sa->key.spi < SPI_IN;
	__u32 i = sa->key.spi - (out ? SPI_OUT : SPI_IN);

	return i < pair_count ? &kernel[out][i] : NULL;
}

static int read_one(struct kernel_sa *sa)
{
	const struct kernel_sa *k = find(sa);

	asked.counters++;
	if (!k)
		return -ESRCH;
	sa->oseq = k->oseq;
	sa->seq = k->seq;
	return 0;
}

int xfrm_read_counter(struct xfrm *x, struct kernel_sa *sa)
{
	(void)x;
	asked.calls += 2;
	return read_one(sa);
}

int xfrm_read_counters(struct xfrm *x, struct kernel_sa *const sas[], size_t count, int errs[])
{
	(void)x;
	asked.calls += (count + AT_ONCE - 1) / AT_ONCE * 2;
	for (size_t i = 0; i < count; i++)
		errs[i] = read_one(sas[i]);
	return 0;
}

int xfrm_write_counter(struct xfrm *x, const struct kernel_sa *sa, __u64 oseq)
{
	struct kernel_sa *k = find(sa);

	(void)x;
	asked.calls += 2;
	asked.counters++;
	if (k)
		k->oseq = oseq;
	return k ? 0 : -ESRCH;
}

int xfrm_list(struct xfrm *x, xfrm_handler handler, void *data)
{
	(void)x;
	for (int out = 0; out < 2; out++)
		for (__u32 i = 0; i < pair_count; i++)
			handler(data, XFRM_PRESENT, &kernel[out][i]);
	asked.listed += 2 * pair_count;
	asked.calls += 2 * pair_count / 8 + 2;
	return 0;
}

int xfrm_open(struct xfrm *x, xfrm_handler handler, xfrm_policy_handler policy_handler, void *data)
{
	(void)x, (void)handler, (void)policy_handler, (void)data;
	return 0;
}

int xfrm_events_fd(const struct xfrm *x)
{
	(void)x;
	return eventfd(0, EFD_CLOEXEC);
}

void xfrm_close(struct xfrm *x)
{
	(void)x;
}

int xfrm_read_events(struct xfrm *x)
{
	(void)x;
	return 0;
}

__u64 agent_now(void)
{
	return clock_ns;
}

void say(int level, const char *format, ...)
{
	va_list args;

	(void)level;
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

void sync_announce(struct agent *a)
{
	(void)a;
}

void sync_send(struct agent *a, struct announcement *m)
{
	(void)a, (void)m;
	asked.messages++;
}

bool sync_windows_differ(const struct agent *a)
{
	(void)a;
	return false;
}

void policy_on_change(void *data, enum xfrm_change change, const struct kernel_policy *p)
{
	(void)data, (void)change, (void)p;
}

void policy_changed(struct agent *a)
{
	(void)a;
}

void session_began(struct agent *a, __u64 hash, __u32 member)
{
	(void)a, (void)hash, (void)member;
}

static int map(enum bpf_map_type type, __u32 key, __u32 value, __u32 entries, __u32 flags)
{
	LIBBPF_OPTS(bpf_map_create_opts, o, .map_flags = flags);
	int fd = bpf_map_create(type, NULL, key, value, entries, &o);

	if (fd < 0)
		die("a map");
	return fd;
}

void edges_agent(struct agent *a)
{
	static struct esl_config config;
	struct esl_pins *p = &a->pins;
	char error[ESL_ERROR_MAX] = "";

	a->conf.lanes = (struct esl_lanes){ .lanes = 3, .block_shift = 6 };
	a->conf.side[ESL_OUTSIDE].cluster_addr = esl_htonl(CLUSTER);
	a->conf.peer_window = 1024;
	a->join.joined = true;
	p->config = &config;
	p->sa_in = map(BPF_MAP_TYPE_HASH, sizeof(struct esl_sa_key), sizeof(struct esl_sa_in), ESL_SA_MAX, 0);
	p->sa_out = map(BPF_MAP_TYPE_HASH, sizeof(struct esl_sa_key), sizeof(struct esl_sa_out), ESL_SA_MAX, 0);
	p->sa_seq = map(BPF_MAP_TYPE_PERCPU_ARRAY, sizeof(__u32), sizeof(struct esl_sa_seq), ESL_SA_MAX, 0);
	p->guard_fd = map(BPF_MAP_TYPE_ARRAY, sizeof(__u32), sizeof(struct esl_guard), ESL_SA_MAX, BPF_F_MMAPABLE);
	p->events = map(BPF_MAP_TYPE_RINGBUF, 0, 0, ESL_EVENTS_BYTES, 0);
	p->guards = esl_guards_open(p->guard_fd);
	if (!p->guards || sd_event_new(&a->event) < 0 || sadb_start(a, error))
		die(error[0] ? error : "an agent");
}

void edges_pass(struct agent *a, __u32 i, __u64 packets)
{
	static struct esl_sa_seq *values;
	struct esl_sa_key key = edges_key(i, false);
	const struct sa *sa = sadb_find(a->sadb, &key);

	if (!values)
		values = calloc((size_t)libbpf_num_possible_cpus(), sizeof(*values));
	passed[i] += packets;
	if (!sa || !values)
		die("an inbound SA");
	values[0].packets = passed[i];
	if (bpf_map_update_elem(a->pins.sa_seq, &sa->index, values, BPF_ANY))
		die("the count of an SA");
}

/* The linker puts these before libbpf's, to count them. */
#define COUNTED(type, name, params, args)  \
	type __real_##name params;         \
	type __wrap_##name params;         \
	type __wrap_##name params          \
	{                                  \
		asked.calls++;             \
		return __real_##name args; \
	}

COUNTED(int, bpf_map_lookup_elem, (int fd, const void *key, void *value), (fd, key, value))
COUNTED(int, bpf_map_update_elem, (int fd, const void *key, const void *value, __u64 flags), (fd, key, value, flags))
COUNTED(int, bpf_map_delete_elem, (int fd, const void *key), (fd, key))
COUNTED(int, bpf_map_lookup_batch,
	(int fd, void *in, void *out, void *keys, void *values, __u32 *count, const struct bpf_map_batch_opts *opts),
	(fd, in, out, keys, values, count, opts))
