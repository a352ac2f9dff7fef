/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/accept.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/fd.h"
#include "ledger/hash.h"

int accept_hash(struct str text, char ret[ACCEPT_KEY_TEXT])
{
	AUTO(hash) struct hash *h = NULL;
	int r = hash_new(&h);

	/* Of an empty file no byte is read, but an address has to be there. */
	return r != 0 ? r : hash_hex(h, text.ptr ? text : STR(""), ret);
}
_Static_assert(ACCEPT_KEY_TEXT == LEDGER_HASH_LEN + 1, "one kind of hash");

/* The hash has one length, so no two pairs have the same bytes. */
static int path_of(const char *state_dir, struct str project, const char *hash,
		   char ret[PATH_MAX])
{
	AUTO(buf) struct buf both = BUF_NULL;
	char key[ACCEPT_KEY_TEXT];
	int n, r;

	buf_init(&both, ACCEPT_KEY_TEXT + PATH_MAX);
	(void)buf_printf(&both, "%s%.*s", hash, STR_ARG(project));
	if (both.failed)
		return -ENAMETOOLONG;
	r = accept_hash(buf_str(&both), key);
	if (r != 0)
		return r;
	n = snprintf(ret, PATH_MAX, "%s/accepted/%s", state_dir, key);
	return n > 0 && n < PATH_MAX ? 0 : -ENAMETOOLONG;
}

bool accept_has(const char *state_dir, struct str project,
		const char hash[ACCEPT_KEY_TEXT])
{
	char path[PATH_MAX];

	return path_of(state_dir, project, hash, path) == 0 &&
	       access(path, F_OK) == 0;
}

static int sync_dir(const char *path)
{
	AUTO(fd) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd == -1 || fsync(fd) == -1 ? neg_errno() : 0;
}

int accept_add(const char *state_dir, struct str project,
	       const char hash[ACCEPT_KEY_TEXT])
{
	char path[PATH_MAX], dir[PATH_MAX];
	AUTO(fd) int fd = -1;
	int r = path_of(state_dir, project, hash, path);

	if (r != 0)
		return r;
	(void)snprintf(dir, sizeof(dir), "%s/accepted", state_dir);
	if (mkdir(dir, 0700) == -1 && errno != EEXIST)
		return neg_errno();
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd == -1)
		return neg_errno();
	/* For a reader of the directory; the name is what counts. */
	r = fd_write_full(fd, project.ptr, project.len);
	if (r == 0)
		r = fd_write_full(fd, "\n", 1);
	if (r == 0 && fsync(fd) == -1)
		r = neg_errno();
	if (r == 0)
		r = sync_dir(dir);
	if (r != 0)
		(void)unlink(path);
	return r;
}
