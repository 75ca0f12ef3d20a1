// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <arpa/inet.h>
#include <string.h>

#include "explain.h"

const struct esl_reason_text esl_reason_text[ESL_REASON_COUNT] = {
#define X(symbol, name, verdict, sentence) [ESL_##symbol] = { name, sentence, ESL_##verdict },
	ESL_REASONS(X)
#undef X
};

const struct esl_scheme_text esl_scheme_text[ESL_SCHEME_COUNT] = {
#define X(symbol, name, by_number, sentence) [ESL_SCHEME_##symbol] = { name, sentence, by_number },
	ESL_SCHEMES(X)
#undef X
};

const char *const esl_role_name[ESL_ROLES] = {
	[ESL_INSIDE] = "inside",
	[ESL_OUTSIDE] = "outside",
};

const char *esl_addr_text(const struct esl_addr *a, char *buf, size_t size)
{
	struct esl_addr mapped = esl_addr_from_ipv4(0);
	bool v4 = !memcmp(a, &mapped, 12);

	return inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? &a->byte[12] : a->byte, buf, size);
}
