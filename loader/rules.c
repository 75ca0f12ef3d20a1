// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <nftables/libnftables.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "nl.h"
#include "rules.h"

/* Creating first makes the deletion succeed on an empty ruleset. */
#define DELETE                                                                                     \
	"table inet espalier {}\ndelete table inet espalier\n"                                     \
	"table netdev espalier {}\ndelete table netdev espalier\n"

/*
 * Before defragmentation (-400), so that no fragment is held for a packet that
 * must not come.  "ipsec in": with esp4_offload loaded GRO decrypts on any NIC
 * before prerouting sees the outer packet.  Before source NAT (100), which
 * would hide the cluster address.
 */
static const char rules[] =
	DELETE
	"table inet espalier {\n"
	"	chain prerouting {\n"
	"		type filter hook prerouting priority -450; policy accept;\n"
	"		iifname != \"%1$s\" ip daddr { %2$s, %3$s } meta l4proto { esp, ah } counter drop\n"
	"		iifname != \"%1$s\" ip daddr { %2$s, %3$s } udp dport 4500 counter drop\n"
	"		iifname != \"%1$s\" ipsec in ip daddr %2$s counter drop\n"
	"		iifname != \"%1$s\" ipsec in ip daddr %3$s counter drop\n"
	"	}\n"
	"	chain postrouting {\n"
	"		type filter hook postrouting priority -450; policy accept;\n"
	"		oifname != \"%1$s\" ip saddr { %2$s, %3$s } meta l4proto { esp, ah } counter drop\n"
	"		oifname != \"%1$s\" ip saddr { %2$s, %3$s } udp sport 4500 counter drop\n"
	"	}\n"
	"}\n"
	"table netdev espalier {\n"
	"	chain egress {\n"
	"		type filter hook egress device \"%1$s\" priority 0; policy accept;\n"
	"		ip saddr { %2$s, %3$s } ip protocol esp fwd to \"%4$s\"\n"
	"	}\n"
	"}\n";

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

int esl_rules_install(const struct esl_conf *c, char **ret_listing, char error[ESL_ERROR_MAX])
{
	char inside[INET_ADDRSTRLEN], outside[INET_ADDRSTRLEN], text[4096], why[256] = "";

	inet_ntop(AF_INET, &c->side[ESL_INSIDE].cluster_addr, inside, sizeof(inside));
	inet_ntop(AF_INET, &c->side[ESL_OUTSIDE].cluster_addr, outside, sizeof(outside));
	snprintf(text, sizeof(text), rules, c->side[ESL_OUTSIDE].interface, inside, outside, c->gate);
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
