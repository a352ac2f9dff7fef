/* SPDX-License-Identifier: Apache-2.0 */
#include "probe/probe.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

const char *outcome_name(enum outcome o)
{
	static const char *const names[OUTCOME_MAX_] = {
		[OUTCOME_NONE] = "untried",
		[OUTCOME_REACHABLE] = "reachable",
		[OUTCOME_REFUSED] = "refused",
		[OUTCOME_ABSENT] = "absent",
		[OUTCOME_UNTRIED] = "untried",
	};

	return names[o];
}

printf_like(4, 0) static void say(struct result *out, enum outcome o, int error,
				  const char *fmt, va_list ap)
{
	out->error = error;
	(void)vsnprintf(out->detail, sizeof(out->detail), fmt, ap);
	/* Last: a child that is killed before has said nothing. */
	out->outcome = o;
}

/* The list of arguments begins and ends in the function itself. */
#define SAY(o, error)                            \
	do {                                     \
		va_list ap;                      \
		va_start(ap, fmt);               \
		say(out, (o), (error), fmt, ap); \
		va_end(ap);                      \
	} while (0)

void say_reachable(struct result *out, const char *fmt, ...)
{
	SAY(OUTCOME_REACHABLE, 0);
}

void say_refused(struct result *out, int error, const char *fmt, ...)
{
	SAY(OUTCOME_REFUSED, error);
}

void say_absent(struct result *out, int error, const char *fmt, ...)
{
	SAY(OUTCOME_ABSENT, error);
}

void say_untried(struct result *out, const char *fmt, ...)
{
	SAY(OUTCOME_UNTRIED, 0);
}

void say_call(struct result *out, long got)
{
	if (got == -1)
		say_refused(out, errno, "%s", "");
	else
		say_reachable(out, "%s", "");
}

void say_ended(struct result *out, int status)
{
	if (WIFSIGNALED(status)) {
		out->signal = WTERMSIG(status);
		/* The filter's word is final, whatever was assumed before. */
		if (out->signal == SIGSYS && out->outcome != OUTCOME_REACHABLE)
			say_refused(out, 0, "killed by the filter");
		else if (out->outcome != OUTCOME_NONE)
			out->signal = 0; /* it had said its word */
		else if (out->signal == SIGKILL)
			say_refused(out, 0, "killed");
		else
			say_refused(out, 0, "the attempt crashed");
		return;
	}
	if (out->outcome == OUTCOME_NONE)
		say_refused(out, 0, "the attempt ended without a word");
}
