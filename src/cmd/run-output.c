/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the jail's terminal showed, as records (audit.output): in pieces that a
 * record has room for, whatever has to be escaped, and not cut within a
 * character, as long as it is UTF-8.  The end of one that is not there yet waits
 * for the rest of it.
 */
#include "cmd/run-output.h"
#include "base/clock.h"
#include "base/json.h"
#include "ledger/record.h"

#define PIECE ((size_t)4096) /* bytes; as escapes six times as much */

static void record(struct run *r, struct str text)
{
	struct json_out w = JSON_OUT(&r->out);
	uint64_t ns = clock_mono_ns() - r->started_ns;

	buf_clear(&r->out);
	record_begin(&w, RECORD_SESSION_OUTPUT, "none", RECORD_KERNEL, NULL, 1);
	json_kstr(&w, "text", text);
	json_kuint(&w, "bytes", text.len);
	json_kuint(&w, "ms", ns / NS_PER_MS);
	if (!r->shown) {
		json_kuint(&w, "cols", r->tty.cols);
		json_kuint(&w, "rows", r->tty.rows);
	}
	record_end(&w);
	run_record(r);
	r->shown = true;
}

/* How many bytes at the end of @s are the beginning of a character. */
static size_t unfinished(struct str s)
{
	for (size_t n = 1; n <= 3 && n <= s.len; n++) {
		unsigned char c = (unsigned char)s.ptr[s.len - n];

		if (c < 0x80)
			return 0;
		if (c >= 0xc0)
			return n < (c >= 0xf0   ? 4u
				    : c >= 0xe0 ? 3u
						: 2u)
				       ? n
				       : 0;
	}
	return 0;
}

static void take(struct run *r, bool all)
{
	while (r->output.len > 0) {
		struct str s = buf_str(&r->output);
		size_t later;

		if (s.len > PIECE)
			s.len = PIECE;
		later = all && s.len == r->output.len ? 0 : unfinished(s);
		s.len -= later;
		if (s.len == 0)
			return;
		record(r, s);
		buf_consume(&r->output, s.len);
	}
	buf_clear(&r->output);
}

void run_output(void *owner, struct str bytes)
{
	struct run *r = owner;

	while (bytes.len > 0) {
		struct str piece = bytes;

		if (piece.len > PIECE)
			piece.len = PIECE;
		(void)buf_add(&r->output, piece);
		bytes = str_skip(bytes, piece.len);
		take(r, false);
	}
}

void run_output_end(struct run *r)
{
	if (!r->plan.output || !r->pty)
		return;
	pty_drain(r->pty, r->signal_fd);
	take(r, true);
}
