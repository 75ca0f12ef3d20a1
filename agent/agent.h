/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * espalierd: one process, one thread, one loop.  struct agent is handed to
 * every module; each module owns the part that carries its name.
 *
 *     main.c        arguments, start, the timers, what may forward
 *     join.c        pure: may this member forward, who leads
 *     change.c      pure: from one set of dispatch options to the next
 *     lanes.c       pure: when an SA's counter jumps, and whether one member sends it all
 *     prefix.c      pure: policies as the program looks them up
 *     frames.c      pure: ARP and neighbour discovery
 *     wire.c        pure: announcements to bytes and back
 *     heartbeat.c   pure: heartbeats to bytes and back
 *     cluster.c, election.c, lease.c, view.c, slots.c
 *                   pure: who is a member, who leads, who owns which slot
 *     settings.c    what must be equal on all members
 *     options.c     dispatch options: publish, adopt, tell tops
 *     session.c     the leader's sessions
 *     sadb*.c       the SAs of the kernel and their records in the maps
 *     policy.c      the policies of the kernel and their map
 *     xfrm*.c       XFRM netlink
 *     sync.c        announcements between members
 *     watch.c       what the kernel tells of links, filters, rules, addresses
 *     neighbour.c   the cluster MAC, and the leader's ARP and neighbour discovery
 *     status*.c     the JSON socket
 */
#ifndef AGENT_AGENT_H
#define AGENT_AGENT_H

#include <systemd/sd-event.h>

#include <loader/conf.h>
#include <loader/hold.h>
#include <loader/pins.h>

#include "change.h"
#include "join.h"
#include "settings.h"
#include "wire.h"
#include "xfrm.h"

#define NS_PER_MS 1000000ULL

struct sadb;
struct watch;
struct neighbour;
struct policies;
struct status;

/* What is known of another member. */
struct other {
	__u32 id;
	struct sockaddr_in address;
	__u64 boot;
	__u8 flags;
	__u32 epoch;		/* of its options, */
	__u32 acked;		/* and for which its tops hold */
	__u64 windows;		/* digest */
	char difference[64];	/* which value of its configuration differs */
	__u64 received;		/* announcements */
};

struct sync {
	int fd;
	__u8 key[32];
	struct announcement own;	/* who this member is, and how it is set up */
	__u64 sent;
	__u64 counts[WIRE_REFUSAL_COUNT];
	__u64 flushed_ns;
	sd_event_source *flush_now;	/* in this turn of the loop, */
	sd_event_source *flush_later;	/* or when the gap is over */
	struct other others[ESL_MEMBERS_MAX];
	struct join_member heard[ESL_MEMBERS_MAX];	/* same index as others */
	size_t count;
};

/* Of options.c. */
struct options_state {
	sd_event_source *drain;
	sd_event_source *release;
	sd_event_source *tops;
	bool sending;		/* the timer of the pages is on */
	__u16 page;		/* the next one */
	__u32 snapshot;
	__u64 read_ns;		/* when the tops were read */
	__u64 hold_ns;		/* when the last hold began */
};

/* Of session.c. */
struct session_queue {
	struct announced_session ring[ESL_WIRE_SESSIONS_MAX];
	size_t next, count;
	__u64 flushed_ns;
	sd_event_source *timer;
	__u64 told, lost, heard;
};

struct agent {
	const char *path;	/* of the configuration */
	struct esl_conf conf;
	struct esl_pins pins;
	sd_event *event;
	struct xfrm xfrm;
	struct join join;
	enum why why;
	__u64 why_since_ns;
	struct esl_hold_report hold;
	bool leader;
	__u32 leader_id;	/* ESL_NO_MEMBER: nobody forwards */
	bool plan_conflict;
	__u64 ran_ns;		/* when the deadline's timer last ran */
	__u64 renewals;
	__u64 lapses;		/* the deadline had passed when it was renewed */
	struct sync sync;
	struct change change;
	struct options_state options;
	struct session_queue sessions;
	struct sadb *sadb;
	struct policies *policies;
	struct watch *watch;
	struct neighbour *neighbour;
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
/* Send m, of which the caller fills kind and entries, to all others. */
void sync_send(struct agent *a, struct announcement *m);
/* The configuration was read again. */
void sync_retell(struct agent *a);
/* Does a member that can be heard know other windows of peers? */
bool sync_windows_differ(const struct agent *a);

int options_start(struct agent *a);
void options_stop(struct agent *a);
/* What another member, with index i, says of options and tops. */
void options_heard(struct agent *a, size_t i, const struct announcement *m);
/* This member did not run for long: hold until the others were heard again, for
 * which hear_ns is enough where they live. */
void options_lapsed(struct agent *a, __u64 hear_ns);
/* Does this member ask the others for their tops? */
bool options_ask(const struct agent *a);
/* Look whether something is to be published, or a hold may end. */
void options_tick(struct agent *a);
/* Read the configuration again. */
void options_reload(struct agent *a);

int session_start(struct agent *a);
void session_stop(struct agent *a);
/* The program of this leader gave a new session to member. */
void session_began(struct agent *a, __u64 hash, __u32 member);
void session_heard(struct agent *a, const struct announcement *m);

int policy_start(struct agent *a, char error[ESL_ERROR_MAX]);
void policy_stop(struct agent *a);
void policy_on_change(void *data, enum xfrm_change change, const struct kernel_policy *p);
/* An SA, policy or the scheme changed: look at the map in this turn of the loop. */
void policy_changed(struct agent *a);
size_t policy_count(const struct agent *a);

int watch_start(struct agent *a, char error[ESL_ERROR_MAX]);
void watch_stop(struct agent *a);

int neighbour_start(struct agent *a, char error[ESL_ERROR_MAX]);
void neighbour_stop(struct agent *a);
/* Tell the neighbours that the cluster addresses are at the cluster MAC. */
void neighbour_announce(struct agent *a);

int status_start(struct agent *a, char error[ESL_ERROR_MAX]);
void status_stop(struct agent *a);

#endif
