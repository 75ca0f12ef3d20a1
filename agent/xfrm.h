/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The kernel's XFRM over netlink: list SAs, hear of changes, read and move the
 * outbound counter.  net/xfrm/xfrm_user.c, Documentation/networking/xfrm_sync.rst.
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
	bool esn;			/* 64-bit numbers */
	bool has_esn_state;		/* counter in XFRMA_REPLAY_ESN_VAL, else in REPLAY_VAL */
	bool has_mark;
	struct xfrm_mark mark;
	__u32 replay_window;
	__u64 oseq;			/* last number assigned */
	union {
		struct xfrm_replay_state_esn esn_state;
		__u8 esn_bytes[sizeof(struct xfrm_replay_state_esn) + 4 * XFRM_BITMAP_WORDS];
	};
	struct xfrm_replay_state state;
};

enum xfrm_change { XFRM_SA_PRESENT, XFRM_SA_GONE, XFRM_SA_ALL };

/* XFRM_SA_ALL: everything may have changed, list again; sa is NULL. */
typedef void (*xfrm_handler)(void *data, enum xfrm_change change, const struct kernel_sa *sa);

struct xfrm {
	struct mnl_socket *request;
	struct mnl_socket *events;
	unsigned int seq;
	xfrm_handler handler;
	void *data;
};

int xfrm_open(struct xfrm *x, xfrm_handler handler, void *data);
void xfrm_close(struct xfrm *x);
int xfrm_events_fd(const struct xfrm *x);

/* Read what is waiting on the event socket and call the handler. */
int xfrm_read_events(struct xfrm *x);

/* Call the handler with XFRM_SA_PRESENT for every SA. */
int xfrm_list(struct xfrm *x);

/* Refresh sa->oseq and the replay state. -ESRCH: the SA is gone. */
int xfrm_read_counter(struct xfrm *x, struct kernel_sa *sa);

/*
 * Set the outbound counter; the next packet gets oseq + 1.  Call it with a
 * freshly read sa only, and read the counter back: the kernel acknowledges a
 * replay attribute of the wrong kind without using it.
 */
int xfrm_write_counter(struct xfrm *x, const struct kernel_sa *sa, __u64 oseq);

#endif
