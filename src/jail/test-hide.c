/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>

#include "base/clock.h"
#include "base/test.h"
#include "jail/hide-dirs.h"
#include "jail/hide-match.h"
#include "jail/hide.h"
#include "jail/later-state.h"

/* ---- globs ---- */

struct match_row {
	const char *glob, *dir, *name;
	bool want;
};

static const struct match_row match_rows[] = {
	{ "/p/**/.env", "/p", ".env", true },
	{ "/p/**/.env", "/p/a/b", ".env", true },
	{ "/p/**/.env", "/pp", ".env", false },
	{ "/p/**/.env", "/q/p", ".env", false },
	{ "/p/**/.env", "/p/a", ".envx", false },
	{ "/p/**/.env.*", "/p/a", ".env.local", true },
	{ "/p/**/.env.*", "/p/a", ".env", false },
	{ "/p/**/*.pem", "/p/a", "x.pem", true },
	{ "/**/id_rsa", "/p/a", "id_rsa", true },
	{ "/**/id_rsa", "", "id_rsa", true },
	{ "/p/x", "/p", "x", true },
	{ "/p/x", "/p/x", "x", false },
	{ "/p/x?", "/p", "xy", true },
	{ "/p/x?", "/p/a", "xy", false },
	{ "/p/*/x", "/p/a", "x", true },
	{ "/p/*/x", "/p/a/b", "x", false },
	{ "/p/a*/**/x", "/p/ab/c/d", "x", true },
	{ "/p/a*/**/x", "/p/b/c/d", "x", false },
	{ "/p/**", "/p/a", "b", true },
	{ "/p/\\*/x", "/p/*", "x", true },
	{ "/p/\\*/x", "/p/a", "x", false },
	{ "/p/\\*", "/p", "*", true },
	{ "/p/\\*", "/p", "a", false },
};

static void test_match(void)
{
	AUTO(arena) struct arena a = ARENA_NULL;

	arena_init(&a, 65536);
	for (size_t i = 0; i < N_ELEMS(match_rows); i++) {
		const struct match_row *m = &match_rows[i];
		struct hide_glob g;
		bool got;

		CHECK_EQ(hide_glob_parse(&a, str_of(m->glob), &g), 0);
		got = hide_glob_match(&g, str_of(m->dir), str_of(m->name));
		if (got != m->want)
			printf("# %s: %s/%s\n", m->glob, m->dir, m->name);
		CHECK_EQ(got, m->want);
	}
}

static void test_match_refused(void)
{
	static const char *const bad[] = { "",    "/",    "x",     "a/b",
					   "/a/", "/a/[", "/a/x**" };
	AUTO(arena) struct arena a = ARENA_NULL;
	struct hide_glob g;

	arena_init(&a, 65536);
	for (size_t i = 0; i < N_ELEMS(bad); i++) {
		if (hide_glob_parse(&a, str_of(bad[i]), &g) != 1)
			printf("# %s\n", bad[i]);
		CHECK_EQ(hide_glob_parse(&a, str_of(bad[i]), &g), 1);
	}
}

/* ---- the table of directories ---- */

static void test_dirs(void)
{
	struct hide_dirs d = HIDE_DIRS_NULL;
	uint32_t root = 0, a = 0, b = 0, again = 0;
	char buf[64];
	const char *rel;
	struct str p = { 0 };

	hide_dirs_init(&d, 4);
	CHECK_EQ(hide_dirs_add(&d, HIDE_DIR_NONE, STR("/t"), &root), 0);
	CHECK_EQ(hide_dirs_add(&d, root, STR("a"), &a), 0);
	CHECK_EQ(hide_dirs_add(&d, a, STR("b"), &b), 0);
	CHECK_EQ(hide_dirs_path(&d, b, buf, sizeof(buf), &p, &rel), 1);
	CHECK_EQ(strcmp(p.ptr, "/t/a/b"), 0);
	CHECK_EQ(strcmp(rel, "a/b"), 0);
	CHECK_EQ(hide_dirs_path(&d, b, buf, 6, &p, &rel), 0);

	/* A move takes the children along; never below itself. */
	CHECK_EQ(hide_dirs_move(&d, a, root, STR("z")), 0);
	CHECK_EQ(hide_dirs_path(&d, b, buf, sizeof(buf), &p, &rel), 1);
	CHECK_EQ(strcmp(p.ptr, "/t/z/b"), 0);
	CHECK_EQ(hide_dirs_move(&d, a, b, STR("x")), 0);
	CHECK_EQ(hide_dirs_path(&d, b, buf, sizeof(buf), &p, &rel), 1);
	CHECK_EQ(strcmp(p.ptr, "/t/z/b"), 0);

	CHECK_EQ(hide_dirs_set_wd(&d, b, 700), 0);
	CHECK_EQ(hide_dirs_find_wd(&d, 700), b);
	CHECK_EQ(hide_dirs_find_wd(&d, 701), HIDE_DIR_NONE);
	CHECK_EQ(hide_dirs_find_wd(&d, -1), HIDE_DIR_NONE);

	/* Dropped while queued: not given out again until popped. */
	CHECK_EQ(hide_dirs_push(&d, b), 0);
	CHECK_EQ(hide_dirs_push(&d, b), 0);
	hide_dirs_drop(&d, b);
	CHECK_EQ(hide_dirs_find_wd(&d, 700), HIDE_DIR_NONE);
	CHECK_EQ(hide_dirs_add(&d, a, STR("c"), &again), 0);
	CHECK_EQ(again != b, 1);
	CHECK_EQ(hide_dirs_pop(&d), HIDE_DIR_NONE);
	CHECK_EQ(hide_dirs_add(&d, a, STR("d"), &again), 0);
	CHECK_EQ(again, b);
	CHECK_EQ(hide_dirs_add(&d, a, STR("e"), &again), -ENOSPC);
	hide_dirs_done(&d);
}

/* ---- trees ---- */

#define FOUND_MAX 64

struct world {
	char top[64];
	char found[FOUND_MAX][128]; /* below top */
	enum hide_what what[FOUND_MAX];
	bool at_start[FOUND_MAX];
	size_t n;
	unsigned notices;
	int fail;
};

static int on_found(void *owner, const struct hide_found *f)
{
	struct world *w = owner;

	if (w->fail)
		return w->fail;
	if (w->n < FOUND_MAX) {
		(void)snprintf(w->found[w->n], sizeof(w->found[0]), "%s",
			       f->path + strlen(w->top) + 1);
		w->what[w->n] = f->what;
		w->at_start[w->n] = f->at_start;
		w->n++;
	}
	return 0;
}

static void on_notice(void *owner, const char *text)
{
	struct world *w = owner;

	(void)text;
	w->notices++;
}

static void on_failed(void *owner, int error)
{
	struct world *w = owner;

	w->fail = error;
}

static const char *in(const struct world *w, const char *rel)
{
	static char path[2][256];
	static unsigned turn;

	turn = !turn;
	(void)snprintf(path[turn], sizeof(path[0]), "%s/%s", w->top, rel);
	return path[turn];
}

static void make_dir(const struct world *w, const char *rel)
{
	CHECK_EQ(mkdir(in(w, rel), 0755), 0);
}

static void make_file(const struct world *w, const char *rel)
{
	int fd = open(in(w, rel), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	CHECK_EQ(fd != -1, 1);
	(void)close(fd);
}

static void world_new(struct world *w)
{
	*w = (struct world){ 0 };
	(void)snprintf(w->top, sizeof(w->top), "/tmp/test-hide-XXXXXX");
	CHECK_EQ(mkdtemp(w->top) != NULL, 1);
	make_dir(w, "a");
	make_dir(w, "a/b");
	make_dir(w, "a/b/c");
	make_dir(w, "x");
}

static void world_free(struct world *w)
{
	char cmd[128];
	pid_t pid = fork();

	(void)snprintf(cmd, sizeof(cmd), "%s", w->top);
	if (pid == 0) {
		(void)execlp("rm", "rm", "-rf", cmd, NULL);
		_exit(1);
	}
}

static bool was_found(const struct world *w, const char *rel)
{
	for (size_t i = 0; i < w->n; i++) {
		if (strcmp(w->found[i], rel) == 0)
			return true;
	}
	printf("# not found: %s\n", rel);
	return false;
}

struct scene {
	struct world w;
	char globs_text[8][128];
	char *globs[8], *trees[1];
	struct hide *h;
	struct loop *loop;
	struct hide_config c;
};

/* @globs are below the top; a NULL ends them. */
static void scene_new(struct scene *s, const char *const globs[])
{
	world_new(&s->w);
	s->h = NULL;
	s->loop = NULL;
	s->c = (struct hide_config){ .found = on_found,
				     .notice = on_notice,
				     .owner = &s->w };
	s->trees[0] = s->w.top;
	s->c.trees = s->c.socket_trees = s->trees;
	s->c.n_trees = s->c.n_socket_trees = 1;
	s->c.globs = s->globs;
	for (size_t i = 0; globs[i]; i++) {
		(void)snprintf(s->globs_text[i], sizeof(s->globs_text[0]),
			       "%s/%s", s->w.top, globs[i]);
		s->globs[i] = s->globs_text[i];
		s->c.n_globs++;
	}
}

static unsigned scan_with(struct scene *s, uint64_t budget_ns)
{
	unsigned steps = 0;
	int r;

	CHECK_EQ(hide_new(&s->h, &s->c), 0);
	do {
		r = hide_step(s->h, budget_ns);
		steps++;
	} while (r > 0);
	CHECK_EQ(r, 0);
	return steps;
}

static void scene_scan(struct scene *s)
{
	(void)scan_with(s, NS_PER_S);
}

static uint64_t ahead_ns;

static uint64_t fake_now(void)
{
	return clock_mono_ns() + ahead_ns;
}

static const struct loop_world fast = { .now_ns = fake_now };

static void scene_serve(struct scene *s)
{
	for (int i = 0; i < 20; i++)
		CHECK_EQ(loop_once(s->loop, 5), 0);
}

static void watch_on(struct scene *s)
{
	ahead_ns = 0;
	CHECK_EQ(loop_new(&s->loop, &fast), 0);
	CHECK_EQ(hide_watch(s->h, s->loop, on_failed), 0);
	ahead_ns = NS_PER_S;
	CHECK_EQ(loop_once(s->loop, 5), 0);
	ahead_ns = 0;
	/* The second pass, which a slow machine does in parts. */
	scene_serve(s);
}

static void scene_watch(struct scene *s)
{
	scene_scan(s);
	watch_on(s);
	s->w.n = 0;
}

static void scene_free(struct scene *s)
{
	hide_free(s->h);
	loop_free(s->loop);
	world_free(&s->w);
}

static const char *const dotenv[] = { "**/.env", "**/.env.*", NULL };

static void test_scan(void)
{
	struct scene s;
	struct hide_stats st;

	scene_new(&s, dotenv);
	make_file(&s.w, ".env");
	make_file(&s.w, "a/b/c/.env.local");
	make_file(&s.w, "a/b/environment");
	make_dir(&s.w, "x/.env");
	make_file(&s.w, "x/.env/.env"); /* below what is hidden already */
	scene_scan(&s);
	CHECK_EQ(s.w.n, 3);
	CHECK_EQ(was_found(&s.w, ".env"), 1);
	CHECK_EQ(was_found(&s.w, "a/b/c/.env.local"), 1);
	CHECK_EQ(was_found(&s.w, "x/.env"), 1);
	CHECK_EQ(s.w.at_start[0], 1);
	hide_get_stats(s.h, &st);
	CHECK_EQ(st.dirs, 5);
	CHECK_EQ(st.watches, 0);
	scene_free(&s);
}

/* Time may be over with any directory, the last one too. */
static void test_steps(void)
{
	struct scene s;

	scene_new(&s, dotenv);
	make_file(&s.w, "a/b/.env");
	CHECK(scan_with(&s, 0) > 1);
	CHECK_EQ(loop_new(&s.loop, NULL), 0);
	CHECK_EQ(hide_watch(s.h, s.loop, on_failed), 0);
	CHECK_EQ(was_found(&s.w, "a/b/.env"), 1);
	CHECK_EQ(s.w.at_start[0], 1);
	scene_free(&s);
}

static void test_only_where_needed(void)
{
	static const char *const globs[] = { "a/b/secret", NULL };
	struct hide_stats st;
	struct scene s;

	scene_new(&s, globs);
	s.c.n_socket_trees = 0;
	make_file(&s.w, "a/b/secret");
	make_file(&s.w, "a/b/c/secret");
	scene_scan(&s);
	CHECK_EQ(s.w.n, 1);
	hide_get_stats(s.h, &st);
	CHECK_EQ(st.dirs, 3); /* the top, a, a/b: not x, not c */
	scene_free(&s);
}

static void test_symlink(void)
{
	struct scene s;

	scene_new(&s, dotenv);
	make_file(&s.w, "x/real");
	CHECK_EQ(symlink("../x/real", in(&s.w, "a/.env")), 0);
	CHECK_EQ(symlink("/etc/passwd", in(&s.w, "a/.env.out")), 0);
	CHECK_EQ(symlink("nowhere", in(&s.w, "a/.env.none")), 0);
	CHECK_EQ(symlink("..", in(&s.w, "a/loop")), 0);
	scene_scan(&s);
	CHECK_EQ(s.w.n, 1);
	CHECK_EQ(was_found(&s.w, "x/real"), 1);
	scene_free(&s);
}

static int bind_socket(const char *path)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path);
	CHECK_EQ(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	return fd;
}

static void test_sockets(void)
{
	static const char *const none[] = { NULL };
	struct scene s;
	int live, stale;

	scene_new(&s, none);
	live = bind_socket(in(&s.w, "a/b/live"));
	CHECK_EQ(listen(live, 1), 0);
	stale = bind_socket(in(&s.w, "a/stale"));
	(void)close(stale);
	scene_scan(&s);
	CHECK_EQ(s.w.n, 1);
	CHECK_EQ(was_found(&s.w, "a/b/live"), 1);
	CHECK_EQ(s.w.what[0], HIDE_SOCKET);
	(void)close(live);
	scene_free(&s);
}

static void test_later(void)
{
	struct scene s;

	scene_new(&s, dotenv);
	scene_watch(&s);
	make_file(&s.w, "a/b/.env");
	make_dir(&s.w, "new");
	make_dir(&s.w, "new/deep");
	make_file(&s.w, "new/deep/.env");
	make_file(&s.w, "new/other");
	scene_serve(&s);
	CHECK_EQ(was_found(&s.w, "a/b/.env"), 1);
	CHECK_EQ(was_found(&s.w, "new/deep/.env"), 1);
	CHECK_EQ(s.w.n, 2);
	CHECK_EQ(s.w.at_start[0], 0);
	CHECK_EQ(s.w.notices, 0);

	/* In a directory that was made later. */
	s.w.n = 0;
	make_file(&s.w, "new/deep/.env.x");
	scene_serve(&s);
	CHECK_EQ(was_found(&s.w, "new/deep/.env.x"), 1);
	scene_free(&s);
}

static void test_atomic_save(void)
{
	struct scene s;

	scene_new(&s, dotenv);
	make_file(&s.w, "a/.env");
	scene_watch(&s);
	make_file(&s.w, "a/.env~");
	CHECK_EQ(rename(in(&s.w, "a/.env~"), in(&s.w, "a/.env")), 0);
	scene_serve(&s);
	CHECK_EQ(s.w.n, 1);
	CHECK_EQ(was_found(&s.w, "a/.env"), 1);
	scene_free(&s);
}

static void test_moved_directory(void)
{
	struct scene s;

	scene_new(&s, dotenv);
	scene_watch(&s);
	CHECK_EQ(rename(in(&s.w, "a/b"), in(&s.w, "x/moved")), 0);
	scene_serve(&s);
	make_file(&s.w, "x/moved/.env");
	make_file(&s.w, "x/moved/c/.env");
	scene_serve(&s);
	CHECK_EQ(s.w.n, 2);
	CHECK_EQ(was_found(&s.w, "x/moved/.env"), 1);
	CHECK_EQ(was_found(&s.w, "x/moved/c/.env"), 1);
	scene_free(&s);
}

static void test_removed_directory(void)
{
	struct hide_stats st;
	struct scene s;

	scene_new(&s, dotenv);
	scene_watch(&s);
	for (int i = 0; i < 50; i++) {
		make_dir(&s.w, "x/d");
		scene_serve(&s);
		CHECK_EQ(rmdir(in(&s.w, "x/d")), 0);
	}
	scene_serve(&s);
	hide_get_stats(s.h, &st);
	CHECK_EQ(st.watches, 5);
	scene_free(&s);
}

static void test_between_the_passes(void)
{
	struct scene s;

	scene_new(&s, dotenv);
	make_file(&s.w, ".env");
	scene_scan(&s);
	CHECK_EQ(s.w.n, 1);
	make_file(&s.w, "a/b/.env");
	ahead_ns = 0;
	CHECK_EQ(loop_new(&s.loop, &fast), 0);
	CHECK_EQ(hide_watch(s.h, s.loop, on_failed), 0);
	ahead_ns = NS_PER_S;
	scene_serve(&s);
	CHECK_EQ(s.w.n, 2);
	CHECK_EQ(was_found(&s.w, "a/b/.env"), 1);
	CHECK_EQ(s.w.at_start[1], 0);
	scene_free(&s);
}

static void on_later(void *owner, const struct later_find *f)
{
	(void)owner;
	(void)f;
}

static void replace(const struct world *w, const char *rel)
{
	make_file(w, "saved");
	CHECK_EQ(rename(in(w, "saved"), in(w, rel)), 0);
}

/* An editor saves what is read-only, before there is any watch, and after. */
static void test_locks_replaced(void)
{
	AUTO(later_state) struct later_state *state = NULL;
	struct later_state_config c = { .found = on_later };
	struct scene s;

	scene_new(&s, dotenv);
	c.trees = s.c.trees;
	c.n_trees = s.c.n_trees;
	CHECK_EQ(later_state_new(&state, &c), 0);
	s.c.later = state;
	make_dir(&s.w, ".vscode");
	make_file(&s.w, ".vscode/tasks.json");
	make_file(&s.w, ".vscode/launch.json");
	scene_scan(&s);
	replace(&s.w, ".vscode/tasks.json");
	watch_on(&s);
	CHECK_EQ(s.w.n, 1);
	CHECK_EQ(was_found(&s.w, ".vscode/tasks.json"), 1);
	CHECK_EQ(s.w.what[0], HIDE_LOCKED);
	s.w.n = 0;
	replace(&s.w, ".vscode/launch.json");
	scene_serve(&s);
	CHECK_EQ(s.w.n, 1);
	CHECK_EQ(was_found(&s.w, ".vscode/launch.json"), 1);
	scene_free(&s);
}

static void test_few_watches(void)
{
	struct hide_stats st;
	struct scene s;

	scene_new(&s, dotenv);
	s.c.max_watches = 2;
	make_file(&s.w, "a/b/c/.env");
	scene_watch(&s);
	CHECK_EQ(s.w.n, 0);
	CHECK_EQ(s.w.notices, 1);
	hide_get_stats(s.h, &st);
	CHECK_EQ(st.watches, 2);
	CHECK_EQ(st.polling, 1);
	scene_free(&s);
}

static void test_polling_finds(void)
{
	struct scene s;

	scene_new(&s, dotenv);
	s.c.max_watches = 1;
	make_file(&s.w, "x/.env");
	scene_watch(&s);
	make_file(&s.w, "a/b/.env");
	ahead_ns = 11 * NS_PER_S;
	scene_serve(&s);
	/* The new one, and not again the one whose cover stands. */
	CHECK_EQ(s.w.n, 1);
	CHECK_EQ(was_found(&s.w, "a/b/.env"), 1);
	scene_free(&s);
}

static void test_failure_is_told(void)
{
	struct scene s;

	scene_new(&s, dotenv);
	make_file(&s.w, ".env");
	s.w.fail = -EIO;
	CHECK_EQ(hide_new(&s.h, &s.c), 0);
	CHECK_EQ(hide_step(s.h, NS_PER_S), -EIO);
	scene_free(&s);
}

/* What no path reaches is hidden with the last directory that has one. */
static void test_too_deep(void)
{
	static const char *const globs[] = { "**/.env", NULL };
	char name[201];
	struct scene s;
	int fd;

	memset(name, 'd', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	scene_new(&s, globs);
	fd = open(s.w.top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; i < 25; i++) {
		int next;

		CHECK_EQ(mkdirat(fd, name, 0755), 0);
		next = openat(fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		CHECK_EQ(next != -1, 1);
		(void)close(fd);
		fd = next;
	}
	(void)close(openat(fd, ".env", O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	(void)close(fd);
	CHECK_EQ(hide_new(&s.h, &s.c), 0);
	CHECK_EQ(hide_step(s.h, UINT64_MAX / 2), 0);
	CHECK_EQ(s.w.n, 1);
	CHECK_EQ(s.w.what[0], HIDE_DIR);
	CHECK_EQ(s.w.notices, 1);
	scene_free(&s);
}

static void test_too_many(void)
{
	static const char *const globs[] = { "**/.env", NULL };
	struct scene s;

	scene_new(&s, globs);
	s.c.max_dirs = 5; /* the top, a, b, c, x */
	CHECK_EQ(hide_new(&s.h, &s.c), 0);
	CHECK_EQ(hide_step(s.h, UINT64_MAX / 2), 0);
	scene_free(&s);
	scene_new(&s, globs);
	s.c.max_dirs = 4;
	CHECK_EQ(hide_new(&s.h, &s.c), 0);
	CHECK_EQ(hide_step(s.h, UINT64_MAX / 2), -E2BIG);
	scene_free(&s);
}

static void test_bad_glob(void)
{
	static const char *const globs[] = { "a/[", NULL };
	struct scene s;

	scene_new(&s, globs);
	CHECK_EQ(hide_new(&s.h, &s.c), -EINVAL);
	scene_free(&s);
}

int main(void)
{
	static const struct test tests[] = {
		{ "globs match what they say", test_match },
		{ "what is no absolute glob is refused", test_match_refused },
		{ "the table of directories", test_dirs },
		{ "a scan finds files and directories", test_scan },
		{ "a scan in steps", test_steps },
		{ "a fixed path is not looked for elsewhere",
		  test_only_where_needed },
		{ "a hidden link hides what it leads to", test_symlink },
		{ "listening sockets, not stale ones", test_sockets },
		{ "what appears later, in new directories too", test_later },
		{ "an atomic save", test_atomic_save },
		{ "a directory that moves", test_moved_directory },
		{ "a directory that goes gives its watch back",
		  test_removed_directory },
		{ "what appears between the passes", test_between_the_passes },
		{ "what is read-only, replaced", test_locks_replaced },
		{ "too few watches are told once", test_few_watches },
		{ "what is not watched is polled", test_polling_finds },
		{ "a cover that fails ends the scan", test_failure_is_told },
		{ "deeper than any path", test_too_deep },
		{ "more directories than are looked at", test_too_many },
		{ "a malformed glob is refused", test_bad_glob },
	};

	return test_main(tests, N_ELEMS(tests));
}
