/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * "espalier explain": which member owns a packet, and why.  The members are
 * asked one by one, each with its own copy of the configuration and of the
 * tables, by the headers that the program is made of.
 *
 *     explain_world    what holds: read from the maps, the files, or assumed
 *     explain_typed    a frame from fields on the command line
 *     explain_capture  frames from a file
 *     explain_read     what a frame's headers say
 *     explain_way      what decides, and the numbers that go into it
 *     explain_walk     what the members say of it, and what they remember
 *     explain_text, explain_json   the account, printed
 */
#ifndef ESPALIER_EXPLAIN_H
#define ESPALIER_EXPLAIN_H

#include <stdbool.h>
#include <stddef.h>

#include <espalier/tables.h>

#include "conf.h"
#include "explain_typed.h"

#define ESL_SIDE_AUTO ESL_ROLES
#define ESL_ASSUMED_MAX 8

struct esl_frame {
	const __u8 *data;	/* from the Ethernet header on */
	__u32 captured;		/* bytes at data */
	__u32 length;		/* of the frame */
	bool no_mac;		/* its Ethernet header is made up */
	__u64 number;		/* in the capture, from 1; 0: typed */
	__s64 seconds;
	__u32 nanoseconds;
};

struct esl_explain {
	const char *path;		/* configuration */
	bool path_given;
	const char *capture;		/* file, or NULL: typed */
	struct esl_typed typed;
	struct esl_frame frame;		/* what was typed */
	__u32 side;			/* enum esl_role or ESL_SIDE_AUTO */
	bool json;
	__u64 limit;			/* packets, 0: all */
	/* Instead of what is configured. */
	struct esl_addr cluster;	/* outside; all 0: not given */
	__u8 ids[ESL_MEMBERS_MAX];
	__u32 id_count;			/* 0: not given */
	int leader;			/* -1: not given */
	int scheme;			/* enum esl_scheme, or -1 */
	int burst_shift;		/* or -1 */
};

/* As in the map. */
struct esl_own_entry {
	struct esl_addr addr;
	__u32 value;
};

/* What holds for every packet of a run. */
struct esl_world {
	struct esl_config config;	/* member is the one whose maps were read */
	__u8 ids[ESL_MEMBERS_MAX];	/* who is asked, ascending */
	__u32 count;
	__u32 leader;
	bool pinned;			/* read from the maps of config.member */
	bool example;			/* nothing is configured: any MAC counts as the cluster's */
	struct esl_policy_entry *policies;
	size_t policy_count;
	struct esl_sa_entry *sas;	/* inbound, ascending by esl_sa_order() */
	size_t sa_count;
	struct esl_sessions *sessions;	/* of the member whose maps were read, or NULL */
	struct esl_own_entry *own;	/* addresses of that member, or NULL: not known */
	size_t own_count;
	char source[ESL_ERROR_MAX];
	char assumed[ESL_ASSUMED_MAX][ESL_ERROR_MAX];	/* sentences */
	int assumed_count;
};

/* Returns 0 or a negative errno with a sentence. */
int esl_world_make(struct esl_world *w, const struct esl_explain *o, char error[ESL_ERROR_MAX]);
void esl_world_free(struct esl_world *w);

enum esl_door { ESL_DOOR_CLUSTER, ESL_DOOR_OWN, ESL_DOOR_GROUP, ESL_DOOR_OTHER };

/* What decides who owns a packet. */
enum esl_way {
	ESL_WAY_NONE,		/* it is nobody's, or everybody's */
	ESL_WAY_LEADER,
	ESL_WAY_NUMBER,		/* SPI and number */
	ESL_WAY_SPI,
	ESL_WAY_POLICY,
	ESL_WAY_PACKET,		/* hash of the packet */
	ESL_WAY_FLOW,		/* hash of the session */
	ESL_WAY_RR,		/* counts, and so what came before */
	ESL_WAY_SQF,
	ESL_WAY_SESSION_RR,
	ESL_WAY_SESSION_SQF,
	ESL_WAY_FIRST,		/* the first fragment */
};

enum esl_fate {
	ESL_FATE_ONE,		/* one member takes it, all others drop it */
	ESL_FATE_EVERY,		/* left to the stack of each */
	ESL_FATE_NOBODY,	/* dropped by all */
	ESL_FATE_DOOR,		/* came by no door of the cluster */
	ESL_FATE_FIRST,		/* the first fragment would tell, and is not known */
	ESL_FATE_CUT,		/* what would tell was not captured */
	ESL_FATE_BROKEN,	/* not exactly one member takes it */
};

#define ESL_EXTENSIONS_MAX (ESL_IPV6_CHAIN_MAX + 1)

/* What is known of one frame. */
struct esl_account {
	const struct esl_frame *frame;
	const struct esl_eth *eth;	/* NULL: the frame ends before */
	__u32 role;
	bool role_guessed;
	enum esl_door door;
	__u16 tag[ESL_VLAN_TAGS];	/* VLAN ids, from outside to inside */
	__u32 tags;
	__be16 type;			/* behind the tags */
	const __u8 *l3;			/* NULL: the frame ends before */
	bool is_ip;			/* p is filled, with what the fixed header says at least */
	int parsed;			/* 0, or the reason why it cannot be parsed */
	struct esl_packet p;
	__u32 options;			/* bytes of IPv4 options */
	__u8 extension[ESL_EXTENSIONS_MAX];
	__u32 extensions;
	bool to_cluster;
	bool to_group;
	enum esl_kind kind;
	bool numbered;			/* an IPsec packet with these two, in host byte order */
	__u32 spi, seq;

	enum esl_way way;
	__u64 hash;
	__u32 base;			/* slot of number 0 of the SA */
	__u32 slot;			/* ESL_SLOTS: none */
	__u32 prefixlen;		/* of the policy */
	bool marker;
	bool found;			/* the session was in the table */
	struct esl_turns turns;		/* as the packet meets them, aligned */
	__u64 certain;			/* owner holds since the marker in this packet, itself at the
					 * earliest; 0: it depends on what came before */
	__u64 first;			/* number of the packet with the first fragment, 0: not seen */

	int reason[ESL_MEMBERS_MAX];	/* of world.ids[i] */
	enum esl_fate fate;
	__u32 owner;			/* who takes it, or ESL_NO_MEMBER */
	int then;			/* why the owner drops it all the same, or 0 */
};

/* What the members remember from packet to packet. */
struct esl_witness {
	struct esl_config config;
	struct esl_tables tables;
};

struct esl_walk {
	const struct esl_world *world;
	__u32 side;
	struct esl_witness *witness;	/* one for each of world->ids */
	void *fragments;		/* tree of first fragments */
	__u64 certain[ESL_ROLES];
};

void esl_account_read(const struct esl_walk *walk, const struct esl_frame *f, struct esl_account *a);
/* What a neighbour solicitation asks for, or NULL. */
const struct esl_addr *esl_account_target(const struct esl_account *a);

int esl_walk_begin(struct esl_walk *walk, const struct esl_world *w, __u32 side);
void esl_walk_end(struct esl_walk *walk);
/* Fill in what decides by the table that holds, of a frame that has been read, before the members are asked. */
void esl_account_way(const struct esl_walk *walk, struct esl_account *a);
/* Ask all members. Returns 0 or -ENOMEM. */
int esl_walk_frame(struct esl_walk *walk, const struct esl_frame *f, struct esl_account *a);

/* Ask about every frame of o->capture and hand each account to tell().
 * Returns 0 or a negative errno with a sentence. */
typedef void esl_tell(void *data, const struct esl_account *a);
int esl_capture_walk(const struct esl_explain *o, struct esl_walk *walk, esl_tell *tell, void *data,
		     char error[ESL_ERROR_MAX]);
/* The destination of the first IPsec packet in it. False: there is none. */
bool esl_capture_cluster(const char *path, struct esl_addr *ret);

struct esl_reason_text {
	const char *name;
	const char *sentence;
	enum esl_verdict verdict;
};

extern const struct esl_reason_text esl_reason_text[ESL_REASON_COUNT];
struct esl_scheme_text {
	const char *name;
	const char *sentence;
	bool by_number;
};

extern const struct esl_scheme_text esl_scheme_text[ESL_SCHEME_COUNT];
extern const char *const esl_role_name[ESL_ROLES];

/* Returns buf. */
const char *esl_addr_text(const struct esl_addr *a, char *buf, size_t size);

void esl_text_world(const struct esl_world *w);
void esl_text_account(const struct esl_world *w, const struct esl_explain *o,
		      const struct esl_account *a);
void esl_json_account(const struct esl_world *w, const struct esl_explain *o,
		      const struct esl_account *a);

/* The command; argv[0] is its name. Returns the exit status. */
int esl_explain_main(int argc, char **argv);

#endif
