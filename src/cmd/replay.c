/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/replay.h"

#include <inttypes.h>
#include <time.h>

#include "base/clock.h"
#include "base/json.h"

static bool put(struct str s)
{
	return fwrite(s.ptr, 1, s.len, stdout) == s.len;
}

static uint64_t uint_of(const struct record *rec, const char *key, uint64_t or)
{
	int64_t v = json_find_int(rec->fields, key, -1);

	return v < 0 ? or : (uint64_t)v;
}

/* {"version":2,"width","height","timestamp"} */
static bool put_header(const struct record *rec)
{
	AUTO(buf) struct buf b = BUF_NULL;
	struct json_out w = JSON_OUT(&b);

	buf_init(&b, 1024);
	json_open(&w, '{');
	json_kuint(&w, "version", 2);
	json_kuint(&w, "width", uint_of(rec, "cols", 80));
	json_kuint(&w, "height", uint_of(rec, "rows", 24));
	json_kuint(&w, "timestamp", rec->head.at / NS_PER_S);
	json_close(&w, '}');
	(void)buf_addc(&b, '\n');
	return !b.failed && put(buf_str(&b));
}

/* [seconds, "o", text] */
static bool put_event(uint64_t ms, struct str text)
{
	AUTO(buf) struct buf b = BUF_NULL;
	struct json_out w = JSON_OUT(&b);

	buf_init(&b, 8 * RECORD_MAX_BYTES);
	(void)buf_printf(&b, "[%" PRIu64 ".%03" PRIu64 ",\"o\",", ms / 1000,
			 ms % 1000);
	json_str(&w, text);
	(void)buf_add(&b, STR("]\n"));
	return !b.failed && put(buf_str(&b));
}

static void pause_for(uint64_t ms)
{
	struct timespec t;

	if (ms > REPLAY_PAUSE_MS)
		ms = REPLAY_PAUSE_MS;
	t = (struct timespec){ .tv_sec = (time_t)(ms / 1000),
			       .tv_nsec = (long)(ms % 1000 * NS_PER_MS) };
	(void)nanosleep(&t, NULL); /* a signal: the sooner */
}

bool replay_record(struct replay *r, const struct record *rec)
{
	struct str text = json_find_str(rec->fields, "text");
	uint64_t ms = uint_of(rec, "ms", r->ms);
	bool ok = true;

	if (rec->head.kind != RECORD_SESSION_OUTPUT)
		return true;
	if (r->cast) {
		if (!r->begun)
			ok = put_header(rec);
		ok = ok && put_event(ms, text);
	} else {
		if (r->begun && ms > r->ms)
			pause_for(ms - r->ms);
		ok = put(text) && fflush(stdout) != EOF;
	}
	r->begun = true;
	r->ms = ms;
	return ok;
}
