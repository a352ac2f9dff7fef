/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of `bawn`.  One row here, one cmd-NAME.c. */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/build-id.h"
#include "base/json.h"
#include "base/wall.h"
#include "cmd/bawn-show.h"
#include "cmd/cmd.h"

#define HELP_MAX ((size_t)64 * 1024)

static int cmd_help(const struct command *c, int argc, char *const argv[]);
static int cmd_version(const struct command *c, int argc, char *const argv[]);

static const struct option list_options[] = {
	{ .name = "json",
	  .help = "one JSON object a line",
	  .kind = OPTION_FLAG,
	  .target = offsetof(struct list_opts, json) },
};

static const struct option doctor_options[] = {
	{ .name = "json",
	  .help = "one JSON object a line",
	  .kind = OPTION_FLAG,
	  .target = offsetof(struct doctor_opts, json) },
	{ .name = "prove",
	  .help = "start a session that tries to get out",
	  .kind = OPTION_FLAG,
	  .target = offsetof(struct doctor_opts, prove) },
	{ .name = "backend",
	  .arg = "NAME",
	  .help = "of that session: namespaces, or landlock, which lacks some "
		  "walls",
	  .kind = OPTION_STRING,
	  .target = offsetof(struct doctor_opts, backend) },
};

static const struct option help_options[] = {
	{ .name = "json",
	  .help = "all verbs and their options as one JSON object",
	  .kind = OPTION_FLAG,
	  .target = offsetof(struct list_opts, json) },
};

static const struct option ps_options[] = {
	{ .name = "all",
	  .letter = 'a',
	  .help = "sessions that ended since the daemon started, too",
	  .kind = OPTION_FLAG,
	  .target = offsetof(struct list_opts, all) },
	{ .name = "json",
	  .help = "one JSON object a line",
	  .kind = OPTION_FLAG,
	  .target = offsetof(struct list_opts, json) },
};

static const struct option logs_options[] = {
	{ .name = "replay",
	  .help = "what its terminal showed, with the pauses; as an asciicast "
		  "where standard output is no terminal",
	  .kind = OPTION_FLAG,
	  .target = offsetof(struct list_opts, replay) },
	{ .name = "raw",
	  .help = "with --replay: the asciicast in any case",
	  .kind = OPTION_FLAG,
	  .target = offsetof(struct list_opts, raw) },
	{ .name = "follow",
	  .letter = 'f',
	  .help = "go on until the session has ended",
	  .kind = OPTION_FLAG,
	  .target = offsetof(struct list_opts, follow) },
	{ .name = "json",
	  .help = "the records themselves, one a line",
	  .kind = OPTION_FLAG,
	  .target = offsetof(struct list_opts, json) },
};

#define OPTIONS(table) .options = (table), .n_options = N_ELEMS(table)
#define LATER(word, text)                                           \
	{                                                           \
		.name = (word), .help = (text), .synopsis = (word), \
		.later = true                                       \
	}

const struct command commands[] = {
	LATER("apply", "bring a reviewed session's changes into the project"),
	LATER("approvals", "list what waits for a decision"),
	LATER("approve", "let a waiting action happen"),
	LATER("deny", "refuse a waiting action"),
	LATER("diff", "show what a reviewed session changed"),
	LATER("discard", "drop a reviewed session's changes"),
	{ .name = "doctor",
	  .run = cmd_doctor,
	  .synopsis = "doctor [--prove [--backend NAME]] [--json]",
	  .help = "try what bawn needs of this machine",
	  OPTIONS(doctor_options) },
	{ .name = "help",
	  .run = cmd_help,
	  .synopsis = "help [--json | VERB]",
	  .help = "list the verbs, or explain one",
	  OPTIONS(help_options) },
	{ .name = "kill",
	  .run = cmd_kill,
	  .synopsis = "kill [--json] SESSION",
	  .help = "end a session",
	  OPTIONS(list_options) },
	{ .name = "ledger",
	  .synopsis = "ledger tail|query|verify ...",
	  .help = "read and check the record" },
	{ .name = "logs",
	  .run = cmd_logs,
	  .synopsis = "logs [-f] [--json] [--replay [--raw]] SESSION",
	  .help = "what a session did, and was refused",
	  OPTIONS(logs_options) },
	{ .name = "policy",
	  .synopsis = "policy check|show ...",
	  .help = "check and explain policy files" },
	{ .name = "ps",
	  .run = cmd_ps,
	  .synopsis = "ps [-a] [--json]",
	  .help = "list the sessions",
	  OPTIONS(ps_options) },
	{ .name = "run",
	  .run = cmd_run,
	  .synopsis = "run [OPTION...] -- CMD [ARG...]",
	  .help = "start a command in a jail of its own",
	  .options = run_options,
	  .n_options = RUN_N_OPTIONS },
	LATER("scan", "look for secrets and personal data"),
	{ .name = "show",
	  .synopsis = SHOW_SYNOPSIS,
	  .help = SHOW_HELP,
	  .options = show_options,
	  .n_options = SHOW_N_OPTIONS },
	LATER("undo", "take back what a live session changed"),
	{ .name = "version",
	  .run = cmd_version,
	  .synopsis = "version",
	  .help = "print the version and the build" },
};
const size_t n_commands = N_ELEMS(commands);

void cmd_error(const char *fmt, ...)
{
	char text[1200] = "bawn: ";
	size_t room = sizeof(text) - 8;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text + 6, room, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	if ((size_t)n >= room)
		n = (int)room - 1;
	text[6 + n] = '\n';
	(void)!write(STDERR_FILENO, text, (size_t)n + 7); /* nowhere to tell */
}

static int print_help(const struct command *c)
{
	AUTO(buf) struct buf b = BUF_NULL;

	buf_init(&b, HELP_MAX);
	(void)buf_printf(&b, "usage: bawn %s\n\n%s\n", c->synopsis, c->help);
	if (c->n_options > 0) {
		(void)buf_addc(&b, '\n');
		options_help(c->options, c->n_options, &b);
	}
	(void)fwrite(buf_str(&b).ptr, 1, b.len, stdout);
	return BAWN_EXIT_OK;
}

static bool is_help(const char *s)
{
	return strcmp(s, "--help") == 0 || strcmp(s, "-h") == 0;
}

int cmd_parse(const struct command *c, int argc, char *const argv[],
	      void *target, const char **args, int max, int *ret_n)
{
	struct diag why = { 0 };
	int at = 0, n = 0;

	if (argc > 1 && is_help(argv[1]))
		return print_help(c);
	for (;;) {
		int next = 0;

		if (!options_parse(c->options, c->n_options, argc - at,
				   argv + at, target, &next, &why)) {
			cmd_error("%s; see 'bawn help %s'", why.text, c->name);
			return BAWN_EXIT_USAGE;
		}
		at += next;
		if (max == 0) {
			*ret_n = at;
			return -1;
		}
		if (at >= argc)
			break;
		if (n == max) {
			cmd_error("usage: bawn %s", c->synopsis);
			return BAWN_EXIT_USAGE;
		}
		args[n++] = argv[at];
	}
	*ret_n = n;
	return -1;
}

static int list_commands(void)
{
	printf("usage: bawn VERB [ARG...]\n\n");
	for (size_t i = 0; i < n_commands; i++) {
		if (!commands[i].later)
			printf("  %-34s %s\n", commands[i].synopsis,
			       commands[i].help);
	}
	printf("\nSESSION is an id, the beginning of one, or @ for the "
	       "newest.\n'bawn help VERB' lists the options of a verb.\n");
	return BAWN_EXIT_OK;
}

static int list_json(void)
{
	AUTO(buf) struct buf b = BUF_NULL;
	struct json_out w = JSON_OUT(&b);

	buf_init(&b, HELP_MAX);
	json_open(&w, '{');
	json_kstr(&w, "program", STR("bawn"));
	json_kstr(&w, "version", STR(BAWN_VERSION));
	json_key(&w, "verbs");
	json_open(&w, '[');
	for (size_t i = 0; i < n_commands; i++) {
		const struct command *c = &commands[i];

		if (!c->later)
			options_json(c->name, c->synopsis, c->help, c->options,
				     c->n_options, &w);
	}
	json_close(&w, ']');
	json_close(&w, '}');
	(void)buf_addc(&b, '\n');
	(void)fwrite(buf_str(&b).ptr, 1, b.len, stdout);
	return b.failed ? BAWN_EXIT_TROUBLE : BAWN_EXIT_OK;
}

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < n_commands; i++) {
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	}
	return NULL;
}

static int run_libexec(const struct command *c, int argc, char *const argv[])
{
	char name[64], path[4200];

	(void)snprintf(name, sizeof(name), "bawn-%s", c->name);
	if (!cmd_libexec(name, path, sizeof(path))) {
		cmd_error("%s is not installed beside bawn nor in %s", name,
			  BAWN_LIBEXECDIR);
		return BAWN_EXIT_TROUBLE;
	}
	(void)argc;
	(void)execv(path, argv);
	cmd_error("cannot run %s: %s", path, strerror(errno));
	return BAWN_EXIT_TROUBLE;
}

static int dispatch(const struct command *c, int argc, char *const argv[])
{
	if (c->later) {
		cmd_error("'%s' is not in this version", c->name);
		return BAWN_EXIT_USAGE;
	}
	if (!c->run)
		return run_libexec(c, argc, argv);
	return c->run(c, argc, argv);
}

static int cmd_help(const struct command *c, int argc, char *const argv[])
{
	static char help_flag[] = "--help";
	char *libexec_argv[] = { NULL, help_flag, NULL };
	const struct command *of;

	(void)c;
	if (argc < 2 || is_help(argv[1]))
		return list_commands();
	if (strcmp(argv[1], "--json") == 0)
		return list_json();
	of = find_command(argv[1]);
	if (!of) {
		cmd_error("no verb '%s'; see 'bawn help'", argv[1]);
		return BAWN_EXIT_USAGE;
	}
	libexec_argv[0] = argv[1];
	return dispatch(of, 2, libexec_argv);
}

static int cmd_version(const struct command *c, int argc, char *const argv[])
{
	(void)c;
	(void)argc;
	(void)argv;
	printf("bawn %s (build %s)\n", BAWN_VERSION, build_id());
#ifdef WEAKENED
	printf("WEAKENED: built without one of its walls, to fail its tests\n");
#endif
	return BAWN_EXIT_OK;
}

/*
 * Closed standard descriptors would be handed out again, to a socket that the
 * command then gets as its input.
 */
static bool open_standard_fds(void)
{
	for (int fd = 0; fd <= 2; fd++) {
		if (fcntl(fd, F_GETFD) == -1 && errno == EBADF &&
		    open("/dev/null", fd == 0 ? O_RDONLY : O_WRONLY) != fd)
			return false;
	}
	return true;
}

int main(int argc, char **argv)
{
	const struct command *c;
	int code;

	if (!open_standard_fds())
		return BAWN_EXIT_TROUBLE;
	if (argc < 2) {
		cmd_error("usage: bawn VERB [ARG...]; see 'bawn help'");
		return BAWN_EXIT_USAGE;
	}
	if (is_help(argv[1]))
		return list_commands();
	if (strcmp(argv[1], "--version") == 0)
		return cmd_version(NULL, 0, NULL);

	c = find_command(argv[1]);
	if (!c) {
		cmd_error("no verb '%.100s'; see 'bawn help'", argv[1]);
		return BAWN_EXIT_USAGE;
	}
	code = dispatch(c, argc - 1, argv + 1);
	if (fflush(stdout) == EOF && code == BAWN_EXIT_OK)
		code = BAWN_EXIT_TROUBLE; /* a full disk, a closed pipe */
	return code;
}
