/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/run-env.h"

#include "base/path.h"
#include "base/wall.h"

struct env {
	const char **v;
	size_t n;
};

static bool is_name_byte(char c, bool first)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' ||
	       (!first && c >= '0' && c <= '9');
}

/* Length of the name before "="; 0: no name, no "=". */
static size_t name_len(struct str s)
{
	size_t n = 0;

	while (n < s.len && is_name_byte(s.ptr[n], n == 0))
		n++;
	return n < s.len && s.ptr[n] == '=' ? n : 0;
}

bool run_env_is_valid(struct str assignment)
{
	return name_len(assignment) > 0;
}

/* 1: full. */
static int put(struct env *e, const char *assignment)
{
	size_t len = name_len(str_of(assignment));

	if (len == 0)
		return 0;
	for (size_t i = 0; i < e->n; i++) {
		if (strncmp(e->v[i], assignment, len + 1) == 0) {
			e->v[i] = assignment;
			return 0;
		}
	}
	if (e->n == PLAN_MAX_ENV)
		return 1;
	e->v[e->n++] = assignment;
	return 0;
}

/* @patterns: with a space between. */
static bool fits_one(struct str patterns, struct str name)
{
	struct str pattern;

	while (str_cut(&patterns, ' ', &pattern)) {
		if (glob_match(pattern, name))
			return true;
	}
	return false;
}

static bool passes(const struct plan *p, struct str name)
{
	bool passed = !WALL(ENVIRONMENT);

	for (size_t i = 0; i < p->n_env_pass && !passed; i++)
		passed = glob_match(str_of(p->env_pass[i]), name);
	for (size_t i = 0; i < p->n_env_only && passed; i++)
		passed = fits_one(str_of(p->env_only[i]), name);
	return passed;
}

int run_env_build(struct arena *a, const struct plan *p, char *const environ_[],
		  const char *const set[], size_t n_set, const char ***ret,
		  size_t *ret_n)
{
	struct env e = { 0 };
	int r = 0;

	e.v = arena_array(a, PLAN_MAX_ENV + 1, sizeof(*e.v));
	if (!e.v)
		return -ENOMEM;
	for (size_t i = 0; environ_[i] && r == 0; i++) {
		struct str s = str_of(environ_[i]);
		size_t len = name_len(s);

		if (len > 0 && passes(p, (struct str){ s.ptr, len }))
			r = put(&e, environ_[i]);
	}
	for (size_t i = 0; i < p->n_env_set && r == 0; i++)
		r = put(&e, p->env_set[i]);
	for (size_t i = 0; i < n_set && r == 0; i++)
		r = put(&e, set[i]);
	if (r != 0)
		return r;
	*ret = e.v;
	*ret_n = e.n;
	return 0;
}
