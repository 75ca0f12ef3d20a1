// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The verdict as JSON: figures, and a sentence for each thing that is wrong. */
#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>

#include "audit.h"

#define SENTENCE_MAX 256

static void count(json_t *to, const char *name, uint64_t n)
{
	json_object_set_new(to, name, json_integer(n > INT64_MAX ? INT64_MAX : (json_int_t)n));
}

__attribute__((format(printf, 3, 4))) static void fails(json_t *failures, bool wrong, const char *format, ...)
{
	char text[SENTENCE_MAX];
	va_list ap;

	if (!wrong)
		return;
	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	json_array_append_new(failures, json_string(text));
}

static json_t *address(const struct audit_addr *addr)
{
	char text[INET6_ADDRSTRLEN];

	return json_string(inet_ntop(addr->len == 4 ? AF_INET : AF_INET6, addr->bytes, text, sizeof(text)) ? text : "");
}

static json_t *order(const struct audit_order *o)
{
	json_t *j = json_object(), *beyond = json_object();
	char window[16];

	count(j, "highest", o->top);
	count(j, "reordered", o->reordered);
	count(j, "deepest", o->deepest);
	/* A packet n below the top is within a window of n + 1. */
	count(j, "window_needed", o->top ? o->deepest + 1 : 0);
	for (int i = 0; i < AUDIT_WINDOWS; i++) {
		snprintf(window, sizeof(window), "%u", AUDIT_WINDOW_MIN << i);
		count(beyond, window, o->beyond[i]);
	}
	json_object_set_new(j, "too_old_for_window", beyond);
	return j;
}

static json_t *members(const struct audit_keys *k, const struct audit_sa *sa)
{
	json_t *j = json_object();
	char name[8];

	for (size_t i = 0; i < k->macs; i++) {
		snprintf(name, sizeof(name), "m%d", k->mac[i].member);
		count(j, name, sa->by_member[k->mac[i].member]);
	}
	return j;
}

static json_t *describe(const struct audit *a, const struct audit_sa *sa)
{
	json_t *j = json_object();
	char spi[16];

	snprintf(spi, sizeof(spi), "0x%08x", sa->key->spi);
	json_object_set_new(j, "spi", json_string(spi));
	json_object_set_new(j, "src", address(&sa->key->src));
	json_object_set_new(j, "dst", address(&sa->key->dst));
	json_object_set_new(j, "sent_by_cluster", json_boolean(sa->sent));
	count(j, "packets", sa->packets);
	count(j, "verified", sa->verified);
	count(j, "invalid_icv", sa->invalid_icv);
	count(j, "not_verifiable", sa->not_verifiable);
	count(j, sa->sent ? "duplicates" : "repeated_on_wire", sa->repeated);
	count(j, "duplicate_ivs", sa->repeated_iv);
	if (sa->sent && a->keys.macs) {
		count(j, "outside_lane", sa->outside_lane);
		json_object_set_new(j, "by_member", members(&a->keys, sa));
	}
	if (!sa->sent)
		count(j, "without_inner_packet", sa->uncarried);
	json_object_set_new(j, "order", order(&sa->order));
	return j;
}

static void judge_sa(const struct audit_sa *sa, bool allow, json_t *failures)
{
	unsigned spi = sa->key->spi;

	fails(failures, sa->sent && sa->repeated, "SPI 0x%x: %llu numbers were sent once more", spi,
	      (unsigned long long)sa->repeated);
	fails(failures, sa->sent && sa->repeated_iv, "SPI 0x%x: %llu IVs were used once more under one key", spi,
	      (unsigned long long)sa->repeated_iv);
	fails(failures, sa->sent && sa->invalid_icv, "SPI 0x%x: %llu ICVs are wrong", spi,
	      (unsigned long long)sa->invalid_icv);
	fails(failures, sa->outside_lane, "SPI 0x%x: %llu numbers were not of the member that sent them", spi,
	      (unsigned long long)sa->outside_lane);
	fails(failures, !allow && sa->not_verifiable, "SPI 0x%x: %llu packets cannot be verified, as they were not captured whole",
	      spi, (unsigned long long)sa->not_verifiable);
}

/* Sums over the SAs that the cluster sends by, or over the others. */
struct sums {
	uint64_t packets, verified, invalid_icv, not_verifiable, repeated, repeated_iv, outside_lane;
};

static struct sums sum(const struct audit *a, bool sent)
{
	struct sums s = { 0 };

	for (const struct audit_sa *sa = a->sa; sa < a->sa + a->keys.keys; sa++) {
		if (sa->sent != sent)
			continue;
		s.packets += sa->packets;
		s.verified += sa->verified;
		s.invalid_icv += sa->invalid_icv;
		s.not_verifiable += sa->not_verifiable;
		s.repeated += sa->repeated;
		s.repeated_iv += sa->repeated_iv;
		s.outside_lane += sa->outside_lane;
	}
	return s;
}

static json_t *frames(const struct audit *a)
{
	const struct audit_counts *c = &a->outside;
	json_t *j = json_object();

	count(j, "frames", c->frames);
	count(j, "esp", c->esp);
	count(j, "ah", c->ah);
	count(j, "fragments_skipped", c->fragments);
	count(j, "no_key", c->no_key);
	count(j, "esp_of_others", c->elsewhere);
	count(j, "other", c->other);
	count(j, "cut_short", c->cut_short);
	return j;
}

/* What was carried in, against what came out inside. */
static json_t *inside(const struct audit *a, json_t *failures)
{
	uint64_t carried = 0, matched = 0, twice = 0, lost = 0, foreign = 0;
	json_t *j = json_object();

	for (size_t i = 0; i < a->inner.size; i++) {
		const struct audit_tally *t = &a->inner.tally[i];
		uint64_t both = t->carried < t->delivered ? t->carried : t->delivered;

		carried += t->carried;
		matched += both;
		lost += t->carried - both;
		*(t->carried ? &twice : &foreign) += t->delivered - both;
	}
	count(j, "packets", a->delivered);
	count(j, "of_others", a->of_others);
	count(j, "not_comparable", a->not_comparable);
	count(j, "carried", carried);
	count(j, "delivered", matched);
	count(j, "delivered_twice", twice);
	count(j, "not_delivered", lost);
	count(j, "of_no_packet_outside", foreign);
	fails(failures, twice, "%llu packets were delivered once more than distinct numbers carried them",
	      (unsigned long long)twice);
	fails(failures, !matched, "nothing that was delivered inside was seen outside: this proves nothing of replays");
	fails(failures, !a->allow_unverified && a->not_comparable,
	      "%llu packets inside cannot be compared, as they were not captured whole",
	      (unsigned long long)a->not_comparable);
	return j;
}

json_t *audit_report(const struct audit *a)
{
	struct sums sent = sum(a, true), received = sum(a, false);
	json_t *j = json_object(), *sas = json_array(), *failures = json_array();

	for (const struct audit_sa *sa = a->sa; sa < a->sa + a->keys.keys; sa++) {
		judge_sa(sa, a->allow_unverified, failures);
		if (sa->packets)
			json_array_append_new(sas, describe(a, sa));
	}
	json_object_set_new(j, "audit", json_integer(1));
	count(j, "esp_packets", sent.packets + received.packets);
	count(j, "sent", sent.packets);
	count(j, "verified", sent.verified + received.verified);
	count(j, "duplicates", sent.repeated);
	count(j, "duplicate_ivs", sent.repeated_iv);
	count(j, "invalid_icv", sent.invalid_icv);
	count(j, "outside_lane", sent.outside_lane);
	count(j, "not_verifiable", sent.not_verifiable + received.not_verifiable);
	count(j, "received", received.packets);
	count(j, "repeated_on_wire", received.repeated);
	count(j, "received_invalid_icv", received.invalid_icv);
	json_object_set_new(j, "outside", frames(a));
	if (a->inside_asked)
		json_object_set_new(j, "inside", inside(a, failures));
	json_object_set_new(j, "sas", sas);
	json_object_set(j, "files", a->files);
	fails(failures, !(sent.verified + received.verified) && !a->allow_unverified, "no ICV was verified: this proves nothing");
	fails(failures, !a->allow_unverified && a->outside.no_key, "%llu ESP packets have an SPI without a key",
	      (unsigned long long)a->outside.no_key);
	fails(failures, !a->allow_unverified && a->outside.cut_short, "%llu frames were captured too short to tell what they are",
	      (unsigned long long)a->outside.cut_short);
	fails(failures, a->cut_off, "%llu files are cut off", (unsigned long long)a->cut_off);
	json_object_set_new(j, "passed", json_boolean(!json_array_size(failures)));
	json_object_set_new(j, "failures", failures);
	return j;
}
