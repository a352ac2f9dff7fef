/* SPDX-License-Identifier: Apache-2.0 */
/*
 * limits-tree: what the processes below one process use, asked of /proc.  For
 * machines where no control group can be had.  Not pure.
 */
#pragma once

#include <sys/types.h>

#include "base/base.h"

#define TREE_MAX 32768u /* processes looked at */

struct tree_use {
	uint64_t bytes; /* of memory, shared pages counted more than once */
	uint32_t processes;
	pid_t largest; /* 0: none */
	uint64_t largest_bytes;
};

/*
 * All descendants of @root, itself not counted.  @proc is "/proc".
 * @exact: shared pages divided among those who share them; many times slower.
 */
must_check int tree_measure(const char *proc, pid_t root, bool exact,
			    struct tree_use *ret);

/* Resident bytes, less what is of files, by the text of statm. */
bool tree_parse_statm(struct str text, uint64_t page, uint64_t *ret);
/* The line "Pss:" of smaps_rollup, in bytes. */
bool tree_parse_pss(struct str text, uint64_t *ret);
