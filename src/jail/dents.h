/* SPDX-License-Identifier: Apache-2.0 */
/* dents: the entries of a directory, with type and inode and without stat(2). */
#pragma once

#include "base/base.h"

#define DENTS_SIZE ((size_t)64 * 1024)

struct dents {
	int fd;     /* borrowed */
	char *room; /* DENTS_SIZE, borrowed */
	long n, at;
};

struct dent {
	const char *name;
	uint64_t ino;
	unsigned char type; /* DT_*; never DT_UNKNOWN, unless it is gone */
};

/* 0: *ret, but "." and ".."; 1: no more; -errno. */
must_check int dents_next(struct dents *d, struct dent *ret);
