/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One write(2) a line, so that lines of several processes do not mix.  Foreign
 * bytes are made harmless here, for the whole line, whatever the caller did.
 */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "base/clock.h"

#define LINE_MAX_ 1024u /* bytes of text */

static struct {
	char role[48];
	int fd;
	enum log_level max;
	int starter;
	bool stamped; /* a file: a line says when */
} log_state = { .fd = -1, .starter = -1 };

void log_init(const char *role, int fd, enum log_level max)
{
	struct stat st;

	(void)snprintf(log_state.role, sizeof(log_state.role), "%s", role);
	log_state.fd = fd;
	log_state.max = max;
	log_state.stamped =
		fd != -1 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

void log_starter(int fd)
{
	log_state.starter = fd;
}

/* sendmsg(2) is what a confined process may call. */
static void tell_starter(const char *text)
{
	char line[LINE_MAX_ + 1];
	int n = snprintf(line, sizeof(line), "%s\n", text);
	struct iovec iov = { line, n > 0 ? (size_t)n : 0 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t lossy =
		sendmsg(log_state.starter, &m, MSG_DONTWAIT | MSG_NOSIGNAL);

	(void)lossy;
}

void log_line(enum log_level level, const char *fmt, ...)
{
	static const char *const names[] = {
		[LOG_LEVEL_ERROR] = "error: ",
		[LOG_LEVEL_WARN] = "",
		[LOG_LEVEL_INFO] = "",
		[LOG_LEVEL_DEBUG] = "debug: ",
	};
	char raw[LINE_MAX_], safe[LINE_MAX_], when[40] = "";
	char line[LINE_MAX_ + 128];
	int saved = errno;
	va_list ap;
	int n;

	if (log_state.fd == -1 || level > log_state.max)
		return;

	va_start(ap, fmt);
	n = vsnprintf(raw, sizeof(raw), fmt, ap);
	va_end(ap);
	if (n < 0)
		raw[0] = '\0';
	str_sanitise(str_of(raw), safe, sizeof(safe));
	if (level == LOG_LEVEL_ERROR && log_state.starter != -1)
		tell_starter(safe);
	if (log_state.stamped) {
		clock_format_utc(clock_utc_ns(), when, 32);
		when[strlen(when)] = ' ';
	}

	n = snprintf(line, sizeof(line), "%s%s: %s%s\n", when, log_state.role,
		     names[level], safe);
	if (n > 0 && (size_t)n < sizeof(line)) {
		ssize_t lossy = write(log_state.fd, line, (size_t)n);

		(void)lossy;
	}
	errno = saved;
}
