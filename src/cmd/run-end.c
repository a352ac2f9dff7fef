/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * However a session ends, it ends here: run_end() for the command's own end or
 * a signal, run_fail() for ours.  Both kill init, which takes every process of
 * the jail along; when none is left, what the session changed of files that run
 * later outside goes on the ledger (run-later.c), and then the closing record.
 * The loop goes on until all is done; run_finish() then gives the terminal back
 * and says what had to wait for that.
 */
#include <poll.h>
#include <stdarg.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/json.h"
#include "cmd/run-output.h"
#include "cmd/run-witness.h"
#include "cmd/run.h"
#include "ipc/protocol.h"
#include "jail/hinder.h"

#define CLOSE_NS (10 * NS_PER_S) /* a disk may be slow */
#define DEATH_MS 2000            /* of a jail that never began */

void run_tell(struct run *r, const char *fmt, ...)
{
	char text[1000];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (r->pty && r->tty.stream[2])
		(void)buf_printf(&r->words, "bawn: %s\n", text);
	else
		cmd_error("%s", text);
}

void run_check_over(struct run *r)
{
	if (r->phase == RUN_ENDING && r->init_gone && !r->looking &&
	    (r->closed || r->keeper_gone) && r->loop)
		loop_stop(r->loop, 0);
}

static int on_close_late(struct loop_timer *t)
{
	struct run *r = t->owner;

	if (!r->closed && !r->keeper_gone)
		run_tell(r, "bawnd does not say that the session's end is on "
			    "the ledger");
	r->closed = true;
	r->init_gone = true; /* jail_free() waits for it */
	run_check_over(r);
	return 0;
}

static uint64_t wall_ms(const struct run *r)
{
	return r->started_ns ? (r->ended_ns - r->started_ns) / NS_PER_MS : 0;
}

/* The mounts go along: the user need not wait until they are taken apart. */
static void send_close(struct run *r)
{
	AUTO(fd) int mounts = r->jail ? jail_take_mounts(r->jail) : -1;
	struct json_out w = JSON_OUT(&r->out);

	buf_clear(&r->out);
	json_open(&w, '{');
	json_kint(&w, "code", r->code);
	json_kint(&w, "signal", r->signal);
	json_kstr(&w, "reason", str_of(r->reason));
	json_kuint(&w, "utime_us", r->use.utime_us);
	json_kuint(&w, "stime_us", r->use.stime_us);
	json_kuint(&w, "maxrss_kb", r->use.maxrss_kb);
	json_kuint(&w, "bytes_in", r->use.bytes_in);
	json_kuint(&w, "bytes_out", r->use.bytes_out);
	json_kuint(&w, "wall_ms", wall_ms(r));
	json_kuint(&w, "ledger_ms", r->use.ledger_ms);
	json_close(&w, '}');
	if (r->out.failed ||
	    ipc_send(r->keeper_fd, MSG_CLOSE, RUN_CLOSE_ID, buf_str(&r->out),
		     &mounts, mounts != -1) < 0)
		r->closed = true; /* the keeper writes "supervisor died" */
}

void run_end(struct run *r, int code, int signal)
{
	if (r->phase == RUN_ENDING)
		return;
	r->code = code;
	r->signal = signal;
	r->ended_ns = clock_mono_ns();
	if (r->jail && !r->init_gone)
		jail_kill(r->jail);
	if (!r->jail)
		r->init_gone = true;
	run_limits_flush(r);
	run_witness_flush(r);
	r->phase = RUN_ENDING;
	run_later_end(r);
}

static void arm_close(struct run *r)
{
	r->close_timer = (struct loop_timer){ .run = on_close_late,
					      .owner = r,
					      .patient = true };
	if (loop_timer_set(r->loop, &r->close_timer,
			   clock_mono_ns() + CLOSE_NS) < 0)
		r->closed = true;
}

void run_close(struct run *r)
{
	run_output_end(r);
	if (r->loop && run_witness_await(r)) {
		arm_close(r);
		return;
	}
	/* It can say its last while the keeper is told that this is the end. */
	if (r->relay_fd != -1)
		(void)shutdown(r->relay_fd, SHUT_WR);
	if (r->granted && !r->keeper_gone)
		send_close(r);
	else
		r->closed = true;
	if (!r->loop)
		return;
	/* While others write: removing control groups takes as long. */
	if (r->limits && r->init_gone)
		limits_done(r->limits);
	arm_close(r);
	run_check_over(r);
}

void run_fail(struct run *r, const char *fmt, ...)
{
	char text[1000];
	va_list ap;

	if (r->phase == RUN_ENDING)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	run_tell(r, "%s", text);
	(void)snprintf(r->reason, sizeof(r->reason), "%.199s", text);
	run_end(r, BAWN_EXIT_FAILED, 0);
}

void run_fail_here(struct run *r, const char *text)
{
	struct hindrance h;

	if (r->phase == RUN_ENDING)
		return;
	if (hinder_find(&h))
		run_fail(r, "%s: %s", h.why, h.mend);
	else
		run_fail(r, "%s", text);
}

static void print_json(struct run *r, struct buf *b)
{
	struct json_out w = JSON_OUT(b);

	json_open(&w, '{');
	json_kstr(&w, "session", str_of(r->session));
	json_kint(&w, "code", r->code);
	json_kint(&w, "signal", r->signal);
	json_kstr(&w, "reason", str_of(r->reason));
	json_kuint(&w, "wall_ms", wall_ms(r));
	json_kuint(&w, "utime_us", r->use.utime_us);
	json_kuint(&w, "stime_us", r->use.stime_us);
	json_kuint(&w, "maxrss_kb", r->use.maxrss_kb);
	json_kuint(&w, "later", run_later_count(r));
	json_close(&w, '}');
	(void)buf_addc(b, '\n');
}

/* A start that failed may leave an init that is just dying. */
static void wait_for_init(struct run *r)
{
	struct pollfd p = { .events = POLLIN };

	if (!r->jail || r->init_gone)
		return;
	jail_kill(r->jail);
	p.fd = jail_pidfd(r->jail);
	while (poll(&p, 1, DEATH_MS) == -1 && errno == EINTR)
		;
}

int run_finish(struct run *r)
{
	wait_for_init(r);
	pty_finish(r->pty, r->signal_fd);
	if (r->limits)
		limits_done(r->limits);
	if (r->notices)
		notices_print(r->notices, &r->words);
	run_later_tell(r);
	if (r->opts.json && !r->opts.plan)
		print_json(r, &r->words);
	/*
	 * A terminal that is stopped takes no words.  What came until now was
	 * for the session; what comes from here on ends us.
	 */
	run_drop_signals(r);
	if (r->words.len > 0)
		(void)!write(STDERR_FILENO, buf_str(&r->words).ptr,
			     r->words.len);
	return r->code;
}
