/* SPDX-License-Identifier: Apache-2.0 */
#include "jail/limits-disk.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

struct disk_scan {
	char *const *dirs;
	size_t n_dirs, next_dir;
	/* Open directories from a root down to where we are. */
	DIR *stack[DISK_MAX_DEPTH];
	size_t depth;
	uint64_t bytes;
};

int disk_scan_new(struct disk_scan **ret, char *const *dirs, size_t n)
{
	struct disk_scan *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->dirs = dirs;
	s->n_dirs = n;
	*ret = s;
	return 0;
}

void disk_scan_free(struct disk_scan *s)
{
	if (!s)
		return;
	while (s->depth > 0)
		(void)closedir(s->stack[--s->depth]);
	free(s);
}

/* Takes @fd. */
static void enter(struct disk_scan *s, int fd)
{
	DIR *d = NULL;

	if (fd == -1)
		return; /* gone, or not ours to read */
	if (s->depth < DISK_MAX_DEPTH)
		d = fdopendir(fd);
	if (!d) {
		(void)close(fd);
		return;
	}
	s->stack[s->depth++] = d;
}

static void look_at(struct disk_scan *s, const struct dirent *e)
{
	int at = dirfd(s->stack[s->depth - 1]);
	struct stat st;

	if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
		return;
	if (fstatat(at, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return;
	s->bytes += (uint64_t)st.st_blocks * 512;
	if (S_ISDIR(st.st_mode))
		enter(s, openat(at, e->d_name,
				O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
					O_CLOEXEC | O_NONBLOCK));
}

int disk_scan_step(struct disk_scan *s, uint32_t n_entries, uint64_t *ret_bytes)
{
	for (uint32_t i = 0; i < n_entries; i++) {
		const struct dirent *e;

		if (s->depth == 0) {
			if (s->next_dir == s->n_dirs) {
				*ret_bytes = s->bytes;
				s->bytes = 0;
				s->next_dir = 0;
				return 1;
			}
			enter(s, open(s->dirs[s->next_dir++],
				      O_RDONLY | O_DIRECTORY | O_CLOEXEC));
			continue;
		}
		e = readdir(s->stack[s->depth - 1]);
		if (e)
			look_at(s, e);
		else
			(void)closedir(s->stack[--s->depth]);
	}
	return 0;
}
