// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "conf.h"
#include "conf_words.h"

const struct esl_choice esl_schemes[] = {
#define X(symbol, name, by_number, sentence) { name, ESL_SCHEME_##symbol },
	ESL_SCHEMES(X)
#undef X
	{ NULL, 0 }
};

const struct esl_choice esl_modes[] = {
	{ "native", ESL_MODE_NATIVE }, { "skb", ESL_MODE_SKB }, { NULL, 0 }
};

const struct esl_choice esl_mac_modes[] = {
	{ "multicast", ESL_MAC_MULTICAST }, { "igmp", ESL_MAC_IGMP }, { "unicast", ESL_MAC_UNICAST },
	{ NULL, 0 }
};

const struct esl_choice esl_quorums[] = {
	{ "none", ESL_QUORUM_NONE }, { "majority", ESL_QUORUM_MAJORITY }, { NULL, 0 }
};

const struct esl_choice esl_answers[] = {
	{ "agent", false }, { "xdp", true }, { NULL, 0 }
};

const struct esl_choice esl_cpu_modes[] = {
	{ "off", ESL_CPU_OFF }, { "flow", ESL_CPU_FLOW }, { "packet", ESL_CPU_PACKET }, { NULL, 0 }
};

const char *esl_choice_name(const struct esl_choice *choices, int value)
{
	for (; choices->name; choices++)
		if (choices->value == value)
			return choices->name;
	return "unknown";
}
