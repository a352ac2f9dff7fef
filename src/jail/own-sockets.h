/* SPDX-License-Identifier: Apache-2.0 */
/*
 * own-sockets: whose a Unix socket in a tree is that jail and host share.
 *
 * The file does not tell; the network namespace of the socket behind it does,
 * and the kernel lists those by device and inode (sock_diag(7), unix_diag).
 */
#pragma once

#include <sys/stat.h>

#include "base/base.h"

struct own_sockets_ask {
	int socket; /* any of the network namespace */
	int fd;     /* of own_sockets_open() */
};

/*
 * For power_call() with a struct own_sockets_ask: a descriptor in ->fd that lists
 * the sockets of the network namespace of ->socket; the caller's own one when
 * that is -1.  0 or -errno.
 */
int own_sockets_open(void *ask);

struct own_socket {
	uint32_t major, minor, ino; /* as the kernel tells them */
	bool there;
};

/*
 * Somebody answers there, by connecting to him.  A stale socket file is the jail's
 * own business.
 */
bool own_sockets_answer(const char *path);

/* What to look for, from the file @path.  0; 1: it is no socket, or gone; -errno. */
must_check int own_sockets_key(const char *path, struct own_socket *ret);
/* Sets ->there of each of @v that @fd lists.  0 or -errno (-ENOENT: no unix_diag). */
must_check int own_sockets_find(int fd, struct own_socket *v, size_t n);
