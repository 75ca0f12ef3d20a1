// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The file of the cluster secret: one as it stands, or several as lines. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <agent/tls.h>

#define A "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define B "F0F1F2F3F4F5F6F7F8F9FAFBFCFDFEFFf0f1f2f3f4f5f6f7f8f9fafbfcfdfeff00"
#define LINES "espalier secrets\n"

static struct esl_conf conf;
static char error[ESL_ERROR_MAX];

static void setup(void)
{
	int fd;

	snprintf(conf.secret, sizeof(conf.secret), "/tmp/esl-unit-secret-XXXXXX");
	fd = mkstemp(conf.secret);
	cr_assert_geq(fd, 0);
	close(fd);
}

static void teardown(void)
{
	unlink(conf.secret);
}

TestSuite(secret, .init = setup, .fini = teardown);

static void write_file(const void *bytes, size_t size)
{
	int fd = open(conf.secret, O_WRONLY | O_TRUNC);

	cr_assert_eq(write(fd, bytes, size), (ssize_t)size);
	close(fd);
}

static void write_text(const char *text)
{
	write_file(text, strlen(text));
}

static struct tls_secrets read_secrets(void)
{
	struct tls_secrets s = {};

	cr_assert_eq(tls_secrets_read(&conf, &s, error), 0, "%s", error);
	return s;
}

static struct esl_hash_key hash_key(void)
{
	struct esl_hash_key k;

	cr_assert_eq(esl_conf_hash_key(&conf, &k, error), 0, "%s", error);
	return k;
}

static bool same_key(struct esl_hash_key a, struct esl_hash_key b)
{
	return !memcmp(&a, &b, sizeof(a));
}

Test(secret, rotation)
{
	struct tls_secrets one, two, three;
	struct esl_hash_key owners;
	__u8 raw[32], announce[32], again[32];

	for (size_t i = 0; i < sizeof(raw); i++)
		raw[i] = (__u8)i;
	write_file(raw, sizeof(raw));
	one = read_secrets();
	owners = hash_key();
	cr_assert_eq(esl_conf_derive(&conf, "one purpose", announce, error), 0);
	cr_assert_eq(one.count, 1);
	cr_assert(memcmp(one.key[0], one.name[0], sizeof(one.key[0])));

	write_text(LINES "present " A "\nnext " B "\n");
	two = read_secrets();
	cr_assert_eq(two.count, 2);
	cr_assert(!memcmp(two.key[1], one.key[0], 32) && !memcmp(two.name[1], one.name[0], 32), "the newest is first");
	cr_assert(memcmp(two.key[0], one.key[0], 32));
	cr_assert(tls_secrets_have(&two, one.name[0]) && !tls_secrets_have(&one, two.name[0]));
	cr_assert(same_key(hash_key(), owners), "owners stay");
	cr_assert_eq(esl_conf_derive(&conf, "one purpose", again, error), 0);
	cr_assert_arr_eq(announce, again, 32);

	write_text(LINES "dispatch " A "\npresent " B);
	three = read_secrets();
	cr_assert_eq(three.count, 1);
	cr_assert(!memcmp(three.key[0], two.key[0], 32) && !memcmp(three.name[0], two.name[0], 32));
	cr_assert(same_key(hash_key(), owners), "owners stay");

	write_text(LINES "present " B);
	cr_assert(!same_key(hash_key(), owners));
}

static const struct {
	const char *text, *sentence;
} bad[] = {
	{ "too short", "expected 32 to 4096" },
	{ LINES "                ", ":2: expected 'present', 'next' or 'dispatch'" },
	{ LINES "next " A "\n", "no line begins with 'present'" },
	{ LINES "present " A "\npresent " A "\n", ":3: the second 'present" },
	{ LINES "present " A "0\n", ":2: expected 32 to 4096 bytes, each as two hexadecimal digits" },
	{ LINES "present " A "\nnext 0123\n", ":3: expected 32 to 4096 bytes" },
	{ LINES "present " A " \n", ":2: expected 32 to 4096 bytes" },
	{ LINES "present g" A "0\n", ":2: expected 32 to 4096 bytes" },
	{ LINES "present " A "\n\n", ":3: expected 'present'" },
	{ LINES "present\n" A "\n", ":2: expected 'present'" },
	{ LINES "Present " A "\n", ":2: expected 'present'" },
};

Test(secret, refused)
{
	static char large[16384];
	struct tls_secrets s;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		write_text(bad[i].text);
		cr_expect_eq(tls_secrets_read(&conf, &s, error), -EINVAL, "row %zu", i);
		cr_expect(strstr(error, bad[i].sentence), "row %zu: %s", i, error);
		cr_expect(!strstr(error, "0001") && !strstr(error, "1e1f"), "a secret is never shown: %s", error);
	}
	memset(large, 'x', sizeof(large));
	write_file(large, 4096);
	cr_expect_eq(tls_secrets_read(&conf, &s, error), 0);
	write_file(large, 4097);
	cr_expect_eq(tls_secrets_read(&conf, &s, error), -EINVAL);
	cr_expect(strstr(error, "has 4097 bytes"), "%s", error);
	write_text(LINES "present " A "\n");
	chmod(conf.secret, 0640);
	cr_expect_eq(tls_secrets_read(&conf, &s, error), -EPERM);
	unlink(conf.secret);
	cr_expect_eq(tls_secrets_read(&conf, &s, error), -ENOENT);
}
