/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bawn ledger erase, rotate-key: what changes a ledger.
 *
 * The ledger has one writer.  While bawnd runs that is its scribe, which is
 * asked; else it is this process, which holds the lock meanwhile.  A daemon may
 * come or go between the two looks, so they are tried in turn for a while.
 */
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>

#include "base/fd.h"
#include "base/json.h"
#include "cmd/bawn-ledger.h"
#include "cmd/client.h"
#include "cmd/indexed.h"
#include "ipc/protocol.h"
#include "ledger/note.h"
#include "ledger/query.h"
#include "ledger/reader.h"
#include "ledger/store.h"

#define TRIES        10u
#define LOCK_WAIT_MS 500u /* for a scribe that is ending, each time */
#define BODY_MAX     ((size_t)4096)
#define ANSWER_MAX   ((size_t)64 * 1024)

/* One of the two, with the means to it. */
struct change {
	const struct verb *verb;
	uint32_t type;
	struct store_erase what;
	/* The result. */
	uint64_t n;
	char vkey[NOTE_VKEY_SIZE];
};

/* ---- by the daemon ---- */

static int read_answer(struct change *c, const struct ipc_msg *m)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	struct json *o = NULL;
	struct str vkey;

	if (m->type != MSG_OK)
		return client_refused(m);
	arena_init(&a, ANSWER_MAX);
	if (json_parse(&a, buf_str(&m->body), &o, NULL) != 0) {
		ledger_error("bawnd's answer makes no sense");
		return BAWN_EXIT_TROUBLE;
	}
	vkey = json_find_str(o, "vkey");
	c->n = (uint64_t)json_find_int(o, "n", 0);
	if (vkey.len < sizeof(c->vkey))
		(void)snprintf(c->vkey, sizeof(c->vkey), "%.*s", STR_ARG(vkey));
	return 0;
}

/* 0, an exit code, or -1: no daemon runs. */
static int by_daemon(struct change *c)
{
	AUTO(ipc_msg) struct ipc_msg m = { 0 };
	AUTO(buf) struct buf b = BUF_NULL;
	struct json_out w = JSON_OUT(&b);
	AUTO(fd) int fd = -1;
	struct str body;
	int r = client_connect(false, &fd);

	if (r != 0)
		return r == CLIENT_NONE ? -1 : BAWN_EXIT_TROUBLE;
	buf_init(&b, BODY_MAX);
	json_open(&w, '{');
	json_kstr(&w, "why", c->what.by.why);
	if (c->what.session.len > 0)
		json_kstr(&w, "session", c->what.session);
	if (c->what.before > 0)
		json_kuint(&w, "before", c->what.before);
	json_close(&w, '}');
	if (b.failed)
		return BAWN_EXIT_TROUBLE;
	body = buf_str(&b);
	body = (struct str){ body.ptr + 1, body.len - 2 }; /* its members */
	ipc_msg_init(&m);
	if (client_ask_long(fd, c->type, body, &m) != 0)
		return BAWN_EXIT_TROUBLE;
	return read_answer(c, &m);
}

/* ---- by ourselves ---- */

static int change_store(struct change *c, struct store *s)
{
	AUTO(buf) struct buf b = BUF_NULL;
	struct note_key k;
	int r;

	if (c->type == MSG_ERASE) {
		r = store_erase(s, &c->what, &c->n);
		if (r != 0)
			ledger_error("not all was erased: %s; bawnd goes on "
				     "with it when it starts",
				     strerror(-r));
		return r;
	}
	r = store_change_key(s, &c->what.by, &k);
	if (r != 0) {
		ledger_error("the key could not be changed: %s; the next start "
			     "goes on with it",
			     strerror(-r));
		return r;
	}
	buf_init(&b, sizeof(c->vkey) - 1);
	note_vkey_add(&b, &k);
	(void)snprintf(c->vkey, sizeof(c->vkey), "%.*s", STR_ARG(buf_str(&b)));
	return 0;
}

/* 0, an exit code, or -1: somebody else writes it. */
static int by_us(struct change *c, const char *dir)
{
	const struct store_options o = { .lock_wait_ms = LOCK_WAIT_MS };
	AUTO(store) struct store *s = NULL;
	int r = store_open(&s, dir, &o, NULL);

	if (r == -EBUSY)
		return -1;
	if (r != 0) {
		ledger_error("%s: %s%s", dir, strerror(-r), error_advice(r));
		return BAWN_EXIT_TROUBLE;
	}
	return change_store(c, s) == 0 ? 0 : BAWN_EXIT_TROUBLE;
}

static int make_change(struct change *c, const char *dir)
{
	if (access(dir, F_OK) == -1) {
		ledger_error("no ledger in %s yet; the first 'bawn run' makes "
			     "it",
			     dir);
		return BAWN_EXIT_TROUBLE;
	}
	for (unsigned i = 0; i < TRIES; i++) {
		int r = by_daemon(c);

		if (r < 0)
			r = by_us(c, dir);
		if (r >= 0)
			return r;
	}
	ledger_error("a bawnd that is ending, or of another build, is writing "
		     "it: again when it is gone (bawn ps)");
	return BAWN_EXIT_TROUBLE;
}

/* ---- verbs ---- */

/* As bawnd names the user of its records. */
static struct str user_name(struct arena *a)
{
	const struct passwd *pw = getpwuid(getuid());
	const char *name =
		pw && pw->pw_name[0]
			? arena_cstr(a, str_of(pw->pw_name))
			: arena_printf(a, "uid-%u", (unsigned)getuid());

	return name && strlen(name) <= STORE_USER_MAX ? str_of(name)
						      : (struct str){ "", 0 };
}

static int set_by(struct arena *a, const struct verb_opts *o,
		  struct store_by *ret)
{
	*ret = (struct store_by){ .user = user_name(a),
				  .why = (struct str){ "", 0 } };
	if (o->why)
		ret->why = str_of(o->why);
	if (ret->why.len <= STORE_WHY_MAX)
		return 0;
	ledger_error("--why: at most %u bytes", STORE_WHY_MAX);
	return BAWN_EXIT_USAGE;
}

int verb_rotate_key(const struct verb *v, int argc, char *const argv[])
{
	AUTO(arena) struct arena a = ARENA_NULL;
	struct change c = { .type = MSG_ROTATE_KEY };
	struct verb_opts o = { 0 };
	const char *dir;
	int r = verb_begin(v, argc, argv, &a, &o, &dir);

	if (r >= 0)
		return r;
	r = set_by(&a, &o, &c.what.by);
	if (r == 0)
		r = make_change(&c, dir);
	if (r != 0)
		return r;
	printf("%s\n", c.vkey);
	return fflush(stdout) == 0 ? BAWN_EXIT_OK : BAWN_EXIT_TROUBLE;
}

static int parse_erase(struct arena *a, const char *dir,
		       const struct verb_opts *o, struct store_erase *ret)
{
	AUTO(reader) struct reader *rd = NULL;
	int64_t before = 0;
	int r;

	if (!o->session && !o->before) {
		ledger_error("erase what? --session S or --before DATE");
		return BAWN_EXIT_USAGE;
	}
	if (o->before &&
	    (!query_time(str_of(o->before), &before) || before <= 0)) {
		ledger_error("--before: no date as 2026-11-20 or "
			     "2026-11-20T20:21:22Z");
		return BAWN_EXIT_USAGE;
	}
	ret->before = (uint64_t)before;
	if (!o->session)
		return 0;
	r = reader_open(&rd, dir);
	if (r == 0)
		r = reader_find_session(rd, str_of(o->session), a,
					&ret->session);
	if (r == 0)
		return 0;
	ledger_error("--session: %s", r == 1   ? "no such session"
				      : r == 2 ? "that fits more than one"
					       : strerror(-r));
	return BAWN_EXIT_TROUBLE;
}

/* The index may hold terms of what is erased: it looks, or goes. */
static void clean_index(struct arena *a, const char *dir)
{
	struct indexed x = { .say = ledger_error, .progress = true };
	AUTO(reader) struct reader *rd = NULL;
	const char *path = index_path(a, dir);
	int r;

	if (!path || access(path, F_OK) == -1)
		return;
	if (reader_open(&rd, dir) == 0 &&
	    indexed_open(&x, a, dir, rd, INDEX_LAG) == 0 && x.index) {
		indexed_done(&x);
		return;
	}
	indexed_done(&x);
	r = index_remove(path);
	if (r != 0)
		ledger_error("%s: %s; remove it", path, strerror(-r));
}

int verb_erase(const struct verb *v, int argc, char *const argv[])
{
	AUTO(arena) struct arena a = ARENA_NULL;
	struct change c = { .type = MSG_ERASE };
	struct verb_opts o = { 0 };
	const char *dir;
	int r = verb_begin(v, argc, argv, &a, &o, &dir);

	if (r >= 0)
		return r;
	r = parse_erase(&a, dir, &o, &c.what);
	if (r == 0)
		r = set_by(&a, &o, &c.what.by);
	if (r == 0)
		r = make_change(&c, dir);
	if (r != 0)
		return r;
	clean_index(&a, dir);
	printf("%" PRIu64 " payloads erased; their records stay%s\n", c.n,
	       c.n > 0 ? ", and one more says so" : "");
	return fflush(stdout) == 0 ? BAWN_EXIT_OK : BAWN_EXIT_TROUBLE;
}
