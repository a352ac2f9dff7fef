/* SPDX-License-Identifier: Apache-2.0 */
#include "base/options.h"

#include "base/test.h"

struct settings {
	uint32_t first; /* keeps the offset of the flags above 0 */
	bool tty, verbose, has_fd;
	const char *policy;
	uint32_t fd;
	struct option_list env;
};

#define TO(member) offsetof(struct settings, member)

static const struct option table[] = {
	{ .name = "tty",
	  .letter = 't',
	  .help = "use a terminal",
	  .kind = OPTION_FLAG,
	  .target = TO(tty) },
	{ .name = "verbose",
	  .help = "say more",
	  .kind = OPTION_FLAG,
	  .target = TO(verbose) },
	{ .name = "policy",
	  .letter = 'p',
	  .arg = "FILE",
	  .help = "rules",
	  .kind = OPTION_STRING,
	  .target = TO(policy) },
	{ .name = "fd",
	  .arg = "N",
	  .help = "where to",
	  .kind = OPTION_U32,
	  .min = 0,
	  .max = 9,
	  .target = TO(fd),
	  .present = TO(has_fd) },
	{ .name = "env",
	  .letter = 'e',
	  .arg = "NAME=VALUE",
	  .help = "set a variable",
	  .kind = OPTION_LIST,
	  .target = TO(env) },
};

#define ARGS_MAX 8

static int count(const char *const *argv)
{
	int n = 0;

	while (argv[n])
		n++;
	return n;
}

static bool parse(const char *const *argv, struct settings *s, int *next,
		  struct diag *d)
{
	char *copy[ARGS_MAX + 1] = { 0 };
	int argc = count(argv);

	for (int i = 0; i < argc; i++)
		copy[i] = (char *)(uintptr_t)argv[i];
	*s = (struct settings){ 0 };
	return options_parse(table, N_ELEMS(table), argc, copy, s, next, d);
}

static void test_values(void)
{
	static const char *const argv[] = { "x",    "-t",     "--policy=a=b",
					    "--fd", "0",      "-e",
					    "K=V",  "--env=", NULL };
	struct settings s;
	int next = 0;

	CHECK(parse(argv, &s, &next, NULL));
	CHECK_EQ(next, 8);
	CHECK(s.tty && !s.verbose);
	CHECK_STR(str_of(s.policy), STR("a=b"));
	CHECK(s.has_fd && s.fd == 0);
	CHECK_EQ(s.env.n, 2);
	CHECK_STR(str_of(s.env.items[0]), STR("K=V"));
	CHECK_STR(str_of(s.env.items[1]), STR(""));
	CHECK_EQ(s.first, 0);
}

static void test_where_it_stops(void)
{
	static const struct {
		const char *argv[ARGS_MAX];
		int next;
		bool tty;
	} rows[] = {
		{ { "x" }, 1, false },
		{ { "x", "make", "-t" }, 1, false },
		{ { "x", "-t", "make", "-t" }, 2, true },
		{ { "x", "--", "-t" }, 2, false },
		{ { "x", "-t", "--" }, 3, true },
		{ { "x", "-t", "-", "--verbose" }, 2, true },
		{ { "x", "" }, 1, false },
		{ { "x", "-p", "--", "-t" }, 4, true }, /* "--" is the value */
	};

	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		struct settings s;
		int next = 0;

		CHECK(parse(rows[i].argv, &s, &next, NULL));
		CHECK_EQ(next, rows[i].next);
		CHECK_EQ(s.tty, rows[i].tty);
		CHECK(!s.has_fd);
	}
	CHECK_EQ(options_parse(table, N_ELEMS(table), 0, NULL, NULL,
			       &(int){ 0 }, NULL),
		 true);
}

static void test_refusals(void)
{
	static const struct {
		const char *argv[ARGS_MAX];
		const char *want;
	} rows[] = {
		{ { "x", "--nope" }, "no option --nope" },
		{ { "x", "--nope=1" }, "no option --nope" },
		{ { "x", "-n" }, "no option -n" },
		{ { "x", "-tt" }, "no option -tt" },
		{ { "x", "-p=a" }, "no option -p=a" },
		{ { "x", "---tty" }, "no option ---tty" },
		{ { "x", "--t" }, "no option --t" },
		{ { "x", "-\033[m" }, "no option -\\x1b[m" },
		{ { "x", "--=x" }, "no option --" },
		{ { "x", "--tty=yes" }, "--tty takes no value" },
		{ { "x", "--tty=" }, "--tty takes no value" },
		{ { "x", "--policy" }, "--policy wants a value" },
		{ { "x", "-p" }, "-p wants a value" },
		{ { "x", "-t", "--tty" }, "--tty is given twice" },
		{ { "x", "-p", "a", "-p", "a" }, "--policy is given twice" },
		{ { "x", "--fd=10" }, "--fd wants a number from 0 to 9" },
		{ { "x", "--fd=" }, "--fd wants a number from 0 to 9" },
		{ { "x", "--fd", "-1" }, "--fd wants a number from 0 to 9" },
		{ { "x", "--fd", "1x" }, "--fd wants a number from 0 to 9" },
	};

	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		struct settings s;
		struct diag d = { 0 };
		int next = 0;

		CHECK(!parse(rows[i].argv, &s, &next, &d));
		CHECK_STR(str_of(d.text), str_of(rows[i].want));
	}
}

static void test_list_limit(void)
{
	static char *argv[2 * OPTION_LIST_MAX + 4];
	static char x[] = "x", e[] = "-e", v[] = "v";
	struct settings s = { 0 };
	struct diag d = { 0 };
	int n = 1, next = 0;

	argv[0] = x;
	for (unsigned i = 0; i < OPTION_LIST_MAX; i++) {
		argv[n++] = e;
		argv[n++] = v;
	}
	CHECK(options_parse(table, N_ELEMS(table), n, argv, &s, &next, &d));
	CHECK_EQ(s.env.n, OPTION_LIST_MAX);
	argv[n++] = e;
	argv[n++] = v;
	s = (struct settings){ 0 };
	CHECK(!options_parse(table, N_ELEMS(table), n, argv, &s, &next, &d));
	CHECK_STR(str_of(d.text), STR("--env more than 128 times"));
}

static void test_help(void)
{
	AUTO(buf) struct buf b = BUF_NULL;

	buf_init(&b, 4096);
	options_help(table, N_ELEMS(table), &b);
	CHECK_STR(buf_str(&b), STR("  -t, --tty                 "
				   "use a terminal\n"
				   "      --verbose             say more\n"
				   "  -p, --policy FILE         rules\n"
				   "      --fd N                where to\n"
				   "  -e, --env NAME=VALUE      "
				   "set a variable\n"));
}

int main(void)
{
	static const struct test tests[] = {
		{ "values", test_values },
		{ "where it stops", test_where_it_stops },
		{ "refusals", test_refusals },
		{ "a list has a limit", test_list_limit },
		{ "help", test_help },
	};

	return test_main(tests, N_ELEMS(tests));
}
