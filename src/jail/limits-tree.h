/* SPDX-License-Identifier: Apache-2.0 */
/*
 * limits-tree: what the processes below one process use, asked of /proc.  For
 * machines where no control group can be had.  Not pure.
 */
#pragma once

#include <sys/types.h>

#include "base/base.h"

#define TREE_MAX 32768u /* processes looked at */

enum tree_how {
	TREE_QUICK,  /* private pages; those shared after fork() by each */
	TREE_SHARED, /* and what belongs to no process alone, see below */
	TREE_EXACT,  /* shared pages divided among those who share them */
};

struct tree_use {
	uint64_t bytes;
	uint32_t processes;
	pid_t largest; /* 0: none */
	uint64_t largest_bytes;
};

/*
 * All descendants of @root, itself not counted.  @proc is "/proc".  Each way is
 * many times slower than the one before.  What is shared by mappings and what lies in
 * files of memfd_create() are not told apart, so the larger of both counts.
 */
must_check int tree_measure(const char *proc, pid_t root, enum tree_how how,
			    struct tree_use *ret);
/* Of the whole machine: memory that no process owns.  0: not known. */
uint64_t tree_machine_shared(const char *proc);

/* Resident bytes, less what is of files, by the text of statm. */
bool tree_parse_statm(struct str text, uint64_t page, uint64_t *ret);
/* The line that begins with @key, "Pss:", of a file with such lines, in bytes. */
bool tree_parse_kb(struct str text, struct str key, uint64_t *ret);
