/* SPDX-License-Identifier: Apache-2.0 */
/* plan-text: the words and columns that plan-parse.c and plan-format.c share. */
#pragma once

#include "jail/plan.h"

enum plan_mount_has { /* which members a mount of this kind has */
	PLAN_HAS_SRC = 1u << 0,
	PLAN_HAS_TEXT = 1u << 1,
	PLAN_HAS_MODE = 1u << 2,
	PLAN_HAS_SIZE = 1u << 3,
	PLAN_HAS_WRITABLE = 1u << 4,
	PLAN_HAS_NOEXEC = 1u << 5,
	PLAN_HAS_PUBLIC = 1u << 6,
};

struct plan_op_row {
	const char *name;
	unsigned has; /* enum plan_mount_has; a mount has no others */
};

/* Indexed by enum plan_op; row 0 is empty. */
extern const struct plan_op_row plan_ops[PLAN_OP_MAX_];

/* Members that are one number. */
struct plan_number_row {
	const char *name;
	size_t offset; /* in struct plan or struct plan_limits */
	bool wide;     /* uint64_t, else uint32_t */
};

extern const struct plan_number_row plan_ids[];
extern const size_t plan_n_ids;
extern const struct plan_number_row plan_limit_rows[];
extern const size_t plan_n_limit_rows;

/* Members that are one string. */
struct plan_string_row {
	const char *name;
	size_t offset; /* of a char * in struct plan */
	bool is_path;  /* absolute and normal */
};

extern const struct plan_string_row plan_strings[];
extern const size_t plan_n_strings;

/* Members that are lists of strings. */
struct plan_list_row {
	const char *name;
	size_t offset, n_offset; /* of char ** and size_t in struct plan */
	size_t max;
};

extern const struct plan_list_row plan_lists[];
extern const size_t plan_n_lists;

/* Indexed by enum plan_backend. */
extern const char *const plan_backends[];
extern const size_t plan_n_backends;
extern const char *const plan_audits[];
extern const size_t plan_n_audits;
