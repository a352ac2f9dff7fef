/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run-ask: the question at a terminal whether a project's policy counts.
 *
 * The keeper refuses to open a session whose project asks for more than the
 * user's policy gives, when somebody is there to be asked; the answer is told to
 * it, and the session is opened once more.
 */
#pragma once

#include "base/base.h"
#include "base/json.h"

struct run_question {
	char *project, *sha256, *file;
	char *lines; /* what is asked for, a line each; sanitised */
};

/* From the body of MSG_REFUSED.  0, -ENOMEM, 1 = it is no question. */
must_check int run_question_read(const struct json *body,
				 struct run_question *ret);
void run_question_done(struct run_question *q);

enum run_answer {
	RUN_ANSWER_NO = 1, /* go on without */
	RUN_ANSWER_YES,    /* and it was told */
	RUN_ANSWER_NONE,   /* no terminal, or it went: start nothing */
};
/* Asks on standard error, reads from the terminal.  Ctrl-C ends bawn. */
enum run_answer run_question_ask(const struct run_question *q);
