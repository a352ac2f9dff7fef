/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "cmd/run-env.h"

static bool has(const char *const *env, size_t n, const char *want)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(env[i], want) == 0)
			return true;
	}
	return false;
}

static char lang[] = "LANG=C", lc[] = "LC_ALL=x", key[] = "AWS_KEY=s",
	    odd[] = "A B=1", bare[] = "NOTHING", bash[] = "BASH_FUNC_x%%=() {}",
	    empty[] = "=x", home[] = "HOME=/root", twice[] = "LANG=D";
static char *const host[] = {
	lang, lc, key, odd, bare, bash, empty, home, NULL
};

static char pass_lang[] = "LANG", pass_lc[] = "LC_*", set_home[] = "HOME=/h",
	    set_ci[] = "CI=1", set_bad[] = "=1", pass_all[] = "*";

static void test_allow_list(void)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	char *pass[] = { pass_lang, pass_lc };
	char *set[] = { set_home, set_ci, set_bad };
	struct plan p = { .env_pass = pass,
			  .n_env_pass = 2,
			  .env_set = set,
			  .n_env_set = 3 };
	const char *own[] = { "KEY=a=b", "CI=2" };
	const char **env = NULL;
	size_t n = 0;

	arena_init(&a, 1 << 20);
	CHECK_EQ(run_env_build(&a, &p, host, own, 2, &env, &n), 0);
	CHECK_EQ(n, 5);
	CHECK_EQ(env[n] == NULL, 1);
	CHECK_EQ(has(env, n, "LANG=C"), 1);
	CHECK_EQ(has(env, n, "LC_ALL=x"), 1);
	CHECK_EQ(has(env, n, "HOME=/h"), 1);
	CHECK_EQ(has(env, n, "CI=2"), 1); /* -e wins */
	CHECK_EQ(has(env, n, "KEY=a=b"), 1);
}

static void test_everything(void)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	char *pass[] = { pass_all };
	char *const twins[] = { lang, twice, odd, bare, bash, empty, NULL };
	struct plan p = { .env_pass = pass, .n_env_pass = 1 };
	const char **env = NULL;
	size_t n = 0;

	arena_init(&a, 1 << 20);
	CHECK_EQ(run_env_build(&a, &p, twins, NULL, 0, &env, &n), 0);
	CHECK_EQ(n, 1); /* no name, odd names: never */
	CHECK_EQ(has(env, n, "LANG=D"), 1);
}

static void test_nothing(void)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	struct plan p = { 0 };
	const char **env = NULL;
	size_t n = 7;

	arena_init(&a, 1 << 20);
	CHECK_EQ(run_env_build(&a, &p, host, NULL, 0, &env, &n), 0);
	CHECK_EQ(n, 0);
}

static void test_too_many(void)
{
	enum {
		N = PLAN_MAX_ENV + 1
	};
	AUTO(arena) struct arena a = ARENA_NULL;
	struct plan p = { 0 };
	const char **env = NULL;
	static const char *own[N];
	static char text[N][16];
	size_t n = 0;

	for (size_t i = 0; i < N; i++) {
		(void)snprintf(text[i], sizeof(text[i]), "V%zu=1", i);
		own[i] = text[i];
	}
	arena_init(&a, 1 << 20);
	CHECK_EQ(run_env_build(&a, &p, host, own, N, &env, &n), 1);
	CHECK_EQ(run_env_build(&a, &p, host, own, N - 1, &env, &n), 0);
	CHECK_EQ(n, N - 1);
}

static void test_no_memory(void)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	struct plan p = { 0 };
	const char **env = NULL;
	size_t n = 0;

	arena_init(&a, 64);
	CHECK_EQ(run_env_build(&a, &p, host, NULL, 0, &env, &n), -ENOMEM);
}

static void test_names(void)
{
	CHECK_EQ(run_env_is_valid(STR("A=")), 1);
	CHECK_EQ(run_env_is_valid(STR("_a1=x")), 1);
	CHECK_EQ(run_env_is_valid(STR("A")), 0);
	CHECK_EQ(run_env_is_valid(STR("")), 0);
	CHECK_EQ(run_env_is_valid(STR("=x")), 0);
	CHECK_EQ(run_env_is_valid(STR("1A=x")), 0);
	CHECK_EQ(run_env_is_valid(STR("A-B=x")), 0);
	CHECK_EQ(run_env_is_valid(STR("A =x")), 0);
}

int main(void)
{
	static const struct test tests[] = {
		{ "only what the plan names", test_allow_list },
		{ "everything still has a name", test_everything },
		{ "nothing by default", test_nothing },
		{ "too many variables", test_too_many },
		{ "no memory", test_no_memory },
		{ "names", test_names },
	};

	return test_main(tests, N_ELEMS(tests));
}
