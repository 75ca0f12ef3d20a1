/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Slot tables in which a row need not compute its own slot. */
#ifndef ESPALIER_SELFTESTS_SLOTS_H
#define ESPALIER_SELFTESTS_SLOTS_H

#include "world.h"

enum slots { MINE, OTHERS, NOBODYS, MINE_IN_TABLE_1 };

int world_slots(struct espalier_bpf *obj, enum slots slots, __u64 deadline_ns, __u32 leader);

#endif
