/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A datagram is struct head and, unless FLAG_MEMFD is set, the body.  With
 * FLAG_MEMFD the first descriptor is a memfd of head.len bytes, sealed against
 * shrinking, growing and writing before it is sent, so that the receiver reads
 * what the sender meant.
 */
#include "ipc/ipc.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/fd.h"

#define FLAG_MEMFD 1u
#define SEALS      (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL)

struct head {
	uint32_t type, id, len, flags;
};

union control {
	char room[CMSG_SPACE(sizeof(int) * (IPC_FDS_MAX + 1))];
	struct cmsghdr align;
};

void ipc_msg_init(struct ipc_msg *m)
{
	*m = (struct ipc_msg){ 0 };
	buf_init(&m->body, IPC_BODY_MAX);
}

static void drop_fds(struct ipc_msg *m)
{
	for (size_t i = 0; i < m->n_fds; i++) {
		if (m->fds[i] != -1)
			(void)close(m->fds[i]);
	}
	m->n_fds = 0;
}

void ipc_msg_done(struct ipc_msg *m)
{
	drop_fds(m);
	buf_done(&m->body);
}

int ipc_take_fd(struct ipc_msg *m, size_t i)
{
	return i < m->n_fds ? TAKE_FD(m->fds[i]) : -1;
}

int ipc_pair(int ret[2])
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ret) == -1)
		return neg_errno();
	return 0;
}

static int address(const char *path, struct sockaddr_un *ret)
{
	size_t len = strlen(path);

	*ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (len == 0 || len >= sizeof(ret->sun_path))
		return -ENAMETOOLONG;
	memcpy(ret->sun_path, path, len + 1);
	return 0;
}

int ipc_listen(const char *path)
{
	AUTO(fd) int fd = -1;
	struct sockaddr_un a;
	int r = address(path, &a);

	if (r != 0)
		return r;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1)
		return neg_errno();
	(void)unlink(path); /* what an earlier daemon left, if anything */
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) == -1)
		return neg_errno();
	/* The directory is 0700 already; this is the second lock. */
	if (chmod(path, 0600) == -1 || listen(fd, 256) == -1)
		return neg_errno();
	return TAKE_FD(fd);
}

int ipc_connect(const char *path)
{
	AUTO(fd) int fd = -1;
	struct sockaddr_un a;
	int r = address(path, &a);

	if (r != 0)
		return r;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return neg_errno();
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) == -1)
		return neg_errno();
	return TAKE_FD(fd);
}

int ipc_peer(int fd, uid_t *ret_uid, pid_t *ret_pid)
{
	struct ucred c = { 0 };
	socklen_t len = sizeof(c);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &c, &len) == -1)
		return neg_errno();
	*ret_uid = c.uid;
	*ret_pid = c.pid;
	return 0;
}

static int body_to_memfd(struct str body, int *ret)
{
	AUTO(fd) int fd = memfd_create("bawn-ipc",
				       MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int r;

	if (fd == -1)
		return neg_errno();
	r = fd_write_full(fd, body.ptr, body.len);
	if (r != 0)
		return r;
	if (fcntl(fd, F_ADD_SEALS, SEALS) == -1)
		return neg_errno();
	*ret = TAKE_FD(fd);
	return 0;
}

static void put_fds(struct msghdr *m, union control *c, const int *fds,
		    size_t n)
{
	struct cmsghdr *h;

	if (n == 0)
		return;
	memset(c, 0, sizeof(*c));
	m->msg_control = c->room;
	m->msg_controllen = CMSG_SPACE(sizeof(int) * n);
	h = CMSG_FIRSTHDR(m);
	h->cmsg_level = SOL_SOCKET;
	h->cmsg_type = SCM_RIGHTS;
	h->cmsg_len = CMSG_LEN(sizeof(int) * n);
	memcpy(CMSG_DATA(h), fds, sizeof(int) * n);
}

int ipc_send(int fd, uint32_t type, uint32_t id, struct str body,
	     const int *fds, size_t n_fds)
{
	struct head head = { .type = type, .id = id };
	AUTO(fd) int memfd = -1;
	int all[IPC_FDS_MAX + 1];
	struct iovec iov[2];
	struct msghdr m = { .msg_iov = iov };
	union control c;
	size_t n = 0;
	int r;

	if (n_fds > IPC_FDS_MAX || body.len > IPC_BODY_MAX)
		return -EMSGSIZE;
	head.len = (uint32_t)body.len;
	if (body.len > IPC_INLINE_MAX) {
		r = body_to_memfd(body, &memfd);
		if (r != 0)
			return r;
		head.flags = FLAG_MEMFD;
		all[n++] = memfd;
	}
	for (size_t i = 0; i < n_fds; i++)
		all[n++] = fds[i];
	put_fds(&m, &c, all, n);

	iov[0] = (struct iovec){ &head, sizeof(head) };
	/* sendmsg(2) only reads; the cast drops const for its C type. */
	iov[1] = (struct iovec){ (void *)(uintptr_t)body.ptr, body.len };
	m.msg_iovlen = head.flags || body.len == 0 ? 1 : 2;
	while (sendmsg(fd, &m, MSG_NOSIGNAL) == -1) {
		if (errno == EINTR)
			continue;
		return errno == ECONNRESET ? -EPIPE : neg_errno();
	}
	return 0;
}

static void take_fds(struct msghdr *m, int *fds, size_t max, size_t *n,
		     bool *too_many)
{
	for (struct cmsghdr *h = CMSG_FIRSTHDR(m); h; h = CMSG_NXTHDR(m, h)) {
		size_t bytes = h->cmsg_len - CMSG_LEN(0);

		if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < bytes / sizeof(int); i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(h) + i * sizeof(int),
			       sizeof(fd));
			if (*n < max) {
				fds[(*n)++] = fd;
			} else {
				(void)close(fd);
				*too_many = true;
			}
		}
	}
}

static int body_from_memfd(struct ipc_msg *m, const struct head *h)
{
	AUTO(fd) int fd = -1;
	struct stat st;
	char *p;

	if (m->n_fds == 0)
		return -EPROTO;
	fd = m->fds[0];
	m->n_fds--;
	memmove(m->fds, m->fds + 1, m->n_fds * sizeof(m->fds[0]));
	if (fcntl(fd, F_GET_SEALS) != SEALS || fstat(fd, &st) == -1 ||
	    st.st_size != (off_t)h->len)
		return -EPROTO;
	p = buf_reserve(&m->body, h->len);
	if (!p)
		return -ENOMEM;
	if (pread(fd, p, h->len, 0) != (ssize_t)h->len)
		return -EPROTO;
	buf_added(&m->body, h->len);
	return 0;
}

int ipc_recv(int fd, struct ipc_msg *m, size_t max_body)
{
	struct head h = { 0 };
	int all[IPC_FDS_MAX + 1];
	union control c;
	struct iovec iov[2];
	struct msghdr hdr = { .msg_iov = iov,
			      .msg_iovlen = 2,
			      .msg_control = c.room,
			      .msg_controllen = sizeof(c.room) };
	bool too_many = false;
	size_t n = 0;
	ssize_t got;
	char *p;
	int r = 0;

	drop_fds(m);
	buf_clear(&m->body);
	p = buf_reserve(&m->body, IPC_INLINE_MAX);
	if (!p)
		return -ENOMEM;
	iov[0] = (struct iovec){ &h, sizeof(h) };
	iov[1] = (struct iovec){ p, IPC_INLINE_MAX };
	do {
		got = recvmsg(fd, &hdr, MSG_CMSG_CLOEXEC);
	} while (got == -1 && errno == EINTR);
	if (got == -1)
		return errno == ECONNRESET ? -EPIPE : neg_errno();
	take_fds(&hdr, all, N_ELEMS(all), &n, &too_many);
	for (size_t i = 0; i < n; i++) {
		if (i < IPC_FDS_MAX || (h.flags & FLAG_MEMFD)) {
			if (i < IPC_FDS_MAX)
				m->fds[m->n_fds++] = all[i];
			else
				r = -EPROTO;
		} else {
			r = -EPROTO;
		}
		if (i >= IPC_FDS_MAX)
			(void)close(all[i]);
	}
	if (got == 0 && n == 0)
		return -EPIPE;
	if (r != 0 || too_many || (size_t)got < sizeof(h) ||
	    (hdr.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) || h.len > max_body ||
	    (h.flags & ~FLAG_MEMFD)) {
		r = -EPROTO;
	} else if (h.flags & FLAG_MEMFD) {
		r = (size_t)got == sizeof(h) ? body_from_memfd(m, &h) : -EPROTO;
	} else if ((size_t)got != sizeof(h) + h.len) {
		r = -EPROTO;
	} else {
		buf_added(&m->body, h.len);
	}
	if (r != 0) {
		drop_fds(m);
		return r;
	}
	m->type = h.type;
	m->id = h.id;
	return buf_cstr(&m->body) ? 0 : -ENOMEM;
}
