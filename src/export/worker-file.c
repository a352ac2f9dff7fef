/* SPDX-License-Identifier: Apache-2.0 */
/*
 * To a file: written, synced, then the cursor.  A death in between leaves lines
 * that come twice, or half a line, which gets its line end at the next start.
 * A file that was moved away (rotation) is made anew.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "export/worker.h"

static int end_line(int fd, off_t size)
{
	char last = '\n';

	if (size > 0 && pread(fd, &last, 1, size - 1) == -1)
		return neg_errno();
	return last == '\n' ? 0 : fd_write_full(fd, "\n", 1);
}

static int open_file(const char *path, int *ret)
{
	AUTO(fd)
	int fd = open(path,
		      O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW |
			      O_NONBLOCK,
		      0600);
	struct stat st;
	int r;

	if (fd == -1 || fstat(fd, &st) == -1)
		return neg_errno();
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	r = end_line(fd, st.st_size);
	if (r == 0)
		*ret = TAKE_FD(fd);
	return r;
}

/* The name leads to another file now, or to none. */
static bool has_moved(int fd, const char *path)
{
	struct stat here, there;

	return fstat(fd, &here) == -1 || stat(path, &there) == -1 ||
	       here.st_ino != there.st_ino || here.st_dev != there.st_dev;
}

static int write_out(const char *path, int *fd, struct str body)
{
	int r = 0;

	if (*fd != -1 && has_moved(*fd, path))
		(void)close(TAKE_FD(*fd));
	if (*fd == -1)
		r = open_file(path, fd);
	if (r == 0)
		r = fd_write_full(*fd, body.ptr, body.len);
	if (r == 0 && fdatasync(*fd) == -1)
		r = neg_errno();
	if (r != 0 && *fd != -1)
		(void)close(TAKE_FD(*fd)); /* half a line is ended next time */
	return r;
}

int worker_file(struct worker *w)
{
	AUTO(fd) int fd = -1;
	int r = 0;

	while (r == 0 && !worker_is_late(w)) {
		uint32_t n = frame_count(w->frame);
		struct str body;

		if (n == 0) {
			r = worker_fill(w);
			n = frame_count(w->frame);
		}
		if (r == 0 && n == 0 && worker_idle(w, &r))
			break;
		if (r == 0)
			r = frame_finish(w->frame, &body);
		if (r != 0 || n == 0)
			continue;
		r = write_out(w->sink->path, &fd, body);
		if (r != 0) {
			worker_back_off(w, strerror(-r), 0);
			r = 0;
			continue;
		}
		r = worker_advance(w, feed_seq(w->feed), feed_at(w->feed));
		worker_well(w, n);
		frame_clear(w->frame);
	}
	return r;
}
