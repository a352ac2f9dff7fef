/* SPDX-License-Identifier: Apache-2.0 */
#include "jail/dents.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

struct linux_dirent64 {
	uint64_t d_ino;
	int64_t d_off;
	unsigned short d_reclen;
	unsigned char d_type;
	char d_name[];
};

/* Of a file system that does not say. */
static unsigned char type_at(int dirfd, const char *name)
{
	struct stat st;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return DT_UNKNOWN;
	return IFTODT(st.st_mode);
}

int dents_next(struct dents *d, struct dent *ret)
{
	for (;;) {
		const struct linux_dirent64 *e;
		const char *s;

		if (d->at >= d->n) {
			d->n = syscall(SYS_getdents64, d->fd, d->room,
				       DENTS_SIZE);
			d->at = 0;
			if (d->n <= 0)
				return d->n == 0 ? 1 : neg_errno();
		}
		e = (const void *)(d->room + d->at);
		d->at += e->d_reclen;
		s = e->d_name;
		if (s[0] == '.' && (!s[1] || (s[1] == '.' && !s[2])))
			continue;
		*ret = (struct dent){ s, e->d_ino, e->d_type };
		if (ret->type == DT_UNKNOWN)
			ret->type = type_at(d->fd, s);
		return 0;
	}
}
