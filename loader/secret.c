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

/* Returns the length of the secret, or a negative errno with a sentence. */
static ssize_t read_secret(const char *path, __u8 *buf, char *error)
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
	else if (st.st_size < SECRET_MIN || st.st_size > SECRET_MAX)
		n = esl_error(error, EINVAL,
			      "%s: the cluster secret has %lld bytes, expected %d to %d", path,
			      (long long)st.st_size, SECRET_MIN, SECRET_MAX);
	else if ((n = read(fd, buf, st.st_size)) != st.st_size)
		n = esl_error(error, EIO, "%s: the cluster secret cannot be read whole", path);
	close(fd);
	return n;
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

static int derive(const struct esl_conf *c, const void *purpose, size_t len, __u8 key[MAC_LEN],
		  char *error)
{
	__u8 secret[SECRET_MAX], out[MAC_LEN];
	ssize_t n = read_secret(c->secret, secret, error);
	int err = 0;

	if (n < 0)
		return n;
	if (hmac(secret, n, purpose, len, out))
		memcpy(key, out, MAC_LEN);
	else
		err = esl_error(error, EIO, "HMAC-SHA256 is not to be had from OpenSSL");
	OPENSSL_cleanse(secret, sizeof(secret));
	OPENSSL_cleanse(out, sizeof(out));
	return err;
}

int esl_conf_derive(const struct esl_conf *c, const char *purpose, __u8 key[32],
		    char error[ESL_ERROR_MAX])
{
	return derive(c, purpose, strlen(purpose), key, error);
}

int esl_conf_hash_key(const struct esl_conf *c, struct esl_hash_key *key, char error[ESL_ERROR_MAX])
{
	static const char purpose[] = "espalier dispatch";
	__u8 block[MAC_LEN], input[sizeof(purpose)];
	struct esl_hash_key k;
	int i, err = 0;

	memcpy(input, purpose, sizeof(purpose));
	for (i = 0; i < ESL_HASH_WORDS && !err; i++) {
		int at = i % (MAC_LEN / 8) * 8;

		if (!at) {
			/* The counter stands where the string ended. */
			input[sizeof(purpose) - 1] = 1 + i / (MAC_LEN / 8);
			err = derive(c, input, sizeof(input), block, error);
		}
		memcpy(&k.word[i], block + at, sizeof(k.word[i]));
		k.word[i] = be64toh(k.word[i]) | 1;
	}
	if (!err)
		*key = k;
	OPENSSL_cleanse(block, sizeof(block));
	OPENSSL_cleanse(&k, sizeof(k));
	return err;
}
