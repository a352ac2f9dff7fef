/* SPDX-License-Identifier: Apache-2.0 */
/* The supervisor's side of the connection to the keeper. */
#include <poll.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/wall.h"
#include "cmd/client.h"
#include "cmd/run.h"
#include "ipc/protocol.h"

#define TEXT_ARENA    ((size_t)1024 * 1024)
#define CODE_QUESTION 5  /* of MSG_REFUSED */
#define MAX_TRIES     2u /* of further daemons */
#define GREET_MS      10000u

static void get_text(struct ipc_msg *m, const char *key, char *dst, size_t size,
		     int64_t *ret_code)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	struct json *j = NULL;

	arena_init(&a, TEXT_ARENA);
	*ret_code = 0;
	dst[0] = '\0';
	if (json_parse(&a, buf_str(&m->body), &j, NULL) != 0)
		return;
	str_sanitise(json_find_str(j, key), dst, size);
	*ret_code = json_find_int(j, "code", 0);
}

/* True: it is a question, to be asked when the terminal is the user's. */
static bool take_question(struct run *r, struct ipc_msg *m)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	struct json *j = NULL;

	arena_init(&a, TEXT_ARENA);
	return json_parse(&a, buf_str(&m->body), &j, NULL) == 0 &&
	       run_question_read(j, &r->question) == 0;
}

static int on_refused(struct run *r, struct ipc_msg *m)
{
	char text[1000];
	int64_t code;

	get_text(m, "text", text, sizeof(text), &code);
	if (code == CODE_QUESTION && take_question(r, m)) {
		run_end(r, BAWN_EXIT_FAILED, 0);
		return 0;
	}
	if (r->phase == RUN_ENDING) {
		/*
		 * Nothing more is to be waited for.  Why there was no session
		 * the user has heard already.
		 */
		if (r->granted && m->id == RUN_CLOSE_ID)
			run_tell(r, "%s", text);
		r->closed = true;
		run_check_over(r);
		return 0;
	}
	r->granted = false; /* there is no session to close */
	if (code == BAWN_EXIT_USAGE || code == BAWN_EXIT_REFUSED)
		run_fail(r, "%s", text);
	else
		run_fail_here(r, text);
	if (code == BAWN_EXIT_USAGE)
		r->code = BAWN_EXIT_USAGE;
	return 0;
}

static int on_terminate(struct run *r, struct ipc_msg *m)
{
	char text[160];
	int64_t code;

	get_text(m, "reason", text, sizeof(text), &code);
	if (r->phase == RUN_RUNNING) /* else run_terminate() says it */
		run_tell(r, "the session is ended: %s", text);
	run_terminate(r, text[0] ? text : "ended from outside");
	return 0;
}

static int serve(struct run *r, struct ipc_msg *m)
{
	switch (m->type) {
	case MSG_HELLO:
		loop_timer_clear(r->loop, &r->greet_timer);
		return 0;
	case MSG_GROUND: /* too late: init is at work */
		return 0;
	case MSG_GRANT:
		client_forget_daemon();
		return run_granted(r, m);
	case MSG_REFUSED:
		return on_refused(r, m);
	case MSG_GO:
		r->needs &= ~(unsigned)RUN_NEED_LEDGER;
		return run_try_go(r);
	case MSG_TERMINATE:
		return on_terminate(r, m);
	case MSG_CLOSED:
		r->closed = true;
		run_check_over(r);
		return 0;
	default:
		return -EPROTO;
	}
}

/*
 * It died, or was just ending, and nothing has been done yet: another one is
 * asked.  False: not any more.
 */
static bool ask_another(struct run *r)
{
	int e;

	if (r->phase != RUN_OPENING || r->tries++ == MAX_TRIES)
		return false;
	(void)close(TAKE_FD(r->keeper_fd));
	/* It may take seconds, or wait for another build's sessions. */
	run_unwatch_signals();
	r->greeted = false;
	e = client_connect(true, &r->keeper_fd);
	run_rewatch_signals();
	if (e != 0) {
		r->keeper_gone = true;
		run_end(r, BAWN_EXIT_FAILED, 0);
		return true;
	}
	e = run_send_open(r);
	if (e == 0)
		e = run_watch_keeper(r);
	if (e != 0)
		run_fail(r, "cannot start: %s", strerror(-e));
	return true;
}

static void keeper_gone(struct run *r)
{
	char why[512], text[600];

	loop_io_remove(r->loop, &r->keeper_io);
	loop_timer_clear(r->loop, &r->greet_timer);
	if (!client_why_no_daemon(why, sizeof(why)) && ask_another(r))
		return;
	r->keeper_gone = true;
	if (!WALL(KEEPER_DEATH) && r->phase == RUN_RUNNING)
		return;
	if (r->phase == RUN_OPENING && client_why_no_daemon(why, sizeof(why))) {
		(void)snprintf(text, sizeof(text), "bawnd cannot start: %s",
			       why);
		run_fail_here(r, text);
	} else if (r->phase == RUN_OPENING || r->phase == RUN_MAKING)
		run_fail_here(r, "bawnd died; session ended");
	else if (r->phase != RUN_ENDING)
		run_fail(r, "bawnd died; session ended");
	run_check_over(r);
}

/* True: the keeper has said something within @ms, or is gone. */
static bool keeper_spoke(const struct run *r, int ms)
{
	struct pollfd p = { .fd = r->keeper_fd, .events = POLLIN };

	return poll(&p, 1, ms) == 1;
}

/*
 * The connection blocks, so that records wait for a slow ledger, and what the
 * loop saw may have been heard by run_hear_keeper() in the same round.
 */
static int on_keeper(struct loop_io *io, uint32_t events)
{
	struct run *r = io->owner;
	int e;

	(void)events;
	if (!keeper_spoke(r, 0))
		return 0;
	e = ipc_recv(r->keeper_fd, &r->msg, IPC_BODY_MAX);
	if (e == 0)
		e = serve(r, &r->msg);
	else if (e == -EPIPE) {
		keeper_gone(r);
		return 0;
	}
	if (e < 0)
		run_fail(r, "bawnd does not make sense: %s", strerror(-e));
	return 0;
}

void run_hear_keeper(struct run *r, int ms)
{
	for (; r->phase != RUN_ENDING && !r->keeper_gone; ms = 0) {
		if (!keeper_spoke(r, ms))
			return;
		(void)on_keeper(&r->keeper_io, POLLIN); /* is 0 */
	}
}

/* It greets at once, unless it is stopped or has no descriptor for us. */
static int on_no_greeting(struct loop_timer *t)
{
	struct run *r = t->owner;

	loop_io_remove(r->loop, &r->keeper_io);
	r->keeper_gone = true;
	run_fail_here(r, "bawnd does not answer; see bawnd.log in the state "
			 "directory");
	run_check_over(r);
	return 0;
}

int run_watch_keeper(struct run *r)
{
	int e;

	loop_timer_clear(r->loop, &r->greet_timer);
	r->greet_timer = (struct loop_timer){ .run = on_no_greeting,
					      .owner = r,
					      .patient = true };
	e = r->greeted ? 0
		       : loop_timer_set(r->loop, &r->greet_timer,
					loop_now_ns(r->loop) +
						GREET_MS * NS_PER_MS);
	if (e != 0)
		return e;
	r->keeper_io = (struct loop_io){ .fd = r->keeper_fd,
					 .events = EPOLLIN,
					 .run = on_keeper,
					 .owner = r };
	return loop_io_add(r->loop, &r->keeper_io);
}

void run_record(struct run *r)
{
	/*
	 * A keeper that cannot be written to is one that is gone: its end of
	 * file ends the session.
	 */
	if (!r->out.failed && !r->keeper_gone)
		(void)!ipc_send(r->keeper_fd, MSG_EVENT, 0, buf_str(&r->out),
				NULL, 0);
}
