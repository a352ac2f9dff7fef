/* SPDX-License-Identifier: Apache-2.0 */
#include "export/cursor.h"

#include <stdio.h>

#include "base/fd.h"
#include "base/json.h"

#define FILE_NAME_MAX 96u
#define CONTENT_MAX   ((size_t)4096)

static void file_name(char dst[FILE_NAME_MAX], const char *name,
		      const char *what)
{
	(void)snprintf(dst, FILE_NAME_MAX, "%s.%s", name, what);
}

int cursor_load(int dirfd, const char *name, struct cursor *ret)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	AUTO(buf) struct buf b = BUF_NULL;
	char file[FILE_NAME_MAX];
	struct json *j = NULL;
	int64_t seq, at;
	int r;

	file_name(file, name, "cursor");
	buf_init(&b, CONTENT_MAX);
	arena_init(&a, CONTENT_MAX * 16u);
	r = file_load(dirfd, file, &b);
	if (r == -ENOENT)
		return 1;
	if (r == -EFBIG)
		return 2;
	if (r != 0)
		return r;
	if (json_parse(&a, str_trim(buf_str(&b)), &j, NULL) != 0 ||
	    json_find_int(j, "v", 0) != 1)
		return 2;
	seq = json_find_int(j, "seq", -1);
	at = json_find_int(j, "at", -1);
	if (seq < 0 || at < 0)
		return 2;
	*ret = (struct cursor){ .seq = (uint64_t)seq, .at = (uint64_t)at };
	return 0;
}

static int save(int dirfd, const char *name, const char *what, struct buf *b,
		bool durable)
{
	char file[FILE_NAME_MAX];

	file_name(file, name, what);
	(void)buf_addc(b, '\n');
	return b->failed ? -ENOMEM
			 : file_save(dirfd, file, buf_str(b), 0600, durable);
}

int cursor_save(int dirfd, const char *name, const struct cursor *c)
{
	AUTO(buf) struct buf b = BUF_NULL;
	struct json_out w = JSON_OUT(&b);

	buf_init(&b, CONTENT_MAX);
	json_open(&w, '{');
	json_kint(&w, "v", 1);
	json_kuint(&w, "seq", c->seq);
	json_kuint(&w, "at", c->at);
	json_close(&w, '}');
	return save(dirfd, name, "cursor", &b, true);
}

int sink_status_save(int dirfd, const char *name, const struct sink_status *s)
{
	AUTO(buf) struct buf b = BUF_NULL;
	struct json_out w = JSON_OUT(&b);

	buf_init(&b, CONTENT_MAX);
	json_open(&w, '{');
	json_kint(&w, "v", 1);
	json_kuint(&w, "at", s->at);
	json_kstr(&w, "state", str_of(s->state));
	json_kstr(&w, "why", str_of(s->why));
	json_kuint(&w, "sent", s->sent);
	json_kuint(&w, "rejected", s->rejected);
	json_close(&w, '}');
	return save(dirfd, name, "status", &b, false);
}
