/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The record is of kind sink.test, has the number 0 and is on no ledger.  It
 * goes the way that all go, but for confinement and cursor.
 */
#include "cmd/export-test.h"

#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>

#include "base/build-id.h"
#include "base/clock.h"
#include "base/fd.h"
#include "cmd/cmd.h"
#include "export/post.h"
#include "export/secret.h"
#include "export/sinks-files.h"
#include "export/tls-out.h"

#define LIMIT_NS (UINT64_C(20) * NS_PER_S)
#define ROOM     ((size_t)64 * 1024)

static int fail(const char *name, const char *why)
{
	char safe[400];

	str_sanitise(str_of(why), safe, sizeof(safe));
	(void)fprintf(stderr, "bawn ledger: sink %s: %s\n", name, safe);
	return BAWN_EXIT_TROUBLE;
}

static int make_event(struct arena *a, const struct event_origin *from,
		      struct event *ret)
{
	struct json_out w;
	struct buf b;
	int r;

	buf_init(&b, ROOM);
	w = JSON_OUT(&b);
	json_open(&w, '{');
	json_kint(&w, "v", 1);
	json_kint(&w, "seq", 0);
	json_kuint(&w, "at", clock_utc_ns());
	json_kstr(&w, "session", STR(""));
	json_kstr(&w, "user", from->user);
	json_kstr(&w, "task", STR(""));
	json_kstr(&w, "kind", STR("sink.test"));
	json_kstr(&w, "verdict", STR("none"));
	json_kstr(&w, "trust", STR("kernel"));
	json_kint(&w, "count", 1);
	json_kstr(&w, "prev", STR(""));
	json_close(&w, '}');
	r = b.failed ? -ENOMEM
		     : event_read(a, arena_str(a, buf_str(&b)), from, ret);
	buf_done(&b);
	return r;
}

static int try_post(const struct sink *s, struct str body)
{
	AUTO(post) struct post *p = NULL;
	struct answer a = { .why = "" };
	uint32_t after_s;
	struct diag d = { 0 };
	struct buf token;
	int r = secret_load(&s->token, &token, &d);

	if (r == 0)
		r = post_new(s, buf_str(&token), &p);
	if (r == 0)
		post_send(p, body, 1, NULL, NULL, &a, &after_s);
	secret_done(&token);
	if (r != 0)
		return fail(s->name, r < 0 ? strerror(-r) : d.text);
	if (a.verdict != ANSWER_TAKEN || a.n_rejected > 0 || a.n_unnamed > 0)
		return fail(s->name, a.why[0] ? a.why : "no answer");
	return BAWN_EXIT_OK;
}

static int try_syslog(const struct sink *s, struct str body)
{
	AUTO(tls_out) struct tls_out *t = NULL;
	uint64_t limit = clock_mono_ns() + LIMIT_NS;
	struct diag d = { 0 };
	int r = tls_out_open(s, limit, &t, &d);

	if (r == 0)
		r = tls_out_send(t, body, limit, &d);
	if (r == 0)
		r = tls_out_end(t, limit, &d);
	if (r < 0)
		return fail(s->name, strerror(-r));
	return r == 0 ? BAWN_EXIT_OK
		      : fail(s->name, d.text[0] ? d.text : "no answer in time");
}

static int try_sink(const struct sink *s, const struct event_origin *from)
{
	const struct frame_config c = { .type = s->frame,
					.form = s->form,
					.index = str_of(s->index),
					.source = str_of(s->source),
					.from = from,
					.max_bytes = s->max_bytes,
					.max_events = 1 };
	AUTO(arena) struct arena a = ARENA_NULL;
	AUTO(frame) struct frame *f = NULL;
	struct event e;
	struct str body;
	int r;

	arena_init(&a, EVENT_ARENA);
	r = make_event(&a, from, &e);
	if (r == 0)
		r = frame_new(&c, &f);
	if (r == 0)
		r = frame_add(f, &e, clock_utc_ns());
	if (r == 0)
		r = frame_finish(f, &body);
	if (r != 0)
		return fail(s->name, strerror(r < 0 ? -r : EINVAL));
	if (s->type == SINK_SYSLOG)
		return try_syslog(s, body);
	if (s->type == SINK_FILE)
		return fail(s->name, "a file needs no test");
	return try_post(s, body);
}

int export_test(int argc, char *const argv[])
{
	AUTO(arena) struct arena a = ARENA_NULL;
	struct sinks_file files[SINKS_FILES];
	struct event_origin from = { .version = STR(BAWN_VERSION) };
	const struct passwd *pw = getpwuid(getuid());
	char host[256] = "", name[SINKS_FULL_NAME];

	if (argc != 2)
		return BAWN_EXIT_USAGE;
	(void)gethostname(host, sizeof(host) - 1); /* then it has no name */
	from.host = str_of(host);
	from.user = pw ? str_of(pw->pw_name) : STR("?");
	arena_init(&a, SINKS_FILES * SINKS_ARENA);
	if (sinks_load(&a, getenv("HOME"), files) != 0)
		return fail(argv[1], strerror(ENOMEM));
	for (size_t f = 0; f < SINKS_FILES; f++) {
		for (size_t i = 0; i < files[f].sinks.n; i++) {
			const struct sink *s = &files[f].sinks.v[i];

			sink_full_name(&files[f], s, name);
			if (strcmp(s->name, argv[1]) == 0 ||
			    strcmp(name, argv[1]) == 0)
				return try_sink(s, &from);
		}
	}
	return fail(argv[1], "there is none of that name");
}
