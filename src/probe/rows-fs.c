/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files: those outside that must not be read or written, those in the project
 * that are hidden or protected, and the names by which one comes to them.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "probe/fixtures.h"
#include "probe/numbers.h"
#include "probe/rows.h"

#define PATH_SIZE  (FIXTURE_LINE_MAX + 128)
#define THERE      "there" /* the file that the outside directory holds */
#define HANDLE_MAX 128

/* The first value of @key, or NULL and @out says so. */
static const char *need(const struct run *r, enum fixture_key key,
			struct result *out)
{
	const char *value = fixture_text(r->fixtures, key);

	if (!value)
		say_untried(out, "no fixture: %s", fixture_name(key));
	return value;
}

/* ---- reading outside ---- */

/* All of them; the first that can be read. */
static void try_read_all(const struct run *r, enum fixture_key key,
			 struct result *out)
{
	if (!need(r, key, out))
		return;
	for (size_t i = 0; i < r->fixtures->n[key]; i++) {
		try_read_marked(r, r->fixtures->of[key][i].text, out);
		if (out->outcome == OUTCOME_REACHABLE)
			return;
	}
}

static void try_read_secret(const struct attempt *a, const struct run *r,
			    struct result *out)
{
	(void)a;
	try_read_all(r, FIX_SECRET_FILE, out);
}

static void try_read_hidden(const struct attempt *a, const struct run *r,
			    struct result *out)
{
	(void)a;
	try_read_all(r, FIX_HIDDEN_FILE, out);
}

/* @arg: what to put before the absolute path: another name of the root. */
static void try_alias(const struct attempt *a, const struct run *r,
		      struct result *out)
{
	const char *secret = need(r, FIX_SECRET_FILE, out);
	char path[PATH_SIZE];

	if (!secret)
		return;
	(void)snprintf(path, sizeof(path), "%s%s", (const char *)a->arg,
		       secret);
	try_read_marked(r, path, out);
}

static void try_parent_root(const struct attempt *a, const struct run *r,
			    struct result *out)
{
	const char *secret = need(r, FIX_SECRET_FILE, out);
	char path[PATH_SIZE];

	(void)a;
	if (!secret)
		return;
	(void)snprintf(path, sizeof(path), "/proc/%d/root%s", (int)r->parent,
		       secret);
	try_read_marked(r, path, out);
}

/* Up from the project by "..", then down by the secret's path. */
static void try_dotdot(const struct attempt *a, const struct run *r,
		       struct result *out)
{
	const char *project = need(r, FIX_PROJECT, out);
	const char *secret = project ? need(r, FIX_SECRET_FILE, out) : NULL;
	char path[PATH_SIZE] = "";
	size_t len = 0;

	(void)a;
	if (!secret || chdir(project) == -1)
		return;
	for (const char *p = project; *p && len < FIXTURE_LINE_MAX / 2; p++) {
		if (*p == '/')
			len += (size_t)snprintf(path + len, sizeof(path) - len,
						"../");
	}
	(void)snprintf(path + len, sizeof(path) - len, "%s", secret + 1);
	try_read_marked(r, path, out);
}

/* @name in the project, which is gone afterwards; false: said why not. */
static bool in_project(const struct run *r, const char *name, char *path,
		       struct result *out)
{
	const char *project = need(r, FIX_PROJECT, out);

	if (!project)
		return false;
	(void)snprintf(path, PATH_SIZE, "%s/%s", project, name);
	(void)unlink(path);
	return true;
}

static void try_symlink(const struct attempt *a, const struct run *r,
			struct result *out)
{
	const char *secret = need(r, FIX_SECRET_FILE, out);
	char path[PATH_SIZE];

	(void)a;
	if (!secret || !in_project(r, "bawn-probe.link", path, out))
		return;
	if (symlink(secret, path) == -1) {
		say_refused(out, errno, "no link in the project");
		return;
	}
	try_read_marked(r, path, out);
	(void)unlink(path);
}

/* @key's first file under another name of the project, by a hard link. */
static void try_link_of(const struct run *r, const char *from,
			struct result *out)
{
	char path[PATH_SIZE];

	if (!from || !in_project(r, "bawn-probe.hard", path, out))
		return;
	if (link(from, path) == -1) {
		say_refused(out, errno, "%s", from);
		return;
	}
	try_read_marked(r, path, out);
	(void)unlink(path);
}

static void try_hardlink(const struct attempt *a, const struct run *r,
			 struct result *out)
{
	(void)a;
	try_link_of(r, need(r, FIX_SECRET_FILE, out), out);
}

static void try_hidden_link(const struct attempt *a, const struct run *r,
			    struct result *out)
{
	(void)a;
	try_link_of(r, need(r, FIX_HIDDEN_FILE, out), out);
}

/* Found without being opened, then opened by its descriptor. */
static void try_reopen(const struct attempt *a, const struct run *r,
		       struct result *out)
{
	const char *secret = need(r, *(const enum fixture_key *)a->arg, out);
	char path[64];
	int fd;

	if (!secret)
		return;
	fd = open(secret, O_PATH | O_CLOEXEC);
	if (fd == -1) {
		say_refused(out, errno, "%s", secret);
		return;
	}
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	try_read_marked(r, path, out);
}

/* Whether it is there, how large, of when: already more than nothing. */
static void try_stat(const struct attempt *a, const struct run *r,
		     struct result *out)
{
	const char *secret = need(r, FIX_SECRET_FILE, out);
	struct stat st;

	(void)a;
	if (!secret)
		return;
	if (stat(secret, &st) == -1)
		say_refused(out, errno, "%s", "");
	else
		say_reachable(out, "%lld bytes", (long long)st.st_size);
}

static void try_exec_secret(const struct attempt *a, const struct run *r,
			    struct result *out)
{
	const char *secret = need(r, FIX_SECRET_FILE, out);

	(void)a;
	/* EACCES for want of an x bit says that the file is there. */
	if (secret)
		say_call(out, access(secret, R_OK));
}

static void try_inotify(const struct attempt *a, const struct run *r,
			struct result *out)
{
	const char *dir = need(r, FIX_OUTSIDE_DIR, out);

	(void)a;
	if (dir)
		say_call(out, inotify_add_watch(inotify_init1(IN_CLOEXEC), dir,
						IN_ALL_EVENTS));
}

static void try_list(const struct attempt *a, const struct run *r,
		     struct result *out)
{
	const char *dir = need(r, *(const enum fixture_key *)a->arg, out);

	if (dir)
		say_call(out, open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

/* By the number of an inode instead of a name: past all paths. */
static void try_handle(const struct attempt *a, const struct run *r,
		       struct result *out)
{
	union {
		struct file_handle h;
		char bytes[sizeof(struct file_handle) + HANDLE_MAX];
	} u = { .h.handle_bytes = HANDLE_MAX };
	const char *project = need(r, FIX_PROJECT, out);
	int mount_id, fd;

	(void)a;
	if (!project)
		return;
	if (name_to_handle_at(AT_FDCWD, project, &u.h, &mount_id, 0) == -1) {
		say_refused(out, errno, "name_to_handle_at");
		return;
	}
	fd = open(project, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	say_call(out, open_by_handle_at(fd, &u.h, O_RDONLY | O_CLOEXEC));
}

/* ---- writing outside ---- */

static bool outside(const struct run *r, const char *name, char *path,
		    struct result *out)
{
	const char *dir = need(r, FIX_OUTSIDE_DIR, out);

	if (!dir)
		return false;
	(void)snprintf(path, PATH_SIZE, "%s/%s", dir, name);
	return true;
}

/* The marker stays in it. */
static void write_marker(const struct attempt *a, const struct run *r,
			 const char *path, int flags, struct result *out)
{
	char line[160];
	size_t len = marker_line(r, a, line, sizeof(line));
	int fd = open(path, flags | O_WRONLY | O_CLOEXEC | O_NOCTTY, 0644);

	if (fd == -1)
		say_refused(out, errno, "%s", path);
	else if (write_all(fd, line, len) == -1)
		say_refused(out, errno, "%s: opened, not written", path);
	else
		say_reachable(out, "%s", path);
}

static void try_create(const struct attempt *a, const struct run *r,
		       struct result *out)
{
	char path[PATH_SIZE];

	if (outside(r, "bawn-probe.new", path, out))
		write_marker(a, r, path, O_CREAT | O_EXCL, out);
}

static void try_append(const struct attempt *a, const struct run *r,
		       struct result *out)
{
	char path[PATH_SIZE];

	if (outside(r, THERE, path, out))
		write_marker(a, r, path, O_APPEND, out);
}

/* One name for each of the calls that take a path and change something. */
enum change {
	CHANGE_TRUNCATE,
	CHANGE_OPEN_TRUNC,
	CHANGE_UNLINK,
	CHANGE_RENAME,
	CHANGE_RENAME_IN,
	CHANGE_MKDIR,
	CHANGE_SYMLINK,
	CHANGE_LINK_OUT,
	CHANGE_CHMOD,
	CHANGE_TIMES,
	CHANGE_XATTR,
	CHANGE_XATTRAT,
	CHANGE_FLAGS,
	CHANGE_FLAGS_AT,
	CHANGE_TMPFILE,
	CHANGE_MKFIFO
};

static long set_flags(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), flags = 0;

	if (fd == -1 || ioctl(fd, FS_IOC_GETFLAGS, &flags) == -1)
		return -1;
	flags |= FS_NOATIME_FL;
	return ioctl(fd, FS_IOC_SETFLAGS, &flags);
}

static long link_tmpfile(const char *path)
{
	static char dir[PATH_SIZE];
	char from[64];
	int fd;

	(void)snprintf(dir, sizeof(dir), "%.*s",
		       (int)(strrchr(path, '/') - path), path);
	fd = open(dir, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0644);
	if (fd == -1)
		return -1;
	(void)snprintf(from, sizeof(from), "/proc/self/fd/%d", fd);
	return linkat(AT_FDCWD, from, AT_FDCWD, path, AT_SYMLINK_FOLLOW);
}

/* @mine: a file of ours in the project; @new, @there: outside. */
static long change(enum change by, const char *mine, const char *new,
		   const char *there)
{
	/* struct xattr_args and struct file_attr, which no headers have yet */
	const struct {
		uint64_t at;
		uint32_t size, flags;
	} value = { (uint64_t)(uintptr_t) "y", 1, 0 };
	const struct {
		uint64_t xflags;
		uint32_t rest[4];
	} flags = { .xflags = FS_XFLAG_NODUMP };
	int fd;

	switch (by) {
	case CHANGE_TRUNCATE:
		return truncate(there, 1);
	case CHANGE_OPEN_TRUNC:
		fd = open(there, O_WRONLY | O_TRUNC | O_CLOEXEC);
		return fd == -1 ? -1 : 0;
	case CHANGE_UNLINK:
		return unlink(there);
	case CHANGE_RENAME:
		return rename(there, new);
	case CHANGE_RENAME_IN:
		return rename(mine, there);
	case CHANGE_MKDIR:
		return mkdir(new, 0755);
	case CHANGE_SYMLINK:
		return symlink("/", new);
	case CHANGE_LINK_OUT:
		return link(mine, new);
	case CHANGE_CHMOD:
		return chmod(there, 0666);
	case CHANGE_TIMES:
		return utimensat(AT_FDCWD, there, NULL, 0);
	case CHANGE_XATTR:
		return setxattr(there, "user.bawn", "y", 1, 0);
	case CHANGE_XATTRAT:
		return syscall(SYS_setxattrat, AT_FDCWD, there, 0, "user.bawn",
			       &value, sizeof(value));
	case CHANGE_FLAGS:
		return set_flags(there);
	case CHANGE_FLAGS_AT:
		return syscall(SYS_file_setattr, AT_FDCWD, there, &flags,
			       sizeof(flags), 0);
	case CHANGE_TMPFILE:
		return link_tmpfile(new);
	case CHANGE_MKFIFO:
	default:
		return mkfifo(new, 0644);
	}
}

/*
 * What the rows before did to `there` does not count against those after: a
 * file that is gone says ENOENT, so it is made again where one can.
 */
static void try_change(const struct attempt *a, const struct run *r,
		       struct result *out)
{
	static char there[PATH_SIZE], new[PATH_SIZE], mine[PATH_SIZE];
	int fd;

	if (!outside(r, THERE, there, out))
		return;
	(void)outside(r, a->id, new, out);
	if (!in_project(r, "bawn-probe.mine", mine, out))
		return;
	fd = open(mine, O_CREAT | O_RDWR | O_CLOEXEC, 0644);
	if (fd != -1)
		(void)write_all(fd, a->id, strlen(a->id));
	fd = open(there, O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0644);
	if (fd != -1)
		(void)write_all(fd, "again\n", 6);
	say_call(out, change(*(const enum change *)a->arg, mine, new, there));
	if (strchr(new, '.'))
		(void)rmdir(new);
	(void)unlink(mine);
}

/* ---- hidden and protected files of the project ---- */

enum twist {
	TWIST_RENAME,        /* to another name */
	TWIST_RENAME_PARENT, /* the directory above */
	TWIST_RENAME_OVER,   /* another file in its place */
	TWIST_UNLINK,
	TWIST_WRITE,
	TWIST_TRUNCATE,
	TWIST_CHMOD,
	TWIST_LINK,
	TWIST_MMAP,
	TWIST_REOPEN,
	TWIST_UMOUNT,
	TWIST_BIND
};

struct twisting {
	enum fixture_key key;
	enum twist how;
};

static long write_shared(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd == -1)
		return -1;
	return mmap(NULL, 1, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) ==
			       MAP_FAILED
		       ? -1
		       : 0;
}

/* Read-only first, then again for writing by the descriptor. */
static long write_reopened(const char *path)
{
	char self[64];
	int fd = open(path, O_PATH | O_CLOEXEC);

	if (fd == -1)
		return -1;
	(void)snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	fd = open(self, O_WRONLY | O_CLOEXEC);
	return fd == -1 ? -1 : 0;
}

/* From under what covers it: the directory above is moved, then back. */
static void try_hidden_moved(const struct attempt *a, const struct run *r,
			     struct result *out)
{
	const char *path = need(r, FIX_HIDDEN_FILE, out);
	static char dir[PATH_SIZE], away[PATH_SIZE + 16], file[PATH_SIZE * 2];
	const char *slash;

	(void)a;
	if (!path)
		return;
	slash = strrchr(path, '/');
	(void)snprintf(dir, sizeof(dir), "%.*s", (int)(slash - path), path);
	(void)snprintf(away, sizeof(away), "%s.away", dir);
	(void)snprintf(file, sizeof(file), "%s%s", away, slash);
	if (rename(dir, away) == -1) {
		say_refused(out, errno, "not moved");
		return;
	}
	try_read_marked(r, file, out);
	(void)rename(away, dir);
}

/* The directory above is moved away and back. */
static long move_parent(const char *path)
{
	static char dir[PATH_SIZE], away[PATH_SIZE + 16];

	(void)snprintf(dir, sizeof(dir), "%.*s",
		       (int)(strrchr(path, '/') - path), path);
	(void)snprintf(away, sizeof(away), "%s.away", dir);
	if (rename(dir, away) == -1)
		return -1;
	(void)rename(away, dir);
	return 0;
}

static long move_file(const char *path)
{
	static char away[PATH_SIZE + 16];

	(void)snprintf(away, sizeof(away), "%s.away", path);
	if (rename(path, away) == -1)
		return -1;
	(void)rename(away, path);
	return 0;
}

/* A link to it through which it is written. */
static long write_linked(const char *path, const char *name)
{
	int fd;

	if (link(path, name) == -1)
		return -1;
	fd = open(name, O_WRONLY | O_CLOEXEC);
	(void)unlink(name);
	return fd == -1 ? -1 : 0;
}

static long move_over(const char *path, const char *mine)
{
	int fd = open(mine, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);

	if (fd == -1)
		return -1;
	(void)write_all(fd, "# in its place\n", 15);
	return rename(mine, path);
}

static long chmod_same(const char *path)
{
	struct stat st;

	if (stat(path, &st) == -1)
		return -1;
	return chmod(path, st.st_mode & 0777);
}

static long append_marker(const char *path, const char *line, size_t len)
{
	int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);

	return fd == -1 ? -1 : write_all(fd, line, len);
}

static void try_twist(const struct attempt *a, const struct run *r,
		      struct result *out)
{
	const struct twisting *t = a->arg;
	const char *path = need(r, t->key, out);
	static char mine[PATH_SIZE];
	char line[160];
	size_t len = marker_line(r, a, line, sizeof(line));
	long got;

	if (!path || !in_project(r, "bawn-probe.mine", mine, out))
		return;
	switch (t->how) {
	case TWIST_RENAME:
		got = move_file(path);
		break;
	case TWIST_RENAME_PARENT:
		got = move_parent(path);
		break;
	case TWIST_RENAME_OVER:
		got = move_over(path, mine);
		break;
	case TWIST_UNLINK:
		got = unlink(path);
		break;
	case TWIST_TRUNCATE:
		got = truncate(path, 0);
		break;
	case TWIST_CHMOD:
		got = chmod_same(path);
		break;
	case TWIST_LINK:
		got = write_linked(path, mine);
		break;
	case TWIST_MMAP:
		got = write_shared(path);
		break;
	case TWIST_REOPEN:
		got = write_reopened(path);
		break;
	case TWIST_UMOUNT:
		got = umount2(path, MNT_DETACH);
		break;
	case TWIST_BIND:
		(void)mknod(mine, S_IFREG | 0644, 0);
		got = mount(path, mine, NULL, MS_BIND, NULL);
		if (got == 0)
			(void)umount2(mine, MNT_DETACH);
		break;
	case TWIST_WRITE:
	default:
		got = append_marker(path, line, len);
		break;
	}
	say_call(out, got);
	(void)unlink(mine);
}

/* ---- the tree itself ---- */

static void try_chroot_up(const struct attempt *a, const struct run *r,
			  struct result *out)
{
	(void)a;
	(void)r;
	say_call(out, chroot("/tmp"));
}

/* A shared mount lets what is mounted here appear on the host. */
static void try_propagation(const struct attempt *a, const struct run *r,
			    struct result *out)
{
	static char text[262144];

	(void)a;
	(void)r;
	if (read_file("/proc/self/mountinfo", text, sizeof(text)) <= 0)
		say_refused(out, errno, "%s", "");
	else if (strstr(text, " shared:"))
		say_reachable(out, "a mount is shared");
	else
		say_refused(out, 0, "no mount is shared");
}

/* The fifth field of a line of mountinfo; the fourth may read the same. */
static const char *mount_point(const char *line)
{
	for (int i = 1; i < 5 && line; i++) {
		line = strchr(line, ' ');
		if (line)
			line++;
	}
	return line;
}

/* An idmapped or plain mount without nosuid or nodev. */
static void try_mount_flag(const struct attempt *a, const struct run *r,
			   struct result *out)
{
	const char *project = need(r, FIX_PROJECT, out);
	static char text[262144];
	const char *word = a->arg;

	if (!project)
		return;
	if (read_file("/proc/self/mountinfo", text, sizeof(text)) <= 0) {
		say_refused(out, errno, "%s", "");
		return;
	}
	/* Behind the mount point are its options. */
	for (char *save, *line = strtok_r(text, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		const char *at = mount_point(line);
		size_t len = strlen(project);

		if (!at || strncmp(at, project, len) != 0 || at[len] != ' ')
			continue;
		at += len + 1;
		if (memmem(at, strcspn(at, " "), word, strlen(word)))
			say_refused(out, 0, "%s", word);
		else
			say_reachable(out, "no %s", word);
		return;
	}
	say_untried(out, "the project is no mount of its own");
}

static const enum fixture_key secret_key = FIX_SECRET_FILE,
			      hidden_key = FIX_HIDDEN_FILE, home_key = FIX_HOME,
			      outside_key = FIX_OUTSIDE_DIR;

#define ALIAS(id, what, prefix)                                              \
	ROW("fs.alias-" id, what, "denied paths by another name", try_alias, \
	    prefix)
#define CHANGE(id, what, ref, by)                    \
	ROW("fs.outside-" id, what, ref, try_change, \
	    (&(const enum change){ (by) }))
#define HIDDEN(id, what, how)                                             \
	ROW("fs.hidden-" id, what, "a file that policy hides", try_twist, \
	    (&(const struct twisting){ FIX_HIDDEN_FILE, (how) }))
#define PROTECTED(id, what, how)                                     \
	ROW("fs.protected-" id, what, "a file that policy protects", \
	    try_twist,                                               \
	    (&(const struct twisting){ FIX_PROTECTED_FILE, (how) }))

const struct attempt fs_rows[] = {
	ROW("fs.read-secret", "read a file outside", "path_resolution(7)",
	    try_read_secret, NULL),
	ROW("fs.read-secret-opath", "the same, opened twice", "open(2)",
	    try_reopen, &secret_key),
	ROW("fs.stat-secret", "see that it is there", "stat(2)", try_stat,
	    NULL),
	ROW("fs.access-secret", "ask for the right to read it", "access(2)",
	    try_exec_secret, NULL),
	ROW("fs.list-outside", "list a directory outside", "readdir(3)",
	    try_list, &outside_key),
	ROW("fs.list-home", "list the home", "readdir(3)", try_list, &home_key),
	ROW("fs.symlink-out", "a link in the project to a file outside",
	    "symlink(7)", try_symlink, NULL),
	ROW("fs.hardlink-out", "a hard link to a file outside", "link(2)",
	    try_hardlink, NULL),
	ROW("fs.dotdot", "up from the project by \"..\"", "path_resolution(7)",
	    try_dotdot, NULL),
	ALIAS("proc-root", "the root by /proc/self/root", "/proc/self/root"),
	ALIAS("proc-thread-root", "the root by a thread's",
	      "/proc/thread-self/root"),
	ALIAS("init-root", "the root of process 1", "/proc/1/root"),
	ALIAS("double-slash", "a path that begins with two slashes", "//"),
	ALIAS("dot", "a path with a dot", "/."),
	ALIAS("dotdot", "a path with two dots", "/proc/.."),
	ALIAS("task-root", "the root by a task's cwd",
	      "/proc/self/task/../root"),
	ALIAS("oldroot", "the root that was before", "/oldroot"),
	ALIAS("old-root-put", "another name for it", "/.old_root"),
	ALIAS("host", "the host's tree, as some mount it", "/host"),
	ALIAS("newroot", "a root that was not taken away", "/newroot"),
	ROW("fs.alias-parent-root", "the root of what started this",
	    "proc_pid_root(5)", try_parent_root, NULL),
	ROW("fs.file-handle", "a file by its handle", "the shocker escape",
	    try_handle, NULL),
	ROW("fs.inotify-outside", "watch a directory outside", "inotify(7)",
	    try_inotify, NULL),
	ROW("fs.outside-create", "create a file outside", "open(2)", try_create,
	    NULL),
	ROW("fs.outside-append", "append to a file outside", "open(2)",
	    try_append, NULL),
	CHANGE("truncate", "truncate a file outside", "Landlock ABI 3",
	       CHANGE_TRUNCATE),
	CHANGE("open-truncate", "truncate one by opening", "open(2)",
	       CHANGE_OPEN_TRUNC),
	CHANGE("unlink", "remove a file outside", "unlink(2)", CHANGE_UNLINK),
	CHANGE("rename", "rename a file outside", "rename(2)", CHANGE_RENAME),
	CHANGE("rename-in", "put a file in its place", "rename(2)",
	       CHANGE_RENAME_IN),
	CHANGE("mkdir", "make a directory outside", "mkdir(2)", CHANGE_MKDIR),
	CHANGE("symlink", "make a link outside", "symlink(2)", CHANGE_SYMLINK),
	CHANGE("link", "put a hard link outside", "Landlock refer",
	       CHANGE_LINK_OUT),
	CHANGE("chmod", "change the mode of a file outside", "chmod(2)",
	       CHANGE_CHMOD),
	CHANGE("times", "change its times", "utimensat(2)", CHANGE_TIMES),
	CHANGE("xattr", "change its attributes", "setxattr(2)", CHANGE_XATTR),
	CHANGE("xattrat", "the same by setxattrat()", "setxattrat(2)",
	       CHANGE_XATTRAT),
	CHANGE("flags", "change its flags", "ioctl_iflags(2)", CHANGE_FLAGS),
	CHANGE("flags-at", "the same by file_setattr()", "file_setattr(2)",
	       CHANGE_FLAGS_AT),
	CHANGE("tmpfile", "link a nameless file there", "open(2)",
	       CHANGE_TMPFILE),
	CHANGE("mkfifo", "make a FIFO outside", "mkfifo(3)", CHANGE_MKFIFO),
	ROW("fs.hidden-read", "read a hidden file", "a file that policy hides",
	    try_read_hidden, NULL),
	ROW("fs.hidden-opath", "read it, opened twice",
	    "a file that policy hides", try_reopen, &hidden_key),
	ROW("fs.hidden-link", "a hard link to it", "a file that policy hides",
	    try_hidden_link, NULL),
	HIDDEN("rename", "rename it", TWIST_RENAME),
	ROW("fs.hidden-rename-parent", "read it with the directory above moved",
	    "a file that policy hides", try_hidden_moved, NULL),
	HIDDEN("umount", "take its cover off", TWIST_UMOUNT),
	HIDDEN("bind", "mount it elsewhere", TWIST_BIND),
	HIDDEN("write", "write into it", TWIST_WRITE),
	HIDDEN("unlink", "remove it", TWIST_UNLINK),
	PROTECTED("write", "write into a protected file", TWIST_WRITE),
	PROTECTED("rename", "rename it", TWIST_RENAME),
	PROTECTED("rename-parent", "rename the directory above",
		  TWIST_RENAME_PARENT),
	PROTECTED("chmod", "change its mode", TWIST_CHMOD),
	PROTECTED("link", "write through a hard link", TWIST_LINK),
	PROTECTED("mmap", "map it for writing", TWIST_MMAP),
	PROTECTED("reopen", "open it again by its descriptor", TWIST_REOPEN),
	PROTECTED("umount", "take its cover off", TWIST_UMOUNT),
	/* Last: what they take away the others could not try any more. */
	PROTECTED("truncate", "truncate it", TWIST_TRUNCATE),
	PROTECTED("rename-over", "put another in its place", TWIST_RENAME_OVER),
	PROTECTED("unlink", "remove it", TWIST_UNLINK),
	ROW("fs.chroot", "a root of one's own", "chroot(2)", try_chroot_up,
	    NULL),
	ROW("fs.shared-mounts", "mounts that propagate", "mount_namespaces(7)",
	    try_propagation, NULL),
	ROW("fs.project-suid", "set-uid programs of the project",
	    "mount(8), nosuid", try_mount_flag, "nosuid"),
	ROW("fs.project-dev", "devices of the project", "mount(8), nodev",
	    try_mount_flag, "nodev"),
};
END_ROWS(fs);
