/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RFC 5424:  <PRI>1 TIMESTAMP HOST bawn SESSION KIND [bawn@32473 ...] BOM MSG
 *
 * PRI has facility 13, log audit.  The number behind "bawn@" is the one that
 * RFC 5612 gives to examples: this project has none of its own.  PROCID is the
 * session, MSGID the kind, both cut to what the RFC allows.
 */
#include "export/encode.h"
#include "export/kinds.h"

#define FACILITY   13u
#define HOST_MAX   255u
#define PROCID_MAX 128u
#define MSGID_MAX  32u
#define SD_ID      "bawn@32473"

/* PRINTUSASCII; anything else becomes "?", nothing becomes "-". */
static void put_token(struct buf *b, struct str s, size_t max)
{
	(void)buf_addc(b, ' ');
	if (s.len == 0)
		(void)buf_addc(b, '-');
	for (size_t i = 0; i < s.len && i < max; i++)
		(void)buf_addc(b, s.ptr[i] > ' ' && s.ptr[i] < 0x7f ? s.ptr[i]
								    : '?');
}

static void put_param(struct buf *b, const char *name, struct str value)
{
	static const char hex[] = "0123456789abcdef";

	if (value.len == 0)
		return;
	(void)buf_printf(b, " %s=\"", name);
	for (size_t i = 0; i < value.len; i++) {
		char c = value.ptr[i];

		if ((unsigned char)c < 0x20 || c == 0x7f) {
			(void)buf_add(b, STR("\\\\x"));
			(void)buf_addc(b, hex[((unsigned char)c) >> 4]);
			(void)buf_addc(b, hex[((unsigned char)c) & 15]);
			continue;
		}
		if (c == '"' || c == '\\' || c == ']')
			(void)buf_addc(b, '\\');
		(void)buf_addc(b, c);
	}
	(void)buf_addc(b, '"');
}

static void put_data(const struct event *e, struct buf *b)
{
	static const char *const members[] = {
		"seq",        "session",   "user",     "task",
		"kind",       "verdict",   "trust",    "count",
		"rule.layer", "rule.file", "rule.line"
	};
	char tmp[EVENT_TEXT];

	(void)buf_add(b, STR(" [" SD_ID));
	for (size_t i = 0; i < N_ELEMS(members); i++) {
		const struct json *j = json_find(e->fields, members[i]);

		if (j)
			put_param(b, members[i], event_text(j, tmp));
	}
	(void)buf_addc(b, ']');
}

void encode_syslog(const struct event *e, struct str msg, bool counted,
		   struct buf *b)
{
	struct buf line;
	char at[32];

	event_time(e, at);
	buf_init(&line, b->max);
	(void)buf_printf(&line, "<%u>1 %s",
			 FACILITY * 8u + export_levels[e->row->level].syslog,
			 at);
	put_token(&line, e->from->host, HOST_MAX);
	(void)buf_add(&line, STR(" bawn"));
	put_token(&line, e->head.session, PROCID_MAX);
	put_token(&line, e->kind, MSGID_MAX);
	put_data(e, &line);
	(void)buf_add(&line, STR(" \xef\xbb\xbf"));
	(void)buf_add(&line, msg);
	if (line.failed)
		b->failed = true;
	else if (counted)
		(void)buf_printf(b, "%zu ", line.len);
	(void)buf_add(b, buf_str(&line));
	buf_done(&line);
}
