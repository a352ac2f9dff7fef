/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/ipc.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/test.h"

#define IN_MEMFD (UINT32_C(1) << 31) /* as on the wire */
#define SEALS    (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

static char big[IPC_BODY_MAX + 1];

static unsigned count_open(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	while (d && readdir(d))
		n++;
	if (d)
		(void)closedir(d);
	return n;
}

static void close_pair(int p[2])
{
	for (int i = 0; i < 2; i++) {
		if (p[i] != -1)
			(void)close(p[i]);
	}
}

static struct str big_of(size_t len)
{
	return (struct str){ .ptr = big, .len = len };
}

static void test_bodies(void)
{
	static const size_t lens[] = {
		0,
		1,
		8,
		1000,
		IPC_INLINE_MAX,
		IPC_INLINE_MAX + 1,
		(size_t)1024 * 1024,
		IPC_BODY_MAX,
	};
	AUTO(ipc_msg) struct ipc_msg m;
	unsigned before = count_open();
	int p[2];

	ipc_msg_init(&m);
	CHECK_EQ(ipc_pair(p), 0);
	CHECK_EQ(fcntl(p[0], F_GETFD), FD_CLOEXEC);
	for (size_t i = 0; i < N_ELEMS(lens); i++) {
		CHECK_EQ(ipc_send(p[0], 7, (uint32_t)i, big_of(lens[i]), NULL,
				  0),
			 0);
		CHECK_EQ(ipc_recv(p[1], &m, IPC_BODY_MAX), 0);
		CHECK_EQ(m.type, 7);
		CHECK_EQ(m.id, i);
		CHECK_EQ(m.n_fds, 0);
		CHECK(str_eq(buf_str(&m.body), big_of(lens[i])));
		CHECK_EQ(buf_str(&m.body).ptr[m.body.len], 0);
	}
	CHECK_EQ(ipc_send(p[0], 7, 0, big_of(IPC_BODY_MAX + 1), NULL, 0),
		 -EMSGSIZE);
	close_pair(p);
	CHECK_EQ(count_open(), before);
}

static void test_max_body(void)
{
	static const struct {
		size_t len, max;
		int want;
	} rows[] = {
		{ 0, 0, 0 },
		{ 1, 0, -EPROTO },
		{ 10, 10, 0 },
		{ 11, 10, -EPROTO },
		{ IPC_INLINE_MAX + 1, IPC_INLINE_MAX + 1, 0 },
		{ IPC_INLINE_MAX + 1, IPC_INLINE_MAX, -EPROTO },
		{ IPC_INLINE_MAX + 1, 4, -EPROTO },
	};
	AUTO(ipc_msg) struct ipc_msg m;
	unsigned before = count_open();
	int p[2];

	ipc_msg_init(&m);
	CHECK_EQ(ipc_pair(p), 0);
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		CHECK_EQ(ipc_send(p[0], 1, 1, big_of(rows[i].len), &p[0], 1),
			 0);
		CHECK_EQ(ipc_recv(p[1], &m, rows[i].max), rows[i].want);
		CHECK_EQ(m.n_fds, rows[i].want == 0);
		CHECK_EQ(m.body.len, rows[i].want == 0 ? rows[i].len : 0);
	}
	ipc_msg_done(&m);
	close_pair(p);
	CHECK_EQ(count_open(), before);
}

static void test_descriptors(void)
{
	int fds[IPC_FDS_MAX + 1];
	AUTO(ipc_msg) struct ipc_msg m;
	unsigned before = count_open();
	int p[2], fd;

	ipc_msg_init(&m);
	CHECK_EQ(ipc_pair(p), 0);
	for (size_t i = 0; i < N_ELEMS(fds); i++)
		fds[i] = p[0];
	for (size_t n = 0; n <= IPC_FDS_MAX; n++) {
		size_t len = n % 2 ? 3 : IPC_INLINE_MAX + 1;

		CHECK_EQ(ipc_send(p[0], 1, 2, big_of(len), fds, n), 0);
		CHECK_EQ(ipc_recv(p[1], &m, IPC_BODY_MAX), 0);
		CHECK_EQ(m.n_fds, n);
		CHECK_EQ(m.body.len, len);
		for (size_t i = 0; i < n; i++)
			CHECK_EQ(fcntl(m.fds[i], F_GETFD), FD_CLOEXEC);
	}
	CHECK_EQ(ipc_take_fd(&m, IPC_FDS_MAX), -1);
	fd = ipc_take_fd(&m, 0);
	CHECK(fd >= 0);
	CHECK_EQ(ipc_take_fd(&m, 0), -1);
	CHECK_EQ(ipc_send(p[0], 1, 2, STR(""), fds, IPC_FDS_MAX + 1),
		 -EMSGSIZE);
	ipc_msg_done(&m);
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC); /* ours now */
	(void)close(fd);
	ipc_msg_done(&m);
	close_pair(p);
	CHECK_EQ(count_open(), before);
}

static void test_ends(void)
{
	AUTO(ipc_msg) struct ipc_msg m;
	int p[2];

	ipc_msg_init(&m);
	CHECK_EQ(ipc_pair(p), 0);
	CHECK_EQ(fd_set_nonblock(p[0], true), 0);
	CHECK_EQ(ipc_recv(p[0], &m, 10), -EAGAIN);
	for (int i = 0; i < 100000; i++) {
		int r = ipc_send(p[0], 1, 1, big_of(1000), NULL, 0);

		if (r == -EAGAIN)
			break;
		CHECK_EQ(r, 0);
	}
	(void)close(p[1]);
	p[1] = -1;
	CHECK_EQ(ipc_send(p[0], 1, 1, STR(""), NULL, 0), -EPIPE);
	CHECK_EQ(ipc_recv(p[0], &m, 10), -EPIPE);
	close_pair(p);
	CHECK_EQ(ipc_recv(-1, &m, 10), -EBADF);
	CHECK_EQ(ipc_send(-1, 1, 1, STR(""), NULL, 0), -EBADF);
}

/* A peer that ends without having read what we sent was heard to the end. */
static void test_last_words(void)
{
	AUTO(ipc_msg) struct ipc_msg m;
	int p[2];

	ipc_msg_init(&m);
	CHECK_EQ(ipc_pair(p), 0);
	CHECK_EQ(ipc_send(p[0], 1, 1, STR("never read"), NULL, 0), 0);
	CHECK_EQ(ipc_send(p[1], 2, 7, STR("why"), NULL, 0), 0);
	CHECK_EQ(ipc_send(p[1], 3, 8, STR("and how"), NULL, 0), 0);
	(void)close(p[1]);
	CHECK_EQ(ipc_recv(p[0], &m, 10), 0);
	CHECK_EQ(m.id, 7);
	CHECK_STR(buf_str(&m.body), STR("why"));
	CHECK_EQ(ipc_recv(p[0], &m, 10), 0);
	CHECK_EQ(m.id, 8);
	CHECK_EQ(ipc_recv(p[0], &m, 10), -EPIPE);
	(void)close(p[0]);
}

/* What no honest peer sends: @len bytes of @frame with @n copies of @fd. */
static void send_raw(int fd, const void *frame, size_t len, int passed,
		     size_t n)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(200 * sizeof(int))];
	} control = { 0 };
	struct iovec iov = { .iov_base = (void *)(uintptr_t)frame,
			     .iov_len = len };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (n > 0) {
		m.msg_control = control.bytes;
		m.msg_controllen = CMSG_SPACE(n * sizeof(int));

		struct cmsghdr *c = CMSG_FIRSTHDR(&m);

		ASSERT(c);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(n * sizeof(int));
		for (size_t i = 0; i < n; i++)
			memcpy(CMSG_DATA(c) + i * sizeof(int), &passed,
			       sizeof(int));
	}
	CHECK(sendmsg(fd, &m, MSG_NOSIGNAL) == (ssize_t)len);
}

static void test_hostile_frames(void)
{
	static const char zeros[IPC_INLINE_MAX + 100];
	static const struct {
		size_t len, n_fds;
		int want;
	} rows[] = {
		{ 0, 0, -EPIPE }, /* looks like the end */
		{ 0, 1, -EPROTO },
		{ 1, 0, -EPROTO },
		{ 7, 0, -EPROTO },
		{ 7, 3, -EPROTO },
		{ 8, 0, 0 },
		{ 8, 16, 0 },
		{ 8, 17, -EPROTO },
		{ 8, 18, -EPROTO },
		{ 8, 19, -EPROTO },
		{ 8, 200, -EPROTO },
		{ 8 + IPC_INLINE_MAX, 0, 0 },
		{ 8 + IPC_INLINE_MAX + 1, 0, -EPROTO },
		{ 8 + IPC_INLINE_MAX + 90, 16, -EPROTO },
	};
	AUTO(ipc_msg) struct ipc_msg m;
	unsigned before = count_open();
	int p[2];

	ipc_msg_init(&m);
	CHECK_EQ(ipc_pair(p), 0);
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		send_raw(p[0], zeros, rows[i].len, p[0], rows[i].n_fds);
		if (ipc_recv(p[1], &m, IPC_BODY_MAX) != rows[i].want) {
			printf("# row %zu\n", i);
			CHECK(false);
		}
		CHECK_EQ(m.n_fds, rows[i].want ? 0 : rows[i].n_fds);
		ipc_msg_done(&m);
		CHECK_EQ(count_open(), before + 2);
	}
	close_pair(p);
}

/* No free number for some of the descriptors: the rest must not stay behind. */
static void test_no_free_descriptors(void)
{
	AUTO(ipc_msg) struct ipc_msg m;
	struct rlimit old, tight;
	int p[2], highest, r;

	ipc_msg_init(&m);
	CHECK_EQ(ipc_pair(p), 0);
	highest = fcntl(0, F_DUPFD_CLOEXEC, 0);
	(void)close(highest);
	CHECK_EQ(getrlimit(RLIMIT_NOFILE, &old), 0);
	tight = old;
	tight.rlim_cur = (rlim_t)highest + 2;
	send_raw(p[0], "12345678", 8, p[0], 5);
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &tight), 0);
	r = ipc_recv(p[1], &m, 100);
	/* valgrind only pretends to set the limit: then all of them come */
	CHECK(m.n_fds == (r == 0 ? 5 : 0));
	CHECK(r == 0 || r == -EPROTO);
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &old), 0);
	ipc_msg_done(&m);
	CHECK_EQ(fcntl(highest, F_GETFD), -1);
	close_pair(p);
}

struct memfd_frame {
	uint32_t type, id;
	uint64_t len;
};

static int make_memfd(size_t size, int seals)
{
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	CHECK_EQ(ftruncate(fd, (off_t)size), 0);
	CHECK_EQ(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

static void test_hostile_memfds(void)
{
	enum {
		GOOD = IPC_INLINE_MAX + 5
	};
	static const struct {
		size_t size, frame_len, n_fds;
		uint64_t said;
		int seals, want;
	} rows[] = {
		{ GOOD, 16, 1, GOOD, SEALS, 0 },
		{ GOOD, 16, 1, GOOD, SEALS | F_SEAL_SEAL, 0 },
		{ GOOD, 16, 0, GOOD, SEALS, -EPROTO },
		{ GOOD, 16, 17, GOOD, SEALS, 0 },
		{ GOOD, 16, 18, GOOD, SEALS, -EPROTO },
		{ GOOD, 8, 1, GOOD, SEALS, -EPROTO },
		{ GOOD, 15, 1, GOOD, SEALS, -EPROTO },
		{ GOOD, 17, 1, GOOD, SEALS, -EPROTO },
		{ GOOD, 16, 1, GOOD - 1, SEALS, -EPROTO },
		{ GOOD, 16, 1, GOOD + 1, SEALS, -EPROTO },
		{ GOOD, 16, 1, GOOD, SEALS & ~F_SEAL_WRITE, -EPROTO },
		{ GOOD, 16, 1, GOOD, SEALS & ~F_SEAL_SHRINK, -EPROTO },
		{ GOOD, 16, 1, GOOD, SEALS & ~F_SEAL_GROW, -EPROTO },
		{ IPC_INLINE_MAX, 16, 1, IPC_INLINE_MAX, SEALS, -EPROTO },
		{ 0, 16, 1, 0, SEALS, -EPROTO },
		{ GOOD, 16, 1, UINT64_MAX, SEALS, -EPROTO },
		{ GOOD, 16, 1, IPC_BODY_MAX + 1, SEALS, -EPROTO },
		{ IPC_BODY_MAX + 1, 16, 1, IPC_BODY_MAX + 1, SEALS, -EPROTO },
	};
	AUTO(ipc_msg) struct ipc_msg m;
	unsigned before = count_open();
	int p[2];

	ipc_msg_init(&m);
	CHECK_EQ(ipc_pair(p), 0);
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		char bytes[24] = { 0 };
		struct memfd_frame f = { IN_MEMFD | 9, 1, rows[i].said };
		int fd = make_memfd(rows[i].size, rows[i].seals);

		memcpy(bytes, &f, sizeof(f));
		CHECK_EQ(lseek(fd, 1, SEEK_END) > 0, true);
		send_raw(p[0], bytes, rows[i].frame_len, fd, rows[i].n_fds);
		(void)close(fd);
		if (ipc_recv(p[1], &m, SIZE_MAX) != rows[i].want) {
			printf("# row %zu\n", i);
			CHECK(false);
		}
		CHECK_EQ(m.body.len, rows[i].want ? 0 : rows[i].said);
		if (rows[i].want == 0) {
			CHECK_EQ(m.type, 9);
			CHECK_EQ(m.n_fds, rows[i].n_fds - 1);
		}
		ipc_msg_done(&m);
		CHECK_EQ(count_open(), before + 2);
	}
	close_pair(p);
}

/* A pipe would hold us up, a file changes below us: only memfds have seals. */
static void test_hostile_files(void)
{
	struct memfd_frame f = { IN_MEMFD | 9, 1, IPC_INLINE_MAX + 1 };
	AUTO(ipc_msg) struct ipc_msg m;
	int p[2], pipes[2];
	int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	ipc_msg_init(&m);
	CHECK_EQ(ipc_pair(p), 0);
	CHECK_EQ(pipe2(pipes, O_CLOEXEC), 0);
	send_raw(p[0], &f, sizeof(f), pipes[0], 1);
	CHECK_EQ(ipc_recv(p[1], &m, IPC_BODY_MAX), -EPROTO);
	send_raw(p[0], &f, sizeof(f), file, 1);
	CHECK_EQ(ipc_recv(p[1], &m, IPC_BODY_MAX), -EPROTO);
	send_raw(p[0], &f, sizeof(f), p[0], 1);
	CHECK_EQ(ipc_recv(p[1], &m, IPC_BODY_MAX), -EPROTO);
	close_pair(pipes);
	close_pair(p);
	(void)close(file);
}

static void test_listen(void)
{
	char dir[] = "/tmp/bawn-test-ipc-XXXXXX";
	char path[100], file[100], longer[200];
	AUTO(ipc_msg) struct ipc_msg m;
	AUTO(fd) int l = -1;
	struct stat st = { 0 };
	uid_t uid = 0;
	pid_t pid = 0;
	int c, s;

	ipc_msg_init(&m);
	CHECK(mkdtemp(dir) != NULL);
	(void)snprintf(path, sizeof(path), "%s/socket", dir);
	(void)snprintf(file, sizeof(file), "%s/file", dir);
	CHECK_EQ(ipc_connect(path), -ENOENT);
	(void)umask(0);
	for (int i = 0; i < 2; i++) { /* the second replaces the first */
		if (l != -1)
			(void)close(l);
		l = ipc_listen(path);
		CHECK(l >= 0);
	}
	CHECK_EQ(lstat(path, &st), 0);
	CHECK_EQ(st.st_mode & 07777, 0600);
	CHECK_EQ(fcntl(l, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(accept4(l, NULL, NULL, SOCK_CLOEXEC), -1); /* does not wait */

	c = ipc_connect(path);
	s = accept4(l, NULL, NULL, SOCK_CLOEXEC);
	CHECK_EQ(ipc_send(c, 1, 2, STR("hello"), NULL, 0), 0);
	CHECK_EQ(ipc_recv(s, &m, 100), 0);
	CHECK_STR(buf_str(&m.body), STR("hello"));
	CHECK_EQ(ipc_peer(s, &uid, &pid), 0);
	CHECK_EQ(uid, geteuid());
	CHECK_EQ(pid, getpid());
	(void)close(c);
	(void)close(s);

	/* a file that is no socket stays */
	CHECK_EQ(file_save(AT_FDCWD, file, STR("x"), 0600, false), 0);
	CHECK_EQ(ipc_listen(file), -EADDRINUSE);
	CHECK_EQ(ipc_connect(file), -ECONNREFUSED);
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	CHECK_EQ(ipc_listen(longer), -ENAMETOOLONG);
	CHECK_EQ(ipc_connect(longer), -ENAMETOOLONG);
	CHECK_EQ(ipc_listen(""), -ENAMETOOLONG);
	CHECK_EQ(ipc_peer(-1, &uid, &pid), -EBADF);
	CHECK_EQ(unlink(file), 0);
	CHECK_EQ(unlink(path), 0);
	CHECK_EQ(rmdir(dir), 0);
}

int main(void)
{
	static const struct test tests[] = {
		{ "bodies, inline and in a memfd", test_bodies },
		{ "the receiver's limit", test_max_body },
		{ "descriptors", test_descriptors },
		{ "full, and gone", test_ends },
		{ "last words", test_last_words },
		{ "hostile frames", test_hostile_frames },
		{ "no free descriptors", test_no_free_descriptors },
		{ "hostile memfds", test_hostile_memfds },
		{ "files that are no memfds", test_hostile_files },
		{ "listen and connect", test_listen },
	};

	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = (char)(i * 7 % 251);
	return test_main(tests, N_ELEMS(tests));
}
