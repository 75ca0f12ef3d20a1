/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * espalierd: one process, one thread, one loop.  struct agent is handed to
 * every module; each module owns the part that carries its name.
 *
 *     main.c    arguments, start, the timers, what may forward
 *     join.c    pure: may this member forward
 *     lanes.c   pure: when an SA's counter jumps
 *     wire.c    pure: announcements to bytes and back
 *     sadb.c    the SAs of the kernel and their records in the maps
 *     xfrm.c    XFRM netlink
 *     sync.c    announcements between members
 *     watch.c   what the kernel tells of links, filters, rules, addresses
 *     arp.c     the cluster MAC and the leader's ARP
 *     status.c  the JSON socket
 */
#ifndef AGENT_AGENT_H
#define AGENT_AGENT_H

#include <systemd/sd-event.h>

#include <loader/conf.h>
#include <loader/hold.h>
#include <loader/pins.h>

#include "join.h"
#include "wire.h"
#include "xfrm.h"

#define NS_PER_MS 1000000ULL

struct sadb;
struct watch;
struct arp;
struct status;

/* What is known of another member. */
struct other {
	__u32 id;
	struct sockaddr_in address;
	__u64 boot;
	__u8 flags;
	char difference[64];	/* which value of its configuration differs */
	__u64 received;		/* announcements */
};

struct sync {
	int fd;
	__u8 key[32];
	__u64 boot;
	__u64 sent;
	__u64 counts[WIRE_REFUSAL_COUNT];
	__u64 flushed_ns;
	sd_event_source *flush_now;	/* in this turn of the loop, */
	sd_event_source *flush_later;	/* or when the gap is over */
	struct other others[ESL_MEMBERS_MAX];
	struct join_member heard[ESL_MEMBERS_MAX];	/* same index as others */
	size_t count;
};

struct agent {
	struct esl_conf conf;
	struct esl_pins pins;
	sd_event *event;
	struct xfrm xfrm;
	struct join join;
	enum why why;
	__u64 why_since_ns;
	struct esl_hold_report hold;
	bool leader;
	bool plan_conflict;
	__u64 renewals;
	__u64 lapses;		/* the deadline had passed when it was renewed */
	struct sync sync;
	struct sadb *sadb;
	struct watch *watch;
	struct arp *arp;
	struct status *status;
};

/* CLOCK_BOOTTIME, the clock of the deadline. */
__u64 agent_now(void);

/* Look again whether this member may forward; stops it at once if not. */
void agent_decide(struct agent *a);

/* Look at programs, guard and rules, then decide. */
void agent_verify(struct agent *a, bool rules);

/* sd-event with the accuracy that a deadline needs: 0 would mean 250 ms. */
int loop_timer(struct agent *a, sd_event_source **ret, __u64 in_ns, sd_event_time_handler_t handler);
int loop_again(sd_event_source *source, __u64 in_ns);
int loop_io(struct agent *a, int fd, sd_event_io_handler_t handler, int64_t priority, void *data);

/* Handled in this order when several are ready. */
enum { PRIORITY_WATCH = -30, PRIORITY_EVENTS = -20, PRIORITY_SYNC = -10, PRIORITY_STATUS = 10 };

/* One line to stderr with a level the journal understands. */
void say(int level, const char *format, ...) __attribute__((format(printf, 2, 3)));

int sync_start(struct agent *a, char error[ESL_ERROR_MAX]);
void sync_stop(struct agent *a);
/* Send what sadb has to announce; soon, in one batch. */
void sync_announce(struct agent *a);
/* Say who we are, with a page of rounds. */
void sync_hello(struct agent *a);

int watch_start(struct agent *a, char error[ESL_ERROR_MAX]);
void watch_stop(struct agent *a);

int arp_start(struct agent *a, char error[ESL_ERROR_MAX]);
void arp_stop(struct agent *a);
/* Tell the neighbours that the cluster addresses are at the cluster MAC. */
void arp_announce(struct agent *a);

int status_start(struct agent *a, char error[ESL_ERROR_MAX]);
void status_stop(struct agent *a);

#endif
