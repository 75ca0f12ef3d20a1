/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The keys file: what "ip xfrm state" prints, or what was given to "ip -batch" to
 * install it, and lines of our own that say whose packets these are.  Reads a text in
 * memory.  The format is in README.md beside this file.
 */
#ifndef AUDIT_KEYS_H
#define AUDIT_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AUDIT_KEY_MAX 128	/* bytes */
#define AUDIT_MEMBERS_MAX 64
#define AUDIT_MACS_MAX (4 * AUDIT_MEMBERS_MAX)
#define AUDIT_CLUSTER_MAX 16
#define AUDIT_PLANS_MAX 256
#define AUDIT_SENTENCE_MAX 256
#define AUDIT_NAME_MAX 64

struct audit_addr {
	uint8_t bytes[16];
	size_t len;	/* 4 or 16; 0: none */
};

struct audit_secret {
	uint8_t bytes[AUDIT_KEY_MAX];
	size_t len;	/* 0: none */
};

/* One SA as the kernel has it. */
struct audit_key {
	struct audit_addr src, dst;
	uint32_t spi;		/* host byte order */
	unsigned line;
	bool esp;		/* else AH, which is counted only */
	bool esn;
	bool aead;		/* GCM of RFC 4106: cipher ends with its salt of 4 bytes */
	uint64_t start;		/* a number near which its counters stood; 0: unknown */
	size_t icv_len;		/* bytes */
	struct audit_secret cipher, auth;
	char digest[AUDIT_NAME_MAX];	/* of the HMAC, as OpenSSL calls it */
};

struct audit_mac {
	uint8_t mac[6];
	int member;
};

/* Block b of the numbers is of lane b mod lanes. */
struct audit_plan {
	uint32_t spi;		/* 0: all others */
	unsigned lanes;
	uint64_t block;		/* K */
};

struct audit_keys {
	struct audit_key *key;
	size_t keys;
	struct audit_addr cluster[AUDIT_CLUSTER_MAX];
	size_t clusters;
	struct audit_mac mac[AUDIT_MACS_MAX];
	size_t macs;
	struct audit_plan plan[AUDIT_PLANS_MAX];
	size_t plans;
};

/*
 * text: the file, ended by 0; it is written into.  Returns 0, or -1 with a
 * sentence in error that begins with name and line.  To be freed either way.
 */
int audit_keys_read(const char *name, char *text, struct audit_keys *ret, char error[AUDIT_SENTENCE_MAX]);
void audit_keys_free(struct audit_keys *k);

/* An address as text. Returns whether it is one. */
bool audit_addr_read(const char *text, struct audit_addr *ret);

#endif
