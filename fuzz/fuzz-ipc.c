/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input: a byte, which says how many descriptors of what kind come along, a
 * byte of limits, then a frame as it lies on the wire; of a body in a memfd the
 * bytes behind the frame's first 16.  Laws:
 *   1. what is accepted keeps the receiver's limit, is terminated, and has the
 *      type, id and body of the wire;
 *   2. what is refused leaves neither body nor descriptor;
 *   3. no descriptor stays open, whatever came;
 *   4. what was accepted can be sent again, and comes again as it was;
 *   5. a table answers only what it has a row for.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "ipc/ipc.h"
#include "ipc/request.h"

#define IN_MEMFD (UINT32_C(1) << 31) /* as on the wire */
#define FDS_SENT 20u
#define KINDS    4u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void law(bool holds)
{
	if (!holds)
		abort();
}

/* What the next open() would get: the same before and after, or one leaked. */
static int lowest_free(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	law(fd != -1);
	(void)close(fd);
	return fd;
}

static int make_memfd(struct str body, bool sealed)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	law(fd != -1 && fd_write_full(fd, body.ptr, body.len) == 0);
	if (sealed)
		law(fcntl(fd, F_ADD_SEALS,
			  F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) == 0);
	return fd;
}

static int make_fd(unsigned kind, struct str body)
{
	if (kind == 0)
		return open("/dev/null", O_RDWR | O_CLOEXEC);
	if (kind == 1)
		return open("/", O_PATH | O_CLOEXEC);
	return make_memfd(body, kind == 2);
}

static void send_raw(int to, struct str frame, int passed, size_t n)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(FDS_SENT * sizeof(int))];
	} control = { 0 };
	struct iovec iov = { (void *)(uintptr_t)frame.ptr, frame.len };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (n > 0) {
		struct cmsghdr *c = &control.align;

		m.msg_control = control.bytes;
		m.msg_controllen = CMSG_SPACE(n * sizeof(int));
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(n * sizeof(int));
		for (size_t i = 0; i < n; i++)
			memcpy(CMSG_DATA(c) + i * sizeof(int), &passed,
			       sizeof(int));
	}
	law(sendmsg(to, &m, MSG_NOSIGNAL) == (ssize_t)frame.len);
}

static int answer(void *peer, struct ipc_msg *m)
{
	(void)m;
	++*(unsigned *)peer;
	return 0;
}

static void check_table(struct ipc_msg *m)
{
	static const struct request table[] = {
		[3] = { "three", answer, 16, 1, 0, 1, true },
		[5] = { "five", answer, 4096, 2, 0, 0, false },
	};
	struct request_state st = { .phase = 1 };
	struct diag why = { 0 };
	unsigned answered = 0;
	bool fits = m->type == 3 && m->body.len <= 16 && m->n_fds <= 1;

	law(request_dispatch(table, N_ELEMS(table), &st, &answered, m, &why) ==
	    (fits ? 0 : -EPROTO));
	law(answered == fits && (fits || why.text[0]));
	/* once */
	law(request_dispatch(table, N_ELEMS(table), &st, &answered, m, NULL) ==
	    -EPROTO);
	law(answered == fits);
}

static void check_again(const int p[2], struct ipc_msg *m)
{
	AUTO(ipc_msg) struct ipc_msg n;

	ipc_msg_init(&n);
	law(ipc_send(p[0], m->type, m->id, buf_str(&m->body), m->fds,
		     m->n_fds) == 0);
	law(ipc_recv(p[1], &n, m->body.len) == 0);
	law(n.type == m->type && n.id == m->id && n.n_fds == m->n_fds &&
	    str_eq(buf_str(&n.body), buf_str(&m->body)));
}

static void check_accepted(const struct ipc_msg *m, struct str frame,
			   struct str in_memfd, size_t max)
{
	uint32_t head[2];
	struct str body = str_skip(frame, sizeof(head));

	law(frame.len >= sizeof(head));
	memcpy(head, frame.ptr, sizeof(head));
	if (head[0] & IN_MEMFD)
		body = in_memfd;
	law(m->type == (head[0] & ~IN_MEMFD) && m->id == head[1]);
	law(m->body.len <= max && m->n_fds <= IPC_FDS_MAX);
	law(str_eq(buf_str(&m->body), body));
	law(buf_str(&m->body).ptr[m->body.len] == '\0');
	for (size_t i = 0; i < m->n_fds; i++)
		law(fcntl(m->fds[i], F_GETFD) == FD_CLOEXEC);
}

static void receive(const int p[2], struct str frame, struct str in_memfd,
		    size_t max)
{
	AUTO(ipc_msg) struct ipc_msg m;
	int r;

	ipc_msg_init(&m);
	r = ipc_recv(p[1], &m, max);
	law(r == 0 || r == -EPROTO || r == -EPIPE);
	law(r != -EPIPE || frame.len == 0);
	if (r != 0) {
		law(m.n_fds == 0 && m.body.len == 0 && m.type == 0);
		return;
	}
	check_accepted(&m, frame, in_memfd, max);
	check_again(p, &m);
	check_table(&m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const size_t limits[] = { 0, 16, 4096, IPC_BODY_MAX };
	struct str frame = { .ptr = (const char *)data, .len = size }, rest;
	int before = lowest_free(), p[2], passed;
	size_t n = 0, max = IPC_BODY_MAX;
	unsigned kind = 0;

	if (size >= 2) {
		n = data[0] % (FDS_SENT + 1);
		kind = data[0] / 64 % KINDS;
		max = limits[data[1] % N_ELEMS(limits)];
		frame = str_skip(frame, 2);
	}
	rest = str_skip(frame, 16);
	if (kind >= 2 && frame.len > 16)
		frame.len = 16;
	law(ipc_pair(p) == 0);
	passed = make_fd(kind, rest);
	law(passed != -1);
	send_raw(p[0], frame, passed, n);
	receive(p, frame, rest, max);
	(void)close(passed);
	(void)close(p[0]);
	(void)close(p[1]);
	law(lowest_free() == before);
	return 0;
}
