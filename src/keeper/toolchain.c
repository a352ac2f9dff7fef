/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * Developers install tools below their home, which is private in a session.  A
 * row of tools[] says where one lives, which parts of that are shown read-only,
 * and which of those hold credentials or the like and are hidden again.  What
 * is written by a tool (caches, registries) goes to the private home.
 *
 * Rows show as little as works: of ~/.cargo only bin, since credentials.toml is
 * its neighbour.
 *
 * PATH is then read in order.  A directory that is visible stays; one that is
 * not is shown, unless it is so high in the tree that more than a tool would be
 * seen; else it is left out.  Last, the command itself: when it is a link to
 * somewhere else, as npm's global installs are, the package it leads to is
 * shown as well.
 *
 * All this is part of the built-in default: with a files.read of the user's
 * own, only PATH is filtered.
 */
#include <limits.h>

#include "base/path.h"
#include "keeper/clients-parse.h"
#include "keeper/host.h"
#include "keeper/plan-parts.h"
#include "keeper/toolchain.h"

#define PATH_DIRS_MAX 128u
#define NO_VAR        OPEN_ENV_MAX_

static const struct tool {
	const char *name;
	enum open_env var; /* says where it is; NO_VAR */
	const char *base;  /* below the home, when the variable does not */
	const char *read[6];
	const char *never[4]; /* files below base; "*" is any one directory */
	const char *set;      /* variable that is set to the base; NULL */
} tools[] = {
	{ "nvm",
	  OPEN_NVM_DIR,
	  ".nvm",
	  { "" },
	  { "versions/node/*/etc/npmrc" },
	  "NVM_DIR" },
	{ "fnm", NO_VAR, ".local/share/fnm", { "" }, { NULL }, NULL },
	{ "volta",
	  NO_VAR,
	  ".volta",
	  { "bin", "tools", "hooks.json" },
	  { NULL },
	  "VOLTA_HOME" },
	{ "asdf", NO_VAR, ".asdf", { "" }, { NULL }, NULL },
	{ "mise", NO_VAR, ".local/share/mise", { "" }, { NULL }, NULL },
	{ "npm-global",
	  NO_VAR,
	  ".npm-global",
	  { "bin", "lib" },
	  { NULL },
	  NULL },
	{ "pnpm", NO_VAR, ".local/share/pnpm", { "" }, { NULL }, "PNPM_HOME" },
	{ "yarn", NO_VAR, ".yarn", { "bin" }, { NULL }, NULL },
	{ "yarn-global",
	  NO_VAR,
	  ".config/yarn/global",
	  { "node_modules" },
	  { NULL },
	  NULL },
	{ "bun", NO_VAR, ".bun", { "bin", "install/global" }, { NULL }, NULL },
	{ "deno", NO_VAR, ".deno", { "bin" }, { NULL }, NULL },
	{ "pyenv", OPEN_PYENV_ROOT, ".pyenv", { "" }, { NULL }, "PYENV_ROOT" },
	{ "conda", NO_VAR, "miniconda3", { "" }, { NULL }, NULL },
	{ "anaconda", NO_VAR, "anaconda3", { "" }, { NULL }, NULL },
	{ "miniforge", NO_VAR, "miniforge3", { "" }, { NULL }, NULL },
	{ "rbenv", NO_VAR, ".rbenv", { "" }, { NULL }, NULL },
	{ "rustup",
	  OPEN_RUSTUP_HOME,
	  ".rustup",
	  { "" },
	  { NULL },
	  "RUSTUP_HOME" },
	{ "cargo",
	  OPEN_CARGO_HOME,
	  ".cargo",
	  { "bin", "env" },
	  { NULL },
	  NULL },
	{ "sdkman",
	  OPEN_SDKMAN_DIR,
	  ".sdkman",
	  { "bin", "candidates", "etc", "libexec", "src", "var" },
	  { NULL },
	  "SDKMAN_DIR" },
	{ "go", NO_VAR, "go", { "bin" }, { NULL }, NULL },
	{ "go-sdk", NO_VAR, "sdk", { "" }, { NULL }, NULL },
	{ "ghcup", NO_VAR, ".ghcup", { "bin", "ghc", "env" }, { NULL }, NULL },
	{ "juliaup", NO_VAR, ".juliaup", { "" }, { NULL }, NULL },
	{ "dotnet", NO_VAR, ".dotnet", { "" }, { NULL }, NULL },
	{ "local",
	  NO_VAR,
	  ".local",
	  { "bin", "lib", "share/pipx", "share/uv", "pipx" },
	  { "share/uv/credentials" },
	  NULL },
	{ "bin", NO_VAR, "bin", { "" }, { NULL }, NULL },
	/* the agents themselves */
	{ "claude", NO_VAR, ".local/share/claude", { "" }, { NULL }, NULL },
	{ "claude-local", NO_VAR, ".claude/local", { "" }, { NULL }, NULL },
	{ "codex", NO_VAR, ".codex/packages", { "" }, { NULL }, NULL },
	{ "cursor",
	  NO_VAR,
	  ".local/share/cursor-agent",
	  { "" },
	  { NULL },
	  NULL },
	{ "opencode", NO_VAR, ".opencode", { "bin" }, { NULL }, NULL },
};

static int hide_existing(struct plan_work *w, const char *path)
{
	struct stat st;

	if (host_stat(w->in->host, path, &st) != 0 ||
	    !yard_sees(&w->yard, path, false))
		return 0;
	return plan_hide(w, path);
}

/* @base/@pattern, with at most one "*" as a whole component. */
static int hide_never(struct plan_work *w, const char *base,
		      const char *pattern)
{
	struct arena *a = w->arena;
	const char *star = strstr(pattern, "/*/");
	char **names = NULL, *dir;
	size_t n = 0;
	int r = 0;

	if (!star) {
		dir = arena_printf(a, "%s/%s", base, pattern);
		return dir ? hide_existing(w, dir) : -ENOMEM;
	}
	dir = arena_printf(a, "%s/%.*s", base, (int)(star - pattern), pattern);
	if (!dir)
		return -ENOMEM;
	if (host_list(a, w->in->host, dir, 64, &names, &n) != 0)
		return 0;
	for (size_t i = 0; i < n && r == 0; i++) {
		char *path =
			arena_printf(a, "%s/%s/%s", dir, names[i], star + 3);

		r = path ? hide_existing(w, path) : -ENOMEM;
	}
	return r;
}

static const char *base_at(struct arena *a, const struct open_request *q,
			   const char *home, const struct tool *t)
{
	struct str value;

	if (t->var != NO_VAR) {
		value = q->env[t->var];
		if (str_starts(value, STR("/")))
			return arena_cstr(a,
					  path_normalise(a, STR("/"), value));
	}
	return arena_printf(a, "%s/%s", home, t->base);
}

static const char *base_of(struct plan_work *w, const struct tool *t)
{
	return base_at(w->arena, w->request, w->home, t);
}

bool toolchain_holds(struct arena *a, const struct open_request *q,
		     const char *path)
{
	static const char *const system[] = { "/bin",  "/nix",  "/opt",
					      "/sbin", "/snap", "/usr" };
	const char *home = arena_cstr(a, q->env[OPEN_HOME]);
	char real[PATH_MAX];

	for (size_t i = 0; i < N_ELEMS(system); i++) {
		if (path_is_below(str_of(path), str_of(system[i])))
			return true;
	}
	for (size_t i = 0; i < N_ELEMS(tools) && home; i++) {
		const char *base = base_at(a, q, home, &tools[i]);

		if (base && realpath(base, real) &&
		    !path_is_below(q->env[OPEN_HOME], str_of(real)) &&
		    path_is_below(str_of(path), str_of(real)))
			return true;
	}
	return false;
}

/* Not there for sure, and without a look. */
static bool is_absent(const struct plan_work *w, const struct tool *t,
		      const struct host_names *in_home)
{
	char name[32];
	struct str rest = str_of(t->base), first;

	if (!in_home || (t->var != NO_VAR && w->request->env[t->var].len > 0) ||
	    !str_cut(&rest, '/', &first) || first.len >= sizeof(name))
		return false;
	memcpy(name, first.ptr, first.len);
	name[first.len] = '\0';
	return !host_names_has(in_home, name);
}

/* There is nothing, or nothing that may be shown. */
static bool is_left_out(int r)
{
	return r == 0 || r == YARD_MISSING || r == YARD_REFUSED ||
	       r == YARD_PLANTED;
}

static int add_tool(struct plan_work *w, const struct tool *t)
{
	const char *base = base_of(w, t);
	char *real = NULL;
	bool any = false;
	mode_t mode = 0;
	int r;

	if (!base)
		return -ENOMEM;
	r = host_real(w->arena, w->in->host, base, &real, &mode);
	if (error_is_shortage(r))
		return r;
	if (r != 0 || !S_ISDIR(mode) ||
	    path_is_below(str_of(w->home), str_of(base)))
		return 0; /* not installed, or a variable that makes no sense */
	for (size_t i = 0; i < N_ELEMS(t->read) && t->read[i]; i++) {
		const char *path = t->read[i][0]
					   ? arena_printf(w->arena, "%s/%s",
							  base, t->read[i])
					   : base;

		r = path ? yard_add_path(&w->yard, path, false) : -ENOMEM;
		any |= r == 0;
		if (!is_left_out(r))
			return r;
	}
	r = 0;
	for (size_t i = 0; i < N_ELEMS(t->never) && t->never[i] && r == 0; i++)
		r = hide_never(w, real, t->never[i]);
	if (t->set && any)
		env_list_set(&w->env, t->set, str_of(base));
	return r;
}

/* ---- PATH ---- */

static size_t count_components(struct str path)
{
	struct str c;
	size_t n = 0;

	while (str_cut(&path, '/', &c))
		n += c.len > 0;
	return n;
}

/* Deep enough below its tree to hold no more than what belongs to a tool. */
static bool is_deep(const struct plan_work *w, const char *real)
{
	static const char *const odd[] = { "/proc", "/sys", "/dev",    "/boot",
					   "/run",  "/tmp", "/var/tmp" };
	static const char *const secret[] = { ".ssh",           ".gnupg",
					      ".aws",           ".kube",
					      ".docker",        ".netrc",
					      ".password-store" };
	struct str path = str_of(real), rest;

	if (path_is_below(path, str_of(w->in->state_dir)) ||
	    path_is_below(path, str_of(w->in->runtime_dir)) ||
	    path_is_below(str_of(w->in->state_dir), path) ||
	    path_is_below(str_of(w->in->runtime_dir), path))
		return false;
	for (size_t i = 0; i < N_ELEMS(odd); i++) {
		if (path_is_below(path, str_of(odd[i])))
			return false;
	}
	if (!path_is_below(path, str_of(w->home)))
		return count_components(path) >= 2;
	rest = str_skip(path, strlen(w->home) + 1);
	for (size_t i = 0; i < N_ELEMS(secret); i++) {
		if (path_is_below(rest, str_of(secret[i])))
			return false;
	}
	return count_components(rest) >= 2;
}

/* Make what @way leads to visible if that is ours to do.  *ret: it is. */
static int show(struct plan_work *w, const struct yard_way *way, bool *ret)
{
	int r = 0;

	if (!yard_sees(&w->yard, way->real, false) && w->defaults &&
	    is_deep(w, way->real))
		r = yard_add_way(&w->yard, way, false);
	*ret = yard_sees(&w->yard, way->real, false);
	return is_left_out(r) ? 0 : r;
}

struct path_list {
	const char *dirs[PATH_DIRS_MAX];
	size_t n;
};

static void list_add(struct path_list *l, const char *dir)
{
	for (size_t i = 0; i < l->n; i++) {
		if (strcmp(l->dirs[i], dir) == 0)
			return;
	}
	if (l->n < PATH_DIRS_MAX)
		l->dirs[l->n++] = dir;
}

static int add_path_dir(struct plan_work *w, struct str entry,
			struct path_list *l)
{
	struct yard_way way;
	bool visible;
	char *dir;
	int r;

	if (!str_starts(entry, STR("/")))
		return 0; /* relative: whose directory that is, changes */
	dir = arena_cstr(w->arena, path_normalise(w->arena, STR("/"), entry));
	if (!dir)
		return w->arena->failed ? -ENOMEM : 0;
	r = yard_find(&w->yard, dir, &way);
	if (r != 0)
		return r < 0 ? r : 0;
	r = show(w, &way, &visible);
	if (r != 0 || !visible)
		return r;
	/* /bin and the like are there as links. */
	list_add(l, count_components(str_of(dir)) == 1 ? dir : way.real);
	return 0;
}

/*
 * What belongs to the file @real: all packages of an npm prefix, since they
 * need each other, else its directory.
 */
static char *package_of(struct plan_work *w, const char *real)
{
	static const char modules[] = "/lib/node_modules";
	const char *m = strstr(real, modules);
	struct str dir = path_dirname(str_of(real));

	if (m && m[sizeof(modules) - 1] == '/')
		dir = (struct str){ real,
				    (size_t)(m - real) + sizeof(modules) - 1 };
	return arena_cstr(w->arena, dir);
}

/* The command's file in @dir; @ret->real NULL: it is not there. */
static int command_in(struct plan_work *w, struct str dir, struct yard_way *ret)
{
	char *file = arena_printf(w->arena, "%.*s/%.*s", STR_ARG(dir),
				  STR_ARG(w->request->argv[0]));
	int r = file ? yard_find(&w->yard, file, ret) : -ENOMEM;

	if (r > 0)
		ret->real = NULL;
	return r < 0 ? r : 0;
}

/* Is the command looked for on the PATH? */
static bool is_on_path(const struct plan_work *w)
{
	struct str name = w->request->argv[0];

	return name.len > 0 && !memchr(name.ptr, '/', name.len);
}

/* The command's file as the jail's PATH finds it; @ret->real NULL: nowhere. */
static int find_command(struct plan_work *w, const struct path_list *l,
			struct yard_way *ret)
{
	int r = 0;

	*ret = (struct yard_way){ 0 };
	for (size_t i = 0; is_on_path(w) && i < l->n && !ret->real && r == 0;
	     i++)
		r = command_in(w, str_of(l->dirs[i]), ret);
	return r;
}

/* Show what the command leads to, when that is elsewhere. */
static int show_command(struct plan_work *w, const struct path_list *l)
{
	const struct yard_link *planted;
	struct yard_way way;
	bool visible;
	int r = find_command(w, l, &way);

	if (r != 0 || !way.real || yard_sees(&w->yard, way.real, false))
		return r;
	planted = yard_planted(&w->yard, &way);
	if (planted)
		plan_notice(w,
			    "%.*s leads to %s by the link %s, but sessions can "
			    "write where that is, so it is not followed; add "
			    "%s to files.read",
			    STR_ARG(w->request->argv[0]), way.real, planted->at,
			    package_of(w, way.real));
	way.real = package_of(w, way.real);
	way.mode = S_IFDIR;
	return way.real ? show(w, &way, &visible) : -ENOMEM;
}

/* A directory to name in files.read, so that @real can run. */
static char *tool_dir_of(struct plan_work *w, const char *real)
{
	for (size_t i = 0; i < N_ELEMS(tools); i++) {
		const char *base = base_of(w, &tools[i]);
		char *dir = NULL;

		if (base &&
		    host_real(w->arena, w->in->host, base, &dir, NULL) == 0 &&
		    path_is_below(str_of(real), str_of(dir)) &&
		    tools[i].read[0][0] == '\0')
			return dir;
	}
	return package_of(w, real);
}

/*
 * The policy names what is visible, and the command is installed elsewhere:
 * "not found" alone would send the user looking for a mistake of his own.
 */
static int tell_hidden_command(struct plan_work *w, const struct path_list *l)
{
	const struct origin *o =
		&w->in->rules->policy.value[POLICY_FILES_READ].origin;
	struct str path = w->request->env[OPEN_PATH], entry;
	struct yard_way way;
	int r = find_command(w, l, &way);

	if (r != 0 || !is_on_path(w) ||
	    (way.real && yard_sees(&w->yard, way.real, false)))
		return r;
	while (r == 0 && !way.real && str_cut(&path, ':', &entry)) {
		if (str_starts(entry, STR("/")))
			r = command_in(w, entry, &way);
	}
	if (r != 0)
		return r;
	if (way.real)
		plan_notice(w,
			    "%.*s:%u: files.read does not show %s, where "
			    "%.*s is installed; add %s",
			    STR_ARG(o->file), (unsigned)o->line, way.real,
			    STR_ARG(w->request->argv[0]),
			    tool_dir_of(w, way.real));
	return w->arena->failed ? -ENOMEM : 0;
}

int plan_add_toolchains(struct plan_work *w)
{
	const struct host_names *in_home;
	int r = 0;

	if (!w->defaults)
		return 0;
	in_home = host_names(w->in->host, w->home);
	for (size_t i = 0; i < N_ELEMS(tools) && r == 0; i++) {
		if (!is_absent(w, &tools[i], in_home))
			r = add_tool(w, &tools[i]);
	}
	return r;
}

/* Variables that name a directory, kept when it can be seen. */
static int add_dir_vars(struct plan_work *w)
{
	static const enum open_env vars[] = { OPEN_JAVA_HOME, OPEN_GOROOT,
					      OPEN_VIRTUAL_ENV };

	for (size_t i = 0; i < N_ELEMS(vars); i++) {
		struct str value = w->request->env[vars[i]];
		struct yard_way way;
		bool visible;
		char *dir;
		int r;

		if (!str_starts(value, STR("/")))
			continue;
		dir = arena_cstr(w->arena, value);
		if (!dir || yard_find(&w->yard, dir, &way) != 0)
			continue;
		r = show(w, &way, &visible);
		if (r != 0)
			return r;
		if (visible)
			env_list_set(&w->env, open_env_name(vars[i]),
				     str_of(way.real));
	}
	return 0;
}

int plan_add_path(struct plan_work *w)
{
	static const char fallback[] =
		"/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin";
	struct str path = w->request->env[OPEN_PATH], entry;
	AUTO(buf) struct buf b = BUF_NULL;
	struct path_list l = { .n = 0 };
	int r = 0;

	if (path.len == 0)
		path = STR(fallback);
	while (r == 0 && str_cut(&path, ':', &entry))
		r = add_path_dir(w, entry, &l);
	if (r == 0)
		r = w->defaults ? show_command(w, &l)
				: tell_hidden_command(w, &l);
	if (r == 0)
		r = add_dir_vars(w);
	if (r != 0)
		return r;
	if (w->defaults) {
		const char *own = plan_install_bin(w);

		if (!own)
			return -ENOMEM;
		list_add(&l, own);
	}
	buf_init(&b, OPEN_MAX_BYTES);
	for (size_t i = 0; i < l.n; i++)
		(void)buf_printf(&b, "%s%s", i > 0 ? ":" : "", l.dirs[i]);
	env_list_set(&w->env, "PATH", buf_str(&b));
	return b.failed ? -ENOMEM : 0;
}

/* ---- where package clients fetch from ---- */

struct client_file {
	const char *path; /* below the home unless it begins with "/" */
	void (*parse)(struct arena *a, struct str text,
		      struct clients_config *ret);
};

static const struct client_file client_files[] = {
	{ ".npmrc", clients_parse_npmrc },
	{ "/etc/npmrc", clients_parse_npmrc },
	{ ".config/pip/pip.conf", clients_parse_pip },
	{ ".pip/pip.conf", clients_parse_pip },
	{ "/etc/pip.conf", clients_parse_pip },
	{ ".config/go/env", clients_parse_go },
};

static const struct {
	enum open_env env;
	enum clients_var var;
} client_vars[] = {
	{ OPEN_npm_config_registry, CLIENTS_NPM_REGISTRY },
	{ OPEN_NPM_CONFIG_REGISTRY, CLIENTS_NPM_REGISTRY },
	{ OPEN_PIP_INDEX_URL, CLIENTS_PIP_INDEX },
	{ OPEN_GOPROXY, CLIENTS_GOPROXY },
};

static int load_client(struct plan_work *w, const struct client_file *f,
		       struct clients_config *c)
{
	AUTO(buf) struct buf b = BUF_NULL;
	const char *path = f->path[0] == '/' ? f->path
					     : arena_printf(w->arena, "%s/%s",
							    w->home, f->path);

	if (!path)
		return -ENOMEM;
	buf_init(&b, CLIENTS_FILE_MAX);
	if (host_load(w->in->host, path, &b) != 0)
		return 0;
	f->parse(w->arena, buf_str(&b), c);
	return w->arena->failed ? -ENOMEM : 0;
}

/*
 * What a variable names has to be seen, or the variable is left out (*ret).  A
 * trust store is public; a directory is shown as one of the PATH would be.
 */
static int show_named(struct plan_work *w, enum clients_var var,
		      struct str value, bool *ret)
{
	struct yard_way way;
	char *path;
	int r;

	*ret = true;
	if (!w->defaults ||
	    (!clients_var_is_file(var) && !clients_var_is_dir(var)))
		return 0;
	path = arena_cstr(w->arena, value);
	if (!path)
		return -ENOMEM;
	*ret = false;
	r = yard_find(&w->yard, path, &way);
	if (r != 0)
		return r < 0 ? r : 0;
	if (!clients_var_is_file(var))
		return show(w, &way, ret);
	r = yard_add_way(&w->yard, &way, false);
	*ret = r == 0;
	return is_left_out(r) ? 0 : r;
}

int plan_add_clients(struct plan_work *w)
{
	struct clients_config c = { 0 };
	int r = 0;

	for (size_t i = 0; i < N_ELEMS(client_vars); i++) {
		struct str value = w->request->env[client_vars[i].env];

		if (value.len > 0)
			clients_take_var(w->arena, client_vars[i].var, value,
					 &c);
	}
	for (size_t i = 0; i < N_ELEMS(client_files) && r == 0; i++)
		r = load_client(w, &client_files[i], &c);
	for (unsigned v = 0; v < CLIENTS_VAR_MAX_ && r == 0; v++) {
		enum clients_var var = (enum clients_var)v;
		bool seen;

		if (!c.value[v].ptr)
			continue;
		r = show_named(w, var, c.value[v], &seen);
		if (r == 0 && seen)
			env_list_set(&w->env, clients_var_name(var),
				     c.value[v]);
	}
	return r;
}
