// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "address.h"
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

static bool is_station(const struct esl_addr *a)
{
	static const __u8 zero[12];
	__u32 host;

	if (esl_address_is_ipv4(a)) {
		memcpy(&host, &a->byte[12], sizeof(host));
		host = ntohl(host);
		return host >> 24 && host >> 24 != IN_LOOPBACKNET && host >> 28 < 14;
	}
	return memcmp(a, zero, sizeof(zero)) && a->byte[0] != 0xff &&
	       !(a->byte[0] == 0xfe && (a->byte[1] & 0xc0) == 0x80);
}

/* colon: an IPv6 address may stand there; dot: an IPv4 address. */
static int parse_addr(struct esl_reader *rd, const struct esl_key *k, config_setting_t *s, bool dot,
		      bool colon, struct esl_addr *ret)
{
	const char *expected = !colon ? "an IPv4 address" : dot ? "an IP address" : "an IPv6 address";
	const char *str = "";
	struct esl_addr a = {};
	int err = text(rd, k, s, expected, 64, &str);

	if (err)
		return err;
	/* Mapped addresses are this program's own way to write IPv4. */
	if (s && (!(strchr(str, ':') ? colon : dot) || !esl_address_read(str, &a) ||
		  esl_address_is_ipv4(&a) != !strchr(str, ':')))
		return esl_conf_complain(rd, s, NULL, "\"%s\" is not %s, expected %s", str, expected,
					 !colon ? "a.b.c.d" : dot ? "a.b.c.d or a:b::c" : "a:b::c");
	if (s && !is_station(&a))
		return esl_conf_complain(rd, s, NULL, "%s is no address of a machine, expected a unicast "
					 "address of more than its link", str);
	*ret = a;
	return 0;
}

int esl_parse_address4(struct esl_reader *rd, const struct esl_key *k, config_setting_t *s, void *dst)
{
	struct esl_addr a;
	int err = parse_addr(rd, k, s, true, false, &a);

	if (!err)
		memcpy(dst, &a.byte[12], sizeof(__be32));
	return err;
}

int esl_parse_address6(struct esl_reader *rd, const struct esl_key *k, config_setting_t *s, void *dst)
{
	return parse_addr(rd, k, s, false, true, dst);
}

int esl_parse_address(struct esl_reader *rd, const struct esl_key *k, config_setting_t *s, void *dst)
{
	return parse_addr(rd, k, s, true, true, dst);
}

int esl_parse_group4(struct esl_reader *rd, const struct esl_key *k, config_setting_t *s, void *dst)
{
	const char *str = "";
	struct in_addr group = {};
	int err = text(rd, k, s, "a multicast address or \"none\"", 64, &str);

	if (err)
		return err;
	if (strcmp(str, "none") && (inet_pton(AF_INET, str, &group) != 1 || !IN_MULTICAST(ntohl(group.s_addr))))
		return esl_conf_complain(rd, s, NULL, "\"%s\" is no group, expected an IPv4 multicast address "
					 "such as 239.255.45.10, or \"none\"", str);
	*(struct in_addr *)dst = group;
	return 0;
}

int esl_parse_mac(struct esl_reader *rd, const struct esl_key *k, config_setting_t *s, void *dst)
{
	static const char expected[] = "a MAC such as 03:bf:0a:01:00:01";
	static const __u8 nobody[ESL_MAC_LEN], all[] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	__u8 mac[ESL_MAC_LEN] = {};
	const char *str = "";
	int end = 0;
	int err = text(rd, k, s, expected, 64, &str);

	if (err)
		return err;
	if (s && (sscanf(str, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n", &mac[0], &mac[1], &mac[2], &mac[3],
			 &mac[4], &mac[5], &end) != ESL_MAC_LEN || str[end] || end != 17))
		return esl_conf_complain(rd, s, NULL, "\"%s\" is no MAC, expected %s", str, expected);
	if (s && (!memcmp(mac, nobody, ESL_MAC_LEN) || !memcmp(mac, all, ESL_MAC_LEN)))
		return esl_conf_complain(rd, s, NULL, "%s is no MAC of a cluster, expected %s", str,
					 expected);
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

/* "a", "b" or "c" */
static void list_choices(const struct esl_choice *c, char *buf, size_t size)
{
	size_t used = 0;

	buf[0] = '\0';
	for (; c->name && used < size; c++)
		used += snprintf(buf + used, size - used, "\"%s\"%s", c->name,
				 !c[1].name ? "" : c[2].name ? ", " : " or ");
}

int esl_parse_choice(struct esl_reader *rd, const struct esl_key *k, config_setting_t *s, void *dst)
{
	const struct esl_choice *c;
	const char *str = "";
	char names[160];
	int err;

	list_choices(k->choices, names, sizeof(names));
	err = text(rd, k, s, names, 64, &str);
	if (err)
		return err;
	for (c = k->choices; c->name; c++) {
		if (strcmp(str, c->name))
			continue;
		*(int *)dst = c->value;
		return 0;
	}
	return esl_conf_complain(rd, s, NULL, "\"%s\" is not known, expected %s", str, names);
}
