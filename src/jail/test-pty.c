/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each scene has two ptys: the user's, whose master the test types on and
 * reads, and the jail's, whose slave the test uses as the command would.  A
 * child in between is the supervisor.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#include "base/clock.h"
#include "base/test.h"
#include "jail/pty.h"

#define WAIT_MS 3000

struct scene {
	int user, terminal;  /* master and slave of the user's */
	int master, command; /* of the jail's */
	int talk;            /* to the child: one byte a request */
	pid_t pid;
	struct termios before;
};

static void open_pair(int *master, int *slave)
{
	int unlock = 0;

	*master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	CHECK_EQ(ioctl(*master, TIOCSPTLCK, &unlock), 0);
	*slave = ioctl(*master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	CHECK_EQ(*slave >= 0, 1);
}

/* ---- the child ---- */

struct child {
	struct loop *loop;
	struct pty *pty;
	struct loop_io talk;
	int hung_up;
};

static void on_hangup(void *owner)
{
	struct child *c = owner;

	c->hung_up = 1;
	loop_stop(c->loop, 42);
}

static int on_talk(struct loop_io *io, uint32_t events)
{
	struct child *c = io->owner;
	char what = 0;

	(void)events;
	if (read(io->fd, &what, 1) != 1)
		what = 'q';
	if (what == 'q')
		loop_stop(c->loop, 0);
	if (what == 's')
		pty_suspend(c->pty);
	if (what == 'r')
		pty_resume(c->pty);
	if (what == 'w')
		pty_resize(c->pty);
	(void)!write(io->fd, &what, 1);
	return 0;
}

static noreturn_fn void run_child(const struct scene *s, int talk)
{
	struct child c = { 0 };
	struct pty_config pc = { .master = s->master,
				 .hangup = on_hangup,
				 .owner = &c };
	sigset_t set;
	int code = 1;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTTOU);
	(void)sigaddset(&set, SIGTTIN);
	(void)sigaddset(&set, SIGHUP);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	(void)close(s->user);
	(void)close(s->command);
	if (loop_new(&c.loop, NULL) < 0)
		_exit(2);
	pty_choose(&pc.choice);
	pc.loop = c.loop;
	if (pty_new(&c.pty, &pc) < 0 || pty_start(c.pty) < 0)
		_exit(3);
	c.talk = (struct loop_io){
		.fd = talk, .events = EPOLLIN, .run = on_talk, .owner = &c
	};
	if (loop_io_add(c.loop, &c.talk) < 0)
		_exit(4);
	(void)!write(talk, "+", 1);
	code = loop_run(c.loop);
	pty_finish(c.pty, -1);
	pty_free(c.pty);
	_exit(code);
}

/* @ttys: bit per descriptor that is the terminal; the others are /dev/null. */
static void scene_new(struct scene *s, unsigned ttys)
{
	struct winsize ws = { .ws_row = 33, .ws_col = 99 };
	int talk[2];
	char c = 0;

	open_pair(&s->user, &s->terminal);
	open_pair(&s->master, &s->command);
	CHECK_EQ(ioctl(s->user, TIOCSWINSZ, &ws), 0);
	CHECK_EQ(tcgetattr(s->terminal, &s->before), 0);
	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, talk), 0);
	s->pid = fork();
	if (s->pid == 0) {
		int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

		(void)setsid();
		(void)ioctl(s->terminal, TIOCSCTTY, 0);
		for (int fd = 0; fd <= 2; fd++)
			(void)dup2(ttys & (1u << fd) ? s->terminal : null_fd,
				   fd);
		(void)close(talk[0]);
		run_child(s, talk[1]);
	}
	(void)close(talk[1]);
	s->talk = talk[0];
	CHECK_EQ(read(s->talk, &c, 1), 1);
}

static void ask(const struct scene *s, char what)
{
	char c = 0;

	CHECK_EQ(write(s->talk, &what, 1), 1);
	CHECK_EQ(read(s->talk, &c, 1), 1);
}

static int scene_end(struct scene *s)
{
	int status = 0;

	(void)!write(s->talk, "q", 1);
	CHECK_EQ(waitpid(s->pid, &status, 0), s->pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static void scene_free(struct scene *s)
{
	(void)close(s->user);
	(void)close(s->terminal);
	(void)close(s->master);
	(void)close(s->command);
	(void)close(s->talk);
}

static bool same(const struct termios *a, const struct termios *b)
{
	return a->c_iflag == b->c_iflag && a->c_oflag == b->c_oflag &&
	       a->c_lflag == b->c_lflag;
}

static bool wait_mode(const struct scene *s, bool as_before)
{
	for (int i = 0; i < WAIT_MS; i++) {
		struct timespec ts = { .tv_nsec = NS_PER_MS };
		struct termios now;

		if (tcgetattr(s->terminal, &now) == 0 &&
		    same(&now, &s->before) == as_before)
			return true;
		(void)nanosleep(&ts, NULL);
	}
	return false;
}

/* All @len bytes that come on @fd within some time, else less. */
static size_t get(int fd, char *p, size_t len)
{
	size_t n = 0;

	while (n < len) {
		struct pollfd pfd = { fd, POLLIN, 0 };
		ssize_t got;

		if (poll(&pfd, 1, n ? 500 : WAIT_MS) != 1)
			break;
		got = read(fd, p + n, len - n);
		if (got <= 0)
			break;
		n += (size_t)got;
	}
	return n;
}

static void set_raw(int fd)
{
	struct termios t;

	CHECK_EQ(tcgetattr(fd, &t), 0);
	cfmakeraw(&t);
	CHECK_EQ(tcsetattr(fd, TCSANOW, &t), 0);
}

/* ---- tests ---- */

#define ALL 7u

static void test_full(void)
{
	char out[512], in[256], got[512];
	struct winsize ws = { 0 };
	struct scene s;

	scene_new(&s, ALL);
	CHECK_EQ(wait_mode(&s, false), 1);
	CHECK_EQ(ioctl(s.command, TIOCGWINSZ, &ws), 0);
	CHECK_EQ(ws.ws_row, 33);
	CHECK_EQ(ws.ws_col, 99);
	set_raw(s.command);
	for (unsigned i = 0; i < 256; i++)
		in[i] = (char)i;
	CHECK_EQ(write(s.user, in, 256), 256);
	CHECK_EQ(get(s.command, got, 256), 256);
	CHECK_EQ(memcmp(got, in, 256), 0);
	for (unsigned i = 0; i < 512; i++)
		out[i] = (char)(i * 7);
	CHECK_EQ(write(s.command, out, 512), 512);
	CHECK_EQ(get(s.user, got, 512), 512);
	CHECK_EQ(memcmp(got, out, 512), 0);

	/* What is still in the pty at the end comes out too. */
	CHECK_EQ(write(s.command, "last", 4), 4);
	CHECK_EQ(scene_end(&s), 0);
	CHECK_EQ(get(s.user, got, 4), 4);
	CHECK_EQ(memcmp(got, "last", 4), 0);
	CHECK_EQ(wait_mode(&s, true), 1);
	scene_free(&s);
}

static void test_resize(void)
{
	struct winsize ws = { .ws_row = 50, .ws_col = 132 };
	struct scene s;

	scene_new(&s, ALL);
	CHECK_EQ(ioctl(s.user, TIOCSWINSZ, &ws), 0);
	ask(&s, 'w');
	ws = (struct winsize){ 0 };
	CHECK_EQ(ioctl(s.command, TIOCGWINSZ, &ws), 0);
	CHECK_EQ(ws.ws_col, 132);
	CHECK_EQ(scene_end(&s), 0);
	scene_free(&s);
}

static void test_killed(void)
{
	struct scene s;

	scene_new(&s, ALL);
	CHECK_EQ(wait_mode(&s, false), 1);
	CHECK_EQ(kill(s.pid, SIGKILL), 0);
	CHECK_EQ(waitpid(s.pid, NULL, 0), s.pid);
	CHECK_EQ(wait_mode(&s, true), 1);
	scene_free(&s);
}

static void test_suspend(void)
{
	char got[8];
	struct scene s;

	scene_new(&s, ALL);
	CHECK_EQ(wait_mode(&s, false), 1);
	ask(&s, 's');
	CHECK_EQ(wait_mode(&s, true), 1);
	ask(&s, 'r');
	CHECK_EQ(wait_mode(&s, false), 1);
	set_raw(s.command);
	CHECK_EQ(write(s.user, "key", 3), 3);
	CHECK_EQ(get(s.command, got, 3), 3);
	CHECK_EQ(scene_end(&s), 0);
	CHECK_EQ(wait_mode(&s, true), 1);
	scene_free(&s);
}

static void test_hangup(void)
{
	struct scene s;
	int status = 0;

	scene_new(&s, ALL);
	(void)close(s.user);
	s.user = -1;
	CHECK_EQ(waitpid(s.pid, &status, 0), s.pid);
	CHECK_EQ(WIFEXITED(status) && WEXITSTATUS(status) == 42, 1);
	scene_free(&s);
}

/* A reader that is slow stops the writer; nothing is lost. */
static void test_back_pressure(void)
{
	enum {
		TOTAL = 1 << 20
	};
	static char got[TOTAL];
	struct scene s;
	size_t n = 0;
	pid_t pid;
	bool ok = true;

	scene_new(&s, ALL);
	set_raw(s.command);
	pid = fork();
	if (pid == 0) {
		char line[64];

		for (unsigned i = 0; i < TOTAL / 64; i++) {
			(void)snprintf(line, sizeof(line), "%063u", i);
			line[63] = '\n';
			(void)!write(s.command, line, 64);
		}
		_exit(0);
	}
	while (n < TOTAL) {
		size_t want = TOTAL - n < 50000 ? TOTAL - n : 50000;
		size_t m = get(s.user, got + n, want);

		if (m == 0)
			break;
		n += m;
	}
	CHECK_EQ(n, TOTAL);
	for (unsigned i = 0; i < TOTAL / 64 && ok; i++) {
		char line[64];

		(void)snprintf(line, sizeof(line), "%063u", i);
		ok = memcmp(got + (size_t)i * 64, line, 63) == 0;
	}
	CHECK_EQ(ok, 1);
	CHECK_EQ(waitpid(pid, NULL, 0), pid);
	CHECK_EQ(scene_end(&s), 0);
	scene_free(&s);
}

/* The end comes while the jail's pty holds more than one read(2) gives. */
static void test_full_at_end(void)
{
	static char page[4096];
	size_t in = 0, out = 0, n;
	struct scene s;
	int status = 0;

	scene_new(&s, ALL);
	set_raw(s.command);
	CHECK_EQ(kill(s.pid, SIGSTOP), 0);
	CHECK_EQ(waitpid(s.pid, &status, WUNTRACED), s.pid);
	CHECK_EQ(fcntl(s.command, F_SETFL, O_NONBLOCK), 0);
	for (ssize_t w; (w = write(s.command, page, sizeof(page))) > 0;)
		in += (size_t)w;
	CHECK(in > 2 * sizeof(page));
	CHECK_EQ(write(s.talk, "q", 1), 1);
	CHECK_EQ(kill(s.pid, SIGCONT), 0);
	while ((n = get(s.user, page, sizeof(page))) > 0)
		out += n;
	CHECK_EQ(out, in);
	CHECK_EQ(waitpid(s.pid, &status, 0), s.pid);
	scene_free(&s);
}

/* ---- PTY_LINE ---- */

static void test_line_output(void)
{
	struct termios now;
	struct scene s;
	char got[64];

	scene_new(&s, 6); /* output and errors */
	CHECK_EQ(wait_mode(&s, true), 1);
	CHECK_EQ(write(s.command, "one\ntwo\n", 8), 8);
	/* The new lines became two characters once, by the user's terminal. */
	CHECK_EQ(get(s.user, got, 10), 10);
	CHECK_EQ(memcmp(got, "one\r\ntwo\r\n", 10), 0);
	CHECK_EQ(tcgetattr(s.command, &now), 0);
	CHECK_EQ((now.c_lflag & (ICANON | ECHO)), ICANON | ECHO);
	CHECK_EQ(scene_end(&s), 0);
	scene_free(&s);
}

static bool nothing_comes(int fd)
{
	struct pollfd pfd = { fd, POLLIN, 0 };

	return poll(&pfd, 1, 150) == 0;
}

/* Keys are for the shell until the program asks for them, as a pager does. */
static void test_line_keys(void)
{
	struct termios t;
	struct scene s;
	char got[64];

	scene_new(&s, 6);
	CHECK_EQ(write(s.user, "typed ahead\n", 12), 12);
	CHECK_EQ(nothing_comes(s.command), 1);
	set_raw(s.command);
	CHECK_EQ(wait_mode(&s, false), 1);
	CHECK_EQ(get(s.command, got, 12), 12);
	CHECK_EQ(write(s.user, "q", 1), 1);
	CHECK_EQ(get(s.command, got, 1), 1);
	CHECK_EQ(got[0], 'q');
	CHECK_EQ(tcgetattr(s.terminal, &t), 0);
	CHECK_EQ(t.c_lflag & (ICANON | ECHO), 0);
	CHECK_EQ(scene_end(&s), 0);
	CHECK_EQ(wait_mode(&s, true), 1);
	scene_free(&s);
}

static void test_line_password(void)
{
	struct termios old, t;
	struct scene s;
	char got[64];

	scene_new(&s, 1); /* input only */
	CHECK_EQ(tcgetattr(s.command, &old), 0);
	t = old;
	t.c_lflag &= ~(tcflag_t)ECHO;
	CHECK_EQ(tcsetattr(s.command, TCSANOW, &t), 0);
	CHECK_EQ(wait_mode(&s, false), 1);
	CHECK_EQ(write(s.user, "secret\n", 7), 7);
	CHECK_EQ(get(s.command, got, 7), 7);
	CHECK_EQ(nothing_comes(s.user) || get(s.user, got, 64) <= 2, 1);
	CHECK_EQ(tcsetattr(s.command, TCSANOW, &old), 0);
	CHECK_EQ(wait_mode(&s, true), 1);
	CHECK_EQ(scene_end(&s), 0);
	scene_free(&s);
}

static void test_line_eof(void)
{
	struct scene s;
	char got[64];

	scene_new(&s, 1);
	CHECK_EQ(write(s.user, "line\n", 5), 5);
	CHECK_EQ(get(s.command, got, 5), 5);
	CHECK_EQ(write(s.user, "\4", 1), 1);

	struct pollfd pfd = { s.command, POLLIN, 0 };

	CHECK_EQ(poll(&pfd, 1, WAIT_MS), 1);
	CHECK_EQ(read(s.command, got, sizeof(got)), 0);
	CHECK_EQ(scene_end(&s), 0);
	scene_free(&s);
}

/* Another program of the pipeline took the terminal: it gets the keys. */
static void test_line_other(void)
{
	struct termios t;
	struct scene s;

	scene_new(&s, 1);
	CHECK_EQ(tcgetattr(s.terminal, &t), 0);
	t.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	CHECK_EQ(tcsetattr(s.terminal, TCSANOW, &t), 0);
	struct timespec ts = { .tv_nsec = 150 * NS_PER_MS };

	(void)nanosleep(&ts, NULL);
	CHECK_EQ(write(s.user, "j", 1), 1);
	CHECK_EQ(nothing_comes(s.command), 1);
	CHECK_EQ(wait_mode(&s, false), 1);
	CHECK_EQ(scene_end(&s), 0);
	/* And it is that program's to restore. */
	CHECK_EQ(wait_mode(&s, false), 1);
	scene_free(&s);
}

int main(void)
{
	static const struct test tests[] = {
		{ "raw, byte for byte, size, restored", test_full },
		{ "a new size", test_resize },
		{ "restored after kill -9", test_killed },
		{ "given back while we are stopped", test_suspend },
		{ "a terminal that is gone is told", test_hangup },
		{ "a slow reader loses nothing", test_back_pressure },
		{ "a full pty at the end", test_full_at_end },
		{ "line: output", test_line_output },
		{ "line: keys only when asked for", test_line_keys },
		{ "line: a password is not echoed", test_line_password },
		{ "line: end of file", test_line_eof },
		{ "line: another program's terminal", test_line_other },
	};

	return test_main(tests, N_ELEMS(tests));
}
