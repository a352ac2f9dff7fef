/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Laws, for any line that is a record: each form that is JSON parses; CEF and
 * syslog hold no control character; the length before a syslog message is the
 * message's; a protobuf body can be walked to its very end; what was taken into
 * a frame stays below its limit.
 */
#include "export/frame.h"

#define BODY_MAX ((size_t)1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void law(bool holds)
{
	if (!holds)
		abort();
}

static void check_json(struct str s)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	struct json *j = NULL;

	arena_init(&a, (size_t)64 << 20);
	law(json_parse(&a, s, &j, NULL) == 0);
}

static bool take_varint(struct str *s, uint64_t *ret)
{
	*ret = 0;
	for (unsigned i = 0; i < 10 && s->len > 0; i++) {
		unsigned char c = (unsigned char)s->ptr[0];

		*s = str_skip(*s, 1);
		*ret |= (uint64_t)(c & 0x7fu) << (7 * i);
		if (c < 0x80u)
			return true;
	}
	return false;
}

/* Every field ends where it says. */
static void check_proto(struct str s)
{
	while (s.len > 0) {
		uint64_t tag, n;

		law(take_varint(&s, &tag));
		if ((tag & 7u) == 0) {
			law(take_varint(&s, &n));
			continue;
		}
		n = 8;
		if ((tag & 7u) == 2)
			law(take_varint(&s, &n));
		else
			law((tag & 7u) == 1);
		law(n <= s.len);
		s = str_skip(s, (size_t)n);
	}
}

static void check_text(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		law((unsigned char)s.ptr[i] >= 0x20 && s.ptr[i] != 0x7f);
}

static void check_syslog(struct str s)
{
	struct str len;
	uint32_t n = 0;

	law(str_cut(&s, ' ', &len) && str_u32(len, 1, UINT32_MAX, &n));
	law(s.len == n && str_starts(s, STR("<")));
	check_text(s);
}

static void check_frame(const struct event *e, enum frame_type t,
			enum export_form form)
{
	struct frame_config c = { .type = t,
				  .form = form,
				  .from = e->from,
				  .max_bytes = BODY_MAX,
				  .max_events = 10 };
	AUTO(frame) struct frame *f = NULL;
	struct str body;
	int r;

	law(frame_new(&c, &f) == 0);
	r = frame_add(f, e, UINT64_MAX);
	law(r == 0 || r == FRAME_TOO_LARGE);
	if (r == 0)
		r = frame_add(f, e, 0);
	law(r == 0 || r == FRAME_FULL || r == FRAME_TOO_LARGE);
	law(frame_finish(f, &body) == 0);
	if (t == FRAME_OTLP_JSON || t == FRAME_DATADOG)
		check_json(body);
	if (t == FRAME_OTLP_PROTO)
		check_proto(body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct event_origin from = { STR("h"), STR("v"),
						  STR("u") };
	struct str in = { (const char *)data, size };
	AUTO(arena) struct arena a = ARENA_NULL;
	struct event e;

	arena_init(&a, (size_t)16 << 20);
	if (size > RECORD_MAX_BYTES || event_read(&a, in, &from, &e) != 0)
		return 0;
	for (unsigned f = 1; f < FORM_MAX_; f++) {
		AUTO(buf) struct buf b = BUF_NULL;
		AUTO(buf) struct buf line = BUF_NULL;

		buf_init(&b, BODY_MAX);
		buf_init(&line, BODY_MAX);
		export_forms[f].encode(&e, &b);
		law(!b.failed);
		if (export_forms[f].is_json)
			check_json(buf_str(&b));
		check_text(buf_str(&b));
		encode_syslog(&e, buf_str(&b), true, &line);
		law(!line.failed);
		check_syslog(buf_str(&line));
	}
	for (unsigned t = 1; t < FRAME_TYPE_MAX_; t++)
		check_frame(&e, (enum frame_type)t,
			    (enum export_form)(1 + t % (FORM_MAX_ - 1)));
	return 0;
}
