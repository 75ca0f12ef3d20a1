// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <argp.h>
#include <bpf/libbpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xdp/libxdp.h>

#include "check_window.h"
#include "error.h"
#include "explain.h"
#include "load.h"
#include "status.h"

#define EXIT_MISUSE 2

struct options {
	const char *path;
	const char *mode;
	const char *object;
	bool json;
};

static int run_load(struct esl_conf *c, const struct options *o, char *error)
{
	int err;

	if (o->mode)
		c->mode = !strcmp(o->mode, "skb") ? ESL_MODE_SKB : ESL_MODE_NATIVE;
	err = esl_load_run(c, o->object, error);
	if (err < 0)
		return err;
	puts(err ? "espalier: already loaded, everything is in place, nothing changed" :
		   "espalier: loaded");
	return 0;
}

static int run_unload(struct esl_conf *c, const struct options *o, char *error)
{
	int err = esl_unload_run(c, error);

	(void)o;
	if (!err)
		puts("espalier: nothing is loaded");
	return err;
}

/* Who cannot look must not say that nothing is there. */
static int run_status(struct esl_conf *c, const struct options *o, char *error)
{
	int err = esl_check_privilege(error);

	return err ? err : esl_status(c, o->json, error);
}

static int run_check_config(struct esl_conf *c, const struct options *o, char *error)
{
	(void)c;
	(void)error;
	printf("%s: ok\n", o->path);
	return 0;
}

#define CONFIG_OPTION                                                                              \
	{ "config", 'c', "FILE", 0, "configuration (default /etc/espalier/espalier.conf)", 0 }

static const struct argp_option config_only[] = { CONFIG_OPTION, { 0 } };
static const struct argp_option load_options[] = {
	CONFIG_OPTION,
	{ "mode", 'm', "native|skb", 0, "XDP in the driver, or generic; instead of the file's", 0 },
	{ "object", 'o', "FILE", 0, "BPF object instead of the one inside", 0 },
	{ 0 }
};
static const struct argp_option status_options[] = {
	CONFIG_OPTION,
	{ "json", 'j', NULL, 0, "one JSON document", 0 },
	{ 0 }
};

static const struct command {
	const char *name;
	const char *summary;
	const struct argp_option *options;
	int (*run)(struct esl_conf *c, const struct options *o, char *error);
	int (*main)(int argc, char **argv);	/* instead of run: does without a configuration */
} commands[] = {
	{ "load", "attach programs, rules and addresses: all or nothing", load_options, run_load },
	{ "unload", "put back what load changed", config_only, run_unload },
	{ "status", "what holds, what was counted, which SAs there are", status_options, run_status },
	{ "check-config", "read the configuration and say what is wrong", config_only,
	  run_check_config },
	{ "check-window", "is a peer's replay window large enough, and up to which rate",
	  .main = esl_check_window_main },
	{ "explain", "which member owns a packet, and why", .main = esl_explain_main },
};
#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case 'c':
		o->path = arg;
		return 0;
	case 'm':
		if (strcmp(arg, "native") && strcmp(arg, "skb"))
			argp_error(state, "--mode %s: expected native or skb", arg);
		o->mode = arg;
		return 0;
	case 'o':
		o->object = arg;
		return 0;
	case 'j':
		o->json = true;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "unexpected argument \"%s\"", arg);
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static void usage(FILE *f)
{
	size_t i;

	fputs("Usage: espalier COMMAND [OPTION...]\n\n", f);
	for (i = 0; i < COMMANDS; i++)
		fprintf(f, "  %-14s %s\n", commands[i].name, commands[i].summary);
	fputs("\nespalier COMMAND --help lists its options.\n", f);
}

/* Errors come back as numbers and become one sentence here. */
static int quiet_bpf(enum libbpf_print_level level, const char *format, va_list ap)
{
	if (getenv("ESPALIER_DEBUG"))
		return vfprintf(stderr, format, ap);
	(void)level;
	return 0;
}

static int quiet_xdp(enum libxdp_print_level level, const char *format, va_list ap)
{
	return quiet_bpf((enum libbpf_print_level)level, format, ap);
}

static int run(const struct command *cmd, int argc, char **argv)
{
	struct options o = { .path = "/etc/espalier/espalier.conf" };
	struct argp argp = { cmd->options, parse, NULL, cmd->summary, NULL, NULL, NULL };
	char name[64], error[ESL_ERROR_MAX] = "failed";
	struct esl_conf c;

	snprintf(name, sizeof(name), "espalier %s", cmd->name);
	argv[0] = name;
	argp_err_exit_status = EXIT_MISUSE;
	if (cmd->main)
		return cmd->main(argc, argv);
	argp_parse(&argp, argc, argv, 0, NULL, &o);
	if (esl_conf_read(o.path, &c, error)) {
		fprintf(stderr, "%s\n", error);
		return EXIT_MISUSE;
	}
	if (cmd->run(&c, &o, error)) {
		fprintf(stderr, "espalier: %s\n", error);
		return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	size_t i;

	libbpf_set_print(quiet_bpf);
	libxdp_set_print(quiet_xdp);
	if (argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
		usage(stdout);
		return EXIT_SUCCESS;
	}
	for (i = 0; argc > 1 && i < COMMANDS; i++)
		if (!strcmp(argv[1], commands[i].name))
			return run(&commands[i], argc - 1, argv + 1);
	if (argc > 1)
		fprintf(stderr, "espalier: there is no command \"%s\"\n", argv[1]);
	usage(stderr);
	return EXIT_MISUSE;
}
