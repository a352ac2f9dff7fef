/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"
#include "base/path.h"
#include "keeper/facts.h"

static bool is_plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || (c != '\0' && strchr("_-./:=@%+,", c));
}

static void quote(struct buf *b, struct str s)
{
	bool plain = s.len > 0;

	for (size_t i = 0; i < s.len; i++)
		plain = plain && is_plain(s.ptr[i]);
	if (plain) {
		(void)buf_add(b, s);
		return;
	}
	(void)buf_addc(b, '\'');
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] == '\'')
			(void)buf_add(b, STR("'\\''"));
		else
			(void)buf_addc(b, s.ptr[i]);
	}
	(void)buf_addc(b, '\'');
}

static struct str join_argv(struct arena *a, const struct json *argv)
{
	AUTO(buf) struct buf b = BUF_NULL;
	size_t n = 0;

	/* Quoting may make four bytes of one. */
	buf_init(&b, 64 * FACTS_ARGV_MAX);
	JSON_EACH(k, argv)
	{
		if (k->type != JSON_STRING)
			continue;
		if (n++ > 0)
			(void)buf_addc(&b, ' ');
		quote(&b, k->string);
	}

	struct str s = buf_str(&b);

	if (s.len > FACTS_ARGV_MAX)
		s.len = FACTS_ARGV_MAX;
	return arena_str(a, s);
}

/* A member that is absent, or a string without NUL.  False: neither. */
static bool text(struct arena *a, const struct json *o, const char *key,
		 const char **ret)
{
	const struct json *k = json_find(o, key);

	*ret = NULL;
	if (!k || k->type == JSON_NULL)
		return true;
	if (k->type != JSON_STRING)
		return false;
	*ret = arena_cstr(a, k->string);
	return *ret != NULL;
}

int facts_parse(struct arena *a, struct str body, struct facts *ret,
		struct diag *reterr)
{
	struct facts f = { 0 };
	struct json *j = NULL;
	struct str home;
	int r = json_parse(a, body, &j, reterr);

	if (r != 0)
		return r;
	f.env = json_find(j, "env");
	if (!text(a, j, "build", &f.build) || !text(a, j, "cwd", &f.cwd) ||
	    !text(a, j, "profile", &f.profile) ||
	    !text(a, j, "policy", &f.policy) || !text(a, j, "task", &f.task) ||
	    (f.env && f.env->type != JSON_OBJECT)) {
		diag_set(reterr, 0, 0, "the request is malformed");
		return 1;
	}
	if (!f.cwd || f.cwd[0] != '/') {
		diag_set(reterr, 0, 0, "the working directory is not known");
		return 1;
	}
	f.tty = json_find_bool(j, "tty", false);
	f.plan_only = json_find_bool(j, "plan_only", false);
	f.argv = join_argv(a, json_find(j, "argv"));
	home = path_normalise(a, STR("/"), facts_env(&f, "HOME"));
	if (home.len < 2) {
		diag_set(reterr, 0, 0, "HOME is not set; set it and try again");
		return 1;
	}
	f.home = home.ptr;
	*ret = f;
	return a->failed ? -ENOMEM : 0;
}

struct str facts_env(const struct facts *f, const char *name)
{
	return json_find_str(f->env, name);
}
