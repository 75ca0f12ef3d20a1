// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The status socket: connect to RUN/status.sock, read one JSON document up to
 * the end of file.  deploy/STATUS.md describes the fields.  A client that does
 * not read is dropped after a second, and the SAs, of which there may be thousands,
 * are written a few at a time, with a pause in which heartbeats come in: the kernel's
 * own threads have no SCHED_FIFO.  So it can never hold the agent up.
 */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include "agent.h"
#include "sadb.h"
#include "status_sa.h"

#define STATUS_VERSION 1
#define CLIENTS_MAX 8
#define CLIENT_NS (1000 * NS_PER_MS)
#define SAS_AT_ONCE 32		/* a third of a millisecond, */
#define PAUSE_NS (2 * NS_PER_MS)	/* before the next ones */

struct client {
	struct agent *agent;
	int fd;
	char *text;
	size_t size;
	size_t sent;
	size_t next_sa;		/* of sadb.all: the first that is not in text or before it */
	bool ended;		/* text has the end of the document */
	sd_event_source *io;
	sd_event_source *timeout;
	sd_event_source *pause;
};

struct status {
	int fd;
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	struct client clients[CLIENTS_MAX];
};

static json_t *members(const struct agent *a)
{
	json_t *list = json_array();

	for (size_t i = 0; i < a->sync.count; i++) {
		const struct other *m = &a->sync.others[i];
		const struct join_member *h = &a->sync.heard[i];
		json_t *o = json_object();

		json_object_set_new(o, "id", json_integer(m->id));
		json_object_set_new(o, "heard_ms_ago",
				    h->heard_ns ? json_integer((json_int_t)((agent_now() - h->heard_ns) / NS_PER_MS)) :
						  json_null());
		json_object_set_new(o, "forwarding", json_boolean(a->membership.cluster.peer[m->id].forwarding));
		json_object_set_new(o, "load", json_integer(a->membership.cluster.peer[m->id].load));
		json_object_set_new(o, "differs", m->difference[0] ? json_string(m->difference) : json_null());
		json_object_set_new(o, "windows_differ", json_boolean(h->heard_ns && m->windows != a->sync.own.windows));
		json_object_set_new(o, "epoch", json_integer(m->epoch));
		json_object_set_new(o, "acknowledged", json_integer(m->acked));
		json_object_set_new(o, "announcements", json_integer((json_int_t)m->received));
		json_object_set_new(o, "group", json_boolean(reach_is_fresh(m->reach.at_ns[REACH_GROUP], agent_now(),
									   cast_span_ns(a))));
		json_object_set_new(o, "copies", json_boolean(cast_sends_copies(a, i)));
		json_object_set_new(o, "channel", json_boolean(channel_up(a->sync.channel, i, NULL)));
		json_object_set_new(o, "channel_ended", json_string(channel_end_name(channel_last(a->sync.channel, i))));
		json_array_append_new(list, o);
	}
	return list;
}

static json_t *channel(const struct agent *a)
{
	json_t *o = json_object(), *ended = json_object();

	/* The first is no end. */
	for (int i = CHANNEL_NONE + 1; i < CHANNEL_END_COUNT; i++)
		json_object_set_new(ended, channel_end_name(i),
				    json_integer((json_int_t)channel_count(a->sync.channel, i)));
	json_object_set_new(o, "ended", ended);
	json_object_set_new(o, "ignored", json_integer((json_int_t)channel_ignored(a->sync.channel)));
	return o;
}

static json_t *announcements(const struct agent *a)
{
	static const char *const names[] = {
#define X(symbol, name) name,
		WIRE_REFUSALS(X)
#undef X
	};
	json_t *o = json_object(), *received = json_object(), *datagrams = json_object();

	for (int i = 0; i < WIRE_REFUSAL_COUNT; i++)
		json_object_set_new(received, names[i], json_integer((json_int_t)a->sync.counts[i]));
	for (int i = 0; i < SEALED_COUNT; i++)
		json_object_set_new(datagrams, sealed_name(i),
				    json_integer((json_int_t)seal_count(a->sync.seal, i)));
	json_object_set_new(o, "sent", json_integer((json_int_t)a->sync.sent));
	json_object_set_new(o, "other_life", json_integer((json_int_t)sadb_foreign_heard(a)));
	json_object_set_new(o, "received", received);
	json_object_set_new(o, "datagrams", datagrams);
	return o;
}

static json_t *dispatch(const struct agent *a)
{
	const struct options *o = &a->change.active;
	json_t *d = json_object();

	json_object_set_new(d, "epoch", json_integer(o->epoch));
	json_object_set_new(d, "epoch_heard", json_integer(a->change.target.epoch));
	json_object_set_new(d, "acknowledged", json_integer(change_acked(&a->change)));
	json_object_set_new(d, "held", json_boolean(a->change.holding));
	json_object_set_new(d, "conflict", json_boolean(a->change.conflict));
	json_object_set_new(d, "policies", json_integer((json_int_t)policy_count(a)));
	if (!o->epoch)
		return d;
	json_object_set_new(d, "inside", json_string(settings_scheme(o->scheme)));
	json_object_set_new(d, "outside", json_string(o->esp_shift == ESL_BY_SPI ? "by-spi" : "by-number"));
	if (o->esp_shift != ESL_BY_SPI)
		json_object_set_new(d, "burst", json_integer(1LL << o->esp_shift));
	json_object_set_new(d, "marker", json_integer(1LL << o->marker_shift));
	return d;
}

static json_t *sessions(const struct agent *a)
{
	const struct session_queue *q = &a->sessions;
	json_t *o = json_object();

	json_object_set_new(o, "told", json_integer((json_int_t)q->told));
	json_object_set_new(o, "heard", json_integer((json_int_t)q->heard));
	json_object_set_new(o, "lost", json_integer((json_int_t)q->lost));
	return o;
}

/* Why not ready; and where it is, why it does not forward. */
static void put_why(const struct agent *a, json_t *why)
{
	const struct membership *m = &a->membership;
	/* One that is refused for its id hears nobody, and would seem to wait for them. */
	bool ready = a->why == WHY_READY || m->serve == SERVE_ID_TAKEN;
	__u64 since = ready ? m->serve_since_ns : a->why_since_ns;
	char buf[160];
	const char *barred = a->why == WHY_JOINING ? secure_barred(a, buf, sizeof(buf)) : NULL;
	const char *sentence = ready ? serve_sentence(m->serve) : barred ? barred : why_sentence(a->why);

	json_object_set_new(why, "reason", json_string(ready ? serve_name(m->serve) : why_name(a->why)));
	json_object_set_new(why, "sentence", json_string(sentence));
	json_object_set_new(why, "since_ms", json_integer((json_int_t)((agent_now() - since) / NS_PER_MS)));
}

/* How many of the slots each member has. */
static json_t *shares(const struct slot_table *t)
{
	json_t *slots = json_object();
	unsigned int count[ESL_MEMBERS_MAX] = {};
	char id[8];

	for (int i = 0; i < ESL_SLOTS && t->members; i++)
		count[t->slot[i] % ESL_MEMBERS_MAX]++;
	for (int i = 0; i < ESL_MEMBERS_MAX; i++) {
		snprintf(id, sizeof(id), "%d", i);
		if (t->members >> i & 1)
			json_object_set_new(slots, id, json_integer(count[i]));
	}
	return slots;
}

static json_t *planned(const struct agent *a)
{
	static const char *const phases[] = { "none", "prepare", "switch" };
	const struct plan_state *s = &a->plan;
	json_t *o = json_object();

	json_object_set_new(o, "phase", json_string(phases[s->plan.phase % PLAN_PHASES]));
	if (s->plan.phase != PLAN_NONE)
		json_object_set_new(o, "slots", shares(&s->plan.next));
	json_object_set_new(o, "finished", json_integer((json_int_t)s->finished));
	json_object_set_new(o, "interrupted", json_integer((json_int_t)s->interrupted));
	json_object_set_new(o, "impatient", json_integer((json_int_t)s->impatient));
	json_object_set_new(o, "late", json_integer((json_int_t)s->late));
	return o;
}

static json_t *cluster(const struct agent *a)
{
	const struct membership *m = &a->membership;
	enum lead lead = cluster_why_not_leading(&m->cluster, agent_now());
	__u64 heard = cluster_heard_members(&m->cluster, agent_now());
	json_t *o = json_object(), *not = json_object();

	json_object_set_new(not, "reason", json_string(lead_name(lead)));
	json_object_set_new(not, "sentence", json_string(lead_sentence(lead)));
	json_object_set_new(o, "leading", not);
	json_object_set_new(o, "term", json_integer((json_int_t)m->active.stamp.term));
	json_object_set_new(o, "table", json_integer(m->active.stamp.epoch));
	json_object_set_new(o, "slots", shares(&m->active));
	json_object_set_new(o, "heard", json_integer(__builtin_popcountll(heard)));
	json_object_set_new(o, "elections", json_integer((json_int_t)m->elections));
	json_object_set_new(o, "tables", json_integer((json_int_t)m->tables));
	json_object_set_new(o, "planned", planned(a));
	json_object_set_new(o, "load", json_integer(a->load.permille));
	json_object_set_new(o, "heartbeats_sent", json_integer((json_int_t)m->sent));
	json_object_set_new(o, "heartbeats_heard", json_integer((json_int_t)m->heard[HEARTBEAT_OK]));
	json_object_set_new(o, "heartbeats_unequal", json_integer((json_int_t)m->unequal));
	json_object_set_new(o, "sync_network_cut", json_boolean(a->sync.cut));
	return o;
}

/* All but the SAs. */
static json_t *document(struct agent *a)
{
	char sentence[256];
	json_t *o = json_object(), *why = json_object(), *hold = json_object();

	put_why(a, why);
	json_object_set_new(hold, "reason", json_string(esl_hold_name(a->hold.reason)));
	json_object_set_new(hold, "sentence",
			    json_string(esl_hold_sentence(&a->hold, sentence, sizeof(sentence))));
	json_object_set_new(o, "version", json_integer(STATUS_VERSION));
	json_object_set_new(o, "member", json_integer(a->conf.member));
	json_object_set_new(o, "state", json_string(a->membership.serve == SERVE_FORWARDING ? "forwarding" : "silent"));
	json_object_set_new(o, "why", why);
	json_object_set_new(o, "hold", hold);
	json_object_set_new(o, "leader", json_boolean(a->leader));
	json_object_set_new(o, "leader_member",
			    a->leader_id == ESL_NO_MEMBER ? json_null() : json_integer(a->leader_id));
	json_object_set_new(o, "cluster", cluster(a));
	json_object_set_new(o, "dispatch", dispatch(a));
	json_object_set_new(o, "sessions", sessions(a));
	json_object_set_new(o, "renewals", json_integer((json_int_t)a->membership.renewals));
	json_object_set_new(o, "lapses", json_integer((json_int_t)a->membership.lapses));
	json_object_set_new(o, "lanes", json_integer(a->conf.lanes.lanes));
	json_object_set_new(o, "block", json_integer((json_int_t)esl_block_size(&a->conf.lanes)));
	json_object_set_new(o, "members", members(a));
	json_object_set_new(o, "announcements", announcements(a));
	json_object_set_new(o, "channel", channel(a));
	return o;
}

static void drop(struct client *c)
{
	c->io = sd_event_source_disable_unref(c->io);
	c->timeout = sd_event_source_disable_unref(c->timeout);
	c->pause = sd_event_source_disable_unref(c->pause);
	close(c->fd);
	free(c->text);
	*c = (struct client){ .agent = c->agent, .fd = -1 };
}

/* The document up to its list of SAs. */
static void first_text(struct client *c)
{
	json_t *doc = document(c->agent);
	char *all = json_dumps(doc, JSON_INDENT(2));
	FILE *f = all ? open_memstream(&c->text, &c->size) : NULL;

	if (f) {
		/* Without the end of the object. */
		fprintf(f, "%.*s,\n  \"sas\": [", (int)strlen(all) - 2, all);
		fclose(f);
	}
	free(all);
	json_decref(doc);
}

/* Some SAs more.  False: all was written, or there is no memory. */
static bool next_text(struct client *c)
{
	const struct sadb *db = c->agent->sadb;
	FILE *f;

	free(c->text);
	c->text = NULL;
	c->sent = c->size = 0;
	f = c->ended ? NULL : open_memstream(&c->text, &c->size);
	if (!f)
		return false;
	for (int n = 0; n < SAS_AT_ONCE && c->next_sa < db->count; n++, c->next_sa++) {
		json_t *o = status_sa(c->agent, db->all[c->next_sa]);

		fputs(c->next_sa ? ",\n    " : "\n    ", f);
		json_dumpf(o, f, 0);
		json_decref(o);
	}
	c->ended = c->next_sa == db->count;
	if (c->ended)
		fputs("\n  ]\n}\n", f);
	fclose(f);
	loop_again(c->timeout, CLIENT_NS);
	sd_event_source_set_enabled(c->io, SD_EVENT_OFF);
	loop_again(c->pause, PAUSE_NS);
	return c->text;
}

static int on_paused(sd_event_source *source, uint64_t usec, void *data)
{
	struct client *c = data;

	(void)source, (void)usec;
	return sd_event_source_set_enabled(c->io, SD_EVENT_ON);
}

static int on_writable(sd_event_source *source, int fd, uint32_t revents, void *data)
{
	struct client *c = data;
	ssize_t n = send(fd, c->text + c->sent, c->size - c->sent, MSG_DONTWAIT | MSG_NOSIGNAL);

	(void)source, (void)revents;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n > 0)
		c->sent += (size_t)n;
	if (n < 0 || (c->sent == c->size && !next_text(c)))
		drop(c);
	return 0;
}

static int on_client_timeout(sd_event_source *source, uint64_t usec, void *data)
{
	(void)source, (void)usec;
	drop(data);
	return 0;
}

static int on_connect(sd_event_source *source, int fd, uint32_t revents, void *data)
{
	struct agent *a = data;
	struct client *c = NULL;
	int conn = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)source, (void)revents;
	if (conn < 0)
		return 0;
	for (int i = 0; i < CLIENTS_MAX && !c; i++)
		if (a->status->clients[i].fd < 0)
			c = &a->status->clients[i];
	if (!c) {
		close(conn);
		return 0;
	}
	*c = (struct client){ .agent = a, .fd = conn };
	first_text(c);
	if (!c->text || sd_event_add_io(a->event, &c->io, conn, EPOLLOUT, on_writable, c) < 0 ||
	    sd_event_add_time_relative(a->event, &c->timeout, CLOCK_MONOTONIC, CLIENT_NS / 1000, 1,
				       on_client_timeout, c) < 0 ||
	    sd_event_add_time_relative(a->event, &c->pause, CLOCK_MONOTONIC, 0, 1, on_paused, c) < 0) {
		drop(c);
		return 0;
	}
	sd_event_source_set_enabled(c->pause, SD_EVENT_OFF);
	sd_event_source_set_priority(c->io, PRIORITY_STATUS);
	return 0;
}

int status_start(struct agent *a, char error[ESL_ERROR_MAX])
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	mode_t mask;
	int err;

	a->status = calloc(1, sizeof(*a->status));
	if (!a->status)
		return -ENOMEM;
	a->status->fd = -1;
	for (int i = 0; i < CLIENTS_MAX; i++)
		a->status->clients[i].fd = -1;
	if ((size_t)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/status.sock", a->conf.run) >=
	    sizeof(addr.sun_path)) {
		snprintf(error, ESL_ERROR_MAX, "%s: path too long for a socket", a->conf.run);
		return -ENAMETOOLONG;
	}
	a->status->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	unlink(addr.sun_path);
	mask = umask(0177);
	err = a->status->fd < 0 || bind(a->status->fd, (struct sockaddr *)&addr, sizeof(addr)) ||
	      listen(a->status->fd, CLIENTS_MAX);
	umask(mask);
	if (err) {
		snprintf(error, ESL_ERROR_MAX, "cannot listen on %s: %s", addr.sun_path, strerror(errno));
		return -errno;
	}
	memcpy(a->status->path, addr.sun_path, sizeof(addr.sun_path));
	err = loop_io(a, a->status->fd, on_connect, PRIORITY_STATUS, a);
	return err < 0 ? err : 0;
}

void status_stop(struct agent *a)
{
	if (!a->status)
		return;
	for (int i = 0; i < CLIENTS_MAX; i++)
		if (a->status->clients[i].fd >= 0)
			drop(&a->status->clients[i]);
	if (a->status->path[0])
		unlink(a->status->path);
	if (a->status->fd >= 0)
		close(a->status->fd);
	free(a->status);
	a->status = NULL;
}
