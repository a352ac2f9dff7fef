/* SPDX-License-Identifier: Apache-2.0 */
/* bawn-ledger: what its verbs share. */
#pragma once

#include <stdio.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/options.h"
#include "cmd/cmd.h"
#include "ledger/record.h"

#define VERB_ARGS_MAX 256 /* words of an expression */

struct reader;

struct verb_opts {
	bool json, follow;
	bool count, reverse, scan, rebuild;
	uint32_t lines, limit; /* @limit 0: no limit */
	uint32_t size, days;
	const char *key, *since, *out, *session, *before, *why;
};

struct export_opts {
	const char *form, *to, *since;
};

struct sinks_opts {
	bool json;
};

struct verb {
	const char *name;
	/* argv[0] is the verb.  NULL: not in this version. */
	int (*run)(const struct verb *v, int argc, char *const argv[]);
	int min_args, max_args;
	const char *synopsis, *help;
	const struct option *options;
	size_t n_options;
};

/* One line on stderr, sanitised. */
void ledger_error(const char *fmt, ...) printf_like(1, 2);
/*
 * -1: go on with the arguments from argv[*ret_first]; else the exit code, after
 * saying why.
 */
int verb_parse(const struct verb *v, int argc, char *const argv[],
	       struct verb_opts *ret, int *ret_first);
/* The same for a verb with a target of its own. */
int verb_parse_into(const struct verb *v, int argc, char *const argv[],
		    void *ret, int *ret_first);

/*
 * What a verb without arguments begins with: its options, memory in @a, and
 * where the ledger is.  -1: go on; else the exit code, after saying why.
 */
int verb_begin(const struct verb *v, int argc, char *const argv[],
	       struct arena *a, struct verb_opts *ret, const char **ret_dir);

int verb_tail(const struct verb *v, int argc, char *const argv[]);
int verb_index(const struct verb *v, int argc, char *const argv[]);
int verb_query(const struct verb *v, int argc, char *const argv[]);
int verb_verify(const struct verb *v, int argc, char *const argv[]);
int verb_prove(const struct verb *v, int argc, char *const argv[]);
int verb_check_proof(const struct verb *v, int argc, char *const argv[]);
int verb_checkpoint(const struct verb *v, int argc, char *const argv[]);
int verb_key(const struct verb *v, int argc, char *const argv[]);
int verb_rotate_key(const struct verb *v, int argc, char *const argv[]);
int verb_limit(const struct verb *v, int argc, char *const argv[]);
int verb_erase(const struct verb *v, int argc, char *const argv[]);

int verb_cosign(const struct verb *v, int argc, char *const argv[]);
int verb_export(const struct verb *v, int argc, char *const argv[]);
int verb_sinks(const struct verb *v, int argc, char *const argv[]);

/*
 * Opens the ledger and says where it is, @ret_dir in @a.  0 or an exit code,
 * after saying why.  @wait: for it to be made.
 */
int ledger_open(struct arena *a, bool wait, const char **ret_dir,
		struct reader **ret);

/* The same for a place that is known. */
int ledger_open_dir(const char *dir, bool wait, struct reader **ret);

enum ledger_outcome {
	LEDGER_NO_MATCH = 1,
	LEDGER_NO_RECORD,
};

/*
 * A stored line, and with @print on stdout: is it a record, for which @q, which
 * may be NULL, holds?  0, an outcome, or -errno.
 */
struct query;
must_check int ledger_show(struct str line, const struct query *q, bool print,
			   bool json);

/* STATE/ledger in @a, or NULL after saying why. */
const char *ledger_dir(struct arena *a);
/* A file of it, or any with @dir NULL; 0 or an exit code after saying why. */
int ledger_load(const char *dir, const char *name, struct buf *b);
