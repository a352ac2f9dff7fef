/* SPDX-License-Identifier: Apache-2.0 */
/*
 * duct: copies bytes both ways between two ends, with back-pressure and half
 * close, and looks at none of them.
 *
 * An end is a descriptor pair: the same twice for a socket or a pty, two for
 * a terminal's input and output.  Non-blocking descriptors are copied as fast
 * as they go; a blocking one (a terminal we may not switch, since others share
 * its open file) is written in small pieces when poll says so.
 */
#pragma once

#include "base/base.h"
#include "base/loop.h"

#define DUCT_BUF ((size_t)16 * 1024) /* bytes in flight, one direction */

enum duct_over {
	DUCT_CLOSED = 1, /* both directions ended */
	DUCT_BROKEN,     /* an end failed */
};

struct duct_flow { /* private */
	char buf[DUCT_BUF];
	size_t off, len;
	bool ended;  /* nothing more comes in */
	bool closed; /* nothing more goes out: the end was passed on */
	bool paused; /* by duct_pause() */
};

struct duct_end {          /* private */
	int in_fd, out_fd; /* -1: this direction does not exist */
	bool small_writes;
	struct loop_io in, out; /* one for both, when in_fd == out_fd */
	bool in_added, out_added;
};

struct duct {
	struct loop *loop;
	struct duct_end e[2];
	struct duct_flow f[2]; /* f[i]: from e[i].in_fd to e[1 - i].out_fd */
	uint64_t bytes[2];     /* taken in by f[i] */
	bool over;

	/*
	 * The input of end @i is at its end and all was passed on.  NULL:
	 * shutdown(2) of the other end's output.
	 */
	void (*on_end)(struct duct *p, unsigned i);
	/* End @i is readable; false: not now, after duct_pause().  NULL: yes. */
	bool (*may_read)(struct duct *d, unsigned i);
	/*
	 * May change the @n bytes just read from end @i; what remains of them.
	 * NULL: all do.
	 */
	size_t (*filter)(struct duct *p, unsigned i, char *bytes, size_t n);
	/*
	 * End @i failed with @error; true: as if it were at its end (a pty
	 * whose other side is closed says EIO).  NULL: the duct is broken.
	 */
	bool (*is_end)(struct duct *p, unsigned i, int error);
	/* Once; may free the duct.  @error: 0 or -errno of DUCT_BROKEN. */
	void (*on_over)(struct duct *p, enum duct_over how, int error);
	void *owner;
};

struct duct_fds {
	int in, out;
	bool small_writes;
};

/*
 * Borrows the descriptors until duct_done().  Set on_end, on_over and owner
 * before.
 */
must_check int duct_start(struct duct *p, struct loop *l, struct duct_fds a,
			  struct duct_fds b);
void duct_done(struct duct *p);

/* Stop and go on reading end @i. */
void duct_pause(struct duct *p, unsigned i, bool paused);
/* Bytes that wait to be written to end @i. */
static inline size_t duct_pending(const struct duct *p, unsigned i)
{
	return p->f[1 - i].len;
}
/*
 * Put @s before what comes next from end @i; false: no room now.
 */
bool duct_inject(struct duct *p, unsigned i, struct str s);
/*
 * Read what end @i still has and write it out, waiting for the writer at most
 * @timeout_ms, @stop_fd (or -1) becoming readable ends the wait.
 */
void duct_drain(struct duct *p, unsigned i, int timeout_ms, int stop_fd);
