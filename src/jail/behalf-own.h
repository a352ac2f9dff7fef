/* SPDX-License-Identifier: Apache-2.0 */
/* behalf-own: what the files of behalf.h share. */
#pragma once

#include <sys/socket.h>

#include "jail/behalf.h"

struct socks;

struct behalf {
	struct behalf_config c;
	struct loop_io io;
	struct socks *socks;
	int listener; /* of the filter; -1: not yet */
	int channel;
	pid_t self;
};

/* One call, while it waits. */
struct call {
	struct behalf *b;
	uint64_t id;
	pid_t tid;
	int nr;
	const uint64_t *args;
};

/* What a call comes to: -errno, 0, or */
enum behalf_end {
	BEHALF_GO_ON = 1, /* the kernel carries it out: no pointer decides */
	BEHALF_ANSWERED,  /* was answered already */
	BEHALF_FORBIDDEN, /* EPERM, and on the record */
};

/* Is the caller still the one that asked?  Ask after looking at it. */
bool call_lives(const struct call *c);
/* @len bytes from the caller's memory: 0 or -EFAULT, -ESRCH. */
must_check int call_read(const struct call *c, uint64_t addr, void *dst,
			 size_t len);
/* The other way; what cannot be written is left. */
void call_write(const struct call *c, uint64_t addr, const void *src,
		size_t len);
/* A terminated path of the caller's: 0, -EFAULT, -ENAMETOOLONG. */
must_check int call_read_path(const struct call *c, uint64_t addr, char *dst,
			      size_t size);
/* The caller's own directory, as dirfd @fd means it: O_PATH, or -errno. */
must_check int call_open_dir(const struct call *c, int fd);
/*
 * What the caller means by @path below @dirfd: O_PATH, or -errno.  Magic links
 * are followed only as a whole path to one of the caller's own descriptors.
 */
must_check int call_open_path(const struct call *c, int dirfd, const char *path,
			      bool follow);
/* What descriptor @fd of the caller is: O_PATH, or -errno. */
must_check int call_open_fd(const struct call *c, int fd);

/* behalf-net.c */
must_check int socks_new(struct socks **ret, struct behalf *b,
			 struct diag *reterr);
void socks_free(struct socks *s);
must_check int socks_socket(struct call *c);
must_check int socks_connect(struct call *c);
must_check int socks_bind(struct call *c);
must_check int socks_listen(struct call *c);

/* The resolver that was asked last by what its program takes for UDP. */
struct asked {
	struct sockaddr_storage addr;
	socklen_t len;      /* 0: none yet */
	sa_family_t family; /* of the socket that it takes it for */
};
/* NULL: @fd of the caller is no such socket.  Until it is forgotten. */
struct asked *socks_asked(const struct call *c, int fd);

/* behalf-ask.c: sendto, recvfrom and recvmsg of such a socket go on after it */
must_check int asks_watch(struct call *c);
/* getsockname, getpeername */
must_check int asks_name(struct call *c);

/* behalf-file.c */
must_check int files_change(struct call *c);
