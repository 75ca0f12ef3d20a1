// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <pcap/pcap.h>
#include <pcap/sll.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "explain.h"

/* A capture file, and room for one frame of it. */
struct capture {
	pcap_t *file;
	int link;		/* DLT_ */
	__u8 *buf;
	size_t size;
};

static int find_ethertype(const __u8 *l3, __u32 len)
{
	return len && l3[0] >> 4 == 6 ? ESL_ETHERTYPE_IPV6 : ESL_ETHERTYPE_IPV4;
}

/*
 * How many bytes stand in front of what an Ethernet header would be followed
 * by, and what the Ethernet type would be.  False: not even that is there.
 */
static bool skip_link(int link, const __u8 *data, __u32 len, __u32 *head, int *type)
{
	switch (link) {
	case DLT_LINUX_SLL:
		*head = SLL_HDR_LEN;
		if (len < *head)
			return false;
		*type = data[14] << 8 | data[15];
		return true;
	case DLT_LINUX_SLL2:
		*head = sizeof(struct sll2_header);
		if (len < *head)
			return false;
		*type = data[0] << 8 | data[1];
		return true;
	}
	*head = 0;
	*type = find_ethertype(data, len);
	return true;
}

static bool make_room(struct capture *c, size_t size)
{
	__u8 *buf;

	if (c->buf && size <= c->size)
		return true;
	buf = realloc(c->buf, size);
	if (!buf)
		return false;
	c->buf = buf;
	c->size = size;
	return true;
}

/* Copy what libpcap holds on any address to an even one, behind an Ethernet
 * header that is made up where there is none. */
static bool copy_frame(struct capture *c, const struct pcap_pkthdr *h, const __u8 *data,
		       struct esl_frame *f)
{
	__u32 head = 0, front = c->link == DLT_EN10MB ? 0 : ESL_ETH_LEN;
	int type = 0;

	f->no_mac = front;
	f->seconds = h->ts.tv_sec;
	f->nanoseconds = (__u32)h->ts.tv_usec;
	/* Too short for its own link: what there is, is nothing. */
	if (front && !skip_link(c->link, data, h->caplen, &head, &type))
		front = 0, head = h->caplen;
	if (!make_room(c, h->caplen - head + front + 1))
		return false;
	memset(c->buf, 0, front);
	if (front) {
		c->buf[12] = (__u8)(type >> 8);
		c->buf[13] = (__u8)type;
	}
	memcpy(c->buf + front, data + head, h->caplen - head);
	f->data = c->buf;
	f->captured = h->caplen - head + front;
	f->length = h->len < h->caplen ? f->captured : h->len - head + front;
	return true;
}

static bool is_known_link(int link)
{
	return link == DLT_EN10MB || link == DLT_LINUX_SLL || link == DLT_LINUX_SLL2 || link == DLT_RAW ||
	       link == DLT_IPV4 || link == DLT_IPV6;
}

static int open_capture(const char *path, struct capture *c, char *error)
{
	char why[PCAP_ERRBUF_SIZE] = "";
	const char *link;

	*c = (struct capture){};
	c->file = pcap_open_offline_with_tstamp_precision(path, PCAP_TSTAMP_PRECISION_NANO, why);
	if (!c->file)
		return esl_error(error, EINVAL, "%s: no capture that can be read (%s)", path, why);
	c->link = pcap_datalink(c->file);
	if (is_known_link(c->link))
		return 0;
	link = pcap_datalink_val_to_description(c->link);
	esl_error(error, EINVAL, "%s: link type %d (%s), expected Ethernet, Linux cooked or raw IP", path,
		  c->link, link ? link : "unknown");
	pcap_close(c->file);
	return -EINVAL;
}

static void close_capture(struct capture *c)
{
	pcap_close(c->file);
	free(c->buf);
}

/* Returns 1, 0 at the end, or a negative errno with a sentence. */
static int next_frame(const char *path, struct capture *c, struct esl_frame *f, char *error)
{
	struct pcap_pkthdr *h;
	const __u8 *data;
	int got = pcap_next_ex(c->file, &h, &data);

	if (got == PCAP_ERROR_BREAK)
		return 0;
	if (got != 1)
		return esl_error(error, EINVAL, "%s: cannot be read behind packet %llu (%s)", path,
				 (unsigned long long)f->number, pcap_geterr(c->file));
	f->number++;
	return copy_frame(c, h, data, f) ? 1 : esl_error(error, ENOMEM, "no memory for a frame");
}

int esl_capture_walk(const struct esl_explain *o, struct esl_walk *walk, esl_tell *tell, void *data,
		     char error[ESL_ERROR_MAX])
{
	struct esl_frame f = {};
	struct esl_account a;
	struct capture c;
	int got, err = open_capture(o->capture, &c, error);

	if (err)
		return err;
	while (!err && (!o->limit || f.number < o->limit)) {
		got = next_frame(o->capture, &c, &f, error);
		if (got <= 0) {
			err = got;
			break;
		}
		err = esl_walk_frame(walk, &f, &a);
		if (err)
			esl_error(error, -err, "no memory");
		else
			tell(data, &a);
	}
	close_capture(&c);
	return err;
}

/* ESP, AH, or UDP 4500. */
static bool is_ipsec_frame(const struct esl_account *a)
{
	return a->is_ip && !a->parsed && !a->to_group && !a->p.later_fragment &&
	       (esl_is_ipsec(a->kind) || a->kind == ESL_KIND_KEEPALIVE);
}

bool esl_capture_cluster(const char *path, struct esl_addr *ret)
{
	struct esl_world nothing = { .example = true };
	struct esl_walk walk = { .world = &nothing, .side = ESL_SIDE_AUTO };
	char error[ESL_ERROR_MAX];
	struct esl_frame f = {};
	struct esl_account a;
	bool found = false, group = false;
	struct capture c;

	/* What comes by a pipe can be read once. */
	if (!strcmp(path, "-") || open_capture(path, &c, error))
		return false;
	/* Rather what goes to a group of machines than what one of them sends. */
	while (!group && next_frame(path, &c, &f, error) > 0) {
		esl_account_read(&walk, &f, &a);
		if (!is_ipsec_frame(&a))
			continue;
		group = a.eth->dst[0] & 1;
		if (!found || group)
			*ret = esl_packet_daddr(&a.p);
		found = true;
	}
	close_capture(&c);
	return found;
}
