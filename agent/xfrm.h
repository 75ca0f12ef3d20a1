/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The kernel's XFRM over netlink: list SAs and policies, hear of changes, read
 * and move the outbound counter.  net/xfrm/xfrm_user.c, Documentation/networking/xfrm_sync.rst.
 *
 * The group AEVENTS is never joined: a listener on it makes the packet path
 * notify under the SA's lock.
 */
#ifndef AGENT_XFRM_H
#define AGENT_XFRM_H

#include <libmnl/libmnl.h>
#include <linux/xfrm.h>

#include <espalier/abi.h>

/* Largest replay bitmap that is kept: a window of 4096. */
#define XFRM_BITMAP_WORDS 128

/* One SA as the kernel has it. */
struct kernel_sa {
	struct esl_sa_key key;
	struct esl_addr saddr;
	xfrm_address_t daddr;		/* as the kernel wants it back */
	__u16 family;
	__u8 mode;			/* XFRM_MODE_* */
	__u32 reqid;
	bool esn;			/* 64-bit numbers */
	bool has_esn_state;		/* counter in XFRMA_REPLAY_ESN_VAL, else in REPLAY_VAL */
	bool has_salt;			/* seqiv: the IV is the number XOR a salt (espalier/salt.h) */
	bool offloaded;			/* a device encrypts */
	bool hidden;			/* the kernel does not tell the key: key_print says nothing */
	bool has_mark;
	struct xfrm_mark mark;
	__u32 replay_window;
	__u64 oseq;			/* last number assigned */
	__u64 seq;			/* highest number accepted */
	__u64 key_print;		/* keyed fingerprint: xfrm_print_key(); 0: not told, or not asked for */
	union {
		struct xfrm_replay_state_esn esn_state;
		__u8 esn_bytes[sizeof(struct xfrm_replay_state_esn) + 4 * XFRM_BITMAP_WORDS];
	};
	struct xfrm_replay_state state;
};

/* One policy, with the last template that makes IPsec. */
struct kernel_policy {
	__u32 index;			/* the kernel's name for it */
	__u8 dir;			/* XFRM_POLICY_* */
	__u16 family;			/* of the selector */
	struct esl_addr daddr;		/* of the selector */
	__u8 prefixlen;
	bool has_template;		/* else what follows is empty */
	struct esl_addr saddr;
	struct esl_addr peer;
	__u32 reqid;
};

enum xfrm_change { XFRM_PRESENT, XFRM_GONE, XFRM_ALL };

/* XFRM_ALL: everything may have changed, list again; the SA or policy is NULL. */
typedef void (*xfrm_handler)(void *data, enum xfrm_change change, const struct kernel_sa *sa);
typedef void (*xfrm_policy_handler)(void *data, enum xfrm_change change, const struct kernel_policy *p);

struct xfrm {
	struct mnl_socket *request;
	struct mnl_socket *events;
	unsigned int seq;
	bool missed;			/* changes were not told: all is to be listed when no event waits */
	bool unlisted;			/* that of SAs failed, */
	bool policies_unlisted;		/* of policies */
	xfrm_handler handler;
	xfrm_policy_handler policy_handler;
	void *data;
};

/*
 * What fingerprints of keys are made with, the same for ever; to be called once,
 * before xfrm_open().  key is not kept.  Returns 0 or a negative errno.
 */
int xfrm_print_key(const void *key, size_t size);

int xfrm_open(struct xfrm *x, xfrm_handler handler, xfrm_policy_handler policy_handler, void *data);
void xfrm_close(struct xfrm *x);
int xfrm_events_fd(const struct xfrm *x);

/*
 * Read what is waiting on the event socket and call the handlers; at the end with XFRM_ALL
 * where changes were not told one by one, or a listing failed.  To be called again soon where it did.
 */
int xfrm_read_events(struct xfrm *x);

/* Call the handler with XFRM_PRESENT for every SA, or policy. */
int xfrm_list(struct xfrm *x, xfrm_handler handler, void *data);
int xfrm_list_policies(struct xfrm *x, xfrm_policy_handler handler, void *data);

/* Refresh sa->oseq, sa->seq and the replay state. -ESRCH: the SA is gone. */
int xfrm_read_counter(struct xfrm *x, struct kernel_sa *sa);

/*
 * The same for count SAs, with few system calls.  errs: 0 or a negative errno for
 * each.  Returns a negative errno where not all were asked.
 */
int xfrm_read_counters(struct xfrm *x, struct kernel_sa *const sas[], size_t count, int errs[]);

/*
 * Set the outbound counter; the next packet gets oseq + 1.  Call it with a
 * freshly read sa only, and read the counter back: the kernel acknowledges a
 * replay attribute of the wrong kind without using it.
 */
int xfrm_write_counter(struct xfrm *x, const struct kernel_sa *sa, __u64 oseq);

/*
 * Let the replay window of an inbound SA with ESN begin at this top, above 0, with all of it used.
 * Only where it was never used, as sa, freshly read, shows; read it back, as above.
 */
int xfrm_write_top(struct xfrm *x, const struct kernel_sa *sa, __u64 top);

/* The SA is soon to end: the IKE daemon rekeys it.  Returns 0 or a negative errno. */
int xfrm_expire(struct xfrm *x, const struct kernel_sa *sa);

/*
 * Delete an SA and add it again as it was, counter and lifetimes too: the kernel
 * draws another salt.  To be called while no number of the SA may leave: those
 * assigned meanwhile are assigned again.  -ESRCH: the SA is gone.  -ENOKEY: the kernel
 * does not tell its key, and it stays as it is.
 */
int xfrm_redraw(struct xfrm *x, const struct kernel_sa *sa);

/* Between the parts. */
void xfrm_put_aevent_id(struct nlmsghdr *nlh, const struct kernel_sa *sa);
void xfrm_put_sa_id(struct nlmsghdr *nlh, const struct kernel_sa *sa);
bool xfrm_take_sa(const struct nlmsghdr *nlh, struct kernel_sa *sa);
/* Is a key among the attributes that is not told? */
bool xfrm_is_hidden(const struct nlmsghdr *nlh, size_t offset);
int xfrm_message(const struct nlmsghdr *nlh, xfrm_handler handler, void *data);
/* Run cb over the SA as the kernel tells it; it returns MNL_CB_STOP. */
int xfrm_get_sa(struct xfrm *x, const struct kernel_sa *sa, mnl_cb_t cb, void *data);
/* Run cb over a whole list, on a socket of its own: in the midst of it handlers ask for counters. */
int xfrm_dump(__u16 type, mnl_cb_t cb, void *data);
void xfrm_take_aevent(const struct nlmsghdr *nlh, struct kernel_sa *sa);
int xfrm_policy_message(const struct nlmsghdr *nlh, xfrm_policy_handler handler, void *data);
struct esl_addr xfrm_addr(const xfrm_address_t *a, __u16 family);
int xfrm_transact(struct xfrm *x, struct nlmsghdr *nlh, mnl_cb_t cb, void *data);

#endif
