/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * The child shares init's memory until exec and init waits for that, as with
 * vfork(2): copying init's page tables would cost more than everything else
 * here, and results come back through struct child.  It has a stack, signal
 * handlers, descriptors and limits of its own.
 *
 * Everything that confines it was done to init before and is inherited: no
 * capabilities, no new privileges, Landlock, the filter.  The child only takes
 * its place (session, terminal, streams, limits), closes what is not the
 * command's, and proves the walls.
 */
#include "jail/child.h"

#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/wall.h"
#include "jail/prove.h"
#include "jail/sys.h"

#define STACK_BYTES  ((size_t)64 * 1024)
#define DEFAULT_PATH "/usr/local/bin:/usr/bin:/bin"
#define SHELL        "/bin/sh"
#define FAILED       125

/* What child_outcome() reads. */
struct outcome {
	int exec_errno;
	char unproven[sizeof(((struct diag *)0)->text)];
};

static noreturn_fn own_stack void leave(struct child *c, int code)
{
	struct outcome o = { .exec_errno = c->exec_errno };

	memcpy(o.unproven, c->unproven.text, sizeof(o.unproven));
	/* A parent that cannot be told is gone. */
	if (c->outcome != -1)
		(void)!write(c->outcome, &o, sizeof(o));
	_exit(code);
}

static noreturn_fn own_stack void over(struct child *c, const char *what)
{
	diag_set(&c->unproven, 0, 0, "the command's process: %s: %s", what,
		 strerror(errno));
	leave(c, FAILED);
}

/*
 * By its name, once more: with covers (cover.h) the directory that init went to
 * may be another one, or the same in a mount under another.
 */
static void take_directory(struct child *c)
{
	if (chdir(c->plan->cwd) == -1)
		over(c, "its directory");
}

static void default_signals(void)
{
	struct sigaction dfl = { .sa_handler = SIG_DFL };
	sigset_t none;

	/* Those that cannot be changed are default already. */
	for (int i = 1; i < NSIG; i++)
		(void)sigaction(i, &dfl, NULL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/*
 * A group of our own, in front, in init's session: with its parent in the same
 * session the group is no orphan, whose members the kernel does not stop at
 * Ctrl-Z.  SIGTTOU is what a group that is not in front yet would get.
 */
static void take_terminal(struct child *c)
{
	pid_t own = getpid();
	sigset_t ttou;

	(void)sigemptyset(&ttou);
	(void)sigaddset(&ttou, SIGTTOU);
	(void)sigprocmask(SIG_BLOCK, &ttou, NULL);
	if (setpgid(0, 0) == -1 || ioctl(c->tty, TIOCSPGRP, &own) == -1)
		over(c, "the controlling terminal");
	(void)sigprocmask(SIG_UNBLOCK, &ttou, NULL);
}

static void take_streams(struct child *c)
{
	if (c->tty != -1)
		take_terminal(c);
	else if (WALL(OWN_SESSION) && setsid() == -1)
		over(c, "setsid");
	/* Init keeps all of these above 2, so none is overwritten here. */
	for (int i = 0; i < 3; i++) {
		int fd = c->stdio[i] == -1 ? c->tty : c->stdio[i];

		if (dup2(fd, i) == -1)
			over(c, "its streams");
	}
	if (!WALL(OWN_DESCRIPTORS))
		return;
	/* Apart, some are still needed, but none by the program. */
	if (c->outcome == -1 ? sys_close_range(3, UINT_MAX) != 0
			     : sys_cloexec_range(3, UINT_MAX) != 0)
		over(c, "closing what is not its own");
}

/* Never raises what the supervisor has set. */
static void lower(struct child *c, int what, uint64_t to)
{
	struct rlimit l;

	if (sys_prlimit(0, what, NULL, &l) != 0)
		over(c, "its limits");
	if (l.rlim_max > to)
		l.rlim_max = to;
	if (l.rlim_cur > l.rlim_max)
		l.rlim_cur = l.rlim_max;
	if (sys_prlimit(0, what, &l, NULL) != 0)
		over(c, "its limits");
}

/* Of what all programs of a user have together. */
static void halve(struct child *c, int what)
{
	struct rlimit l;

	if (sys_prlimit(0, what, NULL, &l) != 0)
		over(c, "its limits");
	if (l.rlim_max != RLIM_INFINITY)
		lower(c, what, l.rlim_max / 2);
}

static void take_limits(struct child *c)
{
	const struct plan_limits *l = &c->plan->limits;

	if (WALL(LIMIT_CORE))
		lower(c, RLIMIT_CORE, 0); /* a core would hold secrets */
	if (WALL(LIMIT_SHARES)) {
		halve(c, RLIMIT_SIGPENDING); /* and so timers */
		halve(c, RLIMIT_MSGQUEUE);
	}
	if (WALL(LIMIT_PROCESSES) && l->processes > 0)
		lower(c, RLIMIT_NPROC, l->processes + 1u); /* and init */
	if (WALL(LIMIT_DISK) && l->disk > 0)
		lower(c, RLIMIT_FSIZE, l->disk);
}

static void run(struct child *c, const char *path)
{
	(void)execve(path, c->argv, c->env);
	if (errno != ENOEXEC)
		return;

	/* No "#!": a script of the shell, as execvp(3) has it. */
	size_t n = 0;

	while (c->argv[n])
		n++;

	char **with_shell = calloc(n + 2, sizeof(*with_shell));

	if (!with_shell) {
		errno = ENOMEM;
		return;
	}
	with_shell[0] = (char *)(uintptr_t)SHELL;
	with_shell[1] = (char *)(uintptr_t)path;
	for (size_t i = 1; i < n; i++)
		with_shell[i + 1] = c->argv[i];
	(void)execve(SHELL, with_shell, c->env);
	errno = ENOEXEC;
}

static struct str find_path(char *const *env)
{
	for (size_t i = 0; env[i]; i++) {
		if (str_starts(str_of(env[i]), STR("PATH=")))
			return str_skip(str_of(env[i]), 5);
	}
	return STR(DEFAULT_PATH);
}

/* Returns only when nothing could be executed; the errno. */
static int search_and_run(struct child *c)
{
	struct str rest = find_path(c->env), dir;
	const char *name = c->argv[0];
	char path[PATH_MAX];
	int error = ENOENT;

	if (strchr(name, '/')) {
		run(c, name);
		return errno;
	}
	while (name[0] != '\0' && str_cut(&rest, ':', &dir)) {
		int n = snprintf(path, sizeof(path), "%.*s%s%s", STR_ARG(dir),
				 dir.len > 0 ? "/" : "./", name);

		if (n < 0 || (size_t)n >= sizeof(path))
			continue;
		/* What is not there need not be tried, and recorded. */
		if (faccessat(AT_FDCWD, path, F_OK, 0) == -1 &&
		    (errno == ENOENT || errno == ENOTDIR))
			continue;
		run(c, path);
		if (errno == EACCES)
			error = EACCES; /* a later one may be better */
		else if (errno != ENOENT && errno != ENOTDIR)
			return errno;
	}
	return error;
}

static own_stack int child_main(void *arg)
{
	struct child *c = arg;

	default_signals();
	take_streams(c);
	take_limits(c);
	take_directory(c);
	c->ready_ns = clock_mono_ns();
	if (c->confine ? c->confine(c) != 0
		       : prove_all(c->plan, &c->unproven) != 0)
		leave(c, FAILED);
	c->proven_ns = clock_mono_ns();
	c->exec_errno = search_and_run(c);
	leave(c, child_exit_code(c->exec_errno));
}

pid_t child_start(struct child *c)
{
	static _Alignas(16) char stack[STACK_BYTES];
	pid_t pid;

	c->exec_errno = 0;
	c->unproven.text[0] = '\0';
	c->outcome = -1;
	pid = clone(child_main, stack + sizeof(stack),
		    CLONE_VM | CLONE_VFORK | SIGCHLD, c);
	return pid == -1 ? neg_errno() : pid;
}

pid_t child_start_apart(struct child *c, int *ret_outcome)
{
	pid_t pid, parent = getpid();
	int ends[2];

	c->exec_errno = 0;
	c->unproven.text[0] = '\0';
	if (pipe2(ends, O_CLOEXEC) == -1)
		return neg_errno();
	pid = fork();
	if (pid == 0) {
		c->outcome = ends[1];
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(FAILED);
		(void)child_main(c);
	}
	if (pid == -1)
		pid = neg_errno();
	(void)close(ends[1]);
	if (pid < 0)
		(void)close(ends[0]);
	else
		*ret_outcome = ends[0];
	return pid;
}

void child_outcome(struct child *c, int take_outcome)
{
	struct outcome o = { .exec_errno = 0 };

	if (fd_read_full(take_outcome, &o, sizeof(o)) == 0) {
		c->exec_errno = o.exec_errno;
		o.unproven[sizeof(o.unproven) - 1] = '\0';
		memcpy(c->unproven.text, o.unproven, sizeof(o.unproven));
	}
	(void)close(take_outcome);
}

int child_exit_code(int exec_errno)
{
	return exec_errno == ENOENT || exec_errno == ENOTDIR ? 127 : 126;
}
