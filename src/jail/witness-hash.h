/* SPDX-License-Identifier: Apache-2.0 */
/*
 * witness-hash: which programs' SHA-256 is known, and who computes the others.
 *
 * Computing takes from a millisecond to a second, so the witness does not: it asks
 * a process that the supervisor starts when there is something to ask
 * (cmd/bawn-hash.c), which records the answer and appends it to a file.  That file
 * is read when a session begins; its lines are
 *
 *   KEY SP SHA256 LF     KEY = DEV SP INO SP SIZE SP MTIME SP CTIME
 *
 * decimal, times in nanoseconds.  Nobody in a jail can set a file's ctime, so a
 * program that was changed has another key.
 */
#pragma once

#include <sys/stat.h>

#include "base/base.h"

#define HASH_KEY   128u                 /* bytes, terminated */
#define HASH_HEX   65u                  /* terminated */
#define HASH_CACHE ((size_t)256 * 1024) /* bytes of the file that are read */

/* The key of a file. */
void hash_key(const struct stat *st, char dst[HASH_KEY]);

struct hashes;
/* It knows none, and nobody computes. */
must_check int hashes_new(struct hashes **ret);
/* @take_sock: who computes; -1: nobody.  @cache: read here; -1: none. */
void hashes_use(struct hashes *h, int take_sock, int cache);
void hashes_free(struct hashes *h);
DEFINE_AUTO(hashes, struct hashes, hashes_free);

/*
 * The hash of the program @fd (O_PATH, borrowed) in hexadecimal, borrowed until
 * the next call; NULL: not yet, or not a program.  At its first use in this
 * session it is asked for, under the name @path.
 */
const char *hashes_find(struct hashes *h, int fd, struct str path);
/* What could not be asked yet is; with @wait until all is. */
void hashes_ask(struct hashes *h, bool wait);
