// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "conf_text.h"
#include "error.h"

#define TEXT_MAX (1 << 20)

#define DIGITS "0123456789"
#define HEX_DIGITS DIGITS "abcdefABCDEF"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

static bool is_whole(const char *s, size_t len)
{
	if (len > 2 && s[0] == '0' && (s[1] == 'x' || s[1] == 'X'))
		return strspn(s + 2, HEX_DIGITS) == len - 2;
	return strspn(s, DIGITS) == len;
}

/* Length of the token at s; *ret_whole: it is a whole number without suffix. */
static size_t token(const char *s, bool *ret_whole)
{
	const char *end;
	size_t len = 1;

	*ret_whole = false;
	if (s[0] == '#' || !strncmp(s, "//", 2))
		return strcspn(s, "\n");
	if (!strncmp(s, "/*", 2)) {
		end = strstr(s + 2, "*/");
		return end ? (size_t)(end + 2 - s) : strlen(s);
	}
	if (s[0] == '"') {
		while (s[len] && s[len] != '"')
			len += s[len] == '\\' && s[len + 1] ? 2 : 1;
		return len + !!s[len];
	}
	if (isalpha((unsigned char)s[0]) || s[0] == '*')
		return strspn(s, LETTERS DIGITS "-_*");
	if (isdigit((unsigned char)s[0]) || s[0] == '.') {
		len = strspn(s, LETTERS DIGITS ".");
		*ret_whole = is_whole(s, len);
	}
	return len;
}

static void widen(const char *in, char *out)
{
	bool whole;
	size_t len;

	for (; *in; in += len) {
		len = token(in, &whole);
		memcpy(out, in, len);
		out += len;
		if (whole)
			*out++ = 'L';
	}
	*out = '\0';
}

/* libconfig ends the process when it cannot read what an include names. */
static int find_include(const char *text)
{
	int line = 1;

	for (; text; text = strchr(text, '\n'), line++) {
		text += *text == '\n';
		if (!strncmp(text + strspn(text, " \t"), "@include", 8))
			return line;
	}
	return 0;
}

static int unreadable(const char *path, int code, char *error)
{
	return esl_error(error, code,
			 "%s:0: file: cannot be read (%s), expected a configuration file", path,
			 strerror(code));
}

static int read_file(const char *path, char *buf, size_t size, char *error)
{
	FILE *f = fopen(path, "re");
	struct stat st;
	size_t n;
	int code = 0;

	if (!f)
		return unreadable(path, errno, error);
	/* A directory can be opened, but not read. */
	if (fstat(fileno(f), &st) || !S_ISREG(st.st_mode))
		code = EINVAL;
	n = code ? 0 : fread(buf, 1, size - 1, f);
	if (!code && ferror(f))
		code = EIO;
	else if (!code && !feof(f))
		code = EFBIG;
	fclose(f);
	if (code)
		return unreadable(path, code, error);
	buf[n] = '\0';
	if (strlen(buf) != n)
		return unreadable(path, EILSEQ, error);
	return 0;
}

int esl_conf_text(const char *path, char **ret, char error[ESL_ERROR_MAX])
{
	char *in = malloc(TEXT_MAX), *out = NULL;
	int line, err = in ? read_file(path, in, TEXT_MAX, error) : unreadable(path, ENOMEM, error);

	if (!err && (line = find_include(in)))
		err = esl_error(error, EINVAL, "%s:%d: syntax: @include, expected one file for all",
				path, line);
	/* Every other character can be a number at most. */
	if (!err && !(out = malloc(2 * strlen(in) + 1)))
		err = unreadable(path, ENOMEM, error);
	if (!err)
		widen(in, out);
	free(in);
	if (!err)
		*ret = out;
	return err;
}
