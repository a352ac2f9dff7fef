/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * Each call is a row: its kind of record and which of its arguments are what.
 * Calls whose arguments need more than that have a function in their row.
 *
 * Whatever was read is what the process said at that moment.  A thread of it may
 * say something else before the kernel reads the same memory, so all of it is
 * `claimed`.  What a descriptor is (listen, fchmod) is looked up in the process,
 * and it may close that descriptor meanwhile: likewise.
 */
#include "jail/witness-call.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include "jail/missing.h"
#include "jail/sys.h"

#define NO           (-1)
#define ARGV_MAX     ((size_t)4096)
#define MSGS_AT_ONCE 32u

struct looking {
	struct call_seen *c;
	const struct call_row *row;
	struct note *n;
	call_note_fn fn;
	void *ctx;
};

struct call_row {
	int nr;
	enum record_kind kind;
	int dir, path;   /* which arguments; NO: the current directory, none */
	int dir2, path2; /* `to` */
	int fd;          /* in the place of a path */
	int mode;
	const char *what;
	int (*fn)(struct looking *l); /* instead of all this; or NULL */
};

static int look_open(struct looking *l);
static int look_exec_call(struct looking *l);
static int look_unlinkat(struct looking *l);
static int look_symlink(struct looking *l);
static int look_address(struct looking *l);
static int look_listen(struct looking *l);
static int look_sendmsg(struct looking *l);
static int look_sendmmsg(struct looking *l);

#define PATH(call, kind, p, m, what)                                        \
	{                                                                   \
		SYS_##call, RECORD_##kind, NO, p, NO, NO, NO, m, what, NULL \
	}
#define AT(call, kind, d, p, m, what)                                      \
	{                                                                  \
		SYS_##call, RECORD_##kind, d, p, NO, NO, NO, m, what, NULL \
	}
#define FD(call, kind, f, m, what)                                          \
	{                                                                   \
		SYS_##call, RECORD_##kind, NO, NO, NO, NO, f, m, what, NULL \
	}
#define TWO(call, kind, d, p, d2, p2)                                       \
	{                                                                   \
		SYS_##call, RECORD_##kind, d, p, d2, p2, NO, NO, NULL, NULL \
	}
#define BY(call, kind, fn)                                                  \
	{                                                                   \
		SYS_##call, RECORD_##kind, NO, NO, NO, NO, NO, NO, NULL, fn \
	}

static const struct call_row rows[] = {
	BY(execve, PROCESS_EXEC, look_exec_call),
	BY(execveat, PROCESS_EXEC, look_exec_call),
	BY(openat, FILE_OPEN, look_open),
	TWO(renameat2, FILE_RENAME, 0, 1, 2, 3),
	BY(unlinkat, FILE_UNLINK, look_unlinkat),
	AT(mkdirat, FILE_CREATE, 0, 1, 2, "directory"),
	AT(mknodat, FILE_CREATE, 0, 1, 2, "node"),
	TWO(linkat, FILE_LINK, 0, 1, 2, 3),
	BY(symlinkat, FILE_CREATE, look_symlink),
	FD(fchmod, FILE_CHMOD, 0, 1, "mode"),
	AT(fchmodat, FILE_CHMOD, 0, 1, 2, "mode"),
	AT(fchmodat2, FILE_CHMOD, 0, 1, 2, "mode"),
	FD(fchown, FILE_CHMOD, 0, NO, "owner"),
	AT(fchownat, FILE_CHMOD, 0, 1, NO, "owner"),
	PATH(truncate, FILE_CHANGE, 0, NO, "length"),
	PATH(setxattr, FILE_CHANGE, 0, NO, "attribute"),
	PATH(lsetxattr, FILE_CHANGE, 0, NO, "attribute"),
	FD(fsetxattr, FILE_CHANGE, 0, NO, "attribute"),
	AT(setxattrat, FILE_CHANGE, 0, 1, NO, "attribute"),
	PATH(removexattr, FILE_CHANGE, 0, NO, "attribute"),
	PATH(lremovexattr, FILE_CHANGE, 0, NO, "attribute"),
	FD(fremovexattr, FILE_CHANGE, 0, NO, "attribute"),
	AT(removexattrat, FILE_CHANGE, 0, 1, NO, "attribute"),
	BY(connect, NET_CONNECT, look_address),
	BY(bind, NET_BIND, look_address),
	BY(listen, NET_LISTEN, look_listen),
	BY(sendto, NET_SEND, look_address),
	BY(sendmsg, NET_SEND, look_sendmsg),
	BY(sendmmsg, NET_SEND, look_sendmmsg),
#ifdef SYS_renameat
	TWO(renameat, FILE_RENAME, 0, 1, 2, 3),
#endif
#ifdef SYS_open /* what architectures of before 2012 have beside those */
	BY(open, FILE_OPEN, look_open),
	BY(creat, FILE_CREATE, look_open),
	TWO(rename, FILE_RENAME, NO, 0, NO, 1),
	PATH(unlink, FILE_UNLINK, 0, NO, "file"),
	PATH(rmdir, FILE_UNLINK, 0, NO, "directory"),
	PATH(mkdir, FILE_CREATE, 0, 1, "directory"),
	PATH(mknod, FILE_CREATE, 0, 1, "node"),
	TWO(link, FILE_LINK, NO, 0, NO, 1),
	BY(symlink, FILE_CREATE, look_symlink),
	PATH(chmod, FILE_CHMOD, 0, 1, "mode"),
	PATH(chown, FILE_CHMOD, 0, NO, "owner"),
	PATH(lchown, FILE_CHMOD, 0, NO, "owner"),
#endif
};

#define NUMBERS 512u

static const struct call_row *find_row(int nr)
{
	static uint8_t index[NUMBERS]; /* of the row, from 1 */
	static bool made;

	_Static_assert(N_ELEMS(rows) < UINT8_MAX, "fits the index");
	for (size_t i = 0; i < N_ELEMS(rows) && !made; i++)
		index[rows[i].nr] = (uint8_t)(i + 1);
	made = true;
	if (nr < 0 || (unsigned)nr >= NUMBERS || index[nr] == 0)
		return NULL;
	return &rows[index[nr] - 1];
}

bool call_is_exec(int nr)
{
	return nr == SYS_execve || nr == SYS_execveat;
}

static struct str exe_of(const struct call_seen *c)
{
	return str_of(c->who->exe);
}

static uint64_t arg(const struct looking *l, int i)
{
	return l->c->args[i];
}

static int dirfd_of(const struct looking *l, int i)
{
	return i == NO ? AT_FDCWD : (int)arg(l, i);
}

/* The path at argument @path, absolute.  False: it could not be read. */
static bool add_path(struct looking *l, enum note_key key, int dir, int path)
{
	static char raw[LOOK_PATH], full[LOOK_FULL];
	ssize_t n = look_string(l->c->tid, arg(l, path), raw, sizeof(raw));

	if (n < 0) { /* the kernel will not find more there, mostly */
		note_add(l->n, NOTE_UNREAD, STR("1"));
		return false;
	}
	note_add(l->n, key,
		 look_absolute(l->c->tid, dirfd_of(l, dir),
			       (struct str){ .ptr = raw, .len = (size_t)n },
			       full));
	return true;
}

static void add_fd(struct looking *l, int fd)
{
	static char path[LOOK_PATH];
	size_t n = look_fd(l->c->tid, (int)arg(l, fd), path, sizeof(path));

	if (n == 0)
		note_add(l->n, NOTE_UNREAD, STR("1"));
	note_add(l->n, NOTE_PATH, (struct str){ .ptr = path, .len = n });
}

static void add_mode(struct looking *l, uint64_t mode)
{
	char text[16];

	(void)snprintf(text, sizeof(text), "%04o", (unsigned)mode & 07777u);
	note_add(l->n, NOTE_MODE, str_of(text));
}

static void begin(struct looking *l, enum record_kind kind)
{
	note_begin(l->n, kind, false, RECORD_CLAIMED);
}

static int take(struct looking *l)
{
	note_add(l->n, NOTE_EXE, exe_of(l->c));
	return l->fn(l->ctx, l->n);
}

static int look_plain(struct looking *l)
{
	const struct call_row *r = l->row;

	begin(l, r->kind);
	if (r->path != NO)
		(void)add_path(l, NOTE_PATH, r->dir, r->path);
	else
		add_fd(l, r->fd);
	if (r->path2 != NO)
		(void)add_path(l, NOTE_TO, r->dir2, r->path2);
	if (r->what)
		note_add(l->n, NOTE_WHAT, str_of(r->what));
	if (r->mode != NO)
		add_mode(l, arg(l, r->mode));
	return take(l);
}

/* ---- files ---- */

bool call_is_open(int nr, const uint64_t args[6], struct call_open *ret)
{
#ifdef SYS_open
	if (nr == SYS_open) {
		*ret = (struct call_open){ AT_FDCWD, args[0], args[1],
					   (uint32_t)args[2] };
		return true;
	}
	if (nr == SYS_creat) {
		*ret = (struct call_open){ AT_FDCWD, args[0],
					   O_CREAT | O_WRONLY | O_TRUNC,
					   (uint32_t)args[1] };
		return true;
	}
#endif
	if (nr != SYS_openat)
		return false;
	*ret = (struct call_open){ (int)args[0], args[1], (uint32_t)args[2],
				   (uint32_t)args[3] };
	return true;
}

static const char *access_of(uint64_t flags)
{
	if (flags & O_PATH)
		return "path";
	if ((flags & O_ACCMODE) == O_RDONLY)
		return flags & O_TRUNC ? "both" : "read";
	return (flags & O_ACCMODE) == O_WRONLY ? "write" : "both";
}

void call_note_open(struct note *n, const struct call_open *o, struct str path,
		    enum record_trust trust, struct str exe)
{
	/* It has O_DIRECTORY in it, for kernels that do not know it. */
	bool unnamed = (o->flags & O_TMPFILE) == O_TMPFILE;
	bool creates = !(o->flags & O_PATH) && (o->flags & O_CREAT || unnamed);

	note_begin(n, creates ? RECORD_FILE_CREATE : RECORD_FILE_OPEN, false,
		   trust);
	if (path.ptr)
		note_add(n, NOTE_PATH, path);
	else
		note_add(n, NOTE_UNREAD, STR("1"));
	if (creates)
		note_add(n, NOTE_WHAT, unnamed ? STR("tmpfile") : STR("file"));
	note_add(n, NOTE_ACCESS, str_of(access_of(o->flags)));
	note_add(n, NOTE_EXE, exe);
}

static int look_open(struct looking *l)
{
	static char raw[LOOK_PATH], full[LOOK_FULL];
	struct str path = { 0 };
	struct call_open o;
	ssize_t n;

	if (!call_is_open(l->c->nr, l->c->args, &o))
		return 1;
	n = look_string(l->c->tid, o.path, raw, sizeof(raw));
	if (n >= 0)
		path = look_absolute(
			l->c->tid, o.dirfd,
			(struct str){ .ptr = raw, .len = (size_t)n }, full);
	call_note_open(l->n, &o, path, RECORD_CLAIMED, exe_of(l->c));
	return l->fn(l->ctx, l->n);
}

static int look_unlinkat(struct looking *l)
{
	begin(l, RECORD_FILE_UNLINK);
	(void)add_path(l, NOTE_PATH, 0, 1);
	note_add(l->n, NOTE_WHAT,
		 arg(l, 2) & AT_REMOVEDIR ? STR("directory") : STR("file"));
	return take(l);
}

static int look_symlink(struct looking *l)
{
	static char to[LOOK_PATH];
	bool at = l->c->nr == SYS_symlinkat;
	ssize_t n = look_string(l->c->tid, arg(l, 0), to, sizeof(to));

	begin(l, RECORD_FILE_CREATE);
	(void)add_path(l, NOTE_PATH, at ? 1 : NO, at ? 2 : 1);
	if (n >= 0)
		note_add(l->n, NOTE_TO,
			 (struct str){ .ptr = to, .len = (size_t)n });
	note_add(l->n, NOTE_WHAT, STR("symlink"));
	return take(l);
}

/* ---- programs ---- */

static int take_command(struct looking *l)
{
	const struct call_command *k = l->c->command;

	begin(l, RECORD_PROCESS_EXEC);
	note_add(l->n, NOTE_PATH, str_of(k->path ? k->path : ""));
	note_add(l->n, NOTE_ARGV, str_of(k->argv));
	note_add(l->n, NOTE_CWD, str_of(k->cwd));
	return take(l);
}

/* "12" of "/proc/self/fd/12" and the like; empty: it is none. */
static struct str own_fd_of(struct str path)
{
	static const char *const where[] = { "/proc/self/fd/", "/dev/fd/",
					     "/proc/thread-self/fd/" };

	for (size_t i = 0; i < N_ELEMS(where); i++) {
		uint32_t n;

		if (!str_starts(path, str_of(where[i])))
			continue;
		path = str_skip(path, strlen(where[i]));
		if (str_u32(path, 0, INT32_MAX, &n))
			return path;
	}
	return (struct str){ 0 };
}

/* Its own link in /proc to the program at @name, or @fd; false: it is a path. */
static bool find_link(const struct looking *l, struct str name, int fd,
		      char *dst, size_t size)
{
	struct str own = own_fd_of(name);
	int tid = (int)l->c->tid;

	if (fd >= 0)
		(void)snprintf(dst, size, "/proc/%d/fd/%d", tid, fd);
	else if (own.len > 0)
		(void)snprintf(dst, size, "/proc/%d/fd/%.*s", tid,
			       STR_ARG(own));
	else if (str_eq(name, STR("/proc/self/exe")) ||
		 str_eq(name, STR("/proc/thread-self/exe")))
		(void)snprintf(dst, size, "/proc/%d/exe", tid);
	else
		return false;
	return true;
}

/*
 * What it is about to execute, O_PATH; a link is followed within its root.  Its
 * own links in /proc are not ours, and lead to files that may have no name.
 */
static int open_program(const struct looking *l, struct str name, int fd)
{
	static char path[LOOK_FULL];
	AUTO(fd) int root = -1;
	char what[64];

	if (find_link(l, name, fd, what, sizeof(what))) {
		int r = open(what, O_PATH | O_CLOEXEC);

		return r == -1 ? neg_errno() : r;
	}
	if (name.len == 0 || name.ptr[0] != '/' || name.len >= sizeof(path))
		return -EINVAL;
	memcpy(path, name.ptr, name.len);
	path[name.len] = '\0';
	(void)snprintf(what, sizeof(what), "/proc/%d/root", (int)l->c->tid);
	root = open(what, O_PATH | O_CLOEXEC);
	return root == -1
		       ? -ESRCH
		       : sys_openat2(root, path, O_PATH,
				     RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
}

/* The hash of what is there now, as the process sees it; @fd: it, by number. */
static void add_hash(struct looking *l, int fd)
{
	struct str name = note_path(l->n);
	const char *hex = NULL;
	int program;

	if (!l->c->hashes)
		return;
	program = open_program(l, name, fd);
	if (program == -ENOENT)
		note_add(l->n, NOTE_WHAT, STR("missing"));
	if (program < 0)
		return;
	hex = hashes_find(l->c->hashes, program, name);
	if (hex)
		note_add(l->n, NOTE_SHA256, str_of(hex));
	(void)close(program);
}

/* The descriptor that execveat(2) is given with an empty path; -1: none. */
static int program_fd(const struct looking *l)
{
	char first = 'x';

	if (l->c->nr != SYS_execveat || !(arg(l, 4) & AT_EMPTY_PATH) ||
	    look_bytes(l->c->tid, arg(l, 1), &first, 1) != 1 || first != '\0')
		return -1;
	return (int)arg(l, 0);
}

static int look_exec_call(struct looking *l)
{
	static char argv[ARGV_MAX], cwd[LOOK_PATH];
	bool at = l->c->nr == SYS_execveat;
	unsigned argc = 0;

	begin(l, RECORD_PROCESS_EXEC);
	if (!add_path(l, NOTE_PATH, at ? 0 : NO, at ? 1 : 0) && l->c->command)
		return take_command(l);
	if (!look_argv(l->c->tid, arg(l, at ? 2 : 1), argv, sizeof(argv),
		       &argc))
		note_cut(l->n);
	note_add(l->n, NOTE_ARGV, str_of(argv));
	(void)look_link(l->c->tid, "cwd", cwd, sizeof(cwd));
	note_add(l->n, NOTE_CWD, str_of(cwd));
	add_hash(l, program_fd(l));
	return take(l);
}

/* ---- the network ---- */

/* "@" for the NUL of an abstract name. */
static void add_unix(struct looking *l, const struct sockaddr_un *un,
		     size_t len)
{
	static char full[LOOK_FULL];
	char name[sizeof(un->sun_path) + 1];
	struct str path = { .ptr = name };

	if (len <= offsetof(struct sockaddr_un, sun_path)) {
		note_add(l->n, NOTE_FAMILY, STR("unix"));
		return;
	}
	path.len = len - offsetof(struct sockaddr_un, sun_path);
	memcpy(name, un->sun_path, path.len);
	name[path.len] = '\0';
	if (name[0] == '\0') {
		name[0] = '@';
	} else {
		path.len = strlen(name);
		path = look_absolute(l->c->tid, AT_FDCWD, path, full);
	}
	note_add(l->n, NOTE_PATH, path);
}

union address {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	struct sockaddr_un un;
};

static void add_inet(struct looking *l, int family, const void *addr,
		     uint16_t port)
{
	char text[INET6_ADDRSTRLEN];

	if (inet_ntop(family, addr, text, sizeof(text)))
		note_add(l->n, NOTE_ADDR, str_of(text));
	note_add_uint(l->n, NOTE_PORT, ntohs(port));
}

static void add_address(struct looking *l, const union address *a, size_t len)
{
	char text[24];

	if (len < sizeof(a->any.sa_family)) {
		note_add(l->n, NOTE_UNREAD, STR("1"));
	} else if (a->any.sa_family == AF_UNIX) {
		add_unix(l, &a->un, len < sizeof(a->un) ? len : sizeof(a->un));
	} else if (a->any.sa_family == AF_INET && len >= sizeof(a->in)) {
		add_inet(l, AF_INET, &a->in.sin_addr, a->in.sin_port);
	} else if (a->any.sa_family == AF_INET6 &&
		   len >= offsetof(struct sockaddr_in6, sin6_scope_id)) {
		add_inet(l, AF_INET6, &a->in6.sin6_addr, a->in6.sin6_port);
	} else {
		/* Linux takes it for AF_INET, where the socket is of that. */
		if (a->any.sa_family == AF_UNSPEC && len >= sizeof(a->in) &&
		    (a->in.sin_port != 0 || a->in.sin_addr.s_addr != 0))
			add_inet(l, AF_INET, &a->in.sin_addr, a->in.sin_port);
		(void)snprintf(text, sizeof(text), "%u", a->any.sa_family);
		note_add(l->n, NOTE_FAMILY,
			 a->any.sa_family == AF_UNSPEC    ? STR("unspec")
			 : a->any.sa_family == AF_NETLINK ? STR("netlink")
							  : str_of(text));
	}
}

static int take_address(struct looking *l, uint64_t addr, uint64_t len)
{
	union address a = { 0 };
	ssize_t n;

	if (len > sizeof(a))
		len = sizeof(a);
	n = look_bytes(l->c->tid, addr, &a, len);
	begin(l, l->row->kind);
	/* What the kernel cannot read either fails. */
	add_address(l, &a, n < 0 || (uint64_t)n < len ? 0 : (size_t)n);
	return take(l);
}

static int look_address(struct looking *l)
{
	bool sends = l->c->nr == SYS_sendto;
	uint64_t addr = arg(l, sends ? 4 : 1);
	uint32_t len = (uint32_t)arg(l, sends ? 5 : 2);

	if (sends && (addr == 0 || len == 0))
		return 0; /* a send() with something in the last place */
	return take_address(l, addr, len);
}

/* What the socket itself says. */
static int look_listen(struct looking *l)
{
	union address a = { 0 };
	socklen_t len = sizeof(a);
	AUTO(fd) int process = -1;
	AUTO(fd) int copy = -1;

	/* A thread may have descriptors of its own. */
	process = sys_pidfd_open_thread(l->c->tid);
	if (process < 0) /* before Linux 6.9 */
		process = sys_pidfd_open(l->c->who->tgid);
	if (process >= 0)
		copy = (int)syscall(SYS_pidfd_getfd, process, (int)arg(l, 0),
				    0);
	if (copy < 0 || getsockname(copy, &a.any, &len) == -1)
		len = 0;
	begin(l, RECORD_NET_LISTEN);
	add_address(l, &a, len < sizeof(a) ? len : sizeof(a));
	return take(l);
}

/* Of one message; without an address it is none of ours. */
static int take_msghdr(struct looking *l, const struct msghdr *m)
{
	return m->msg_name && m->msg_namelen > 0
		       ? take_address(l, (uint64_t)(uintptr_t)m->msg_name,
				      m->msg_namelen)
		       : 0;
}

/* The kernel cannot read it either, as a rule, and the call fails. */
static int take_unread(struct looking *l)
{
	begin(l, l->row->kind);
	note_add(l->n, NOTE_UNREAD, STR("1"));
	return take(l);
}

static int look_sendmsg(struct looking *l)
{
	struct msghdr m = { 0 };

	if (look_bytes(l->c->tid, arg(l, 1), &m, sizeof(m)) !=
	    (ssize_t)sizeof(m))
		return take_unread(l);
	return take_msghdr(l, &m);
}

static int look_sendmmsg(struct looking *l)
{
	uint64_t left = (uint32_t)arg(l, 2), at = arg(l, 1);
	struct mmsghdr m[MSGS_AT_ONCE];
	int r = 0;

	if (left > CALL_NOTES_MAX)
		left = CALL_NOTES_MAX; /* UIO_MAXIOV: so does the kernel */
	while (left > 0 && r == 0) {
		uint64_t n = left < MSGS_AT_ONCE ? left : MSGS_AT_ONCE;
		ssize_t got = look_bytes(l->c->tid, at, m, n * sizeof(m[0]));

		/* Of the last one only what says where it goes is needed. */
		if (got < (ssize_t)sizeof(m[0].msg_hdr))
			return take_unread(l);
		n = ((uint64_t)got + sizeof(m[0]) - sizeof(m[0].msg_hdr)) /
		    sizeof(m[0]);
		for (uint64_t i = 0; i < n && r == 0; i++)
			r = take_msghdr(l, &m[i].msg_hdr);
		left -= n;
		at += n * sizeof(m[0]);
	}
	return r;
}

int call_look(struct call_seen *c, call_note_fn fn, void *ctx)
{
	static struct note note;
	struct looking l = { .c = c, .n = &note, .fn = fn, .ctx = ctx };

	l.row = find_row(c->nr);
	if (!l.row)
		return 1;
	return l.row->fn ? l.row->fn(&l) : look_plain(&l);
}
