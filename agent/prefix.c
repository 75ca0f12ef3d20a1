// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "prefix.h"

#include <string.h>

bool prefix_key(const struct esl_addr *addr, __u32 family, __u32 len, struct esl_policy_key *ret)
{
	if (family == 4)
		len += 96;
	if (len > 128)
		return false;
	*ret = (struct esl_policy_key){ .prefixlen = len, .daddr = *addr };
	/* Bits behind the prefix are 0, so that equal prefixes are equal keys. */
	for (__u32 bit = len; bit < 128; bit++)
		ret->daddr.byte[bit / 8] &= (__u8)~(0x80 >> bit % 8);
	return true;
}

__u32 prefix_slot(const struct esl_hash_key *k, const struct esl_addr *peer, __u32 reqid)
{
	__u64 word[2];

	memcpy(word, peer->byte, sizeof(word));
	return esl_hash_slot(esl_hash_fold(word[0] * k->word[0] + word[1] * k->word[1] + reqid * k->word[2]));
}

__u32 prefix_merge(__u32 a, __u32 b)
{
	return a < b ? a : b;
}
