/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bawn-probe: what can be reached from here?
 *
 * Run inside of a sandbox, of whatever make, it tries everything that a
 * sandbox should refuse and prints a row for each attempt.  It finds out
 * whether a thing can be reached; it exploits nothing, and touches nothing beside
 * what its fixtures name.  The program stands alone: one static file, copied
 * into any sandbox.
 *
 * Goals: any kernel from 4.19 on, any user; the same ids everywhere; no
 * attempt ends the run.  Not a goal: to judge.  Whether `reachable` is harm is the
 * reader's to say, who knows the sandbox's policy and sees the host.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probe/attempt.h"
#include "probe/baseline.h"
#include "probe/fixtures.h"
#include "probe/print.h"
#include "probe/syscalls.h"

#define EXIT_TRIED   0
#define EXIT_TROUBLE 1
#define EXIT_USAGE   2

struct options {
	const char *only, *fixtures, *baseline, *abi;
	enum print_form form;
	bool list, resources;
};

static const char usage[] =
	"usage: bawn-probe [--json] [--list] [--only CLASS|ID[,...]] "
	"[--abi NAME[,...]]\n"
	"                  [--fixtures FILE] [--baseline FILE] "
	"[--resources]\n";

static void print_help(void)
{
	(void)fputs(usage, stdout);
	(void)puts(
		"\n"
		"Tries what a sandbox should refuse and prints one row for "
		"each attempt: reachable,\n"
		"refused, absent (this kernel has no such thing) or untried "
		"(no fixture for it).\n"
		"\n"
		"  --json            a row is a JSON object on a line\n"
		"  --list            only says what would be tried\n"
		"  --only LIST       classes (fs) and ids (fs.mknod-device), "
		"by commas\n"
		"  --abi LIST        of: native i386 x32 arm; all that the "
		"machine "
		"has, unless said\n"
		"  --fixtures FILE   what the host has prepared, key=value a "
		"line, see below\n"
		"  --baseline FILE   --json of a run outside of the sandbox, "
		"to "
		"compare with\n"
		"  --resources       also fills memory, disk and tables, "
		"within "
		"bounds\n"
		"\n"
		"Files whose content is the marker stay behind, all else is "
		"undone.  Exit code: 0 tried,\n"
		"whatever was found; 1 could not; 2 usage.\n"
		"\n"
		"Fixtures:");
	fixtures_help(stdout);
}

/* Zero bytes over are left for a parser that ends its lines by them. */
static char *load(const char *path, size_t max, size_t *len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *text = fd == -1 ? NULL : calloc(1, max + 2);
	ssize_t n = 0;

	*len = 0;
	if (!text) {
		(void)fprintf(stderr, "bawn-probe: %s: %s\n", path,
			      strerror(errno));
		return NULL;
	}
	while (*len <= max && (n = read(fd, text + *len, max + 1 - *len)) > 0)
		*len += (size_t)n;
	(void)close(fd);
	if (n >= 0)
		return text;
	(void)fprintf(stderr, "bawn-probe: %s: %s\n", path, strerror(errno));
	free(text);
	return NULL;
}

/* Their texts stay in memory as long as the program runs. */
static bool load_fixtures(const char *path, struct fixtures *ret)
{
	struct fixture_error e = { 0 };
	size_t len;
	char *text;

	*ret = (struct fixtures){ 0 };
	if (!path)
		return true;
	text = load(path, FIXTURES_SIZE_MAX, &len);
	if (!text)
		return false;
	if (fixtures_parse(text, len, ret, &e) == 0)
		return true;
	(void)fprintf(stderr, "bawn-probe: %s:%u: %s\n", path, e.line, e.text);
	return false;
}

static bool load_baseline(const char *path, struct baseline *ret)
{
	unsigned line;
	size_t len;
	char *text;

	if (!path)
		return true;
	text = load(path, BASELINE_SIZE_MAX, &len);
	if (!text)
		return false;
	line = len > BASELINE_SIZE_MAX ? 1 : baseline_parse(text, len, ret);
	free(text);
	if (line)
		(void)fprintf(stderr,
			      "bawn-probe: %s:%u: not a row of --json\n", path,
			      line);
	return line == 0;
}

/* Whether @word is one of @list, which commas divide. */
static bool is_listed(const char *list, const char *word, size_t len)
{
	for (const char *p = list; *p; p += strspn(p, ",")) {
		size_t n = strcspn(p, ",");

		if (n == len && memcmp(p, word, len) == 0)
			return true;
		p += n;
	}
	return false;
}

static bool is_wanted(const struct options *o, const struct attempt *a)
{
	if ((a->flags & ATTEMPT_RESOURCES) && !o->resources && !o->list)
		return false;
	return !o->only || is_listed(o->only, a->id, strlen(a->id)) ||
	       is_listed(o->only, a->id, strcspn(a->id, "."));
}

/* Each word of --only must mean something, or a typing error tries nothing. */
static bool check_only(const char *word, size_t len)
{
	for (size_t t = 0; t < n_attempt_tables; t++) {
		struct attempt_table table = attempt_table(t);

		for (size_t i = 0; i < table.n; i++) {
			const char *id = table.rows[i].id;

			if ((strlen(id) == len || strcspn(id, ".") == len) &&
			    memcmp(id, word, len) == 0)
				return true;
		}
	}
	return syscalls_find(word, len);
}

static bool check_lists(const struct options *o)
{
	for (const char *p = o->only ? o->only : ""; *p; p += strspn(p, ",")) {
		size_t n = strcspn(p, ",");

		if (!check_only(p, n)) {
			(void)fprintf(stderr,
				      "bawn-probe: no class or id is named "
				      "\"%.*s\"; --list prints them\n",
				      (int)n, p);
			return false;
		}
		p += n;
	}
	for (const char *p = o->abi ? o->abi : ""; *p; p += strspn(p, ",")) {
		size_t n = strcspn(p, ",");

		if (!is_listed("native,i386,x32,arm", p, n)) {
			(void)fputs("bawn-probe: --abi knows native, i386, "
				    "x32 and arm\n",
				    stderr);
			return false;
		}
		p += n;
	}
	return true;
}

enum {
	OPT_JSON = 256,
	OPT_LIST,
	OPT_ONLY,
	OPT_ABI,
	OPT_FIXTURES,
	OPT_BASELINE,
	OPT_RESOURCES,
	OPT_HELP
};

/* -1: go on; else the exit code. */
static int parse_options(int argc, char **argv, struct options *o)
{
	static const struct option long_options[] = {
		{ "json", no_argument, NULL, OPT_JSON },
		{ "list", no_argument, NULL, OPT_LIST },
		{ "only", required_argument, NULL, OPT_ONLY },
		{ "abi", required_argument, NULL, OPT_ABI },
		{ "fixtures", required_argument, NULL, OPT_FIXTURES },
		{ "baseline", required_argument, NULL, OPT_BASELINE },
		{ "resources", no_argument, NULL, OPT_RESOURCES },
		{ "help", no_argument, NULL, OPT_HELP },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		switch (c) {
		case OPT_JSON:
			o->form = PRINT_JSON;
			break;
		case OPT_LIST:
			o->list = true;
			break;
		case OPT_ONLY:
			o->only = optarg;
			break;
		case OPT_ABI:
			o->abi = optarg;
			break;
		case OPT_FIXTURES:
			o->fixtures = optarg;
			break;
		case OPT_BASELINE:
			o->baseline = optarg;
			break;
		case OPT_RESOURCES:
			o->resources = true;
			break;
		case OPT_HELP:
			print_help();
			return EXIT_TRIED;
		default:
			return EXIT_USAGE;
		}
	}
	if (optind < argc) {
		(void)fputs(usage, stderr);
		return EXIT_USAGE;
	}
	return check_lists(o) ? -1 : EXIT_USAGE;
}

struct state {
	const struct options *options;
	const struct baseline *baseline;
	struct run run;
	struct result *shared;
	unsigned count[OUTCOME_MAX_];
};

/* What is not there outside either is no refusal of the sandbox's. */
static void compare(struct result *res, const struct baseline_row *outside)
{
	if (outside->outcome != OUTCOME_ABSENT &&
	    !(outside->outcome == OUTCOME_REFUSED && outside->missing))
		return;
	/* A filter that killed us had a word of its own. */
	if (res->outcome == OUTCOME_REFUSED && !res->signal)
		res->outcome = OUTCOME_ABSENT;
}

static void handle(struct state *s, const struct attempt *a)
{
	const struct baseline_row *outside;

	if (!is_wanted(s->options, a))
		return;
	if (s->options->list) {
		print_known(s->options->form, a);
		return;
	}
	attempt_run(a, &s->run, s->shared);
	outside = baseline_find(s->baseline, a->id);
	if (outside)
		compare(s->shared, outside);
	if (s->shared->outcome == OUTCOME_NONE)
		s->shared->outcome = OUTCOME_UNTRIED;
	s->count[s->shared->outcome]++;
	print_row(s->options->form, a, s->shared,
		  outside ? outside->outcome : OUTCOME_NONE);
}

static void handle_call(const struct attempt *a, void *userdata)
{
	handle(userdata, a);
}

static bool abi_wanted(const struct options *o, const char *name)
{
	return !o->abi || is_listed(o->abi, name, strlen(name));
}

static void handle_all(struct state *s)
{
	for (size_t t = 0; t < n_attempt_tables; t++) {
		struct attempt_table table = attempt_table(t);

		for (size_t i = 0; i < table.n; i++)
			handle(s, &table.rows[i]);
	}
	for (size_t i = 0; i < n_abis; i++) {
		if (abi_wanted(s->options, abis[i].name))
			syscalls_each(&abis[i], handle_call, s);
	}
}

/* A process beside the attempts: as an agent's other tools are. */
static pid_t start_sibling(void)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	for (;;)
		(void)pause();
}

int main(int argc, char **argv)
{
	static struct fixtures fixtures;
	static struct baseline baseline;
	struct options o = { 0 };
	struct state s = { .options = &o, .baseline = &baseline };
	int e = parse_options(argc, argv, &o);

	if (e != -1)
		return e;
	if (!load_fixtures(o.fixtures, &fixtures) ||
	    !load_baseline(o.baseline, &baseline))
		return EXIT_USAGE;
	s.shared = mmap(NULL, sizeof(*s.shared), PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (s.shared == MAP_FAILED) {
		(void)fprintf(stderr, "bawn-probe: %s\n", strerror(errno));
		return EXIT_TROUBLE;
	}
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	s.run = (struct run){ .fixtures = &fixtures, .parent = getppid() };
	if (!o.list) {
		s.run.sibling = start_sibling();
		print_head(o.form);
	}
	handle_all(&s);
	if (s.run.sibling > 0) {
		(void)kill(s.run.sibling, SIGKILL);
		(void)waitpid(s.run.sibling, NULL, 0);
	}
	if (o.form == PRINT_TEXT && !o.list)
		print_sum(s.count);
	return fflush(stdout) == 0 ? EXIT_TRIED : EXIT_TROUBLE;
}
