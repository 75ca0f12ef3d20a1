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
#include <syslog.h>

#define CLUSTER 0xc0000201U	/* 192.0.2.1 */
#define PEER 0xc0000202U
#define SPI_OUT 0x10000U
#define SPI_IN 0x20000U
#define AT_ONCE 32		/* of xfrm_counters.c */
#define TIMERS_MAX 8
#define PROBE_CALLS 6		/* of probe_send.c */
#define PROBES_MAX 64		/* more than one turn sends */

struct asked asked;
__u64 clock_ns = 1000 * MS;
__u32 edges_window = 1024;
bool edges_broken;
__u64 edges_draw;

static struct kernel_sa kernel[2][PAIRS_MAX];	/* by direction: 1 is out */
static __u32 pair_count;

static struct agent *agent;
static xfrm_handler on_sa;
static struct {
	sd_event_source *source;
	sd_event_time_handler_t handler;
	__u64 at_ns;
} timers[TIMERS_MAX];
static size_t timer_count;
static struct esl_event probes[PROBES_MAX];
static size_t probe_count;

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

static void make(__u32 from, __u32 pairs)
{
	pair_count = pairs;
	for (int out = 0; out < 2; out++)
		for (__u32 i = from; i < pairs; i++)
			kernel[out][i] = (struct kernel_sa){
				.key = edges_key(i, out),
				.saddr = esl_addr_from_ipv4(esl_htonl(out ? CLUSTER : PEER)),
				.family = AF_INET,
				.esn = true,
				.has_esn_state = true,
				.has_salt = true,
				.key_print = 1 + 2 * i + (__u64)out,
				.replay_window = edges_window,
			};
}

void edges_fill(__u32 pairs)
{
	make(0, pairs);
}

static void tell(__u32 from)
{
	for (int out = 0; out < 2; out++)
		for (__u32 i = from; i < pair_count; i++)
			on_sa(agent, XFRM_PRESENT, &kernel[out][i]);
}

void edges_add(__u32 more)
{
	__u32 from = pair_count;

	make(from, from + more);
	tell(from);
}

void edges_again(void)
{
	tell(0);
}

__u64 *edges_oseq(__u32 i)
{
	return &kernel[1][i].oseq;
}

__u64 *edges_seq(__u32 i)
{
	return &kernel[0][i].seq;
}

struct kernel_sa *edges_kernel(__u32 i, bool outbound)
{
	return &kernel[outbound][i];
}

void edges_lose(__u32 i, bool outbound)
{
	kernel[outbound][i].family = 0;
}

void edges_tell(enum xfrm_change change, const struct kernel_sa *sa)
{
	on_sa(agent, change, sa);
}

/* The peer may have another address. */
static struct kernel_sa *find(const struct kernel_sa *sa)
{
	bool out = sa->key.spi < SPI_IN;
	__u32 i = sa->key.spi - (out ? SPI_OUT : SPI_IN);

	return i < pair_count && kernel[out][i].family ? &kernel[out][i] : NULL;
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

int xfrm_write_top(struct xfrm *x, const struct kernel_sa *sa, __u64 top)
{
	struct kernel_sa *k = find(sa);

	(void)x;
	asked.calls += 2;
	asked.counters++;
	if (k)
		k->seq = top;
	return k ? 0 : -ESRCH;
}

int xfrm_expire(struct xfrm *x, const struct kernel_sa *sa)
{
	(void)x, (void)sa;
	asked.calls++;
	asked.rekeys++;
	return 0;
}

int xfrm_redraw(struct xfrm *x, const struct kernel_sa *sa)
{
	(void)x, (void)sa;
	die("an SA installed anew");
	return -EIO;
}

int xfrm_print_key(const void *key, size_t size)
{
	(void)key, (void)size;
	return 0;
}

int xfrm_list(struct xfrm *x, xfrm_handler handler, void *data)
{
	x->unlisted = edges_broken;
	if (edges_broken)
		return -ENOBUFS;
	for (int out = 0; out < 2; out++)
		for (__u32 i = 0; i < pair_count; i++)
			if (kernel[out][i].family)
				handler(data, XFRM_PRESENT, &kernel[out][i]);
	asked.listed += 2 * pair_count;
	asked.calls += 2 * pair_count / 8 + 2;
	return 0;
}

int xfrm_open(struct xfrm *x, xfrm_handler handler, xfrm_policy_handler policy_handler, void *data)
{
	(void)x, (void)policy_handler, (void)data;
	on_sa = handler;
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
	if (x->unlisted)
		on_sa(agent, XFRM_ALL, NULL);
	return 0;
}

__u64 agent_now(void)
{
	return clock_ns;
}

void say(int level, const char *format, ...)
{
	va_list args;

	if (level > LOG_WARNING)
		return;
	if (strstr(format, "no replay window")) {
		asked.windowless++;
		return;
	}
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
	(void)a;
	asked.messages++;
	others_take(m);
}

void edges_flush(struct agent *a, bool page)
{
	static struct announcement m;

	while (page || a->sadb->dirty) {
		sadb_collect(a, &m, page);
		sync_send(a, &m);
		page = false;
	}
}

void sync_hello(struct agent *a)
{
	edges_flush(a, true);
}

/* XFRM takes a number, and the guard tells the salt under which it left and drops it. */
int probe_send(const struct kernel_sa *sa)
{
	struct kernel_sa *k = find(sa);
	const struct sa *known = sadb_find(agent->sadb, &sa->key);

	asked.calls += PROBE_CALLS;
	if (!k || !known || probe_count == PROBES_MAX)
		return -EAGAIN;
	k->oseq++;
	probes[probe_count++] = (struct esl_event){ .kind = ESL_EVENT_SALT,
						    .index = known->index,
						    .seq = (k->key_print + (edges_draw << 32)) * 0x9e3779b97f4a7c15ULL };
	return 0;
}

int loop_timer(struct agent *a, sd_event_source **ret, __u64 in_ns, sd_event_time_handler_t handler)
{
	int err = timer_count < TIMERS_MAX ?
			  sd_event_add_time_relative(a->event, ret, CLOCK_MONOTONIC, 0, 0, handler, a) :
			  -ENOSPC;

	if (err < 0)
		return err;
	timers[timer_count].source = *ret;
	timers[timer_count].handler = handler;
	timers[timer_count++].at_ns = clock_ns + in_ns;
	return 0;
}

int loop_again(sd_event_source *source, __u64 in_ns)
{
	for (size_t i = 0; i < timer_count; i++)
		if (timers[i].source == source)
			timers[i].at_ns = clock_ns + in_ns;
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

/* What is ready without the clock. */
static void turn(struct agent *a)
{
	for (size_t i = 0; i < probe_count; i++)
		sadb_on_guard_event(a, &probes[i]);
	probe_count = 0;
	others_answer(a);
	if (a->sadb->work[SA_STEP].count)
		sadb_on_step(a->sadb->step, a);
	edges_flush(a, false);
}

void edges_run(struct agent *a, __u64 for_ns)
{
	__u64 until = clock_ns + for_ns;
	size_t first;

	do {
		turn(a);
		first = timer_count;
		for (size_t i = 0; i < timer_count; i++) {
			int enabled = SD_EVENT_OFF;

			sd_event_source_get_enabled(timers[i].source, &enabled);
			if (enabled != SD_EVENT_OFF && timers[i].at_ns <= until &&
			    (first == timer_count || timers[i].at_ns < timers[first].at_ns))
				first = i;
		}
		if (first == timer_count)
			continue;
		if (timers[first].at_ns > clock_ns)
			clock_ns = timers[first].at_ns;
		sd_event_source_set_enabled(timers[first].source, SD_EVENT_OFF);
		timers[first].handler(timers[first].source, 0, a);
	} while (first < timer_count);
	clock_ns = until;
	for (size_t i = 0; i < a->sync.count; i++)
		a->sync.heard[i].heard_ns = clock_ns;
}

__u32 membership_distance(const struct agent *a)
{
	return takeover_distance(a->membership.active.slot, a->conf.member);
}

__u64 membership_owners(const struct agent *a)
{
	return a->membership.active.members;
}

__u64 membership_silent_ns(const struct agent *a)
{
	(void)a;
	return 0;
}

bool secure_is_refused(const struct agent *a)
{
	(void)a;
	return false;
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
	a->conf.heartbeat_ms = 20;
	a->conf.member_count = MEMBERS;
	for (__u32 id = 1; id < MEMBERS; id++) {
		a->conf.members[id].id = id;
		a->sync.others[a->sync.count].id = id;
		a->sync.heard[a->sync.count++] =
			(struct join_member){ .id = id, .heard_ns = clock_ns, .equal = true, .ready = true };
	}
	a->join.joined = true;
	a->why = WHY_READY;
	a->leader = true;
	agent = a;
	timer_count = probe_count = 0;
	config = (struct esl_config){};
	p->config = &config;
	p->sa_in = map(BPF_MAP_TYPE_HASH, sizeof(struct esl_sa_key), sizeof(struct esl_sa_in), ESL_SA_MAX, 0);
	p->sa_out = map(BPF_MAP_TYPE_HASH, sizeof(struct esl_sa_key), sizeof(struct esl_sa_out), ESL_SA_MAX, 0);
	p->sa_seq = map(BPF_MAP_TYPE_PERCPU_ARRAY, sizeof(__u32), sizeof(struct esl_sa_seq), ESL_SA_MAX, 0);
	p->guard_fd = map(BPF_MAP_TYPE_ARRAY, sizeof(__u32), sizeof(struct esl_guard), ESL_SA_MAX, BPF_F_MMAPABLE);
	p->events = map(BPF_MAP_TYPE_RINGBUF, 0, 0, ESL_EVENTS_BYTES, 0);
	p->guards = esl_guards_open(p->guard_fd);
	if (!p->guards || sd_event_new(&a->event) < 0 || probe_start(a) || sadb_start(a, error))
		die(error[0] ? error : "an agent");
	/* From now on all forward, and what comes is new. */
	a->membership.active.members = (1ULL << MEMBERS) - 1;
}

void edges_restart(struct agent *a)
{
	char error[ESL_ERROR_MAX] = "";

	sadb_stop(a);
	probe_stop(a);
	timer_count = probe_count = 0;
	if (probe_start(a) || sadb_start(a, error))
		die(error[0] ? error : "an agent");
}

void edges_stop(struct agent *a)
{
	sadb_stop(a);
	probe_stop(a);
	sd_event_unref(a->event);
	esl_guards_close(a->pins.guards);
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
