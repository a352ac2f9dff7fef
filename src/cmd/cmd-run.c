/* SPDX-License-Identifier: Apache-2.0 */
/* bawn run: the options, and the life of the supervisor from outside. */
#include <fcntl.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/path.h"
#include "base/wall.h"
#include "cmd/run-env.h"
#include "cmd/run-witness.h"
#include "cmd/run.h"

#define ARENA_MAX ((size_t)64 * 1024 * 1024) /* the grant and the plan */

#define WORDS_MAX ((size_t)64 * 1024)

#define ROW(field_, ...)                                                 \
	{                                                                \
		__VA_ARGS__, .target = offsetof(struct run_opts, field_) \
	}

const struct option run_options[RUN_N_OPTIONS] = {
	ROW(profile, .name = "profile", .arg = "NAME", .kind = OPTION_STRING,
	    .help = "the user's policy of that name, in profiles/"),
	ROW(policy, .name = "policy", .arg = "FILE", .kind = OPTION_STRING,
	    .help = "in place of the user's policy"),
	ROW(task, .name = "task", .arg = "ID", .kind = OPTION_STRING,
	    .help = "what this is for; goes on every record"),
	ROW(env, .name = "env", .letter = 'e', .arg = "NAME[=VALUE]",
	    .kind = OPTION_LIST,
	    .help = "a variable of the command; without a value, yours"),
	ROW(json, .name = "json", .kind = OPTION_FLAG,
	    .help = "how it ended, one JSON object as stderr's last line"),
	ROW(plan, .name = "plan", .kind = OPTION_FLAG,
	    .help = "print what would be done, as JSON, and start nothing"),
	ROW(live, .name = "live", .kind = OPTION_FLAG,
	    .help = "work in the project itself (this version's only way)"),
	ROW(review, .name = "review", .kind = OPTION_FLAG,
	    .help = "not in this version"),
	ROW(no_ask, .name = "no-ask", .kind = OPTION_FLAG,
	    .help = "leave out what the project's policy asks for, unasked"),
	ROW(no_hints, .name = "no-hints", .kind = OPTION_FLAG,
	    .help = "do not tell of refusals; they are in 'bawn logs'"),
};

/* "K" takes the value from our own environment, or drops out. */
static bool take_env(struct run *r)
{
	struct option_list *l = &r->opts.env;
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++) {
		size_t len = strlen(l->items[i]);
		const char *found =
			strchr(l->items[i], '=') ? l->items[i] : NULL;

		for (char **e = environ; !found && *e; e++) {
			if (strncmp(*e, l->items[i], len) == 0 &&
			    (*e)[len] == '=')
				found = *e;
		}
		if (!found)
			continue;
		if (!run_env_is_valid(str_of(found))) {
			cmd_error(
				"-e wants NAME=VALUE, with a NAME of letters, "
				"digits and _");
			return false;
		}
		l->items[n++] = found;
	}
	l->n = n;
	return true;
}

static int check_options(struct run *r, const struct command *c)
{
	if (r->opts.review) {
		cmd_error("--review is not in this version");
		return BAWN_EXIT_USAGE;
	}
	if (r->opts.profile && r->opts.policy) {
		cmd_error("--profile and --policy exclude each other");
		return BAWN_EXIT_USAGE;
	}
	if (r->argc < 1) {
		cmd_error("usage: bawn %s", c->synopsis);
		return BAWN_EXIT_USAGE;
	}
	return take_env(r) ? -1 : BAWN_EXIT_USAGE;
}

/*
 * A directory would be a way around the jail's tree: by a name below it, any file's
 * status could be read and its mode changed.  So would what only names a file, and
 * who knows what other things of the kernel.
 */
static bool is_stream(int fd)
{
	int flags = fcntl(fd, F_GETFL);
	struct stat st;

	return flags != -1 && (flags & O_PATH) == 0 && fstat(fd, &st) == 0 &&
	       (S_ISREG(st.st_mode) || S_ISFIFO(st.st_mode) ||
		S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode) ||
		S_ISSOCK(st.st_mode));
}

static bool check_streams(void)
{
	static const char *const names[3] = { "input", "output", "error" };

	for (int fd = 0; fd <= 2; fd++) {
		if (WALL(STREAMS) && !is_stream(fd)) {
			cmd_error("standard %s is a directory or something "
				  "else that is no file, pipe, terminal or "
				  "socket; no such thing goes into a jail",
				  names[fd]);
			return false;
		}
	}
	return true;
}

static void run_init(struct run *r)
{
	arena_init(&r->arena, ARENA_MAX);
	ipc_msg_init(&r->msg);
	buf_init(&r->out, IPC_BODY_MAX);
	buf_init(&r->words, WORDS_MAX);
	buf_init(&r->output, 64 * 1024);
	r->keeper_fd = r->relay_fd = r->signal_fd = -1;
	r->witness_fd = r->witness_scribe = -1;
	r->hash_fd = r->hash_scribe = -1;
	r->master = -1;
	r->phase = RUN_OPENING;
	r->needs = RUN_NEEDS;
}

/* @last: we are about to end. */
static void run_done(struct run *r, bool last)
{
	/* First what gives the terminal back, then what may take time. */
	pty_free(TAKE(r->pty));
	jail_free(TAKE(r->jail));
	run_witness_done(r);
	/* What else there is the kernel takes back at once, and faster. */
	if (last && !SANITIZED)
		return;
	limits_free(TAKE(r->limits));
	run_hide_done(r);
	run_later_done(r);
	broker_free(TAKE(r->broker));
	loop_free(TAKE(r->loop));
	free(r->notices);
	free(r->hits);
	drop_fd(&r->keeper_fd);
	drop_fd(&r->relay_fd);
	drop_fd(&r->signal_fd);
	drop_fd(&r->witness_fd);
	drop_fd(&r->master);
	ipc_msg_done(&r->msg);
	buf_done(&r->out);
	buf_done(&r->words);
	buf_done(&r->output);
	arena_done(&r->arena);
}

/* One attempt; *ret_question is filled when the user is to be asked first. */
static int run_once(struct run_opts *opts, char *const *argv, int argc,
		    const struct command *c, struct run_question *ret_question)
{
	struct run r = { .opts = *opts, .argv = argv, .argc = argc };
	int code = check_options(&r, c);

	if (code >= 0)
		return code;
	if (!check_streams())
		return BAWN_EXIT_FAILED;
	run_init(&r);
	if (run_start(&r) == 0) {
		int e = loop_run(r.loop);

		if (e < 0)
			run_fail(&r, "internal error: %s", strerror(-e));
	}
	code = run_finish(&r);
	*ret_question = r.question;
	run_done(&r, !ret_question->lines);
	return code;
}

int cmd_run(const struct command *c, int argc, char *const argv[])
{
	struct run_opts opts = { 0 };
	int first = 0;
	int code = cmd_parse(c, argc, argv, &opts, NULL, 0, &first);

	if (code >= 0)
		return code;
	for (;;) {
		struct run_question q = { 0 };
		enum run_answer answer;

		code = run_once(&opts, argv + first, argc - first, c, &q);
		if (!q.lines)
			return code;
		answer = run_question_ask(&q);
		run_question_done(&q);
		if (answer == RUN_ANSWER_NONE)
			return code;
		/* Another text in the meantime is another question. */
		opts.no_ask = answer == RUN_ANSWER_NO;
	}
}
