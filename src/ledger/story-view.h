/* SPDX-License-Identifier: Apache-2.0 */
/*
 * story-view: a story for people and for programs.  Pure.
 *
 * Every string of a record is foreign: the text shows what is not printable
 * as \xNN, the page escapes it.  Failure is b->failed.
 */
#pragma once

#include "ledger/story.h"

struct story_view {
	uint64_t now_ns;
	unsigned width; /* columns; at least STORY_WIDTH_MIN */
	bool all;       /* every row, not the first of each table */
	bool colour;
	struct str checkpoint; /* the ledger's newest, {0}: none */
};

#define STORY_WIDTH_MIN 60u
/* A session that waited longer for the ledger is told of. */
#define STORY_WAITED_MS 100u

/* For a terminal or a file; some 40 lines unless view->all. */
void story_text(const struct story *s, const struct story_view *view,
		struct buf *b);
/* One JSON object and a LF; doc/PROTOCOL.show has its members. */
void story_json(const struct story *s, const struct story_view *view,
		struct buf *b);
/* One HTML page that needs nothing else; no scripts. */
void story_html(const struct story *s, const struct story_view *view,
		struct buf *b);

/* ---- what the three share ---- */

/* "412 ms", "12.3 s", "4 min 03 s", "2 h 05 min" */
void story_format_ns(uint64_t ns, struct buf *b);
/* "812 B", "12 kB", "3.4 MB" */
void story_format_bytes(uint64_t n, struct buf *b);
/* How many records the checkpoint of @view covers; 0: there is none. */
uint64_t story_checkpoint_size(const struct story_view *view);
/* Relative to the session's directory where it is below that. */
struct str story_path(const struct story *s, struct str path);
/* "created, changed" */
void story_format_facts(unsigned facts, struct buf *b);
/*
 * "3 events, 2000 tokens in, 40 out, $0.75 (claimed by the agent)"; nothing when
 * the agent said nothing.
 */
void story_format_said(const struct story *s, struct buf *b);
/* The walls of session.start: "userns, landlock 7". */
void story_format_walls(const struct story *s, struct buf *b);

/* Rows by count, then by number. */
must_check int story_sort(const struct story_table *t,
			  const struct story_row ***ret);

/* A directory in which files were changed, or only read. */
struct story_dir {
	struct str path; /* borrowed; "" for the root's */
	size_t n;        /* files */
	bool is_here;    /* where the session ran, or below */
	size_t by[3];    /* created; removed; otherwise changed */
};

/*
 * The directories of the files that @changed or else of those only read, those
 * where it ran first, and the fullest, in *ret, which the caller frees.  -ENOMEM.
 */
must_check int story_dirs(const struct story *s, bool changed,
			  struct story_dir **ret, size_t *ret_n);
