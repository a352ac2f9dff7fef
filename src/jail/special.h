/* SPDX-License-Identifier: Apache-2.0 */
/* special: the file systems that a jail gets of its own: tmpfs, proc, devpts. */
#pragma once

#include "base/base.h"

struct special_option {
	const char *key, *value;
};

/* A new file system, mounted nowhere yet; a descriptor or -errno. */
must_check int special_new(const char *type, const struct special_option *o,
			   size_t n, unsigned attr);
/* tmpfs; @size in bytes, 0 = the kernel's default. */
must_check int special_tmpfs(uint64_t size, unsigned mode, unsigned attr);

/*
 * The contents of /proc and /dev, @dir_fd being the mount point.  @blank_fd:
 * a directory of ours with "file" and "dir", to mount over what must not be
 * seen.  0, -errno with @reterr.
 */
must_check int special_proc(int dir_fd, int blank_fd, struct diag *reterr);
/*
 * Let namespaces be made below the jail's, a bounded number of them.
 * @blank_fd as above.  Again 0 or -errno with @reterr.
 */
must_check int special_nested(int blank_fd, struct diag *reterr);
/* @shm_size in bytes, 0 = the kernel's default. */
must_check int special_dev(int dir_fd, uint64_t shm_size, struct diag *reterr);
