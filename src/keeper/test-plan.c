/* SPDX-License-Identifier: Apache-2.0 */
/* Plans of made-up machines: a tree in a temporary directory is the root. */
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "base/path.h"
#include "base/test.h"
#include "keeper/home.h"
#include "keeper/plan-build.h"

#define TREE_PATH 400

static char top[64]; /* of this program's files */
static unsigned n_machines;

struct machine {
	char root[128], state[160], policy[160];
	struct host host;
	int root_fd;
	struct rules rules;
	struct rules_entry *entry;
	struct arena arena;
	struct open_request q;
	struct plan plan;
	struct plan_notices notices;
	struct diag why;
	bool write;
};

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	printf("Bail out! %s: %s\n", what, strerror(errno));
	exit(1);
}

static void put(const char *root, const char *path, const char *text)
{
	char full[TREE_PATH], *slash;
	int fd;

	(void)snprintf(full, sizeof(full), "%s%s", root, path);
	slash = strrchr(full, '/');
	*slash = '\0';
	must(dir_make(full, 0755) == 0, full);
	*slash = '/';
	fd = open(full, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	must(fd != -1 && fd_write_full(fd, text, strlen(text)) == 0, full);
	(void)close(fd);
}

static void put_dir(const char *root, const char *path)
{
	char full[TREE_PATH];

	(void)snprintf(full, sizeof(full), "%s%s", root, path);
	must(dir_make(full, 0755) == 0, full);
}

static void put_link(const char *root, const char *path, const char *target)
{
	char full[TREE_PATH];

	(void)snprintf(full, sizeof(full), "%s%s", root, path);
	must(symlink(target, full) == 0, full);
}

/* A machine as Debian lays it out, a user /home/u and a project in it. */
static void machine_init(struct machine *m)
{
	*m = (struct machine){ .why = { 0 } };
	(void)snprintf(m->root, sizeof(m->root), "%s/%u", top, n_machines++);
	(void)snprintf(m->state, sizeof(m->state), "%s.state", m->root);
	(void)snprintf(m->policy, sizeof(m->policy), "%s.yaml", m->root);
	must(dir_make(m->root, 0755) == 0 && dir_make_private(m->state) == 0,
	     "machine");
	put_dir(m->root, "/usr/bin");
	put_dir(m->root, "/usr/lib");
	put_dir(m->root, "/opt");
	put_link(m->root, "/bin", "usr/bin");
	put_link(m->root, "/lib", "/usr/lib");
	put(m->root, "/etc/passwd", "root:x:0:0::/:/bin/sh\n");
	put(m->root, "/etc/hosts", "127.0.0.1 localhost\n");
	put_link(m->root, "/etc/resolv.conf", "../run/dns/stub.conf");
	put_dir(m->root, "/home/u/proj");
	m->root_fd = open(m->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	must(m->root_fd != -1 && host_init(&m->host, m->root_fd) == 0, "root");
	arena_init(&m->arena, (size_t)64 * 1024 * 1024);
	m->q.cwd = STR("/home/u/proj");
	m->q.argv[0] = STR("tool");
	m->q.n_argv = 1;
	m->q.argc = 1;
	m->q.env[OPEN_HOME] = STR("/home/u");
	m->q.env[OPEN_PATH] = STR("/usr/bin:/bin");
	m->q.env[OPEN_USER] = STR("u");
}

static void machine_done(struct machine *m)
{
	rules_unref(m->entry);
	rules_done(&m->rules);
	host_done(&m->host);
	(void)close(m->root_fd);
	arena_done(&m->arena);
}

static int build(struct machine *m, const char *policy)
{
	static const struct preset none = PRESET_NULL;
	char *cwd = NULL, *project = NULL;
	struct rules_query query;
	struct plan_input in;
	int r;

	rules_unref(m->entry);
	m->entry = NULL;
	(void)unlink(m->policy);
	put("", m->policy, policy);
	m->q.policy = str_of(m->policy);
	m->why = (struct diag){ 0 };
	r = plan_locate(&m->arena, &m->host, m->q.cwd, m->q.env[OPEN_HOME],
			&cwd, &project, &m->why);
	if (r != 0)
		return r;
	query = (struct rules_query){ .host = &m->host,
				      .request = &m->q,
				      .home = m->q.env[OPEN_HOME],
				      .project = project,
				      .state_dir = m->state };
	must(rules_get(&m->rules, &query, &m->entry, &m->why) == 0 &&
		     rules_compile(m->entry, &none, NULL, &m->why) == 0,
	     m->why.text);
	in = (struct plan_input){
		.rules = m->entry,
		.project = project,
		.request = &m->q,
		.session = "0",
		.state_dir = m->state,
		.runtime_dir = m->state,
		.host = &m->host,
		.uid = 1000,
		.gid = 1000,
		.plan_only = !m->write,
	};
	m->notices.n = 0;
	m->why = (struct diag){ 0 };
	return plan_build(&m->arena, &in, &m->plan, &m->notices, &m->why);
}

static const struct plan_mount *find(const struct machine *m, const char *dst)
{
	for (size_t i = 0; i < m->plan.n_mounts; i++) {
		if (strcmp(m->plan.mounts[i].dst, dst) == 0)
			return &m->plan.mounts[i];
	}
	return NULL;
}

enum seen {
	NOT,
	READ,
	WRITE
};

/* How the host's @path is bound at its own place, if it is. */
static enum seen bound(const struct machine *m, const char *path)
{
	const struct plan_mount *p = find(m, path);

	if (!p || p->op != PLAN_BIND || strcmp(p->src, p->dst) != 0)
		return NOT;
	return p->writable ? WRITE : READ;
}

static struct str env_of(const struct machine *m, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < m->plan.n_env_set; i++) {
		const char *e = m->plan.env_set[i];

		if (strncmp(e, name, len) == 0 && e[len] == '=')
			return str_of(e + len + 1);
	}
	return STR("");
}

static bool hides(const struct machine *m, const char *glob)
{
	for (size_t i = 0; i < m->plan.n_hide; i++) {
		if (strcmp(m->plan.hide[i], glob) == 0)
			return true;
	}
	return false;
}

/* ---- */

static void defaults(void)
{
	struct machine m;

	machine_init(&m);
	CHECK_EQ(build(&m, "version: 1\n"), 0);
	CHECK_EQ(bound(&m, "/usr"), READ);
	CHECK_EQ(bound(&m, "/etc"), READ);
	CHECK_EQ(bound(&m, "/home/u/proj"), WRITE);
	CHECK_EQ(find(&m, "/bin") && find(&m, "/bin")->op == PLAN_SYMLINK, 1);
	CHECK_EQ(find(&m, "/usr/bin") != NULL, 0);
	CHECK_EQ(find(&m, "/home/u") &&
			 strcmp(find(&m, "/home/u")->src, "/home/u") != 0,
		 1);
	/* a link into a place of ours is followed there */
	CHECK_EQ(find(&m, "/run/dns/stub.conf") != NULL, 1);
	CHECK_EQ(find(&m, "/etc/resolv.conf") != NULL, 0);
	/* nothing to cover, nothing to see */
	CHECK_EQ(find(&m, "/etc/group") != NULL, 0);
	CHECK_EQ(find(&m, "/etc/passwd") != NULL, 1);
	CHECK_EQ(hides(&m, "/home/u/proj/**/.env"), 1);
	CHECK_STR(env_of(&m, "HOME"), STR("/home/u"));
	CHECK_STR(env_of(&m, "USER"), STR("u"));
	CHECK_STR(env_of(&m, "PATH"), STR("/usr/bin:/bin:/home/u/.bawn/bin"));
	CHECK_EQ(m.notices.n, 0);
	CHECK_EQ(m.plan.host_uid, 1000);
	machine_done(&m);
}

static void order(void)
{
	struct machine m;

	machine_init(&m);
	put_dir(m.root, "/home/u/proj-old");
	CHECK_EQ(build(&m, "version: 1\nfiles: {read: [/usr, ~/proj-old, "
			   "/usr/lib], write: [., /usr/lib]}\n"),
		 0);
	for (size_t i = 0; i < m.plan.n_mounts; i++) {
		for (size_t j = 0; j < i; j++) {
			struct str up = str_of(m.plan.mounts[i].dst);
			struct str down = str_of(m.plan.mounts[j].dst);

			CHECK_EQ(path_is_below(down, up), 0);
		}
	}
	CHECK_EQ(bound(&m, "/usr/lib"), WRITE);
	machine_done(&m);
}

static void projects(void)
{
	static const struct {
		const char *cwd;
		int want;
		const char *project;
	} rows[] = {
		{ "/home/u/proj", 0, "/home/u/proj" },
		{ "/home/u/repo/src/deep", 0, "/home/u/repo" },
		{ "/home/u/repo", 0, "/home/u/repo" },
		/* nobody stands in a link: it was put there meanwhile */
		{ "/srv/link/src", 1, NULL },
		{ "/data/x", 0, "/data/x" },
		{ "/home/u", 1, NULL },
		{ "/home", 1, NULL },
		{ "/", 1, NULL },
		{ "/home/u/none", 1, NULL },
		{ "/etc/passwd", 1, NULL },
	};
	struct machine m;

	machine_init(&m);
	put_dir(m.root, "/home/u/repo/.git");
	put_dir(m.root, "/home/u/repo/src/deep");
	put_dir(m.root, "/home/u/.git"); /* dotfiles are not the project */
	put_dir(m.root, "/data/x");
	put_dir(m.root, "/srv");
	put_link(m.root, "/srv/link", "../home/u/repo");
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		m.q.cwd = str_of(rows[i].cwd);
		CHECK_EQ(build(&m, "version: 1\n"), rows[i].want);
		if (rows[i].want == 0)
			CHECK_STR(str_of(m.plan.project),
				  str_of(rows[i].project));
		else
			CHECK_EQ(m.why.text[0] != '\0', 1);
	}
	machine_done(&m);
}

static void policy_paths(void)
{
	struct machine m;

	machine_init(&m);
	put_dir(m.root, "/mnt/disk/data");
	put_link(m.root, "/data", "/mnt/disk/data");
	put_dir(m.root, "/home/u/ref");
	put_link(m.root, "/home/u/reflink", "ref");
	CHECK_EQ(build(&m, "version: 1\nfiles:\n"
			   "  read: [/usr, /data, ~/reflink, /none]\n"
			   "  write: [.]\n  hide: [~/.ssh, '**/*.key']\n"),
		 0);
	CHECK_EQ(bound(&m, "/mnt/disk/data"), READ);
	CHECK_EQ(find(&m, "/data") && find(&m, "/data")->op == PLAN_SYMLINK, 1);
	CHECK_EQ(bound(&m, "/home/u/ref"), READ);
	CHECK_EQ(bound(&m, "/etc"), NOT);
	CHECK_EQ(find(&m, "/etc/resolv.conf") != NULL, 1);
	CHECK_EQ(hides(&m, "/home/u/.ssh"), 1);
	CHECK_EQ(hides(&m, "/home/u/proj/**/*.key"), 1);
	CHECK_EQ(m.notices.n, 1);
	CHECK_EQ(strstr(m.notices.text[0], ":3: /none") != NULL, 1);
	/* nothing shows the project */
	CHECK_EQ(build(&m, "version: 1\nfiles: {read: [/usr]}\n"), 1);
	/* it can be read only */
	CHECK_EQ(build(&m, "version: 1\nfiles: {read: [., /usr]}\n"), 0);
	CHECK_EQ(bound(&m, "/home/u/proj"), READ);
	/* the home as a whole is private */
	CHECK_EQ(build(&m, "version: 1\nfiles: {read: [~], write: [.]}\n"), 1);
	CHECK_EQ(build(&m, "version: 1\nfiles: {read: [/], write: [.]}\n"), 1);
	machine_done(&m);
}

/* What is bound at @path, however; by @policy. */
static enum seen seen_by(struct machine *m, const char *policy,
			 const char *path)
{
	CHECK_EQ(build(m, policy), 0);
	return bound(m, path);
}

/* A link that a session could have made is not followed. */
static void planted_links(void)
{
	static const char direct[] = "version: 1\nfiles: {read: [/usr, "
				     "~/tools/x], write: [.]}\n";
	static const struct {
		const char *policy;
		bool notice;
	} refused[] = {
		{ "version: 1\nfiles: {write: [., ./out]}\n", true },
		{ "version: 1\nfiles: {write: [./out, .]}\n", true },
		{ "version: 1\nfiles: {read: [/usr, ./out], write: [.]}\n",
		  true },
		{ "version: 1\nfiles: {read: [/usr, ./sub/up], "
		  "write: [.]}\n",
		  true },
		/* by way of one that is the user's */
		{ "version: 1\nfiles: {read: [/usr, ~/mine], write: [.]}\n",
		  true },
		{ "version: 1\n", false },
	};
	struct machine m;

	machine_init(&m);
	put_dir(m.root, "/home/u/.config/gh");
	put(m.root, "/home/u/.config/gh/hosts", "token\n");
	put_link(m.root, "/home/u/proj/out", "/home/u/.config/gh");
	put_dir(m.root, "/home/u/proj/sub");
	put_link(m.root, "/home/u/proj/sub/up", "../../.config/gh");
	put_link(m.root, "/home/u/mine", "proj/out");
	put_dir(m.root, "/home/u/proj/.venv");
	put_link(m.root, "/home/u/proj/.venv/bin", "/home/u/.config/gh");
	m.q.env[OPEN_PATH] = STR("/home/u/proj/.venv/bin:/usr/bin");
	for (size_t i = 0; i < N_ELEMS(refused); i++) {
		CHECK_EQ(seen_by(&m, refused[i].policy, "/home/u/.config/gh"),
			 NOT);
		CHECK_EQ(bound(&m, "/home/u/proj"), WRITE);
		CHECK_EQ(m.notices.n, refused[i].notice);
	}
	CHECK_STR(env_of(&m, "PATH"), STR("/usr/bin:/home/u/.bawn/bin"));
	/* A link of the user's own leads on. */
	put_dir(m.root, "/home/u/data/x");
	put_link(m.root, "/home/u/tools", "data");
	CHECK_EQ(seen_by(&m, direct, "/home/u/data/x"), READ);
	machine_done(&m);
}

/* What is writable by its own name is not made read-only. */
static void unlocked(void)
{
	struct machine m;

	machine_init(&m);
	put_dir(m.root, "/home/u/proj/.git/hooks");
	put_link(m.root, "/home/u/proj/link", ".git/hooks");
	CHECK_EQ(build(&m, "version: 1\n"), 0);
	CHECK_EQ(m.plan.n_unlocked, 1);
	CHECK_EQ(build(&m, "version: 1\nfiles: {write: [., ./link]}\n"), 0);
	CHECK_EQ(m.plan.n_unlocked, 1);
	CHECK_STR(str_of(m.plan.unlocked[0]), STR("/home/u/proj"));
	CHECK_EQ(build(&m, "version: 1\nfiles: {write: [., .git/hooks]}\n"), 0);
	CHECK_EQ(m.plan.n_unlocked, 2);
	if (m.plan.n_unlocked == 2)
		CHECK_STR(str_of(m.plan.unlocked[1]),
			  STR("/home/u/proj/.git/hooks"));
	machine_done(&m);
}

/* A command in the project that is a link to somewhere. */
static void planted_command(void)
{
	struct machine m;

	machine_init(&m);
	put(m.root, "/home/u/.config/gh/tool", "token\n");
	put_dir(m.root, "/home/u/proj/bin");
	put_link(m.root, "/home/u/proj/bin/tool", "../../.config/gh/tool");
	m.q.env[OPEN_PATH] = STR("/home/u/proj/bin:/usr/bin");
	CHECK_EQ(seen_by(&m, "version: 1\n", "/home/u/.config/gh"), NOT);
	CHECK_EQ(m.notices.n, 1);
	CHECK_EQ(strstr(m.notices.text[0], "/home/u/proj/bin/tool") != NULL, 1);
	machine_done(&m);
}

/* Another project's sessions can have written, if it had any. */
static void planted_elsewhere(void)
{
	static const char policy[] =
		"version: 1\nfiles: {read: [/usr, ~/other/sub/data], "
		"write: [.]}\n";
	struct machine m;

	machine_init(&m);
	put_dir(m.root, "/home/u/.config/gh");
	put_dir(m.root, "/home/u/other/sub");
	put_link(m.root, "/home/u/other/sub/data", "../../.config/gh");
	CHECK_EQ(seen_by(&m, policy, "/home/u/.config/gh"), READ);
	m.write = true;
	m.q.cwd = STR("/home/u/other");
	CHECK_EQ(build(&m, "version: 1\n"), 0);
	m.write = false;
	m.q.cwd = STR("/home/u/proj");
	CHECK_EQ(seen_by(&m, policy, "/home/u/.config/gh"), NOT);
	CHECK_EQ(m.notices.n, 1);
	machine_done(&m);
}

static void own_files(void)
{
	struct machine m;

	machine_init(&m);
	/* Where the state directory is on the real machine, is here too. */
	put_dir(m.root, m.state);
	put_dir(m.root, "/tmp");
	m.q.cwd = str_of(m.state);
	CHECK_EQ(build(&m, "version: 1\n"), 1);
	m.q.cwd = str_of(top);
	CHECK_EQ(build(&m, "version: 1\n"), 1);
	m.q.cwd = STR("/home/u/proj");
	{
		char text[400];

		(void)snprintf(text, sizeof(text),
			       "version: 1\nfiles: {read: [%s], write: [.]}\n",
			       top);
		CHECK_EQ(build(&m, text), 0);
		CHECK_EQ(hides(&m, m.state), 1);
		(void)snprintf(text, sizeof(text),
			       "version: 1\nfiles: {write: [., %s]}\n", top);
		CHECK_EQ(build(&m, text), 1);
	}
	machine_done(&m);
}

static void toolchains(void)
{
	struct machine m;

	machine_init(&m);
	put(m.root, "/home/u/.nvm/versions/node/v1/etc/npmrc", "token\n");
	put(m.root, "/home/u/.nvm/versions/node/v1/bin/node", "");
	put(m.root, "/home/u/.cargo/bin/cargo", "");
	put(m.root, "/home/u/.cargo/credentials.toml", "token");
	put(m.root, "/home/u/.ssh/bin/x", "");
	put(m.root, "/home/u/tools/bin/x", "");
	put(m.root, "/home/u/scripts/x", "");
	put(m.root, "/srv/pkg/lib/node_modules/a/cli.js", "");
	put_dir(m.root, "/srv/other/bin");
	put_link(m.root, "/usr/bin/tool", "/srv/pkg/lib/node_modules/a/cli.js");
	m.q.env[OPEN_PATH] =
		STR("/home/u/.nvm/versions/node/v1/bin:/home/u/.ssh/bin:"
		    "/home/u/tools/bin:/home/u/scripts:relative::/none/bin:"
		    "/srv/other/bin:/srv:/usr/bin:/usr/bin");
	CHECK_EQ(build(&m, "version: 1\n"), 0);
	CHECK_EQ(bound(&m, "/home/u/.nvm"), READ);
	CHECK_EQ(hides(&m, "/home/u/.nvm/versions/node/v1/etc/npmrc"), 1);
	CHECK_STR(env_of(&m, "NVM_DIR"), STR("/home/u/.nvm"));
	CHECK_EQ(bound(&m, "/home/u/.cargo/bin"), READ);
	CHECK_EQ(bound(&m, "/home/u/.cargo"), NOT);
	CHECK_EQ(bound(&m, "/home/u/tools/bin"), READ);
	CHECK_EQ(bound(&m, "/home/u/.ssh/bin"), NOT);
	CHECK_EQ(bound(&m, "/home/u/scripts"), NOT);
	CHECK_EQ(bound(&m, "/srv"), NOT);
	CHECK_EQ(bound(&m, "/srv/pkg/lib/node_modules"), READ);
	CHECK_STR(env_of(&m, "PATH"),
		  STR("/home/u/.nvm/versions/node/v1/bin:/home/u/tools/bin:"
		      "/srv/other/bin:/usr/bin:/home/u/.bawn/bin"));
	/* Only what is named, when something is. */
	CHECK_EQ(build(&m, "version: 1\nfiles: {read: [/usr], write: [.]}\n"),
		 0);
	CHECK_EQ(bound(&m, "/home/u/.nvm"), NOT);
	CHECK_EQ(bound(&m, "/srv/other/bin"), NOT);
	CHECK_EQ(m.notices.n, 1);
	CHECK_EQ(strstr(m.notices.text[0], "add /srv/pkg/lib/node_modules") !=
			 NULL,
		 1);
	m.q.argv[0] = STR("node");
	CHECK_EQ(build(&m, "version: 1\nfiles: {read: [/usr], write: [.]}\n"),
		 0);
	CHECK_EQ(m.notices.n, 1);
	CHECK_EQ(strstr(m.notices.text[0], "add /home/u/.nvm") != NULL, 1);
	CHECK_STR(env_of(&m, "PATH"), STR("/usr/bin"));
	machine_done(&m);
}

static void client_urls(void)
{
	struct machine m;

	machine_init(&m);
	put(m.root, "/home/u/.npmrc",
	    "registry=https://u:p@r.test/\n//r.test/:_authToken=x\n");
	put(m.root, "/home/u/.config/pip/pip.conf",
	    "[global]\nindex-url=https://i.test/\ncert=/srv/ca.pem\n");
	put(m.root, "/srv/ca.pem", "");
	m.q.env[OPEN_GOPROXY] = STR("https://g.test");
	CHECK_EQ(build(&m, "version: 1\nenv: {set: {PIP_INDEX_URL: mine}}\n"),
		 0);
	CHECK_STR(env_of(&m, "npm_config_registry"), STR("https://r.test/"));
	CHECK_STR(env_of(&m, "PIP_INDEX_URL"), STR("mine"));
	CHECK_STR(env_of(&m, "PIP_CERT"), STR("/srv/ca.pem"));
	CHECK_EQ(bound(&m, "/srv/ca.pem"), READ);
	CHECK_STR(env_of(&m, "GOPROXY"), STR("https://g.test"));
	/* Node's headers are shown where a tool's directory would be. */
	put_dir(m.root, "/srv/node/include");
	put(m.root, "/home/u/.npmrc", "nodedir=/srv/node\n");
	CHECK_EQ(build(&m, "version: 1\n"), 0);
	CHECK_STR(env_of(&m, "npm_config_nodedir"), STR("/srv/node"));
	CHECK_EQ(bound(&m, "/srv/node"), READ);
	put(m.root, "/home/u/.npmrc", "nodedir=/home/u/.ssh\n");
	put_dir(m.root, "/home/u/.ssh");
	CHECK_EQ(build(&m, "version: 1\n"), 0);
	CHECK_STR(env_of(&m, "npm_config_nodedir"), STR(""));
	CHECK_EQ(bound(&m, "/home/u/.ssh"), NOT);
	machine_done(&m);
}

static void git_dir(const char *root, const char *path)
{
	char part[TREE_PATH];

	(void)snprintf(part, sizeof(part), "%s/HEAD", path);
	put(root, part, "ref: refs/heads/main\n");
	(void)snprintf(part, sizeof(part), "%s/objects", path);
	put_dir(root, part);
	(void)snprintf(part, sizeof(part), "%s/refs", path);
	put_dir(root, part);
}

static void worktrees(void)
{
	struct machine m;

	machine_init(&m);
	git_dir(m.root, "/home/u/main/.git");
	put(m.root, "/home/u/main/.git/worktrees/w/gitdir",
	    "/home/u/proj/.git\n");
	put(m.root, "/home/u/main/.git/worktrees/w/commondir", "../..\n");
	put(m.root, "/home/u/proj/.git",
	    "gitdir: /home/u/main/.git/worktrees/w\n");
	CHECK_EQ(build(&m, "version: 1\n"), 0);
	CHECK_EQ(bound(&m, "/home/u/main/.git"), WRITE);
	CHECK_EQ(m.notices.n, 0);
	/* It is another worktree's. */
	put(m.root, "/home/u/main/.git/worktrees/w/gitdir",
	    "/home/u/other/.git\n");
	put(m.root, "/home/u/other/.git", "");
	CHECK_EQ(build(&m, "version: 1\n"), 0);
	CHECK_EQ(bound(&m, "/home/u/main/.git"), NOT);
	CHECK_EQ(m.notices.n, 1);
	/* A repository's own directory, which names nobody. */
	put(m.root, "/home/u/proj/.git", "gitdir: /home/u/main/.git\n");
	CHECK_EQ(build(&m, "version: 1\n"), 0);
	CHECK_EQ(bound(&m, "/home/u/main/.git"), NOT);
	/* The common directory it claims is not its parent. */
	put(m.root, "/home/u/main/.git/worktrees/w/gitdir",
	    "/home/u/proj/.git\n");
	put(m.root, "/home/u/main/.git/worktrees/w/commondir",
	    "/home/u/secret/.git\n");
	git_dir(m.root, "/home/u/secret/.git");
	put(m.root, "/home/u/proj/.git",
	    "gitdir: /home/u/main/.git/worktrees/w\n");
	CHECK_EQ(build(&m, "version: 1\n"), 0);
	CHECK_EQ(bound(&m, "/home/u/secret/.git"), NOT);
	CHECK_EQ(bound(&m, "/home/u/main/.git"), NOT);
	machine_done(&m);
}

static void submodules(void)
{
	struct machine m;

	machine_init(&m);
	git_dir(m.root, "/home/u/super/.git/modules/s");
	put_dir(m.root, "/home/u/super/s");
	put(m.root, "/home/u/super/.git/modules/s/config",
	    "[core]\n\tworktree = ../../../s\n");
	put(m.root, "/home/u/super/s/.git", "gitdir: ../.git/modules/s\n");
	m.q.cwd = STR("/home/u/super/s");
	CHECK_EQ(build(&m, "version: 1\n"), 0);
	CHECK_EQ(bound(&m, "/home/u/super/.git/modules/s"), WRITE);
	put(m.root, "/home/u/super/.git/modules/s/config",
	    "[core]\n\tworktree = ../../../t\n");
	CHECK_EQ(build(&m, "version: 1\n"), 0);
	CHECK_EQ(bound(&m, "/home/u/super/.git/modules/s"), NOT);
	machine_done(&m);
}

static void authorities(void)
{
	struct machine m;

	machine_init(&m);
	put(m.root, "/etc/ssl/certs/ca-certificates.crt", "old\n");
	put(m.root, "/srv/ca.pem", "-----BEGIN CERTIFICATE-----\nx\n");
	put(m.root, "/srv/no.pem", "no certificate\n");
	CHECK_EQ(build(&m, "version: 1\nnetwork: {ca: [/srv/ca.pem]}\n"), 0);
	CHECK_EQ(find(&m, "/etc/ssl/certs/ca-certificates.crt") != NULL, 1);
	CHECK_EQ(find(&m, "/run/bawn/ca-certificates.crt") != NULL, 1);
	CHECK_STR(env_of(&m, "NODE_EXTRA_CA_CERTS"),
		  STR("/run/bawn/ca-certificates.crt"));
	CHECK_EQ(build(&m, "version: 1\nnetwork: {ca: [/srv/no.pem]}\n"), 1);
	CHECK_EQ(build(&m, "version: 1\nnetwork: {ca: [/srv/none.pem]}\n"), 1);
	CHECK_EQ(strstr(m.why.text, "/srv/none.pem") != NULL, 1);
	machine_done(&m);
}

static void private_home(void)
{
	char name[HOME_NAME_MAX], path[TREE_PATH];
	struct machine m;
	struct stat st;

	machine_init(&m);
	m.write = true;
	put(m.root, "/home/u/.gitconfig",
	    "[user]\nname=T\n[credential]\nhelper=x\n");
	put(m.root, "/home/u/.ssh/known_hosts",
	    "h.test ssh-ed25519 AAAA\nbroken\n");
	put(m.root, "/home/u/.cargo/bin/x", "");
	put_dir(m.root, "/home/u/.local/lib/python3.9/site-packages");
	/* Ids of the host that is not root's are those of this test. */
	CHECK_EQ(build(&m, "version: 1\n"), 0);
	CHECK_EQ(home_name("/home/u/proj", name), 0);
	CHECK_EQ(strncmp(name, "proj-", 5), 0);
	(void)snprintf(path, sizeof(path), "%s/homes/%s/home/proj", m.state,
		       name);
	CHECK_EQ(stat(path, &st) == 0 && S_ISDIR(st.st_mode), 1);
	/* Where tools are installed from within, and what python sees there. */
	CHECK_STR(env_of(&m, "GOBIN"), STR("/home/u/.bawn/bin"));
	(void)snprintf(path, sizeof(path),
		       "%s/homes/%s/home/.bawn/lib/python3.9/site-packages/"
		       "bawn-home.pth",
		       m.state, name);
	CHECK_EQ(stat(path, &st) == 0 && S_ISREG(st.st_mode), 1);
	(void)snprintf(path, sizeof(path), "%s/homes/%s/home/.cargo/bin",
		       m.state, name);
	CHECK_EQ(stat(path, &st) == 0 && S_ISDIR(st.st_mode), 1);
	(void)snprintf(path, sizeof(path), "%s/homes/%s/home/.gitconfig",
		       m.state, name);
	{
		AUTO(buf) struct buf b = BUF_NULL;

		buf_init(&b, 1000);
		CHECK_EQ(file_load(AT_FDCWD, path, &b), 0);
		CHECK_EQ(str_eq(buf_str(&b), STR("[user]\n\tname = \"T\"\n")),
			 1);
	}
	machine_done(&m);
}

/* What an earlier session could have left in the private home. */
static void included_identity(void)
{
	AUTO(buf) struct buf b = BUF_NULL;
	char name[HOME_NAME_MAX], path[TREE_PATH];
	struct machine m;

	machine_init(&m);
	m.write = true;
	buf_init(&b, 65536);
	put(m.root, "/home/u/.gitconfig",
	    "[user]\nname=T\nemail=own@x\n"
	    "[includeIf \"gitdir:~/proj/\"]\npath=.git-work\n"
	    "[includeIf \"gitdir:/srv/\"]\npath=.git-srv\n"
	    "[includeIf \"gitdir/i:PROJ/\"]\npath=~/.git-fold\n"
	    "[includeIf \"onbranch:main\"]\npath=.git-srv\n"
	    "[include]\npath=proj/planted\n[include]\npath=none\n");
	put(m.root, "/home/u/.git-work",
	    "[user]\nemail=work@x\n[core]\npager=evil\n"
	    "[include]\npath=.git-work\n");
	put(m.root, "/home/u/.git-srv", "[user]\nemail=srv@x\n");
	put(m.root, "/home/u/.git-fold", "[init]\ndefaultbranch=fold\n");
	put(m.root, "/home/u/proj/planted", "[user]\nemail=planted@x\n");
	CHECK_EQ(build(&m, "version: 1\n"), 0);
	CHECK_EQ(home_name("/home/u/proj", name), 0);
	(void)snprintf(path, sizeof(path), "%s/homes/%s/home/.gitconfig",
		       m.state, name);
	CHECK_EQ(file_load(AT_FDCWD, path, &b), 0);
	CHECK_EQ(memmem(b.ptr, b.len, "own@x", 5) != NULL, 1);
	CHECK_EQ(memmem(b.ptr, b.len, "work@x", 6) != NULL, 1);
	CHECK_EQ(memmem(b.ptr, b.len, "fold", 4) != NULL, 1);
	CHECK_EQ(memmem(b.ptr, b.len, "srv@x", 5) != NULL, 0);
	CHECK_EQ(memmem(b.ptr, b.len, "planted", 7) != NULL, 0);
	CHECK_EQ(memmem(b.ptr, b.len, "evil", 4) != NULL, 0);
	CHECK_EQ(memmem(b.ptr, b.len, "clude", 5) != NULL, 0);
	machine_done(&m);
}

static void hostile_home(void)
{
	char name[HOME_NAME_MAX], home[TREE_PATH], path[TREE_PATH + 40];
	char outside[TREE_PATH], inside[TREE_PATH + 40];
	struct machine m;
	struct stat st;

	machine_init(&m);
	m.write = true;
	CHECK_EQ(build(&m, "version: 1\n"), 0);
	CHECK_EQ(home_name("/home/u/proj", name), 0);
	(void)snprintf(home, sizeof(home), "%s/homes/%s/home", m.state, name);
	(void)snprintf(outside, sizeof(outside), "%s.outside", m.root);
	must(mkdir(outside, 0755) == 0, outside);
	/* Links where we are going to write. */
	(void)snprintf(path, sizeof(path), "%s/.ssh", home);
	must(symlink(outside, path) == 0, path);
	(void)snprintf(path, sizeof(path), "%s/.gitconfig", home);
	(void)snprintf(inside, sizeof(inside), "%s/victim", outside);
	must(symlink(inside, path) == 0, path);
	(void)snprintf(path, sizeof(path), "%s/.cargo", home);
	must(symlink(outside, path) == 0, path);
	put(m.root, "/home/u/.gitconfig", "[user]\nname=T\n");
	put(m.root, "/home/u/.ssh/known_hosts", "h.test ssh-rsa AAAA\n");
	put(m.root, "/home/u/.cargo/bin/x", "");
	CHECK_EQ(build(&m, "version: 1\n"), 0);
	CHECK_EQ(stat(inside, &st), -1);
	(void)snprintf(path, sizeof(path), "%s/known_hosts", outside);
	CHECK_EQ(stat(path, &st), -1);
	(void)snprintf(path, sizeof(path), "%s/bin", outside);
	CHECK_EQ(stat(path, &st), -1);
	/* A tool that cannot be shown is left out, */
	CHECK_EQ(bound(&m, "/home/u/.cargo/bin"), NOT);
	/* a project that cannot is refused. */
	(void)snprintf(path, sizeof(path), "%s/proj", home);
	must(rmdir(path) == 0 && symlink(outside, path) == 0, path);
	CHECK_EQ(build(&m, "version: 1\n"), 1);
	CHECK_EQ(strstr(m.why.text, "/home/u/proj") != NULL, 1);
	machine_done(&m);
}

/* A socket of the machine's user at @path; -> its descriptor. */
static int put_socket(const char *root, const char *path)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	must(snprintf(sa.sun_path, sizeof(sa.sun_path), "%s%s", root, path) <
		     (int)sizeof(sa.sun_path),
	     "path");
	must(bind(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0, "bind");
	must(getuid() != 0 || chown(sa.sun_path, 1000, 1000) == 0, "chown");
	return fd;
}

static struct str file_of(const struct machine *m, const char *path)
{
	const struct plan_mount *p = find(m, path);

	return p && p->op == PLAN_FILE ? (struct str){ p->text, p->text_len }
				       : STR("");
}

#define SIGNING_KEY "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKcxYW=="
#define INCLUDED    "[include]\n\tpath = /etc/gitconfig\n"
#define SIGNS       "[commit]\n\tgpgsign = true\n[user]\n\tsigningkey = "

static void ssh_signing(void)
{
	const char *policy = "version: 1\nnetwork:\n"
			     "  sockets: [$SSH_AUTH_SOCK]\n";
	static const char told[] =
		INCLUDED "[gpg]\n\tformat = \"ssh\"\n[user]\n\t"
			 "signingkey = \"key::" SIGNING_KEY "\"\n"
			 "[commit]\n\tgpgsign = \"true\"\n";
	struct machine m;
	int fd;

	machine_init(&m);
	put_dir(m.root, "/tmp");
	fd = put_socket(m.root, "/tmp/agent");
	m.q.env[OPEN_SSH_AUTH_SOCK] = STR("/tmp/agent");
	put(m.root, "/home/u/.ssh/id.pub", SIGNING_KEY " me\n");
	put(m.root, "/home/u/.gitconfig",
	    "[gpg]\nformat = ssh\n" SIGNS "~/.ssh/id\n");
	/* Nobody could sign: git is told nothing, and commits. */
	CHECK_EQ(build(&m, "version: 1\n"), 0);
	CHECK_STR(file_of(&m, "/run/bawn/gitconfig"), STR(""));
	if (getuid() == 0 || getuid() == 1000) {
		CHECK_EQ(build(&m, policy), 0);
		CHECK_STR(file_of(&m, "/run/bawn/gitconfig"), STR(told));
		CHECK_STR(env_of(&m, "GIT_CONFIG_SYSTEM"),
			  STR("/run/bawn/gitconfig"));
		/* Of a pair only the public half is opened. */
		put(m.root, "/home/u/.ssh/other", SIGNING_KEY "\n");
		put(m.root, "/home/u/.gitconfig",
		    "[gpg]\nformat = ssh\n" SIGNS "~/.ssh/other\n");
		CHECK_EQ(build(&m, policy), 0);
		CHECK_STR(file_of(&m, "/run/bawn/gitconfig"), STR(""));
		CHECK_EQ(m.notices.n, 1);
	}
	(void)close(fd);
	machine_done(&m);
}

static void gpg_signing(void)
{
	const char *policy = "version: 1\nnetwork:\n"
			     "  sockets: [/run/g/S.gpg-agent.extra]\n";
	struct machine m;
	struct stat st;
	char path[TREE_PATH];
	int fd;

	machine_init(&m);
	m.write = true;
	put_dir(m.root, "/run/g");
	fd = put_socket(m.root, "/run/g/S.gpg-agent.extra");
	put(m.root, "/home/u/.gitconfig", SIGNS "me@x\n");
	put(m.root, "/home/u/.gnupg/pubring.kbx", "no keybox");
	if (getuid() == 0 || getuid() == 1000) {
		CHECK_EQ(build(&m, policy), 0);
		CHECK_EQ(find(&m, "/run/g/S.gpg-agent.extra") != NULL, 0);
		CHECK_EQ(find(&m, "/home/u/.gnupg/S.gpg-agent") != NULL, 1);
		CHECK_STR(file_of(&m, "/run/bawn/gitconfig"),
			  STR(INCLUDED "[user]\n\tsigningkey = \"me@x\"\n"
				       "[commit]\n\tgpgsign = \"true\"\n"));
		/* What is no keybox stays outside. */
		CHECK_EQ(m.notices.n, 1);
		(void)snprintf(path, sizeof(path), "%s/.gnupg/pubring.kbx",
			       find(&m, "/home/u")->src);
		CHECK_EQ(stat(path, &st), -1);
		/* Another format is another agent's. */
		put(m.root, "/home/u/.gitconfig",
		    "[gpg]\nformat = x509\n" SIGNS "me@x\n");
		CHECK_EQ(build(&m, policy), 0);
		CHECK_STR(file_of(&m, "/run/bawn/gitconfig"), STR(""));
	}
	(void)close(fd);
	machine_done(&m);
}

static void agent_socket(void)
{
	int fd;
	const char *policy = "version: 1\nnetwork:\n"
			     "  sockets: [$SSH_AUTH_SOCK]\n";
	struct machine m;

	machine_init(&m);
	put_dir(m.root, "/tmp");
	fd = put_socket(m.root, "/tmp/agent");
	m.q.env[OPEN_SSH_AUTH_SOCK] = STR("/tmp/agent");
	CHECK_EQ(build(&m, "version: 1\n"), 0);
	CHECK_EQ(find(&m, "/tmp/agent") != NULL, 0);
	CHECK_STR(env_of(&m, "SSH_AUTH_SOCK"), STR(""));
	if (getuid() == 0 || getuid() == 1000) {
		CHECK_EQ(build(&m, policy), 0);
		CHECK_EQ(find(&m, "/tmp/agent") &&
				 find(&m, "/tmp/agent")->op == PLAN_SOCKET,
			 1);
		CHECK_STR(env_of(&m, "SSH_AUTH_SOCK"), STR("/tmp/agent"));
	}
	m.q.env[OPEN_SSH_AUTH_SOCK] = STR("/tmp/none");
	CHECK_EQ(build(&m, policy), 0);
	CHECK_EQ(m.notices.n, 1);
	m.q.env[OPEN_SSH_AUTH_SOCK] = (struct str){ 0 };
	CHECK_EQ(build(&m, policy), 0);
	CHECK_EQ(m.notices.n, 1);
	(void)close(fd);
	machine_done(&m);
}

static void remove_tree(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		execl("/bin/rm", "rm", "-rf", top, (char *)NULL);
		_exit(1);
	}
	if (pid > 0)
		(void)waitpid(pid, NULL, 0);
}

int main(void)
{
	static const struct test tests[] = {
		{ "the default", defaults },
		{ "parents come first", order },
		{ "projects", projects },
		{ "paths of the policy", policy_paths },
		{ "links that a session could have made", planted_links },
		{ "what is writable by its name is not locked", unlocked },
		{ "a command that is such a link", planted_command },
		{ "such a link in another project", planted_elsewhere },
		{ "bawn's own files", own_files },
		{ "toolchains and PATH", toolchains },
		{ "where clients fetch from", client_urls },
		{ "worktrees", worktrees },
		{ "submodules", submodules },
		{ "authorities", authorities },
		{ "the private home", private_home },
		{ "who commits, from an included file", included_identity },
		{ "a hostile private home", hostile_home },
		{ "the agent's socket", agent_socket },
		{ "commits signed with an ssh key", ssh_signing },
		{ "commits signed with gpg", gpg_signing },
	};
	int r;

	(void)snprintf(top, sizeof(top), "/tmp/bawn-plan-XXXXXX");
	must(mkdtemp(top) != NULL, "mkdtemp");
	r = test_main(tests, N_ELEMS(tests));
	remove_tree();
	return r;
}
