/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * espalierd: one process, one thread, one loop.  struct agent is handed to
 * every module; each module owns the part that carries its name.
 *
 *     main.c        arguments, start, the timers, what may forward
 *     join.c        pure: is it set up as the others are
 *     cluster.c     pure, with election.c, lease.c, view.c, slots.c: who leads, who
 *                   owns what, until when; heartbeat.c: to bytes and back
 *     takeover.c    pure: slots that change hands, and the floors under them
 *     membership.c  the edge of cluster.c
 *     plan.c        the phases of a planned change
 *     plan_marks.c  where plain packets switch in it
 *     switching.c   pure: numbers and markers at which a planned change switches
 *     change.c      pure: from one set of dispatch options to the next
 *     lanes.c       pure: when an SA's counter jumps, and whether one member sends it all
 *     prefix.c      pure: policies as the program looks them up
 *     quiet.h       pure: of which inbound SAs the kernel's tops are asked
 *     pages.h       pure: lists that come page by page
 *     frames.c      pure: ARP and neighbour discovery
 *     held.h        pure: a round that waits for an acknowledgement
 *     rejoin.c      pure: where a member begins on an SA of which it has no record
 *     wire.c        pure: announcements to bytes and back
 *     promote.c     pure: new inbound SAs, from the leader to all
 *     salt.c        pure: the salts of IVs; probe*.c learns them
 *     load.c        how busy this machine is; load.h: pure
 *     settings.c    what must be equal on all members
 *     options.c     dispatch options: publish, adopt, tell tops
 *     session.c     the leader's sessions
 *     sadb*.c       the SAs of the kernel and their records in the maps
 *     policy.c      the policies of the kernel and their map
 *     xfrm*.c       XFRM netlink
 *     sync.c        datagrams between members
 *     cast.c        their sockets: to all, or to each; reach.h: pure
 *     segments.c    the same over the inside and outside segment
 *     networks.c    what comes over any of the three
 *     secure.c      what sync.c has of seal and channel
 *     seal.c        datagrams sealed and opened; sealed.c: pure
 *     channel*.c    TLS between members: keys and messages; tls.c, message.c (pure)
 *     watch.c       what the kernel tells of links, filters, rules, addresses
 *     nexthop.c     whom packets go on to, after a link was down
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
#include "channel.h"
#include "holder.h"
#include "join.h"
#include "load.h"
#include "membership.h"
#include "pages.h"
#include "reach.h"
#include "settings.h"
#include "wire.h"
#include "xfrm.h"

#define NS_PER_MS 1000000ULL
#define NS_PER_S 1000000000ULL

struct sadb;
struct watch;
struct neighbour;
struct policies;
struct status;
struct probe;

/* What is known of another member. */
struct other {
	__u32 id;
	struct sockaddr_in address;
	__u64 boot;
	__u32 life;		/* of its maps, */
	__u64 life_ns;		/* and when it was first heard */
	__u8 flags;
	__u32 epoch;		/* of its options, */
	__u32 acked;		/* and for which its tops hold */
	__u32 plan;		/* epoch of the next table that it prepares for, */
	__u32 prepared;		/* the version of numbers that it keeps to, */
	bool switching;		/* and whether it has begun to switch */
	struct pages last;	/* of its last tops, by epoch of the next table, */
	__u32 stopped;		/* and for which they are known; 0: none */
	__u64 windows;		/* digest */
	enum channel_end barred;	/* what bars this member from joining: join_barred() */
	char difference[64];	/* which value of its configuration differs */
	__u64 received;		/* announcements, */
	__u64 announced_ns;	/* and when the last one came; 0: never */
	struct reach reach;
	/* When it last said that another holder of this member's id is alive; 0: not since the channel stood. */
	__u64 refused_ns;
	struct holder holder;		/* and which, */
	bool yields;			/* and whether this member falls silent for that one */
	enum channel_end told;	/* of its channel, in the log */
};

struct sync {
	int fd;				/* what is sent, and what is sent to this member */
	int group_fd;			/* what is sent to the group; -1: it is not used */
	struct sockaddr_in address;	/* this member's */
	struct sockaddr_in group;
	struct seal *seal;
	struct channel *channel;
	bool unheard;			/* it brings nothing of a member that lives, */
	bool cut;			/* here or there: it does not reach a member that lives */
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

/* One of the two segments. */
struct segment {
	int fd;
	int ifindex;
	__u64 heard_ns;		/* a member, over it; 0: never */
};

/* Of networks.c: the sockets of all three. */
struct networks {
	int epoll;		/* -1: none */
	bool segments_wake;	/* what comes over a segment is read at once */
};

/* Of plan.c: the newest plan, and how far this member has come. */
struct plan_state {
	struct plan plan;
	bool fine;		/* the program has both tables; false: the next one comes at once, by take-over */
	bool told;		/* the leader's messages of this plan are complete */
	bool told_last;		/* the last tops were told */
	enum plan_phase done;	/* as the leader is to know */
	__u32 epoch;		/* of the next table, as the program has it */
	__u64 ahead_ns;		/* how far ahead numbers and marks are chosen */
	__u64 entered_ns;	/* since when markers are counted */
	__u64 begin_ns;		/* of the phase, or when numbers were chosen */
	__u64 sent_ns;		/* when numbers or marks were last told */
	__u64 looked_ns;	/* when tops were last told */

	__u32 version;		/* of the numbers: as chosen, or as they come in */
	struct pages pages;	/* of these, then of marks */
	__u64 kept_ns;		/* since when all numbers of this version are kept to; 0: not yet */
	__u32 prepared;		/* and are known to stand; 0: none yet */

	bool listed;		/* leader: marks are chosen */
	__u8 record[ESL_SWITCH_RECORDS];	/* of which queue, */
	__u32 at[ESL_SWITCH_RECORDS];		/* and where its next table begins */
	__u16 marks;
	bool waited[ESL_SWITCH_RECORDS];	/* queues that are to switch */
	__u64 past_ns;		/* since when all is past the switch; 0: not yet */
	__u64 stopped_ns;	/* since when numbers that are not past are refused; 0: not */

	sd_event_source *timer;
	__u64 finished, interrupted;	/* plans: as they should, and by a take-over */
	__u64 impatient;	/* phases ended by time */
	__u64 late;		/* queues that were past the place when they were told */
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
	struct esl_identity identity;	/* of the maps, as this agent began with them */
	sd_event *event;
	struct xfrm xfrm;
	struct join join;
	enum why why;
	__u64 why_since_ns;
	__u64 link_down_ns;	/* a link was last seen down, and not proved since; 0: all are */
	struct esl_hold_report hold;
	bool leader;
	__u32 leader_id;	/* ESL_NO_MEMBER: none is known */
	bool plan_conflict;
	__u64 ran_ns;		/* when the membership's timer last ran */
	__u64 hello_ns;		/* when hello was last said */
	sd_event_source *hello_now;	/* again: in this turn of the loop, */
	sd_event_source *hello_later;	/* or where no heartbeat is sent meanwhile */
	struct sync sync;
	struct segment segment[ESL_ROLES];
	struct networks networks;
	struct membership membership;
	struct load load;
	struct plan_state plan;
	struct change change;
	struct options_state options;
	struct session_queue sessions;
	struct sadb *sadb;
	struct policies *policies;
	struct watch *watch;
	struct neighbour *neighbour;
	struct status *status;
	struct probe *probe;
};

/* CLOCK_BOOTTIME, the clock of the deadline. */
__u64 agent_now(void);

/* Look again whether this member may forward; stops it at once if not. */
void agent_decide(struct agent *a);

/* Has it joined, and could it forward if no other member differed? */
bool agent_is_able(const struct agent *a);

/* Look at programs, guard and rules, then decide; end where the maps are others. */
void agent_verify(struct agent *a, bool rules);

/* A heartbeat was just sent: what is told regularly goes out with it where it is due
 * before the next one, so that others wake up once for both. */
void agent_beat(struct agent *a);

/* The loop is alive: hold IPsec where it was not for long. */
void agent_ran(struct agent *a);

/* sd-event with the accuracy that a deadline needs: 0 would mean 250 ms. */
int loop_timer(struct agent *a, sd_event_source **ret, __u64 in_ns, sd_event_time_handler_t handler);
/* From now on, not from when the loop woke up; never sooner. */
int loop_again(sd_event_source *source, __u64 in_ns);
int loop_io(struct agent *a, int fd, sd_event_io_handler_t handler, int64_t priority, void *data);

/* Handled in this order when several are ready. */
enum { PRIORITY_WATCH = -30, PRIORITY_BEAT = -25, PRIORITY_EVENTS = -20, PRIORITY_SYNC = -10, PRIORITY_STATUS = 10 };

/* One line to stderr with a level the journal understands. */
void say(int level, const char *format, ...) __attribute__((format(printf, 2, 3)));

int sync_start(struct agent *a, char error[ESL_ERROR_MAX]);
void sync_stop(struct agent *a);
/* Send what sadb has to announce; soon, in one batch. */
void sync_announce(struct agent *a);
/* Say who we are, with a page of rounds. */
void sync_hello(struct agent *a);
/* Send size bytes, at most ESL_SEAL_PAYLOAD_MAX, sealed, to all others. */
enum sync_reach { SYNC_NETWORK, SYNC_EVERYWHERE };
void sync_cast(struct agent *a, enum esl_seal_type type, const void *payload, size_t size, enum sync_reach reach);
/* A datagram came.  Returns whether it is of a member: authentic, and not from an earlier time. */
bool sync_datagram(struct agent *a, const __u8 *buf, size_t size, enum reach_way way);
/* Look whether the sync network reaches those that live. */
void sync_look(struct agent *a);
/* Send m, of which the caller fills kind and entries, to all others. */
void sync_send(struct agent *a, struct announcement *m);
/* The configuration was read again. */
void sync_retell(struct agent *a);
/* Does a member that can be heard know other windows of peers? */
bool sync_windows_differ(const struct agent *a);

/* Draw the own key and open the channel; a->sync.others is filled, and own.boot. */
int secure_start(struct agent *a, const struct sockaddr_in *own, char error[ESL_ERROR_MAX]);
void secure_stop(struct agent *a);
/* Read the secrets again. */
void secure_reload(struct agent *a);
/* Does a member refuse this one, because another holder of its id is alive there? */
bool secure_is_refused(const struct agent *a);
/* And is it this one that falls silent? */
bool secure_is_taken(const struct agent *a);
/* What bars this member from joining, in a sentence with the other's id; NULL: nothing does. */
const char *secure_barred(const struct agent *a, char *buf, size_t size);
/* Let the other holder in where this one falls silent. */
void secure_look(struct agent *a);
/* A datagram with this header was refused as of an unknown boot. */
void secure_doubt(struct agent *a, const struct sealed_header *h);
/* Or for want of its sender's key: whoever starts does not join without it at once. */
void secure_unkeyed(struct agent *a, const struct sealed_header *h);

/* Open the sockets of a->sync.address, and of the group where there is one and it can be used. */
int cast_start(struct agent *a, char error[ESL_ERROR_MAX]);
void cast_stop(struct agent *a);
/* To all others, over the sync network. */
void cast_send(struct agent *a, void *datagram, size_t size);
/* Is there a member that is heard, but not by the group, as by none where it is not used? */
bool cast_is_deaf(const struct agent *a);
/* Does other member i get copies of its own? */
bool cast_sends_copies(const struct agent *a, size_t i);
/* What that goes by: longer than some heartbeats, shorter than a cut. */
__u64 cast_span_ns(const struct agent *a);

int segments_start(struct agent *a, char error[ESL_ERROR_MAX]);
void segments_stop(struct agent *a);
void segments_send(struct agent *a, const void *datagram, size_t size);

/* Hear what comes to the sockets of sync and segments; those stay theirs. */
int networks_start(struct agent *a, char error[ESL_ERROR_MAX]);
void networks_stop(struct agent *a);
/* A heartbeat is due: what came over the segments alone is to count. */
void networks_beat(struct agent *a);

/* The leader's plan, or its phase, is another one: begin it. */
void plan_begin(struct agent *a, const struct plan *p);
/* The phase that is done, and of which plan. */
void plan_done(const struct agent *a, __u32 *epoch, enum plan_phase *phase);
/* What this member says of it in each announcement m. */
void plan_tell(const struct agent *a, struct announcement *m);
/* What the leader says of it. */
void plan_heard(struct agent *a, size_t i, const struct announcement *m);
/* Has every member stopped what it loses, and told its last tops? */
bool plan_all_stopped(const struct agent *a);
/* May the next table have been used beside the one in force? */
bool plan_is_switching(const struct agent *a);
/* Is it the plan's own end to put this table in force? */
bool plan_ends_with(const struct agent *a, const struct stamp *stamp);
/* The next table, which the program has, is the one in force. */
void plan_finish(struct agent *a);
/* The program's spare table is needed for another one: the plan ends by take-over, */
void plan_interrupt(struct agent *a);
/* the table in force now is without the slots that it takes away, */
void plan_give_up(const struct agent *a, struct slot_table *now);
/* and where it has not begun to switch it is prepared anew. */
void plan_resume(struct agent *a);
int plan_start(struct agent *a);
void plan_stop(struct agent *a);

/* Look how busy this machine is, about once a second. */
void load_look(struct agent *a);

/* Leader: choose where the queues switch that have traffic. False: it is too early to say. */
bool plan_marks_choose(struct agent *a, __u64 ahead_ns, bool last);
void plan_marks_send(struct agent *a);
/* A page of the leader's marks: begin where it says. Returns whether all were found. */
bool plan_marks_take(struct agent *a, const struct switching_mark *marks, size_t count);
/* Leader: its own. */
bool plan_marks_take_own(struct agent *a);
/* Have all queues switched that are to? */
bool plan_marks_done(const struct agent *a);

int options_start(struct agent *a);
void options_stop(struct agent *a);
/* Fill a table from the options and slots that hold, and let the program use it. */
void options_publish(struct agent *a);
/* Let the program prepare for a next table. Returns the table's epoch. */
__u32 options_prepare(struct agent *a, const struct slot_table *next);
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

/* A link may be there again: what is asked of next hops there is asked anew. */
void nexthop_forget(struct agent *a);

int status_start(struct agent *a, char error[ESL_ERROR_MAX]);
void status_stop(struct agent *a);

#endif
