/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/user-file.h"

#include <fcntl.h>

#include "base/fd.h"
#include "base/path.h"
#include "base/wall.h"
#include "policy/policy.h"

#define PROFILE_MAX 64u

/* Part of a path, so nothing that leads elsewhere. */
static bool is_profile_name(struct str s)
{
	if (s.len == 0 || s.len > PROFILE_MAX || s.ptr[0] == '.')
		return false;
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') &&
		    !(c >= '0' && c <= '9') && c != '-' && c != '_' && c != '.')
			return false;
	}
	return true;
}

static int refuse(struct diag *err, const char *why)
{
	diag_set(err, 0, 0, "%s", why);
	return USER_FILE_E_REFUSED;
}

int user_file_path(struct arena *a, const struct user_file_query *q, char **ret,
		   struct diag *reterr)
{
	struct str base = str_of(q->policy ? q->cwd : q->home);
	const char *below = ".config/bawn/policy.yaml";
	struct str path;

	if (q->policy) {
		below = q->policy;
	} else if (q->profile) {
		if (!is_profile_name(str_of(q->profile)))
			return refuse(reterr, "a profile's name has letters, "
					      "digits, - _ and . only");
		below = arena_printf(a, ".config/bawn/profiles/%s.yaml",
				     q->profile);
	}
	if (a->failed)
		return -ENOMEM;
	path = path_normalise(a, base, str_of(below));
	if (a->failed)
		return -ENOMEM;
	if (!path.ptr)
		return refuse(reterr, "the policy's path cannot be one");
	*ret = arena_cstr(a, path);
	return *ret ? 0 : -ENOMEM;
}

int user_file_load(int fd, bool guarded, struct buf *b, struct stat *ret_stat,
		   struct diag *reterr)
{
	struct stat st;
	int r;

	if (fstat(fd, &st) == -1)
		return neg_errno();
	if (!S_ISREG(st.st_mode))
		return refuse(reterr, "not a regular file");
	if (guarded && (st.st_mode & S_IWOTH) && WALL(POLICY_MODE))
		return refuse(reterr, "anybody may write this file; chmod o-w");
	if (st.st_size > (off_t)POLICY_MAX_BYTES)
		return refuse(reterr, "larger than 256 KiB");

	buf_init(b, POLICY_MAX_BYTES);
	r = fd_read_all(fd, b);
	if (r == -EFBIG)
		return refuse(reterr, "larger than 256 KiB");
	if (r != 0)
		return r;
	if (ret_stat)
		*ret_stat = st;
	return 0;
}

int user_file_read(const char *path, struct buf *b, struct stat *ret_stat,
		   struct diag *reterr)
{
	AUTO(fd) int fd = -1;

	/* Not blocking: a FIFO must not hold us until its other end comes. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd == -1 && (errno == ENOENT || errno == ENOTDIR)) {
		diag_set(reterr, 0, 0, "no such file");
		return USER_FILE_E_NONE;
	}
	if (fd == -1)
		return neg_errno();
	return user_file_load(fd, true, b, ret_stat, reterr);
}
