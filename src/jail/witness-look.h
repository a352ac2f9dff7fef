/* SPDX-License-Identifier: Apache-2.0 */
/*
 * witness-look: what a process in the jail is and what it points at, read from
 * outside while it waits for the witness.
 *
 * Nothing here says that it still waits: what was read counts only when the
 * answer to its call is taken (SECCOMP_IOCTL_NOTIF_SEND), since till then the
 * number was that process's.
 */
#pragma once

#include <sys/types.h>

#include "base/base.h"

#define LOOK_PATH ((size_t)4096)  /* PATH_MAX, terminated */
#define LOOK_FULL (2 * LOOK_PATH) /* behind its directory */
#define LOOK_EXE  ((size_t)512)

struct look_who {
	pid_t tid, tgid, ppid; /* as the host counts; 0: could not be told */
	pid_t inside;          /* tgid, as the jail counts */
	char exe[LOOK_EXE];    /* "": could not be told; "...": cut there */
	uint64_t at_ns;        /* when this was looked at; 0: never */
	bool exe_old;          /* it has asked to become another program */
	uint64_t exec_ns;      /* when a thread that is not the first did; 0 */
};

struct look;
must_check int look_new(struct look **ret);
void look_free(struct look *l);
DEFINE_AUTO(look, struct look, look_free);

/* Its file mode creation mask; 0 when it cannot be told. */
uint32_t look_umask(pid_t tid);
/* Borrowed until the next call.  Remembered for a moment. */
const struct look_who *look_who(struct look *l, pid_t tid);
/* It may be another program from now on. */
void look_exec(struct look *l, const struct look_who *who);

/* As much as can be read: 0 to @len, or -errno when it is nothing. */
must_check ssize_t look_bytes(pid_t tid, uint64_t addr, void *dst, size_t len);
/*
 * A string of less than @size bytes, terminated.  Its length, -EFAULT, or
 * -ENAMETOOLONG, and then @dst holds its beginning, terminated.
 */
must_check ssize_t look_string(pid_t tid, uint64_t addr, char *dst,
			       size_t size);
/*
 * /proc/TID/@what, a link; terminated.  Its length, 0 when it cannot be read or
 * does not fit.
 */
size_t look_link(pid_t tid, const char *what, char *dst, size_t size);
/* The processor it was on last; -1: it cannot be told. */
int look_cpu(pid_t tid);
/* The path of its descriptor @fd. */
size_t look_fd(pid_t tid, int fd, char *dst, size_t size);

/*
 * @path, a string it gave with the directory @dirfd (AT_FDCWD), made absolute
 * by its name only: neither "." nor ".." nor links are resolved.  "?/..." when
 * the directory cannot be told.
 */
struct str look_absolute(pid_t tid, int dirfd, struct str path,
			 char dst[LOOK_FULL]);

/*
 * Its arguments at @addr, quoted for a shell, into @dst.  False: not all of it,
 * or of them.
 */
bool look_argv(pid_t tid, uint64_t addr, char *dst, size_t size,
	       unsigned *ret_argc);
/* The same of words of our own. */
bool look_words(const char *const *words, size_t n, char *dst, size_t size);
