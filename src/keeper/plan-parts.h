/* SPDX-License-Identifier: Apache-2.0 */
/* plan-parts: the pieces that plan-build.c puts together, in its order. */
#pragma once

#include "keeper/env-list.h"
#include "keeper/plan-build.h"
#include "keeper/yard.h"

struct plan_work {
	struct arena *arena;
	const struct plan_input *in;
	const struct open_request *request;
	struct plan *plan;
	struct plan_notices *notices;
	struct diag *reterr;
	struct yard yard;
	struct env_list env;
	const char *home;    /* as the user spells it, normalised */
	const char *project; /* without links */
	const char *user;    /* inside */
	char **hide;         /* PLAN_MAX_GLOBS */
	struct plan_reason *hide_why;
	size_t n_hide;
	bool defaults;  /* files.read is the built-in one */
	bool gpg_agent; /* one of network.sockets is a gpg-agent's */
};

/* All: 0, < 0, or 1 = refused with w->reterr. */
must_check int plan_refuse(struct plan_work *w, const char *fmt, ...)
	printf_like(2, 3);
void plan_notice(struct plan_work *w, const char *fmt, ...) printf_like(2, 3);
/* A path that exists, as a glob. */
must_check int plan_hide(struct plan_work *w, const char *path);

/*
 * The nearest directory from @cwd up that holds ".git", below @home, both
 * without links; NULL: none, or no memory.
 */
const char *plan_find_top(struct arena *a, const struct host *host,
			  const char *cwd, const char *home);
/* plan-project.c: project, cwd, owner; refuses what cannot be one. */
must_check int plan_find_project(struct plan_work *w);
/* The git directory of a worktree, when it is one that can be trusted. */
must_check int plan_add_git(struct plan_work *w);
/* Nothing writable comes after this: links can be judged. */
must_check int plan_settle(struct plan_work *w);

/* plan-files.c: what the policy names, the base system. */
must_check int plan_set_layers(struct plan_work *w);
must_check int plan_add_system(struct plan_work *w);
must_check int plan_add_policy_files(struct plan_work *w);
/* The command's directory is seen, or the plan makes no sense. */
must_check int plan_check_cwd(struct plan_work *w);
must_check int plan_add_hidden(struct plan_work *w);
must_check int plan_add_sockets(struct plan_work *w);

/* plan-landlock.c: cuts the finished plan down to what that backend has; @why is
 * reduced with its mounts. */
must_check int plan_fit_landlock(struct plan_work *w, struct plan *p,
				 struct plan_reason *why);

/* plan-sign.c: what git needs to have commits signed by an agent outside. */
bool plan_is_gpg_agent(struct str path);
/* Where gpg in the jail looks for the agent; NULL: no memory. */
char *plan_gpg_socket(struct plan_work *w);
must_check int plan_add_signing(struct plan_work *w);

/* plan-home.c: the private home and what is copied into it. */
must_check int plan_add_home(struct plan_work *w);

/* plan-install.c: where a tool is installed from within. */
must_check int plan_add_installs(struct plan_work *w);
/* Its programs; NULL: no memory. */
char *plan_install_bin(struct plan_work *w);

/* plan-etc.c: generated files. */
must_check int plan_add_etc(struct plan_work *w);
must_check int plan_add_ca(struct plan_work *w);

/* toolchain.c: installed tools, PATH, and where clients fetch from. */
must_check int plan_add_toolchains(struct plan_work *w);
must_check int plan_add_path(struct plan_work *w);
must_check int plan_add_clients(struct plan_work *w);
