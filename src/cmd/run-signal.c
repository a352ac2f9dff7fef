/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * All signals that concern a session are blocked and read from a descriptor.
 * Those a user or a manager sends to a program are handed to the command; at a
 * terminal in raw mode most never come, since their keys go to the jail's pty.
 * A signal that was ignored when we were started (nohup, a shell's background
 * job) stays ignored, and the command is not told either.
 *
 *   before the command runs   the session ends with 128 + n
 *   SIGTERM again in time     the jail is killed
 *   SIGTSTP                   the terminal is given back, and we stop
 */
#include <signal.h>
#include <sys/signalfd.h>

#include "base/clock.h"
#include "cmd/run.h"

static const int forwarded[] = { SIGINT,  SIGTERM, SIGHUP,
				 SIGQUIT, SIGUSR1, SIGUSR2 };
/* Ours. */
static const int handled[] = { SIGWINCH, SIGTSTP, SIGCONT };
/* Told by a return value instead. */
static const int blocked[] = { SIGPIPE, SIGTTIN, SIGTTOU };

static bool is_forwarded(uint32_t sig)
{
	for (size_t i = 0; i < N_ELEMS(forwarded); i++) {
		if ((uint32_t)forwarded[i] == sig)
			return true;
	}
	return false;
}

/* One SIGTERM was handed on; what comes later is a first one again. */
static int on_second_late(struct loop_timer *t)
{
	(void)t;
	return 0;
}

static void kill_jail(struct run *r)
{
	r->killed = true;
	if (!limits_kill(r->limits))
		jail_kill(r->jail);
}

static void arm(struct run *r, loop_timer_fn run)
{
	loop_timer_clear(r->loop, &r->grace_timer);
	r->grace_timer = (struct loop_timer){ .run = run, .owner = r };
	if (loop_timer_set(r->loop, &r->grace_timer,
			   clock_mono_ns() + RUN_GRACE_NS) < 0)
		kill_jail(r); /* no memory to wait with */
}

static int on_grace_over(struct loop_timer *t)
{
	struct run *r = t->owner;

	if (r->phase == RUN_RUNNING)
		kill_jail(r);
	return 0;
}

void run_terminate(struct run *r, const char *reason)
{
	if (r->phase == RUN_ENDING)
		return;
	if (r->reason[0] == '\0')
		(void)snprintf(r->reason, sizeof(r->reason), "%s", reason);
	if (r->phase != RUN_RUNNING) {
		run_tell(r, "%s; session ended", reason);
		run_end(r, 128 + SIGTERM, SIGTERM);
		return;
	}
	(void)!jail_signal(r->jail, SIGTERM); /* or it ends by itself now */
	arm(r, on_grace_over);
}

void run_hangup(void *owner)
{
	struct run *r = owner;

	if (r->phase != RUN_RUNNING)
		return;
	(void)!jail_signal(r->jail, SIGHUP);
	run_terminate(r, "the terminal is gone");
}

void run_stop_self(struct run *r)
{
	if (r->pty)
		pty_suspend(r->pty);
	(void)kill(getpid(), SIGSTOP);
	/* Here again after SIGCONT, which is read next. */
}

static void serve_forwarded(struct run *r, int sig)
{
	if (r->phase == RUN_ENDING)
		run_later_stop(r);
	if (r->phase != RUN_RUNNING) {
		run_end(r, 128 + sig, sig);
		return;
	}
	if (sig == SIGTERM && r->grace_timer.heap_pos != 0) {
		kill_jail(r); /* the second one within RUN_GRACE_NS */
		return;
	}
	(void)!jail_signal(r->jail, sig);
	if (sig == SIGTERM)
		arm(r, on_second_late);
}

static void serve(struct run *r, uint32_t sig)
{
	if (is_forwarded(sig)) {
		serve_forwarded(r, (int)sig);
		return;
	}
	if (sig == SIGWINCH && r->pty)
		pty_resize(r->pty);
	if (sig == SIGTSTP) {
		if (r->phase == RUN_RUNNING && r->tty.mode != PTY_FULL)
			(void)!jail_signal(r->jail, SIGSTOP);
		run_stop_self(r);
	}
	if (sig == SIGCONT && r->phase == RUN_RUNNING) {
		if (r->pty)
			pty_resume(r->pty);
		(void)!jail_signal(r->jail, SIGCONT);
	}
}

static int on_signal(struct loop_io *io, uint32_t events)
{
	struct run *r = io->owner;
	struct signalfd_siginfo si;

	(void)events;
	while (read(r->signal_fd, &si, sizeof(si)) == (ssize_t)sizeof(si))
		serve(r, si.ssi_signo);
	return 0;
}

static bool is_ignored(int sig)
{
	struct sigaction sa;

	return sigaction(sig, NULL, &sa) == 0 && sa.sa_handler == SIG_IGN;
}

static void get_ours(sigset_t *ret)
{
	(void)sigemptyset(ret);
	for (size_t i = 0; i < N_ELEMS(forwarded); i++) {
		if (!is_ignored(forwarded[i]))
			(void)sigaddset(ret, forwarded[i]);
	}
	for (size_t i = 0; i < N_ELEMS(handled); i++)
		(void)sigaddset(ret, handled[i]);
}

void run_unwatch_signals(void)
{
	sigset_t ours;

	get_ours(&ours);
	(void)sigprocmask(SIG_UNBLOCK, &ours, NULL);
}

void run_drop_signals(struct run *r)
{
	struct signalfd_siginfo si;

	while (r->signal_fd != -1 &&
	       read(r->signal_fd, &si, sizeof(si)) == (ssize_t)sizeof(si))
		;
	run_unwatch_signals();
}

void run_rewatch_signals(void)
{
	sigset_t ours;

	get_ours(&ours);
	(void)sigprocmask(SIG_BLOCK, &ours, NULL);
}

int run_watch_signals(struct run *r)
{
	sigset_t ours, all;

	get_ours(&ours);
	all = ours;
	for (size_t i = 0; i < N_ELEMS(blocked); i++)
		(void)sigaddset(&all, blocked[i]);
	if (sigprocmask(SIG_BLOCK, &all, NULL) == -1)
		return neg_errno();
	r->signal_fd = signalfd(-1, &ours, SFD_CLOEXEC | SFD_NONBLOCK);
	if (r->signal_fd == -1)
		return neg_errno();
	r->signal_io = (struct loop_io){ .fd = r->signal_fd,
					 .events = EPOLLIN,
					 .run = on_signal,
					 .owner = r };
	return 0;
}
