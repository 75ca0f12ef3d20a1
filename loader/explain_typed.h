/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A packet from fields on the command line. */
#ifndef ESPALIER_EXPLAIN_TYPED_H
#define ESPALIER_EXPLAIN_TYPED_H

#include <espalier/abi.h>

struct esl_frame;

/* X(SYMBOL, option, greatest value, name, part of: the hash of a packet or of a
 * session too).  Greatest value 0: an address. */
#define ESL_FIELDS(X)                                                 \
	X(SRC, "src", 0, "source address", SESSION)                   \
	X(DST, "dst", 0, "destination address", SESSION)              \
	X(SPI, "spi", 0xffffffff, "SPI", PACKET)                      \
	X(SEQ, "seq", ~0ULL, "number", PACKET)                        \
	X(ACK, "ack", 0xffffffff, "acknowledgement", PACKET)          \
	X(SPORT, "sport", 0xffff, "source port", SESSION)             \
	X(DPORT, "dport", 0xffff, "destination port", SESSION)        \
	X(ID, "id", 0xffffffff, "identification", PACKET)             \
	X(PROTO, "proto", 0xff, "protocol", SESSION)                  \
	X(TYPE, "type", 0xff, "ICMP type", PACKET)                    \
	X(CODE, "code", 0xff, "ICMP code", PACKET)                    \
	X(OFFSET, "offset", 65528, "fragment offset", NOTHING)        \
	X(LENGTH, "length", 65535, "length", NOTHING)

enum esl_field {
#define X(symbol, option, max, name, part) ESL_FIELD_##symbol,
	ESL_FIELDS(X)
#undef X
	ESL_FIELD_COUNT
};

enum esl_part { ESL_PART_NOTHING, ESL_PART_PACKET, ESL_PART_SESSION };

struct esl_field_text {
	const char *option;
	__u64 max;
	const char *name;
	enum esl_part part;
};

extern const struct esl_field_text esl_field_text[ESL_FIELD_COUNT];

/* A kind of packet that can be typed. */
struct esl_form {
	const char *name;
	__u8 protocol;			/* 0: as --proto says */
	__u32 required, allowed;	/* bits of enum esl_field */
	__u16 dport;			/* unless given */
	__u8 type[2];			/* of ICMP and of ICMPv6, unless given */
	enum { ESL_LOAD_NONE, ESL_LOAD_IPSEC, ESL_LOAD_KEEPALIVE } load;	/* behind UDP */
	const char *rest;		/* what else is 0 and part of the hash of a packet */
};

struct esl_typed {
	const struct esl_form *form;	/* NULL: none */
	__u32 given;			/* bits of enum esl_field */
	__u64 value[ESL_FIELD_COUNT];	/* host byte order */
	struct esl_addr src, dst;
};

const struct esl_form *esl_form_find(const char *name);
/* "esp, ah, ..." Returns buf. */
const char *esl_form_names(char *buf, size_t size);

/* Set a field from its text. Returns 0, or a negative errno with a sentence. */
int esl_typed_set(struct esl_typed *t, enum esl_field field, const char *text, char *error);

/* Are all fields there that the form needs, and none that it has no use for?
 * Fills those that have a default. */
int esl_typed_check(struct esl_typed *t, char *error);

bool esl_typed_is_ipv4(const struct esl_typed *t);

/* Typed as what is for a gateway: ESP, AH, keep-alive. */
bool esl_typed_is_ipsec(const struct esl_typed *t);
/* The same, also by protocol, and IKE. */
bool esl_typed_may_be_ipsec(const struct esl_typed *t);

/* Returns 0, or a negative errno with a sentence. */
int esl_addr_parse(const char *option, const char *text, struct esl_addr *ret, char *error);

/* Write the frame into buf[ESL_TYPED_MAX], on an even address. Returns 0, or a
 * negative errno with a sentence. */
#define ESL_TYPED_MAX (ESL_ETH_LEN + 65535)
int esl_typed_frame(const struct esl_typed *t, __u8 *buf, struct esl_frame *ret, char *error);

#endif
