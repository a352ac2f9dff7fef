/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The terminal: typing into it for whoever reads it next.  Nothing is typed:
 * the byte is at an address that nobody has, and EFAULT says that the kernel
 * went to fetch it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

#include "probe/fixtures.h"
#include "probe/rows.h"

#define NOWHERE 1L
#define A_BLANK 2L /* a character to be typed */
#define TTY_ROW(id, what, ref, fn, arg)                       \
	{                                                     \
		(id), (what), (ref), (fn), (arg), ATTEMPT_TTY \
	}

struct command {
	unsigned long request;
	long arg;
};

static int own_terminal(void)
{
	int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);

	for (int i = 0; i < 3 && fd == -1; i++) {
		if (isatty(i))
			fd = i;
	}
	return fd;
}

static void try_ioctl(const struct attempt *a, const struct run *r,
		      struct result *out)
{
	static const char blank = ' ';
	const struct command *c = a->arg;
	int fd = own_terminal();
	long arg = c->arg;

	/* Where there are fixtures the terminal is one of them. */
	if (arg == A_BLANK)
		arg = fixture_text(r->fixtures, FIX_MARKER) ? (long)&blank
							    : NOWHERE;
	if (fd == -1) {
		/* The filter answers for any descriptor; a pipe will do. */
		int pipes[2];

		if (pipe(pipes) == 0 &&
		    syscall(SYS_ioctl, pipes[0], c->request, arg) == -1 &&
		    (errno == EPERM || errno == EACCES)) {
			say_refused(out, errno, "without a terminal");
			return;
		}
		say_untried(out, "no terminal here");
		return;
	}
	if (syscall(SYS_ioctl, fd, c->request, arg) == -1 &&
	    (errno == EPERM || errno == EACCES || errno == EIO ||
	     errno == ENOTTY || errno == ENOSYS))
		say_refused(out, errno, "%s", "");
	else
		say_reachable(out, "%s", "");
}

/* A terminal of the host, of whatever name. */
static void try_host_tty(const struct attempt *a, const struct run *r,
			 struct result *out)
{
	const char *path = fixture_text(r->fixtures, FIX_HOST_TTY);
	char line[160];
	size_t len = marker_line(r, a, line, sizeof(line));
	int fd;

	if (!path) {
		say_untried(out, "no fixture: host_tty");
		return;
	}
	fd = open(path, O_RDWR | O_CLOEXEC | O_NOCTTY);
	say_call(out, fd == -1 ? -1 : write_all(fd, line, len));
}

/* Other terminals in /dev/pts: an instance of one's own has none. */
static void try_other_pts(const struct attempt *a, const struct run *r,
			  struct result *out)
{
	char path[32];
	const char *own = ttyname(0);

	(void)a;
	(void)r;
	for (int i = 0; i < 64; i++) {
		(void)snprintf(path, sizeof(path), "/dev/pts/%d", i);
		if (access(path, F_OK) == 0 &&
		    (!own || strcmp(own, path) != 0)) {
			say_reachable(out, "%s", path);
			return;
		}
	}
	say_refused(out, ENOENT, "%s", "");
}

#define IOCTL(id, what, ref, request, arg)       \
	TTY_ROW("ipc." id, what, ref, try_ioctl, \
		(&(const struct command){ (request), (arg) }))

const struct attempt terminal_rows[] = {
	IOCTL("tiocsti", "type into the terminal", "CVE-2017-5226", TIOCSTI,
	      A_BLANK),
	IOCTL("tiocsti-high-bits", "the same, with high bits set",
	      "CVE-2019-10063", TIOCSTI | (1UL << 32), A_BLANK),
	IOCTL("tioclinux", "select and paste on a console", "CVE-2023-28100",
	      TIOCLINUX, NOWHERE),
	IOCTL("tioclinux-high-bits", "the same, with high bits set",
	      "CVE-2023-28100", TIOCLINUX | (1UL << 32), NOWHERE),
	IOCTL("tiocsetd", "load a line discipline", "CVE-2023-31082", TIOCSETD,
	      NOWHERE),
	IOCTL("tioccons", "take the console's output", "ioctl_console(2)",
	      TIOCCONS, 0),
	TTY_ROW("ipc.host-terminal", "a terminal of the host", "pts(4)",
		try_host_tty, NULL),
	TTY_ROW("ipc.other-terminals", "terminals of others", "pts(4)",
		try_other_pts, NULL),
};
END_ROWS(terminal);
