/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * An agent that needs a tool installs it "for the user": pip --user, npm -g,
 * cargo install, go install, pipx, uv tool.  All of these write where the
 * user's own tools are, which a session sees read-only.  So each is told of a
 * place in the private home instead, by its own variable; its bin directory
 * comes last on the PATH, so nothing there takes the name of a tool of the
 * machine.
 *
 * Python has one such place for reading and writing, so the packages that the
 * user has installed are named to it from the new one, by a .pth file for each
 * version of python.
 *
 * With a files.read of the user's own none of this is done: no tool of the home
 * is shown then, and the usual places are in the private home.
 */
#include "base/path.h"
#include "keeper/home.h"
#include "keeper/host.h"
#include "keeper/plan-parts.h"

#define ROOT         ".bawn" /* below the home */
#define PYTHONS_MAX  32u
#define PYTHON_SITES ".local/lib"

static const struct {
	const char *var, *at; /* below ROOT */
} places[] = {
	{ "CARGO_INSTALL_ROOT", "" }, { "GOBIN", "/bin" },
	{ "PIPX_BIN_DIR", "/bin" },   { "PIPX_HOME", "/pipx" },
	{ "PYTHONUSERBASE", "" },     { "UV_TOOL_BIN_DIR", "/bin" },
	{ "UV_TOOL_DIR", "/uv" },     { "npm_config_prefix", "" },
};

char *plan_install_bin(struct plan_work *w)
{
	return arena_printf(w->arena, "%s/" ROOT "/bin", w->home);
}

/* npm takes it ill when its prefix has no lib. */
static int make_dirs(struct plan_work *w)
{
	static const char *const dirs[] = { ROOT "/bin", ROOT "/lib" };
	int r = 0;

	for (size_t i = 0; i < N_ELEMS(dirs) && r == 0; i++)
		r = home_make_point(w->yard.home_fd, dirs[i], true,
				    w->yard.home_uid, w->yard.home_gid);
	return r;
}

/* So that the python @name sees what the user has installed for it. */
static int name_packages(struct plan_work *w, const char *name)
{
	char *site =
		arena_printf(w->arena, "%s/" PYTHON_SITES "/%s/site-packages",
			     w->home, name);
	char *file = arena_printf(
		w->arena, ROOT "/lib/%s/site-packages/bawn-home.pth", name);
	char *line = arena_printf(w->arena, "%s\n", site);

	if (!site || !file || !line)
		return -ENOMEM;
	if (!host_is_dir(w->in->host, site) || strchr(w->home, '\n'))
		return 0;
	return home_put_file(w->yard.home_fd, file, str_of(line), 0,
			     w->yard.home_uid, w->yard.home_gid);
}

static int name_all_packages(struct plan_work *w)
{
	char *dir = arena_printf(w->arena, "%s/" PYTHON_SITES, w->home);
	char **names = NULL;
	size_t n = 0;
	int r = 0;

	if (!dir)
		return -ENOMEM;
	if (host_list(w->arena, w->in->host, dir, PYTHONS_MAX, &names, &n) != 0)
		return 0;
	for (size_t i = 0; i < n && r == 0; i++) {
		if (str_starts(str_of(names[i]), STR("python")))
			r = name_packages(w, names[i]);
	}
	return r;
}

int plan_add_installs(struct plan_work *w)
{
	int r = 0;

	if (!w->defaults)
		return 0;
	for (size_t i = 0; i < N_ELEMS(places); i++) {
		char *at = arena_printf(w->arena, "%s/" ROOT "%s", w->home,
					places[i].at);

		if (!at)
			return -ENOMEM;
		env_list_set(&w->env, places[i].var, str_of(at));
	}
	if (w->yard.home_fd == -1)
		return 0;
	r = make_dirs(w);
	if (r == 0)
		r = name_all_packages(w);
	if (r == -ENOMEM)
		return r;
	/* Something of the session's own is in the way. */
	if (r != 0)
		plan_notice(w,
			    "~/" ROOT " of the private home cannot be made: "
			    "%s; tools cannot be installed in there",
			    strerror(-r));
	return 0;
}
