/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CEF:0|bawn|bawn|VERSION|KIND|TITLE|SEVERITY|key=value ...
 *
 * In the header "|" and "\" are escaped, in a value "=" and "\"; a line end is
 * \n or \r in a value, and cannot be in the header.  Other control characters
 * are written as \\xNN, an escaped backslash and three characters, since the
 * format has no word for them.  Members without a key of the format are one
 * JSON object in cs6.
 */
#include "export/encode.h"
#include "export/kinds.h"

static void put_control(struct buf *b, char c)
{
	static const char hex[] = "0123456789abcdef";

	(void)buf_add(b, STR("\\\\x"));
	(void)buf_addc(b, hex[((unsigned char)c) >> 4]);
	(void)buf_addc(b, hex[((unsigned char)c) & 15]);
}

static bool is_control(char c)
{
	return (unsigned char)c < 0x20 || c == 0x7f;
}

static void put_header(struct buf *b, struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] == '|' || s.ptr[i] == '\\')
			(void)buf_addc(b, '\\');
		if (is_control(s.ptr[i]))
			put_control(b, s.ptr[i]);
		else
			(void)buf_addc(b, s.ptr[i]);
	}
}

static void put_value(struct buf *b, struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];

		if (c == '\n' || c == '\r') {
			(void)buf_addc(b, '\\');
			c = c == '\n' ? 'n' : 'r';
		} else if (c == '=' || c == '\\') {
			(void)buf_addc(b, '\\');
		} else if (is_control(c)) {
			put_control(b, c);
			continue;
		}
		(void)buf_addc(b, c);
	}
}

static void put(struct buf *b, const char *key, struct str value)
{
	if (value.len == 0)
		return;
	(void)buf_printf(b, " %s=", key);
	put_value(b, value);
}

static void put_labelled(struct buf *b, const char *key, const char *label,
			 struct str value)
{
	if (value.len == 0)
		return;
	put(b, key, value);
	(void)buf_printf(b, " %sLabel=%s", key, label);
}

/* What has no key here. */
static void put_rest(const struct event *e, struct buf *b)
{
	struct buf rest;
	struct json_out w = JSON_OUT(&rest);
	size_t n = 0;

	buf_init(&rest, b->max);
	json_open(&w, '{');
	EVENT_EACH(it, e)
	{
		const struct export_member *m = export_member_find(it->key);

		if (m && m->cef)
			continue;
		json_key_str(&w, it->key);
		event_value(&w, it);
		n++;
	}
	json_close(&w, '}');
	if (rest.failed)
		b->failed = true;
	else if (n > 0)
		put_labelled(b, "cs6", "members", buf_str(&rest));
	buf_done(&rest);
}

static void put_rule(const struct event *e, struct buf *b)
{
	struct str file = json_find_str(e->fields, "rule.file");
	struct buf rule;

	if (file.len == 0)
		return;
	buf_init(&rule, b->max);
	(void)buf_add(&rule, json_find_str(e->fields, "rule.layer"));
	(void)buf_addc(&rule, ' ');
	(void)buf_add(&rule, file);
	(void)buf_printf(&rule, ":%lld",
			 (long long)json_find_int(e->fields, "rule.line", 0));
	if (rule.failed)
		b->failed = true;
	else
		put_labelled(b, "cs3", "rule", buf_str(&rule));
	buf_done(&rule);
}

void encode_cef(const struct event *e, struct buf *b)
{
	char tmp[EVENT_TEXT];

	(void)buf_add(b, STR("CEF:0|bawn|bawn|"));
	put_header(b, e->from->version);
	(void)buf_addc(b, '|');
	put_header(b, e->kind);
	(void)buf_addc(b, '|');
	put_header(b, str_of(e->row->title));
	(void)buf_printf(b, "|%u|rt=%llu", export_levels[e->row->level].cef,
			 (unsigned long long)(e->head.at / 1000000u));
	(void)buf_printf(b, " externalId=%llu cnt=%llu",
			 (unsigned long long)e->head.seq,
			 (unsigned long long)e->head.count);
	put(b, "dvchost", e->from->host);
	put(b, "suser", e->user);
	put(b, "act", e->head.verdict);
	put_labelled(b, "cs1", "session", e->head.session);
	put_labelled(b, "cs2", "task", e->task);
	put_rule(e, b);
	put_labelled(b, "cs4", "trust", e->head.trust);
	EVENT_EACH(it, e)
	{
		const struct export_member *m = export_member_find(it->key);

		if (m && m->cef)
			put(b, m->cef, event_text(it, tmp));
	}
	put_rest(e, b);
}
