/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The configuration file, libconfig syntax, read by both programs.  See
 * deploy/espalier.conf.example for every key with its default.
 */
#ifndef ESPALIER_CONF_H
#define ESPALIER_CONF_H

#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

#include <espalier/abi.h>

#define ESL_ERROR_MAX 512	/* one sentence */

enum esl_mode { ESL_MODE_NATIVE, ESL_MODE_SKB };

/* How switches bring the cluster's frames to all members. */
enum esl_mac_mode {
	ESL_MAC_MULTICAST,	/* a multicast MAC that no protocol uses: flooded */
	ESL_MAC_IGMP,		/* the MAC of an IPv4 group that the members join (RFC 1112) */
	ESL_MAC_UNICAST,	/* a unicast MAC that no switch ever learns: flooded */
};

/* Who may go on where the cluster is cut. */
enum esl_quorum {
	ESL_QUORUM_NONE,	/* every part, each alone */
	ESL_QUORUM_MAJORITY,	/* the part with more than half of the configured members */
};

struct esl_conf_side {
	char interface[IFNAMSIZ];	/* the NIC */
	char device[IFNAMSIZ];		/* where the stack gets its packets: the NIC, or a VLAN device on it */
	__be32 cluster_addr;		/* 0: none, then there is the other */
	struct esl_addr cluster_addr6;	/* all 0: none */
	__u8 cluster_mac[ESL_MAC_LEN];	/* default by mac_mode and address */
	enum esl_scheme scheme;		/* inside: of plain packets; outside: of IPsec, by number or by SPI */
};

struct esl_conf_member {
	__u32 id;
	struct sockaddr_in sync;	/* where its announcements come from and go to */
	__u32 weight;			/* share of the slots, 1 to 1000, default 100 */
};

/* What the cluster cannot know of a peer by itself. */
struct esl_conf_peer {
	struct esl_addr addr;
	__u32 window;			/* its replay window in packets */
};

#define ESL_PEERS_MAX 1024

struct esl_conf {
	__u32 member;			/* own id, one of members */
	struct esl_conf_side side[ESL_ROLES];
	struct esl_conf_member members[ESL_MEMBERS_MAX];	/* ascending ids */
	size_t member_count;
	struct esl_lanes lanes;		/* L > every id; K a power of two */
	__u32 burst_shift;
	__u32 marker_shift;		/* log2 of the mean distance of markers in packets */
	__u32 peer_window;		/* of peers not listed; 0: as the SA's own window in the kernel */
	struct esl_conf_peer peers[ESL_PEERS_MAX];
	size_t peer_count;
	enum esl_mode mode;
	enum esl_mac_mode mac_mode;
	bool answer;			/* the program answers ARP and ND, else only the agent */
	enum esl_cpu_mode cpu_mode;
	__u32 cpu_count;		/* owned packets are spread over CPUs 0 to cpu_count - 1 */
	unsigned int sync_port;		/* UDP, of the group, and of members that name none */
	struct in_addr sync_group;	/* what is for all others goes there; 0: to each one */
	unsigned int heartbeat_ms;	/* members tell each other this often that they live */
	unsigned int dead_ms;		/* one not heard for so long loses its slots; at least 3 heartbeats */
	enum esl_quorum quorum;
	unsigned int priority;		/* to lead: the highest is preferred, then the lowest id */
	unsigned int join_wait_ms;	/* wait this long for members not heard yet */
	char gate[IFNAMSIZ];		/* name of the gate device */
	char secret[256];		/* path of the cluster secret, 32 bytes or more */
	char bpffs[256];		/* directory of the pinned maps */
	char run[256];			/* directory of the state file and status socket */
};

/* Fill the dispatch part of a table from the configuration: members, weights,
 * schemes, markers; not the epoch. */
void esl_conf_table(const struct esl_conf *c, struct esl_table *t);

/*
 * Read path into *c.  Returns 0, or a negative errno with one sentence in
 * error: "FILE:LINE: KEY: what is wrong". *c is untouched on failure.
 */
int esl_conf_read(const char *path, struct esl_conf *c, char error[ESL_ERROR_MAX]);

/*
 * Read the cluster secret and derive the key of the dispatch hash (HMAC-SHA256
 * of "espalier dispatch" and a counter).  Where the file says so it is of another
 * secret than the present one, so that a rotation leaves owners as they are.
 * Returns 0 or a negative errno with a sentence; a secret that others may read,
 * or of less than 32 bytes, is refused.
 */
int esl_conf_hash_key(const struct esl_conf *c, struct esl_hash_key *key, char error[ESL_ERROR_MAX]);

/*
 * A key of 32 bytes for one purpose: HMAC-SHA256(secret, purpose), of the
 * present secret.  The caller wipes it.
 */
int esl_conf_derive(const struct esl_conf *c, const char *purpose, __u8 key[32],
		    char error[ESL_ERROR_MAX]);

/*
 * The same of every secret that authenticates, newest first: the next one, where
 * the file has it, then the present one.  Returns how many, or a negative errno
 * with a sentence.
 */
#define ESL_SECRETS_MAX 2
int esl_conf_secrets(const struct esl_conf *c, const char *purpose, __u8 key[ESL_SECRETS_MAX][32],
		     char error[ESL_ERROR_MAX]);

#endif
