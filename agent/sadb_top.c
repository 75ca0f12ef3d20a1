// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Inbound SAs with ESN whose kernel is far behind the others.  The kernel knows the low half of a
 * number only, and takes it for a number within 2^32 of its own window (RFC 4303, appendix A); the
 * program takes it for the one nearest to the floor, or to the number of a planned change.  Where
 * the two differ, an old packet would look new to the program, and be taken for itself by the kernel.
 *
 * So the kernel's top is brought near before this member owns any number of the SA, and where that
 * may not be done nothing of the SA is accepted.
 */
#include <arpa/inet.h>
#include <string.h>
#include <syslog.h>

#include "sadb.h"

#define REACH (1ULL << 31)

__u32 sadb_slot_by_spi(const struct agent *a, const struct sa *sa)
{
	__be32 daddr;

	memcpy(&daddr, sa->key.daddr.byte + sizeof(sa->key.daddr) - sizeof(daddr), sizeof(daddr));
	return esl_slot_esp(&a->pins.config->key, htonl(sa->key.spi), daddr, 0, ESL_BY_SPI);
}

static bool has_slot(const struct agent *a, const struct sa *sa, const struct esl_table *t)
{
	__u32 slot = 0;

	if (t->esp_shift == ESL_BY_SPI)
		return t->slot[sadb_slot_by_spi(a, sa)] == a->conf.member;
	while (slot < ESL_SLOTS && t->slot[slot] != a->conf.member)
		slot++;
	return slot < ESL_SLOTS;
}

/* May the program let a packet of it pass? */
static bool is_owned(const struct agent *a, const struct sa *sa)
{
	const struct esl_config *c = a->pins.config;
	__u64 phase = esl_phase(c);

	if (esl_load(&c->changing) || !esl_load(&c->deadline_ns))
		return false;
	return sadb_promote_takes(a, sa) || has_slot(a, sa, esl_phase_table(c, phase)) ||
	       (esl_phase_switching(phase) == ESL_PHASE_SWITCH && has_slot(a, sa, esl_phase_next(c, phase)));
}

/* Would the kernel, with its top at seq, take a number above top for another one than the program? */
static bool is_far(const struct sa *sa, __u64 seq, __u64 top)
{
	return sa->kernel.esn && top > seq && top - seq + sa->kernel.replay_window >= REACH;
}

/* Up to which number others may have accepted, of an SA of which this member accepts what is above. */
static __u64 others_top(const struct agent *a, const struct sa *sa)
{
	const struct esl_config *c = a->pins.config;
	__u64 promoted = sadb_promote_floor(a, sa), top = sa->floor;

	/* Who owns none of it by the next table takes nothing from that number on. */
	if (sa->switch_at > top && has_slot(a, sa, esl_phase_next(c, esl_phase(c))))
		top = sa->switch_at - 1;
	return promoted != UINT64_MAX && promoted > top ? promoted : top;
}

/*
 * A top is written over a window that was never used only: what others told of, where that is near
 * enough, so that it is one that was authenticated.  No number at or below it is accepted any more.
 */
static bool install(struct agent *a, struct sa *sa, __u64 top)
{
	__u64 at = sa->heard_top && sa->heard_top < top && !is_far(sa, sa->heard_top, top) ? sa->heard_top : top;

	if (sa->kernel.seq || is_owned(a, sa) || xfrm_write_top(&a->xfrm, &sa->kernel, at) ||
	    xfrm_read_counter(&a->xfrm, &sa->kernel) || sa->kernel.seq != at)
		return false;
	/* It did not come here: it is no rate. */
	sa->told_top = at;
	say(LOG_INFO, "inbound SA 0x%08x: its replay window begins at %llu, as others have it", sa->key.spi, at);
	return true;
}

bool sadb_is_shut(struct agent *a, struct sa *sa)
{
	__u64 top = others_top(a, sa);

	if (!is_far(sa, sa->kernel.seq, top))
		return false;
	/* It may have gone on since it was read. */
	if (xfrm_read_counter(&a->xfrm, &sa->kernel))
		return true;
	return is_far(sa, sa->kernel.seq, top) && !install(a, sa, top);
}
