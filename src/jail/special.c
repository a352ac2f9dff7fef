/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * /proc is new, so it shows this pid namespace only, and of that only what may
 * be traced (hidepid): init, which is not dumpable, is not there.  Writing to
 * the kernel's knobs fails twice: no id of the jail owns them, and they are
 * read-only mounts.  Before that, one knob is turned: no user namespace can be
 * made below ours, so none of what namespaces open in the kernel is reachable
 * even if the system call filter had a hole.
 *
 * With `nested: true` they can be made, as many as NESTED_NAMESPACES of each
 * kind.  There the kernel lets a process mount a /proc of its own only when one
 * without covers is in sight of its mount namespace, else it could look behind
 * ours.  So there is one more, where no path leads; what a fresh /proc shows is
 * in doc/THREAT-MODEL.md.
 *
 * The kernel refuses a new /proc when the one we have is partly covered (it
 * would uncover it), as container engines do.  That is said with its remedy.
 *
 * /dev is a plain directory of the jail's root.  Device nodes cannot be made
 * in a user namespace; the host's are bound one by one.
 */
#include "jail/special.h"

#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/wall.h"
#include "jail/hinder.h"
#include "jail/sys.h"

/* Of a tmpfs: each takes a KiB of the kernel's memory, which cannot be swapped. */
#define BYTES_PER_INODE 4096u
#define MIN_INODES      16384u
#define MAX_INODES      1048576u

int special_new(const char *type, const struct special_option *o, size_t n,
		unsigned attr)
{
	AUTO(fd) int fs = -1;
	int r = sys_fsopen(type);

	if (r < 0)
		return r;
	fs = r;
	for (size_t i = 0; i < n; i++) {
		unsigned cmd =
			o[i].value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG;

		r = sys_fsconfig(fs, cmd, o[i].key, o[i].value);
		if (r != 0)
			return r;
	}
	r = sys_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL);
	if (r != 0)
		return r;
	return sys_fsmount(fs, attr);
}

int special_tmpfs(uint64_t size, unsigned mode, unsigned attr)
{
	char size_text[24], mode_text[16], inodes_text[24];
	struct special_option o[] = {
		{ "mode", mode_text },
		{ "size", size_text },
		{ "nr_inodes", inodes_text },
	};
	uint64_t inodes = size / BYTES_PER_INODE;

	(void)snprintf(mode_text, sizeof(mode_text), "%o", mode);
	(void)snprintf(size_text, sizeof(size_text), "%llu",
		       (unsigned long long)size);
	if (inodes < MIN_INODES)
		inodes = MIN_INODES;
	if (inodes > MAX_INODES)
		inodes = MAX_INODES;
	(void)snprintf(inodes_text, sizeof(inodes_text), "%llu",
		       (unsigned long long)inodes);
	return special_new("tmpfs", o,
			   size == 0            ? 1
			   : WALL(LIMIT_SHARES) ? N_ELEMS(o)
						: N_ELEMS(o) - 1,
			   attr | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
}

/* Mount a copy of @src_dir/@src on @dir/@name.  -ENOENT when either misses. */
static int bind_over(int src_dir, const char *src, int dir, const char *name,
		     uint64_t attr)
{
	struct mount_attr a = { .attr_set = attr, .propagation = MS_PRIVATE };
	AUTO(fd) int mount = -1;
	int r = sys_open_tree(src_dir, src);

	if (r < 0)
		return r;
	mount = r;
	r = sys_mount_setattr(mount, true, &a);
	if (r == 0)
		r = sys_move_mount(mount, dir, name);
	return r;
}

static int limit_namespaces(int proc, const char *kind, const char *max)
{
	char path[64];
	AUTO(fd) int fd = -1;

	(void)snprintf(path, sizeof(path), "sys/user/max_%s_namespaces", kind);
	fd = openat(proc, path, O_WRONLY | O_CLOEXEC);
	if (fd == -1)
		return neg_errno();
	return fd_write_full(fd, max, strlen(max));
}

/* A user has 128 of these for all programs: not all of them for one session. */
static int halve_watchers(int proc)
{
	AUTO(buf) struct buf b = BUF_NULL;
	AUTO(fd) int fd = -1;
	struct str text, rest;
	char half[16];
	uint32_t all;
	int r;

	buf_init(&b, 64);
	r = file_load(proc, "sys/fs/inotify/max_user_instances", &b);
	if (r < 0)
		return r == -ENOENT ? 0 : r; /* a kernel without inotify */
	rest = buf_str(&b);
	if (!str_cut(&rest, '\n', &text) || !str_u32(text, 0, INT32_MAX, &all))
		return -EINVAL;
	fd = openat(proc, "sys/user/max_inotify_instances",
		    O_WRONLY | O_CLOEXEC);
	if (fd == -1)
		return neg_errno();
	(void)snprintf(half, sizeof(half), "%u", (unsigned)all / 2);
	return fd_write_full(fd, half, strlen(half));
}

#define QUIET (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)

/* What of /proc is not each process's own. */
static const struct {
	const char *name;
	enum {
		KNOBS, /* read-only */
		READ_ONLY,
		MASK_FILE,
		MASK_DIR
	} act;
} proc_parts[] = {
	{ "sys", KNOBS },
	{ "sysrq-trigger", READ_ONLY },
	{ "irq", READ_ONLY },
	{ "bus", READ_ONLY },
	{ "fs", READ_ONLY },
	{ "kcore", MASK_FILE },
	{ "keys", MASK_FILE },
	{ "latency_stats", MASK_FILE },
	{ "timer_list", MASK_FILE },
	{ "acpi", MASK_DIR },
	{ "scsi", MASK_DIR },
};

static int restrict_part(int proc, int blank, size_t i)
{
	const char *name = proc_parts[i].name;
	uint64_t attr = QUIET | MOUNT_ATTR_RDONLY;

	if ((proc_parts[i].act == KNOBS && !WALL(PROC_SYS)) ||
	    (proc_parts[i].act == READ_ONLY && !WALL(PROC_RO)) ||
	    (proc_parts[i].act > READ_ONLY && !WALL(PROC_MASKS)))
		return 0;
	if (proc_parts[i].act <= READ_ONLY)
		return bind_over(proc, name, proc, name, attr);
	/* Most of them are missing in most kernels. */
	if (faccessat(proc, name, F_OK, AT_SYMLINK_NOFOLLOW) == -1)
		return neg_errno();
	if (proc_parts[i].act == MASK_FILE)
		return bind_over(blank, "file", proc, name, attr);
	return bind_over(blank, "dir", proc, name, attr);
}

int special_proc(int dir_fd, int blank_fd, struct diag *reterr)
{
	static const struct special_option o[] = { { "hidepid", "invisible" } };
	AUTO(fd) int mount = -1;
	int r = special_new("proc", o, WALL(HIDEPID) ? N_ELEMS(o) : 0, QUIET);

	if (r < 0) {
		struct hindrance h;

		if (r == -EPERM)
			hinder_proc(&h);
		if (r == -EPERM)
			diag_set(reterr, 0, 0, "%s: %s", h.why, h.mend);
		else
			diag_set(reterr, 0, 0, "cannot make a fresh /proc: %s",
				 strerror(-r));
		return r;
	}
	mount = r;
	r = WALL(USERNS_KNOB) ? limit_namespaces(mount, "user", "0") : 0;
	if (r != 0) {
		diag_set(reterr, 0, 0, "cannot forbid nested namespaces: %s",
			 strerror(-r));
		return r;
	}
	r = WALL(LIMIT_SHARES) ? halve_watchers(mount) : 0;
	if (r != 0) {
		diag_set(reterr, 0, 0, "cannot share out inotify: %s",
			 strerror(-r));
		return r;
	}
	r = sys_move_mount(mount, dir_fd, "");
	for (size_t i = 0; i < N_ELEMS(proc_parts) && r == 0; i++) {
		r = restrict_part(mount, blank_fd, i);
		if (r == -ENOENT)
			r = 0;
		if (r != 0)
			diag_set(reterr, 0, 0, "cannot restrict /proc/%s: %s",
				 proc_parts[i].name, strerror(-r));
	}
	return r;
}

/* All that the jail's processes may have at once, at any depth. */
#define NESTED_NAMESPACES "256"

static int allow_namespaces(int proc)
{
	static const struct {
		const char *kind, *max;
	} kinds[] = {
		{ "user", NESTED_NAMESPACES },
		{ "mnt", NESTED_NAMESPACES },
		{ "pid", NESTED_NAMESPACES },
		{ "net", NESTED_NAMESPACES },
		{ "ipc", NESTED_NAMESPACES },
		{ "uts", NESTED_NAMESPACES },
		{ "cgroup", NESTED_NAMESPACES },
		{ "time", "0" }, /* nobody's sandbox needs one */
	};

	for (size_t i = 0; i < N_ELEMS(kinds); i++) {
		int r = limit_namespaces(proc, kinds[i].kind, kinds[i].max);

		if (r != 0 && r != -ENOENT) /* a kernel without that kind */
			return r;
	}
	return 0;
}

int special_nested(int blank_fd, struct diag *reterr)
{
	AUTO(fd) int mount = -1;
	int r = special_new("proc", NULL, 0, QUIET);

	mount = r < 0 ? -1 : r;
	if (r >= 0)
		r = WALL(NESTED_KNOBS) ? allow_namespaces(mount) : 0;
	if (r == 0 && (mkdirat(blank_fd, "nested", 0100) == -1 ||
		       mkdirat(blank_fd, "nested/proc", 0) == -1))
		r = neg_errno();
	if (r == 0)
		r = sys_move_mount(mount, blank_fd, "nested/proc");
	if (r == 0)
		r = bind_over(blank_fd, "dir", blank_fd, "nested",
			      QUIET | MOUNT_ATTR_RDONLY);
	if (r != 0)
		diag_set(reterr, 0, 0, "cannot allow nested namespaces: %s",
			 strerror(-r));
	return r;
}

static int bind_device(int dir, const char *name)
{
	char host[32];

	(void)snprintf(host, sizeof(host), "/dev/%s", name);
	if (mknodat(dir, name, S_IFREG | 0444, 0) == -1)
		return neg_errno();
	return bind_over(AT_FDCWD, host, dir, name,
			 MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
}

static int mount_below(int dir, const char *name, int mount_or_error)
{
	AUTO(fd) int mount = mount_or_error < 0 ? -1 : mount_or_error;

	if (mount == -1)
		return mount_or_error;
	if (mkdirat(dir, name, 0755) == -1)
		return neg_errno();
	return sys_move_mount(mount, dir, name);
}

static int dev_links(int dir)
{
	static const struct {
		const char *target, *name;
	} links[] = {
		{ "/proc/self/fd", "fd" },
		{ "/proc/self/fd/0", "stdin" },
		{ "/proc/self/fd/1", "stdout" },
		{ "/proc/self/fd/2", "stderr" },
		{ "pts/ptmx", "ptmx" },
	};

	for (size_t i = 0; i < N_ELEMS(links); i++) {
		if (symlinkat(links[i].target, dir, links[i].name) == -1)
			return neg_errno();
	}
	return 0;
}

int special_dev(int dir_fd, uint64_t shm_size, struct diag *reterr)
{
	static const char *const nodes[] = { "null",   "zero",    "full",
					     "random", "urandom", "tty" };
	/* Without newinstance, which is what each mount is since 4.7. */
	static const struct special_option pts[] = {
		{ "ptmxmode", "0666" },
		{ "mode", "0620" },
		{ "max", "256" }, /* of the machine's 4,096 */
	};
	int r = 0;

	for (size_t i = 0; i < N_ELEMS(nodes) && r == 0; i++) {
		r = bind_device(dir_fd, nodes[i]);
		if (r != 0)
			diag_set(reterr, 0, 0, "cannot bind /dev/%s: %s",
				 nodes[i], strerror(-r));
	}
	if (r != 0)
		return r;
	r = mount_below(dir_fd, "pts",
			special_new("devpts", pts,
				    WALL(LIMIT_SHARES) ? N_ELEMS(pts)
						       : N_ELEMS(pts) - 1,
				    MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC));
	if (r == 0)
		r = mount_below(
			dir_fd, "shm",
			special_tmpfs(shm_size, 01777, MOUNT_ATTR_NOEXEC));
	if (r == 0)
		r = dev_links(dir_fd);
	if (r != 0)
		diag_set(reterr, 0, 0, "cannot furnish /dev: %s", strerror(-r));
	return r;
}
