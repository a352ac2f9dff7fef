/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>

#include "base/test.h"
#include "jail/later-git.h"
#include "jail/later-keys.h"
#include "jail/later-sum.h"
#include "jail/later-walk.h"

/* ---- the table ---- */

static const char *row_of(const char *dir, enum later_git git, const char *name,
			  bool is_dir)
{
	AUTO(later) struct later *l = NULL;
	struct later_here h;
	const struct later_row *row;

	if (later_new(&l) != 0)
		return "no memory";
	later_enter(l, str_of(dir), git, &h);
	row = later_match(&h, str_of(name), is_dir, NULL);
	return row ? row->id : "";
}

static void matching(void)
{
	static const struct {
		const char *dir, *name, *want;
		enum later_git git;
		bool is_dir;
	} rows[] = {
		{ "p", "Makefile", "make" },
		{ "p/a/b/c/d/e/f", "Makefile", "make" },
		{ "p", "makefile.c", "" },
		{ "p", "Makefile", "", .is_dir = true },
		{ "p", "x.mk", "make" },
		{ "p", ".mk", "make" },
		{ "p", "mk", "" },
		{ "p/.vscode", "tasks.json", "editor-tasks" },
		{ "p/.vscode", "other.json", "editor-other" },
		{ "p/.vscode/deep/er", "x", "editor-other" },
		{ "p/x.vscode", "tasks.json", "" },
		{ "p", "tasks.json", "" },
		{ "p", ".idea", "editor-tasks", .is_dir = true },
		{ "p", ".idea", "" },
		{ "p/.idea", "workspace.xml", "editor-tasks" },
		{ "p/.github/workflows", "c.yml", "ci" },
		{ "p/.github", "workflows", "ci", .is_dir = true },
		{ "p/github/workflows", "c.yml", "" },
		{ "p/.claude", "settings.json", "agent-settings" },
		{ "p/.claude", "x", "agent-programs" },
		{ "p/.claude/hooks/a", "x", "agent-settings" },
		{ "p/node_modules/.bin", "tsc", "npm-programs" },
		{ "p/node_modules", "tsc", "" },
		{ "p/.git", "config", "git-config", LATER_GIT_DIR },
		{ "p/bare", "config", "git-config", LATER_GIT_DIR },
		{ "p/bare", "config", "", LATER_GIT_NONE },
		{ "p/bare", "hooks", "git-hooks", LATER_GIT_DIR, true },
		{ "p/bare/hooks", "update", "git-hooks", LATER_GIT_BELOW },
		{ "p/bare/hooks", "update", "", LATER_GIT_NONE },
		{ "p/bare/info", "attributes", "git-attributes",
		  LATER_GIT_BELOW },
		{ "p/.git/rebase-merge", "git-rebase-todo", "git-rebase",
		  LATER_GIT_BELOW },
		{ "p/rebase-merge", "git-rebase-todo", "" },
		{ "p", ".git", "git-link" },
		{ "p", ".env", "directory-env" },
		{ "p", ".env.local", "directory-env" },
		{ "p", "x.env", "" },
		{ "p", ".bawn.yaml", "bawn-policy" },
		{ "", "Makefile", "make" },
		{ "p", "docker-compose.yml", "container" },
		{ "p", "docker-compose.dev.yml", "container" },
		{ "p", "docker-compose", "" },
		{ "p", "\xff\n", "" },
	};

	for (size_t i = 0; i < N_ELEMS(rows); i++)
		CHECK_STR(str_of(row_of(rows[i].dir, rows[i].git, rows[i].name,
					rows[i].is_dir)),
			  str_of(rows[i].want));
}

/* What a table has to be for the rest to be right. */
static void sane(void)
{
	for (size_t i = 0; i < later_n_rows; i++) {
		const struct later_row *r = &later_rows[i];
		struct str rest = str_of(r->patterns), p;

		CHECK(r->id[0] && r->why[0]);
		CHECK(r->class > 0 && r->class < LATER_CLASS_MAX_);
		CHECK(r->act == LATER_TELL || r->act == LATER_PROTECT);
		for (size_t k = 0; k < i; k++)
			CHECK(strcmp(later_rows[k].id, r->id) != 0);
		while (str_word(&rest, &p)) {
			CHECK(p.ptr[0] != '/' && p.ptr[p.len - 1] != '/');
			/* Everywhere all that is there would be of the row. */
			CHECK(!str_eq(p, STR("**")) && !str_eq(p, STR("*")));
		}
	}
	for (int s = LATER_REPO; s <= LATER_UNREAD; s++)
		CHECK(later_special((enum later_special)s) != NULL);
	CHECK(later_is_heap(STR("node_modules")));
	CHECK(!later_is_heap(STR("node_module")));
}

/* No directory of the table has more patterns than room. */
static void room(void)
{
	AUTO(later) struct later *l = NULL;

	CHECK_EQ(later_new(&l), 0);
	for (size_t i = 0; l && i < later_n_rows; i++) {
		struct str rest = str_of(later_rows[i].patterns), p;

		while (str_word(&rest, &p)) {
			struct later_here h;
			size_t n = p.len;

			while (n > 0 && p.ptr[n - 1] != '/')
				n--;
			later_enter(l, (struct str){ p.ptr, n ? n - 1 : 0 },
				    LATER_GIT_DIR, &h);
			CHECK(h.n <= LATER_HERE_MAX);
		}
	}
}

/* ---- git ---- */

static void programs(void)
{
	static const struct {
		const char *text;
		bool runs;
	} rows[] = {
		{ "[core]\nfsmonitor=./x", true },
		{ "[core]\nfsmonitor=true", false },
		{ "[core]\nfsmonitor", false },
		{ "[core]\nhooksPath=x", true },
		{ "[CORE]\nHOOKSPATH=x", true },
		{ "[core]\nbare=true", false },
		{ "[core \"x\"]\nhooksPath=x", false },
		{ "[core]\nworktree=../x", false },
		{ "[filter \"lfs\"]\nclean=x", true },
		{ "[filter]\nclean=x", false },
		{ "[filter.lfs]\nsmudge=x", true },
		{ "[diff \"x\"]\ntextconv=x", true },
		{ "[diff]\nexternal=x", true },
		{ "[merge \"x\"]\ndriver=x", true },
		{ "[alias]\nst=status", false },
		{ "[alias]\nst=!status", true },
		{ "[include]\npath=x", true },
		{ "[includeIf \"gitdir:x\"]\npath=x", true },
		{ "[credential \"https://x\"]\nhelper=x", true },
		{ "[remote \"o\"]\nurl=https://x", false },
		{ "[remote \"o\"]\nurl=ext::sh -c x", true },
		{ "[remote \"o\"]\nuploadpack=x", true },
		{ "[submodule \"s\"]\nupdate=!x", true },
		{ "[submodule \"s\"]\nupdate=merge", false },
		{ "[url \"https://evil/\"]\ninsteadOf=https://x/", true },
		{ "[gpg \"ssh\"]\nprogram=x", true },
		{ "[pager]\nlog=false", false },
		{ "[pager]\nlog=x", true },
		{ "[branch \"main\"]\nremote=o", false },
		{ "[user]\nname=x", false },
	};

	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		AUTO(arena) struct arena a = ARENA_NULL;
		struct gitconfig c = { 0 };

		arena_init(&a, (size_t)8 * 1024 * 1024);
		CHECK_EQ(gitconfig_parse(&a, str_of(rows[i].text), &c, NULL),
			 0);
		CHECK_EQ(c.n, 1);
		if (c.n == 1 && later_git_runs(&c.entries[0]) != rows[i].runs)
			test_note_str(__FILE__, __LINE__, "later_git_runs",
				      str_of(rows[i].text), STR("the other"));
	}
}

/* ---- keys ---- */

static void keys(void)
{
	struct later_keys k;
	uint64_t ino = 1;

	CHECK_EQ(later_keys_init(&k), 0);
	for (uint32_t i = 0; i < 5000; i++) {
		ino = i;
		later_keys_add(&k,
			       later_keys_hash(&k, LATER_T_DIR, i % 7,
					       STR("name"), &ino, sizeof(ino)));
	}
	CHECK_EQ(k.n, 5000);
	for (uint32_t i = 0; i < 5000; i++) {
		ino = i;
		CHECK(later_keys_has(&k, later_keys_hash(&k, LATER_T_DIR, i % 7,
							 STR("name"), &ino,
							 sizeof(ino))));
		CHECK(!later_keys_has(&k, later_keys_hash(&k, LATER_T_FILE,
							  i % 7, STR("name"),
							  &ino, sizeof(ino))));
	}
	CHECK(!k.full);
	later_keys_done(&k);
}

/* ---- both passes, over a directory of our own ---- */

static struct later_sum sum;
static char top[] = "/tmp/test-later-XXXXXX";

static void on_found(void *owner, const struct later_find *f)
{
	(void)owner;
	later_sum_add(&sum, f);
}

static void put(const char *name, const char *text)
{
	char path[256], *at;
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", top, name);
	for (at = strchr(path + strlen(top) + 1, '/'); at;
	     at = strchr(at + 1, '/')) {
		*at = '\0';
		(void)mkdir(path, 0755);
		*at = '/';
	}
	f = fopen(path, "w");
	CHECK(f != NULL);
	if (f) {
		(void)fputs(text, f);
		(void)fclose(f);
	}
}

static void move(const char *from, const char *to)
{
	char a[256], b[256];

	(void)snprintf(a, sizeof(a), "%s/%s", top, from);
	(void)snprintf(b, sizeof(b), "%s/%s", top, to);
	CHECK_EQ(rename(a, b), 0);
}

/* The first pass, as hide makes it. */
static void first(struct later_state *s, const char *dir)
{
	AUTO(fd) int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = opendir(dir);
	struct dirent *e;
	char below[16][256];
	size_t n = 0;

	CHECK(fd != -1 && d);
	CHECK_EQ(later_state_begin(s, str_of(dir), fd, false), 0);
	while (d && (e = readdir(d))) {
		struct later_entry le = { .name = str_of(e->d_name),
					  .type = e->d_type,
					  .ino = e->d_ino };
		bool is_new;

		if (e->d_name[0] == '.' &&
		    (!e->d_name[1] || (e->d_name[1] == '.' && !e->d_name[2])))
			continue;
		CHECK_EQ(later_state_entry(s, &le, &is_new), 0);
		if (e->d_type == DT_DIR && n < N_ELEMS(below))
			(void)snprintf(below[n++], sizeof(below[0]),
				       "%.100s/%.100s", dir, e->d_name);
	}
	if (d)
		(void)closedir(d);
	CHECK_EQ(later_state_end(s), 0);
	for (size_t i = 0; i < n; i++)
		first(s, below[i]);
}

static bool found(const char *name, const char *row, enum later_what what)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "%s%s%s", top, *name ? "/" : "",
		       name);
	for (size_t i = 0; i < sum.n; i++) {
		if (str_eq(sum.v[i].path, str_of(path)) &&
		    strcmp(sum.v[i].row->id, row) == 0 && sum.v[i].what == what)
			return true;
	}
	return false;
}

static struct later_state *begin(void)
{
	static char *trees[] = { top };
	static char *open_paths[1];
	static char path[64];
	struct later_state_config c = { .trees = trees,
					.n_trees = 1,
					.open = open_paths,
					.n_open = 1,
					.found = on_found };
	struct later_state *s = NULL;

	(void)snprintf(path, sizeof(path), "%s/.envrc", top);
	open_paths[0] = path;
	later_sum_init(&sum);
	CHECK_EQ(later_state_new(&s, &c), 0);
	first(s, top);
	return s;
}

static void finish(struct later_state *s)
{
	AUTO(later_walk) struct later_walk *walk = NULL;

	later_state_over(s);
	CHECK_EQ(later_walk_new(&walk, s), 0);
	while (walk && later_walk_step(walk, 0) > 0)
		;
	CHECK_EQ(later_walk_left(walk), 0);
	later_state_removed(s);
	later_sum_sort(&sum);
}

static int drop(const char *path, const struct stat *st, int type,
		struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void remove_all(const char *dir)
{
	CHECK_EQ(nftw(dir, drop, 8, FTW_DEPTH | FTW_PHYS), 0);
}

static void passes(void)
{
	AUTO(later_state) struct later_state *s = NULL;
	const struct later_lock *locks;
	size_t n = 0;

	CHECK(mkdtemp(top) != NULL);
	put("Makefile", "all:\n");
	put("sub/Makefile", "all:\n");
	put("dir/package.json", "{}");
	put("gone/setup.py", "");
	put(".envrc", "");
	put(".vscode/tasks.json", "{}");
	put("vendor/x/.vscode/tasks.json", "{}");
	put("bare/HEAD", "");
	put("bare/objects/x", "");
	put("bare/refs/x", "");
	put("bare/config", "[core]\npager=less\n");
	put("bare/hooks/update", "");
	(void)usleep(20000);
	s = begin();
	locks = later_state_locks(s, &n);
	CHECK_EQ(n, 2); /* not .envrc, which is open, and not vendor's */
	for (size_t i = 0; i < n; i++)
		CHECK(locks[i].pin &&
		      (str_ends(str_of(locks[i].path), STR("tasks.json")) ||
		       str_ends(str_of(locks[i].path), STR("bare/hooks"))));
	put("Makefile", "evil:\n");
	put("vendor/y/Makefile", "evil:\n");
	put("vendor/z/Makefile", "evil:\n");
	move("dir", "moved");
	move("gone/setup.py", "gone/x");
	put("bare/config", "[core]\npager=less\nfsmonitor=x\n");
	put("new/.git/HEAD", "");
	put("new/.git/objects/x", "");
	put("new/.git/refs/x", "");
	put("new/.git/config", "[core]\nbare=false\n");
	put("new/.git/hooks/pre-push", "");
	put("new/.git/hooks/pre-push.sample", "");
	finish(s);
	CHECK(found("Makefile", "make", LATER_CHANGED));
	CHECK(found("vendor", "make", LATER_CREATED));
	CHECK(found("moved/package.json", "npm", LATER_CREATED));
	CHECK(found("dir/package.json", "npm", LATER_REMOVED));
	CHECK(found("gone/setup.py", "python", LATER_REMOVED));
	CHECK(found("bare/config", "git-config-runs", LATER_CHANGED));
	CHECK(found("new/.git", "git-repository", LATER_CREATED));
	CHECK(found("new/.git/hooks/pre-push", "git-hooks", LATER_CREATED));
	CHECK_EQ(sum.total, 9);
	CHECK(later_sum_is_urgent(&sum.v[0]));
	later_sum_done(&sum);
	/* Nothing happens: nothing is found. */
	later_state_free(TAKE(s));
	(void)usleep(20000);
	s = begin();
	finish(s);
	CHECK_EQ(sum.total, 0);
	later_sum_done(&sum);
	remove_all(top);
}

/* ---- what is told ---- */

static char told[64][700];
static size_t n_told;

static void on_line(void *owner, const char *text)
{
	(void)owner;
	if (n_told < N_ELEMS(told))
		(void)snprintf(told[n_told++], sizeof(told[0]), "%s", text);
}

static void add(const char *row, enum later_what what, const char *path,
		const char *heap, const char *detail)
{
	struct later_find f = { .what = what,
				.path = str_of(path),
				.heap = str_of(heap),
				.detail = str_of(detail) };

	for (size_t i = 0; i < later_n_rows; i++) {
		if (strcmp(later_rows[i].id, row) == 0)
			f.row = &later_rows[i];
	}
	later_sum_add(&sum, &f);
}

static void lines(void)
{
	char path[64];

	later_sum_init(&sum);
	later_sum_tell(&sum, STR("/p"), "more", on_line, NULL);
	CHECK_EQ(n_told, 0);
	for (unsigned i = 0; i < 3000; i++) {
		(void)snprintf(path, sizeof(path), "/p/d%u/Makefile", i);
		add("make", LATER_CREATED, path, NULL, NULL);
	}
	add("npm", LATER_CREATED, "/p/node_modules/x/package.json",
	    "/p/node_modules", NULL);
	add("editor-tasks", LATER_CREATED,
	    "/p/node_modules/x/.vscode/tasks.json", "/p/node_modules", NULL);
	add("git-hooks", LATER_CREATED, "/p/node_modules/y/.git/hooks/z",
	    "/p/node_modules", NULL);
	add("git-hooks", LATER_CREATED, "/p/.git/hooks/\x1b[2J\n", NULL, NULL);
	CHECK_EQ(sum.total, 3004);
	CHECK_EQ(sum.n, LATER_MAX_EACH + 1 + 4);
	later_sum_sort(&sum);
	later_sum_tell(&sum, STR("/p"), "more", on_line, NULL);
	CHECK(n_told >= 3 && n_told <= LATER_MAX_LINES);
	CHECK(strstr(told[0], "LOOK") && strstr(told[0], "3004 files"));
	CHECK(strstr(told[1], "created .git/hooks/\\x1b[2J\\x0a"));
	CHECK(strstr(told[2], "created node_modules/y/.git/hooks/z"));
	for (size_t i = 0; i < sum.n; i++)
		CHECK(later_sum_is_urgent(&sum.v[i]) == (i < 2));
	for (size_t i = 0; i < n_told; i++)
		CHECK(!strchr(told[i], '\n') && !strchr(told[i], '\x1b'));
	later_sum_done(&sum);
}

static void many_lines(void)
{
	n_told = 0;
	later_sum_init(&sum);
	for (size_t i = 0; i < later_n_rows; i++)
		add(later_rows[i].id, LATER_CHANGED, "/p/a", NULL, NULL);
	later_sum_sort(&sum);
	later_sum_tell(&sum, STR("/p"), "bawn logs X", on_line, NULL);
	CHECK_EQ(n_told, LATER_MAX_LINES);
	CHECK(strstr(told[LATER_MAX_LINES - 1], "more: bawn logs X"));
	later_sum_done(&sum);
}

int main(void)
{
	static const struct test tests[] = {
		{ "names and places", matching },
		{ "the table is sane", sane },
		{ "a directory has room for its patterns", room },
		{ "keys of git that run a program", programs },
		{ "keys of what was there", keys },
		{ "two passes over a tree", passes },
		{ "lines for people are few and clean", lines },
		{ "one line too many is counted", many_lines },
	};

	return test_main(tests, N_ELEMS(tests));
}
