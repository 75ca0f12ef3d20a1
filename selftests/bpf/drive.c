// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drive.h"
#include "espalier.skel.h"

#define FIRST_BUFFER 3000	/* a page less what the kernel needs of it */
#define CPUS_MAX 1024

static const char *const names[ESL_REASON_COUNT] = {
#define X(symbol, name, verdict, sentence) [ESL_##symbol] = name,
	ESL_REASONS(X)
#undef X
};

static const enum esl_verdict verdicts[ESL_REASON_COUNT] = {
#define X(symbol, name, verdict, sentence) [ESL_##symbol] = ESL_##verdict,
	ESL_REASONS(X)
#undef X
};

const char *reason_name(int reason)
{
	return reason >= 0 && reason < ESL_REASON_COUNT ? names[reason] : "no reason";
}

enum esl_verdict reason_verdict(int reason)
{
	return verdicts[reason];
}

bool reason_takes(int reason)
{
	return verdicts[reason] == ESL_OWN || reason == ESL_LOCAL_LEADER || reason == ESL_ICMP_ERROR;
}

bool row(struct drive *d, const char *name, bool ok, const char *format, ...)
{
	va_list args;

	if (ok) {
		d->passed++;
		printf("%s ... ok\n", name);
		return true;
	}
	d->failed++;
	printf("%s ... FAILED: ", name);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	return false;
}

/* All in one call: there are many thousands of these. */
void counts_read(struct drive *d, struct counts *c)
{
	static struct esl_count cpu[ESL_REASON_COUNT][CPUS_MAX];
	int fd = bpf_map__fd(d->obj->maps.espalier_counts), cpus = libbpf_num_possible_cpus();
	struct esl_count *flat = cpu[0];
	__u32 keys[ESL_REASON_COUNT], count = ESL_REASON_COUNT, next;

	memset(c, 0, sizeof(*c));
	if (cpus > CPUS_MAX || bpf_map_lookup_batch(fd, NULL, &next, keys, flat, &count, NULL))
		return;
	for (__u32 i = 0; i < count; i++) {
		for (int j = 0; j < cpus; j++) {
			c->of[keys[i]].packets += flat[i * cpus + j].packets;
			c->of[keys[i]].bytes += flat[i * cpus + j].bytes;
		}
	}
}

/* At most one counter moved, and by one packet: into *o. */
static bool find_moved(const struct counts *before, const struct counts *after, struct outcome *o, char *why)
{
	o->reason = NO_REASON;
	for (int r = 0; r < ESL_REASON_COUNT; r++) {
		__u64 packets = after->of[r].packets - before->of[r].packets;
		__u64 bytes = after->of[r].bytes - before->of[r].bytes;

		if (!packets && !bytes)
			continue;
		if (packets != 1 || o->reason != NO_REASON) {
			snprintf(why, WHY_MAX, "counter %s moved by %llu packets, %s too", names[r],
				 (unsigned long long)packets, reason_name(o->reason));
			return false;
		}
		o->reason = r;
		o->bytes = bytes;
	}
	return true;
}

static bool run(struct drive *d, int fd, const struct frame *in, const struct __sk_buff *ctx, struct outcome *o,
		char *why)
{
	struct __sk_buff skb = ctx ? *ctx : (struct __sk_buff){};
	struct counts before, after;
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = in->byte, .data_size_in = in->len,
		    .data_out = o->out.byte, .data_size_out = sizeof(o->out.byte), .repeat = 1,
		    .ctx_in = ctx ? &skb : NULL, .ctx_size_in = ctx ? sizeof(skb) : 0);

	counts_read(d, &before);
	if (bpf_prog_test_run_opts(fd, &opts)) {
		snprintf(why, WHY_MAX, "test run: %s", strerror(errno));
		return false;
	}
	counts_read(d, &after);
	o->action = opts.retval;
	o->out.len = opts.data_size_out;
	return find_moved(&before, &after, o, why);
}

static bool same_frame(const struct frame *in, const struct frame *out, const struct expected *e, char *why)
{
	static struct frame want;

	want = e->reply ? *e->reply : *in;
	if (e->mac)
		memcpy(want.byte, e->mac, ESL_MAC_LEN);
	if (out->len != want.len) {
		snprintf(why, WHY_MAX, "length %u became %u", want.len, out->len);
		return false;
	}
	for (__u32 i = 0; i < want.len; i++) {
		if (out->byte[i] == want.byte[i])
			continue;
		snprintf(why, WHY_MAX, "byte %u is %02x, expected %02x", i, out->byte[i], want.byte[i]);
		return false;
	}
	return true;
}

/* All bytes of the frame; of a jumbo frame that this member does not own, those
 * of the first buffer. */
static bool right_bytes(const struct outcome *o, const struct frame *in)
{
	if (o->bytes == in->len)
		return true;
	return (reason_verdict(o->reason) == ESL_OTHER || o->reason == ESL_NO_SLOT) && in->len > FIRST_BUFFER &&
	       o->bytes >= FIRST_BUFFER && o->bytes < in->len;
}

static bool check(struct drive *d, int fd, const struct frame *in, const struct __sk_buff *ctx,
		  const struct expected *e, char *why)
{
	static struct outcome o;

	if (!run(d, fd, in, ctx, &o, why))
		return false;
	if (o.reason != e->reason) {
		snprintf(why, WHY_MAX, "%s, expected %s", reason_name(o.reason), reason_name(e->reason));
		return false;
	}
	if (o.reason != NO_REASON && !right_bytes(&o, in)) {
		snprintf(why, WHY_MAX, "%llu of %u bytes were counted", (unsigned long long)o.bytes, in->len);
		return false;
	}
	if (o.action != e->action) {
		snprintf(why, WHY_MAX, "action %d, expected %d", (int)o.action, (int)e->action);
		return false;
	}
	return same_frame(in, &o.out, e, why);
}

bool run_xdp(struct drive *d, const struct frame *in, struct outcome *o, char *why)
{
	return run(d, bpf_program__fd(d->obj->progs.espalier_xdp), in, NULL, o, why);
}

bool check_xdp(struct drive *d, const struct frame *in, const struct expected *e, char *why)
{
	return check(d, bpf_program__fd(d->obj->progs.espalier_xdp), in, NULL, e, why);
}

bool expect_xdp(struct drive *d, const char *name, const struct frame *in, const struct expected *e)
{
	char why[WHY_MAX] = "";

	return row(d, name, check_xdp(d, in, e, why), "%s", why);
}

bool expect_tc(struct drive *d, const char *name, const struct frame *in, const struct __sk_buff *ctx,
	       const struct expected *e)
{
	char why[WHY_MAX] = "";
	int fd = bpf_program__fd(d->obj->progs.espalier_egress);

	return row(d, name, check(d, fd, in, ctx, e, why), "%s", why);
}
