/* SPDX-License-Identifier: Apache-2.0 */
/*
 * options: one table for parsing the command line and for its help.
 * Writes only to the target struct; prints nothing.
 */
#pragma once

#include "base/base.h"
#include "base/buf.h"

#define OPTIONS_MAX     64u  /* rows of a table */
#define OPTION_LIST_MAX 128u /* repetitions of one option */

enum option_kind {
	OPTION_FLAG,   /* target: bool */
	OPTION_STRING, /* target: const char *, borrowed from argv */
	OPTION_U32,    /* target: uint32_t within [min, max] */
	OPTION_LIST,   /* target: struct option_list; may be repeated */
};

struct option_list {
	const char *items[OPTION_LIST_MAX]; /* borrowed from argv */
	size_t n;
};

struct option {
	const char *name; /* without "--" */
	char letter;      /* for "-e"; 0 = none */
	const char *arg;  /* what the help calls the value; NULL for a flag */
	const char *help;
	enum option_kind kind;
	uint32_t min, max;
	size_t target;  /* offsetof() in the caller's struct */
	size_t present; /* offsetof() of a bool there; 0 = nobody asks */
};

/*
 * Read argv[1..argc).  --name=value, --name value and -e value; stops at "--",
 * which is skipped, and before the first argument that is no option ("-" is
 * none).  *ret is the index of what follows.  False: @reterr says why, and
 * @target may be half written.  An option other than OPTION_LIST given twice
 * is refused.
 */
must_check bool options_parse(const struct option *table, size_t n_rows,
			      int argc, char *const argv[], void *target,
			      int *ret, struct diag *reterr);
/* One line for each row, in the order of the table. */
void options_help(const struct option *table, size_t n_rows, struct buf *b);
/*
 * A verb with its options as one JSON object, for the manual pages and the
 * completions that are made when building.
 */
struct json_out;
void options_json(const char *name, const char *synopsis, const char *help,
		  const struct option *table, size_t n_rows,
		  struct json_out *w);
