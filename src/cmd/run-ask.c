/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/run-ask.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <strings.h>

#include "base/buf.h"
#include "base/fd.h"
#include "cmd/accept.h"
#include "cmd/cmd.h"

#define LINES_MAX  ((size_t)64 * 1024) /* bytes shown */
#define SHOWN_MAX  20u                 /* lines shown */
#define LINE_MAX   1024u
#define ANSWER_MAX 64u
#define TRIES      3

static char *copy(struct str s)
{
	return s.ptr ? strndup(s.ptr, s.len) : NULL;
}

void run_question_done(struct run_question *q)
{
	free(q->project);
	free(q->sha256);
	free(q->file);
	free(q->lines);
	*q = (struct run_question){ 0 };
}

/* The text comes from the repository: nothing of it reaches a terminal raw. */
static char *format_lines(const struct json *asks)
{
	AUTO(buf) struct buf b = BUF_NULL;
	char line[LINE_MAX];
	unsigned n = 0;

	buf_init(&b, LINES_MAX);
	JSON_EACH (it, asks) {
		if (it->type != JSON_STRING)
			continue;
		if (n++ >= SHOWN_MAX)
			continue;
		str_sanitise(it->string, line, sizeof(line));
		(void)buf_printf(&b, "  %s\n", line);
	}
	if (n > SHOWN_MAX)
		(void)buf_printf(&b,
				 "  and %u more: 'bawn policy accept --show'\n",
				 n - SHOWN_MAX);
	return b.failed ? NULL : copy(buf_str(&b));
}

int run_question_read(const struct json *body, struct run_question *ret)
{
	const struct json *asks = json_find(body, "asks");

	if (!json_is(asks, JSON_ARRAY))
		return 1;
	ret->project = copy(json_find_str(body, "project"));
	ret->sha256 = copy(json_find_str(body, "sha256"));
	ret->file = copy(json_find_str(body, "file"));
	ret->lines = format_lines(asks);
	if (ret->project && ret->sha256 && ret->file && ret->lines)
		return 0;
	run_question_done(ret);
	return -ENOMEM;
}

/* A line of the terminal, without its end.  False: there is none. */
static bool read_answer(int tty, char *dst, size_t size)
{
	ssize_t n;

	do {
		n = read(tty, dst, size - 1);
	} while (n == -1 && errno == EINTR);
	if (n <= 0)
		return false;
	dst[n] = '\0';
	dst[strcspn(dst, "\r\n")] = '\0';
	return true;
}

static void say(const char *text)
{
	(void)!write(STDERR_FILENO, text, strlen(text)); /* nowhere to tell */
}

/* The supervisor takes signals by a descriptor; here Ctrl-C has to end us. */
static void let_signals_in(sigset_t *ret_was)
{
	sigset_t none;

	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, ret_was);
}

static enum run_answer ask(const struct run_question *q)
{
	AUTO(fd) int tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	char file[LINE_MAX], text[2 * LINE_MAX], answer[ANSWER_MAX];

	if (tty == -1)
		return RUN_ANSWER_NONE;
	str_sanitise(str_of(q->file), file, sizeof(file));
	(void)snprintf(text, sizeof(text),
		       "bawn: %s asks for what your policy does not give:\n",
		       file);
	say(text);
	say(q->lines);
	for (int i = 0; i < TRIES; i++) {
		say("Accept exactly this text for this project? [y/N] ");
		if (!read_answer(tty, answer, sizeof(answer))) {
			say("\n");
			return RUN_ANSWER_NONE;
		}
		if (answer[0] == '\0' || strcasecmp(answer, "n") == 0 ||
		    strcasecmp(answer, "no") == 0)
			return RUN_ANSWER_NO;
		if (strcasecmp(answer, "y") == 0 ||
		    strcasecmp(answer, "yes") == 0)
			return accept_tell(q->project, q->sha256) ==
					       BAWN_EXIT_OK
				       ? RUN_ANSWER_YES
				       : RUN_ANSWER_NONE;
	}
	return RUN_ANSWER_NO;
}

enum run_answer run_question_ask(const struct run_question *q)
{
	enum run_answer answer;
	sigset_t was;

	let_signals_in(&was);
	answer = ask(q);
	(void)sigprocmask(SIG_SETMASK, &was, NULL);
	return answer;
}
