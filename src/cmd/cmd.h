/* SPDX-License-Identifier: Apache-2.0 */
/* cmd: what the verbs of `bawn` share. */
#pragma once

#include <stdio.h>

#include "base/base.h"
#include "base/options.h"

enum { /* an interface: scripts rely on these */
	BAWN_EXIT_OK = 0,
	BAWN_EXIT_REFUSED = 1, /* the policy, or the input, said no */
	BAWN_EXIT_TROUBLE = 2, /* we could not */
	BAWN_EXIT_USAGE = 64,
	BAWN_EXIT_FAILED = 125,  /* `run`: ours, before the command started */
	BAWN_EXIT_CANNOT = 126,  /* `run`: the command cannot be run */
	BAWN_EXIT_MISSING = 127, /* `run`: no such command */
};

struct command {
	const char *name;
	/* argv[0] is the verb.  NULL: the program bawn-NAME of libexec. */
	int (*run)(const struct command *c, int argc, char *const argv[]);
	const char *synopsis;
	const char *help;
	const struct option *options;
	size_t n_options;
	bool later; /* named in the design, refused by this version */
};

/* Sorted by name. */
extern const struct command commands[];
extern const size_t n_commands;

/* "bawn: ..." and a new line on stderr, in one write. */
void cmd_error(const char *fmt, ...) printf_like(1, 2);
/*
 * Options of @c into @target, and at most @max arguments, which may stand
 * before options too unless @max is 0: then *ret_n is the index in argv of
 * what follows the options.  -1: go on; else the exit code (--help was
 * printed, or what is wrong).
 */
int cmd_parse(const struct command *c, int argc, char *const argv[],
	      void *target, const char **args, int max, int *ret_n);

/*
 * The program @name of libexec: beside this executable, else where it was
 * configured.  False: there is none.
 */
bool cmd_libexec(const char *name, char *dst, size_t size);

int cmd_run(const struct command *c, int argc, char *const argv[]);
int cmd_ps(const struct command *c, int argc, char *const argv[]);
int cmd_kill(const struct command *c, int argc, char *const argv[]);
int cmd_logs(const struct command *c, int argc, char *const argv[]);
int cmd_doctor(const struct command *c, int argc, char *const argv[]);

#define RUN_N_OPTIONS 10u
extern const struct option run_options[RUN_N_OPTIONS];

struct doctor_opts {
	bool json, prove;
	const char *backend; /* of --prove; NULL: the usual one */
};

/* --json and -f, the options of the listings. */
struct list_opts {
	bool json, follow, all, replay, raw;
};
