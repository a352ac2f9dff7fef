/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table.  A row is protected when it runs without being asked for (on the next
 * prompt, commit, or opening of the folder) and a developer's ordinary work does
 * not write what is there; else it is told.  git's configuration is not protected
 * though it runs programs: `git remote add`, `git branch -u`, `git submodule` and
 * `git push -u` write it, by renaming over it.
 *
 * The first row that fits decides, so what is narrower stands before.
 */
#include "jail/later.h"

#define ROW(id_, class_, act_, patterns_, why_)                          \
	{                                                                \
		.id = (id_), .patterns = (patterns_), .class = (class_), \
		.act = (act_), .why = (why_)                             \
	}

/* clang-format off */
const struct later_row later_rows[] = {
	/* git */
	ROW("git-hooks", LATER_GIT, LATER_PROTECT, "GIT/hooks/**",
	    "git runs it at commit, checkout, merge and push"),
	ROW("git-config-runs", LATER_GIT, LATER_TELL, "",
	    "git runs the program that this key names"),
	ROW("git-hooks-path", LATER_GIT, LATER_TELL, "",
	    "core.hooksPath names this directory: git runs what is in it"),
	ROW("git-repository", LATER_GIT, LATER_TELL, "",
	    "a repository of its own: git, prompts and editors obey its "
	    "configuration and hooks"),
	ROW("git-config", LATER_GIT, LATER_TELL, "GIT/config GIT/config.worktree",
	    "git obeys it at each command"),
	ROW("git-user-config", LATER_GIT, LATER_PROTECT,
	    ".gitconfig .config/git/config .config/git/attributes",
	    "git obeys it wherever it is included or is the user's own"),
	ROW("git-link", LATER_GIT, LATER_TELL, ".git GIT/commondir",
	    "says which repository, with which hooks, git uses here"),
	ROW("git-attributes", LATER_GIT, LATER_TELL,
	    ".gitattributes GIT/info/attributes",
	    "chooses which filters and diff programs git runs"),
	ROW("git-modules", LATER_GIT, LATER_TELL, ".gitmodules",
	    "where submodules come from, and what updates them"),
	ROW("git-hook-tools", LATER_GIT, LATER_TELL,
	    ".husky/** .githooks/** .pre-commit-config.yaml "
	    ".pre-commit-hooks.yaml lefthook.yml lefthook.yaml .lefthook.yml "
	    ".lefthook.yaml .lefthook/** lefthook-local.yml .overcommit.yml "
	    ".lintstagedrc* lint-staged.config.* .huskyrc*",
	    "a manager of git hooks runs it at commit and push"),
	ROW("git-rebase", LATER_GIT, LATER_TELL,
	    "GIT/rebase-merge/git-rebase-todo",
	    "git rebase --continue runs the exec lines of it"),
	ROW("jj-config", LATER_GIT, LATER_TELL, ".jj/repo/config.toml .hg/hgrc",
	    "the version control runs the programs it names"),

	/* agents */
	ROW("bawn-policy", LATER_AGENT, LATER_PROTECT, ".bawn.yaml",
	    "narrows the next session, or asks for more"),
	ROW("agent-settings", LATER_AGENT, LATER_PROTECT,
	    ".claude/settings.json .claude/settings.local.json "
	    ".claude/hooks/** .claude.json .mcp.json managed-mcp.json "
	    ".codex/config.toml .codex/hooks.json .codex/hooks/** "
	    ".codex/rules/** .cursor/mcp.json .cursor/hooks.json "
	    ".cursor/hooks/** .cursor/cli.json .cursor/permissions.json "
	    ".gemini/settings.json .gemini/hooks/** .gemini/extensions/** "
	    ".gemini/trustedFolders.json .qwen/settings.json "
	    ".roo/mcp.json .kiro/settings/** .kiro/hooks/** .junie/mcp/** "
	    ".windsurf/mcp.json .windsurf/hooks.json .copilot/** "
	    ".warp/** .amp/settings.json .cline/** .openhands/** "
	    "opencode.json opencode.jsonc .aider.conf.yml .continue/config.* "
	    ".continue/mcpServers/** .goose/** .factory/settings.json "
	    ".github/hooks/**",
	    "an agent runs its hooks and servers, or obeys its permissions, "
	    "when started outside"),
	ROW("agent-programs", LATER_AGENT, LATER_TELL,
	    ".claude/** .codex/** .cursor/** .gemini/** .qwen/** .roo/** "
	    ".kiro/** .junie/** .windsurf/** .amp/** .opencode/** "
	    ".continue/** .factory/** .augment/** .agents/** .air/** "
	    ".devin/**",
	    "commands, skills, rules and plugins of an agent started outside"),
	ROW("agent-words", LATER_AGENT, LATER_TELL,
	    "CLAUDE.md CLAUDE.local.md AGENTS.md AGENTS.override.md AGENT.md "
	    "GEMINI.md QWEN.md CONVENTIONS.md .cursorrules .windsurfrules "
	    ".clinerules .clinerules/** .roorules .goosehints "
	    ".github/copilot-instructions.md .github/instructions/** "
	    ".github/prompts/** .github/agents/** SKILL.md",
	    "an agent started outside takes it as its instructions"),

	/* shells and what reads a file of the directory it is started in */
	ROW("shell-start", LATER_SHELL, LATER_PROTECT,
	    ".bashrc .bash_profile .bash_login .bash_logout .bash_aliases "
	    ".profile .zshrc .zshenv .zprofile .zlogin .zlogout .kshrc "
	    ".mkshrc .cshrc .tcshrc .login .logout .inputrc .xprofile "
	    ".xinitrc .xsession .xsessionrc .pam_environment "
	    ".config/fish/** .config/nushell/** .oh-my-zsh/** .bashrc.d/**",
	    "a shell or login runs it when it starts"),
	ROW("directory-start", LATER_SHELL, LATER_PROTECT,
	    ".envrc .autoenv.zsh .autoenv_leave.zsh",
	    "a shell with direnv or autoenv runs it on entering the directory"),
	ROW("directory-env", LATER_SHELL, LATER_TELL, ".env .env.*",
	    "programs and compose take variables from it, as NODE_OPTIONS, "
	    "that make them load code"),
	ROW("tool-versions", LATER_SHELL, LATER_TELL,
	    "mise.toml .mise.toml mise.local.toml .mise.local.toml "
	    ".config/mise/** .tool-versions .rtx.toml devenv.nix .miserc.toml",
	    "a version manager runs its tasks and hooks, or picks programs by "
	    "it"),
	ROW("program-start", LATER_SHELL, LATER_PROTECT,
	    ".gdbinit .lldbinit .screenrc .tmux.conf .irbrc .pryrc .psqlrc "
	    ".sqliterc .mysqlrc .guile .octaverc .ghci .utop.ml .iex.exs "
	    ".curlrc .wgetrc .ackrc .ripgreprc .lesskey .mailcap .perldb "
	    ".pdbrc .pythonrc .pythonrc.py .tigrc",
	    "the program of that name obeys it when it starts"),
	ROW("login-start", LATER_SHELL, LATER_PROTECT,
	    ".config/autostart/** .config/systemd/** "
	    ".config/environment.d/** .ssh/** "
	    ".local/share/systemd/** .local/share/dbus-1/**",
	    "started at login, or says who may log in"),
	ROW("own-programs", LATER_SHELL, LATER_TELL,
	    ".local/bin/** *.desktop .local/share/applications/**",
	    "on the PATH or in the menu of whoever uses it"),

	/* editors */
	ROW("editor-tasks", LATER_EDITOR, LATER_PROTECT,
	    ".vscode/tasks.json .vscode/settings.json .vscode/launch.json "
	    ".vscode/mcp.json *.code-workspace .idea/** *.sublime-project "
	    ".zed/tasks.json .zed/settings.json .zed/debug.json .fleet/** "
	    ".vim/** .nvim/** .vimrc .gvimrc .exrc .nvimrc .nvim.lua "
	    ".lvimrc .local.vimrc .emacs .emacs.d/** .dir-locals.el "
	    ".dir-locals-2.el .helix/** .kakrc .nanorc "
	    ".devcontainer/devcontainer.json .devcontainer.json "
	    ".theia/** .nova/** .vs/tasks.vs.json .vs/launch.vs.json",
	    "an editor runs what it names when the folder is opened or a task "
	    "is started"),
	ROW("editor-other", LATER_EDITOR, LATER_TELL,
	    ".vscode/** .zed/** .devcontainer/** .gitpod.yml .gitpod/** "
	    ".editorconfig .projectile .clangd compile_commands.json "
	    "compile_flags.txt .ccls .ycm_extra_conf.py .rust-analyzer.toml",
	    "an editor or its language server reads programs and flags from "
	    "it"),

	/* continuous integration */
	ROW("ci", LATER_CI, LATER_TELL,
	    ".github/workflows/** .github/actions/** action.yml action.yaml "
	    ".gitlab-ci.yml .gitlab/ci/** Jenkinsfile Jenkinsfile.* "
	    ".jenkins/** .circleci/** .travis.yml .azure-pipelines/** "
	    "azure-pipelines.yml azure-pipelines.yaml "
	    "bitbucket-pipelines.yml .drone.yml .woodpecker/** "
	    ".woodpecker.yml .buildkite/** .teamcity/** appveyor.yml "
	    ".appveyor.yml .gitea/workflows/** .forgejo/workflows/** "
	    "cloudbuild.yaml cloudbuild.yml .builds/** .build.yml .cirrus.yml "
	    ".semaphore/** buildspec.yml .tekton/** .github/dependabot.yml "
	    "renovate.json renovate.json5 .renovaterc .renovaterc.json "
	    "codecov.yml netlify.toml vercel.json fly.toml app.yaml "
	    "wrangler.toml wrangler.jsonc render.yaml railway.json",
	    "runs at the next push, with the project's secrets"),

	/* packages: what a package manager or interpreter runs by itself */
	ROW("npm", LATER_PACKAGE, LATER_TELL,
	    "package.json .npmrc .yarnrc .yarnrc.yml .yarn/** .pnpmfile.cjs "
	    ".pnpmfile.mjs pnpm-workspace.yaml bunfig.toml deno.json "
	    "deno.jsonc lerna.json nx.json turbo.json binding.gyp .node-version "
	    ".nvmrc",
	    "npm, yarn, pnpm and bun run its scripts at install and build"),
	ROW("npm-lock", LATER_PACKAGE, LATER_TELL,
	    "package-lock.json npm-shrinkwrap.json yarn.lock pnpm-lock.yaml "
	    "bun.lockb bun.lock deno.lock",
	    "says which packages, from where, the next install runs"),
	ROW("npm-programs", LATER_PACKAGE, LATER_TELL, "node_modules/.bin/*",
	    "npm scripts and npx run it by its name"),
	ROW("js-config", LATER_PACKAGE, LATER_TELL,
	    "*.config.js *.config.cjs *.config.mjs *.config.ts *.config.mts "
	    "*.config.cts .eslintrc.js .eslintrc.cjs .prettierrc.js "
	    ".prettierrc.cjs .prettierrc.mjs .babelrc.js .babelrc.cjs "
	    ".mocharc.js .mocharc.cjs .stylelintrc.js gulpfile.* Gruntfile.* "
	    "Gulpfile.* Jakefile* karma.conf.*",
	    "a program that build, test or editor runs"),
	ROW("python", LATER_PACKAGE, LATER_TELL,
	    "setup.py setup.cfg pyproject.toml conftest.py tox.ini noxfile.py "
	    "pytest.ini sitecustomize.py usercustomize.py *.pth "
	    "requirements*.txt Pipfile Pipfile.lock poetry.lock uv.lock "
	    "uv.toml pip.conf .pypirc tasks.py fabfile.py dodo.py "
	    "environment.yml .python-version manage.py hatch_build.py",
	    "pip, pytest and python run it, or install what it names"),
	ROW("rust", LATER_PACKAGE, LATER_TELL,
	    "build.rs Cargo.toml Cargo.lock .cargo/** rust-toolchain "
	    "rust-toolchain.toml clippy.toml .rustfmt.toml",
	    "cargo and rustup run it, or what it names, at build"),
	ROW("java", LATER_PACKAGE, LATER_TELL,
	    "pom.xml .mvn/** mvnw mvnw.cmd gradlew gradlew.bat "
	    "gradle/wrapper/** *.gradle *.gradle.kts gradle.properties "
	    "libs.versions.toml build.sbt project/*.sbt project/*.scala "
	    "build.sc build.mill ivy.xml build.xml .sbtopts .jvmopts",
	    "maven, gradle, sbt and ant run it at build and when an editor "
	    "opens it"),
	ROW("ruby", LATER_PACKAGE, LATER_TELL,
	    "Gemfile Gemfile.lock Rakefile rakefile Rakefile.rb *.gemspec "
	    "*.rake .bundle/** Guardfile Fastfile Podfile Brewfile Vagrantfile "
	    "Dangerfile config.ru",
	    "ruby runs it at install, build and test"),
	ROW("php", LATER_PACKAGE, LATER_TELL,
	    "composer.json composer.lock .user.ini .htaccess phpunit.xml "
	    "phpunit.xml.dist artisan",
	    "composer and php run it, or what it names"),
	ROW("go", LATER_PACKAGE, LATER_TELL,
	    "go.mod go.sum go.work go.env .goreleaser.yml .goreleaser.yaml "
	    "magefile.go .air.toml",
	    "go fetches and builds what it names, with the toolchain it names"),
	ROW("dotnet", LATER_PACKAGE, LATER_TELL,
	    "*.csproj *.fsproj *.vbproj *.vcxproj *.sln *.props *.targets "
	    "nuget.config NuGet.Config Directory.Build.* global.json *.cake",
	    "msbuild runs its tasks at build and when an editor opens it"),
	ROW("nix", LATER_PACKAGE, LATER_TELL,
	    "flake.nix flake.lock default.nix shell.nix guix.scm manifest.scm",
	    "nix and guix build and run what it says"),
	ROW("other-languages", LATER_PACKAGE, LATER_TELL,
	    "mix.exs rebar.config Setup.hs *.cabal stack.yaml dune "
	    "dune-project build.zig build.zig.zon Package.swift "
	    "Makefile.PL Build.PL cpanfile .Rprofile .Renviron "
	    "Project.toml pubspec.yaml *.rockspec *.opam *.nimble "
	    "shard.yml elm.json spago.dhall deps.edn project.clj bb.edn "
	    "conanfile.py conanfile.txt vcpkg.json",
	    "the language's tool runs it, or what it names, at build"),

	/* build files */
	ROW("make", LATER_BUILD, LATER_TELL,
	    "Makefile makefile GNUmakefile Makefile.* *.mk *.mak justfile "
	    "Justfile .justfile *.just Taskfile.yml Taskfile.yaml "
	    "Taskfile.dist.yml Earthfile Procfile Tiltfile skaffold.yaml "
	    "Snakefile SConstruct SConscript wscript waf xmake.lua "
	    "premake5.lua build.ninja",
	    "make and its kin run what it says"),
	ROW("configure", LATER_BUILD, LATER_TELL,
	    "configure configure.ac configure.in autogen.sh bootstrap.sh "
	    "aclocal.m4 CMakeLists.txt *.cmake CMakePresets.json "
	    "CMakeUserPresets.json meson.build meson_options.txt "
	    "meson.options *.pro *.pri",
	    "runs when the build is set up"),
	ROW("bazel", LATER_BUILD, LATER_TELL,
	    "BUILD BUILD.bazel WORKSPACE WORKSPACE.bazel MODULE.bazel .bazelrc "
	    ".bazelversion *.bzl BUCK .buckconfig pants.toml",
	    "bazel, buck and pants run what it says"),
	ROW("container", LATER_BUILD, LATER_TELL,
	    "Dockerfile Dockerfile.* *.dockerfile *.Dockerfile Containerfile "
	    "docker-compose*.yml docker-compose*.yaml compose.yml "
	    "compose.yaml compose.override.yml docker-bake.hcl "
	    "docker-bake.json .dockerignore *.tf *.tfvars terragrunt.hcl "
	    "ansible.cfg Pulumi.yaml serverless.yml",
	    "runs as root in a container, or with the rights of a deployment"),

	/* virtual environments */
	ROW("venv", LATER_VENV, LATER_TELL,
	    "pyvenv.cfg activate activate.* activate_this.py .venv/bin/* "
	    "venv/bin/* env/bin/*",
	    "the interpreter or shell of an environment that is activated"),

	/* where a name leads */
	ROW("link-out", LATER_PLACE, LATER_TELL, "",
	    "a link that leads out of the project: who reads or writes through "
	    "it outside reaches another file"),
	ROW("unread", LATER_PLACE, LATER_TELL, "",
	    "bawn could not look into it, so what is in it is not known"),
};
/* clang-format on */
const size_t later_n_rows = N_ELEMS(later_rows);

const struct later_row *later_special(enum later_special s)
{
	static const char *const ids[] = {
		[LATER_REPO] = "git-repository",
		[LATER_CONFIG] = "git-config",
		[LATER_CONFIG_RUNS] = "git-config-runs",
		[LATER_HOOK] = "git-hooks-path",
		[LATER_LINK] = "link-out",
		[LATER_UNREAD] = "unread",
	};
	size_t i = 0;

	ASSERT(s > 0 && s < N_ELEMS(ids));
	while (strcmp(later_rows[i].id, ids[s]) != 0) {
		i++;
		ASSERT(i < later_n_rows);
	}
	return &later_rows[i];
}

const char *later_class_name(enum later_class c)
{
	static const char *const names[LATER_CLASS_MAX_] = {
		[LATER_GIT] = "git",     [LATER_AGENT] = "agent",
		[LATER_SHELL] = "shell", [LATER_EDITOR] = "editor",
		[LATER_CI] = "ci",       [LATER_PACKAGE] = "package",
		[LATER_BUILD] = "build", [LATER_VENV] = "environment",
		[LATER_PLACE] = "place",
	};

	ASSERT(c > 0 && c < LATER_CLASS_MAX_);
	return names[c];
}

bool later_is_heap(struct str name)
{
	static const struct str names[] = {
		STR("node_modules"),
		STR("site-packages"),
		STR("vendor"),
		STR(".venv"),
		STR("venv"),
		STR("env"),
		STR("target"),
		STR("build"),
		STR("dist"),
		STR("out"),
		STR("third_party"),
		STR("__pycache__"),
		STR("bower_components"),
		STR(".pnpm-store"),
		STR(".tox"),
		STR(".nox"),
		STR("CMakeFiles"),
		STR(".gradle"),
		STR(".terraform"),
		STR("_build"),
		STR("deps"),
		STR("Pods"),
		STR(".next"),
		STR(".nuxt"),
		STR(".cache"),
		STR(".yarn"),
		STR(".bundle"),
	};

	for (size_t i = 0; i < N_ELEMS(names); i++) {
		if (str_eq(name, names[i]))
			return true;
	}
	return str_starts(name, STR("cmake-build-")) ||
	       str_starts(name, STR("builddir"));
}
