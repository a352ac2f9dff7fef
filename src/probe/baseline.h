/* SPDX-License-Identifier: Apache-2.0 */
/*
 * baseline: what a run outside of the sandbox said, so that what a kernel
 * refuses to everybody is not taken for the sandbox's doing.
 *
 * The text is what --json prints; the parser is pure, and knows just that:
 * one flat object a line, of strings and numbers.
 */
#pragma once

#include <stddef.h>

#include "probe/probe.h"

#define BASELINE_SIZE_MAX (4u << 20)
#define BASELINE_ROWS_MAX 4096u
#define BASELINE_ID_MAX   64u

struct baseline_row {
	char id[BASELINE_ID_MAX];
	enum outcome outcome;
	/* Refused since it does not exist there: no call, no file, no family. */
	bool missing;
};

struct baseline {
	struct baseline_row rows[BASELINE_ROWS_MAX];
	size_t n;
};

/* 0, or the number of the first line that is none of ours. */
unsigned baseline_parse(const char *text, size_t len, struct baseline *ret);
/* NULL: it has no such row. */
const struct baseline_row *baseline_find(const struct baseline *b,
					 const char *id);
