/* SPDX-License-Identifier: Apache-2.0 */
/*
 * probe: what an attempt is, and how it says what came of it.
 *
 * An attempt is a row: an id whose first part is its class, a line that says
 * what is tried, and a function that runs in a child of its own.  Tables of rows
 * are in rows-*.c; tables.c puts them together.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define N_ELEMS(a)        (sizeof(a) / sizeof((a)[0]))
#define printf_like(f, a) __attribute__((format(printf, f, a)))

#define DETAIL_SIZE       200u

enum outcome {
	OUTCOME_NONE = 0, /* the child said nothing */
	OUTCOME_REACHABLE,
	OUTCOME_REFUSED,
	OUTCOME_ABSENT,  /* this kernel or architecture does not have it */
	OUTCOME_UNTRIED, /* no fixture for it */
	OUTCOME_MAX_
};

/* Lies in memory that the child shares with the program. */
struct result {
	enum outcome outcome;
	int error;  /* errno; 0: none */
	int signal; /* that ended the child; 0: none */
	char detail[DETAIL_SIZE];
};

struct fixtures;
struct attempt;

/* What a run is given. */
struct run {
	const struct fixtures *fixtures;
	pid_t sibling; /* a process beside the attempt's, for it to try */
	pid_t parent;  /* of the whole program */
};

enum attempt_flags {
	ATTEMPT_TTY = 1u << 0,       /* keeps the controlling terminal */
	ATTEMPT_RESOURCES = 1u << 1, /* uses something up: only when asked */
	ATTEMPT_SLOW = 1u << 2,      /* waits for others: a longer limit */
};

struct attempt {
	const char *id; /* CLASS.WORDS, stable: programs read it */
	const char *what;
	const char *ref; /* why it matters: CVE, manual page */
	void (*run)(const struct attempt *a, const struct run *r,
		    struct result *out);
	const void *arg; /* the function's own */
	unsigned flags;  /* enum attempt_flags */
};

struct attempt_table {
	const struct attempt *rows;
	size_t n;
};

/* All of them, in the order in which they are printed and tried. */
extern const size_t n_attempt_tables;
struct attempt_table attempt_table(size_t i);

/* ---- result.c: what came of it ---- */

const char *outcome_name(enum outcome o);

/* It went through; @fmt says what was seen, and may be "". */
void say_reachable(struct result *out, const char *fmt, ...) printf_like(2, 3);
void say_refused(struct result *out, int error, const char *fmt, ...)
	printf_like(3, 4);
void say_absent(struct result *out, int error, const char *fmt, ...)
	printf_like(3, 4);
void say_untried(struct result *out, const char *fmt, ...) printf_like(2, 3);
/* @got is a system call's result: -1 with errno is a refusal, all else not. */
void say_call(struct result *out, long got);
/* Words for a child that ended by itself (@status of waitpid) or in silence. */
void say_ended(struct result *out, int status);

/* ---- help.c: what rows have in common; all descriptors close-on-exec ---- */

/* The file's first bytes, ended by 0; their number, -1 with errno. */
ssize_t read_file(const char *path, char *buf, size_t size);
bool holds(const char *buf, size_t len, const char *word);
/* Whether the file holds the fixtures' marker; says so in @out. */
void try_read_marked(const struct run *r, const char *path, struct result *out);
/* "MARKER ID\n" into @buf; its length. */
size_t marker_line(const struct run *r, const struct attempt *a, char *buf,
		   size_t size);
void ignore_signal(int sig);
/* 0 or -1 with errno. */
int write_all(int fd, const char *text, size_t len);
