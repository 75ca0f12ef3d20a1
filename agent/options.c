// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The dispatch options of a running cluster: the leader's file, what members
 * tell each other, the tables and floors.  change.c says what to do and why.
 */
#include <errno.h>
#include <string.h>
#include <syslog.h>

#include "agent.h"
#include "sadb.h"

/* Packets that the program let pass before the hold began are through XFRM by
 * then: what waits in a NIC's queue is handled in one softirq. */
#define DRAIN_NS (10 * NS_PER_MS)
#define AGAIN_NS (20 * NS_PER_MS)	/* all tops once more, while somebody lacks them */
#define BURST 16			/* pages in a millisecond */
#define REREAD_NS (1000 * NS_PER_MS)

/* The program reads one table while the other one is filled. Returns which. */
static __u32 fill_spare(struct agent *a, const struct slot_table *slots)
{
	struct esl_config *config = a->pins.config;
	__u32 current = esl_load(&config->current) & 1;

	esl_phase_store(config, current, ESL_PHASE_NONE);
	settings_table(&a->conf, &a->change.active, &config->table[!current]);
	membership_fill(slots, &config->table[!current]);
	__sync_synchronize();
	return !current;
}

void options_publish(struct agent *a)
{
	struct slot_table now = a->membership.active;

	if (!a->change.active.epoch)
		return;
	plan_interrupt(a);
	plan_give_up(a, &now);
	esl_phase_store(a->pins.config, fill_spare(a, &now), ESL_PHASE_NONE);
	policy_changed(a);
	plan_resume(a);
}

__u32 options_prepare(struct agent *a, const struct slot_table *next)
{
	__u32 spare = fill_spare(a, next);

	/* A cluster that began anew may come to the epoch of a change before. */
	memset(a->pins.switched, 0, ESL_SWITCH_RECORDS * sizeof(*a->pins.switched));
	memset(a->pins.begin, 0, ESL_SWITCH_RECORDS * sizeof(*a->pins.begin));
	__sync_synchronize();
	esl_phase_store(a->pins.config, !spare, ESL_PHASE_PREPARE);
	return a->pins.config->table[spare].epoch;
}

static void publish(struct agent *a)
{
	const struct options *o = &a->change.active;
	char by[32] = "by SPI";

	options_publish(a);
	if (o->esp_shift != ESL_BY_SPI)
		snprintf(by, sizeof(by), "by number, %u in a row", 1U << o->esp_shift);
	say(LOG_NOTICE, "epoch %u: plain packets by %s, IPsec %s", o->epoch, settings_scheme(o->scheme), by);
}

static void start_tops(struct agent *a)
{
	struct options_state *s = &a->options;

	if (s->sending || !change_acked(&a->change))
		return;
	s->sending = true;
	s->page = 0;
	loop_again(s->tops, 0);
}

static void apply(struct agent *a, enum change_step step)
{
	switch (step) {
	case CHANGE_NOTHING:
		return;
	case CHANGE_PUBLISH:
		publish(a);
		break;
	case CHANGE_HOLD:
		esl_store(&a->pins.config->changing, 1);
		a->options.hold_ns = agent_now();
		loop_again(a->options.drain, DRAIN_NS);
		break;
	case CHANGE_ANNOUNCE:
		start_tops(a);
		break;
	}
	sync_hello(a);
}

static int on_drained(sd_event_source *source, uint64_t usec, void *data)
{
	struct agent *a = data;
	int err = sadb_read_tops(a);

	(void)usec;
	if (err) {
		say(LOG_ERR, "cannot read the replay state of the kernel's SAs: %s", strerror(-err));
		return loop_again(source, DRAIN_NS);
	}
	a->options.read_ns = agent_now();
	a->options.snapshot++;
	change_read(&a->change);
	start_tops(a);
	sync_hello(a);
	agent_decide(a);
	return 0;
}

static bool somebody_asks(const struct agent *a, __u64 now)
{
	for (size_t i = 0; i < a->sync.count; i++)
		if (a->sync.heard[i].equal && join_is_fresh(&a->sync.heard[i], now) &&
		    a->sync.others[i].flags & ESL_WIRE_CHANGING)
			return true;
	return false;
}

/* Tops read in a hold stand as long as it lasts: nothing is accepted. Later
 * ones may be newer than needed, never older. */
static void refresh_tops(struct agent *a, __u64 now)
{
	if (a->change.holding || now - a->options.read_ns < REREAD_NS)
		return;
	a->options.read_ns = now;
	if (!sadb_read_tops(a))
		a->options.snapshot++;
}

static void send_page(struct agent *a, __u16 pages)
{
	size_t first = (size_t)a->options.page * ESL_WIRE_ENTRIES_MAX, left = a->sadb->top_count - first;
	struct announcement m = { .kind = ESL_WIRE_TOPS,
				  .snapshot = a->options.snapshot,
				  .page = a->options.page,
				  .pages = pages,
				  .count = left < ESL_WIRE_ENTRIES_MAX ? left : ESL_WIRE_ENTRIES_MAX };

	memcpy(m.tops, a->sadb->tops + first, m.count * sizeof(m.tops[0]));
	sync_send(a, &m);
}

static int on_tops(sd_event_source *source, uint64_t usec, void *data)
{
	struct agent *a = data;
	struct options_state *s = &a->options;
	__u64 now = agent_now();
	__u16 pages;

	(void)usec;
	s->sending = false;
	if (!change_acked(&a->change))
		return 0;
	if (!s->page)
		refresh_tops(a, now);
	pages = pages_of(a->sadb->top_count);
	for (int i = 0; i < BURST && s->page < pages; i++, s->page++)
		send_page(a, pages);
	s->sending = s->page < pages || somebody_asks(a, now);
	if (s->page < pages)
		return loop_again(source, NS_PER_MS);
	s->page = 0;
	return s->sending ? loop_again(source, AGAIN_NS) : 0;
}

void options_heard(struct agent *a, size_t i, const struct announcement *m)
{
	bool raise;

	apply(a, change_offer(&a->change, &m->options));
	raise = !a->change.holding;
	if (m->kind == ESL_WIRE_TOPS && change_page(&a->change, i, m))
		for (size_t n = 0; n < m->count; n++)
			sadb_heard_top(a, &m->tops[n], m->acked, raise);
	if (m->flags & ESL_WIRE_CHANGING)
		start_tops(a);
}

void options_lapsed(struct agent *a, __u64 hear_ns)
{
	change_again(&a->change);
	esl_store(&a->pins.config->changing, 1);
	a->options.hold_ns = agent_now();
	loop_again(a->options.drain, hear_ns > DRAIN_NS ? hear_ns : DRAIN_NS);
}

bool options_ask(const struct agent *a)
{
	return a->change.target.epoch &&
	       change_lacks(&a->change, a->sync.heard, a->sync.count, agent_now());
}

static void settle(struct agent *a)
{
	bool first = !a->change.active.epoch;

	sadb_set_floors(a, a->change.target.epoch);
	change_settle(&a->change);
	publish(a);
	/* A packet may have read the old table and not yet whether it is held. */
	loop_again(a->options.release, DRAIN_NS);
	if (!first)
		say(LOG_NOTICE, "epoch %u: IPsec is held no longer, after %llu ms", a->change.active.epoch,
		    (agent_now() + DRAIN_NS - a->options.hold_ns) / NS_PER_MS);
}

static int on_release(sd_event_source *source, uint64_t usec, void *data)
{
	struct agent *a = data;

	(void)source, (void)usec;
	if (!a->change.holding && a->change.active.epoch)
		esl_store(&a->pins.config->changing, 0);
	return 0;
}

static void propose(struct agent *a, const struct options *wanted)
{
	struct options o;

	if (change_propose(&a->change, wanted, &o))
		apply(a, change_offer(&a->change, &o));
}

void options_tick(struct agent *a)
{
	__u64 now = agent_now();
	bool first = join_is_first(&a->join, a->conf.member, a->sync.heard, a->sync.count, now);
	struct options wanted;

	if (!a->change.target.epoch && first) {
		settings_options(&a->conf, &wanted);
		propose(a, &wanted);
	}
	/* Two that did not hear each other chose one epoch: another one is right for all. */
	if (a->change.conflict && (a->leader || (a->leader_id == ESL_NO_MEMBER && first))) {
		wanted = a->change.target;
		propose(a, &wanted);
	}
	if (a->join.joined && change_ready(&a->change, a->sync.heard, a->sync.count, now))
		settle(a);
}

void options_reload(struct agent *a)
{
	static struct esl_conf next;
	char error[ESL_ERROR_MAX] = "";
	struct options wanted;
	const char *key;

	if (esl_conf_read(a->path, &next, error)) {
		say(LOG_ERR, "%s", error);
		return;
	}
	key = settings_fixed(&a->conf, &next);
	if (key) {
		say(LOG_ERR, "%s: needs a restart: %s", a->path, key);
		return;
	}
	a->conf = next;
	membership_reload(a);
	sync_retell(a);
	secure_reload(a);
	a->sadb->waiting = true;
	if (a->leader) {
		settings_options(&a->conf, &wanted);
		propose(a, &wanted);
	}
	say(LOG_NOTICE, "%s read again%s", a->path,
	    a->leader ? "" : ": the leader's dispatch options hold, this member's when it leads and is told again");
	sync_hello(a);
}

int options_start(struct agent *a)
{
	struct options_state *s = &a->options;
	struct esl_config *config = a->pins.config;
	int err;

	change_start(&a->change);
	esl_store(&a->pins.config->deadline_ns, 0);
	esl_store(&a->pins.config->leader, 0);
	esl_store(&a->pins.config->changing, 1);
	/* A change that nobody leads any more; and every floor holds in every slot. */
	esl_phase_lead(config, false);
	esl_phase_store(config, config->current & 1, ESL_PHASE_NONE);
	memset(config->taken, 0xff, sizeof(config->taken));
	s->hold_ns = agent_now();
	err = loop_timer(a, &s->drain, DRAIN_NS, on_drained);
	if (err >= 0)
		err = loop_timer(a, &s->release, DRAIN_NS, on_release);
	if (err >= 0)
		err = loop_timer(a, &s->tops, 0, on_tops);
	if (err >= 0)
		err = sd_event_source_set_enabled(s->release, SD_EVENT_OFF);
	if (err < 0)
		return err;
	return sd_event_source_set_enabled(s->tops, SD_EVENT_OFF);
}

void options_stop(struct agent *a)
{
	sd_event_source_unref(a->options.drain);
	sd_event_source_unref(a->options.release);
	sd_event_source_unref(a->options.tops);
}
