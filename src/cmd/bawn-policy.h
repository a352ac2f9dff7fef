/* SPDX-License-Identifier: Apache-2.0 */
/* bawn-policy: what the files of `bawn policy` share; a verb, a file. */
#pragma once

#include "cmd/cmd.h"

#define POLICY_OUTPUT_MAX ((size_t)16 * 1024 * 1024) /* bytes on stdout */

/* Of all verbs; each one's table fills its own. */
struct policy_opts {
	bool json, help, accept, show;
	const char *profile, *policy, *from;
};

struct policy_verb {
	const char *name, *synopsis, *help;
	/* An exit code.  NULL: not in this version. */
	int (*run)(const struct policy_opts *o, int argc, char *const argv[]);
	const struct option *options;
	size_t n_options;
	int min_args, max_args;
};

/* The row of a table that every verb has. */
#define POLICY_HELP_OPTION                                     \
	{                                                      \
		.name = "help", .letter = 'h', .help = "this", \
		.kind = OPTION_FLAG,                           \
		.target = offsetof(struct policy_opts, help)   \
	}

/* Of the verbs that list. */
#define POLICY_JSON_OPTION                                   \
	{                                                    \
		.name = "json", .help = "one JSON object",   \
		.kind = OPTION_FLAG,                         \
		.target = offsetof(struct policy_opts, json) \
	}

/* Two rows: of the verbs that read the layers which hold here. */
#define POLICY_USER_OPTIONS                                                \
	{ .name = "profile",                                               \
	  .arg = "P",                                                      \
	  .help = "the user's layer is profiles/P.yaml",                   \
	  .kind = OPTION_STRING,                                           \
	  .target = offsetof(struct policy_opts, profile) },               \
	{                                                                  \
		.name = "policy", .arg = "FILE",                           \
		.help = "the user's layer is FILE", .kind = OPTION_STRING, \
		.target = offsetof(struct policy_opts, policy)             \
	}

/* "FILE:LINE:COLUMN: text" as editors read it, on stderr. */
void policy_say(const char *file, const struct diag *d);
/* "WHAT: " and what -@r means, on stderr; BAWN_EXIT_TROUBLE. */
int policy_trouble(const char *what, int r);
/* @b on stdout; an exit code, BAWN_EXIT_TROUBLE also when @b has failed. */
int policy_put(struct buf *b);

int policy_git_hosts(const struct policy_opts *o, int argc, char *const argv[]);
#define POLICY_GIT_HOSTS_OPTIONS 3u
#define POLICY_GIT_HOSTS_ARGS    64
extern const struct option policy_git_hosts_options[POLICY_GIT_HOSTS_OPTIONS];
int policy_schema_verb(const struct policy_opts *o, int argc,
		       char *const argv[]);

int policy_accept(const struct policy_opts *o, int argc, char *const argv[]);
#define POLICY_ACCEPT_OPTIONS 5u
extern const struct option policy_accept_options[POLICY_ACCEPT_OPTIONS];

int policy_why(const struct policy_opts *o, int argc, char *const argv[]);
#define POLICY_WHY_OPTIONS 4u
extern const struct option policy_why_options[POLICY_WHY_OPTIONS];
int policy_import(const struct policy_opts *o, int argc, char *const argv[]);
#define POLICY_IMPORT_OPTIONS 2u
extern const struct option policy_import_options[POLICY_IMPORT_OPTIONS];
