/* SPDX-License-Identifier: Apache-2.0 */
/* The duct too, which does the broker's copying. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/test.h"
#include "jail/broker.h"
#include "jail/duct.h"

struct world {
	struct loop *loop;
	struct broker *b;
	char dir[64], host[100], inside[100];
	int host_listener;
	unsigned uses;
	int refuse;
};

static int on_use(void *owner, const char *path)
{
	struct world *w = owner;

	CHECK_EQ(strcmp(path, w->host), 0);
	w->uses++;
	return w->refuse;
}

static struct sockaddr_un address(const char *path)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };

	(void)snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path);
	return sa;
}

static int listen_at(const char *path)
{
	struct sockaddr_un sa = address(path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	CHECK_EQ(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	CHECK_EQ(listen(fd, 64), 0);
	return fd;
}

static int connect_to(const char *path)
{
	struct sockaddr_un sa = address(path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	CHECK_EQ(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	return fd;
}

static void world_new(struct world *w)
{
	struct broker_config c = { .first_use = on_use, .owner = w };

	*w = (struct world){ 0 };
	(void)snprintf(w->dir, sizeof(w->dir), "/tmp/test-broker-XXXXXX");
	CHECK_EQ(mkdtemp(w->dir) != NULL, 1);
	(void)snprintf(w->host, sizeof(w->host), "%s/host", w->dir);
	(void)snprintf(w->inside, sizeof(w->inside), "%s/inside", w->dir);
	w->host_listener = listen_at(w->host);
	CHECK_EQ(loop_new(&w->loop, NULL), 0);
	c.loop = w->loop;
	CHECK_EQ(broker_new(&w->b, &c), 0);
	CHECK_EQ(broker_add(w->b, listen_at(w->inside), w->host), 0);
}

static void world_free(struct world *w)
{
	broker_free(w->b);
	loop_free(w->loop);
	if (w->host_listener != -1)
		(void)close(w->host_listener);
	(void)unlink(w->host);
	(void)unlink(w->inside);
	(void)rmdir(w->dir);
}

static void turn(struct world *w, int n)
{
	while (n-- > 0)
		CHECK_EQ(loop_once(w->loop, 5), 0);
}

static void test_bytes(void)
{
	struct world w;
	char got[16] = "";
	int in, out;

	world_new(&w);
	in = connect_to(w.inside);
	turn(&w, 3);
	out = accept(w.host_listener, NULL, NULL);
	CHECK_EQ(w.uses, 1);
	CHECK_EQ(write(in, "ask", 3), 3);
	turn(&w, 3);
	CHECK_EQ(read(out, got, sizeof(got)), 3);
	CHECK_EQ(memcmp(got, "ask", 3), 0);

	/* Half close: the answer still comes. */
	CHECK_EQ(shutdown(in, SHUT_WR), 0);
	turn(&w, 3);
	CHECK_EQ(read(out, got, sizeof(got)), 0);
	CHECK_EQ(write(out, "answer", 6), 6);
	(void)close(out);
	turn(&w, 4);
	CHECK_EQ(read(in, got, sizeof(got)), 6);
	CHECK_EQ(read(in, got, sizeof(got)), 0);
	(void)close(in);

	/* Told once only. */
	in = connect_to(w.inside);
	turn(&w, 3);
	CHECK_EQ(w.uses, 1);
	(void)close(in);
	turn(&w, 3);
	world_free(&w);
}

static void test_no_descriptors(void)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { .room = { 0 } };
	char byte = 'x';
	struct iovec iov = { &byte, 1 };
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = control.room,
			    .msg_controllen = sizeof(control.room) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	struct world w;
	int in, out;

	world_new(&w);
	in = connect_to(w.inside);
	turn(&w, 3);
	out = accept(w.host_listener, NULL, NULL);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &in, sizeof(int));
	CHECK_EQ(sendmsg(in, &m, 0), 1);
	turn(&w, 3);
	memset(control.room, 0, sizeof(control.room));
	m.msg_controllen = sizeof(control.room);
	CHECK_EQ(recvmsg(out, &m, 0), 1);
	CHECK_EQ(m.msg_controllen, 0);
	(void)close(in);
	(void)close(out);
	world_free(&w);
}

static void test_refused(void)
{
	struct world w;
	char got[4];
	int in;

	world_new(&w);
	w.refuse = -EPIPE;
	in = connect_to(w.inside);
	turn(&w, 3);
	CHECK_EQ(read(in, got, sizeof(got)), 0);
	(void)close(in);
	world_free(&w);
}

static void test_no_host(void)
{
	struct world w;
	char got[4];
	int in;

	world_new(&w);
	(void)close(w.host_listener);
	w.host_listener = -1;
	in = connect_to(w.inside);
	turn(&w, 3);
	CHECK_EQ(read(in, got, sizeof(got)), 0);
	(void)close(in);
	world_free(&w);
}

/* Where the path was without links, one that comes later is not followed. */
static void test_link(void)
{
	char other[sizeof(((struct world *)0)->host) + 8], got[4];
	struct world w;
	int in, listener;

	world_new(&w);
	(void)snprintf(other, sizeof(other), "%s2", w.host);
	listener = listen_at(other);
	CHECK_EQ(unlink(w.host), 0);
	CHECK_EQ(symlink(other, w.host), 0);
	in = connect_to(w.inside);
	turn(&w, 3);
	CHECK_EQ(read(in, got, sizeof(got)), 0);
	(void)close(in);
	/* By a link from the beginning: then it is the user's. */
	(void)unlink(w.inside);
	CHECK_EQ(broker_add(w.b, listen_at(w.inside), w.host), 0);
	in = connect_to(w.inside);
	turn(&w, 3);
	CHECK_EQ(fcntl(listener, F_SETFL, O_NONBLOCK), 0);
	int out = accept(listener, NULL, NULL);

	CHECK_EQ(out >= 0, 1);
	(void)close(out);
	(void)close(in);
	(void)close(listener);
	(void)unlink(other);
	world_free(&w);
}

static void test_many(void)
{
	enum {
		N = BROKER_MAX_CONNS
	};
	struct world w;
	int in[N], out[N];

	world_new(&w);
	for (int i = 0; i < N; i++) {
		in[i] = connect_to(w.inside);
		turn(&w, 1);
		out[i] = accept(w.host_listener, NULL, NULL);
		CHECK_EQ(out[i] >= 0, 1);
	}
	/* One more waits, and is served when another has gone. */
	int late = connect_to(w.inside);
	struct pollfd p = { w.host_listener, POLLIN, 0 };

	turn(&w, 3);
	CHECK_EQ(poll(&p, 1, 50), 0);
	(void)close(in[0]);
	(void)close(out[0]);
	turn(&w, 5);
	CHECK_EQ(poll(&p, 1, 1000), 1);
	for (int i = 1; i < N; i++) {
		(void)close(in[i]);
		(void)close(out[i]);
	}
	(void)close(late);
	turn(&w, 5);
	world_free(&w);
}

static void test_long_path(void)
{
	char path[200];
	struct world w;

	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	world_new(&w);
	CHECK_EQ(broker_add(w.b, fd_dup(0), path), -ENAMETOOLONG);
	world_free(&w);
}

/* A stuck reader stops the writer; afterwards all of it arrives. */
static void test_back_pressure(void)
{
	enum {
		TOTAL = 4 << 20
	};
	char *buf = calloc(1, 65536);
	struct world w;
	size_t sent = 0, got = 0;
	int in, out;

	world_new(&w);
	in = connect_to(w.inside);
	turn(&w, 3);
	out = accept(w.host_listener, NULL, NULL);
	CHECK_EQ(fd_set_nonblock(in, true), 0);
	CHECK_EQ(fd_set_nonblock(out, true), 0);
	for (int i = 0; i < 200; i++) {
		ssize_t n = write(in, buf, 65536);

		if (n > 0)
			sent += (size_t)n;
		CHECK_EQ(loop_once(w.loop, 0), 0);
	}
	CHECK_EQ(sent < TOTAL, 1);
	while (got < TOTAL) {
		ssize_t n;

		if (sent < TOTAL) {
			n = write(in, buf,
				  TOTAL - sent < 65536 ? TOTAL - sent : 65536);
			if (n > 0)
				sent += (size_t)n;
		}
		CHECK_EQ(loop_once(w.loop, 0), 0);
		n = read(out, buf, 65536);
		if (n > 0)
			got += (size_t)n;
	}
	CHECK_EQ(got, sent);
	(void)close(in);
	(void)close(out);
	world_free(&w);
	free(buf);
}

int main(void)
{
	static const struct test tests[] = {
		{ "bytes both ways, half close", test_bytes },
		{ "descriptors do not pass", test_no_descriptors },
		{ "a use that cannot be recorded", test_refused },
		{ "nobody listens on the host", test_no_host },
		{ "no link that comes later", test_link },
		{ "only so many at once", test_many },
		{ "a path that no address can hold", test_long_path },
		{ "a stuck reader", test_back_pressure },
	};

	(void)sigaction(SIGPIPE, &(struct sigaction){ .sa_handler = SIG_IGN },
			NULL);
	return test_main(tests, N_ELEMS(tests));
}
