/* SPDX-License-Identifier: Apache-2.0 */
#include "probe/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "probe/fixtures.h"

#define MARKED_SIZE 65536u /* where in a file the marker is looked for */

ssize_t read_file(const char *path, char *buf, size_t size)
{
	/* A FIFO must not hold the attempt up. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	size_t len = 0;
	ssize_t n = 0;
	int e;

	if (fd == -1)
		return -1;
	while (len < size - 1) {
		n = read(fd, buf + len, size - 1 - len);
		if (n <= 0)
			break;
		len += (size_t)n;
	}
	e = errno;
	(void)close(fd);
	errno = e;
	buf[len] = '\0';
	return n == -1 ? -1 : (ssize_t)len;
}

bool holds(const char *buf, size_t len, const char *word)
{
	return memmem(buf, len, word, strlen(word)) != NULL;
}

void try_read_marked(const struct run *r, const char *path, struct result *out)
{
	static char buf[MARKED_SIZE];
	const char *marker = fixture_text(r->fixtures, FIX_MARKER);
	ssize_t n = read_file(path, buf, sizeof(buf));

	if (n == -1)
		say_refused(out, errno, "%s", path);
	else if (!marker || holds(buf, (size_t)n, marker))
		say_reachable(out, "%s", path);
	else
		say_refused(out, 0, "%s is not the fixture's", path);
}

size_t marker_line(const struct run *r, const struct attempt *a, char *buf,
		   size_t size)
{
	const char *marker = fixture_text(r->fixtures, FIX_MARKER);
	int n = snprintf(buf, size, "# %s %s\n", marker ? marker : "bawn-probe",
			 a->id);

	return n < 0 ? 0 : (size_t)n < size ? (size_t)n : size - 1;
}

void ignore_signal(int sig)
{
	const struct sigaction sa = { .sa_handler = SIG_IGN };

	(void)sigaction(sig, &sa, NULL);
}

int write_all(int fd, const char *text, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, text, len);

		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		text += n;
		len -= (size_t)n;
	}
	return 0;
}
