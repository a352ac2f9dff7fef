/* SPDX-License-Identifier: Apache-2.0 */
/* The supervisor's side of the channel to the relay. */
#include "base/json.h"
#include "base/wall.h"
#include "cmd/run.h"
#include "ipc/protocol.h"

#define MESSAGE_MAX ((size_t)64 * 1024)
#define KEEPER_MS   20
#define SCRIBE_MS   500 /* the keeper hears later than we that it died */

static struct notices *notices_of(struct run *r)
{
	if (!r->notices)
		r->notices = calloc(1, sizeof(*r->notices));
	return r->notices;
}

static void on_notice(struct run *r, const struct json *j)
{
	int64_t count = json_find_int(j, "count", 1);
	char text[480];

	if (r->opts.no_hints || !notice_format_net(j, text, sizeof(text)))
		return;
	if (!notices_of(r))
		return; /* it is on the ledger all the same */
	if (!notices_add(r->notices, text, count > 0 ? (uint64_t)count : 1))
		return;
	/* Not over what the program draws: later, when it is gone. */
	if (!r->tty.stream[2]) {
		notices_told(r->notices);
		cmd_error("%s", text);
	}
}

static int serve(struct run *r, struct ipc_msg *m)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	struct json *j = NULL;

	arena_init(&a, 8 * MESSAGE_MAX);
	if (m->type == MSG_READY) {
		r->needs &= ~(unsigned)RUN_NEED_RELAY;
		return run_try_go(r);
	}
	if (json_parse(&a, buf_str(&m->body), &j, NULL) != 0)
		return -EPROTO;
	if (m->type == MSG_NOTICE) {
		on_notice(r, j);
		return 0;
	}
	if (m->type == MSG_STATS) {
		r->use.bytes_in = (uint64_t)json_find_int(j, "bytes_in", 0);
		r->use.bytes_out = (uint64_t)json_find_int(j, "bytes_out", 0);
		return 0;
	}
	return -EPROTO;
}

static int on_relay(struct loop_io *io, uint32_t events)
{
	struct run *r = io->owner;
	int e = ipc_recv(r->relay_fd, &r->msg, MESSAGE_MAX);

	(void)events;
	if (e == -EAGAIN)
		return 0;
	if (e == 0)
		e = serve(r, &r->msg);
	if (e == 0)
		return 0;
	loop_io_remove(r->loop, &r->relay_io);
	if (!WALL(RELAY_DEATH))
		return 0;
	/* It dies with keeper or scribe, and the keeper says why. */
	if (e == -EPIPE)
		run_hear_keeper(r, r->needs & RUN_NEED_LEDGER ? SCRIBE_MS
							      : KEEPER_MS);
	if (r->phase == RUN_ENDING)
		return 0; /* the keeper ends it: its last word was said */
	/* What refuses the relay its walls refuses the jail, and has a remedy. */
	if (e == -EPIPE && r->phase == RUN_RUNNING)
		run_fail(r, "the relay died; session ended");
	else if (e == -EPIPE)
		run_fail_here(r, "the relay could not start; see bawnd.log in "
				 "the state directory, and the limits of "
				 "processes and descriptors (ulimit -u, -n)");
	else
		run_fail(r, "the relay does not make sense (%s); session ended",
			 strerror(-e));
	return 0;
}

int run_watch_relay(struct run *r)
{
	r->relay_io = (struct loop_io){ .fd = r->relay_fd,
					.events = EPOLLIN,
					.run = on_relay,
					.owner = r };
	return loop_io_add(r->loop, &r->relay_io);
}
