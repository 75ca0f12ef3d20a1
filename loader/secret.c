// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf.h"
#include "error.h"

#define SECRET_MIN 32
#define SECRET_MAX 4096
#define MAC_LEN 32

/* A file that begins so has lines "WORD HEX"; any other is one secret as it stands. */
#define LINES "espalier secrets\n"
#define FILE_MAX (sizeof(LINES) + 3 * (2 * SECRET_MAX + sizeof("dispatch \n")))

enum { DISPATCH, PRESENT, NEXT, WORDS };

struct secrets {
	__u8 file[FILE_MAX];
	struct {
		__u8 *at;	/* within file */
		size_t len;	/* 0: not there */
	} of[WORDS];
};

/* Returns the length of the file, or a negative errno with a sentence. */
static ssize_t read_file(const char *path, __u8 buf[FILE_MAX], char *error)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	ssize_t n;

	if (fd < 0)
		return esl_error(error, errno, "%s: the cluster secret cannot be read (%m)", path);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		n = esl_error(error, EINVAL, "%s: the cluster secret is not a regular file", path);
	else if (st.st_mode & 0077)
		n = esl_error(error, EPERM,
			      "%s: the cluster secret can be read by others (mode %04o), expected 0600",
			      path, st.st_mode & 07777);
	else if (st.st_size < SECRET_MIN || st.st_size > (off_t)FILE_MAX)
		n = esl_error(error, EINVAL,
			      "%s: the cluster secret has %lld bytes, expected %d to %d", path,
			      (long long)st.st_size, SECRET_MIN, SECRET_MAX);
	else if ((n = read(fd, buf, st.st_size)) != st.st_size)
		n = esl_error(error, EIO, "%s: the cluster secret cannot be read whole", path);
	close(fd);
	return n;
}

static int hex_value(__u8 c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decode len digits where they stand; returns the bytes, or 0: not only pairs of digits. */
static size_t decode_hex(__u8 *at, size_t len)
{
	if (len % 2)
		return 0;
	for (size_t i = 0; i < len; i += 2) {
		int high = hex_value(at[i]), low = hex_value(at[i + 1]);

		if (high < 0 || low < 0)
			return 0;
		at[i / 2] = (__u8)(high << 4 | low);
	}
	return len / 2;
}

/* One line of len bytes, without its end. */
static int take_line(struct secrets *s, const char *path, int number, __u8 *line, size_t len, char *error)
{
	static const char *const words[WORDS] = { "dispatch ", "present ", "next " };
	int word = 0;
	size_t skip;

	while (word < WORDS && (len < strlen(words[word]) || memcmp(line, words[word], strlen(words[word]))))
		word++;
	if (word == WORDS)
		return esl_error(error, EINVAL, "%s:%d: expected 'present', 'next' or 'dispatch', and a secret",
				 path, number);
	if (s->of[word].len)
		return esl_error(error, EINVAL, "%s:%d: the second '%s'", path, number, words[word]);
	skip = strlen(words[word]);
	s->of[word].at = line + skip;
	s->of[word].len = decode_hex(line + skip, len - skip);
	if (s->of[word].len < SECRET_MIN || s->of[word].len > SECRET_MAX)
		return esl_error(error, EINVAL, "%s:%d: expected %d to %d bytes, each as two hexadecimal digits",
				 path, number, SECRET_MIN, SECRET_MAX);
	return 0;
}

static int take_lines(struct secrets *s, const char *path, size_t size, char *error)
{
	__u8 *line = s->file + strlen(LINES), *end = s->file + size;
	int err = 0;

	for (int number = 2; line < end && !err; number++) {
		__u8 *stop = memchr(line, '\n', (size_t)(end - line));

		if (!stop)
			stop = end;
		err = take_line(s, path, number, line, (size_t)(stop - line), error);
		line = stop + 1;
	}
	if (!err && !s->of[PRESENT].len)
		err = esl_error(error, EINVAL, "%s: no line begins with 'present'", path);
	return err;
}

/* The caller wipes *s, whatever is returned. */
static int read_secrets(const char *path, struct secrets *s, char *error)
{
	ssize_t n = read_file(path, s->file, error);
	int err = 0;

	memset(s->of, 0, sizeof(s->of));
	if (n < 0)
		return (int)n;
	if ((size_t)n >= strlen(LINES) && !memcmp(s->file, LINES, strlen(LINES))) {
		err = take_lines(s, path, (size_t)n, error);
	} else if (n > SECRET_MAX) {
		err = esl_error(error, EINVAL, "%s: the cluster secret has %zd bytes, expected %d to %d",
				path, n, SECRET_MIN, SECRET_MAX);
	} else {
		s->of[PRESENT].at = s->file;
		s->of[PRESENT].len = (size_t)n;
	}
	if (!s->of[DISPATCH].len)
		s->of[DISPATCH] = s->of[PRESENT];
	return err;
}

static bool hmac(const __u8 *key, size_t key_len, const void *data, size_t len, __u8 out[MAC_LEN])
{
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)"SHA256", 0),
		OSSL_PARAM_construct_end(),
	};
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	EVP_MAC_CTX *ctx = mac ? EVP_MAC_CTX_new(mac) : NULL;
	size_t size = 0;
	bool ok;

	ok = ctx && EVP_MAC_init(ctx, key, key_len, params) && EVP_MAC_update(ctx, data, len) &&
	     EVP_MAC_final(ctx, out, &size, MAC_LEN) && size == MAC_LEN;
	EVP_MAC_CTX_free(ctx);
	EVP_MAC_free(mac);
	return ok;
}

static int derive(const struct secrets *s, int word, const void *purpose, size_t len, __u8 key[MAC_LEN],
		  char *error)
{
	__u8 out[MAC_LEN];
	int err = 0;

	if (hmac(s->of[word].at, s->of[word].len, purpose, len, out))
		memcpy(key, out, MAC_LEN);
	else
		err = esl_error(error, EIO, "HMAC-SHA256 is not to be had from OpenSSL");
	OPENSSL_cleanse(out, sizeof(out));
	return err;
}

int esl_conf_derive(const struct esl_conf *c, const char *purpose, __u8 key[32],
		    char error[ESL_ERROR_MAX])
{
	struct secrets s;
	int err = read_secrets(c->secret, &s, error);

	if (!err)
		err = derive(&s, PRESENT, purpose, strlen(purpose), key, error);
	OPENSSL_cleanse(&s, sizeof(s));
	return err;
}

int esl_conf_secrets(const struct esl_conf *c, const char *purpose, __u8 key[ESL_SECRETS_MAX][32],
		     char error[ESL_ERROR_MAX])
{
	struct secrets s;
	int count = 0, err = read_secrets(c->secret, &s, error);

	for (int word = NEXT; word >= PRESENT && !err; word--)
		if (s.of[word].len)
			err = derive(&s, word, purpose, strlen(purpose), key[count++], error);
	OPENSSL_cleanse(&s, sizeof(s));
	return err ? err : count;
}

int esl_conf_hash_key(const struct esl_conf *c, struct esl_hash_key *key, char error[ESL_ERROR_MAX])
{
	static const char purpose[] = "espalier dispatch";
	__u8 block[MAC_LEN], input[sizeof(purpose)];
	struct esl_hash_key k;
	struct secrets s;
	int i, err = read_secrets(c->secret, &s, error);

	memcpy(input, purpose, sizeof(purpose));
	for (i = 0; i < ESL_HASH_WORDS && !err; i++) {
		int at = i % (MAC_LEN / 8) * 8;

		if (!at) {
			/* The counter stands where the string ended. */
			input[sizeof(purpose) - 1] = 1 + i / (MAC_LEN / 8);
			err = derive(&s, DISPATCH, input, sizeof(input), block, error);
		}
		memcpy(&k.word[i], block + at, sizeof(k.word[i]));
		k.word[i] = be64toh(k.word[i]) | 1;
	}
	if (!err)
		*key = k;
	OPENSSL_cleanse(&s, sizeof(s));
	OPENSSL_cleanse(block, sizeof(block));
	OPENSSL_cleanse(&k, sizeof(k));
	return err;
}
