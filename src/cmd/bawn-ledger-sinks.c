/* SPDX-License-Identifier: Apache-2.0 */
/* bawn ledger sinks: are the texts right, how far is each, does one work? */
#include <fcntl.h>
#include <inttypes.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/json.h"
#include "cmd/bawn-ledger.h"
#include "export/cursor.h"
#include "export/feed.h"
#include "export/sinks-files.h"
#include "ledger/reader.h"

#define ROOM ((size_t)64 * 1024)

static void print_bad(const struct sinks_file *f)
{
	if (f->why.line > 0)
		ledger_error("%s:%u:%u: %s", f->path, f->why.line,
			     f->why.column, f->why.text);
	else
		ledger_error("%s: %s", f->path, f->why.text);
}

/* ---- check ---- */

static int check_one(const struct sinks_file *f)
{
	char where[512], safe[600];

	if (f->bad) {
		print_bad(f);
		return BAWN_EXIT_REFUSED;
	}
	if (!f->there)
		return BAWN_EXIT_OK;
	printf("%s: %zu sink%s\n", f->path, f->sinks.n,
	       f->sinks.n == 1 ? "" : "s");
	for (size_t i = 0; i < f->sinks.n; i++) {
		const struct sink *s = &f->sinks.v[i];

		str_sanitise(str_of(sink_where(s, where, sizeof(where))), safe,
			     sizeof(safe));
		printf("  %s-%s: %s to %s%s%s\n", f->layer, s->name,
		       sink_type_name(s->type), safe, s->filter ? ", " : "",
		       s->filter ? "filtered" : "");
	}
	return BAWN_EXIT_OK;
}

static int check_files(struct arena *a, char *const argv[], int argc)
{
	int worst = BAWN_EXIT_OK;

	for (int i = 0; i < argc; i++) {
		struct sinks_file f = { .layer = "user", .path = argv[i] };

		if (sinks_load_one(a, &f) != 0)
			return BAWN_EXIT_TROUBLE;
		if (!f.there) {
			ledger_error("%s: no such file", f.path);
			worst = BAWN_EXIT_TROUBLE;
		} else if (check_one(&f) != BAWN_EXIT_OK) {
			worst = BAWN_EXIT_REFUSED;
		}
	}
	return worst;
}

static int check(const struct sinks_file files[SINKS_FILES])
{
	int worst = BAWN_EXIT_OK;
	bool any = false;

	for (size_t i = 0; i < SINKS_FILES; i++) {
		any = any || files[i].there;
		if (check_one(&files[i]) != BAWN_EXIT_OK)
			worst = BAWN_EXIT_REFUSED;
	}
	if (!any)
		printf("no sinks: neither %s nor %s is there\n", files[0].path,
		       files[1].path ? files[1].path : "~/" SINKS_USER_FILE);
	return worst;
}

/* ---- status ---- */

struct state {
	int fd;        /* of STATE/sinks; -1: not there yet */
	uint64_t last; /* record of the ledger */
	bool json;
};

static int open_state(struct arena *a, struct state *ret)
{
	static const struct event_origin nobody = { STR(""), STR(""), STR("") };
	AUTO(feed) struct feed *f = NULL;
	const char *ledger = reader_default_dir(a);
	const char *dir;
	int r;

	if (!ledger) {
		ledger_error("neither HOME nor BAWN_STATE_DIR is set");
		return BAWN_EXIT_TROUBLE;
	}
	r = feed_open(&f, ledger, NULL, &nobody);
	if (r == 0)
		r = feed_last(f, &ret->last);
	dir = arena_printf(a, "%s/../sinks", ledger);
	if ((r != 0 && r != -ENOENT) || !dir) {
		ledger_error("%s: %s", ledger, strerror(-r));
		return BAWN_EXIT_TROUBLE;
	}
	ret->fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return BAWN_EXIT_OK;
}

static const struct json *load_status(struct arena *a, int dirfd,
				      const char *name)
{
	AUTO(buf) struct buf b = BUF_NULL;
	char file[96];
	struct json *j = NULL;

	buf_init(&b, ROOM);
	(void)snprintf(file, sizeof(file), "%s.status", name);
	if (dirfd == -1 || file_load(dirfd, file, &b) != 0 ||
	    json_parse(a, arena_str(a, buf_str(&b)), &j, NULL) != 0)
		return NULL;
	return j;
}

static void show_one(const struct state *st, const char *name,
		     const struct sink *s)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	AUTO(buf) struct buf b = BUF_NULL;
	struct json_out w = JSON_OUT(&b);
	struct cursor c = { .seq = 0 };
	const struct json *j;
	char state[32], why[300];
	uint64_t behind;

	arena_init(&a, ROOM * 16);
	buf_init(&b, ROOM);
	j = load_status(&a, st->fd, name);
	if (st->fd != -1)
		(void)!cursor_load(st->fd, name, &c); /* 0 then */
	behind = st->last > c.seq ? st->last - c.seq : 0;
	str_sanitise(j ? json_find_str(j, "state") : STR("never ran"), state,
		     sizeof(state));
	str_sanitise(json_find_str(j, "why"), why, sizeof(why));
	if (!st->json) {
		printf("%-24s %-8s at %" PRIu64 ", %" PRIu64
		       " behind, %s%s%s\n",
		       name, sink_type_name(s->type), c.seq, behind, state,
		       why[0] ? ": " : "", why);
		return;
	}
	json_open(&w, '{');
	json_kstr(&w, "sink", str_of(name));
	json_kstr(&w, "type", str_of(sink_type_name(s->type)));
	json_kuint(&w, "seq", c.seq);
	json_kuint(&w, "behind", behind);
	json_kstr(&w, "state", str_of(state));
	json_kstr(&w, "why", str_of(why));
	json_kint(&w, "sent", json_find_int(j, "sent", 0));
	json_kint(&w, "rejected", json_find_int(j, "rejected", 0));
	json_close(&w, '}');
	printf("%.*s\n", STR_ARG(buf_str(&b)));
}

static int status(struct arena *a, const struct sinks_file files[SINKS_FILES],
		  bool json)
{
	struct state st = { .fd = -1, .json = json };
	int r = open_state(a, &st);

	for (size_t f = 0; r == 0 && f < SINKS_FILES; f++) {
		if (files[f].bad)
			print_bad(&files[f]);
		for (size_t i = 0; i < files[f].sinks.n; i++) {
			char name[SINKS_FULL_NAME];

			sink_full_name(&files[f], &files[f].sinks.v[i], name);
			show_one(&st, name, &files[f].sinks.v[i]);
		}
	}
	auto_fd(&st.fd);
	return r;
}

/* ---- */

static int test(const char *name)
{
	char path[4096], program[] = "bawn-export", verb[] = "test";
	char copy[128];
	char *argv[] = { program, verb, copy, NULL };

	(void)snprintf(copy, sizeof(copy), "%s", name);
	if (!cmd_libexec("bawn-export", path, sizeof(path))) {
		ledger_error("bawn-export is not installed");
		return BAWN_EXIT_TROUBLE;
	}
	(void)execv(path, argv);
	ledger_error("%s: %s", path, strerror(errno));
	return BAWN_EXIT_TROUBLE;
}

int verb_sinks(const struct verb *v, int argc, char *const argv[])
{
	AUTO(arena) struct arena a = ARENA_NULL;
	struct sinks_file *files;
	struct sinks_opts o = { .json = false };
	int first = 0;
	int r = verb_parse_into(v, argc, argv, &o, &first);
	const char *what;

	if (r >= 0)
		return r;
	what = argv[first++];
	if (strcmp(what, "test") == 0 && argc == first + 1)
		return test(argv[first]);
	arena_init(&a, (SINKS_FILES + (size_t)argc) * SINKS_ARENA);
	if (strcmp(what, "check") == 0 && argc > first)
		return check_files(&a, argv + first, argc - first);
	files = arena_array(&a, SINKS_FILES, sizeof(files[0]));
	if (!files || sinks_load(&a, getenv("HOME"), files) != 0)
		return BAWN_EXIT_TROUBLE;
	if (strcmp(what, "check") == 0)
		return check(files);
	if (strcmp(what, "status") == 0 && argc == first)
		return status(&a, files, o.json);
	ledger_error("usage: bawn ledger %s", v->synopsis);
	return BAWN_EXIT_USAGE;
}
