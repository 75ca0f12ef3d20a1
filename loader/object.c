// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <string.h>

#include "error.h"
#include "espalier.skel.h"
#include "object.h"

/* By the section's name alone libbpf would always ask for frags; esl_xdp_attach()
 * decides. Registered once, as open objects keep pointing to it. */
static int take_section(void)
{
	static int handler;

	if (!handler)
		handler = libbpf_register_prog_handler("xdp.frags", BPF_PROG_TYPE_XDP, BPF_XDP, NULL);
	return handler;
}

int esl_object_open(const struct esl_conf *c, const char *file, enum esl_object_part part,
		    struct bpf_object **ret, char error[ESL_ERROR_MAX])
{
	DECLARE_LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = "espalier",
			    .pin_root_path = c->bpffs);
	struct bpf_program *p;
	struct bpf_object *obj;
	const void *bytes;
	size_t size;

	if (take_section() < 0)
		return esl_error(error, ENOMEM, "libbpf takes no section handler");
	if (file) {
		obj = bpf_object__open_file(file, &opts);
	} else {
		bytes = espalier_bpf__elf_bytes(&size);
		obj = bpf_object__open_mem(bytes, size, &opts);
	}
	if (!obj)
		return esl_error(error, errno, "%s: not a BPF object (%s)",
				 file ? file : "the object inside the program", strerror(errno));
	bpf_object__for_each_program(p, obj) {
		bool xdp = bpf_program__type(p) == BPF_PROG_TYPE_XDP;

		bpf_program__set_autoload(p, xdp == (part == ESL_PART_XDP));
	}
	*ret = obj;
	return 0;
}
