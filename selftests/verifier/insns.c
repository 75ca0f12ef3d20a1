// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Loads an object and prints for each program how many instructions the
 * verifier of the running kernel looked at: "PROGRAM COUNT".
 * usage: insns OBJECT
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static int print_warnings(enum libbpf_print_level level, const char *format, va_list args)
{
	return level == LIBBPF_WARN ? vfprintf(stderr, format, args) : 0;
}

static int print_program(const struct bpf_program *p)
{
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);

	if (bpf_obj_get_info_by_fd(bpf_program__fd(p), &info, &len)) {
		fprintf(stderr, "insns: %s: cannot be asked: %s\n", bpf_program__name(p), strerror(errno));
		return -1;
	}
	printf("%s %u\n", bpf_program__name(p), info.verified_insns);
	return 0;
}

int main(int argc, char **argv)
{
	struct bpf_object *obj;
	struct bpf_program *p;
	struct bpf_map *map;
	int bad = 0;

	if (argc != 2) {
		fprintf(stderr, "usage: insns OBJECT\n");
		return 2;
	}
	libbpf_set_print(print_warnings);
	obj = bpf_object__open_file(argv[1], NULL);
	if (!obj) {
		fprintf(stderr, "insns: %s: cannot be opened: %s\n", argv[1], strerror(errno));
		return 1;
	}
	/* A running member's maps are not to be met. */
	bpf_object__for_each_map(map, obj)
		bpf_map__set_pin_path(map, NULL);
	if (bpf_object__load(obj)) {
		fprintf(stderr, "insns: %s: the kernel does not take it: %s\n", argv[1], strerror(errno));
		bpf_object__close(obj);
		return 1;
	}
	bpf_object__for_each_program(p, obj)
		bad |= print_program(p);
	bpf_object__close(obj);
	return bad ? 1 : 0;
}
