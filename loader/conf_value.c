// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "conf_value.h"

#define NAME_MAX_CHARS 128

/* inside.address, members[1].id */
static void key_name(const config_setting_t *s, char *buf, size_t size)
{
	const config_setting_t *parent = config_setting_parent(s);
	const char *name = config_setting_name(s);
	size_t used;

	buf[0] = '\0';
	if (!parent)
		return;
	key_name(parent, buf, size);
	used = strlen(buf);
	if (name)
		snprintf(buf + used, size - used, "%s%s", used ? "." : "", name);
	else
		snprintf(buf + used, size - used, "[%d]", config_setting_index(s));
}

int esl_conf_complain(struct esl_reader *rd, const config_setting_t *s, const char *name,
		      const char *format, ...)
{
	unsigned int line = config_setting_source_line(s);
	char key[NAME_MAX_CHARS], what[256];
	size_t used;
	va_list ap;

	key_name(s, key, sizeof(key));
	used = strlen(key);
	if (name)
		snprintf(key + used, sizeof(key) - used, "%s%s", used ? "." : "", name);
	va_start(ap, format);
	vsnprintf(what, sizeof(what), format, ap);
	va_end(ap);
	snprintf(rd->error, ESL_ERROR_MAX, "%.200s:%u: %s: %s", rd->path,
		 line ? line : 1, key, what);
	return -EINVAL;
}

static const struct esl_key *find_key(const struct esl_key *keys, const char *name)
{
	for (; keys->name; keys++)
		if (!strcmp(keys->name, name))
			return keys;
	return NULL;
}

int esl_group_read(struct esl_reader *rd, const struct esl_key *keys, config_setting_t *group,
		   void *base)
{
	int i, err, n = config_setting_length(group);

	if (!config_setting_is_group(group))
		return esl_conf_complain(rd, group, NULL, "wrong type, expected a group { ... }");
	for (i = 0; i < n; i++) {
		config_setting_t *s = config_setting_get_elem(group, i);

		if (!find_key(keys, config_setting_name(s)))
			return esl_conf_complain(rd, s, NULL,
						 "unknown key, see espalier.conf.example");
	}
	for (; keys->name; keys++) {
		config_setting_t *s = config_setting_get_member(group, keys->name);

		if (!s && keys->required)
			return esl_conf_complain(rd, group, keys->name,
						 "missing, this key is required");
		err = keys->parse(rd, keys, s, (char *)base + keys->offset);
		if (err)
			return err;
	}
	return 0;
}

int esl_parse_number(struct esl_reader *rd, const struct esl_key *k, config_setting_t *s, void *dst)
{
	int type = s ? config_setting_type(s) : CONFIG_TYPE_NONE;
	long long v = k->number;

	if (s && type != CONFIG_TYPE_INT && type != CONFIG_TYPE_INT64)
		return esl_conf_complain(rd, s, NULL,
					 "wrong type, expected a whole number from %ld to %ld",
					 k->min, k->max);
	if (s)
		v = config_setting_get_int64(s);
	if (s && (v < k->min || v > k->max))
		return esl_conf_complain(rd, s, NULL, "%lld is out of range, expected %ld to %ld", v,
					 k->min, k->max);
	*(unsigned int *)dst = v;
	return 0;
}

int esl_parse_power(struct esl_reader *rd, const struct esl_key *k, config_setting_t *s, void *dst)
{
	unsigned int v;
	int err = esl_parse_number(rd, k, s, &v);

	if (err)
		return err;
	if (v & (v - 1))
		return esl_conf_complain(rd, s, NULL,
					 "%u is no power of two, expected one from %ld to %ld", v,
					 k->min, k->max);
	*(unsigned int *)dst = __builtin_ctz(v);
	return 0;
}

/* The text of s or the fallback, of less than size bytes. */
static int text(struct esl_reader *rd, const struct esl_key *k, config_setting_t *s,
		const char *expected, size_t size, const char **ret)
{
	if (s && config_setting_type(s) != CONFIG_TYPE_STRING)
		return esl_conf_complain(rd, s, NULL, "wrong type, expected %s in quotes", expected);
	*ret = s ? config_setting_get_string(s) : k->fallback;
	if (s && strlen(*ret) >= size)
		return esl_conf_complain(rd, s, NULL, "too long, expected at most %zu characters",
					 size - 1);
	return 0;
}

/* The name goes into nftables rules and paths below /proc, so wildcards,
 * quotes and slashes must not occur. */
int esl_parse_interface(struct esl_reader *rd, const struct esl_key *k, config_setting_t *s,
			void *dst)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789_.-";
	const char *name = "";
	int err = text(rd, k, s, "the name of an interface", IFNAMSIZ, &name);

	if (err)
		return err;
	if (s && (!name[0] || name[0] == '.' || name[strspn(name, letters)]))
		return esl_conf_complain(rd, s, NULL,
					 "\"%s\" cannot name an interface, expected letters, "
					 "digits, '_', '.' and '-'", name);
	strcpy(dst, name);
	return 0;
}

int esl_parse_address(struct esl_reader *rd, const struct esl_key *k, config_setting_t *s, void *dst)
{
	const char *str = "";
	struct in_addr a;
	__u32 host;
	int err = text(rd, k, s, "an IPv4 address", 64, &str);

	if (err)
		return err;
	if (inet_pton(AF_INET, str, &a) != 1)
		return esl_conf_complain(rd, s, NULL, "\"%s\" is no IPv4 address, expected a.b.c.d",
					 str);
	host = ntohl(a.s_addr);
	if (!(host >> 24) || host >> 24 == IN_LOOPBACKNET || host >> 28 >= 14)
		return esl_conf_complain(rd, s, NULL,
					 "%s is no address of a machine, expected a unicast address",
					 str);
	*(__be32 *)dst = a.s_addr;
	return 0;
}

/* All zero where absent. */
int esl_parse_mac(struct esl_reader *rd, const struct esl_key *k, config_setting_t *s, void *dst)
{
	static const char expected[] = "a group MAC such as 03:bf:0a:01:00:01";
	__u8 mac[ESL_MAC_LEN];
	const char *str = "";
	int end = 0;
	int err = text(rd, k, s, expected, 64, &str);

	if (err)
		return err;
	if (!s)
		return 0;
	if (sscanf(str, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n", &mac[0], &mac[1], &mac[2], &mac[3],
		   &mac[4], &mac[5], &end) != ESL_MAC_LEN || str[end] || end != 17)
		return esl_conf_complain(rd, s, NULL, "\"%s\" is no MAC, expected %s", str, expected);
	if (!(mac[0] & 1) || !memcmp(mac, "\xff\xff\xff\xff\xff\xff", ESL_MAC_LEN))
		return esl_conf_complain(rd, s, NULL,
					 "%s is no multicast MAC, expected %s: the switch must "
					 "bring every packet to every member", str, expected);
	memcpy(dst, mac, ESL_MAC_LEN);
	return 0;
}

int esl_parse_path(struct esl_reader *rd, const struct esl_key *k, config_setting_t *s, void *dst)
{
	const char *str = "";
	int err = text(rd, k, s, "an absolute path", k->size, &str);

	if (err)
		return err;
	if (s && (str[0] != '/' || !str[1]))
		return esl_conf_complain(rd, s, NULL, "\"%s\" is no absolute path, expected one", str);
	strcpy(dst, str);
	return 0;
}

int esl_parse_mode(struct esl_reader *rd, const struct esl_key *k, config_setting_t *s, void *dst)
{
	enum esl_mode mode;
	const char *str = "";
	int err = text(rd, k, s, "\"native\" or \"skb\"", 64, &str);

	if (err)
		return err;
	if (!strcmp(str, "native"))
		mode = ESL_MODE_NATIVE;
	else if (!strcmp(str, "skb"))
		mode = ESL_MODE_SKB;
	else
		return esl_conf_complain(rd, s, NULL,
					 "\"%s\" is no mode, expected \"native\" or \"skb\"", str);
	*(enum esl_mode *)dst = mode;
	return 0;
}
