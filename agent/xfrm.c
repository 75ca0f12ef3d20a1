// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "xfrm.h"

#include <errno.h>
#include <linux/netlink.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <string.h>
#include <sys/socket.h>

#define BUFFER_SIZE 32768
#define EVENT_BUFFER (4 * 1024 * 1024)
#define EVENT_GROUPS (XFRMGRP_SA | XFRMGRP_EXPIRE | XFRMGRP_POLICY | 1U << (XFRMNLGRP_MIGRATE - 1))

struct esl_addr xfrm_addr(const xfrm_address_t *a, __u16 family)
{
	struct esl_addr r;

	if (family == AF_INET)
		return esl_addr_from_ipv4(a->a4);
	memcpy(r.byte, a->a6, sizeof(r.byte));
	return r;
}

static EVP_MAC_CTX *print_mac;

int xfrm_print_key(const void *key, size_t size)
{
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	OSSL_PARAM params[] = { OSSL_PARAM_construct_utf8_string("digest", (char[]){ "SHA256" }, 0),
				OSSL_PARAM_construct_end() };

	EVP_MAC_CTX_free(print_mac);
	print_mac = mac ? EVP_MAC_CTX_new(mac) : NULL;
	EVP_MAC_free(mac);
	return print_mac && EVP_MAC_init(print_mac, key, size, params) ? 0 : -EIO;
}

/* Of the algorithms and keys up to this one. */
static __u64 key_print(__u64 print, const struct nlattr *attr)
{
	__u16 type = mnl_attr_get_type(attr);
	unsigned char full[EVP_MAX_MD_SIZE];
	size_t size;

	if (!print_mac)
		return 0;
	if (!EVP_MAC_init(print_mac, NULL, 0, NULL) ||
	    !EVP_MAC_update(print_mac, (const unsigned char *)&print, sizeof(print)) ||
	    !EVP_MAC_update(print_mac, (const unsigned char *)&type, sizeof(type)) ||
	    !EVP_MAC_update(print_mac, mnl_attr_get_payload(attr), mnl_attr_get_payload_len(attr)) ||
	    !EVP_MAC_final(print_mac, full, &size, sizeof(full)))
		return 0;
	memcpy(&print, full, sizeof(print));
	return print ? print : 1;
}

/* net/xfrm/xfrm_algo.c: all AEADs, and of the ciphers counter mode. */
static bool is_seqiv(const struct nlattr *attr)
{
	static const char counter[] = "rfc3686(";

	return mnl_attr_get_type(attr) == XFRMA_ALG_AEAD ||
	       (mnl_attr_get_type(attr) == XFRMA_ALG_CRYPT && mnl_attr_get_payload_len(attr) >= sizeof(counter) &&
		!memcmp(mnl_attr_get_payload(attr), counter, sizeof(counter) - 1));
}

/* Under lockdown=confidentiality the kernel tells zeros. */
static bool is_hidden(const struct nlattr *attr)
{
	static const size_t heads[] = { [XFRMA_ALG_AEAD] = sizeof(struct xfrm_algo_aead),
					[XFRMA_ALG_AUTH_TRUNC] = sizeof(struct xfrm_algo_auth),
					[XFRMA_ALG_AUTH] = sizeof(struct xfrm_algo),
					[XFRMA_ALG_CRYPT] = sizeof(struct xfrm_algo) };
	__u16 type = mnl_attr_get_type(attr), size = mnl_attr_get_payload_len(attr);
	const __u8 *bytes = mnl_attr_get_payload(attr);
	size_t head = type < sizeof(heads) / sizeof(heads[0]) ? heads[type] : 0;

	if (!head || size <= head)
		return false;
	for (size_t i = head; i < size; i++)
		if (bytes[i])
			return false;
	return true;
}

bool xfrm_is_hidden(const struct nlmsghdr *nlh, size_t offset)
{
	const struct nlattr *attr;
	bool hidden = false;

	mnl_attr_for_each(attr, nlh, offset)
		hidden |= is_hidden(attr);
	return hidden;
}

static void take_replay(struct kernel_sa *sa, const struct nlattr *attr)
{
	size_t size = mnl_attr_get_payload_len(attr);

	switch (mnl_attr_get_type(attr)) {
	case XFRMA_REPLAY_VAL:
		if (size < sizeof(sa->state) || sa->has_esn_state)
			return;
		memcpy(&sa->state, mnl_attr_get_payload(attr), sizeof(sa->state));
		sa->oseq = sa->state.oseq;
		sa->seq = sa->state.seq;
		return;
	case XFRMA_REPLAY_ESN_VAL:
		if (size < sizeof(sa->esn_state) || size > sizeof(sa->esn_bytes))
			return;
		memcpy(sa->esn_bytes, mnl_attr_get_payload(attr), size);
		sa->has_esn_state = true;
		sa->oseq = sa->esn_state.oseq;
		sa->seq = sa->esn_state.seq;
		if (sa->esn) {
			sa->oseq |= (__u64)sa->esn_state.oseq_hi << 32;
			sa->seq |= (__u64)sa->esn_state.seq_hi << 32;
		}
		return;
	case XFRMA_MARK:
		if (size < sizeof(sa->mark))
			return;
		memcpy(&sa->mark, mnl_attr_get_payload(attr), sizeof(sa->mark));
		sa->has_mark = true;
		return;
	case XFRMA_OFFLOAD_DEV:
		sa->offloaded = true;
		return;
	case XFRMA_ALG_AEAD:
	case XFRMA_ALG_AUTH_TRUNC:
	case XFRMA_ALG_CRYPT:
		sa->has_salt |= is_seqiv(attr);
		sa->key_print = key_print(sa->key_print, attr);
		sa->hidden |= is_hidden(attr);
	}
}

static void take_info(struct kernel_sa *sa, const struct xfrm_usersa_info *info)
{
	*sa = (struct kernel_sa){
		.key = { .daddr = xfrm_addr(&info->id.daddr, info->family),
			 .spi = ntohl(info->id.spi),
			 .protocol = info->id.proto },
		.saddr = xfrm_addr(&info->saddr, info->family),
		.daddr = info->id.daddr,
		.family = info->family,
		.mode = info->mode,
		.reqid = info->reqid,
		.esn = info->flags & XFRM_STATE_ESN,
		.replay_window = info->replay_window,
	};
}

static int parse_sa(const struct nlmsghdr *nlh, size_t offset, struct kernel_sa *sa)
{
	const struct nlattr *attr;

	mnl_attr_for_each(attr, nlh, offset)
		take_replay(sa, attr);
	if (sa->has_esn_state)
		sa->replay_window = sa->esn_state.replay_window;
	return 0;
}

/* DELSA carries an id, and the whole SA as an attribute. */
static void deleted(const struct nlmsghdr *nlh, xfrm_handler handler, void *data)
{
	const struct xfrm_usersa_id *id = mnl_nlmsg_get_payload(nlh);
	struct kernel_sa sa = {
		.key = { .daddr = xfrm_addr(&id->daddr, id->family),
			 .spi = ntohl(id->spi),
			 .protocol = id->proto },
		.family = id->family,
	};

	handler(data, XFRM_GONE, &sa);
}

bool xfrm_take_sa(const struct nlmsghdr *nlh, struct kernel_sa *sa)
{
	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(struct xfrm_usersa_info))
		return false;
	take_info(sa, mnl_nlmsg_get_payload(nlh));
	parse_sa(nlh, sizeof(struct xfrm_usersa_info), sa);
	return true;
}

int xfrm_message(const struct nlmsghdr *nlh, xfrm_handler handler, void *data)
{
	const struct xfrm_user_expire *expire;
	struct kernel_sa sa;

	switch (nlh->nlmsg_type) {
	case XFRM_MSG_NEWSA:
		if (xfrm_take_sa(nlh, &sa))
			handler(data, XFRM_PRESENT, &sa);
		break;
	case XFRM_MSG_DELSA:
		if (mnl_nlmsg_get_payload_len(nlh) >= sizeof(struct xfrm_usersa_id))
			deleted(nlh, handler, data);
		break;
	case XFRM_MSG_EXPIRE:
		expire = mnl_nlmsg_get_payload(nlh);
		if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*expire) || !expire->hard)
			break;
		take_info(&sa, &expire->state);
		handler(data, XFRM_GONE, &sa);
		break;
	case XFRM_MSG_FLUSHSA:
		handler(data, XFRM_ALL, NULL);
		break;
	}
	return MNL_CB_OK;
}

int xfrm_open(struct xfrm *x, xfrm_handler handler, xfrm_policy_handler policy_handler, void *data)
{
	int size = EVENT_BUFFER, flags = SOCK_CLOEXEC;

	*x = (struct xfrm){ .handler = handler, .policy_handler = policy_handler, .data = data };
	x->request = mnl_socket_open2(NETLINK_XFRM, flags);
	x->events = mnl_socket_open2(NETLINK_XFRM, flags | SOCK_NONBLOCK);
	if (!x->request || !x->events || mnl_socket_bind(x->request, 0, MNL_SOCKET_AUTOPID) < 0 ||
	    mnl_socket_bind(x->events, EVENT_GROUPS, MNL_SOCKET_AUTOPID) < 0) {
		int err = -errno;

		xfrm_close(x);
		return err;
	}
	setsockopt(mnl_socket_get_fd(x->events), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	return 0;
}

void xfrm_close(struct xfrm *x)
{
	if (x->request)
		mnl_socket_close(x->request);
	if (x->events)
		mnl_socket_close(x->events);
	x->request = x->events = NULL;
}

int xfrm_events_fd(const struct xfrm *x)
{
	return mnl_socket_get_fd(x->events);
}

/* Send nlh and run cb over the answer up to its end or acknowledgement. */
int xfrm_transact(struct xfrm *x, struct nlmsghdr *nlh, mnl_cb_t cb, void *data)
{
	unsigned int port = mnl_socket_get_portid(x->request);
	char buf[BUFFER_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));
	int more;

	nlh->nlmsg_seq = ++x->seq;
	if (mnl_socket_sendto(x->request, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	do {
		ssize_t n = mnl_socket_recvfrom(x->request, buf, sizeof(buf));

		if (n < 0 && errno == EINTR) {
			more = 1;
			continue;
		}
		if (n < 0)
			return -errno;
		/* What is left of a question that was broken off. */
		if (((struct nlmsghdr *)buf)->nlmsg_seq != nlh->nlmsg_seq) {
			more = 1;
			continue;
		}
		more = mnl_cb_run(buf, (size_t)n, nlh->nlmsg_seq, port, cb, data);
		if (more < 0)
			return -errno;
	} while (more > 0);
	return 0;
}

struct listing {
	xfrm_handler handler;
	void *data;
};

static int on_listed(const struct nlmsghdr *nlh, void *data)
{
	struct listing *l = data;

	return xfrm_message(nlh, l->handler, l->data);
}

int xfrm_dump(__u16 type, mnl_cb_t cb, void *data)
{
	struct xfrm own = { .request = mnl_socket_open2(NETLINK_XFRM, SOCK_CLOEXEC) };
	char buf[MNL_NLMSG_HDRLEN + 64];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	int err;

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	if (!own.request || mnl_socket_bind(own.request, 0, MNL_SOCKET_AUTOPID) < 0)
		err = -errno;
	else
		err = xfrm_transact(&own, nlh, cb, data);
	xfrm_close(&own);
	return err;
}

int xfrm_list(struct xfrm *x, xfrm_handler handler, void *data)
{
	struct listing l = { handler, data };
	int err = xfrm_dump(XFRM_MSG_GETSA, on_listed, &l);

	x->unlisted = err;
	return err;
}

int xfrm_get_sa(struct xfrm *x, const struct kernel_sa *sa, mnl_cb_t cb, void *data)
{
	char buf[MNL_NLMSG_HDRLEN + 256];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);

	nlh->nlmsg_type = XFRM_MSG_GETSA;
	nlh->nlmsg_flags = NLM_F_REQUEST;
	xfrm_put_sa_id(nlh, sa);
	return xfrm_transact(x, nlh, cb, data);
}

void xfrm_put_sa_id(struct nlmsghdr *nlh, const struct kernel_sa *sa)
{
	struct xfrm_usersa_id *id = mnl_nlmsg_put_extra_header(nlh, sizeof(*id));

	id->daddr = sa->daddr;
	id->spi = htonl(sa->key.spi);
	id->family = sa->family;
	id->proto = (__u8)sa->key.protocol;
	if (sa->has_mark)
		mnl_attr_put(nlh, XFRMA_MARK, sizeof(sa->mark), &sa->mark);
}

void xfrm_put_aevent_id(struct nlmsghdr *nlh, const struct kernel_sa *sa)
{
	struct xfrm_aevent_id *id = mnl_nlmsg_put_extra_header(nlh, sizeof(*id));

	id->sa_id.daddr = sa->daddr;
	id->sa_id.spi = htonl(sa->key.spi);
	id->sa_id.family = sa->family;
	id->sa_id.proto = (__u8)sa->key.protocol;
	if (sa->has_mark)
		mnl_attr_put(nlh, XFRMA_MARK, sizeof(sa->mark), &sa->mark);
}

void xfrm_take_aevent(const struct nlmsghdr *nlh, struct kernel_sa *sa)
{
	parse_sa(nlh, sizeof(struct xfrm_aevent_id), sa);
}

static int on_counter(const struct nlmsghdr *nlh, void *data)
{
	if (nlh->nlmsg_type != XFRM_MSG_NEWAE)
		return MNL_CB_OK;
	xfrm_take_aevent(nlh, data);
	return MNL_CB_STOP;
}

int xfrm_read_counter(struct xfrm *x, struct kernel_sa *sa)
{
	char buf[MNL_NLMSG_HDRLEN + 256];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);

	nlh->nlmsg_type = XFRM_MSG_GETAE;
	nlh->nlmsg_flags = NLM_F_REQUEST;
	xfrm_put_aevent_id(nlh, sa);
	return xfrm_transact(x, nlh, on_counter, sa);
}

/* The replay state of sa becomes the kernel's. */
static int write_state(struct xfrm *x, const struct kernel_sa *sa)
{
	char buf[MNL_NLMSG_HDRLEN + 512 + sizeof(sa->esn_bytes)];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);

	nlh->nlmsg_type = XFRM_MSG_NEWAE;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_REPLACE;
	xfrm_put_aevent_id(nlh, sa);
	if (sa->has_esn_state)
		mnl_attr_put(nlh, XFRMA_REPLAY_ESN_VAL, sizeof(sa->esn_state) + 4 * sa->esn_state.bmp_len,
			     sa->esn_bytes);
	else
		mnl_attr_put(nlh, XFRMA_REPLAY_VAL, sizeof(sa->state), &sa->state);
	return xfrm_transact(x, nlh, NULL, NULL);
}

int xfrm_write_counter(struct xfrm *x, const struct kernel_sa *sa, __u64 oseq)
{
	struct kernel_sa copy = *sa;

	if (sa->has_esn_state) {
		copy.esn_state.oseq = (__u32)oseq;
		copy.esn_state.oseq_hi = sa->esn ? (__u32)(oseq >> 32) : 0;
	} else {
		copy.state.oseq = (__u32)oseq;
	}
	return write_state(x, &copy);
}

int xfrm_write_top(struct xfrm *x, const struct kernel_sa *sa, __u64 top)
{
	struct kernel_sa copy = *sa;

	if (!sa->has_esn_state || !sa->esn || !sa->replay_window)
		return -EINVAL;
	copy.esn_state.seq = (__u32)top;
	copy.esn_state.seq_hi = (__u32)(top >> 32);
	memset(copy.esn_state.bmp, 0xff, 4 * copy.esn_state.bmp_len);
	return write_state(x, &copy);
}

int xfrm_expire(struct xfrm *x, const struct kernel_sa *sa)
{
	char buf[MNL_NLMSG_HDRLEN + 512];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct xfrm_user_expire *e = mnl_nlmsg_put_extra_header(nlh, sizeof(*e));

	nlh->nlmsg_type = XFRM_MSG_EXPIRE;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	e->state.id.daddr = sa->daddr;
	e->state.id.spi = htonl(sa->key.spi);
	e->state.id.proto = (__u8)sa->key.protocol;
	e->state.family = sa->family;
	if (sa->has_mark)
		mnl_attr_put(nlh, XFRMA_MARK, sizeof(sa->mark), &sa->mark);
	return xfrm_transact(x, nlh, NULL, NULL);
}
