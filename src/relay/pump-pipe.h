/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pump-pipe: bytes that go from socket to socket without being copied, through
 * a pipe, splice(2).
 *
 * Worth its two descriptors and a megabyte only for streams.  A process that
 * uses it ignores SIGPIPE.
 */
#pragma once

#include <sys/types.h>

#include "base/base.h"

#define PUMP_PIPE_SIZE ((size_t)1024 * 1024) /* bytes */

struct pump_pipe {
	int in, out;
	size_t len;     /* bytes inside */
	unsigned small; /* fills in a row that were not worth it */
};

/* -errno: the kernel grants none that large. */
must_check int pump_pipe_new(struct pump_pipe **ret);
void pump_pipe_free(struct pump_pipe *p);

/* Into an empty pipe: bytes, 0 = end of input, -EAGAIN, -errno. */
ssize_t pump_pipe_fill(struct pump_pipe *p, int from);
/* Bytes, -EAGAIN, -errno. */
ssize_t pump_pipe_drain(struct pump_pipe *p, int to);
