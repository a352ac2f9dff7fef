/* SPDX-License-Identifier: Apache-2.0 */
/* Where the programs are that are not meant to be called by hand. */
#include "cmd/cmd.h"

static bool in_dir(struct str dir, const char *name, char *dst, size_t size)
{
	int n = snprintf(dst, size, "%.*s/%s", STR_ARG(dir), name);

	return n > 0 && (size_t)n < size && access(dst, X_OK) == 0;
}

bool cmd_libexec(const char *name, char *dst, size_t size)
{
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self));

	while (n > 0 && self[n - 1] != '/')
		n--;
	if (n > 1 &&
	    in_dir((struct str){ self, (size_t)n - 1 }, name, dst, size))
		return true;
	/* As installed, wherever the whole of it was moved to. */
	if (n > 1) {
		int len = snprintf(self + n, sizeof(self) - (size_t)n, "%s",
				   BAWN_LIBEXEC_NEAR);

		if ((size_t)len < sizeof(self) - (size_t)n &&
		    in_dir(str_of(self), name, dst, size))
			return true;
	}
	return in_dir(STR(BAWN_LIBEXECDIR), name, dst, size);
}
