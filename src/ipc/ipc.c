/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 *   frame = type:u32 id:u32 body          ; type < 2^31
 *         / type|2^31 id:u32 length:u64   ; the body is in a memfd
 *
 * The memfd is the first descriptor of its frame, is not counted among those of
 * the message, and is read from offset 0 with pread(2): a peer that kept a copy
 * of the open file moves no offset of ours.  It must be sealed against
 * shrinking, growing and writing, and be as long as the frame says.  That also
 * keeps out pipes and files of slow or hostile file systems, since only memfds
 * carry seals.  A short body in a memfd is refused: one spelling.
 *
 * Programs of different builds meet in the first two messages, so this layout
 * does not change.
 *
 * Whatever goes wrong, no descriptor that arrived stays behind: they are first
 * put into m->fds, and ipc_msg_done() closes what is there.
 */
#include "ipc/ipc.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include "base/fd.h"
#include "base/wall.h"

#define IN_MEMFD (UINT32_C(1) << 31)
#define WIRE_FDS (IPC_FDS_MAX + 1) /* with the memfd */
#define SEALS    (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)
#define BACKLOG  64

struct header {
	uint32_t type, id;
};

union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(WIRE_FDS * sizeof(int))];
};

void ipc_msg_init(struct ipc_msg *m)
{
	*m = (struct ipc_msg){ 0 };
	for (size_t i = 0; i < IPC_FDS_MAX; i++)
		m->fds[i] = -1;
	buf_init(&m->body, IPC_BODY_MAX);
}

static void drop_content(struct ipc_msg *m)
{
	for (size_t i = 0; i < m->n_fds; i++) {
		if (m->fds[i] != -1)
			(void)close(m->fds[i]);
		m->fds[i] = -1;
	}
	m->n_fds = 0;
	m->type = 0;
	m->id = 0;
	buf_clear(&m->body);
}

void ipc_msg_done(struct ipc_msg *m)
{
	drop_content(m);
	buf_done(&m->body);
}

int ipc_take_fd(struct ipc_msg *m, size_t i)
{
	if (i >= m->n_fds)
		return -1;
	return TAKE_FD(m->fds[i]);
}

int ipc_pair(int ret[2])
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ret) == -1)
		return neg_errno();
	return 0;
}

pid_t ipc_fork(int *ret_fd)
{
	int fds[2], r = ipc_pair(fds);
	pid_t pid;

	if (r != 0)
		return r;
	pid = fork();
	if (pid == -1) {
		r = neg_errno();
		(void)close(fds[0]);
		(void)close(fds[1]);
		return r;
	}
	(void)close(fds[pid == 0 ? 0 : 1]);
	*ret_fd = fds[pid == 0 ? 1 : 0];
	return pid;
}

static int make_address(const char *path, struct sockaddr_un *ret)
{
	size_t len = strlen(path);

	if (len == 0 || len >= sizeof(ret->sun_path))
		return -ENAMETOOLONG;
	*ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(ret->sun_path, path, len);
	return 0;
}

static int new_socket(int flags)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | flags, 0);

	return fd == -1 ? neg_errno() : fd;
}

int ipc_listen(const char *path)
{
	struct sockaddr_un sa;
	AUTO(fd) int fd = -1;
	struct stat st;
	int r;

	r = make_address(path, &sa);
	if (r != 0)
		return r;
	r = new_socket(SOCK_NONBLOCK);
	if (r < 0)
		return r;
	fd = r;

	if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode) && unlink(path) == -1)
		return neg_errno();
	/* bind(2) gives the file the mode of the socket: never wider. */
	if (fchmod(fd, 0600) == -1 ||
	    bind(fd, (const struct sockaddr *)&sa, sizeof(sa)) == -1 ||
	    listen(fd, BACKLOG) == -1)
		return neg_errno();
	return TAKE_FD(fd);
}

int ipc_connect(const char *path)
{
	struct sockaddr_un sa;
	AUTO(fd) int fd = -1;
	int r;

	r = make_address(path, &sa);
	if (r != 0)
		return r;
	r = new_socket(0);
	if (r < 0)
		return r;
	fd = r;
	/* An interrupted connect(2) of a Unix socket has not happened. */
	while (connect(fd, (const struct sockaddr *)&sa, sizeof(sa)) == -1) {
		if (errno != EINTR)
			return neg_errno();
	}
	return TAKE_FD(fd);
}

int ipc_peer(int fd, uid_t *ret_uid, pid_t *ret_pid)
{
	struct ucred c;
	socklen_t len = sizeof(c);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &c, &len) == -1)
		return neg_errno();
	*ret_uid = c.uid;
	*ret_pid = c.pid;
	return 0;
}

static int gone_as_epipe(int r)
{
	return r == -ECONNRESET || r == -ENOTCONN || r == -ECONNREFUSED ? -EPIPE
									: r;
}

int ipc_say(int fd, uint32_t type, uint32_t id, struct str body)
{
	struct header h = { type, id };
	char frame[sizeof(h) + IPC_SAY_MAX];

	if (body.len > IPC_SAY_MAX)
		return -EMSGSIZE;
	memcpy(frame, &h, sizeof(h));
	if (body.len > 0)
		memcpy(frame + sizeof(h), body.ptr, body.len);
	while (send(fd, frame, sizeof(h) + body.len, MSG_NOSIGNAL) == -1) {
		if (errno != EINTR)
			return gone_as_epipe(neg_errno());
	}
	return 0;
}

/* With @pass in the two registers behind its own, see ipc_send_passing(). */
static ssize_t send_message(int fd, const struct msghdr *m,
			    const uint32_t *pass)
{
	if (!pass)
		return sendmsg(fd, m, MSG_NOSIGNAL);
	return syscall(SYS_sendmsg, fd, m, MSG_NOSIGNAL, pass[0], pass[1]);
}

static int send_frame(int fd, struct header h, struct str body, const int *fds,
		      size_t n_fds, const uint32_t *pass)
{
	union control control = { 0 };
	struct iovec iov[2] = {
		{ .iov_base = &h, .iov_len = sizeof(h) },
		/* sendmsg(2) does not write to it; the type is POSIX's */
		{ .iov_base = (void *)(uintptr_t)body.ptr,
		  .iov_len = body.len },
	};
	struct msghdr m = { .msg_iov = iov, .msg_iovlen = 2 };

	if (n_fds > 0) {
		m.msg_control = control.bytes;
		m.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));

		struct cmsghdr *c = &control.align; /* the only one */

		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(c), fds, n_fds * sizeof(int));
	}
	while (send_message(fd, &m, pass) == -1) {
		if (errno != EINTR)
			return gone_as_epipe(neg_errno());
	}
	return 0;
}

/* A sealed memfd that holds @body. */
static int store_body(struct str body)
{
	AUTO(fd) int fd = memfd_create("ipc", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int r;

	if (fd == -1)
		return neg_errno();
	r = fd_write_full(fd, body.ptr, body.len);
	if (r != 0)
		return r;
	if (fcntl(fd, F_ADD_SEALS, SEALS | F_SEAL_SEAL) == -1)
		return neg_errno();
	return TAKE_FD(fd);
}

int ipc_send(int fd, uint32_t type, uint32_t id, struct str body,
	     const int *fds, size_t n_fds)
{
	struct header h = { type, id };
	AUTO(fd) int memfd = -1;
	int all[WIRE_FDS];
	uint64_t len = body.len;
	int r;

	ASSERT(type < IN_MEMFD);
	if (body.len > IPC_BODY_MAX || n_fds > IPC_FDS_MAX)
		return -EMSGSIZE;
	if (body.len <= IPC_INLINE_MAX)
		return send_frame(fd, h, body, fds, n_fds, NULL);

	r = store_body(body);
	if (r < 0)
		return r;
	memfd = r;
	all[0] = memfd;
	if (n_fds > 0)
		memcpy(all + 1, fds, n_fds * sizeof(int));
	h.type |= IN_MEMFD;
	body = (struct str){ .ptr = (const char *)&len, .len = sizeof(len) };
	return send_frame(fd, h, body, all, n_fds + 1, NULL);
}

int ipc_send_passing(int fd, uint32_t type, struct str body, const int *fds,
		     size_t n_fds, const uint32_t pass[2])
{
	struct header h = { type, 0 };

	ASSERT(type < IN_MEMFD);
	if (body.len > IPC_INLINE_MAX || n_fds > IPC_FDS_MAX)
		return -EMSGSIZE;
	return send_frame(fd, h, body, fds, n_fds, pass);
}

/*
 * Move the descriptors of @h to @fds.  False: there were too many; the rest is
 * closed.
 */
static bool collect_fds(struct msghdr *h, int fds[WIRE_FDS], size_t *ret_n)
{
	bool fits = !(h->msg_flags & MSG_CTRUNC);
	size_t n = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;

		size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		for (size_t i = 0; i < count; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (n < WIRE_FDS) {
				fds[n++] = fd;
				continue;
			}
			(void)close(fd);
			fits = false;
		}
	}
	*ret_n = n;
	return fits;
}

/* The body of @len bytes in @memfd, which a peer made. */
static int load_body(int memfd, uint64_t len, struct buf *b)
{
	int seals = fcntl(memfd, F_GET_SEALS);
	struct stat st;
	char *p;

	if (WALL(SEALED_BODIES) && (seals == -1 || (seals & SEALS) != SEALS))
		return -EPROTO;
	if (fstat(memfd, &st) == -1)
		return neg_errno();
	if (st.st_size < 0 || (uint64_t)st.st_size != len)
		return -EPROTO;

	p = buf_reserve(b, len);
	if (!p)
		return -ENOMEM;
	for (size_t at = 0; at < len;) {
		ssize_t n = pread(memfd, p + at, len - at, (off_t)at);

		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			return n == 0 ? -EPROTO : neg_errno();
		at += (size_t)n;
	}
	buf_added(b, len);
	return 0;
}

/* Put @payload, as it came, into @m->body. */
static int take_body(struct ipc_msg *m, int memfd, struct str payload,
		     size_t max_body)
{
	uint64_t len;

	if (memfd == -1) {
		if (payload.len > max_body)
			return -EPROTO;
		return buf_add(&m->body, payload) ? 0 : -ENOMEM;
	}
	if (payload.len != sizeof(len))
		return -EPROTO;
	memcpy(&len, payload.ptr, sizeof(len));
	if (len <= IPC_INLINE_MAX || len > max_body || len > IPC_BODY_MAX)
		return -EPROTO;
	return load_body(memfd, len, &m->body);
}

/* Sort out a frame of @len bytes; @fds are ours to keep or close. */
static int take_frame(struct ipc_msg *m, struct header h, struct str payload,
		      const int *fds, size_t n_fds, size_t max_body)
{
	AUTO(fd) int memfd = -1;
	bool in_memfd = h.type & IN_MEMFD;
	size_t first = in_memfd && n_fds > 0 ? 1 : 0;
	bool fits = n_fds - first <= IPC_FDS_MAX;
	int r;

	if (first == 1)
		memfd = fds[0];
	for (size_t i = first; i < n_fds; i++) {
		if (m->n_fds < IPC_FDS_MAX)
			m->fds[m->n_fds++] = fds[i];
		else
			(void)close(fds[i]);
	}
	if (!fits || (in_memfd && memfd == -1))
		return -EPROTO;

	r = take_body(m, memfd, payload, max_body);
	if (r != 0)
		return r;
	m->type = h.type & ~IN_MEMFD;
	m->id = h.id;
	return buf_cstr(&m->body) ? 0 : -ENOMEM;
}

int ipc_recv(int fd, struct ipc_msg *m, size_t max_body)
{
	/* One thread: copied out before anybody else can come by. */
	static char payload[IPC_INLINE_MAX];
	union control control;
	struct header h = { 0 };
	struct iovec iov[2] = {
		{ .iov_base = &h, .iov_len = sizeof(h) },
		{ .iov_base = payload, .iov_len = sizeof(payload) },
	};
	struct msghdr mh = { .msg_iov = iov,
			     .msg_iovlen = 2,
			     .msg_control = control.bytes,
			     .msg_controllen = sizeof(control.bytes) };
	int fds[WIRE_FDS];
	size_t n_fds = 0;
	unsigned reset = 0;
	ssize_t n;
	int r;

	drop_content(m);
	/*
	 * A peer that closed without reading all of ours is told as a reset,
	 * once, and before its last words, which are there all the same.
	 */
	do
		n = recvmsg(fd, &mh, MSG_CMSG_CLOEXEC);
	while (n == -1 &&
	       (errno == EINTR || (errno == ECONNRESET && !reset++)));
	if (n == -1)
		return gone_as_epipe(neg_errno());

	bool fits = collect_fds(&mh, fds, &n_fds);

	/* An empty frame looks like the end, and is as good as that. */
	if (n == 0 && n_fds == 0 && fits)
		return -EPIPE;

	size_t len = (size_t)n < sizeof(h) ? 0 : (size_t)n - sizeof(h);

	r = take_frame(m, h, (struct str){ .ptr = payload, .len = len }, fds,
		       n_fds, max_body);
	if (!fits || (mh.msg_flags & MSG_TRUNC) || (size_t)n < sizeof(h))
		r = -EPROTO;
	if (r != 0)
		drop_content(m);
	return r;
}
