// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <nftables/libnftables.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "error.h"
#include "nl.h"
#include "rules.h"

/* Creating first makes the deletion succeed on an empty ruleset. */
#define DELETE                                                                                     \
	"table inet espalier {}\ndelete table inet espalier\n"                                     \
	"table netdev espalier {}\ndelete table netdev espalier\n"

/* How one family is written. saddr, next and sport: places in the IP header for
 * raw expressions; in IPv4 without options. */
static const struct family {
	const char *ip, *nfproto, *groups;
	const char *protocol;		/* right in a packet with segments still to be cut, too */
	const char *version, *saddr, *next, *sport;
	bool ipv6;
} families[] = {
	{ "ip", "ipv4", "224.0.0.0/4", "ip protocol", "4", "@nh,96,32", "@nh,72,8", "@nh,160,16", false },
	{ "ip6", "ipv6", "ff00::/8", "ip6 nexthdr", "6", "@nh,64,128", "@nh,48,8", "@nh,320,16", true },
};
#define FAMILIES (sizeof(families) / sizeof(families[0]))

/* The cluster addresses of a family. */
struct addrs {
	int count;
	struct esl_addr addr[ESL_ROLES];
	char set[ESL_ROLES * (INET6_ADDRSTRLEN + 2)];		/* a, b */
	char raw[ESL_ROLES * (2 + 2 * sizeof(struct esl_addr) + 2)];	/* 0x..., 0x... */
};

static void find_addrs(const struct esl_conf *c, const struct family *f, struct addrs *a)
{
	size_t set = 0, raw = 0, k;
	char text[INET6_ADDRSTRLEN];
	int i;

	memset(a, 0, sizeof(*a));
	for (i = 0; i < ESL_ADDRESSES; i++) {
		const struct esl_addr addr = esl_address_cluster(c, i);
		const char *comma = a->count ? ", " : "";

		if (esl_addr_none(&addr) || esl_address_is_ipv4(&addr) == f->ipv6)
			continue;
		a->addr[a->count++] = addr;
		set += sprintf(a->set + set, "%s%s", comma, esl_address_text(&addr, text));
		raw += sprintf(a->raw + raw, "%s0x", comma);
		for (k = f->ipv6 ? 0 : 12; k < sizeof(addr); k++)
			raw += sprintf(a->raw + raw, "%02x", addr.byte[k]);
	}
}

/*
 * Before defragmentation (-400), so that no fragment is held for a packet that
 * must not come.  "ipsec in": with esp4_offload loaded GRO decrypts on any NIC
 * before prerouting sees the outer packet.  Cluster MAC: the XDP program
 * rewrites it in what it takes, so what still has it came past no program; only
 * to groups, as queries do that keep the switch bringing the frames, it may.
 */
static void print_prerouting(FILE *out, const struct esl_conf *c, const struct family *f,
			     const struct addrs *a)
{
	const char *device = c->side[ESL_OUTSIDE].device;
	const __u8 *in = c->side[ESL_INSIDE].cluster_mac, *mac = c->side[ESL_OUTSIDE].cluster_mac;
	char text[INET6_ADDRSTRLEN];
	int i;

	fprintf(out, "		meta nfproto %s ether daddr { %02x:%02x:%02x:%02x:%02x:%02x, "
		"%02x:%02x:%02x:%02x:%02x:%02x } %s daddr != %s counter drop\n", f->nfproto, in[0], in[1],
		in[2], in[3], in[4], in[5], mac[0], mac[1], mac[2], mac[3], mac[4], mac[5], f->ip, f->groups);
	if (a->count)
		fprintf(out,
			"		iifname != \"%1$s\" %2$s daddr { %3$s } meta l4proto { esp, ah } counter drop\n"
			"		iifname != \"%1$s\" %2$s daddr { %3$s } udp dport 4500 counter drop\n",
			device, f->ip, a->set);
	for (i = 0; i < a->count; i++)
		fprintf(out, "		iifname != \"%s\" ipsec in %s daddr %s counter drop\n", device, f->ip,
			esl_address_text(&a->addr[i], text));
}

/* Before source NAT (100), which would hide the cluster address. */
static void print_postrouting(FILE *out, const struct esl_conf *c, const struct family *f,
			      const struct addrs *a)
{
	if (a->count)
		fprintf(out,
			"		oifname != \"%1$s\" %2$s saddr { %3$s } meta l4proto { esp, ah } counter drop\n"
			"		oifname != \"%1$s\" %2$s saddr { %3$s } udp sport 4500 counter drop\n",
			c->side[ESL_OUTSIDE].device, f->ip, a->set);
}

/* Source NAT would take the cluster address away, by which guard and gate know
 * these packets. In front of conntrack (-200), which then leaves them alone. */
static void print_output(FILE *out, const struct esl_conf *c, const struct family *f,
			 const struct addrs *a)
{
	(void)c;
	if (a->count)
		fprintf(out,
			"		%1$s saddr { %2$s } meta l4proto { esp, ah } notrack\n"
			"		%1$s saddr { %2$s } udp sport 4500 notrack\n", f->ip, a->set);
}

/*
 * To the gate.  The last two rules are for a VLAN tag that lies in the frame, as
 * below a second VLAN device: nft has no name for what is behind two tags.
 * Later fragments of UDP go to the NIC's own guard.
 */
static void print_egress(FILE *out, const struct esl_conf *c, const struct family *f,
			 const struct addrs *a)
{
	if (a->count)
		fprintf(out,
			"		%1$s saddr { %2$s } %3$s { esp, ah } fwd to \"%4$s\"\n"
			"		%1$s saddr { %2$s } udp sport 4500 fwd to \"%4$s\"\n",
			f->ip, a->set, f->protocol, c->gate);
	/* Behind extension headers. */
	if (a->count && f->ipv6)
		fprintf(out, "		%s saddr { %s } meta l4proto { esp, ah } fwd to \"%s\"\n", f->ip,
			a->set, c->gate);
	if (a->count)
		fprintf(out,
			"		meta protocol { 8021q, 8021ad } @nh,0,4 %1$s %2$s { %3$s } "
			"%4$s { 50, 51 } fwd to \"%6$s\"\n"
			"		meta protocol { 8021q, 8021ad } @nh,0,4 %1$s %2$s { %3$s } "
			"%4$s 17 %5$s 4500 fwd to \"%6$s\"\n",
			f->version, f->saddr, a->raw, f->next, f->sport, c->gate);
}

static void print_chain(FILE *out, const struct esl_conf *c,
			void (*print)(FILE *, const struct esl_conf *, const struct family *,
				      const struct addrs *))
{
	struct addrs a;
	size_t i;

	for (i = 0; i < FAMILIES; i++) {
		find_addrs(c, &families[i], &a);
		print(out, c, &families[i], &a);
	}
	fputs("	}\n", out);
}

char *esl_rules_text(const struct esl_conf *c)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	fputs(DELETE "table inet espalier {\n	chain prerouting {\n"
	      "		type filter hook prerouting priority -450; policy accept;\n", out);
	print_chain(out, c, print_prerouting);
	fputs("	chain postrouting {\n"
	      "		type filter hook postrouting priority -450; policy accept;\n", out);
	print_chain(out, c, print_postrouting);
	fputs("	chain output {\n"
	      "		type filter hook output priority -300; policy accept;\n", out);
	print_chain(out, c, print_output);
	fprintf(out, "}\ntable netdev espalier {\n	chain egress {\n"
		"		type filter hook egress device \"%s\" priority 0; policy accept;\n",
		c->side[ESL_OUTSIDE].interface);
	print_chain(out, c, print_egress);
	fputs("}\n", out);
	return fclose(out) ? NULL : text;
}

/* Run text; *ret_output, unless NULL, is what it printed. why: first line of a complaint. */
static int run(const char *text, char **ret_output, char *why, size_t size)
{
	struct nft_ctx *nft = nft_ctx_new(NFT_CTX_DEFAULT);
	char *output = NULL;
	int err = 0;

	if (!nft)
		return -ENOMEM;
	nft_ctx_output_set_flags(nft, NFT_CTX_OUTPUT_STATELESS);
	if (nft_ctx_buffer_output(nft) || nft_ctx_buffer_error(nft)) {
		err = -ENOMEM;
	} else if (nft_run_cmd_from_buffer(nft, text)) {
		const char *e = nft_ctx_get_error_buffer(nft);

		snprintf(why, size, "%.*s", (int)strcspn(e, "\n"), e);
		err = -EINVAL;
	} else if (ret_output) {
		output = strdup(nft_ctx_get_output_buffer(nft));
		err = output ? 0 : -ENOMEM;
	}
	nft_ctx_free(nft);
	if (!err && ret_output)
		*ret_output = output;
	return err;
}

/* nft reads only the last table into its cache when one buffer lists two. */
static int list(char **ret, char *why, size_t size)
{
	char *inet, *netdev, *both;
	int err = run("list table inet espalier\n", &inet, why, size);

	if (err)
		return err;
	err = run("list table netdev espalier\n", &netdev, why, size);
	if (!err) {
		if (asprintf(&both, "%s%s", inet, netdev) < 0)
			err = -ENOMEM;
		else
			*ret = both;
		free(netdev);
	}
	free(inet);
	return err;
}

static int generation_message(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *a;

	mnl_attr_for_each(a, nlh, sizeof(struct nfgenmsg))
		if (mnl_attr_get_type(a) == NFTA_GEN_ID)
			*(__u32 *)data = ntohl(mnl_attr_get_u32(a));
	return MNL_CB_OK;
}

/* Changes with every change of any rule; 0 where the kernel did not say. */
static __u32 generation(void)
{
	char buf[256] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct mnl_socket *nl = esl_nl_open(NETLINK_NETFILTER);
	struct nfgenmsg *m;
	__u32 gen = 0;

	if (!nl)
		return 0;
	nlh->nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETGEN;
	nlh->nlmsg_flags = NLM_F_REQUEST;
	m = mnl_nlmsg_put_extra_header(nlh, sizeof(*m));
	m->nfgen_family = AF_UNSPEC;
	m->version = NFNETLINK_V0;
	if (esl_nl_talk(nl, nlh, generation_message, &gen))
		gen = 0;
	mnl_socket_close(nl);
	return gen;
}

int esl_rules_install(const char *text, char **ret_listing, char error[ESL_ERROR_MAX])
{
	char why[256] = "";

	if (run(text, NULL, why, sizeof(why)))
		return esl_error(error, EIO, "cannot install the nftables rules: %s", why);
	if (list(ret_listing, why, sizeof(why))) {
		run(DELETE, NULL, why, sizeof(why));
		return esl_error(error, EIO, "cannot read the nftables rules back: %s", why);
	}
	return 0;
}

int esl_rules_remove(char error[ESL_ERROR_MAX])
{
	char why[256] = "";

	if (run(DELETE, NULL, why, sizeof(why)))
		return esl_error(error, EIO, "cannot remove the nftables rules: %s", why);
	return 0;
}

int esl_rules_compare(const char *listing)
{
	static __u32 good_generation;
	__u32 gen = generation();
	char *now, why[256] = "";
	int err, same;

	if (gen && gen == good_generation)
		return 1;
	good_generation = 0;
	err = list(&now, why, sizeof(why));
	if (err)
		return err == -EINVAL ? 0 : err;
	same = !strcmp(now, listing);
	free(now);
	/* A change between the two questions has another generation. */
	if (same)
		good_generation = gen;
	return same;
}
