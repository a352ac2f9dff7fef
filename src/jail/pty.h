/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pty: the user's terminal on one side, the jail's own pty on the other.
 *
 * The user's terminal never enters the jail, since whoever holds it can type
 * into the shell behind it.  Each of the command's three streams that is a
 * terminal becomes the jail's pty; the others are given to the command as they
 * are.  Bytes are copied unchanged, with back-pressure.
 *
 *   PTY_FULL  all three are terminals.  The user's is raw: each key goes to
 *             the jail's pty, whose line discipline edits, echoes and makes
 *             signals.
 *   PTY_LINE  some are.  Other programs of the pipeline may use the terminal
 *             too, so it keeps its mode, edits and echoes; the jail's pty does
 *             not (EXTPROC).  When the program changes the mode of its pty
 *             (a password, a pager), the user's terminal follows.
 *
 * Not pure.  At most one in a process.
 */
#pragma once

#include <termios.h>

#include "base/base.h"
#include "base/loop.h"

enum pty_mode {
	PTY_NONE = 1, /* no stream is a terminal */
	PTY_FULL,
	PTY_LINE,
};

struct pty_choice {
	enum pty_mode mode;
	bool stream[3]; /* which become the jail's pty */
	uint16_t cols, rows;
};

/* Looks at descriptors 0, 1 and 2. */
void pty_choose(struct pty_choice *ret);

struct pty;

struct pty_config {
	struct pty_choice choice;
	struct loop *loop;
	int master; /* of the jail's pty; borrowed until pty_free() */
	/* The user's terminal is gone. */
	void (*hangup)(void *owner);
	/* What the jail's said, before it is written; NULL: nobody asks. */
	void (*output)(void *owner, struct str bytes);
	void *owner;
};

/* Gives the jail's pty the modes and the size of the user's terminal. */
must_check int pty_new(struct pty **ret, const struct pty_config *c);
/*
 * From now on copy, and set the user's terminal.  A small process stays beside
 * us that restores it however we end.  0 or -errno.
 */
must_check int pty_start(struct pty *p);
/* Write out what the jail's pty still holds. */
void pty_drain(struct pty *p, int stop_fd);
/* The same; restore the terminal. */
void pty_finish(struct pty *p, int stop_fd);
/* Restores the terminal. */
void pty_free(struct pty *p);
DEFINE_AUTO(pty, struct pty, pty_free);

/* SIGWINCH: the size may have changed. */
void pty_resize(struct pty *p);
/* Around a stop of ourselves: the shell's mode, and ours again. */
void pty_suspend(struct pty *p);
void pty_resume(struct pty *p);
/* The descriptor of the jail's pty that the command gets, or -errno. */
must_check int pty_open_slave(const struct pty *p);