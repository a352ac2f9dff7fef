/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h1-say: what our reader makes of messages, for a test that asks another reader
 * the same.  Standard input: a line "request LENGTH" or "response LENGTH", then so
 * many bytes, again and again.  Standard output: a JSON line for each, null when
 * it is refused or not whole.
 */
#include <stdio.h>

#include "base/json.h"
#include "http/h1-chunks-parse.h"
#include "http/h1-frame.h"

#define MESSAGE_MAX (256u * 1024u)

struct message {
	struct h1_head head;
	struct h1_frame frame;
	struct buf body;
	size_t rest; /* bytes that are not of it */
};

static bool read_head(struct message *m, bool response, struct str head)
{
	if (response)
		return h1_response_parse(head, &m->head) == 0 &&
		       h1_response_frame(&m->head, STR("GET"), &m->frame) == 0;
	return h1_request_parse(head, &m->head) == 0 &&
	       h1_request_frame(&m->head, &m->frame) == 0;
}

static bool read_chunks(struct message *m, struct str s)
{
	struct h1_chunks c = { .state = H1_CHUNK_SIZE };
	struct h1_piece_seen p;

	do {
		if (!h1_chunks_next(&c, &s, &p))
			return false;
		if (p.what == H1_PIECE_DATA && !buf_add(&m->body, p.data))
			return false;
	} while (p.what == H1_PIECE_DATA || p.what == H1_PIECE_TRAILER);
	m->rest = s.len;
	return p.what == H1_PIECE_DONE;
}

static bool read_body(struct message *m, struct str s)
{
	size_t n = 0;

	if (m->frame.body == H1_BODY_CHUNKED)
		return read_chunks(m, s);
	if (m->frame.body == H1_BODY_TO_END)
		n = s.len;
	else if (m->frame.body == H1_BODY_LENGTH)
		n = (size_t)m->frame.length;
	if (n > s.len || !buf_add(&m->body, (struct str){ s.ptr, n }))
		return false;
	m->rest = s.len - n;
	return true;
}

/* Latin-1, as the other reader has it. */
static void put(struct json_out *w, const char *key, struct str s)
{
	AUTO(buf) struct buf b = BUF_NULL;

	buf_init(&b, (size_t)2 * MESSAGE_MAX);
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];

		if (c >= 0x80u)
			(void)buf_addc(&b, (char)(0xc0u | c >> 6));
		(void)buf_addc(&b, (char)(c < 0x80u ? c : 0x80u | (c & 0x3fu)));
	}
	if (key)
		json_kstr(w, key, buf_str(&b));
	else
		json_str(w, buf_str(&b));
}

static void say(const struct message *m, bool response)
{
	AUTO(buf) struct buf b = BUF_NULL;
	struct json_out w = JSON_OUT(&b);

	buf_init(&b, (size_t)16 * MESSAGE_MAX);
	json_open(&w, '{');
	if (response) {
		json_kuint(&w, "status", m->head.status);
		put(&w, "reason", m->head.reason);
	} else {
		put(&w, "method", m->head.method);
		put(&w, "target", m->head.target);
	}
	json_key(&w, "fields");
	json_open(&w, '[');
	for (size_t i = 0; i < m->head.n_fields; i++) {
		put(&w, NULL, m->head.fields[i].name);
		put(&w, NULL, m->head.fields[i].value);
	}
	json_close(&w, ']');
	put(&w, "body", buf_str(&m->body));
	json_kbool(&w, "upgrade", m->frame.upgrade);
	json_kuint(&w, "rest", m->rest);
	json_close(&w, '}');
	(void)printf("%.*s\n", (int)b.len, buf_cstr(&b));
}

/* "request 12\n"; false: the end, or something else. */
static bool read_line(bool *ret_response, uint32_t *ret_len)
{
	char line[64];
	struct str s, kind;

	if (!fgets(line, sizeof(line), stdin))
		return false;
	s = str_trim((struct str){ line, strcspn(line, "\n") });
	if (!str_cut(&s, ' ', &kind))
		return false;
	*ret_response = str_eq(kind, STR("response"));
	return str_u32(s, 0, MESSAGE_MAX, ret_len);
}

int main(void)
{
	static char text[MESSAGE_MAX];
	static struct message m;
	bool response;
	uint32_t len;

	while (read_line(&response, &len) &&
	       fread(text, 1, len, stdin) == len) {
		struct str s = { text, len };
		size_t n = h1_head_length(s, 0);

		buf_init(&m.body, MESSAGE_MAX);
		m.rest = 0;
		if (n > 0 && read_head(&m, response, (struct str){ text, n }) &&
		    read_body(&m, str_skip(s, n)))
			say(&m, response);
		else
			(void)puts("null");
		buf_done(&m.body);
	}
	return 0;
}
