// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <stdlib.h>

#include "sim.h"

#define NO_MESSAGE UINT32_MAX

void net_start(struct sim *s)
{
	for (__u32 i = 0; i < s->message_size; i++) {
		s->messages[i].refs = 0;
		s->messages[i].next_free = i + 1 < s->message_size ? i + 1 : NO_MESSAGE;
	}
	s->message_free = s->message_size ? 0 : NO_MESSAGE;
	for (int n = 0; n < NETS; n++) {
		s->net[n] =
			(struct net){ .delay_ns = 20 * NS_PER_US + sim_below(s, 200 * NS_PER_US),
				      .slow_ns = s->dead_ns };
		if (s->calm)
			continue;
		s->net[n].loss = (__u32)sim_below(s, sim_below(s, 4) ? 700 : 6000);
		s->net[n].duplicate = (__u32)sim_below(s, 1500);
		s->net[n].slow = (__u32)sim_below(s, sim_below(s, 4) ? 200 : 3000);
		if (!sim_below(s, 8))
			s->net[n].slow_ns = NS_PER_S;
	}
}

/* Moves all messages: no pointer to one may be kept over this. */
__u32 message_new(struct sim *s)
{
	__u32 i = s->message_free;

	if (i == NO_MESSAGE) {
		__u32 size = s->message_size ? 2 * s->message_size : 256;

		s->messages = realloc(s->messages, size * sizeof(*s->messages));
		if (!s->messages)
			abort();
		for (i = s->message_size; i < size; i++)
			s->messages[i].next_free = i + 1 < size ? i + 1 : NO_MESSAGE;
		i = s->message_size;
		s->message_size = size;
	}
	s->message_free = s->messages[i].next_free;
	s->messages[i].refs = 1;
	return i;
}

void message_drop(struct sim *s, __u32 i)
{
	if (--s->messages[i].refs)
		return;
	s->messages[i].next_free = s->message_free;
	s->message_free = i;
}

bool net_is_linked(const struct sim *s, __u32 net, __u32 member)
{
	return !(s->net[net].unplugged >> member & 1);
}

static void deliver(struct sim *s, struct net *n, __u32 to, __u32 message, __u64 *heard)
{
	__u64 delay = 5 * NS_PER_US + sim_below(s, n->delay_ns);

	if (sim_chance(s, n->slow))
		delay += sim_below(s, n->slow_ns);
	if (delay < s->dead_ns / 4)
		*heard |= 1ULL << to;
	s->messages[message].refs++;
	sim_put(s, s->now + delay, EVENT_MESSAGE, to, 0, message, 0, 0);
}

void net_send(struct sim *s, __u32 from, __u32 net, __u32 message)
{
	struct net *n = &s->net[net];
	__u64 heard = 0;

	for (__u32 i = 0; i < s->count; i++) {
		if (i == from || n->cut[from] >> i & 1 ||
		    (n->unplugged >> i | n->unplugged >> from) & 1)
			continue;
		if (sim_chance(s, n->loss))
			continue;
		deliver(s, n, i, message, &heard);
		if (sim_chance(s, n->duplicate))
			deliver(s, n, i, message, &heard);
	}
	if (s->messages[message].has_heartbeat)
		check_sent(s, from, net, heard);
	message_drop(s, message);
}
