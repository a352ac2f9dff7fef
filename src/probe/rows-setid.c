/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Set-id files in the project, by every call that carries a mode.  Where the
 * project is an idmapped mount they are the owner's on the host, root's if root
 * started the sandbox.  Files stay behind for the host to look at: the
 * directory bawn-probe.setid of the project.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "probe/fixtures.h"
#include "probe/numbers.h"
#include "probe/rows.h"

#define PLACE    "bawn-probe.setid"
#define HIGH_BIT (1L << 32)

enum by {
	BY_CHMOD,
	BY_FCHMOD,
	BY_FCHMODAT,
	BY_FCHMODAT2,
	BY_FCHMODAT_HIGH,
	BY_OPEN,
	BY_OPENAT,
	BY_OPENAT2,
	BY_TMPFILE,
	BY_CREAT,
	BY_MKDIR,
	BY_MKDIRAT,
	BY_MKNOD,
	BY_MKNODAT,
	BY_MKFIFO
};

struct mode_deed {
	enum by by;
	mode_t bit;
};

/* In the project's place for it; false with @out said. */
static bool go_there(const struct run *r, struct result *out)
{
	const char *project = fixture_text(r->fixtures, FIX_PROJECT);

	if (!project) {
		say_untried(out, "no fixture: project");
		return false;
	}
	if (chdir(project) == -1 ||
	    (mkdir(PLACE, 0755) == -1 && errno != EEXIST) ||
	    chdir(PLACE) == -1) {
		say_refused(out, errno, "no directory to try it in");
		return false;
	}
	(void)umask(0);
	return true;
}

static int new_file(const char *name)
{
	int fd = open(name, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0755);

	if (fd != -1)
		(void)write_all(fd, "#!/bin/sh\n", 10);
	return fd;
}

static long change_mode(enum by by, const char *name, mode_t mode)
{
	int fd = new_file(name);
	long high = (long)mode | HIGH_BIT;

	if (fd == -1)
		return -1;
	switch (by) {
	case BY_FCHMOD:
		return fchmod(fd, mode);
	case BY_FCHMODAT:
		return syscall(SYS_fchmodat, AT_FDCWD, name, mode);
	case BY_FCHMODAT2:
		return syscall(SYS_fchmodat2, AT_FDCWD, name, mode, 0);
	case BY_FCHMODAT_HIGH:
		return syscall(SYS_fchmodat, AT_FDCWD, name, high);
	case BY_CHMOD:
	case BY_OPEN:
	case BY_OPENAT:
	case BY_OPENAT2:
	case BY_TMPFILE:
	case BY_CREAT:
	case BY_MKDIR:
	case BY_MKDIRAT:
	case BY_MKNOD:
	case BY_MKNODAT:
	case BY_MKFIFO:
	default:
		return syscall(SYS_chmod, name, mode);
	}
}

static long make_tmpfile(const char *name, mode_t mode)
{
	int fd = (int)syscall(SYS_openat, AT_FDCWD, ".",
			      O_TMPFILE | O_WRONLY | O_CLOEXEC, mode);
	char path[64];

	if (fd == -1)
		return -1;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return linkat(AT_FDCWD, path, AT_FDCWD, name, AT_SYMLINK_FOLLOW);
}

static long make_new(enum by by, const char *name, mode_t mode)
{
	struct open_how how = { .flags = O_CREAT | O_WRONLY | O_CLOEXEC,
				.mode = mode };
	int flags = O_CREAT | O_WRONLY | O_CLOEXEC;

	switch (by) {
	case BY_OPEN:
		return syscall(SYS_open, name, flags, mode);
	case BY_OPENAT:
		return syscall(SYS_openat, AT_FDCWD, name, flags, mode);
	case BY_OPENAT2:
		return syscall(SYS_openat2, AT_FDCWD, name, &how, sizeof(how));
	case BY_TMPFILE:
		return make_tmpfile(name, mode);
	case BY_CREAT:
		return syscall(SYS_creat, name, mode);
	case BY_MKDIR:
		return syscall(SYS_mkdir, name, mode);
	case BY_MKDIRAT:
		return syscall(SYS_mkdirat, AT_FDCWD, name, mode);
	case BY_MKNOD:
		return syscall(SYS_mknod, name, S_IFREG | mode, 0);
	case BY_MKNODAT:
		return syscall(SYS_mknodat, AT_FDCWD, name, S_IFREG | mode, 0);
	case BY_MKFIFO:
		return syscall(SYS_mknodat, AT_FDCWD, name, S_IFIFO | mode, 0);
	case BY_CHMOD:
	case BY_FCHMOD:
	case BY_FCHMODAT:
	case BY_FCHMODAT2:
	case BY_FCHMODAT_HIGH:
	default:
		return change_mode(by, name, mode);
	}
}

/* The bit on the file is what counts, whatever the call said. */
static void judge_bit(const char *name, mode_t bit, long got, int e,
		      struct result *out)
{
	struct stat st;

	if (got == -1)
		say_refused(out, e, "%s", "");
	else if (stat(name, &st) == -1)
		say_refused(out, errno, "no file");
	else if (st.st_mode & bit)
		say_reachable(out, "mode %o, uid %u", st.st_mode & 07777,
			      (unsigned)st.st_uid);
	else
		say_refused(out, 0, "the bit was dropped");
}

static void try_mode(const struct attempt *a, const struct run *r,
		     struct result *out)
{
	const struct mode_deed *d = a->arg;
	const char *name = a->id + 3; /* "fs." */
	long got;
	int e;

	if (!go_there(r, out))
		return;
	(void)unlink(name);
	(void)rmdir(name);
	got = make_new(d->by, name, 0755 | d->bit);
	e = errno;
	if (got == -1 && e == ENOSYS && d->by == BY_OPEN)
		say_absent(out, e, "%s", "");
	else
		judge_bit(name, d->bit, got, e, out);
}

/* Capabilities of a file are set-uid root by another name. */
static void try_file_caps(const struct attempt *a, const struct run *r,
			  struct result *out)
{
	struct vfs_cap_data caps = {
		.magic_etc = VFS_CAP_REVISION_2 | VFS_CAP_FLAGS_EFFECTIVE,
		.data[0] = { .permitted = 1u << CAP_CHOWN },
	};
	const char *name = a->id + 3;

	if (!go_there(r, out))
		return;
	(void)unlink(name);
	if (new_file(name) == -1)
		say_refused(out, errno, "no file to try it on");
	else
		say_call(out, setxattr(name, "security.capability", &caps,
				       sizeof(caps), 0));
}

static void try_trusted(const struct attempt *a, const struct run *r,
			struct result *out)
{
	const char *name = a->id + 3;

	if (!go_there(r, out))
		return;
	(void)unlink(name);
	if (new_file(name) == -1)
		say_refused(out, errno, "no file to try it on");
	else
		say_call(out, setxattr(name, a->arg, "y", 1, 0));
}

/* Giving a file away: to root, as whom it would run. */
static void try_chown(const struct attempt *a, const struct run *r,
		      struct result *out)
{
	const char *name = a->id + 3;

	if (!go_there(r, out))
		return;
	(void)unlink(name);
	if (geteuid() == 0)
		say_refused(out, 0, "root here: see handover.uid-zero");
	else if (new_file(name) == -1)
		say_refused(out, errno, "no file to try it on");
	else
		say_call(out, chown(name, 0, (gid_t)-1));
}

#define MODE(name, words, by)                                                 \
	ROW("fs.setuid-" name, "set-uid by " words, "set-id files", try_mode, \
	    (&(const struct mode_deed){ (by), S_ISUID })),                    \
		ROW("fs.setgid-" name, "set-gid by " words, "set-id files",   \
		    try_mode, (&(const struct mode_deed){ (by), S_ISGID }))

const struct attempt setid_rows[] = {
	MODE("chmod", "chmod()", BY_CHMOD),
	MODE("fchmod", "fchmod()", BY_FCHMOD),
	MODE("fchmodat", "fchmodat()", BY_FCHMODAT),
	MODE("fchmodat2", "fchmodat2()", BY_FCHMODAT2),
	MODE("fchmodat-high", "fchmodat() with high bits", BY_FCHMODAT_HIGH),
	MODE("open", "open()", BY_OPEN),
	MODE("openat", "openat()", BY_OPENAT),
	MODE("openat2", "openat2()", BY_OPENAT2),
	MODE("tmpfile", "O_TMPFILE", BY_TMPFILE),
	MODE("creat", "creat()", BY_CREAT),
	MODE("mkdir", "mkdir()", BY_MKDIR),
	MODE("mkdirat", "mkdirat()", BY_MKDIRAT),
	MODE("mknod", "mknod()", BY_MKNOD),
	MODE("mknodat", "mknodat()", BY_MKNODAT),
	MODE("mkfifo", "mknodat() of a FIFO", BY_MKFIFO),
	ROW("fs.file-capability", "a capability on a file", "idmapped mounts",
	    try_file_caps, NULL),
	ROW("fs.trusted-attribute", "a trusted attribute", "CVE-2023-0386",
	    try_trusted, "trusted.overlay.opaque"),
	ROW("fs.security-attribute", "a label of a security module", "xattr(7)",
	    try_trusted, "security.bawn"),
	ROW("fs.chown-root", "a file given to root", "chown(2)", try_chown,
	    NULL),
};
END_ROWS(setid);
