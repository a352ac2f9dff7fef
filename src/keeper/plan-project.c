/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * The project is the nearest directory above the working directory that holds
 * a ".git", so that a command started in a subdirectory can commit; without one
 * it is the working directory itself.  It never reaches up to the home
 * directory or beyond it: a repository of dotfiles there is not what is worked
 * on, and a jail around a whole home would be none.  And the ".git" has to be the
 * user's, or that of whoever owns the working directory: another user who puts one into
 * /tmp does not widen our sessions below it.
 *
 * A ".git" that is a file points elsewhere: a worktree's or submodule's git
 * directory has to be writable as well.  But the project's content is what an
 * earlier session wrote, so a pointer alone opens nothing.  The directory
 * pointed at must point back at this very file, which only somebody who could
 * write there could have arranged:
 *
 *   worktree   PROJECT/.git -> COMMON/worktrees/X, whose "gitdir" names
 *              PROJECT/.git and whose "commondir" leads to COMMON
 *   submodule  PROJECT/.git -> DIR below a superproject's .git/modules, whose
 *              config says core.worktree = PROJECT
 *
 * and look like git's (HEAD, objects, refs) and belong to the project's owner.
 */
#include <stdio.h>
#include <unistd.h>

#include "base/path.h"
#include "jail/gitconfig-parse.h"
#include "keeper/host.h"
#include "keeper/plan-parts.h"
#include "keeper/worktree-parse.h"

#define MAX_DEPTH 128u /* directories looked at for a ".git" */

static bool is_ours(const struct host *host, const char *cwd, uid_t owner)
{
	struct stat st;

	return owner == geteuid() ||
	       (host_stat(host, cwd, &st) == 0 && st.st_uid == owner);
}

const char *plan_find_top(struct arena *a, const struct host *host,
			  const char *cwd, const char *home)
{
	struct str dir = str_of(cwd);

	for (unsigned i = 0; i < MAX_DEPTH && dir.len > 1; i++) {
		char *git = arena_printf(a, "%.*s/.git", STR_ARG(dir));
		struct stat st;

		if (!git || path_is_below(str_of(home), dir))
			return NULL;
		if (host_stat(host, git, &st) == 0 &&
		    (S_ISDIR(st.st_mode) || S_ISREG(st.st_mode)))
			return is_ours(host, cwd, st.st_uid)
				       ? arena_cstr(a, dir)
				       : NULL;
		dir = path_dirname(dir);
	}
	return NULL;
}

struct look {
	struct arena *arena;
	const struct host *host;
	struct diag *err;
};

static int refuse(const struct look *l, const char *what, const char *path,
		  const char *why)
{
	char text[sizeof(l->err->text)];

	(void)snprintf(text, sizeof(text), "%s %s%s", what, path, why);
	diag_set(l->err, 0, 0, "%s", text);
	return 1;
}

/* @path, which is to be a directory, without links. */
static int real_dir(const struct look *l, struct str path, const char *what,
		    char **ret)
{
	const char *given = arena_cstr(l->arena, path);
	char why[64];
	mode_t mode = 0;
	int r;

	if (!given)
		return -ENOMEM;
	r = host_real(l->arena, l->host, given, ret, &mode);
	if (error_is_shortage(r))
		return r;
	if (r != 0) {
		(void)snprintf(why, sizeof(why), ": %s", strerror(-r));
		return refuse(l, what, given, why);
	}
	return S_ISDIR(mode) ? 0
			     : refuse(l, what, given, " is not a directory");
}

static int locate(const struct look *l, struct str cwd, struct str home,
		  char **ret_cwd, char **ret_home, char **ret_project)
{
	const char *top;
	int r = real_dir(l, cwd, "the working directory", ret_cwd);

	/*
	 * Nobody stands in a link: where one is met, somebody put it there
	 * since, and it leads to what he chose.
	 */
	if (r == 0 && !str_eq(str_of(*ret_cwd), cwd))
		return refuse(l, "the working directory", *ret_cwd,
			      " was exchanged in this very moment; try again");
	if (r == 0)
		r = real_dir(l, home, "the home directory", ret_home);
	if (r != 0)
		return r;
	top = plan_find_top(l->arena, l->host, *ret_cwd, *ret_home);
	*ret_project = top ? arena_cstr(l->arena, str_of(top)) : *ret_cwd;
	return !*ret_project || l->arena->failed ? -ENOMEM : 0;
}

int plan_locate(struct arena *a, const struct host *host, struct str cwd,
		struct str home, char **ret_cwd, char **ret_project,
		struct diag *reterr)
{
	struct look l = { a, host, reterr };
	char *real_home = NULL;

	return locate(&l, cwd, home, ret_cwd, &real_home, ret_project);
}

static int refuse_as_project(struct plan_work *w, const char *project,
			     const char *home)
{
	const char *state = w->in->state_dir, *runtime = w->in->runtime_dir;
	struct str p = str_of(project);

	if (strcmp(project, "/") == 0 || path_is_below(str_of(home), p))
		return plan_refuse(w,
				   "%s cannot be a project: it holds your "
				   "home directory; start in a directory "
				   "below it",
				   project);
	if (path_is_below(str_of(state), p) ||
	    path_is_below(str_of(runtime), p) ||
	    path_is_below(p, str_of(state)) ||
	    path_is_below(p, str_of(runtime)))
		return plan_refuse(w,
				   "%s cannot be a project: bawn keeps its "
				   "own files there (BAWN_STATE_DIR, "
				   "BAWN_RUNTIME_DIR)",
				   project);
	return 0;
}

int plan_find_project(struct plan_work *w)
{
	struct look l = { w->arena, w->in->host, w->reterr };
	char *cwd = NULL, *home = NULL, *project = NULL;
	struct stat st;
	int r = locate(&l, w->request->cwd, str_of(w->home), &cwd, &home,
		       &project);

	if (r != 0)
		return r;
	w->project = project;
	w->yard.project = project;
	w->yard.home = home;
	w->yard.state_dir = w->in->state_dir;
	if (strcmp(project, w->in->project) != 0)
		return plan_refuse(w,
				   "%s has become another project in this "
				   "very moment; try again",
				   cwd);
	r = refuse_as_project(w, w->project, home);
	if (r == 0)
		r = host_stat(w->in->host, w->project, &st);
	if (r != 0)
		return r;
	if (w->in->uid == 0) {
		w->plan->owner_uid = st.st_uid;
		w->plan->owner_gid = st.st_gid;
	}
	w->plan->project = arena_cstr(w->arena, str_of(w->project));
	w->plan->cwd = cwd;
	return w->arena->failed ? -ENOMEM : 0;
}

/* ---- git's other directories ---- */

struct git_look {
	struct plan_work *w;
	uid_t owner; /* of the project */
	char *file;  /* PROJECT/.git */
	char *dir;   /* what it points at, without links */
};

static bool load(struct git_look *g, const char *path, size_t max,
		 struct str *ret)
{
	AUTO(buf) struct buf b = BUF_NULL;

	buf_init(&b, max);
	if (host_load(g->w->in->host, path, &b) != 0)
		return false;
	*ret = arena_str(g->w->arena, buf_str(&b));
	return ret->ptr != NULL;
}

/* @p as seen from @base, without links; NULL: there is none. */
static char *resolve(struct git_look *g, const char *base, struct str p)
{
	struct arena *a = g->w->arena;
	const char *path =
		str_starts(p, STR("/"))
			? arena_cstr(a, p)
			: arena_printf(a, "%s/%.*s", base, STR_ARG(p));
	char *real = NULL;

	if (!path || host_real(a, g->w->in->host, path, &real, NULL) != 0)
		return NULL;
	return real;
}

static bool is_git_dir(struct git_look *g, const char *dir)
{
	static const char *const parts[] = { "objects", "refs" };
	const struct host *host = g->w->in->host;
	struct arena *a = g->w->arena;
	const char *path = arena_printf(a, "%s/HEAD", dir);
	struct stat st;

	if (!path || !host_is_file(host, path) ||
	    host_stat(host, dir, &st) != 0 || st.st_uid != g->owner)
		return false;
	for (size_t i = 0; i < N_ELEMS(parts); i++) {
		path = arena_printf(a, "%s/%s", dir, parts[i]);
		if (!path || !host_is_dir(host, path))
			return false;
	}
	return true;
}

/* The common directory when @g->dir is this worktree's own, else NULL. */
static char *common_of_worktree(struct git_look *g)
{
	struct arena *a = g->w->arena;
	const char *back = arena_printf(a, "%s/gitdir", g->dir);
	const char *common = arena_printf(a, "%s/commondir", g->dir);
	struct str text, path, parent;
	char *dir, *file;

	if (!back || !common || !load(g, back, WORKTREE_FILE_MAX, &text) ||
	    !worktree_parse_path(text, &path))
		return NULL;
	file = resolve(g, g->dir, path);
	if (!file || strcmp(file, g->file) != 0)
		return NULL;
	if (!load(g, common, WORKTREE_FILE_MAX, &text) ||
	    !worktree_parse_path(text, &path))
		return NULL;
	dir = resolve(g, g->dir, path);
	if (!dir || !is_git_dir(g, dir))
		return NULL;
	/* COMMON/worktrees/X and nothing else */
	parent = path_dirname(str_of(g->dir));
	if (!str_eq(path_basename(parent), STR("worktrees")) ||
	    !str_eq(path_dirname(parent), str_of(dir)))
		return NULL;
	return dir;
}

/* True: @g->dir is the git directory of this submodule. */
static bool is_submodule(struct git_look *g)
{
	struct arena *a = g->w->arena;
	const char *config = arena_printf(a, "%s/config", g->dir);
	struct gitconfig c;
	struct str text, tree;
	char *dir;

	if (!config || !strstr(g->dir, "/.git/modules/") ||
	    !is_git_dir(g, g->dir) ||
	    !load(g, config, GITCONFIG_MAX_BYTES, &text) ||
	    gitconfig_parse(a, text, &c, NULL) != 0)
		return false;
	tree = gitconfig_find(&c, "core", "worktree");
	dir = tree.len > 0 ? resolve(g, g->dir, tree) : NULL;
	return dir && strcmp(dir, g->w->project) == 0;
}

/* @dir was looked at as it is: now it has to be no link. */
static int add_git_dir(struct plan_work *w, const char *dir)
{
	struct yard_way way;
	int r = yard_find(&w->yard, dir, &way);

	if (r == 0 && way.n_links > 0)
		return YARD_MISSING;
	return r == 0 ? yard_add_way(&w->yard, &way, true) : r;
}

int plan_add_git(struct plan_work *w)
{
	struct git_look g = { .w = w };
	struct str text, path;
	char *dir;
	struct stat st;
	int r;

	g.file = arena_printf(w->arena, "%s/.git", w->project);
	if (!g.file)
		return -ENOMEM;
	if (!yard_sees(&w->yard, w->project, true) ||
	    !host_is_file(w->in->host, g.file) ||
	    host_stat(w->in->host, w->project, &st) != 0)
		return 0;
	g.owner = st.st_uid;
	if (!load(&g, g.file, WORKTREE_FILE_MAX, &text) ||
	    !worktree_parse_gitfile(text, &path))
		return 0;
	g.dir = resolve(&g, w->project, path);
	if (!g.dir || path_is_below(str_of(g.dir), str_of(w->project)))
		return 0;
	dir = common_of_worktree(&g);
	if (!dir && is_submodule(&g))
		dir = g.dir;
	if (!dir) {
		plan_notice(w,
			    "%s names %s, which does not name it in turn; "
			    "git will not work in here",
			    g.file, g.dir);
		return 0;
	}
	r = add_git_dir(w, dir);
	if (r == YARD_REFUSED)
		plan_notice(w,
			    "the policy (files.write) does not show %s, the "
			    "repository of %s; git will not work in here",
			    dir, w->project);
	return r == YARD_MISSING || r == YARD_REFUSED ? 0 : r;
}

static void tell_planted(void *ctx, const struct yard_item *item,
			 const struct yard_link *link)
{
	struct plan_work *w = ctx;
	const struct origin *o = &item->why.origin;

	if (str_eq(o->layer, STR("builtin")) || o->layer.len == 0)
		return;
	plan_notice(w,
		    "%.*s:%u: the link %s leads to %s, but sessions can write "
		    "where it is, so it is not followed; name what it leads to",
		    STR_ARG(o->file), (unsigned)o->line, link->at, item->m.dst);
}

int plan_settle(struct plan_work *w)
{
	yard_settle(&w->yard, w, tell_planted);
	return w->arena->failed ? -ENOMEM : plan_check_cwd(w);
}
