// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Inbound SAs: their records, the tops that members tell each other, floors. */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>
#include <syslog.h>

#include "sadb.h"

#define RATE_NS (50 * NS_PER_MS)

static __u64 max64(__u64 x, __u64 y)
{
	return x > y ? x : y;
}

static int write_record(struct agent *a, struct sa *sa)
{
	bool shut = sadb_is_shut(a, sa), was = sa->shut;
	__u64 stop = sa->stopped && sa->switch_at ? sa->switch_at - 1 : 0;
	__u64 floor = max64(max64(sa->floor, stop), sadb_promote_floor(a, sa));
	struct esl_sa_in in = { .index = sa->index,
				.floor_set = shut || floor,
				.whole = !sa->kernel.esn,
				.floor = shut ? UINT64_MAX : floor,
				.switch_at = sa->switch_at,
				.leader_below = promote_below(&sa->promote) };

	sa->shut = shut;
	if (shut) {
		/* In the slots that this member is about to have, too. */
		sadb_mark_taken(a, NULL);
		sadb_want_rekey(a, sa);
	}
	if (shut && !was)
		say(LOG_ERR, "inbound SA 0x%08x: others are about 2^31 numbers ahead or more: nothing is accepted before it is rekeyed",
		    sa->key.spi);
	return bpf_map_update_elem(a->pins.sa_in, &sa->key, &in, BPF_ANY);
}

void sadb_write_inbound(struct agent *a, struct sa *sa)
{
	int err = sa->recorded ? write_record(a, sa) : 0;

	if (err)
		say(LOG_ERR, "inbound SA 0x%08x: its record cannot be written: %s", sa->key.spi, strerror(-err));
}

void sadb_mark_taken(struct agent *a, const struct takeover_slots *taken)
{
	__u32 *word = a->pins.config->taken;

	for (__u32 i = 0; i < ESL_SLOTS / 32; i++)
		esl_store(&word[i], taken ? word[i] | (__u32)(taken->word[i / 2] >> 32 * (i % 2)) : ~0U);
}

static bool is_by_spi(const struct agent *a)
{
	return a->change.active.esp_shift == ESL_BY_SPI;
}

/* A floor is never lowered, but taken off when it has no work left. */
static void set_floor(struct agent *a, struct sa *sa, __u64 floor)
{
	if (sa->floor == floor)
		return;
	/* By SPI nobody else sees the SA: who takes it next knows of the floor only what is told.  By number
	 * it would add a guess to a guess. */
	sa->again |= floor > sa->floor && is_by_spi(a);
	sa->floor = floor;
	sadb_write_inbound(a, sa);
}

/* Such an SA works, so nothing else would tell. */
static void look_at_window(struct sa *sa)
{
	if (!sa->kernel.replay_window && !sa->windowless)
		say(LOG_WARNING, "inbound SA 0x%08x: it has no replay window: replays are accepted", sa->key.spi);
	sa->windowless = !sa->kernel.replay_window;
}

/* The record was left by an earlier run, and may not say it. */
static void tell_whole(struct agent *a, const struct sa *sa)
{
	struct esl_sa_in in;

	if (bpf_map_lookup_elem(a->pins.sa_in, &sa->key, &in) || in.whole == !sa->kernel.esn)
		return;
	in.whole = !sa->kernel.esn;
	bpf_map_update_elem(a->pins.sa_in, &sa->key, &in, BPF_ANY);
}

void sadb_open_inbound(struct agent *a, struct sa *sa)
{
	int err;

	look_at_window(sa);
	if (sa->recorded) {
		tell_whole(a, sa);
		sadb_promote_queue(a, sa);
		return;
	}
	/* What was told before the kernel had the SA, or had it before: an IKE daemon
	 * deletes and adds it with the same key when an address changes. */
	sa->floor = max64(sa->floor, sa->heard_top);
	sadb_promote_arrived(a, sa);
	if (sa->floor || sadb_promote_floor(a, sa))
		sadb_mark_taken(a, NULL);
	err = sadb_take_index(a->sadb, sa);
	/* The count may be of another SA that had the index before. */
	sa->quiet = (struct quiet){};
	if (!err) {
		err = write_record(a, sa);
		if (err)
			sadb_give_index(a->sadb, sa);
	}
	if (err)
		say(LOG_ERR, "inbound SA 0x%08x: no record: %s", sa->key.spi, strerror(-err));
	else
		sa->recorded = true;
	sadb_promote_queue(a, sa);
	/* The leader takes it from now on. */
	if (sa->recorded && sa->promote.state != PROMOTE_DONE)
		sadb_promote_look(a);
}

/* The tops of SAs with traffic are read ten times a second. */
#define UNREAD_NS (300 * NS_PER_MS)

void sadb_window_lost(struct agent *a, struct sa *sa)
{
	__u64 unread_ns = agent_now() - sa->quiet.read_ns, rate = max64(sa->rate, sa->rate_before);
	__u64 floor = sa->kernel.seq + rate * (unread_ns < UNREAD_NS ? unread_ns : UNREAD_NS) / NS_PER_S;

	floor = max64(sa->floor, floor);
	if (!sa->recorded) {
		sa->floor = floor;
		return;
	}
	sadb_mark_taken(a, NULL);
	set_floor(a, sa, floor);
}

void sadb_close_inbound(struct agent *a, struct sa *sa)
{
	if (!sa->recorded)
		return;
	bpf_map_delete_elem(a->pins.sa_in, &sa->key);
	sadb_give_index(a->sadb, sa);
	sa->recorded = sa->shut = false;
}

void sadb_new_key(struct sa *sa)
{
	sa->floor = sa->heard_top = sa->heard_epoch = sa->switch_at = 0;
	sa->heard_ns = sa->sampled_top = sa->sampled_ns = sa->heard_rate = sa->heard_rate_before = 0;
	sa->promote = (struct promote){};
	sa->arrived = sa->elsewhere = sa->leads_alone = false;
}

int sadb_read_tops(struct agent *a)
{
	struct sadb *db = a->sadb;
	int err = sadb_read_seqs(a);

	if (err)
		return err;
	db->top_count = 0;
	for (__u32 i = 0; i < db->in_end; i++) {
		struct sa *sa = db->in[i];

		/* What is refused already must be refused by all. */
		if (sa && sa->present)
			db->tops[db->top_count++] = (struct announced_top){ sa->key, max64(sa->kernel.seq, sa->floor) };
	}
	return 0;
}

void sadb_heard_top(struct agent *a, const struct announced_top *t, __u32 epoch, bool raise)
{
	struct sa *sa = sadb_find_or_add(a->sadb, &t->key);

	if (!sa || sa->outbound)
		return;
	sa->elsewhere |= !sa->arrived;
	if (!t->top)
		return;
	sa->heard_epoch = epoch;
	sa->heard_top = max64(sa->heard_top, t->top);
	if (!raise || !sa->recorded)
		return;
	sadb_mark_taken(a, NULL);
	set_floor(a, sa, max64(sa->floor, sa->heard_top));
}

/* This member's own top is no part of it: its kernel knows what it accepted. */
void sadb_set_floors(struct agent *a, __u32 epoch)
{
	sadb_mark_taken(a, NULL);
	for (size_t i = 0; i < a->sadb->count; i++) {
		struct sa *sa = a->sadb->all[i];

		if (!sa->outbound && sa->recorded && sa->heard_epoch == epoch)
			set_floor(a, sa, max64(sa->floor, sa->heard_top));
	}
}

static void look_at_rate(struct sa *sa, __u64 now)
{
	__u64 past = now - sa->told_ns, new = sa->kernel.seq - sa->told_top;

	/* Too short to tell a rate. */
	if (sa->told_ns && past < RATE_NS)
		return;
	if (sa->told_ns && sa->kernel.seq >= sa->told_top) {
		sa->rate_before = sa->rate;
		sa->rate = past < 10 * NS_PER_S ? new * NS_PER_S / past : 0;
	}
	sa->told_top = sa->kernel.seq;
	sa->told_ns = now;
}

void sadb_tell_active(struct agent *a)
{
	static struct announcement m;
	struct sadb *db = a->sadb;
	__u64 now = agent_now();

	int err = sadb_read_seqs(a);

	if (err && !db->unread)
		say(LOG_ERR, "cannot read the replay state of the kernel's SAs: %s: the others are not told", strerror(-err));
	db->unread = err;
	if (err)
		return;
	m = (struct announcement){ .kind = ESL_WIRE_ACTIVE };
	for (__u32 i = 0; i < db->in_end; i++) {
		struct sa *sa = db->in[i];

		if (!sa || !(sa->stirred || sa->again) || !sa->present)
			continue;
		if (sa->stirred)
			look_at_rate(sa, now);
		sa->again = sa->stirred;
		sa->stirred = false;
		m.tops[m.count++] = (struct announced_top){ sa->key, max64(sa->kernel.seq, sa->floor) };
		if (m.count == ESL_WIRE_ENTRIES_MAX) {
			sync_send(a, &m);
			m.count = 0;
		}
	}
	if (m.count)
		sync_send(a, &m);
}

void sadb_heard_active(struct agent *a, const struct announced_top *t)
{
	struct sa *sa = sadb_find_or_add(a->sadb, &t->key);

	if (!sa || sa->outbound)
		return;
	sa->elsewhere |= !sa->arrived;
	if (!t->top)
		return;
	sa->heard_top = max64(sa->heard_top, t->top);
	sa->heard_ns = agent_now();
	/* Told once more, it says nothing of the rate. */
	if (sa->heard_ns - sa->sampled_ns < RATE_NS || sa->heard_top <= sa->sampled_top)
		return;
	sa->heard_rate_before = sa->heard_rate;
	sa->heard_rate = sa->sampled_ns ? (sa->heard_top - sa->sampled_top) * NS_PER_S / (sa->heard_ns - sa->sampled_ns) : 0;
	sa->sampled_top = sa->heard_top;
	sa->sampled_ns = sa->heard_ns;
}

/*
 * For so long the tops of this member and of others may stand still while a dead one
 * went on: a leader's program does to the end of its lease, and the leases that it
 * gave end before.  Whoever was silent for longer hears of it from those who are not.
 */
static __u64 blind_ns(const struct agent *a)
{
	__u64 silent = membership_silent_ns(a);

	return silent < 2 * a->conf.dead_ms * NS_PER_MS ? silent : 0;
}

/* For how long has the most silent of those that owned slots told nothing? */
static __u64 others_silent_ns(const struct agent *a)
{
	__u64 owners = membership_owners(a), silent = 0, now = agent_now();

	for (size_t i = 0; i < a->sync.count; i++) {
		const struct other *o = &a->sync.others[i];

		if (owners >> o->id & 1)
			silent = max64(silent, o->announced_ns ? now - o->announced_ns : UINT64_MAX);
	}
	return owners ? silent : UINT64_MAX;
}

__u64 sadb_unplanned_floor(const struct agent *a, const struct sa *sa)
{
	__u64 now = agent_now(), heard_ns = now - sa->heard_ns, moved_ns = sa->stirred ? 0 : now - sa->told_ns;
	__u64 silent = others_silent_ns(a), blind = blind_ns(a), floor;
	__u64 unseen = max64(sa->heard_ns ? takeover_unheard_ns(heard_ns, silent) : 0, blind);
	struct takeover_known k = { .own = sa->kernel.seq,
				    .heard = sa->heard_top,
				    .rate = max64(sa->rate, sa->rate_before),
				    .unheard_ns = takeover_unseen_ns(unseen, moved_ns, membership_silent_ns(a), blind),
				    .esp_shift = a->change.active.esp_shift,
				    .distance = membership_distance(a) };

	if (!k.own && !k.heard)
		return sa->floor;
	floor = max64(sa->floor, takeover_floor(&k));
	/* Of what the leader takes alone, and of a whole SA that was another one's, only the others know a rate. */
	if (sa->promote.state == PROMOTE_DONE && !is_by_spi(a))
		return floor;
	k.rate = max64(sa->heard_rate, sa->heard_rate_before);
	k.unheard_ns = is_by_spi(a) ? takeover_unseen_ns(unseen, heard_ns, silent, blind) : unseen;
	return max64(floor, takeover_floor(&k));
}

/* Can another member have accepted what now comes here? By SPI an SA is one slot's. */
static bool is_touched(const struct agent *a, const struct sa *sa, const struct takeover_slots *taken)
{
	/* Under a hold what was told of tops is of a moment before, and the next table may go by number. */
	return !is_by_spi(a) || a->change.holding ||
	       takeover_has(taken, sadb_slot_by_spi(a, sa));
}

void sadb_take_over(struct agent *a, const struct takeover_slots *taken)
{
	int err = sadb_read_seqs(a);

	if (err)
		say(LOG_ERR, "cannot read the replay state of the kernel's SAs: %s", strerror(-err));
	sadb_clear_floors(a);
	sadb_mark_taken(a, taken);
	for (size_t i = 0; i < a->sadb->count; i++) {
		struct sa *sa = a->sadb->all[i];

		/* What it takes alone it took before. */
		if (!sa->outbound && sa->recorded && !sadb_promote_takes(a, sa) && is_touched(a, sa, taken))
			set_floor(a, sa, sadb_unplanned_floor(a, sa));
	}
}

static bool is_any_taken(const struct agent *a)
{
	__u32 any = 0;

	for (__u32 i = 0; i < ESL_SLOTS / 32; i++)
		any |= a->pins.config->taken[i];
	return any;
}

static bool has_floors(const struct agent *a)
{
	const struct sadb *db = a->sadb;

	for (size_t i = 0; i < db->count; i++)
		if (!db->all[i]->outbound &&
		    (db->all[i]->floor || db->all[i]->shut || db->all[i]->stopped || sadb_promote_floor(a, db->all[i])))
			return true;
	return false;
}

/*
 * The kernel refuses what lies a window below its own top.  A floor that lies
 * there has no work left, and must go in time: the program knows the low half
 * of a number only, and takes one that is 2^31 above the floor for one below.
 */
void sadb_clear_floors(struct agent *a)
{
	struct sadb *db = a->sadb;

	for (__u32 i = 0; i < db->in_end; i++) {
		struct sa *sa = db->in[i];

		if (sa && sa->floor && sa->present && sa->kernel.replay_window &&
		    sa->kernel.seq >= sa->floor + sa->kernel.replay_window)
			set_floor(a, sa, 0);
	}
	/* What was taken before has been seen since, or was never used. */
	if (is_any_taken(a) && !a->change.holding && !has_floors(a))
		memset(a->pins.config->taken, 0, sizeof(a->pins.config->taken));
}
