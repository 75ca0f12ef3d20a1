// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <stdio.h>
#include <string.h>

#include "conf_check.h"

static const char *const sides[ESL_ROLES] = { [ESL_INSIDE] = "inside", [ESL_OUTSIDE] = "outside" };

/* The MACs of IPv4 groups (RFC 1112): the low 23 bits are the group's. */
static const __u8 igmp_prefix[] = { 0x01, 0x00, 0x5e };

static const struct {
	__u8 start[4];		/* of the default MAC, the rest is from the address */
	int given;		/* so many bytes of start */
} macs[] = {
	[ESL_MAC_MULTICAST] = { { 0x03, 0xbf }, 2 },
	/* Group 239.255.x.y */
	[ESL_MAC_IGMP] = { { 0x01, 0x00, 0x5e, 0x7f }, 4 },
	[ESL_MAC_UNICAST] = { { 0x02, 0xbf }, 2 },
};

/* Where the complaint points to: the key, or its group where it is absent. */
static int complain_side(struct esl_reader *rd, config_setting_t *root, int side, const char *key,
			 const char *what)
{
	config_setting_t *group = config_setting_get_member(root, sides[side]);
	config_setting_t *s = config_setting_get_member(group, key);

	return esl_conf_complain(rd, s ? s : group, s ? NULL : key, "%s", what);
}

static void default_mac(struct esl_conf_side *side, enum esl_mac_mode mode)
{
	const __u8 *addr = &side->cluster_addr6.byte[12];
	int given = macs[mode].given;

	if (side->cluster_addr)
		addr = (const __u8 *)&side->cluster_addr;
	memcpy(side->cluster_mac, macs[mode].start, given);
	memcpy(side->cluster_mac + given, addr + given - 2, ESL_MAC_LEN - given);
}

static bool mac_fits(const __u8 *mac, enum esl_mac_mode mode)
{
	bool group = mac[0] & 1, ipv4 = !memcmp(mac, igmp_prefix, sizeof(igmp_prefix));

	switch (mode) {
	case ESL_MAC_MULTICAST:
		return group && !ipv4;
	case ESL_MAC_IGMP:
		return ipv4 && !(mac[3] & 0x80);
	case ESL_MAC_UNICAST:
		return !group;
	}
	return false;
}

static int check_macs(struct esl_reader *rd, config_setting_t *root, struct esl_conf *c)
{
	static const char *const expected[] = {
		[ESL_MAC_MULTICAST] = "a group MAC outside 01:00:5e, such as 03:bf:0a:01:00:01",
		[ESL_MAC_IGMP] = "one from 01:00:5e:00:00:00 to 01:00:5e:7f:ff:ff",
		[ESL_MAC_UNICAST] = "one without the group bit, such as 02:bf:0a:01:00:01",
	};
	static const __u8 none[ESL_MAC_LEN];
	char what[256];
	int i;

	for (i = 0; i < ESL_ROLES; i++) {
		struct esl_conf_side *side = &c->side[i];

		if (!memcmp(side->cluster_mac, none, ESL_MAC_LEN))
			default_mac(side, c->mac_mode);
		if (mac_fits(side->cluster_mac, c->mac_mode))
			continue;
		snprintf(what, sizeof(what), "does not fit mac_mode \"%s\", expected %s",
			 esl_choice_name(esl_mac_modes, c->mac_mode), expected[c->mac_mode]);
		return complain_side(rd, root, i, "mac", what);
	}
	if (!memcmp(c->side[ESL_INSIDE].cluster_mac, c->side[ESL_OUTSIDE].cluster_mac, ESL_MAC_LEN))
		return complain_side(rd, root, ESL_OUTSIDE, "mac", "equal to the MAC inside, expected "
				     "another one");
	return 0;
}

static int check_addresses(struct esl_reader *rd, config_setting_t *root, struct esl_conf *c)
{
	const struct esl_conf_side *in = &c->side[ESL_INSIDE], *out = &c->side[ESL_OUTSIDE];
	int i;

	for (i = 0; i < ESL_ROLES; i++)
		if (!c->side[i].cluster_addr && esl_addr_none(&c->side[i].cluster_addr6))
			return complain_side(rd, root, i, "address",
					     "missing, address or address6 or both are required");
	if (in->cluster_addr && in->cluster_addr == out->cluster_addr)
		return complain_side(rd, root, ESL_OUTSIDE, "address",
				     "equal to inside.address, expected another one");
	if (!esl_addr_none(&in->cluster_addr6) && esl_addr_equal(&in->cluster_addr6, &out->cluster_addr6))
		return complain_side(rd, root, ESL_OUTSIDE, "address6",
				     "equal to inside.address6, expected another one");
	return 0;
}

static int check_devices(struct esl_reader *rd, config_setting_t *root, struct esl_conf *c)
{
	config_setting_t *gate = config_setting_get_member(root, "gate");
	struct esl_conf_side *in = &c->side[ESL_INSIDE], *out = &c->side[ESL_OUTSIDE];
	int i;

	for (i = 0; i < ESL_ROLES; i++)
		if (!c->side[i].device[0])
			memcpy(c->side[i].device, c->side[i].interface, IFNAMSIZ);
	if (!strcmp(in->interface, out->interface))
		return complain_side(rd, root, ESL_OUTSIDE, "interface",
				     "equal to inside.interface, expected another one");
	if (!strcmp(out->device, in->device) || !strcmp(out->device, in->interface) ||
	    !strcmp(in->device, out->interface))
		return complain_side(rd, root, ESL_OUTSIDE, "device",
				     "used inside too, expected two different ones");
	for (i = 0; i < ESL_ROLES; i++)
		if (!strcmp(c->gate, c->side[i].interface) || !strcmp(c->gate, c->side[i].device))
			return esl_conf_complain(rd, gate ? gate : root, gate ? NULL : "gate",
						 "%s is a device of the cluster, expected the name of "
						 "one that espalier may create", c->gate);
	return 0;
}

static int check_members(struct esl_reader *rd, config_setting_t *root, struct esl_conf *c)
{
	config_setting_t *list = config_setting_get_member(root, "members");
	bool found = false;
	size_t i, j;

	for (i = 0; i < c->member_count; i++) {
		config_setting_t *s = config_setting_get_elem(list, i);
		const struct esl_conf_member *m = &c->members[i];

		found |= m->id == c->member;
		for (j = 0; j < i; j++) {
			if (c->members[j].id == m->id)
				return esl_conf_complain(rd, config_setting_get_member(s, "id"), NULL,
							 "%u occurs twice, expected one entry per id",
							 m->id);
			if (!memcmp(&c->members[j].sync, &m->sync, sizeof(m->sync)))
				return esl_conf_complain(rd, config_setting_get_member(s, "address"),
							 NULL, "occurs twice, expected an own address "
							 "and port for each member");
		}
	}
	if (!found)
		return esl_conf_complain(rd, config_setting_get_member(root, "member"), NULL,
					 "id %u is not in members, expected one of their ids",
					 c->member);
	return 0;
}

static int check_peers(struct esl_reader *rd, config_setting_t *root, struct esl_conf *c)
{
	config_setting_t *list = config_setting_get_member(root, "peers");
	size_t i, j;

	for (i = 0; i < c->peer_count; i++) {
		config_setting_t *s = config_setting_get_member(config_setting_get_elem(list, i), "address");
		const struct esl_addr *addr = &c->peers[i].addr;

		for (j = 0; j < i; j++)
			if (esl_addr_equal(&c->peers[j].addr, addr))
				return esl_conf_complain(rd, s, NULL,
							 "occurs twice, expected one entry per peer");
		for (j = 0; j < ESL_ROLES; j++) {
			const struct esl_addr ipv4 = esl_addr_from_ipv4(c->side[j].cluster_addr);

			if (esl_addr_equal(addr, &ipv4) || esl_addr_equal(addr, &c->side[j].cluster_addr6))
				return esl_conf_complain(rd, s, NULL, "is a cluster address, expected "
							 "that of a peer");
		}
	}
	return 0;
}

static int check_numbers(struct esl_reader *rd, config_setting_t *root, struct esl_conf *c)
{
	config_setting_t *dead = config_setting_get_member(root, "dead_ms");
	__u32 top = 0;
	size_t i;

	for (i = 0; i < c->member_count; i++)
		if (c->members[i].id > top)
			top = c->members[i].id;
	if (!c->lanes.lanes)
		c->lanes.lanes = top + 1;
	if (c->lanes.lanes <= top)
		return esl_conf_complain(rd, config_setting_get_member(root, "lanes"), NULL,
					 "%u lanes do not reach member id %u, expected %u or more",
					 c->lanes.lanes, top, top + 1);
	if (c->dead_ms < 3 * c->heartbeat_ms)
		return esl_conf_complain(rd,
					 dead ? dead : config_setting_get_member(root, "heartbeat_ms"),
					 NULL, "%u ms are less than three heartbeats of %u ms: one that "
					 "comes late would be a death",
					 c->dead_ms, c->heartbeat_ms);
	return 0;
}

int esl_conf_check(struct esl_reader *rd, config_setting_t *root, struct esl_conf *c)
{
	static int (*const checks[])(struct esl_reader *, config_setting_t *, struct esl_conf *) = {
		check_devices, check_addresses, check_macs, check_members, check_peers, check_numbers,
	};
	int err = 0;
	size_t i;

	for (i = 0; i < sizeof(checks) / sizeof(checks[0]) && !err; i++)
		err = checks[i](rd, root, c);
	return err;
}
