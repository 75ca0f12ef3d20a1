/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The channel from inside, and one connection of it; private to channel*.c. */
#ifndef AGENT_CHANNEL_INSIDE_H
#define AGENT_CHANNEL_INSIDE_H

#include "channel.h"
#include "message.h"

#define NS_PER_MS 1000000ULL
#define SETUP_NS (1000 * NS_PER_MS)	/* from accept or connect to KEY */
#define IDLE_NS (500 * NS_PER_MS)	/* silence after which a sign of life is asked for */
#define PROBE_NS (100 * NS_PER_MS)	/* for a sign of life, where there is a doubt */

#define CONN_OUT_MAX (1024 * 1024)	/* bytes that may wait to be sent */

enum conn_state {
	CONN_CONNECTING,	/* TCP */
	CONN_SHAKING,		/* TLS */
	CONN_HELLO,		/* HELLO is to come, */
	CONN_WAITING,		/* whether its former boot is alive is to be seen, */
	CONN_KEY,		/* KEY is to come */
	CONN_UP
};

/* One TCP connection, from connect or accept on. */
struct conn {
	struct channel *channel;
	struct conn *next;
	enum conn_state state;
	bool connector;		/* this end connected */
	bool doubted;		/* a sign of life is to come within PROBE_NS */
	bool wants_write;	/* TLS does, whatever is queued */
	size_t member;		/* index in others; CHANNEL_STRANGER: not said yet */
	struct in_addr from;	/* address of the other end */
	__u64 boot;		/* of the other end, from HELLO on */
	__u64 heard_ns;		/* when bytes last came */
	__u64 up_ns;		/* when KEY came */
	int fd;
	struct tls tls;
	sd_event_source *io;
	sd_event_source *timer;
	__u8 *in;
	size_t in_size;		/* bytes there */
	__u8 *out;
	size_t out_from, out_to;	/* the bytes that wait */
	size_t out_max;		/* allocated */
};

/* What there is for each other member; same index as the caller's. */
struct channel_member {
	struct channel_other who;
	struct conn *up;
	bool trying;			/* a connection of this end's is under way */
	size_t choice;			/* the secret to offer */
	size_t refused;			/* secrets refused in a row */
	__u64 retry_ns;
	sd_event_source *retry;		/* where this end connects, else NULL */
	struct channel *channel;
	enum channel_end last;
};

struct channel {
	struct channel_config config;
	SSL_CTX *context;
	struct tls_secrets secrets;
	int fd;
	sd_event_source *listener;
	sd_event_source *settled;
	struct conn *conns;
	struct channel_member others[ESL_MEMBERS_MAX];
	__u64 counts[CHANNEL_END_COUNT];
	__u64 ignored;
};

/* A new one on fd, which is its own then; NULL: no memory. Not in any loop yet. */
struct conn *conn_new(struct channel *ch, int fd, bool connector);
/* Close, wipe and free. */
void conn_free(struct conn *c);

/* Set the loop to what the connection waits for. */
void conn_arm(struct conn *c);
/* Let the connection's timer come in so long. */
void conn_in(struct conn *c, __u64 in_ns);

/* Handshake, once the TCP connection is there. */
enum channel_end conn_shake(struct conn *c);
/* Queue a frame; errors as of channel_send(). */
int conn_put(struct conn *c, __u16 type, const void *body, size_t size);
/* Write what waits, as far as the socket takes it. */
enum channel_end conn_flush(struct conn *c);
/* Read what came, and hand every frame that is whole to channel_frame(). */
enum channel_end conn_read(struct conn *c);
/* The frames that were read and not handed on, as the connection was waiting. */
enum channel_end conn_frames(struct conn *c);

/* CLOCK_BOOTTIME. */
__u64 conn_now(void);

/* A connection ends: it is freed, and who needs to know is told. */
void channel_close(struct conn *c, enum channel_end why);
/* A connection that claims to be this member, whose former boot is asked first; or NULL. */
struct conn *channel_waiting(struct channel *ch, size_t member);

/* HELLO goes out, as TLS is there. */
enum channel_end channel_greet(struct conn *c);
/* The other end is the member that it says: it gets the keys. */
enum channel_end channel_let_in(struct conn *c);
enum channel_end channel_put_keys(struct conn *c);
/* A frame came. */
enum channel_end channel_frame(struct conn *c, const struct message *m);

#endif
