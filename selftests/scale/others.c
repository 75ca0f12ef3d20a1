// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What the other members answer: so much comes in as goes out, from each of them. */
#include <stdlib.h>

#include "edges.h"

#define WAITING_MAX 4096

bool others_acknowledge = true;

/* Taken in order; a slot's memory is kept for the next one. */
static struct announcement *waiting[WAITING_MAX];
static size_t first, end;

static struct announcement *answer(__u32 id, enum esl_wire_kind kind)
{
	struct announcement **m = &waiting[end % WAITING_MAX];

	if (end - first == WAITING_MAX)
		abort();
	if (!*m)
		*m = malloc(sizeof(**m));
	if (!*m)
		abort();
	(*m)->kind = kind;
	(*m)->sender = (__u8)id;
	(*m)->flags = 0;		/* theirs are acknowledged: they want nothing again */
	(*m)->snapshot = 0;
	(*m)->count = 0;
	end++;
	return *m;
}

/* They are in the same rounds, and have heard of this one's. */
static void answer_rounds(__u32 id, const struct announcement *m)
{
	struct announcement *own = answer(id, ESL_WIRE_ROUNDS), *heard = answer(id, ESL_WIRE_HEARD);

	for (size_t n = 0; n < m->count; n++) {
		own->rounds[own->count++] = m->rounds[n];
		if (!others_acknowledge)
			continue;
		if (heard->count == ESL_WIRE_HEARD_MAX)
			heard = answer(id, ESL_WIRE_HEARD);
		heard->heard[heard->count++] =
			(struct announced_heard){ m->rounds[n].key, 0, 0, m->rounds[n].round + 1, m->life, 0 };
	}
}

/* They have none of the SAs that this member asks for. */
static void answer_asked(__u32 id, const struct announcement *m)
{
	struct announcement *own = answer(id, ESL_WIRE_HEARD);

	for (size_t n = 0; n < m->count; n++)
		if (m->heard[n].flags & ESL_HEARD_ASK)
			own->heard[own->count++] =
				(struct announced_heard){ m->heard[n].key, m->heard[n].member, ESL_HEARD_ANSWER, 0,
							  m->life, m->heard[n].question };
	/* Nothing is said of acknowledgements. */
	end -= !own->count;
}

/* They have no transforms of their own, so that their books are this member's. */
static void answer_salts(__u32 id, const struct announcement *m)
{
	struct announcement *own = answer(id, ESL_WIRE_SALTS);

	for (size_t n = 0; n < m->count; n++)
		if (m->salts[n].what == ESL_WIRE_SALT_DIGEST) {
			own->salts[own->count] = m->salts[n];
			own->salts[own->count++].member = (__u8)id;
		}
}

/* What the leader promotes came to them at the same time, and they keep to its number. */
static void answer_promotions(__u32 id, const struct announcement *m)
{
	struct announcement *own = answer(id, ESL_WIRE_PROMOTIONS);

	for (size_t n = 0; n < m->count; n++) {
		struct announced_promotion p = m->promotions[n];

		if (p.state == ESL_PROMOTION_DONE)
			continue;
		if (p.state == ESL_PROMOTION_ASK)
			p = (struct announced_promotion){ p.key, ESL_PROMOTION_HAVE, 0 };
		own->promotions[own->count++] = p;
	}
	/* What is done is not answered. */
	end -= !own->count;
}

void others_take(const struct announcement *m)
{
	for (__u32 id = 1; id < MEMBERS; id++)
		switch (m->kind) {
		case ESL_WIRE_ROUNDS:
			answer_rounds(id, m);
			break;
		case ESL_WIRE_HEARD:
			answer_asked(id, m);
			break;
		case ESL_WIRE_SALTS:
			answer_salts(id, m);
			break;
		case ESL_WIRE_PROMOTIONS:
			answer_promotions(id, m);
			break;
		default:
			break;
		}
}

/* As sync.c and agent_decide() do it. */
static void take(struct agent *a, const struct announcement *m)
{
	for (size_t n = 0; m->kind == ESL_WIRE_ROUNDS && n < m->count; n++)
		sadb_announced(a, m->sender, &m->rounds[n], m->flags & ESL_WIRE_WANTED);
	if (m->kind == ESL_WIRE_HEARD)
		sadb_heard(a, m->sender - 1U, m);
	if (m->kind == ESL_WIRE_SALTS)
		probe_heard(a, m);
	if (m->kind == ESL_WIRE_PROMOTIONS)
		sadb_promote_heard(a, m->sender, m);
	if (sadb_is_silent(a, a->why == WHY_READY))
		abort();
}

void others_answer(struct agent *a)
{
	while (first != end)
		take(a, waiting[first++ % WAITING_MAX]);
}
