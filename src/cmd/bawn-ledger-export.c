/* SPDX-License-Identifier: Apache-2.0 */
/* bawn ledger export: the records once, in the form of others. */
#include <fcntl.h>
#include <poll.h>
#include <pwd.h>

#include "base/build-id.h"
#include "base/fd.h"
#include "cmd/bawn-ledger.h"
#include "export/feed.h"
#include "export/frame.h"
#include "ledger/reader.h"

#define BODY_MAX  ((size_t)1024 * 1024)
#define EVENTS    1000u
#define WAIT_MS   50 /* for a record that is too young */
#define ARENA_MAX ((size_t)64 * 1024)

struct exporting {
	struct feed *feed;
	struct frame *frame;
	int fd;
};

/* One expression of --since and what was given. */
static int make_filter(const struct export_opts *o, char *const argv[],
		       int first, int argc, struct query **ret)
{
	AUTO(buf) struct buf text = BUF_NULL;
	struct diag d = { 0 };
	int r;

	if (!o->since && first == argc)
		return 0;
	buf_init(&text, QUERY_MAX_BYTES + 1);
	if (o->since)
		(void)buf_printf(&text, "at > \"%s\"", o->since);
	for (int i = first; i < argc; i++) {
		if (i == first)
			(void)buf_add(&text,
				      o->since ? STR(" and (") : STR("("));
		(void)buf_add(&text, str_of(argv[i]));
		(void)buf_addc(&text, i + 1 < argc ? ' ' : ')');
	}
	r = text.failed ? QUERY_E_LIMIT : query_parse(buf_str(&text), ret, &d);
	if (r == 0 && query_needs_newest(*ret)) {
		diag_set(&d, 0, 0, "@ cannot stand here; name the session");
		r = QUERY_E_SYNTAX;
	}
	if (r == 0)
		return 0;
	ledger_error("export: %s", r < 0       ? strerror(-r)
				   : d.text[0] ? d.text
					       : "the expression is too long");
	return r < 0 ? BAWN_EXIT_TROUBLE : BAWN_EXIT_USAGE;
}

static int flush(struct exporting *x)
{
	struct str body;
	int r = frame_finish(x->frame, &body);

	if (r == 0)
		r = fd_write_full(x->fd, body.ptr, body.len);
	frame_clear(x->frame);
	return r;
}

static int add(struct exporting *x, const struct event *e)
{
	int r = frame_add(x->frame, e, 0);

	if (r != FRAME_FULL)
		return r > 0 ? -EFBIG : r; /* a body takes any record */
	r = flush(x);
	return r == 0 ? frame_add(x->frame, e, 0) : r;
}

static int export_all(struct exporting *x)
{
	int r = 0;

	while (r == 0) {
		struct event e;

		r = feed_next(x->feed, &e);
		if (r == 0) {
			r = add(x, &e);
		} else if (r == FEED_END && feed_is_pending(x->feed)) {
			(void)poll(NULL, 0, WAIT_MS);
			r = 0;
		}
	}
	if (r == FEED_END)
		r = flush(x);
	if (r == 0 && x->fd != STDOUT_FILENO && fsync(x->fd) == -1)
		r = neg_errno();
	return r;
}

static int open_output(const char *to)
{
	int fd = to ? open(to,
			   O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY,
			   0600)
		    : STDOUT_FILENO;

	if (fd == -1)
		ledger_error("%s: %s", to, strerror(errno));
	return fd;
}

static int run(struct exporting *x, const struct query *filter,
	       const struct frame_config *c)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	const char *dir;
	int r;

	arena_init(&a, ARENA_MAX);
	dir = reader_default_dir(&a);
	if (!dir) {
		ledger_error("neither HOME nor BAWN_STATE_DIR is set");
		return BAWN_EXIT_TROUBLE;
	}
	r = feed_open(&x->feed, dir, filter, c->from);
	if (r == 0)
		r = frame_new(c, &x->frame);
	if (r == 0)
		r = export_all(x);
	frame_free(x->frame);
	feed_free(x->feed);
	if (r == -ENOENT)
		ledger_error("no ledger in %s yet; the first 'bawn run' makes "
			     "it",
			     dir);
	else if (r < 0)
		ledger_error("export: %s", strerror(-r));
	return r == 0 ? BAWN_EXIT_OK : BAWN_EXIT_TROUBLE;
}

int verb_export(const struct verb *v, int argc, char *const argv[])
{
	AUTO(query) struct query *filter = NULL;
	const struct passwd *pw = getpwuid(getuid());
	char host[256] = "";
	struct event_origin from = { .version = STR(BAWN_VERSION) };
	struct frame_config c = { .type = FRAME_LINES,
				  .form = FORM_RECORD,
				  .from = &from,
				  .max_bytes = BODY_MAX,
				  .max_events = EVENTS };
	struct export_opts o = { .form = NULL };
	struct exporting x = { .fd = -1 };
	int first = 0;
	int r = verb_parse_into(v, argc, argv, &o, &first);

	if (r >= 0)
		return r;
	if (o.form && !export_form_find(str_of(o.form), &c.form)) {
		ledger_error("export: --form must be record, ocsf, ecs or cef");
		return BAWN_EXIT_USAGE;
	}
	r = make_filter(&o, argv, first, argc, &filter);
	if (r != 0)
		return r;
	(void)gethostname(host, sizeof(host) - 1); /* then it has no name */
	from.host = str_of(host);
	from.user = pw ? str_of(pw->pw_name) : STR("?");
	x.fd = open_output(o.to);
	if (x.fd == -1)
		return BAWN_EXIT_TROUBLE;
	r = run(&x, filter, &c);
	if (o.to)
		(void)close(x.fd);
	return r;
}
