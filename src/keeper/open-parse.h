/* SPDX-License-Identifier: Apache-2.0 */
/* open-parse: the body of MSG_OPEN.  Pure. */
#pragma once

#include "base/arena.h"
#include "base/base.h"
#include "base/json.h"

#define OPEN_MAX_BYTES ((size_t)1024 * 1024)
#define OPEN_MAX_ARGV  64u   /* words kept for the record */
#define OPEN_MAX_SET   1024u /* of -e */
#define OPEN_MAX_TEXT  256u  /* bytes of profile and task */

/* The variables of the user that a plan is made from. */
enum open_env {
	OPEN_HOME,
	OPEN_PATH,
	OPEN_SHELL,
	OPEN_USER,
	OPEN_LOGNAME,
	OPEN_TERM,
	OPEN_SSH_AUTH_SOCK,
	OPEN_XDG_CONFIG_HOME,
	OPEN_XDG_CACHE_HOME,
	OPEN_GOPATH,
	OPEN_GOROOT,
	OPEN_GOPROXY,
	OPEN_CARGO_HOME,
	OPEN_RUSTUP_HOME,
	OPEN_NVM_DIR,
	OPEN_PYENV_ROOT,
	OPEN_SDKMAN_DIR,
	OPEN_JAVA_HOME,
	OPEN_VIRTUAL_ENV,
	OPEN_NPM_CONFIG_REGISTRY,
	OPEN_npm_config_registry,
	OPEN_PIP_INDEX_URL,
	OPEN_ENV_MAX_,
};

struct open_request {
	struct str build;
	struct str cwd; /* absolute, normalised */
	struct str argv[OPEN_MAX_ARGV];
	size_t n_argv;
	uint32_t argc;            /* how many there really are */
	struct str profile, task; /* empty: not given */
	struct str policy;        /* absolute, or empty */
	bool tty, plan_only, json;
	bool ask; /* somebody is there to answer a question */
	struct str env[OPEN_ENV_MAX_]; /* .ptr NULL: not set */
	struct str *set;               /* names only */
	size_t n_set;
};

const char *open_env_name(enum open_env e);
/* False: no such variable is ours to know. */
bool open_env_find(struct str name, enum open_env *ret);

/*
 * Everything lives in @a.  0; -ENOMEM; 1 = not such a request, @reterr says
 * why.
 */
must_check int open_parse(struct arena *a, const struct json *body,
			  struct open_request *ret, struct diag *reterr);
