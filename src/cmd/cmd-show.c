/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bawn show: one session, from its records: what it was, under which policy
 * and behind which walls it ran, how it ended, what it used, and how often
 * each thing was granted and refused.
 */
#include "base/clock.h"
#include "base/json.h"
#include "cmd/cmd.h"
#include "cmd/session-name.h"
#include "ledger/record.h"

#define LINE_ARENA  ((size_t)1024 * 1024)
#define SHOW_MAX    ((size_t)1024 * 1024)
#define LATER_SHOWN 100u /* the urgent ones come first */

struct summary {
	struct arena arena;               /* of the three records */
	struct record open, start, close; /* .fields NULL: not there */
	uint64_t counts[RECORD_KIND_MAX_];
	struct record later[LATER_SHOWN];
	size_t n_later;
};

static int take_line(struct summary *s, struct str line)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	struct record rec;
	struct record *keep = NULL;

	arena_init(&a, LINE_ARENA);
	if (record_read(&a, line, &rec) != 0)
		return 0;
	if (rec.head.kind < RECORD_KIND_MAX_)
		s->counts[rec.head.kind] += rec.head.count;
	if (rec.head.kind == RECORD_SESSION_OPEN)
		keep = &s->open;
	else if (rec.head.kind == RECORD_SESSION_START)
		keep = &s->start;
	else if (rec.head.kind == RECORD_SESSION_CLOSE)
		keep = &s->close;
	else if (rec.head.kind == RECORD_FILE_LATER && s->n_later < LATER_SHOWN)
		keep = &s->later[s->n_later++];
	if (!keep || keep->fields)
		return 0;
	return record_read(&s->arena, arena_str(&s->arena, line), keep);
}

static int gather(struct reader *r, struct str id, struct summary *s)
{
	struct reader_line l;

	for (;;) {
		int e = reader_next(r, &l);

		if (e == READER_END)
			return 0;
		if (e == 0 && session_has(l.text, id))
			e = take_line(s, l.text);
		if (e < 0)
			return e;
	}
}

/* ---- for people ---- */

static void line_of(const char *name, struct str value)
{
	char text[512];

	if (value.len == 0)
		return;
	str_sanitise(value, text, sizeof(text));
	printf("%-10s %s\n", name, text);
}

static void field(const char *name, const struct record *rec, const char *key)
{
	line_of(name, json_find_str(rec->fields, key));
}

static void time_of(const char *name, const struct record *rec)
{
	char text[40];

	if (!rec->fields)
		return;
	clock_format_utc(rec->head.at, text, sizeof(text));
	printf("%-10s %s\n", name, text);
}

static void print_layers(const struct record *start)
{
	bool any = false;

	if (!start->fields)
		return;
	JSON_EACH (f, start->fields) {
		char name[64];

		if (!str_starts(f->key, STR("layer.")))
			continue;
		str_sanitise(str_skip(f->key, 6), name, sizeof(name));
		printf("%s%s", any ? " " : "layers     ", name);
		any = true;
		if (f->type == JSON_BOOL && !f->boolean)
			printf("=no");
		else if (f->type == JSON_INT)
			printf("=%lld", (long long)f->integer);
		else if (f->type == JSON_STRING) {
			str_sanitise(f->string, name, sizeof(name));
			printf("=%s", name);
		}
	}
	if (any)
		printf("\n");
}

static void print_end(const struct record *close)
{
	const struct json *f = close->fields;
	int64_t signal = json_find_int(f, "signal", 0);

	if (!f) {
		printf("%-10s running, or its end was not recorded\n", "state");
		return;
	}
	if (signal > 0)
		printf("%-10s killed by signal %lld\n", "state",
		       (long long)signal);
	else
		printf("%-10s exited with %lld\n", "state",
		       (long long)json_find_int(f, "code", -1));
	field("reason", close, "reason");
	printf("%-10s %.3f s wall, %.3f s user, %.3f s system, "
	       "%lld kB at most, %lld bytes in, %lld out\n",
	       "used", (double)json_find_int(f, "ms", 0) / 1e3,
	       (double)json_find_int(f, "utime_us", 0) / 1e6,
	       (double)json_find_int(f, "stime_us", 0) / 1e6,
	       (long long)json_find_int(f, "maxrss_kb", 0),
	       (long long)json_find_int(f, "bytes_in", 0),
	       (long long)json_find_int(f, "bytes_out", 0));
}

static void print_counts(const struct summary *s)
{
	for (unsigned k = 1; k < RECORD_KIND_MAX_; k++) {
		if (s->counts[k] == 0 || k == RECORD_SESSION_OPEN ||
		    k == RECORD_SESSION_START || k == RECORD_SESSION_CLOSE)
			continue;
		printf("%-16s %llu\n", record_kind_name((enum record_kind)k),
		       (unsigned long long)s->counts[k]);
	}
}

/* What the session changed of files that run later outside. */
static void print_later(const struct summary *s)
{
	uint64_t shown = 0;

	for (size_t i = 0; i < s->n_later; i++) {
		const struct json *f = s->later[i].fields;
		char what[32], path[512], detail[256], why[256];
		long long n = (long long)s->later[i].head.count;

		if (!f)
			continue; /* no room for it */
		str_sanitise(json_find_str(f, "what"), what, sizeof(what));
		str_sanitise(json_find_str(f, "path"), path, sizeof(path));
		str_sanitise(json_find_str(f, "detail"), detail,
			     sizeof(detail));
		str_sanitise(json_find_str(f, "reason"), why, sizeof(why));
		printf("%-10s %s %s", "later", what, path);
		if (json_find_bool(f, "below", false))
			printf(", %lld in it", n);
		printf("%s%s (%s)\n", detail[0] ? ": " : "", detail, why);
		shown += s->later[i].head.count;
	}
	if (shown < s->counts[RECORD_FILE_LATER])
		printf("%-10s and %llu more: bawn logs\n", "later",
		       (unsigned long long)(s->counts[RECORD_FILE_LATER] -
					    shown));
}

static void print_people(const struct summary *s, struct str id)
{
	line_of("session", id);
	field("user", &s->open, "user");
	field("task", &s->open, "task");
	field("command", &s->open, "argv");
	field("in", &s->open, "cwd");
	field("profile", &s->open, "profile");
	field("policy", &s->open, "policy");
	time_of("opened", &s->open);
	time_of("started", &s->start);
	time_of("closed", &s->close);
	print_layers(&s->start);
	print_end(&s->close);
	print_counts(s);
	print_later(s);
}

/* ---- for programs ---- */

static void member(struct json_out *w, const char *key,
		   const struct record *rec)
{
	json_key(w, key);
	if (rec->fields)
		json_value(w, rec->fields);
	else
		json_null(w);
}

static int print_json(const struct summary *s, struct str id)
{
	AUTO(buf) struct buf b = BUF_NULL;
	struct json_out w;

	buf_init(&b, SHOW_MAX);
	w = JSON_OUT(&b);
	json_open(&w, '{');
	json_kstr(&w, "session", id);
	member(&w, "open", &s->open);
	member(&w, "start", &s->start);
	member(&w, "close", &s->close);
	json_key(&w, "counts");
	json_open(&w, '{');
	for (unsigned k = 1; k < RECORD_KIND_MAX_; k++) {
		if (s->counts[k] > 0)
			json_kuint(&w, record_kind_name((enum record_kind)k),
				   s->counts[k]);
	}
	json_close(&w, '}');
	json_key(&w, "later");
	json_open(&w, '[');
	for (size_t i = 0; i < s->n_later; i++) {
		if (s->later[i].fields)
			json_value(&w, s->later[i].fields);
	}
	json_close(&w, ']');
	json_close(&w, '}');
	(void)buf_addc(&b, '\n');
	if (b.failed || fwrite(buf_str(&b).ptr, 1, b.len, stdout) != b.len)
		return BAWN_EXIT_TROUBLE;
	return BAWN_EXIT_OK;
}

static int show(struct reader *r, struct str id, bool json)
{
	struct summary s = { 0 };
	int code = BAWN_EXIT_OK;
	int e;

	arena_init(&s.arena, 4 * LINE_ARENA);
	e = gather(r, id, &s);
	if (e < 0) {
		cmd_error("cannot read the ledger: %s", strerror(-e));
		code = BAWN_EXIT_TROUBLE;
	} else if (json) {
		code = print_json(&s, id);
	} else {
		print_people(&s, id);
	}
	arena_done(&s.arena);
	return code;
}

int cmd_show(const struct command *c, int argc, char *const argv[])
{
	AUTO(arena) struct arena a = ARENA_NULL;
	AUTO(reader) struct reader *r = NULL;
	struct list_opts o = { 0 };
	struct str id = { 0 };
	int e;

	arena_init(&a, LINE_ARENA);
	e = session_parse(c, argc, argv, &o, &a, &r, &id);
	if (e >= 0)
		return e;
	return show(r, id, o.json);
}
