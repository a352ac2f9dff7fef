/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench-relay: a confined relay behind TPROXY against plain loopback.
 *
 * usage: bench-relay [ROUNDS [MEGABYTES [CONNECTIONS [HELD]]]]
 *
 * The network, its rules and the relay are those of a session; the keeper, the
 * scribe and the supervisor are played by this process, so the ledger's disk
 * is not in the figures: grants are on record before anything is timed.  Both
 * sides run in turn, the same client and server, in one run; the median of the
 * rounds is told.
 *
 *   stream      one connection, the server sends MEGABYTES
 *   upload      the same, the client sends
 *   connection  connect, one byte there, one back, close; p50 and p99
 *   held        HELD connections open at once, relay only: each is opened and
 *               carries a byte both ways, and again when all are open
 */
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/fd.h"
#include "relay/test-jail.h"

#define BLOCK ((size_t)256 * 1024)

static uint16_t up_port;
static unsigned long megabytes = 1024, connections = 1000, rounds = 5, held;

struct figures {
	double down, up; /* GB/s */
	double p50, p99; /* ms */
};

struct held_figures {
	unsigned long n;      /* that work at the end */
	double open_s, all_s; /* to open all; for another byte on each */
};

static void serve_stream(int fd, char kind)
{
	static char block[BLOCK];
	uint64_t left = 0;

	ASSERT(fd_read_full(fd, &left, sizeof(left)) == 0);
	while (left > 0) {
		size_t want = left < BLOCK ? (size_t)left : BLOCK;
		ssize_t n = kind == 'd' ? send(fd, block, want, MSG_NOSIGNAL)
					: recv(fd, block, want, 0);

		if (n <= 0)
			break;
		left -= (uint64_t)n;
	}
	if (kind == 'u')
		(void)!write(fd, "k", 1);
	_exit(0);
}

/* Echoes byte by byte, on connections without number. */
static void echo_held(int first, int listener)
{
	int ep = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event e = { .events = EPOLLIN, .data.fd = listener };

	ASSERT(epoll_ctl(ep, EPOLL_CTL_ADD, listener, &e) == 0);
	e.data.fd = first;
	ASSERT(write(first, "h", 1) == 1 &&
	       epoll_ctl(ep, EPOLL_CTL_ADD, first, &e) == 0);
	for (;;) {
		char c;

		if (epoll_wait(ep, &e, 1, -1) != 1)
			continue;
		if (e.data.fd == listener) {
			e.data.fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
			ASSERT(e.data.fd != -1 &&
			       epoll_ctl(ep, EPOLL_CTL_ADD, e.data.fd, &e) ==
				       0);
		} else if (read(e.data.fd, &c, 1) != 1 ||
			   write(e.data.fd, &c, 1) != 1) {
			(void)close(e.data.fd);
		}
	}
}

static pid_t start_server(void)
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	socklen_t len = sizeof(sa);
	int l = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	pid_t pid;

	ASSERT(bind(l, (struct sockaddr *)&sa, len) == 0 &&
	       listen(l, 4096) == 0 &&
	       getsockname(l, (struct sockaddr *)&sa, &len) == 0);
	up_port = ntohs(sa.sin_port);
	pid = fork();
	if (pid != 0) {
		(void)close(l);
		return pid;
	}
	(void)sigaction(SIGCHLD, &ignore, NULL);
	ASSERT(fd_raise_limit() == 0);
	for (;;) {
		int fd = accept4(l, NULL, NULL, SOCK_CLOEXEC);
		char kind;

		if (fd == -1 || read(fd, &kind, 1) != 1)
			kind = 0;
		if (kind == 'h')
			echo_held(fd, l);
		if (kind == 'e')
			(void)!write(fd, &kind, 1);
		else if (kind && fork() == 0)
			serve_stream(fd, kind);
		(void)close(fd);
	}
}

static double seconds(uint64_t since_ns)
{
	return (double)(clock_mono_ns() - since_ns) / (double)NS_PER_S;
}

static double stream(struct in_addr a, uint16_t port, char kind)
{
	static char block[BLOCK];
	uint64_t total = megabytes << 20, left = total, begin_ns;
	int fd = tj_connect(a, port);

	ASSERT(fd >= 0 && write(fd, &kind, 1) == 1);
	(void)usleep(50000); /* the server forks */
	begin_ns = clock_mono_ns();
	ASSERT(write(fd, &total, sizeof(total)) == sizeof(total));
	while (left > 0) {
		size_t want = left < BLOCK ? (size_t)left : BLOCK;
		ssize_t n = kind == 'd' ? recv(fd, block, want, 0)
					: send(fd, block, want, 0);

		ASSERT(n > 0);
		left -= (uint64_t)n;
	}
	if (kind == 'u')
		ASSERT(read(fd, block, 1) == 1);
	(void)close(fd);
	return (double)total / seconds(begin_ns) / 1e9;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void time_connections(struct in_addr a, uint16_t port, struct figures *f)
{
	double *ms = calloc(connections, sizeof(*ms));

	ASSERT(ms);
	for (unsigned long i = 0; i < connections + 20; i++) {
		uint64_t begin_ns = clock_mono_ns();
		int fd = tj_connect(a, port);
		char c = 'e';

		ASSERT(fd >= 0 && write(fd, &c, 1) == 1 &&
		       read(fd, &c, 1) == 1);
		if (i >= 20)
			ms[i - 20] = seconds(begin_ns) * 1e3;
		(void)close(fd);
	}
	qsort(ms, connections, sizeof(*ms), compare);
	f->p50 = ms[connections / 2];
	f->p99 = ms[connections * 99 / 100];
	free(ms);
}

static struct figures measure(struct in_addr a, uint16_t port)
{
	struct figures f;

	f.down = stream(a, port, 'd');
	f.up = stream(a, port, 'u');
	time_connections(a, port, &f);
	return f;
}

static void hold(struct in_addr a, uint16_t port, struct held_figures *f)
{
	int *fds = calloc(held, sizeof(*fds));
	uint64_t begin_ns = clock_mono_ns();
	char c = 'h';

	ASSERT(fds);
	ASSERT(fd_raise_limit() == 0);
	for (unsigned long i = 0; i < held; i++) {
		fds[i] = tj_connect(a, port);
		if (fds[i] < 0 || write(fds[i], &c, 1) != 1 ||
		    read(fds[i], &c, 1) != 1)
			break;
	}
	f->open_s = seconds(begin_ns);
	begin_ns = clock_mono_ns();
	for (unsigned long i = 0; i < held; i++) {
		if (fds[i] > 0 && write(fds[i], &c, 1) == 1 &&
		    read(fds[i], &c, 1) == 1)
			f->n++;
	}
	f->all_s = seconds(begin_ns);
	free(fds);
}

/* In the jail: a round for each byte of @go; the first is read already. */
static void program(int go, int result)
{
	struct in_addr a = { 0 };
	struct held_figures h = { 0 };
	char c = 'g';

	ASSERT(tj_lookup("up.example", "10.0.2.3", &a));
	do {
		struct figures f = { 0 };

		if (c == 'h') {
			hold(a, 9000, &h);
			ASSERT(write(result, &h, sizeof(h)) == sizeof(h));
			continue;
		}
		f = measure(a, 9000);

		ASSERT(write(result, &f, sizeof(f)) == sizeof(f));
	} while (read(go, &c, 1) == 1);
}

/* Have the program do @what, and tell. */
static void in_jail(char what, void *ret, size_t size)
{
	ASSERT(write(tj.go, &what, 1) == 1);
	for (;;) {
		ssize_t n = read(tj.result, ret, size);

		if (n == (ssize_t)size)
			return;
		ASSERT(n == -1 && errno == EAGAIN);
		(void)tj_serve(1000);
	}
}

static double median(double *v, size_t n)
{
	qsort(v, n, sizeof(*v), compare);
	return v[n / 2];
}

static struct figures medians(const struct figures *f)
{
	double v[4][64];

	for (size_t i = 0; i < rounds; i++) {
		v[0][i] = f[i].down;
		v[1][i] = f[i].up;
		v[2][i] = f[i].p50;
		v[3][i] = f[i].p99;
	}
	return (struct figures){ median(v[0], rounds), median(v[1], rounds),
				 median(v[2], rounds), median(v[3], rounds) };
}

static void print(const char *name, struct figures f)
{
	printf("%-7s stream %5.2f  upload %5.2f GB/s   connection p50 %.3f "
	       "p99 %.3f ms\n",
	       name, f.down, f.up, f.p50, f.p99);
}

static bool argument(int argc, char **argv, int i, uint32_t max,
		     unsigned long *ret)
{
	uint32_t v = 0;

	if (argc <= i)
		return true;
	if (!str_u32(str_of(argv[i]), 1, max, &v))
		return false;
	*ret = v;
	return true;
}

int main(int argc, char **argv)
{
	static struct figures direct[64], relay[64];
	static struct net_rule rule = { .host = STR("up.example"),
					.ports = { 9000 },
					.n_ports = 1 };
	struct net_policy p = { .allow = &rule, .n_allow = 1 };
	struct in_addr loop = { htonl(INADDR_LOOPBACK) };
	struct figures d, r;
	pid_t server;

	if (argc > 5 || !argument(argc, argv, 1, 64, &rounds) ||
	    !argument(argc, argv, 2, 65536, &megabytes) ||
	    !argument(argc, argv, 3, 1000000, &connections) ||
	    !argument(argc, argv, 4, 19000, &held)) {
		fprintf(stderr, "usage: bench-relay [ROUNDS [MEGABYTES "
				"[CONNECTIONS [HELD]]]]\n");
		return 64;
	}
	server = start_server();
	ASSERT(inet_pton(AF_INET6, "::ffff:127.0.0.1", &rule.connect_addr) ==
	       1);
	rule.connect_port = up_port;
	if (!tj_open(&p, program)) {
		printf("skipped: no namespaces or nf_tables here\n");
		return 77;
	}
	ASSERT(fd_set_nonblock(tj.result, true) == 0);
	for (size_t i = 0; i < rounds; i++) {
		if (i % 2 == 1)
			in_jail('g', &relay[i], sizeof(relay[i]));
		direct[i] = measure(loop, up_port);
		if (i % 2 == 0)
			in_jail('g', &relay[i], sizeof(relay[i]));
	}
	d = medians(direct);
	r = medians(relay);
	print("direct", d);
	print("relay", r);
	printf("stream %.2f, upload %.2f of direct (bar 0.6, aim 0.75); "
	       "connection +%.3f ms at p50 (bar 0.2, aim 0.1)\n",
	       r.down / d.down, r.up / d.up, r.p50 - d.p50);
	if (held > 0) {
		struct held_figures h = { 0 };

		in_jail('h', &h, sizeof(h));
		printf("held %lu of %lu, opened in %.1f s; a byte both ways "
		       "on each in %.1f s\n",
		       h.n, held, h.open_s, h.all_s);
	}
	(void)kill(server, SIGKILL);
	return tj_close();
}
