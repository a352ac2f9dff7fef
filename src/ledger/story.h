/* SPDX-License-Identifier: Apache-2.0 */
/*
 * story: what one session did, gathered from its records.  Pure.
 *
 * Records are added in order.  Things that repeat are folded into rows with
 * counts and the numbers of their first and last record, so that a session of
 * millions of records needs no more memory than one of some thousands.  Kinds
 * that this version does not know are counted by name.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "ledger/record.h"

#define STORY_ROWS_MAX  65536u /* of one table; the rest is counted only */
#define STORY_NODES_MAX 8192u  /* of the tree of programs */
#define STORY_BYTES_MAX ((size_t)64 * 1024 * 1024) /* of rows' texts */
#define STORY_BINS      240u                       /* of the timeline */

enum story_table_id {
	STORY_PROGRAMS = 0, /* name: the executable; about: its arguments */
	STORY_FILES,        /* name: the path; facts */
	STORY_LATER,        /* what runs outside later; name: the path */
	STORY_HOSTS,        /* granted; name: host:port; about: the rule */
	STORY_SOCKETS,      /* as programs asked for them; name: address */
	STORY_REFUSED,      /* name: what; about: why; hint: how to allow it */
	STORY_LIMITS,
	STORY_OTHER, /* name: a kind that has no table of its own */
	STORY_TABLE_MAX_,
};

/* What was done to a file, as bits. */
enum {
	STORY_READ = 1,
	STORY_WROTE = 2,
	STORY_CREATED = 4,
	STORY_RENAMED = 8,
	STORY_REMOVED = 16,
	STORY_LINKED = 32,
	STORY_MODE = 64,
};
#define STORY_CHANGED (~(unsigned)STORY_READ)

struct story_row {
	struct str name, about, hint; /* foreign bytes, as all texts */
	struct str what, row, of;     /* of a later: file.later's members */
	uint64_t count;
	uint64_t first, last; /* numbers of records */
	uint64_t at, until;   /* UTC ns */
	uint64_t bytes_in, bytes_out;
	unsigned facts;
	bool urgent;  /* ordinary work does not do that */
	bool claimed; /* some of it is a string that a process chose */
};

struct story_table {
	struct story_row *rows;
	uint32_t *slots; /* of a hash table: index + 1 */
	size_t n, size, n_slots;
	size_t n_gone;     /* rows whose count came down to 0 */
	uint64_t total;    /* of counts, those without a row too */
	uint64_t left_out; /* of counts, for want of a row */
};

/* A program below the one that started it; equal ones below one are folded. */
struct story_node {
	struct str name; /* last part of the executable's path */
	uint64_t count;
	uint32_t parent, child, next; /* 0: none; node 0 is the session */
};

/*
 * What the agent's own telemetry claims.  Spans and log records often say the
 * same twice, so tokens and cost are kept for each, and one of them is told.
 */
struct story_said {
	uint64_t events, lost; /* lost: not recorded, as bawn knows */
	struct {
		uint64_t tokens_in, tokens_out, cost_microusd;
		uint64_t n; /* that said any of it */
	} by[2];            /* log records, spans */
};

enum story_lane {
	STORY_LANE_RAN = 0,
	STORY_LANE_CHANGED,
	STORY_LANE_READ,
	STORY_LANE_NET,
	STORY_LANE_REFUSED,
	STORY_LANE_LIMIT,
	STORY_LANE_MAX_,
};

struct story {
	struct arena arena, frame; /* rows'; the three records' */
	struct str id;
	struct record open, start, close; /* .fields NULL: not there */
	uint64_t n_records, first, last;  /* numbers of records */
	uint64_t first_at, last_at;
	uint64_t counts[RECORD_KIND_MAX_];
	struct story_table tables[STORY_TABLE_MAX_];
	struct story_said said;
	struct story_node *nodes;
	size_t n_nodes, nodes_size;
	struct story_pid *pids; /* of a hash table */
	size_t n_pids, pids_size;
	uint32_t bins[STORY_LANE_MAX_][STORY_BINS];
	uint64_t bin_ns;
};

/* 0; -ENOMEM. */
must_check int story_init(struct story *s, struct str id);
void story_done(struct story *s);
static inline void auto_story(struct story *s)
{
	story_done(s);
}

/*
 * A line of the ledger.  0, also for what is no record of this session;
 * -ENOMEM.
 */
must_check int story_add(struct story *s, struct str line);

/* Rows to be shown; story_sort() puts them first. */
static inline size_t story_n_rows(const struct story_table *t)
{
	return t->n - t->n_gone;
}

static inline const struct story_table *story_table(const struct story *s,
						    enum story_table_id id)
{
	return &s->tables[id];
}

/* Has the closing record been seen? */
bool story_is_over(const struct story *s);
/* From the opening record to the closing one, or to @now_ns. */
uint64_t story_elapsed_ns(const struct story *s, uint64_t now_ns);
/* What the files' rows add up to. */
size_t story_count_files(const struct story *s, unsigned facts);
/* "exited with 0", "killed by signal 9", "running, ..." */
void story_format_end(const struct story *s, struct buf *b);
