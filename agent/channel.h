/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The sync channel: one TLS connection between each two members, over which they
 * hand each other their sealing keys, and any messages besides.
 *
 * Each member listens at its sync address; the one with the higher id connects
 * to the lower, again and again until it has succeeded.  Nothing is believed
 * before the handshake proved a common secret, HELLO named the member that
 * is configured at the other end's address, and KEY came; a second is
 * given for all of this.  A connection that is up is asked for a sign of life
 * when it was silent for a while.
 *
 * A member that comes with another boot while a connection of its former one
 * is up replaces it, unless the former one answers: then it is a second holder
 * of the id, is told so, and is not let in.
 *
 * Everything runs in the caller's loop; no call blocks.  Nothing is logged.
 */
#ifndef AGENT_CHANNEL_H
#define AGENT_CHANNEL_H

#include <netinet/in.h>
#include <systemd/sd-event.h>

#include "seal.h"
#include "tls.h"

/* X(SYMBOL, name, sentence): why a connection ended or never was. */
#define CHANNEL_ENDS(X)                                                                       \
	X(NONE, "none", "the connection stands")                                              \
	X(CLOSED, "closed", "the other end closed the connection")                            \
	X(CONNECT, "connect", "the other end cannot be reached")                              \
	X(DEADLINE, "deadline", "the connection was not set up within a second")              \
	X(SILENT, "silent", "the other end gave no sign of life")                             \
	X(SECRET, "secret", "the two members have no cluster secret in common")               \
	X(TLS, "tls", "the other end does not speak TLS 1.3 as this channel does")            \
	X(ADDRESS, "address", "the other end has not the sync address of a member, or of the one that it claims to be") \
	X(LIMIT, "limit", "too many connections that are not set up, or no memory")           \
	X(VERSION, "version", "the other end uses another major version of the protocol")     \
	X(LENGTH, "length", "a frame is longer than any may be")                              \
	X(TYPE, "type", "a frame came that is unknown, or not at its turn")                   \
	X(FIELD, "field", "a frame has a value that none may have")                           \
	X(SENDER, "sender", "the other end is not the member that this connection is with")   \
	X(OWN_ID, "own_id", "the other end says that it is this member")                      \
	X(ID_TAKEN, "id_taken", "another member with the same id is alive")                   \
	X(YIELDED, "yielded", "this member yields to another holder of its id")               \
	X(REPLACED, "replaced", "the same member connected anew")                             \
	X(RETIRED, "retired", "the secret behind the connection is no longer in the file")    \
	X(CRYPTO, "crypto", "OpenSSL failed")

enum channel_end {
#define X(symbol, name, sentence) CHANNEL_##symbol,
	CHANNEL_ENDS(X)
#undef X
	CHANNEL_END_COUNT
};

const char *channel_end_name(enum channel_end e);
const char *channel_end_sentence(enum channel_end e);

struct channel_other {
	__u32 id;
	struct sockaddr_in address;
};

/*
 * What the channel calls; each may call channel_send(), none channel_stop() or
 * channel_secrets().  i is the index in others, or CHANNEL_STRANGER.
 */
#define CHANNEL_STRANGER ((size_t)-1)

struct channel_calls {
	/* Its key is learnt: datagrams of this boot can be opened, messages be sent. */
	void (*up)(void *data, size_t i, __u64 boot);
	/*
	 * A connection ended, or an attempt failed; was_up: and up() was called
	 * for it.  i of one that came and had not said who it is: by its address.
	 */
	void (*ended)(void *data, size_t i, enum channel_end why, bool was_up);
	/* Does the member at the other end of the connection that stands, in this boot, forward? */
	bool (*established)(void *data, size_t i, __u64 boot);
	/* It refuses this member, as the holder of its id with this boot is alive there. */
	void (*taken)(void *data, size_t i, __u64 boot, bool established);
	/* A message of a type from ESL_FRAME_USER on; false: of an unknown one. */
	bool (*message)(void *data, size_t i, __u16 type, const __u8 *bytes, size_t size);
};

struct channel_config {
	sd_event *event;
	int64_t priority;		/* in the loop */
	struct seal *seal;		/* outlives the channel */
	__u32 id;			/* of this member */
	__u64 boot;
	struct sockaddr_in address;	/* where this member listens */
	const struct channel_other *others;	/* copied */
	size_t count;
	struct channel_calls calls;
	void *data;
};

struct channel;

/*
 * Listen, and begin to connect.  secrets are copied.  Returns 0 or a negative
 * errno: those of bind and listen, -ENOMEM, -EIO (OpenSSL).  SIGPIPE is ignored
 * from then on: OpenSSL writes to sockets without asking for its absence.
 */
int channel_start(struct channel **ret, const struct channel_config *config,
		  const struct tls_secrets *secrets);
/* Close all, without calls, and wipe the secrets. */
void channel_stop(struct channel *ch);

/*
 * Queue a message of a type from ESL_FRAME_USER on for another member.  Messages
 * to one member arrive in order, or the connection ends.  Returns 0, or
 * -ENOTCONN, -EMSGSIZE (above ESL_FRAME_BODY_MAX), -ENOBUFS (the member does not
 * read: 1 MiB waits), -ENOMEM; nothing is queued then.
 */
int channel_send(struct channel *ch, size_t i, __u16 type, const void *bytes, size_t size);

/*
 * The secrets were read again.  Those that are gone no longer hold: connections
 * set up with one are set up anew, and the own sealing key is renewed, in use
 * after a second.
 */
void channel_secrets(struct channel *ch, const struct tls_secrets *secrets);

/*
 * A datagram of member i came from a boot that is not known (SEALED_BOOT): ask for a
 * sign of life at once, so that a member that started again is soon connected.
 */
void channel_doubt(struct channel *ch, size_t i);

/* Close all that are up, so that the members there can let another holder of this id in.
 * For no call of channel_calls. */
void channel_yield(struct channel *ch);

/* Is the connection with other member i up; the boot at its other end? */
bool channel_up(const struct channel *ch, size_t i, __u64 *boot);
/* Why the last connection or attempt with it ended. */
enum channel_end channel_last(const struct channel *ch, size_t i);
/* How many ended for this reason. */
__u64 channel_count(const struct channel *ch, enum channel_end why);
/* Messages of types that nobody knew. */
__u64 channel_ignored(const struct channel *ch);

#endif
