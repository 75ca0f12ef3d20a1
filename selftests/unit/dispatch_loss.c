// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What a missed frame costs, in the small: build/dispatch-table prints it all. */
#include <criterion/criterion.h>

#include "selftests/dispatch/member.h"
#include "selftests/dispatch/simulate.h"

static struct outcome run(enum esl_scheme scheme, enum esl_role role, double loss, __u32 marker)
{
	struct simulation s = { .scheme = scheme, .role = role, .members = 3, .packets = 100000, .loss = loss,
				.marker = marker, .delay = 50, .seed = 3 };
	struct outcome o;

	cr_assert_eq(simulate(&s, &o), 0);
	return o;
}

static bool is_stateless(enum esl_scheme scheme)
{
	return scheme == ESL_SCHEME_PACKET_HASH || scheme == ESL_SCHEME_SESSION_HASH || scheme == ESL_SCHEME_SA;
}

Test(loss, none_without_loss)
{
	for (int i = 0; i < 2 * ESL_SCHEME_COUNT; i++) {
		struct outcome o = run(i / 2, i % 2, 0, 16);

		cr_expect(!o.missed && !o.own && !o.lost && !o.doubled && !o.longest, "%s", scheme_names[i / 2]);
	}
}

/* Where the packet alone decides, a missed frame is missed, and that is all. */
Test(loss, stateless_schemes_add_none)
{
	for (int i = 0; i < 2 * ESL_SCHEME_COUNT; i++) {
		struct outcome o = run(i / 2, i % 2, 0.01, 16);

		cr_expect(o.missed > 500 && o.own > o.missed / 5 && o.own < o.missed / 2, "%s", scheme_names[i / 2]);
		if (i % 2 == ESL_OUTSIDE || is_stateless(i / 2))
			cr_expect(!o.lost && !o.doubled && !o.longest, "%s: %llu lost, %llu doubled", scheme_names[i / 2],
				  o.lost, o.doubled);
		else
			cr_expect(o.lost && o.doubled && o.longest, "%s: nothing lost", scheme_names[i / 2]);
	}
}

/* The counted ones are brought into step by the markers, the sooner the more. */
Test(loss, markers_end_disturbances)
{
	static const int schemes[] = { ESL_SCHEME_PACKET_RR, ESL_SCHEME_PACKET_SQF };

	for (int i = 0; i < 2; i++) {
		struct outcome often = run(schemes[i], ESL_INSIDE, 0.001, 4);
		struct outcome rare = run(schemes[i], ESL_INSIDE, 0.001, 64);

		cr_expect(often.lost < 3 * often.missed && often.longest < 4 * 20, "%s: %llu lost by %llu, longest %llu",
			  scheme_names[schemes[i]], often.lost, often.missed, often.longest);
		cr_expect(rare.lost < 64 * rare.missed && rare.longest < 64 * 20, "%s: %llu lost by %llu, longest %llu",
			  scheme_names[schemes[i]], rare.lost, rare.missed, rare.longest);
		cr_expect(rare.lost > 4 * often.lost, "%s: %llu and %llu", scheme_names[schemes[i]], often.lost,
			  rare.lost);
	}
}
