/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bawn logs: the records of one session, for people or, with --json, as they
 * are.  With -f until the session's closing record has come.
 */
#include "base/clock.h"
#include "cmd/cmd.h"
#include "cmd/replay.h"
#include "cmd/session-name.h"
#include "ledger/record.h"
#include "ledger/tell.h"

#define LINE_ARENA ((size_t)1024 * 1024)

/* -1: go on; else the exit code: the session is over. */
static int show_line(const struct list_opts *o, struct replay *play,
		     struct str line)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	AUTO(buf) struct buf b = BUF_NULL;
	struct record rec;

	arena_init(&a, LINE_ARENA);
	if (record_read(&a, line, &rec) != 0)
		return -1; /* of a later version, or torn: verify tells */
	buf_init(&b, RECORD_MAX_BYTES + TELL_LINE_MAX);
	if (o->replay && !replay_record(play, &rec))
		return BAWN_EXIT_TROUBLE;
	if (o->replay)
		return rec.head.kind == RECORD_SESSION_CLOSE ? BAWN_EXIT_OK
							     : -1;
	if (o->json) {
		(void)buf_add(&b, line);
		(void)buf_addc(&b, '\n');
	} else {
		struct tell t = { .now_ns = clock_utc_ns() };

		tell_record(&t, &rec, &b);
	}
	if (fwrite(buf_str(&b).ptr, 1, b.len, stdout) != b.len)
		return BAWN_EXIT_TROUBLE;
	return rec.head.kind == RECORD_SESSION_CLOSE ? BAWN_EXIT_OK : -1;
}

static int show_all(const struct list_opts *o, struct reader *r,
		    struct replay *play, struct str id)
{
	struct reader_line l;

	for (;;) {
		int e = reader_next(r, &l);
		int code = -1;

		if (e == READER_END && !o->follow)
			return BAWN_EXIT_OK;
		if (e == READER_END) {
			if (fflush(stdout) == EOF)
				return BAWN_EXIT_TROUBLE;
			e = reader_wait(r, -1);
			if (e == 0 || e == -EINTR)
				continue;
		}
		if (e < 0) {
			cmd_error("cannot read the ledger: %s", strerror(-e));
			return BAWN_EXIT_TROUBLE;
		}
		if (e == 0 && session_has(l.text, id))
			code = show_line(o, play, l.text);
		if (code >= 0)
			return code;
	}
}

/* Opens the ledger at the session that the one argument names. */
static int session_parse(const struct command *c, int argc, char *const argv[],
			 void *opts, struct arena *a, struct reader **ret,
			 struct str *ret_id)
{
	const char *name = NULL;
	int n = 0;
	int e = cmd_parse(c, argc, argv, opts, &name, 1, &n);

	if (e >= 0)
		return e;
	if (n != 1) {
		cmd_error("usage: bawn %s", c->synopsis);
		return BAWN_EXIT_USAGE;
	}
	return session_open(a, name, ret, ret_id);
}

int cmd_logs(const struct command *c, int argc, char *const argv[])
{
	AUTO(arena) struct arena a = ARENA_NULL;
	AUTO(reader) struct reader *r = NULL;
	struct list_opts o = { 0 };
	struct replay play = { 0 };
	struct str id = { 0 };
	int e;

	arena_init(&a, LINE_ARENA);
	e = session_parse(c, argc, argv, &o, &a, &r, &id);
	if (e >= 0)
		return e;
	play.cast = o.raw || !isatty(STDOUT_FILENO);
	e = show_all(&o, r, &play, id);
	if (o.replay && e == BAWN_EXIT_OK && !play.begun) {
		cmd_error("nothing that its terminal showed is on the ledger; "
			  "audit: {output: true} in the policy records it");
		return BAWN_EXIT_REFUSED;
	}
	return e;
}
