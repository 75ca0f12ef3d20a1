/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The auditor's own eyes: what a captured frame carries.  Pure.
 *
 * Deliberately not include/espalier/packet.h, nor the lane arithmetic of
 * include/espalier/lane.h: a mistake there must not be repeated by who judges it.
 *
 * Reads between data and data + captured only, whatever the lengths inside claim.
 */
#ifndef AUDIT_PACKET_H
#define AUDIT_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What stands in front of the IP header. */
enum audit_link {
	AUDIT_LINK_ETHERNET,
	AUDIT_LINK_SLL,		/* Linux cooked, version 1 and 2: no MAC of the sender that a bridge would see */
	AUDIT_LINK_SLL2,
	AUDIT_LINK_IP,
};

enum audit_kind {
	AUDIT_OTHER,	/* no IP */
	AUDIT_PLAIN,	/* IP, but neither ESP nor AH */
	AUDIT_ESP,	/* also in UDP 4500: spi and low are set */
	AUDIT_AH,
	AUDIT_FRAGMENT,	/* of ESP or AH, or of UDP, which may be ESP */
	AUDIT_SHORT,	/* the capture ends before it is known what this is */
};

struct audit_packet {
	enum audit_kind kind;
	const uint8_t *mac;	/* the sender's, 6 bytes; NULL: the link has none */
	const uint8_t *saddr, *daddr;	/* addr_len bytes each; NULL unless IP */
	size_t addr_len;	/* 4 or 16 */
	const uint8_t *ip;	/* NULL unless IP */
	size_t ip_len;		/* as its header claims */
	size_t ip_captured;	/* of these, at most ip_len */
	const uint8_t *esp;	/* at the SPI; NULL unless ESP */
	size_t esp_len;		/* up to the end of the ICV, as the headers claim */
	size_t esp_captured;	/* of these */
	uint32_t spi, low;	/* host byte order; low: the half of the number that is sent */
};

void audit_read_frame(enum audit_link link, const uint8_t *data, size_t captured, struct audit_packet *ret);

/* The same for a packet that begins at its IP header. */
void audit_read_ip(const uint8_t *ip, size_t captured, struct audit_packet *ret);

/* Was all of it captured? Only what the IP header claims counts, not padding. */
bool audit_is_whole(const struct audit_packet *p);

#endif
