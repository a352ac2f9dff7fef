/* SPDX-License-Identifier: Apache-2.0 */
/*
 * later-sum: what later-state.h found, in an order and a number that people read
 * and the ledger can hold.  What is in one heap and of one row is one.  However much
 * is found, each row and change has an item that counts it, so nothing can be
 * hidden among many of another row.  Pure.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "jail/later-state.h"

#define LATER_MAX_FINDS 2048u /* each with its path; more are counted */
#define LATER_MAX_CALM  1024u /* of them, those that are not urgent */
#define LATER_MAX_EACH  128u  /* of one row and change */
#define LATER_MAX_ROWS  64u
#define LATER_N_WHAT    5u
/* With one for each row and change, for what has no place. */
#define LATER_MAX_ITEMS (LATER_MAX_FINDS + LATER_MAX_ROWS * LATER_N_WHAT)

struct later_item {
	const struct later_row *row;
	enum later_what what;
	struct str path;   /* of many: a directory that holds them all */
	struct str detail; /* may be empty */
	uint64_t count;
	bool many; /* count of them are somewhere below path */
	bool heap; /* which is one */
};

struct later_sum {
	struct arena arena;
	struct later_item v[LATER_MAX_ITEMS];
	size_t n, n_single;
	uint32_t each[LATER_MAX_ROWS][LATER_N_WHAT]; /* how many items */
	uint32_t rest[LATER_MAX_ROWS][LATER_N_WHAT]; /* index + 1; 0: none */
	uint64_t total;
};

void later_sum_init(struct later_sum *s);
void later_sum_done(struct later_sum *s);
void later_sum_add(struct later_sum *s, const struct later_find *f);
/* The most urgent first; before the two below. */
void later_sum_sort(struct later_sum *s);
bool later_sum_is_urgent(const struct later_item *it);

#define LATER_MAX_LINES 20u

/*
 * Lines for the user, at most LATER_MAX_LINES, without their end.  @base: paths
 * in it are shown from there.  @more: what tells the rest, "bawn show X".
 */
void later_sum_tell(const struct later_sum *s, struct str base,
		    const char *more,
		    void (*line)(void *owner, const char *text), void *owner);
