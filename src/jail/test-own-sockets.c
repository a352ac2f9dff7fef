/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <sched.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "base/test.h"
#include "jail/own-sockets.h"

static char dir[] = "/tmp/bawn-own-sockets-XXXXXX";

static const char *in(const char *name)
{
	static char path[2][100];
	static unsigned turn;

	turn = !turn;
	(void)snprintf(path[turn], sizeof(path[turn]), "%s/%s", dir, name);
	return path[turn];
}

static int bound(int type, const char *path)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	(void)snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path);
	CHECK_EQ(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	return fd;
}

static int opened(int socket)
{
	struct own_sockets_ask ask = { .socket = socket };

	CHECK_EQ(own_sockets_open(&ask), 0);
	return ask.fd;
}

static void test_find(void)
{
	int stream = bound(SOCK_STREAM, in("stream"));
	int dgram = bound(SOCK_DGRAM, in("dgram"));
	AUTO(fd) int list = opened(-1);
	struct own_socket v[3];

	(void)close(bound(SOCK_STREAM, in("dead")));
	CHECK_EQ(rename(in("dgram"), in("moved")), 0);
	CHECK_EQ(own_sockets_key(in("stream"), &v[0]), 0);
	CHECK_EQ(own_sockets_key(in("moved"), &v[1]), 0);
	CHECK_EQ(own_sockets_key(in("dead"), &v[2]), 0);
	/* Twice: nothing of the first answer is left on the descriptor. */
	for (int i = 0; i < 2; i++) {
		for (size_t k = 0; k < N_ELEMS(v); k++)
			v[k].there = false;
		CHECK_EQ(own_sockets_find(list, v, N_ELEMS(v)), 0);
		CHECK_EQ(v[0].there, 1); /* it listens not yet */
		CHECK_EQ(v[1].there, 1);
		CHECK_EQ(v[2].there, 0);
	}
	(void)close(stream);
	(void)close(dgram);
}

static void test_many(void)
{
	AUTO(fd) int list = opened(-1);
	struct own_socket v;
	int fds[300];
	char name[20];

	for (size_t i = 0; i < N_ELEMS(fds); i++) {
		(void)snprintf(name, sizeof(name), "many%zu", i);
		fds[i] = bound(SOCK_STREAM, in(name));
	}
	for (size_t i = 0; i < N_ELEMS(fds); i += 23) {
		(void)snprintf(name, sizeof(name), "many%zu", i);
		CHECK_EQ(own_sockets_key(in(name), &v), 0);
		CHECK_EQ(own_sockets_find(list, &v, 1), 0);
		CHECK_EQ(v.there, 1);
	}
	for (size_t i = 0; i < N_ELEMS(fds); i++)
		(void)close(fds[i]);
}

static void test_no_key(void)
{
	struct own_socket v;

	CHECK_EQ(own_sockets_key(dir, &v), 1);
	CHECK_EQ(own_sockets_key(in("absent"), &v), 1);
	CHECK_EQ(own_sockets_key(in("absent/x"), &v), 1);
}

/* A socket of another network namespace is not ours, and theirs is found there. */
static void be_apart(void)
{
	int said[2], go[2], status;
	char byte = 0;
	struct own_socket v;
	pid_t pid;

	CHECK_EQ(pipe(said), 0);
	CHECK_EQ(pipe(go), 0);
	pid = fork();
	if (pid == 0) {
		int fd = unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0
				 ? bound(SOCK_STREAM, in("apart"))
				 : -1;
		struct own_sockets_ask ask = { .socket = fd };
		int code = fd == -1 ? 2 : 1;

		if (fd != -1 && own_sockets_open(&ask) == 0 &&
		    own_sockets_key(in("apart"), &v) == 0 &&
		    own_sockets_find(ask.fd, &v, 1) == 0 && v.there)
			code = 0;
		if (write(said[1], &byte, 1) != 1 || read(go[0], &byte, 1) != 1)
			code = 3;
		_exit(code);
	}
	CHECK_EQ(read(said[0], &byte, 1), 1);
	if (own_sockets_key(in("apart"), &v) == 0) {
		AUTO(fd) int list = opened(-1);

		CHECK_EQ(own_sockets_find(list, &v, 1), 0);
		CHECK_EQ(v.there, 0);
	}
	CHECK_EQ(write(go[1], &byte, 1), 1);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(WIFEXITED(status) ? WEXITSTATUS(status) : -1, 0);
}

static void remove_dir(void)
{
	DIR *d = opendir(dir);
	const struct dirent *e;

	while (d && (e = readdir(d)) != NULL)
		(void)unlinkat(dirfd(d), e->d_name, 0);
	if (d)
		(void)closedir(d);
	(void)rmdir(dir);
}

int main(void)
{
	static const struct test tests[] = {
		{ "sockets are found by the file they are bound to",
		  test_find },
		{ "among more than one answer holds", test_many },
		{ "what is no socket has no key", test_no_key },
		{ "those of another network are not ours", be_apart },
	};
	int r;

	if (!mkdtemp(dir))
		return 1;
	r = test_main(tests, N_ELEMS(tests));
	remove_dir();
	return r;
}
