/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Young parts of the kernel, by use: rings that make calls no filter sees,
 * descriptors of processes that lead to their namespaces, and lists of what
 * others have mounted.
 *
 * A ring is asked for one operation at a time and left alone.  What an operation
 * answers is read from the ring, so a row is reachable only when the kernel has
 * carried it out.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <stdio.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "probe/fixtures.h"
#include "probe/rows.h"

#define ENTRIES     4u
#define OPS_MAX     256u
#define CMD_SIOCINQ 0u /* of a socket's */

/* <linux/nsfs.h> and <linux/pidfd.h> of 6.12 */
#define NS_PARENT     _IO(0xb7, 0x2)
#define NS_OWNER      _IO(0xb7, 0x1)
#define MNTNS_PREV    _IOR(0xb7, 12, char[16])
#define MNTNS_NEXT    _IOR(0xb7, 11, char[16])
#define PIDFD_MNT_NS  _IO(0xff, 3)
#define PIDFD_NET_NS  _IO(0xff, 4)
#define PIDFD_USER_NS _IO(0xff, 9)

/* ---- rings ---- */

struct ring {
	int fd;
	uint32_t *tail, *array, *cq_head, *cq_tail;
	uint32_t sq_mask, cq_mask;
	struct io_uring_sqe *sqes;
	struct io_uring_cqe *cqes;
};

static void *map_part(int fd, size_t len, off_t at)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_POPULATE, fd, at);

	return p == MAP_FAILED ? NULL : p;
}

/* False: said why there is none. */
static bool make_ring(struct ring *ring, unsigned flags, struct result *out)
{
	struct io_uring_params p = { .flags = flags };
	char *sq, *cq;

	ring->fd = (int)syscall(SYS_io_uring_setup, ENTRIES, &p);
	if (ring->fd == -1) {
		say_refused(out, errno, "no ring");
		return false;
	}
	sq = map_part(ring->fd, p.sq_off.array + p.sq_entries * 4,
		      IORING_OFF_SQ_RING);
	cq = map_part(ring->fd,
		      p.cq_off.cqes + p.cq_entries * sizeof(*ring->cqes),
		      IORING_OFF_CQ_RING);
	ring->sqes = map_part(ring->fd, p.sq_entries * sizeof(*ring->sqes),
			      IORING_OFF_SQES);
	if (!sq || !cq || !ring->sqes) {
		say_refused(out, errno, "a ring that cannot be mapped");
		return false;
	}
	ring->tail = (uint32_t *)(void *)(sq + p.sq_off.tail);
	ring->array = (uint32_t *)(void *)(sq + p.sq_off.array);
	ring->sq_mask = *(uint32_t *)(void *)(sq + p.sq_off.ring_mask);
	ring->cq_head = (uint32_t *)(void *)(cq + p.cq_off.head);
	ring->cq_tail = (uint32_t *)(void *)(cq + p.cq_off.tail);
	ring->cq_mask = *(uint32_t *)(void *)(cq + p.cq_off.ring_mask);
	ring->cqes = (struct io_uring_cqe *)(void *)(cq + p.cq_off.cqes);
	return true;
}

static void put(struct ring *ring, const struct io_uring_sqe *sqe)
{
	uint32_t tail = *ring->tail, at = tail & ring->sq_mask;

	ring->sqes[at] = *sqe;
	ring->array[at] = at;
	__atomic_store_n(ring->tail, tail + 1, __ATOMIC_RELEASE);
}

/* What the one operation came to, or -errno of entering. */
static int await(struct ring *ring, int fd, unsigned flags)
{
	uint32_t head = *ring->cq_head;

	if (syscall(SYS_io_uring_enter, fd, 1, 1,
		    flags | IORING_ENTER_GETEVENTS, NULL, 0) == -1)
		return -errno;
	if (__atomic_load_n(ring->cq_tail, __ATOMIC_ACQUIRE) == head)
		return -EAGAIN;
	__atomic_store_n(ring->cq_head, head + 1, __ATOMIC_RELEASE);
	return ring->cqes[head & ring->cq_mask].res;
}

static void say_result(struct result *out, int res, const char *what)
{
	if (res < 0)
		say_refused(out, -res, "%s", what);
	else
		say_reachable(out, "%s", what);
}

static void do_one(const struct io_uring_sqe *sqe, const char *what,
		   struct result *out)
{
	struct ring ring;

	if (!make_ring(&ring, 0, out))
		return;
	put(&ring, sqe);
	say_result(out, await(&ring, ring.fd, 0), what);
}

static void try_ring_open(const struct attempt *a, const struct run *r,
			  struct result *out)
{
	const char *path = fixture_text(r->fixtures, FIX_SECRET_FILE);
	struct io_uring_sqe sqe = { .opcode = IORING_OP_OPENAT,
				    .fd = AT_FDCWD,
				    .open_flags = O_RDONLY | O_CLOEXEC };

	(void)a;
	if (!path) {
		say_untried(out, "no fixture: secret_file");
		return;
	}
	sqe.addr = (uint64_t)(uintptr_t)path;
	do_one(&sqe, path, out);
}

/* A family that filters refuse where they see the call. */
static void try_ring_socket(const struct attempt *a, const struct run *r,
			    struct result *out)
{
	struct io_uring_sqe sqe = { .opcode = IORING_OP_SOCKET,
				    .fd = *(const int *)a->arg,
				    .off = SOCK_STREAM };

	(void)r;
	do_one(&sqe, "a socket", out);
}

static void try_ring_connect(const struct attempt *a, const struct run *r,
			     struct result *out)
{
	const struct fixture *f = fixture_first(r->fixtures, FIX_TCP4);
	struct io_uring_sqe sqe = { .opcode = IORING_OP_CONNECT };

	(void)a;
	if (!f) {
		say_untried(out, "no fixture: tcp4");
		return;
	}
	sqe.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	sqe.addr = (uint64_t)(uintptr_t)&f->addr.in;
	sqe.off = sizeof(f->addr.in);
	do_one(&sqe, "connected", out);
	(void)close(sqe.fd);
}

/* A driver's own commands: here, how much a socket has to read. */
static void try_ring_command(const struct attempt *a, const struct run *r,
			     struct result *out)
{
	struct io_uring_sqe sqe = { .opcode = IORING_OP_URING_CMD,
				    .off = CMD_SIOCINQ };

	(void)a;
	(void)r;
	sqe.fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	do_one(&sqe, "answered", out);
}

/* By a number that is no descriptor, which a look at /proc does not show. */
static void try_ring_registered(const struct attempt *a, const struct run *r,
				struct result *out)
{
	struct io_uring_rsrc_update up = { .offset = UINT32_MAX };
	struct io_uring_sqe sqe = { .opcode = IORING_OP_NOP };
	struct ring ring;

	(void)a;
	(void)r;
	if (!make_ring(&ring, 0, out))
		return;
	up.data = (uint32_t)ring.fd;
	if (syscall(SYS_io_uring_register, ring.fd, IORING_REGISTER_RING_FDS,
		    &up, 1) != 1) {
		say_refused(out, errno, "not registered");
		return;
	}
	put(&ring, &sqe);
	say_result(out,
		   await(&ring, (int)up.offset, IORING_ENTER_REGISTERED_RING),
		   "a ring by index");
}

/* A thread of the kernel's that makes the calls. */
static void try_ring_thread(const struct attempt *a, const struct run *r,
			    struct result *out)
{
	struct ring ring;

	(void)a;
	(void)r;
	if (make_ring(&ring, IORING_SETUP_SQPOLL, out))
		say_reachable(out, "a thread of the kernel's");
}

/* How many kinds of calls there are past the filter. */
static void try_ring_ops(const struct attempt *a, const struct run *r,
			 struct result *out)
{
	static union {
		struct io_uring_probe p;
		char room[sizeof(struct io_uring_probe) +
			  OPS_MAX * sizeof(struct io_uring_probe_op)];
	} u;
	struct ring ring;
	unsigned n = 0;

	(void)a;
	(void)r;
	if (!make_ring(&ring, 0, out))
		return;
	if (syscall(SYS_io_uring_register, ring.fd, IORING_REGISTER_PROBE, &u,
		    OPS_MAX) == -1) {
		say_refused(out, errno, "not asked");
		return;
	}
	for (unsigned i = 0; i < u.p.ops_len; i++)
		n += (u.p.ops[i].flags & IO_URING_OP_SUPPORTED) != 0;
	say_reachable(out, "%u operations", n);
}

/* ---- namespaces by descriptors ---- */

struct question {
	const char *file; /* NULL: by a pidfd */
	unsigned long request;
	bool host; /* of the host's process; else of process 1 */
};

/* To one that is not our own. */
static void say_namespace(struct result *out, int fd, const char *own)
{
	struct stat a, b;

	if (fd == -1)
		say_refused(out, errno, "%s", "");
	else if (own && fstat(fd, &a) == 0 && stat(own, &b) == 0 &&
		 a.st_ino == b.st_ino && a.st_dev == b.st_dev)
		say_refused(out, 0, "it is our own");
	else
		say_reachable(out, "a namespace of others");
}

static void try_ns_ioctl(const struct attempt *a, const struct run *r,
			 struct result *out)
{
	const struct question *q = a->arg;
	struct {
		uint32_t size, n;
		uint64_t id;
	} info = { .size = sizeof(info) };
	int fd = open(q->file, O_RDONLY | O_CLOEXEC);

	(void)r;
	if (fd == -1) {
		say_refused(out, errno, "%s", q->file);
		return;
	}
	fd = ioctl(fd, q->request, &info);
	say_namespace(out, fd,
		      q->request == NS_OWNER ? "/proc/self/ns/user" : q->file);
}

static void try_pidfd_ns(const struct attempt *a, const struct run *r,
			 struct result *out)
{
	const struct question *q = a->arg;
	const struct fixture *f = fixture_first(r->fixtures, FIX_HOST_PID);
	int pid = q->host ? (f ? (int)f->number : -1) : 1;
	int fd;

	if (pid == -1) {
		say_untried(out, "no fixture: host_pid");
		return;
	}
	fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (fd == -1)
		say_refused(out, errno, "pidfd_open");
	else
		say_call(out, ioctl(fd, q->request, 0));
}

static void try_pidfd_signal(const struct attempt *a, const struct run *r,
			     struct result *out)
{
	const struct fixture *f = fixture_first(r->fixtures, FIX_HOST_PID);
	int fd = f ? (int)syscall(SYS_pidfd_open, f->number, 0) : -1;

	(void)a;
	if (!f)
		say_untried(out, "no fixture: host_pid");
	else if (fd == -1)
		say_refused(out, errno, "pidfd_open");
	else
		say_call(out, syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0));
}

/* ---- watching ---- */

/* Without a capability: news by handles, of one directory. */
static void try_fanotify(const struct attempt *a, const struct run *r,
			 struct result *out)
{
	const char *dir = fixture_text(r->fixtures, FIX_OUTSIDE_DIR);
	int fd = fanotify_init(FAN_CLASS_NOTIF | FAN_REPORT_FID | FAN_CLOEXEC,
			       O_RDONLY);

	(void)a;
	if (!dir)
		say_untried(out, "no fixture: outside_dir");
	else if (fd == -1)
		say_refused(out, errno, "fanotify_init");
	else
		say_call(out, fanotify_mark(fd, FAN_MARK_ADD,
					    FAN_OPEN | FAN_EVENT_ON_CHILD,
					    AT_FDCWD, dir));
}

static void try_watch_hidden(const struct attempt *a, const struct run *r,
			     struct result *out)
{
	const char *path = fixture_text(r->fixtures, FIX_HIDDEN_FILE);

	(void)a;
	if (!path)
		say_untried(out, "no fixture: hidden_file");
	else
		say_call(out, inotify_add_watch(inotify_init1(IN_CLOEXEC), path,
						IN_MODIFY | IN_OPEN));
}

#define RING(id, what, fn, arg) \
	ROW("kernel.ring-" id, what, "io_uring(7)", fn, arg)
#define ASK(id, what, file, request)                              \
	ROW("kernel.ns-" id, what, "ioctl_nsfs(2)", try_ns_ioctl, \
	    (&(const struct question){ (file), (request), false }))
#define PIDFD(id, what, request, host)                                 \
	ROW("proc." id, what, "PIDFD_GET_MNT_NAMESPACE", try_pidfd_ns, \
	    (&(const struct question){ NULL, (request), (host) }))

const struct attempt young_rows[] = {
	RING("ops", "how many calls a ring can make", try_ring_ops, NULL),
	RING("open", "a file outside, by a ring", try_ring_open, NULL),
	RING("socket", "a Unix socket, by a ring", try_ring_socket,
	     &(const int){ AF_UNIX }),
	RING("socket-vsock", "a vsock socket, by a ring", try_ring_socket,
	     &(const int){ 40 }),
	RING("connect", "the host's loopback, by a ring", try_ring_connect,
	     NULL),
	RING("command", "a driver's commands, by a ring", try_ring_command,
	     NULL),
	RING("registered", "a ring that is no descriptor", try_ring_registered,
	     NULL),
	RING("thread", "a ring with a thread of the kernel", try_ring_thread,
	     NULL),
	ASK("parent-user", "the user namespace above", "/proc/self/ns/user",
	    NS_PARENT),
	ASK("parent-pid", "the pid namespace above", "/proc/self/ns/pid",
	    NS_PARENT),
	ASK("owner-net", "whose the network namespace is", "/proc/self/ns/net",
	    NS_OWNER),
	ASK("mounts-before", "the mount namespace before", "/proc/self/ns/mnt",
	    MNTNS_PREV),
	ASK("mounts-after", "the mount namespace after", "/proc/self/ns/mnt",
	    MNTNS_NEXT),
	PIDFD("host-pidfd-ns-mnt", "a host process's mounts, by its pidfd",
	      PIDFD_MNT_NS, true),
	PIDFD("host-pidfd-ns-net", "its network, by its pidfd", PIDFD_NET_NS,
	      true),
	PIDFD("init-pidfd-ns-mnt", "the mounts of process 1, by its pidfd",
	      PIDFD_MNT_NS, false),
	PIDFD("init-pidfd-ns-user", "its user namespace, by its pidfd",
	      PIDFD_USER_NS, false),
	ROW("proc.host-pidfd-signal", "signal a host's process by a pidfd",
	    "pidfd_send_signal(2)", try_pidfd_signal, NULL),
	ROW("fs.fanotify-outside", "watch a directory outside, by handles",
	    "fanotify(7)", try_fanotify, NULL),
	ROW("fs.hidden-inotify", "watch a hidden file", "inotify(7)",
	    try_watch_hidden, NULL),
};
END_ROWS(young);
