/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/accept.h"

#include <fcntl.h>
#include <limits.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/fd.h"

static int hex_of(EVP_MD_CTX *ctx, char ret[ACCEPT_KEY_TEXT])
{
	static const char hex[] = "0123456789abcdef";
	unsigned char md[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	if (EVP_DigestFinal_ex(ctx, md, &n) != 1)
		return -EIO;
	ASSERT(2 * n + 1 == ACCEPT_KEY_TEXT);
	for (size_t i = 0; i < n; i++) {
		ret[2 * i] = hex[md[i] >> 4];
		ret[2 * i + 1] = hex[md[i] & 15];
	}
	ret[ACCEPT_KEY_TEXT - 1] = '\0';
	return 0;
}

static int digest(struct str a, struct str b, char ret[ACCEPT_KEY_TEXT])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	int r = -EIO;

	if (ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1 &&
	    EVP_DigestUpdate(ctx, a.ptr ? a.ptr : "", a.len) == 1 &&
	    EVP_DigestUpdate(ctx, b.ptr ? b.ptr : "", b.len) == 1)
		r = hex_of(ctx, ret);
	EVP_MD_CTX_free(ctx);
	return r;
}

int accept_hash(struct str text, char ret[ACCEPT_KEY_TEXT])
{
	return digest(text, (struct str){ 0 }, ret);
}

/* The hash has one length, so no two pairs have the same bytes. */
static int path_of(const char *state_dir, struct str project, const char *hash,
		   char ret[PATH_MAX])
{
	char key[ACCEPT_KEY_TEXT];
	int r = digest(str_of(hash), project, key);
	int n;

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
