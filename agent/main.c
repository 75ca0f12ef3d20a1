// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* espalierd: start, the timers, and what may forward. See agent.h. */
#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>
#include <fcntl.h>

#include <systemd/sd-daemon.h>

#include "agent.h"
#include "sadb.h"

#define HELLO_NS (100 * NS_PER_MS)
#define HELLO_LATE_NS (2 * NS_PER_MS)	/* it waits for a heartbeat so long */
#define VERIFY_NS (1000 * NS_PER_MS)
#define FIFO_PRIORITY 10
#define LINK_PROOF_NS (2000 * NS_PER_MS)	/* some switches keep members apart for ever */
#define EXIT_BAD_CONFIG 2

__u64 agent_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (__u64)t.tv_sec * 1000000000ULL + (__u64)t.tv_nsec;
}

void say(int level, const char *format, ...)
{
	va_list args;

	/* The journal reads the level from <N>; a person need not see it. */
	if (getenv("JOURNAL_STREAM"))
		fprintf(stderr, "<%d>", level);
	fputs("espalierd: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

int loop_timer(struct agent *a, sd_event_source **ret, __u64 in_ns, sd_event_time_handler_t handler)
{
	return sd_event_add_time_relative(a->event, ret, CLOCK_MONOTONIC, in_ns / 1000, 1, handler, a);
}

int loop_again(sd_event_source *source, __u64 in_ns)
{
	struct timespec t;
	int err;

	/* sd-event's own relative times begin when the loop woke up: too early, and then once more for nothing. */
	clock_gettime(CLOCK_MONOTONIC, &t);
	err = sd_event_source_set_time(source, (__u64)t.tv_sec * 1000000 + ((__u64)t.tv_nsec + in_ns + 999) / 1000);
	return err < 0 ? err : sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

int loop_io(struct agent *a, int fd, sd_event_io_handler_t handler, int64_t priority, void *data)
{
	sd_event_source *source;
	int err = sd_event_add_io(a->event, &source, fd, EPOLLIN, handler, data);

	if (err < 0)
		return err;
	sd_event_source_set_priority(source, priority);
	return sd_event_source_set_floating(source, 1) < 0 ? -EINVAL : (sd_event_source_unref(source), 0);
}

static void become(struct agent *a, enum why why)
{
	char sentence[256];

	if (why == a->why && why != WHY_HOLD)
		return;
	if (why != a->why) {
		a->why_since_ns = agent_now();
		if (why == WHY_HOLD)
			say(LOG_ERR, "not ready: %s", esl_hold_sentence(&a->hold, sentence, sizeof(sentence)));
		else if (why != WHY_READY)
			say(LOG_WARNING, "not ready: %s", why_sentence(why));
	}
	a->why = why;
	if (why != WHY_READY)
		esl_store(&a->pins.config->deadline_ns, 0);
}

/*
 * A switch may forward later than it raises the link.  A member that took slots
 * before would lose their packets, and the kernel's question for its next hop
 * with them, which it repeats a second later only.
 */
static bool is_link_new(struct agent *a)
{
	__u64 now = agent_now(), since = a->link_down_ns;

	if (a->hold.reason == ESL_HOLD_LINK_DOWN)
		a->link_down_ns = now;
	else if ((a->segment[ESL_INSIDE].heard_ns > since && a->segment[ESL_OUTSIDE].heard_ns > since) ||
		 now - since > LINK_PROOF_NS ||
		 cluster_heard_members(&a->membership.cluster, now) == 1ULL << a->conf.member)
		a->link_down_ns = 0;
	return a->link_down_ns;
}

/* One that may not send on an SA leaves its slots to those that may. */
static bool is_other_ready(const struct agent *a)
{
	__u64 now = agent_now();

	for (size_t i = 0; i < a->sync.count; i++)
		if (a->sync.heard[i].equal && a->sync.heard[i].ready && join_is_fresh(&a->sync.heard[i], now))
			return true;
	return false;
}

bool agent_is_able(const struct agent *a)
{
	return a->join.joined && !a->plan_conflict && a->change.active.epoch && a->hold.reason == ESL_HOLD_OK;
}

void agent_decide(struct agent *a)
{
	bool joined = a->join.joined;
	enum why why = join_decide(&a->join, a->sync.heard, a->sync.count, agent_now()), before = a->why;

	/* A leader may be known for longer. */
	if (a->join.joined && !joined && a->leader_id != ESL_NO_MEMBER && a->sadb)
		sadb_open(a);
	options_tick(a);
	if (why == WHY_READY && a->plan_conflict)
		why = WHY_PLAN_DIFFERS;
	if (why == WHY_READY && !a->change.active.epoch)
		why = WHY_NO_OPTIONS;
	if (a->hold.reason != ESL_HOLD_OK && (why == WHY_READY || why == WHY_JOINING || why == WHY_NO_OPTIONS))
		why = WHY_HOLD;
	if (why == WHY_READY && sadb_is_silent(a, before == WHY_READY) && is_other_ready(a))
		why = WHY_SA_SILENT;
	if (is_link_new(a) && why == WHY_READY)
		why = WHY_LINK_NEW;
	if (why == WHY_READY && before != WHY_READY)
		nexthop_forget(a);
	become(a, why);
	if ((before == WHY_READY) != (why == WHY_READY)) {
		membership_tick(a);
		sync_hello(a);
	}
}

void agent_verify(struct agent *a, bool rules)
{
	enum esl_hold before = a->hold.reason;
	const char *other = esl_hold_identity_differs(&a->conf, &a->pins, &a->identity);

	/* What is told to these maps no program reads, or it reads what this agent is not. */
	if (other) {
		esl_store(&a->pins.config->deadline_ns, 0);
		say(LOG_ERR, "espalier load has run anew under this agent: %s: it ends, to be started again", other);
		sd_event_exit(a->event, EXIT_FAILURE);
		return;
	}

	/* A look without the rules does not excuse rules found changed before. */
	esl_hold_check(&a->conf, rules || before == ESL_HOLD_RULES_CHANGED, &a->hold);
	agent_decide(a);
}

void agent_ran(struct agent *a)
{
	__u64 now = agent_now();

	/* Stopped, or starved: half of the time after which others do without it. */
	if (a->ran_ns && now - a->ran_ns > JOIN_FRESH_NS / 2) {
		say(LOG_WARNING, "did not run for %llu ms: IPsec is held until the others were heard",
		    (now - a->ran_ns) / NS_PER_MS);
		options_lapsed(a, 2 * HELLO_NS);
	}
	a->ran_ns = now;
}

static int hello(struct agent *a)
{
	a->hello_ns = agent_now();
	/* The timer of heartbeats is put off by each that is heard. */
	agent_ran(a);
	agent_decide(a);
	sadb_hello(a);
	sync_look(a);
	if (a->sadb->waiting && a->leader_id != ESL_NO_MEMBER)
		sadb_open(a);
	return loop_again(a->hello_later, HELLO_NS + HELLO_LATE_NS);
}

static int on_hello_now(sd_event_source *source, void *data)
{
	(void)source;
	return hello(data);
}

static int on_hello_later(sd_event_source *source, uint64_t usec, void *data)
{
	(void)source, (void)usec;
	return hello(data);
}

void agent_beat(struct agent *a)
{
	__u64 since = agent_now() - a->hello_ns, interval = a->conf.heartbeat_ms * NS_PER_MS;

	if (a->hello_now && since >= HELLO_NS / 2 && since + interval > HELLO_NS + HELLO_LATE_NS)
		sd_event_source_set_enabled(a->hello_now, SD_EVENT_ONESHOT);
}

static int on_verify(sd_event_source *source, uint64_t usec, void *data)
{
	(void)usec;
	agent_verify(data, true);
	load_look(data);
	return loop_again(source, VERIFY_NS);
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *data)
{
	struct agent *a = data;

	(void)source;
	if (info->ssi_signo == SIGHUP) {
		options_reload(a);
		return 0;
	}
	membership_leave(a);
	return 0;
}

/*
 * A deadline is only as good as the scheduler: 86 ms were measured without SCHED_FIFO, 0.1 ms with it.
 * To be called when what is long is done: a start of 30 ms would keep a processor from
 * whoever has a deadline to meet there, as those that send and those that receive.
 */
static void be_punctual(void)
{
	struct sched_param param = { .sched_priority = FIFO_PRIORITY };

	if (sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &param))
		say(LOG_WARNING, "no SCHED_FIFO (%s): under load the deadline may be renewed late and packets dropped",
		    strerror(errno));
}

static void lock_memory(void)
{
	if (mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT))
		say(LOG_WARNING, "cannot lock memory (%s): swapping may delay the deadline", strerror(errno));
}

/* One agent per member: a second one would renew what the first gave up. */
static int lock_run(const struct esl_conf *c, char error[ESL_ERROR_MAX])
{
	char path[sizeof(c->run) + 16];
	int fd;

	snprintf(path, sizeof(path), "%s/agent.lock", c->run);
	fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0) {
		snprintf(error, ESL_ERROR_MAX, "%s: %s%s", path, strerror(errno),
			 errno == ENOENT ? " (has 'espalier load' run?)" : "");
		return -errno;
	}
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		snprintf(error, ESL_ERROR_MAX, "%s: another espalierd is running", path);
		close(fd);
		return -EBUSY;
	}
	return fd;
}

static const int signals[] = { SIGTERM, SIGINT, SIGHUP };

/* From the first moment: a signal that comes while the agent starts is not lost. */
static void block_signals(void)
{
	sigset_t mask;

	sigemptyset(&mask);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaddset(&mask, signals[i]);
	sigprocmask(SIG_BLOCK, &mask, NULL);
}

static int add_timers(struct agent *a)
{
	int err = 0;

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]) && err >= 0; i++)
		err = sd_event_add_signal(a->event, NULL, signals[i], on_signal, a);
	if (err >= 0)
		err = sd_event_add_defer(a->event, &a->hello_now, on_hello_now, a);
	if (err >= 0)
		err = loop_timer(a, &a->hello_later, 0, on_hello_later);
	if (err >= 0)
		err = loop_timer(a, NULL, 0, on_verify);
	return err < 0 ? err : 0;
}

static int start(struct agent *a, char error[ESL_ERROR_MAX])
{
	int err = esl_pins_open(&a->conf, &a->pins, error);

	if (err)
		return err;
	err = esl_pins_configure(&a->conf, &a->pins, error);
	if (err)
		return err;
	err = esl_hold_identity(&a->pins, &a->identity);
	if (err)
		return err;
	err = sd_event_new(&a->event);
	if (err < 0)
		return err;
	sd_event_set_watchdog(a->event, 1);
	a->join = (struct join){ .id = a->conf.member,
				 .start_ns = agent_now(),
				 .wait_ns = a->conf.join_wait_ms * NS_PER_MS,
				 .alone = a->conf.quorum == ESL_QUORUM_NONE };
	a->why = WHY_STARTING;
	a->why_since_ns = a->join.start_ns;
	a->hold.reason = ESL_HOLD_NOT_LOADED;
	a->leader_id = ESL_NO_MEMBER;
	if ((err = options_start(a)) || (err = session_start(a)) || (err = sync_start(a, error)) ||
	    (err = segments_start(a, error)) || (err = networks_start(a, error)) || (err = membership_start(a)) || (err = plan_start(a)) ||
	    (err = watch_start(a, error)) || (err = neighbour_start(a, error)) ||
	    (err = policy_start(a, error)) || (err = probe_start(a)) || (err = sadb_start(a, error)) || (err = status_start(a, error)))
		return err;
	esl_hold_check(&a->conf, true, &a->hold);
	return add_timers(a);
}

static void stop(struct agent *a)
{
	status_stop(a);
	neighbour_stop(a);
	watch_stop(a);
	plan_stop(a);
	membership_stop(a);
	sd_event_source_unref(a->hello_now);
	sd_event_source_unref(a->hello_later);
	networks_stop(a);
	segments_stop(a);
	sync_stop(a);
	policy_stop(a);
	sadb_stop(a);
	probe_stop(a);
	session_stop(a);
	options_stop(a);
	sd_event_unref(a->event);
	esl_pins_close(&a->pins);
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	if (key == 'c')
		*(const char **)state->input = arg;
	else if (key == ARGP_KEY_ARG)
		argp_error(state, "unexpected argument '%s'", arg);
	else
		return ARGP_ERR_UNKNOWN;
	return 0;
}

int main(int argc, char **argv)
{
	static const struct argp_option options[] = {
		{ "config", 'c', "FILE", 0, "configuration (default /etc/espalier/espalier.conf)", 0 }, {}
	};
	static const struct argp argp = {
		options, parse_option, NULL,
		"The agent of an Espalier member: runs in the foreground, after 'espalier load'.",
		NULL, NULL, NULL
	};
	static struct agent a = { .sync = { .fd = -1, .group_fd = -1 }, .networks = { .epoll = -1 }, .path = "/etc/espalier/espalier.conf" };
	char error[ESL_ERROR_MAX] = "";
	int lock, err;

	argp_err_exit_status = EXIT_BAD_CONFIG;
	argp_parse(&argp, argc, argv, 0, NULL, &a.path);
	block_signals();
	if (esl_conf_read(a.path, &a.conf, error)) {
		say(LOG_ERR, "%s", error);
		return EXIT_BAD_CONFIG;
	}
	lock = lock_run(&a.conf, error);
	if (lock < 0) {
		say(LOG_ERR, "%s", error);
		return EXIT_FAILURE;
	}
	lock_memory();
	err = start(&a, error);
	if (err) {
		say(LOG_ERR, "%s", error[0] ? error : strerror(-err));
	} else {
		be_punctual();
		sd_notify(0, "READY=1");
		err = sd_event_loop(a.event);
	}
	if (a.pins.config)
		esl_store(&a.pins.config->deadline_ns, 0);
	stop(&a);
	close(lock);
	return err ? EXIT_FAILURE : EXIT_SUCCESS;
}
