// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "conf.h"

static bool by_number(enum esl_scheme scheme)
{
	switch (scheme) {
#define X(symbol, name, number, sentence)                                                          \
	case ESL_SCHEME_##symbol:                                                                  \
		return number;
		ESL_SCHEMES(X)
#undef X
	case ESL_SCHEME_COUNT:
		break;
	}
	return false;
}

void esl_conf_table(const struct esl_conf *c, struct esl_table *t)
{
	__u32 weights[ESL_MEMBERS_MAX];
	__u8 ids[ESL_MEMBERS_MAX];
	size_t i;

	for (i = 0; i < c->member_count; i++) {
		ids[i] = c->members[i].id;
		weights[i] = c->members[i].weight;
	}
	esl_table_fill(t, ids, weights, c->member_count);
	t->marker_mask = (1U << c->marker_shift) - 1;
	t->scheme = c->side[ESL_INSIDE].scheme;
	t->esp_shift = by_number(c->side[ESL_OUTSIDE].scheme) ? c->burst_shift : ESL_BY_SPI;
}
