// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The list of reasons is the keys of a JSON object and the columns of tables. */
#include <criterion/criterion.h>
#include <string.h>

#include <espalier/abi.h>
#include <espalier/reason.h>

static const struct {
	const char *symbol;
	const char *name;
	int verdict;
	const char *sentence;
} rows[] = {
#define X(symbol, name, verdict, sentence) { #symbol, name, ESL_##verdict, sentence },
	ESL_REASONS(X)
#undef X
};

static const int guard_first = ESL_G_PASS;

Test(reasons, counted)
{
	cr_assert_eq(sizeof(rows) / sizeof(rows[0]), ESL_REASON_COUNT);
	cr_assert_eq(ESL_INERT, 0);
}

Test(reasons, names_are_unique)
{
	for (int i = 0; i < ESL_REASON_COUNT; i++)
		for (int j = 0; j < i; j++) {
			cr_expect(strcmp(rows[i].name, rows[j].name), "%s twice", rows[i].name);
			cr_expect(strcmp(rows[i].sentence, rows[j].sentence), "%s and %s say the same", rows[i].name,
				  rows[j].name);
		}
}

Test(reasons, names_are_json_safe)
{
	for (int i = 0; i < ESL_REASON_COUNT; i++) {
		const char *n = rows[i].name;

		cr_expect(*n && strspn(n, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(n), "name %s", n);
		cr_expect(n[0] >= 'a' && n[0] <= 'z', "name %s", n);
	}
}

Test(reasons, sentences_are_printable)
{
	for (int i = 0; i < ESL_REASON_COUNT; i++) {
		const char *s = rows[i].sentence;

		cr_expect(*s, "%s has no sentence", rows[i].name);
		for (; *s; s++)
			cr_expect(*s >= ' ' && *s < 127 && *s != '"' && *s != '\\', "%s: byte %#x", rows[i].name, *s);
	}
}

/* The guard's counters stand beside XDP's in one object. */
Test(reasons, prefixes)
{
	for (int i = 0; i < ESL_REASON_COUNT; i++) {
		bool guard = i >= guard_first;

		cr_expect_eq(!strncmp(rows[i].name, "guard_", 6), guard, "name %s", rows[i].name);
		cr_expect_eq(!strncmp(rows[i].symbol, "G_", 2), guard, "symbol %s", rows[i].symbol);
	}
}

Test(reasons, symbol_says_the_name)
{
	for (int i = 0; i < ESL_REASON_COUNT; i++) {
		const char *symbol = rows[i].symbol, *name = rows[i].name;

		if (i >= guard_first) {
			symbol += 2;
			name += 6;
		}
		cr_expect(!strcasecmp(symbol, name), "%s is called %s", rows[i].symbol, rows[i].name);
	}
}

Test(reasons, verdicts)
{
	for (int i = 0; i < ESL_REASON_COUNT; i++) {
		int v = rows[i].verdict;

		cr_expect(v >= ESL_STACK && v <= ESL_ANSWER, "%s", rows[i].name);
		/* The guard leaves nothing to others: it lets go or drops. */
		if (i >= guard_first)
			cr_expect(v == ESL_OWN || v == ESL_DROP, "%s", rows[i].name);
	}
}
