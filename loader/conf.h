/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The configuration file, libconfig syntax, read by both programs.  See
 * deploy/espalier.conf.example for every key with its default.
 */
#ifndef ESPALIER_CONF_H
#define ESPALIER_CONF_H

#include <net/if.h>
#include <netinet/in.h>
#include <stddef.h>

#include <espalier/abi.h>

#define ESL_ERROR_MAX 512	/* one sentence */

enum esl_mode { ESL_MODE_NATIVE, ESL_MODE_SKB };

struct esl_conf_side {
	char interface[IFNAMSIZ];
	__be32 cluster_addr;
	__u8 cluster_mac[ESL_MAC_LEN];	/* default 03:bf: and the address */
};

struct esl_conf_member {
	__u32 id;
	struct sockaddr_in sync;	/* where its announcements come from and go to */
};

struct esl_conf {
	__u32 member;			/* own id, one of members */
	struct esl_conf_side side[ESL_ROLES];
	struct esl_conf_member members[ESL_MEMBERS_MAX];	/* ascending ids */
	size_t member_count;
	struct esl_lanes lanes;		/* L > every id; K a power of two */
	__u32 burst_shift;
	enum esl_mode mode;
	unsigned int renew_ms;		/* deadline renewed this often, */
	unsigned int lease_ms;		/* this far ahead */
	unsigned int join_wait_ms;	/* wait this long for members not heard yet */
	char gate[IFNAMSIZ];		/* name of the gate device */
	char secret[256];		/* path of the cluster secret, 32 bytes or more */
	char bpffs[256];		/* directory of the pinned maps */
	char run[256];			/* directory of the state file and status socket */
};

/*
 * Read path into *c.  Returns 0, or a negative errno with one sentence in
 * error: "FILE:LINE: KEY: what is wrong". *c is untouched on failure.
 */
int esl_conf_read(const char *path, struct esl_conf *c, char error[ESL_ERROR_MAX]);

/*
 * Read the cluster secret and derive the key of the dispatch hash (HMAC-SHA256
 * of "espalier dispatch" and a counter).  Returns 0 or a negative errno with a
 * sentence; a secret that others may read, or of less than 32 bytes, is refused.
 */
int esl_conf_hash_key(const struct esl_conf *c, struct esl_hash_key *key, char error[ESL_ERROR_MAX]);

/*
 * A key of 32 bytes for one purpose: HMAC-SHA256(secret, purpose).  The caller
 * wipes it.
 */
int esl_conf_derive(const struct esl_conf *c, const char *purpose, __u8 key[32],
		    char error[ESL_ERROR_MAX]);

#endif
