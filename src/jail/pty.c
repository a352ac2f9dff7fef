/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * End 0 of the duct is the user's terminal, end 1 the master of the jail's
 * pty.  The terminal's open file is shared with the shell and whoever else has
 * it, so it is never switched to non-blocking: it is opened anew.  Where that
 * is refused (after su(1) it belongs to somebody else) the shared one is used,
 * written in pieces that poll(2) promises not to block.
 *
 * The terminal's mode
 *
 *   OURS -- pty_suspend, pty_finish, pty_free --> THEIRS
 *   THEIRS -- pty_start, pty_resume, in the foreground --> OURS
 *   THEIRS -- the same in the background --> WAITING
 *   WAITING -- we came to the foreground (asked each FOREGROUND_NS) --> OURS
 *
 * In the background nothing is read and no mode is set: both belong to the job
 * in front.  SIGTTIN and SIGTTOU are blocked, so we are told by EIO.
 *
 * The guard is a process that holds the terminal and the end of a pipe.  When
 * the pipe ends without a word, we died, by kill -9 perhaps: if the terminal
 * still is as we set it, the guard restores it.  What it needs lies in memory
 * we share, since the modes change while it waits.
 *
 * PTY_LINE: with EXTPROC the jail's pty neither edits nor echoes, but its mode
 * bits are there for the program to see and change; in packet mode the master
 * is told of a change (TIOCPKT_IOCTL), and mirror() lets the user's terminal
 * follow.  The keyboard is read only if standard input is the terminal or the
 * program has changed the mode (a pager on a pipe), and only while the
 * terminal is in the mode we left it in: if another program of the pipeline
 * has set it, the keys are for that one.
 */
#include "jail/pty.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include "base/clock.h"
#include "jail/duct.h"
#include "jail/sys.h"

#define FOREGROUND_NS (300 * NS_PER_MS)
#define KEYS_NS       (100 * NS_PER_MS) /* LINE: is the keyboard ours again? */
#define EOF_NS        (10 * NS_PER_MS)  /* LINE: has the program read all? */
#define DRAIN_MS      5000              /* for a terminal that was stopped */

enum terminal {
	TERMINAL_THEIRS = 1,
	TERMINAL_OURS,
	TERMINAL_WAITING,
};

/* Shared with the guard. */
struct modes {
	struct termios saved; /* as we found the user's terminal */
	struct termios ours;  /* what it is in OURS */
};

struct pty {
	struct pty_config c;
	struct duct duct;
	bool duct_on;

	int user_fd;          /* one of 0, 1, 2 */
	int in_fd, out_fd;    /* opened anew, or user_fd */
	bool in_own, out_own; /* to be closed */
	bool hung_up;

	enum terminal state;
	struct modes *modes;
	int guard_fd;         /* its pipe; -1: there is none */
	struct termios first; /* LINE: the jail's pty as we set it */
	bool changed;         /* LINE: the program changed it */
	struct loop_timer look;
	struct loop_timer eof;
};

void pty_choose(struct pty_choice *ret)
{
	struct winsize ws = { 0 };
	unsigned n = 0;

	*ret = (struct pty_choice){ .mode = PTY_NONE };
	for (int fd = 0; fd <= 2; fd++) {
		struct winsize now;

		/* One call tells both: only terminals have a size. */
		if (ioctl(fd, TIOCGWINSZ, &now) == -1)
			continue;
		ret->stream[fd] = true;
		ws = now;
		n++;
	}
	if (n > 0)
		ret->mode = n == 3 ? PTY_FULL : PTY_LINE;
	ret->cols = ws.ws_col ? ws.ws_col : 80;
	ret->rows = ws.ws_row ? ws.ws_row : 24;
}

/* ---- the mode of the user's terminal ---- */

static bool same_mode(const struct termios *a, const struct termios *b)
{
	return a->c_iflag == b->c_iflag && a->c_oflag == b->c_oflag &&
	       a->c_lflag == b->c_lflag &&
	       memcmp(a->c_cc, b->c_cc, sizeof(a->c_cc)) == 0;
}

static bool in_foreground(const struct pty *p)
{
	pid_t front = tcgetpgrp(p->user_fd);

	/* Not our controlling terminal: nobody else's job to disturb. */
	return front == -1 || front == getpgrp();
}

static bool terminal_is_as_left(const struct pty *p)
{
	struct termios now;

	return tcgetattr(p->user_fd, &now) == 0 &&
	       same_mode(&now, &p->modes->ours);
}

static bool may_read_keys(const struct pty *p)
{
	if (p->state != TERMINAL_OURS || p->hung_up)
		return false;
	if (p->c.choice.mode == PTY_FULL)
		return true;
	return (p->c.choice.stream[0] || p->changed) && terminal_is_as_left(p);
}

static void mirror(struct pty *p);

static void set_terminal(struct pty *p, const struct termios *t)
{
	(void)tcsetattr(p->user_fd, TCSANOW, t); /* gone: read() will tell */
	/*
	 * The kernel may not have taken all of it; compare with what it has.
	 */
	if (t == &p->modes->ours)
		(void)tcgetattr(p->user_fd, &p->modes->ours);
}

static void set_timer(struct pty *p, struct loop_timer *t, uint64_t in_ns)
{
	/* Without memory for a timer the keyboard stays quiet. */
	(void)!loop_timer_set(p->c.loop, t, clock_mono_ns() + in_ns);
}

/*
 * The jail's pty begins with the user's own settings: erase character, UTF-8,
 * and so on.  Not when somebody has put the terminal into a mode of his own,
 * such as the shell's line editor while we start in the background.
 */
static void copy_modes(struct pty *p)
{
	struct termios jail, t = p->modes->saved;

	if (tcgetattr(p->c.master, &jail) == -1 || !same_mode(&jail, &p->first))
		return; /* the program has its own by now */
	if (!(t.c_lflag & ICANON))
		t = jail;
	if (p->c.choice.mode == PTY_LINE) {
		t.c_lflag |= EXTPROC;
		t.c_oflag &= ~(tcflag_t)OPOST;
	}
	if (same_mode(&t, &jail) || tcsetattr(p->c.master, TCSANOW, &t) == -1)
		return;
	(void)tcgetattr(p->c.master, &p->first);
}

/* What is there now is what will be restored. */
static void read_modes(struct pty *p)
{
	if (tcgetattr(p->user_fd, &p->modes->saved) == -1)
		return;
	p->modes->ours = p->modes->saved;
	if (p->c.choice.mode == PTY_FULL)
		cfmakeraw(&p->modes->ours);
	copy_modes(p);
}

static void take_terminal(struct pty *p)
{
	if (p->state == TERMINAL_OURS || p->hung_up)
		return;
	if (!in_foreground(p)) {
		p->state = TERMINAL_WAITING;
		set_timer(p, &p->look, FOREGROUND_NS);
		return;
	}
	read_modes(p);
	p->state = TERMINAL_OURS;
	if (p->c.choice.mode == PTY_FULL)
		set_terminal(p, &p->modes->ours);
	else if (p->changed)
		mirror(p);
}

static void give_terminal_back(struct pty *p)
{
	bool ours = p->state == TERMINAL_OURS;

	p->state = TERMINAL_THEIRS;
	if (!ours || p->hung_up)
		return;
	/* Somebody else has set it since: it is his to restore. */
	if (p->c.choice.mode == PTY_LINE &&
	    (!p->changed || !terminal_is_as_left(p)))
		return;
	set_terminal(p, &p->modes->saved);
}

static void update_keys(struct pty *p)
{
	bool may = may_read_keys(p);

	if (p->duct_on)
		duct_pause(&p->duct, 0, !may);
	if (!may && p->state == TERMINAL_OURS && !p->hung_up &&
	    p->c.choice.mode == PTY_LINE &&
	    (p->c.choice.stream[0] || p->changed))
		set_timer(p, &p->look, KEYS_NS);
}

static int on_look(struct loop_timer *t)
{
	struct pty *p = t->owner;

	if (p->state == TERMINAL_WAITING)
		take_terminal(p);
	update_keys(p);
	return 0;
}

/* ---- the guard ---- */

static noreturn_fn void be_guard(struct pty *p, int end)
{
	struct termios now;
	sigset_t all;
	char c;

	/* Not of the job: what ends or stops that must not reach us. */
	(void)setsid();
	(void)sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, NULL);
	(void)prctl(PR_SET_NAME, "bawn-terminal", 0, 0, 0);
	/* Only what is needed: a pipe held open would keep its reader. */
	if (dup2(p->user_fd, 0) == -1 || dup2(end, 1) == -1)
		_exit(1);
	(void)sys_close_range(2, ~0u);
	if (read(1, &c, 1) == 0 && tcgetattr(0, &now) == 0 &&
	    same_mode(&now, &p->modes->ours))
		(void)tcsetattr(0, TCSANOW, &p->modes->saved);
	_exit(0);
}

static int start_guard(struct pty *p)
{
	int pipe_fds[2];
	pid_t pid;

	if (pipe2(pipe_fds, O_CLOEXEC) == -1)
		return neg_errno();
	pid = fork();
	if (pid == 0)
		be_guard(p, pipe_fds[0]);
	(void)close(pipe_fds[0]);
	if (pid < 0) {
		(void)close(pipe_fds[1]);
		return -EAGAIN;
	}
	p->guard_fd = pipe_fds[1];
	return 0;
}

/* It ends by itself; it is not waited for. */
static void end_guard(struct pty *p)
{
	if (p->guard_fd == -1)
		return;
	(void)!write(p->guard_fd, "", 1);
	(void)close(p->guard_fd);
	p->guard_fd = -1;
}

/* ---- PTY_LINE: the user's terminal follows the jail's pty ---- */

static void mirror(struct pty *p)
{
	const tcflag_t lflags =
		ICANON | ECHO | ECHOE | ECHOK | ECHONL | ISIG | IEXTEN;
	struct termios jail, t = p->modes->saved;

	if (tcgetattr(p->c.master, &jail) == -1)
		return;
	if (!(jail.c_lflag & EXTPROC)) {
		jail.c_lflag |= EXTPROC; /* tells us again; then it is set */
		(void)tcsetattr(p->c.master, TCSANOW, &jail);
		return;
	}
	p->changed = !same_mode(&jail, &p->first);
	if (p->changed) {
		t.c_iflag = jail.c_iflag;
		t.c_lflag = (t.c_lflag & ~lflags) | (jail.c_lflag & lflags);
		memcpy(t.c_cc, jail.c_cc, sizeof(t.c_cc));
		if (!(jail.c_lflag & ICANON))
			t.c_oflag &= ~(tcflag_t)OPOST;
	}
	if (same_mode(&t, &p->modes->ours))
		return; /* and another program's mode stays what it is */
	p->modes->ours = t;
	/* Without a guard a password may be echoed after a kill -9: go on. */
	if (p->changed && p->guard_fd == -1)
		(void)!start_guard(p);
	if (p->state == TERMINAL_OURS)
		set_terminal(p, &p->modes->ours);
	update_keys(p);
}

static size_t unpack(struct duct *duct, unsigned i, char *bytes, size_t n)
{
	struct pty *p = duct->owner;

	if (i != 1 || n == 0)
		return n;
	if (bytes[0] != TIOCPKT_DATA) {
		if (bytes[0] & TIOCPKT_IOCTL)
			mirror(p);
		return 0;
	}
	memmove(bytes, bytes + 1, n - 1);
	return n - 1;
}

static size_t filter(struct duct *duct, unsigned i, char *bytes, size_t n)
{
	struct pty *p = duct->owner;

	if (p->c.choice.mode == PTY_LINE)
		n = unpack(duct, i, bytes, n);
	if (i == 1 && n > 0 && p->c.output)
		p->c.output(p->c.owner, (struct str){ .ptr = bytes, .len = n });
	return n;
}

/* ---- the duct ---- */

static int send_eof(struct loop_timer *t)
{
	struct pty *p = t->owner;
	AUTO(fd) int slave = pty_open_slave(p);
	char c = (char)p->modes->saved.c_cc[VEOF];
	int waiting = 0;

	if (slave < 0)
		return 0;
	/* Behind other bytes it would be data, and not the end. */
	if (p->c.choice.mode == PTY_LINE &&
	    ioctl(slave, TIOCINQ, &waiting) == 0 && waiting > 0) {
		set_timer(p, t, EOF_NS);
		return 0;
	}
	(void)!write(p->c.master, &c, 1);
	return 0;
}

/* End @i said that it is at its end. */
static void on_end(struct duct *duct, unsigned i)
{
	struct pty *p = duct->owner;

	if (i == 1)
		return; /* the jail closed its pty; its exit comes next */
	if (p->c.choice.mode == PTY_LINE) {
		/* Ctrl-D at the beginning of a line, and more may follow. */
		duct->f[0].ended = duct->f[0].closed = false;
		(void)!send_eof(&p->eof);
		return;
	}
	p->hung_up = true;
	p->c.hangup(p->c.owner);
}

static bool may_read(struct duct *duct, unsigned i)
{
	struct pty *p = duct->owner;

	if (i == 1 || may_read_keys(p))
		return true;
	update_keys(p);
	return false;
}

static bool is_end(struct duct *duct, unsigned i, int error)
{
	struct pty *p = duct->owner;

	if (error != -EIO)
		return false;
	if (i == 1)
		return true;
	if (!in_foreground(p)) {
		/* Not gone: we may not read in the background. */
		p->state = TERMINAL_WAITING;
		set_timer(p, &p->look, FOREGROUND_NS);
		duct->f[0].paused = true;
		return true;
	}
	p->hung_up = true;
	return true;
}

static void on_over(struct duct *duct, enum duct_over how, int error)
{
	struct pty *p = duct->owner;

	(void)error;
	p->duct_on = false;
	if (how == DUCT_BROKEN && !p->hung_up) {
		p->hung_up = true;
		p->c.hangup(p->c.owner);
	}
}

/* ---- life ---- */

static int reopen(int fd, int flags)
{
	char link[40];

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	return open(link, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

static void open_terminal(struct pty *p)
{
	const bool *s = p->c.choice.stream;
	int in = s[0] ? 0 : s[2] ? 2 : 1;
	int out = s[1] ? 1 : s[2] ? 2 : 0;

	p->user_fd = in;
	p->in_fd = reopen(in, O_RDONLY);
	p->in_own = p->in_fd != -1;
	if (!p->in_own)
		p->in_fd = in;
	p->out_fd = reopen(out, O_WRONLY);
	p->out_own = p->out_fd != -1;
	if (!p->out_own)
		p->out_fd = out;
}

static int set_up_modes(struct pty *p)
{
	int on = 1;

	if (p->c.choice.mode == PTY_LINE &&
	    ioctl(p->c.master, TIOCPKT, &on) == -1)
		return neg_errno();
	if (tcgetattr(p->c.master, &p->first) == -1)
		return neg_errno();
	read_modes(p);
	return 0;
}

int pty_new(struct pty **ret, const struct pty_config *c)
{
	AUTO(pty) struct pty *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return -ENOMEM;
	p->c = *c;
	p->state = TERMINAL_THEIRS;
	p->in_fd = p->out_fd = p->guard_fd = -1;
	p->modes = mmap(NULL, sizeof(*p->modes), PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (p->modes == MAP_FAILED) {
		p->modes = NULL;
		return -ENOMEM;
	}
	p->look = (struct loop_timer){ .run = on_look, .owner = p };
	p->eof = (struct loop_timer){ .run = send_eof, .owner = p };
	open_terminal(p);
	r = set_up_modes(p);
	if (r < 0)
		return r;
	pty_resize(p);
	*ret = TAKE(p);
	return 0;
}

int pty_start(struct pty *p)
{
	struct duct_fds user = { p->in_fd, p->out_fd, !p->out_own };
	struct duct_fds jail = { p->c.master, p->c.master, false };
	int fl = fcntl(p->c.master, F_GETFL);
	int r;

	if (fl == -1 || fcntl(p->c.master, F_SETFL, fl | O_NONBLOCK) == -1)
		return neg_errno();
	p->duct.owner = p;
	p->duct.on_end = on_end;
	p->duct.on_over = on_over;
	p->duct.is_end = is_end;
	p->duct.may_read = p->c.choice.mode == PTY_LINE ? may_read : NULL;
	p->duct.filter = filter;
	r = duct_start(&p->duct, p->c.loop, user, jail);
	if (r < 0)
		return r;
	p->duct_on = true;
	if (p->c.choice.mode == PTY_FULL) {
		r = start_guard(p);
		if (r < 0)
			return r;
	}
	take_terminal(p);
	update_keys(p);
	return 0;
}

void pty_drain(struct pty *p, int stop_fd)
{
	if (p->duct_on && !p->hung_up)
		duct_drain(&p->duct, 1, DRAIN_MS, stop_fd);
}

void pty_finish(struct pty *p, int stop_fd)
{
	if (!p)
		return;
	pty_drain(p, stop_fd);
	if (p->duct_on)
		duct_done(&p->duct);
	p->duct_on = false;
	give_terminal_back(p);
	end_guard(p);
}

void pty_free(struct pty *p)
{
	if (!p)
		return;
	if (p->duct_on)
		duct_done(&p->duct);
	give_terminal_back(p);
	end_guard(p);
	if (p->c.loop) {
		loop_timer_clear(p->c.loop, &p->look);
		loop_timer_clear(p->c.loop, &p->eof);
	}
	if (p->in_own)
		(void)close(p->in_fd);
	if (p->out_own)
		(void)close(p->out_fd);
	if (p->modes)
		(void)munmap(p->modes, sizeof(*p->modes));
	free(p);
}

void pty_resize(struct pty *p)
{
	struct winsize ws;

	if (ioctl(p->user_fd, TIOCGWINSZ, &ws) == 0)
		(void)ioctl(p->c.master, TIOCSWINSZ, &ws);
}

void pty_suspend(struct pty *p)
{
	if (p->duct_on)
		duct_pause(&p->duct, 0, true);
	give_terminal_back(p);
}

void pty_resume(struct pty *p)
{
	take_terminal(p);
	pty_resize(p);
	update_keys(p);
}

int pty_open_slave(const struct pty *p)
{
	int fd = ioctl(p->c.master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);

	return fd == -1 ? neg_errno() : fd;
}
