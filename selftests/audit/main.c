// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The auditor's command: captures in, a verdict out. */
#include <argp.h>
#include <arpa/inet.h>
#include <errno.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit.h"

#define EXIT_UNUSABLE 2
#define KEYS_MAX (64 << 20)
#define FILES_MAX 4096

struct options {
	const char *keys;
	const char *list;
	struct audit_addr cluster[AUDIT_CLUSTER_MAX];
	size_t clusters;
	struct {
		const char *path;
		bool inside;
	} file[FILES_MAX];
	size_t files;
	bool pieces, unlink, tshark, allow_unverified;
};

enum { OPT_INSIDE = 256, OPT_LIST, OPT_PIECES, OPT_UNLINK, OPT_TSHARK, OPT_UNVERIFIED };

static const struct argp_option options[] = {
	{ "keys", 'k', "FILE", 0, "SAs: the output of \"ip xfrm state\" (\"-\": from standard input), and more; see below", 0 },
	{ "cluster", 'c', "ADDRESS", 0, "an address of the cluster, as a line \"cluster\" of the keys file", 0 },
	{ "inside", OPT_INSIDE, "PCAP", 0, "a capture of what the cluster delivered", 0 },
	{ "pieces", OPT_PIECES, NULL, 0, "read lines \"outside PCAP\" and \"inside PCAP\" from standard input and each "
	  "file when its line comes; the verdict is given at a line \"end\", or the end of the lines", 0 },
	{ "unlink", OPT_UNLINK, NULL, 0, "remove each piece that was read", 0 },
	{ "allow-unverified", OPT_UNVERIFIED, NULL, 0, "packets that were not captured whole, or have no key, are told but not judged", 0 },
	{ "list", OPT_LIST, "FILE", 0, "a line for each ESP packet outside: frame, SPI, number, good, bad, unverified or nokey, and what it carried", 0 },
	{ "tshark", OPT_TSHARK, NULL, 0, "print the keys as tshark takes them by -o, and which SPIs have extended numbers, and end", 0 },
	{ 0 }
};

static const char doc[] =
	"Read captures of a cluster's IPsec with its keys and prove, or refute, that no number and no IV was used twice, that every "
	"ICV is right, that each number was its sender's, and that no packet was delivered twice."
	"\vThe keys file has SAs as \"ip xfrm state\" prints them (or as given to ip -batch), and any of these lines:\n"
	"  cluster ADDRESS           SAs from it are judged as sent, SAs to it as received\n"
	"  member ID MAC...          which member a frame is from\n"
	"  lanes L block K [spi S]   block b of K numbers belongs to member b mod L\n"
	"Without \"cluster\" every SA is judged as sent.\n\n"
	"Delivered twice: each ESP packet to the cluster whose ICV is right and whose number is new is decrypted. Its inner packet, byte "
	"by byte but for TTL, ECN bits and IPv4 header checksum, may appear in the captures of the inside as often as distinct "
	"numbers carried it, and not once more. Packets are compared by 64 bits of their SHA-256.\n\n"
	"One JSON object is printed. Exit status: 0 if all holds, 1 if not, 2 if something cannot be read. selftests/audit/README.md "
	"tells all fields.";

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case 'k':
		o->keys = arg;
		return 0;
	case 'c':
		if (o->clusters == AUDIT_CLUSTER_MAX || !audit_addr_read(arg, &o->cluster[o->clusters++]))
			argp_error(state, "--cluster %s: expected an IP address, at most %d times", arg, AUDIT_CLUSTER_MAX);
		return 0;
	case OPT_INSIDE:
	case ARGP_KEY_ARG:
		if (o->files == FILES_MAX)
			argp_error(state, "more than %d captures: name them by --pieces", FILES_MAX);
		o->file[o->files].inside = key == OPT_INSIDE;
		o->file[o->files++].path = arg;
		return 0;
	case OPT_PIECES:
		o->pieces = true;
		return 0;
	case OPT_UNLINK:
		o->unlink = true;
		return 0;
	case OPT_TSHARK:
		o->tshark = true;
		return 0;
	case OPT_UNVERIFIED:
		o->allow_unverified = true;
		return 0;
	case OPT_LIST:
		o->list = arg;
		return 0;
	case ARGP_KEY_END:
		if (!o->keys)
			argp_error(state, "--keys is missing");
		if (!o->files && !o->pieces && !o->tshark)
			argp_error(state, "no capture is named");
		if (o->unlink && !o->pieces)
			argp_error(state, "--unlink goes with --pieces");
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

__attribute__((noreturn)) static void unusable(const char *sentence)
{
	fprintf(stderr, "audit: %s\n", sentence);
	exit(EXIT_UNUSABLE);
}

static char *read_text(const char *path)
{
	FILE *f = strcmp(path, "-") ? fopen(path, "re") : stdin;
	char *text = f ? malloc(KEYS_MAX + 1) : NULL;
	char sentence[AUDIT_SENTENCE_MAX];
	size_t n = text ? fread(text, 1, KEYS_MAX + 1, f) : 0;

	if (!text || ferror(f) || n > KEYS_MAX) {
		snprintf(sentence, sizeof(sentence), "%s: %s", path, n > KEYS_MAX ? "too long" : strerror(errno));
		unusable(sentence);
	}
	text[n] = 0;
	if (f != stdin)
		fclose(f);
	return text;
}

static void read_keys(struct options *o, struct audit_keys *keys)
{
	char error[AUDIT_SENTENCE_MAX], *text = read_text(o->keys);

	if (audit_keys_read(o->keys, text, keys, error))
		unusable(error);
	explicit_bzero(text, KEYS_MAX);
	free(text);
	for (size_t i = 0; i < o->clusters && keys->clusters < AUDIT_CLUSTER_MAX; i++)
		keys->cluster[keys->clusters++] = o->cluster[i];
}

static void print_hex(FILE *f, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		fprintf(f, "%02x", bytes[i]);
}

static void print_secret(const struct audit_secret *s)
{
	printf("\"%s", s->len ? "0x" : "");
	print_hex(stdout, s->bytes, s->len);
	printf("\"");
}

/* One line an SA: what tshark takes by -o. Those with extended numbers, of which tshark 4.0 knows nothing, are marked. */
static void print_tshark(const struct audit_keys *keys)
{
	char src[INET6_ADDRSTRLEN], dst[INET6_ADDRSTRLEN], auth[64];

	for (const struct audit_key *k = keys->key; k < keys->key + keys->keys; k++) {
		int family = k->src.len == 4 ? AF_INET : AF_INET6;

		if (!k->esp)
			continue;
		snprintf(auth, sizeof(auth), k->aead ? "NULL" : "HMAC-SHA-%s-%zu [%s]",
			 strcmp(k->digest, "SHA1") ? k->digest + 3 : "1", 8 * k->icv_len,
			 strcmp(k->digest, "SHA1") ? "RFC4868" : "RFC2404");
		if (k->esn)
			printf("extended 0x%08x\n", k->spi);
		printf("uat:esp_sa:\"IPv%d\",\"%s\",\"%s\",\"0x%08x\",", k->src.len == 4 ? 4 : 6,
		       inet_ntop(family, k->src.bytes, src, sizeof(src)),
		       inet_ntop(family, k->dst.bytes, dst, sizeof(dst)), k->spi);
		if (k->aead)
			printf("\"AES-GCM with %zu octet ICV [RFC4106]\",", k->icv_len);
		else
			printf("\"%s\",", k->cipher.len ? "AES-CBC [RFC3602]" : "NULL");
		print_secret(&k->cipher);
		printf(",\"%s\",", auth);
		print_secret(&k->auth);
		putchar('\n');
	}
}

static int find_link(int dlt, enum audit_link *ret)
{
	switch (dlt) {
	case DLT_EN10MB:
		*ret = AUDIT_LINK_ETHERNET;
		return 0;
	case DLT_LINUX_SLL:
		*ret = AUDIT_LINK_SLL;
		return 0;
	case DLT_LINUX_SLL2:
		*ret = AUDIT_LINK_SLL2;
		return 0;
	case DLT_RAW:
	case DLT_IPV4:
	case DLT_IPV6:
		*ret = AUDIT_LINK_IP;
		return 0;
	}
	return -1;
}

static void list_packet(FILE *list, uint64_t frame, const struct audit_seen *s)
{
	static const char *const words[] = {
		[AUDIT_ICV_NONE] = "nokey",
		[AUDIT_ICV_GOOD] = "good",
		[AUDIT_ICV_BAD] = "bad",
		[AUDIT_ICV_UNKNOWN] = "unverified",
	};

	if (!list || !s->spi)
		return;
	fprintf(list, "%llu 0x%08x %llu %s ", (unsigned long long)frame, s->spi, (unsigned long long)s->number,
		words[s->icv]);
	print_hex(list, s->inner.data, s->inner.len);
	fputc('\n', list);
}

/* A capture that cannot be opened ends the audit; one that breaks off is part of the verdict. */
static void read_capture(struct audit *a, const char *path, bool inside, FILE *list)
{
	char why[PCAP_ERRBUF_SIZE] = "", sentence[PCAP_ERRBUF_SIZE + AUDIT_SENTENCE_MAX];
	pcap_t *pcap = pcap_open_offline_with_tstamp_precision(path, PCAP_TSTAMP_PRECISION_NANO, why);
	enum audit_link link;
	struct pcap_pkthdr *h;
	const uint8_t *data;
	uint64_t frames = 0;
	int got;

	if (!pcap || find_link(pcap_datalink(pcap), &link)) {
		snprintf(sentence, sizeof(sentence), "%s: %s", path,
			 pcap ? "expected Ethernet, Linux cooked or raw IP as link type" : why);
		unusable(sentence);
	}
	a->inside_asked |= inside;
	while ((got = pcap_next_ex(pcap, &h, &data)) == 1) {
		struct audit_seen seen = { 0 };

		frames++;
		if (inside)
			audit_inside(a, link, data, h->caplen);
		else
			seen = audit_outside(a, link, data, h->caplen);
		list_packet(list, frames, &seen);
	}
	if (got != PCAP_ERROR_BREAK) {
		fprintf(stderr, "audit: %s: cut off behind packet %llu (%s)\n", path, (unsigned long long)frames,
			pcap_geterr(pcap));
		a->cut_off++;
	}
	json_array_append_new(a->files, json_pack("{s:s, s:b, s:I, s:b}", "file", path, "inside", inside, "frames",
						  (json_int_t)frames, "cut_off", got != PCAP_ERROR_BREAK));
	pcap_close(pcap);
}

static void read_pieces(struct audit *a, const struct options *o, FILE *list)
{
	char *line = NULL;
	size_t size = 0;

	while (getline(&line, &size, stdin) > 0) {
		char *path = strchr(line, ' ');
		bool inside = !strncmp(line, "inside ", 7);

		line[strcspn(line, "\n")] = 0;
		/* Who writes may not be the only one to hold the pipe open. */
		if (!strcmp(line, "end"))
			break;
		if (!path || !path[1] || (!inside && strncmp(line, "outside ", 8)))
			unusable("--pieces: expected a line \"outside PCAP\" or \"inside PCAP\"");
		read_capture(a, path + 1, inside, list);
		if (o->unlink)
			unlink(path + 1);
	}
	free(line);
}

int main(int argc, char **argv)
{
	static const struct argp argp = { options, parse, "PCAP...", doc, NULL, NULL, NULL };
	static struct options o;
	char error[AUDIT_SENTENCE_MAX];
	struct audit_keys keys;
	struct audit a;
	FILE *list = NULL;
	json_t *report;
	bool passed;

	argp_err_exit_status = EXIT_UNUSABLE;
	argp_parse(&argp, argc, argv, 0, NULL, &o);
	read_keys(&o, &keys);
	if (o.tshark) {
		print_tshark(&keys);
		return EXIT_SUCCESS;
	}
	if (audit_start(&a, &keys, error))
		unusable(error);
	a.allow_unverified = o.allow_unverified;
	if (o.list && !(list = fopen(o.list, "we")))
		unusable("--list: the file cannot be written");
	for (size_t i = 0; i < o.files; i++)
		read_capture(&a, o.file[i].path, o.file[i].inside, list);
	if (o.pieces)
		read_pieces(&a, &o, list);
	report = audit_report(&a);
	passed = json_is_true(json_object_get(report, "passed"));
	if (json_dumpf(report, stdout, JSON_INDENT(1)) || putchar('\n') == EOF || fflush(stdout) ||
	    (list && fclose(list)))
		unusable("the verdict cannot be written");
	json_decref(report);
	audit_end(&a);
	return passed ? EXIT_SUCCESS : EXIT_FAILURE;
}
