/* SPDX-License-Identifier: Apache-2.0 */
/* print: rows for people and for programs, on standard output. */
#pragma once

#include "probe/probe.h"

#define PROBE_FORMAT 1 /* of the JSON; doc/PROTOCOL.probe */

enum print_form {
	PRINT_TEXT,
	PRINT_JSON
};

void print_head(enum print_form form);
/* @outside: of the baseline; OUTCOME_NONE: nothing known. */
void print_row(enum print_form form, const struct attempt *a,
	       const struct result *res, enum outcome outside);
/* --list */
void print_known(enum print_form form, const struct attempt *a);
/* @count: of each outcome */
void print_sum(const unsigned count[OUTCOME_MAX_]);
