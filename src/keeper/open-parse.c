/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One row for each member; a member without a row, of another type, too long or
 * with a NUL inside is refused.  Of -e only the names are kept: the values go
 * from the client to the command without passing through here.
 */
#include "keeper/open-parse.h"

#include "base/path.h"

#define NAMES_MAX ((size_t)4096) /* bytes of a path, argv, a variable */

static const char *const env_names[OPEN_ENV_MAX_] = {
	[OPEN_HOME] = "HOME",
	[OPEN_PATH] = "PATH",
	[OPEN_SHELL] = "SHELL",
	[OPEN_USER] = "USER",
	[OPEN_LOGNAME] = "LOGNAME",
	[OPEN_TERM] = "TERM",
	[OPEN_SSH_AUTH_SOCK] = "SSH_AUTH_SOCK",
	[OPEN_XDG_CONFIG_HOME] = "XDG_CONFIG_HOME",
	[OPEN_XDG_CACHE_HOME] = "XDG_CACHE_HOME",
	[OPEN_GOPATH] = "GOPATH",
	[OPEN_GOROOT] = "GOROOT",
	[OPEN_GOPROXY] = "GOPROXY",
	[OPEN_CARGO_HOME] = "CARGO_HOME",
	[OPEN_RUSTUP_HOME] = "RUSTUP_HOME",
	[OPEN_NVM_DIR] = "NVM_DIR",
	[OPEN_PYENV_ROOT] = "PYENV_ROOT",
	[OPEN_SDKMAN_DIR] = "SDKMAN_DIR",
	[OPEN_JAVA_HOME] = "JAVA_HOME",
	[OPEN_VIRTUAL_ENV] = "VIRTUAL_ENV",
	[OPEN_NPM_CONFIG_REGISTRY] = "NPM_CONFIG_REGISTRY",
	[OPEN_npm_config_registry] = "npm_config_registry",
	[OPEN_PIP_INDEX_URL] = "PIP_INDEX_URL",
};

const char *open_env_name(enum open_env e)
{
	ASSERT((unsigned)e < OPEN_ENV_MAX_);
	return env_names[e];
}

bool open_env_find(struct str name, enum open_env *ret)
{
	for (unsigned i = 0; i < OPEN_ENV_MAX_; i++) {
		if (str_eq(name, str_of(env_names[i]))) {
			*ret = (enum open_env)i;
			return true;
		}
	}
	return false;
}

static bool is_text(struct str s, size_t max)
{
	return s.len <= max && (s.len == 0 || !memchr(s.ptr, '\0', s.len));
}

static bool is_string(const struct json *j, size_t max)
{
	return json_is(j, JSON_STRING) && is_text(j->string, max);
}

/* "" is what the arena's owner would see as absent. */
static bool read_path(struct arena *a, const struct json *j, struct str *ret)
{
	if (!is_string(j, NAMES_MAX) || !str_starts(j->string, STR("/")))
		return false;
	*ret = path_normalise(a, STR("/"), j->string);
	return ret->len > 0;
}

static bool read_build(struct arena *a, const struct json *j,
		       struct open_request *q)
{
	(void)a;
	q->build = j->string;
	return is_string(j, OPEN_MAX_TEXT);
}

static bool read_cwd(struct arena *a, const struct json *j,
		     struct open_request *q)
{
	return read_path(a, j, &q->cwd);
}

static bool read_policy(struct arena *a, const struct json *j,
			struct open_request *q)
{
	return read_path(a, j, &q->policy);
}

static bool read_profile(struct arena *a, const struct json *j,
			 struct open_request *q)
{
	(void)a;
	q->profile = j->string;
	return is_string(j, OPEN_MAX_TEXT) && j->string.len > 0;
}

static bool read_task(struct arena *a, const struct json *j,
		      struct open_request *q)
{
	(void)a;
	q->task = j->string;
	return is_string(j, OPEN_MAX_TEXT);
}

static bool read_argv(struct arena *a, const struct json *j,
		      struct open_request *q)
{
	(void)a;
	if (!json_is(j, JSON_ARRAY) || j->kids.n > OPEN_MAX_ARGV)
		return false;
	JSON_EACH (it, j) {
		if (!is_string(it, NAMES_MAX))
			return false;
		q->argv[q->n_argv++] = it->string;
	}
	return q->n_argv > 0;
}

static bool read_argc(struct arena *a, const struct json *j,
		      struct open_request *q)
{
	(void)a;
	if (!json_is(j, JSON_INT) || j->integer < 1 || j->integer > INT32_MAX)
		return false;
	q->argc = (uint32_t)j->integer;
	return true;
}

static bool read_env(struct arena *a, const struct json *j,
		     struct open_request *q)
{
	(void)a;
	if (!json_is(j, JSON_OBJECT))
		return false;
	JSON_EACH (it, j) {
		enum open_env e;

		if (!open_env_find(it->key, &e) ||
		    !is_string(it, OPEN_MAX_BYTES))
			return false;
		q->env[e] = it->string;
	}
	return true;
}

static bool read_set(struct arena *a, const struct json *j,
		     struct open_request *q)
{
	if (!json_is(j, JSON_ARRAY) || j->kids.n > OPEN_MAX_SET)
		return false;
	q->set = arena_array(a, j->kids.n + 1, sizeof(*q->set));
	if (!q->set)
		return false;
	JSON_EACH (it, j) {
		struct str rest;

		if (!is_string(it, OPEN_MAX_BYTES) || it->string.len == 0 ||
		    !memchr(it->string.ptr, '=', it->string.len))
			return false;
		rest = it->string;
		if (!str_cut(&rest, '=', &q->set[q->n_set]) ||
		    q->set[q->n_set].len == 0)
			return false;
		q->n_set++;
	}
	return true;
}

static bool read_bool(const struct json *j, bool *ret)
{
	*ret = json_is(j, JSON_BOOL) && j->boolean;
	return json_is(j, JSON_BOOL);
}

static bool read_tty(struct arena *a, const struct json *j,
		     struct open_request *q)
{
	(void)a;
	return read_bool(j, &q->tty);
}

static bool read_ask(struct arena *a, const struct json *j,
		     struct open_request *q)
{
	(void)a;
	return read_bool(j, &q->ask);
}

static bool read_plan_only(struct arena *a, const struct json *j,
			   struct open_request *q)
{
	(void)a;
	return read_bool(j, &q->plan_only);
}

static bool read_json(struct arena *a, const struct json *j,
		      struct open_request *q)
{
	(void)a;
	return read_bool(j, &q->json);
}

static const struct {
	const char *name;
	bool (*read)(struct arena *a, const struct json *j,
		     struct open_request *q);
	bool required;
} members[] = {
	{ "build", read_build, true },
	{ "cwd", read_cwd, true },
	{ "argv", read_argv, true },
	{ "argc", read_argc, true },
	{ "profile", read_profile, false },
	{ "policy", read_policy, false },
	{ "task", read_task, false },
	{ "tty", read_tty, false },
	{ "env", read_env, true },
	{ "set", read_set, false },
	{ "plan_only", read_plan_only, false },
	{ "ask", read_ask, false },
	{ "json", read_json, false },
};

static bool read_member(struct arena *a, const struct json *it,
			struct open_request *q)
{
	for (size_t i = 0; i < N_ELEMS(members); i++) {
		if (str_eq(it->key, str_of(members[i].name)))
			return members[i].read(a, it, q);
	}
	return false;
}

int open_parse(struct arena *a, const struct json *body,
	       struct open_request *ret, struct diag *reterr)
{
	*ret = (struct open_request){ 0 };
	if (!json_is(body, JSON_OBJECT)) {
		diag_set(reterr, 0, 0, "not an object");
		return 1;
	}
	JSON_EACH (it, body) {
		bool known = read_member(a, it, ret);

		if (a->failed)
			return -ENOMEM;
		if (!known) {
			diag_set(reterr, 0, 0, "member \"%.*s\"",
				 STR_ARG(it->key));
			return 1;
		}
	}
	for (size_t i = 0; i < N_ELEMS(members); i++) {
		if (members[i].required && !json_find(body, members[i].name)) {
			diag_set(reterr, 0, 0, "no member \"%s\"",
				 members[i].name);
			return 1;
		}
	}
	if (ret->argc < ret->n_argv) {
		diag_set(reterr, 0, 0, "argc is less than argv");
		return 1;
	}
	return 0;
}
