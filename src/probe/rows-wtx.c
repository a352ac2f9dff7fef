/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Write, then execute: files of the project that something outside of the
 * sandbox runs or obeys later.  Each is changed if it is there and created if it
 * is not; a line with the marker is what stays.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "probe/fixtures.h"
#include "probe/rows.h"

#define PATH_SIZE (FIXTURE_LINE_MAX + 128)

struct later {
	const char *path;
	const char *text; /* NULL: a comment; else a line for git's parser */
};

/* mkdir -p of what stands before the last slash. */
static int make_parents(char *path)
{
	for (char *p = strchr(path + 1, '/'); p; p = strchr(p + 1, '/')) {
		bool failed;

		*p = '\0';
		failed = mkdir(path, 0755) == -1 && errno != EEXIST;
		*p = '/';
		if (failed)
			return -1;
	}
	return 0;
}

static int append(const char *path, const char *text, size_t len, int flags)
{
	int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC | flags, 0755);

	return fd == -1 ? -1 : write_all(fd, text, len);
}

/* Another file in its place: what an editor does, and who cannot write. */
static int replace(const char *path, const char *text, size_t len)
{
	char beside[PATH_SIZE + 16];

	(void)snprintf(beside, sizeof(beside), "%s.new", path);
	if (append(beside, text, len, O_CREAT | O_EXCL) == -1)
		return -1;
	if (rename(beside, path) == 0)
		return 0;
	(void)unlink(beside);
	return -1;
}

static void try_later(const struct attempt *a, const struct run *r,
		      struct result *out)
{
	const struct later *l = a->arg;
	const char *project = fixture_text(r->fixtures, FIX_PROJECT);
	char path[PATH_SIZE], text[512], mark[160];
	size_t len;
	int e;

	if (!project) {
		say_untried(out, "no fixture: project");
		return;
	}
	(void)snprintf(path, sizeof(path), "%s/%s", project, l->path);
	(void)marker_line(r, a, mark, sizeof(mark));
	len = (size_t)snprintf(text, sizeof(text), "%s%s", mark,
			       l->text ? l->text : "");
	if (access(path, F_OK) == -1) {
		if (make_parents(path) == 0 &&
		    append(path, text, len, O_CREAT | O_EXCL) == 0)
			say_reachable(out, "created");
		else
			say_refused(out, errno, "not there, not created");
		return;
	}
	if (append(path, text, len, 0) == 0) {
		say_reachable(out, "changed");
		return;
	}
	e = errno;
	if (replace(path, text, len) == 0)
		say_reachable(out, "replaced");
	else
		say_refused(out, e, "there, not changed");
}

/* A repository of its own: whoever enters it runs its hooks. */
static void try_fresh(const struct attempt *a, const struct run *r,
		      struct result *out)
{
	static const struct later files[] = {
		{ "HEAD", NULL },
		{ "config", NULL },
		{ "objects/info/x", NULL },
		{ "refs/heads/x", NULL },
		{ "hooks/post-checkout", NULL },
	};
	const char *project = fixture_text(r->fixtures, FIX_PROJECT);
	char path[PATH_SIZE + 64], mark[160];
	size_t len = marker_line(r, a, mark, sizeof(mark));

	if (!project) {
		say_untried(out, "no fixture: project");
		return;
	}
	for (size_t i = 0; i < N_ELEMS(files); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s/%s", project,
			       (const char *)a->arg, files[i].path);
		if (make_parents(path) == -1 ||
		    append(path, mark, len, O_CREAT) == -1) {
			say_refused(out, errno, "%s", files[i].path);
			return;
		}
	}
	say_reachable(out, "%s", (const char *)a->arg);
}

/* A directory whose content counts, put in place of the one there. */
static void try_swap(const struct attempt *a, const struct run *r,
		     struct result *out)
{
	const char *project = fixture_text(r->fixtures, FIX_PROJECT);
	char path[PATH_SIZE], away[PATH_SIZE];

	if (!project) {
		say_untried(out, "no fixture: project");
		return;
	}
	(void)snprintf(path, sizeof(path), "%s/%s", project,
		       (const char *)a->arg);
	(void)snprintf(away, sizeof(away), "%s/bawn-probe.away", project);
	if (rename(path, away) == -1) {
		say_refused(out, errno, "%s", "");
		return;
	}
	(void)rename(away, path);
	say_reachable(out, "moved away and back");
}

#define LATER(id, what, path)                                  \
	ROW("wtx." id, what, "runs later, outside", try_later, \
	    (&(const struct later){ (path), NULL }))
#define CONFIG(id, what, text)                                      \
	ROW("wtx.git-config-" id, what, "git-config(1)", try_later, \
	    (&(const struct later){ ".git/config", (text) }))

const struct attempt wtx_rows[] = {
	LATER("git-hook", "a hook", ".git/hooks/pre-commit"),
	LATER("git-hook-other", "a hook that was not there",
	      ".git/hooks/post-merge"),
	CONFIG("hooks-path", "hooks from elsewhere",
	       "[core]\n\thooksPath = bawn-probe-hooks\n"),
	CONFIG("fsmonitor", "a program for each status",
	       "[core]\n\tfsmonitor = true\n"),
	CONFIG("ssh-command", "a program for each fetch",
	       "[core]\n\tsshCommand = ssh\n"),
	CONFIG("pager", "a program for each log", "[core]\n\tpager = cat\n"),
	CONFIG("editor", "a program for each commit",
	       "[core]\n\teditor = true\n"),
	CONFIG("filter", "a program for each file",
	       "[filter \"bawn-probe\"]\n\tclean = cat\n"),
	CONFIG("diff", "a program for each difference",
	       "[diff \"bawn-probe\"]\n\ttextconv = cat\n"),
	CONFIG("alias", "a program by a short name",
	       "[alias]\n\tbawn-probe = !true\n"),
	CONFIG("credential", "a program for each password",
	       "[credential]\n\thelper = cache\n"),
	CONFIG("include", "another file's settings",
	       "[include]\n\tpath = bawn-probe-config\n"),
	CONFIG("gpg", "a program for each signature",
	       "[gpg]\n\tprogram = gpg\n"),
	LATER("git-info-attributes", "attributes of the clone",
	      ".git/info/attributes"),
	LATER("git-worktree-config", "settings of the worktree",
	      ".git/config.worktree"),
	LATER("git-submodule-hook", "a hook of a submodule",
	      ".git/modules/sub/hooks/post-checkout"),
	LATER("git-submodule-config", "settings of a submodule",
	      ".git/modules/sub/config"),
	LATER("git-rebase-todo", "commands of an unfinished rebase",
	      ".git/rebase-merge/git-rebase-todo"),
	LATER("git-commondir", "whose hooks and settings count",
	      ".git/commondir"),
	LATER("git-attributes", "attributes", ".gitattributes"),
	LATER("git-modules", "submodules", ".gitmodules"),
	LATER("git-nested-1-hook", "a hook of a repository in it",
	      "nested/.git/hooks/pre-commit"),
	LATER("git-nested-1-config", "its settings", "nested/.git/config"),
	LATER("git-nested-5-hook", "a hook of one five deep",
	      "a/b/c/d/e/.git/hooks/pre-commit"),
	LATER("git-nested-5-config", "its settings", "a/b/c/d/e/.git/config"),
	LATER("git-worktree-file", "where a worktree's repository is",
	      "worktree/.git"),
	ROW("wtx.git-fresh", "a repository made from nothing",
	    "runs later, outside", try_fresh, "fresh-repository/.git"),
	ROW("wtx.git-fresh-bare", "a bare one, by its names alone",
	    "safe.bareRepository", try_fresh, "fresh-bare"),
	ROW("wtx.git-dir-swap", "the repository moved away and back",
	    "runs later, outside", try_swap, ".git"),
	ROW("wtx.git-hooks-swap", "its hooks moved away and back",
	    "runs later, outside", try_swap, ".git/hooks"),
	LATER("shell-bashrc", "a shell's start", ".bashrc"),
	LATER("shell-profile", "a login's start", ".profile"),
	LATER("shell-zshrc", "a shell's start", ".zshrc"),
	LATER("shell-fish", "a shell's start", ".config/fish/config.fish"),
	LATER("autostart", "what a desktop starts",
	      ".config/autostart/x.desktop"),
	LATER("systemd-unit", "what the user's systemd starts",
	      ".config/systemd/user/x.service"),
	LATER("authorized-keys", "who may log in", ".ssh/authorized_keys"),
	LATER("own-program", "a program on the PATH", ".local/bin/x"),
	LATER("direnv", "direnv's", ".envrc"),
	LATER("mise", "mise's", ".mise.toml"),
	LATER("tool-versions", "asdf's", ".tool-versions"),
	LATER("vscode-tasks", "tasks that run when the folder opens",
	      ".vscode/tasks.json"),
	LATER("vscode-settings", "an editor's settings",
	      ".vscode/settings.json"),
	LATER("vscode-launch", "an editor's programs", ".vscode/launch.json"),
	LATER("idea", "an editor's programs", ".idea/workspace.xml"),
	LATER("vim-exrc", "an editor's commands", ".exrc"),
	LATER("nvim", "an editor's commands", ".nvim.lua"),
	LATER("emacs", "an editor's commands", ".dir-locals.el"),
	LATER("devcontainer", "commands on the host",
	      ".devcontainer/devcontainer.json"),
	LATER("zed-tasks", "an editor's programs", ".zed/tasks.json"),
	LATER("claude-settings", "hooks of an agent", ".claude/settings.json"),
	LATER("claude-settings-local", "hooks of an agent",
	      ".claude/settings.local.json"),
	LATER("claude-command", "a command of an agent",
	      ".claude/commands/x.md"),
	LATER("claude-agent", "an agent's agent", ".claude/agents/x.md"),
	LATER("claude-skill", "a skill", ".claude/skills/x/SKILL.md"),
	LATER("claude-md", "an agent's instructions", "CLAUDE.md"),
	LATER("agents-md", "agents' instructions", "AGENTS.md"),
	LATER("mcp-json", "programs an agent starts", ".mcp.json"),
	LATER("codex-config", "an agent's settings", ".codex/config.toml"),
	LATER("gemini-settings", "an agent's settings",
	      ".gemini/settings.json"),
	LATER("cursor-rules", "an editor's instructions",
	      ".cursor/rules/x.mdc"),
	LATER("cursor-mcp", "programs an editor starts", ".cursor/mcp.json"),
	LATER("cursor-hooks", "hooks of an editor", ".cursor/hooks.json"),
	LATER("opencode", "programs an agent starts", "opencode.json"),
	LATER("windsurf-mcp", "programs an editor starts",
	      ".windsurf/mcp.json"),
	LATER("copilot-hooks", "hooks of an agent", ".github/hooks/x.json"),
	LATER("copilot-instructions", "an agent's instructions",
	      ".github/copilot-instructions.md"),
	LATER("bawn-policy", "the sandbox's own policy", ".bawn.yaml"),
	LATER("github-workflow", "what a forge runs",
	      ".github/workflows/ci.yml"),
	LATER("github-action", "what a forge runs",
	      ".github/actions/x/action.yml"),
	LATER("gitlab-ci", "what a forge runs", ".gitlab-ci.yml"),
	LATER("jenkinsfile", "what a server runs", "Jenkinsfile"),
	LATER("circleci", "what a forge runs", ".circleci/config.yml"),
	LATER("pre-commit", "what a commit runs", ".pre-commit-config.yaml"),
	LATER("husky", "what a commit runs", ".husky/pre-commit"),
	LATER("lefthook", "what a commit runs", "lefthook.yml"),
	LATER("package-json", "scripts of a package", "package.json"),
	LATER("npmrc", "npm's settings", ".npmrc"),
	LATER("yarnrc", "yarn's program", ".yarnrc.yml"),
	LATER("node-bin", "a program of a package", "node_modules/.bin/eslint"),
	LATER("node-module", "code of a package",
	      "node_modules/left-pad/index.js"),
	LATER("lockfile", "which packages are loaded", "package-lock.json"),
	LATER("eslint-config", "a linter's code", "eslint.config.js"),
	LATER("setup-py", "what an installation runs", "setup.py"),
	LATER("pyproject", "what a build runs", "pyproject.toml"),
	LATER("conftest", "what tests run", "conftest.py"),
	LATER("sitecustomize", "what python runs", "sitecustomize.py"),
	LATER("venv-config", "where python looks", ".venv/pyvenv.cfg"),
	LATER("venv-python", "python itself", ".venv/bin/python"),
	LATER("venv-activate", "what a shell sources", ".venv/bin/activate"),
	LATER("venv-pth", "what python runs at its start",
	      ".venv/lib/python3/site-packages/x.pth"),
	LATER("pytest-ini", "what pytest loads", "pytest.ini"),
	LATER("tox", "what tox runs", "tox.ini"),
	LATER("go-mod", "which toolchain go runs", "go.mod"),
	LATER("pom", "what maven runs", "pom.xml"),
	LATER("composer", "scripts of a package", "composer.json"),
	LATER("nix-flake", "what nix runs", "flake.nix"),
	LATER("cargo-config", "cargo's programs", ".cargo/config.toml"),
	LATER("build-rs", "what cargo runs", "build.rs"),
	LATER("makefile", "what make runs", "Makefile"),
	LATER("cmake", "what cmake runs", "CMakeLists.txt"),
	LATER("meson", "what meson runs", "meson.build"),
	LATER("justfile", "what just runs", "justfile"),
	LATER("taskfile", "what task runs", "Taskfile.yml"),
	LATER("gradle-wrapper", "what gradlew runs",
	      "gradle/wrapper/gradle-wrapper.properties"),
	LATER("gradlew", "the script itself", "gradlew"),
	LATER("maven", "what mvn runs", ".mvn/extensions.xml"),
	LATER("dockerfile", "what docker runs", "Dockerfile"),
	LATER("compose", "what docker compose starts", "docker-compose.yml"),
	LATER("vagrantfile", "what vagrant runs", "Vagrantfile"),
	LATER("gemfile", "what bundler runs", "Gemfile"),
	LATER("rakefile", "what rake runs", "Rakefile"),
	LATER("gdbinit", "what a debugger runs", ".gdbinit"),
	LATER("editorconfig", "what editors obey", ".editorconfig"),
	LATER("terraform", "what terraform runs", "main.tf"),
	LATER("direnv-env", "what programs read at their start", ".env"),
	LATER("desktop", "what a click runs", "project.desktop"),
};
END_ROWS(wtx);
