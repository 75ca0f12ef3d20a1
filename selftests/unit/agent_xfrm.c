// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * XFRM netlink: what the agent makes of the kernel's events, updates and listings.  The
 * kernel is here: it takes the place of libmnl's sockets, with one SA or a few.
 */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include <agent/xfrm.h>

#define WAITING_MAX 16
#define MESSAGE_MAX 1024
#define SPI 0x1000U

/* What waits to be read: a message, or an error. */
struct waiting {
	int err;
	char bytes[MESSAGE_MAX] __attribute__((aligned(NLMSG_ALIGNTO)));
};

struct mnl_socket {
	struct waiting queue[WAITING_MAX];
	size_t first, end;
};

static struct mnl_socket sockets[8];
static size_t socket_count;
static unsigned int groups;
static __u32 sa_count;		/* in the kernel, from SPI on */
static __u8 key_byte;		/* of their keys */
static bool is_broken;		/* no listing */
static char told[256];		/* what the agent's handlers were told, */
static __u64 told_seq, told_print;	/* and of the last SA */
static bool told_hidden;
static int deletes;
static struct xfrm x;

static struct nlmsghdr *put(struct mnl_socket *s, __u16 type, unsigned int seq)
{
	struct waiting *w = &s->queue[s->end++];
	struct nlmsghdr *nlh;

	cr_assert_leq(s->end, WAITING_MAX);
	w->err = 0;
	nlh = mnl_nlmsg_put_header(w->bytes);
	nlh->nlmsg_type = type;
	nlh->nlmsg_seq = seq;
	return nlh;
}

static void put_error(struct mnl_socket *s, int err)
{
	s->queue[s->end++].err = err;
}

static void put_ack(struct mnl_socket *s, unsigned int seq, int err)
{
	struct nlmsgerr *e = mnl_nlmsg_put_extra_header(put(s, NLMSG_ERROR, seq), sizeof(*e));

	e->error = err;
}

static void put_key(struct nlmsghdr *nlh, __u8 byte)
{
	struct {
		struct xfrm_algo_aead head;
		__u8 key[20];
	} aead = { .head = { .alg_name = "rfc4106(gcm(aes))", .alg_key_len = 160, .alg_icv_len = 128 } };
	struct xfrm_algo_auth null = { .alg_name = "digest_null" };

	memset(aead.key, byte, sizeof(aead.key));
	mnl_attr_put(nlh, XFRMA_ALG_AEAD, sizeof(aead), &aead);
	mnl_attr_put(nlh, XFRMA_ALG_AUTH_TRUNC, sizeof(null), &null);
}

static void put_sa(struct mnl_socket *s, __u16 type, unsigned int seq, __u32 spi, __u32 top, __u8 byte)
{
	struct nlmsghdr *nlh = put(s, type, seq);
	struct xfrm_usersa_info *info = mnl_nlmsg_put_extra_header(nlh, sizeof(*info));
	struct xfrm_replay_state state = { .seq = top };

	info->id.spi = htonl(spi);
	info->id.proto = ESL_IPPROTO_ESP;
	info->family = AF_INET;
	put_key(nlh, byte);
	mnl_attr_put(nlh, XFRMA_REPLAY_VAL, sizeof(state), &state);
}

static void put_gone(struct mnl_socket *s, __u32 spi)
{
	struct xfrm_usersa_id *id = mnl_nlmsg_put_extra_header(put(s, XFRM_MSG_DELSA, 0), sizeof(*id));

	id->spi = htonl(spi);
	id->proto = ESL_IPPROTO_ESP;
	id->family = AF_INET;
}

static void put_counter(struct mnl_socket *s, unsigned int seq)
{
	mnl_nlmsg_put_extra_header(put(s, XFRM_MSG_NEWAE, seq), sizeof(struct xfrm_aevent_id));
}

/* The kernel makes the next part of a list when one is read; here it is there from the start. */
static void answer_list(struct mnl_socket *s, const struct nlmsghdr *q)
{
	for (__u32 i = 0; i < sa_count && q->nlmsg_type == XFRM_MSG_GETSA; i++) {
		put_sa(s, XFRM_MSG_NEWSA, q->nlmsg_seq, SPI + i, 100, key_byte);
		((struct nlmsghdr *)s->queue[s->end - 1].bytes)->nlmsg_flags = NLM_F_MULTI;
	}
	mnl_nlmsg_put_extra_header(put(s, NLMSG_DONE, q->nlmsg_seq), sizeof(int));
}

static void answer(struct mnl_socket *s, const struct nlmsghdr *q)
{
	if (q->nlmsg_flags & NLM_F_DUMP && is_broken)
		put_ack(s, q->nlmsg_seq, -ENOMEM);
	else if (q->nlmsg_flags & NLM_F_DUMP)
		answer_list(s, q);
	else if (q->nlmsg_type == XFRM_MSG_GETSA && sa_count)
		put_sa(s, XFRM_MSG_NEWSA, q->nlmsg_seq, SPI, 100, key_byte);
	else if (q->nlmsg_type == XFRM_MSG_GETSA)
		put_ack(s, q->nlmsg_seq, -ESRCH);
	else if (q->nlmsg_type == XFRM_MSG_GETAE)
		put_counter(s, q->nlmsg_seq);
	else
		put_ack(s, q->nlmsg_seq, 0);
	deletes += q->nlmsg_type == XFRM_MSG_DELSA;
}

struct mnl_socket *mnl_socket_open2(int bus, int flags)
{
	struct mnl_socket *s = &sockets[socket_count++];

	(void)bus, (void)flags;
	cr_assert_leq(socket_count, sizeof(sockets) / sizeof(sockets[0]));
	*s = (struct mnl_socket){};
	return s;
}

int mnl_socket_bind(struct mnl_socket *s, unsigned int wanted, pid_t pid)
{
	(void)s, (void)pid;
	groups |= wanted;
	return 0;
}

int mnl_socket_close(struct mnl_socket *s)
{
	(void)s;
	return 0;
}

int mnl_socket_get_fd(const struct mnl_socket *s)
{
	(void)s;
	return -1;
}

unsigned int mnl_socket_get_portid(const struct mnl_socket *s)
{
	(void)s;
	return 0;
}

ssize_t mnl_socket_sendto(const struct mnl_socket *s, const void *q, size_t size)
{
	answer((struct mnl_socket *)(uintptr_t)s, q);
	return (ssize_t)size;
}

ssize_t mnl_socket_recvfrom(const struct mnl_socket *socket, void *buf, size_t size)
{
	struct mnl_socket *s = (struct mnl_socket *)(uintptr_t)socket;
	const struct nlmsghdr *nlh;
	const struct waiting *w;

	errno = EAGAIN;
	cr_assert(s == x.events || s->first < s->end, "the agent waits for ever");
	if (s->first == s->end)
		return -1;
	w = &s->queue[s->first++];
	errno = w->err;
	if (w->err)
		return -1;
	nlh = (const void *)w->bytes;
	cr_assert_leq(nlh->nlmsg_len, size);
	memcpy(buf, nlh, nlh->nlmsg_len);
	return (ssize_t)nlh->nlmsg_len;
}

static void tell(const char *text, __u32 number)
{
	size_t used = strlen(told);

	snprintf(told + used, sizeof(told) - used, number ? "%s%x " : "%s ", text, number);
}

static void on_listed(void *data, enum xfrm_change change, const struct kernel_sa *sa)
{
	struct kernel_sa copy = *sa;

	(void)data, (void)change;
	tell("=", sa->key.spi);
	cr_expect_eq(xfrm_read_counter(&x, &copy), 0);
}

static void on_sa(void *data, enum xfrm_change change, const struct kernel_sa *sa)
{
	(void)data;
	if (change == XFRM_ALL) {
		tell("list", 0);
		xfrm_list(&x, on_listed, NULL);
		return;
	}
	tell(change == XFRM_PRESENT ? "+" : "-", sa->key.spi);
	told_seq = sa->seq;
	told_print = sa->key_print;
	told_hidden = sa->hidden;
}

static void on_policy(void *data, enum xfrm_change change, const struct kernel_policy *p)
{
	(void)data, (void)p;
	cr_expect_eq(change, XFRM_ALL);
	tell("policies", 0);
	xfrm_list_policies(&x, on_policy, NULL);
}

static void start(void)
{
	cr_assert_eq(xfrm_print_key("key", 3), 0);
	cr_assert_eq(xfrm_open(&x, on_sa, on_policy, NULL), 0);
	sa_count = 1;
	key_byte = 7;
}

static void expect_told(const char *what)
{
	cr_expect_str_eq(told, what);
	told[0] = '\0';
}

TestSuite(agent_xfrm, .init = start);

/* After an overrun the kernel drops what it tells until all is read. */
Test(agent_xfrm, overrun_is_listed_when_nothing_waits)
{
	put_sa(x.events, XFRM_MSG_NEWSA, 0, SPI + 1, 0, 7);
	put_error(x.events, ENOBUFS);
	put_gone(x.events, SPI);
	put_error(x.events, ENOBUFS);
	put_gone(x.events, SPI + 1);
	cr_expect_eq(xfrm_read_events(&x), 0);
	expect_told("+1001 -1000 -1001 list =1000 policies ");
	cr_expect_eq(xfrm_read_events(&x), 0);
	expect_told("");
}

/* A listing in the midst of that does not see what is dropped after it. */
Test(agent_xfrm, overrun_and_flush)
{
	put_error(x.events, ENOBUFS);
	put(x.events, XFRM_MSG_FLUSHSA, 0);
	put_gone(x.events, SPI);
	xfrm_read_events(&x);
	expect_told("list =1000 -1000 list =1000 policies ");
}

Test(agent_xfrm, listing_that_failed_is_repeated)
{
	put_error(x.events, ENOBUFS);
	is_broken = true;
	xfrm_read_events(&x);
	expect_told("list policies ");
	cr_expect(x.unlisted && x.policies_unlisted);
	xfrm_read_events(&x);
	expect_told("list policies ");
	is_broken = false;
	xfrm_read_events(&x);
	expect_told("list =1000 policies ");
	xfrm_read_events(&x);
	expect_told("");
}

/* A handler asks for a counter in the midst of a list, of which the rest waits. */
Test(agent_xfrm, counters_are_read_within_a_listing)
{
	sa_count = 5;
	cr_expect_eq(xfrm_list(&x, on_listed, NULL), 0);
	expect_told("=1000 =1001 =1002 =1003 =1004 ");
}

Test(agent_xfrm, update_is_read_from_the_kernel)
{
	__u64 print;

	put_sa(x.events, XFRM_MSG_NEWSA, 0, SPI, 100, 7);
	xfrm_read_events(&x);
	print = told_print;
	put_sa(x.events, XFRM_MSG_UPDSA, 0, SPI, 0, 8);
	xfrm_read_events(&x);
	expect_told("+1000 +1000 ");
	cr_expect_eq(told_seq, 100);
	cr_expect_eq(told_print, print);
}

Test(agent_xfrm, update_of_an_sa_that_is_gone)
{
	put_sa(x.events, XFRM_MSG_UPDSA, 0, SPI, 0, 7);
	put_gone(x.events, SPI);
	sa_count = 0;
	xfrm_read_events(&x);
	expect_told("-1000 ");
}

Test(agent_xfrm, migration_is_listed)
{
	cr_expect(groups & 1U << (XFRMNLGRP_MIGRATE - 1));
	put(x.events, XFRM_MSG_MIGRATE, 0);
	put_gone(x.events, SPI + 1);
	xfrm_read_events(&x);
	expect_told("-1001 list =1000 policies ");
}

Test(agent_xfrm, hidden_key)
{
	put_sa(x.events, XFRM_MSG_NEWSA, 0, SPI, 0, 7);
	xfrm_read_events(&x);
	cr_expect_not(told_hidden);
	put_sa(x.events, XFRM_MSG_NEWSA, 0, SPI, 0, 0);
	xfrm_read_events(&x);
	cr_expect(told_hidden);
}

Test(agent_xfrm, redraw_needs_the_key)
{
	struct kernel_sa sa = { .key = { .spi = SPI, .protocol = ESL_IPPROTO_ESP }, .family = AF_INET };

	key_byte = 0;
	cr_expect_eq(xfrm_redraw(&x, &sa), -ENOKEY);
	cr_expect_eq(deletes, 0);
	key_byte = 7;
	cr_expect_eq(xfrm_redraw(&x, &sa), 0);
	cr_expect_eq(deletes, 1);
}
