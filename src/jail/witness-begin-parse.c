/* SPDX-License-Identifier: Apache-2.0 */
#include "jail/witness-begin-parse.h"

#include "base/json.h"
#include "jail/plan-text.h"
#include "jail/witness.h"

#define FDS_ALWAYS 3u

size_t witness_begin_fds(const struct witness_begin *b)
{
	return FDS_ALWAYS + b->cache +
	       (b->audit == PLAN_AUDIT_EXACT ? OPENERS : 0);
}

/* 0; 1 = it is not there; -EPROTO, -ENOMEM. */
static int read_text(struct arena *a, const struct json *j, const char *key,
		     size_t size, const char **ret)
{
	const struct json *m = json_find(j, key);

	if (!m)
		return 1;
	if (m->type != JSON_STRING || m->string.len >= size ||
	    memchr(m->string.ptr, '\0', m->string.len))
		return -EPROTO;
	*ret = arena_cstr(a, m->string);
	return *ret ? 0 : -ENOMEM;
}

/* 0; 1 = it is not there; -EPROTO, -ENOMEM. */
static int read_path(struct arena *a, const struct json *j, const char *key,
		     const char **ret)
{
	int r = read_text(a, j, key, WITNESS_PATH_MAX, ret);

	return r == 0 && (*ret)[0] == '\0' ? -EPROTO : r;
}

static int read_audit(const struct json *j, enum plan_audit *ret)
{
	const struct json *m = json_find(j, "audit");

	for (size_t i = 0; m && i < plan_n_audits; i++) {
		if (m->type == JSON_STRING &&
		    str_eq(m->string, str_of(plan_audits[i]))) {
			*ret = (enum plan_audit)i;
			return 0;
		}
	}
	return -EPROTO;
}

static int read_command(struct arena *a, const struct json *j,
			struct call_command *ret)
{
	int r = read_path(a, j, "cwd", &ret->cwd);

	if (r == 0 && ret->cwd[0] != '/')
		return -EPROTO;
	if (r == 0)
		r = read_text(a, j, "argv", WITNESS_WORDS_MAX, &ret->argv);
	if (r != 0)
		return r == 1 ? -EPROTO : r;
	r = read_path(a, j, "path", &ret->path);
	return r == 1 ? 0 : r;
}

int witness_begin_parse(struct arena *a, struct str body,
			struct witness_begin *ret)
{
	struct witness_begin b = { .audit = PLAN_AUDIT_OFF };
	const struct json *cache;
	struct json *j = NULL;
	int r = json_parse(a, body, &j, NULL);

	if (r == 0 && !json_is(j, JSON_OBJECT))
		r = -EPROTO;
	if (r == 0)
		r = read_audit(j, &b.audit);
	if (r == 0)
		r = read_command(a, j, &b.command);
	if (r != 0)
		return r < 0 ? r : -EPROTO;
	cache = json_find(j, "cache");
	if (cache && !json_is(cache, JSON_BOOL))
		return -EPROTO;
	b.cache = json_find_bool(j, "cache", false);
	*ret = b;
	return 0;
}

void witness_begin_format(struct buf *b, const struct witness_begin *begin)
{
	struct json_out w = JSON_OUT(b);

	json_open(&w, '{');
	json_kstr(&w, "audit", str_of(plan_audits[begin->audit]));
	json_kstr(&w, "cwd", str_of(begin->command.cwd));
	json_kstr(&w, "argv", str_of(begin->command.argv));
	if (begin->command.path)
		json_kstr(&w, "path", str_of(begin->command.path));
	json_kbool(&w, "cache", begin->cache);
	json_close(&w, '}');
}
