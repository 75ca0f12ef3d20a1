// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "rejoin.h"

/* More than members use in a dead interval at full rate, and little of 2^32. */
#define AHEAD_ROUNDS 256
#define AHEAD_NUMBERS (1ULL << 24)
/* One that stands aside may use the round after the one announced. */
#define AHEAD_LEAST 2

static __u64 max64(__u64 a, __u64 b)
{
	return a > b ? a : b;
}

static __u64 numbers_of(const struct esl_lanes *plan)
{
	return (__u64)plan->lanes << plan->block_shift;
}

static __u32 count_of(__u64 members)
{
	__u32 n = 0;

	for (; members; members &= members - 1)
		n++;
	return n;
}

static __u64 others_of(const struct rejoin_rule *rule)
{
	return rule->members & ~(1ULL << rule->id);
}

/* So many others make a majority with this member. */
static __u32 needed(const struct rejoin_rule *rule)
{
	return count_of(rule->members) / 2;
}

__u64 rejoin_allowance(const struct rejoin_rule *rule, const struct esl_lanes *plan, bool esn)
{
	__u64 rounds = AHEAD_NUMBERS / numbers_of(plan);

	rounds = rounds > AHEAD_ROUNDS ? AHEAD_ROUNDS : max64(rounds, AHEAD_LEAST);
	return !rule->majority && esn ? max64(REJOIN_ALONE_NUMBERS / numbers_of(plan), rounds) : rounds;
}

/* What at least count of the others have acknowledged. */
static __u64 acked_by(const struct rejoin_sa *s, const struct rejoin_rule *rule, __u32 count)
{
	__u64 others = others_of(rule), best = 0;

	for (__u32 i = 0; i < ESL_LANES_MAX; i++) {
		__u32 n = 0;

		if (!(others >> i & 1) || s->acked[i] <= best)
			continue;
		for (__u32 j = 0; j < ESL_LANES_MAX; j++)
			n += others >> j & 1 && s->acked[j] >= s->acked[i];
		if (n >= count)
			best = s->acked[i];
	}
	return best;
}

static bool is_free(const struct rejoin_rule *rule, bool esn)
{
	/* Nobody else could tell; and what never begins anew need not be bounded. */
	return !others_of(rule) || (!rule->majority && !esn);
}

__u64 rejoin_limit(const struct rejoin_sa *s, const struct rejoin_rule *rule, const struct esl_lanes *plan, bool esn)
{
	if (is_free(rule, esn))
		return UINT64_MAX;
	return rejoin_acked(s, rule) + rejoin_allowance(rule, plan, esn);
}

__u64 rejoin_acked(const struct rejoin_sa *s, const struct rejoin_rule *rule)
{
	return max64(s->kept, acked_by(s, rule, rule->majority ? needed(rule) : 1));
}

bool rejoin_is_acknowledged(const struct rejoin_sa *s, const struct rejoin_rule *rule, __u64 round)
{
	return !others_of(rule) || rejoin_acked(s, rule) > round;
}

/* Were some of those that can say what was sent among whoever acknowledged it? */
static bool is_complete(const struct rejoin_sa *s, const struct rejoin_rule *rule)
{
	__u32 missing = count_of(others_of(rule) & ~s->complete);

	return rule->majority ? missing < needed(rule) : !missing;
}

enum rejoin rejoin_begin(struct rejoin_sa *s, const struct rejoin_rule *rule, __u64 heard,
			 const struct esl_lanes *plan, bool esn, __u64 *first, bool *held)
{
	__u64 known = 0;

	*first = 0;
	*held = false;
	heard &= others_of(rule);
	if (heard & ~s->answered)
		return REJOIN_ASKING;
	if (!(s->know & ~s->young)) {
		/* Somebody sends on it whom this member does not hear. */
		if (s->sources & ~s->answered & ~(1ULL << rule->id))
			return REJOIN_ASKING;
		if (s->found && !(s->know & s->young) && others_of(rule) & ~s->answered)
			return REJOIN_UNPROVEN;
		/* Somebody did know of the other life. */
		if (s->lapsed)
			return REJOIN_UNPROVEN;
		s->whole = true;
		return REJOIN_OPEN;
	}
	s->whole = false;
	if (!is_complete(s, rule) || is_free(rule, esn))
		return REJOIN_UNPROVEN;
	for (__u32 i = 0; i < ESL_LANES_MAX; i++)
		if (s->complete >> i & 1)
			known = max64(known, s->acked[i]);
	*first = known + rejoin_allowance(rule, plan, esn);
	*held = true;
	return REJOIN_OPEN;
}

void rejoin_announced(struct rejoin_sa *s, __u32 from, __u64 round, bool recorded, bool wanted, __u64 allowance)
{
	bool news = round + 1 > s->heard[from];

	if (s->outlived >> from & 1 && (!(s->asked >> from & 1) || round < s->heard[from] + allowance)) {
		if (recorded)
			s->refused |= 1ULL << from;
		return;
	}
	s->outlived &= ~(1ULL << from);
	s->refused &= ~(1ULL << from);
	s->heard[from] = max64(s->heard[from], round + 1);
	if (recorded && (news || wanted))
		s->due |= 1ULL << from;
}

void rejoin_outlived(struct rejoin_sa *s, __u32 from, bool recorded)
{
	s->asked &= ~(1ULL << from);
	s->due &= ~(1ULL << from);
	/* Who forgot what it heard may have forgotten that. */
	if (s->heard[from] || s->promised >> from & 1 || (recorded && !s->whole))
		s->outlived |= 1ULL << from;
}

void rejoin_restarted(struct rejoin_sa *s, __u32 from)
{
	s->asked &= ~(1ULL << from);
}

bool rejoin_acknowledged(struct rejoin_sa *s, __u32 from, __u64 rounds)
{
	bool more = rounds > s->acked[from];

	s->acked[from] = max64(s->acked[from], rounds);
	return more;
}

bool rejoin_disowned(struct rejoin_sa *s, bool held)
{
	if (s->lapsed && !held)
		return false;
	s->lapsed = true;
	/* Others told the other life what it acknowledged to them, and this one does not know. */
	s->whole = false;
	for (__u32 i = 0; i < ESL_LANES_MAX; i++)
		if (!(s->outlived >> i & 1))
			s->heard[i] = 0;
	s->due = 0;
	rejoin_ask(s);
	return true;
}

void rejoin_resumed(struct rejoin_sa *s, __u64 round)
{
	s->lapsed = false;
	s->least = max64(s->least, round);
}

/* What was heard before was not acknowledged: without the record it would have been forgotten. */
void rejoin_recorded(struct rejoin_sa *s, __u64 now_ns)
{
	for (__u32 i = 0; i < ESL_LANES_MAX; i++)
		s->due |= (__u64)(s->heard[i] > 0) << i;
	s->due &= ~s->outlived;
	s->since_ns = s->whole ? now_ns : 0;
}

void rejoin_merge(struct rejoin_sa *s, const struct rejoin_sa *known)
{
	for (__u32 i = 0; i < ESL_LANES_MAX; i++)
		s->heard[i] = max64(s->heard[i], known->heard[i]);
	s->outlived |= known->outlived;
	s->asked &= known->asked;
	s->refused |= known->refused;
	s->due = (s->due | known->due) & ~s->outlived;
	s->promised |= known->promised;
	s->lapsed |= known->lapsed;
	s->least = max64(s->least, known->least);
	s->whole &= known->whole;
	s->since_ns = known->since_ns ? s->since_ns : 0;
}

struct rejoin_answer rejoin_answer(struct rejoin_sa *s, __u32 from, bool recorded, __u64 life_ns,
				   __u64 living)
{
	struct rejoin_answer r = { .know = recorded,
				   .complete = recorded && (s->whole || s->heard[from]),
				   .young = recorded && s->since_ns > life_ns,
				   .heard = s->heard[from] };

	for (__u32 i = 0; !recorded && i < ESL_LANES_MAX; i++)
		if (s->heard[i] && living >> i & 1 && i != from)
			r.sources |= 1ULL << i;
	s->asked |= s->outlived & 1ULL << from;
	s->promised |= (__u64)recorded << from;
	s->refused &= ~(1ULL << from);
	return r;
}

static void set_bit(__u64 *word, __u32 i, bool value)
{
	*word = (*word & ~(1ULL << i)) | (__u64)value << i;
}

void rejoin_answered(struct rejoin_sa *s, __u32 from, const struct rejoin_answer *answer)
{
	set_bit(&s->answered, from, true);
	set_bit(&s->know, from, answer->know);
	set_bit(&s->complete, from, answer->complete);
	set_bit(&s->young, from, answer->young);
	s->sources |= answer->sources;
	/* Who has no record will not remember. */
	if (answer->know)
		rejoin_acknowledged(s, from, answer->heard);
}

void rejoin_ask(struct rejoin_sa *s)
{
	s->question++;
	s->answered = s->know = s->complete = s->young = s->sources = 0;
}

const char *rejoin_name(enum rejoin r)
{
	static const char *const names[] = {
#define X(symbol, name, sentence) name,
		REJOINS(X)
#undef X
	};

	return names[r];
}

const char *rejoin_sentence(enum rejoin r)
{
	static const char *const sentences[] = {
#define X(symbol, name, sentence) sentence,
		REJOINS(X)
#undef X
	};

	return sentences[r];
}
