/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bawn-show: the story of one session.  `bawn show` executes it: a program of
 * its own, so that `bawn`, which is on the path of every start, stays small.
 * It reads the ledger, by its index, and asks no daemon.
 */
#include "cmd/bawn-show.h"

#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/ioctl.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/json.h"
#include "cmd/indexed.h"
#include "cmd/session-name.h"
#include "ledger/story-view.h"

#define OUT_MAX          ((size_t)256 * 1024 * 1024)
#define HELP_MAX         ((size_t)16 * 1024)
#define NAME_ARENA       ((size_t)1024 * 1024)
#define CHECKPOINT_BYTES ((size_t)16 * 1024) /* with cosignatures */
#define WIDTH_MAX        240u
#define WIDTH_FILE       100u /* where there is no terminal */

void cmd_error(const char *fmt, ...)
{
	char text[1000], safe[1200];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	str_sanitise(str_of(text), safe, sizeof(safe));
	(void)fprintf(stderr, "bawn: %s\n", safe);
}

static int help(void)
{
	AUTO(buf) struct buf b = BUF_NULL;

	buf_init(&b, HELP_MAX);
	(void)buf_printf(&b, "usage: bawn %s\n\n%s\n\n", SHOW_SYNOPSIS,
			 SHOW_HELP);
	options_help(show_options, SHOW_N_OPTIONS, &b);
	(void)fwrite(buf_str(&b).ptr, 1, b.len, stdout);
	return fflush(stdout) == 0 ? BAWN_EXIT_OK : BAWN_EXIT_TROUBLE;
}

struct arguments {
	struct show_opts opts;
	const char *words[2]; /* SESSION, FILE */
	int n;
};

/* Options may stand before, between and behind.  -1, or the exit code. */
static int parse(int argc, char *const argv[], struct arguments *ret)
{
	struct diag why = { 0 };
	int at = 0;

	if (argc > 1 &&
	    (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0))
		return help();
	for (;;) {
		int next = 0;

		if (!options_parse(show_options, SHOW_N_OPTIONS, argc - at,
				   argv + at, &ret->opts, &next, &why)) {
			cmd_error("%s; see 'bawn help show'", why.text);
			return BAWN_EXIT_USAGE;
		}
		at += next;
		if (at >= argc || ret->n == 2)
			break;
		ret->words[ret->n++] = argv[at];
	}
	if (at < argc || ret->n < 1 || (ret->n > 1 && !ret->opts.html) ||
	    (ret->opts.html && ret->opts.json)) {
		cmd_error("usage: bawn %s", SHOW_SYNOPSIS);
		return BAWN_EXIT_USAGE;
	}
	return -1;
}

/* 0 or -errno. */
static int gather(struct indexed *x, struct reader *r, struct str id,
		  struct story *s)
{
	AUTO(query) struct query *q = NULL;
	AUTO(find) struct find *f = NULL;
	char text[128];
	int e;

	/* An id is letters and digits, at most 64: it needs no quotes. */
	(void)snprintf(text, sizeof(text), "session = \"%.*s\"",
		       id.len < 80 ? (int)id.len : 80, id.ptr);
	e = query_parse(str_of(text), &q, NULL);
	if (e == 0)
		e = indexed_find(x, r, q, false, &f);
	while (e == 0) {
		struct str line;

		e = find_next(f, &line);
		if (e == FIND_UNREADABLE)
			e = 0;
		else if (e == 0 && session_has(line, id))
			e = story_add(s, line);
	}
	return e == FIND_END ? 0 : e < 0 ? e : -EINVAL;
}

/*
 * As session_open(), but a beginning of an id is looked up in the index where
 * it is there; "@" is near the end of the ledger, and so quickly found.
 */
static int find_session(struct arena *a, const char *name, struct indexed *x,
			struct reader **ret, struct str *ret_id)
{
	AUTO(reader) struct reader *r = NULL;
	const char *dir = reader_default_dir(a);
	int e;

	if (!dir || strcmp(name, "@") == 0 || reader_open(&r, dir) != 0)
		return session_open(a, name, ret, ret_id);
	e = indexed_open(x, a, dir, r, INDEX_LAG);
	if (e == 0 && x->index)
		e = index_find_session(x->index, str_of(name), a, ret_id);
	if (e != 0 || !x->index) /* not there, or there twice: it says so */
		return session_open(a, name, ret, ret_id);
	*ret = TAKE(r);
	return -1;
}

static unsigned terminal_width(void)
{
	struct winsize w = { 0 };

	if (!isatty(STDOUT_FILENO) ||
	    ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == -1 || w.ws_col == 0)
		return WIDTH_FILE;
	return w.ws_col < STORY_WIDTH_MIN ? STORY_WIDTH_MIN
	       : w.ws_col > WIDTH_MAX     ? WIDTH_MAX
					  : w.ws_col;
}

static bool wants_colour(void)
{
	const char *none = getenv("NO_COLOR");
	const char *term = getenv("TERM");

	return isatty(STDOUT_FILENO) && !(none && none[0]) && term && term[0] &&
	       strcmp(term, "dumb") != 0;
}

/* Whole or not at all. */
static int save(const char *path, struct str text)
{
	int r = file_save(AT_FDCWD, path, text, 0600, false);

	if (r == 0)
		return BAWN_EXIT_OK;
	cmd_error("cannot write %s: %s%s", path, strerror(-r),
		  error_advice(-r));
	return BAWN_EXIT_TROUBLE;
}

static int print(struct str text)
{
	if (fwrite(text.ptr, 1, text.len, stdout) == text.len &&
	    fflush(stdout) == 0)
		return BAWN_EXIT_OK;
	cmd_error("cannot write: %s", strerror(errno));
	return BAWN_EXIT_TROUBLE;
}

/* The newest checkpoint; none is no failure: verify tells of that. */
static void load_checkpoint(struct buf *b)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	const char *dir, *path;

	buf_init(b, CHECKPOINT_BYTES);
	arena_init(&a, NAME_ARENA);
	dir = reader_default_dir(&a);
	path = dir ? arena_printf(&a, "%s/checkpoint", dir) : NULL;
	if (!path || file_load(AT_FDCWD, path, b) != 0)
		buf_clear(b);
}

static int tell(const struct arguments *a, const struct story *s)
{
	AUTO(buf) struct buf checkpoint = BUF_NULL;
	struct story_view view = {
		.now_ns = clock_utc_ns(),
		.width = terminal_width(),
		.all = a->opts.all,
		.colour = wants_colour(),
	};
	AUTO(buf) struct buf b = BUF_NULL;

	load_checkpoint(&checkpoint);
	view.checkpoint = buf_str(&checkpoint);
	buf_init(&b, OUT_MAX);
	if (a->opts.json)
		story_json(s, &view, &b);
	else if (a->opts.html)
		story_html(s, &view, &b);
	else
		story_text(s, &view, &b);
	if (b.failed) {
		cmd_error("the story is too long, or memory is short");
		return BAWN_EXIT_TROUBLE;
	}
	return a->n > 1 ? save(a->words[1], buf_str(&b)) : print(buf_str(&b));
}

int main(int argc, char **argv)
{
	const struct sigaction by_default = { .sa_handler = SIG_DFL };
	AUTO(story) struct story s = { 0 };
	AUTO(arena) struct arena a = ARENA_NULL;
	AUTO(reader) struct reader *r = NULL;
	struct indexed x = { .say = cmd_error,
			     .progress = isatty(STDERR_FILENO) };
	struct arguments args = { 0 };
	struct str id = { 0 };
	int e;

	/* A closed pipe ends us quietly, whoever started us. */
	(void)sigaction(SIGPIPE, &by_default, NULL);
	e = parse(argc, argv, &args);
	if (e >= 0)
		return e;
	arena_init(&a, NAME_ARENA);
	e = find_session(&a, args.words[0], &x, &r, &id);
	if (e >= 0)
		return e;
	e = story_init(&s, id);
	if (e == 0 && !x.path) /* of "@" */
		e = indexed_open(&x, &a, reader_default_dir(&a), r, INDEX_LAG);
	if (e == 0)
		e = gather(&x, r, id, &s);
	indexed_done(&x);
	if (e < 0) {
		cmd_error("cannot read the ledger: %s", strerror(-e));
		return BAWN_EXIT_TROUBLE;
	}
	return tell(&args, &s);
}
