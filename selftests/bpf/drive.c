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

#define CPUS_MAX 1024

static const char *const names[ESL_REASON_COUNT] = {
#define X(symbol, name, verdict, sentence) [ESL_##symbol] = name,
	ESL_REASONS(X)
#undef X
};

const char *reason_name(int reason)
{
	return reason >= 0 && reason < ESL_REASON_COUNT ? names[reason] : "no reason";
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

void counts_read(struct drive *d, struct counts *c)
{
	static struct esl_count cpu[CPUS_MAX];
	int fd = bpf_map__fd(d->obj->maps.espalier_counts);

	memset(c, 0, sizeof(*c));
	for (__u32 r = 0; r < ESL_REASON_COUNT; r++) {
		if (bpf_map_lookup_elem(fd, &r, cpu))
			continue;
		for (int i = 0; i < libbpf_num_possible_cpus(); i++) {
			c->of[r].packets += cpu[i].packets;
			c->of[r].bytes += cpu[i].bytes;
		}
	}
}

/* Exactly the counter of reason moved, by one packet of len bytes. */
static bool counted(const struct counts *before, const struct counts *after, int reason, __u32 len,
		    char *why, size_t size)
{
	for (int r = 0; r < ESL_REASON_COUNT; r++) {
		__u64 packets = after->of[r].packets - before->of[r].packets;
		__u64 bytes = after->of[r].bytes - before->of[r].bytes;
		bool hit = r == reason;

		if (packets == hit && bytes == (hit ? len : 0))
			continue;
		snprintf(why, size, "counter %s moved by %lld packets, %lld bytes, expected %s", names[r],
			 (long long)packets, (long long)bytes, reason_name(reason));
		return false;
	}
	return true;
}

static bool same_frame(const struct frame *in, const struct frame *out, const char *mac, char *why,
		       size_t size)
{
	struct frame want = *in;

	if (mac)
		memcpy(want.byte, mac, ESL_MAC_LEN);
	if (out->len != want.len) {
		snprintf(why, size, "length %u became %u", want.len, out->len);
		return false;
	}
	for (__u32 i = 0; i < want.len; i++) {
		if (out->byte[i] == want.byte[i])
			continue;
		snprintf(why, size, "byte %u is %02x, expected %02x", i, out->byte[i], want.byte[i]);
		return false;
	}
	return true;
}

static bool expect(struct drive *d, const char *name, int fd, const struct frame *in,
		   const struct __sk_buff *ctx, const struct expected *e)
{
	struct frame out = {};
	struct counts before, after;
	struct __sk_buff skb = ctx ? *ctx : (struct __sk_buff){};
	char why[160] = "";
	LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = in->byte, .data_size_in = in->len,
		    .data_out = out.byte, .data_size_out = sizeof(out.byte), .repeat = 1,
		    .ctx_in = ctx ? &skb : NULL, .ctx_size_in = ctx ? sizeof(skb) : 0);

	counts_read(d, &before);
	if (bpf_prog_test_run_opts(fd, &o))
		return row(d, name, false, "test run: %s", strerror(errno));
	counts_read(d, &after);
	out.len = o.data_size_out;
	if (!counted(&before, &after, e->reason, in->len, why, sizeof(why)))
		return row(d, name, false, "%s, action %d", why, (int)o.retval);
	if (o.retval != e->action)
		return row(d, name, false, "action %d, expected %d", (int)o.retval, (int)e->action);
	return row(d, name, same_frame(in, &out, e->mac, why, sizeof(why)), "%s", why);
}

bool expect_xdp(struct drive *d, const char *name, const struct frame *in, const struct expected *e)
{
	return expect(d, name, bpf_program__fd(d->obj->progs.espalier_xdp), in, NULL, e);
}

bool expect_tc(struct drive *d, const char *name, const struct frame *in, const struct __sk_buff *ctx,
	       const struct expected *e)
{
	return expect(d, name, bpf_program__fd(d->obj->progs.espalier_egress), in, ctx, e);
}
