/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fixtures: what the host has prepared for the attempts, as `key=value` lines.
 *
 * The parser is pure.  Limits: 64 KiB in all, 4,096 bytes a line, 32 values of a
 * key that may be repeated.
 */
#pragma once

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>

#define FIXTURES_SIZE_MAX 65536u
#define FIXTURE_LINE_MAX  4096u
#define FIXTURE_REPEAT    32u

enum fixture_key {
	FIX_MARKER,
	FIX_PROJECT,
	FIX_HOME,
	FIX_OUTSIDE_DIR,
	FIX_SECRET_FILE,
	FIX_HIDDEN_FILE,
	FIX_PROTECTED_FILE,
	FIX_SECRET_ENV,
	FIX_UNIX_PATH,
	FIX_UNIX_ABSTRACT,
	FIX_UNIX_ALLOWED,
	FIX_TCP4,
	FIX_TCP4_LAN,
	FIX_TCP6,
	FIX_UDP4,
	FIX_UDP6,
	FIX_DNS4,
	FIX_ALLOWED,
	FIX_DENIED_NAME,
	FIX_VSOCK,
	FIX_HOST_PID,
	FIX_LISTEN_PORT,
	FIX_SYSV_SHM,
	FIX_SYSV_SEM,
	FIX_SYSV_MSG,
	FIX_POSIX_SHM,
	FIX_POSIX_MQ,
	FIX_KEY,
	FIX_HOST_TTY,
	FIX_OUTLIVE,
	FIX_MAX_
};

struct fixture {
	const char *text; /* as written, ended by 0 */
	size_t len;
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} addr;          /* of ADDRESS:PORT */
	uint32_t number; /* of NUMBER; the port of NAME:PORT; vsock's cid */
	uint32_t port;   /* vsock's */
};

struct fixtures {
	struct fixture of[FIX_MAX_][FIXTURE_REPEAT];
	size_t n[FIX_MAX_];
};

struct fixture_error {
	unsigned line; /* 0: the whole file */
	char text[160];
};

/*
 * @text: @len bytes, written to (lines are cut there), and @ret points into it.
 * 0, or -1 with @reterr; @ret holds nothing to use then.
 */
int fixtures_parse(char *text, size_t len, struct fixtures *ret,
		   struct fixture_error *reterr);
/* What --help says of them. */
void fixtures_help(FILE *f);

const char *fixture_name(enum fixture_key key);
/* The first value; NULL: none was given. */
const struct fixture *fixture_first(const struct fixtures *f,
				    enum fixture_key key);
const char *fixture_text(const struct fixtures *f, enum fixture_key key);
