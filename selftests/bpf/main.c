// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Drives build/bpf/espalier.bpf.o in the running kernel, without any device
 * of the host: one line per row, and the count on the last line. */
#include <stdio.h>

#include "drive.h"
#include "espalier.skel.h"

int main(void)
{
	struct drive d = { .obj = world_open() };

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (d.obj) {
		test_xdp_rows(&d);
		test_xdp_lengths(&d);
		test_xdp_state(&d);
		test_guard_rows(&d);
		test_guard_state(&d);
		test_guard_events(&d);
		test_devices(&d);
		espalier_bpf__destroy(d.obj);
	} else {
		d.failed++;
	}
	printf("bpf: %d passed, %d failed\n", d.passed, d.failed);
	return d.failed || !d.passed;
}
