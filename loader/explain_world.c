// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "explain.h"
#include "pins.h"

#define EXAMPLE_MEMBERS 3
#define EXAMPLE_MARKERS 16	/* one packet in so many */

/* Any odd words do. */
static const struct esl_hash_key example_key = {
	.word = { 0x243f6a8885a308d3, 0x13198a2e03707345, 0xa4093822299f31d1, 0x082efa98ec4e6c89,
		  0x452821e638d01377, 0xbe5466cf34e90c6d },
};

static void __attribute__((format(printf, 2, 3))) assume(struct esl_world *w, const char *format, ...)
{
	va_list ap;

	if (w->assumed_count == ESL_ASSUMED_MAX)
		return;
	va_start(ap, format);
	vsnprintf(w->assumed[w->assumed_count++], ESL_ERROR_MAX, format, ap);
	va_end(ap);
}

/* The outside has this cluster address, and no other of its family. */
static void take_address(struct esl_world *w, const struct esl_addr *addr)
{
	struct esl_port *port = &w->config.port[ESL_OUTSIDE];
	struct esl_addr mapped = esl_addr_from_ipv4(0);

	if (!memcmp(addr, &mapped, 12))
		memcpy(&port->cluster_addr, &addr->byte[12], sizeof(port->cluster_addr));
	else
		port->cluster_addr6 = *addr;
}

static struct esl_table *table_of(struct esl_world *w)
{
	return &w->config.table[w->config.current & 1];
}

static void use_example(struct esl_world *w, const char *path)
{
	static const __u8 ids[EXAMPLE_MEMBERS] = { 0, 1, 2 };
	struct esl_table *t = table_of(w);

	w->example = true;
	w->config.abi = ESL_ABI_VERSION;
	w->config.key = example_key;
	w->config.port[ESL_INSIDE].answer = 1;
	w->config.port[ESL_OUTSIDE].answer = 1;
	esl_table_fill(t, ids, NULL, EXAMPLE_MEMBERS);
	t->epoch = 1;
	t->marker_mask = EXAMPLE_MARKERS - 1;
	snprintf(w->source, sizeof(w->source), "an example, not your cluster");
	assume(w, "no configuration at %s: members 0 to %d, led by member 0, an example key, "
			 "scheme packet-hash, a burst of 1 where no option says otherwise, and the "
			 "cluster MAC for every frame; in your cluster the owner is another", path, EXAMPLE_MEMBERS - 1);
}

static void use_conf(struct esl_world *w, const struct esl_conf *c, const char *path)
{
	char error[ESL_ERROR_MAX];

	w->config.abi = ESL_ABI_VERSION;
	w->config.member = c->member;
	for (int i = 0; i < ESL_ROLES; i++) {
		struct esl_port *port = &w->config.port[i];

		port->cluster_addr = c->side[i].cluster_addr;
		port->cluster_addr6 = c->side[i].cluster_addr6;
		memcpy(port->cluster_mac, c->side[i].cluster_mac, ESL_MAC_LEN);
		port->answer = c->answer;
	}
	esl_conf_table(c, table_of(w));
	table_of(w)->epoch = 1;
	snprintf(w->source, sizeof(w->source), "configuration %s", path);
	if (esl_conf_hash_key(c, &w->config.key, error)) {
		w->config.key = example_key;
		assume(w, "%s: an example key instead of the cluster's, so in your cluster "
				 "the owner is another", error);
	}
}

ESL_STATIC_ASSERT(sizeof(struct esl_policy_entry) ==
			  sizeof(struct esl_policy_key) + sizeof(struct esl_policy), "as read");
ESL_STATIC_ASSERT(sizeof(struct esl_sa_entry) == sizeof(struct esl_sa_key) + sizeof(struct esl_sa_in), "as read");
ESL_STATIC_ASSERT(ESL_SA_MAX <= ESL_POLICIES_MAX && ESL_OWN_MAX <= ESL_POLICIES_MAX, "the limit of read_map()");
ESL_STATIC_ASSERT(sizeof(struct esl_own_entry) == sizeof(struct esl_addr) + sizeof(__u32), "as read");

/* Every entry of a hash or trie of the kernel, keys of key_size and values behind
 * them, in *ret, to be freed. Returns their count, or -ENOMEM. */
static ssize_t read_map(int fd, size_t key_size, size_t value_size, void **ret)
{
	size_t count = 0, size = key_size + value_size, room = 0;
	__u8 *all = NULL, *at = NULL, next[64];
	const void *last = NULL;

	while (!bpf_map_get_next_key(fd, last, next)) {
		if (count == room) {
			room = room ? 2 * room : 64;
			at = reallocarray(all, room, size);
			if (!at) {
				free(all);
				return -ENOMEM;
			}
			all = at;
		}
		at = all + count * size;
		memcpy(at, next, key_size);
		if (!bpf_map_lookup_elem(fd, at, at + key_size))
			count++;
		last = at;
		/* More than any map holds: it changes while it is read. */
		if (count > 2 * ESL_POLICIES_MAX)
			break;
	}
	*ret = all;
	return count;
}

static int read_tables(struct esl_world *w, const struct esl_pins *p)
{
	ssize_t n = read_map(p->policies, sizeof(struct esl_policy_key), sizeof(struct esl_policy),
			     (void **)&w->policies);

	if (n < 0)
		return n;
	w->policy_count = n;
	n = read_map(p->own, sizeof(w->own->addr), sizeof(w->own->value), (void **)&w->own);
	if (n < 0)
		return n;
	w->own_count = n;
	n = read_map(p->sa_in, sizeof(struct esl_sa_key), sizeof(struct esl_sa_in), (void **)&w->sas);
	if (n < 0)
		return n;
	w->sa_count = n;
	if (n)
		qsort(w->sas, n, sizeof(*w->sas), esl_sa_order);
	w->sessions = malloc(sizeof(*w->sessions) * ESL_SESSION_BUCKETS);
	if (!w->sessions)
		return -ENOMEM;
	memcpy(w->sessions, p->sessions, sizeof(*w->sessions) * ESL_SESSION_BUCKETS);
	return 0;
}

/* Of the member whose maps these are. Returns 0 or a negative errno. */
static int use_pins(struct esl_world *w, const struct esl_pins *p, const struct esl_conf *c)
{
	struct esl_config config = *p->config;

	if (!config.abi || !esl_table(&config)->active_count) {
		assume(w, "the maps in %s hold no table yet: the configuration instead",
				 c->bpffs);
		return 0;
	}
	w->config = config;
	w->pinned = true;
	w->assumed_count = 0;
	snprintf(w->source, sizeof(w->source), "maps of member %u in %s, epoch %u", config.member,
		 c->bpffs, esl_table(&config)->epoch);
	return read_tables(w, p);
}

static int read_sources(struct esl_world *w, const struct esl_explain *o, char *error)
{
	char why[ESL_ERROR_MAX];
	struct esl_pins pins;
	struct esl_conf c;
	int err = esl_conf_read(o->path, &c, error);

	if (err == -ENOENT && !o->path_given) {
		use_example(w, o->path);
		return 0;
	}
	if (err)
		return err;
	use_conf(w, &c, o->path);
	err = esl_pins_open(&c, &pins, why);
	if (!err) {
		err = use_pins(w, &pins, &c);
		esl_pins_close(&pins);
		return err ? esl_error(error, -err, "no memory") : 0;
	}
	if (err != -ENOENT)
		assume(w, "%s: the configuration instead", why);
	return 0;
}

static __u64 members_of(const struct esl_table *t)
{
	__u64 bits = t->active_bits;

	for (int i = 0; i < ESL_SLOTS; i++)
		if (t->slot[i] < ESL_MEMBERS_MAX)
			bits |= 1ULL << t->slot[i];
	return bits;
}

/* Of the members that the table names, active or in a slot, and in a planned
 * change the next table. */
static void find_members(struct esl_world *w)
{
	__u64 bits = members_of(table_of(w));

	if (esl_phase_switching(esl_phase(&w->config)) != ESL_PHASE_NONE)
		bits |= members_of(&w->config.table[~w->config.current & 1]);
	w->count = 0;
	for (__u8 id = 0; id < ESL_MEMBERS_MAX; id++)
		if (bits >> id & 1)
			w->ids[w->count++] = id;
}

static void find_leader(struct esl_world *w)
{
	const struct esl_config *c = &w->config;

	w->leader = w->ids[0];
	if (!w->pinned)
		return;
	if (c->leader) {
		w->leader = c->member;
		return;
	}
	if (w->leader == c->member && w->count > 1)
		w->leader = w->ids[1];
	assume(w, "member %u is not the leader: member %u, the lowest of the others, is taken "
			 "for it", c->member, w->leader);
}

static int override(struct esl_world *w, const struct esl_explain *o, char *error)
{
	struct esl_table *t = table_of(w);

	/* Other members or another scheme: another world than the one that changes. */
	if (o->id_count || o->scheme >= 0 || o->burst_shift >= 0)
		w->config.switching = ESL_PHASE_NONE;
	if (esl_phase_switching(esl_phase(&w->config)) != ESL_PHASE_NONE)
		assume(w, "a planned change is under way, and every member as far with it as member %u; "
			  "plain packets are shown by the table that still holds", w->config.member);
	if (o->id_count)
		esl_table_fill(t, o->ids, NULL, o->id_count);
	if (o->scheme >= 0)
		t->scheme = o->scheme;
	if (o->burst_shift >= 0)
		t->esp_shift = o->burst_shift;
	else if (o->scheme >= 0 && esl_scheme_text[o->scheme].by_number && t->esp_shift == ESL_BY_SPI)
		t->esp_shift = 0;
	if (o->scheme >= 0 && !esl_scheme_text[o->scheme].by_number)
		t->esp_shift = ESL_BY_SPI;
	find_members(w);
	find_leader(w);
	if (o->leader < 0)
		return 0;
	w->leader = o->leader;
	for (__u32 i = 0; i < w->count; i++)
		if (w->ids[i] == w->leader)
			return 0;
	return esl_error(error, EINVAL, "espalier explain: --leader %d: no such member", o->leader);
}

static bool is_cluster(const struct esl_world *w, const struct esl_addr *a)
{
	const struct esl_port *port = w->config.port;

	for (int i = 0; i < ESL_ROLES; i++) {
		struct esl_addr v4 = esl_addr_from_ipv4(port[i].cluster_addr);

		if (port[i].cluster_addr && esl_addr_equal(a, &v4))
			return true;
		if (!esl_addr_none(&port[i].cluster_addr6) && esl_addr_equal(a, &port[i].cluster_addr6))
			return true;
	}
	return false;
}

/* An IPsec packet is for a gateway, and so its destination is a cluster address. */
static bool find_cluster(const struct esl_world *w, const struct esl_explain *o, struct esl_addr *ret)
{
	*ret = o->typed.dst;
	if (o->capture)
		return w->example && esl_capture_cluster(o->capture, ret);
	return esl_typed_is_ipsec(&o->typed) || (w->example && esl_typed_may_be_ipsec(&o->typed));
}

static void assume_cluster(struct esl_world *w, const struct esl_explain *o)
{
	char text[INET6_ADDRSTRLEN];
	struct esl_addr addr;

	if (!esl_addr_none(&o->cluster)) {
		take_address(w, &o->cluster);
		return;
	}
	if (!find_cluster(w, o, &addr)) {
		if (w->example)
			assume(w, "no address is taken for the cluster's");
		return;
	}
	if (is_cluster(w, &addr))
		return;
	assume(w, "%s (%s) is taken for the outside cluster address%s",
			 esl_addr_text(&addr, text, sizeof(text)),
			 o->capture ? "destination of the first IPsec packet" : "--dst",
			 w->example ? "" : ", though it is not configured");
	take_address(w, &addr);
}

int esl_world_make(struct esl_world *w, const struct esl_explain *o, char error[ESL_ERROR_MAX])
{
	int err;

	memset(w, 0, sizeof(*w));
	err = read_sources(w, o, error);
	if (!err)
		err = override(w, o, error);
	if (err)
		return err;
	assume_cluster(w, o);
	return 0;
}

void esl_world_free(struct esl_world *w)
{
	free(w->policies);
	free(w->sas);
	free(w->sessions);
	free(w->own);
	OPENSSL_cleanse(&w->config.key, sizeof(w->config.key));
}
