/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/policy-here.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>

#include "base/path.h"
#include "keeper/git-hosts.h"

#define HERE_ARENA ((size_t)64 * 1024 * 1024)

/* As the daemon finds them, without making them. */
static const char *find_dir(struct policy_here *h, const char *var,
			    const char *parent_var, const char *below)
{
	const char *dir = getenv(var), *parent = getenv(parent_var), *path;
	char real[PATH_MAX];

	if (dir && dir[0] == '/')
		path = arena_cstr(&h->arena, path_normalise(&h->arena, STR("/"),
							    str_of(dir)));
	else if (parent && parent[0] == '/')
		path = arena_cstr(&h->arena,
				  path_normalise(&h->arena, str_of(parent),
						 str_of(below)));
	else
		return NULL;
	return path && realpath(path, real)
		       ? arena_cstr(&h->arena, str_of(real))
		       : path;
}

static bool find_dirs(struct policy_here *h)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	h->state_dir =
		find_dir(h, "BAWN_STATE_DIR", "HOME", ".local/state/bawn");
	h->runtime_dir =
		find_dir(h, "BAWN_RUNTIME_DIR", "XDG_RUNTIME_DIR", "bawn");
	if (!h->runtime_dir)
		h->runtime_dir = arena_printf(&h->arena, "/tmp/bawn-%u",
					      (unsigned)getuid());
	if (n > 0)
		h->libexec_dir = arena_cstr(
			&h->arena,
			path_dirname((struct str){ self, (size_t)n }));
	return h->state_dir && h->runtime_dir && h->libexec_dir;
}

static int make_request(struct policy_here *h, const struct policy_opts *o)
{
	struct open_request *q = &h->request;
	char cwd[PATH_MAX];

	if (!getcwd(cwd, sizeof(cwd)) || cwd[0] != '/')
		return policy_trouble("the working directory", -ENOENT);
	q->cwd = arena_str(&h->arena, str_of(cwd));
	q->argv[0] = STR("sh");
	q->n_argv = 1;
	q->argc = 1;
	q->plan_only = true;
	for (unsigned i = 0; i < OPEN_ENV_MAX_; i++)
		q->env[i] = str_of(getenv(open_env_name((enum open_env)i)));
	q->env[OPEN_HOME] =
		path_normalise(&h->arena, STR("/"), q->env[OPEN_HOME]);
	if (o->profile)
		q->profile = str_of(o->profile);
	if (o->policy)
		q->policy = path_normalise(&h->arena, str_of(cwd),
					   str_of(o->policy));
	return h->arena.failed ? policy_trouble("bawn policy", -ENOMEM)
			       : BAWN_EXIT_OK;
}

/* @r of a function that says 0, < 0, or 1 with a line. */
static int result(const char *what, int r, const struct diag *d)
{
	if (r == 0)
		return BAWN_EXIT_OK;
	if (r < 0)
		return policy_trouble(what, r);
	cmd_error("%s", d->text);
	return BAWN_EXIT_REFUSED;
}

static int begin(struct policy_here *h, const struct policy_opts *o)
{
	const char *home = getenv("HOME");
	struct diag d = { 0 };
	struct rules_query q;
	int r;

	if (o->policy && o->profile) {
		cmd_error("--policy and --profile exclude each other");
		return BAWN_EXIT_USAGE;
	}
	if (!home || home[0] != '/' || !find_dirs(h)) {
		cmd_error("HOME is not set to an absolute path");
		return BAWN_EXIT_TROUBLE;
	}
	r = make_request(h, o);
	if (r != BAWN_EXIT_OK)
		return r;
	h->root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	r = h->root_fd == -1 ? neg_errno() : host_init(&h->host, h->root_fd);
	if (r == 0)
		r = loop_new(&h->loop, NULL);
	if (r == 0)
		r = plan_locate(&h->arena, &h->host, h->request.cwd,
				h->request.env[OPEN_HOME], &h->cwd, &h->project,
				&d);
	if (r != 0)
		return result("bawn policy", r, &d);
	q = (struct rules_query){ .host = &h->host,
				  .request = &h->request,
				  .home = h->request.env[OPEN_HOME],
				  .project = h->project,
				  .state_dir = h->state_dir };
	r = rules_get(&h->rules, &q, &h->entry, &d);
	return result("bawn policy", r, &d);
}

int policy_here_new(struct policy_here **ret, const struct policy_opts *o)
{
	struct policy_here *h = calloc(1, sizeof(*h));

	*ret = h;
	if (!h)
		return policy_trouble("bawn policy", -ENOMEM);
	h->root_fd = -1;
	arena_init(&h->arena, HERE_ARENA);
	return begin(h, o);
}

void policy_here_free(struct policy_here *h)
{
	if (!h)
		return;
	if (h->preset.loop)
		preset_done(&h->preset);
	rules_unref(h->entry);
	rules_done(&h->rules);
	host_done(&h->host);
	loop_free(h->loop);
	if (h->root_fd != -1)
		(void)close(h->root_fd);
	arena_done(&h->arena);
	free(h);
}

static void on_preset(void *owner)
{
	struct policy_here *h = owner;

	loop_stop(h->loop, 0);
}

static int ask_registries(struct policy_here *h)
{
	preset_init(&h->preset, h->loop, h->state_dir, h->libexec_dir,
		    on_preset, h);
	if (!h->entry->has_preset || preset_ready(&h->preset, &h->request))
		return 0;
	return loop_run(h->loop);
}

int policy_here_compile(struct policy_here *h)
{
	const struct git_hosts_query query = {
		.host = &h->host,
		.home = h->request.env[OPEN_HOME],
		.xdg_config_home = h->request.env[OPEN_XDG_CONFIG_HOME],
		.cwd = h->request.cwd,
		.state_dir = h->state_dir,
	};
	struct git_hosts *git = NULL;
	struct diag d = { 0 };
	int r = ask_registries(h);

	if (r == 0 && h->entry->has_git_hosts) {
		git = arena_alloc(&h->arena, sizeof(*git));
		r = git ? git_hosts_read(&h->arena, &query, git) : -ENOMEM;
	}
	if (r == 0)
		r = rules_compile(h->entry, &h->preset, git, &d);
	return result("bawn policy", r, &d);
}

int policy_here_plan(struct policy_here *h)
{
	struct plan_input in = {
		.rules = h->entry,
		.project = h->project,
		.request = &h->request,
		.session = "why",
		.state_dir = h->state_dir,
		.runtime_dir = h->runtime_dir,
		.host = &h->host,
		.uid = getuid(),
		.gid = getgid(),
		.plan_only = true,
		.trace = &h->trace,
	};
	struct diag d = { 0 };
	int r = policy_here_compile(h);

	if (r != BAWN_EXIT_OK)
		return r;
	r = plan_build(&h->arena, &in, &h->plan, &h->notices, &d);
	return result("bawn policy", r, &d);
}
