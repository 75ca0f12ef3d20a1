// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <nftables/libnftables.h>
#include <stdio.h>
#include <string.h>

#include "refused.h"

/* Counters of /proc/net/xfrm_stat, by the names that the status gives them. */
static const char *const kernel_names[][2] = {
	{ "XfrmInStateSeqError", "in_replayed" },	{ "XfrmInStateProtoError", "in_forged" },
	{ "XfrmInNoStates", "in_no_state" },		{ "XfrmInStateMismatch", "in_mismatch" },
	{ "XfrmInHdrError", "in_header" },		{ "XfrmInTmplMismatch", "in_template" },
	{ "XfrmInNoPols", "in_no_policy" },		{ "XfrmInPolBlock", "in_blocked" },
	{ "XfrmInStateInvalid", "in_invalid" },		{ "XfrmInStateExpired", "in_expired" },
};
#define KERNEL_NAMES (sizeof(kernel_names) / sizeof(kernel_names[0]))

static json_t *kernel(void)
{
	FILE *in = fopen("/proc/net/xfrm_stat", "r");
	json_t *j = json_object();
	unsigned long long n;
	char name[64];

	while (in && fscanf(in, "%63s %llu", name, &n) == 2)
		for (size_t i = 0; i < KERNEL_NAMES; i++)
			if (!strcmp(name, kernel_names[i][0]))
				json_object_set_new(j, kernel_names[i][1], json_integer((json_int_t)n));
	if (in)
		fclose(in);
	return j;
}

/* What the counters of one chain's rules sum up to. */
static json_int_t counted(json_t *listing, const char *chain)
{
	json_int_t sum = 0;
	size_t i, k;
	json_t *part, *e;

	json_array_foreach(json_object_get(listing, "nftables"), i, part) {
		json_t *rule = json_object_get(part, "rule");
		const char *of = json_string_value(json_object_get(rule, "chain"));

		if (!of || strcmp(of, chain))
			continue;
		json_array_foreach(json_object_get(rule, "expr"), k, e)
			sum += json_integer_value(json_object_get(json_object_get(e, "counter"), "packets"));
	}
	return sum;
}

static json_t *rules(void)
{
	struct nft_ctx *nft = nft_ctx_new(NFT_CTX_DEFAULT);
	json_t *listing = NULL, *j = json_object();

	if (!nft)
		return j;
	nft_ctx_output_set_flags(nft, NFT_CTX_OUTPUT_JSON);
	if (!nft_ctx_buffer_output(nft) && !nft_ctx_buffer_error(nft) &&
	    !nft_run_cmd_from_buffer(nft, "list table inet espalier\n"))
		listing = json_loads(nft_ctx_get_output_buffer(nft), 0, NULL);
	nft_ctx_free(nft);
	if (listing) {
		json_object_set_new(j, "in", json_integer(counted(listing, "prerouting")));
		json_object_set_new(j, "out", json_integer(counted(listing, "postrouting")));
	}
	json_decref(listing);
	return j;
}

json_t *esl_refused(void)
{
	return json_pack("{so, so}", "kernel", kernel(), "rules", rules());
}
